/**
 * Hooks of a migration: commands that a person has set to stop and start services, to move an address, to look whether all is well. They run on the
 * source's host, here, or on the target's, there over the remote shell with the same limits: a time-out ends them with all of their process group on
 * either side. No shell has a say in it unless the command names one; on this host one waits until the hook is noted, then becomes it.
 */
import { ownEnvironment, programTrouble, runProgram, type ProgramResult } from '../../fs/index.js';
import type { ByteString } from '../../tree/index.js';
import type { HookPart, MigrationFact, Side } from '../journal/events.js';
import { forgetHook, noteHook } from './left.js';
import { GRACE_MS, KEEP_BYTES, type There } from './there.js';

/** One command. */
export interface MigrationHook {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly side: Side;
  /** Milliseconds until it is ended. */
  readonly timeoutMs: number;
}

/** How hooks are run. */
export interface HookWays {
  /** The target's host; undefined: it is this one. */
  readonly there: There | undefined;
  /** The migration's folder, where a hook of this host is noted while it runs; undefined: it is not. */
  readonly folder?: ByteString;
  /** What hooks find in their environment besides what they inherit (on the source's side: of this process). */
  readonly env: Readonly<Record<string, string>>;
}

export type HookFact = Extract<MigrationFact, { event: 'hook' }>;

const LONGEST_COMMAND = 1000;

/**
 * Runs them in their order and tells each as it ends. `all`: also those after one that failed, for what undoes something must be done as far as it can be.
 * Resolves with the first that failed; never rejects.
 */
export async function runMigrationHooks(
  hooks: readonly MigrationHook[], part: HookPart, ways: HookWays, told: (fact: HookFact) => void, { all = false, rehearsal = false, signal }: { all?: boolean; rehearsal?: boolean; signal?: AbortSignal } = {},
): Promise<HookFact | undefined> {
  let failed: HookFact | undefined;
  for (const hook of hooks) {
    const fact = await runMigrationHook(hook, part, ways, { rehearsal, ...(signal === undefined ? {} : { signal }) });
    told(fact);
    if (fact.ok) continue;
    failed ??= fact;
    if (!all) return failed;
  }
  return failed;
}

/** Runs one. Never rejects. */
export async function runMigrationHook(hook: MigrationHook, part: HookPart, ways: HookWays, { rehearsal = false, signal }: { rehearsal?: boolean; signal?: AbortSignal } = {}): Promise<HookFact> {
  const begun = performance.now();
  const env = { ...ways.env, TWINTREE_PHASE: part, ...(rehearsal ? { TWINTREE_REHEARSAL: '1' } : {}) };
  const result = hook.side === 'target' && ways.there !== undefined ? await ways.there.run({ argv: hook.command, env, timeoutMs: hook.timeoutMs }, signal) : await runHere(hook, env, ways.folder, signal);
  const trouble = typeof result === 'string' ? result : programTrouble(result, hook.timeoutMs, 'it was ended with the migration');
  return {
    event: 'hook', part, command: hook.command.join(' ').slice(0, LONGEST_COMMAND), side: hook.side, ms: Math.round(performance.now() - begun), ok: trouble === null, trouble,
    output: typeof result === 'string' ? '' : result.output, rehearsal,
  };
}

async function runHere({ command, timeoutMs }: MigrationHook, env: Record<string, string>, folder: ByteString | undefined, signal: AbortSignal | undefined): Promise<ProgramResult> {
  const noted = folder === undefined ? {} : { before: (group: number): void => { noteHook(folder, group); } };
  const result = await runProgram({ argv: command, env: { ...ownEnvironment(), ...env }, input: '', timeoutMs, graceMs: GRACE_MS, keep: KEEP_BYTES, ...noted, ...(signal === undefined ? {} : { signal }) });
  if (folder !== undefined) forgetHook(folder);
  return result;
}
