/**
 * plan-markdown: a plan as a document that a change board reads. Names of files and commands are hostile: they stand in code spans that they cannot end, without control
 * characters. Lists are cut; the JSON beside has more. Pure.
 */
import { bytesText, countText, durationText, plain, timeText } from '../../job/index.js';
import { sizeText } from '../../tree/index.js';
import type { LossClass, MigrationPlan, PlannedHook, Step } from './plan-types.js';
import { estimateText } from './steps.js';
import type { Kind, Survey } from './types.js';

/** Paths of a class, and entries of a list. */
const SHOWN = 50;
const LISTED = 10;

export function planMarkdown(plan: MigrationPlan): string {
  return [head(plan), summary(plan), steps(plan), losses(plan), risks(plan), source(plan), target(plan), basis(plan)].join('\n');
}

/** What of a plan stands on a terminal. */
export function planSummary({ estimates, losses: lost, risks: those, openFiles }: MigrationPlan): string {
  const lines = [`first copy ${estimateText(estimates.firstCopy)}, catching up ${estimateText(estimates.converge)}, verifying ${estimateText(estimates.verify)}`];
  for (const { cause, message, count } of lost) if (cause !== 'never') lines.push(`${CAUSES[cause]}${count === null ? '' : ` (${countText(count, 'entry', 'entries')})`}: ${plain(message)}`);
  if (openFiles.writers > 0) lines.push(`${countText(openFiles.writers, 'file')} open for writing`);
  for (const { severity, risk, action } of those) if (severity === 'high') lines.push(`high risk: ${plain(risk)} -> ${plain(action)}`);
  return lines.map((line) => `  ${line}\n`).join('');
}

