/**
 * The source of a mirror: captured once, whoever follows it. It tells whether the folder that was there at the start still is, and hands each
 * hint to all followers: a hint counts as seen when every one of them has kept it durably. Capture that ends by itself is started again, a few times.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { loadPosix, type Posix } from '../../fs/index.js';
import { EMPTY, TwintreeError, type ByteString } from '../../tree/index.js';
import { Capture, type CaptureOptions, type CaptureStatus, type Condition } from '../capture/index.js';
import type { Hint } from '../hint.js';
import { Backoff } from './backoff.js';
import { steadyNow } from './clock.js';
import type { MirrorListener } from './request.js';
import { folderAt } from './roots.js';
import { ofTheTree, widened } from './scope.js';

/** What the source tells those that follow it. */
export interface SourceFollower {
  /** Resolves when they are kept durably. */
  heard(hints: readonly Hint[]): Promise<void>;
  /** It went away, or is back: then everything is in doubt. */
  sourceLost(): void;
  sourceBack(): void;
  /** What happened since then (ms, `steadyNow`) may not have been told: everything is in doubt. */
  sourceDoubtful(since: number): void;
  /** All that had happened until `moment` (the system's clock, ms since 1970) was heard by `heard` (`steadyNow`). */
  sourceSeen(moment: number, heard: number): void;
}

/** What a follower may ask of the source. */
export interface SourceView {
  readonly root: ByteString;
  /** It is not there: nothing is to be done. */
  readonly lost: boolean;
  /** Nothing is seen: capture has ended and is started again. */
  readonly blind: boolean;
  /** Whether the folder that is followed stands there now. */
  stands(): boolean;
  /** A person says that what stands at the root's path now is the source. False: the source is not lost, or nothing stands there. */
  adopt(): boolean;
  /** Resolves when all that happened before the call was heard by all followers. */
  flush(): Promise<void>;
  /** Capture sees every change. */
  readonly exact: boolean;
  /** It is being asked just now whether all was heard (`sourceSeen` follows). */
  readonly probing: boolean;
  /** Undefined: not all watches are set yet. */
  status(): CaptureStatus | undefined;
}

/** What the source is given. */
export interface SourcePorts extends Pick<MirrorListener, 'condition' | 'watching'> {
  /** Names of files whose change makes their folder dirty. */
  readonly ruleFiles: ReadonlySet<ByteString>;
  readonly followers: readonly SourceFollower[];
  /** Capture has ended for good. */
  failed(error: Error): void;
  /** Starts capture (`Capture.start`). */
  capture?: typeof Capture.start;
  /** Waits; rejects when the signal comes. */
  wait?(ms: number, signal: AbortSignal): Promise<void>;
}

/** Capture that ends is started again so often; what ran so long (ms) before it ended counts as sound. */
const MOST_STARTS = 5;
const SOUND_AFTER = 600_000;
/** Milliseconds between two probes while nothing happens. */
const PROBE_EVERY = 9500;
/** Milliseconds that a probe may take before others tell without it. */
const PROBE_PATIENCE = 2000;

export class MirrorSource implements SourceView {
  lost = false;
  private readonly posix: Posix = loadPosix();
  /** Resolves with the capture that is at work; while one is started again it waits for that. Rejects where there is none any more. */
  private capture: Promise<Capture> | undefined;
  private current: Capture | undefined;
  private identity: string | undefined;
  private adopting = false;
  private starts = 0;
  private startedAt = 0;
  private asks = false;
  private probedAt = -Infinity;
  private probedEvents = -1;
  private readonly stopping = new AbortController();

  constructor(private readonly options: CaptureOptions, private readonly ports: SourcePorts) {}

  get root(): ByteString {
    return this.options.root;
  }

  get blind(): boolean {
    return this.current === undefined;
  }

  /** Takes note of which folder is followed. @throws TwintreeError SOURCE_MISSING. */
  identify(): void {
    this.identity = folderAt(this.posix, this.root);
    if (this.identity === undefined) throw new TwintreeError('SOURCE_MISSING', 'the source is no folder that can be opened', { path: this.root });
  }

  /** Resolves when all watches are set. @throws TwintreeError as `Capture.start`. */
  async start(): Promise<void> {
    this.capture = this.begin();
    await this.capture;
  }

  /** Resolves when all that happened before the call was heard by all followers. */
  async flush(): Promise<void> {
    for (;;) {
      const { capture } = this;
      const at = await capture;
      try {
        await at?.flush();
        return;
      } catch (error) {
        if (capture === this.capture) throw error; // else it has ended meanwhile, and another is at work
      }
    }
  }

  status(): CaptureStatus | undefined {
    return this.current?.status();
  }

