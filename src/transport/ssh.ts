/**
 * ssh: the command lines that start an agent on another host. The user's own ssh is called with nothing that overrides
 * ssh_config; paths and options of the transfer never stand on its command line, they travel in the protocol.
 * `-e` is split as rsync splits it. Pure: the environment is handed in.
 */
import { toBytes, TwintreeError, type ByteString } from '../tree/index.js';
import type { SshSpec } from './remote-spec.js';

/** What the command line says about reaching the other host. */
export interface RemoteShell {
  /** -e, --rsh; default: TWINTREE_RSH, RSYNC_RSH, ssh. */
  readonly rsh?: string;
  /** --rsync-path, --remote-path: run by the remote shell, so it may be a whole command (`sudo twintree`). Default: twintree. */
  readonly remotePath?: string;
  /** -4, -6: passed on where the shell is ssh. */
  readonly family?: 4 | 6;
}

export const DEFAULT_REMOTE_PATH = 'twintree';

/** argv that runs the agent on the host. Throws USAGE for a remote shell that is no command, or a host that looks like an option. */
export function agentCommand(spec: Omit<SshSpec, 'path'>, shell: RemoteShell, env: Readonly<Record<string, string | undefined>>): string[] {
  return programCommand(spec, shell, env, '--server');
}

/** argv that runs this program on the host, with one word. Throws as `agentCommand`. */
export function programCommand(spec: Omit<SshSpec, 'path'>, shell: RemoteShell, env: Readonly<Record<string, string | undefined>>, call: string): string[] {
  const path = shell.remotePath ?? DEFAULT_REMOTE_PATH;
  if (path.trim() === '') throw new TwintreeError('USAGE', '--remote-path is empty');
  return [...shellPrefix(spec, shell, env), path, call];
}

/** argv that runs `words` on the host, each quoted for the remote shell. */
export function remoteCommand(spec: Omit<SshSpec, 'path'>, shell: RemoteShell, env: Readonly<Record<string, string | undefined>>, words: readonly string[]): string[] {
  return [...shellPrefix(spec, shell, env), ...words.map(quoteForShell)];
}

function shellPrefix(spec: Omit<SshSpec, 'path'>, shell: RemoteShell, env: Readonly<Record<string, string | undefined>>): string[] {
  const host = text(spec.host);
  const user = spec.user === undefined ? undefined : text(spec.user);
  if (host === '' || host.startsWith('-') || user?.startsWith('-') === true) throw new TwintreeError('USAGE', `"${host}" is no host name`);
  const argv = splitShell(firstOf(shell.rsh, env['TWINTREE_RSH'], env['RSYNC_RSH']) ?? 'ssh');
  const program = argv[0]?.replace(/^.*\//, '') ?? '';
  if (shell.family !== undefined && program === 'ssh') argv.push(`-${shell.family}`);
  if (spec.port !== undefined) argv.push('-p', String(spec.port));
  if (user !== undefined) argv.push('-l', user);
  argv.push(host);
  return argv;
}

/**
 * Splits a remote-shell command at spaces. Single and double quotes keep spaces, a doubled quote inside them is one; a backslash
 * is nothing special (rsync(1), --rsh). Throws USAGE where a quote is not closed or nothing is left.
 */
export function splitShell(command: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < command.length; i++) {
    const c = command.charAt(i);
    if (quote !== '') {
      if (c !== quote) word += c;
      else if (command.charAt(i + 1) === quote) {
        word += c;
        i++;
      } else quote = '';
    } else if (c === ' ') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (c === '"' || c === "'") {
      quote = c;
      word ??= '';
    } else word = (word ?? '') + c;
  }
  if (quote !== '') throw new TwintreeError('USAGE', `a ${quote} is missing at the end of the remote-shell command`);
  if (word !== undefined) words.push(word);
  if (words.length === 0 || words[0] === '') throw new TwintreeError('USAGE', 'the remote-shell command is empty');
  return words;
}

/** One word for any shell (POSIX, csh, fish): left alone where no shell could read it otherwise. */
export function quoteForShell(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function firstOf(...values: (string | undefined)[]): string | undefined {
  return values.find((value) => value !== undefined && value !== '');
}

/** Arguments of a child are text: what is not UTF-8 cannot be passed. */
function text(bytes: ByteString): string {
  const decoded = toBytes(bytes).toString('utf8');
  if (decoded.includes('\uFFFD')) throw new TwintreeError('USAGE', 'the name of a host or user is not UTF-8');
  return decoded;
}
