/**
 * Dates in local time, as rsync writes them: `2026/11/21 22:16:48`. The last one made is kept, because lines that
 * follow each other mostly share their second.
 */

let lastSeconds = Number.NaN;
let lastText = '';

/** Seconds since 1970 (may be negative) → `YYYY/MM/DD HH:MM:SS` in local time; question marks where the calendar ends. */
export function localTime(seconds: number): string {
  if (seconds === lastSeconds) return lastText;
  const date = new Date(seconds * 1000);
  const text = Number.isNaN(date.getTime())
    ? '????/??/?? ??:??:??'
    : `${String(date.getFullYear()).padStart(4, '0')}/${two(date.getMonth() + 1)}/${two(date.getDate())} ` +
      `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  lastSeconds = seconds;
  lastText = text;
  return text;
}

function two(n: number): string {
  return n < 10 ? `0${n}` : String(n);
}
