/** `twintree report [JOB]`: what the runs of jobs did over a time, as text, JSON or a page. Changes nothing. */
import { hostname } from 'node:os';
import { makeReport, reportHtml, reportJson, reportText, type Report } from '../../job/index.js';
import type { ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { HelpRow } from '../help.js';
import { ownHistory } from './job-history.js';
import { logLine } from './log-line.js';
import { parseSmall, typed } from './small-args.js';

const USAGE = `twintree report [OPTION]... [JOB]

Tells what the runs of a job did, or of all jobs whose history this user keeps: how many did well, what they carried, what deltas saved, how long they took,
how far a live target was behind, and what went wrong. As html it is one page with plots that needs no other file.`;
const ROWS: readonly HelpRow[] = [
  { name: 'since', argument: 'TIME', help: 'from then on: 7d, 12h, 90m or 2w ago, or a moment such as 2026-11-01 or 2026-11-01T06:00Z (30d)' },
  { name: 'config', argument: 'FILE', help: 'the jobs of this configuration, also those that never ran, and no others' },
  { name: 'format', argument: 'FORMAT', help: 'text, json or html (text)' },
];
const MORE = 'Exit code 0: there is a job; 23: none has run; 1: the configuration is wrong, or has no such job. docs/jobs-hooks.md tells more.';
const FORMATS: Readonly<Record<string, (report: Report) => string>> = { text: reportText, json: reportJson, html: reportHtml };
const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const DEFAULT = '30d' as ByteString;

export async function run(args: readonly ByteString[]): Promise<number> {
  const { options, names } = parseSmall('report', args, ['help'], ['since', 'format', 'config']);
  if (options.has('help')) {
    const { smallHelp } = await import('../help.js');
    process.stdout.write(await smallHelp(USAGE, ROWS, MORE));
    return EXIT.ok;
  }
  if (names.length > 1) throw usageError('report takes one job, or none for all', 'twintree report --help tells more.');
  const format = typed(options.get('format') ?? ('text' as ByteString));
  const write = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  if (write === undefined) throw usageError(`--format=${logLine(format)} is none of ${Object.keys(FORMATS).join(', ')}`);
  const now = Date.now();
  const since = sinceTime(typed(options.get('since') ?? DEFAULT), now);
  if (since === undefined || since >= now) throw usageError(`--since=${logLine(typed(options.get('since') ?? DEFAULT))} is no time before now`, 'Say 7d, 12h, 90m, 2w, or a moment such as 2026-11-01.');
  const [name] = names;
  const configured = options.get('config');
  let known: string[] | undefined;
  if (configured !== undefined) {
    const found = await jobsOf(configured, name === undefined ? undefined : typed(name));
    if (typeof found === 'number') return found;
    known = found;
  }
  const kept = await ownHistory().summaries({ since, ...(name === undefined ? {} : { job: typed(name) }) });
  const summaries = known === undefined ? kept : kept.filter(({ job }) => known.includes(job));
  if (name !== undefined && summaries.length === 0 && known === undefined) {
    process.stderr.write(`no run of ${logLine(typed(name))} is known\n`);
    return EXIT.partial;
  }
  process.stdout.write(write(makeReport(summaries, { at: now, since, until: now, host: hostname() }, known)));
  return summaries.length > 0 || (known ?? []).length > 0 ? EXIT.ok : EXIT.partial;
}

/** Names of the jobs of a configuration, or the one that is asked for; the exit code where it is wrong. @throws CommandError USAGE. */
async function jobsOf(file: ByteString, name: string | undefined): Promise<string[] | number> {
  const [{ tellProblems }, { configFile, jobNamed, readConfig }, { ConfigError }] = await Promise.all([import('./job.js'), import('../jobs/source.js'), import('../../job/index.js')]);
  try {
    const { jobs } = readConfig(configFile(file));
    return name === undefined ? [...jobs.keys()] : [jobNamed(jobs, name).name];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return tellProblems(error, false);
  }
}

/** A time before `now` or a moment, ms since 1970; undefined for what is neither. A moment without an offset is local time. */
export function sinceTime(text: string, now: number): number | undefined {
  const ago = /^(\d{1,6})([mhdw])$/.exec(text);
  if (ago !== null) return Math.max(0, now - Number(ago[1]) * (UNITS[ago[2] as string] as number));
  if (!/^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?(?:Z|[+-]\d\d:\d\d)?$/.test(text)) return undefined;
  const at = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text.replace(' ', 'T'));
  return Number.isNaN(at) || at < 0 ? undefined : at;
}
