/**
 * The live mirror in one process: first copy, following, outages, failing paths, guards; always judged by the independent comparer. MIRROR_STORMS=N
 * runs more storms.
 */
import assert from 'node:assert/strict';
import type { Worker } from 'node:worker_threads';
import { appendFileSync, chmodSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { assertSameTree, twintree, useTempFolder } from '../support/index.js';
import { processContext } from '../../src/cli/index.js';
import { parseMirror } from '../../src/cli/options/index.js';
import { loadOwnPosix } from '../../src/fs/index.js';
import { Capture, Mirror, readAllStatus } from '../../src/mirror/index.js';
import { fromText } from '../../src/tree/index.js';
import { cut, RunningMirror, storm, type Told } from './mirror-support.js';
import { remoteShell, wayArgs } from './remote-support.js';

const STORMS = Number(process.env['MIRROR_STORMS'] ?? 1);

describe('a live mirror', () => {
  const temp = useTempFolder('mirror');
  const s = (name = ''): string => temp.at('s') + (name === '' ? '' : `/${name}`);
  const t = (name = ''): string => temp.at('t') + (name === '' ? '' : `/${name}`);
  let running: RunningMirror | undefined;

  beforeEach(() => {
    mkdirSync(s('one/two/three'), { recursive: true });
    for (const folder of ['', 'one/', 'one/two/']) writeFileSync(s(`${folder}file`), 'old');
  });

  afterEach(async () => {
    await running?.stop().catch(() => undefined); // it may have ended by the error that the test waited for
    running = undefined;
  });

  const start = (...args: string[]): RunningMirror => (running = new RunningMirror([...args, `${s()}/`, t()]));

  it('has what was changed while the first copy was made, at its end', async () => {
    for (let k = 0; k < 300; k++) writeFileSync(s(`one/two/${k}`), `${k}`);
    const mirror = start('--delete');
    await mirror.until((told) => told.kind === 'watching');
    writeFileSync(s('one/two/7'), 'changed'); // the first session begins in this very turn of the loop
    renameSync(s('one/two/8'), s('one/eight'));
    mkdirSync(s('new/folder'), { recursive: true });
    writeFileSync(s('new/folder/f'), 'x');
    await mirror.copied();
    unlinkSync(s('one/two/9'));
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
  });

  it('follows single changes with sessions over their paths alone', async () => {
    const mirror = start('--delete');
    await mirror.copied();
    appendFileSync(s('one/file'), ' and new');
    await mirror.mirror.caughtUp();
    renameSync(s('one/two'), s('one/deux'));
    await mirror.mirror.caughtUp();
    rmSync(s('one/deux/three'), { recursive: true });
    chmodSync(s('file'), 0o640);
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
    assert.equal(mirror.sessions('full').length, 1);
    const batches = mirror.sessions('batch');
    assert.ok(batches.length >= 3);
    assert.ok(batches.some(({ outcome }) => outcome.moved === 1), 'renamed, not copied');
  });

  for (let seed = 1; seed <= STORMS; seed++) {
    it(`is equal after a storm (seed ${seed})`, async () => {
      const mirror = start('--delete');
      await mirror.copied();
      await storm(s(), temp.at('outside'), seed, 1200);
      await mirror.mirror.caughtUp();
      assertSameTree(s(), t(), { ignore: ['hardlink'] });
      assert.ok(mirror.sessions('batch').length > 2);
    });
  }

  it('compares by content what was written in the tick in which a session read it', async () => {
    const mirror = start();
    await mirror.copied();
    // A whole second in which a session was at work: times without nanoseconds are coarse also where the kernel stamps finely.
    let tick: Date | undefined;
    while (tick === undefined) {
      await new Promise((resolve) => { setTimeout(resolve, 990 - (Date.now() % 1000) + (Date.now() % 1000 > 990 ? 1000 : 0)); });
      writeFileSync(s('file'), `${Date.now()}`.slice(-4));
      await mirror.mirror.caughtUp();
      const { at, outcome } = mirror.sessions().at(-1) as Extract<Told, { kind: 'session' }>;
      const second = Math.floor(at / 1000) * 1000;
      if (second >= at - outcome.elapsedMs) tick = new Date(second);
    }
    utimesSync(s('file'), tick, tick);
    await mirror.mirror.caughtUp();
    writeFileSync(s('file'), 'BBBB'); // as if by the same tick: size and time say nothing
    utimesSync(s('file'), tick, tick);
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
  });

  it('keeps hard links with -H', async () => {
    const mirror = start('--delete', '-H');
    await mirror.copied();
    linkSync(s('file'), s('one/second'));
    await mirror.mirror.caughtUp();
    appendFileSync(s('one/second'), ' through the other name');
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
    assert.equal(statSync(t('file')).ino, statSync(t('one/second')).ino);
    writeFileSync(s('one/alone'), 'no other name');
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
    assert.equal(mirror.sessions('full').length, 1, 'all by batches');
  });

  it('keeps hard links with -H on another host', async () => {
    const mirror = (running = new RunningMirror(['--delete', '-H', ...wayArgs('push', remoteShell(temp)), `${s()}/`, `host:${t()}`]));
    linkSync(s('file'), s('one/before'));
    await mirror.copied();
    appendFileSync(s('one/before'), ' and more');
    await mirror.mirror.caughtUp();
    linkSync(s('one/file'), s('one/two/second'));
    renameSync(s('one/before'), s('one/two/after'));
    await mirror.mirror.caughtUp();
    appendFileSync(s('one/two/second'), ' through it, and gone');
    unlinkSync(s('one/two/second'));
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
    assert.equal(mirror.sessions('full').length, 1, 'all by batches');
  });

  it('keeps hard links with -H through a storm', async () => {
    const mirror = start('--delete', '-H');
    await mirror.copied();
    await storm(s(), temp.at('outside'), 77, 600);
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
  });

  it('without -H finds what was changed through another name, by a full session a while later', async () => {
    linkSync(s('file'), s('one/second'));
    const mirror = start('--delete');
    await mirror.copied();
    appendFileSync(s('one/second'), ' through the other name');
    await mirror.mirror.caughtUp();
    assert.deepEqual(mirror.sessions('full').map(({ about }) => about.reason), ['start', 'hard links']);
    assertSameTree(s(), t(), { ignore: ['hardlink'] });
    linkSync(s('file'), s('one/third'));
    chmodSync(s('one/third'), 0o600); // through the new name
    await mirror.mirror.caughtUp();
    assert.equal(mirror.sessions('full').length, 3);
    assertSameTree(s(), t(), { ignore: ['hardlink'] });
  });

  it('leaves out what filters leave out, deletes only when told, and follows rule files', async () => {
    const mirror = start('--exclude=*.o', '--gitignore');
    await mirror.copied();
    writeFileSync(s('one/a.o'), 'x');
    writeFileSync(s('one/log'), 'x');
    unlinkSync(s('file'));
    await mirror.mirror.caughtUp();
    assert.deepEqual(readdirSync(t('one')).sort(), ['file', 'log', 'two']);
    assert.ok(existsSync(t('file')), 'nothing is deleted unasked');
    writeFileSync(s('one/later.txt'), 'x');
    writeFileSync(s('one/.gitignore'), 'later.txt\n');
    await mirror.mirror.caughtUp();
    assert.ok(!existsSync(t('one/later.txt')));
    writeFileSync(s('one/.gitignore'), '# nothing\n');
    await mirror.mirror.caughtUp();
    assert.ok(existsSync(t('one/later.txt')), 'the rule went, and the file comes though nothing was told of it');
  });

  it('keeps a path that fails in its backlog, tells it once, and does it when it is mended', async () => {
    const mirror = start();
    await mirror.copied();
    rmSync(t('one/file'));
    mkdirSync(t('one/file/in the way'), { recursive: true }); // a folder that is not empty stands in the way: without --force and --delete it stays
    writeFileSync(s('one/file'), 'cannot come');
    writeFileSync(s('one/other'), 'can come');
    const problem = await mirror.until((told): told is Extract<Told, { kind: 'problem' }> => told.kind === 'problem');
    assert.equal(problem.path, 'one/file');
    await mirror.until((told) => told.kind === 'session' && told.about.kind === 'retry');
    assert.equal(readFileSync(t('one/other'), 'utf8'), 'can come');
    assert.equal(mirror.told.filter(({ kind }) => kind === 'problem').length, 1);
    rmSync(t('one/file'), { recursive: true });
    await mirror.mirror.caughtUp();
    assert.equal(readFileSync(t('one/file'), 'utf8'), 'cannot come');
  });

  it('is held by the limit of deletions until a person says to go on', async () => {
    for (let k = 0; k < 20; k++) writeFileSync(s(`one/${k}`), '');
    const mirror = start('--delete', '--delete-limit=50%');
    await mirror.copied();
    unlinkSync(s('one/0')); // most of what this batch looks at, little of the whole
    await mirror.mirror.caughtUp();
    assert.ok(!existsSync(t('one/0')));
    rmSync(s('one'), { recursive: true });
    const held = await mirror.until((told): told is Extract<Told, { kind: 'failed' }> => told.kind === 'failed');
    assert.deepEqual([held.code, held.retryAt, existsSync(t('one/1'))], ['REFUSED', undefined, true]);
    writeFileSync(s('meanwhile'), 'kept');
    assert.ok(mirror.mirror.approve());
    assert.ok(!mirror.mirror.approve(), 'once');
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
  });

  it('does nothing while any reason to pause stands, and keeps what changes', async () => {
    const mirror = start('--delete');
    await mirror.copied();
    const [follower] = mirror.mirror.followers;
    follower?.pause('a person');
    follower?.pause('the clock');
    writeFileSync(s('one/later'), 'x');
    await mirror.untilStatus(({ phase, backlog, lagMs }) => phase === 'paused' && backlog.paths > 0 && lagMs > 0);
    follower?.resume('a person');
    await mirror.untilStatus(({ phase, lagMs }) => phase === 'paused' && lagMs > 500); // long after it was due
    assert.ok(!existsSync(t('one/later')));
    follower?.resume('the clock');
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
  });

  it('stops nothing on the target when the source goes away, and goes on when it is back', async () => {
    const mirror = start('--delete');
    await mirror.copied();
    renameSync(s(), temp.at('away'));
    mkdirSync(s()); // an empty mount point is not the tree
    await mirror.until((told) => told.kind === 'condition' && told.condition === 'root-lost');
    assert.ok(existsSync(t('one/two/file')));
    rmSync(s(), { recursive: true });
    renameSync(temp.at('away'), s());
    writeFileSync(s('back'), 'again');
    await mirror.until((told) => told.kind === 'condition' && told.condition === 'root-back');
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
  });

  it('takes another folder for the source only when it is told to', async () => {
    const mirror = start('--delete');
    await mirror.copied();
    assert.ok(!mirror.mirror.adopt(), 'nothing is missed');
    renameSync(s(), temp.at('old'));
    await mirror.until((told) => told.kind === 'condition' && told.condition === 'root-lost');
    assert.ok(!mirror.mirror.adopt(), 'nothing stands there');
    mkdirSync(s('restored'), { recursive: true });
    writeFileSync(s('restored/file'), 'of the backup');
    await mirror.untilStatus(({ phase }) => phase === 'source-lost');
    assert.ok(existsSync(t('one/two/file')));
    assert.ok(mirror.mirror.adopt());
    await mirror.until((told) => told.kind === 'condition' && told.condition === 'root-back');
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
    assert.deepEqual(mirror.sessions('full').map(({ about }) => about.reason), ['start', 'the source is back'], 'once');
    writeFileSync(s('restored/new'), 'followed');
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
  });

  it('says last that it has stopped, however long its connection takes to end', async () => {
    const mirror: RunningMirror = (running = new RunningMirror([`${s()}/`, t()], (request) => ({
      ...request, targets: request.targets.map((target) => ({ ...target, end: async () => { for (const follower of mirror.mirror.followers) follower.tick(); } })),
    })));
    await mirror.copied();
    await mirror.stop();
    assert.equal(mirror.statuses[0]?.phase, 'stopped');
  });

  it('starts following again when its thread has died, and then compares everything', async () => {
    const captures: Capture[] = [];
    const mirror = (running = new RunningMirror(['--delete', `${s()}/`, t()], (request) => ({
      ...request,
      capture: async (...what) => {
        const capture = await Capture.start(...what);
        captures.push(capture);
        return capture;
      },
    })));
    await mirror.copied();
    const { thread } = captures[0] as unknown as { thread: Worker };
    await thread.terminate();
    writeFileSync(s('one/unseen'), 'x');
    unlinkSync(s('file'));
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
    assert.deepEqual([captures.length, mirror.sessions('full').length], [2, 2]);
    assert.ok(mirror.told.some((told) => told.kind === 'condition' && told.condition === 'trouble'));
    writeFileSync(s('one/seen'), 'x');
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
    assert.equal(mirror.sessions('full').length, 2);
  });

  it('ends, keeping what is dirty, also where a session waits for another host and does not', async () => {
    const parsed = parseMirror([`${s()}/`, t()].map(fromText), processContext());
    assert.ok(parsed.kind === 'run');
    const { options } = parsed.targets[0] as (typeof parsed.targets)[number];
    const controller = new AbortController();
    const root = fromText(s());
    const stateFolderHere = fromText(temp.at('state'));
    let over: Promise<boolean> | undefined;
    const begun = new Promise<void>((resolve) => {
      const mirror = new Mirror({
        source: fromText(`${s()}/`), root, ...parsed.following, stateFolder: stateFolderHere, abortPatienceMs: 20,
        targets: [{ target: fromText(t()), localTarget: fromText(t()), pair: { source: root, target: fromText(t()) }, options, run: async () => { resolve(); return new Promise(() => undefined); } }],
      });
      over = mirror.run(controller.signal).then(() => mirror.leftSession);
    });
    await begun;
    controller.abort();
    assert.equal(await over, true);
    const found = readAllStatus(loadOwnPosix(), stateFolderHere);
    assert.deepEqual(found.map(({ alive, status }) => [alive, status.phase, status.backlog.whole]), [[false, 'stopped', true]]);
  });

  it('refuses what it cannot follow', async () => {
    const refusal = (args: string[]): string => twintree(['mirror', ...args]).stderr;
    assert.match(refusal(['--files-from=x', `${s()}/`, t()]), /mirror does not take --files-from/);
    assert.throws(() => new RunningMirror([s(), t()]), /content of a folder/);
    assert.throws(() => new RunningMirror(['-n', `${s()}/`, t()]), /mirror does not take -n/);
    assert.throws(() => new RunningMirror([`host:${s()}/`, t()]), /cannot be followed from here/);
    await assert.rejects(new RunningMirror([`${s()}/`, s('one/inside')]).over, /lies in the source/);
    await assert.rejects(new RunningMirror([`${temp.at('missing')}/`, t()]).over, /no folder/);
  });

  describe('over a connection', () => {
    it('is equal after a storm with an outage in it, and catches up with the differences alone', async () => {
      const shell = remoteShell(temp, `test ! -e ${temp.at('down')} || exit 255\necho $$ >>${temp.at('agents')}`);
      const mirror = (running = new RunningMirror(['--delete', ...wayArgs('push', shell), `${s()}/`, `host:${t()}`]));
      await mirror.copied();
      writeFileSync(temp.at('down'), '');
      cut(temp.at('agents'));
      await storm(s(), temp.at('outside'), 9, 400);
      const failed = await mirror.until((told): told is Extract<Told, { kind: 'failed' }> => told.kind === 'failed');
      assert.ok(failed.retryAt !== undefined);
      writeFileSync(s('while it was down'), 'x');
      unlinkSync(temp.at('down'));
      await mirror.mirror.caughtUp();
      assertSameTree(s(), t(), { ignore: ['hardlink'] });
      assert.equal(mirror.sessions('full').filter(({ about }) => about.reason !== 'hard links').length, 1, 'no second full session, but for other names of its files');
    });
  });
});
