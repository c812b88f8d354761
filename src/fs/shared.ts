/**
 * shared: what both implementations of `Posix` share: a rename that refuses a taken name where the kernel has no
 * call for it, and open(2)'s flag bits.
 */
import { constants } from 'node:fs';
import { StatTable, type ByteString } from '../tree/index.js';
import { Errno } from './errno.js';
import type { OpenFlags, Posix } from './posix.js';

const { O_NOFOLLOW, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = constants;

/** The bits of open(2) but O_CLOEXEC and O_NOATIME. */
export function openBits(flags: OpenFlags): number {
  let bits = O_NOCTTY | (flags.write !== true ? O_RDONLY : flags.read === true ? O_RDWR : O_WRONLY);
  if (flags.create === true) bits |= O_CREAT;
  if (flags.exclusive === true) bits |= O_EXCL;
  if (flags.truncate === true) bits |= O_TRUNC;
  if (flags.append === true) bits |= O_APPEND;
  if (flags.nonBlock === true) bits |= O_NONBLOCK;
  return flags.follow === true ? bits : bits | O_NOFOLLOW;
}

const probe = new StatTable(1);

/**
 * rename that refuses a taken name, where renameat2 cannot. A file is linked and unlinked, which the kernel
 * decides. RACE: for a folder (which has no hard links), or where there are none, the name is looked at and then
 * renamed to; one made in between is replaced, if it is a file, or an empty folder under a folder.
 */
export function renameByLink(posix: Posix, fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
  const linked = posix.link(fromAt, from, toAt, to);
  if (linked === 0) return posix.unlink(fromAt, from);
  if (linked === -Errno.EEXIST || linked === -Errno.ENOENT) return linked;
  const taken = posix.stat(toAt, to, probe, 0);
  if (taken === 0) return -Errno.EEXIST;
  return taken === -Errno.ENOENT ? posix.rename(fromAt, from, toAt, to) : taken;
}
