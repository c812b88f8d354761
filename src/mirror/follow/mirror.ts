/**
 * Mirror: keeps a target equal to a source that is in use. Capture is at work before the first copy begins; each hint is kept durably before it
 * counts; what is due goes to an ordinary session over its paths, and is forgotten when that has ended well. What it does next, and when, is the
 * agenda's to say; this drives it.
 */
import type { DirtyPath, Outcome, SessionListener } from '../../session/index.js';
import { FolderCache, loadOwnPosix, loadPosix, type Posix } from '../../fs/index.js';
import type { SessionOptions } from '../../plan/index.js';
import { DirtyReason, PairState } from '../../state/index.js';
import { baseOf, displayName, EMPTY, parentOf, StatTable, TwintreeError, type ByteString, type Problem, type RelPath } from '../../tree/index.js';
import { Capture, type BackendChoice, type CaptureStatus, type Condition } from '../capture/index.js';
import type { Hint } from '../hint.js';
import { Agenda, covers, type Job, type JobKind } from './agenda.js';
import { touchesLinks } from './hard-links.js';
import { ReadTimes } from './read-times.js';
import { folderAt, refuseNested } from './roots.js';
import { dirtyPaths, marksOf, ruleFileNames, widened } from './scope.js';
import { writeStatus, type MirrorStatus, type Phase } from './status.js';
import { Tally } from './tally.js';
import { judgeError, judgeOutcome } from './verdict.js';

/** What is mirrored, and how. */
export interface MirrorRequest {
  /** A folder, as the user named it, with a slash at its end; and its absolute path. */
  source: ByteString;
  root: ByteString;
  /** As the session takes it. */
  target: ByteString;
  /** Absolute path of the target where it is on this host. */
  localTarget: ByteString | undefined;
  /** How state and status name the two, in every run. */
  pair: { source: ByteString; target: ByteString };
  options: SessionOptions;
  /** Runs one session. */
  run: (what: { sources: readonly ByteString[]; target: ByteString; options: SessionOptions; dirty?: readonly DirtyPath[] }, listener: SessionListener, signal: AbortSignal) => Promise<Outcome>;
  /** Milliseconds. */
  quietMs: number;
  longestMs: number;
  reconcileMs: number; // Infinity: never
  backend: BackendChoice;
  /** `stateFolder()`. */
  stateFolder: ByteString;
  /** Milliseconds that a session has to end in after the signal. Default 5000. */
  abortPatienceMs?: number;
}

/** What a session was about. */
export interface SessionAbout {
  kind: JobKind;
  /** Paths in it; of a full one 0. */
  paths: number;
  /** Why a full one. */
  reason?: string;
  /** Age of its oldest change when it ended, ms. */
  lagMs: number;
}

/** Told what happens; every method is optional, none may throw. */
export interface MirrorListener extends Pick<SessionListener, 'notice' | 'operation' | 'problem' | 'wantsOperations'> {
  /** All watches are set. */
  watching?(capture: CaptureStatus): void;
  condition?(condition: Condition): void;
  /** A session went through. */
  session?(about: SessionAbout, outcome: Outcome): void;
  /** A session failed as a whole. `retryAt` (ms since 1970) undefined: the mirror is held until a person decides. */
  failed?(code: string, message: string, retryAt: number | undefined): void;
  /** Every second, and at the end. */
  status?(status: MirrorStatus): void;
}

/** Batches of at most so many paths are worked on by one thread, where the user does not say: starting others takes longer. */
const FEW_PATHS = 64;
/** Milliseconds between two statuses. */
const STATUS_EVERY = 1000;
/** Notices and warnings that are remembered so as not to tell them twice. */
const MOST_TOLD = 10_000;
/** Default of `abortPatienceMs`. */
const ABORT_PATIENCE = 5000;
const LONGEST_TIMER = 2 ** 31 - 1;

export class Mirror {
  private readonly posix: Posix = loadPosix();
  private readonly origin = Date.now() - performance.now();
  private readonly agenda: Agenda;
  private readonly tally: Tally;
  private readonly ruleFiles: ReadonlySet<ByteString>;
  private readonly told = new Set<string>();
  private readonly readTimes = new ReadTimes();
  private state: PairState | undefined;
  private capture: Capture | undefined;
  private job: Job | undefined;
  private identity: string | undefined;
  private lost = false;
  private held = false;
  private approved = false;
  private retryAt: number | undefined;
  private fault: Error | undefined;
  private wake = (): void => undefined;
  private statusFault = 0;
  /** A session was left behind that still waits for another host: it ends with the process. */
  leftSession = false;
  private waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(private readonly request: MirrorRequest, private readonly listener: MirrorListener = {}) {
    const { quietMs, longestMs, reconcileMs, options, pair } = request;
    this.agenda = new Agenda({ quietMs, longestMs, reconcileMs });
    this.tally = new Tally({ pid: process.pid, source: displayName(request.root), target: displayName(pair.target), startedAt: Date.now() });
    this.ruleFiles = ruleFileNames(options.filters, options.walk.gitignore);
  }

