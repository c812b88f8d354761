/**
 * The renames that a plan begins with: names of the target that become others before anything is compared, so that a folder moves as a whole
 * and an edited file is brought up to date from its old version. Here they are told, and the operations are found that they need.
 */
import { emptyOperation, copyOperation, Item, OpKind, OperationReader, Reason, type Operation, type Rename } from '../plan/index.js';
import type { PlaceChanges } from '../endpoint/index.js';
import { FolderCache, type Posix } from '../fs/index.js';
import { baseOf, EMPTY, parentOf, S_IFDIR, StatTable, type RelPath } from '../tree/index.js';
import type { OperationResult } from './events.js';
import type { PlanStore } from './plan-store.js';

/** Files that are known to have been moved: new name → old one. */
export function movedFiles(places: PlaceChanges | undefined): ReadonlyMap<RelPath, RelPath> {
  return new Map(places?.moved.flatMap(({ from, to, folder }) => (folder ? [] : [[to, from]])));
}

/** Finds the plan's operations for folders: of all that lie on the way to a new name, at the first call. */
export function folderOperations(store: PlanStore, renames: readonly Rename[]): (path: RelPath) => Operation | undefined {
  let found: Map<RelPath, Operation> | undefined;
  return (path) => (found ??= collect(store, renames)).get(path);
}

function collect(store: PlanStore, renames: readonly Rename[]): Map<RelPath, Operation> {
  const wanted = new Set<RelPath>();
  for (const { to } of renames) for (let above = parentOf(to); above !== EMPTY && !wanted.has(above); above = parentOf(above)) wanted.add(above);
  const found = new Map<RelPath, Operation>();
  const op = emptyOperation();
  for (const chunk of store.chunks(0)) {
    for (const reader = new OperationReader(chunk); !reader.done;) {
      if (reader.peekKind() !== OpKind.Folder) {
        reader.skip();
        continue;
      }
      reader.next(op);
      if (wanted.has(op.name) && (op.item & Item.New) !== 0) found.set(op.name, copyOperation(op));
    }
  }
  return found;
}

/** Tells renames as operations: `planned` ones stand under their old names, `done` ones under their new. */
export function tellRenames(posix: Posix, root: number, renames: readonly Rename[], result: OperationResult, tell: (op: Operation, path: RelPath, result: OperationResult) => void): void {
  const folders = new FolderCache(posix, root);
  const stat = new StatTable(1);
  const op = emptyOperation();
  try {
    for (const { from, to } of renames) {
      const path = result === 'planned' ? from : to;
      const at = folders.open(parentOf(path));
      const there = at >= 0 && posix.stat(at, baseOf(path), stat, 0) === 0;
      op.kind = OpKind.Move;
      op.name = baseOf(to);
      op.reason = Reason.Moved;
      op.item = Item.New | Item.Local;
      op.mode = there ? stat.mode(0) : S_IFDIR;
      op.size = there && stat.isFile(0) ? stat.size(0) : 0;
      op.mtimeSec = there ? stat.mtimeSec(0) : 0;
      op.mtimeNsec = there ? stat.mtimeNsec(0) : 0;
      op.link = from;
      tell(op, to, result);
    }
  } finally {
    folders.closeAll();
  }
}
