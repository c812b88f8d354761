/** Rows of the option table for recorded sessions. */
import type { ByteString } from '../../../tree/index.js';
import { usageError } from '../../errors.js';
import type { OptionSpec } from '../spec.js';

const common = { section: 'General', standing: 'works', commands: ['sync'], argument: 'FILE' } as const satisfies Partial<OptionSpec>;

function named(option: string, value: ByteString): ByteString {
  if (value === '') throw usageError(`${option} needs a file`, 'A lone - is standard input or output.');
  return value;
}

export const BATCH: readonly OptionSpec[] = [
  {
    ...common, name: 'write-batch', help: 'record the update in FILE, for targets that are equal to this one', note: 'See recorded.md. One file, without a shell script beside it; - is standard output. With -n nothing is recorded.',
    set: (d, value) => { d.batch = { ...d.batch, write: named('--write-batch', value), only: false }; },
  },
  {
    ...common, name: 'only-write-batch', help: 'the same, and change nothing on the target', set: (d, value) => { d.batch = { ...d.batch, write: named('--only-write-batch', value), only: true }; },
  },
  {
    ...common, name: 'read-batch', help: 'carry the update in FILE out on DST, the only argument', note: 'DST may be on another host. What is chosen, compared and kept is as it was recorded; --delete, backups and the like are as they are said now. - is standard input.',
    set: (d, value) => { d.batch = { ...d.batch, read: named('--read-batch', value) }; },
  },
];
