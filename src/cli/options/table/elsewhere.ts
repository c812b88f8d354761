/**
 * Rows of the option table for what is not done here: options that ask for what always holds (or that
 * have no effect here) are accepted, with their values checked; the others are
 * refused by name, with what to do instead. Nothing is swallowed.
 */
import { displayName, type ByteString } from '../../../tree/index.js';
import { CommandError, usageError } from '../../errors.js';
import { EXIT } from '../../exit-codes.js';
import { SYNC, type OptionSpec } from '../spec.js';
import { parseInteger, parseSize } from '../values.js';

type Row = Pick<OptionSpec, 'name' | 'help' | 'note'> & Partial<OptionSpec>;

const nothing = (): void => undefined;

function holds(row: Row): OptionSpec {
  return { section: 'Accepted without effect', standing: 'holds', commands: SYNC, set: nothing, ...(row.negatable === true ? { clear: nothing } : {}), ...row };
}

export const HOLDING: readonly OptionSpec[] = [
  holds({
    name: 'secluded-args', short: 's', aliases: ['protect-args'], negatable: true, help: 'arguments reach the other side untouched', note: 'They always do: names travel in the protocol, never on a command line.',
    set: (d) => { d.secludedArgs = true; }, clear: (d) => { d.secludedArgs = false; },
  }),
  holds({
    name: 'old-args', negatable: true, help: 'arguments are split by a shell', note: 'No shell ever sees them. Conflicts with -s, as in rsync.',
    set: (d) => { d.oldArgs = true; }, clear: (d) => { d.oldArgs = false; },
  }),
  holds({ name: 'trust-sender', help: 'trust the list of files of the other side', note: 'What comes from the other side is checked all the same.' }),
  holds({
    name: 'inc-recursive', aliases: ['i-r'], negatable: true, help: 'scan while transferring',
    note: 'Every plan is complete before the first change, in bounded memory, whichever is asked.',
  }),
  holds({ name: 'qsort', help: 'sort by another algorithm', note: 'The order is the same.' }),
  holds({
    name: 'super', negatable: true, help: 'attempt what only root may do', note: 'Always attempted as far as the kernel lets it. --no-super is refused: run as an ordinary user, or say --no-owner --no-devices.',
    clear: () => {
      throw new CommandError('UNSUPPORTED', '--no-super is not in this version', { exitCode: EXIT.usage, advice: 'Run as an ordinary user, or say --no-owner --no-group --no-devices.' });
    },
  }),
  holds({
    name: 'insecure-links', negatable: true, help: 'follow symlinks of other users in paths named on the command line',
    note: 'Paths named on the command line are followed as the kernel follows them; inside the trees no symlink is ever followed unasked. --no-insecure-links is refused.',
    clear: () => {
      throw new CommandError('UNSUPPORTED', '--no-insecure-links is not in this version: paths named on the command line are followed as the kernel follows them', {
        exitCode: EXIT.usage, advice: 'Name the folders by paths whose owners you trust. Inside the trees no symlink is followed unasked.',
      });
    },
  }),
  holds({ name: 'motd', negatable: true, shownNegated: true, help: "show no daemon's message of the day", note: 'Daemons have none.' }),
  holds({
    name: 'block-size', short: 'B', argument: 'SIZE', help: 'block size of the delta algorithm', note: 'Between local trees both files are compared directly; between hosts sizes follow the file, in rounds of ever smaller blocks.',
    set: (_d, value) => { if (parseSize('--block-size', value) > 131072) throw usageError(`--block-size=${displayName(value)} is too large`, 'The largest is 128K.'); },
  }),
  holds({
    name: 'checksum-choice', aliases: ['cc'], argument: 'STR', help: 'the checksum algorithm',
    note: 'With -c, files on one machine are compared byte by byte, which is stronger than any of them; between hosts by XXH3-128 (xxh128). Names that rsync does not know are refused; none as the second one cannot be combined with -c.',
    set: (d, value) => { d.noComparingSum = checksumChoice(value); },
  }),
  holds({ name: 'checksum-seed', argument: 'NUM', help: 'seed of the checksums', note: 'As --checksum-choice.', set: (_d, value) => { parseInteger('--checksum-seed', value); } }),
  holds({
    name: 'max-alloc', argument: 'SIZE', help: 'limit of a single memory allocation', note: 'Memory is bounded by the deepest folder, not by the tree.',
    set: (_d, value) => {
      const size = parseSize('--max-alloc', value);
      if (size > 0 && size < 1048576) throw usageError(`--max-alloc=${displayName(value)} is too small`, 'The least is 1M; 0 is no limit.');
    },
  }),
  holds({ name: 'compress-level', aliases: ['zl'], argument: 'NUM', help: 'the compression level', note: 'The two ends agree on it.', set: (_d, value) => { parseInteger('--compress-level', value); } }),
  holds({ name: 'compress-threads', aliases: ['zt'], argument: 'NUM', help: 'threads for compression', note: 'The two ends agree on it.', set: (_d, value) => { parseInteger('--compress-threads', value); } }),
  holds({ name: 'skip-compress', argument: 'LIST', help: 'suffixes that are not compressed', note: 'The two ends agree on it.' }),
  holds({ name: 'blocking-io', negatable: true, help: 'blocking I/O with the remote shell', note: 'The remote shell gets pipes.' }),
  holds({
    name: 'iconv', argument: 'SPEC', negatable: true, help: 'convert file names between character sets', note: 'Names are bytes and arrive unchanged: --no-iconv and --iconv=- hold. A conversion is refused.',
    set: (_d, value) => {
      if (value !== '-' && value !== '.') {
        throw new CommandError('UNSUPPORTED', `--iconv=${displayName(value)}: names are kept as the bytes they are`, { exitCode: EXIT.unsupported, advice: 'Leave --iconv out, or convert the names with another tool.' });
      }
    },
  }),
];

