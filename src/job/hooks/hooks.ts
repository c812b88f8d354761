/**
 * Hooks: commands that a person has set to run before, after, on the failure of a run, or where a target is too far behind. No shell is involved unless the
 * command names one. A hook gets the run in its environment and, whole, as JSON on standard input; nothing secret is in either. What it says is kept at its end.
 */
import { programTrouble, runProgram } from '../../fs/index.js';
import { cut, LIMITS, type HookRun, type HookTime, type JobRun } from '../history/index.js';
import { runDocument } from '../notices/index.js';

export interface HookSpec {
  readonly when: HookTime;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Milliseconds until it is ended, with all processes of its group. */
  readonly timeoutMs: number;
  /** Whether its failure stops the run. */
  readonly onError: 'stop' | 'ignore';
}

export interface HookOptions {
  /** What hooks inherit (process.env). */
  readonly env: NodeJS.ProcessEnv;
  /** Names of it that they do not: `secretNames()`. */
  readonly secrets: readonly string[];
  readonly signal?: AbortSignal;
  /** With `lag`: which target, how far behind, and the limit, ms. */
  readonly lag?: { readonly target: string; readonly ms: number; readonly limitMs: number };
  /** Milliseconds since 1970 (Date.now). */
  readonly clock?: () => number;
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly graceMs?: number;
}

const GRACE_MS = 5000;
const KEEP_BYTES = 4096;

/**
 * Runs the hooks of one moment in their order. The first one that fails and is set to stop the run is the last: `stopped`. Never rejects.
 * The run's problems and hooks so far are in what they get.
 */
export async function runHooks(specs: readonly HookSpec[], when: HookTime, run: JobRun, options: HookOptions): Promise<{ hooks: HookRun[]; stopped: HookRun | undefined }> {
  const hooks: HookRun[] = [];
  for (const spec of specs.filter((each) => each.when === when)) {
    const hook = await runHook(spec, run, options);
    hooks.push(hook);
    if (!hook.ok && spec.onError === 'stop') return { hooks, stopped: hook };
    if (options.signal?.aborted === true) break;
  }
  return { hooks, stopped: undefined };
}

async function runHook(spec: HookSpec, run: JobRun, options: HookOptions): Promise<HookRun> {
  const { signal, lag, clock = Date.now, graceMs = GRACE_MS } = options;
  const start = clock();
  const input = `${JSON.stringify({ type: 'twintree-hook', when: spec.when, ...(lag === undefined ? {} : { lag }), run: runDocument(run) })}\n`;
  const result = await runProgram({
    argv: spec.command, env: hookEnvironment(spec.when, run, options), input, timeoutMs: spec.timeoutMs, graceMs, keep: KEEP_BYTES, ...(signal === undefined ? {} : { signal }),
  });
  const trouble = programTrouble(result, spec.timeoutMs, 'it was ended with its run');
  return {
    when: spec.when, command: cut(spec.command.join(' '), LIMITS.message), start, durationMs: result.durationMs, ok: trouble === null, exitCode: result.exitCode,
    trouble: trouble === null ? null : cut(trouble, LIMITS.message), output: result.output.length > LIMITS.output ? result.output.slice(-LIMITS.output) : result.output,
  };
}

/** What a hook finds in its environment. Several sources or targets stand one a line. */
export function hookEnvironment(when: HookTime, run: JobRun, { env, secrets, lag }: Pick<HookOptions, 'env' | 'secrets' | 'lag'>): Record<string, string> {
  const inherited = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && !secrets.includes(entry[0]));
  const own: Record<string, string | number | null | undefined> = {
    TWINTREE_JOB: run.job, TWINTREE_RUN: run.run, TWINTREE_WHEN: when, TWINTREE_CAUSE: run.cause, TWINTREE_SOURCE: run.sources.join('\n'), TWINTREE_TARGET: run.targets.join('\n'),
    TWINTREE_START: Math.floor(run.start / 1000), TWINTREE_RESULT: run.result, TWINTREE_EXIT_CODE: run.exitCode, TWINTREE_ERROR: run.error?.code,
    TWINTREE_LAG_SECONDS: lag === undefined ? undefined : Math.floor(lag.ms / 1000), TWINTREE_LAG_LIMIT_SECONDS: lag === undefined ? undefined : Math.floor(lag.limitMs / 1000), TWINTREE_LAG_TARGET: lag?.target,
  };
  const told = Object.entries(own).filter((entry): entry is [string, string | number] => entry[1] !== null && entry[1] !== undefined);
  const all = Object.fromEntries(inherited);
  for (const name of Object.keys(own)) delete all[name]; // what an outer run said of itself
  return { ...all, ...Object.fromEntries(told.map(([name, value]) => [name, String(value).replaceAll('\0', '')])) };
}