  /** Capture sees every change: it has a watch everywhere, and its `flush` is exact. */
  get exact(): boolean {
    const status = this.status();
    return status !== undefined && status.backend !== 'chokidar' && status.unwatched === 0;
  }

  /** A probe has just begun: what it finds is told when it ends. */
  get probing(): boolean {
    return this.asks && steadyNow() - this.probedAt < PROBE_PATIENCE;
  }

  /** Called every second: has capture say all that happened until now, where something did, and else every ten seconds. Never rejects. */
  async probe(): Promise<void> {
    const { current } = this;
    if (this.asks || current === undefined || !this.stands()) return;
    const { events } = current.status();
    const now = steadyNow();
    if (events === this.probedEvents && now - this.probedAt < PROBE_EVERY) return;
    this.asks = true;
    this.probedAt = now;
    this.probedEvents = events;
    const moment = Date.now();
    try {
      await this.flush();
      if (current === this.current && this.stands()) for (const follower of this.ports.followers) follower.sourceSeen(moment, steadyNow());
    } catch {
      // capture has ended: whoever needs it is told of that by itself
    } finally {
      this.asks = false;
    }
  }

  stands(): boolean {
    return !this.lost && folderAt(this.posix, this.root) === this.identity;
  }

  /** A person says that what stands at the root's path now is the source. False: the source is not lost, or nothing stands there. */
  adopt(): boolean {
    const now = folderAt(this.posix, this.root);
    if (!this.lost || this.adopting || now === undefined) return false;
    if (this.current === undefined) this.identity = now; // the capture that comes next takes it
    else {
      this.adopting = true;
      this.current.adopt();
    }
    return true;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    const capture = await this.capture?.catch(() => undefined); // why there is none was told
    await capture?.stop();
  }

  private async begin(): Promise<Capture> {
    let dead: Error | undefined;
    const capture = await (this.ports.capture ?? Capture.start)(this.options, {
      hints: (hints) => this.heard(hints),
      condition: (condition) => this.happened(condition),
      failed: (why) => {
        dead = why;
        if (this.current !== undefined) this.ended(why);
      },
    });
    if (dead !== undefined) throw dead as Error;
    this.startedAt = steadyNow();
    this.current = capture;
    this.ports.watching?.(capture.status());
    return capture;
  }

  /** Capture has ended by itself: another takes its place, and everything is compared. */
  private ended(why: Error): void {
    const now = steadyNow();
    if (now - this.startedAt >= SOUND_AFTER) this.starts = 0;
    this.current = undefined;
    this.adopting = false;
    this.tell('trouble', `following has ended by itself and is started again (${why.message})`, 'dirty');
    this.capture = this.beginAgain(now, why);
    this.capture.catch((last: unknown) => { if (!this.stopping.signal.aborted) this.ports.failed(last instanceof Error ? last : new Error(String(last))); });
  }

  private async beginAgain(since: number, why: Error): Promise<Capture> {
    const backoff = new Backoff();
    for (let last = why; ; ) {
      if (this.starts >= MOST_STARTS) throw last;
      await (this.ports.wait ?? wait)(backoff.next(), this.stopping.signal);
      if (folderAt(this.posix, this.root) !== this.identity) { // a new capture would take whatever stands there for the source
        if (!this.lost) this.tell('root-lost', 'the root is gone, or another folder stands there', 'wait');
        continue;
      }
      this.starts++;
      try {
        const capture = await this.begin();
        if (this.lost) this.tell('root-back', 'the root is there again', 'dirty');
        for (const follower of this.ports.followers) follower.sourceDoubtful(since);
        return capture;
      } catch (error) {
        last = error instanceof Error ? error : new Error(String(error));
      }
    }
  }

  private async heard(hints: readonly Hint[]): Promise<void> {
    const wide: Hint[] = [];
    for (const each of hints) {
      const hint = ofTheTree(each);
      if (hint !== undefined) wide.push(widened(hint, this.ports.ruleFiles));
    }
    if (wide.length === 0) return;
    await Promise.all(this.ports.followers.map((follower) => follower.heard(wide)));
  }

  private happened(condition: Condition): void {
    this.ports.condition?.(condition);
    if (condition.kind === 'root-lost') this.noteLost();
    if (condition.kind === 'root-back') this.noteBack();
  }

  private tell(kind: Condition['kind'], message: string, answer: Condition['answer']): void {
    this.happened({ kind, path: EMPTY, message, answer, at: Date.now() });
  }

  private noteLost(): void {
    this.lost = true;
    this.adopting = false;
    for (const follower of this.ports.followers) follower.sourceLost();
  }

  private noteBack(): void {
    this.lost = false;
    this.adopting = false;
    this.identity = folderAt(this.posix, this.root);
    for (const follower of this.ports.followers) follower.sourceBack();
  }
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal });
}
