/**
 * bootstrap: a connection to a host that has only Node.js. The agent is called by its name first; where the remote shell does not find
 * it, the same remote shell is asked to run the loader, which takes the program over the same stdin (loader.ts). After that the
 * connection is like any other.
 */
import type { Duplex } from 'node:stream';
import { TwintreeError } from '../tree/index.js';
import { MAGIC, MAX_BANNER } from '../wire/index.js';
import { findBundle, makeProgram } from './agent-program.js';
import { waitFor, within } from './await-start.js';
import { startCommand } from './command.js';
import type { BootstrapSpec, CommandSpec, Connection, ConnectionEnd, ConnectOptions } from './connection.js';
import { writeStderr } from './last-words.js';
import { findNode, FOUND_MARK, LOADER, LOADER_HEADER, LOADER_MARK, NODE_PLACES, type LoaderHeader, type LoaderHost } from './loader.js';
import type { SshSpec } from './remote-spec.js';
import { remoteCommand, type RemoteShell } from './ssh.js';
import { refusalOf, SeenStart } from './strangers.js';

/** Oldest Node.js that runs the agent. */
export const LEAST_NODE = [20, 19] as const;

/** How this program would be sent to a host. `cache`: the host may keep it. Throws UNSUPPORTED where this installation has no bundle. */
export function selfBootstrap(spec: Omit<SshSpec, 'path'>, shell: RemoteShell, env: Readonly<Record<string, string | undefined>>, cache: boolean): BootstrapSpec {
  return { argv: remoteCommand(spec, shell, env, loaderWords()), bundle: findBundle(), cache };
}

/** The words that run the loader by a Node.js there. */
export function loaderWords(least: readonly [major: number, minor: number] = LEAST_NODE): string[] {
  return ['sh', '-c', findNode(...least), 'sh', LOADER];
}

/** Connects; sends the agent where it is not there. Rejects with CONNECT, CONNECT_TIMEOUT, NOT_TWINTREE. */
export async function bootstrap(spec: CommandSpec, more: BootstrapSpec, options: ConnectOptions): Promise<Connection> {
  const pass = options.stderr ?? writeStderr;
  let held = ''; // the shell's complaint, which is no news where the agent is then sent
  const first = await startCommand(spec.argv, spec.env, { ...options, stderr: (text) => {
    for (const line of text.match(/[^\n]*\n/g) ?? []) {
      if (isNotFound(line)) held += line;
      else pass(line);
    }
  } });
  const seen = new SeenStart();
  const standing = await within(first, options, waitFor(first.stream, (text) => text.includes(more.mark ?? MAGIC) || text.length > MAX_BANNER, seen));
  if (standing !== undefined) {
    if (held !== '') pass(held);
    first.stream.unshift(standing);
    return first;
  }
  const end = await first.ended;
  if (end.exitCode !== 127 && !(end.exitCode !== 0 && isNotFound(end.lastWords ?? ''))) {
    if (held !== '') pass(held);
    throw refusalOf(first.about, seen, end);
  }
  return send(spec, more, options);
}

/** Starts the loader and hands it the program. */
async function send(spec: CommandSpec, more: BootstrapSpec, options: ConnectOptions): Promise<Connection> {
  const pass = options.stderr ?? writeStderr;
  const connection = await startCommand(more.argv, spec.env, { ...options, stderr: (text) => {
    for (const line of text.match(/[^\n]*\n/g) ?? []) if (!line.startsWith(FOUND_MARK)) pass(line); // that becomes part of the error
  } });
  try {
    const host = readHost(await within(connection, options, loaderLine(connection)));
    const program = makeProgram(more.bundle, host);
    const header: LoaderHeader = { sha256: program.sha256, length: program.bytes.length, cache: more.cache, ...(more.call === undefined ? {} : { call: more.call }) };
    connection.stream.write(JSON.stringify(header).padEnd(LOADER_HEADER));
    const answer = await within(connection, options, loaderLine(connection));
    if (answer === 'send') await write(connection.stream, program.bytes);
    const lacks = program.native ? '' : `, without native calls for ${host.platform} on ${host.arch}: extended attributes, ACLs and ownership of links may not be kept there`;
    return { ...connection, notices: [`twintree is not installed on the other host: it was sent over the connection and goes with it${lacks}`] };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** The loader's next line, without its mark. Throws CONNECT where the other host has no Node.js either. */
async function loaderLine(connection: Connection): Promise<string> {
  const seen = new SeenStart();
  const mark = Buffer.from(LOADER_MARK, 'latin1');
  const bytes = await waitFor(connection.stream, (text) => {
    const at = text.indexOf(mark);
    return text.length > MAX_BANNER || (at >= 0 && text.includes(10, at));
  }, seen);
  const at = bytes?.indexOf(mark) ?? -1;
  if (bytes === undefined || at < 0) {
    const end: ConnectionEnd = bytes === undefined ? await connection.ended : {};
    if (end.exitCode === 127 || isNotFound(end.lastWords ?? '')) {
      const found = new RegExp(`${FOUND_MARK} ([^;]+)`).exec(end.lastWords ?? '')?.[1];
      throw new TwintreeError('CONNECT', `${connection.about}: neither twintree nor Node.js ${LEAST_NODE.join('.')} or later was found on the other host${found === undefined ? '' : ` (only ${found})`}`, {
        advice: `Install one of them there, or name twintree with --remote-path. Looked for on the PATH of its shell and in ${NODE_PLACES.join(', ')}.`,
      });
    }
    throw refusalOf(connection.about, seen, end);
  }
  const close = bytes.indexOf(10, at);
  const rest = bytes.subarray(close + 1);
  if (rest.length > 0) connection.stream.unshift(rest);
  return bytes.toString('utf8', at + mark.length, close);
}

function readHost(line: string): LoaderHost {
  let host: unknown;
  try {
    host = JSON.parse(line);
  } catch (error) {
    throw new TwintreeError('NOT_TWINTREE', 'what answered is not the loader', { cause: error });
  }
  const { node, platform, arch, libc } = (typeof host === 'object' && host !== null ? host : {}) as Record<string, unknown>;
  for (const word of [node, platform, arch, libc]) {
    if (typeof word !== 'string' || !/^[\w.+-]{0,40}$/.test(word)) throw new TwintreeError('NOT_TWINTREE', 'what answered is not the loader');
  }
  const [major = 0, minor = 0] = String(node).replace(/^v/, '').split('.').map(Number);
  if (major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1])) {
    throw new TwintreeError('CONNECT', `the other host has Node.js ${String(node)}; ${LEAST_NODE.join('.')} or later is needed`);
  }
  return { node: String(node), platform: String(platform), arch: String(arch), libc: String(libc) };
}

function write(stream: Duplex, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => {
      if (error instanceof Error) reject(new TwintreeError('CONNECT', `the program could not be sent: ${error.message}`, { cause: error }));
      else resolve();
    });
  });
}

/** A shell's words for a command that is not there. */
function isNotFound(text: string): boolean {
  return /not found|unknown command|no such file/i.test(text);
}
