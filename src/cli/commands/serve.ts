/**
 * `twintree serve`: serves folders to other hosts. --stdio is one connection, bound to a folder and a direction by this command line (ssh
 * forced commands) or to a root of the configuration (children of the daemon); --listen is the daemon (daemon.ts).
 */
import { resolve } from 'node:path';
import { readWholeFile, errnoText } from '../../fs/index.js';
import type { AgentLimits, Exports } from '../../session/index.js';
import { displayName, TwintreeError, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { parseIdMap } from '../options/id-map.js';
import type { HelpRow } from '../help.js';
import { runAgent } from './agent.js';
import { logLine } from './log-line.js';
import { parseSmall, typed } from './small-args.js';

const USAGE = `twintree serve --stdio --root DIR --read-only|--write-only|--read-write [--refuse=NAME,...]
twintree serve --listen [HOST:]PORT --config FILE

--stdio serves one connection over stdin and stdout, bound to DIR whatever the other end asks: for command="..." in authorized_keys.
--listen serves the roots of FILE over TLS 1.3 to those whose certificates or tokens it names: twintree://HOST/ROOT/PATH.`;
const ROWS: readonly HelpRow[] = [
  { name: 'stdio', help: 'one connection over stdin and stdout' },
  { name: 'root', argument: 'DIR', help: 'the only folder that can be reached; paths count from it' },
  { name: 'read-only', help: 'the other end may read' },
  { name: 'write-only', help: 'the other end may write' },
  { name: 'read-write', help: 'the other end may do both' },
  { name: 'refuse', argument: 'NAME,...', help: 'options that the other end may not use, such as delete' },
  { name: 'listen', argument: '[HOST:]PORT', help: 'where the daemon listens (listen of the configuration)' },
  { name: 'config', argument: 'FILE', help: "the daemon's configuration, JSON" },
];
const MORE = 'docs/serve.md has the configuration and recipes. SIGHUP reads the configuration again, SIGTERM ends the daemon. Exit codes are in docs/exit-codes.md.';
const DIRECTIONS = ['read-only', 'write-only', 'read-write'] as const;
/** Longest configuration, bytes. */
const LONGEST_CONFIG = 4 << 20;

export async function run(args: readonly ByteString[]): Promise<number> {
  const { options, names } = parseSmall('serve', args, ['help', 'stdio', ...DIRECTIONS], ['root', 'refuse', 'listen', 'config', 'peer']);
  if (options.has('help')) {
    const { smallHelp } = await import('../help.js');
    process.stdout.write(await smallHelp(USAGE, ROWS, MORE));
    return EXIT.ok;
  }
  if (names.length > 0) throw usageError(`serve takes no names, and "${displayName(names[0] as ByteString)}" is one`, 'twintree serve --help tells more.');
  const config = options.get('config');
  if (options.has('stdio')) {
    if (options.has('listen')) throw usageError('--stdio and --listen exclude each other');
    return config === undefined ? bound(options) : child(typed(config), options);
  }
  for (const name of ['root', 'refuse', 'peer', ...DIRECTIONS]) if (options.has(name)) throw usageError(`--${name} needs --stdio`);
  if (config === undefined) throw usageError('serve needs --stdio, or --config and a place to listen', 'twintree serve --help tells more.');
  const { runDaemon } = await import('./daemon.js');
  const file = resolve(typed(config));
  const listen = options.get('listen');
  return runDaemon({ file, load: () => loadExports(file), ...(listen === undefined ? {} : { listen: typed(listen) }) });
}

/** One folder and one direction, by this command line. */
async function bound(options: ReadonlyMap<string, ByteString>): Promise<number> {
  const root = options.get('root');
  if (root === undefined) throw usageError('serve --stdio needs --root', 'It serves nothing else than that folder.');
  if (options.has('peer')) throw usageError('--peer needs --config');
  const [direction, more] = DIRECTIONS.filter((name) => options.has(name));
  if (direction === undefined || more !== undefined) throw usageError('serve --stdio needs one of --read-only, --write-only and --read-write');
  const { checkRefusable } = await import('../../session/index.js');
  const refused = options.has('refuse') ? typed(options.get('refuse') as ByteString).split(',').map((name) => name.replace(/^--/, '')) : [];
  for (const name of refused) checkRefusable(name, (what) => usageError(`--refuse: ${what}`));
  const limits: AgentLimits = { root, mayRead: direction !== 'write-only', mayWrite: direction !== 'read-only', refused, hidden: [], userMap: [], groupMap: [] };
  return runAgent((name) => {
    if (name !== undefined) throw new TwintreeError('REFUSED', `this side serves one folder and no root "${displayName(name)}"`);
    return limits;
  });
}

/** One connection of the daemon: the root is named by the client, and what `--peer` may do there stands in the configuration. */
async function child(file: string, options: ReadonlyMap<string, ByteString>): Promise<number> {
  for (const name of ['root', 'refuse', ...DIRECTIONS]) if (options.has(name)) throw usageError(`--${name} and --config exclude each other`);
  const who = options.get('peer');
  if (who === undefined) throw usageError('serve --stdio --config needs --peer', 'The daemon says it to those it starts.');
  const { becomeUser, limitsOf, rootFor, takePlace } = await import('../../session/index.js');
  const config = await loadExports(file);
  return runAgent((name) => {
    const root = rootFor(config, name, typed(who));
    process.stderr.write(`root ${root.name}\n`);
    if (root.connections !== undefined) takePlace(`${file}\0${root.name}`, root.connections);
    if (root.user !== undefined) becomeUser(root.user, root.group);
    return limitsOf(root);
  }, { handshakeTimeoutMs: config.handshakeTimeoutMs }, (text) => { process.stderr.write(`${logLine(text)}\n`); });
}

async function loadExports(file: string): Promise<Exports> {
  const { parseExports } = await import('../../session/index.js');
  const path = Buffer.from(file, 'utf8').toString('latin1') as ByteString;
  const content = readWholeFile(path, LONGEST_CONFIG);
  if (typeof content === 'number') throw new TwintreeError('IO', `the configuration cannot be read: ${errnoText(-content)}`, { path });
  return parseExports(content.toString('utf8'), file, parseIdMap);
}
