/**
 * errno: the numbers system calls answer with, their names and a short phrase for people.
 *
 * The numbers are Linux's (x64 and arm64 agree); where Node reports an error by name on another system,
 * `errnoOfName` brings it to the same numbering, so the rest of the program knows only one.
 */

// [number, name, phrase]: all that calls on files, folders, attributes and their devices can answer.
const TABLE: readonly (readonly [number, string, string])[] = [
  [1, 'EPERM', 'operation not permitted'],
  [2, 'ENOENT', 'no such file or directory'],
  [3, 'ESRCH', 'no such process'],
  [4, 'EINTR', 'interrupted by a signal'],
  [5, 'EIO', 'input/output error'],
  [6, 'ENXIO', 'no such device or address'],
  [7, 'E2BIG', 'argument or attribute list too long'],
  [8, 'ENOEXEC', 'not an executable format'],
  [9, 'EBADF', 'bad file handle'],
  [10, 'ECHILD', 'no child process'],
  [11, 'EAGAIN', 'temporarily unavailable'],
  [12, 'ENOMEM', 'out of memory'],
  [13, 'EACCES', 'permission denied'],
  [14, 'EFAULT', 'bad address'],
  [15, 'ENOTBLK', 'not a block device'],
  [16, 'EBUSY', 'device or resource busy'],
  [17, 'EEXIST', 'already exists'],
  [18, 'EXDEV', 'on another file system'],
  [19, 'ENODEV', 'no such device'],
  [20, 'ENOTDIR', 'not a directory'],
  [21, 'EISDIR', 'is a directory'],
  [22, 'EINVAL', 'invalid argument'],
  [23, 'ENFILE', 'too many open files in the system'],
  [24, 'EMFILE', 'too many open files in this process'],
  [25, 'ENOTTY', 'not supported by this device'],
  [26, 'ETXTBSY', 'program file is being executed'],
  [27, 'EFBIG', 'file too large'],
  [28, 'ENOSPC', 'no space left on device'],
  [29, 'ESPIPE', 'cannot seek here'],
  [30, 'EROFS', 'read-only file system'],
  [31, 'EMLINK', 'too many hard links'],
  [32, 'EPIPE', 'broken pipe'],
  [33, 'EDOM', 'argument out of range'],
  [34, 'ERANGE', 'result too large'],
  [35, 'EDEADLK', 'would deadlock'],
  [36, 'ENAMETOOLONG', 'name too long'],
  [37, 'ENOLCK', 'no locks available'],
  [38, 'ENOSYS', 'not implemented by this system'],
  [39, 'ENOTEMPTY', 'directory not empty'],
  [40, 'ELOOP', 'is a symbolic link, or too many levels of them'],
  [61, 'ENODATA', 'no such attribute'],
  [62, 'ETIME', 'timer expired'],
  [67, 'ENOLINK', 'link has been severed'],
  [70, 'ECOMM', 'communication error'],
  [71, 'EPROTO', 'protocol error'],
  [74, 'EBADMSG', 'bad message (file system checksum)'],
  [75, 'EOVERFLOW', 'value too large'],
  [84, 'EILSEQ', 'name is not valid in the character set of the file system'],
  [87, 'EUSERS', 'too many users'],
  [95, 'EOPNOTSUPP', 'not supported by the file system'],
  [103, 'ECONNABORTED', 'connection aborted'],
  [104, 'ECONNRESET', 'connection reset by peer'],
  [105, 'ENOBUFS', 'no buffer space available'],
  [107, 'ENOTCONN', 'file system is not connected'],
  [108, 'ESHUTDOWN', 'file system was shut down'],
  [110, 'ETIMEDOUT', 'timed out'],
  [111, 'ECONNREFUSED', 'connection refused'],
  [112, 'EHOSTDOWN', 'host is down'],
  [113, 'EHOSTUNREACH', 'no route to host'],
  [116, 'ESTALE', 'stale file handle'],
  [117, 'EUCLEAN', 'file system is damaged'],
  [121, 'EREMOTEIO', 'remote input/output error'],
  [122, 'EDQUOT', 'disk quota exceeded'],
  [123, 'ENOMEDIUM', 'no medium in the device'],
  [124, 'EMEDIUMTYPE', 'wrong medium type'],
  [125, 'ECANCELED', 'cancelled'],
  [126, 'ENOKEY', 'encryption key not available'],
  [127, 'EKEYEXPIRED', 'encryption key has expired'],
  [128, 'EKEYREVOKED', 'encryption key has been revoked'],
  [129, 'EKEYREJECTED', 'encryption key was rejected'],
  [132, 'ERFKILL', 'device is switched off'],
  [133, 'EHWPOISON', 'memory page has a hardware error'],
];

/** Errno numbers the program asks for by name (Linux). Results of `Posix` are these, negated. */
export const Errno = {
  EPERM: 1, ENOENT: 2, EINTR: 4, EIO: 5, ENXIO: 6, E2BIG: 7, EBADF: 9, EAGAIN: 11, EWOULDBLOCK: 11, ENOMEM: 12, EACCES: 13, EBUSY: 16,
  EEXIST: 17, EXDEV: 18, ENODEV: 19, ENOTDIR: 20, EISDIR: 21, EINVAL: 22, ENFILE: 23, EMFILE: 24, ENOTTY: 25, ETXTBSY: 26, EFBIG: 27,
  ENOSPC: 28, ESPIPE: 29, EROFS: 30, EMLINK: 31, EPIPE: 32, ERANGE: 34, ENAMETOOLONG: 36, ENOLCK: 37, ENOSYS: 38, ENOTEMPTY: 39,
  ELOOP: 40, ENODATA: 61, EOVERFLOW: 75, EILSEQ: 84, EOPNOTSUPP: 95, ESTALE: 116, EDQUOT: 122, ECANCELED: 125,
} as const;

const names = new Map<number, string>();
const phrases = new Map<number, string>();
const numbers = new Map<string, number>([['EWOULDBLOCK', 11], ['ENOTSUP', 95], ['ENOATTR', 61], ['EDEADLOCK', 35]]);
for (const [number, name, phrase] of TABLE) {
  names.set(number, name);
  phrases.set(number, phrase);
  numbers.set(name, number);
}

/** `ENOENT` of 2 (or -2); `E999` where the number is not known. */
export function errnoName(n: number): string {
  return names.get(Math.abs(n)) ?? `E${Math.abs(n)}`;
}

/** Linux's number (positive) of a name, or undefined. */
export function errnoOfName(name: string): number | undefined {
  return numbers.get(name);
}

/** A short English phrase for an errno of either sign: `no such file or directory`. */
export function errnoText(n: number): string {
  return phrases.get(Math.abs(n)) ?? `error ${Math.abs(n)}`;
}

/** The negated Linux errno of an error that Node threw for a system call; throws on what no system call said. */
export function errnoOfError(error: unknown): number {
  const { code, errno } = error as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : numbers.get(code);
  if (known !== undefined) return -known;
  if (typeof errno === 'number' && errno < 0) return errno;
  throw error;
}
