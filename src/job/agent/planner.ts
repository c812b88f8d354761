/**
 * Planner: which job is to run when, and what waits for what. Pure: instants are handed in (ms since 1970, the system's clock, which may be set), and what
 * it decides is carried out by others, who tell it how that went.
 *
 * A schedule's instant counts once, whatever the clock does: set back, nothing runs twice; set forward, or after a time in which nobody looked, what was missed is
 * made up for as the job says.
 */

/** What is done about a run that is due while the one before is still at work. */
export type Overlap = 'skip' | 'queue' | 'cancel-previous';

/** A job as the planner sees it. */
export interface PlannedJob {
  readonly name: string;
  /** More goes first; what is equal, in the order in which it became due. */
  readonly priority: number;
  readonly overlap: Overlap;
  /** Of a live job: it is to be at work all the time, and started again where it ends. Else it has a schedule. */
  readonly live: boolean;
  /** The first instant of the schedule behind this one; undefined: none any more. Never asked of live jobs. */
  next(after: number): number | undefined;
  /** Instants behind `since`, up to `now`, that nobody saw and that are to be made up for, at most so many as the job allows. */
  missed(since: number, now: number): readonly number[];
}

/** Why a run is to begin. */
export type Cause =
  | { readonly kind: 'schedule'; readonly due: number }
  /** Missed at this instant. */
  | { readonly kind: 'catch-up'; readonly due: number }
  | { readonly kind: 'asked' }
  /** A live job. `attempt`: how often it was tried since it last was sound, from 0. */
  | { readonly kind: 'live'; readonly attempt: number };

/** What is to be done now. */
export type Decision =
  | { readonly do: 'start'; readonly job: string; readonly cause: Cause }
  /** The run at work is to end in good order; the next one waits for it. */
  | { readonly do: 'cancel'; readonly job: string }
  /** It was due, and another run is at work: it is told and left. */
  | { readonly do: 'skip'; readonly job: string; readonly cause: Cause };

/** How one job stands. */
export interface Standing {
  readonly running: boolean;
  readonly paused: boolean;
  /** Runs that wait, for a place or for the one before. */
  readonly waiting: number;
  /** When it is due next; undefined: never. */
  readonly due: number | undefined;
}

/** A later look than this is one after a sleep or a jump of the clock: what lies between was missed, ms. */
const LATE = 60_000;
/** Waits before a live job that ended is started again, ms: doubled from the first to the longest. */
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 300_000;
/** A live job that was at work for so long is sound: its next attempt counts from 0. */
const SOUND = 60_000;

interface Entry {
  job: PlannedJob;
  running: boolean;
  paused: boolean;
  /** The last instant that counted. */
  seen: number;
  due: number | undefined;
  waiting: { cause: Cause; order: number }[];
  cancelled: boolean;
  attempt: number;
  startedAt: number;
}

export class Planner {
  private readonly entries = new Map<string, Entry>();
  private readonly gone = new Set<string>(); // at work, and no job any more
  private order = 0;

  /** @param most runs of schedules at work at once; live jobs do not count */
  constructor(private readonly most: number) {}

  /**
   * These are the jobs from now on. Those of the same name keep what waits and what is at work.
   * @param last when each was last due, as its history tells: undefined where it never ran
   */
  load(jobs: readonly PlannedJob[], now: number, last: (name: string) => number | undefined): void {
    const names = new Set(jobs.map(({ name }) => name));
    for (const [name, entry] of this.entries) {
      if (names.has(name)) continue;
      if (entry.running) this.gone.add(name);
      this.entries.delete(name);
    }
    for (const job of jobs) {
      const before = this.entries.get(job.name);
      if (before !== undefined) {
        this.replace(before, job, now);
        continue;
      }
      const since = last(job.name);
      const entry: Entry = { job, running: this.gone.delete(job.name), paused: false, seen: Math.max(now, since ?? now), due: undefined, waiting: [], cancelled: false, attempt: 0, startedAt: now };
      this.entries.set(job.name, entry);
      if (job.live) entry.due = entry.running ? undefined : now;
      else {
        if (since !== undefined && since < now) this.catchUp(entry, since, now);
        entry.due = job.next(entry.seen);
      }
    }
  }

  /** The same job as it is written now: its schedule holds from this moment on, not for what has passed. */
  private replace(entry: Entry, job: PlannedJob, now: number): void {
    if (!entry.job.live) this.passed(entry, now, []);
    entry.job = job;
    if (job.live) entry.due = entry.running || entry.paused ? undefined : (entry.due ?? now);
    else {
      if (!entry.paused) entry.seen = Math.max(entry.seen, now);
      entry.due = job.next(entry.seen);
    }
  }

  /** Looks at the clock, and says what is to be done. Whoever is told to start says `started`, and later `ended`. */
  look(now: number): Decision[] {
    const decisions: Decision[] = [];
    for (const entry of this.entries.values()) this.passed(entry, now, decisions);
    return [...decisions, ...this.places(now)];
  }

