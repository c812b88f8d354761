/**
 * Agenda: what a mirror does next, and when. Hints settle into batches; what is in doubt as a whole asks for a full session; paths that
 * failed are tried again by themselves, ever more rarely; while sessions fail altogether nothing is begun until the next attempt is due.
 * Pure: time is handed in (ms, a clock that never runs backwards). Memory is bounded, whatever comes while nothing can be done.
 */
import { EMPTY, parentOf, type RelPath } from '../../tree/index.js';
import type { Hint } from '../hint.js';
import { Settler, type DirtyBatch, type SettleOptions } from '../settle/index.js';
import { Backoff } from './backoff.js';
import { isBelow, isWhole, touches } from './scope.js';

export type JobKind = 'full' | 'batch' | 'retry';

/** One session to run. */
export interface Job {
  readonly kind: JobKind;
  /** Of a full one: none. */
  readonly hints: readonly Hint[];
  /** When the oldest change in it was first seen, ms; undefined: it is for no change that was seen (the timetable's). */
  readonly first: number | undefined;
  /** Why a full session, a few words. */
  readonly reason?: string;
  /** Of a full one: the paths that waited, which it looks at with all else. */
  readonly swallowed?: readonly Hint[];
}

/** Reason of a full session that no doubt asks for. */
export const BY_TIMETABLE = 'timetable';

export interface AgendaOptions extends SettleOptions {
  /** A full session so long after the last one, ms; Infinity: never. */
  reconcileMs: number;
  /** Most failed paths held; with more a full session takes their place. Default 10,000. */
  mostFailed?: number;
}

interface Wanted { since: number | undefined; at: number; reason: string }

/** Paths of a session that are few. */
const FEW_PATHS = 64;
/** `wantFullLater`: so many times as long as the last full session took, and at most so long, ms. */
const LATER_SHARE = 20;
const MOST_LATER = 600_000;

export class Agenda {
  private readonly settler: Settler;
  private full: Wanted | undefined;
  private reconcileAt = Infinity;
  private readonly failed = new Map<RelPath, Hint>();
  private failedAt = Infinity;
  private readonly failedWait = new Backoff();
  /** Deletions were held back in a full session, until all can be read. */
  private owesFull = false;
  private blockedUntil = -Infinity;
  /**
   * A batch takes a share of the machine's time only: the next begins no sooner than after as long as the last session took, up to the quiet time. Where
   * many paths share what a session costs by itself, it rests less.
   */
  private restUntil = -Infinity;
  private begunAt = 0;
  /** How long the last full session took, ms. */
  private fullTook = 0;
  /** Since when somebody waits, ms: until nothing is left, or something fails, what comes is due at once. */
  private hurriedAt: number | undefined;
  private readonly blockWait = new Backoff();
  private readonly mostFailed: number;

  constructor(private readonly options: AgendaOptions) {
    this.settler = new Settler(options);
    this.mostFailed = options.mostFailed ?? 10_000;
  }

  /** Something may differ. */
  add(hint: Hint, now: number): void {
    if (isWhole(hint)) this.wantFull(hint.reason === 'root' ? 'the source is back' : hint.reason, now, hint.at);
    else this.settler.add(hint, now);
  }

  /** Everything is to be compared, at once. `since`: when what is in doubt was first seen. */
  wantFull(reason: string, now: number, since: number | undefined = now): void {
    const { full } = this;
    this.full = { since: older(full?.since, since), at: Math.min(full?.at ?? now, now), reason: full?.reason ?? reason };
  }

  /** Everything is to be compared, but not at once: full sessions for this reason take a small share of the time only. */
  wantFullLater(reason: string, now: number, since: number | undefined): void {
    const at = now + Math.min(MOST_LATER, Math.max(this.options.longestMs, LATER_SHARE * this.fullTook));
    if (this.full === undefined) this.full = { since, at, reason };
    else this.full.since = older(this.full.since, since);
  }

  /** What to do at `now`; undefined: nothing yet. It is the caller's then, until one of the calls below gives its result. */
  next(now: number): Job | undefined {
    const job = this.choose(now);
    if (job !== undefined) this.begunAt = now;
    return job;
  }

  private choose(now: number): Job | undefined {
    if (this.idle) this.hurriedAt = undefined;
    if (now < this.blockedUntil) return undefined;
    if (this.reconcileAt <= now) {
      this.reconcileAt = Infinity;
      if (this.full === undefined) this.full = { since: undefined, at: now, reason: BY_TIMETABLE };
    }
    if (this.full !== undefined && this.full.at <= now) return this.takeFull(this.full);
    const hurried = this.hurriedAt !== undefined;
    if (this.failedAt <= now && !hurried) {
      const hints = this.takeFailed();
      return { kind: 'retry', hints, first: firstOf(hints) };
    }
    const batch = hurried ? this.everything(now) : now < this.restUntil ? undefined : this.settler.take(now);
    if (batch === undefined) return undefined;
    if (batch.hints.some(isWhole)) { // a storm that outgrew all room
      this.wantFull('storm', now, batch.first);
      return this.takeFull(this.full as unknown as Wanted);
    }
    return { kind: 'batch', hints: batch.hints, first: batch.first };
  }

