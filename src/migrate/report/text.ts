/** The report of a migration for the terminal: what matters, without pictures. Names come without control characters. Pure. */
import { bytesText, countText, durationText, plain, timeText } from '../../job/index.js';
import type { MigrationEvent } from '../journal/events.js';
import { historyOf } from './model.js';
import { carried, checkCommand, cutoverWords, PART_WORDS, standing, STATE_WORDS } from './words.js';

/** Entries of a list. */
const SHOWN = 10;

/** @param now ms since 1970 */
export function migrationReportText(events: readonly MigrationEvent[], now: number): string {
  const history = historyOf(events, now);
  const { planned, spans, cutovers, evidence, problems, writers, hooks, worstLagMs } = history;
  const lines: string[] = [`${planned === undefined ? 'migration' : `migration ${plain(planned.name)}: ${plain(planned.source)} to ${plain(planned.target)}`}`, standing(history), ''];
  for (const { state, from, to, reason, open } of spans.slice(-2 * SHOWN)) lines.push(`  ${timeText(from)}  ${STATE_WORDS[state].padEnd(15)} ${durationText(to - from)}${open ? ' so far' : ''}${reason === null ? '' : `  (${plain(reason)})`}`);
  for (const [name, value] of carried(history)) lines.push(`${name.toLowerCase()}: ${value}`);
  if (worstLagMs !== null) lines.push(`worst lag: ${durationText(worstLagMs)}`);
  for (const cutover of cutovers.slice(-SHOWN)) {
    lines.push(`${timeText(cutover.at)}  ${cutoverWords(cutover)}: ${cutover.parts.map(({ part, ms }) => `${PART_WORDS[part]} ${durationText(ms)}`).join(', ')}`);
    if (cutover.comparison !== undefined) lines.push(`  ${cutover.comparison.sentence}`);
  }
  for (const { at, root, file, key, entries, bytes, differences, missing, extras, ok } of evidence.last.slice(-3)) {
    lines.push(`evidence of ${timeText(at)}: ${ok ? 'the trees are equal' : 'the trees differ'}, ${countText(entries, 'entry', 'entries')}, ${bytesText(bytes)}; ${differences} different, ${missing} missing, ${extras} extra`);
    if (file !== '') lines.push(`  ${plain(root)}`, `  ${plain(checkCommand(file, key))}`);
  }
  for (const { command, part, side, trouble, output } of hooks.last.filter(({ ok }) => !ok).slice(-SHOWN)) {
    lines.push(`hook of ${part} on the ${side}'s host: ${plain(command)}: ${plain(trouble ?? 'failed')}`, ...output.split('\n').filter((line) => line.trim() !== '').slice(-5).map((line) => `  | ${plain(line)}`));
  }
  for (const { pid, command, path } of writers.last.slice(-SHOWN)) lines.push(`still wrote: ${plain(command)} (${pid}): ${plain(path)}`);
  for (const { path, message, code } of problems.last.slice(-SHOWN)) lines.push(`problem: ${path === null ? '' : `${plain(path)}: `}${plain(message)} (${plain(code)})`);
  if (problems.count > SHOWN) lines.push(`  the last ${SHOWN} of ${countText(problems.count, 'problem')}`);
  return `${lines.join('\n')}\n`;
}
