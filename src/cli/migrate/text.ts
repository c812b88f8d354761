/** A migration in words: its events as lines, its state, what comes next. */
import { AT_REST, type MigrationEvent, type MigrationState, type OperationName, type Stand } from '../../migrate/index.js';
import { sizeText } from '../../tree/index.js';
import type { LiveView } from './control.js';

/** What a state means, in half a sentence. */
export const MEANING: Readonly<Record<MigrationState, string>> = {
  planned: 'nothing has been done yet',
  seeding: 'the first copy is made while the source is in use',
  live: 'the target follows every change of the source',
  converging: 'a cutover waits until the target is near enough',
  freezing: 'the source is made still',
  final: 'the last changes are carried over; the source is frozen',
  verifying: 'both trees are compared; the source is frozen',
  switching: 'the new side is brought into use',
  switched: 'the new side serves, and the old one follows it',
  'rolling-back': 'the way back: the old side serves again as soon as all is home',
  finished: 'the new side serves, and there is no way back any more',
  'rolled-back': 'the old side serves',
  aborted: 'ended; the source serves as before',
};

/** One line, or none where it is nothing for people. */
export function eventText(event: MigrationEvent): string | undefined {
  switch (event.event) {
    case 'planned': return `planned: ${event.source} -> ${event.host === null ? '' : `${event.host}:`}${event.target}, ${event.entries} entries, ${sizeText(event.bytes)}`;
    case 'state': return `${event.state}: ${MEANING[event.state]}${event.reason === null ? '' : ` (${event.reason})`}`;
    case 'operation': return event.phase === 'began' ? undefined : `${event.what} ${event.ok ? 'done' : 'failed'}: ${event.message}`;
    case 'hook': return `  ${event.rehearsal ? 'rehearsal ' : ''}${event.part} hook on the ${event.side}'s host ${event.ok ? 'done' : `FAILED: ${event.trouble ?? ''}`} in ${secondsText(event.ms)}: ${event.command}${event.ok || event.output.trim() === '' ? '' : `\n    ${event.output.trim().split('\n').slice(-3).join('\n    ')}`}`;
    case 'thawed': return event.ok ? `  the source was thawed (${event.reason})` : `  THE SOURCE MAY STILL BE FROZEN (${event.reason})`;
    case 'part': return `  ${event.rehearsal ? 'rehearsal ' : ''}${event.part} took ${secondsText(event.ms)}${event.files > 0 ? `, ${event.files} entries, ${sizeText(event.bytes)}` : ''}`;
    case 'session': return event.kind === 'batch' ? undefined : `  ${event.kind} pass: ${event.entries} entries, ${event.files} files and ${sizeText(event.bytes)} brought up to date in ${secondsText(event.ms)}`;
    case 'lag': return `  ${secondsText(event.lagMs)} behind, ${event.backlogFiles} paths wait${event.changedFiles > 0 ? `; ${event.changedFiles} files, ${sizeText(event.changedBytes)} since the last minute` : ''}`;
    case 'forecast': return event.ms === 0 ? undefined : `  forecast: ${secondsText(event.ms)} ± ${secondsText(event.plusMinusMs)} of downtime`;
    case 'downtime': return `  ${event.rehearsal ? 'rehearsal' : event.ok ? 'downtime' : 'interruption'}: ${secondsText(event.ms)} (${event.parts.map(({ part, ms }) => `${part} ${secondsText(ms)}`).join(', ')})`;
    case 'evidence': return event.ok ? `  both trees are equal: ${event.entries} entries${event.root === '' ? '' : `, root ${event.root.slice(0, 16)}, ${event.file}`}` : `  THE TREES DIFFER: ${event.differences} differences, ${event.missing} missing, ${event.extras} extras${event.file === '' ? '' : `; ${event.file}`}`;
    case 'problem': return `  ! ${event.path === null ? '' : `${event.path}: `}${event.message}`;
    case 'writer': return `  process ${event.pid} (${event.command}) has ${event.path} open for writing`;
  }
}

export function secondsText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.round(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

/** How a migration stands, for people. */
export function standText(name: string, stand: Stand, live: LiveView | undefined, last: readonly MigrationEvent[]): string {
  const lines = [`${name}: ${stand.state}, ${MEANING[stand.state]} (since ${new Date(stand.since).toISOString()}${stand.reason === null ? '' : `; ${stand.reason}`})`];
  if (stand.thawFailed) lines.push('  THE SOURCE MAY STILL BE FROZEN: what thaws it failed');
  if (live === undefined) lines.push(...atRest(name, stand));
  else if (live.operation !== null) lines.push(`  ${live.operation} is under way`);
  const follows = live?.following;
  if (follows !== undefined && follows !== null) {
    lines.push(`  ${live?.direction === 'back' ? 'the old side' : 'the target'}: ${follows.phase}, ${secondsText(follows.lagMs)} behind, ${follows.backlogFiles} paths and ${sizeText(follows.backlogBytes)} wait`);
    if (follows.trouble !== null) lines.push(`  ! ${follows.trouble}`);
    for (const { path, message } of follows.failing) lines.push(`  ! ${path}: ${message}`);
  }
  for (const event of last) {
    const text = eventText(event);
    if (text !== undefined) lines.push(text.startsWith('  ') ? text : `  ${text}`);
  }
  return `${lines.join('\n')}\n`;
}

/** What helps where no conductor is at work. */
function atRest(name: string, { state, operation }: Stand): string[] {
  if (operation !== undefined || !AT_REST.includes(state)) return [`  no conductor is at work${operation === undefined ? '' : `; ${operation} had begun`}: twintree migrate start ${name} goes on`];
  return state === 'finished' ? [] : [`  twintree migrate start ${name} begins${state === 'planned' ? '' : ' again'}`];
}

/** What an operation will do, for the question before it. */
export const QUESTION: Readonly<Record<Exclude<OperationName, 'start' | 'rehearse'>, string>> = {
  cutover: 'The source will be frozen, the last changes carried over, both trees verified, and the new side brought into use. If anything fails the source goes on by itself.',
  rollback: 'The new side will be taken out of use, what it has accepted carried home, and the old side will serve again.',
  finish: 'The old side will follow no more: after this there is no way back.',
  abort: 'The migration will end; the source serves as before, and the target stays as it is.',
};
