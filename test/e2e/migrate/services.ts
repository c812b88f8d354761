/** The real services that are moved: how each is made, run, used by a client, and looked through afterwards for what it acknowledged. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from './client.js';
import type { Server, ThreeHosts } from './hosts.js';
import type { Load } from './load.js';
import { quoted, type Unit } from './units.js';
import { REPOSITORY } from '../../support/index.js';

const KEEPER = join(REPOSITORY, 'test/e2e/migrate/programs/keeper.py');
const WEB_USER = 'www-data';

/** One service on its two hosts. */
export abstract class Service {
  /** `name`: of the unit, and of the folder with its data below `srv`; `address`: where clients find it. */
  constructor(protected readonly hosts: ThreeHosts, readonly name: string, readonly address = hosts.freeAddress()) {}

  /** The data's folder on a host. */
  data(host: Server): string {
    return this.hosts.at(host, 'srv', this.name);
  }

  /** Makes the data on the old host, installs the service on both, and starts it on the old one with the address that clients use. */
  async begin(): Promise<void> {
    for (const host of ['old', 'new'] as const) this.hosts.units[host].add(this.name, this.unit(host));
    await this.make(this.data('old'));
    await this.systemctl('start', 'old');
    await this.fill();
    await this.hosts.address('take', 'old', this.address);
  }

  async systemctl(verb: 'start' | 'stop', host: Server): Promise<void> {
    await this.hosts.run(host, 'systemctl', verb, this.name);
  }

  protected abstract unit(host: Server): Unit;
  /** Makes the folder with all that it needs for a start. */
  protected abstract make(data: string): Promise<void> | void;
  /** What is put in once it runs on the old host. */
  protected fill(): Promise<void> | void { /* most need nothing */ }
  abstract plan(): Plan;
  /** Fails unless everything that a client was told by now is there, and all of it is sound. The service runs on this host. */
  abstract verify(host: Server, load: Load): Promise<void> | void;

  /** Nobody was told anything by a server that knew less, and never did both hosts serve. */
  judge(load: Load): void {
    assert.deepEqual(load.lies, [], 'a read was answered without what had been acknowledged');
    assertNeverBoth(this.hosts, this.name);
  }
}

/** At no moment did a service run on both hosts. */
export function assertNeverBoth(hosts: ThreeHosts, name: string): void {
  for (const a of hosts.units.old.served(name)) {
    for (const b of hosts.units.new.served(name)) assert.ok(a.until <= b.from || b.until <= a.from, `both served: old ${JSON.stringify(a)}, new ${JSON.stringify(b)}`);
  }
}

/** nginx: files that are read over HTTP, and uploaded with PUT. */
export class Nginx extends Service {
  private readonly known: string[] = [];

  constructor(hosts: ThreeHosts, private readonly size: { readonly files: number; readonly bytes: number }, address?: string) {
    super(hosts, 'nginx', address);
  }

