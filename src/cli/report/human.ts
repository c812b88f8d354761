/**
 * Numbers for people, at rsync's four levels: plain digits, digits in groups of three, units of 1000, units of 1024.
 * Rounding is that of C's printf (exact ties go to the even digit), so a number never differs in its last digit.
 */
import type { HumanLevel } from '../options/output.js';

const UNITS = 'KMGTP';

/** `1234567` as `1234567`, `1,234,567`, `1.23M` or `1.18M`. Exact for integers below 2^53. */
export function humanNumber(value: number, level: HumanLevel): string {
  const scaled = level >= 2 ? inUnits(value, level === 2 ? 1000 : 1024) : undefined;
  if (scaled !== undefined) return scaled;
  return level === 0 ? digits(value) : grouped(digits(value));
}

/** The same for a number with `decimals` digits behind the point, used for rates. */
export function humanDecimal(value: number, decimals: number, level: HumanLevel): string {
  const scaled = level >= 2 ? inUnits(value, level === 2 ? 1000 : 1024) : undefined;
  if (scaled !== undefined) return scaled;
  return level === 0 ? fixed(value, decimals) : grouped(fixed(value, decimals));
}

/** A count: with `-h` too it keeps its digits, in groups unless `--no-h` was given. */
export function humanCount(value: number, level: HumanLevel): string {
  return humanNumber(value, level === 0 ? 0 : 1);
}

/** `value` with 2 decimals and a unit, undefined where it is below one unit. */
function inUnits(value: number, unit: 1000 | 1024): string | undefined {
  if (Math.abs(value) < unit) return undefined;
  let rest = value / unit;
  let at = 0;
  while (Math.abs(rest) >= unit && at < UNITS.length - 1) {
    rest /= unit;
    at++;
  }
  return fixed(rest, 2) + UNITS.charAt(at);
}

/** printf's `%.Nf`: like toFixed, but an exact tie goes to the even digit. */
export function fixed(value: number, decimals: number): string {
  const eighths = value * 8;
  // With two decimals only odd multiples of 1/8 lie exactly between two results.
  if (decimals === 2 && Number.isInteger(eighths) && eighths % 2 !== 0 && Math.abs(value) < 1e13) {
    const below = Math.floor(value * 100);
    return ((below % 2 === 0 ? below : below + 1) / 100).toFixed(2);
  }
  return value.toFixed(decimals);
}

/** All digits of an integer; `String` changes to exponents from 1e21 on. */
function digits(value: number): string {
  return Number.isInteger(value) && Math.abs(value) >= 1e21 ? BigInt(value).toString() : String(value);
}

function grouped(text: string): string {
  const point = text.indexOf('.');
  const whole = point < 0 ? text : text.slice(0, point);
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (point < 0 ? '' : text.slice(point));
}
