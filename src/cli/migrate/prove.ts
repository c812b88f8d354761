/** Evidence of a migration: both trees compared after the last pass. */
import type { MigrationDefinition, MigrationPorts, Proof, ProofRequest } from '../../migrate/index.js';
import { verifyTrees } from '../../session/index.js';
import { fromText, type ByteString } from '../../tree/index.js';
import { sessionRun } from '../commands/remote.js';
import type { MigrationTrees } from './trees.js';

export function prover(_definition: MigrationDefinition, trees: MigrationTrees, _folder: ByteString): Pick<MigrationPorts, 'prove' | 'digestAhead'> {
  return {
    digestAhead: async () => { await Promise.resolve(); },
    prove: async ({ direction, mode, sample, target: other, signal }: ProofRequest): Promise<Proof> => {
      const { run, source, target } = trees;
      const isBack = direction === 'back';
      const from = isBack ? `${target}/` as ByteString : source;
      const to = isBack ? source : other === undefined ? target : fromText(other);
      const outcome = await verifyTrees({ sources: [from], target: to, options: { ...run.options, compare: { ...run.options.compare, mode: 'checksum' as const } } }, {}, signal, sessionRun({ ...run, direction: run.host === undefined ? 'local' : isBack ? 'pull' : 'push' }));
      const ok = outcome.exitCode === 0;
      const { totals } = outcome;
      return {
        ok, message: ok ? 'both trees are equal' : `${totals.operations} paths differ`,
        fact: { event: 'evidence', file: '', root: '', key: '', mode, sample, entries: totals.entries.files + totals.entries.dirs, bytes: totals.totalSize, differences: ok ? 0 : totals.operations, extras: 0, missing: 0, losses: 0, ok },
      };
    },
  };
}