  /** When to look again, at the latest; undefined: when something happens. */
  wake(): number | undefined {
    let first: number | undefined;
    for (const { due, paused } of this.entries.values()) if (due !== undefined && !paused && (first === undefined || due < first)) first = due;
    return first;
  }

  /** A person asks for a run now. False: there is no such job. It waits for the run at work, if one is. */
  ask(name: string): boolean {
    const entry = this.entries.get(name);
    if (entry === undefined) return false;
    if (entry.job.live) {
      if (!entry.running) entry.due = -Infinity;
    } else if (!entry.waiting.some(({ cause }) => cause.kind === 'asked')) entry.waiting.push({ cause: { kind: 'asked' }, order: this.order++ });
    return true;
  }

  /** Nothing of it begins until it is resumed; what falls due meanwhile is missed, and made up for as the job says. */
  pause(name: string): boolean {
    const entry = this.entries.get(name);
    if (entry === undefined) return false;
    entry.paused = true;
    return true;
  }

  resume(name: string, now: number): boolean {
    const entry = this.entries.get(name);
    if (entry === undefined) return false;
    if (!entry.paused) return true;
    entry.paused = false;
    if (entry.job.live) entry.due = entry.running ? undefined : now;
    else {
      this.catchUp(entry, entry.seen, now);
      entry.seen = Math.max(entry.seen, now);
      entry.due = entry.job.next(entry.seen);
    }
    return true;
  }

  started(name: string, now: number): void {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    entry.running = true;
    entry.cancelled = false;
    entry.startedAt = now;
    if (entry.job.live) entry.due = undefined;
  }

  /** A run is over. Of a live job: it is started again after a while, where it is not paused. */
  ended(name: string, now: number): void {
    this.gone.delete(name);
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    entry.running = false;
    entry.cancelled = false;
    if (!entry.job.live) return;
    entry.attempt = now - entry.startedAt >= SOUND ? 0 : entry.attempt + 1;
    entry.due = now + (entry.attempt === 0 ? FIRST_WAIT : Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (entry.attempt - 1)));
  }

  standing(name: string): Standing | undefined {
    const entry = this.entries.get(name);
    if (entry === undefined) return undefined;
    const { running, paused, waiting, due } = entry;
    return { running, paused, waiting: waiting.length, due: paused || due === -Infinity ? undefined : due };
  }

  private passed(entry: Entry, now: number, decisions: Decision[]): void {
    const { job } = entry;
    if (job.live || entry.paused || entry.due === undefined || entry.due > now) return;
    const { due } = entry;
    if (now - due > LATE) this.catchUp(entry, Math.max(entry.seen, due - 1), now);
    else this.wait(entry, { kind: 'schedule', due }, decisions);
    entry.seen = Math.max(entry.seen, now);
    entry.due = job.next(entry.seen);
  }

  private catchUp(entry: Entry, since: number, now: number): void {
    for (const due of entry.job.missed(since, now)) entry.waiting.push({ cause: { kind: 'catch-up', due }, order: this.order++ });
  }

  /** One more run of the schedule: what that means while one is at work, or waits, is the job's to say. */
  private wait(entry: Entry, cause: Cause, decisions: Decision[]): void {
    const { job, running, waiting } = entry;
    const busy = running || waiting.length > 0;
    if (busy && job.overlap === 'skip') decisions.push({ do: 'skip', job: job.name, cause });
    else if (waiting.some((each) => each.cause.kind === 'schedule')) decisions.push({ do: 'skip', job: job.name, cause }); // one waits already
    else waiting.push({ cause, order: this.order++ });
  }

  private places(now: number): Decision[] {
    const decisions: Decision[] = [];
    let free = this.most;
    for (const { running, job } of this.entries.values()) if (running && !job.live) free--;
    free -= this.gone.size;
    const ready: { entry: Entry; cause: Cause; order: number }[] = [];
    for (const entry of this.entries.values()) {
      const { job, running, paused, waiting, due } = entry;
      if (paused) continue;
      if (job.live) {
        if (!running && due !== undefined && due <= now) decisions.push({ do: 'start', job: job.name, cause: { kind: 'live', attempt: entry.attempt } });
        continue;
      }
      const [first] = waiting;
      if (first === undefined) continue;
      if (!running) ready.push({ entry, ...first });
      else if (job.overlap === 'cancel-previous' && !entry.cancelled) {
        entry.cancelled = true;
        decisions.push({ do: 'cancel', job: job.name });
      }
    }
    ready.sort((a, b) => b.entry.job.priority - a.entry.job.priority || a.order - b.order);
    for (const { entry, cause } of ready.slice(0, Math.max(0, free))) {
      entry.waiting.shift();
      decisions.push({ do: 'start', job: entry.job.name, cause });
    }
    return decisions;
  }
}
