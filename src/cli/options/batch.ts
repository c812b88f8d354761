/** What a command line says about recorded sessions, once all of it is known. */
import type { ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import type { Draft } from './draft.js';

/** --write-batch, --only-write-batch, --read-batch as they were said. */
export interface BatchWords { write?: ByteString; only?: boolean; read?: ByteString }

/** A session that is recorded, or one that was. */
export type BatchUse = { readonly kind: 'write'; readonly file: ByteString; readonly only: boolean } | { readonly kind: 'read'; readonly file: ByteString };

/** Settles it, before the rest is. `operands`: how many there are. @throws CommandError for what cannot be together. */
export function finishBatch(draft: Draft, operands: number): BatchUse | undefined {
  const { write, read, only = false } = draft.batch;
  if (write !== undefined && read !== undefined) throw usageError('--write-batch and --read-batch cannot be used together');
  if (read !== undefined) {
    if (draft.filesFrom !== undefined) throw usageError('--read-batch cannot be used with --files-from', 'What is transferred was settled when the batch was recorded.');
    if (draft.output.listOnly) throw usageError('--read-batch cannot be used with --list-only', 'Say -n to see what would be done.');
    if (operands !== 1) throw usageError('--read-batch takes one argument, the target', 'The sources are in the batch.');
    return { kind: 'read', file: read };
  }
  if (write === undefined) return undefined;
  if (operands < 2 || draft.output.listOnly) throw usageError('--write-batch needs a source and a target');
  if (write === '-') {
    if (draft.output.json) throw usageError('--json and the batch cannot both go to standard output', 'Name a file.');
    draft.output.stderr = 'all';
  }
  if (draft.session.dryRun) return undefined; // as rsync: a dry run records nothing
  if (only) {
    draft.session.dryRun = true;
    draft.session.contentOnly = true;
  }
  return { kind: 'write', file: write, only };
}
