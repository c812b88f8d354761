/**
 * The report of a migration as one page that needs nothing else (job's htmlPage). Whatever comes from outside (names, commands, what hooks said) is escaped. Each picture's
 * figures stand in a table or sentence beside it. Pure.
 */
import { barPlot, bytesText, countText, durationText, escapeHtml as e, htmlPage, linePlot, plain, timeElement as time } from '../../job/index.js';
import { PARTS, type MigrationEvent, type MigrationState } from '../journal/events.js';
import { historyOf, type Cutover, type Kept, type MigrationHistory } from './model.js';
import { classOf, timeline } from './timeline.js';
import { carried, checkCommand, PART_WORDS, standing, STATE_WORDS } from './words.js';

export interface MigrationReportOptions {
  /** ms since 1970. */
  readonly now: number;
  /** Of this host, where it was made. */
  readonly host?: string;
}

const STYLE = `
.s-on{fill:var(--literal)}.s-off{fill:var(--bad)}.s-new{fill:var(--good)}.s-back{fill:var(--other)}.s-rest{fill:var(--dim)}svg .label{fill:#fff;font-weight:600;stroke:#000a;stroke-width:2.5px;paint-order:stroke}.key .s-on{background:var(--literal)}.key .s-off{background:var(--bad)}.key .s-new{background:var(--good)}.key .s-back{background:var(--other)}.key .s-rest{background:var(--dim)}
.stand{border-left:4px solid var(--literal);padding:.4rem .8rem;margin:1rem 0;font-size:1.1rem}.stand.new{border-color:var(--good)}.stand.off{border-color:var(--bad)}.stand.back{border-color:var(--other)}.stand.rest{border-color:var(--dim)}
pre{overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;margin:.2rem 0;padding:.4rem;border:1px solid var(--line)}code{overflow-wrap:anywhere}caption{text-align:left;color:var(--dim)}summary{cursor:pointer}
`.trim();
/** A stretch without a report of lag that breaks the line, ms. */
const GAP = 600_000;
const BARS = 120;
/** Spans of a cutover in the second time line. */
const NEAR: ReadonlySet<MigrationState> = new Set(['converging', 'freezing', 'final', 'verifying', 'switching', 'rolling-back'] as const);

/** The page. */
export function migrationReport(events: readonly MigrationEvent[], { now, host }: MigrationReportOptions): string {
  const history = historyOf(events, now);
  const { planned } = history;
  const name = planned === undefined ? '' : ` ${plain(planned.name)}`;
  const state = history.state === undefined ? 'rest' : classOf(history.state);
  const body = [
    `<p class="dim">Made ${time(now)}${host === undefined ? '' : ` on ${e(plain(host))}`}. Times are UTC.</p>`,
    `<p class="stand ${state}">${e(standing(history))}</p>`,
    planned === undefined ? '' : facts(history),
    history.spans.length === 0 ? '' : `<section><h2 id="time">Time line</h2>${lines(history)}</section>`,
    downtimes(history), proof(history), lag(history), rehearsals(history), hooks(history), troubles(history),
  ];
  return htmlPage(`twintree: migration${name}`, body.filter((part) => part !== '').join('\n'), STYLE);
}

