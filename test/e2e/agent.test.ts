/** The agent as it is run: jobs that fall due, live ones, what is said to it, its end by a signal and by SIGKILL at any moment. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { assertSameTree, sameByNow, startTwintree, useTempFolder } from '../support/index.js';

interface Logged { type: string; severity: string; job?: string; message: string }

describe('the agent', () => {
  const temp = useTempFolder('agent');
  const agents: ReturnType<typeof startTwintree>[] = [];
  const env = (): { TWINTREE_STATE_DIR: string } => ({ TWINTREE_STATE_DIR: temp.at('state') });
  const file = (): string => temp.at('twintree.yaml');

  afterEach(async () => {
    for (const agent of agents.splice(0)) {
      agent.child.kill('SIGKILL');
      await agent.finished;
    }
  });

  function configure(jobs: Record<string, unknown>, agent: Record<string, unknown> = {}): void {
    writeFileSync(file(), JSON.stringify({ agent, jobs }), { mode: 0o600 }); // JSON is YAML
  }
  function start(...more: string[]): ReturnType<typeof startTwintree> {
    const agent = startTwintree(['agent', `--config=${file()}`, '--log=json', ...more], { env: env() });
    agents.push(agent);
    return agent;
  }
  async function say(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const { code, stdout, stderr } = await startTwintree(['job', args[0] ?? '', `--config=${file()}`, ...args.slice(1)], { env: env() }).finished;
    return { code, stdout, stderr };
  }
  const logged = (text: string): Logged[] => text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Logged);
  const tree = (name: string, content: string): string => {
    mkdirSync(temp.at(name), { recursive: true });
    writeFileSync(temp.at(`${name}/file`), content);
    return `${temp.at(name)}/`;
  };
  const scheduled = (name: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({ source: tree(`s-${name}`, name), targets: temp.at(`t-${name}`), schedule: '* * * * * *', options: { delete: true }, ...more });

  it('runs what is due, follows what is live, and ends both in good order', async () => {
    configure({ each: scheduled('each'), live: { mode: 'live', source: tree('s-live', 'one'), targets: temp.at('t-live') } });
    const agent = start('--metrics-listen=0');
    assert.ok(await agent.output(/"job":"each","message":"has ended with exit code 0"[^]*"job":"each","message":"has ended with exit code 0"/), 'twice');
    writeFileSync(temp.at('s-live/file'), 'two');
    await poll(() => existsSync(temp.at('t-live/file')) && readFileSync(temp.at('t-live/file'), 'utf8') === 'two');
    assert.ok(await agent.output(/metrics at http:\S+metrics/));
    const page = await (await fetch(/http:\S+?metrics/.exec(agent.printed)?.[0] ?? '')).text();
    for (const name of ['each', 'live']) assert.match(page, new RegExp(`twintree_job_[a-z_]+\\{name="${name}"`));
    const status = await say('status', '--json');
    const told = status.stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as { job: string; running: unknown; due: number | null; last: { result: string } | null });
    assert.deepEqual(told.map(({ job }) => job), ['each', 'live']);
    assert.ok(told[0]?.due !== null && told[0]?.last?.result === 'success' && told[1]?.running !== null);
    agent.child.kill('SIGTERM');
    const { code, stderr } = await agent.finished;
    assert.equal(code, 0, stderr);
    assert.equal(logged(stderr).filter(({ message }) => message.startsWith('begins')).length, logged(stderr).filter(({ message }) => /^(?:has|was) ended/.test(message)).length, 'nothing is left at work');
    assertSameTree(temp.at('s-each'), temp.at('t-each'));
  });

  it('takes a new configuration as a whole, or not at all', async () => {
    configure({ first: scheduled('first') });
    const agent = start();
    assert.ok(await agent.output(/"job":"first","message":"has ended/));
    writeFileSync(file(), 'jobs:\n  first:\n    sauce: /s\n');
    agent.child.kill('SIGHUP');
    assert.ok(await agent.output(/the one before stays in force/));
    const refused = await say('reload');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /a job has no key "sauce"/);
    configure({ second: scheduled('second') });
    assert.deepEqual(await say('reload'), { code: 0, stdout: 'the configuration was read anew: 1 jobs are new, 0 changed, 1 gone\n', stderr: '' });
    assert.ok(await agent.output(/1 jobs are new, 0 changed, 1 gone[^]*"job":"second","message":"has ended with exit code 0"/));
  });

  it('leaves a paused job alone, also when it is started again, until it is resumed', async () => {
    configure({ j: scheduled('j', { schedule: undefined }), live: { mode: 'live', source: tree('s-live', 'one'), targets: temp.at('t-live') } });
    const first = start();
    assert.ok(await first.output(/"job":"live","message":"begins/));
    assert.deepEqual(await say('pause', 'live'), { code: 0, stdout: 'live: paused; its mirror is told to end\n', stderr: '' });
    assert.ok(await first.output(/"job":"live","message":"(?:has|was) ended/)); // the signal may come before the program has begun
    first.child.kill('SIGTERM');
    await first.finished;
    const second = start();
    await poll(async () => (await say('status', 'live')).stdout.startsWith('the agent: '));
    assert.match((await say('status', 'live')).stdout, /live: not at work, paused, live/);
    assert.equal((await say('resume', 'live')).stdout, 'live: resumed\n');
    assert.ok(await second.output(/"job":"live","message":"begins/));
  });

  it('is killed at any moment: what it ran ends, histories say so, and the next one goes on', async () => {
    configure({ slow: scheduled('slow', { limits: { bwlimit: '1M' }, schedule: '* * * * * *' }), live: { mode: 'live', source: tree('s-live', 'one'), targets: temp.at('t-live') } });
    writeFileSync(temp.at('s-slow/large'), Buffer.alloc(2 << 20, 'x'));
    for (const moment of [/"job":"slow","message":"begins/, /"job":"live","message":"begins/, /"job":"slow","message":"has ended/]) {
      const agent = start();
      assert.ok(await agent.output(moment));
      agent.child.kill('SIGKILL');
      await agent.finished;
      await poll(async () => !/at work since/.test((await say('status')).stdout));
    }
    const agent = start();
    assert.ok(await agent.output(/"job":"slow","message":"has ended with exit code 0"/));
    await poll(() => sameByNow(temp.at('s-live'), temp.at('t-live')));
    agent.child.kill('SIGTERM');
    await agent.finished;
    assertSameTree(temp.at('s-slow'), temp.at('t-slow'));
    assertSameTree(temp.at('s-live'), temp.at('t-live'));
    const runs = (await say('status', 'slow', '--json')).stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as { result?: string });
    assert.ok(runs.every(({ result }) => result !== 'running'), JSON.stringify(runs));
  });

  it('has many jobs due at once, as many at work as it may, in bounded memory', async () => {
    const count = Number(process.env['TWINTREE_AGENT_JOBS'] ?? 16);
    configure(Object.fromEntries(Array.from({ length: count }, (_, k) => [`j${k}`, scheduled(`j${k}`, { schedule: undefined })])), { parallel: 3 });
    const agent = start();
    await poll(async () => (await say('status', 'j0')).stdout.startsWith('the agent: '));
    await Promise.all(Array.from({ length: 4 }, async (_, k) => {
      for (let at = k; at < count; at += 4) assert.equal((await say('start', `j${at}`)).code, 0);
    }));
    for (let k = 0; k < count; k++) assert.ok(await agent.output(new RegExp(`"job":"j${k}","message":"has ended with exit code 0"`)), `j${k}`);
    const memory = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${agent.child.pid}/status`, 'utf8'))?.[1];
    assert.ok(Number(memory) < 200_000, `${memory} kB`);
    agent.child.kill('SIGTERM');
    const { stderr } = await agent.finished;
    let atWork = 0;
    let most = 0;
    for (const { message } of logged(stderr)) {
      if (message.startsWith('begins')) most = Math.max(most, ++atWork);
      if (/^(?:has|was) ended/.test(message)) atWork--;
    }
    assert.equal(most, 3);
    for (let k = 0; k < count; k++) assertSameTree(temp.at(`s-j${k}`), temp.at(`t-j${k}`));
  });
});

/** Looks until it is so; the test's own limit of time ends it. */
async function poll(so: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await so())) await new Promise((resolve) => { setImmediate(resolve); });
}
