/** Posix as a contract: the same calls, on real file systems, answered by both implementations alike. */
import assert from 'node:assert';
import fs from 'node:fs';
import { Errno, PortablePosix, UTIME_NOW, UTIME_OMIT, type Lack, type NameList, type Posix } from '../../src/fs/index.js';
import { StatTable, S_IFIFO, S_IFCHR, S_IFSOCK, type ByteString } from '../../src/tree/index.js';
import { describeOn, readTree, tempFolder, useTempFolder, whyNoMount, type FsKind, type TempFolder } from '../support/index.js';
import { b, bytePath, IMPLEMENTATIONS, ODD_NAMES, useFolder } from './support.js';

const ROOT = process.getuid?.() === 0;
const { ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL, ENAMETOOLONG, ELOOP, EBADF, ENXIO, ENOSYS, EOPNOTSUPP, EAGAIN, ENODATA } = Errno;

/** One row: `given` makes the folder's content, `call` is asked, `answers` is what both say, `leaves` looks at the disk. */
interface Row {
  does: string;
  given?: (dir: string) => void;
  call: (posix: Posix, at: number, dir: string) => unknown;
  answers: unknown;
  leaves?: (dir: string) => void;
  /** Where the implementation lacks this, it must answer -ENOSYS or -EOPNOTSUPP and touch nothing. */
  lack?: Lack;
  root?: true;
}

const stat = new StatTable(4);
const file = (name: string, content = '') => (dir: string): void => fs.writeFileSync(bytePath(dir, name), content, { mode: 0o644 });
const folder = (name: string) => (dir: string): void => fs.mkdirSync(bytePath(dir, name));
const link = (name: string, to: string) => (dir: string): void => fs.symlinkSync(Buffer.from(to, 'latin1'), bytePath(dir, name));
const all = (...steps: ((dir: string) => void)[]) => (dir: string): void => steps.forEach((step) => step(dir));
const names = (dir: string): string[] => fs.readdirSync(dir, 'latin1').sort();
const holds = (...expected: string[]) => (dir: string): void => assert.deepStrictEqual(names(dir), expected.sort());
const content = (name: string, expected: string) => (dir: string): void => assert.strictEqual(fs.readFileSync(bytePath(dir, name), 'latin1'), expected);
const mode = (name: string, expected: number) => (dir: string): void => assert.strictEqual(fs.statSync(bytePath(dir, name)).mode & 0o7777, expected);

/** Opens, does, closes; a failing open is the answer. */
function opened(posix: Posix, fd: number, act: (fd: number) => unknown): unknown {
  if (fd < 0) return fd;
  const answer = act(fd);
  assert.strictEqual(posix.close(fd), 0);
  return answer;
}
const LONG = 'n'.repeat(256);

