/**
 * Follower: brings what is heard of the source to one target. It keeps each hint durably before it counts, gives what is due to an ordinary session
 * over its paths, and forgets it when that has ended well. What it does next, and when, is the agenda's to say. Each follower has its own
 * state, pace, outages and limits, and knows of no other.
 */
import type { SessionOptions } from '../../plan/index.js';
import type { DirtyPath, Outcome, SessionListener } from '../../session/index.js';
import type { Horizon, PairState } from '../../state/index.js';
import { displayName, EMPTY, TwintreeError, type ByteString, type Problem, type RelPath } from '../../tree/index.js';
import type { HeldView } from '../control/index.js';
import type { Hint } from '../hint.js';
import { Agenda, covers, type Job } from './agenda.js';
import { beginAgain, forget, openState } from './backlog.js';
import { steadyNow } from './clock.js';
import { Controls } from './controls.js';
import { Deferrals } from './deferrals.js';
import { LoadWatch } from './load-watch.js';
import { bytesBehind, type BytesBehind } from './behind.js';
import type { DriftSearch } from './drift.js';
import { DriftWatch } from './drift-watch.js';
import { approvedDeletions, lookAtHold, lookingOnly } from './hold.js';
import { leavesLinksInDoubt } from './link-doubt.js';
import { optionsFor, withLinks } from './look.js';
import { movedIn } from './moved.js';
import { notePlaces } from './note-places.js';
import { outOfPatience } from './patience.js';
import { ReadTimes } from './read-times.js';
import type { FollowerListener, MirrorRequest, TargetRequest } from './request.js';
import { dirtyPaths, marksOf } from './scope.js';
import type { SourceFollower, SourceView } from './source.js';
import { StandbyTeller } from './standby-teller.js';
import { MOST_NAMED, writeStatus, type Phase } from './status.js';
import { Tally } from './tally.js';
import { judgeError, judgeOutcome } from './verdict.js';

/** A session that carries more is broken off where somebody waits, bytes. */
const MUCH = 32 << 20;
/** Its paths that are looked at to know that: among thousands of small files one may be large. */
const MOST_WEIGHED = 10_000;
/** Notices and warnings that are remembered so as not to tell them twice. */
const MOST_TOLD = 10_000;
/** Default of `abortPatienceMs`. */
const ABORT_PATIENCE = 5000;
/** Milliseconds between two looks at how far a full session is. */
const PROGRESS_EVERY = 500;
const LONGEST_TIMER = 2 ** 31 - 1;
/** What is heard is kept within so long, ms, while a session may be at work on it already: should it be lost, the next start compares everything. */
const KEPT_WITHIN = 50;
/** So many marks may wait for the disk; who hears more waits with them. */
const MOST_UNKEPT = 20_000;
/** Milliseconds between two sessions that are begun only because the target's host cannot be told how far it is. */
const ASK_EVERY = 10_000;

/** What a look for drift found. */
type Found = Pick<DriftSearch, 'found' | 'unseen'>;

