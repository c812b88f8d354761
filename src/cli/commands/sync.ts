/** `twintree sync [OPTION]... SRC... DST`. */
import { runSync } from '../../session/index.js';
import type { ByteString } from '../../tree/index.js';
import { parseSync } from '../options/index.js';
import { printInstead, processContext, runReported } from './shared.js';

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = parseSync(args, processContext());
  return parsed.kind === 'run' ? runReported(parsed, runSync) : printInstead('sync', parsed);
}
