/**
 * Three hosts in network namespaces: a client, the old server, and the new one, which sshd leads to. They share a file system; what is a host's own is below its
 * folder. Clients use a service address, which belongs to the old server first.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Lan, REPOSITORY, startCommand, tempFolder, type Running, type TempFolder } from '../../support/index.js';
import { startSshd, type Sshd } from '../../transport/sshd.js';
import { Units } from './units.js';

export type Server = 'old' | 'new';
export const EXAMPLES = join(REPOSITORY, 'docs/examples/migrations');
const SSH_PORT = 2201;

export class ThreeHosts {
  readonly units: Readonly<Record<Server, Units>>;
  private free = 101;

  private constructor(readonly lan: Lan<'client' | Server>, readonly sshd: Sshd, private readonly folder: TempFolder) {
    this.units = { old: new Units(folder.at('old', 'units')), new: new Units(folder.at('new', 'units')) };
  }

  /** `parent`: on which disk; default: that of temporary folders. */
  static async start(parent?: string): Promise<ThreeHosts> {
    const folder = tempFolder('hosts', parent);
    const lan = new Lan(['client', 'old', 'new']);
    try {
      for (const host of ['client', 'old', 'new']) for (const name of ['srv', 'run', 'tmp', 'home', 'units/bin']) mkdirSync(folder.at(host, name), { recursive: true });
      const { within, address } = lan.host('new');
      const sshd = await startSshd({
        elsewhere: { within, port: SSH_PORT, reached: { host: address, port: SSH_PORT }, listen: '0.0.0.0' },
        env: environment(folder, 'new'), client: ['ServerAliveInterval 1', 'ServerAliveCountMax 3', 'ConnectTimeout 2'],
      });
      return new ThreeHosts(lan, sshd, folder);
    } catch (error) {
      lan.remove();
      folder.remove();
      throw error;
    }
  }

  /** A place of a host: `srv` for data, `run` for sockets and the like. */
  at(host: 'client' | Server, ...names: string[]): string {
    return this.folder.at(host, ...names);
  }

  env(host: 'client' | Server): Record<string, string> {
    return environment(this.folder, host);
  }

  /** A service address for one more service. */
  freeAddress(): string {
    return `10.11.12.${this.free++}`;
  }

  /** Runs a command on a host to its end; what it printed. Fails where it fails. The clients' lines are heard meanwhile: who does not listen to them stops them. */
  async run(host: 'client' | Server, ...words: string[]): Promise<string> {
    const { code, signal, stdout, stderr } = await this.start(host, words).finished;
    if (code !== 0) throw new Error(`${words.join(' ')} on ${host}: ${code ?? signal} ${stderr}`);
    return stdout;
  }

  /** Starts a command on a host. */
  start(host: 'client' | Server, words: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    const [program = '', ...args] = [...this.lan.host(host).within, ...words];
    return startCommand(program, args, { env: { ...this.env(host), ...env }, timeout: 86_400_000 });
  }

  /** What an administrator does by hand with the example's script: a host takes a service address, or drops it. */
  async address(verb: 'take' | 'drop', host: Server, address: string): Promise<void> {
    await this.run(host, join(EXAMPLES, 'address.sh'), verb, `${address}/24`, 'eth0');
  }

  async close(): Promise<void> {
    await this.sshd.close();
    this.lan.remove(); // and what still runs there
    this.folder.remove();
  }
}

/** What commands of a host find: its own systemctl, temporary folder and home. */
function environment(folder: TempFolder, host: string): Record<string, string> {
  return { PATH: `${folder.at(host, 'units/bin')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`, TMPDIR: folder.at(host, 'tmp'), HOME: folder.at(host, 'home'), TWINTREE_STATE_DIR: folder.at(host, 'state'), PGHOST: folder.at(host, 'run') };
}
