/**
 * A real sshd on loopback for one test file: host key, user key and configuration in a temporary folder, a free port, key authentication for
 * root. Everything is gone after `close`.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SSHD = '/usr/sbin/sshd';
const RUN = '/run/sshd';

/** Why there can be no sshd here; undefined: there can. */
export function whyNoSshd(): string | undefined {
  if (process.getuid?.() !== 0) return 'sshd on a port of its own needs root here';
  for (const program of [SSHD, '/usr/bin/ssh', '/usr/bin/ssh-keygen']) if (!existsSync(program)) return `${program} is not installed`;
  return undefined;
}

export interface Sshd {
  readonly port: number;
  readonly folder: string;
  /** The remote shell as for -e: ssh with a configuration of its own, in which the host is called `box`. */
  readonly rsh: string;
  /** Processes that serve connections are ended by this: what a network cut is. */
  cut(): void;
  close(): Promise<void>;
}

/** Where a server runs that is not on this host: the words that run a command there, and where its port is reached from. */
export interface Elsewhere { within: readonly string[]; port: number; reached: { host: string; port: number }; /** Where it listens; its loopback alone where this is not said. */ listen?: string }

/** Starts it. `env`: set for commands; `client`: more lines of the client's configuration. */
export async function startSshd(options: { env?: Record<string, string>; client?: string[]; elsewhere?: Elsewhere } = {}): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), 'twintree-sshd-'));
  const madeRun = !existsSync(RUN);
  if (madeRun) mkdirSync(RUN, { mode: 0o755 }); // its place for separated privileges
  const undo = (): void => {
    rmSync(folder, { recursive: true, force: true });
    if (madeRun) rmdirSync(RUN);
  };
  try {
    chmodSync(folder, 0o700);
    for (const name of ['host', 'user']) {
      const made = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(folder, name)], { encoding: 'utf8' });
      if (made.status !== 0) throw new Error(`ssh-keygen: ${made.stderr}`);
    }
    const { elsewhere } = options;
    const port = elsewhere?.port ?? await freePort();
    const reached = elsewhere?.reached ?? { host: '127.0.0.1', port };
    const environment = Object.entries(options.env ?? {}).map(([name, value]) => `${name}="${value}"`).join(' ');
    writeFileSync(join(folder, 'sshd_config'), [
      `Port ${port}`, `ListenAddress ${elsewhere?.listen ?? '127.0.0.1'}`, `HostKey ${join(folder, 'host')}`, `PidFile ${join(folder, 'pid')}`, `AuthorizedKeysFile ${join(folder, 'user.pub')}`,
      'StrictModes no', 'UsePAM no', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'PermitRootLogin prohibit-password', 'PrintMotd no', 'LogLevel ERROR',
      'MaxStartups 100', ...(environment === '' ? [] : [`SetEnv ${environment}`]), '',
    ].join('\n'));
    writeFileSync(join(folder, 'ssh_config'), [
      'Host box', `  HostName ${reached.host}`, `  Port ${reached.port}`, '  User root', `  IdentityFile ${join(folder, 'user')}`, '  IdentitiesOnly yes', '  StrictHostKeyChecking accept-new',
      `  UserKnownHostsFile ${join(folder, 'known_hosts')}`, '  GlobalKnownHostsFile /dev/null', '  BatchMode yes', '  LogLevel ERROR', ...(options.client ?? []).map((line) => `  ${line}`), '',
    ].join('\n'));
    const [program = '', ...words] = [...(elsewhere?.within ?? []), SSHD, '-D', '-e', '-f', join(folder, 'sshd_config')];
    const daemon = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    daemon.stderr.on('data', (bytes: Buffer) => { said += bytes.toString(); });
    try {
      await answering(port, daemon, () => said, elsewhere?.within);
    } catch (error) {
      daemon.kill('SIGKILL');
      throw error;
    }
    return {
      port, folder, rsh: `ssh -F ${join(folder, 'ssh_config')}`,
      cut: () => { for (const pid of descendants(daemon.pid ?? 0)) kill(pid); },
      close: async () => {
        const exited = new Promise((resolve) => { daemon.once('exit', resolve); });
        for (const pid of descendants(daemon.pid ?? 0)) kill(pid);
        if (daemon.exitCode === null && daemon.signalCode === null) {
          daemon.kill('SIGTERM');
          await exited;
        }
        undo();
      },
    };
  } catch (error) {
    undo();
    throw error;
  }
}

/** Its sessions: children of the daemon and theirs that are sshd themselves. */
function descendants(of: number): number[] {
  const listed = spawnSync('ps', ['-e', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' }).stdout;
  const rows = listed.split('\n').map((line) => line.trim().split(/\s+/)).map(([pid, ppid, name]) => ({ pid: Number(pid), ppid: Number(ppid), name }));
  const found: number[] = [];
  for (let parents = [of]; parents.length > 0;) {
    const next = rows.filter((row) => parents.includes(row.ppid) && (row.name ?? '').startsWith('sshd')).map((row) => row.pid);
    found.push(...next);
    parents = next;
  }
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => { resolve(port); });
    });
  });
}

/** Waits until the port is open. */
async function answering(port: number, daemon: ChildProcess, said: () => string, within?: readonly string[]): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (daemon.exitCode !== null) throw new Error(`sshd ended: ${said()}`);
    const open = within !== undefined ? opensThere(port, within) : await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => { resolve(false); });
    });
    if (open) return;
    await new Promise((resolve) => { setTimeout(resolve, 25); });
  }
  throw new Error(`sshd does not listen: ${said()}`);
}

function opensThere(port: number, within: readonly string[]): boolean {
  const [program = '', ...words] = [...within, 'bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`];
  return spawnSync(program, words).status === 0;
}
