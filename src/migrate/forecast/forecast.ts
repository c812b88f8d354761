/**
 * forecast: how long the services would stand still if the cutover began now, from what the migration itself has measured: cutovers, rehearsals, sessions, changes. Pure: the
 * clock is handed in.
 *
 * Method: each part has a time and an interval that the next one lies in nine times of ten (spread.ts, pass-model.ts). Parts that were measured are taken as independent, so their
 * intervals add as the root of the squares; a part of which nothing was measured is assumed from what is usual, is off by as much as it is long, and adds whole.
 */
import { PARTS, type MigrationEvent, type Part } from '../journal/events.js';
import { changeRate, cheapestHour, type CheapHour, type LocalHour, type Rate } from './hours.js';
import { PassModel, type PassMeasured } from './pass-model.js';
import { spreadOf } from './spread.js';

/** What waits for the target now. */
export interface Backlog { readonly files: number; readonly bytes: number }

export interface ForecastSettings {
  /** freeze.quiet of the definition, ms. */
  readonly quietMs?: number;
  readonly final?: 'dirty' | 'full';
  readonly verify?: { readonly mode: 'full' | 'index'; readonly sample: number };
  /** Parts that have nothing to do: no hooks, no check. */
  readonly without?: readonly Part[];
  /** Hours for people; UTC without it. */
  readonly local?: LocalHour;
}

/** `measured`: that very part, so often. `assumed`: never. */
export interface PartForecast { readonly part: Part; readonly ms: number; readonly plusMinusMs: number; readonly basis: 'measured' | 'assumed'; readonly measurements: number }

export interface Forecast {
  readonly at: number;
  readonly ms: number;
  readonly plusMinusMs: number;
  readonly parts: readonly PartForecast[];
  readonly backlog: Backlog;
  /** What changes now; null: it is not known. */
  readonly change: Rate | null;
  /** The longest part, and what would shorten it. */
  readonly limiting: { readonly part: Part; readonly sentence: string };
  readonly cheapest: (CheapHour & { /** What a cutover would take then, with the backlog that such an hour leaves. */ readonly ms: number }) | { readonly unknown: string };
  /** Something of it was measured. */
  readonly known: boolean;
  readonly notes: readonly string[];
}

/** Where nothing was measured, ms. */
const ASSUMED: Readonly<Record<Part, number>> = { freeze: 5000, quiet: 1000, final: 200, verify: 60_000, switch: 5000, health: 3000 };
/** Sessions that make other signs needless; signs and sessions that count, the last. */
const ENOUGH = 10;
const MOST_WAITS = 200;
const MOST_SCANS = 20;
/** A rehearsal without hooks takes less, ms. */
const LEAST_PRACTICE = 5;
/** Bytes a second that a disk is read at, where nothing tells. */
const USUAL_READING = 100e6;
/** What counts as now, ms. */
const LATELY = 3_600_000;
/** How much a target that follows is behind, s: what changes in this time waits at a cutover. */
const FOLLOWS_BY = 2;

export function forecast(events: readonly MigrationEvent[], now: number, backlog: Backlog, settings: ForecastSettings = {}): Forecast {
  const change = changeRate(events, now, LATELY) ?? null;
  const model = new PassModel(passes(events));
  const parts = partsOf(events, backlog, change, model, settings);
  const { ms, plusMinusMs } = sumOf(parts);
  const longest = parts.reduce((most, part) => (part.ms > most.ms ? part : most));
  return {
    at: now, ms, plusMinusMs, parts, backlog, change, limiting: { part: longest.part, sentence: shorten(longest.part, model, backlog, settings) }, cheapest: cheapest(events, parts, model, settings),
    known: parts.some(({ basis }) => basis === 'measured'), notes: notesOf(events, parts, change),
  };
}

function partsOf(events: readonly MigrationEvent[], backlog: Backlog, change: Rate | null, model: PassModel, settings: ForecastSettings): PartForecast[] {
  const parts: PartForecast[] = [];
  for (const part of PARTS) {
    if (settings.without?.includes(part) === true) continue;
    switch (part) {
      case 'quiet': {
        // While the freeze hooks run, some services still write.
        const meanwhile = (parts.find((other) => other.part === 'freeze')?.ms ?? 0) / 1000;
        parts.push(quietPart(events, { files: backlog.files + (change?.filesPerSecond ?? 0) * meanwhile, bytes: backlog.bytes + (change?.bytesPerSecond ?? 0) * meanwhile }, model, settings));
        break;
      }
      case 'final': parts.push(finalPart(events, model, settings)); break;
      case 'verify': parts.push(verifyPart(events, settings)); break;
      case 'freeze': case 'switch': case 'health': parts.push(hookPart(part, measuredParts(events, part))); break;
    }
  }
  return parts;
}

