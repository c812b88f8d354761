/**
 * kernel-watch: the system calls that tell of changes (inotify, fanotify, file handles, poll), by FFI. Linux only; nothing is
 * loaded on import. Answers below zero are negated errnos. An instance belongs to one thread; the handles it makes belong to
 * the process and are closed with `Posix.close`.
 */
import { fromText, type ByteString } from '../../tree/index.js';
import { Errno } from '../errno.js';
import { bindSyscalls, type Call, type SyscallTable } from '../libc.js';
import { BULK, BULK_BYTES, FIRST, NativeMemory, SMALL } from '../native-memory.js';

type Name =
  | 'inotify_init1' | 'inotify_add_watch' | 'inotify_rm_watch' | 'fanotify_init' | 'fanotify_mark' | 'name_to_handle_at' | 'open_by_handle_at'
  | 'eventfd2' | 'ppoll' | 'read' | 'write' | 'fstatfs' | 'readlinkat' | 'openat';

const SYSCALLS: SyscallTable<Name> = {
  inotify_init1: { x64: 294, arm64: 26, arguments: 1 },
  inotify_add_watch: { x64: 254, arm64: 27, arguments: 3 },
  inotify_rm_watch: { x64: 255, arm64: 28, arguments: 2 },
  fanotify_init: { x64: 300, arm64: 262, arguments: 2 },
  fanotify_mark: { x64: 301, arm64: 263, arguments: 5 },
  name_to_handle_at: { x64: 303, arm64: 264, arguments: 5 },
  open_by_handle_at: { x64: 304, arm64: 265, arguments: 3 },
  eventfd2: { x64: 290, arm64: 19, arguments: 2 },
  ppoll: { x64: 271, arm64: 73, arguments: 5 },
  read: { x64: 0, arm64: 63, arguments: 3 },
  write: { x64: 1, arm64: 64, arguments: 3 },
  fstatfs: { x64: 138, arm64: 44, arguments: 2 },
  readlinkat: { x64: 267, arm64: 78, arguments: 4 },
  openat: { x64: 257, arm64: 56, arguments: 4 },
};

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const EFD_NONBLOCK = O_NONBLOCK;
/** Longest file handle the kernel gives (MAX_HANDLE_SZ) with its head of two words. */
const HANDLE_BYTES = 128 + 8;

/** Bits of poll(2). */
export const POLLIN = 0x1;
export const POLLPRI = 0x2;
const POLLFD_BYTES = 8;
/** Most handles of one `poll`. */
const MOST_POLLED = 16;

/** A file system as the kernel names it in events: statfs(2)'s type and id (8 bytes). */
export interface FileSystemId {
  readonly type: number;
  readonly id: ByteString;
}

export class KernelWatch {
  private readonly c: Record<Name, Call>;
  private readonly m: NativeMemory;

  /** Throws where the FFI package or the system does not serve. */
  constructor() {
    const { calls, addressOf } = bindSyscalls(SYSCALLS);
    this.c = calls;
    this.m = new NativeMemory(addressOf);
  }

  /** A new inotify queue that does not block. */
  inotifyInit(): number {
    return this.c.inotify_init1(O_NONBLOCK | O_CLOEXEC);
  }

  /** Watches the inode behind an open handle, whatever its path is by now. The watch's number. */
  inotifyAdd(queue: number, fd: number, mask: number): number {
    const bad = this.m.putText(`/proc/self/fd/${fd}` as ByteString, FIRST);
    return bad !== 0 ? bad : this.c.inotify_add_watch(queue, this.m.base + FIRST, mask);
  }

  inotifyRemove(queue: number, watch: number): number {
    return this.c.inotify_rm_watch(queue, watch);
  }

  /** A new fanotify queue. */
  fanotifyInit(flags: number): number {
    return this.c.fanotify_init(flags, 0);
  }

  /** Marks what the open handle stands for (with FAN_MARK_FILESYSTEM: its whole file system). */
  fanotifyMark(queue: number, flags: number, mask: number, fd: number): number {
    const bad = this.m.putText(`/proc/self/fd/${fd}` as ByteString, FIRST);
    return bad !== 0 ? bad : this.c.fanotify_mark(queue, flags, mask, AT_FDCWD, this.m.base + FIRST);
  }

