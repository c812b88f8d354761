/**
 * The way back from a new side on another host: the mirror there is started over the remote shell, and its session reaches the old tree over the same
 * connection: this side joins it with a process that serves the old tree alone, bound to it as any serving side is. When either ends, both are
 * started again, and compare everything.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { FollowStatus, Following, MigrationFact } from '../../migrate/index.js';
import { connect, join, linger, openAtHost, ownCommand, type CommandSpec, type Connection } from '../../transport/index.js';
import { toText, TwintreeError, type ByteString } from '../../tree/index.js';
import { BACK_MARK, readFollowStatus } from './follow.js';

/** Milliseconds before it is tried again, doubled up to the longest while it fails at once. */
const AGAIN_MS = 500;
const LONGEST_AGAIN_MS = 30_000;
/** What ran so long counts as sound. */
const SOUND_MS = 10_000;

export interface WayBackRequest {
  /** Starts a command at the new side's host. */
  readonly atTarget: CommandSpec;
  /** Words of the mirror there: its target is `back:/`. */
  readonly words: readonly ByteString[];
  /** The old tree, here. */
  readonly old: ByteString;
  readonly connectTimeoutMs: number;
}

export class WayBack implements Following {
  readonly over: Promise<void>;
  private readonly controller = new AbortController();
  private last: FollowStatus | undefined;
  private trouble: string | null = 'it is started';
  private current: Connection[] = [];

  constructor(private readonly request: WayBackRequest, private readonly told: (fact: MigrationFact) => void) {
    this.over = this.run();
  }

  status(): FollowStatus | undefined {
    const { last, trouble } = this;
    if (last === undefined) return trouble === null ? undefined : { phase: 'waiting', lagMs: 0, backlogFiles: 0, backlogBytes: 0, complete: false, sessions: 0, files: 0, bytes: 0, trouble, failing: [] };
    return trouble === null ? last : { ...last, phase: 'waiting', trouble };
  }

  /** A whole pass ends it: nobody has to do with when it carries. */
  rest(): Promise<void> {
    return Promise.resolve();
  }
  rouse(): void { /* it does not rest */ }
  hurry(): void { /* nobody waits for it */ }

  /** It is told of by the other host, a little later. */
  heard(): Promise<void> {
    return Promise.resolve();
  }

  /** A way back is ended by a whole pass, so nobody waits for it. */
  caughtUp(): Promise<void> {
    return Promise.reject(new TwintreeError('UNSUPPORTED', 'the way back is not asked whether it has caught up'));
  }

  events(): number | undefined {
    return undefined;
  }

  async stop(): Promise<void> {
    this.controller.abort();
    for (const connection of this.current) connection.close();
    await this.over;
  }

  private async run(): Promise<void> {
    const { signal } = this.controller;
    let wait = AGAIN_MS;
    let before = '';
    while (!signal.aborted) {
      const begun = performance.now();
      const why = await this.once();
      if (signal.aborted) return;
      this.trouble = why;
      if (why !== before) this.told({ event: 'problem', code: 'WAY_BACK', message: `the old side follows again as soon as it can: ${why}`, path: null });
      before = why;
      wait = performance.now() - begun > SOUND_MS ? AGAIN_MS : Math.min(LONGEST_AGAIN_MS, wait * 2);
      await pause(wait, undefined, { signal }).catch(() => undefined); // the loop looks at the signal
    }
  }

  /** Until it breaks. Why it did. */
  private async once(): Promise<string> {
    const { atTarget, words, old, connectTimeoutMs } = this.request;
    const said: string[] = [];
    try {
      const there = await openAtHost(atTarget, { do: 'mirror-back', words }, { connectTimeoutMs, stderr: (text) => { this.hear(text, said); } });
      this.current = [there];
      if (this.controller.signal.aborted) there.close();
      const here = await connect({ kind: 'command', argv: [...ownCommand(), 'serve', '--stdio', `--root=${toText(old)}`, '--read-write'] }, { connectTimeoutMs: 0, stderr: (text) => { said.push(text); } });
      this.current = [there, here];
      if (this.controller.signal.aborted) here.close();
      join(there.stream, here.stream);
      const [first, second] = [there, here];
      void first.ended.finally(() => { linger(second); });
      void second.ended.finally(() => { linger(first); });
      const end = await first.ended;
      await second.ended;
      return said.at(-1)?.trim() ?? end.lastWords ?? 'the connection ended';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      for (const connection of this.current) connection.close();
      this.current = [];
    }
  }

  private hear(text: string, said: string[]): void {
    for (const line of text.split('\n')) {
      const status = line.startsWith(BACK_MARK) ? readFollowStatus(line.slice(BACK_MARK.length)) : undefined;
      if (status !== undefined) {
        this.last = status;
        this.trouble = null;
      } else if (line.trim() !== '' && said.push(line) > 20) said.shift();
    }
  }
}
