/**
 * Planner: which job is to run when, and what waits for what. Pure: instants are handed in (ms since 1970, the system's clock, which may be set), and what
 * it decides is carried out by others, who tell it how that went.
 *
 * A schedule's instant counts once, whatever the clock does: set back, nothing runs twice; set forward, or after a time in which nobody looked, what was missed is
 * made up for as the job says (schedule/calendar.ts).
 */
import { settled, type Calendar, type Occurrence } from '../../schedule/index.js';
import type { OverlapPolicy } from '../lock/index.js';

/** A job as the planner sees it. */
export interface PlannedJob {
  readonly name: string;
  /** More goes first; what is equal, in the order in which it became due. */
  readonly priority: number;
  readonly overlap: OverlapPolicy;
  /** Of a live job: it is to be at work all the time, and started again where it ends. Else it has a schedule. */
  readonly live: boolean;
  /** Not asked of live jobs. */
  readonly calendar: Pick<Calendar, 'next' | 'due' | 'resume'>;
}

/** Why a run is to begin. */
export type Cause =
  | { readonly kind: 'schedule'; readonly run: Occurrence }
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

/** Waits before a live job that ended is started again, ms: doubled from the first to the longest. */
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 300_000;
/** A live job that was at work for so long is sound: its next attempt counts from 0. */
const SOUND = 60_000;

/** A run that is to be. `from`: not before. */
interface Waiting { readonly cause: Cause; readonly from: number; readonly order: number }

interface Entry {
  job: PlannedJob;
  running: boolean;
  paused: boolean;
  /** The schedule was looked at up to this instant. */
  seen: number;
  /** When to look at it again; of a live job, when to start it. */
  due: number | undefined;
  waiting: Waiting[];
  cancelled: boolean;
  attempt: number;
  startedAt: number;
}

export class Planner {
  private readonly entries = new Map<string, Entry>();
  private readonly gone = new Set<string>(); // at work, and no job any more
  private order = 0;

  /** @param most runs of schedules at work at once; live jobs do not count */
  constructor(private most: number) {}

  /**
   * These are the jobs from now on. Those of the same name keep what waits and what is at work.
   * @param last when each last began, as its history tells: undefined where it never ran
   * @param most as the constructor has it, from now on
   */
  load(jobs: readonly PlannedJob[], now: number, last: (name: string) => number | undefined, most = this.most): void {
    this.most = most;
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
      const entry: Entry = { job, running: this.gone.delete(job.name), paused: false, seen: since ?? now, due: undefined, waiting: [], cancelled: false, attempt: 0, startedAt: now };
      this.entries.set(job.name, entry);
      if (job.live) entry.due = entry.running ? undefined : now;
      else this.passed(entry, now, []);
    }
  }

  /** The same job as it is written now: its schedule holds from this moment on, not for what has passed. */
  private replace(entry: Entry, job: PlannedJob, now: number): void {
    this.passed(entry, now, []);
    entry.job = job;
    if (job.live) entry.due = entry.running || entry.paused ? undefined : (entry.due ?? now);
    else entry.due = job.calendar.next(entry.seen)?.start;
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
    for (const { due, paused, running, waiting } of this.entries.values()) {
      if (paused) continue;
      for (const at of [due, running ? undefined : waiting[0]?.from]) if (at !== undefined && (first === undefined || at < first)) first = at;
    }
    return first;
  }

  /** A person asks for a run now. False: there is no such job. It waits for the run at work, if one is. */
  ask(name: string): boolean {
    const entry = this.entries.get(name);
    if (entry === undefined) return false;
    if (entry.job.live) {
      if (!entry.running) entry.due = -Infinity;
    } else if (!entry.waiting.some(({ cause }) => cause.kind === 'asked')) entry.waiting.push({ cause: { kind: 'asked' }, from: -Infinity, order: this.order++ });
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
    else this.passed(entry, now, []);
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

  /**
   * A run is over. Of a live job: it is started again after a while, where it is not paused. `stopped`: the end of its window ended this run of a schedule, which
   * goes on when that opens again.
   */
  ended(name: string, now: number, stopped?: Occurrence): void {
    this.gone.delete(name);
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    entry.running = false;
    entry.cancelled = false;
    const rest = stopped === undefined || entry.job.live ? undefined : entry.job.calendar.resume(stopped, now);
    if (rest !== undefined) entry.waiting.push(this.waits(rest));
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
    if (job.live || entry.paused) return;
    entry.seen = settled(entry.seen, now);
    if (entry.due === undefined || entry.due <= now) for (const run of job.calendar.due(entry.seen, now)) this.wait(entry, run, decisions);
    entry.seen = Math.max(entry.seen, now);
    entry.due = job.calendar.next(entry.seen)?.start;
  }

  /** One more run of the schedule: what that means while one is at work, or waits, is the job's to say. What was missed was promised, and waits. */
  private wait(entry: Entry, run: Occurrence, decisions: Decision[]): void {
    const { job, running, waiting } = entry;
    const missed = run.moves.some(({ kind }) => kind === 'missed');
    const full = job.overlap === 'skip' ? running || waiting.length > 0 : waiting.some(({ cause }) => cause.kind === 'schedule');
    if (full && !missed) decisions.push({ do: 'skip', job: job.name, cause: { kind: 'schedule', run } });
    else waiting.push(this.waits(run));
  }

  /** What waited for a place until its window closed begins when that opens again. */
  private putOff({ job, waiting }: Entry, now: number): void {
    for (const [at, { cause }] of waiting.entries()) {
      if (cause.kind !== 'schedule' || cause.run.until === undefined || cause.run.until > now) continue;
      const later = job.calendar.resume(cause.run, now);
      if (later === undefined) waiting.splice(at, 1);
      else waiting[at] = this.waits(later);
      return; // the others wait for this one
    }
  }

  private waits(run: Occurrence): Waiting {
    return { cause: { kind: 'schedule', run }, from: run.start, order: this.order++ };
  }

  private places(now: number): Decision[] {
    const decisions: Decision[] = [];
    let free = this.most;
    for (const { running, job } of this.entries.values()) if (running && !job.live) free--;
    free -= this.gone.size;
    const ready: (Waiting & { entry: Entry })[] = [];
    for (const entry of this.entries.values()) {
      const { job, running, paused, waiting, due } = entry;
      if (paused) continue;
      if (job.live) {
        if (!running && due !== undefined && due <= now) decisions.push({ do: 'start', job: job.name, cause: { kind: 'live', attempt: entry.attempt } });
        continue;
      }
      this.putOff(entry, now);
      const [first] = waiting;
      if (first === undefined || first.from > now) continue;
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