  /** The kernel's own name of an open file or folder (struct file_handle), by which `openHandle` finds it again. */
  handleOf(fd: number): ByteString | number {
    const { scratch, base } = this.m;
    scratch.writeUInt32LE(HANDLE_BYTES - 8, BULK);
    scratch[FIRST] = 0;
    const r = this.c.name_to_handle_at(fd, base + FIRST, base + BULK, base + SMALL, AT_EMPTY_PATH);
    return r < 0 ? r : (scratch.latin1Slice(BULK, BULK + 8 + scratch.readUInt32LE(BULK)) as ByteString);
  }

  /**
   * Opens (O_PATH) what a struct file_handle names on the file system of `mountFd`. -ESTALE: it is gone. Needs CAP_DAC_READ_SEARCH.
   */
  openHandle(mountFd: number, handle: ByteString): number {
    if (handle.length < 8 || handle.length > HANDLE_BYTES) return -Errno.EINVAL;
    this.m.scratch.latin1Write(handle, BULK, handle.length);
    return this.c.open_by_handle_at(mountFd, this.m.base + BULK, O_PATH | O_CLOEXEC);
  }

  /** The folder above an open one. */
  openParent(fd: number): number {
    this.m.putText('..' as ByteString, FIRST);
    return this.c.openat(fd, this.m.base + FIRST, O_PATH | O_CLOEXEC);
  }

  /** Path of an open file, as the kernel sees it now (proc(5): ` (deleted)` after what is gone). -ENAMETOOLONG beyond a page. */
  pathOf(fd: number): ByteString | number {
    this.m.putText(`/proc/self/fd/${fd}` as ByteString, FIRST);
    const n = this.c.readlinkat(AT_FDCWD, this.m.base + FIRST, this.m.base + BULK, BULK_BYTES);
    return n < 0 ? n : (this.m.scratch.latin1Slice(BULK, BULK + n) as ByteString);
  }

  fileSystemOf(fd: number): FileSystemId | number {
    const r = this.c.fstatfs(fd, this.m.base + SMALL);
    return r < 0 ? r : { type: this.m.lowWord(0), id: this.m.scratch.latin1Slice(SMALL + 56, SMALL + 64) as ByteString };
  }

  /** A counter that another thread makes readable with `wake`. */
  eventFd(): number {
    return this.c.eventfd2(0, EFD_NONBLOCK | O_CLOEXEC);
  }

  /** Makes an `eventFd` readable. */
  wake(eventFd: number): number {
    this.m.putWord(0, 1);
    return this.c.write(eventFd, this.m.base + SMALL, 8);
  }

  /** Takes what woke, so that the next `poll` waits again. */
  awake(eventFd: number): number {
    return this.c.read(eventFd, this.m.base + SMALL, 8);
  }

  /** Reads what a queue holds into a buffer; -EAGAIN: nothing. */
  read(fd: number, buffer: Buffer): number {
    return this.c.read(fd, this.m.range(buffer, 0, buffer.length), buffer.length);
  }

  /** Opens /proc/self/mountinfo to be polled for POLLPRI: a mount has come or gone since the last `poll`. */
  openMountTable(): number {
    this.m.putText(fromText('/proc/self/mountinfo'), FIRST);
    return this.c.openat(AT_FDCWD, this.m.base + FIRST, O_CLOEXEC);
  }

  /**
   * Blocks until one of the handles has something, or for `timeoutMs` (below 0: for ever). Fills `ready` with the bits of
   * each; how many have something, 0 after the time.
   */
  poll(handles: readonly { readonly fd: number; readonly events: number }[], timeoutMs: number, ready: number[]): number {
    if (handles.length > MOST_POLLED) throw new RangeError(`${handles.length} handles to poll`);
    const { scratch, base } = this.m;
    handles.forEach(({ fd, events }, k) => {
      const at = BULK + k * POLLFD_BYTES;
      scratch.writeInt32LE(fd, at);
      scratch.writeInt16LE(events, at + 4);
      scratch.writeInt16LE(0, at + 6);
    });
    let time = 0;
    if (timeoutMs >= 0) {
      this.m.putWord(0, Math.floor(timeoutMs / 1000));
      this.m.putWord(1, Math.floor((timeoutMs % 1000) * 1e6));
      time = base + SMALL; // the kernel writes back what is left, so a call repeated after EINTR waits the rest
    }
    const r = this.c.ppoll(base + BULK, handles.length, time, 0, 8);
    ready.length = 0;
    for (let k = 0; k < handles.length; k++) ready.push(r <= 0 ? 0 : scratch.readInt16LE(BULK + k * POLLFD_BYTES + 6));
    return r;
  }
}
