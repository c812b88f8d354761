/** Capture, case by case: what a change is told as, what happens to capture itself, and the thread around it. */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, closeSync, linkSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { excludeRule } from '../../src/filter/index.js';
import { FolderCache, KernelWatch, loadPosix } from '../../src/fs/index.js';
import { Capture, HintQueue, pruneOf, type CaptureListener, type CaptureOptions, type Condition, type Hint } from '../../src/mirror/index.js';
import type { CaptureThreadData, FromCapture } from '../../src/mirror/capture/messages.js';
import { fromText, S_IFIFO, TwintreeError } from '../../src/tree/index.js';
import { bindMount, deep, describeIf, describeOn, makeTree, mountFs, PLAIN_UID, REPOSITORY, runCommand, useTempFolder, whyNoMount } from '../support/index.js';
import { openHandles } from '../fs/support.js';
import { b, Driven } from './support.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Exchanges two names, for which Node has no call. */
function exchange(one: string, two: string): void {
  const koffi = createRequire(import.meta.url)('koffi') as { load(path: null): { func(declaration: string): (...args: unknown[]) => number } };
  const renameat2 = koffi.load(null).func('int renameat2(int, const char *, int, const char *, uint)');
  assert.equal(renameat2(-100, one, -100, two, 2), 0);
}

