/** compare: what was said when a cutover began, beside what it came to. Pure. */
import { durationText } from '../../job/index.js';
import { PARTS, type MigrationEvent, type Part } from '../journal/events.js';

export interface Comparison {
  /** When the cutover ended. */
  readonly at: number;
  readonly forecastMs: number;
  readonly plusMinusMs: number;
  readonly actualMs: number;
  /** It succeeded and lay in the interval. */
  readonly inside: boolean;
  readonly ok: boolean;
  readonly parts: readonly { readonly part: Part; readonly forecastMs: number | null; readonly actualMs: number | null }[];
  /** The part that was off by most; null: none was. */
  readonly worst: Part | null;
  readonly sentence: string;
}

/** Each cutover that had a forecast, in their order. Rehearsals are none. */
export function compareForecasts(events: readonly MigrationEvent[]): Comparison[] {
  const out: Comparison[] = [];
  let said: Extract<MigrationEvent, { event: 'forecast' }> | undefined;
  for (const event of events) {
    if (event.event === 'forecast') said = event;
    else if (event.event === 'downtime' && !event.rehearsal && said !== undefined) {
      out.push(compare(said, event));
      said = undefined;
    }
  }
  return out;
}

function timeOf(list: readonly { part: Part; ms: number }[], part: Part): number | null {
  const those = list.filter((one) => one.part === part);
  return those.length === 0 ? null : those.reduce((all, { ms }) => all + ms, 0);
}

function compare(said: Extract<MigrationEvent, { event: 'forecast' }>, came: Extract<MigrationEvent, { event: 'downtime' }>): Comparison {
  const parts = PARTS.map((part) => ({ part, forecastMs: timeOf(said.parts, part), actualMs: timeOf(came.parts, part) })).filter(({ forecastMs, actualMs }) => forecastMs !== null || actualMs !== null);
  const off = ({ forecastMs, actualMs }: (typeof parts)[number]): number => Math.abs((actualMs ?? 0) - (forecastMs ?? 0));
  const worst = parts.reduce<(typeof parts)[number] | undefined>((most, part) => (off(part) > (most === undefined ? 0 : off(most)) ? part : most), undefined);
  const difference = came.ms - said.ms;
  const inside = came.ok && Math.abs(difference) <= said.plusMinusMs;
  const about = `${durationText(came.ms)}, forecast ${durationText(said.ms)} ± ${durationText(said.plusMinusMs)}`;
  const sentence = !came.ok ? `It failed after ${durationText(came.ms)}; the forecast was ${durationText(said.ms)} ± ${durationText(said.plusMinusMs)}.` : inside ? `It took ${about}: as was said.` : `It took ${about}: ${durationText(Math.abs(difference))} ${difference > 0 ? 'longer' : 'shorter'}${worst === undefined ? '' : `, most of it in ${worst.part}`}.`;
  return { at: came.at, forecastMs: said.ms, plusMinusMs: said.plusMinusMs, actualMs: came.ms, inside, ok: came.ok, parts, worst: worst?.part ?? null, sentence };
}
