/**
 * libc: the C library's calls by FFI (koffi), as functions over plain numbers.
 *
 * Pointers are passed as numbers: an address below 2^47 is exact in a double. Every bound call repeats
 * itself on EINTR and returns a negated errno where C would return -1. System calls which not every C
 * library wraps go through syscall(2), so glibc and musl take the same path. The package is loaded when
 * `bindLibc` is called, not on import; each thread binds its own.
 */
import { createRequire } from 'node:module';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

/** A bound C function: numbers in, a result or a negated errno out. */
export type Call = (a?: number, b?: number, c?: number, d?: number, e?: number, f?: number) => number;

/** The calls `native.ts` uses, by their C names. */
export type CallName =
  | 'openat' | 'lseek' | 'mkdirat' | 'unlinkat' | 'linkat' | 'symlinkat' | 'readlinkat' | 'mknodat'
  | 'fchownat' | 'fchown' | 'fchmod' | 'chmod' | 'utimensat' | 'futimens' | 'renameat'
  | 'read' | 'pread' | 'write' | 'pwrite' | 'ftruncate' | 'fallocate' | 'ioctl' | 'fsync' | 'syncfs' | 'flock' | 'fstatfs'
  | 'listxattr' | 'getxattr' | 'llistxattr' | 'lgetxattr' | 'lsetxattr' | 'lremovexattr' | 'flistxattr' | 'fgetxattr' | 'fsetxattr' | 'fremovexattr'
  | 'getdents64' | 'statx' | 'renameat2' | 'copy_file_range' | 'fchmodat2' | 'listxattrat' | 'getxattrat' | 'openat2';

/** What binding gives. */
export interface Libc {
  readonly calls: Readonly<Record<CallName, Call>>;
  /** statx(2) as it is: 0 or -1, the error in `errno()`. For the loop that must not lose a cycle. */
  readonly statxRaw: (at: number, name: number, flags: number, mask: number, record: number) => number;
  /** close(2); never repeated: on Linux the handle is gone even after EINTR. 0 or -1. */
  readonly closeRaw: (fd: number) => number;
  /** errno of this thread's last call. */
  readonly errno: () => number;
  /** The address of a buffer's first byte. The memory of an ArrayBuffer does not move. */
  readonly addressOf: (memory: ArrayBufferLike) => number;
}

const EINTR = 4;

// C signatures without the names. `A` is an address.
const SIGNATURES: Record<Exclude<CallName, SyscallName>, [result: string, ...parameters: string[]]> = {
  openat: ['int', 'int', 'A', 'int', 'uint'],
  lseek: ['int64_t', 'int', 'int64_t', 'int'],
  mkdirat: ['int', 'int', 'A', 'uint'],
  unlinkat: ['int', 'int', 'A', 'int'],
  linkat: ['int', 'int', 'A', 'int', 'A', 'int'],
  symlinkat: ['int', 'A', 'int', 'A'],
  readlinkat: ['int64_t', 'int', 'A', 'A', 'size_t'],
  mknodat: ['int', 'int', 'A', 'uint', 'uint64_t'],
  fchownat: ['int', 'int', 'A', 'uint', 'uint', 'int'],
  fchown: ['int', 'int', 'uint', 'uint'],
  fchmod: ['int', 'int', 'uint'],
  chmod: ['int', 'A', 'uint'],
  utimensat: ['int', 'int', 'A', 'A', 'int'],
  futimens: ['int', 'int', 'A'],
  renameat: ['int', 'int', 'A', 'int', 'A'],
  read: ['int64_t', 'int', 'A', 'size_t'],
  pread: ['int64_t', 'int', 'A', 'size_t', 'int64_t'],
  write: ['int64_t', 'int', 'A', 'size_t'],
  pwrite: ['int64_t', 'int', 'A', 'size_t', 'int64_t'],
  ftruncate: ['int', 'int', 'int64_t'],
  fallocate: ['int', 'int', 'int', 'int64_t', 'int64_t'],
  ioctl: ['int', 'int', 'ulong', 'long'],
  fsync: ['int', 'int'],
  syncfs: ['int', 'int'],
  flock: ['int', 'int', 'int'],
  fstatfs: ['int', 'int', 'A'],
  listxattr: ['int64_t', 'A', 'A', 'size_t'],
  getxattr: ['int64_t', 'A', 'A', 'A', 'size_t'],
  llistxattr: ['int64_t', 'A', 'A', 'size_t'],
  lgetxattr: ['int64_t', 'A', 'A', 'A', 'size_t'],
  lsetxattr: ['int', 'A', 'A', 'A', 'size_t', 'int'],
  lremovexattr: ['int', 'A', 'A'],
  flistxattr: ['int64_t', 'int', 'A', 'size_t'],
  fgetxattr: ['int64_t', 'int', 'A', 'A', 'size_t'],
  fsetxattr: ['int', 'int', 'A', 'A', 'size_t', 'int'],
  fremovexattr: ['int', 'int', 'A'],
};