export class Follower implements SourceFollower {
  /** A session was left behind that still waits for another host: it ends with the process. */
  leftSession = false;
  private readonly agenda: Agenda;
  private readonly tally: Tally;
  private readonly told = new Set<string>();
  private readonly readTimes = new ReadTimes();
  private state: PairState | undefined;
  private since: number | undefined;
  private job: Job | undefined;
  private held: HeldView | undefined;
  /** The target was promoted: it takes nothing any more. */
  private promoted = false;
  private readonly standby: StandbyTeller;
  private askedAt = -Infinity;
  /** Deletions that a person has approved, for the full session that comes. */
  private approved: number | undefined;
  private readonly pauses = new Set<string>();
  /** Ends the session under way, which is done again. */
  private breakOff = new AbortController();
  private readonly controls: Controls;
  private readonly deferrals: Deferrals;
  private readonly drift: DriftWatch;
  private readonly load: LoadWatch | undefined;
  /** Content bytes that sessions have carried. */
  private carried = 0;
  /** Bytes that the full session under way has still to carry; undefined: its plan is not made yet. */
  private ahead: number | undefined;
  private retryAt: number | undefined;
  private wake = (): void => undefined;
  private statusFault = 0;
  private fault: Error | undefined;
  private ended = false;
  /** No session begins: what comes next is to be done in one. */
  private rests = false;
  private resting: (() => void)[] = [];
  private waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(private readonly mirror: MirrorRequest, readonly request: TargetRequest, private readonly source: SourceView, private readonly listener: FollowerListener) {
    const { quietMs, gatherMs, longestMs, reconcileMs, root } = mirror;
    this.agenda = new Agenda({ quietMs, gatherMs, longestMs, reconcileMs });
    this.tally = new Tally({ pid: process.pid, source: displayName(root), target: displayName(request.pair.target), startedAt: Date.now() });
    this.deferrals = new Deferrals(mirror.deferMs);
    this.drift = new DriftWatch(source.root, mirror.drift);
    const { replace, delete: deletion } = request.options;
    this.standby = new StandbyTeller(root, { durable: replace.durable === true || replace.fsync, deletes: deletion.when !== undefined }, request.tell);
    if (mirror.ease !== undefined) this.load = new LoadWatch(mirror.ease.floor, request.meter, (code, message) => this.notice(code, message));
    this.controls = new Controls({
      held: () => this.held, approve: (hold) => this.approve(hold), adopt: () => this.source.adopt(), pause: (reason, breaksOff) => this.pause(reason, breaksOff), resume: (reason) => this.resume(reason), retry: () => this.retry(),
      notice: (code, message) => this.listener.notice?.(code, message),
    }, request.rates);
  }

  // ---------------------------------------------------------------- from outside

  /** Opens its state, before capture starts. @throws TwintreeError as `PairState.open`. */
  open(): void {
    const { localTarget, pair } = this.request;
    this.state = openState(this.mirror.stateFolder, pair, [this.mirror.root, ...(localTarget === undefined ? [] : [localTarget])], (code, message) => this.notice(code, message));
    this.controls.opened(this.state.folder);
    this.tellStatus('starting');
    this.since = beginAgain(this.state);
  }

  /**
   * Compares everything, then follows until the signal. Capture is at work by then. Its state is closed at its end, so that another mirror may take the pair.
   * @throws TwintreeError where no later attempt would go better.
   */
  async follow(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.wake();
    signal.addEventListener('abort', onAbort);
    const now = steadyNow();
    this.agenda.wantFull('start', now, this.since ?? now);
    try {
      await this.controls.serve();
      while (!signal.aborted) {
        if (this.fault !== undefined) throw this.fault;
        const job = this.stopped() ? undefined : this.agenda.next(steadyNow());
        if (job === undefined) await this.sleep(signal);
        else await this.begin(job, signal);
      }
    } catch (error) {
      this.tally.failed(error instanceof TwintreeError ? error.code : 'INTERNAL', error instanceof Error ? error.message : String(error), null);
      await this.close();
      this.listener.ended?.(error); // by now its pair is free
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      await this.close();
    }
  }

  /** Its state is closed, and it hears no more. */
  async close(): Promise<void> {
    this.ended = true;
    for (const { reject } of this.waiting.splice(0)) reject(new TwintreeError('ABORTED', 'the mirror has ended'));
    this.tellStatus('stopped');
    this.tellPoint('stopped');
    await this.request.end?.();
    const { state } = this;
    this.state = undefined;
    await this.controls.close();
    await state?.close();
  }

  /** Puts hints on the agenda, and keeps them durably a little later. Where they cannot be kept this follower ends, and only this one. */
  async heard(hints: readonly Hint[]): Promise<void> {
    if (this.ended) return; // a new start compares everything
    const kept = this.keep(hints);
    this.drift.heard(hints);
    const now = steadyNow();
    for (const hint of hints) this.agenda.add({ ...hint, at: Math.abs(now - hint.at) < 60_000 ? Math.min(hint.at, now) : now }, now); // the system's clock may have been set
    this.wake();
    if (this.state !== undefined && this.state.dirty.waiting > MOST_UNKEPT) await kept;
  }

