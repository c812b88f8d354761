/** `twintree sync [OPTION]... SRC... DST`. */
import type { ByteString } from '../../tree/index.js';
import { parseSync } from '../options/index.js';
import { runFromBatch } from './batch.js';
import { printInstead, processContext, runReported } from './shared.js';
import { sessionRun } from './remote.js';

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = parseSync(args, processContext());
  if (parsed.kind !== 'run') return printInstead('sync', parsed);
  return parsed.batch?.kind === 'read' ? runFromBatch(parsed, parsed.batch.file) : runReported(parsed, sessionRun(parsed));
}
