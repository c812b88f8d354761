/**
 * Values of options: sizes, rates, counts, points in time. Each takes the user's text and the option's
 * spelling, and returns a number or throws a usage error that names both. Pure; the clock is handed in.
 */
import { displayName, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';

const UNITS = 'bkmgtp';
/** The largest size that is accepted, 8192P-1. */
const MAX_SIZE = 2 ** 63;

/**
 * A size: digits, perhaps with a fraction, then B, K, M, G, T or P alone or with `iB` (units of 1024) or
 * with `B` (units of 1000), then perhaps `+1` or `-1`. `unit` counts where none is given.
 */
export function parseSize(option: string, text: ByteString, unit: 'b' | 'k' = 'b'): number {
  const parts = /^([0-9]*(?:\.[0-9]*)?)(?:([bkmgtp])(b|ib)?)?([+-]1)?$/i.exec(text);
  const digits = parts?.[1] ?? '';
  if (parts === null || digits === '' || digits === '.') throw usageError(`${option}=${displayName(text)} is not a size`, SIZE_ADVICE);
  const letter = (parts[2] ?? unit).toLowerCase();
  const base = parts[3]?.toLowerCase() === 'b' ? 1000 : 1024;
  const offset = parts[4] === undefined ? 0 : Number(parts[4]);
  const size = Math.trunc(Number(digits) * base ** UNITS.indexOf(letter)) + offset;
  if (size < 0 || size > MAX_SIZE) throw usageError(`${option}=${displayName(text)} is too large`, SIZE_ADVICE);
  return size;
}

const SIZE_ADVICE = 'Sizes are written as 500, 1.5K, 10MB, 2GiB or 1G-1.';

/** --bwlimit: bytes a second, rounded to whole KiB; 0 is no limit; without a unit, KiB are meant. */
export function parseRate(option: string, text: ByteString): number {
  const bytes = parseSize(option, text, 'k');
  if (bytes > 0 && bytes < 512) throw usageError(`${option}=${displayName(text)} is too small`, 'The least is 512 bytes a second; 0 is no limit.');
  return Math.floor((bytes + 512) / 1024) * 1024;
}

/** A share of one core in percent, perhaps with a fraction and with or without its sign, as a factor. */
export function parseShare(option: string, text: ByteString): number {
  const percent = Number(/^([0-9]+(?:\.[0-9]+)?)%?$/.exec(text)?.[1] ?? NaN);
  if (!(percent >= 1 && percent <= 100_000)) throw usageError(`${option}=${displayName(text)} is no share of a core`, `Write ${option}=50 for half a core; the least is 1.`);
  return percent / 100;
}

/** A whole number, decimal, `0x` or octal with a leading 0, as C's strtol reads it; 32 bits with sign. */
export function parseInteger(option: string, text: ByteString, low = -2147483648, high = 2147483647): number {
  const parts = /^([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.exec(text);
  const digits = parts?.[2];
  if (parts === null || digits === undefined) throw usageError(`${option}=${displayName(text)} is not a whole number`);
  const octal = digits.length > 1 && /^0[0-7]/.test(digits);
  const value = (octal ? Number.parseInt(digits, 8) : Number(digits)) * (parts[1] === '-' ? -1 : 1);
  if (value < low || value > high) throw usageError(`${option}=${displayName(text)} is out of range`, `It must lie between ${low} and ${high}.`);
  return value;
}

/** --delete-limit: a count of entries, or a share of the target's entries as `P%` (0 to 100, perhaps with a fraction). */
export function parseDeleteLimit(option: string, text: ByteString): { count: number } | { percent: number } {
  const share = /^([0-9]+(?:\.[0-9]+)?)%$/.exec(text)?.[1];
  if (share !== undefined) {
    const percent = Number(share);
    if (percent > 100) throw usageError(`${option}=${text} is more than 100%`);
    return { percent };
  }
  if (!/^[0-9]+$/.test(text)) throw usageError(`${option}=${displayName(text)} is neither a count nor a share`, 'Write --delete-limit=500 or --delete-limit=10%.');
  return { count: parseInteger(option, text, 0) };
}

const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A span of time: a number, perhaps with a fraction, and `ms`, `s` (also where none is given), `m`, `h` or `d`. Milliseconds, within bounds. */
export function parseDuration(option: string, text: ByteString, low: number, high: number): number {
  const parts = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?$/i.exec(text);
  if (parts === null) throw usageError(`${option}=${displayName(text)} is not a time`, 'Times are written as 200ms, 5s, 10m, 24h or 7d.');
  const ms = Math.round(Number(parts[1]) * (DURATIONS[(parts[2] ?? 's').toLowerCase()] as number));
  if (!(ms >= low && ms <= high)) throw usageError(`${option}=${displayName(text)} is out of range`, `It must lie between ${low / 1000} s and ${high / 1000} s.`);
  return ms;
}

/** A place to listen at: `PORT` or `HOST:PORT`, an IPv6 address in brackets; without a host, this machine alone. Port 0: one that is free. */
export function parseListen(option: string, text: ByteString): { host: string; port: number } {
  const parts = /^(?:(\[[0-9a-f:.]+\]|[a-z0-9.-]+):)?([0-9]{1,5})$/i.exec(text);
  const port = Number(parts?.[2]);
  if (parts === null || port > 65535) throw usageError(`${option}=${displayName(text)} is not a place to listen at`, 'Write a port, or ADDRESS:PORT such as 127.0.0.1:9187 or [::1]:9187.');
  return { host: (parts[1] ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port };
}

/** --stop-after: minutes from now → epoch in ms. As rsync, what follows the digits is ignored. */
export function parseStopAfter(option: string, text: ByteString, now: Date): number {
  const minutes = Number(/^[0-9]+/.exec(text)?.[0] ?? 0);
  if (minutes <= 0) throw usageError(`${option}=${displayName(text)} is not a number of minutes`);
  return now.getTime() + minutes * 60_000;
}

/**
 * --stop-at: `y-m-dTh:m` in local time; what is left out on the left is free, and the next moment that fits
 * is meant. Slashes may stand for dashes, the year may have two digits. Returns epoch ms, always in the future.
 */
export function parseStopAt(option: string, text: ByteString, now: Date): number {
  const bad = (): never => { throw usageError(`${option}=${displayName(text)} is not a point in time`, 'Write it as 2030-12-31T23:59, 12-31, 31, 23:59 or :59.'); };
  const split = text.search(/t/i);
  const dateText = split >= 0 ? text.slice(0, split) : text.includes(':') ? '' : text;
  const timeText = split >= 0 ? text.slice(split + 1) : text.includes(':') ? text : '';
  const date = /^(?:(?:(\d{1,4})[-/])?(\d{1,2})[-/])?(\d{1,2})$/.exec(dateText);
  const time = /^(\d{1,2})?:(\d{1,2})$/.exec(timeText);
  if ((date === null && dateText !== '') || (time === null && timeText !== '') || (date === null && time === null)) return bad();
  let year = number(date?.[1]);
  if (year !== undefined && year < 100) year += 2000;
  const month = number(date?.[2]);
  const day = number(date?.[3]);
  const hour = number(time?.[1]);
  const minute = number(time?.[2]) ?? 0;
  if ((month !== undefined && (month < 1 || month > 12)) || (day !== undefined && (day < 1 || day > 31)) || (hour ?? 0) > 23 || minute > 59) return bad();
  if (date !== null && time !== null && hour === undefined) return bad();
  const found = day === undefined ? nextTime(now, hour, minute) : nextDate(now, year, month, day, hour ?? 0, minute);
  if (found === undefined) return bad();
  if (found <= now.getTime()) throw usageError(`${option}=${displayName(text)} is not in the future`);
  return found;
}

function number(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}

/** The next moment with this day (and month, and year); undefined where no such day exists within eight years. */
function nextDate(now: Date, year: number | undefined, month: number | undefined, day: number, hour: number, minute: number): number | undefined {
  const first = year ?? now.getFullYear();
  for (let y = first; y <= (year ?? first + 8); y++) {
    const from = month ?? (y === now.getFullYear() ? now.getMonth() + 1 : 1);
    for (let m = from; m <= (month ?? 12); m++) {
      const at = new Date(y, m - 1, day, hour, minute);
      if (at.getMonth() !== m - 1) continue; // the month has no such day
      if (year !== undefined || at.getTime() > now.getTime()) return at.getTime();
    }
  }
  return undefined;
}

/** The next moment of the day, or of the hour where only minutes are given. */
function nextTime(now: Date, hour: number | undefined, minute: number): number {
  const at = new Date(now);
  at.setSeconds(0, 0);
  at.setMinutes(minute);
  if (hour !== undefined) at.setHours(hour);
  if (at.getTime() <= now.getTime()) {
    if (hour === undefined) at.setHours(at.getHours() + 1);
    else at.setDate(at.getDate() + 1);
  }
  return at.getTime();
}
