/**
 * Without -H each name of a file is a file of its own on the target. An event names one of them: where a session changed a file through one name, it has
 * changed under its others too, of which nothing was told. Then a full session follows after a while.
 */
import { FolderCache, loadPosix } from '../../fs/index.js';
import { OpKind, type Operation, type SessionOptions } from '../../plan/index.js';
import type { OperationResult } from '../../session/index.js';
import { baseOf, EMPTY, parentOf, S_IFDIR, S_IFMT, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import type { Job } from './agenda.js';

export class LinkDoubt {
  /** Operations of the session are to be told to `saw`: a file with several names may be among them. */
  readonly wanted: boolean;
  private readonly changed = new Set<RelPath>();

  /** @param root the source. */
  constructor(private readonly root: ByteString, { kind, hints }: Job, options: SessionOptions) {
    this.wanted = kind !== 'full' && !options.attributes.hardLinks && (hints.some(({ scope }) => scope !== 'entry') || this.anyLinked(hints.map(({ path }) => path)));
  }

  /** An operation was carried out. */
  saw({ kind, expected }: Operation, path: RelPath, result: OperationResult): void {
    if (!this.wanted || result !== 'done' || expected.mode === 0 || (expected.mode & S_IFMT) === S_IFDIR) return;
    if (kind === OpKind.File || kind === OpKind.Attributes || kind === OpKind.Symlink || kind === OpKind.Node) this.changed.add(path);
  }

  /** Whether other names may stand for what was changed. */
  get stands(): boolean {
    return this.changed.size > 0 && this.anyLinked([...this.changed]);
  }

  private anyLinked(paths: readonly RelPath[]): boolean {
    const posix = loadPosix();
    const fd = posix.openRoot(this.root);
    if (fd < 0) return false; // the session finds that out
    const cache = new FolderCache(posix, fd);
    const stat = new StatTable(1);
    try {
      return paths.some((path) => {
        const at = path === EMPTY ? -1 : cache.open(parentOf(path));
        return at >= 0 && posix.stat(at, baseOf(path), stat, 0) === 0 && !stat.isDir(0) && stat.nlink(0) > 1;
      });
    } finally {
      cache.closeAll();
      posix.close(fd);
    }
  }
}
