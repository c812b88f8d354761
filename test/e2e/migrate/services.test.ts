/**
 * Real services are moved between hosts in network namespaces while clients use them, each by its ready example as it stands: seeded by an archive, followed, cut over, written to on the
 * new side, rolled back, written to again; at each step everything that a client was told is there, and never two hosts serve. TWINTREE_MIGRATE=long
 * (`npm run test:migrate`): with more data, beside the same move by rsync, a whole server at once, and finished on the new side.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describeIf, whyNoNetns } from '../../support/index.js';
import { whyNoSshd } from '../../transport/sshd.js';
import { EXAMPLES, ThreeHosts, type Server } from './hosts.js';
import { Load } from './load.js';
import { Migration } from './migration.js';
import { moveByRsync } from './rsync-move.js';
import { Git, Keeper, Nginx, Postgres, whyNoServices, type Service } from './services.js';

const long = process.env['TWINTREE_MIGRATE'] === 'long';
const TIMES = long ? 10 : 1;
/** By example: what it moves. */
const MOVED: Readonly<Record<string, (hosts: ThreeHosts) => readonly Service[]>> = {
  'nginx.yaml': (at) => [new Nginx(at, { files: 300 * TIMES, bytes: TIMES << 21 })],
  'postgresql.yaml': (at) => [new Postgres(at, TIMES)],
  'sqlite.yaml': (at) => [new Keeper(at, 'sqlite')],
  'git.yaml': (at) => [new Git(at)],
};
const whyNot = whyNoNetns() ?? whyNoSshd() ?? whyNoServices('nginx', 'psql', 'sqlite3', 'git');

describeIf('real services move', whyNot, () => {
  let hosts: ThreeHosts;
  let services: readonly Service[];
  let loads: readonly Load[];

  beforeEach('three hosts', async () => {
    hosts = await ThreeHosts.start();
  });
  afterEach('and none', async () => {
    await hosts.close();
  });

  async function begin(made: readonly Service[]): Promise<void> {
    services = made;
    for (const service of services) await service.begin();
    loads = services.map((service) => new Load(hosts, { ...service.plan(), ...(long ? {} : { pause: 20 }) }));
    for (const load of loads) await load.more(10);
  }

  /** Clients are served, by this host, and it has all that they were told. */
  async function served(host: Server): Promise<void> {
    for (const load of loads) await load.more(10);
    for (const [k, service] of services.entries()) await service.verify(host, loads[k] as Load);
  }

  async function end(): Promise<void> {
    for (const load of loads) await load.end();
    for (const [k, service] of services.entries()) service.judge(loads[k] as Load);
  }

  function tell(what: string, since: number): void {
    if (long) process.stdout.write(`      ${what}: without service for ${loads.map((load) => `${(load.downtime(since) / 1000).toFixed(1)} s`).join(', ')}\n`);
  }

  for (const [example, make] of Object.entries(MOVED)) {
    it(`to another host and back (${example})`, async () => {
      await begin(make(hosts));
      const migration = Migration.byExample(hosts, (services[0] as Service).address, example);
      await migration.seed();
      await migration.plan();
      migration.start();
      await migration.untilState('live');
      let since = Date.now();
      await migration.must('cutover', migration.name, '--yes');
      assert.equal(migration.state, 'switched', migration.told());
      await served('new');
      tell('cut over', since);
      since = Date.now();
      await migration.must('rollback', migration.name, '--yes');
      assert.equal(migration.state, 'rolled-back', migration.told());
      await served('old');
      tell('rolled back', since);
      await end();
      await migration.must('finish', migration.name, '--yes');
      assert.equal(migration.state, 'finished', migration.told());
      await migration.over();
    });

    if (!long) continue;
    it(`by rsync, for comparison (${example})`, async () => {
      await begin(make(hosts));
      const since = Date.now();
      await moveByRsync(hosts, services);
      await served('new');
      tell('moved by rsync', since);
      await end();
    });
  }

  if (long) it('all at once, for good (site.yaml)', async () => {
    const address = hosts.freeAddress();
    await begin([new Nginx(hosts, { files: 3000, bytes: 20 << 20 }, address), new Postgres(hosts, TIMES, undefined, address)]);
    const migration = Migration.byExample(hosts, address, 'site.yaml');
    await migration.plan();
    migration.start();
    await migration.untilState('live');
    const since = Date.now();
    await migration.must('cutover', migration.name, '--yes');
    await served('new');
    tell('cut over', since);
    await migration.must('finish', migration.name, '--yes');
    await served('new');
    await end();
    await migration.over();
  });

  it('by examples that are all tried', () => {
    assert.deepEqual(readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml')).sort(), [...Object.keys(MOVED), 'site.yaml'].sort());
  });
});
