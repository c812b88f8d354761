/**
 * The moves of a sealed plan: pairs of a new name and the old one that becomes it, as the session proved them when the plan was made.
 * In the file each is two lengths (u32) and two paths. Both ends of a pair must stand in the plan, as a file
 * that is new and as a deletion, with the same size and time.
 */
import { OpKind, Reason, type Operation } from '../../plan/index.js';
import { isRelPath, S_IFMT, S_IFREG, type ByteString, type RelPath } from '../../tree/index.js';
import { badPlan, MAX_SECTION, Section, type SectionWriter } from './format.js';

/** Most moves, and most bytes of their paths, that a plan may have. */
const MAX_MOVES = 250_000;
const MAX_BYTES = 256 << 20;
/** Bytes after which a section is written. */
const CHUNK = 1 << 20;

/** One move; the inode is the old file's. */
export interface SealedMove { from: RelPath; to: RelPath; inoLow: number; inoHigh: number }

interface Entry extends SealedMove { size: number; mtimeSec: number; mtimeNsec: number; seen: 0 | 1 | 2 }

/** Writes the pairs as sections. */
export function writeMoves(writer: SectionWriter, moves: Iterable<readonly [to: RelPath, from: RelPath]>): void {
  let parts: Buffer[] = [];
  let length = 0;
  const flush = (): void => {
    if (length > 0) writer.section(Section.Moves, Buffer.concat(parts, length));
    parts = [];
    length = 0;
  };
  for (const [to, from] of moves) {
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32LE(from.length, 0);
    lengths.writeUInt32LE(to.length, 4);
    parts.push(lengths, Buffer.from(from, 'latin1'), Buffer.from(to, 'latin1'));
    length += 8 + from.length + to.length;
    if (length >= CHUNK) flush();
  }
  flush();
}

/** The moves of a file while it is read, and afterwards. Methods throw PlanFileError. */
export class MoveTable {
  private readonly byNew = new Map<RelPath, Entry>();
  private readonly byOld = new Map<RelPath, Entry>();
  private bytes = 0;
  private due = 0;

  get size(): number {
    return this.byNew.size;
  }

  /** One section. */
  section(payload: Buffer): void {
    this.bytes += payload.length;
    if (this.bytes > MAX_BYTES || payload.length > MAX_SECTION) throw badPlan('its moves are too many');
    for (let at = 0; at < payload.length;) {
      if (payload.length - at < 8) throw badPlan('a move is cut off');
      const fromEnd = at + 8 + payload.readUInt32LE(at);
      const toEnd = fromEnd + payload.readUInt32LE(at + 4);
      if (toEnd > payload.length) throw badPlan('a move is cut off');
      const from = payload.latin1Slice(at + 8, fromEnd) as ByteString;
      const to = payload.latin1Slice(fromEnd, toEnd) as ByteString;
      at = toEnd;
      if (from === '' || to === '' || !isRelPath(from) || !isRelPath(to)) throw badPlan('a move with a path that is none');
      if (this.byNew.has(to) || this.byOld.has(from) || this.size >= MAX_MOVES) throw badPlan('a move stands there twice');
      const entry: Entry = { from, to, inoLow: 0, inoHigh: 0, size: 0, mtimeSec: 0, mtimeNsec: 0, seen: 0 };
      this.byNew.set(to, entry);
      this.byOld.set(from, entry);
      this.due += 2;
    }
  }

  /** An operation of the plan under this path. */
  seeNew(path: RelPath, op: Operation): void {
    const entry = this.byNew.get(path);
    if (entry === undefined) return;
    if (entry.seen !== 0 || op.kind !== OpKind.File || op.expected.mode !== 0 || op.group !== '' || op.alt !== 0) throw badPlan('a move to what is no new file');
    entry.seen = 1;
    entry.size = op.size;
    entry.mtimeSec = op.mtimeSec;
    entry.mtimeNsec = op.mtimeNsec;
    this.due--;
  }

  /** A deletion under this path. */
  seeOld(path: RelPath, op: Operation): void {
    const entry = this.byOld.get(path);
    if (entry === undefined) return;
    const e = op.expected;
    const fits = op.kind === OpKind.Delete && op.reason === Reason.Extraneous && (e.mode & S_IFMT) === S_IFREG;
    if (entry.seen !== 1 || !fits || e.size !== entry.size || e.mtimeSec !== entry.mtimeSec || e.mtimeNsec !== entry.mtimeNsec) throw badPlan('a move from what is another file');
    entry.seen = 2;
    entry.inoLow = e.inoLow;
    entry.inoHigh = e.inoHigh;
    this.due--;
  }

  /** Both streams are read. */
  finish(): void {
    if (this.due > 0) throw badPlan('a move of what is not in the plan');
  }

  /** As `writeMoves` takes them. */
  *pairs(): Generator<readonly [to: RelPath, from: RelPath]> {
    for (const { to, from } of this.byNew.values()) yield [to, from];
  }

  /** The moves; complete after `finish`. */
  all(): Iterable<SealedMove> {
    return this.byNew.values();
  }
}