  /** Takes marks into the durable set, and has it written a little later. */
  private async keep(hints: readonly Hint[] = []): Promise<void> {
    try {
      const { dirty } = this.state as PairState;
      dirty.addMany(marksOf(hints));
      await dirty.soon(KEPT_WITHIN);
    } catch (error) {
      this.fault ??= error instanceof Error ? error : new Error(String(error));
      this.wake();
    }
  }

  sourceLost(): void {
    this.wake();
  }

  /** That all is in doubt comes as a hint. */
  sourceBack(): void {
    if (this.held === undefined && !this.promoted) this.agenda.go();
    this.wake();
  }

  sourceSeen(moment: number, heard: number): void {
    this.standby.points.seen(moment, heard);
    if (!this.ended) this.tellPoint();
  }

  sourceDoubtful(since: number): void {
    this.agenda.wantFull('following was started again', steadyNow(), since);
    this.wake();
  }

  /**
   * A person says to go on: what a guard refused is done, once, with as many deletions as were shown. False: nothing is held, or it is not the
   * hold of this id. Without one, the target is asked again that said it was promoted.
   */
  approve(hold: string | undefined = this.held?.id): boolean {
    if (hold === undefined) return this.retry();
    if (this.held === undefined || this.held.id !== hold) return false;
    this.approved = this.held.deletions;
    this.held = undefined;
    this.agenda.go();
    this.wake();
    return true;
  }

  /** A person says to ask the target again that said it was promoted. False: none has. */
  retry(): boolean {
    if (!this.promoted) return false;
    this.promoted = false;
    this.agenda.go();
    this.wake();
    return true;
  }

  /** No session begins while any reason to pause stands. Changes are kept meanwhile. `breaksOff`: a session under way is ended now, and done again later. */
  pause(reason: string, breaksOff = false): void {
    this.pauses.add(reason);
    if (breaksOff) this.breakOff.abort(new TwintreeError('ABORTED', 'it was paused'));
    this.wake();
  }

  /** That reason is over. */
  resume(reason: string): void {
    this.pauses.delete(reason);
    this.wake();
  }

  /** No session begins until `rouse` or `hurry`. Resolves when none is under way. */
  async rest(): Promise<void> {
    this.rests = true;
    if (this.job !== undefined) await new Promise<void>((resolve) => { this.resting.push(resolve); });
  }

  /** Sessions begin again. */
  rouse(): void {
    this.rests = false;
    this.wake();
  }

  /**
   * Somebody waits: what is to be done is begun at once. A session under way that carries much is broken off and done again with all that was heard since: what it has read
   * may have changed, and one whole reading is what is waited for.
   */
  hurry(): void {
    const { job } = this;
    const carries = job === undefined ? 0 : job.kind === 'full' ? (this.ahead ?? Infinity) : bytesBehind(this.source.root, job.hints, job.hints.length, MOST_WEIGHED).bytes;
    if (carries > MUCH) this.breakOff.abort(new TwintreeError('ABORTED', 'it is begun anew'));
    this.agenda.hurry(steadyNow());
    this.rouse();
  }

  /** Resolves when all that was heard is on the target. Rejects where it ends before. */
  async caughtUp(): Promise<void> {
    if (this.ended) throw new TwintreeError('ABORTED', 'the mirror has ended');
    await new Promise<void>((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.wake();
    });
  }

  // ---------------------------------------------------------------- following

  private stopped(): boolean {
    return this.source.lost || this.source.blind || this.rests || this.pauses.size > 0;
  }

