/**
 * `twintree verify [OPTION]... SRC... DST`: every difference, and nothing changed. It is the plan of a sync
 * that compares contents and deletes: what that sync would do is what differs.
 */
import { runSync, type Outcome } from '../../session/index.js';
import type { ByteString } from '../../tree/index.js';
import { EXIT } from '../exit-codes.js';
import { parseVerify } from '../options/index.js';
import { printInstead, processContext, runReported } from './shared.js';

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = parseVerify(args, processContext());
  if (parsed.kind !== 'run') return printInstead('verify', parsed);
  return runReported(parsed, async (request, listener, signal) => judged(await runSync(request, listener, signal)));
}

/** Differences make the exit code 23, as a failure does; what else ended the run stays. */
function judged(outcome: Outcome): Outcome {
  if (outcome.exitCode === EXIT.ok && outcome.totals.operations > 0) outcome.exitCode = EXIT.partial;
  return outcome;
}
