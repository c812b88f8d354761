/**
 * A file that is patched in place under an undo journal. What is to be written waits in a batch; before a batch is written, the old bytes
 * of all its places go to the journal and that to the disk. So whenever the run is killed, recover.ts finds what it needs to put the
 * old file back; `finish` makes the new file durable before the journal goes. Until then the old content can be read (`readOld`)
 * whatever was overwritten, which is what makes copies of moved blocks possible here.
 *
 * Places are written from front to back, none twice. Small files are spared the waiting for the disk: their journal outlives a killed process,
 * not a power failure (after one the next run finds another time on the file and brings it up to date).
 */
import { Errno, type OpenFlags } from '../../fs/index.js';
import type { ByteString } from '../../tree/index.js';
import type { ApplyContext } from './context.js';
import { readFull, targetError, writeAll } from './copy-data.js';
import { BATCH, PLACES } from './patch-room.js';
import { restore } from './recover.js';
import { BLOCK, scratchOf, SMALL, TARGET, OTHER, type Scratch } from './scratch.js';
import { undoName } from './temp-name.js';
import { encodeEnd, encodeHeader, RECORD_HEAD, RECORD_MOST, sealRecord, type UndoHeader } from './undo-format.js';

const CREATE: OpenFlags = { read: true, write: true, create: true, exclusive: true };
/** Result where no journal can be made in that folder at all. */
export const NO_JOURNAL = -200020;

/** One file being patched. Results are 0 or -errno with `scratch.failedSide` set; NO_JOURNAL from what writes. */
export class PatchedFile {
  private readonly s: Scratch;
  private readonly header: UndoHeader;
  private readonly synced: boolean;
  private journal = -1;
  private journalEnd = 0;
  private recordsFrom = 0;
  // The batch: places in the file, lengths, and their bytes end to end in `room.fresh`.
  private readonly places: number[] = [];
  private readonly lengths: number[] = [];
  private held = 0;
  // What was journalled: places (rising), lengths, and where in the journal the old bytes stand.
  private readonly saved: number[] = [];
  private readonly savedLengths: number[] = [];
  private readonly savedAt: number[] = [];

  /** `at` and `name`: the folder, to be synced with its new entry, and the file's name in it. The file's attributes are in TARGET. */
  constructor(private readonly ctx: ApplyContext, private readonly at: number, name: ByteString, private readonly fd: number) {
    this.s = scratchOf(ctx);
    const { table } = this.s;
    this.header = {
      devMajor: table.devMajor(TARGET), devMinor: table.devMinor(TARGET), inoLow: table.inoLow(TARGET), inoHigh: table.inoHigh(TARGET),
      size: table.size(TARGET), mtimeSec: table.mtimeSec(TARGET), mtimeNsec: table.mtimeNsec(TARGET), begunSec: 0, begunNsec: 0, name,
    };
    this.synced = this.header.size > SMALL;
  }

  get oldSize(): number {
    return this.header.size;
  }

  /** Has bytes [offset, offset + length) of `bytes` written at `position`. */
  write(bytes: Buffer, offset: number, length: number, position: number): number {
    const begun = this.begin();
    if (begun < 0) return begun;
    const { fresh } = this.s.patchRoom;
    for (let done = 0; done < length;) {
      if (this.held === BATCH || this.places.length === PLACES) {
        const error = this.flush();
        if (error < 0) return error;
      }
      const n = Math.min(length - done, BATCH - this.held);
      bytes.copy(fresh, this.held, offset + done, offset + done + n);
      const last = this.places.length - 1;
      if (last >= 0 && (this.places[last] as number) + (this.lengths[last] as number) === position + done) this.lengths[last] = (this.lengths[last] as number) + n;
      else {
        this.places.push(position + done);
        this.lengths.push(n);
      }
      this.held += n;
      done += n;
    }
    this.ctx.counters.literalBytes += length;
    return 0;
  }

