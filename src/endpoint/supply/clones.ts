/**
 * Clones of large files of the source, as they were sent last (--clone-dir): on a file system with reflinks what has changed since is found by where
 * the blocks of file and clone lie (fs/changed-extents.ts), and nothing else is read. What is sent is itself read from a new clone: it stands still.
 *
 * A clone is believed where its fingerprint, ctime included, is the one that was noted with the sums of its content. Their folder lies on the file system of
 * the source, outside of the tree, and belongs to the user alone; each pair of trees has its own names in it.
 */
import { createHash } from 'node:crypto';
import { sameFingerprint, fingerprintOf, type Fingerprint } from '../../state/index.js';
import { changedExtents, type Extent, type Posix } from '../../fs/index.js';
import { StatTable, type ByteString, type RelPath } from '../../tree/index.js';

/** Files from this size on have a clone, bytes: smaller ones are read as fast. */
export const CLONES_WORTH = 1 << 20;

/** The clones of one pair of trees, in a folder that is open. */
export class Clones {
  private readonly stat = new StatTable(1);

  /** @param tag tells the pair from others. */
  constructor(private readonly posix: Posix, private readonly folder: number, private readonly tag: string) {}

  /** Clones an open file as it is now. Handle, or a negated errno: then the file itself is read. `keep` or `drop` is to follow. */
  take(path: RelPath, file: number): number {
    const { posix, folder } = this;
    const name = this.fresh(path);
    posix.unlink(folder, name); // of a run that was killed
    const fd = posix.open(folder, name, { read: true, write: true, create: true, exclusive: true }, 0o600);
    if (fd < 0) return fd;
    const error = posix.clone(file, fd);
    if (error >= 0) return fd;
    posix.close(fd);
    posix.unlink(folder, name);
    return error;
  }

  /** Size of a clone. */
  size(fd: number): number {
    return this.posix.fstat(fd, this.stat, 0) < 0 ? -1 : this.stat.size(0);
  }

  /** Opens the clone that was noted with this fingerprint; below zero where it is not there any more as it was. */
  open(path: RelPath, noted: Fingerprint): number {
    const { posix, stat } = this;
    const fd = posix.open(this.folder, this.name(path), { read: true, nonBlock: true });
    if (fd < 0) return fd;
    if (posix.fstat(fd, stat, 0) === 0 && stat.isFile(0) && sameFingerprint(fingerprintOf(stat, 0), noted)) return fd;
    posix.close(fd);
    return -1;
  }

  /** What may differ between two clones, below `size`; undefined where the file system does not tell. */
  changed(old: number, fresh: number, size: number, pause: () => void): Extent[] | undefined {
    const found = changedExtents(this.posix, old, fresh, size, pause);
    return typeof found === 'number' ? undefined : found;
  }

  /** The clone that was taken is the one of the path from now on: its fingerprint, to be noted. Undefined where it cannot be. */
  keep(path: RelPath, fd: number): Fingerprint | undefined {
    const { posix, stat, folder } = this;
    const named = posix.rename(folder, this.fresh(path), folder, this.name(path));
    if (named < 0 || posix.fstat(fd, stat, 0) < 0) return undefined;
    return fingerprintOf(stat, 0);
  }

  /** The clone that was taken goes. */
  drop(path: RelPath): void {
    this.posix.unlink(this.folder, this.fresh(path));
  }

  /** The path has no clone any more. */
  remove(path: RelPath): void {
    this.posix.unlink(this.folder, this.name(path));
  }

  private name(path: RelPath): ByteString {
    return `${this.tag}-${createHash('sha256').update(Buffer.from(path, 'latin1')).digest('hex')}` as ByteString;
  }

  private fresh(path: RelPath): ByteString {
    return `${this.name(path)}.new` as ByteString;
  }
}
