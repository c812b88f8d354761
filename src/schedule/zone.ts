/** zone: how far local time is from UTC at a moment, by the time zone data that Node carries. Pure: no clock, no system zone. */
import { TwintreeError } from '../tree/index.js';

/**
 * A function from an instant (ms since 1970) to local time minus UTC in ms, for an IANA zone such as `Europe/Berlin`.
 * @throws TwintreeError USAGE where the zone is unknown.
 */
export function zoneOffset(zone: string): (instant: number) => number {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone, hourCycle: 'h23', era: 'short', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    });
  } catch (error) {
    throw new TwintreeError('USAGE', `there is no time zone ${JSON.stringify(zone)}`, { advice: 'Zones are named as in Europe/Berlin, America/New_York or UTC.', cause: error });
  }
  return (instant) => {
    const at: Record<string, string> = {};
    for (const { type, value } of format.formatToParts(instant)) at[type] = value;
    const year = at['era'] === 'BC' ? 1 - Number(at['year']) : Number(at['year']);
    const local = new Date(0).setUTCFullYear(year, Number(at['month']) - 1, Number(at['day'])) + (Number(at['hour']) * 3600 + Number(at['minute']) * 60 + Number(at['second'])) * 1000;
    return local - Math.floor(instant / 1000) * 1000;
  };
}

/** The first ms at which an offset is another than at `from`, in (from, to]; at `to` it is. */
function transitionIn(offset: (instant: number) => number, from: number, to: number): number {
  const before = offset(from);
  let low = from;
  let high = to;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offset(middle) === before) low = middle;
    else high = middle;
  }
  return high;
}

/** A stretch of time with one offset. */
export interface Stretch {
  /** Its first ms. Where `before` is `offset`: as far back as was looked, and nothing changed for days before that either. */
  readonly from: number;
  /** The first ms after it, or as far ahead as was looked. */
  readonly to: number;
  /** Local time minus UTC, ms. */
  readonly offset: number;
  /** The offset before `from`. */
  readonly before: number;
}

/** A zone changes its offset at most once in so long, ms. */
const STEP = 12 * 3_600_000;
/** How far a stretch is looked for to either side, ms. */
const REACH = 32 * STEP;
/** Stretches that are kept. */
const KEPT = 64;

const zones = new Map<string, ZoneStretches>();

/** The stretches of a zone, found when they are asked for and kept: for all who ask, as a zone is the same for each. */
export class ZoneStretches {
  private readonly offset: (instant: number) => number;
  private kept: Stretch[] = [];

  private constructor(zone: string) {
    this.offset = zoneOffset(zone);
  }

  /** @throws TwintreeError USAGE where the zone is unknown. */
  static of(zone: string): ZoneStretches {
    let found = zones.get(zone);
    if (found === undefined) zones.set(zone, found = new ZoneStretches(zone));
    return found;
  }

  /** The stretch with this instant in it. */
  at(instant: number): Stretch {
    const known = this.kept.find((each) => each.from <= instant && instant < each.to);
    if (known !== undefined) return known;
    const found = this.find(instant);
    this.kept = [found, ...this.kept.slice(0, KEPT - 1)];
    return found;
  }

  private find(instant: number): Stretch {
    const offset = this.offset(instant);
    let from = instant;
    while (from > instant - REACH && this.offset(from - STEP) === offset) from -= STEP;
    const before = this.offset(from - STEP);
    let to = instant;
    while (to < instant + REACH && this.offset(to + STEP) === offset) to += STEP;
    return {
      from: before === offset ? instant - REACH / 2 : transitionIn(this.offset, from - STEP, from),
      to: this.offset(to + STEP) === offset ? to : transitionIn(this.offset, to, to + STEP),
      offset, before,
    };
  }
}

/** An instant as people read it there: `2026-03-29 03:00:00 +02:00`. */
export function localText(instant: number, zone: string): string {
  const offset = zoneOffset(zone)(instant);
  const minutes = Math.floor(Math.abs(offset) / 60_000);
  return `${localStamp(instant + offset)} ${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** A local time (ms as if UTC): `2026-03-29 02:30:00`. */
export function localStamp(local: number): string {
  return new Date(local).toISOString().slice(0, 19).replace('T', ' ');
}