  /** All that waits, with what failed before and is due again, as one batch: what both have would be looked at twice else. */
  private everything(now: number): DirtyBatch | undefined {
    const waiting = this.settler.takeAll();
    const known = new Set(waiting?.hints.map(({ path }) => path));
    const hints = [...(this.failedAt <= now ? this.takeFailed() : []).filter(({ path, scope }) => scope !== 'entry' || !known.has(path)), ...(waiting?.hints ?? [])];
    return hints.length === 0 ? undefined : { hints, first: firstOf(hints) ?? 0 };
  }

  private takeFailed(): Hint[] {
    const hints = [...this.failed.values()];
    this.failed.clear();
    this.failedAt = Infinity;
    return hints;
  }

  /** When `next` will have something, ms; undefined: nothing is to be done. */
  nextAt(): number | undefined {
    const settledAt = this.settler.nextAt() ?? Infinity;
    const batchAt = this.hurriedAt !== undefined && settledAt < Infinity ? -Infinity : Math.max(settledAt, this.restUntil);
    const at = Math.min(this.full?.at ?? Infinity, this.failedAt, this.reconcileAt, batchAt);
    return at === Infinity ? undefined : Math.max(at, this.blockedUntil);
  }

  /**
   * A session went through. `failed`: paths that are not as they should be; `heldDeletions`: nothing was deleted for them; `single`: whether such a
   * path is a file, with nothing below; `sent`: whether the target has it all the same, as it was while the session read it, so that what happened before
   * waits no more. Returns the hints of the job that are not done with.
   */
  done(job: Job, failed: Iterable<RelPath>, heldDeletions: boolean, now: number, single: (path: RelPath) => boolean = () => false, sent: (path: RelPath) => boolean = () => false): readonly Hint[] {
    this.blockedUntil = -Infinity;
    this.blockWait.reset();
    this.restUntil = now + Math.min(now - this.begunAt, this.options.quietMs) * Math.min(1, FEW_PATHS / Math.max(1, job.hints.length));
    const paths = [...failed];
    if (this.hurriedAt !== undefined && this.begunAt >= this.hurriedAt && (paths.length > 0 || heldDeletions)) this.hurriedAt = undefined; // it would be done over and over
    if (job.kind === 'full') {
      this.fullTook = now - this.begunAt;
      this.reconcileAt = now + this.options.reconcileMs;
      this.owesFull = heldDeletions;
      this.failed.clear(); // looked at with all else
      this.failedAt = Infinity;
      if (paths.length === 0 && !heldDeletions) this.failedWait.reset();
      this.keep(paths.map((path) => ({ path, scope: single(path) ? 'entry' : 'subtree', reason: 'unclear', at: sent(path) ? this.begunAt : job.first ?? now, gone: false })), now, false);
      // Something went while it was looked for: there is no path to wait for.
      if (heldDeletions && paths.length === 0) this.full = { since: older(this.full?.since, job.first), at: now + this.failedWait.next(), reason: 'deletions were held back' };
      return [];
    }
    if (paths.length === 0 && !heldDeletions) {
      this.mended(job.hints);
      if (job.kind === 'retry') this.failedWait.reset();
      if (this.owesFull && this.failed.size === 0) {
        this.owesFull = false;
        this.wantFull('deletions were held back', now, job.first);
      }
      return [];
    }
    const hit = (hint: Hint): boolean => paths.some((path) => touches(hint, path) || parentOf(hint.path) === path);
    let bad = job.hints.filter(hit);
    if (bad.length === 0) bad = [...job.hints]; // what failed is none of them: they all stay
    const kept = new Set(bad);
    if (!heldDeletions) this.mended(job.hints.filter((hint) => !kept.has(hint)));
    this.keep(bad.map((hint) => (sent(hint.path) ? { ...hint, at: Math.max(hint.at, this.begunAt) } : hint)), now, job.kind === 'retry', sent);
    if (!heldDeletions) return bad;
    for (const hint of job.hints) if (!kept.has(hint)) this.settler.add(hint, now);
    return job.hints;
  }

  /** A session failed as a whole: its paths stay, and nothing is begun for a while. Returns when the next attempt is due, ms. */
  failedWhole(job: Job, now: number): number {
    this.putBack(job, now);
    this.hurriedAt = undefined;
    return (this.blockedUntil = now + this.blockWait.next());
  }

