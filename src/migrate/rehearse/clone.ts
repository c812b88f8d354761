/**
 * A clone of a target for a rehearsal, beside it: a snapshot where the target is a subvolume of btrfs, else a tree of reflinks. Where the file system
 * can do neither, there is none: a full copy is the user's to ask for, by a folder of his own.
 */
import { randomBytes } from 'node:crypto';
import { loadOwnPosix, loadPosix, probeTarget, removeFolder, runProgram } from '../../fs/index.js';
import { StatTable, toText, TwintreeError, type ByteString } from '../../tree/index.js';

/** How the names of clones begin: only such are ever taken away. */
const PREFIX = '.twintree-rehearsal-';
const PATIENCE_MS = 600_000;
/** Inode of the root of a subvolume. */
const SUBVOLUME = 256;
const BTRFS = 0x9123683e;

/** Copies a tree within this host, cloning its files. */
export type CopyTree = (from: ByteString, to: ByteString, signal: AbortSignal) => Promise<void>;

/** @returns the clone's path. @throws TwintreeError UNSUPPORTED, IO. */
export async function makeClone(target: ByteString, copy: CopyTree, signal: AbortSignal): Promise<ByteString> {
  const folder = target.replace(/\/+$/, '') as ByteString;
  const at = folder.lastIndexOf('/');
  const clone = `${folder.slice(0, at)}/${PREFIX}${folder.slice(at + 1)}-${randomBytes(4).toString('hex')}` as ByteString;
  const { subvolume, reflinks } = traitsOf(folder);
  if (subvolume && await btrfs(['subvolume', 'snapshot', toText(folder), toText(clone)])) return clone;
  if (!reflinks) {
    throw new TwintreeError('UNSUPPORTED', 'the file system of the target cannot clone', { path: folder, advice: 'Write rehearse: with on: and a folder on the target\'s host that has room for a copy.' });
  }
  try {
    await copy(folder, clone, signal);
  } catch (error) {
    await dropClone(clone);
    throw error;
  }
  return clone;
}

/** Takes a clone away. @throws TwintreeError IO; USAGE for what is none. */
export async function dropClone(clone: ByteString): Promise<void> {
  const name = clone.slice(clone.lastIndexOf('/') + 1);
  if (!name.startsWith(PREFIX)) throw new TwintreeError('USAGE', 'this is no clone of a rehearsal', { path: clone });
  if (traitsOf(clone).subvolume && await btrfs(['subvolume', 'delete', toText(clone)])) return;
  const error = removeFolder(clone);
  if (error < 0) throw new TwintreeError('IO', 'the clone of the rehearsal cannot be taken away', { path: clone });
}

function traitsOf(folder: ByteString): { subvolume: boolean; reflinks: boolean } {
  const posix = loadPosix();
  const fd = posix.openRoot(folder);
  if (fd < 0) return { subvolume: false, reflinks: false };
  try {
    const stat = new StatTable(1);
    const info = posix.statfs(fd);
    const subvolume = typeof info !== 'number' && info.type === BTRFS && posix.fstat(fd, stat, 0) === 0 && stat.inoHigh(0) === 0 && stat.inoLow(0) === SUBVOLUME;
    return { subvolume, reflinks: probeTarget(loadOwnPosix(), fd).reflinks === true };
  } finally {
    posix.close(fd);
  }
}

async function btrfs(words: readonly string[]): Promise<boolean> {
  const env = { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' };
  const { exitCode } = await runProgram({ argv: ['btrfs', ...words], env, input: '', timeoutMs: PATIENCE_MS, graceMs: 5000, keep: 4096 });
  return exitCode === 0;
}
