/** A mirror that is told what to do while it runs: pause and resume, a limit that changes, the approval of what is held. By its socket, and by commands. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { localPath, mirrorPair } from '../../src/cli/commands/mirror-pair.js';
import { processContext } from '../../src/cli/index.js';
import { parseMirror, parseSync } from '../../src/cli/options/index.js';
import { loadPosix } from '../../src/fs/index.js';
import { readAnswer, type ControlAnswer, type ControlRequest } from '../../src/mirror/index.js';
import { pairFolder, stateFolder } from '../../src/state/index.js';
import { askControl } from '../../src/transport/index.js';
import { fromText } from '../../src/tree/index.js';
import { assertSameTree, startTwintree, useTempFolder } from '../support/index.js';
import { RunningMirror } from './mirror-support.js';

describe('a mirror that is told what to do', () => {
  const temp = useTempFolder('mirror-control');
  const s = (name = ''): string => temp.at('s') + (name === '' ? '' : `/${name}`);
  const t = (name = ''): string => temp.at('t') + (name === '' ? '' : `/${name}`);
  let running: RunningMirror | undefined;

  beforeEach(() => {
    mkdirSync(s('one'), { recursive: true });
    for (let k = 0; k < 20; k++) writeFileSync(s(`one/${k}`), `${k}`);
  });
  afterEach(async () => {
    await running?.stop().catch(() => undefined);
    running = undefined;
  });

  const start = (...args: string[]): RunningMirror => (running = new RunningMirror([...args, `${s()}/`, t()]));
  const folder = (): ReturnType<typeof localPath> => pairFolder(localPath(stateFolder(process.env, loadPosix().euid)), mirrorPair(fromText(`${s()}/`), fromText(t()), undefined));
  const ask = async (request: ControlRequest): Promise<ControlAnswer> => readAnswer((await askControl(folder(), 'control', JSON.stringify(request), 20_000)) ?? '');
  /** A command as a user says it; the mirror in this process goes on meanwhile. */
  const say = async (...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> => {
    const { code, stdout, stderr } = await startTwintree(args, { env: { TWINTREE_STATE_DIR: process.env['TWINTREE_STATE_DIR'] } }).finished;
    return { code, stdout, stderr };
  };

  it('is paused in the middle of a session, stays so when it is started again, and goes on when it is resumed', async () => {
    writeFileSync(s('large'), Buffer.alloc(8 << 20, 'x'));
    const mirror = start('--bwlimit=1M');
    await mirror.untilStatus(({ phase, rate }) => phase === 'copying' && rate === 1 << 20);
    assert.deepEqual(await ask({ do: 'pause' }), { ok: true, message: 'paused; changes are kept' });
    const paused = await mirror.untilStatus(({ phase }) => phase === 'paused');
    assert.ok(paused.pausedSince !== null && paused.rate === 0);
    assert.deepEqual(paused.pauses, ['asked']);
    assert.equal(mirror.sessions().length, 0, 'broken off');
    await mirror.stop();

    const again = start('--delete');
    await again.untilStatus(({ phase, pausedSince }) => phase === 'paused' && pausedSince === paused.pausedSince);
    assert.equal(again.sessions().length, 0);
    assert.deepEqual(await say('resume', `${s()}/`, t()), { code: 0, stdout: 'resumed\n', stderr: '' });
    await again.mirror.caughtUp();
    assertSameTree(s(), t());
    assert.equal((await ask({ do: 'resume' })).message, 'it was not paused');
  });

  it('sends at another rate from one moment to the next, by a command, and by the clock', async () => {
    writeFileSync(s('large'), Buffer.alloc(2 << 20, 'x'));
    const mirror = start('--bwlimit=512b'); // an hour
    await mirror.untilStatus(({ phase }) => phase === 'copying');
    const wrong = await ask({ do: 'throttle', limit: 'mon 25-26 1M' });
    assert.ok(!wrong.ok && wrong.message.includes('the timetable is wrong at character 5'), wrong.message);
    assert.deepEqual(await say('throttle', `${s()}/`, t(), 'mon-sun full'), { code: 0, stdout: 'it holds until the mirror ends or another is said; now: no limit\n', stderr: '' });
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
    assert.equal((await ask({ do: 'throttle', limit: 'off' })).message, 'it holds until the mirror ends or another is said; now: nothing is sent');
    writeFileSync(s('later'), 'x');
    const off = await mirror.untilStatus(({ phase, backlog }) => phase === 'paused' && backlog.paths > 0);
    assert.deepEqual([off.pauses, off.pausedSince], [['timetable'], null]);
    assert.equal((await ask({ do: 'throttle', limit: null })).message, "the command line's limit holds again; now: 1024 bytes a second");
    await mirror.mirror.caughtUp();
    assert.equal(readFileSync(t('later'), 'utf8'), 'x');
  });

  it('shows what the limit of deletions holds, and does exactly that when it is approved', async () => {
    const mirror = start('--delete', '--delete-limit=5');
    await mirror.copied();
    rmSync(s('one'), { recursive: true });
    await mirror.until((told) => told.kind === 'failed');
    const first = await ask({ do: 'held' });
    assert.ok(first.ok && first.held !== undefined);
    assert.equal(first.held.deletions, 21);
    assert.equal(first.held.names.length, 20);
    assert.ok(first.held.names.every((name) => name.startsWith('one')), first.held.names.join());
    assert.ok(existsSync(t('one/1')));
    assert.equal((await ask({ do: 'approve', hold: 'another' })).ok, false);
    mkdirSync(s('two'));
    for (let k = 0; k < 20; k++) writeFileSync(t(`more ${k}`), 'x'); // and now more would go than was shown
    assert.equal((await ask({ do: 'approve', hold: first.held.id })).ok, true);
    await mirror.until((told) => told.kind === 'failed' && told !== mirror.told.find(({ kind }) => kind === 'failed'));
    assert.ok(existsSync(t('one/1')) && existsSync(t('more 1')), 'it is held again');
    const shown = await say('approve', '--show', `${s()}/`, t());
    assert.match(shown.stdout, /^held since [^\n]*41 deletions are planned[^\n]*\n(?: {2}deleting [^\n]*\n){20} {2}… 41 deletions in all\n$/);
    const status = await say('status', `${s()}/`, t());
    assert.match(status.stdout, /held: [^\n]*\n[^]*41 deletions in all/);
    const approved = await say('approve', `${s()}/`, t());
    assert.deepEqual([approved.code, approved.stdout.split('\n').at(-2)], [0, 'approved']);
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
    assert.deepEqual(await say('approve', `${s()}/`, t()), { code: 23, stdout: 'nothing is held\n', stderr: '' });
  });

  it('takes what stands at the place of its source for the source, by a command', async () => {
    const mirror = start('--delete');
    await mirror.copied();
    assert.deepEqual(await say('adopt', `${s()}/`, t()), { code: 23, stdout: '', stderr: 'the source is not missed, or nothing stands in its place\n' });
    renameSync(s(), temp.at('old'));
    await mirror.until((told) => told.kind === 'condition' && told.condition === 'root-lost');
    mkdirSync(s());
    writeFileSync(s('restored'), 'of the backup');
    await mirror.untilStatus(({ phase }) => phase === 'source-lost');
    assert.deepEqual(await say('adopt', `${s()}/`, t()), { code: 0, stdout: 'what stands at the source\'s place is taken for the source\n', stderr: '' });
    await mirror.until((told) => told.kind === 'condition' && told.condition === 'root-back');
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
  });

  it('reads no faster than it may', async () => {
    writeFileSync(s('large'), Buffer.alloc(4 << 20, 'x'));
    const began = performance.now();
    const mirror = startTwintree(['mirror', '--cpu-limit=400', '--read-limit=1M', '--json', `${s()}/`, t()], { env: { TWINTREE_STATE_DIR: process.env['TWINTREE_STATE_DIR'] } });
    try {
      assert.ok(await mirror.output(/"type":"session"/), 'it came to an end before');
      assert.ok(performance.now() - began >= 3500, 'four MiB at one a second');
      assertSameTree(s(), t());
    } finally {
      mirror.child.kill('SIGTERM');
      await mirror.finished;
    }
  });

  it('leaves a socket for its user alone, which is gone when it has ended', async () => {
    const mirror = start();
    await mirror.copied();
    const socket = Buffer.from(`${folder()}/control`, 'latin1');
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    assert.deepEqual(await say('pause', `${s()}/`, temp.at('another')), { code: 23, stdout: '', stderr: 'no mirror of these is at work here\n' }, 'of a pair that never was');
    await mirror.stop();
    assert.ok(!existsSync(socket));
    assert.deepEqual(await say('pause', `${s()}/`, t()), { code: 23, stdout: '', stderr: 'no mirror of these is at work here\n' });
  });

  it('takes a timetable with its zone, and refuses what is none, and where it has no meaning', () => {
    const parsed = parseMirror(['--bwlimit=mon-fri 8-18 2M, else off', '--time-zone=Europe/Berlin', `${s()}/`, t()].map(fromText), processContext());
    assert.ok(parsed.kind === 'run');
    assert.deepEqual([parsed.following.timetable, parsed.following.timeZone, parsed.targets[0]?.options.bwlimit], ['mon-fri 8-18 2M, else off', 'Europe/Berlin', 0]);
    const refused = (parse: typeof parseSync | typeof parseMirror, ...args: string[]): string => {
      try {
        parse([...args, `${s()}/`, t()].map(fromText), processContext());
      } catch (error) {
        return String(error);
      }
      return '';
    };
    assert.match(refused(parseMirror, '--bwlimit=mon-fri 8-18'), /timetable is wrong/);
    assert.match(refused(parseMirror, '--time-zone=Mars/Olympus'), /no time zone/);
    assert.match(refused(parseMirror, '--cpu-limit=0'), /no share of a core/);
    assert.match(refused(parseMirror, '--read-limit=fast'), /not a size/);
    assert.match(refused(parseSync, '--bwlimit=off'), /takes one rate here/);
    assert.match(refused(parseSync, '--time-zone=UTC'), /sync does not take --time-zone/);
  });
});