  /** A session did not take place: its paths stay. */
  putBack(job: Job, now: number): void {
    if (job.kind === 'full') {
      this.full = { since: older(this.full?.since, job.first), at: now, reason: this.full?.reason ?? job.reason ?? 'again' };
      if (job.reason === BY_TIMETABLE) this.giveBack(job, now); // the next one has to know what waits
    }
    else if (job.kind === 'retry') this.keep(job.hints, now, false);
    else for (const hint of job.hints) this.settler.add(hint, now);
  }

  /** The timetable's session went through and changed nothing: what waited still does. `further`: what it found to be done. */
  looked(job: Job, further: readonly Hint[], now: number): void {
    this.go();
    this.reconcileAt = now + this.options.reconcileMs;
    this.giveBack(job, now);
    for (const hint of further) this.settler.add(hint, now);
  }

  /** Nothing is begun until `go`. */
  hold(): void {
    this.blockedUntil = Infinity;
  }
  /** What was held or waits for its next attempt goes on at once. */
  go(): void {
    this.blockedUntil = -Infinity;
    this.blockWait.reset();
  }

  /** Nothing waits for its time any more: whatever is to be looked at, or comes until all is done, is due at once. A hold stays. */
  hurry(now: number): void {
    this.hurriedAt = now;
    if (this.blockedUntil !== Infinity) this.blockedUntil = -Infinity;
    if (this.failed.size > 0) this.failedAt = Math.min(this.failedAt, now);
    if (this.full !== undefined) this.full.at = Math.min(this.full.at, now);
  }

  /** Paths that wait, and how many of them failed before. `whole`: everything is in doubt. */
  backlog(): { paths: number; failed: number; whole: boolean } {
    return { paths: this.settler.size + this.failed.size, failed: this.failed.size, whole: this.full !== undefined && this.full.since !== undefined };
  }

  /** The paths of the backlog, while nothing is added or taken. */
  *waiting(): Iterable<Hint> {
    yield* this.settler.waiting();
    yield* this.failed.values();
  }

  /** Nothing waits, but for the timetable. */
  get idle(): boolean {
    return this.settler.size === 0 && this.failed.size === 0 && this.full === undefined;
  }

  /** When the oldest change that waits was first seen, ms. */
  oldest(): number | undefined {
    return older(older(this.settler.oldest(), this.full?.since), firstOf(this.failed.values()));
  }

  /** The same without the paths that failed. */
  oldestSound(): number | undefined {
    return older(this.settler.oldest(), this.full?.since);
  }

  /** What failed before, and went well now because something was heard of it, need not be tried again. */
  private mended(hints: readonly Hint[]): void {
    for (const { path, scope } of hints) {
      const known = this.failed.get(path);
      if (known === undefined || (known.scope !== 'entry' && scope !== 'subtree')) continue;
      this.failed.delete(path);
      if (this.failed.size > 0) continue;
      this.failedAt = Infinity;
      this.failedWait.reset();
    }
  }

  private giveBack({ swallowed = [] }: Job, now: number): void {
    for (const hint of swallowed) if (!this.failed.has(hint.path)) this.settler.add(hint, now);
  }

  private takeFull(full: Wanted): Job {
    const waiting = this.settler.takeAll();
    this.full = undefined;
    return { kind: 'full', hints: [], first: older(full.since, waiting?.first), reason: full.reason, swallowed: [...(waiting?.hints ?? []), ...this.failed.values()] };
  }

  /** `again`: they were tried before, so the next attempt is later than this one was. */
  private keep(hints: readonly Hint[], now: number, again: boolean, sent: (path: RelPath) => boolean = () => false): void {
    if (hints.length === 0) return;
    for (const hint of hints) {
      const known = sent(hint.path) ? undefined : this.failed.get(hint.path);
      this.failed.set(hint.path, known === undefined || known.scope === 'entry' ? { ...hint, at: Math.min(hint.at, known?.at ?? Infinity) } : known);
    }
    if (this.failed.size > this.mostFailed) {
      const since = firstOf(this.failed.values());
      this.failed.clear();
      this.failedAt = Infinity;
      this.full = { since: older(this.full?.since, since), at: now + this.failedWait.next(), reason: 'many paths failed' };
    } else this.failedAt = Math.min(this.failedAt, now + (again ? this.failedWait.next() : this.failedWait.same()));
  }
}

function older(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}

function firstOf(hints: Iterable<Hint>): number | undefined {
  let first: number | undefined;
  for (const { at } of hints) first = older(first, at);
  return first;
}

/** For who clears marks: whether a full session or a hint at `folder` covers a path. */
export function covers(hint: Hint, path: RelPath): boolean {
  return hint.path === path || (hint.scope === 'subtree' && isBelow(path, hint.path)) || (hint.scope === 'listing' && path !== EMPTY && parentOf(path) === hint.path);
}
