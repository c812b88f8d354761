/**
 * Segments: stretches of an archive that hold some small members and the check block that follows them. A thread makes one out of planned
 * operations at a time: headers and contents are written straight to where they stand in it, and hashed.
 */
import type { Mount } from '../endpoint/index.js';
import type { Posix } from '../fs/index.js';
import { emptyOperation, OpKind, OperationReader, type Operation, type SessionOptions } from '../plan/index.js';
import { joinPath, type Problem, type RelPath } from '../tree/index.js';
import { encodeCheck, type CheckedMember } from './check-block.js';
import { ContentSum } from './content-sum.js';
import { measureHead, writeHead } from './quick-head.js';
import { encodeMap, type Stretch } from './sparse.js';
import { EntrySource, READS, type OpenFile } from './source-entry.js';
import { padded, TarPack } from './tar-pack.js';

/** Largest content that goes into a segment; what is larger is streamed. */
export const SMALL = 1 << 20;
/** Bytes that a segment gathers, by the plan. */
export const SEGMENT_BYTES = 2 << 20;
/** Members of a segment at most. */
export const SEGMENT_MEMBERS = 512;
/** Room of a segment: its files may have grown since the plan, and names and attributes are what they are. */
export const SEGMENT_ROOM = 6 << 20;

/** Operations of one folder, encoded. */
export interface FolderPart { path: RelPath; bytes: Uint8Array }

/** What became of one segment. */
export interface Segment {
  /** Bytes of it. */
  length: number;
  members: number;
  /** Regular files in it, and their sizes. */
  files: number; fileBytes: number;
  problems: Problem[];
  /** Ordinals (over all parts) of what has no room in the segment: it is to be written by itself. */
  grown: number[];
  /** Ordinals of operations that have no member. */
  failed: number[];
}

type Result = 'made' | 'failed' | 'grown';

export class SegmentMaker {
  private readonly source: EntrySource;
  private readonly pack = new TarPack();
  private readonly sum = new ContentSum();
  private out: Buffer = Buffer.alloc(0);
  private at = 0;
  private limit = 0;
  private names = 0; // bytes of paths, which the check block repeats
  private members: (CheckedMember & { start: number })[] = [];

  constructor(private readonly posix: Posix, options: SessionOptions, mounts: readonly Mount[]) {
    this.source = new EntrySource(posix, options, mounts);
  }

  /** Makes a segment in `room`, of SEGMENT_ROOM bytes. */
  async make(parts: readonly FolderPart[], room: Buffer): Promise<Segment> {
    const segment: Segment = { length: 0, members: 0, files: 0, fileBytes: 0, problems: [], grown: [], failed: [] };
    const op = emptyOperation();
    let ordinal = -1;
    this.out = room;
    this.at = this.names = 0;
    this.members = [];
    for (const { path: folder, bytes } of parts) {
      for (const reader = new OperationReader(bytes); !reader.done;) {
        reader.next(op);
        ordinal++;
        // The check block takes some 120 bytes a member and the path, which may take six where it is escaped.
        this.limit = room.length - (64 << 10) - 200 * (this.members.length + 1) - 6 * this.names;
        const result = op.kind === OpKind.File ? this.openFile(op, folder, segment) : this.entry(op, folder);
        if (result !== 'made') segment[result].push(ordinal);
      }
    }
    segment.problems = this.source.takeProblems();
    segment.members = this.members.length;
    if (segment.members > 0) await this.close();
    segment.length = this.at;
    return segment;
  }

  finish(): void {
    this.source.close();
  }

  private entry(op: Operation, folder: RelPath): Result {
    const head = this.source.describe(op, folder);
    if (head === undefined) return 'failed';
    const path = op.kind === OpKind.Folder ? op.name : joinPath(folder, op.name);
    const measured = measureHead(head);
    if (this.at + measured.length + 6 * path.length > this.limit) return 'grown';
    this.member(path, this.at, writeHead(this.out, this.at, head, measured), 0);
    return 'made';
  }

  private openFile(op: Operation, folder: RelPath, segment: Segment): Result {
    const file = this.source.open(op, folder);
    if (file === undefined) return 'failed';
    const result = this.file(op, folder, file);
    this.posix.close(file.fd);
    if (result === 'made') {
      segment.files++;
      segment.fileBytes += file.size;
    }
    return result;
  }

  /** Writes a file's member; again where the file changes meanwhile. */
  private file(op: Operation, folder: RelPath, file: OpenFile): Result {
    const { source } = this;
    const path = joinPath(folder, op.name);
    for (let attempt = 1; ; attempt++) {
      const head = source.describeFile(op, folder, file);
      if (head === undefined) return 'failed';
      const measured = measureHead(head);
      const { length } = measured;
      const content = this.at + length;
      if (head.size > SMALL || content + padded(head.size) + 6 * path.length > this.limit) return 'grown';
      writeHead(this.out, this.at, head, measured);
      const map = file.map === undefined ? undefined : encodeMap(file.map);
      if (map !== undefined) this.out.set(map, content);
      const from = content + (map?.length ?? 0);
      const data = head.size - (map?.length ?? 0);
      const got = this.read(file, file.map?.stretches ?? [{ offset: 0, length: file.size }], from, path);
      if (got < 0) return 'failed';
      const still = source.stoodStill(file);
      if ((!still || got < data) && attempt < READS) {
        if (!source.look(file, path)) return 'failed';
        continue;
      }
      if (got < data && still) {
        source.problem(path, 'unreadable', 'ends before its size says: only a part could be read');
        return 'failed';
      }
      this.out.fill(0, from + got, content + padded(head.size)); // where it has become shorter, zeros stand for the rest, as GNU tar has it
      if (!still) source.problem(path, 'changed', 'changed while it was read; the last reading is kept, a sync takes it up', 0, 'warning');
      this.member(path, this.at, length, head.size);
      return 'made';
    }
  }

  /** Notes what was written, and goes on behind it. */
  private member(path: RelPath, start: number, head: number, size: number): void {
    const { out, sum } = this;
    const content = start + head;
    this.members.push({ start, back: 0, head, size, headHash: sum.of(out.subarray(start, content)), hash: sum.of(out.subarray(content, content + size)), path });
    this.at = content + padded(size);
    this.names += path.length;
  }

  /** Bytes read, fewer where the file ends early; -1 after a problem. */
  private read(file: OpenFile, stretches: readonly Stretch[], at: number, path: RelPath): number {
    let got = 0;
    for (const { offset, length } of stretches) {
      for (let done = 0; done < length;) {
        const n = this.posix.read(file.fd, this.out, at + got, length - done, offset + done);
        if (n < 0) {
          this.source.problem(path, 'unreadable', 'cannot read it', n);
          return -1;
        }
        if (n === 0) return got;
        done += n;
        got += n;
      }
    }
    return got;
  }

  /** Puts the check block behind the members. */
  private async close(): Promise<void> {
    const { sum, pack, at } = this;
    const members = this.members.map(({ start, ...member }) => ({ ...member, back: at - start }));
    pack.pax('g', [['comment', encodeCheck({ members }, sum)]]);
    const check = await pack.finish();
    this.out.set(check, at);
    this.at += check.length;
  }
}
