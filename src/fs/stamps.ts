/**
 * How finely the kernel stamps files. Clocks that stamp files tick every few milliseconds, and two writes in one tick look alike. Since Linux 6.13 ext4, xfs, btrfs and
 * tmpfs stamp a change finely where somebody has asked for the file's times since the one before ("multigrain timestamps", Documentation/filesystems/multigrain-ts.rst):
 * there a change that comes after a stat always has another time.
 */
import { release } from 'node:os';
import type { Posix } from './posix.js';

/** f_type of statfs(2): ext4, xfs, btrfs, tmpfs. */
const FINE = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994]);
const SINCE = { major: 6, minor: 13 };

/** Whether each change that comes after a stat has another time, on the file system behind a handle. Times whose nanoseconds are 0 may be kept in seconds there all the same. */
export function stampsFinely(posix: Pick<Posix, 'statfs'>, fd: number, kernel = release()): boolean {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(kernel) ?? [];
  if (Number(major) < SINCE.major || (Number(major) === SINCE.major && Number(minor) < SINCE.minor)) return false;
  const info = posix.statfs(fd);
  return typeof info !== 'number' && FINE.has(info.type);
}