  private async sleep(signal: AbortSignal): Promise<void> {
    if (this.agenda.idle) for (const { resolve } of this.waiting.splice(0)) resolve();
    const at = this.stopped() ? undefined : this.agenda.nextAt();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      if (signal.aborted) resolve();
      else if (at !== undefined && at !== Infinity) timer = setTimeout(resolve, Math.min(LONGEST_TIMER, Math.max(0, at - steadyNow())));
    });
    clearTimeout(timer);
  }

  private async begin(job: Job, signal: AbortSignal): Promise<void> {
    const linked = withLinks(job, this.source.root, this.request.options, this.state);
    await this.perform(linked.job, linked.others, signal);
  }

  /** @param others names that are looked at beside those of the job: further ones of its files */
  private async perform(job: Job, others: readonly RelPath[], signal: AbortSignal): Promise<void> {
    const upTo = (this.state as PairState).dirty.horizon();
    let heldDeletions = false;
    if (leavesLinksInDoubt(this.source.root, job, this.request.options)) this.agenda.wantFullLater('hard links', steadyNow(), job.first);
    let begunAt: number | undefined;
    let single: RelPath[] | undefined;
    this.drift.begins(job, Date.now());
    const listener: SessionListener = {
      notice: (code, message) => {
        if (code === 'no-deletion') heldDeletions = true;
        this.notice(code, message);
      },
      ...this.operations(),
      ...this.progress(job),
    };
    this.job = job;
    this.ahead = undefined;
    this.retryAt = undefined;
    const breakOff = (this.breakOff = new AbortController());
    const end = breakOff.signal;
    const onAbort = (): void => { breakOff.abort(signal.reason); }; // AbortSignal.any leaves something behind with the signal that lives on, in each batch
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    if (job.kind === 'full') this.tellStatus();
    try {
      if (!this.source.stands()) return this.tellFailure(job, 'SOURCE_MISSING', 'the source is gone, or another folder stands in its place');
      single = job.kind !== 'full' && job.hints.every(({ scope }) => scope === 'entry') ? [...job.hints.map(({ path }) => path), ...others] : undefined;
      begunAt = Date.now();
      const session = this.session(job, this.drift.onlyLooks ? lookingOnly(this.optionsFor(job)) : this.optionsFor(job), listener, end, others);
      const outcome = await Promise.race([session, outOfPatience(session, signal, this.mirror.abortPatienceMs ?? ABORT_PATIENCE, () => { this.leftSession = true; })]);
      if (end.aborted) return this.agenda.putBack(job, steadyNow());
      if (!this.source.stands()) return this.tellFailure(job, 'SOURCE_MISSING', 'the source went away, or another folder came in its place');
      const found = await this.judgeDrift(end);
      if (found !== undefined && this.drift.onlyLooks) return await this.looked(job, outcome, found);
      if (outcome.exitCode === 0) await this.notePlaces(job, others, end);
      this.conclude(job, outcome, heldDeletions, upTo, found);
    } catch (error) {
      if (end.aborted) return this.agenda.putBack(job, steadyNow());
      await this.broken(job, error, end);
    } finally {
      signal.removeEventListener('abort', onAbort);
      if (begunAt !== undefined) this.readTimes.add(begunAt, Date.now(), single); // also of one that failed: it read as far as it came
      this.job = undefined;
      for (const resolve of this.resting.splice(0)) resolve();
      this.drift.close();
    }
  }

  /** Where the source's inodes were: a session on this host uses it, and keeps it. */
  private places(): { places?: PairState } {
    return this.state === undefined || this.request.localTarget === undefined ? {} : { places: this.state };
  }

  /** -H and a target on another host: the session has noted nothing here. */
  private async notePlaces({ kind, hints }: Job, others: readonly RelPath[], signal: AbortSignal): Promise<void> {
    const { state } = this;
    if (state === undefined || this.request.localTarget !== undefined || !this.request.options.attributes.hardLinks) return;
    await notePlaces(this.source.root, state, kind === 'full' ? undefined : [...hints, ...others.map((path) => ({ path, scope: 'entry' as const }))], signal);
  }

  /** How far a session is: for the bytes behind, and for who watches the load. */
  private progress(job: Job): Pick<SessionListener, 'progress' | 'progressEvery'> {
    if (job.kind !== 'full' && this.load === undefined) return {};
    let before = 0;
    return {
      progressEvery: PROGRESS_EVERY,
      progress: ({ phase, totalBytes, doneBytes }) => {
        this.ahead = phase === 'scan' ? undefined : Math.max(0, totalBytes - doneBytes);
        this.carried += Math.max(0, doneBytes - before);
        before = doneBytes;
      },
    };
  }

  /** What a session tells of single operations. */
  private operations(): Pick<SessionListener, 'operation' | 'wantsOperations'> {
    const { listener } = this;
    const wants = listener.wantsOperations ?? 'none';
    const { looks } = this.drift;
    return {
      wantsOperations: wants === 'none' && looks ? 'changes' : wants,
      operation: (op, path, result) => {
        if (looks && (result === 'done' || result === 'planned')) this.drift.differs(op, path);
        if (wants !== 'none' && (!looks || result !== 'planned')) listener.operation?.(op, path, result);
      },
    };
  }

  /** A session that only looked came to its end. What it found that is no drift becomes a batch. */
  private async looked(job: Job, outcome: Outcome, found: Found): Promise<void> {
    if (judgeOutcome(outcome).nothing) return this.tellFailure(job, 'INCOMPLETE', `the session ended with exit code ${outcome.exitCode}`);
    await this.keep(found.unseen);
    const now = steadyNow();
    this.tally.went(job.kind, outcome, now);
    this.agenda.looked(job, found.unseen, now);
    this.tellDrift(found, false);
  }

  /** What was found is judged when all that happened until now was heard: else a change whose event is on its way would be taken for one that nothing told. */
  private async judgeDrift(end: AbortSignal): Promise<Found | undefined> {
    if (!this.drift.looks) return undefined;
    await orAborted(this.source.flush(), end);
    const found = this.drift.judge(steadyNow());
    if (found?.all === false) this.notice('drift', `more differs on the target than is told: ${found.differences} paths`);
    return found;
  }

  private tellDrift({ found, unseen }: Found, repaired: boolean): void {
    this.tally.drifted(found, unseen.length, repaired, steadyNow());
    if (found.length > 0) this.listener.drift?.(found, repaired);
  }

  private async session(job: Job, options: SessionOptions, listener: SessionListener, end: AbortSignal, others: readonly RelPath[] = []): Promise<Outcome> {
    const { target, run } = this.request;
    const { pace } = this.controls;
    return run({
      sources: [this.mirror.source], target, options: { ...options, bwlimit: pace.bytesPerSecond }, pace, ...(options.dryRun ? {} : { ...this.places(), ...this.keptSums() }),
      ...(job.kind === 'full' ? {} : { dirty: [...dirtyPaths(job.hints), ...others.map((path): DirtyPath => ({ path, depth: 'entry' }))], moved: movedIn(job.hints) }),
    }, listener, end);
  }

  /** --state: where the sums of what was sent are kept. */
  private keptSums(): { keptIn?: ByteString } {
    return this.request.options.state === true && this.state !== undefined ? { keptIn: this.state.folder } : {};
  }

  private optionsFor(job: Job): SessionOptions {
    const options = optionsFor(job, this.source.root, this.request.options, this.readTimes);
    if (this.approved !== undefined && job.kind === 'full') options.delete = approvedDeletions(options.delete, this.approved);
    options.replace = { ...options.replace, deferChanging: this.deferrals.mayDefer((path) => looksAt(job, path), steadyNow()) };
    return options;
  }

  /** A session came to its end. */
  private conclude(job: Job, outcome: Outcome, heldDeletions: boolean, upTo: Horizon, found: Found | undefined): void {
    const { nothing, failed } = judgeOutcome(outcome);
    const fresh = this.tally.problems(failed, (path) => looksAt(job, path));
    for (const problem of fresh) this.listener.problem?.(problem);
    for (const problem of outcome.problems) if (!failed.has(problem.path)) this.warn(problem);
    if (nothing) return this.tellFailure(job, 'INCOMPLETE', `the session ended with exit code ${outcome.exitCode}`);
    const now = steadyNow();
    this.tally.went(job.kind, outcome, now);
    this.deferrals.ended(failed, (path) => looksAt(job, path), now);
    if (job.kind === 'full') this.approved = undefined;
    const stay = new Set(this.agenda.done(job, failed.keys(), heldDeletions, now, (path) => isChanging(failed.get(path)), (path) => isSent(failed.get(path))));
    this.drift.ended(job, job.hints.filter((hint) => !stay.has(hint)));
    forget(this.state as PairState, job, failed, stay, upTo);
    this.lookAgain(job, outcome, now);
    void this.keep();
    if (found !== undefined) this.tellDrift(found, true);
    this.listener.session?.({
      kind: job.kind, paths: job.hints.length, ...(job.reason === undefined ? {} : { reason: job.reason }), lagMs: job.first === undefined ? 0 : Math.max(0, now - job.first),
    }, outcome);
  }

  /**
   * What went while it was looked at is not as it was on the target, and not as it is either: until it has been looked at again, the target lacks what had
   * happened there when the session began.
   */
  private lookAgain(job: Job, { problems }: Outcome, now: number): void {
    for (const { code, path } of problems) if (code === 'vanished') this.agenda.add({ path, scope: 'entry', reason: 'unclear', at: job.first ?? now, gone: true }, now);
  }

  /** A session was stopped by an error. */
  private async broken(job: Job, error: unknown, end: AbortSignal): Promise<void> {
    const verdict = judgeError(error, this.tally.begun, this.request.options.delete.limit !== undefined);
    if (verdict === 'end' || !(error instanceof TwintreeError)) throw error;
    if (verdict === 'retry') return this.tellFailure(job, error.code, error.message);
    const now = steadyNow();
    if (error.code === 'PROMOTED') return this.letGo(job, error, now);
    if (job.kind !== 'full') return this.agenda.wantFull('a guard refused', now, job.first); // it judged a part; only the whole decides
    this.approved = undefined;
    await this.hold(job, error, end);
  }

  /** The target was promoted: changes are kept, and it is left alone until a person says to ask again. */
  private letGo(job: Job, { code, message }: TwintreeError, now: number): void {
    this.agenda.putBack(job, now);
    this.agenda.hold();
    this.promoted = true;
    this.tally.failed(code, message, null);
    this.tellStatus();
    this.listener.failed?.(code, message, undefined);
  }

  /** Holds what a guard refused, once it is known what would go. */
  private async hold(job: Job, { code, message }: TwintreeError, end: AbortSignal): Promise<void> {
    let held: HeldView | undefined;
    try {
      held = await lookAtHold(message, steadyNow(), this.optionsFor(job), (options, listener) => this.session(job, options, listener, end));
    } catch (error) {
      if (end.aborted) return this.agenda.putBack(job, steadyNow());
      if (!(error instanceof TwintreeError)) throw error;
      return this.tellFailure(job, error.code, error.message);
    }
    this.agenda.putBack(job, steadyNow());
    if (held === undefined) return;
    this.agenda.hold();
    this.held = held;
    this.tally.failed(code, message, null);
    this.tellStatus(); // whoever is told of it may ask at once
    this.listener.failed?.(code, message, undefined);
    this.listener.held?.(held);
  }

  private tellFailure(job: Job, code: string, message: string): void {
    this.retryAt = this.agenda.failedWhole(job, steadyNow());
    this.tally.failed(code, message, this.retryAt);
    this.listener.failed?.(code, message, this.retryAt);
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

  /** Every second. */
  tick(): void {
    if (this.ended) return; // its last word is said, and its connection may take a while to end
    if (this.load !== undefined) this.controls.bear(this.load.look(this.job !== undefined, this.carried, performance.now()));
    this.controls.tick();
    this.tellStatus();
    if (!this.source.probing) this.tellPoint();
  }

  /** Tells the target's host how far it is. Where that cannot be reached, or takes nothing any more, while nothing waits, a session finds out what is the matter. */
  private tellPoint(phase: Phase = this.phase()): void {
    const { agenda, job, tally } = this;
    if (this.state === undefined) return;
    const waits = agenda.oldestSound();
    const { paths, failed } = agenda.backlog();
    const tried = job?.kind === 'retry' ? job.hints.length : 0;
    const answer = this.standby.tick({
      phase, exact: this.source.exact, copied: tally.copied, oldest: job?.first === undefined || tried > 0 ? waits : Math.min(job.first, waits ?? Infinity),
      waiting: paths + (job?.hints.length ?? 0), waitingBytes: this.behind(paths).bytes, failing: Math.max(tally.failingCount, failed + tried), names: tally.failingPaths(), held: this.held?.deletions ?? 0,
    }, Date.now(), steadyNow(), phase === 'stopped');
    if (answer !== 'away' && answer !== 'promoted') return;
    const now = steadyNow();
    if (phase === 'stopped' || job !== undefined || !agenda.idle || this.stopped() || !tally.begun || now - this.askedAt < ASK_EVERY) return;
    this.askedAt = now;
    agenda.add({ path: EMPTY, scope: 'entry', reason: 'unclear', at: now, gone: false }, now);
    this.wake();
  }

  /** Writes how it stands into its state, and tells it. */
  tellStatus(phase: Phase = this.phase()): void {
    const { state, job } = this;
    if (state === undefined) return;
    const seen = this.source.status();
    const { paths, failed, whole } = this.agenda.backlog();
    const waits = this.agenda.oldest();
    const behind = this.behind(paths);
    const oldest = job?.first === undefined ? waits : Math.min(job.first, waits ?? Infinity);
    const status = this.tally.status({
      now: steadyNow(), phase, backend: seen?.backend ?? '', events: seen?.events ?? 0, overflows: seen?.overflows ?? 0,
      backlog: { paths: paths + (job?.hints.length ?? 0), failed, whole: whole || (job?.kind === 'full' && job.first !== undefined), ...behind }, oldest,
      deferred: { count: this.deferrals.count, files: this.deferrals.first(MOST_NAMED) },
      pauses: [...this.pauses], pausedSince: this.controls.pausedSince ?? null, rate: this.controls.limit, held: this.held ?? null,
    });
    const error = writeStatus(state.folder, status);
    if (error !== this.statusFault && error < 0) this.listener.notice?.('status', 'the status file cannot be written');
    this.statusFault = error;
    this.listener.status?.(status);
  }

  /** Bytes that wait, with those of the job under way. */
  private behind(paths: number): BytesBehind {
    const { job, agenda } = this;
    const waiting = agenda.backlog().whole;
    const hints = job === undefined || job.kind === 'full' ? agenda.waiting() : chain(job.hints, agenda.waiting());
    const { bytes, exact } = bytesBehind(this.source.root, hints, paths + (job?.hints.length ?? 0));
    if (job?.kind !== 'full') return { bytes, exact: exact && !waiting };
    return { bytes: bytes + (this.ahead ?? 0), exact: exact && !waiting && this.ahead !== undefined };
  }

  private phase(): Phase {
    if (this.source.lost) return 'source-lost';
    if (this.source.blind) return 'starting';
    if (this.held !== undefined || this.promoted) return 'held';
    if (this.job?.kind === 'full') return 'copying';
    if (this.pauses.size > 0 && this.job === undefined) return 'paused';
    if (this.retryAt !== undefined && this.job === undefined) return 'waiting';
    return 'following';
  }
}

/** Resolves when the work is done, or the signal comes. */
async function orAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const aborted = new Promise<void>((resolve) => { signal.addEventListener('abort', () => { resolve(); }, { once: true }); });
  if (!signal.aborted) await Promise.race([work, aborted]);
}

function* chain(first: Iterable<Hint>, then: Iterable<Hint>): Iterable<Hint> {
  yield* first;
  yield* then;
}

/** Whether what is wrong with a path is that its file changes while it is read. */
function isChanging(problem: Problem | undefined): boolean {
  return problem?.code === 'deferred' || isSent(problem);
}

/** Whether the target has it all the same, as it was while it was read. */
function isSent(problem: Problem | undefined): boolean {
  return problem?.code === 'changed' && problem.severity === 'warning';
}

/** Whether a job looks at a path. */
function looksAt(job: Job, path: RelPath): boolean {
  return job.kind === 'full' || job.hints.some((hint) => covers(hint, path));
}