function rounded(part: Part, ms: number, plusMinusMs: number, measurements: number): PartForecast {
  return { part, ms: Math.round(ms), plusMinusMs: Math.round(plusMinusMs), basis: measurements > 0 ? 'measured' : 'assumed', measurements };
}

type PartEvent = Extract<MigrationEvent, { event: 'part' }>;

function measuredParts(events: readonly MigrationEvent[], part: Part): PartEvent[] {
  return events.filter((event): event is PartEvent => event.event === 'part' && event.part === part);
}

/** It takes what it took. */
function plainPart(part: Part, values: readonly number[]): PartForecast {
  const spread = spreadOf(values);
  return spread === undefined ? rounded(part, ASSUMED[part], ASSUMED[part], 0) : rounded(part, spread.ms, spread.plusMinusMs, values.length);
}

/** Commands. A rehearsal has its own, which tell something where the cutover's were never run; none at all tells nothing. */
function hookPart(part: Part, measured: readonly PartEvent[]): PartForecast {
  const real = measured.filter(({ rehearsal }) => !rehearsal).map(({ ms }) => ms);
  if (real.length > 0) return plainPart(part, real);
  const practice = plainPart(part, measured.map(({ ms }) => ms).filter((ms) => ms >= LEAST_PRACTICE));
  return practice.basis === 'assumed' ? practice : { ...practice, plusMinusMs: Math.max(practice.plusMinusMs, Math.round(practice.ms / 2)) };
}

/** Sessions over what is dirty; where too few were told, how far the target was behind with how much, and what the first copy took beyond looking through the trees. */
function passes(events: readonly MigrationEvent[]): PassMeasured[] {
  const batches = events.flatMap((event) => (event.event === 'session' && event.kind === 'batch' ? [{ ms: event.ms, files: event.files, bytes: event.bytes }] : []));
  if (batches.length >= ENOUGH) return batches;
  const waits = events.flatMap((event) => (event.event === 'lag' && event.backlogFiles > 0 && event.lagMs > 0 ? [{ ms: event.lagMs, files: event.backlogFiles, bytes: event.backlogBytes }] : [])).slice(-MOST_WAITS);
  const full = events.filter((event): event is Extract<MigrationEvent, { event: 'session' }> => event.event === 'session' && event.kind === 'full');
  const scan = full.length < 2 ? 0 : Math.min(...full.map(({ ms }) => ms));
  const copies = full.filter(({ ms, files }) => files > 0 && ms > 2 * scan).map(({ ms, files, bytes }) => ({ ms: ms - scan, files, bytes }));
  return [...copies, ...waits, ...batches];
}

/** The quiet time, and until then the target catches up: what waits has to be carried. Cutovers that were made tell how far that is off. */
function quietPart(events: readonly MigrationEvent[], { files, bytes }: Backlog, model: PassModel, { quietMs = ASSUMED.quiet }: ForecastSettings): PartForecast {
  const pass = model.predict(files, bytes);
  const offsets: number[] = [];
  let quiet: PartEvent | undefined;
  for (const event of events) {
    if (event.event !== 'part' || event.rehearsal) continue;
    if (event.part === 'quiet') quiet = event;
    else if (event.part === 'final' && quiet !== undefined) { // it tells what was carried since the freeze
      offsets.push(quiet.ms - quietMs - model.time(event.files, event.bytes));
      quiet = undefined;
    }
  }
  const off = spreadOf(offsets);
  const ms = Math.max(quietMs, quietMs + pass.ms + (off?.ms ?? 0));
  return rounded('quiet', ms, Math.hypot(pass.plusMinusMs, off?.plusMinusMs ?? (model.measurements > 0 ? 0 : quietMs)), Math.max(offsets.length, model.measurements));
}

/** What is left when the source is still: next to nothing, or both trees are looked through once more. */
function finalPart(events: readonly MigrationEvent[], model: PassModel, { final }: ForecastSettings): PartForecast {
  const real = measuredParts(events, 'final').filter(({ rehearsal }) => !rehearsal).map(({ ms }) => ms);
  if (final !== 'full' || real.length > 0) return plainPart('final', real);
  // As the sessions did that compared all: what they carried is taken off.
  const scans = events.flatMap((event) => (event.event === 'session' && (event.kind === 'full' || event.kind === 'final') ? [Math.max(0, event.ms - (model.time(event.files, event.bytes) - model.time(0, 0)))] : []));
  const scan = spreadOf(scans.slice(-MOST_SCANS));
  return scan === undefined ? rounded('final', ASSUMED.verify, ASSUMED.verify, 0) : rounded('final', scan.ms, scan.plusMinusMs, scans.length);
}

