/**
 * A hold: a full session was refused by the limit of deletions, and a person decides. What would go is looked at by the same session as a dry run,
 * so that who approves knows what, and approves that and no more.
 */
import { randomBytes } from 'node:crypto';
import { OpKind, type DeleteOptions, type SessionOptions } from '../../plan/index.js';
import type { Outcome, SessionListener } from '../../session/index.js';
import { displayName } from '../../tree/index.js';
import { MOST_HELD_NAMES, type HeldView } from '../control/index.js';

/**
 * @param run the session that was refused, with other options.
 * @throws TwintreeError as a session; undefined where it was ended early.
 */
export async function lookAtHold(
  message: string, at: number, options: SessionOptions, run: (options: SessionOptions, listener: SessionListener) => Promise<Outcome>,
): Promise<HeldView | undefined> {
  const names: string[] = [];
  const outcome = await run(lookingOnly(options), {
    wantsOperations: 'changes',
    operation: (op, path) => {
      if (op.kind === OpKind.Delete && names.length < MOST_HELD_NAMES) names.push(displayName(path));
    },
  });
  if (outcome.aborted) return undefined;
  const { files, dirs, links, devices, specials } = outcome.totals.deletes;
  return { id: randomBytes(6).toString('hex'), message, at, deletions: files + dirs + links + devices + specials, names };
}

/** The same session, but that nothing is changed, and all is told that would be. */
export function lookingOnly(options: SessionOptions): SessionOptions {
  return { ...options, dryRun: true, delete: { ...options.delete, limit: undefined } };
}

/** The deletions of a session after an approval: as many as were shown, and no more. */
export function approvedDeletions(deletion: DeleteOptions, shown: number): DeleteOptions {
  return { ...deletion, limit: { count: shown } };
}
