/**
 * temp: ordinary files that are no part of a tree: what the user names on the command line (filter files, lists of
 * names, standard input), logs and reports. By path, following symlinks, as any program would. Results below zero are
 * negated errnos, as in `Posix`.
 */
import fs from 'node:fs';
import { toBytes, type ByteString } from '../tree/index.js';
import { Errno, errnoOfError } from './errno.js';

/** Most bytes `readWholeFile` takes in. */
export const MAX_WHOLE_FILE = 1 << 30;

const CHUNK = 64 * 1024;

/** Content of a file, `-` being standard input; -EFBIG past `limit` bytes, -EISDIR for a folder. */
export function readWholeFile(path: ByteString, limit = MAX_WHOLE_FILE): Buffer | number {
  if (path === '-') return readStandardInput(limit);
  let fd: number;
  try {
    fd = fs.openSync(toBytes(path), fs.constants.O_RDONLY);
  } catch (error) {
    return errnoOfError(error);
  }
  try {
    return readAll(fd, limit);
  } finally {
    fs.closeSync(fd);
  }
}

function readStandardInput(limit: number): Buffer | number {
  const parts: Buffer[] = [];
  const content = readAll(0, limit, parts);
  if (content !== -Errno.EAGAIN) return content;
  // Handle 0 was set not to wait by whoever started us; opened anew, the same pipe or terminal waits.
  let fd: number;
  try {
    fd = fs.openSync('/dev/stdin', fs.constants.O_RDONLY);
  } catch (error) {
    return errnoOfError(error);
  }
  try {
    return readAll(fd, limit, parts);
  } finally {
    fs.closeSync(fd);
  }
}

/** Reads to the end, behind what `parts` already holds. */
function readAll(fd: number, limit: number, parts: Buffer[] = []): Buffer | number {
  let total = parts.reduce((sum, part) => sum + part.length, 0);
  try {
    for (;;) {
      const part = Buffer.allocUnsafe(CHUNK);
      const n = fs.readSync(fd, part, 0, CHUNK, null);
      if (n === 0) return Buffer.concat(parts, total);
      parts.push(part.subarray(0, n));
      if ((total += n) > limit) return -Errno.EFBIG;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EOF') return Buffer.concat(parts, total); // a closed pipe, on Windows
    return errnoOfError(error);
  }
}

/** A file that lines are appended to, each in one write, so that several processes may share it. */
export class AppendFile {
  private constructor(private fd: number) {}

  /** Opens for appending, made where it is missing with `mode`; a negated errno where it cannot be. */
  static open(path: ByteString, mode = 0o644): AppendFile | number {
    try {
      return new AppendFile(fs.openSync(toBytes(path), 'a', mode));
    } catch (error) {
      return errnoOfError(error);
    }
  }

  /** 0 or a negated errno. Text is written as UTF-8. */
  append(data: string | Buffer): number {
    return writeAll(this.fd, typeof data === 'string' ? Buffer.from(data, 'utf8') : data);
  }

  close(): void {
    if (this.fd >= 0) fs.closeSync(this.fd);
    this.fd = -1;
  }
}

/**
 * Writes a whole file durably: into an exclusive file beside it, then renamed, so that a reader sees the old or the
 * new and never half. What is there and is no ordinary file (a device, a FIFO) is written to as it is. 0 or -errno.
 */
export function writeWholeFile(path: ByteString, data: string | Buffer, mode = 0o644): number {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
  try {
    const place = finalPlace(toBytes(path));
    if (place === undefined) return writeTo(toBytes(path), bytes, fs.constants.O_WRONLY | fs.constants.O_TRUNC, mode, false);
    for (let attempt = 0; ; attempt++) {
      const beside = Buffer.concat([place, Buffer.from(`.${process.pid}.${attempt}.tmp`)]);
      const r = writeTo(beside, bytes, fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL, mode, true);
      if (r === -Errno.EEXIST && attempt < 100) continue; // left by a process of the same number
      if (r < 0) return r;
      try {
        fs.renameSync(beside, place);
        return 0;
      } catch (error) {
        fs.unlinkSync(beside);
        return errnoOfError(error);
      }
    }
  } catch (error) {
    return errnoOfError(error);
  }
}

/** Where a rename should go: symlinks followed; undefined where something else than a file is there. */
function finalPlace(path: Buffer): Buffer | undefined {
  try {
    const place = fs.realpathSync.native(path, { encoding: 'buffer' });
    return fs.statSync(place).isFile() ? place : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return path;
    throw error;
  }
}

/** Writes, and syncs where asked; what could not be finished is removed where it was made here. */
function writeTo(path: Buffer, bytes: Buffer, flags: number, mode: number, own: boolean): number {
  let fd: number;
  try {
    fd = fs.openSync(path, flags, mode);
  } catch (error) {
    return errnoOfError(error);
  }
  let r = writeAll(fd, bytes);
  try {
    if (r === 0 && own) fs.fsyncSync(fd);
  } catch (error) {
    r = errnoOfError(error);
  }
  fs.closeSync(fd);
  if (r < 0 && own) fs.unlinkSync(path);
  return r;
}

function writeAll(fd: number, bytes: Buffer): number {
  try {
    for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at, bytes.length - at, null);
    return 0;
  } catch (error) {
    return errnoOfError(error);
  }
}