for (const name of ['inotify', 'fanotify'] as const) {
  describe(`capture by ${name}`, () => {
    describeOn(['tmpfs'], {}, (fs) => {
      let driven: Driven;
      let serial = 0;
      let root = '';
      const at = (...names: string[]): string => join(root, ...names);
      const start = (options: ConstructorParameters<typeof Driven>[2] = {}): void => { driven = new Driven(name, root, options); };
      beforeEach(() => {
        root = fs.at(`root-${name}-${serial++}`);
        mkdirSync(join(root, 'dir', 'sub'), { recursive: true });
        writeFileSync(at('file'), 'old');
        writeFileSync(at('dir', 'sub', 'deep'), 'old');
      });
      afterEach(() => driven.backend.close());

      it('tells each kind of change of a name', () => {
        start();
        const cases: [() => void, string[]][] = [
          [() => appendFileSync(at('file'), 'more'), ['entry file']],
          [() => chmodSync(at('file'), 0o600), ['entry file']],
          [() => chmodSync(at('dir'), 0o700), ['entry dir']],
          [() => chmodSync(root, 0o750), ['entry ']],
          [() => linkSync(at('file'), at('dir', 'link')), ['entry dir/link']],
          [() => symlinkSync('a', at('symlink')), ['entry symlink']],
          [() => { symlinkSync('b', at('dir', 'new')); renameSync(at('dir', 'new'), at('symlink')); }, ['entry dir/new', 'entry symlink']],
          [() => { writeFileSync(at('file.tmp'), 'new'); renameSync(at('file.tmp'), at('file')); }, ['entry file', 'entry file.tmp']],
          [() => { unlinkSync(at('file')); writeFileSync(at('file'), 'again'); }, ['entry file']],
          [() => writeFileSync(Buffer.concat([bytes(`${root}/`), bytes('\xff\xfe')]), 'x'), ['entry \xff\xfe']],
          [() => appendFileSync(at('dir', 'sub', 'deep'), 'more'), ['entry dir/sub/deep']],
          [() => renameSync(at('dir'), at('moved')), ['entry dir', 'subtree moved']],
          [() => appendFileSync(at('moved', 'sub', 'deep'), 'more'), ['entry moved/sub/deep']],
        ];
        for (const [change, expected] of cases) {
          change();
          assert.deepEqual(driven.drain().told(), expected);
        }
        rmSync(at('moved', 'sub'), { recursive: true }); // what was in it may be told or not
        assert.ok(driven.drain().told().includes('entry moved/sub'));
        assert.deepEqual(driven.kinds(), []);
      });

      it('tells devices and FIFOs, and a file that is kept open and written, each time', () => {
        start();
        const fd = openSync(at('log'), 'a');
        assert.deepEqual(driven.drain().told(), ['entry log']);
        for (let i = 0; i < 3; i++) {
          writeSync(fd, 'line\n');
          assert.deepEqual(driven.drain().told(), ['entry log']);
        }
        closeSync(fd);
        const folder = loadPosix().openRoot(fromText(root));
        loadPosix().mknod(folder, b('fifo'), S_IFIFO | 0o600, 0, 0);
        loadPosix().close(folder);
        assert.deepEqual(driven.drain().told(), ['entry fifo', 'entry log']);
      });

      it('tells what is complete: closed, renamed, removed, its attributes', () => {
        const complete = (): string[] => driven.drain().hints.splice(0).map((hint) => `${hint.path} ${hint.complete === true ? 'complete' : 'open'}`).sort();
        start();
        const fd = openSync(at('log'), 'a');
        writeSync(fd, 'line\n');
        assert.deepEqual(complete(), ['log open']);
        chmodSync(at('file'), 0o600);
        writeFileSync(at('saved'), 'x');
        chmodSync(at('saved'), 0o600);
        closeSync(fd);
        assert.deepEqual(complete(), ['file complete', 'log complete', 'saved complete']);
        renameSync(at('saved'), at('dir', 'saved'));
        unlinkSync(at('log'));
        mkdirSync(at('made'));
        assert.deepEqual(complete(), ['dir/saved complete', 'log complete', 'made open', 'saved complete']);
        const again = openSync(at('file'), 'w');
        writeSync(again, 'x');
        chmodSync(at('file'), 0o640);
        assert.deepEqual(complete(), ['file open'], 'an attribute does not end the writing');
        closeSync(again);
      });

      it('tells a folder that is made with all that is put in it at once, and what comes later', () => {
        start();
        mkdirSync(at('n', 'e', 'w'), { recursive: true });
        writeFileSync(at('n', 'e', 'w', 'file'), 'x');
        assert.ok(driven.drain().told().includes('subtree n'));
        appendFileSync(at('n', 'e', 'w', 'file'), 'x');
        assert.deepEqual(driven.drain().told(), ['entry n/e/w/file']);
      });

      it('tells a folder that comes from outside as a whole, and nothing of one that went outside', () => {
        const outside = fs.at(`outside-${name}-${serial}`);
        mkdirSync(join(outside, 'in'), { recursive: true });
        start();
        renameSync(outside, at('came'));
        assert.deepEqual(driven.drain().told(), ['subtree came']);
        appendFileSync(at('came', 'in', 'x'), 'x');
        assert.deepEqual(driven.drain().told(), ['entry came/in/x']);
        renameSync(at('came'), outside);
        assert.deepEqual(driven.drain().told(), ['entry came']);
        driven.tick(1000).drain();
        appendFileSync(join(outside, 'in', 'x'), 'x');
        assert.deepEqual(driven.drain().told(), []);
      });

      it('knows both ends of a rename', () => {
        start();
        const ends = (): string[] => driven.drain().hints.splice(0).filter((hint) => hint.from !== undefined).map((hint) => `${hint.from} ${hint.path}`);
        renameSync(at('file'), at('dir', 'other'));
        assert.deepEqual(ends(), ['file dir/other']);
        renameSync(at('dir'), at('moved'));
        assert.deepEqual(ends(), ['dir moved']);
      });

      it('goes on watching two folders that were exchanged', () => {
        mkdirSync(at('second', 'own'), { recursive: true });
        start();
        exchange(at('dir'), at('second'));
        assert.deepEqual(driven.drain().told().filter((line) => line.startsWith('subtree')), ['subtree dir', 'subtree second']);
        appendFileSync(at('dir', 'own', 'x'), 'x');
        appendFileSync(at('second', 'sub', 'deep'), 'x');
        assert.deepEqual(driven.drain().told(), ['entry dir/own/x', 'entry second/sub/deep']);
        appendFileSync(at('dir', 'y'), 'x');
        appendFileSync(at('second', 'y'), 'x');
        assert.deepEqual(driven.drain().told(), ['entry dir/y', 'entry second/y']);
      });

      it('leaves out what is pruned, also when it is renamed to such a name and back', () => {
        mkdirSync(at('skip', 'in'), { recursive: true });
        start({ prune: (path) => /(^|\/)skip$/.test(path) });
        writeFileSync(at('skip', 'in', 'x'), 'x');
        assert.deepEqual(driven.drain().told(), []);
        renameSync(at('skip'), at('kept'));
        assert.ok(driven.drain().told().includes('subtree kept'));
        writeFileSync(at('kept', 'in', 'y'), 'x');
        assert.deepEqual(driven.drain().told(), ['entry kept/in/y']);
        renameSync(at('kept'), at('skip'));
        assert.ok(driven.drain().told().includes('entry kept'));
        writeFileSync(at('skip', 'in', 'z'), 'x');
        assert.deepEqual(driven.drain().told(), []);
      });

      it('says that the root is lost, is silent meanwhile, and takes all as dirty when it is back', () => {
        start();
        renameSync(root, `${root}-away`);
        driven.drain().tick(1000);
        assert.equal(driven.backend.state, 'lost');
        assert.deepEqual(driven.kinds(), ['root-lost ']);
        driven.told();
        mkdirSync(root);
        assert.deepEqual(driven.tick(1000).kinds(), ['root-lost '], 'another folder is not the root');
        rmSync(root, { recursive: true });
        renameSync(`${root}-away`, root);
        assert.deepEqual(driven.tick(1000).kinds(), ['root-back ']);
        assert.deepEqual(driven.told(), ['subtree ']);
        appendFileSync(at('file'), 'more');
        assert.deepEqual(driven.drain().told(), ['entry file']);
      });

      it('takes another folder for the root when it is told to', () => {
        start();
        rmSync(root, { recursive: true });
        driven.drain().tick(1000);
        mkdirSync(root);
        driven.tick(1000);
        assert.equal(driven.backend.state, 'lost');
        driven.told();
        driven.backend.adopt(driven.now);
        assert.deepEqual(driven.drain().told(), ['subtree ']);
        writeFileSync(at('file'), 'x');
        assert.deepEqual(driven.drain().told(), ['entry file']);
      });

      it('sees file systems come and go below the root, lets them be unmounted, and holds no handle', () => {
        start();
        const before = openHandles();
        const extra = mountFs('tmpfs');
        writeFileSync(extra.at('file'), 'x');
        const unbind = bindMount(extra.path, at('dir'));
        assert.deepEqual(driven.mountsChanged().kinds(), ['mount dir']);
        assert.deepEqual(driven.told(), ['subtree dir']);
        appendFileSync(at('dir', 'file'), 'more');
        assert.deepEqual(driven.drain().told(), ['entry dir/file']);
        unbind(); // would fail where a handle is open on it
        assert.deepEqual(driven.mountsChanged().kinds(), ['mount dir']);
        assert.ok(driven.drain().told().includes('subtree dir'));
        appendFileSync(at('dir', 'sub', 'deep'), 'more');
        assert.deepEqual(driven.drain().told(), ['entry dir/sub/deep']);
        extra.unmount();
        assert.deepEqual(openHandles().filter((line) => !before.includes(line)), []);
      });

      it('stays on one file system where it is told to', () => {
        const extra = mountFs('tmpfs');
        const unbind = bindMount(extra.path, at('dir'));
        start({ oneFileSystem: true });
        writeFileSync(at('dir', 'x'), 'x');
        writeFileSync(at('x'), 'x');
        assert.deepEqual(driven.drain().told(), ['entry x']);
        driven.backend.close();
        unbind();
        extra.unmount();
      });

      it('tells a folder that is mounted a second time in the tree under both names, or has it looked at by the clock', () => {
        mkdirSync(at('twin'));
        const unbind = bindMount(at('dir'), at('twin'));
        try {
          start({ sweepMs: 5000 });
          assert.deepEqual(driven.drain().kinds().map((kind) => kind.split(' ')[0]), name === 'fanotify' ? [] : ['mount']);
          writeFileSync(at('dir', 'x'), 'x');
          driven.drain().tick(5000);
          const told = driven.told();
          for (const path of ['dir', 'twin']) assert.ok(told.includes(`entry ${path}/x`) || told.includes(`subtree ${path}`), `${path}: ${told.join()}`);
        } finally {
          driven.backend.close();
          unbind();
        }
      });

      it('finds its way where paths are longer than the kernel writes them', () => {
        const part = 'n'.repeat(200);
        makeTree(at('long'), deep(25, part, { file: 'x' }));
        start();
        const posix = loadPosix();
        const rootFd = posix.openRoot(fromText(at('long')));
        const folders = new FolderCache(posix, rootFd);
        const fd = posix.open(folders.open(b(Array<string>(25).fill(part).join('/'))), b('file'), { write: true });
        posix.truncate(fd, 0);
        posix.close(fd);
        folders.closeAll();
        posix.close(rootFd);
        const told = driven.drain().hints.splice(0);
        const full = `long/${`${part}/`.repeat(25)}file`;
        assert.ok(told.length === 1 && told.every((hint) => hint.path === full || (hint.scope === 'subtree' && hint.path.length > 3000 && full.startsWith(hint.path))), told.map((hint) => hint.path.length).join());
      });

      it('takes all as dirty where the kernel says that it dropped events, or writes what makes no sense', () => {
        let next: Buffer | undefined;
        class Odd extends KernelWatch {
          override read(fd: number, buffer: Buffer): number {
            const odd = next;
            next = undefined;
            return odd === undefined ? super.read(fd, buffer) : odd.copy(buffer);
          }
        }
        driven = new Driven(name, root, {}, new Odd());
        const overflow = { inotify: 'ffffffff004000000000000000000000', fanotify: '18000000030018000040000000000000ffffffff00000000' };
        for (const [odd, kind] of [[overflow[name], 'overflow '], ['0102030405', 'trouble ']] as const) {
          next = Buffer.from(odd, 'hex');
          assert.deepEqual(driven.drain().kinds(), [kind]);
          assert.deepEqual(driven.told(), ['subtree ']);
          writeFileSync(at('dir', 'sub', 'deep'), 'x');
          assert.deepEqual(driven.drain().told(), ['entry dir/sub/deep']);
        }
        assert.equal(driven.backend.overflows, 1);
      });
    });

    describeIf('with its source unmounted and mounted again', whyNoMount('ext4'), () => {
      it('waits, and takes all as dirty when the same file system is there again', () => {
        const fs = mountFs('ext4');
        const driven = new Driven(name, fs.path);
        const mount = (...command: string[]): void => assert.equal(runCommand(command[0] as string, command.slice(1)).code, 0);
        try {
          fs.remount('ro');
          fs.remount('rw');
          assert.deepEqual(driven.mountsChanged().drain().kinds(), []);
          mount('umount', fs.path); // nothing holds it
          driven.mountsChanged().drain();
          assert.equal(driven.backend.state, 'lost');
          assert.deepEqual(driven.kinds(), ['root-lost ']);
          driven.told();
          writeFileSync(fs.at('hidden'), 'in the folder below the mount');
          assert.deepEqual(driven.tick(5000).told(), []);
          rmSync(fs.at('hidden'));
          mount('mount', '-o', 'loop', join(dirname(fs.path), 'image'), fs.path);
          assert.deepEqual(driven.mountsChanged().kinds(), ['root-back ']);
          assert.deepEqual(driven.told(), ['subtree ']);
          writeFileSync(fs.at('x'), 'x');
          assert.deepEqual(driven.drain().told(), ['entry x']);
        } finally {
          driven.backend.close();
          fs.unmount();
        }
      });
    });
  });
}

