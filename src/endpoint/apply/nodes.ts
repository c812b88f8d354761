/**
 * OpKind.Symlink and OpKind.Node: symlinks, devices, FIFOs and sockets. Made under their own name where nothing stands,
 * else under a temporary one and renamed, so that the old entry stays until then. With --fake-super on the
 * target they are regular files that an attribute says the truth about.
 */
import { countType, joinPath, S_IFLNK, S_IFMT, type ByteString } from '../../tree/index.js';
import { Item, SetBits, type Operation } from '../../plan/index.js';
import { Errno, type OpenFlags } from '../../fs/index.js';
import { setAttributes, useTimes } from './attributes.js';
import type { ApplyContext, FolderContext } from './context.js';
import { report, targetFailed } from './report.js';
import { scratchOf } from './scratch.js';
import { removeSource } from './source.js';
import { appeared, putInPlace, REPORTED } from './place.js';

const CREATE: OpenFlags = { write: true, create: true, exclusive: true };
const TEMP_TRIES = 1000;

/** Makes the symlink or node, with its attributes, in its place. `op.link` is a symlink's text as it shall stand. False after a Problem. */
export function makeSpecial(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  const s = scratchOf(ctx);
  const direct = op.expected.mode === 0;
  let name = direct ? op.name : s.tempName;
  let error = makeAt(ctx, op, folder.fd, name);
  if (direct && error === -Errno.EEXIST) return appeared(ctx, folder, op.name) === 0;
  for (let tries = 0; error === -Errno.EEXIST && tries < TEMP_TRIES; tries++) {
    name = s.nextTempName();
    error = makeAt(ctx, op, folder.fd, name);
  }
  if (error < 0) return makeFailed(ctx, folder, op, error);
  useTimes(s, op);
  const bits = (op.mode & S_IFMT) === S_IFLNK ? op.set : op.set | SetBits.Mode;
  // RACE: a new symlink or node has no handle; who may write the folder can exchange the name before its owner is set. What
  // then gets that owner is an inode he could link there: nothing he could not already write, where hard links are protected.
  const whole = setAttributes(ctx, folder, op, s.subject.byName(folder.fd, name), bits, -1, -1, -1, -1);
  if (!direct) {
    const placed = putInPlace(ctx, folder, op, folder.fd, name);
    if (placed < 0) {
      ctx.posix.unlink(folder.fd, name);
      return placed === REPORTED ? false : targetFailed(ctx, folder, op.name, placed, 'rename it into place');
    }
  }
  if (direct || (op.item & Item.New) !== 0) countType(ctx.counters.created, op.mode);
  if (whole) removeSource(ctx, folder, op);
  return true;
}

/** Makes the bare entry. 0 or -errno. */
function makeAt(ctx: ApplyContext, op: Operation, at: number, name: ByteString): number {
  const isLink = (op.mode & S_IFMT) === S_IFLNK;
  if (!ctx.options.attributes.fakeSuper.target) {
    if (isLink) return ctx.posix.symlink(op.link, at, name);
    return ctx.posix.mknod(at, name, (op.mode & S_IFMT) | 0o600, op.rdevMajor, op.rdevMinor);
  }
  const fd = ctx.posix.open(at, name, CREATE, 0o600);
  if (fd < 0) return fd;
  let error = 0;
  if (isLink) {
    const text = Buffer.from(op.link, 'latin1');
    const n = ctx.posix.write(fd, text, 0, text.length, 0);
    if (n !== text.length) error = n < 0 ? n : -Errno.EIO;
  }
  const closed = ctx.posix.close(fd);
  if (error === 0) error = closed;
  if (error < 0) ctx.posix.unlink(at, name);
  return error;
}

function makeFailed(ctx: ApplyContext, folder: FolderContext, op: Operation, errno: number): false {
  const isLink = (op.mode & S_IFMT) === S_IFLNK;
  const cannot = errno === -Errno.EPERM || errno === -Errno.EOPNOTSUPP || errno === -Errno.ENOSYS;
  if (!isLink && cannot) {
    return report(ctx, joinPath(folder.path, op.name), 'target', 'special-skipped', 'this kind of special file may not or cannot be made there', errno);
  }
  return targetFailed(ctx, folder, op.name, errno, isLink ? 'make the symlink' : 'make the special file');
}
