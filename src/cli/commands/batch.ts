/** Recorded sessions: a session whose link records, and one that reads from a batch. */
import { batchOptions, openBatch, runBatch, runRemote, type Batch, type LinkSettings } from '../../session/index.js';
import type { SessionOptions } from '../../plan/index.js';
import type { ParsedRun } from '../options/index.js';
import { toHost } from './to-host.js';
import { runReported, type SessionRun } from './shared.js';

/** --read-batch: the sources, and what is done, are the batch's. */
export async function runFromBatch(parsed: ParsedRun, file: ParsedRun['sources'][number]): Promise<number> {
  const batch = await openBatch(file);
  try {
    const options = batchOptions(batch, parsed.options);
    return await runReported({ ...parsed, sources: [...batch.given], options }, batchRun(parsed, batch, options));
  } finally {
    batch.close();
  }
}

/** On a target of this host, or over a connection. */
function batchRun({ host, connection, options: said }: ParsedRun, batch: Batch, options: SessionOptions): SessionRun {
  if (host === undefined) return (request, listener, signal) => runBatch(batch, request.target, options, listener, signal);
  const there = toHost(host, 'push', connection);
  return (request, listener, signal) => runRemote({ ...there, ...request, options: { ...options, bwlimit: said.bwlimit }, work: { kind: 'batch', batch } }, listener, signal);
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
