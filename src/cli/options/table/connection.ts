/** Rows of the option table for the connection to another host. Between local trees they have no effect. */
import { displayName } from '../../../tree/index.js';
import { CommandError, usageError } from '../../errors.js';
import { EXIT } from '../../exit-codes.js';
import { CONNECTED, SYNC_VERIFY, type OptionSpec } from '../spec.js';
import { applyTargetSide } from '../target-side.js';
import { parseInteger } from '../values.js';

const section = 'Between hosts' as const;
const common = { section, standing: 'works', commands: CONNECTED } as const;

export const CONNECTION: readonly OptionSpec[] = [
  {
    ...common, name: 'rsh', short: 'e', argument: 'COMMAND', help: 'the remote shell and its arguments',
    note: 'Default: $TWINTREE_RSH, $RSYNC_RSH, or ssh, whose configuration counts.', set: (d, value) => { d.connection.rsh = value; },
  },
  {
    ...common, name: 'rsync-path', aliases: ['remote-path'], argument: 'PROGRAM', help: 'the twintree program on the other host', note: 'A shell command there, as in rsync. Default: twintree.',
    set: (d, value) => { d.connection.remotePath = value; },
  },
  {
    ...common, name: 'bootstrap', ours: true, negatable: true, shownNegated: true, help: 'do not send the program to a host that has only Node.js',
    note: 'Otherwise a host without twintree gets it over the same connection, in a private folder that is removed afterwards.',
    set: (d) => { d.connection.bootstrap = true; }, clear: (d) => { d.connection.bootstrap = false; },
  },
  {
    ...common, name: 'remote-cache', ours: true, negatable: true, help: 'a program that was sent stays there for the next run', note: 'In ~/.cache/twintree, by its hash, readable by its user alone.',
    set: (d) => { d.connection.remoteCache = true; }, clear: (d) => { d.connection.remoteCache = false; },
  },
  { ...common, name: 'port', argument: 'PORT', help: 'the port of the other host', set: (d, value) => { d.connection.port = parseInteger('--port', value, 1, 65535); } },
  { ...common, name: 'address', argument: 'ADDRESS', help: 'the address to connect from (twintree:// only)', set: (d, value) => { d.connection.address = value; } },
  { ...common, name: 'ipv4', short: '4', help: 'use IPv4', set: (d) => { d.connection.family = 4; } },
  { ...common, name: 'ipv6', short: '6', help: 'use IPv6', set: (d) => { d.connection.family = 6; } },
  {
    ...common, name: 'contimeout', argument: 'SECONDS', negatable: true, help: 'give up connecting after SECONDS (exit code 35); 0 waits', note: 'Default 0; with mirror 30.',
    set: (d, value) => { d.connection.connectTimeoutMs = 1000 * parseInteger('--contimeout', value, 0, 86400); }, clear: (d) => { d.connection.connectTimeoutMs = 0; },
  },
  {
    ...common, name: 'timeout', argument: 'SECONDS', negatable: true, help: 'a connection on which nothing comes for SECONDS is broken (--retries; in the end exit code 30); 0 waits', note: 'Local reads and writes have none. Default 0; with mirror 60.',
    set: (d, value) => { d.connection.timeoutMs = 1000 * parseInteger('--timeout', value, 0, 86400); }, clear: (d) => { d.connection.timeoutMs = 0; },
  },
  {
    ...common, name: 'retries', argument: 'N', ours: true, help: 'make a broken connection again up to N times without progress (default 5)', note: 'Files that were under way go on where they were. With mirror the default is 0: it tries again by itself.',
    set: (d, value) => { d.connection.retries = parseInteger('--retries', value, 0, 1_000_000); },
  },
  {
    ...common, name: 'compress', short: 'z', negatable: true, help: 'compress on the wire; seed export: compress the archive, with gzip', note: 'Unasked it is done where the link is slower than the compression; --no-compress never does. An archive is compressed only if asked.',
    set: (d) => { d.connection.compression = 'on'; }, clear: (d) => { d.connection.compression = 'off'; },
  },
  { ...common, name: 'old-compress', help: 'the same as --compress', set: (d) => { d.connection.compression = 'on'; } },
  { ...common, name: 'new-compress', help: 'the same as --compress', set: (d) => { d.connection.compression = 'on'; } },
  {
    ...common, name: 'compress-choice', aliases: ['zc'], argument: 'STR', help: 'none: as --no-compress; any other: as --compress', note: 'The two ends agree on the best that both have. Names that rsync does not know are refused.',
    set: (d, value) => {
      const names = ['auto', 'zstd', 'lz4', 'zlibx', 'zlib', 'none'];
      if (!names.includes(value)) {
        throw new CommandError('UNSUPPORTED', `--compress-choice does not know "${displayName(value)}"`, { exitCode: EXIT.unsupported, advice: `Known are ${names.join(', ')}.` });
      }
      if (value !== 'auto') d.connection.compression = value === 'none' ? 'off' : 'on';
    },
  },
  {
    ...common, commands: SYNC_VERIFY, name: 'remote-option', short: 'M', argument: 'OPTION', help: 'OPTION for the other side alone: --fake-super, --super, --munge-links, --no-munge-links',
    note: 'On a local copy the target is what rsync calls the remote side. Other options are refused.', set: (d, value) => applyTargetSide(d, value),
  },
  { ...common, name: 'token-file', argument: 'FILE', ours: true, help: 'a secret shared with the daemon (twintree:// only)', note: 'The file must be readable by its user alone; twintree cert token makes one.', set: (d, value) => { d.connection.tokenFile = value; } },
  { ...common, name: 'identity', argument: 'FILE', ours: true, help: "this side's certificate and key (twintree:// only)", note: 'twintree cert make makes one.', set: (d, value) => { d.connection.identity = value; } },
  { ...common, name: 'known-hosts', argument: 'FILE', ours: true, help: 'where fingerprints of daemons are kept (twintree:// only)', set: (d, value) => { d.connection.knownHosts = value; } },
  {
    ...common, name: 'fingerprint', argument: 'SHA256', ours: true, help: "the daemon's certificate must have this fingerprint (twintree:// only)",
    set: (d, value) => {
      if (!/^(?:sha256:)?(?:[0-9a-f]{2}:?){31}[0-9a-f]{2}$/i.test(value)) throw usageError(`--fingerprint=${displayName(value)} is no SHA-256 fingerprint`, 'Write its 64 hexadecimal digits, with or without colons.');
      d.connection.fingerprint = value;
    },
  },
];