describe('capture by inotify, at its limits', () => {
  const tmp = useTempFolder('capture');
  let driven: Driven | undefined;
  afterEach(() => driven?.backend.close());

  it('says when the kernel dropped events, watches anew, and takes all as dirty', function () {
    const limit = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
    if (limit > 200_000) this.skip();
    mkdirSync(tmp.at('a'));
    driven = new Driven('inotify', tmp.path);
    for (let i = 0; i < limit + 1000; i++) chmodSync(i % 2 === 0 ? tmp.at('a') : tmp.path, 0o711); // in turn, so that they are not merged
    mkdirSync(tmp.at('late'));
    driven.drain();
    assert.equal(driven.backend.overflows, 1);
    assert.deepEqual(driven.kinds(), ['overflow ']);
    assert.ok(driven.told().includes('subtree '));
    writeFileSync(tmp.at('late', 'x'), 'x');
    assert.deepEqual(driven.drain().told(), ['entry late/x']);
  });

  it('says when there are no more watches, and tells by the clock what has none, until it has', () => {
    for (const each of ['a/1', 'a/2', 'b/1', 'b/2']) mkdirSync(tmp.at(each), { recursive: true });
    driven = new Driven('inotify', tmp.path, { mostWatches: 3, sweepMs: 5000 });
    assert.equal(driven.drain().kinds()[0]?.startsWith('watch-limit '), true);
    assert.ok(driven.backend.unwatched > 0);
    driven.told();
    assert.deepEqual(driven.tick(1000).told(), []);
    const swept = driven.tick(5000).told();
    assert.equal(swept.length, driven.backend.unwatched);
    assert.ok(swept.every((line) => line.startsWith('subtree ')));
    rmSync(tmp.at('a'), { recursive: true });
    rmSync(tmp.at('b/1'), { recursive: true });
    driven.drain().told();
    driven.tick(5000).drain();
    driven.told();
    assert.equal(driven.backend.unwatched, 0);
    writeFileSync(tmp.at('b/2/x'), 'x');
    assert.deepEqual(driven.drain().told(), ['entry b/2/x']);
  });

  it('says which folder may not be read, and sees it when it may', function () {
    if (process.geteuid?.() !== 0) this.skip();
    chmodSync(tmp.path, 0o755);
    mkdirSync(tmp.at('closed'), { mode: 0o700 });
    const other = PLAIN_UID;
    process.seteuid?.(other);
    try {
      driven = new Driven('inotify', tmp.path, { sweepMs: 5000 });
      assert.deepEqual(driven.drain().kinds(), ['permission closed']);
      process.seteuid?.(0);
      chmodSync(tmp.at('closed'), 0o755);
      process.seteuid?.(other);
      assert.deepEqual(driven.drain().told(), ['subtree closed']);
      process.seteuid?.(0);
      writeFileSync(tmp.at('closed', 'x'), 'x');
      assert.deepEqual(driven.drain().told(), ['entry closed/x']);
      assert.equal(driven.backend.unwatched, 0);
    } finally {
      process.seteuid?.(0);
    }
  });

  it('bounds what it holds, and says when names became folders', () => {
    driven = new Driven('inotify', tmp.path, { most: 100 });
    for (let i = 0; i < 500; i++) writeFileSync(tmp.at(`f${i}`), '');
    while (driven.backend.read(driven.now));
    driven.drain();
    assert.deepEqual(driven.kinds(), ['queue-full ']);
    assert.ok(driven.hints.some((hint) => hint.path === '' && hint.scope === 'listing'));
    assert.ok(driven.hints.length <= 101);
  });
});