  /** Makes [from, to) read as zeros, as a hole where the file system has them. */
  hole(from: number, to: number): number {
    const end = Math.min(to, this.oldSize);
    for (let at = from; at < end;) {
      const data = this.ctx.posix.seekData(this.fd, at);
      if (data === -Errno.ENXIO) break; // nothing but a hole already
      const start = data > at ? data : at;
      if (start >= end) break;
      const hole = this.ctx.posix.seekHole(this.fd, start);
      const stop = Math.min(end, hole > start ? hole : end);
      const error = this.punch(start, stop);
      if (error < 0) return error;
      at = stop;
    }
    return 0;
  }

  /** Journals and punches one stretch of data. */
  private punch(from: number, to: number): number {
    const flushed = this.flush();
    if (flushed < 0) return flushed;
    for (let at = from; at < to;) {
      const n = Math.min(BATCH, to - at);
      const error = this.save([at], [n]);
      if (error < 0) return error;
      at += n;
    }
    if (this.ctx.posix.punchHole(this.fd, from, to - from) >= 0) return 0;
    for (let at = from; at < to; at += BLOCK) {
      const error = writeAll(this.ctx, this.s, this.fd, this.s.zeros, 0, Math.min(BLOCK, to - at), at);
      if (error < 0) return error;
    }
    return 0;
  }

  /** Reads what the old file had at `position` into the first `length` bytes of `into`; the bytes read, fewer only at its end. */
  readOld(position: number, into: Buffer, length: number): number {
    const { saved, savedLengths, savedAt } = this;
    let done = 0;
    let k = after(saved, position);
    while (done < length) {
      const at = position + done;
      const start = saved[k - 1] ?? -1;
      const inside = k > 0 && at < start + (savedLengths[k - 1] as number);
      const stop = inside ? start + (savedLengths[k - 1] as number) : Math.min(saved[k] ?? Infinity, this.oldSize);
      const want = Math.min(length - done, stop - at);
      if (want <= 0) break;
      const n = inside
        ? readFull(this.ctx.posix, this.journal, into, want, (savedAt[k - 1] as number) + at - start, done)
        : readFull(this.ctx.posix, this.fd, into, want, at, done);
      if (n < 0) return targetError(this.s, n);
      if (n === 0) break;
      done += n;
      while (k < saved.length && (saved[k] as number) <= position + done) k++;
    }
    return done;
  }

  /** Writes what waits, and makes the file the new one, `size` bytes long. After it the journal is gone. */
  finish(size: number): number {
    const { posix } = this.ctx;
    const cuts = size < this.oldSize;
    const flushed = this.flush();
    if (flushed < 0) return flushed;
    if (size > this.oldSize || (cuts && this.journal < 0)) { // a hole may be its end; a cut alone is one step, with nothing half
      const error = posix.truncate(this.fd, size);
      if (error < 0) return targetError(this.s, error);
    }
    if (this.journal < 0) return 0;
    if (this.synced) {
      const error = posix.fsync(this.fd);
      if (error < 0) return targetError(this.s, error);
    }
    if (cuts) {
      const end = encodeEnd(size);
      let error = this.append(end, end.length);
      if (error === 0) error = this.sync();
      if (error < 0) return error;
      error = posix.truncate(this.fd, size);
      if (error >= 0 && this.synced) error = posix.fsync(this.fd);
      if (error < 0) return targetError(this.s, error);
    }
    this.drop();
    return 0;
  }

  /** Puts the old file back. Where that fails the journal stays for the next run. */
  undo(): number {
    this.forgetBatch();
    if (this.journal < 0) return 0;
    const error = restore(this.ctx.posix, this.journal, this.recordsFrom, this.fd, this.header);
    if (error < 0) {
      this.ctx.posix.close(this.journal);
      this.journal = -1;
      return targetError(this.s, error);
    }
    this.drop();
    return 0;
  }

  /** Keeps the file as far as it was patched (--partial). */
  keep(): number {
    const error = this.flush();
    if (error < 0) return error;
    this.drop();
    return 0;
  }

