/**
 * `twintree --server`: the other end of a connection, started by a twintree on another host over ssh or the like. It may do whatever its
 * user may. Nothing but frames goes to stdout.
 */
import type { ByteString } from '../../tree/index.js';
import { parseServerCall } from '../../transport/index.js';
import { runAgent } from './agent.js';
import { CommandError } from '../errors.js';
import { EXIT } from '../exit-codes.js';

/** @param args all arguments of the program. */
export async function run(args: readonly ByteString[]): Promise<number> {
  const call = parseServerCall(args);
  if (call.kind === 'refused') {
    throw new CommandError(call.exitCode === EXIT.protocol ? 'NOT_TWINTREE' : 'USAGE', call.message, { exitCode: call.exitCode });
  }
  const { UNLIMITED } = await import('../../session/index.js');
  return runAgent(() => UNLIMITED);
}
