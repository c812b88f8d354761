/**
 * There: the target's host as a place where programs are run. One connection carries one program after the other, so that what it costs to reach the host is
 * paid before a source is frozen and not while it is. A connection that breaks takes its program along; the next one makes a new one.
 */
import type { ProgramResult } from '../../fs/index.js';
import { openAtHost, readLines, writeLine, type CommandSpec, type Connection } from '../../transport/index.js';
import { isCount, isText, TwintreeError } from '../../tree/index.js';

/** Bytes of a program's output that are kept: the last ones. */
export const KEEP_BYTES = 4096;
/** From SIGTERM to SIGKILL, ms. */
export const GRACE_MS = 5000;
/** To reach the host, ms. */
const CONNECT_MS = 30_000;

/** What is to be run. */
export interface RunThere {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

interface Open { readonly connection: Connection; readonly lines: AsyncGenerator<Record<string, unknown>>; readonly words: string[] }

export class There {
  private open: Promise<Open> | undefined;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly host: CommandSpec) {}

  /** Reaches the host, where it is not reached yet. @throws TwintreeError as `openAtHost`. */
  async warm(): Promise<void> {
    await this.opened();
  }

  /** Runs one program, behind those that were asked for before. The result, or why there is none; never rejects. */
  async run(request: RunThere, signal?: AbortSignal): Promise<ProgramResult | string> {
    const mine = this.turn.then(() => this.once(request, signal));
    this.turn = mine;
    return mine;
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    const open = await this.open?.catch(() => undefined); // it never came to stand
    this.open = undefined;
    open?.connection.close();
  }

  private opened(): Promise<Open> {
    this.open ??= this.reach().catch((error: unknown) => {
      this.open = undefined;
      throw error;
    });
    return this.open;
  }

  private async reach(): Promise<Open> {
    const words: string[] = [];
    const connection = await openAtHost(this.host, { do: 'run' }, { connectTimeoutMs: CONNECT_MS, stderr: (text) => { if (words.push(text) > 5) words.shift(); } });
    void connection.ended.finally(() => { this.open = undefined; });
    return { connection, lines: readLines(connection.stream), words };
  }

  private async once(request: RunThere, signal: AbortSignal | undefined): Promise<ProgramResult | string> {
    const ENDED = 'it was ended with the migration';
    if (ended(signal)) return ENDED;
    try {
      const { connection, lines, words } = await this.opened();
      const abort = (): void => { connection.close(); };
      const timer = setTimeout(abort, request.timeoutMs + GRACE_MS + CONNECT_MS); // the other host is silent
      signal?.addEventListener('abort', abort);
      try {
        await writeLine(connection.stream, { ...request, graceMs: GRACE_MS, keep: KEEP_BYTES });
        const { value, done } = await lines.next();
        if (done !== true) return readResult(value);
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      }
      this.open = undefined;
      return ended(signal) ? ENDED : `the connection to the target's host broke${words.length === 0 ? '' : `: ${words.join(' ').trim()}`}`;
    } catch (error) {
      this.open = undefined;
      return ended(signal) ? ENDED : error instanceof Error ? error.message : String(error);
    }
  }
}

function ended(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function readResult(line: Record<string, unknown>): ProgramResult {
  const { exitCode, signal, startError, timedOut, aborted, output, outputBytes, durationMs } = line;
  if ((exitCode !== null && typeof exitCode !== 'number') || !isTextOrNull(signal) || !isTextOrNull(startError) || typeof timedOut !== 'boolean' || typeof aborted !== 'boolean' || !isText(output, KEEP_BYTES) || !isCount(outputBytes) || !isCount(durationMs)) {
    throw new TwintreeError('WIRE', 'the answer about a command at the target\'s host cannot be read');
  }
  return { exitCode, signal: signal as NodeJS.Signals | null, startError, timedOut, aborted, output, outputBytes, durationMs };
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || isText(value, 64 << 10);
}
