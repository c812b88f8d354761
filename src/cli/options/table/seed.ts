/** What `seed export` and `seed import` take: rows of their own, and of the other rows those that mean something for an archive. */
import { fromText, type ByteString } from '../../../tree/index.js';
import { usageError } from '../../errors.js';
import type { OptionSpec, TableCommand } from '../spec.js';
import { parseSize } from '../values.js';

const section = 'Archives';
const works = 'works';
const LEAST_PART = 1 << 20;

function named(option: string, value: ByteString): ByteString {
  if (value === '') throw usageError(`${option} needs a file`);
  return value;
}

export const SEED: readonly OptionSpec[] = [
  {
    name: 'split', argument: 'SIZE', ours: true, section, standing: works, commands: ['seed export'], help: 'write parts of SIZE bytes: OUT.001, OUT.002, ...', note: 'Plain cuts of one stream, at least 1M: cat OUT.[0-9]* | tar -x restores it.',
    set: (d, value) => {
      const size = parseSize('--split', value);
      if (size < LEAST_PART) throw usageError('--split needs at least 1M');
      d.seed.split = Math.floor(size / 512) * 512;
    },
  },
  {
    name: 'recipient', argument: 'KEY', ours: true, section, standing: works, commands: ['seed export'], help: 'encrypt for this age public key (age1...); may be given several times', set: (d, value) => { d.seed.recipients.push(value); },
  },
  {
    name: 'recipients-file', argument: 'FILE', ours: true, section, standing: works, commands: ['seed export'], help: 'encrypt for the age public keys in FILE, one a line', set: (d, value) => { d.seed.recipientFiles.push(named('--recipients-file', value)); },
  },
  {
    name: 'encrypt', ours: true, section, standing: works, commands: ['seed export'], help: 'encrypt with the passphrase in TWINTREE_PASSPHRASE, or in --passphrase-file', set: (d) => { d.seed.encrypt = true; },
  },
  {
    name: 'passphrase-file', argument: 'FILE', ours: true, section, standing: works, commands: ['seed export', 'seed import'], help: 'encrypt or decrypt with the first line of FILE', note: 'Readable by its user alone. Without it TWINTREE_PASSPHRASE is asked.',
    set: (d, value) => { d.seed.passphraseFile = named('--passphrase-file', value); },
  },
  {
    name: 'age-identity', argument: 'FILE', ours: true, section, standing: works, commands: ['seed import'], help: 'decrypt with the age identities in FILE (AGE-SECRET-KEY-1...); may be given several times', note: 'As age-keygen makes it. Readable by its user alone.',
    set: (d, value) => { d.seed.identities.push(named('--age-identity', value)); },
  },
  {
    name: 'check', ours: true, section, standing: works, commands: ['seed import'], help: 'only check the archive, restore nothing; no DST is given', set: (d) => { d.seed.check = true; },
  },
];

const OUTPUT = 'verbose info debug stderr msgs2stderr quiet itemize-changes out-format stats human-readable progress json 8-bit-output outbuf log-file log-file-format help version threads';
const FILTERS = 'filter F exclude include exclude-from include-from from0 cvs-exclude';
const TAKEN: Readonly<Record<'seed export' | 'seed import', ReadonlySet<string>>> = {
  'seed export': words(`archive recursive relative implied-dirs one-file-system prune-empty-dirs files-from max-size min-size gitignore links acls xattrs devices specials D drop-D atimes
    open-noatime hard-links numeric-ids usermap groupmap chown copy-links copy-unsafe-links safe-links copy-dirlinks fsync compress ${FILTERS} ${OUTPUT}`),
  'seed import': words(`archive recursive links perms executability chmod acls xattrs owner group devices specials D drop-D times atimes omit-dir-times omit-link-times numeric-ids
    usermap groupmap chown fake-super fsync lock mkpath ${FILTERS} ${OUTPUT}`),
};

/** The row with the two commands added, where they take it. */
export function withSeed(spec: OptionSpec): OptionSpec {
  const more = (['seed export', 'seed import'] as const).filter((command) => TAKEN[command].has(spec.name));
  return more.length === 0 ? spec : { ...spec, commands: [...spec.commands, ...more] satisfies TableCommand[] };
}

function words(text: string): ReadonlySet<string> {
  return new Set<string>(text.split(/\s+/).map((word) => fromText(word)));
}
