/**
 * PlanStream: writes one ordered stream of operations, grouped by folder. A group begins with a Folder
 * operation; one whose `item` and `set` are zero only says which folder follows ("continuation").
 */
import { emptyOperation, OpKind, OperationWriter, Reason, type Operation } from '../../plan/index.js';
import type { RelPath } from '../../tree/index.js';

/** Bytes after which what was written is handed on. */
const CHUNK = 256 << 10;

/** One of the two streams of a walk. */
export class PlanStream {
  private readonly writer = new OperationWriter(4 << 10);
  private current: RelPath | undefined;
  private readonly continuation: Operation = emptyOperation();

  constructor(private readonly deliver: (bytes: Uint8Array) => void) {
    this.continuation.kind = OpKind.Folder;
    this.continuation.reason = Reason.Unchanged;
  }

  /** Begins a folder's group with its own operation, already encoded. */
  folder(path: RelPath, header: Uint8Array): void {
    this.writer.append(header);
    this.current = path;
  }

  /** Makes sure that what is written next belongs to `path`. */
  within(path: RelPath): void {
    if (this.current === path) return;
    this.continuation.name = path;
    this.writer.write(this.continuation);
    this.current = path;
  }

  write(op: Operation): void {
    this.writer.write(op);
    if (this.writer.length >= CHUNK) this.flush();
  }

  append(records: Uint8Array): void {
    this.writer.append(records);
    if (this.writer.length >= CHUNK) this.flush();
  }

  /** Hands on what was written so far. */
  flush(): void {
    if (this.writer.length > 0) this.deliver(this.writer.take());
  }

  /** After a hole nobody knows which folder came last. */
  interrupt(): void {
    this.flush();
    this.current = undefined;
  }
}
