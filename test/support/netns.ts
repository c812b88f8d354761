/**
 * Several hosts on one machine: network namespaces, two of them joined by a veth link, or more of them by a switch; links can be made slow, taken down
 * and up. Names are of this process alone; what a killed test process left is removed by the next one.
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

/** Namespaces that go together, and with them the links between them and whatever runs inside: by `remove`, or at the end of the process. */
class Namespaces {
  private readonly base = `${PREFIX}${process.pid}-${count++}`;
  private readonly names: string[] = [];
  readonly remove = undoAtExit(() => {
    for (const name of this.names) if (existsSync(`${NAMES}/${name}`)) removeNamespace(name);
  });

  constructor() {
    sweep();
  }

  /** What `build` makes of them; where that fails, none is left. */
  built<T>(build: () => T): T {
    try {
      return build();
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  add(label: string): string {
    const name = `${this.base}-${label}`;
    this.names.push(name);
    run('ip', 'netns', 'add', name);
    run('ip', '-n', name, 'link', 'set', 'lo', 'up');
    return name;
  }

  /** Gives a host, whose device is there, its address. */
  settle({ name, address, device }: Host): void {
    run('ip', '-n', name, 'addr', 'add', `${address}/24`, 'dev', device);
    run('ip', '-n', name, 'link', 'set', device, 'up');
    run('ip', 'netns', 'exec', name, 'sysctl', '-qw', 'net.ipv4.tcp_retries2=3'); // who sends into a dead link hears of it within seconds
  }
}

/** What this host sends is held to a rate (as tc(8) writes it) from now on. */
function limitRate({ name, device }: Host, rate: string): void {
  run('tc', '-n', name, 'qdisc', 'replace', 'dev', device, 'root', 'tbf', 'rate', rate, 'burst', '64kb', 'latency', '400ms');
}

/** Two hosts and the link between them. */
export class Network {
  readonly near: Host;
  readonly far: Host;
  /** Both namespaces go, and with them the link. */
  readonly remove: () => void;

  constructor() {
    const namespaces = new Namespaces();
    this.remove = namespaces.remove;
    [this.near, this.far] = namespaces.built(() => {
      const [near, far] = [new Host(namespaces.add('near'), '10.11.12.1', 'near0'), new Host(namespaces.add('far'), '10.11.12.2', 'far0')];
      run('ip', '-n', near.name, 'link', 'add', near.device, 'type', 'veth', 'peer', 'name', far.device, 'netns', far.name);
      for (const host of [near, far]) namespaces.settle(host);
      return [near, far] as const;
    });
  }

  /** Both directions carry no more than this rate (as tc(8) writes it) from now on. */
  limit(rate: string): void {
    for (const host of [this.near, this.far]) limitRate(host, rate);
  }

  /** Takes the link down, or up again. */
  link(state: 'up' | 'down'): void {
    run('ip', '-n', this.near.name, 'link', 'set', this.near.device, state);
  }
}

/**
 * Hosts on one switch, which is a bridge in a namespace of its own: who takes over another's address is heard of as in a real network. The device is
 * `eth0` at each; addresses are 10.11.12.1 and so on in the order of the names, those from 10.11.12.101 are nobody's yet.
 */
export class Lan<Name extends string> {
  private readonly hosts: ReadonlyMap<Name, Host>;
  private readonly hub: string;
  readonly remove: () => void;

  constructor(names: readonly Name[]) {
    const hosts = new Map<Name, Host>();
    const namespaces = new Namespaces();
    this.hosts = hosts;
    this.remove = namespaces.remove;
    this.hub = namespaces.built(() => {
      const hub = namespaces.add('switch');
      run('ip', '-n', hub, 'link', 'add', 'lan', 'type', 'bridge');
      run('ip', '-n', hub, 'link', 'set', 'lan', 'up');
      for (const name of names) {
        const host = new Host(namespaces.add(name), `10.11.12.${hosts.size + 1}`, 'eth0');
        run('ip', '-n', hub, 'link', 'add', `to-${name}`, 'type', 'veth', 'peer', 'name', host.device, 'netns', host.name);
        run('ip', '-n', hub, 'link', 'set', `to-${name}`, 'master', 'lan', 'up');
        namespaces.settle(host);
        hosts.set(name, host);
      }
      return hub;
    });
  }

  host(name: Name): Host {
    return this.hosts.get(name) as Host;
  }

  /** What each host sends is held to this rate from now on. */
  limit(rate: string): void {
    for (const host of this.hosts.values()) limitRate(host, rate);
  }

  /** Pulls a host's cable out of the switch, or puts it in again. */
  cable(name: Name, state: 'in' | 'out'): void {
    run('ip', '-n', this.hub, 'link', 'set', `to-${name}`, state === 'in' ? 'up' : 'down');
  }
}

/** Removes a namespace; what still runs in it is ended. Another process may be faster. */
function removeNamespace(name: string): void {
  for (const pid of spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout.split('\n').map(Number).filter((each) => each > 0)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  spawnSync('ip', ['netns', 'del', name]);
}

/** Namespaces of test processes that are gone. */
function sweep(): void {
  for (const name of existsSync(NAMES) ? readdirSync(NAMES) : []) {
    const pid = name.startsWith(PREFIX) ? name.slice(PREFIX.length).split('-')[0] : undefined;
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeNamespace(name);
  }
}
