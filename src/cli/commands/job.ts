/** `twintree job …`: jobs that a configuration describes. */
import { ConfigError, type ConfigProblem, type JobConfig, nearest, type NoticeSpec, type Secret } from '../../job/index.js';
import { Calendar, type Occurrence } from '../../schedule/index.js';
import { displayName, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { HelpRow } from '../help.js';
import { jobLogs, jobStatus, pauseJobs, reloadJobs, resumeJobs, startJobs, stopJobs } from '../jobs/control.js';
import { explainJob } from '../jobs/explain.js';
import { installJobs } from '../jobs/install.js';
import { runJob } from '../jobs/run.js';
import { configFile, jobNamed, readConfig, secretFault } from '../jobs/source.js';
import { checkJson, checkText, listJson, listText, problemJson, problemText, runJson, runText } from '../jobs/text.js';
import { parseSmall, typed, type SmallArgs } from './small-args.js';

const USAGE = `twintree job check|list [OPTION]...
twintree job next [OPTION]... [NAME...]
twintree job explain [OPTION]... NAME PATH...
twintree job history [OPTION]... NAME
twintree job run [OPTION]... NAME
twintree job start|stop|pause|resume NAME...
twintree job status [OPTION]... [NAME...]
twintree job logs [--count=N] NAME
twintree job reload
twintree job install [--systemd | --cron | --agent] [--remove | --print] [--into=DIR] [NAME...]

check tells all that is wrong in the configuration, with file, line and column. list shows the jobs and when each runs next. next prints the
coming runs, of all jobs or of those named. explain tells which filter rule of a job decides for each path below its source. history shows the last runs of a job (twintree job history --help).

run runs a job once, here: silent where all is well, one line and an exit code where not. start asks the agent for a run. stop tells the run at
work to end. pause: nothing of a job begins by itself until it is resumed. status tells how jobs stand. logs shows what the agent kept of what a
job said. reload has the agent read the configuration anew. install hands jobs to systemd (timers and services) or cron, or makes a service of the agent; --remove takes that back.`;
const ROWS: readonly HelpRow[] = [
  { name: 'config', argument: 'FILE', help: 'the configuration (root: /etc/twintree/twintree.yaml, else ~/.config/twintree/twintree.yaml), beside which conf.d is' },
  { name: 'json', help: 'lines of JSON' },
  { name: 'count', argument: 'N', help: 'next: how many runs (10); logs: how many lines (50)' },
  { name: 'from', argument: 'INSTANT', help: 'next: those after this moment, such as 2026-03-29 or 2026-03-29T00:00+01:00 (now)' },
  { name: 'cause', argument: 'CAUSE', help: 'run: why: schedule, catch-up, asked or live (asked); a paused job runs where it is asked for alone' },
  { name: 'until', argument: 'INSTANT', help: 'run: stop then, and go on next time' },
  { name: 'dry-run', help: 'run: show what a run would do, as sync -n -i does, and do nothing' },
  { name: 'child', help: 'run: end when standard input is closed, as the agent has it' },
  { name: 'systemd', help: 'install: timers and services, the usual thing where systemd is at work' },
  { name: 'cron', help: 'install: lines of cron (root: /etc/cron.d/twintree, else the own crontab)' },
  { name: 'agent', help: 'install: the agent as a service, which runs all jobs' },
  { name: 'remove', help: 'install: take back what it made' },
  { name: 'print', help: 'install: print it, and change nothing' },
  { name: 'into', argument: 'DIR', help: 'install: write the files into DIR, and start nothing' },
];
const MORE = 'docs/jobs.md is the guide. Exit code 0: all is well, 1: the configuration is wrong, or a job is not there.';

const ACTIONS: Readonly<Record<string, { values: readonly string[]; flags?: readonly string[]; run(args: SmallArgs, file: string): number | Promise<number> }>> = {
  check: { values: [], run: check },
  list: { values: [], run: list },
  next: { values: ['count', 'from'], run: next },
  explain: { values: [], run: explain },
  run: { values: ['cause', 'until'], flags: ['child', 'dry-run'], run: runJob },
  start: { values: [], run: startJobs },
  stop: { values: [], run: stopJobs },
  pause: { values: [], run: pauseJobs },
  resume: { values: [], run: resumeJobs },
  status: { values: [], run: jobStatus },
  logs: { values: ['count'], run: jobLogs },
  reload: { values: [], run: reloadJobs },
  install: { values: ['into'], flags: ['systemd', 'cron', 'agent', 'remove', 'print'], run: installJobs },
};

export async function run(args: readonly ByteString[]): Promise<number> {
  const [name] = args;
  if (name === 'history') return (await import('./job-history.js')).run(args.slice(1));
  const action = name === undefined || !Object.hasOwn(ACTIONS, name) ? undefined : ACTIONS[name];
  const given = parseSmall('job', action === undefined ? args : args.slice(1), ['help', 'json', ...(action?.flags ?? [])], ['config', ...(action?.values ?? [])]);
  if (given.options.has('help')) {
    const { smallHelp } = await import('../help.js');
    process.stdout.write(await smallHelp(USAGE, ROWS, MORE));
    return EXIT.ok;
  }
  if (action === undefined) {
    const known = [...Object.keys(ACTIONS), 'history'];
    if (name === undefined) throw usageError(`job wants to know what: ${known.join(', ')}`, 'twintree job --help tells more.');
    const near = nearest(displayName(name), known);
    throw usageError(`"${displayName(name)}" is nothing that job does`, near === undefined ? `It does ${known.join(', ')}.` : `Did you mean ${near}?`);
  }
  try {
    return await action.run(given, configFile(given.options.get('config')));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return tellProblems(error, given.options.has('json'));
  }
}

/** All that is wrong. Returns the exit code. */
export function tellProblems({ problems }: ConfigError, json: boolean): number {
  if (json) process.stdout.write(problems.map((each) => problemJson(each, 'problem')).join('') + checkJson(0, problems.length, 0));
  else process.stderr.write(`${problems.map(problemText).join('')}twintree: the configuration has ${problems.length} ${problems.length === 1 ? 'mistake' : 'mistakes'} (USAGE, exit code ${EXIT.usage})\n`);
  return EXIT.usage;
}

/** Tells problems and warnings; exit code 1 where there is a problem. */
function check({ options, names }: SmallArgs, file: string): number {
  noNames('check', names);
  const json = options.has('json');
  const config = readConfig(file);
  const warnings = warningsOf([...config.jobs.values()]);
  if (json) process.stdout.write(warnings.map((each) => problemJson(each, 'warning')).join('') + checkJson(config.jobs.size, 0, warnings.length));
  else {
    process.stderr.write(warnings.map((each) => `warning: ${problemText(each)}`).join(''));
    process.stdout.write(checkText(config));
  }
  return EXIT.ok;
}

/** Secrets that are not there, or that others can read: each once, at the first job that has it. */
function warningsOf(jobs: readonly JobConfig[]): ConfigProblem[] {
  const found = new Map<string, JobConfig[]>();
  for (const job of jobs) {
    for (const secret of job.notices.flatMap(secretsOf)) {
      const fault = secretFault(secret);
      if (fault !== undefined) found.set(fault, [...(found.get(fault) ?? []), job]);
    }
  }
  return [...found].map(([fault, at]) => ({ place: (at[0] as JobConfig).place, message: `${fault} (notices of ${[...new Set(at.map(({ name }) => name))].join(', ')})`, advice: undefined }));
}

function secretsOf(notice: NoticeSpec): Secret[] {
  switch (notice.kind) {
    case 'mail': return notice.server.password === undefined ? [] : [notice.server.password];
    case 'webhook': return Object.values(notice.headers ?? {}).filter((value) => typeof value !== 'string');
    case 'ping': return [];
  }
}

function list({ options, names }: SmallArgs, file: string): number {
  noNames('list', names);
  const jobs = [...readConfig(file).jobs.values()];
  const now = Date.now();
  if (options.has('json')) process.stdout.write(jobs.map((job) => listJson(job, now)).join(''));
  else process.stdout.write(jobs.length === 0 ? `${file} describes no jobs\n` : listText(jobs, now));
  return EXIT.ok;
}

function next({ options, names }: SmallArgs, file: string): number {
  const count = readCount(options.get('count'));
  const from = readInstant(options.get('from'));
  const { jobs } = readConfig(file);
  const chosen = names.length === 0 ? [...jobs.values()].filter(({ enabled }) => enabled) : names.map((name) => jobNamed(jobs, typed(name)));
  const json = options.has('json');
  if (!json) {
    for (const job of chosen) {
      if (names.length > 0 && (job.mode === 'live' || job.schedules.length === 0)) process.stdout.write(`${job.name} ${job.mode === 'live' ? 'is live: it follows every change' : 'has no schedule: it runs when it is told to'}\n`);
      else if (names.length > 0 && !job.enabled) process.stdout.write(`${job.name} is not enabled; it would run at\n`);
    }
  }
  for (const [job, occurrence] of coming(chosen, from, count)) process.stdout.write(json ? runJson(job.name, occurrence) : runText(job.name, occurrence));
  return EXIT.ok;
}

/** The first `count` runs of all jobs together, in order. */
function* coming(jobs: readonly JobConfig[], from: number, count: number): Generator<[JobConfig, Occurrence]> {
  const heads = jobs.map((job) => {
    const calendar = new Calendar(job.schedules, job.name);
    return { job, calendar, run: calendar.next(from) };
  });
  for (let k = 0; k < count; k++) {
    const [head] = heads.filter((each) => each.run !== undefined).toSorted((a, b) => (a.run as Occurrence).start - (b.run as Occurrence).start);
    if (head?.run === undefined) return;
    yield [head.job, head.run];
    head.run = head.calendar.next(head.run.start);
  }
}

function explain({ options, names }: SmallArgs, file: string): number {
  const [name, ...paths] = names;
  if (name === undefined || paths.length === 0) throw usageError('job explain wants the name of a job and paths', 'twintree job explain NAME PATH...');
  return explainJob(jobNamed(readConfig(file).jobs, typed(name)), paths, options.has('json'));
}

function noNames(action: string, names: readonly ByteString[]): void {
  if (names.length > 0) throw usageError(`job ${action} takes no names`, '--config=FILE names the configuration.');
}

function readCount(text: ByteString | undefined): number {
  if (text === undefined) return 10;
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > 100_000) throw usageError(`--count=${displayName(text)} is not a number from 1 to 100000`);
  return count;
}

/** A moment; without an offset, in local time. */
function readInstant(text: ByteString | undefined): number {
  if (text === undefined) return Date.now();
  const at = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?(?:Z|[+-]\d\d:\d\d)?$/.test(text) ? Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text.replace(' ', 'T')) : Number.NaN;
  if (Number.isNaN(at)) throw usageError(`--from=${displayName(text)} is not a moment`, 'Write 2026-03-29, 2026-03-29T01:30 or 2026-03-29T01:30+01:00.');
  return at - 1; // itself is among those that are shown
}
