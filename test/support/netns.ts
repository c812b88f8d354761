/**
 * Two hosts on one machine: network namespaces joined by a veth link that can be made slow, taken down and up. Names are of this process alone;
 * what a killed test process left is removed by the next one.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { undoAtExit } from './temp.js';

const PREFIX = 'twintree-test-';
const NAMES = '/run/netns';

function run(...words: string[]): void {
  const [program = '', ...args] = words;
  const done = spawnSync(program, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${words.join(' ')}: ${done.stderr || String(done.error)}`);
}

let why: string | undefined | null = null;

/** Why there can be no namespaces here; undefined: there can. */
export function whyNoNetns(): string | undefined {
  if (why === null) why = find();
  return why;
}

function find(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces need root on Linux';
  for (const program of ['ip', 'tc']) if (spawnSync(program, ['-V']).status !== 0) return `${program} is missing (package iproute2)`;
  try {
    const network = new Network();
    network.limit('100mbit');
    network.remove();
    return undefined;
  } catch (error) {
    return `no network namespaces here: ${error instanceof Error ? error.message : String(error)}`;
  }
}

let count = 0;

/** One host: a namespace. */
export class Host {
  constructor(readonly name: string, readonly address: string, readonly device: string) {}

  /** The words that run a command on this host. */
  get within(): string[] {
    return ['ip', 'netns', 'exec', this.name];
  }
}

/** Two hosts and the link between them. */
export class Network {
  readonly near: Host;
  readonly far: Host;
  /** Both namespaces go, and with them the link. */
  readonly remove: () => void;

  constructor() {
    sweep();
    const base = `${PREFIX}${process.pid}-${count++}`;
    this.near = new Host(`${base}-near`, '10.11.12.1', 'near0');
    this.far = new Host(`${base}-far`, '10.11.12.2', 'far0');
    this.remove = undoAtExit(() => {
      for (const { name } of [this.near, this.far]) if (existsSync(`${NAMES}/${name}`)) run('ip', 'netns', 'del', name);
    });
    try {
      for (const { name } of [this.near, this.far]) {
        run('ip', 'netns', 'add', name);
        run('ip', '-n', name, 'link', 'set', 'lo', 'up');
      }
      run('ip', '-n', this.near.name, 'link', 'add', this.near.device, 'type', 'veth', 'peer', 'name', this.far.device, 'netns', this.far.name);
      for (const { name, device, address } of [this.near, this.far]) {
        run('ip', '-n', name, 'addr', 'add', `${address}/24`, 'dev', device);
        run('ip', '-n', name, 'link', 'set', device, 'up');
        run('ip', 'netns', 'exec', name, 'sysctl', '-qw', 'net.ipv4.tcp_retries2=3'); // who sends into a dead link hears of it within seconds
      }
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** Both directions carry no more than this rate (as tc(8) writes it) from now on. */
  limit(rate: string): void {
    for (const { name, device } of [this.near, this.far]) run('tc', '-n', name, 'qdisc', 'replace', 'dev', device, 'root', 'tbf', 'rate', rate, 'burst', '64kb', 'latency', '400ms');
  }

  /** Takes the link down, or up again. */
  link(state: 'up' | 'down'): void {
    run('ip', '-n', this.near.name, 'link', 'set', this.near.device, state);
  }
}

/** Namespaces of test processes that are gone. */
function sweep(): void {
  for (const name of existsSync(NAMES) ? readdirSync(NAMES) : []) {
    const pid = name.startsWith(PREFIX) ? name.slice(PREFIX.length).split('-')[0] : undefined;
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) spawnSync('ip', ['netns', 'del', name]); // another process may be faster
  }
}
