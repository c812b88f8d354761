/** `twintree sync [OPTION]... SRC... DST`. */
import type { ByteString } from '../../tree/index.js';
import { parseSync } from '../options/index.js';
import { printInstead, processContext, runReported } from './shared.js';
import { sessionRun } from './remote.js';

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = parseSync(args, processContext());
  return parsed.kind === 'run' ? runReported(parsed, sessionRun(parsed)) : printInstead('sync', parsed);
}
