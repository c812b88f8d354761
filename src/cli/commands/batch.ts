/** Recorded sessions: a session whose link records, and one that reads from a batch. */
import { batchOptions, openBatch, runBatch, runRemote, type LinkSettings } from '../../session/index.js';
import { CommandError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { ParsedRun } from '../options/index.js';
import { runReported, type SessionRun } from './shared.js';

/** --read-batch: the sources, and what is done, are the batch's. */
export async function runFromBatch(parsed: ParsedRun, file: ParsedRun['sources'][number]): Promise<number> {
  if (parsed.direction !== 'local') {
    throw new CommandError('UNSUPPORTED', '--read-batch takes a target of this machine', { exitCode: EXIT.unsupported, advice: 'Run twintree sync --read-batch=- on the other host, with the batch as its standard input.' });
  }
  const batch = await openBatch(file);
  try {
    const options = batchOptions(batch, parsed.options);
    return await runReported({ ...parsed, sources: [...batch.given], options }, (request, listener, signal) => runBatch(batch, request.target, options, listener, signal));
  } finally {
    batch.close();
  }
}

const AT_ONCE: LinkSettings = { connectTimeoutMs: 0, timeoutMs: 0, compression: 'off', retries: 0 };

/**
 * --write-batch between local trees: the source is read by a process of its own, over the same protocol as between hosts. So there is one
 * thing to record, and deltas are made.
 */
export function recordedLocally(file: ParsedRun['sources'][number], compress: boolean): SessionRun {
  const argv = [process.execPath, process.argv[1] ?? '', '--server'];
  return (request, listener, signal) => runRemote({ ...request, direction: 'pull', connect: { kind: 'command', argv }, root: undefined, link: AT_ONCE, record: { path: file, compress } }, listener, signal);
}