  /**
   * Mirrors until the signal. Whatever ends it loses nothing: the next start compares everything.
   * @throws TwintreeError where it cannot begin, or no later attempt would go better.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { root, localTarget, options } = this.request;
    this.identity = folderAt(this.posix, root);
    if (this.identity === undefined) throw new TwintreeError('SOURCE_MISSING', 'the source is no folder that can be opened', { path: root });
    if (localTarget !== undefined) refuseNested(this.posix, root, localTarget, options.walk.oneFileSystem > 0);
    const state = (this.state = this.openState());
    const onAbort = (): void => this.wake();
    signal.addEventListener('abort', onAbort);
    let timer: NodeJS.Timeout | undefined;
    try {
      this.tellStatus('starting');
      const since = oldestOf(state);
      this.capture = await this.startCapture();
      this.listener.watching?.(this.capture.status());
      this.agenda.wantFull('start', this.now(), since ?? this.now());
      timer = setInterval(() => this.tellStatus(), STATUS_EVERY);
      await this.follow(signal);
    } finally {
      clearInterval(timer);
      signal.removeEventListener('abort', onAbort);
      for (const { reject } of this.waiting.splice(0)) reject(new TwintreeError('ABORTED', 'the mirror has ended'));
      await this.capture?.stop();
      this.tellStatus('stopped');
      await state.close();
    }
  }

  /** A person says to go on: what a guard refused is done, once. False: nothing is held. */
  approve(): boolean {
    if (!this.held) return false;
    this.held = false;
    this.approved = true;
    this.agenda.go();
    this.wake();
    return true;
  }

  /** Resolves when all that happened before the call is on the target. Rejects where the mirror ends before. */
  async caughtUp(): Promise<void> {
    await this.capture?.flush();
    await new Promise<void>((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.wake();
    });
  }

  /** Milliseconds since 1970 by a clock that never runs backwards. */
  private now(): number {
    return Math.round(this.origin + performance.now());
  }

  // ---------------------------------------------------------------- seeing

  private openState(): PairState {
    const { pair, stateFolder, root, localTarget } = this.request;
    const own = loadOwnPosix();
    const handles = [root, ...(localTarget === undefined ? [] : [localTarget])].map((path) => this.posix.openRoot(path)).filter((fd) => fd >= 0);
    try {
      return PairState.open({ posix: own, folder: stateFolder, pair, roots: handles, notice: (code, message) => this.notice(code, message) });
    } finally {
      for (const fd of handles) this.posix.close(fd);
    }
  }

  private async startCapture(): Promise<Capture> {
    const { root, backend, options } = this.request;
    return Capture.start(
      { root, backend, oneFileSystem: options.walk.oneFileSystem > 0, filters: options.filters, deleteExcluded: options.delete.excluded },
      {
        hints: (hints) => this.heard(hints),
        condition: (condition) => this.happened(condition),
        failed: (error) => {
          this.fault = error;
          this.wake();
        },
      },
    );
  }

  /** Keeps hints durably, then puts them on the agenda. */
  private async heard(hints: readonly Hint[]): Promise<void> {
    const wide = hints.map((hint) => widened(hint, this.ruleFiles));
    const { dirty } = this.state as PairState;
    dirty.addMany(marksOf(wide));
    await dirty.durable();
    const now = this.now();
    for (const hint of wide) this.agenda.add({ ...hint, at: Math.abs(now - hint.at) < 60_000 ? Math.min(hint.at, now) : now }, now); // the system's clock may have been set
    this.wake();
  }

  private happened(condition: Condition): void {
    this.listener.condition?.(condition);
    if (condition.kind === 'root-lost') this.lost = true;
    if (condition.kind === 'root-back') {
      this.lost = false;
      this.identity = folderAt(this.posix, this.request.root);
      this.agenda.wantFull('the source is back', this.now());
      if (!this.held) this.agenda.go();
    }
    this.wake();
  }

  // ---------------------------------------------------------------- following

