/** Which implementation is taken, in worker threads too, and what the native one does where the kernel is older. */
import assert from 'node:assert';
import fs from 'node:fs';
import { Worker } from 'node:worker_threads';
import { Errno, loadPosix, NativePosix, type Posix } from '../../src/fs/index.js';
import { bindLibc } from '../../src/fs/libc.js';
import { StatTable } from '../../src/tree/index.js';
import { describeIf, REPOSITORY, runCommand, tempFolder, useTempFolder, whyNoInjection, whyNoOtherUser, PLAIN_UID, bindMount, plainFolder, type TempFolder } from '../support/index.js';
import { b, openHandles } from './support.js';

const { ENOENT, EINVAL, ENOSYS, EEXIST, ELOOP, EPERM, EACCES, ERANGE, EROFS } = Errno;
const CHILD = new URL('child.js', import.meta.url).pathname;

/** The native implementation with some system calls exchanged, as on an older kernel. */
function olderKernel(calls: Partial<ReturnType<typeof bindLibc>['calls']>): Posix {
  const libc = bindLibc();
  return new NativePosix({ ...libc, calls: { ...libc.calls, ...calls } });
}

describe('fs: loading', () => {
  const tmp = useTempFolder('load');

  it('takes the native implementation on Linux, once a thread', () => {
    assert.strictEqual(loadPosix(), loadPosix());
    assert.strictEqual(loadPosix().kind, 'native');
    assert.strictEqual(loadPosix().lacks.size, 0);
  });

  it('takes the portable one when the environment says so, and tells why', () => {
    const kinds = (env: Record<string, string>): string => runCommand(process.execPath, [CHILD, 'kind'], { env }).stdout;
    assert.strictEqual(kinds({ TWINTREE_NO_FFI: '1' }), '"portable TWINTREE_NO_FFI is set"');
    assert.strictEqual(kinds({ TWINTREE_NO_FFI: '' }), '"native "');
  });

  it('does not load the FFI package on import', () => {
    const { stdout } = runCommand(process.execPath, [CHILD, 'loaded']);
    assert.deepStrictEqual(JSON.parse(stdout), { onImport: false, afterLoad: true });
  });

  it('works in several threads on one handle at a time each, with records of their own', async () => {
    for (let i = 0; i < 300; i++) fs.writeFileSync(tmp.at(`f${i}`), 'x'.repeat(i));
    const before = openHandles();
    const posix = loadPosix();
    const at = posix.openRoot(b(tmp.path));
    const answers = await Promise.all([0, 1].map(async () => new Promise((resolve, reject) => {
      const worker = new Worker(CHILD, { workerData: { at, path: tmp.path } });
      worker.once('message', resolve);
      worker.once('error', reject);
    })));
    assert.deepStrictEqual(answers, [{ kind: 'native', names: 300, bytes: 44_850 }, { kind: 'native', names: 300, bytes: 44_850 }]);
    posix.close(at);
    assert.deepStrictEqual(openHandles(), before);
  });
});

describe('fs: native Posix on older kernels', () => {
  const tmp = useTempFolder('older');
  const table = new StatTable(1);
  const withRoot = (posix: Posix, act: (at: number) => void): void => {
    const before = openHandles();
    const at = posix.openRoot(b(tmp.path));
    act(at);
    posix.close(at);
    assert.deepStrictEqual(openHandles(), before);
  };

  for (const [why, answer] of [['has no fchmodat2', -ENOSYS], ['forbids it', -EPERM]] as const) {
    it(`changes modes without following where the kernel ${why}`, () => {
      fs.writeFileSync(tmp.at('f'), '', { mode: 0o600 });
      fs.mkdirSync(tmp.at('d'));
      fs.symlinkSync('f', tmp.at('l'));
      const posix = olderKernel({ fchmodat2: () => answer });
      withRoot(posix, (at) => {
        assert.deepStrictEqual([posix.chmod(at, b('f'), 0o2751), posix.chmod(at, b('d'), 0o711), posix.chmod(at, b('l'), 0o777), posix.chmod(at, b('none'), 0o777)], [0, 0, -ELOOP, -ENOENT]);
      });
      assert.deepStrictEqual([fs.statSync(tmp.at('f')).mode & 0o7777, fs.statSync(tmp.at('d')).mode & 0o7777], [0o2751, 0o711]);
    });
  }

  it('renames without replacing where the file system has no such call', () => {
    const posix = olderKernel({ renameat2: () => -EINVAL });
    fs.writeFileSync(tmp.at('a'), 'A');
    fs.writeFileSync(tmp.at('b'), 'B');
    fs.mkdirSync(tmp.at('d'));
    fs.mkdirSync(tmp.at('empty'));
    withRoot(posix, (at) => {
      assert.strictEqual(posix.renameNoReplace(at, b('a'), at, b('b')), -EEXIST);
      assert.strictEqual(posix.renameNoReplace(at, b('d'), at, b('empty')), -EEXIST);
      assert.strictEqual(posix.renameNoReplace(at, b('none'), at, b('x')), -ENOENT);
      assert.strictEqual(posix.renameNoReplace(at, b('a'), at, b('c')), 0);
      assert.strictEqual(posix.renameNoReplace(at, b('d'), at, b('e')), 0);
    });
    assert.deepStrictEqual(fs.readdirSync(tmp.path).sort(), ['b', 'c', 'e', 'empty']);
    assert.strictEqual(fs.readFileSync(tmp.at('c'), 'utf8'), 'A');
  });

  it('grows its buffer where an attribute does not fit', () => {
    const libc = bindLibc();
    // The kernel is told of a buffer of 4 bytes at the first question only, so that it really answers ERANGE.
    const short = (call: (a?: number, b?: number, c?: number, d?: number) => number, sizeAt: 2 | 3) => (x = 0, y = 0, z = 0, w = 0): number => {
      const size = sizeAt === 2 ? z : w;
      const told = size > 4096 ? 4 : size;
      return sizeAt === 2 ? call(x, y, told) : call(x, y, z, told);
    };
    const posix = olderKernel({ lgetxattr: short(libc.calls.lgetxattr, 3), llistxattr: short(libc.calls.llistxattr, 2) });
    fs.writeFileSync(tmp.at('f'), '');
    withRoot(posix, (at) => {
      const value = Buffer.from('v'.repeat(1000));
      assert.strictEqual(posix.setXattr(at, b('f'), b('user.long-name'), value), 0);
      assert.deepStrictEqual(posix.getXattr(at, b('f'), b('user.long-name')), value);
      assert.deepStrictEqual(posix.listXattrs(at, b('f')), ['user.long-name']);
      const direct = libc.calls.lgetxattr(0, 0, 0, 0);
      assert.ok(direct < 0 && direct !== -ERANGE);
    });
  });

  it('keeps a value apart from the buffer that the next call writes', () => {
    const posix = loadPosix();
    fs.writeFileSync(tmp.at('f'), '');
    withRoot(posix, (at) => {
      posix.setXattr(at, b('f'), b('user.a'), Buffer.from('first'));
      posix.setXattr(at, b('f'), b('user.b'), Buffer.from('other'));
      const first = posix.getXattr(at, b('f'), b('user.a'));
      posix.getXattr(at, b('f'), b('user.b'));
      assert.strictEqual(String(first), 'first');
      assert.strictEqual(posix.stat(at, b('f'), table, 0), 0);
    });
  });

  describeIf('interrupted by signals', whyNoInjection(), () => {
    it('asks again, and never closes twice', () => {
      const { stdout, stderr } = runCommand(process.execPath, [CHILD, 'interrupted', tmp.path], { inject: ['mkdirat,renameat2,fchownat,flock:error=EINTR:when=1..3'] });
      assert.strictEqual(stdout, JSON.stringify({ mkdir: 0, rename: 0, chown: 0, lock: 0 }), stderr);
    });
  });
});

