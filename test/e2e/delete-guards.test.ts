/** What stands before a run: the guard of the roots (--guard-root) and the lock of the target. */
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { bindMount, describeIf, dir, treePaths, twintree, useTempFolder, whyNoMount, mountFs, type RunResult, type Tree } from '../support/index.js';
import { loadPosix } from '../../src/fs/index.js';
import { fromText } from '../../src/tree/index.js';
import { make, ours } from './select-support.js';

/** One file system call for the test's own changes. */
function shell(script: string, cwd: string): void {
  const done = spawnSync('bash', ['-e', '-c', script], { cwd, encoding: 'utf8' });
  assert.strictEqual(done.status, 0, done.stderr);
}

describe('--guard-root', () => {
  const folder = useTempFolder('guard');
  const given = (): Tree => ({ s: dir({ f: 'f', sub: dir({ g: 'g' }) }), d: dir({ old: 'o' }) });
  const guarded = (work: string, ...more: string[]): RunResult =>
    twintree(['sync', '-ai', '--delete', '--guard-root', ...more, 's/', 'd'], { cwd: work, env: { TWINTREE_STATE_DIR: folder.at('state') } });

  function refused(work: string, pattern: RegExp): void {
    const before = treePaths(`${work}/d`);
    for (const more of [[], ['-n'], ['--ignore-errors', '--force']]) {
      const told = guarded(work, ...more);
      assert.strictEqual(told.code, 70, told.stderr);
      assert.match(told.stderr, pattern);
      assert.match(told.stderr, /nothing was changed/);
    }
    assert.deepStrictEqual(treePaths(`${work}/d`), before);
  }

  it('remembers the roots at the first run and lets the same pass', () => {
    const work = make(folder, 'w', given());
    assert.strictEqual(guarded(work).code, 0);
    assert.deepStrictEqual(treePaths(`${work}/d`), ['f', 'sub', 'sub/g']);
    shell('echo new > s/new; rm s/f', work);
    assert.strictEqual(guarded(work).code, 0);
    assert.deepStrictEqual(treePaths(`${work}/d`), ['new', 'sub', 'sub/g']);
  });
  it('a dry run remembers nothing', () => {
    const work = make(folder, 'w', given());
    assert.strictEqual(guarded(work, '-n').code, 0);
    shell('mv s away; cp -a away s', work);
    assert.strictEqual(guarded(work).code, 0);
  });
  it('refuses a source that is another folder now', () => {
    const work = make(folder, 'w', given());
    assert.strictEqual(guarded(work).code, 0);
    shell('mv s away; cp -a away s', work);
    refused(work, /another folder/);
    shell('rm -r s; mv away s', work);
    assert.strictEqual(guarded(work).code, 0, 'the right one is back');
  });
  it('refuses a source that has become empty', () => {
    const work = make(folder, 'w', given());
    assert.strictEqual(guarded(work).code, 0);
    shell('rm -r s/*', work);
    refused(work, /empty/);
  });
  it('refuses a target that is another folder now', () => {
    const work = make(folder, 'w', given());
    assert.strictEqual(guarded(work).code, 0);
    shell('mv d away; mkdir d', work);
    refused(work, /target is another folder/);
  });
  it('says what to remove where the change was meant', () => {
    const work = make(folder, 'w', given());
    assert.strictEqual(guarded(work).code, 0);
    shell('mv s away; cp -a away s', work);
    const path = /remove (\S+) and run again/.exec(guarded(work).stderr)?.[1];
    assert(path !== undefined);
    shell(`rm ${path}`, work);
    assert.strictEqual(guarded(work).code, 0);
  });
  describeIf('with mounts', whyNoMount('tmpfs'), () => {
    it('refuses the empty folder below a source that is not mounted, and another file system mounted there', () => {
      const work = make(folder, 'w', { s: dir(), d: dir() });
      const disk = mountFs('tmpfs');
      shell('echo 1 > f', disk.path);
      const unmount = bindMount(disk.path, `${work}/s`);
      try {
        assert.strictEqual(guarded(work).code, 0);
        assert.deepStrictEqual(readdirSync(`${work}/d`), ['f']);
      } finally {
        unmount();
      }
      refused(work, /another folder/);
      const other = mountFs('tmpfs');
      shell('echo 1 > f; echo 2 > g', other.path);
      const undo = bindMount(other.path, `${work}/s`);
      try {
        refused(work, /another folder/);
      } finally {
        undo();
        other.unmount();
        disk.unmount();
      }
    });
  });
});

describe('the lock of a target', () => {
  const folder = useTempFolder('lock');
  const posix = loadPosix();

  /** Runs `body` while another session holds the target. */
  async function held(target: string, body: () => Promise<void>): Promise<void> {
    const fd = posix.openRoot(fromText(target));
    try {
      assert.strictEqual(posix.flock(fd, 'exclusive'), 0);
      await body();
    } finally {
      posix.close(fd);
    }
  }

  it('a second run at once is refused with exit code 75, and changes nothing', async () => {
    const work = make(folder, 'w', { s: dir({ f: 'f' }), d: dir({ old: 'o' }) });
    await held(`${work}/d`, async () => {
      const told = await ours(['-ai', '--delete', 's/', 'd'], work);
      assert.strictEqual(told.code, 75);
      assert.match(told.stderr, /LOCKED/);
      assert.deepStrictEqual(readdirSync(`${work}/d`), ['old']);
    });
    assert.strictEqual((await ours(['-ai', '--delete', 's/', 'd'], work)).code, 0, 'the lock goes with its holder');
  });
  it('a dry run needs no lock, and --no-lock asks for none', async () => {
    const work = make(folder, 'w', { s: dir({ f: 'f' }), d: dir() });
    await held(`${work}/d`, async () => {
      assert.strictEqual((await ours(['-nai', 's/', 'd'], work)).code, 0);
      assert.strictEqual((await ours(['-ai', '--no-lock', 's/', 'd'], work)).code, 0);
    });
    assert.deepStrictEqual(readdirSync(`${work}/d`), ['f']);
  });
  it('is of the target alone: one source may be copied to two targets', async () => {
    const work = make(folder, 'w', { s: dir({ f: 'f' }), d: dir(), d2: dir() });
    await held(`${work}/d`, async () => {
      assert.strictEqual((await ours(['-ai', 's/', 'd2'], work)).code, 0);
    });
  });
});
