/** One source and many targets: each at its own pace, whatever becomes of the others. In one process, judged by the independent comparer. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { assertSameTree, startTwintree, twintree, useTempFolder } from '../support/index.js';
import { loadOwnPosix } from '../../src/fs/index.js';
import { fromText } from '../../src/tree/index.js';
import { cut, RunningMirror, storm, type Told } from './mirror-support.js';
import { remoteShell, wayArgs } from './remote-support.js';

const STORMS = Number(process.env['MIRROR_STORMS'] ?? 1);

describe('a mirror with several targets', () => {
  const temp = useTempFolder('mirror-many');
  const s = (name = ''): string => temp.at('s') + (name === '' ? '' : `/${name}`);
  const t = (k: number, name = ''): string => temp.at(`t${k}`) + (name === '' ? '' : `/${name}`);
  let running: RunningMirror | undefined;

  beforeEach(() => {
    mkdirSync(s('one/two'), { recursive: true });
    for (const folder of ['', 'one/', 'one/two/']) writeFileSync(s(`${folder}file`), 'old');
  });
  afterEach(async () => {
    await running?.stop().catch(() => undefined); // it may have ended by the error that the test waited for
    running = undefined;
  });

  for (let seed = 1; seed <= STORMS; seed++) {
    it(`is equal on all three after a storm in which one of them fails (seed ${seed})`, async () => {
      const shell = remoteShell(temp, `echo $$ >>'${temp.at('agents')}'; test ! -e ${temp.at('down')} || exit 255`);
      const mirror = (running = new RunningMirror(['--delete', ...wayArgs('push', shell), `${s()}/`, t(0), `host:${t(1)}`, t(2)]));
      for (const target of [0, 1, 2]) await mirror.copied(target);
      writeFileSync(temp.at('down'), '');
      cut(temp.at('agents')); // its connection stood
      await storm(s(), temp.at('outside'), seed + 20, 300);
      await mirror.until((told) => told.kind === 'failed' && told.target === 1);
      await Promise.all([mirror.caughtUp(0), mirror.caughtUp(2)]);
      for (const target of [0, 2]) assertSameTree(s(), t(target), { ignore: ['hardlink'] });
      const [well, ill] = [mirror.statuses[0], await mirror.untilStatus(({ phase, lagMs }) => phase === 'waiting' && lagMs > 0, 1)];
      assert.ok(ill.backlog.paths > 0 && ill.failure !== null && well?.failure === null);
      unlinkSync(temp.at('down'));
      await mirror.mirror.caughtUp();
      assertSameTree(s(), t(1), { ignore: ['hardlink'] });
      assert.equal(mirror.sessions('full').filter(({ about }) => about.reason !== 'hard links').length, 3, 'none needed a second full session, but for other names of its files');
      assert.equal(mirror.told.filter(({ kind }) => kind === 'watching').length, 1, 'captured once');
    });
  }

  it('waits for no target that is slow', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => { release = resolve; });
    const mirror = (running = new RunningMirror(['--delete', `${s()}/`, t(0), t(1)], (request) => ({
      ...request, targets: request.targets.map((target, k) => (k === 0 ? { ...target, run: async (...what) => { await gate; return target.run(...what); } } : target)),
    })));
    await mirror.copied(1);
    for (let k = 0; k < 5; k++) {
      appendFileSync(s('one/file'), `${k}`);
      await mirror.caughtUp(1);
    }
    assertSameTree(s(), t(1));
    assert.ok(!existsSync(t(0)));
    await mirror.untilStatus(({ phase, lagMs }) => phase === 'copying' && lagMs > 0, 0);
    release();
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t(0));
  });

  it('begins nothing for a target that rests, and all that came meanwhile at once when it is to hurry', async () => {
    let release = (): void => undefined;
    let gate = Promise.resolve();
    let begun = 0;
    const mirror = (running = new RunningMirror([`${s()}/`, t(0), t(1)], (request) => ({
      ...request, targets: request.targets.map((target, k) => (k === 0 ? { ...target, run: async (...what) => { begun++; await gate; return target.run(...what); } } : target)),
    })));
    for (const target of [0, 1]) await mirror.copied(target);
    const [resting] = mirror.mirror.followers;
    await resting?.rest(); // nothing is under way
    resting?.rouse();
    gate = new Promise<void>((resolve) => { release = resolve; });
    appendFileSync(s('file'), ' and begun');
    await mirror.untilStatus(() => begun === 2, 0);
    let rests = false;
    const rest = resting?.rest().finally(() => { rests = true; });
    for (let k = 0; k < 5; k++) {
      appendFileSync(s('one/file'), `${k}`);
      await mirror.caughtUp(1);
      if (k === 2) {
        assert.ok(!rests, 'what is under way is waited for');
        release();
        await rest;
      }
    }
    assert.deepEqual([readFileSync(t(0, 'file'), 'utf8'), readFileSync(t(0, 'one/file'), 'utf8'), begun], ['old and begun', 'old', 2]);
    mirror.mirror.hurry();
    await mirror.caughtUp(0);
    assertSameTree(s(), t(0));
    assert.equal(begun, 3, 'in one session');
  });

  it('holds one target alone', async () => {
    for (let k = 0; k < 20; k++) writeFileSync(s(`one/${k}`), '');
    const mirror = (running = new RunningMirror(['--delete', '--delete-limit=50%', `${s()}/`, t(0), t(1)]));
    for (const target of [0, 1]) await mirror.copied(target);
    for (let k = 0; k < 60; k++) writeFileSync(t(1, `extra${k}`), ''); // then the limit is farther away there
    rmSync(s('one'), { recursive: true });
    const held = await mirror.until((told): told is Extract<Told, { kind: 'failed' }> => told.kind === 'failed');
    assert.deepEqual([held.target, held.code, held.retryAt], [0, 'REFUSED', undefined]);
    await mirror.caughtUp(1);
    assert.deepEqual([existsSync(t(0, 'one/0')), existsSync(t(1, 'one/0'))], [true, false]);
    assert.ok(mirror.mirror.approve());
    await mirror.caughtUp(0);
    assertSameTree(s(), t(0));
  });

  it('gives up a target that no later attempt mends, goes on with the others, and says so at its end', async () => {
    writeFileSync(t(1), 'no folder');
    const mirror = (running = new RunningMirror([`${s()}/`, t(0), t(1)]));
    const { error } = await mirror.until((told): told is Extract<Told, { kind: 'ended' }> => told.kind === 'ended');
    assert.match(String(error), /no folder|not a folder/);
    assert.deepEqual([mirror.statuses[1]?.phase, mirror.statuses[1]?.failure?.code], ['stopped', 'TARGET_UNUSABLE']);
    writeFileSync(s('one/later'), 'x');
    await mirror.caughtUp(0);
    assertSameTree(s(), t(0));
    await assert.rejects(mirror.caughtUp(1), /ended/);
    unlinkSync(t(1));
    const another = new RunningMirror([`${s()}/`, t(1)]); // the pair is free
    await another.copied();
    await another.stop();
    assertSameTree(s(), t(1));
    await assert.rejects(mirror.stop(), /t1: /);
  });

  it('ends by itself where all targets have ended', async () => {
    for (const target of [0, 1]) writeFileSync(t(target), 'no folder');
    await assert.rejects(new RunningMirror([`${s()}/`, t(0), t(1)]).over, { code: 'TARGET_UNUSABLE' });
  });

  it('takes up nothing where one of the pairs is taken', async () => {
    const mirror = (running = new RunningMirror([`${s()}/`, t(0)]));
    await mirror.copied();
    await assert.rejects(new RunningMirror([`${s()}/`, t(1), t(0)]).over, { code: 'LOCKED' });
    assert.ok(!existsSync(t(1)));
    const next = new RunningMirror([`${s()}/`, t(1)]); // which the one that was refused has left
    await next.copied();
    await next.stop();
  });

  it('keeps what it was told for a target whose folder is locked by another run', async () => {
    const mirror = (running = new RunningMirror(['--delete', `${s()}/`, t(0), t(1)]));
    for (const target of [0, 1]) await mirror.copied(target);
    const posix = loadOwnPosix();
    const fd = posix.openRoot(fromText(t(0)));
    assert.equal(posix.flock(fd, 'exclusive'), 0);
    writeFileSync(s('one/file'), 'new');
    await mirror.until((told) => told.kind === 'failed' && told.target === 0 && told.code === 'LOCKED');
    await mirror.caughtUp(1);
    assert.deepEqual([readFileSync(t(0, 'one/file'), 'utf8'), readFileSync(t(1, 'one/file'), 'utf8')], ['old', 'new']);
    posix.close(fd);
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t(0));
  });

  it('has an exit code for the target that ended, and a status for each', async () => {
    writeFileSync(t(1), 'no folder');
    const env = { TWINTREE_STATE_DIR: temp.at('state') };
    const process = startTwintree(['mirror', '--json', `${s()}/`, t(0), t(1)], { env });
    assert.ok(await process.output(/"type":"ended","target":"[^"]*t1","code":"TARGET_UNUSABLE"/));
    assert.ok(await process.output(/"type":"session","target":"[^"]*t0","kind":"full"/));
    const told = twintree(['status', '--json', `${s()}/`, t(0), t(1)], { env });
    assert.equal(told.code, 23);
    const lines = told.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as { alive: boolean; target: string; failure: { code: string } | null });
    assert.deepEqual(lines.map(({ alive, target, failure }) => [alive, target, failure?.code]), [[true, t(0), undefined], [false, t(1), 'TARGET_UNUSABLE']]);
    const ended = await process.kill('SIGTERM');
    assert.deepEqual([ended.code, ended.signal], [3, null]);
    assert.match(ended.stderr, /t1: .*\(TARGET_UNUSABLE, exit code 3\)/);
  });
});
