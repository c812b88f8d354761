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