describe('the queue of hints', () => {
  it('knows where a name was renamed to though a coarser hint covers that place', () => {
    const queue = new HintQueue({ most: 100, now: () => 5 });
    queue.hint(b('old'), 'entry', 'moved', { gone: true });
    queue.hint(b('dir/new'), 'entry', 'moved', { from: b('old') });
    queue.hint(b('dir'), 'subtree', 'created');
    assert.deepEqual(queue.take().hints.map(({ path, scope, to }) => [path, scope, to]).sort(), [['dir', 'subtree', undefined], ['old', 'entry', 'dir/new']]);
    queue.hint(b('old'), 'entry', 'created');
    assert.equal(queue.take().hints[0]?.to, undefined);
  });

  it('tells a condition once while it lasts, and never keeps more than fit: then all is dirty', () => {
    const queue = new HintQueue({ most: 100, now: () => 5 });
    for (let i = 0; i < 3; i++) queue.condition('root-lost', b(''), 'gone', 'wait');
    assert.deepEqual(queue.take(), { hints: [], conditions: [{ kind: 'root-lost', path: '', message: 'gone', answer: 'wait', at: 5 }] });
    for (let i = 0; i < 1000; i++) queue.condition('permission', b(`f${i}`), 'closed', 'wait');
    const { hints, conditions } = queue.take();
    assert.deepEqual(hints.map((hint) => [hint.path, hint.scope]), [['', 'subtree']]);
    assert.ok(conditions.length < 300);
    assert.equal(conditions.at(-1)?.kind, 'trouble');
    assert.equal(queue.empty, true);
  });
});

