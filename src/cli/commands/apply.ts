/** `twintree apply [OPTION]... FILE`: carries out a plan that `twintree plan` has kept. */
import { openPlan, optionsOf, runApply, type ApplyRequest } from '../../session/index.js';
import type { ByteString } from '../../tree/index.js';
import { defaultConnection, parseApply } from '../options/index.js';
import { printInstead, processContext, runReported } from './shared.js';

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = parseApply(args, processContext());
  if (parsed.kind !== 'run') return printInstead('apply', parsed);
  const { dryRun, lock, bwlimit, threads, stopAt, output } = parsed;
  const how: ApplyRequest = {
    dryRun, ...(lock === undefined ? {} : { lock }), ...(bwlimit === undefined ? {} : { bwlimit }), ...(threads === undefined ? {} : { threads }), ...(stopAt === undefined ? {} : { stopAt }),
  };
  const plan = await openPlan(parsed.file);
  try {
    const { given } = plan.head;
    // A report reads the arguments as they were given to plan.
    const shown = { kind: 'run' as const, sources: given.sources, target: given.target, options: optionsOf(plan, how), output, direction: 'local' as const, host: undefined, connection: defaultConnection() };
    return await runReported(shown, (_request, listener, signal) => runApply(plan, how, listener, signal));
  } finally {
    plan.close();
  }
}
