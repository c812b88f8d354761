/** `twintree verify [OPTION]... SRC... DST`: every difference, and nothing changed. */
import { verifyTrees } from '../../session/index.js';
import type { ByteString } from '../../tree/index.js';
import { EXIT } from '../exit-codes.js';
import { parseVerify } from '../options/index.js';
import { printInstead, processContext, runReported } from './shared.js';
import { sessionRun } from './remote.js';

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = parseVerify(args, processContext());
  if (parsed.kind !== 'run') return printInstead('verify', parsed);
  const { json, quiet } = parsed.output;
  let differ = false;
  const session = sessionRun(parsed);
  return runReported(parsed, async (request, listener, signal) => {
    const outcome = await verifyTrees(request, listener, signal, session);
    differ = outcome.exitCode === EXIT.partial && outcome.problemCount === 0;
    // The text for 23 speaks of failed transfers. JSON tells the exit code itself.
    return differ && !json ? { ...outcome, exitCode: EXIT.ok } : outcome;
  }, (outcome) => {
    if (!differ) return outcome.exitCode;
    if (!json && !quiet) process.stderr.write(`twintree: the trees differ (exit code ${EXIT.partial})\n`);
    return EXIT.partial;
  });
}
