/**
 * -y, --fuzzy: a file to build one from that the target lacks. In the same folder of the target, with -yy also of the alternate folders: the
 * file of the same size and time, else the one with the most similar name. It is only a basis: a wrong choice costs work, never content.
 *
 * The listing of a folder is made once, when the first of its files is asked for; what the session itself changes meanwhile does
 * not matter, since the chosen file is kept open until its turn comes (Scratch.hold).
 */
import type { NameList } from '../../fs/index.js';
import { MOST_APART, nameDistance, type Operation } from '../../plan/index.js';
import { StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import { worthMatching } from '../../delta/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { scratchOf } from './scratch.js';
import { isTempName } from './temp-name.js';

/** Of a folder with more files only as many before and behind the place of the name are looked at by name. */
const NEIGHBOURS = 128;

/** A file that may serve. `root`: of which alternate folder, numbered from 0; -1: of the target. */
export interface Similar { readonly root: number; readonly name: ByteString; readonly size: number; readonly mtimeSec: number }

/** Files of the folder at hand. */
interface Candidates {
  /** In byte order of the names. */
  readonly files: readonly Similar[];
  readonly byTime: ReadonlyMap<string, Similar>;
}

/** Remembers the listings of one folder. */
export class SimilarFiles {
  private path: RelPath | undefined;
  private lists: Candidates[] = [];

  /** The best one for a file that the target lacks; undefined where none is like it. */
  best(ctx: ApplyContext, folder: FolderContext, op: Operation): Similar | undefined {
    if (this.path !== folder.path) {
      this.path = folder.path;
      this.lists = this.list(ctx, folder);
    }
    for (const { byTime } of this.lists) {
      const same = byTime.get(timeKey(op.size, op.mtimeSec));
      if (same !== undefined) return same;
    }
    let best: Similar | undefined;
    let least = MOST_APART;
    for (const { files } of this.lists) {
      const at = placeOf(files, op.name);
      for (const file of files.slice(Math.max(0, at - NEIGHBOURS), at + NEIGHBOURS)) {
        if (!worthMatching(op.size, file.size)) continue;
        const distance = nameDistance(op.name, file.name, least);
        if (distance > least || (distance === least && best !== undefined && !nearer(op.size, file, best))) continue;
        least = distance;
        best = file;
      }
    }
    return best;
  }

  private list(ctx: ApplyContext, folder: FolderContext): Candidates[] {
    const lists: Candidates[] = [];
    if (!folder.fresh && folder.fd >= 0) lists.push(read(ctx, folder.fd, -1)); // what we have just made holds nothing of old
    if ((ctx.options.replace.fuzzy ?? 0) > 1) {
      ctx.altRoots.forEach((root, index) => {
        const fd = scratchOf(ctx).folderBelow(ctx.posix, root, folder.path);
        if (fd >= 0) lists.push(read(ctx, fd, index));
      });
    }
    return lists;
  }
}

function read({ posix }: ApplyContext, fd: number, root: number): Candidates {
  const raw: NameList = { names: [], types: [] };
  const byTime = new Map<string, Similar>();
  const files: Similar[] = [];
  if (posix.list(fd, raw) < 0) return { files, byTime };
  const stat = new StatTable(1);
  for (const name of raw.names.filter((each) => !isTempName(each)).sort()) {
    if (posix.stat(fd, name, stat, 0) < 0 || !stat.isFile(0) || stat.size(0) === 0) continue;
    const file = { root, name, size: stat.size(0), mtimeSec: stat.mtimeSec(0) };
    files.push(file);
    byTime.set(timeKey(file.size, file.mtimeSec), file);
  }
  return { files, byTime };
}

function timeKey(size: number, mtimeSec: number): string {
  return `${size}:${mtimeSec}`;
}

/** Where `name` would stand. */
function placeOf(files: readonly Similar[], name: ByteString): number {
  let low = 0;
  let high = files.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((files[middle] as Similar).name < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

function nearer(size: number, a: Similar, b: Similar): boolean {
  return Math.abs(a.size - size) < Math.abs(b.size - size);
}
