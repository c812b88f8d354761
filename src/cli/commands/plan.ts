/** `twintree plan [OPTION]... SRC... DST -o FILE`: what sync would do, shown and kept, and nothing changed. */
import { OutputFile } from '../../fs/index.js';
import { runPlan, runRemote } from '../../session/index.js';
import { hostAddress } from '../../transport/index.js';
import type { ByteString } from '../../tree/index.js';
import { parsePlan, type ParsedPlan } from '../options/index.js';
import { toHost } from './to-host.js';
import { printInstead, processContext, runReported, type SessionRun } from './shared.js';

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = parsePlan(args, processContext());
  if (parsed.kind !== 'run') return printInstead('plan', parsed);
  return runReported(parsed, planRun(parsed));
}

/** Makes the plan and keeps it. */
export function planRun({ file, host, direction, connection }: ParsedPlan): SessionRun {
  if (host === undefined || direction === 'local') return (request, listener, signal) => runPlan(request, new OutputFile(file), listener, signal);
  const there = toHost(host, direction, connection);
  const remote = { side: direction === 'push' ? 'target' : 'source', host: hostAddress(host) } as const;
  return async (request, listener, signal) => {
    const output = new OutputFile(file);
    try {
      return await runRemote({ ...there, ...request, work: { kind: 'plan', output, host: remote } }, listener, signal);
    } finally {
      output.discard(); // nothing where it was kept
    }
  };
}
