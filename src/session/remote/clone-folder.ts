/**
 * --clone-dir: the folder in which a supplying end keeps clones of what it has sent (endpoint/supply/clones.ts). It has to lie on the file system of the source,
 * outside of the tree, and that has to be one of those for which the tests have shown that extents tell what changed.
 */
import { Clones, type Mount } from '../../endpoint/index.js';
import { errnoText, makeFolders, type Posix } from '../../fs/index.js';
import { liesInside, openTables } from '../../state/index.js';
import { baseOf, parentOf, StatTable, TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';
import { absolute } from '../sources.js';

const XFS = 0x58465342;
const BTRFS = 0x9123683e;
/** Paths looked at in one go. */
const PAGE = 1000;

/** The open folder. */
export class CloneFolder {
  private constructor(private readonly posix: Posix, readonly fd: number, private readonly mounts: readonly Mount[]) {}

  /** Opens it, and makes it where it is missing. @throws TwintreeError UNSUPPORTED, STATE (inside of a tree), IO. */
  static open(posix: Posix, path: ByteString, mounts: readonly Mount[]): CloneFolder {
    const folder = absolute(path);
    const refuse = (code: 'UNSUPPORTED' | 'STATE', message: string): TwintreeError => new TwintreeError(code, message, { path: folder, advice: 'Choose a folder beside the source, on its file system, or leave --clone-dir out.' });
    if (liesInside(posix, folder, mounts.map(({ fd }) => fd))) throw refuse('STATE', 'the folder of --clone-dir lies inside the source');
    const fd = makeFolders(posix, folder, 0o700);
    if (fd < 0) throw new TwintreeError('IO', `the folder of --clone-dir cannot be made: ${errnoText(-fd)}`, { path: folder });
    const why = unfit(posix, fd, mounts);
    if (why === undefined) return new CloneFolder(posix, fd, mounts);
    posix.close(fd);
    throw refuse('UNSUPPORTED', why);
  }

  /** Removes the clones of files that are not there any more. `state`: folder of the pair's state; `tag`: of the key of its sums. */
  sweep(state: ByteString, tag: Buffer): void {
    const tables = openTables(state);
    const clones = new Clones(this.posix, this.fd, tag.toString('hex'));
    try {
      for (let after: RelPath | undefined; ;) {
        const page = tables.sums.list('source', after, PAGE);
        const gone = page.filter(({ path, head }) => head.clone !== undefined && head.tag.equals(tag) && !this.stands(path)).map(({ path }) => path);
        for (const path of gone) clones.remove(path);
        if (gone.length > 0) tables.write(() => { for (const path of gone) tables.sums.remove('source', path); });
        after = page.at(-1)?.path;
        if (page.length < PAGE) return;
      }
    } finally {
      void tables.close();
    }
  }

  close(): void {
    this.posix.close(this.fd);
  }

  /** Whether there is a file at a path whose sums are kept, or that cannot be told. */
  private stands(kept: RelPath): boolean {
    const { posix } = this;
    const slash = kept.indexOf('/');
    const mount = this.mounts[Number(kept.slice(0, slash))];
    const path = kept.slice(slash + 1) as RelPath;
    if (mount === undefined || slash < 0) return false;
    const parent = parentOf(path);
    const at = parent === '' ? mount.fd : posix.openBeneath(mount.fd, parent);
    if (at < 0) return at !== -2 && at !== -20; // ENOENT, ENOTDIR
    const stat = new StatTable(1);
    const found = posix.stat(at, baseOf(path), stat, 0);
    if (at !== mount.fd) posix.close(at);
    return found === -2 ? false : found < 0 || stat.isFile(0);
  }
}

/** Why the folder does not serve; undefined where it does. */
function unfit(posix: Posix, fd: number, mounts: readonly Mount[]): string | undefined {
  const info = posix.statfs(fd);
  const type = typeof info === 'number' ? 0 : info.type;
  if (type !== XFS && type !== BTRFS) return 'the folder of --clone-dir is not on xfs or btrfs: what changed cannot be found by extents there';
  const table = new StatTable(2);
  for (const mount of mounts) {
    if (posix.fstat(fd, table, 0) < 0 || posix.fstat(mount.fd, table, 1) < 0) return 'the folder of --clone-dir cannot be looked at';
    const source = posix.statfs(mount.fd);
    // Subvolumes of btrfs have devices of their own.
    if (table.sameDevice(0, table, 1) || (type === BTRFS && typeof source !== 'number' && source.type === BTRFS)) continue;
    return 'the folder of --clone-dir is not on the file system of the source';
  }
  if (!clonesThere(posix, fd)) return 'the file system of --clone-dir makes no clones (xfs: mkfs.xfs -m reflink=1)';
  return undefined;
}

function clonesThere(posix: Posix, fd: number): boolean {
  const names = [`probe-${process.pid}`, `probe-${process.pid}.copy`] as ByteString[];
  const open = names.map((name) => posix.open(fd, name, { read: true, write: true, create: true }, 0o600));
  const [file = -1, copy = -1] = open;
  const block = Buffer.alloc(4096, 1);
  const serves = file >= 0 && copy >= 0 && posix.write(file, block, 0, block.length, 0) === block.length && posix.clone(file, copy) === 0;
  for (const one of open) if (one >= 0) posix.close(one);
  for (const name of names) posix.unlink(fd, name);
  return serves;
}