const ROWS: readonly Row[] = [
  // openRoot, openDir
  { does: 'openRoot refuses what is not there', call: (p, _at, dir) => p.openRoot(b(`${dir}/none`)), answers: -ENOENT },
  { does: 'openRoot refuses a file', given: file('f'), call: (p, _at, dir) => p.openRoot(b(`${dir}/f`)), answers: -ENOTDIR },
  { does: 'openRoot follows a symlink', given: all(folder('d'), link('l', 'd')), call: (p, _at, dir) => opened(p, p.openRoot(b(`${dir}/l`)), () => 'open'), answers: 'open' },
  { does: 'openRoot refuses the empty path', call: (p) => p.openRoot(b('')), answers: -ENOENT },
  { does: 'openRoot refuses a NUL', call: (p) => p.openRoot(b('/tmp\0x')), answers: -EINVAL },
  { does: 'openDir opens a folder', given: folder('d\xff'), call: (p, at) => opened(p, p.openDir(at, b('d\xff')), () => 'open'), answers: 'open' },
  { does: 'openDir refuses a symlink to a folder', given: all(folder('d'), link('l', 'd')), call: (p, at) => p.openDir(at, b('l')), answers: -ENOTDIR },
  { does: 'openDir follows it when told to', given: all(folder('d'), link('l', 'd')), call: (p, at) => opened(p, p.openDir(at, b('l'), true), () => 'open'), answers: 'open' },
  { does: 'openDir refuses a file', given: file('f'), call: (p, at) => p.openDir(at, b('f')), answers: -ENOTDIR },
  { does: 'openDir refuses a path', given: (dir) => fs.mkdirSync(`${dir}/a/b`, { recursive: true }), call: (p, at) => p.openDir(at, b('a/b')), answers: -EINVAL },
  { does: 'openDir refuses a NUL', given: folder('a'), call: (p, at) => p.openDir(at, b('a\0b')), answers: -EINVAL },
  { does: 'openDir refuses a name of 256 bytes', call: (p, at) => p.openDir(at, b(LONG)), answers: -ENAMETOOLONG },
  { does: 'openDir refuses a name of 5000 bytes', call: (p, at) => p.openDir(at, b('n'.repeat(5000))), answers: -ENAMETOOLONG },
  { does: 'openDir refuses the empty name', call: (p, at) => p.openDir(at, b('')), answers: -ENOENT },
  { does: 'close refuses what is not open', call: (p) => p.close(987654), answers: -EBADF },
  // list
  { does: 'list of an empty folder', call: (p, at) => [p.list(at, list), list.names.length], answers: [0, 0] },
  { does: 'list gives types', given: all(file('f'), folder('d'), link('l', 'x')), call: (p, at) => [p.list(at, list), ...pairs()], answers: [0, 'd 4', 'f 8', 'l 10'] },
  { does: 'list a second time from the start', given: file('f'), call: (p, at) => [p.list(at, list), p.list(at, list), ...pairs()], answers: [0, 0, 'f 8'] },
  { does: 'list of a file', given: file('f'), call: (p, at) => opened(p, p.open(at, b('f'), { read: true }), (fd) => p.list(fd, list)), answers: -ENOTDIR },
  { does: 'list of a closed handle', call: (p) => p.list(987654, list) < 0, answers: true },
  // stat
  { does: 'stat of a missing name', call: (p, at) => p.stat(at, b('none'), stat, 0), answers: -ENOENT },
  { does: 'stat below a file', given: file('f'), call: (p, at) => opened(p, p.open(at, b('f'), { read: true }), (fd) => p.stat(fd, b('x'), stat, 0)), answers: -ENOTDIR },
  { does: 'stat of a symlink', given: link('l', 'none'), call: (p, at) => [p.stat(at, b('l'), stat, 1), stat.isSymlink(1), stat.size(1)], answers: [0, true, 4] },
  { does: 'statFollow of a symlink', given: all(file('f', 'abc'), link('l', 'f')), call: (p, at) => [p.statFollow(at, b('l'), stat, 1), stat.isFile(1), stat.size(1)], answers: [0, true, 3] },
  { does: 'statFollow of a dangling symlink', given: link('l', 'none'), call: (p, at) => p.statFollow(at, b('l'), stat, 0), answers: -ENOENT },
  { does: 'statFollow of a loop', given: link('l', 'l'), call: (p, at) => p.statFollow(at, b('l'), stat, 0), answers: -ELOOP },
  { does: 'fstat of a folder', call: (p, at) => [p.fstat(at, stat, 3), stat.isDir(3)], answers: [0, true] },
  { does: 'fstat of a closed handle', call: (p) => p.fstat(987654, stat, 0), answers: -EBADF },
  { does: 'stat refuses a path', given: file('f'), call: (p, at, dir) => p.stat(at, b(`${dir}/f`), stat, 0), answers: -EINVAL },
  // Making and removing
  { does: 'mkdir', call: (p, at) => p.mkdir(at, b('d\n'), 0o700), answers: 0, leaves: mode('d\n', 0o700) },
  { does: 'mkdir over anything', given: link('l', 'none'), call: (p, at) => p.mkdir(at, b('l'), 0o700), answers: -EEXIST },
  { does: 'mkdir of a name too long', call: (p, at) => p.mkdir(at, b(LONG), 0o700), answers: -ENAMETOOLONG },
  { does: 'rmdir', given: folder('d'), call: (p, at) => p.rmdir(at, b('d')), answers: 0, leaves: holds() },
  { does: 'rmdir of a full folder', given: all(folder('d'), file('d/f')), call: (p, at) => p.rmdir(at, b('d')), answers: -ENOTEMPTY },
  { does: 'rmdir of a file', given: file('f'), call: (p, at) => p.rmdir(at, b('f')), answers: -ENOTDIR },
  { does: 'unlink', given: file('f'), call: (p, at) => p.unlink(at, b('f')), answers: 0, leaves: holds() },
  { does: 'unlink of a symlink, not its target', given: all(file('f'), link('l', 'f')), call: (p, at) => p.unlink(at, b('l')), answers: 0, leaves: holds('f') },
  { does: 'unlink of a folder', given: folder('d'), call: (p, at) => p.unlink(at, b('d')), answers: -EISDIR },
  { does: 'unlink of a missing name', call: (p, at) => p.unlink(at, b('none')), answers: -ENOENT },
  { does: 'unlink refuses a path', given: all(folder('d'), file('d/f')), call: (p, at) => p.unlink(at, b('d/f')), answers: -EINVAL, leaves: (dir) => holds('f')(`${dir}/d`) },
  { does: 'unlink refuses a NUL behind a name that is there', given: file('f'), call: (p, at) => p.unlink(at, b('f\0g')), answers: -EINVAL, leaves: holds('f') },
  { does: 'rename replaces a file', given: all(file('a', 'A'), file('b', 'B')), call: (p, at) => p.rename(at, b('a'), at, b('b')), answers: 0, leaves: all(holds('b'), content('b', 'A')) },
  { does: 'rename between folders', given: all(file('a', 'A'), folder('d')), call: (p, at) => opened(p, p.openDir(at, b('d')), (d) => p.rename(at, b('a'), d, b('\xff'))), answers: 0, leaves: content('d/\xff', 'A') },
  { does: 'rename of a folder over a full one', given: all(folder('a'), folder('b'), file('b/f')), call: (p, at) => [-ENOTEMPTY, -EEXIST].includes(p.rename(at, b('a'), at, b('b'))), answers: true },
  { does: 'rename of a file over a folder', given: all(file('a'), folder('b')), call: (p, at) => p.rename(at, b('a'), at, b('b')), answers: -EISDIR },
  { does: 'renameNoReplace to a free name', given: file('a', 'A'), call: (p, at) => p.renameNoReplace(at, b('a'), at, b('b')), answers: 0, leaves: all(holds('b'), content('b', 'A')) },
  { does: 'renameNoReplace to a taken name', given: all(file('a', 'A'), file('b', 'B')), call: (p, at) => p.renameNoReplace(at, b('a'), at, b('b')), answers: -EEXIST, leaves: content('b', 'B') },
  { does: 'renameNoReplace of a folder to a free name', given: all(folder('a'), file('a/f')), call: (p, at) => p.renameNoReplace(at, b('a'), at, b('b')), answers: 0, leaves: (dir) => holds('f')(`${dir}/b`) },
  { does: 'renameNoReplace of a folder to an empty folder', given: all(folder('a'), folder('b')), call: (p, at) => p.renameNoReplace(at, b('a'), at, b('b')), answers: -EEXIST, leaves: holds('a', 'b') },
  { does: 'renameNoReplace of a missing name', call: (p, at) => p.renameNoReplace(at, b('a'), at, b('b')), answers: -ENOENT },
  { does: 'renameNoReplace of a symlink', given: link('a', 'none'), call: (p, at) => p.renameNoReplace(at, b('a'), at, b('b')), answers: 0, leaves: (dir) => assert.strictEqual(fs.readlinkSync(`${dir}/b`), 'none') },
  { does: 'link', given: file('a', 'A'), call: (p, at) => p.link(at, b('a'), at, b('b')), answers: 0, leaves: (dir) => assert.strictEqual(fs.statSync(`${dir}/a`).ino, fs.statSync(`${dir}/b`).ino) },
  { does: 'link to a symlink itself', given: all(file('f'), link('a', 'f')), call: (p, at) => p.link(at, b('a'), at, b('b')), answers: 0, leaves: (dir) => assert.strictEqual(fs.readlinkSync(`${dir}/b`), 'f') },
  { does: 'link to a taken name', given: all(file('a'), file('b')), call: (p, at) => p.link(at, b('a'), at, b('b')), answers: -EEXIST },
  { does: 'symlink and readlink of any bytes', call: (p, at) => [p.symlink(b('../\xff\n/x'), at, b('l')), p.readlink(at, b('l'))], answers: [0, '../\xff\n/x'], leaves: (dir) => assert.strictEqual(fs.readlinkSync(`${dir}/l`, 'latin1'), '../\xff\n/x') },
  { does: 'symlink of 1000 bytes', call: (p, at) => [p.symlink(b('t'.repeat(1000)), at, b('l')), p.readlink(at, b('l'))], answers: [0, 't'.repeat(1000)] },
  { does: 'symlink of more than PATH_MAX', call: (p, at) => p.symlink(b('t'.repeat(4096)), at, b('l')), answers: -ENAMETOOLONG },
  { does: 'symlink with a NUL in its text', call: (p, at) => p.symlink(b('a\0b'), at, b('l')), answers: -EINVAL, leaves: holds() },
  { does: 'symlink to nothing', call: (p, at) => p.symlink(b(''), at, b('l')), answers: -ENOENT },
  { does: 'readlink of a file', given: file('f'), call: (p, at) => p.readlink(at, b('f')), answers: -EINVAL },
  { does: 'readlink of a missing name', call: (p, at) => p.readlink(at, b('f')), answers: -ENOENT },
  { does: 'mknod of a FIFO', lack: 'fifos', call: (p, at) => [p.mknod(at, b('p'), S_IFIFO | 0o600, 0, 0), p.stat(at, b('p'), stat, 0), stat.type(0)], answers: [0, 0, S_IFIFO] },
  { does: 'mknod of a socket', lack: 'sockets', call: (p, at) => [p.mknod(at, b('s'), S_IFSOCK | 0o600, 0, 0), p.stat(at, b('s'), stat, 0), stat.type(0)], answers: [0, 0, S_IFSOCK] },
  { does: 'mknod of a device with large numbers', lack: 'devices', root: true, call: (p, at) => [p.mknod(at, b('c'), S_IFCHR | 0o600, 511, 262_143), p.stat(at, b('c'), stat, 0), stat.rdevMajor(0), stat.rdevMinor(0)], answers: [0, 0, 511, 262_143] },
  { does: 'mknod of a device whose numbers the kernel does not have', lack: 'devices', call: (p, at) => p.mknod(at, b('c'), S_IFCHR | 0o600, 4096, 0), answers: -EINVAL },
  // Attributes
  { does: 'chmod', given: file('f'), call: (p, at) => p.chmod(at, b('f'), 0o4751), answers: 0, leaves: mode('f', 0o4751) },
  { does: 'chmod of a folder', given: folder('d'), call: (p, at) => p.chmod(at, b('d'), 0o3711), answers: 0, leaves: mode('d', 0o3711) },
  { does: 'chmod never follows', given: all(file('f'), link('l', 'f')), call: (p, at) => p.chmod(at, b('l'), 0o777), answers: -ELOOP, leaves: mode('f', 0o644) },
  { does: 'chmod of a missing name', call: (p, at) => p.chmod(at, b('none'), 0o777), answers: -ENOENT },
  { does: 'fchmod', given: file('f'), call: (p, at) => opened(p, p.open(at, b('f'), { write: true }), (fd) => p.fchmod(fd, 0o1604)), answers: 0, leaves: mode('f', 0o1604) },
  { does: 'chown', root: true, given: file('f'), call: (p, at) => [p.chown(at, b('f'), 4294967294, 7), p.stat(at, b('f'), stat, 0), stat.uid(0), stat.gid(0)], answers: [0, 0, 4294967294, 7] },
  { does: 'chown of one of both', root: true, given: file('f'), call: (p, at) => [p.chown(at, b('f'), 5, 6), p.chown(at, b('f'), -1, 8), p.chown(at, b('f'), 9, -1), p.stat(at, b('f'), stat, 0), stat.uid(0), stat.gid(0)], answers: [0, 0, 0, 0, 9, 8] },
  { does: 'chown of a symlink itself', root: true, given: all(file('f'), link('l', 'f')), call: (p, at) => [p.chown(at, b('l'), 5, 6), p.stat(at, b('l'), stat, 0), stat.uid(0), p.stat(at, b('f'), stat, 0), stat.uid(0)], answers: [0, 0, 5, 0, 0] },
  { does: 'fchown', root: true, given: file('f'), call: (p, at) => [opened(p, p.open(at, b('f'), { read: true }), (fd) => p.fchown(fd, 3, -1)), p.stat(at, b('f'), stat, 0), stat.uid(0), stat.gid(0)], answers: [0, 0, 3, 0] },
  { does: 'chown of a missing name', call: (p, at) => p.chown(at, b('none'), -1, -1), answers: -ENOENT },
  { does: 'utimes of a missing name', call: (p, at) => p.utimes(at, b('none'), 1, 0, 1, 0), answers: -ENOENT },
  // Files
  { does: 'open of a missing file', call: (p, at) => p.open(at, b('f'), { read: true }), answers: -ENOENT },
  { does: 'open never follows', given: all(file('f'), link('l', 'f')), call: (p, at) => p.open(at, b('l'), { read: true }), answers: -ELOOP },
  { does: 'open follows when told to', given: all(file('f', 'x'), link('l', 'f')), call: (p, at) => opened(p, p.open(at, b('l'), { read: true, follow: true }), (fd) => p.read(fd, Buffer.alloc(9), 0, 9, 0)), answers: 1 },
  { does: 'open does not make a file through a dangling symlink', given: link('l', 'made'), call: (p, at) => p.open(at, b('l'), { write: true, create: true }), answers: -ELOOP, leaves: holds('l') },
  { does: 'exclusive open of a taken name', given: file('f'), call: (p, at) => p.open(at, b('f'), { write: true, create: true, exclusive: true }), answers: -EEXIST },
  { does: 'open makes a file of the mode it is given', call: (p, at) => opened(p, p.open(at, b('f'), { write: true, create: true }, 0o640), () => 'open'), answers: 'open', leaves: mode('f', 0o640) },
  { does: 'open makes a file that is nobody else\'s where no mode is given', call: (p, at) => opened(p, p.open(at, b('f'), { write: true, create: true }), () => 'open'), answers: 'open', leaves: mode('f', 0o600) },
  { does: 'open truncates', given: file('f', 'abc'), call: (p, at) => opened(p, p.open(at, b('f'), { write: true, truncate: true }), () => 'open'), answers: 'open', leaves: content('f', '') },
  { does: 'open appends', given: file('f', 'abc'), call: (p, at) => opened(p, p.open(at, b('f'), { write: true, append: true }), (fd) => p.write(fd, Buffer.from('def'), 0, 3, -1)), answers: 3, leaves: content('f', 'abcdef') },
  { does: 'open for writing of a folder', given: folder('d'), call: (p, at) => p.open(at, b('d'), { write: true }), answers: -EISDIR },
  { does: 'open without atime', given: file('f'), call: (p, at) => opened(p, p.open(at, b('f'), { read: true, noAtime: true }), () => 'open'), answers: 'open' },
  { does: 'open for writing of a FIFO nobody reads does not hang', lack: 'fifos', call: (p, at) => [p.mknod(at, b('p'), S_IFIFO | 0o600, 0, 0), p.open(at, b('p'), { write: true, nonBlock: true })], answers: [0, -ENXIO] },
  { does: 'read at a position, into the middle of a buffer', given: file('f', '0123456789'), call: (p, at) => opened(p, p.open(at, b('f'), { read: true }), (fd) => { const buffer = Buffer.alloc(6, 46); return [p.read(fd, buffer, 2, 3, 4), buffer.toString()]; }), answers: [3, '..456.'] },
  { does: 'read on from where it is', given: file('f', '0123456789'), call: (p, at) => opened(p, p.open(at, b('f'), { read: true }), (fd) => { const buffer = Buffer.alloc(4); return [p.read(fd, buffer, 0, 4, -1), p.read(fd, buffer, 0, 4, -1), buffer.toString(), p.read(fd, buffer, 0, 4, -1), p.read(fd, buffer, 0, 4, -1)]; }), answers: [4, 4, '4567', 2, 0] },
  { does: 'read of a folder', call: (p, at) => p.read(at, Buffer.alloc(8), 0, 8, 0), answers: -EISDIR },
  { does: 'read of a handle opened for writing', given: file('f'), call: (p, at) => opened(p, p.open(at, b('f'), { write: true }), (fd) => p.read(fd, Buffer.alloc(8), 0, 8, 0)), answers: -EBADF },
  { does: 'write from the middle of a buffer', given: file('f', '0123456789'), call: (p, at) => opened(p, p.open(at, b('f'), { write: true }), (fd) => p.write(fd, Buffer.from('abcdef'), 2, 3, 4)), answers: 3, leaves: content('f', '0123cde789') },
  { does: 'write of nothing', given: file('f', 'x'), call: (p, at) => opened(p, p.open(at, b('f'), { write: true }), (fd) => p.write(fd, Buffer.alloc(0), 0, 0, 0)), answers: 0, leaves: content('f', 'x') },
  { does: 'truncate shorter and longer', given: file('f', 'abcdef'), call: (p, at) => opened(p, p.open(at, b('f'), { write: true }), (fd) => [p.truncate(fd, 2), p.truncate(fd, 4)]), answers: [0, 0], leaves: content('f', 'ab\0\0') },
  { does: 'truncate to less than nothing', given: file('f', 'x'), call: (p, at) => opened(p, p.open(at, b('f'), { write: true }), (fd) => p.truncate(fd, -1)), answers: -EINVAL, leaves: content('f', 'x') },
  { does: 'fsync', given: file('f'), call: (p, at) => opened(p, p.open(at, b('f'), { write: true }), (fd) => p.fsync(fd)), answers: 0 },
  { does: 'fsync of a folder', call: (p, at) => p.fsync(at), answers: 0 },
  { does: 'syncfs', lack: 'syncfs', call: (p, at) => p.syncfs(at), answers: 0 },
  { does: 'flock is exclusive between handles', lack: 'flock', given: file('f'), call: (p, at) => opened(p, p.open(at, b('f'), { read: true }), (one) => opened(p, p.open(at, b('f'), { read: true }), (two) => [p.flock(one, 'exclusive'), p.flock(two, 'shared'), p.flock(one, 'unlock'), p.flock(two, 'shared'), p.flock(one, 'shared'), p.flock(one, 'exclusive')])), answers: [0, -EAGAIN, 0, 0, 0, -EAGAIN] },
  { does: 'statfs of a closed handle', call: (p) => (p.statfs(987654) as number) < 0, answers: true },
  { does: 'statfs', call: (p, at) => { const s = p.statfs(at); return typeof s === 'number' ? s : [s.nameMax, s.readOnly, s.blocks > 0, s.availableBlocks <= s.freeBlocks, s.freeBlocks <= s.blocks]; }, answers: [255, false, true, true, true] },
  // Extended attributes
  { does: 'xattrs of a file', lack: 'xattrs', given: file('f\xff'), call: (p, at) => [p.setXattr(at, b('f\xff'), b('user.\xfe'), Buffer.from('\0v\xff', 'latin1')), p.setXattr(at, b('f\xff'), b('user.empty'), Buffer.alloc(0)), sorted(p.listXattrs(at, b('f\xff'))), text(p.getXattr(at, b('f\xff'), b('user.\xfe'))), text(p.getXattr(at, b('f\xff'), b('user.empty')))], answers: [0, 0, ['user.empty', 'user.\xfe'], '\0v\xff', ''] },
  { does: 'xattrs by handle', lack: 'xattrs', given: file('f'), call: (p, at) => opened(p, p.open(at, b('f'), { read: true }), (fd) => [p.fsetXattr(fd, b('user.a'), Buffer.from('1')), p.fsetXattr(fd, b('user.a'), Buffer.from('22')), p.flistXattrs(fd), text(p.fgetXattr(fd, b('user.a'))), p.fremoveXattr(fd, b('user.a')), p.flistXattrs(fd)]), answers: [0, 0, ['user.a'], '22', 0, []] },
  { does: 'xattrs that are not there', lack: 'xattrs', given: file('f'), call: (p, at) => [p.getXattr(at, b('f'), b('user.a')), p.removeXattr(at, b('f'), b('user.a')), p.listXattrs(at, b('f')), p.listXattrs(at, b('none'))], answers: [-ENODATA, -ENODATA, [], -ENOENT] },
  { does: 'xattrs of a symlink are not its target\'s', lack: 'xattrs', root: true, given: all(file('f'), link('l', 'f')), call: (p, at) => [p.setXattr(at, b('l'), b('trusted.a'), Buffer.from('1')), p.listXattrs(at, b('l')), p.listXattrs(at, b('f')), p.removeXattr(at, b('l'), b('trusted.a')), p.listXattrs(at, b('l'))], answers: [0, ['trusted.a'], [], 0, []] },
  { does: 'xattrs of a folder and of the security class', lack: 'xattrs', root: true, given: folder('d'), call: (p, at) => [p.setXattr(at, b('d'), b('security.x'), Buffer.from('s')), p.listXattrs(at, b('d')), text(p.getXattr(at, b('d'), b('security.x')))], answers: [0, ['security.x'], 's'] },
  { does: 'xattrs of a path are refused', lack: 'xattrs', given: all(folder('d'), file('d/f')), call: (p, at) => [p.listXattrs(at, b('d/f')), p.setXattr(at, b('..'), b('user.a\0b'), Buffer.alloc(1))], answers: [-EINVAL, -EINVAL] },
];

