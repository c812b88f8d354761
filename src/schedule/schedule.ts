/**
 * Schedule: when one line of a job's timetable lets a run start: what is due by a cron expression or an interval, moved into the window and
 * apart by jitter. Pure: the same name, line and instant give the same answer, in whatever process.
 */
import { Cron, type Due } from './cron-next.js';
import { jitterShare } from './jitter.js';
import { Window } from './window.js';

/** What is made up for after runs were missed: the last of them, each (up to `MOST_CAUGHT_UP`), none. */
export type CatchUp = 'once' | 'all' | 'none';

export interface ScheduleSpec {
  /** An interval's instants are `anchor` (ms since 1970) and every `everyMs` before and after it: a restart does not move them. */
  readonly when: { readonly kind: 'cron'; readonly text: string } | { readonly kind: 'interval'; readonly everyMs: number; readonly anchor: number };
  /** IANA name; of the cron expression and of the window. */
  readonly zone: string;
  /** A run starts up to so much later than it is due. */
  readonly jitterMs: number;
  /** Runs start and go on in it only, see `Window`. */
  readonly window: string | undefined;
  readonly catchUp: CatchUp;
}

/** Why a run starts at another time than its line says. */
export type Move =
  | { readonly kind: 'clocks'; /** Local time that was passed over, ms as if UTC. */ readonly skipped: number }
  | { readonly kind: 'window'; /** When it was due. */ readonly due: number }
  | { readonly kind: 'jitter'; readonly ms: number }
  /** It was missed: it should have started then. */
  | { readonly kind: 'missed'; readonly start: number }
  /** The end of a window stopped it. */
  | { readonly kind: 'resumed' };

/** One run to come. */
export interface Occurrence {
  /** When it starts, ms since 1970. */
  readonly start: number;
  /** When it was due. */
  readonly due: number;
  /** When its window closes: it is to stop then, and to go on when the window opens again. */
  readonly until: number | undefined;
  readonly zone: string;
  /** Which of the job's schedules, from 0. */
  readonly schedule: number;
  readonly moves: readonly Move[];
}

export class Schedule {
  private readonly cron: Cron | undefined;
  private readonly window: Window | undefined;

  /** @param name of the job: its jitter follows from it. @throws TwintreeError USAGE; a PositionError for what is wrong in a text. */
  constructor(private readonly spec: ScheduleSpec, private readonly name: string, private readonly index = 0) {
    this.cron = spec.when.kind === 'cron' ? new Cron(spec.when.text, spec.zone) : undefined;
    this.window = spec.window === undefined ? undefined : Window.parse(spec.window, spec.zone);
  }

  get catchUp(): CatchUp {
    return this.spec.catchUp;
  }

  /** The first run that starts after this instant; undefined: none in fifty years. */
  next(after: number): Occurrence | undefined {
    let best: Occurrence | undefined;
    for (let ready = this.ready(after - this.spec.jitterMs); ready !== undefined; ready = this.ready(ready.at)) {
      if (best !== undefined && ready.at >= best.start) break; // jitter only adds
      const found = this.occurrence(ready);
      if (found.start > after && (best === undefined || found.start < best.start)) best = found;
    }
    return best;
  }

  /** The last runs, at most `most`, that start after `from` and not after `to`; in order. */
  last(from: number, to: number, most: number): Occurrence[] {
    let found: Occurrence[] = [];
    for (let back = 60_000; found.length < most; back *= 2) {
      const start = Math.max(from, to - back);
      found = [];
      for (let each = this.next(start); each !== undefined && each.start <= to; each = this.next(each.start)) found.push(each);
      if (start <= from) break;
    }
    return found.slice(-most);
  }

  /** A run that starts outside of what is due, at this instant or when the window opens next. */
  outside(from: number, due: number, move: Move): Occurrence | undefined {
    const start = this.window === undefined ? from : this.window.opening(from);
    return start === undefined ? undefined : { start, due, until: this.window?.closing(start), zone: this.spec.zone, schedule: this.index, moves: [move] };
  }

  /** When the window closes that is open at this instant; undefined: never, or it is closed. */
  closing(instant: number): number | undefined {
    return this.window?.isOpen(instant) === true ? this.window.closing(instant) : undefined;
  }

  /** The first instant after this one at which a run is due and the window open. */
  private ready(after: number): Ready | undefined {
    const { window } = this;
    if (window === undefined) return this.at(this.due(after));
    if (window.isOpen(after)) return this.at(this.due(after));
    const due = this.due((window.closedSince(after) ?? after) - 1); // what fell due since the window closed starts when it opens
    return this.at(due);
  }

  private at(due: Due | undefined): Ready | undefined {
    if (due === undefined || this.window === undefined) return due === undefined ? undefined : { at: due.at, due };
    const at = this.window.opening(due.at);
    if (at === undefined || at === due.at) return at === undefined ? undefined : { at, due };
    const own = this.due(at - 1); // what is due when it opens is not late
    return { at, due: own?.at === at ? own : due };
  }

  private due(after: number): Due | undefined {
    const { when } = this.spec;
    if (when.kind === 'cron') return this.cron?.next(after);
    return { at: when.anchor + (Math.floor((after - when.anchor) / when.everyMs) + 1) * when.everyMs };
  }

  private occurrence({ at, due }: Ready): Occurrence {
    const { jitterMs, zone } = this.spec;
    const closing = this.window?.closing(at);
    const room = Math.min(jitterMs, closing === undefined ? Infinity : closing - at);
    const jitter = room === 0 ? 0 : Math.floor((jitterShare(this.name, at) * room) / 1000) * 1000;
    const moves: Move[] = [];
    if (due.skipped !== undefined) moves.push({ kind: 'clocks', skipped: due.skipped });
    if (at !== due.at) moves.push({ kind: 'window', due: due.at });
    if (jitter > 0) moves.push({ kind: 'jitter', ms: jitter });
    return { start: at + jitter, due: due.at, until: closing, zone, schedule: this.index, moves };
  }
}

/** A run that may start, but for jitter. */
interface Ready { readonly at: number; readonly due: Due }