  private async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.fault !== undefined) throw this.fault;
      const job = this.lost ? undefined : this.agenda.next(this.now());
      if (job === undefined) await this.sleep(signal);
      else await this.perform(this.withLinks(job), signal);
    }
  }

  private async sleep(signal: AbortSignal): Promise<void> {
    if (this.agenda.idle && this.capture !== undefined) for (const { resolve } of this.waiting.splice(0)) resolve();
    const at = this.lost ? undefined : this.agenda.nextAt();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      if (signal.aborted) resolve();
      else if (at !== undefined && at !== Infinity) timer = setTimeout(resolve, Math.min(LONGEST_TIMER, Math.max(0, at - this.now())));
    });
    clearTimeout(timer);
  }

  /** -H: where a file with other names is touched, only a full session keeps them together. */
  private withLinks(job: Job): Job {
    if (job.kind === 'full' || !this.request.options.attributes.hardLinks) return job;
    const fd = this.posix.openRoot(this.request.root);
    if (fd < 0) return job; // the session finds that out
    try {
      return touchesLinks(this.posix, fd, job.hints) ? { kind: 'full', hints: [], first: job.first, reason: 'hard links' } : job;
    } finally {
      this.posix.close(fd);
    }
  }

  private async perform(job: Job, signal: AbortSignal): Promise<void> {
    const { source, target, run } = this.request;
    const upTo = (this.state as PairState).dirty.sequence;
    let heldDeletions = false;
    const listener: SessionListener = {
      notice: (code, message) => {
        if (code === 'no-deletion') heldDeletions = true;
        this.notice(code, message);
      },
      ...(this.listener.operation === undefined ? {} : { operation: (op, path, result) => this.listener.operation?.(op, path, result) }),
      wantsOperations: this.listener.wantsOperations ?? 'none',
    };
    this.job = job;
    this.retryAt = undefined;
    if (job.kind === 'full') this.tellStatus();
    try {
      if (!this.sourceStands()) return this.tellFailure(job, 'SOURCE_MISSING', 'the source is gone, or another folder stands in its place');
      const options = this.optionsFor(job);
      const from = Date.now();
      const session = run({ sources: [source], target, options, ...(job.kind === 'full' ? {} : { dirty: dirtyPaths(job.hints) }) }, listener, signal);
      const outcome = await Promise.race([session, this.patience(session, signal)]);
      this.readTimes.add(from, Date.now());
      if (signal.aborted) return this.agenda.putBack(job, this.now());
      if (!this.sourceStands()) return this.tellFailure(job, 'SOURCE_MISSING', 'the source went away, or another folder came in its place');
      this.conclude(job, outcome, heldDeletions, upTo);
    } catch (error) {
      if (signal.aborted) return this.agenda.putBack(job, this.now());
      this.stopped(job, error);
    } finally {
      this.job = undefined;
    }
  }

  /** A session that does not end within a while after the signal, since it waits for another host, is left behind. Never resolves. */
  private async patience(session: Promise<unknown>, signal: AbortSignal): Promise<never> {
    return new Promise((_resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const leave = (): void => {
        timer = setTimeout(() => {
          this.leftSession = true;
          reject(new TwintreeError('ABORTED', 'the session did not end'));
        }, this.request.abortPatienceMs ?? ABORT_PATIENCE);
      };
      const over = (): void => {
        signal.removeEventListener('abort', leave);
        clearTimeout(timer);
      };
      signal.addEventListener('abort', leave);
      session.then(over, over);
    });
  }

  /** A session came to its end. */
  private conclude(job: Job, outcome: Outcome, heldDeletions: boolean, upTo: number): void {
    const { nothing, failed } = judgeOutcome(outcome);
    const fresh = this.tally.problems(failed, (path) => job.kind === 'full' || job.hints.some((hint) => covers(hint, path)));
    for (const problem of fresh) this.listener.problem?.(problem);
    for (const problem of outcome.problems) if (!failed.has(problem.path)) this.warn(problem);
    if (nothing) return this.tellFailure(job, 'INCOMPLETE', `the session ended with exit code ${outcome.exitCode}`);
    const now = this.now();
    this.tally.went(job.kind, outcome, now);
    if (job.kind === 'full') this.approved = false;
    this.forget(job, failed, new Set(this.agenda.done(job, failed.keys(), heldDeletions, now)), upTo);
    this.listener.session?.({
      kind: job.kind, paths: job.hints.length, ...(job.reason === undefined ? {} : { reason: job.reason }), lagMs: job.first === undefined ? 0 : Math.max(0, now - job.first),
    }, outcome);
  }

  /** The target has them: the durable set lets go of them. */
  private forget(job: Job, failed: ReadonlyMap<RelPath, Problem>, stay: ReadonlySet<Hint>, upTo: number): void {
    const { dirty } = this.state as PairState;
    if (job.kind === 'full') {
      dirty.clearTree(upTo);
      if (failed.size > 0) dirty.add([...failed.keys()].map((path) => ({ path, subtree: true, reasons: DirtyReason.Failed })));
      return;
    }
    const paths: RelPath[] = [];
    for (const hint of job.hints) {
      if (stay.has(hint)) continue;
      if (hint.scope === 'entry') paths.push(hint.path);
      else for (const { path } of dirty.list({ folder: hint.path })) if (covers(hint, path)) paths.push(path);
    }
    dirty.clear(upTo, paths); // in one go: it waits for the disk
  }

  /** A session was stopped by an error. */
  private stopped(job: Job, error: unknown): void {
    const verdict = judgeError(error, this.tally.begun, this.request.options.delete.limit !== undefined);
    if (verdict === 'end' || !(error instanceof TwintreeError)) throw error;
    if (verdict === 'retry') return this.tellFailure(job, error.code, error.message);
    const now = this.now();
    if (job.kind !== 'full') return this.agenda.wantFull('a guard refused', now, job.first); // it judged a part; only the whole decides
    this.agenda.putBack(job, now);
    this.agenda.hold();
    this.held = true;
    this.tally.failed(error.code, error.message, null);
    this.listener.failed?.(error.code, error.message, undefined);
  }

  private tellFailure(job: Job, code: string, message: string): void {
    this.retryAt = this.agenda.failedWhole(job, this.now());
    this.tally.failed(code, message, this.retryAt);
    this.listener.failed?.(code, message, this.retryAt);
  }

  private optionsFor(job: Job): SessionOptions {
    const { options } = this.request;
    const few = job.kind !== 'full' && job.hints.length <= FEW_PATHS && job.hints.every((hint) => hint.scope === 'entry');
    const chosen: SessionOptions = few ? { ...options, threads: options.threads ?? 1 } : { ...options };
    if (options.compare.mode === 'quick' && this.mayLookEqual(job)) chosen.compare = { ...options.compare, mode: 'checksum' };
    if (this.approved) chosen.delete = { ...options.delete, limit: undefined };
    return chosen;
  }

  /** Whether a file of the batch may have been written in the tick in which an earlier session read it (read-times.ts). */
  private mayLookEqual({ hints }: Job): boolean {
    const fd = this.posix.openRoot(this.request.root);
    if (fd < 0) return false; // the session finds that out
    const cache = new FolderCache(this.posix, fd);
    const stat = new StatTable(1);
    try {
      return hints.some(({ path, scope }) => {
        if (scope !== 'entry' || path === EMPTY) return false;
        const at = cache.open(parentOf(path));
        return at >= 0 && this.posix.stat(at, baseOf(path), stat, 0) === 0 && !stat.isDir(0) && this.readTimes.has(stat.mtimeSec(0) * 1000 + stat.mtimeNsec(0) / 1e6);
      });
    } finally {
      cache.closeAll();
      this.posix.close(fd);
    }
  }

  private sourceStands(): boolean {
    return !this.lost && folderAt(this.posix, this.request.root) === this.identity;
  }

  // ---------------------------------------------------------------- telling

  private notice(code: string, message: string): void {
    if (this.isNew(`${code} ${message}`)) this.listener.notice?.(code, message);
  }

  private warn(problem: Problem): void {
    if (this.isNew(`${problem.code} ${problem.path}`)) this.listener.problem?.(problem);
  }

  private isNew(key: string): boolean {
    if (this.told.has(key)) return false;
    if (this.told.size >= MOST_TOLD) this.told.clear();
    this.told.add(key);
    return true;
  }

  private tellStatus(phase: Phase = this.phase()): void {
    const { state, capture, job } = this;
    if (state === undefined) return;
    const seen = capture?.status();
    const { paths, failed, whole } = this.agenda.backlog();
    const waits = this.agenda.oldest();
    const oldest = job?.first === undefined ? waits : Math.min(job.first, waits ?? Infinity);
    const status = this.tally.status({
      now: this.now(), phase, backend: seen?.backend ?? '', events: seen?.events ?? 0, overflows: seen?.overflows ?? 0,
      backlog: { paths: paths + (job?.hints.length ?? 0), failed, whole: whole || (job?.kind === 'full' && job.first !== undefined) }, oldest,
    });
    const error = writeStatus(state.folder, status);
    if (error !== this.statusFault && error < 0) this.listener.notice?.('status', 'the status file cannot be written');
    this.statusFault = error;
    this.listener.status?.(status);
  }

  private phase(): Phase {
    if (this.lost) return 'source-lost';
    if (this.held) return 'held';
    if (this.job?.kind === 'full') return 'copying';
    if (this.retryAt !== undefined && this.job === undefined) return 'waiting';
    return 'following';
  }
}

/** When the oldest change was seen that an earlier mirror of this pair left; and everything is dirty now. */
function oldestOf({ dirty }: PairState): number | undefined {
  let oldest: number | undefined;
  for (const { since } of dirty.list()) oldest = Math.min(oldest ?? since, since);
  dirty.everything(DirtyReason.Again);
  return oldest;
}