type SyscallName = 'getdents64' | 'statx' | 'renameat2' | 'copy_file_range' | 'fchmodat2' | 'listxattrat' | 'getxattrat' | 'openat2';
const SYSCALL_ARGUMENTS: Record<SyscallName, number> = { getdents64: 3, statx: 5, renameat2: 5, copy_file_range: 6, fchmodat2: 4, listxattrat: 5, getxattrat: 6, openat2: 4 };

/** System call numbers, from the kernel's tables of each architecture. */
const NUMBERS: Partial<Record<NodeJS.Architecture, Record<SyscallName, number>>> = {
  x64: { getdents64: 217, statx: 332, renameat2: 316, copy_file_range: 326, fchmodat2: 452, listxattrat: 465, getxattrat: 464, openat2: 437 },
  arm64: { getdents64: 61, statx: 291, renameat2: 276, copy_file_range: 285, fchmodat2: 452, listxattrat: 465, getxattrat: 464, openat2: 437 },
};

/** What of koffi is used here. */
interface Koffi {
  load(path: null): { func(name: string, result: string, parameters: string[]): (...args: number[]) => number };
  errno(): number;
  address(value: unknown): bigint;
}

/** Whether this system and architecture are known to `bindLibc`. */
export function libcIsKnown(): boolean {
  return process.platform === 'linux' && NUMBERS[process.arch] !== undefined;
}

/** Loads the FFI package and binds the calls. Throws where the package, the library or a symbol is missing. */
export function bindLibc(): Libc {
  const numbers = NUMBERS[process.arch];
  if (process.platform !== 'linux' || numbers === undefined) throw new Error(`no system call table for ${process.platform} on ${process.arch}`);
  const koffi = loadKoffi();
  const library = koffi.load(null);
  const errno = (): number => koffi.errno();
  const bind = (name: string, result: string, parameters: string[]): ((...args: number[]) => number) => library.func(name, result, parameters.map(cType));

  const calls = {} as Record<CallName, Call>;
  for (const [name, [result, ...parameters]] of Object.entries(SIGNATURES)) {
    calls[name as CallName] = repeating(bind(name, result, parameters), parameters.length, errno);
  }
  for (const [name, count] of Object.entries(SYSCALL_ARGUMENTS)) {
    const raw = bind('syscall', 'long', ['long', ...Array<string>(count).fill('long')]);
    calls[name as CallName] = repeatingSyscall(raw, numbers[name as SyscallName], count, errno);
  }
  const close = bind('close', 'int', ['int']);
  return {
    calls,
    statxRaw: bindStatx(bind, numbers.statx),
    closeRaw: (fd) => close(fd),
    errno,
    addressOf: (memory) => Number(koffi.address(new Uint8Array(memory))),
  };
}

/** Under this name the threads of a process find the file of the binary that its main thread loaded. */
const BINARY = 'twintree.koffi';

/** The package looks at Node's own program file to choose its binary, which costs more than all of binding: once a process is enough. */
function loadKoffi(): Koffi {
  const load = createRequire(import.meta.url);
  const known = isMainThread ? undefined : getEnvironmentData(BINARY);
  if (typeof known === 'string') return load(known) as Koffi;
  const koffi = load('koffi') as Koffi;
  const binary = Object.keys(load.cache).find((file) => file.endsWith('koffi.node'));
  if (isMainThread && binary !== undefined) setEnvironmentData(BINARY, binary);
  return koffi;
}

