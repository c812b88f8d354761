/**
 * Leftovers: what sessions have begun in a tree and not finished: temporary files and what came of large ones (under hidden names), and files with the mark of an
 * incomplete one under their own. Found by names alone, in bounded time; changes nothing.
 */
import { isWorkName } from '../endpoint/index.js';
import { loadOwnPosix, type NameList } from '../fs/index.js';
import { INCOMPLETE_MODE } from '../plan/index.js';
import { EMPTY, joinPath, StatTable, type RelPath } from '../tree/index.js';

export interface Leftovers {
  /** Below the root, the first of them. */
  readonly paths: readonly RelPath[];
  readonly count: number;
  /** Folders that were looked through; `all`: time sufficed for the whole tree. */
  readonly folders: number;
  readonly all: boolean;
}

const FOLDER = 4;
/** The folder in which a file may have its name before it is complete (docs/design.md). */
const PRIVATE = 0o040700;
/** Folders in one another that are gone into: each costs a handle. */
const DEEPEST = 200;

/** @param fd the root. @param ms most time. @param most paths that are named */
export function findLeftovers(fd: number, ms: number, most: number): Leftovers {
  const posix = loadOwnPosix();
  const until = performance.now() + ms;
  const paths: RelPath[] = [];
  let count = 0;
  let folders = 0;
  const found = (path: RelPath): void => {
    count++;
    if (paths.length < most) paths.push(path);
  };
  const table = new StatTable(1);
  let all = true;
  const walk = (at: number, path: RelPath, depth: number): void => {
    const list: NameList = { names: [], types: [] };
    if (posix.list(at, list) < 0) {
      all = false;
      return;
    }
    folders++;
    const isPrivate = posix.fstat(at, table, 0) === 0 && table.mode(0) === PRIVATE;
    for (const [k, name] of list.names.entries()) {
      const below = joinPath(path, name);
      if (isWorkName(name)) found(below);
      else if (list.types[k] === FOLDER) {
        const next = depth >= DEEPEST || performance.now() > until ? -1 : posix.openDir(at, name);
        if (next < 0) all = false;
        else {
          walk(next, below, depth + 1);
          posix.close(next);
        }
      } else if (isPrivate && posix.stat(at, name, table, 0) === 0 && table.mode(0) === INCOMPLETE_MODE) found(below);
    }
  };
  walk(fd, EMPTY, 0);
  return { paths, count, folders, all };
}