function table(caption: string, head: readonly (readonly [text: string, kind?: string])[], rows: readonly string[]): string {
  return `<table><caption>${e(caption)}</caption><thead><tr>${head.map(([text, kind]) => `<th scope="col"${kind === undefined ? '' : ` class="${kind}"`}>${e(text)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function row(...cells: readonly (readonly [html: string, kind?: string])[]): string {
  return `<tr>${cells.map(([html, kind]) => `<td${kind === undefined ? '' : ` class="${kind}"`}>${html}</td>`).join('')}</tr>`;
}

function facts(history: MigrationHistory): string {
  const { planned, worstLagMs, since, until } = history;
  const rows: [string, string][] = [];
  if (planned !== undefined) rows.push(['From', `<code>${e(plain(planned.source))}</code>`], ['To', `<code>${e(plain(planned.target))}</code>${planned.host === null ? '' : ` on ${e(plain(planned.host))}`}`], ['Planned', `${time(planned.at)}: ${countText(planned.entries, 'entry', 'entries')}, ${bytesText(planned.bytes)}`]);
  rows.push(['Has lasted', durationText(until - since)], ...carried(history).map(([name, value]): [string, string] => [name, e(value)]));
  if (worstLagMs !== null) rows.push(['Worst lag', durationText(worstLagMs)]);
  return `<table class="facts"><tbody>${rows.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${value}</td></tr>`).join('')}</tbody></table>`;
}

function lines({ spans }: MigrationHistory): string {
  const key = [['on', 'services on, the target follows'], ['off', 'services stand still'], ['new', 'new side in use'], ['back', 'on the way back'], ['rest', 'nothing at work']] as const;
  const first = spans.findLastIndex(({ state }) => state === 'freezing');
  const begin = first > 0 && spans[first - 1]?.state === 'converging' ? first - 1 : first;
  const after = spans.findIndex(({ state }, k) => k > first && !NEAR.has(state));
  const near = first < 0 ? [] : spans.slice(begin, after < 0 ? undefined : after);
  const rows = spans.map(({ state, from, to, reason, open }) => row([time(from), 'time'], [e(STATE_WORDS[state])], [`${durationText(to - from)}${open ? ' so far' : ''}`, 'num'], [reason === null ? '' : e(plain(reason))]));
  return `<p class="key dim">${key.map(([kind, text]) => `<span><i class="s-${kind}"></i>${text}</span>`).join('')}</p>${timeline(spans, 'States over the whole time; the table below has the same')}${near.length === 0 ? '' : `<h3>The last cutover</h3>${timeline(near, 'States of the last cutover; the table below has the same')}`}${table('States', [['Began'], ['State'], ['Lasted', 'num'], ['Why']], rows)}`;
}

function downtimes({ cutovers }: MigrationHistory): string {
  const real = cutovers.filter(({ rehearsal }) => !rehearsal);
  return real.length === 0 ? '' : `<section><h2 id="downtime">Downtime</h2>${real.toReversed().map(downtime).join('')}</section>`;
}

function downtime(cutover: Cutover): string {
  const { at, comparison, ok, ms } = cutover;
  const said = comparison === undefined ? 'No forecast was made before.' : comparison.sentence;
  const rows = partsOf(cutover).map(({ part, actual, forecast }) => row([e(PART_WORDS[part])], [actual === null ? '' : durationText(actual), 'num'], [forecast === null ? '' : durationText(forecast), 'num']));
  rows.push(row(['<strong>all</strong>'], [`<strong>${durationText(ms)}</strong>`, 'num'], [comparison === undefined ? '' : `${durationText(comparison.forecastMs)} ± ${durationText(comparison.plusMinusMs)}`, 'num']));
  return `<h3>${time(at)}: <span class="${ok ? 'is-good' : 'is-bad'}">${ok ? 'succeeded' : 'failed'}</span></h3><p>${e(said)}</p>${table('Parts of the downtime', [['Part'], ['Took', 'num'], ['Forecast', 'num']], rows)}`;
}

function partsOf({ parts, comparison }: Cutover): { part: (typeof PARTS)[number]; actual: number | null; forecast: number | null }[] {
  return PARTS.map((part) => {
    const those = parts.filter((one) => one.part === part);
    return { part, actual: those.length === 0 ? null : those.reduce((sum, { ms }) => sum + ms, 0), forecast: comparison?.parts.find((one) => one.part === part)?.forecastMs ?? null };
  }).filter(({ actual, forecast }) => actual !== null || forecast !== null);
}

function proof({ evidence }: MigrationHistory): string {
  if (evidence.count === 0) return '';
  const each = evidence.last.toReversed().map(({ at, file, root, key, mode, sample, entries, bytes, differences, extras, missing, losses, ok }) => {
    const how = mode === 'full' ? 'every byte of both trees was read' : `what the index vouches for was believed, ${Number((sample * 100).toFixed(2))} % of it read all the same`;
    const signed: [string, string][] = file === '' ? [] : [['Fingerprint', `<code>${e(plain(root))}</code>`], ['Signed with', `<code>${e(plain(key))}</code>`], ['File', `<code>${e(plain(file))}</code>`], ['To check it', `<pre>${e(plain(checkCommand(file, key)))}</pre>`]];
    const rows: [string, string][] = [
      ...signed, ['What was compared', `${countText(entries, 'entry', 'entries')}, ${bytesText(bytes)}; ${how}`],
      ['Differences', `${differences}; missing: ${missing}; extra: ${extras}; known losses: ${losses}`],
    ];
    return `<h3>${time(at)}: <span class="${ok ? 'is-good' : 'is-bad'}">${ok ? 'the trees are equal' : 'the trees differ'}</span></h3><table class="facts"><tbody>${rows.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${value}</td></tr>`).join('')}</tbody></table>`;
  });
  return `<section><h2 id="evidence">Evidence</h2><p>The fingerprint stands for content and attributes of the whole tree. The key's fingerprint has to be known from elsewhere: who can change this page can change it here.</p>${each.join('')}</section>`;
}

