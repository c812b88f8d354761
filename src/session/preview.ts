/** A dry run's last step: tells the plan, operation by operation, with the same decisions a real run takes. */
import { emptyOperation, OpKind, OperationReader, Reason, type DeleteWhen, type Operation } from '../plan/index.js';
import { EMPTY, joinPath, type RelPath } from '../tree/index.js';
import type { Outcome, SessionListener } from './events.js';
import type { PlanStore } from './plan-store.js';
import { isDeletion, type Resolver } from './resolve.js';

/** Tells all operations in the order they would be carried out. */
export function preview(
  store: PlanStore, resolver: Resolver, listener: SessionListener, deletes: DeleteWhen | undefined, maxDelete: number | undefined, outcome: Outcome, aborted: () => boolean,
): void {
  const op = emptyOperation();
  const wants = listener.wantsOperations ?? 'none';
  let deleted = 0;
  let folder: RelPath = EMPTY;
  const tell = (path: RelPath): void => {
    if (wants === 'none') return;
    if (wants === 'changes' && (op.kind === OpKind.Note || (op.kind === OpKind.Folder && op.item === 0))) return;
    listener.operation?.(op, path, 'planned');
  };
  const stream = (which: 0 | 1): void => {
    for (const chunk of store.chunks(which)) {
      const reader = new OperationReader(chunk);
      while (!reader.done && !aborted()) {
        reader.next(op);
        if (op.kind === OpKind.Folder) {
          folder = op.name;
          if (isFolderLine(op, which)) tell(folder);
          continue;
        }
        resolver.adapt(op, folder);
        if (op.kind === OpKind.Delete) {
          if (op.reason === Reason.Incomplete) continue;
          if (deletes === undefined && isDeletion(op)) continue;
          if (maxDelete !== undefined && deleted >= maxDelete) {
            outcome.deletionsSkipped++;
            continue;
          }
          deleted++;
        }
        tell(joinPath(folder, op.name));
      }
    }
  };
  if (deletes === 'before') stream(1);
  stream(0);
  if (deletes !== 'before') stream(1);
}

/** Whether a folder's operation is a line of its own, and not only the head of what follows. */
function isFolderLine(op: Operation, stream: 0 | 1): boolean {
  return stream === 0 && (op.item !== 0 || (op.reason === Reason.Unchanged && op.mode !== 0));
}
