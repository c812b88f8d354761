/** Reading and seeking in open handles. Holes are known only where the tokens at hand tell of one. */
import { Errno } from '../../fs/index.js';
import type { FileContent } from './file-content.js';
import type { Handle } from './handles.js';

/** stx_size in a record. */
const SIZE_AT = 40;

/** As Posix.read. */
export function readHandle(content: FileContent, handle: Handle | undefined, buffer: Buffer, offset: number, length: number, position: number): number {
  if (handle === undefined) return -Errno.EBADF;
  if (handle.kind === 'dir') return -Errno.EISDIR;
  if (handle.kind === 'file') return content.read(handle, buffer, offset, length, position);
  const from = position < 0 ? handle.at : position;
  const n = Math.max(0, Math.min(length, handle.bytes.length - from));
  handle.bytes.copy(buffer, offset, from, from + n);
  if (position < 0) handle.at += n;
  return n;
}

/** As Posix.seekData. */
export function dataFrom(content: FileContent, handle: Handle | undefined, offset: number): number {
  const size = sizeOf(handle);
  if (size < 0) return size;
  if (offset >= size) return -Errno.ENXIO;
  const data = offset + (handle?.kind === 'file' ? content.holeAt(handle, offset) : 0);
  return data >= size ? -Errno.ENXIO : data;
}

/** As Posix.seekHole. */
export function holeFrom(content: FileContent, handle: Handle | undefined, offset: number): number {
  const size = sizeOf(handle);
  if (size < 0) return size;
  if (offset >= size) return -Errno.ENXIO;
  return handle?.kind === 'file' && content.holeAt(handle, offset) > 0 ? offset : size;
}

/** Bytes of an open file, or a negated errno. */
export function sizeOf(handle: Handle | undefined): number {
  if (handle === undefined) return -Errno.EBADF;
  if (handle.kind === 'memory') return handle.bytes.length;
  if (handle.kind === 'dir') return -Errno.EISDIR;
  return handle.record === undefined ? -Errno.EIO : Number(handle.record.readBigUInt64LE(SIZE_AT));
}
