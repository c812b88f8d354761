/** `twintree plan [OPTION]... SRC... DST -o FILE`: what sync would do, shown and kept, and nothing changed. */
import { OutputFile } from '../../fs/index.js';
import { runPlan } from '../../session/index.js';
import type { ByteString } from '../../tree/index.js';
import { parsePlan } from '../options/index.js';
import { printInstead, processContext, runReported } from './shared.js';

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = parsePlan(args, processContext());
  if (parsed.kind !== 'run') return printInstead('plan', parsed);
  return runReported(parsed, (request, listener, signal) => runPlan(request, new OutputFile(parsed.file), listener, signal));
}
