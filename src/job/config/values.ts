/** Shapes of single values: spans of time, schedules' texts, secrets, addresses. */
import { isAbsolute, resolve, dirname } from 'node:path';
import { Cron, PositionError, Window, zoneOffset } from '../../schedule/index.js';
import { TwintreeError } from '../../tree/index.js';
import type { Secret } from './model.js';
import { didYouMean } from './nearest.js';
import { text, type Reading, type Shape } from './shape.js';
import type { Place } from './place.js';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TIMES = 'Times are written with their unit: 200ms, 30s, 15m, 24h or 7d.';
const SPAN = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)$/;

/** A span of time as on the command line, but always with its unit; ms. */
export function duration(low: number, high: number): Shape<number> {
  return text('a time such as 15m', { pattern: SPAN.source }, (value, reading, place) => {
    const parts = SPAN.exec(value);
    if (parts === null) return reading.complain(place(0), `${JSON.stringify(value.slice(0, 40))} is not a time`, TIMES);
    const ms = Math.round(Number(parts[1]) * (UNITS[parts[2] as string] as number));
    if (ms >= low && ms <= high) return ms;
    return reading.complain(place(0), `${value} is out of range`, `It must lie between ${spanText(low)} and ${spanText(high)}.`);
  }, TIMES);
}

/** Ms as people write them, in the largest unit that fits. */
export function spanText(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's']) if (ms >= (UNITS[unit] as number) && ms % (UNITS[unit] as number) === 0) return `${ms / (UNITS[unit] as number)}${unit}`;
  return `${ms}ms`;
}

/** Tells an error of a parser of the schedule room, at the character it names. */
export function tellError(error: unknown, reading: Reading, place: (at: number) => Place): undefined {
  if (!(error instanceof TwintreeError)) throw error;
  return reading.complain(place(error instanceof PositionError ? error.at : 0), error instanceof PositionError ? error.what : error.message, error.advice);
}

export const cronText = text('a cron expression', { examples: ['30 2 * * mon-fri', '@daily'] }, (value, reading, place) => {
  try {
    return new Cron(value, 'UTC').text;
  } catch (error) {
    return tellError(error, reading, place);
  }
});

export const zoneName = text('a time zone', { examples: ['Europe/Berlin', 'UTC'] }, (value, reading, place) => {
  try {
    zoneOffset(value);
    return value;
  } catch {
    return reading.complain(place(0), `there is no time zone ${JSON.stringify(value.slice(0, 80))}${didYouMean(value, Intl.supportedValuesOf('timeZone'))}`, 'Zones are named as in Europe/Berlin, America/New_York or UTC.');
  }
});

/** `always`: no window, where one would be inherited. */
export const windowText = text<string>('a window', { examples: ['mon-fri 22:00-06:00, sat-sun', 'always'] }, (value, reading, place) => {
  if (value === 'always') return value;
  try {
    Window.parse(value, 'UTC');
    return value;
  } catch (error) {
    return tellError(error, reading, place);
  }
});

/** A moment with its offset, ms since 1970. */
export const instantText = text<number>('a moment', { format: 'date-time' }, (value, reading, place) => {
  const at = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/.test(value) ? Date.parse(value.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(at) ? reading.complain(place(0), `${JSON.stringify(value.slice(0, 40))} is not a moment`, 'Write it with its offset from UTC: 2026-01-01T02:00:00+01:00.') : at;
});

const SECRET = /^\$\{(env|file):([^}]+)\}$/;
const SECRET_ADVICE = 'Write ${file:/etc/twintree/NAME.secret}, a file that only its user can read, or ${env:NAME}.';

/** Where a secret is. The secret itself is refused. */
export const secret = text<Secret>('where the secret is', { pattern: SECRET.source, examples: ['${file:/etc/twintree/smtp.secret}', '${env:SMTP_PASSWORD}'] }, (value, reading, place) => {
  const found = readSecret(value);
  if (found === undefined) return reading.complain(place(0), 'a secret does not stand in the configuration itself', SECRET_ADVICE);
  if (typeof found === 'string') return reading.complain(place(0), found, SECRET_ADVICE);
  return found.kind === 'file' ? { kind: 'file', path: beside(found.path, place(0).file) } : found;
});

/** A header's value: text, or where the secret is. */
export const headerValue = text<string | Secret>('the value of a header', {}, (value, reading, place) => {
  const found = readSecret(value);
  if (typeof found === 'object') return found.kind === 'file' ? { kind: 'file', path: beside(found.path, place(0).file) } : found;
  if (found !== undefined) return reading.complain(place(0), found, SECRET_ADVICE);
  if (/[^\t\x20-\x7e]/.test(value)) return reading.complain(place(0), 'a header holds printable ASCII characters only');
  return value;
});

/** Undefined: it names none. Text: what is wrong with it. */
function readSecret(value: string): Secret | string | undefined {
  const parts = SECRET.exec(value);
  if (parts === null) return value.startsWith('${') ? `${JSON.stringify(value.slice(0, 60))} names no secret` : undefined;
  const name = parts[2] as string;
  if (parts[1] === 'file') return { kind: 'file', path: name };
  return /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) ? { kind: 'env', name } : `${JSON.stringify(name.slice(0, 60))} is no name of an environment variable`;
}

/** A file that a configuration names: a relative name counts from the configuration's folder. */
export function beside(path: string, file: string): string {
  return isAbsolute(path) ? path : resolve(dirname(file), path);
}

/** An address to ask for by HTTP. */
export const webAddress = text<string>('an address such as https://host/path', { format: 'uri', pattern: '^https?://' }, (value, reading, place) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '') return reading.complain(place(0), `${JSON.stringify(value.slice(0, 80))} is no address of the web`, 'Write http:// or https://, a host and a path.');
  if (url.username !== '' || url.password !== '') return reading.complain(place(0), 'a user or password does not stand in an address', 'Write a header of a webhook: Authorization, with a secret as its value.');
  return value;
});

/** `ops@example.org`, or `Name <ops@example.org>`. */
export const mailAddress = text<string>('a mail address', { examples: ['ops@example.org'] }, (value, reading, place) => {
  // oxlint-disable-next-line no-control-regex -- what would end a header line is refused
  if (/[\u0000-\u001f\u007f]/.test(value)) return reading.complain(place(0), 'a mail address is one line');
  const bare = /^[^<>]*<([^<>]+)>$/.exec(value)?.[1] ?? value;
  return /^[^\s@<>,;"]{1,64}@[^\s@<>,;"]{1,255}$/.test(bare) ? value : reading.complain(place(0), `${JSON.stringify(value.slice(0, 80))} is no mail address`);
});

export const hostName = text<string>('the name of a host', { examples: ['mail.example.org'] }, (value, reading, place) =>
  (/^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|[0-9A-Fa-f:.]{2,45})$/.test(value) ? value : reading.complain(place(0), `${JSON.stringify(value.slice(0, 80))} is no name of a host`)));
