/** Sentences of a report that page and terminal share. Pure. */
import { bytesText, countText, durationText } from '../../job/index.js';
import type { MigrationState, Part } from '../journal/events.js';
import type { Cutover, MigrationHistory } from './model.js';

export const STATE_WORDS: Readonly<Record<MigrationState, string>> = {
  planned: 'planned', seeding: 'first copy', live: 'live', converging: 'converging', freezing: 'freezing', final: 'last pass', verifying: 'verifying', switching: 'switching', switched: 'on the new side', 'rolling-back': 'rolling back',
  finished: 'finished', 'rolled-back': 'rolled back', aborted: 'aborted',
};

export const PART_WORDS: Readonly<Record<Part, string>> = { freeze: 'stopping', quiet: 'waiting for quiet', final: 'last pass', verify: 'verifying', switch: 'switching', health: 'health check' };

/** Where it stands, as a sentence. */
export function standing({ state, cutovers, until, spans }: MigrationHistory): string {
  const last = cutovers.findLast(({ rehearsal }) => !rehearsal);
  const down = last === undefined ? '' : `; the services stood still for ${durationText(last.ms)}`;
  const since = spans.at(-1);
  switch (state) {
    case undefined: return 'Nothing has happened yet.';
    case 'finished': return `It is finished${down}.`;
    case 'switched': return `The new side is in use${down}; the way back is open.`;
    case 'rolled-back': return 'It was rolled back: the old side is in use.';
    case 'aborted': return `It was aborted${since?.reason === null || since?.reason === undefined ? '' : ': see the time line'}.`;
    default: return `It is ${state === 'live' ? 'live: each change follows' : `in the state ${state}`}, since ${durationText(Math.max(0, until - (since?.from ?? until)))}.`;
  }
}

export function carried({ totals, firstCopy }: MigrationHistory): [string, string][] {
  const rows: [string, string][] = [];
  if (firstCopy !== undefined) rows.push(['First copy', `${countText(firstCopy.files, 'file')}, ${bytesText(firstCopy.bytes)}, ${durationText(firstCopy.ms)}`]);
  rows.push(['Carried', `${countText(totals.files, 'file')}, ${bytesText(totals.bytes)} of content, ${bytesText(totals.sent)} sent, in ${countText(totals.sessions, 'session')}`]);
  if (totals.backFiles + totals.backBytes > 0) rows.push(['Carried back', `${countText(totals.backFiles, 'file')}, ${bytesText(totals.backBytes)}`]);
  return rows;
}

export function cutoverWords({ ok, rehearsal, ms }: Cutover): string {
  return `${rehearsal ? 'rehearsal' : 'cutover'}, ${ok ? 'succeeded' : 'failed'}, ${durationText(ms)}`;
}

/** What a person types to check evidence. */
export function checkCommand(file: string, key: string): string {
  return `twintree evidence check --fingerprint=${quoted(key)} ${quoted(file)}`;
}

function quoted(text: string): string {
  return /^[\w%+=:,./@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
