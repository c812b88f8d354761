/**
 * native-xattrs: extended attributes by the C library. Kernels from 6.13 on read them relative to a folder
 * (listxattrat, getxattrat: three times as fast); before that, and for writing, `/proc/self/fd/<at>/<name>` with the
 * l*xattr calls has the same meaning. A name is followed only where reading asks for that. Attribute names
 * and values are bytes; results below zero are negated errnos.
 */
import type { ByteString } from '../tree/index.js';
import { Errno } from './errno.js';
import type { Libc } from './libc.js';
import { BULK, BULK_BYTES, FIRST, SECOND, SMALL, type NativeMemory } from './native-memory.js';

const AT_SYMLINK_NOFOLLOW = 0x100;
const XATTR_ARGS = 16;

export class NativeXattrs {
  private readonly c: Libc['calls'];
  private readonly first: number; // addresses
  private readonly second: number;
  /** Whether the kernel has the *at calls; found out by the first of them. */
  private hasAt = true;

  constructor(private readonly libc: Libc, private readonly m: NativeMemory) {
    this.c = libc.calls;
    this.first = m.base + FIRST;
    this.second = m.base + SECOND;
  }

  /** Path of a name below `at` at FIRST; attribute name, where there is one, at SECOND. */
  private put(at: number, name: ByteString, attribute: ByteString | undefined): number {
    if (name.includes('/') || name === '') return -Errno.EINVAL;
    const bad = this.m.putText(`/proc/self/fd/${at}/${name}` as ByteString, FIRST);
    return bad !== 0 || attribute === undefined ? bad : this.m.putText(attribute, SECOND);
  }

  list(at: number, name: ByteString, follow = false): ByteString[] | number {
    if (this.hasAt) {
      const wrong = name === '' ? -Errno.EINVAL : this.m.putName(name);
      if (wrong !== 0) return wrong;
      const n = this.c.listxattrat(at, this.first, follow ? 0 : AT_SYMLINK_NOFOLLOW, this.m.base + BULK, BULK_BYTES);
      if (n === 0) return [];
      if (n > 0) return this.m.scratch.latin1Slice(BULK, BULK + n - 1).split('\0') as ByteString[];
      if (n !== -Errno.ENOSYS && n !== -Errno.ERANGE) return n;
      if (n === -Errno.ENOSYS) this.hasAt = false;
    }
    const bad = this.put(at, name, undefined);
    return bad !== 0 ? bad : namesIn(this.fetch((p, size) => (follow ? this.c.listxattr(this.first, p, size) : this.c.llistxattr(this.first, p, size))));
  }

  get(at: number, name: ByteString, attribute: ByteString, follow = false): Buffer | number {
    if (this.hasAt) {
      const wrong = name === '' ? -Errno.EINVAL : this.m.putName(name) || this.m.putText(attribute, SECOND);
      if (wrong !== 0) return wrong;
      // struct xattr_args: u64 address of the value, u32 size, u32 flags
      this.m.putWord(0, this.m.base + BULK);
      this.m.putWord(1, BULK_BYTES);
      const n = this.c.getxattrat(at, this.first, follow ? 0 : AT_SYMLINK_NOFOLLOW, this.second, this.m.base + SMALL, XATTR_ARGS);
      if (n >= 0) return Buffer.from(this.m.scratch.subarray(BULK, BULK + n));
      if (n !== -Errno.ENOSYS && n !== -Errno.ERANGE) return n;
      if (n === -Errno.ENOSYS) this.hasAt = false;
    }
    const bad = this.put(at, name, attribute);
    return bad !== 0 ? bad : this.fetch((p, size) => (follow ? this.c.getxattr(this.first, this.second, p, size) : this.c.lgetxattr(this.first, this.second, p, size)));
  }

  set(at: number, name: ByteString, attribute: ByteString, value: Buffer): number {
    const bad = this.put(at, name, attribute);
    return bad !== 0 ? bad : this.c.lsetxattr(this.first, this.second, this.m.range(value, 0, value.length), value.length, 0);
  }

  remove(at: number, name: ByteString, attribute: ByteString): number {
    const bad = this.put(at, name, attribute);
    return bad !== 0 ? bad : this.c.lremovexattr(this.first, this.second);
  }

  flist(fd: number): ByteString[] | number {
    return namesIn(this.fetch((p, size) => this.c.flistxattr(fd, p, size)));
  }

  fget(fd: number, attribute: ByteString): Buffer | number {
    const bad = this.m.putText(attribute, SECOND);
    return bad !== 0 ? bad : this.fetch((p, size) => this.c.fgetxattr(fd, this.second, p, size));
  }

  fset(fd: number, attribute: ByteString, value: Buffer): number {
    const bad = this.m.putText(attribute, SECOND);
    return bad !== 0 ? bad : this.c.fsetxattr(fd, this.second, this.m.range(value, 0, value.length), value.length, 0);
  }

  fremove(fd: number, attribute: ByteString): number {
    const bad = this.m.putText(attribute, SECOND);
    return bad !== 0 ? bad : this.c.fremovexattr(fd, this.second);
  }

  /** What `ask` writes: into the scratch buffer, or, where that is too small (-ERANGE), into one of the size it tells. */
  private fetch(ask: (address: number, size: number) => number): Buffer | number {
    const n = ask(this.m.base + BULK, BULK_BYTES);
    if (n >= 0) return Buffer.from(this.m.scratch.subarray(BULK, BULK + n)); // a copy: the scratch buffer is used again
    if (n !== -Errno.ERANGE) return n;
    for (;;) {
      const size = ask(0, 0);
      if (size < 0) return size;
      const memory = new ArrayBuffer(size + 1); // one more: a size of 0 would only ask again
      const got = ask(this.libc.addressOf(memory), size + 1);
      if (got >= 0) return Buffer.from(memory, 0, got);
      if (got !== -Errno.ERANGE) return got; // ERANGE: it has grown in between
    }
  }
}

/** NUL-ended names, as the kernel lists them. */
function namesIn(bytes: Buffer | number): ByteString[] | number {
  if (typeof bytes === 'number') return bytes;
  return bytes.length === 0 ? [] : (bytes.latin1Slice(0, bytes.length - 1).split('\0') as ByteString[]);
}
