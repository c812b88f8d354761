/**
 * Validates the records of a plan that came from a file, before anything of it is believed: every record by the plan's own decoder, then its
 * values and their order. What passes can be carried out without a surprise inside the program; whether it still fits the
 * trees is asked path by path when it is carried out.
 */
import { emptyOperation, OpKind, operationFault, OperationReader, PlanFormatError, Reason, SetBits, type Operation } from '../../plan/index.js';
import { EMPTY, joinPath, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, type RelPath } from '../../tree/index.js';
import { badPlan } from './format.js';
import type { MoveTable } from './move-table.js';

const ALL_SET = SetBits.Mode | SetBits.Uid | SetBits.Gid | SetBits.Mtime | SetBits.Atime | SetBits.Acl | SetBits.Xattr;
const ALL_ITEMS = 32767;
const GROUP = /^\d{1,10}:\d{1,10}:\d{1,10}:\d{1,10}$/;
/** Longest text of a symlink. */
const MAX_LINK = 1 << 16;

/** Checks one stream of a plan, chunk by chunk. Stream 0 is the plan, stream 1 the deletions that come last. */
export class StreamCheck {
  private readonly op = emptyOperation();
  private folder: RelPath | undefined;
  /** Operations seen, without notes and heads of folders. */
  operations = 0;
  groups = false;

  /** @param layers how many mounts there are. @param alts how many alternate folders. */
  constructor(private readonly stream: 0 | 1, private readonly layers: number, private readonly alts: number, private readonly moves: MoveTable) {}

  /** @throws PlanFileError. */
  chunk(bytes: Uint8Array): void {
    try {
      for (const reader = new OperationReader(bytes); !reader.done;) {
        reader.next(this.op);
        this.record(this.op);
      }
    } catch (error) {
      if (error instanceof PlanFormatError) throw badPlan(error.message);
      throw error;
    }
  }

  private record(op: Operation): void {
    const fault = operationFault(op) ?? this.faultOf(op);
    if (fault !== undefined) throw badPlan(`${fault} in operation ${this.operations + 1} of stream ${this.stream}`);
    if (op.kind === OpKind.Folder) {
      this.folder = op.name;
      if (op.item !== 0) this.operations++;
      return;
    }
    if (op.kind !== OpKind.Note) this.operations++;
    if (op.group !== '') this.groups = true;
    if (this.moves.size === 0) return;
    const path = joinPath(this.folder ?? EMPTY, op.name);
    if (this.stream === 0) this.moves.seeNew(path, op);
    else this.moves.seeOld(path, op);
  }

  private faultOf(op: Operation): string | undefined {
    if ((op.set & ~ALL_SET) !== 0 || op.item > ALL_ITEMS) return 'unknown attributes';
    if (op.layer > 0 && op.layer >= this.layers) return 'an unknown source';
    if (op.alt > this.alts) return 'an unknown alternate folder';
    if (op.group !== '' && (!GROUP.test(op.group) || this.stream === 1 || op.kind === OpKind.Folder || op.kind === OpKind.Delete)) return 'an impossible group';
    if (op.kind !== OpKind.Folder && this.folder === undefined) return 'no folder';
    if (op.link.length > MAX_LINK) return 'a link that is too long';
    const type = op.mode & S_IFMT;
    if (this.stream === 1 && op.kind !== OpKind.Folder && op.kind !== OpKind.Delete && op.kind !== OpKind.Note) return 'an operation that does not belong there';
    switch (op.kind) {
      case OpKind.Folder: return op.mode === 0 ? (op.set === 0 && op.item === 0 ? undefined : 'a folder without a mode') : type === S_IFDIR && this.layers > 0 ? undefined : 'a folder of another type';
      case OpKind.File: return type === S_IFREG && this.layers > 0 ? undefined : 'a file of another type';
      case OpKind.Symlink: return type === S_IFLNK && op.link !== '' ? undefined : 'a symlink of another type';
      case OpKind.Node: return isSpecial(type) ? undefined : 'a special file of another type';
      case OpKind.Link: return op.alt > 0 && type !== 0 && type !== S_IFDIR ? undefined : 'a link to nothing';
      case OpKind.Attributes: return op.expected.mode !== 0 && (op.expected.mode & S_IFMT) === type ? undefined : 'attributes of nothing';
      case OpKind.Delete: return op.expected.mode !== 0 || op.reason === Reason.Incomplete ? undefined : 'a deletion of nothing';
      case OpKind.Move: return 'an operation that does not belong there'; // moves stand in a section of their own
      case OpKind.Note: return undefined;
    }
  }
}

function isSpecial(type: number): boolean {
  return type !== 0 && type !== S_IFREG && type !== S_IFDIR && type !== S_IFLNK;
}