function lag({ lag: points }: MigrationHistory): string {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return '';
  const [since, until] = [first.at, Math.max(first.at + 1, last.at)];
  const gap = Math.max(GAP, 3 * ((until - since) / points.length));
  const bars = Math.min(BARS, points.length);
  const width = (until - since) / bars;
  const changed = Array.from({ length: bars }, () => 0);
  for (const { at, changedBytes } of points) {
    const k = Math.min(bars - 1, Math.floor((at - since) / width));
    changed[k] = (changed[k] ?? 0) + changedBytes;
  }
  const stacks = changed.map((value, k) => ({ from: since + k * width, to: since + (k + 1) * width, says: bytesText(value), parts: [{ kind: 'literal', value }] }));
  const worst = points.reduce((most, { lagMs }) => Math.max(most, lagMs), 0);
  const most = points.reduce((all, { backlogBytes }) => Math.max(all, backlogBytes), 0);
  return `<section><h2 id="lag">Lag</h2><p>The target was at most ${durationText(worst)} and ${bytesText(most)} behind.</p><h3>How far the target was behind</h3>${linePlot(points.map(({ at, lagMs }) => ({ at, value: lagMs })), gap, { title: `Lag over time, at most ${durationText(worst)}`, since, until, unit: durationText, scale: 'time' })}<h3>What waited</h3>${linePlot(points.map(({ at, backlogBytes }) => ({ at, value: backlogBytes })), gap, { title: `Bytes that waited over time, at most ${bytesText(most)}`, since, until, unit: bytesText, scale: 'decimal' })}<h3>What changed</h3>${barPlot(stacks, { title: 'Bytes that changed over time', since, until, unit: bytesText, scale: 'decimal' })}</section>`;
}

function rehearsals({ cutovers }: MigrationHistory): string {
  const those = cutovers.filter(({ rehearsal }) => rehearsal);
  if (those.length === 0) return '';
  const rows = those.toReversed().map((one) => row([time(one.at), 'time'], [`<span class="${one.ok ? 'is-good' : 'is-bad'}">${one.ok ? 'succeeded' : 'failed'}</span>`], [durationText(one.ms), 'num'], [partsOf(one).map(({ part, actual }) => `${e(PART_WORDS[part])} ${durationText(actual ?? 0)}`).join(', ')]));
  return `<section><h2 id="rehearsals">Rehearsals</h2>${table('The last first', [['Ended'], ['Result'], ['Took', 'num'], ['Parts']], rows)}</section>`;
}

function hooks({ hooks: all }: MigrationHistory): string {
  if (all.count === 0) return '';
  const rows = all.last.toReversed().map(({ at, part, command, side, ms, ok, trouble, output, rehearsal }) => {
    const said = output.trim() === '' ? '' : `<details${ok ? '' : ' open=""'}><summary>what it said</summary><pre>${e(output)}</pre></details>`;
    return row([time(at), 'time'], [`${e(part)}${rehearsal ? ' (rehearsal)' : ''}`], [side === 'source' ? 'source' : 'target'], [`<code>${e(plain(command))}</code>${said}`], [durationText(ms), 'num'], [`<span class="${ok ? 'is-good' : 'is-bad'}">${ok ? 'succeeded' : 'failed'}</span>${trouble === null ? '' : `: ${e(plain(trouble))}`}`]);
  });
  return `<section><h2 id="hooks">Hooks</h2>${table(captionOf(all, 'hook'), [['Ended'], ['For'], ['Where'], ['Command'], ['Took', 'num'], ['Result']], rows)}</section>`;
}

function troubles({ problems, writers, operations }: MigrationHistory): string {
  const parts: string[] = [];
  if (problems.count > 0) parts.push(table(captionOf(problems, 'problem'), [['When'], ['Path'], ['What'], ['Code']], problems.last.toReversed().map(({ at, path, message, code }) => row([time(at), 'time'], [path === null ? '' : `<code>${e(plain(path))}</code>`], [e(plain(message))], [e(plain(code))]))));
  if (writers.count > 0) parts.push(`<h3>Who still wrote while the source was to be still</h3>${table(captionOf(writers, 'time', 'times'), [['When'], ['Process', 'num'], ['Command'], ['Path']], writers.last.toReversed().map(({ at, pid, command, path }) => row([time(at), 'time'], [String(pid), 'num'], [`<code>${e(plain(command))}</code>`], [`<code>${e(plain(path))}</code>`])))}`);
  const failed = operations.last.filter(({ phase, ok }) => phase === 'ended' && !ok);
  if (failed.length > 0) parts.push(`<h3>What was asked for and failed</h3>${table('The last first', [['When'], ['What'], ['Why']], failed.toReversed().map(({ at, what, message }) => row([time(at), 'time'], [e(what)], [e(plain(message))])))}`);
  return `<section><h2 id="problems">Problems</h2>${parts.length === 0 ? '<p class="is-good">None.</p>' : parts.join('')}</section>`;
}

function captionOf({ count, last }: Kept<unknown>, one: string, many?: string): string {
  return last.length < count ? `The last ${last.length} of ${countText(count, one, many)}, the last first` : `${countText(count, one, many)}, the last first`;
}