describe('folders that need no watch', () => {
  it('are those which rules leave out whatever files in folders say', () => {
    const rules = ['*.tmp', '/top', 'a/b/'].map((text) => excludeRule(b(text), { source: '--exclude', line: 0 }));
    const prune = pruneOf({ rules, deleteExcluded: false, root: b('/data/src'), anchor: b('') });
    assert.deepEqual(['x.tmp', 'top', 'q/top', 'a', 'a/b', 'z/a/b', 'b'].map((path) => prune(b(path))), [true, true, false, false, true, true, false]);
    const anchored = pruneOf({ rules: [excludeRule(b('/src/top'), { source: '--exclude', line: 0 })], deleteExcluded: false, root: b('/data/src'), anchor: b('src') });
    assert.deepEqual(['top', 'q/top'].map((path) => anchored(b(path))), [true, false]);
    const [first, ...rest] = rules;
    assert.ok(first !== undefined);
    const merged = pruneOf({ rules: [first, { ...first, kind: 'dir-merge', pattern: b('.rules'), format: { syntax: 'rules', words: false, cvs: false, inherit: true } }, ...rest], deleteExcluded: false, root: b('/data/src'), anchor: b('') });
    assert.deepEqual(['x.tmp', 'top'].map((path) => merged(b(path))), [true, false], 'a rule file might take it in again');
  });
});

