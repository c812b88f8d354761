/**
 * One move of nginx and PostgreSQL at once by one tool, as a program for the benchmark: `measured-move.js '{"tool":"twintree","folder":"/…","scale":100,"web":…}'`.
 * Prints one JSON line: for how long the clients had no service, and what that consists of. Fails where anything that was acknowledged is missing.
 */
import { join } from 'node:path';
import { ThreeHosts } from './hosts.js';
import { Load } from './load.js';
import { Migration } from './migration.js';
import { moveByRsync } from './rsync-move.js';
import { Nginx, Postgres } from './services.js';

/** `scale`: of pgbench; `transactions`: so many a second, the same for each tool; `web`: files that nginx serves; `rate`: of the network, as tc(8) writes it. */
interface Order { readonly tool: 'twintree' | 'rsync'; readonly folder: string; readonly scale: number; readonly transactions: number; readonly web: { readonly files: number; readonly bytes: number }; readonly rate?: string }

const order = JSON.parse(process.argv[2] ?? '') as Order;
const hosts = await ThreeHosts.start(order.folder);
try {
  if (order.rate !== undefined) hosts.lan.limit(order.rate);
  const address = hosts.freeAddress();
  const services = [new Nginx(hosts, order.web, address), new Postgres(hosts, order.scale, join(order.folder, `postgresql-${order.scale}`), address)];
  for (const service of services) await service.begin();
  const loads = services.map((service) => {
    const plan = service.plan();
    return new Load(hosts, plan.kind === 'postgres' ? { ...plan, rate: order.transactions } : plan);
  });
  for (const load of loads) await load.more(50);
  const began = Date.now();
  const parts = order.tool === 'rsync' ? await moveByRsync(hosts, services) : await moveByTwintree(hosts, address);
  for (const load of loads) await load.more(50);
  const [web = 0, database = 0] = loads.map((load) => load.downtime(began));
  for (const load of loads) await load.end();
  for (const [k, service] of services.entries()) {
    await service.verify('new', loads[k] as Load);
    service.judge(loads[k] as Load);
  }
  process.stdout.write(`${JSON.stringify({ downtime: Math.max(web, database) / 1000, web: web / 1000, database: database / 1000, whole: (Date.now() - began) / 1000, writes: loads.map((load) => load.acknowledged.size), parts })}\n`);
} finally {
  await hosts.close();
}

/** The parts of the downtime, as twintree tells them. */
async function moveByTwintree(at: ThreeHosts, address: string): Promise<unknown> {
  const migration = Migration.byExample(at, address, 'site.yaml');
  await migration.plan();
  migration.start();
  await migration.untilState('live');
  await migration.must('cutover', migration.name, '--yes');
  const parts = migration.journal.findLast(({ event }) => event === 'downtime');
  await migration.must('finish', migration.name, '--yes');
  await migration.over();
  return parts;
}
