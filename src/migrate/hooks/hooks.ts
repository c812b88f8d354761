/**
 * Hooks of a migration: commands that a person has set to stop and start services, to move an address, to look whether all is well. They run on the
 * source's host, here, or on the target's, there over the remote shell with the same limits: a time-out ends them with all of their process group on
 * either side. No shell is involved unless the command names one.
 */
import { runProgram, type ProgramResult } from '../../fs/index.js';
import { openAtHost, readLines, type CommandSpec } from '../../transport/index.js';
import { isCount, isText, TwintreeError } from '../../tree/index.js';
import type { HookPart, MigrationFact, Side } from '../journal/events.js';

/** One command. */
export interface MigrationHook {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly side: Side;
  /** Milliseconds until it is ended. */
  readonly timeoutMs: number;
}

/** How hooks are run. Plain data but for the signal: a guard in another process gets it as JSON. */
export interface HookWays {
  /** How the target's host is reached; undefined: it is this one. */
  readonly targetHost: CommandSpec | undefined;
  /** What hooks find in their environment besides what they inherit (on the source's side: of this process). */
  readonly env: Readonly<Record<string, string>>;
}

export type HookFact = Extract<MigrationFact, { event: 'hook' }>;

const GRACE_MS = 5000;
const KEEP_BYTES = 4096;
const CONNECT_MS = 30_000;
const LONGEST_COMMAND = 1000;

/**
 * Runs them in their order and tells each as it ends. `all`: also those after one that failed, for what undoes something must be done as far as it can be.
 * Resolves with the first that failed; never rejects.
 */
export async function runMigrationHooks(
  hooks: readonly MigrationHook[], part: HookPart, ways: HookWays, told: (fact: HookFact) => void, { all = false, rehearsal = false, signal }: { all?: boolean; rehearsal?: boolean; signal?: AbortSignal } = {},
): Promise<HookFact | undefined> {
  let failed: HookFact | undefined;
  for (const hook of hooks) {
    const fact = await runMigrationHook(hook, part, ways, { rehearsal, ...(signal === undefined ? {} : { signal }) });
    told(fact);
    if (fact.ok) continue;
    failed ??= fact;
    if (!all) return failed;
  }
  return failed;
}

/** Runs one. Never rejects. */
export async function runMigrationHook(hook: MigrationHook, part: HookPart, ways: HookWays, { rehearsal = false, signal }: { rehearsal?: boolean; signal?: AbortSignal } = {}): Promise<HookFact> {
  const begun = performance.now();
  const env = { ...ways.env, TWINTREE_PHASE: part, ...(rehearsal ? { TWINTREE_REHEARSAL: '1' } : {}) };
  const result = hook.side === 'target' && ways.targetHost !== undefined ? await runThere(ways.targetHost, hook, env, signal) : await runHere(hook, env, signal);
  const trouble = typeof result === 'string' ? result : troubleOf(result, hook.timeoutMs);
  return {
    event: 'hook', part, command: hook.command.join(' ').slice(0, LONGEST_COMMAND), side: hook.side, ms: Math.round(performance.now() - begun), ok: trouble === null, trouble,
    output: typeof result === 'string' ? '' : result.output, rehearsal,
  };
}

async function runHere({ command, timeoutMs }: MigrationHook, env: Record<string, string>, signal: AbortSignal | undefined): Promise<ProgramResult> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  return runProgram({ argv: command, env: { ...inherited, ...env }, input: '', timeoutMs, graceMs: GRACE_MS, keep: KEEP_BYTES, ...(signal === undefined ? {} : { signal }) });
}

/** The result, or why there is none. */
async function runThere(host: CommandSpec, { command, timeoutMs }: MigrationHook, env: Record<string, string>, signal: AbortSignal | undefined): Promise<ProgramResult | string> {
  const words: string[] = [];
  let aborted = false;
  try {
    const connection = await openAtHost(host, { do: 'run', argv: command, env, timeoutMs, graceMs: GRACE_MS, keep: KEEP_BYTES, input: '' }, { connectTimeoutMs: Math.max(CONNECT_MS, timeoutMs), stderr: (text) => { words.push(text); } });
    const abort = (): void => {
      aborted = true;
      connection.close();
    };
    const timer = setTimeout(abort, timeoutMs + GRACE_MS + CONNECT_MS); // the other host is silent
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) abort();
    try {
      for await (const line of readLines(connection.stream)) {
        const result = readResult(line);
        if (result !== undefined) return result;
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      connection.stream.end();
      void connection.ended.finally(() => { connection.close(); });
    }
    return aborted ? 'it was ended with the migration' : `the connection to the target's host broke${words.length === 0 ? '' : `: ${words.join(' ').trim()}`}`;
  } catch (error) {
    if (aborted) return 'it was ended with the migration';
    return error instanceof Error ? error.message : String(error);
  }
}

function readResult(line: Record<string, unknown>): ProgramResult | undefined {
  if (line['type'] !== 'result') return undefined;
  const { exitCode, signal, startError, timedOut, aborted, output, outputBytes, durationMs } = line;
  if ((exitCode !== null && typeof exitCode !== 'number') || !isTextOrNull(signal) || !isTextOrNull(startError) || typeof timedOut !== 'boolean' || typeof aborted !== 'boolean' || typeof output !== 'string' || output.length > KEEP_BYTES || !isCount(outputBytes) || !isCount(durationMs)) {
    throw new TwintreeError('WIRE', 'the answer about a command at the target\'s host cannot be read');
  }
  return { exitCode, signal: signal as NodeJS.Signals | null, startError, timedOut, aborted, output, outputBytes, durationMs };
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || isText(value, 64 << 10);
}

function troubleOf({ startError, timedOut, aborted, exitCode, signal }: ProgramResult, timeoutMs: number): string | null {
  if (startError !== null) return `it cannot be started: ${startError}`;
  if (timedOut) return `it took longer than ${timeoutMs / 1000} s and was ended`;
  if (aborted) return 'it was ended with the migration';
  if (signal !== null) return `it was ended by ${signal}`;
  return exitCode === 0 ? null : `it ended with exit code ${exitCode}`;
}