describeIf('fs: as a plain user', whyNoOtherUser(), () => {
  const tmp = useTempFolder('plain');

  for (const noFfi of ['', '1']) {
    it(`says what is not permitted (${noFfi === '' ? 'native' : 'portable'})`, () => {
      const own = plainFolder(tmp.path, 'own');
      fs.mkdirSync(tmp.at('others'), { mode: 0o755 });
      fs.writeFileSync(tmp.at('others', 'f'), 'x', { mode: 0o644 });
      fs.mkdirSync(tmp.at('closed'), { mode: 0o700 });
      fs.mkdirSync(tmp.at('passage'), { mode: 0o711 });
      fs.writeFileSync(tmp.at('passage', 'f'), 'x', { mode: 0o644 });
      const run = runCommand(process.execPath, [reachableChild(), 'plain', tmp.path, own], { uid: PLAIN_UID, env: { TWINTREE_NO_FFI: noFfi } });
      assert.strictEqual(run.stderr, '');
      assert.deepStrictEqual(JSON.parse(run.stdout), {
        closed: { list: -EACCES, stat: -EACCES, fsync: -EACCES }, passage: { list: -EACCES, stat: 0, fsync: -EACCES }, none: -ENOENT, unlink: -EACCES, mkdir: -EACCES, create: -EACCES, write: -EACCES, chmod: -EPERM, chown: -EPERM, utimes: -EPERM, rename: -EACCES,
        noAtime: 'open', // asked for on a file of another's, dropped
        ownChmod: 0, ownChown: -EPERM, ownGroup: 0, ownTimes: 0, passageSet: [0, 0, 0], passageMade: 0, passageMode: 0o311, xattrs: [], device: noFfi === '' ? -EPERM : -ENOSYS, trusted: noFfi === '' ? -EPERM : -Errno.EOPNOTSUPP, euid: PLAIN_UID,
      });
    });
  }

  it('meets a read-only file system', () => {
    const release = bindMount(tmp.path, tmp.path);
    try {
      runCommand('mount', ['-o', 'remount,bind,ro', tmp.path]);
      const posix = loadPosix();
      const at = posix.openRoot(b(tmp.path));
      const info = posix.statfs(at);
      assert.deepStrictEqual([posix.mkdir(at, b('d'), 0o700), typeof info === 'number' ? info : info.readOnly], [-EROFS, true]);
      posix.close(at);
    } finally {
      release();
    }
  });
});

/** The child's script under a path that a plain user may read. */
function reachableChild(): string {
  const readable = runCommand('test', ['-r', CHILD], { uid: PLAIN_UID }).code === 0;
  if (readable) return CHILD;
  if (bound === undefined) {
    bound = tempFolder('bound');
    fs.chmodSync(bound.path, 0o755);
    releaseBound = bindMount(REPOSITORY, bound.path);
  }
  return CHILD.replace(REPOSITORY.replace(/\/$/, ''), bound.path);
}
let bound: TempFolder | undefined;
let releaseBound: (() => void) | undefined;
after('remove the bind mount', () => {
  releaseBound?.();
  bound?.remove();
});
