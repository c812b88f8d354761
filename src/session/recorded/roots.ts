/**
 * Which folder a root is, so that a plan is only carried out on the folders it was made for: the inode and its birth time, since device
 * numbers change with reboots; device and inode where there is no birth time.
 */
import { errnoText, type Posix } from '../../fs/index.js';
import type { Mount } from '../../endpoint/index.js';
import { StatTable, TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';

/** A folder that was opened when the plan was made. */
export interface SealedRoot { path: ByteString; identity: string }

/** The identity of an open folder. @throws TwintreeError IO. */
export function identityOf(posix: Posix, fd: number, path: ByteString): string {
  const table = new StatTable(1);
  const error = posix.fstat(fd, table, 0);
  if (error < 0) throw new TwintreeError('IO', `its attributes cannot be read: ${errnoText(-error)}`, { path });
  return table.lastingIdentity(0);
}

/** A source of a plan: with the symlinks below it that are gone through. */
export interface SealedMount extends SealedRoot { followed: readonly RelPath[] }

/** Opens the sources of a plan again, in their order. Handles belong to the caller. @throws TwintreeError ROOT_CHANGED. */
export function openMounts(posix: Posix, sealed: readonly SealedMount[]): Mount[] {
  const mounts: Mount[] = [];
  try {
    for (const one of sealed) mounts.push(mountOf(one, openAgain(posix, one, 'source')));
  } catch (error) {
    for (const mount of mounts) posix.close(mount.fd);
    throw error;
  }
  return mounts;
}

/** A source of a plan under a handle. */
export function mountOf({ path, followed }: SealedMount, fd: number): Mount {
  return { fd, path, ...(followed.length === 0 ? {} : { followed: new Set(followed) }) };
}

/** What an identity looks like. */
export const IDENTITY = /^i\d{1,10}:\d{1,10}-(?:b-?\d{1,15}\.\d{1,9}|d\d{1,10}:\d{1,10})$/;

/** Opens a folder of a plan again. The handle is the caller's. @throws TwintreeError ROOT_CHANGED where it is gone or another one. */
export function openAgain(posix: Posix, root: SealedRoot, what: string): number {
  const advice = 'Nothing was changed. Make a new plan with twintree plan.';
  const fd = posix.openRoot(root.path);
  if (fd < 0) throw new TwintreeError('ROOT_CHANGED', `the ${what} of the plan cannot be opened: ${errnoText(-fd)}`, { path: root.path, advice });
  if (identityOf(posix, fd, root.path) === root.identity) return fd;
  posix.close(fd);
  throw new TwintreeError('ROOT_CHANGED', `the ${what} is another folder than when the plan was made (exchanged, or not mounted)`, { path: root.path, advice });
}