/** Any text in a code span. */
export function code(text: string): string {
  const inside = plain(text);
  const longest = Math.max(0, ...[...inside.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest > 0 || inside === '' || inside.startsWith(' ') || inside.endsWith(' ') ? `${fence} ${inside} ${fence}` : `${fence}${inside}${fence}`;
}

/** A sentence that may hold names: nothing in it is markup. */
export function words(text: string): string {
  return plain(text).replace(/[\\`*_{}[\]<>#|~!&]/g, (c) => `\\${c}`);
}

function head({ name, source: from, target: to, at, program, options }: MigrationPlan): string {
  return `# Plan of the migration ${words(name)}\n\nFrom ${code(from)} to ${code(to)}. Made ${timeText(at)} by ${words(program)}.${options.length === 0 ? '' : ` Options: ${code(options.join(' '))}.`}\n`;
}

function summary({ survey, estimates, losses: lost, risks: those, openFiles }: MigrationPlan): string {
  const bad = lost.filter(({ cause }) => cause !== 'never');
  const high = those.filter(({ severity }) => severity === 'high').length;
  return `## Summary

- ${countText(survey.entries.files, 'file')} in ${countText(survey.entries.dirs, 'folder')}, ${bytesText(survey.bytes.apparent)}.
- First copy: ${estimateText(estimates.firstCopy)}; the services go on meanwhile. Limited by ${estimates.firstCopy.limits}.
- Catching up: ${estimateText(estimates.converge)}. Verifying, in the downtime: ${estimateText(estimates.verify)}.
- ${bad.length === 0 ? 'Everything that the options ask for is kept.' : `**${countText(bad.length, 'class', 'classes')} of things will not be as at the source**: see below.`}
- ${countText(openFiles.writers, 'file')} open for writing now.
- ${high === 0 ? 'No high risk.' : `**${countText(high, 'high risk')}.**`}
- There is a way back at every step before the last: see each of them.
`;
}

function hook({ command, side, timeoutMs }: PlannedHook): string {
  return `   - on the ${side === 'source' ? 'source' : 'target'}'s host, at most ${durationText(timeoutMs)}: ${code(command.join(' '))}\n`;
}

function step({ state, command, what, touches, hooks, takes, wayBack }: Step, k: number): string {
  return `${k + 1}. **${state}**${command === '' ? '' : ` (${code(command)})`}: ${words(what)}\n   - touches: ${words(touches)}\n   - takes: ${words(takes)}\n${hooks.map(hook).join('')}   - way back: ${words(wayBack)}\n`;
}

function steps({ steps: all, limits }: MigrationPlan): string {
  return `## Steps\n\n${all.map(step).join('')}
Limits: a cutover begins at most ${durationText(limits.lagMs)} and ${bytesText(limits.backlogBytes)} behind, for ${durationText(limits.steadyMs)}, and is given up after ${durationText(limits.patienceMs)}. A freeze lasts at most ${durationText(limits.freezeMs)}; nothing may change for ${durationText(limits.quietMs)}.
`;
}

const CAUSES: Readonly<Record<LossClass['cause'], string>> = { left: 'not copied', lost: 'lost on the target', unasked: 'not asked for', never: 'kept by no copy' };

function losses({ losses: all, name }: MigrationPlan): string {
  if (all.length === 0) return '## What will not be as at the source\n\nNothing.\n';
  const one = ({ cause, message, mend, count, paths }: LossClass): string => {
    const shown = paths.slice(0, cause === 'never' ? LISTED : SHOWN);
    const more = count === null ? 0 : count - shown.length;
    const list = shown.map(({ path, what }) => `- ${code(path)}: ${code(what)}\n`).join('');
    const rest = more <= 0 || shown.length === 0 ? '' : `- and ${countText(more, 'more path', 'more')}: ${paths.length > shown.length ? `see ${code(`${name}-plan.json`)}${paths.length < (count ?? 0) ? `, which has the first ${paths.length}` : ''}` : 'not listed'}\n`;
    return `### ${capital(words(message))}\n\n${count === null ? 'All entries' : countText(count, 'entry', 'entries')}, ${CAUSES[cause]}.${mend === null ? '' : ` What mends it: ${code(mend)}`}\n\n${list}${rest}`;
  };
  return `## What will not be as at the source\n\n${all.map(one).join('\n')}`;
}

function risks({ risks: all }: MigrationPlan): string {
  return `## Risks\n\n${all.length === 0 ? 'None was found.\n' : all.map(({ severity, risk, action }) => `- **${severity}**: ${words(risk)} What to do: ${code(action)}\n`).join('')}`;
}

/** What of the source's kinds is told, and how. */
const KIND_WORDS: Readonly<Record<Kind, string>> = {
  acls: 'entries with access control lists', capabilities: 'files with capabilities', 'user-xattrs': 'entries with attributes user.*', 'trusted-xattrs': 'entries with attributes trusted.*', 'security-xattrs': 'entries with attributes security.*', 'other-xattrs': 'entries with other attributes',
  'set-id': 'set-id programs', sticky: 'files with the sticky bit', 'unnamed-owners': 'entries of users without a name', 'unnamed-groups': 'entries of groups without a name', immutable: 'immutable files', 'append-only': 'append-only files', 'hard-links': 'names of files with several names',
  'links-outside': 'files with names elsewhere', sparse: 'files with holes', devices: 'device nodes', fifos: 'FIFOs', sockets: 'sockets', 'not-utf8': 'names that are not UTF-8', 'control-characters': 'names with control characters', 'long-paths': 'paths longer than PATH_MAX',
  twins: 'names that differ from another only in capitals or forms of Unicode', unreadable: 'entries that could not be looked at',
};

function source({ survey, openFiles }: MigrationPlan): string {
  const { entries, bytes, sizes, largest, hottest, written, made, growth, hardLinks, sparse, mounts, found } = survey;
  const rows = sizes.map(({ upTo, files, bytes: size }) => `| ${upTo === null ? 'larger' : `up to ${sizeText(upTo)}`} | ${files} | ${bytesText(size)} |\n`).join('');
  const kinds = (Object.keys(KIND_WORDS) as Kind[]).filter((kind) => found[kind].count > 0).map((kind) => `- ${found[kind].count} ${KIND_WORDS[kind]}, such as ${found[kind].paths.slice(0, 3).map(({ path }) => code(path)).join(', ')}\n`).join('');
  return `## The source

Looked at in ${durationText(survey.tookMs)}: ${countText(entries.files, 'file')}, ${countText(entries.dirs, 'folder')}, ${countText(entries.links, 'symlink')}, ${countText(entries.devices + entries.specials, 'device or special file', 'devices and special files')}; ${bytesText(bytes.apparent)}, ${bytesText(bytes.allocated)} allocated. Longest path: ${survey.longestPath} bytes.

| Size | Files | Bytes |
|---|---:|---:|
${rows}
Written in the last hour: ${changedText(written.hour)}; day: ${changedText(written.day)}; week: ${changedText(written.week)}.${made === null ? '' : ` Made in the last day: ${changedText(made.day)}.`}${growthText(growth)}

The largest:

${largest.slice(0, LISTED).map(({ path, bytes: size }) => `- ${bytesText(size)} ${code(path)}\n`).join('')}
Last changed:

${hottest.slice(0, LISTED).map(({ path, changedAt }) => `- ${timeText(changedAt)} ${code(path)}\n`).join('')}
In use:

${kinds === '' ? 'Plain files and folders only.\n' : kinds}
${hardLinks.names === 0 ? '' : `Hard links: ${countText(hardLinks.groups, 'file')} with ${countText(hardLinks.names, 'name')}${hardLinks.partial ? ', more than could be followed' : ''}; copies of their own would take ${bytesText(hardLinks.saved)} more.\n`}${sparse.files === 0 ? '' : `Holes save ${bytesText(sparse.apparent - sparse.allocated)} in ${countText(sparse.files, 'file')}.\n`}${mounts.map(({ path, type, copied }) => `- a file system (${words(type)}) is mounted at ${code(path)} and is ${copied ? 'copied' : 'left out'}\n`).join('')}
Open files now: ${openFiles.total}, ${openFiles.writers} of them for writing${openFiles.unseen === 0 ? '' : `; ${openFiles.unseen} processes could not be looked at`}.

${openFiles.files.slice(0, SHOWN).map(({ pid, command, path, how, deleted }) => `- ${code(path)} (${how}${deleted ? ', its name is gone' : ''}) by ${code(command)}, process ${pid}\n`).join('')}`;
}

function changedText({ files, bytes }: { files: number; bytes: number }): string {
  return `${countText(files, 'file')} of ${bytesText(bytes)}`;
}

function growthText(growth: Survey['growth']): string {
  if (growth === null) return '';
  return ` Since the plan of ${timeText(growth.since)}: ${signed(growth.files, (n) => countText(n, 'file'))}, ${signed(growth.bytes, bytesText)}, ${signed(growth.bytesPerDay, bytesText)} a day.`;
}

function signed(n: number, text: (n: number) => string): string {
  return `${n < 0 ? '−' : '+'}${text(Math.abs(n))}`;
}

function target({ targetFacts: facts, findings }: MigrationPlan): string {
  const about = facts === null ? 'It could not be looked at.\n' : `${facts.exists ? 'It stands' : 'It will be made'} on ${code(facts.fileSystem)}; ${bytesText(facts.freeBytes)} are free, the copy needs ${bytesText(facts.neededBytes)}${facts.freeInodes === undefined ? '' : `; ${facts.freeInodes} inodes are free, it needs ${facts.neededInodes}`}.\n`;
  return `## The target and the way to it\n\n${about}\n${findings.filter(({ severity }) => severity !== 'ok').map(({ severity, message, fix }) => `- **${severity}**: ${words(message)}${fix === undefined ? '' : ` What mends it: ${code(fix)}`}\n`).join('')}- ${countText(findings.filter(({ severity }) => severity === 'ok').length, 'check')} found nothing wrong (twintree doctor -v lists them)\n`;
}

function basis({ measured, estimates }: MigrationPlan): string {
  return `## What the estimates stand on

- reading the source: ${rateText(measured.readBytesPerSecond)}, small files: ${filesText(measured.readFilesPerSecond)}
- the network: ${rateText(measured.linkBytesPerSecond)}, small files: ${filesText(measured.linkFilesPerSecond)}
- what changes: ${bytesText(estimates.changeBytesPerSecond)}/s at most, counting each changed file whole
${measured.notes.map((note) => `- ${words(note)}\n`).join('')}
They are bounds from a sample of seconds. ${code('twintree migrate forecast')} says more once the migration runs.
`;
}

function rateText(bytes: number | null): string {
  return bytes === null ? 'not measured' : `${bytesText(bytes)}/s`;
}

function filesText(count: number | null): string {
  return count === null ? 'not measured' : `${count} files/s`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