const list: NameList = { names: [], types: [] };
const pairs = (): string[] => list.names.map((name, i) => `${name} ${list.types[i]}`).sort();
const sorted = (answer: string[] | number): unknown => (typeof answer === 'number' ? answer : answer.sort());
const text = (value: Buffer | number): unknown => (typeof value === 'number' ? value : value.latin1Slice());

/** Times that go wrong where seconds are 32 bit, or are truncated towards zero. */
const TIMES: readonly (readonly [number, number])[] = [
  [0, 0], [1_700_000_000, 123_456_789], [-1, 999_999_999], [-1, 0], [-315_619_200, 500_000_000], [-2_147_483_647, 1_000], [2_147_483_647, 999_999_999], [2_147_483_648, 1_000], [4_294_967_303, 250_000_000], [9_000_000_000, 7_000],
];

function suite(kind: FsKind | 'here', parent: () => string, posix: () => Posix): void {
  const here = useFolder(parent, posix);

  for (const row of ROWS) {
    if (row.root && !ROOT) {
      it.skip(`${row.does} (skipped: needs root)`);
      continue;
    }
    it(row.does, () => {
      row.given?.(here.path);
      const p = posix();
      if (row.lack !== undefined && p.lacks.has(row.lack)) {
        const answer = row.call(p, here.at, here.path);
        const first = Array.isArray(answer) ? (answer[0] as unknown) : answer;
        assert.ok(first === -ENOSYS || first === -EOPNOTSUPP, `lacking, but answers ${String(first)}`);
        return;
      }
      assert.deepStrictEqual(row.call(p, here.at, here.path), row.answers);
      row.leaves?.(here.path);
    });
  }

  it('keeps odd names byte for byte through making, listing, stat, rename and removal', () => {
    const p = posix();
    for (const name of ODD_NAMES) p.close(p.open(here.at, b(name), { write: true, create: true, exclusive: true }));
    assert.strictEqual(p.list(here.at, list), 0);
    assert.deepStrictEqual([...list.names].sort(), [...new Set(ODD_NAMES)].sort());
    assert.deepStrictEqual(names(here.path), [...new Set(ODD_NAMES)].sort());
    for (const name of new Set(ODD_NAMES)) {
      assert.strictEqual(p.stat(here.at, b(name), stat, 0), 0, JSON.stringify(name));
      assert.strictEqual(p.rename(here.at, b(name), here.at, b('moved')), 0);
      assert.strictEqual(p.unlink(here.at, b('moved')), 0);
    }
    assert.deepStrictEqual(names(here.path), []);
  });

  it('lists a folder larger than any buffer, and stats all of it', () => {
    const p = posix();
    const made: string[] = [];
    for (let i = 0; i < 1500; i++) made.push(`${String(i).padStart(5, '0')}${'\xfe'.repeat(i % 250)}`);
    made.forEach((name, i) => fs.writeFileSync(bytePath(here.path, name), 'x'.repeat(i % 7)));
    assert.strictEqual(p.list(here.at, list), 0);
    const found = [...list.names].sort();
    assert.deepStrictEqual(found, made);

    const asked = [b('skipped'), ...found, b('missing'), b('z'.repeat(300))];
    const table = new StatTable(asked.length);
    const errors = new Int32Array(asked.length).fill(-1);
    p.statMany(here.at, asked, 1, asked.length, table, errors);
    for (let i = 0; i < 1500; i++) {
      assert.strictEqual(errors[i], 0);
      assert.strictEqual(table.size(i), i % 7, made[i]);
    }
    assert.deepStrictEqual([errors[1500], errors[1501], errors[1502]], [ENOENT, ENAMETOOLONG, -1]);
  });

  it('stats names that are far too long, one by one', () => {
    const asked = Array<ByteString>(300).fill(b('n'.repeat(1000)));
    file('f', 'abc')(here.path);
    asked.push(b('f'));
    const errors = new Int32Array(301);
    const table = new StatTable(301);
    posix().statMany(here.at, asked, 0, 301, table, errors);
    assert.deepStrictEqual([...errors], [...Array<number>(300).fill(ENAMETOOLONG), 0]);
    assert.strictEqual(table.size(300), 3);
  });

  it('stats what Node stats', () => {
    file('f', 'abc')(here.path);
    fs.linkSync(`${here.path}/f`, `${here.path}/g`);
    fs.chmodSync(`${here.path}/f`, 0o2640);
    assert.strictEqual(posix().stat(here.at, b('f'), stat, 2), 0);
    const judge = new StatTable(1);
    judge.fill(0, fs.lstatSync(`${here.path}/f`, { bigint: true }));
    const facts = (t: StatTable, i: number): unknown[] => [t.identity(i), t.mode(i), t.nlink(i), t.uid(i), t.gid(i), t.size(i), t.blocks(i), t.mtimeSec(i), t.mtimeNsec(i), t.ctimeSec(i), t.ctimeNsec(i), t.hasBtime(i), t.btimeSec(i), t.btimeNsec(i)];
    assert.deepStrictEqual(facts(stat, 2), facts(judge, 0));
    assert.strictEqual(stat.perms(2), 0o2640);
    assert.strictEqual(stat.nlink(2), 2);
  });

  it('keeps times before 1970 and after 2038, of files, folders and symlinks', () => {
    const p = posix();
    const exact = !p.lacks.has('nanoseconds');
    const near = (found: bigint | undefined, sec: number, nsec: number, what: string): void => {
      const meant = BigInt(sec) * 1_000_000_000n + BigInt(exact ? nsec : Math.floor(nsec / 1000) * 1000);
      const off = Number((found ?? 0n) - meant);
      // Without the native calls a time passes through a double, which is no finer from 2106 on.
      assert.ok(exact || sec < 2 ** 32 ? off === 0 : Math.abs(off) <= 2000, `${what} ${sec} s ${nsec} ns: off by ${off} ns`);
    };
    TIMES.forEach(([sec, nsec], i) => {
      all(file(`f${i}`), folder(`d${i}`), link(`l${i}`, 'none'))(here.path);
      for (const type of 'fdl') assert.strictEqual(p.utimes(here.at, b(type + i), sec, nsec, sec, nsec), 0);
    });
    const facts = readTree(here.path);
    TIMES.forEach(([sec, nsec], i) => {
      for (const type of 'fdl') near(facts.get(type + i)?.mtime, sec, nsec, type);
      opened(p, p.open(here.at, b(`f${i}`), { write: true }), (fd) => {
        assert.strictEqual(p.futimes(fd, 5, 0, 5, 0), 0);
        assert.strictEqual(p.futimes(fd, sec, nsec, sec, nsec), 0);
        assert.strictEqual(p.fstat(fd, stat, 0), 0);
        near(BigInt(stat.mtimeSec(0)) * 1_000_000_000n + BigInt(stat.mtimeNsec(0)), sec, nsec, 'mtime');
        near(BigInt(stat.atimeSec(0)) * 1_000_000_000n + BigInt(stat.atimeNsec(0)), sec, nsec, 'atime');
      });
    });
  });

  it('leaves a time alone, or sets it to now, when told so', () => {
    const p = posix();
    file('f')(here.path);
    p.utimes(here.at, b('f'), -5, 600_000_000, 7, 800_000_000);
    assert.strictEqual(p.utimes(here.at, b('f'), 0, UTIME_OMIT, 9, 0), 0);
    p.stat(here.at, b('f'), stat, 0);
    assert.deepStrictEqual([stat.atimeSec(0), stat.atimeNsec(0), stat.mtimeSec(0)], [-5, 600_000_000, 9]);
    const start = Date.now() / 1000 - 1;
    assert.strictEqual(p.utimes(here.at, b('f'), 0, UTIME_OMIT, 0, UTIME_NOW), 0);
    p.stat(here.at, b('f'), stat, 0);
    assert.strictEqual(stat.atimeSec(0), -5);
    assert.ok(stat.mtimeSec(0) >= Math.floor(start) && stat.mtimeSec(0) <= Date.now() / 1000 + 1);
  });

  it('reads, writes and truncates past 4 GiB exactly', () => {
    const p = posix();
    const far = 5 * 2 ** 30 + 12_288;
    opened(p, p.open(here.at, b('f'), { read: true, write: true, create: true }), (fd) => {
      assert.strictEqual(p.write(fd, Buffer.from('far'), 0, 3, far), 3);
      const buffer = Buffer.alloc(5, 46);
      assert.strictEqual(p.read(fd, buffer, 0, 5, far - 1), 4);
      assert.strictEqual(buffer.latin1Slice(), '\0far.');
      p.fstat(fd, stat, 0);
      assert.strictEqual(stat.size(0), far + 3);
      if (!p.lacks.has('holes')) {
        assert.strictEqual(p.seekData(fd, 2 ** 32 + 4096), far);
        assert.strictEqual(p.seekHole(fd, 0), 0);
        assert.strictEqual(p.seekData(fd, far + 3), -ENXIO);
        assert.strictEqual(p.punchHole(fd, 2 ** 30, 2 ** 33), 0);
        assert.strictEqual(p.seekData(fd, 0), -ENXIO);
        p.fstat(fd, stat, 0);
        assert.strictEqual(stat.size(0), far + 3, 'a hole does not change the size');
      }
      assert.strictEqual(p.truncate(fd, 2 ** 33 + 1), 0);
      p.fstat(fd, stat, 0);
      assert.strictEqual(stat.size(0), 2 ** 33 + 1);
    });
  });

  it('copies ranges, and allocates space, where it says that it can', () => {
    const p = posix();
    file('a', '0123456789')(here.path);
    opened(p, p.open(here.at, b('a'), { read: true }), (from) => opened(p, p.open(here.at, b('b'), { write: true, create: true }), (to) => {
      const copied = p.copyRange(from, 2, to, 2 ** 32 + 1, 5);
      const allocated = p.allocate(to, 0, 2 ** 20);
      if (p.kind === 'portable') {
        assert.deepStrictEqual([copied, allocated], [-EOPNOTSUPP, -EOPNOTSUPP]);
        return;
      }
      assert.strictEqual(copied, 5);
      const fd = fs.openSync(`${here.path}/b`, 'r');
      const buffer = Buffer.alloc(6);
      fs.readSync(fd, buffer, 0, 6, 2 ** 32);
      fs.closeSync(fd);
      assert.strictEqual(buffer.latin1Slice(), '\x0023456');
      assert.strictEqual(allocated, 0);
      p.fstat(to, stat, 0);
      assert.ok(stat.blocks(0) * 512 >= 2 ** 20);
    }));
  });

  it('clones where the file system can share blocks, and says so where not', () => {
    const p = posix();
    file('a', 'content'.repeat(1000))(here.path);
    opened(p, p.open(here.at, b('a'), { read: true }), (from) => opened(p, p.open(here.at, b('b'), { write: true, create: true }), (to) => {
      const r = p.clone(from, to);
      if (p.kind === 'native' && (kind === 'xfs' || kind === 'btrfs')) {
        assert.strictEqual(r, 0);
        content('b', 'content'.repeat(1000))(here.path);
      } else if (kind !== 'here') assert.strictEqual(r, -EOPNOTSUPP);
    }));
  });

  it('refuses to touch memory out of bounds', () => {
    const p = posix();
    file('f', 'x')(here.path);
    const errors = new Int32Array(1);
    assert.throws(() => p.stat(here.at, b('f'), stat, 4), RangeError);
    assert.throws(() => p.stat(here.at, b('f'), stat, -1), RangeError);
    assert.throws(() => p.statMany(here.at, [b('f'), b('f')], 0, 2, stat, errors), RangeError);
    assert.throws(() => p.statMany(here.at, [b('f')], 0, 2, stat, new Int32Array(2)), RangeError);
    opened(p, p.open(here.at, b('f'), { read: true }), (fd) => {
      assert.throws(() => p.read(fd, Buffer.alloc(8), 4, 5, 0), RangeError);
      assert.throws(() => p.read(fd, Buffer.alloc(8), -1, 5, 0), RangeError);
    });
  });
}