  private flush(): number {
    if (this.places.length === 0) return 0;
    const error = this.save(this.places, this.lengths);
    if (error < 0) return error;
    const { fresh } = this.s.patchRoom;
    const { counters } = this.ctx;
    const counted = counters.literalBytes; // when they came
    let from = 0;
    for (let k = 0; k < this.places.length; k++) {
      const length = this.lengths[k] as number;
      const failed = writeAll(this.ctx, this.s, this.fd, fresh, from, length, this.places[k] as number);
      if (failed < 0) return failed;
      from += length;
    }
    counters.literalBytes = counted;
    this.forgetBatch();
    return 0;
  }

  private forgetBatch(): void {
    this.places.length = 0;
    this.lengths.length = 0;
    this.held = 0;
  }

  /** Writes the old bytes of these places to the journal and that to the disk. Together they have at most BATCH bytes. */
  private save(places: readonly number[], lengths: readonly number[]): number {
    const begun = this.begin();
    if (begun < 0) return begun;
    const { old } = this.s.patchRoom;
    let used = 0;
    for (let k = 0; k < places.length; k++) {
      const end = Math.min((places[k] as number) + (lengths[k] as number), this.oldSize);
      for (let at = places[k] as number; at < end;) {
        const want = Math.min(end - at, RECORD_MOST);
        const n = readFull(this.ctx.posix, this.fd, old, want, at, used + RECORD_HEAD);
        if (n < 0) return targetError(this.s, n);
        if (n === 0) break; // it was cut by somebody: there is nothing to save
        sealRecord(old, used, at, n);
        this.saved.push(at);
        this.savedLengths.push(n);
        this.savedAt.push(this.journalEnd + used + RECORD_HEAD);
        used += RECORD_HEAD + n;
        at += n;
      }
    }
    if (used === 0) return 0;
    const error = this.append(old, used);
    return error < 0 ? error : this.sync();
  }

  /** Makes the journal, before the first change of any kind. */
  private begin(): number {
    if (this.journal >= 0) return 0;
    const { posix } = this.ctx;
    const { table } = this.s;
    const name = undoName(this.header.inoHigh, this.header.inoLow);
    const fd = posix.open(this.at, name, CREATE, 0o600);
    if (fd === -Errno.EACCES || fd === -Errno.EPERM || fd === -Errno.EROFS) return NO_JOURNAL;
    if (fd < 0) return targetError(this.s, fd);
    if (posix.flock(fd, 'exclusive') === -Errno.EAGAIN) { // tells a journal in use from one that was left; whoever has it takes it for that
      posix.close(fd);
      return targetError(this.s, -Errno.EBUSY);
    }
    this.journal = fd;
    const stated = posix.fstat(fd, table, OTHER);
    if (stated < 0) return targetError(this.s, stated);
    const header = encodeHeader({ ...this.header, begunSec: table.mtimeSec(OTHER), begunNsec: table.mtimeNsec(OTHER) });
    this.recordsFrom = header.length;
    const error = this.append(header, header.length);
    if (error < 0) return error;
    if (this.synced) posix.fsync(this.at); // the journal's name must outlive a power failure too; a file system that cannot do that has no such promise
    return this.sync();
  }

  private append(bytes: Buffer, length: number): number {
    const before = this.ctx.counters.literalBytes;
    const error = writeAll(this.ctx, this.s, this.journal, bytes, 0, length, this.journalEnd);
    this.ctx.counters.literalBytes = before; // no content of a file
    if (error === 0) this.journalEnd += length;
    return error;
  }

  private sync(): number {
    if (!this.synced) return 0;
    const error = this.ctx.posix.fsync(this.journal);
    return error < 0 ? targetError(this.s, error) : 0;
  }

  private drop(): void {
    if (this.journal < 0) return;
    this.ctx.posix.close(this.journal);
    this.journal = -1;
    this.ctx.posix.unlink(this.at, undoName(this.header.inoHigh, this.header.inoLow)); // fails only where somebody else has removed it
  }
}

/** How many of the rising numbers are at most `value`. */
function after(numbers: readonly number[], value: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
