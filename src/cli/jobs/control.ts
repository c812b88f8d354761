/** `twintree job stop | pause | resume | status | logs`: what is done about a job from outside, whoever runs it. */
import { loadOwnPosix } from '../../fs/index.js';
import { AGENT_SOCKET, askToStop, jobHolder, JobHistory, readAgentAnswer, runPredicate, type AgentAnswer, type AgentJob, type AgentRequest, type JobConfig, type JobRun } from '../../job/index.js';
import { Calendar } from '../../schedule/index.js';
import { askControl } from '../../transport/index.js';
import { displayName, fromText, TwintreeError } from '../../tree/index.js';
import { noSources, noSourceText } from '../commands/retired.js';
import { typed, type SmallArgs } from '../commands/small-args.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { lastLines } from './log.js';
import { jobNamed, readConfig } from './source.js';
import { agentFolder, isPaused, keepPaused, ownState } from './state.js';

/** Milliseconds that the agent has to answer in. */
const PATIENCE = 10_000;

/** Asks the agent for a run: it begins when there is a place. */
export async function startJobs(args: SmallArgs, file: string): Promise<number> {
  return eachJob('start', args, file, async (job) => (await askAgent({ do: 'run', job: job.name })) ?? { ok: false, message: 'no agent of this user is at work; twintree job run runs it here' });
}

/** Has the agent read its configuration anew. What is wrong in the file that is named is told before. */
export async function reloadJobs({ names }: SmallArgs, file: string): Promise<number> {
  if (names.length > 0) throw usageError('job reload takes no names');
  readConfig(file);
  const { ok, message } = (await askAgent({ do: 'reload' })) ?? { ok: false, message: 'no agent of this user is at work' };
  (ok ? process.stdout : process.stderr).write(`${message}\n`);
  return ok ? EXIT.ok : EXIT.partial;
}

/** Ends the run at work, in good order. A live job's is started again, where an agent keeps it, unless it is paused. */
export async function stopJobs(args: SmallArgs, file: string): Promise<number> {
  return eachJob('stop', args, file, async (job) => {
    const holder = askToStop(loadOwnPosix(), ownState(), job.name);
    return holder === undefined ? { ok: false, message: 'no run of it is at work' } : { ok: true, message: `the run at work (process ${holder.pid}) is told to end` };
  });
}

/** A pause outlives the agent: nothing of the job begins by itself, by the agent, cron or a timer. */
export async function pauseJobs(args: SmallArgs, file: string): Promise<number> {
  return eachJob('pause', args, file, async (job) => (await askAgent({ do: 'pause', job: job.name })) ?? keep(job, true));
}

export async function resumeJobs(args: SmallArgs, file: string): Promise<number> {
  return eachJob('resume', args, file, async (job) => {
    const here = keep(job, false);
    return here.ok ? ((await askAgent({ do: 'resume', job: job.name })) ?? here) : here;
  });
}

function keep(job: JobConfig, paused: boolean): AgentAnswer {
  const state = ownState();
  if (!paused && !isPaused(state, job.name)) return { ok: true, message: 'it was not paused' };
  const fault = keepPaused(state, job.name, paused);
  return fault === undefined ? { ok: true, message: paused ? 'paused: nothing of it begins by itself' : 'resumed' } : { ok: false, message: fault };
}

/** How jobs stand: with the agent, and by their history. */
export async function jobStatus({ options, names }: SmallArgs, file: string): Promise<number> {
  const { jobs } = readConfig(file);
  const chosen = names.length === 0 ? [...jobs.values()] : names.map((name) => jobNamed(jobs, typed(name)));
  const answer = await askAgent({ do: 'status' });
  const history = new JobHistory(loadOwnPosix(), ownState(), (_code, message) => { process.stderr.write(`twintree: ${message}\n`); });
  const json = options.has('json');
  if (!json) process.stdout.write(answer === undefined ? 'no agent of this user is at work\n' : `the agent: ${answer.message}\n`);
  let exitCode: number = EXIT.ok;
  for (const job of chosen) {
    const runs = await history.list({ job: job.name });
    const last = runs.findLast(({ result }) => result !== 'skipped' && result !== 'running');
    const lastGood = runs.findLast(({ result }) => result === 'success' || result === 'stopped');
    const stands = standing(job, answer?.jobs?.find(({ name }) => name === job.name));
    const none = noSources(job.sources.map(fromText), job.targets.map(fromText));
    if (none.length > 0) exitCode = EXIT.partial;
    if (last !== undefined && (last.result === 'failed' || last.result === 'interrupted' || last.result === 'partial')) exitCode = EXIT.partial;
    process.stdout.write(json ? `${JSON.stringify({ type: 'job-status', job: job.name, mode: job.mode, enabled: job.enabled, ...stands, last: last ?? null, lastSuccess: lastGood?.end ?? null, promoted: none })}\n` : `${text(job, stands, last, lastGood)}${none.map((each) => `  ${noSourceText(each)}\n`).join('')}`);
  }
  return exitCode;
}

