/**
 * plain-file: files and pipes that the user names on the command line, read and written as streams of bytes with holes. By path, following
 * symlinks, `-` being standard input or output. What goes wrong throws a TwintreeError with the path. A regular file that is written
 * appears under its name only when `commit` is called; until then its bytes are in an exclusive temporary file beside it.
 */
import fs from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path/posix';
import { addAbortSignal } from 'node:stream';
import { TwintreeError, fromBytes, toBytes, type ByteString } from '../tree/index.js';
import { Errno, errnoOfError, errnoText } from './errno.js';
import { nextData, type Extent } from './holes.js';
import { sleepFor } from './sleep.js';
import { loadPosix } from './load.js';

/** Something that is read from front to back, or anywhere if it is `seekable`. */
export class InputFile {
  /** Bytes; undefined for pipes and the like. */
  readonly size: number | undefined;
  readonly seekable: boolean;
  readonly #sparse: boolean;
  readonly #fd: number;

  /** @throws TwintreeError 'IO'. */
  constructor(readonly path: ByteString) {
    try {
      this.#fd = path === '-' ? 0 : fs.openSync(toBytes(path), fs.constants.O_RDONLY);
      const stat = fs.fstatSync(this.#fd);
      if (stat.isDirectory()) throw new TwintreeError('IO', 'is a folder', { path });
      this.seekable = stat.isFile() && path !== '-'; // standard input may have been read by others before
      this.size = this.seekable ? stat.size : undefined;
      this.#sparse = this.seekable && stat.blocks * 512 < stat.size;
    } catch (error) {
      throw failure(error, path);
    }
  }

  /** Its handle, valid until `close`. */
  get handle(): number {
    return this.#fd;
  }

  /** Reads from `position`; the number of bytes, 0 at the end. For files that are `seekable`. */
  read(into: Buffer, position: number): number {
    try {
      return fs.readSync(this.#fd, into, 0, into.length, position);
    } catch (error) {
      throw failure(error, this.path);
    }
  }

  /**
   * All bytes from front to back, in pieces that are used again. Waiting for standard input ends with `signal`; other pipes are waited for
   * without a look at it.
   */
  async *pieces(signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    try {
      if (this.path === '-') {
        yield* addAbortSignal(signal, process.stdin) as AsyncIterable<Buffer>;
        return;
      }
      const room = Buffer.allocUnsafe(256 << 10);
      for (let n = fs.readSync(this.#fd, room); n > 0; n = fs.readSync(this.#fd, room)) yield room.subarray(0, n);
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, this.path);
    }
  }

  /** The first data at or after `from`, where the file has holes; all of the rest is data elsewhere. False: only a hole is left. */
  data(from: number, size: number, out: Extent): boolean {
    if (this.#sparse) return nextData(loadPosix(), this.#fd, from, size, out);
    out.start = from;
    out.end = size;
    return from < size;
  }

  close(): void {
    if (this.#fd > 2) fs.closeSync(this.#fd);
  }
}

/** Something that is written from front to back. */
export class OutputFile {
  #fd: number;
  #place: Buffer = Buffer.alloc(0); // the name it gets at last, symlinks followed
  #temporary: Buffer | undefined; // undefined: written in place (pipes, devices)
  #at = 0;
  #hole = false; // the last thing was a hole
  #zeros: Buffer | undefined;

  /** @param mode permissions of a new file, before the umask @throws TwintreeError 'IO'. */
  constructor(readonly path: ByteString, mode = 0o666) {
    try {
      const stat = path === '-' ? undefined : fs.statSync(toBytes(path), { throwIfNoEntry: false });
      if (path === '-') this.#fd = 1;
      else if (stat !== undefined && !stat.isFile()) this.#fd = fs.openSync(toBytes(path), fs.constants.O_WRONLY);
      else {
        this.#place = resolved(path);
        this.#temporary = toBytes(`${dirname(fromBytes(this.#place))}/.twintree-delta.${randomBytes(6).toString('hex')}` as ByteString);
        this.#fd = fs.openSync(this.#temporary, fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW, stat === undefined ? mode : 0o600);
        if (stat !== undefined) fs.fchmodSync(this.#fd, stat.mode & 0o777);
      }
    } catch (error) {
      throw failure(error, path);
    }
  }

  write(bytes: Buffer): void {
    this.#put(bytes);
    this.#at += bytes.length;
    this.#hole = false;
  }

  /** Zeros: a hole where this is a regular file, written out elsewhere. */
  hole(length: number): void {
    if (this.#temporary === undefined) {
      this.#zeros ??= Buffer.alloc(65536);
      for (let left = length; left > 0; left -= this.#zeros.length) this.#put(this.#zeros.subarray(0, Math.min(left, this.#zeros.length)));
    }
    this.#at += length;
    this.#hole = true;
  }

  /** All is there: the file gets its name. `durable`: when its content is on the disk. */
  commit(durable = true): void {
    try {
      if (this.#temporary === undefined) {
        if (this.#fd > 2) fs.closeSync(this.#fd);
      } else {
        if (this.#hole) fs.ftruncateSync(this.#fd, this.#at);
        if (durable) fs.fsyncSync(this.#fd);
        fs.closeSync(this.#fd);
        fs.renameSync(this.#temporary, this.#place);
        this.#temporary = undefined;
      }
      this.#fd = -1;
    } catch (error) {
      throw failure(error, this.path);
    }
  }

  /** Gives up what is not committed; nothing after `commit`. */
  discard(): void {
    if (this.#fd > 2) fs.closeSync(this.#fd);
    this.#fd = -1;
    if (this.#temporary !== undefined) fs.rmSync(this.#temporary, { force: true });
    this.#temporary = undefined;
  }

  /**
   * Standard output was set not to wait (Node does that itself) and is full. Opened anew, a pipe waits. A socket cannot be opened anew, and
   * Node has no poll(2): there the write is tried again every millisecond, which holds memory bounded where a queue would not.
   */
  #awaitRoom(): void {
    if (this.#fd === 1) {
      try {
        this.#fd = fs.openSync('/dev/stdout', fs.constants.O_WRONLY);
        return;
      } catch (error) {
        if (errnoOfError(error) !== -Errno.ENXIO) throw failure(error, this.path);
      }
    }
    sleepFor(1);
  }

  #put(bytes: Buffer): void {
    for (let done = 0; done < bytes.length;) {
      try {
        done += fs.writeSync(this.#fd, bytes, done, bytes.length - done, this.#temporary === undefined ? null : this.#at + done);
      } catch (error) {
        if (this.#fd > 2 && this.path !== '-') throw failure(error, this.path);
        if (errnoOfError(error) !== -Errno.EAGAIN) throw failure(error, this.path);
        this.#awaitRoom();
      }
    }
  }
}

/** Where a path leads: a symlink that is written to stays one. */
function resolved(path: ByteString): Buffer {
  try {
    return fs.realpathSync(toBytes(path), { encoding: 'buffer' });
  } catch {
    return toBytes(path); // does not exist yet
  }
}

function failure(error: unknown, path: ByteString): TwintreeError {
  if (error instanceof TwintreeError) return error;
  const number = errnoOfError(error);
  return new TwintreeError(number === -Errno.ENOSPC ? 'NO_SPACE' : 'IO', errnoText(-number), { ...(path === '-' ? {} : { path }), cause: error });
}
