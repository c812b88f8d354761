/** The ready examples of topologies, run as they stand between two network namespaces: only hosts, folders and times are others. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DelayPlan } from './remote-delay.js';
import { REMOTE_PATH } from './remote-support.js';
import { startSshd, whyNoSshd, type Sshd } from '../transport/sshd.js';
import { describeIf, Network, REPOSITORY, sameByNow, startCommand, useTempFolder, whyNoNetns, type Running } from '../support/index.js';

const SHIM = join(REPOSITORY, 'bin/twintree.js');
/** The server listens to its own host alone; what leads there from the other one stands beside it. Ports in namespaces of our own. */
const RELAY = fileURLToPath(new URL('./remote-delay.js', import.meta.url));
const PORTS = { real: 2201, far: 2202 };
const EXAMPLES = join(REPOSITORY, 'docs/examples');
/** Below the folder of the test: sources, on whichever host, and for each the targets that are to become equal to it. */
const ROUTES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'one-to-one.yaml': { 'near/srv/data': ['far/srv/data'] },
  'both-ways.yaml': { 'near/srv/ours': ['far/srv/ours'], 'far/srv/theirs': ['near/srv/theirs'] },
  'one-to-many.yaml': { 'near/srv/data': ['far/srv/first', 'far/srv/second', 'near/srv/third'] },
  'many-to-one.yaml': { 'far/srv/web': ['near/srv/copies/web'], 'far/srv/mail': ['near/srv/copies/mail'] },
  'chain.yaml': { 'near/srv/data': ['near/srv/copy', 'far/srv/data'] },
  'loop-back.yaml': { 'near/srv/data': ['near/mnt/disk2/data'] },
};

describeIf('topologies between network namespaces', whyNoNetns() ?? whyNoSshd(), () => {
  let network: Network;
  let sshd: Sshd | undefined;
  let way: Running | undefined;
  let agent: Running | undefined;

  beforeEach('two hosts', async () => {
    network = new Network();
    sshd = await startSshd({ elsewhere: { within: network.far.within, port: PORTS.real, reached: { host: network.far.address, port: PORTS.far } } });
    const plan: DelayPlan = { from: { host: network.far.address, port: PORTS.far }, to: { host: '127.0.0.1', port: PORTS.real }, ms: 1 };
    const [program = '', ...args] = [...network.far.within, process.execPath, RELAY, JSON.stringify(plan)];
    way = startCommand(program, args);
    assert.ok(await way.output(/ready/), way.printed);
  });
  afterEach('and none', async () => {
    agent?.child.kill('SIGTERM');
    await agent?.finished;
    agent = undefined;
    await sshd?.close();
    await way?.kill('SIGKILL');
    network.remove();
  });
  const tmp = useTempFolder('topologies'); // removed when the agent is gone, which would make it anew

  it('are all there, and all tried', () => {
    assert.deepEqual(readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml')).sort(), Object.keys(ROUTES).sort());
  });

  for (const [name, routes] of Object.entries(ROUTES)) {
    it(name, async () => {
      const text = readFileSync(join(EXAMPLES, name), 'utf8')
        .replaceAll(/[a-z]+\.example\.com:\//g, `box:${tmp.at('far')}/`).replaceAll(/(?<=[ "])\/(?=srv|mnt)/g, `${tmp.at('near')}/`)
        .replaceAll(/schedule: .*/g, 'schedule: "* * * * * *"').replaceAll(/jitter: .*/g, 'jitter: 0s')
        .replace(/ +notices:[^]*/, ''); // its mails go to nobody here: notices have tests of their own
      const shared = `defaults:\n  options:\n    rsh: ${JSON.stringify(sshd?.rsh)}\n    rsync-path: ${JSON.stringify(REMOTE_PATH)}\n`;
      writeFileSync(tmp.at('twintree.yaml'), shared + text, { mode: 0o600 });
      for (const [source, targets] of Object.entries(routes)) {
        for (const each of [source, ...targets]) mkdirSync(tmp.at(each), { recursive: true });
        mkdirSync(tmp.at(`${source}/folder`));
        for (const file of ['one', 'folder/two']) writeFileSync(tmp.at(`${source}/${file}`), `${source} ${file}`);
      }
      const [program = '', ...args] = [...network.near.within, process.execPath, SHIM, 'agent', `--config=${tmp.at('twintree.yaml')}`];
      agent = startCommand(program, args, { env: { TWINTREE_STATE_DIR: tmp.at('state') } });
      await equal(routes);
      for (const source of Object.keys(routes)) {
        writeFileSync(tmp.at(`${source}/one`), 'changed');
        writeFileSync(tmp.at(`${source}/new`), 'made');
      }
      await equal(routes);
    });
  }

  async function equal(routes: Readonly<Record<string, readonly string[]>>): Promise<void> {
    for (const [source, targets] of Object.entries(routes)) {
      for (const target of targets) {
        while (!sameByNow(tmp.at(source), tmp.at(target))) {
          assert.ok(agent?.child.exitCode === null, agent?.printed);
          await new Promise((resolve) => { setImmediate(resolve); });
        }
      }
    }
  }
});
