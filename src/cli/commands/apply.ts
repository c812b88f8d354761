/** `twintree apply [OPTION]... FILE`: carries out a plan that `twintree plan` has kept. */
import { openPlan, optionsOf, runApply, runRemote, type ApplyRequest, type SealedPlan } from '../../session/index.js';
import type { ByteString } from '../../tree/index.js';
import { defaultConnection, parseApply, type ConnectionOptions, type ParsedApply } from '../options/index.js';
import { toHost } from './to-host.js';
import { printInstead, processContext, runReported, type SessionRun } from './shared.js';

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = parseApply(args, processContext());
  if (parsed.kind !== 'run') return printInstead('apply', parsed);
  const how = applyHow(parsed);
  const plan = await openPlan(parsed.file);
  try {
    const { given } = plan.head;
    // A report reads the arguments as they were given to plan.
    const shown = { kind: 'run' as const, sources: given.sources, target: given.target, options: optionsOf(plan, how), output: parsed.output, direction: 'local' as const, host: undefined, connection: defaultConnection() };
    return await runReported(shown, applyRun(plan, how, parsed.connection));
  } finally {
    plan.close();
  }
}

/** What may be other than when the plan was made. */
export function applyHow({ dryRun, lock, bwlimit, threads, stopAt }: ParsedApply): ApplyRequest {
  return {
    dryRun, ...(lock === undefined ? {} : { lock }), ...(bwlimit === undefined ? {} : { bwlimit }), ...(threads === undefined ? {} : { threads }), ...(stopAt === undefined ? {} : { stopAt }),
  };
}

/** Here, or over a connection to the host that the plan names. */
export function applyRun(plan: SealedPlan, how: ApplyRequest, connection: ConnectionOptions): SessionRun {
  const { remote, sources, target } = plan.head;
  if (remote === undefined) return (_request, listener, signal) => runApply(plan, how, listener, signal);
  const there = toHost(remote.host, remote.side === 'target' ? 'push' : 'pull', connection);
  const request = { ...there, sources, target: target.path, options: optionsOf(plan, how), work: { kind: 'apply', plan, how } } as const;
  return (_request, listener, signal) => runRemote(request, listener, signal);
}