  protected unit(host: Server): Unit {
    const run = this.hosts.at(host, 'run');
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${run}/nginx/${kind};`).join(' ');
    mkdirSync(join(run, 'nginx'), { recursive: true });
    writeFileSync(join(run, 'nginx.conf'), `daemon off; user ${WEB_USER}; worker_processes 2; pid ${run}/nginx.pid; error_log stderr;\nevents {}\nhttp { access_log off; ${temporary}
server { listen 80; root ${this.data(host)}; location / { dav_methods PUT; create_full_put_path on; } location = /health { return 200 ok; } } }\n`);
    return { command: ['nginx', '-e', 'stderr', '-c', join(run, 'nginx.conf')], stop: 'QUIT', ready: 'echo > /dev/tcp/127.0.0.1/80' };
  }

  protected make(data: string): void {
    const owner = userId(WEB_USER);
    mkdirSync(join(data, 'up'), { recursive: true });
    for (const folder of [data, join(data, 'up')]) chownSync(folder, owner, owner);
    for (let n = 0; n < this.size.files; n++) {
      if (n % 50 === 0) mkdirSync(join(data, `d${n / 50}`));
      const content = randomBytes(Math.ceil(this.size.bytes / this.size.files / 2 * (1 + (n % 3) / 2)));
      const name = `d${Math.floor(n / 50)}/${createHash('sha256').update(content).digest('hex')}`;
      writeFileSync(join(data, name), content);
      this.known.push(name);
    }
  }

  plan(): Plan {
    return { kind: 'http', address: this.address, port: 80, prefix: 'up/', known: this.known.slice(0, 1000) };
  }

  verify(host: Server, load: Load): void {
    const told = [...load.acknowledged.values()];
    const uploaded = new Set(readdirSync(join(this.data(host), 'up')));
    for (const name of [...this.known, ...told]) {
      assert.ok(!name.startsWith('up/') || uploaded.has(name.slice(3)), `${name} was acknowledged and is not on the ${host} host`);
      assert.equal(createHash('sha256').update(readFileSync(join(this.data(host), name))).digest('hex'), name.slice(-64), name);
    }
  }
}

/** A small server with a SQLite database in WAL mode, or with plain files. */
export class Keeper extends Service {
  constructor(hosts: ThreeHosts, private readonly store: 'sqlite' | 'files', private readonly port = 7000) {
    super(hosts, store === 'sqlite' ? 'ledger' : 'keeper');
  }

  protected unit(host: Server): Unit {
    return { command: ['python3', '-IS', KEEPER, String(this.port), this.store, this.data(host)], ready: `echo > /dev/tcp/127.0.0.1/${this.port}` };
  }

  protected make(data: string): void {
    mkdirSync(data);
  }

  plan(): Plan {
    return { kind: 'http', address: this.address, port: this.port, prefix: '', known: [] };
  }

  async verify(host: Server, load: Load): Promise<void> {
    const names = [...load.acknowledged.values()];
    if (this.store === 'files') {
      for (const name of names) assert.equal(createHash('sha256').update(readFileSync(join(this.data(host), name))).digest('hex'), name.slice(-64), `${name} on the ${host} host`);
      return;
    }
    const ask = async (sql: string): Promise<string[]> => (await this.hosts.run(host, 'sqlite3', join(this.data(host), 'kept.db'), sql)).trimEnd().split('\n');
    assert.deepEqual(await ask('pragma integrity_check'), ['ok']);
    const there = new Set(await ask('select name from kept'));
    assert.deepEqual(names.filter((name) => !there.has(name)), [], `acknowledged, and not on the ${host} host`);
  }
}

/** PostgreSQL under pgbench, and a table of numbered rows. */
export class Postgres extends Service {
  static readonly bin = spawnSync('sh', ['-c', 'ls -d /usr/lib/postgresql/*/bin | tail -n 1'], { encoding: 'utf8' }).stdout.trim();

  /** `scale`: of pgbench, 15 MiB each; `kept`: a folder in which the cluster is kept as it was first, for the next time. */
  constructor(hosts: ThreeHosts, private readonly scale: number, private readonly kept?: string, address?: string) {
    super(hosts, 'postgresql', address);
  }

  protected unit(host: Server): Unit {
    const run = this.hosts.at(host, 'run');
    const owner = userId('postgres');
    chownSync(run, owner, owner); // for its socket
    return { command: [join(Postgres.bin, 'postgres'), '-D', this.data(host), '-k', run], user: 'postgres', stop: 'INT', ready: `${quoted(join(Postgres.bin, 'pg_isready'))} -q -h ${quoted(run)}` };
  }

  protected async make(data: string): Promise<void> {
    if (this.kept !== undefined && existsSync(this.kept)) {
      await this.hosts.run('old', 'cp', '-a', '--reflink=auto', this.kept, data);
      return;
    }
    const owner = userId('postgres');
    mkdirSync(data, { mode: 0o700 });
    chownSync(data, owner, owner);
    await this.hosts.run('old', 'setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', 'env', 'LC_ALL=C', join(Postgres.bin, 'initdb'), '-D', data, '-A', 'trust', '-N', '-k');
    writeFileSync(join(data, 'pg_hba.conf'), 'local all all trust\nhost all all all trust\n');
    writeFileSync(join(data, 'postgresql.conf'), `listen_addresses = '*'\nshared_buffers = ${this.scale > 20 ? 256 : 16}MB\nmax_wal_size = ${this.scale > 20 ? 1024 : 64}MB\nmin_wal_size = 32MB\nwal_level = minimal\nmax_wal_senders = 0\n`);
  }

  protected override async fill(): Promise<void> {
    if (this.kept !== undefined && existsSync(this.kept)) return;
    await this.psql('old', 'create table numbered (n int primary key, value text)');
    await this.hosts.run('old', join(Postgres.bin, 'pgbench'), '-i', '-q', '-s', String(this.scale), '-U', 'postgres', 'postgres');
    if (this.kept === undefined) return;
    await this.systemctl('stop', 'old');
    await this.hosts.run('old', 'cp', '-a', this.data('old'), this.kept);
    await this.systemctl('start', 'old');
  }

  private async psql(host: Server, sql: string): Promise<string[]> {
    return (await this.hosts.run(host, join(Postgres.bin, 'psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres', '-c', sql, 'postgres')).trimEnd().split('\n');
  }

  plan(): Plan {
    return { kind: 'postgres', address: this.address, psql: join(Postgres.bin, 'psql'), pgbench: join(Postgres.bin, 'pgbench') };
  }

  async verify(host: Server, load: Load): Promise<void> {
    const told = [...load.acknowledged];
    const there = new Map((await this.psql(host, 'select n, value from numbered')).map((line) => line.split('|') as [string, string]));
    for (const [n, value] of told) assert.equal(there.get(String(n)), value, `row ${n} was acknowledged and is not on the ${host} host`);
    const [balanced] = await this.psql(host, `select (select sum(delta) from pgbench_history) is not distinct from (select nullif(sum(bbalance), 0) from pgbench_branches)
      and (select sum(bbalance) from pgbench_branches) = (select sum(abalance) from pgbench_accounts) and (select sum(tbalance) from pgbench_tellers) = (select sum(bbalance) from pgbench_branches)`);
    assert.equal(balanced, 't', 'the sums of pgbench');
    await this.psql(host, 'create extension if not exists amcheck');
    await this.psql(host, `select bt_index_check(c.oid, true) from pg_class c join pg_am a on a.oid = c.relam where a.amname = 'btree' and c.relkind = 'i' and c.relpersistence = 'p'`);
  }
}

/** A bare repository behind git's own daemon, which takes pushes. */
export class Git extends Service {
  constructor(hosts: ThreeHosts) {
    super(hosts, 'git');
  }

  protected unit(host: Server): Unit {
    const data = this.data(host);
    return { command: ['git', 'daemon', '--reuseaddr', '--export-all', '--enable=receive-pack', `--base-path=${data}`, data], ready: 'echo > /dev/tcp/127.0.0.1/9418' };
  }

  protected async make(data: string): Promise<void> {
    mkdirSync(data);
    await this.hosts.run('old', 'git', 'init', '-q', '--bare', '-b', 'main', join(data, 'project.git'));
    await this.hosts.run('client', 'git', 'init', '-q', '-b', 'main', this.hosts.at('client', 'srv', 'work'));
  }

  plan(): Plan {
    return { kind: 'git', address: this.address, repository: 'project.git', work: this.hosts.at('client', 'srv', 'work') };
  }

  async verify(host: Server, load: Load): Promise<void> {
    const told = [...load.acknowledged.keys()];
    const repository = join(this.data(host), 'project.git');
    await this.hosts.run(host, 'git', '-C', repository, 'fsck', '--full', '--strict');
    const there = new Set((await this.hosts.run(host, 'git', '-C', repository, 'log', '--format=%s', 'main')).trimEnd().split('\n'));
    for (const n of told) assert.ok(there.has(String(n)), `push ${n} was acknowledged and is not on the ${host} host`);
  }
}

function userId(name: string): number {
  return Number(spawnSync('id', ['-u', name], { encoding: 'utf8' }).stdout);
}

/** Why services cannot run here; undefined: they can. */
export function whyNoServices(...programs: readonly string[]): string | undefined {
  const packages: Readonly<Record<string, string>> = { psql: 'postgresql', arping: 'iputils-arping' };
  for (const program of ['rsync', 'python3', 'curl', 'arping', 'setpriv', ...programs]) {
    if (program === 'psql' ? Postgres.bin === '' : spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `${program} is missing (package ${packages[program] ?? program})`;
  }
  return undefined;
}
