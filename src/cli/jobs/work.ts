/** The work of a job's run: a session for each of its targets, one after the other, or a mirror that follows its source until it is told to end. */
import { limitProcess } from '../../fs/index.js';
import { Mirror, type FollowerListener } from '../../mirror/index.js';
import { mirrorWords, openPace, resultOf, syncWords, type JobConfig, type WorkContext, type WorkEnd } from '../../job/index.js';
import { newOutcome, type Outcome, type SessionListener } from '../../session/index.js';
import { fromText, TwintreeError } from '../../tree/index.js';
import { mirrorRequest } from '../commands/mirror.js';
import { sessionRun } from '../commands/remote.js';
import { processContext } from '../commands/shared.js';
import { exitCodeOf, EXIT } from '../exit-codes.js';
import { parseMirror, parseSync } from '../options/index.js';

/** What a run is to keep to, and who hears of it. */
export interface WorkOptions {
  /** The run is to stop then, and to go on next time: ms since 1970. */
  readonly until: number | undefined;
  /** Told what people should know: notices, and errors of single targets. */
  say(message: string): void;
}

/** What `conductRun` is handed. */
export async function workOf(job: JobConfig, context: WorkContext, how: WorkOptions): Promise<WorkEnd> {
  return job.mode === 'live' ? follow(job, context, how) : sessions(job, context, how);
}

/** When a run that begins now is to stop: at the end of its window, or after its longest time. */
export function stopAt(job: Pick<JobConfig, 'runTimeMs'>, begin: number, until: number | undefined): number | undefined {
  const longest = job.runTimeMs === undefined ? undefined : begin + job.runTimeMs;
  return until === undefined ? longest : Math.min(until, longest ?? until);
}

async function sessions(job: JobConfig, context: WorkContext, how: WorkOptions): Promise<WorkEnd> {
  let worst: number = EXIT.ok;
  let stopped = false;
  for (const [at, target] of job.targets.entries()) {
    const start = Date.now();
    try {
      const outcome = await session(job, target, context.signal, how);
      context.target(at, outcome, start);
      stopped ||= outcome.exitCode === EXIT.timeout && outcome.aborted;
      worst = worse(worst, outcome.exitCode);
    } catch (error) {
      if (!(error instanceof TwintreeError)) throw error;
      if (job.targets.length === 1) throw error;
      how.say(`${target}: ${error.message} (${error.code})`);
      const exitCode = exitCodeOf(error.code);
      context.target(at, { ...newOutcome(), exitCode, elapsedMs: Date.now() - start }, start);
      worst = worse(worst, exitCode);
    }
    if (context.signal.aborted || stopped) break;
  }
  return stopped && (worst === EXIT.timeout || worst === EXIT.ok) ? { exitCode: worst, result: 'stopped' } : { exitCode: worst };
}

async function session(job: JobConfig, target: string, signal: AbortSignal, { until, say }: WorkOptions): Promise<Outcome> {
  const parsed = parseSync(syncWords(job, target).map(fromText), processContext());
  if (parsed.kind !== 'run' || parsed.target === undefined) throw new TwintreeError('USAGE', `the options of job ${job.name} make no run`);
  const end = until ?? parsed.options.stopAt;
  const options = end === undefined ? parsed.options : { ...parsed.options, stopAt: Math.min(end, parsed.options.stopAt ?? end) };
  const listener: SessionListener = { notice: (_code, message) => { say(`${target}: ${message}`); } };
  const pace = job.rates === undefined ? undefined : openPace(job.rates);
  try {
    return await sessionRun(parsed)({ sources: parsed.sources, target: parsed.target, options, ...(pace === undefined ? {} : { pace: pace.pace }) }, listener, signal);
  } finally {
    pace?.close();
  }
}

function weight(code: number): number {
  const result = resultOf(code);
  return result === 'success' ? 0 : result === 'partial' ? 1 : 2;
}

/** The exit code that tells more: success says least, then what came through in part. */
export function worse(a: number, b: number): number {
  return weight(b) > weight(a) || (a === EXIT.ok && b !== EXIT.ok) ? b : a;
}

async function follow(job: JobConfig, context: WorkContext, how: WorkOptions): Promise<WorkEnd> {
  const parsed = parseMirror(mirrorWords(job).map(fromText), processContext());
  if (parsed.kind !== 'run') throw new TwintreeError('USAGE', `the options of job ${job.name} make no mirror`);
  const { limits } = parsed.following;
  if (limits.cpu > 0 || limits.reading > 0) limitProcess(limits); // a live job's run has its process to itself
  let targets = 0;
  const mirror = new Mirror(mirrorRequest(parsed), {
    condition: ({ kind }) => { how.say(`the source: ${kind}`); },
    follower: () => {
      const at = targets++;
      const name = job.targets[at] ?? '';
      const listener: FollowerListener = {
        notice: (_code, message) => { how.say(`${name}: ${message}`); },
        failed: (code, message, retryAt) => { how.say(`${name}: ${message} (${code})${retryAt === undefined ? '; it is held' : ''}`); },
        problem: (problem) => { how.say(`${name}: ${problem.message} (${problem.code})`); },
        held: ({ message }) => { how.say(`${name}: ${message}`); },
        ended: (error) => { how.say(`${name}: it has ended: ${error instanceof Error ? error.message : String(error)}`); },
        status: (status) => {
          context.live(at, status);
        },
      };
      return listener;
    },
  });
  await mirror.run(context.signal);
  return { exitCode: EXIT.ok };
}
