/**
 * `twintree job run NAME`: one run of a job in this process, as a person, the system's cron, a timer or the agent starts it. It is silent where all is well, and says
 * one line where not, so that cron sends mail about failures alone.
 */
import { loadOwnPosix } from '../../fs/index.js';
import { conductRun, runLine, syncWords, type JobConfig, type JobRun, type RunCause } from '../../job/index.js';
import type { ByteString } from '../../tree/index.js';
import { abortBySignal } from '../commands/shared.js';
import { typed, type SmallArgs } from '../commands/small-args.js';
import { describeError, sentence, usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { asBytes } from './catalog.js';
import { jobNamed, readConfig } from './source.js';
import { isPaused, ownState } from './state.js';
import { stopAt, workOf, worse } from './work.js';

const CAUSES: readonly RunCause[] = ['schedule', 'catch-up', 'asked', 'live'];

/** `--child`: the agent started it, and it is to end when the agent does. */
export async function runJob({ options, names }: SmallArgs, file: string): Promise<number> {
  const [name] = names;
  if (name === undefined || names.length > 1) throw usageError('job run takes the name of one job');
  const job = jobNamed(readConfig(file).jobs, typed(name));
  if (options.has('dry-run')) return showJob(job);
  const cause = causeOf(options.get('cause'));
  const posix = loadOwnPosix();
  const state = ownState();
  if (cause !== 'asked' && isPaused(state, job.name)) return EXIT.ok; // it was paused for good reason
  const controller = new AbortController();
  const release = abortBySignal(controller);
  const leave = options.has('child') ? endWithParent(controller) : undefined;
  const say = (message: string): void => { process.stderr.write(`${job.name}: ${sentence(message)}\n`); };
  const said: string[] = [];
  const tell = cause === 'asked' || options.has('child') ? say : (message: string): void => { if (said.length < 20) said.push(message); };
  const begin = Date.now();
  try {
    const run = await conductRun({
      posix, stateFolder: state, job: job.name, cause, sources: job.sources, targets: job.targets, overlap: job.overlap, own: true, hooks: job.hooks, notices: job.notices, retention: job.retention,
      ...(job.lagMs === undefined ? {} : { lagLimitMs: job.lagMs }), signal: controller.signal, env: process.env, exitCodeOf: (error) => describeError(error, false).exitCode, say: tell,
      work: (context) => workOf(job, context, { until: stopAt(job, begin, instantOf(options.get('until'))), say: tell }),
    });
    return finish(job, run, options.has('json'), said);
  } finally {
    release();
    leave?.();
  }
}

/** --dry-run: what a run would do, shown as sync shows it, without hooks or history. The worst exit code of the targets. */
async function showJob(job: JobConfig): Promise<number> {
  if (job.mode === 'live') throw usageError('a live job has no single run to show', 'twintree sync -n -i shows what differs; twintree doctor --job judges the job.');
  const { run } = await import('../commands/sync.js');
  let worst: number = EXIT.ok;
  for (const target of job.targets) worst = worse(worst, await run(asBytes(['--dry-run', '--itemize-changes', ...syncWords(job, target)])));
  return worst;
}

/** The line at the end, and the exit code. */
function finish(job: JobConfig, run: JobRun & { exitCode: number }, json: boolean, said: readonly string[]): number {
  if (json) process.stdout.write(`${JSON.stringify(run)}\n`);
  else if (run.result !== 'success' && run.result !== 'stopped') {
    for (const message of said) process.stderr.write(`${job.name}: ${sentence(message)}\n`);
    process.stderr.write(`twintree: ${runLine(run)}\n`);
    for (const { path, message } of run.problems.slice(0, 10)) process.stderr.write(`  ${sentence(path)}: ${sentence(message)}\n`);
  }
  return run.result === 'stopped' ? EXIT.timeout : run.exitCode;
}

function causeOf(given: ByteString | undefined): RunCause {
  const cause = CAUSES.find((each) => each === (given === undefined ? 'asked' : typed(given)));
  if (cause === undefined) throw usageError(`--cause is one of ${CAUSES.join(', ')}`);
  return cause;
}

function instantOf(given: ByteString | undefined): number | undefined {
  if (given === undefined) return undefined;
  const text = typed(given);
  const instant = /^\d{1,16}$/.test(text) ? Number(text) : Date.parse(text);
  if (!(instant >= 0 && instant <= 8.64e15)) throw usageError(`--until=${text} is no moment`, 'Write milliseconds since 1970, or 2026-03-29T06:00+01:00.');
  return instant;
}

/** Standard input is a pipe that the agent holds: it closes when the agent ends, however that ends. */
function endWithParent(controller: AbortController): () => void {
  const end = (): void => { controller.abort(new Error('the agent has ended')); };
  process.stdin.on('end', end).on('error', end).resume();
  return () => { process.stdin.destroy(); };
}