/** `A` in the tables above is a pointer, passed as a number. */
function cType(type: string): string {
  return type === 'A' ? 'uintptr_t' : type;
}

/** The wrapper of the C library where there is one (glibc 2.28, musl 1.2.5), the plain system call elsewhere. */
function bindStatx(bind: (name: string, result: string, parameters: string[]) => (...args: number[]) => number, number: number): Libc['statxRaw'] {
  try {
    return bind('statx', 'int', ['int', 'A', 'int', 'uint', 'A']);
  } catch {
    const raw = bind('syscall', 'long', ['long', 'int', 'A', 'int', 'uint', 'A']);
    return (at, name, flags, mask, record) => raw(number, at, name, flags, mask, record);
  }
}

/**
 * `raw` with EINTR repeated and -1 turned into the negated errno.
 * One closure for each count of arguments: spreading them would cost more than the call.
 */
function repeating(raw: (...args: number[]) => number, count: number, errno: () => number): Call {
  switch (count) {
    case 1: return (a = 0) => { let r = 0; do r = settle(raw(a), errno); while (r === -EINTR); return r; };
    case 2: return (a = 0, b = 0) => { let r = 0; do r = settle(raw(a, b), errno); while (r === -EINTR); return r; };
    case 3: return (a = 0, b = 0, c = 0) => { let r = 0; do r = settle(raw(a, b, c), errno); while (r === -EINTR); return r; };
    case 4: return (a = 0, b = 0, c = 0, d = 0) => { let r = 0; do r = settle(raw(a, b, c, d), errno); while (r === -EINTR); return r; };
    case 5: return (a = 0, b = 0, c = 0, d = 0, e = 0) => { let r = 0; do r = settle(raw(a, b, c, d, e), errno); while (r === -EINTR); return r; };
    default: throw new Error(`no wrapper for ${count} arguments`);
  }
}

/** The same for a system call by its number. */
function repeatingSyscall(raw: (...args: number[]) => number, n: number, count: number, errno: () => number): Call {
  switch (count) {
    case 3: return (a = 0, b = 0, c = 0) => { let r = 0; do r = settle(raw(n, a, b, c), errno); while (r === -EINTR); return r; };
    case 4: return (a = 0, b = 0, c = 0, d = 0) => { let r = 0; do r = settle(raw(n, a, b, c, d), errno); while (r === -EINTR); return r; };
    case 5: return (a = 0, b = 0, c = 0, d = 0, e = 0) => { let r = 0; do r = settle(raw(n, a, b, c, d, e), errno); while (r === -EINTR); return r; };
    case 6: return (a = 0, b = 0, c = 0, d = 0, e = 0, f = 0) => { let r = 0; do r = settle(raw(n, a, b, c, d, e, f), errno); while (r === -EINTR); return r; };
    default: throw new Error(`no wrapper for ${count} arguments`);
  }
}

/** C's result, or the negated errno where it is -1. */
function settle(result: number, errno: () => number): number {
  return result >= 0 ? result : -errno();
}

/** System calls beyond those of `Posix`, by their numbers on each architecture. `arguments`: 1 to 6. */
export type SyscallTable<K extends string> = Record<K, { readonly x64: number; readonly arm64: number; readonly arguments: number }>;

/** Binds further system calls, as `bindLibc` does. Throws where the system or the FFI package does not serve. */
export function bindSyscalls<K extends string>(table: SyscallTable<K>): { calls: Record<K, Call>; addressOf: Libc['addressOf'] } {
  const arch = process.arch;
  if (process.platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) throw new Error(`no system call table for ${process.platform} on ${arch}`);
  const koffi = loadKoffi();
  const library = koffi.load(null);
  const calls = {} as Record<K, Call>;
  for (const name of Object.keys(table) as K[]) {
    const entry = table[name];
    const count = Math.max(entry.arguments, 3); // the kernel does not look at what it does not take
    calls[name] = repeatingSyscall(library.func('syscall', 'long', ['long', ...Array<string>(count).fill('long')]), entry[arch], count, () => koffi.errno());
  }
  return { calls, addressOf: (memory) => Number(koffi.address(new Uint8Array(memory))) };
}
