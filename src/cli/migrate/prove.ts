/** Evidence of a migration: both trees digested, each on its own host, compared after the last pass, and signed; and digested ahead while they are in use. */
import { checkOptions, defaultKey, digestAhead, proveEqual, readKey, type Place, type Proof as Evidence } from '../../evidence/index.js';
import { stampOf } from '../../fs/index.js';
import type { MigrationDefinition, MigrationPorts, Proof, ProofRequest } from '../../migrate/index.js';
import type { SessionOptions } from '../../plan/index.js';
import { openAtHost, ownProgram } from '../../transport/index.js';
import { displayName, fromText, toText, type ByteString } from '../../tree/index.js';
import { localPath } from '../commands/mirror-pair.js';
import { SpareConnection } from './spare.js';
import type { MigrationTrees } from './trees.js';

/**
 * @param folder the migration's. @param backOptions of the way back: what the new side cannot hold is no difference then.
 * @throws TwintreeError UNSUPPORTED for options that no evidence can be made with.
 */
export function prover(definition: MigrationDefinition, trees: MigrationTrees, folder: ByteString, backOptions: () => SessionOptions): Pick<MigrationPorts, 'prove' | 'digestAhead' | 'warm'> {
  const { atTarget, run } = trees;
  const { options } = run;
  checkOptions(options);
  const source: Place = { kind: 'here', path: localPath(trees.source) };
  const spare = atTarget === undefined ? undefined : new SpareConnection(() => openAtHost(atTarget, { do: 'digest' }, { connectTimeoutMs: run.connection.connectTimeoutMs }));
  const target = (path: ByteString): Place => (spare === undefined ? { kind: 'here', path: localPath(path) } : { kind: 'there', path, open: () => spare.take() });
  return {
    warm: async () => { await spare?.make(); },
    digestAhead: async (signal) => {
      const places = { source: source.path, target: trees.target };
      const ahead = async (place: Place, side: 'source' | 'target'): Promise<void> => { await digestAhead(place, side, options, { places }, undefined, signal).catch(() => undefined); }; // what is not known ahead is read later
      await Promise.all([ahead(source, 'source'), ahead(target(trees.target), 'target')]);
    },
    prove: async ({ direction, mode, sample, target: other, name, signal }: ProofRequest): Promise<Proof> => {
      const file = freeName(folder, name);
      const there = target(other === undefined ? trees.target : fromText(other));
      const proof = await proveEqual({
        ...(direction === 'back' ? { source: there, target: source } : { source, target: there }), options: direction === 'back' ? backOptions() : options, mode, samplePercent: 100 * sample, index: true, output: file,
        key: definition.key === undefined ? defaultKey().key : readKey(definition.key), subject: `migration ${definition.name}, ${name}`, program: ownProgram(),
      }, {}, signal);
      return {
        ok: proof.equal, message: sentence(proof),
        fact: {
          event: 'evidence', file: toText(file), root: proof.root, key: proof.keyFingerprint ?? '', mode, sample, entries: proof.target.entries, bytes: proof.target.bytes,
          differences: proof.differences + proof.unread + proof.unjudged, extras: proof.extras, missing: proof.missing, losses: proof.losses, ok: proof.equal,
        },
      };
    },
  };
}

/** Evidence is kept: a second cutover has a file of its own. */
function freeName(folder: ByteString, name: string): ByteString {
  for (let n = 1; ; n++) {
    const file = `${folder}/${name}${n === 1 ? '' : `-${n}`}.evidence` as ByteString;
    if (typeof stampOf(file) === 'number') return file;
  }
}

function sentence({ result, notes, differences, missing, extras, unread, unjudged, losses }: Evidence): string {
  if (result === 'equal') return losses === 0 ? 'both trees are equal' : `both trees are equal but for what the target cannot hold (${losses} paths)`;
  const parts = [[differences, 'differ'], [missing, 'are missing'], [extras, 'are too much'], [unread, 'could not be read'], [unjudged, 'could not be judged']].flatMap(([n, what]) => (n === 0 ? [] : [`${n} ${what}`]));
  const first = notes.find(({ kind }) => kind !== 'loss');
  return `of the paths ${parts.join(', ')}${first === undefined ? '' : `; the first is ${first.path === '' ? './' : displayName(first.path)} (${first.kind}: ${first.what.join(', ')})`}`;
}