/** What was read before, brought to the size that the tree has now. */
function verifyPart(events: readonly MigrationEvent[], { verify }: ForecastSettings): PartForecast {
  const measured = measuredParts(events, 'verify');
  const bytesNow = events.reduce((last, event) => (event.event === 'planned' || event.event === 'evidence' ? event.bytes : last), 0);
  const spread = spreadOf(measured.map(({ ms, bytes }) => (bytes > 0 && bytesNow > 0 && verify?.mode !== 'index' ? ms * Math.min(10, Math.max(0.1, bytesNow / bytes)) : ms)));
  if (spread !== undefined) return rounded('verify', spread.ms, spread.plusMinusMs, measured.length);
  const share = verify?.mode === 'index' ? verify.sample : 1;
  const ms = bytesNow > 0 ? 2000 + ((bytesNow * share) / USUAL_READING) * 1000 : ASSUMED.verify;
  return rounded('verify', ms, ms, 0);
}

function sumOf(parts: readonly PartForecast[]): { ms: number; plusMinusMs: number } {
  const ms = parts.reduce((sum, part) => sum + part.ms, 0);
  const squares = parts.reduce((sum, { basis, plusMinusMs }) => sum + (basis === 'measured' ? plusMinusMs ** 2 : 0), 0);
  const whole = parts.reduce((sum, { basis, plusMinusMs }) => sum + (basis === 'assumed' ? plusMinusMs : 0), 0);
  return { ms, plusMinusMs: Math.round(Math.min(ms, Math.sqrt(squares) + whole)) };
}

/** What would make the longest part shorter. */
function shorten(part: Part, model: PassModel, { files, bytes }: Backlog, { verify, quietMs = ASSUMED.quiet }: ForecastSettings): string {
  switch (part) {
    case 'freeze': return 'Stopping the services takes longest: hooks that stop them faster, or only those that write, would shorten it.';
    case 'quiet': {
      if (quietMs > model.time(files, bytes)) return 'Waiting for quiet takes longest: a shorter freeze.quiet would shorten it.';
      const [start, perFile, perByte] = model.coefficients;
      if (perByte * bytes > Math.max(start, perFile * files)) return 'Sending what waits takes longest: beginning at a quieter time, or more bandwidth, would shorten it.';
      return perFile * files > start ? 'The number of changed files takes longest: beginning at a quieter time would shorten it.' : 'Catching up takes longest, though little waits: a connection with a shorter way would shorten it.';
    }
    case 'final': return 'Looking through both trees takes longest: final: dirty would look at what has changed only.';
    case 'verify': return verify?.mode === 'index' ? 'Verifying takes longest: a smaller sample would shorten it.' : 'Verifying takes longest, for it reads both trees whole: verify: { mode: index, sample: 2% } would shorten it.';
    case 'switch': return 'Bringing the new side into use takes longest: services there that are started before, and only told to go on, would shorten it.';
    case 'health': return 'Waiting for the new side to be healthy takes longest: a service that starts faster, or a check that is tried more often, would shorten it.';
  }
}

function cheapest(events: readonly MigrationEvent[], parts: readonly PartForecast[], model: PassModel, settings: ForecastSettings): Forecast['cheapest'] {
  const [, perFile, perByte] = model.coefficients;
  const hour = cheapestHour(events, ({ filesPerSecond, bytesPerSecond }) => perFile * filesPerSecond + perByte * bytesPerSecond, settings.local);
  if ('unknown' in hour) return hour;
  const seconds = FOLLOWS_BY + (parts.find(({ part }) => part === 'freeze')?.ms ?? 0) / 1000;
  const then = { files: hour.filesPerSecond * seconds, bytes: hour.bytesPerSecond * seconds };
  return { ...hour, ms: parts.reduce((sum, { part, ms }) => sum + (part === 'quiet' ? quietPart(events, then, model, settings).ms : ms), 0) };
}

function notesOf(events: readonly MigrationEvent[], parts: readonly PartForecast[], change: Rate | null): string[] {
  const notes: string[] = [];
  const assumed = parts.filter(({ basis }) => basis === 'assumed').map(({ part }) => part);
  if (assumed.length > 0) notes.push(`never measured, and assumed: ${assumed.join(', ')}; a rehearsal measures what it can`);
  if (change === null) notes.push('what changes now is not known: nothing was reported in the last hour');
  if (!events.some((event) => event.event === 'part' && !event.rehearsal) && parts.some(({ part, basis }) => part !== 'quiet' && basis === 'measured')) notes.push('parts were measured in rehearsals only, whose hooks may do something else');
  return notes;
}