/** What the choice of algorithms says about -c: true where the comparing sum is `none`. */
function checksumChoice(value: ByteString): boolean {
  const names = value.split(',');
  if (names.length > 2) throw usageError(`--checksum-choice=${displayName(value)} names more than two algorithms`);
  for (const name of names) known('--checksum-choice', name as ByteString, ['auto', 'xxh128', 'xxh3', 'xxh64', 'xxhash', 'md5', 'md4', 'sha1', 'none']);
  return names.length === 2 && names[1] === 'none';
}

function known(option: string, value: ByteString, names: readonly string[]): void {
  if (!names.includes(value)) {
    throw new CommandError('UNSUPPORTED', `${option} does not know "${displayName(value)}"`, { exitCode: EXIT.unsupported, advice: `Known are ${names.join(', ')}.` });
  }
}

function refused(row: Row, why: string, advice: string, exitCode: number = EXIT.unsupported): OptionSpec {
  const shown = row.name.length === 1 ? `-${row.name}` : `--${row.name}`;
  return {
    section: 'Not in this version', standing: 'refused', commands: SYNC,
    set: () => { throw new CommandError('UNSUPPORTED', `${shown}: ${why}`, { exitCode, advice }); },
    ...(row.negatable === true ? { clear: nothing } : {}), ...row,
  };
}

const NO_DAEMON = ['the daemon is a command of its own', 'See twintree serve --help.'] as const;
const NO_RSYNCD = ["rsync's daemon is not spoken to", 'twintree serve is a daemon; see twintree serve --help.'] as const;

export const REFUSED: readonly OptionSpec[] = [
  refused({ name: 'sockopts', argument: 'OPTIONS', help: 'TCP options', note: "Set them in ssh's configuration, or in the system." }, 'TCP options are not set from here', "Set them in ssh's configuration, or in the system."),
  refused({ name: 'password-file', argument: 'FILE', help: "an rsync daemon's password", note: 'twintree:// takes --token-file or --identity.' }, "an rsync daemon's password has no use here", 'A twintree:// daemon takes --token-file or --identity.'),
  refused({ name: 'early-input', argument: 'FILE', help: "input of an rsync daemon's early exec", note: NO_RSYNCD[0] }, ...NO_RSYNCD),
  refused({ name: 'protocol', argument: 'NUM', help: "an older version of rsync's protocol", note: "The protocol is twintree's own; the two ends agree on its version." }, "rsync's protocol is not spoken", 'The two ends agree on the version of their own protocol.'),
  refused({ name: 'daemon', help: 'run as a daemon', note: NO_DAEMON[0] }, ...NO_DAEMON),
  refused({ name: 'server', help: 'be the other end of a connection', note: 'Only as the first option: that is how the other end is started.' }, 'it must be the first option', 'It is how the other end of a connection is started; nobody needs it by hand.', EXIT.usage),
  refused({ name: 'sender', help: 'be the end that reads, with --server', note: 'Only with --server.' }, 'it has a meaning with --server only', 'It is how the other end of a connection is started; nobody needs it by hand.', EXIT.usage),
  refused({ name: 'config', argument: 'FILE', help: "the daemon's configuration", note: NO_DAEMON[0] }, ...NO_DAEMON),
  refused({ name: 'dparam', argument: 'OVERRIDE', help: "a parameter of the daemon's configuration", note: NO_DAEMON[0] }, ...NO_DAEMON),
  refused({ name: 'detach', negatable: true, help: 'let the daemon detach itself', note: NO_DAEMON[0] }, ...NO_DAEMON),
  refused(
    { name: 'copy-as', argument: 'USER[:GROUP]', help: 'do the copying as another user', note: 'Run twintree itself as that user.' },
    'copying as another user is not in this version', 'Run twintree itself as that user, with sudo -u or setpriv.', EXIT.usage,
  ),
  refused(
    { name: 'confine-root', argument: 'DIR', help: 'refuse paths on the command line that resolve outside DIR', note: 'Name the folders by paths that no one else can change.' },
    'confining the paths of the command line is not in this version', 'Name the folders by paths that no one else can change. Inside the trees nothing is reached outside their roots.', EXIT.usage,
  ),
];