/** The last lines that a job's runs under the agent have said. */
export async function jobLogs({ options, names }: SmallArgs, file: string): Promise<number> {
  const [name] = names;
  if (name === undefined || names.length > 1) throw usageError('job logs takes the name of one job');
  const job = jobNamed(readConfig(file).jobs, typed(name));
  const given = options.get('count');
  const count = given === undefined ? 50 : Number(/^\d{1,6}$/.exec(given)?.[0] ?? NaN);
  if (!(count >= 1)) throw usageError(`--count=${displayName(given ?? fromText(''))} is no number of lines`);
  for (const line of lastLines(ownState(), job.name, count)) process.stdout.write(`${line}\n`);
  return EXIT.ok;
}

/** Undefined: no agent is at work. */
export async function askAgent(request: AgentRequest): Promise<AgentAnswer | undefined> {
  let line: string | undefined;
  try {
    line = await askControl(agentFolder(), AGENT_SOCKET, JSON.stringify(request), PATIENCE);
  } catch (error) {
    if (!(error instanceof TwintreeError) || error.code !== 'IO') throw error;
    return { ok: false, message: error.message };
  }
  return line === undefined ? undefined : readAgentAnswer(line);
}

interface Stands { running: { since: number; pid: number } | null; paused: boolean; waiting: number; due: number | null }

/** As the agent has it; without one, as locks and schedules tell. */
function standing(job: JobConfig, known: AgentJob | undefined): Stands {
  const state = ownState();
  const holder = jobHolder(loadOwnPosix(), state, job.name);
  const running = holder === undefined ? null : { since: holder.since, pid: holder.pid };
  if (known !== undefined) return { running: known.running ?? running, paused: known.paused, waiting: known.waiting, due: known.due };
  return { running, paused: isPaused(state, job.name), waiting: 0, due: job.mode === 'live' ? null : (new Calendar(job.schedules, job.name).next(Date.now())?.start ?? null) };
}

function moment(at: number): string {
  return new Date(at).toISOString();
}

function text(job: JobConfig, { running, paused, waiting, due }: Stands, last: JobRun | undefined, lastGood: JobRun | undefined): string {
  const words = [
    running === null ? 'not at work' : `at work since ${moment(running.since)} (process ${running.pid})`, ...(job.enabled ? [] : ['not enabled']), ...(paused ? ['paused'] : []), ...(waiting > 0 ? [`${waiting} waiting`] : []),
    ...(job.mode === 'live' ? ['live'] : [due === null ? 'no run is due' : `next ${moment(due)}`]),
  ];
  const then = last === undefined ? '  it never ran\n' : `  last: ${runPredicate(last)}\n${lastGood === undefined ? '  it never succeeded\n' : last === lastGood ? '' : `  last success: ${moment(lastGood.end ?? lastGood.start)}\n`}`;
  return `${job.name}: ${words.join(', ')}\n${then}`;
}

async function eachJob(what: string, { names }: SmallArgs, file: string, act: (job: JobConfig) => Promise<AgentAnswer>): Promise<number> {
  if (names.length === 0) throw usageError(`job ${what} takes the names of jobs`, 'twintree job list shows them.');
  const { jobs } = readConfig(file);
  const chosen = names.map((name) => jobNamed(jobs, typed(name)));
  let exitCode: number = EXIT.ok;
  for (const job of chosen) {
    const { ok, message } = await act(job);
    (ok ? process.stdout : process.stderr).write(`${job.name}: ${message}\n`);
    if (!ok) exitCode = EXIT.partial;
  }
  return exitCode;
}
