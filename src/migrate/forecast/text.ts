/** A forecast for the terminal. Pure. */
import { bytesText, countText, durationText } from '../../job/index.js';
import type { Forecast } from './forecast.js';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** `40 s ± 10 s`. */
export function plusMinusText(ms: number, plusMinusMs: number): string {
  return `${durationText(ms)} ± ${durationText(plusMinusMs)}`;
}

/** `Sunday, 03:00 to 04:00`. */
export function hourText({ hour, weekday }: { readonly hour: number; readonly weekday: number | null }): string {
  return `${weekday === null ? '' : `${DAYS[weekday] as string}, `}${clock(hour)} to ${clock(hour + 1)}`;
}

function clock(hour: number): string {
  return `${String(hour % 24).padStart(2, '0')}:00`;
}

/** @param zone of the hours, for people */
export function forecastText(forecast: Forecast, zone = 'UTC'): string {
  const { ms, plusMinusMs, parts, backlog, change, limiting, cheapest, known, notes } = forecast;
  const lines = [`freeze now: ${plusMinusText(ms, plusMinusMs)}${known ? '' : ' (nothing was measured yet: this is assumed)'}`];
  for (const part of parts) lines.push(`  ${part.part.padEnd(8)} ${plusMinusText(part.ms, part.plusMinusMs).padEnd(22)} ${part.basis === 'assumed' ? 'assumed' : `measured ${part.measurements === 1 ? 'once' : part.measurements === 2 ? 'twice' : `${part.measurements} times`}`}`);
  lines.push(`waiting: ${countText(Math.round(backlog.files), 'file')}, ${bytesText(backlog.bytes)}${change === null ? '' : `; changing now: ${Number(change.filesPerSecond.toPrecision(2))} files/s, ${bytesText(change.bytesPerSecond)}/s`}`);
  lines.push(limiting.sentence);
  if ('unknown' in cheapest) lines.push(`cheapest hour: not known yet, ${cheapest.unknown}`);
  else lines.push(`cheapest hour: ${hourText(cheapest)} ${zone}, about ${durationText(cheapest.ms)} (${bytesText(cheapest.bytesPerSecond)}/s change then, ${bytesText(cheapest.dearest.bytesPerSecond)}/s ${hourText(cheapest.dearest)})`);
  for (const note of notes) lines.push(`note: ${note}`);
  return `${lines.join('\n')}\n`;
}
