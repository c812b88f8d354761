/**
 * Between two network namespaces, with a real sshd and a TLS daemon in one of them: over a link that is slow and long, and over one that goes down in
 * the middle. The link's rate is tc's; its length is a relay's (remote-delay.ts), 50 ms each way. Nothing is asserted about time.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DelayLine, DelayPlan } from './remote-delay.js';
import { left } from './remote-cut-support.js';
import { REMOTE_PATH } from './remote-support.js';
import { startSshd, whyNoSshd, type Sshd } from '../transport/sshd.js';
import { assertSameTree, changedTree, describeIf, dir, file, makeTree, Network, randomTree, removeTree, REPOSITORY, startCommand, time, twintree, useTempFolder, whyNoNetns, type Running, type RunResult, type Tree } from '../support/index.js';

const T = time(1_600_000_000);
const MB = 1 << 20;
const RELAY = fileURLToPath(new URL('./remote-delay.js', import.meta.url));
const SHIM = join(REPOSITORY, 'bin/twintree.js');
/** Ports in namespaces of our own: nobody else is there. */
const PORTS = { ssh: { real: 2201, far: 2202 }, tls: { real: 8701, far: 8702 } };
type Carrier = 'ssh' | 'tls';

describeIf('between network namespaces', whyNoNetns(), () => {
  const tmp = useTempFolder('netns');
  let network: Network;
  let running: Running[];
  let sshd: Sshd | undefined;

  beforeEach('two hosts', function () {
    this.currentTest?.timeout(180_000);
    network = new Network();
    network.limit('80mbit');
    running = [];
    sshd = undefined;
    mkdirSync(tmp.at('t'));
  });
  afterEach('and none', async () => {
    await sshd?.close();
    for (const each of running) await each.kill('SIGKILL');
    network.remove();
  });

  async function start(words: readonly string[], says: RegExp): Promise<Running> {
    const [program = '', ...args] = [...network.far.within, process.execPath, ...words];
    const one = startCommand(program, args);
    running.push(one);
    if (!(await one.output(says))) throw new Error((await one.finished).stderr);
    return one;
  }

  /** Starts the server on the far host, and the long way to it. Returns that, the client's options, and what its paths begin with. */
  async function serve(carrier: Carrier): Promise<{ way: Running; options: string[]; far: string }> {
    const port = PORTS[carrier];
    const plan: DelayPlan = { from: { host: network.far.address, port: port.far }, to: { host: '127.0.0.1', port: port.real }, ms: 50 };
    let options: string[];
    let far = 'box:';
    if (carrier === 'ssh') {
      sshd = await startSshd({ elsewhere: { within: network.far.within, port: port.real, reached: { host: network.far.address, port: port.far } }, client: ['ServerAliveInterval 1', 'ServerAliveCountMax 2', 'ConnectTimeout 2'] });
      options = ['-e', sshd.rsh, `--rsync-path=${REMOTE_PATH}`];
    } else {
      const made = (name: string): string => /sha256:[0-9a-f]{64}/.exec(twintree(['cert', 'make', tmp.at(name)]).stdout)?.[0] ?? '';
      const [pin, me] = [made('server.pem'), made('client.pem')];
      writeFileSync(tmp.at('daemon.json'), JSON.stringify({ identity: 'server.pem', roots: { all: { path: tmp.path, access: 'read-write', peers: [me] } } }));
      await start([SHIM, 'serve', '--listen', `127.0.0.1:${port.real}`, '--config', tmp.at('daemon.json')], /listening on/);
      options = [`--identity=${tmp.at('client.pem')}`, `--fingerprint=${pin}`, '--contimeout=5'];
      far = `twintree://${network.far.address}:${port.far}/all`;
    }
    return { way: await start([RELAY, JSON.stringify(plan)], /ready/), options, far };
  }

  /** A sync of the near host; the trees are `s` and `t`, one of them beyond the link. */
  function sync(direction: 'push' | 'pull', { options, far }: { options: string[]; far: string }, ...more: string[]): Running {
    const there = (name: string): string => (far === 'box:' ? `box:${tmp.at(name)}` : `${far}/${name}`);
    const [source, target] = direction === 'push' ? [`${tmp.at('s')}/`, there('t')] : [`${there('s')}/`, tmp.at('t')];
    const [program = '', ...args] = [...network.near.within, process.execPath, SHIM, 'sync', '-aHAX', '--delete', '--no-compress', ...options, ...more, source, target];
    const one = startCommand(program, args);
    running.push(one);
    return one;
  }
  function equal(done: RunResult): void {
    assert.equal(done.code, 0, done.stderr);
    assertSameTree(tmp.at('s'), tmp.at('t'));
    assert.deepEqual(left(tmp.at('t')), []);
  }
  /** What the relay saw of its connections so far. */
  async function seen(way: Running): Promise<DelayLine[]> {
    await way.output(/"up"/);
    return (await way.kill('SIGKILL')).stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as DelayLine);
  }
  const many = (count: number, size: number): Tree => ({ d: dir(Object.fromEntries(Array.from({ length: count }, (_, k) => [`f${k}`, file({ size, seed: k + 1 }, { mtime: T })])), { mtime: T }) });

  for (const carrier of ['ssh', 'tls'] as const) {
    const needs = carrier === 'ssh' ? whyNoSshd() : undefined;
    (needs === undefined ? it : it.skip)(`${carrier}: push and pull of a difficult tree over a slow and long link${needs === undefined ? '' : ` (skipped: ${needs})`}`, async () => {
      const server = await serve(carrier);
      const old = randomTree(21, { entries: 60 });
      const big = (seed: number, size: number): Tree => ({ big: file({ size, seed }, { mtime: T }) });
      makeTree(tmp.at('s'), { ...changedTree(old, 21, { changes: 25 }), ...big(1, 1_500_000) }, { mtime: T });
      makeTree(tmp.at('t'), { ...old, ...big(9, 1_400_000) }, { mtime: T });
      equal(await sync('push', server).finished);
      removeTree(tmp.at('s'));
      makeTree(tmp.at('s'), { ...changedTree(old, 22, { changes: 25 }), ...big(2, 1_600_000) }, { mtime: T });
      equal(await sync('pull', server).finished);
    });
  }

  for (const direction of ['push', 'pull'] as const) {
    it(`${direction}: a round trip of 100 ms does not leave the link empty between files`, async () => {
      const FILES = 400;
      const server = await serve('tls');
      makeTree(tmp.at('s'), many(FILES, 8000), { mtime: T });
      equal(await sync(direction, server).finished);
      const [line] = await seen(server.way);
      const way = direction === 'pull' ? line?.down : line?.up;
      assert.ok(way !== undefined && way.bytes > FILES * 8000, JSON.stringify(line));
      // Asked for one by one, or a few at a time, the files would leave the link empty at least every few of them.
      assert.ok(way.dry < FILES / 4, JSON.stringify(line));
    });

    it(`${direction}: nor within a large file`, async () => {
      const server = await serve('tls');
      makeTree(tmp.at('s'), { big: file({ size: 12 * MB, seed: 1 }, { mtime: T }) }, { mtime: T });
      equal(await sync(direction, server).finished);
      const [line] = await seen(server.way);
      const way = direction === 'pull' ? line?.down : line?.up;
      // What 100 ms at 80 Mbit/s hold is 1,000,000 bytes, half of them on this way.
      assert.ok(way !== undefined && way.peak >= 500_000, JSON.stringify(line));
    });
  }

  for (const [carrier, direction] of [['tls', 'push'], ['ssh', 'pull']] as const) {
    const needs = carrier === 'ssh' ? whyNoSshd() : undefined;
    (needs === undefined ? it : it.skip)(`${carrier}: a ${direction} goes on after the link was down${needs === undefined ? '' : ` (skipped: ${needs})`}`, async () => {
      network.limit('24mbit');
      const server = await serve(carrier);
      makeTree(tmp.at('s'), { ...many(40, 20_000), big: file({ size: 9 * MB, seed: 1 }, { mtime: T }) }, { mtime: T });
      const one = sync(direction, server, '--info=progress2', '--retries=20');
      assert.ok(await one.output(/ [2-9]\d%/), 'some of it came');
      network.link('down');
      assert.ok(await one.output(/connecting again/), 'it noticed');
      network.link('up');
      equal(await one.finished);
    });
  }
});