describe('the capture thread', () => {
  const tmp = useTempFolder('capture');
  let capture: Capture | undefined;
  afterEach(async () => { await capture?.stop(); capture = undefined; });

  async function follow(options: Partial<CaptureOptions>, listener: Partial<CaptureListener> = {}): Promise<{ hints: Hint[]; conditions: Condition[] }> {
    const hints: Hint[] = [];
    const conditions: Condition[] = [];
    capture = await Capture.start({ root: fromText(tmp.path), backend: 'inotify', ...options }, {
      hints: (batch) => { hints.push(...batch); }, condition: (each) => { conditions.push(each); }, failed: (error) => { throw error; }, ...listener,
    });
    return { hints, conditions };
  }

  it('chooses the best backend, says why, and tells all that happened before a flush', async () => {
    mkdirSync(tmp.at('dir'));
    const { hints } = await follow({ backend: 'auto' });
    const status = capture?.status();
    assert.equal(status?.state, 'watching');
    assert.match(status?.sentence ?? '', /^Changes are followed with (fanotify, one mark|inotify, one watch for each of 2 folders)/);
    for (let i = 0; i < 200; i++) writeFileSync(tmp.at('dir', `f${i}`), 'x');
    assert.deepEqual(await capture?.flush(), { exact: true });
    assert.equal(new Set(hints.map((hint) => hint.path)).size, 200);
    assert.ok((capture?.status().events ?? 0) >= 200);
  });

  it('goes on emptying the kernel\'s queue while its owner is slow, in bounded memory', async () => {
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => { release = resolve; });
    const all: Hint[] = [];
    const { conditions } = await follow({ queueMost: 100 }, { hints: (batch) => { all.push(...batch); return slow; } });
    for (let i = 0; i < 300; i++) writeFileSync(tmp.at(`f${i}`), '');
    for (let i = 0; i < 18_000; i++) { // more events than the kernel's queue holds by default
      chmodSync(tmp.at(`f${i % 300}`), 0o600);
      if (i % 1000 === 0) await new Promise((resolve) => { setImmediate(resolve); });
    }
    release();
    await capture?.flush();
    assert.ok(conditions.some((each) => each.kind === 'queue-full'));
    assert.ok(all.some((hint) => hint.path === '' && hint.scope !== 'entry'));
    assert.ok(all.length < 20_000, `${all.length} hints`);
  });

  it('sees a mount below the root by itself', async function () {
    if (whyNoMount('tmpfs') !== undefined) this.skip();
    mkdirSync(tmp.at('dir'));
    let seen = (): void => undefined;
    const mounted = new Promise<void>((resolve) => { seen = resolve; });
    const { hints } = await follow({}, { condition: (each) => { if (each.kind === 'mount' && each.path === 'dir') seen(); } });
    const extra = mountFs('tmpfs');
    const unbind = bindMount(extra.path, tmp.at('dir'));
    try {
      await mounted;
      writeFileSync(tmp.at('dir', 'x'), 'x');
      await capture?.flush();
      assert.ok(hints.some((hint) => hint.path === 'dir/x'));
    } finally {
      await capture?.stop();
      unbind();
      extra.unmount();
    }
  });

  it('leaves no handle open, and ends though it waits in a system call', async () => {
    /** Queues, counters and tables of the kernel, which `openHandles` leaves out. */
    const kernels = (): string[] => readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return []; // the handle of the listing itself
      }
    }).filter((link) => /notify|eventfd|mountinfo/.test(link)).sort();
    const before = [openHandles(), kernels()];
    for (const backend of ['inotify', 'auto'] as const) {
      await follow({ backend });
      mkdirSync(tmp.at(`new-${backend}`));
      await capture?.flush();
      await capture?.stop();
      assert.deepEqual([openHandles(), kernels()], before);
    }
    await assert.rejects(capture?.flush() ?? Promise.resolve(), TwintreeError);
  });

  it('ends, and says so, where its owner cannot keep what it is told', async () => {
    const failures: Error[] = [];
    await follow({}, { hints: () => Promise.reject(new Error('the disk is full')), failed: (error) => { failures.push(error); } });
    writeFileSync(tmp.at('x'), 'x');
    await assert.rejects(capture?.flush() ?? Promise.resolve(), /the disk is full/);
    assert.deepEqual(failures.map((error) => error.message), ['the disk is full']);
    await assert.rejects(capture?.flush() ?? Promise.resolve(), /the disk is full/);
  });

  it('does not keep a process from ending', () => {
    const code = `
      const { Capture } = await import(${JSON.stringify(new URL('../../src/mirror/index.js', import.meta.url).href)});
      await Capture.start({ root: ${JSON.stringify(tmp.path)}, backend: 'inotify' }, { hints: () => {}, condition: () => {}, failed: () => {} });
      process.exit(7);`;
    assert.equal(runCommand(process.execPath, ['--input-type=module', '-e', code]).code, 7);
  });

  it('falls back to chokidar where the kernel cannot be asked, and says why', () => {
    const code = `
      const { Capture } = await import(${JSON.stringify(new URL('../../src/mirror/index.js', import.meta.url).href)});
      const capture = await Capture.start({ root: ${JSON.stringify(tmp.path)} }, { hints: () => {}, condition: () => {}, failed: () => {} });
      console.log(capture.status().sentence);
      await capture.stop();`;
    const done = runCommand(process.execPath, ['--input-type=module', '-e', code], { env: { TWINTREE_NO_FFI: '1' } });
    assert.equal(done.stdout, 'Changes are followed with chokidar (the kernel cannot be asked (TWINTREE_NO_FFI is set)).\n');
  });

  it('runs from the bundle as well, where packages are loaded otherwise', async () => {
    const data: CaptureThreadData = {
      run: 'capture', choice: 'chokidar', root: fromText(tmp.path), oneFileSystem: false, filters: [], deleteExcluded: false, anchor: b(''), mostWatches: 1, sweepMs: 1000,
      rootCheckMs: 1000, bufferBytes: 4096, queueMost: 100, wakeFd: -1, counters: new SharedArrayBuffer(64), flight: new SharedArrayBuffer(8),
    };
    const thread = new Worker(join(REPOSITORY, 'dist/bundle/worker.js'), { workerData: data, execArgv: [] });
    const over = new Promise((resolve) => { thread.once('exit', resolve); });
    const said = await new Promise<FromCapture>((resolve) => { thread.once('message', resolve); });
    thread.postMessage({ kind: 'stop' }, []);
    await over;
    assert.equal(said.kind === 'failed' ? said.message : said.kind, 'ready');
  });

  it('refuses a root that is not there, and a backend that does not work here', async () => {
    await assert.rejects(follow({ root: fromText(tmp.at('none')) }), { code: 'SOURCE_MISSING' });
    capture = undefined;
    await assert.rejects(follow({ root: fromText(tmp.at('none')), backend: 'chokidar' }), { code: 'SOURCE_MISSING' });
    capture = undefined;
  });

  it('follows with chokidar where it is chosen, and says what that does not see', async () => {
    mkdirSync(tmp.at('dir'));
    const wanted = new Set(['file', 'dir/new', 'late']);
    let all = (): void => undefined;
    const seen = new Promise<void>((resolve) => { all = resolve; });
    await follow({ backend: 'chokidar', filters: [excludeRule(b('skip/'), { source: '--exclude', line: 0 })] }, {
      hints: (batch) => {
        for (const hint of batch) {
          assert.ok(!hint.path.startsWith('skip/'));
          wanted.delete(hint.path);
        }
        if (wanted.size === 0) all();
      },
    });
    assert.equal(capture?.status().notes.length, 1);
    mkdirSync(tmp.at('skip'));
    writeFileSync(tmp.at('skip', 'x'), 'x');
    writeFileSync(tmp.at('file'), 'x');
    writeFileSync(tmp.at('dir', 'new'), 'x');
    mkdirSync(tmp.at('late'));
    await seen;
    assert.deepEqual(await capture?.flush(), { exact: false });
  });
});