for (const { kind, posix } of IMPLEMENTATIONS) {
  describe(`fs: ${kind} Posix`, () => {
    describeOn(['ext4', 'xfs', 'btrfs', 'tmpfs'], {}, (mount) => suite(mount.kind, () => mount.path, posix));
    if (whyNoMount('tmpfs') !== undefined) {
      describe('in the temporary folder', () => {
        let tmp: TempFolder;
        before('make a folder', () => { tmp = tempFolder('posix'); });
        after('remove it', () => tmp.remove());
        suite('here', () => tmp.path, posix);
      });
    }
  });
}

describe('fs: portable Posix where the system has no paths of handles', () => {
  const tmp = useTempFolder('paths');

  it('does the same by the paths the handles were opened by', () => {
    const p = new PortablePosix(false);
    fs.mkdirSync(tmp.at('d'));
    const root = p.openRoot(b(tmp.path));
    const d = p.openDir(root, b('d'));
    const odd = b('\xff\n');
    const fd = p.open(d, odd, { write: true, create: true, exclusive: true }, 0o600);
    assert.strictEqual(p.write(fd, Buffer.from('abc'), 0, 3, 0), 3);
    assert.strictEqual(p.close(fd), 0);
    assert.deepStrictEqual([p.list(d, list), list.names, p.stat(d, odd, stat, 0), stat.size(0)], [0, [odd], 0, 3]);
    assert.deepStrictEqual([p.chmod(d, odd, 0o640), p.symlink(odd, d, b('l')), p.chmod(d, b('l'), 0o777), p.rename(d, odd, root, b('moved'))], [0, 0, -ELOOP, 0]);
    assert.strictEqual(fs.statSync(tmp.at('moved')).mode & 0o7777, 0o640);
    assert.strictEqual(typeof p.statfs(root), 'object');
    assert.deepStrictEqual([p.close(d), p.close(root)], [0, 0]);
    assert.deepStrictEqual([p.list(d, list), p.stat(d, b('l'), stat, 0), p.mkdir(root, b('x'), 0o700), p.statfs(root)], [-EBADF, -EBADF, -EBADF, -EBADF]);
  });
});
