/**
 * StatTable: the attributes of many entries, in one flat buffer.
 *
 * A record is 64 words (256 bytes) laid out as Linux's `struct statx` (statx(2)), so that the kernel
 * can write it in place and a scan decodes nothing; elsewhere `fs/` fills the same fields. Accessors
 * take the record's index. Times are split into seconds (may be negative) and nanoseconds (0–999999999).
 */

/** Words (32 bit) in one record. */
export const STAT_WORDS = 64;

const TWO32 = 4294967296;

// Word offsets in a record; each 64-bit field is a low and a high word.
const W_MASK = 0;
const W_ATTRIBUTES = 2; // low word
const W_NLINK = 4;
const W_UID = 5;
const W_GID = 6;
const W_MODE = 7; // low 16 bits
const W_INO = 8;
const W_SIZE = 10;
const W_BLOCKS = 12;
const W_ATIME = 16;
const W_BTIME = 20;
const W_CTIME = 24;
const W_MTIME = 28;
const W_RDEV_MAJOR = 32;
const W_RDEV_MINOR = 33;
const W_DEV_MAJOR = 34;
const W_DEV_MINOR = 35;

/** Bit of the mask word that says that the birth time is known (STATX_BTIME). */
const HAS_BTIME = 0x800;

/** File type bits of a mode, as in stat(2). */
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;

/** What Node's `fs.Stats` with bigint gives, as far as a record needs it. */
export interface StatFields {
  mode: bigint; nlink: bigint; uid: bigint; gid: bigint; ino: bigint; dev: bigint; rdev: bigint;
  size: bigint; blocks: bigint; atimeNs: bigint; mtimeNs: bigint; ctimeNs: bigint; birthtimeNs: bigint;
}

/** Attributes that are known of an entry without its file system, for `set`. */
export interface KnownAttributes {
  mode: number; uid: number; gid: number; size: number; mtimeSec: number; mtimeNsec: number; atimeSec: number; atimeNsec: number; rdevMajor: number; rdevMinor: number;
  /** Bytes that its data takes, where that is known. */
  allocated?: number;
}

/** Attributes of up to `capacity` entries. */
export class StatTable {
  readonly words: Uint32Array;
  readonly bytes: Buffer;

  constructor(readonly capacity: number) {
    const memory = new ArrayBuffer(capacity * STAT_WORDS * 4);
    this.words = new Uint32Array(memory);
    this.bytes = Buffer.from(memory);
  }

  private word(i: number, at: number): number {
    return this.words[i * STAT_WORDS + at] as number;
  }
  private wide(i: number, at: number): number {
    return this.word(i, at) + this.word(i, at + 1) * TWO32;
  }
  private seconds(i: number, at: number): number {
    return this.word(i, at) + (this.word(i, at + 1) | 0) * TWO32;
  }

  /** Whole mode: type and permission bits. */
  mode(i: number): number { return this.word(i, W_MODE) & 0xffff; }
  /** Type bits only, one of the S_IF values. */
  type(i: number): number { return this.word(i, W_MODE) & S_IFMT; }
  /** Permission bits with setuid, setgid and sticky (07777). */
  perms(i: number): number { return this.word(i, W_MODE) & 0o7777; }
  isDir(i: number): boolean { return this.type(i) === S_IFDIR; }
  isFile(i: number): boolean { return this.type(i) === S_IFREG; }
  isSymlink(i: number): boolean { return this.type(i) === S_IFLNK; }
  nlink(i: number): number { return this.word(i, W_NLINK); }
  uid(i: number): number { return this.word(i, W_UID); }
  gid(i: number): number { return this.word(i, W_GID); }
  /** Size in bytes (exact below 2^53). */
  size(i: number): number { return this.wide(i, W_SIZE); }
  /** Allocated space in units of 512 bytes. */
  blocks(i: number): number { return this.wide(i, W_BLOCKS); }
  mtimeSec(i: number): number { return this.seconds(i, W_MTIME); }
  mtimeNsec(i: number): number { return this.word(i, W_MTIME + 2); }
  atimeSec(i: number): number { return this.seconds(i, W_ATIME); }
  atimeNsec(i: number): number { return this.word(i, W_ATIME + 2); }
  ctimeSec(i: number): number { return this.seconds(i, W_CTIME); }
  ctimeNsec(i: number): number { return this.word(i, W_CTIME + 2); }
  hasBtime(i: number): boolean { return (this.word(i, W_MASK) & HAS_BTIME) !== 0; }
  btimeSec(i: number): number { return this.seconds(i, W_BTIME); }
  btimeNsec(i: number): number { return this.word(i, W_BTIME + 2); }
  /** Whether the file may not be changed, and whether it may only be appended to (chattr(1), STATX_ATTR_*); false where the system does not tell. */
  isImmutable(i: number): boolean { return (this.word(i, W_ATTRIBUTES) & 0x10) !== 0; }
  isAppendOnly(i: number): boolean { return (this.word(i, W_ATTRIBUTES) & 0x20) !== 0; }
  rdevMajor(i: number): number { return this.word(i, W_RDEV_MAJOR); }
  rdevMinor(i: number): number { return this.word(i, W_RDEV_MINOR); }
  inoLow(i: number): number { return this.word(i, W_INO); }
  inoHigh(i: number): number { return this.word(i, W_INO + 1); }
  devMajor(i: number): number { return this.word(i, W_DEV_MAJOR); }
  devMinor(i: number): number { return this.word(i, W_DEV_MINOR); }

  /** `major:minor` of the file system. */
  device(i: number): string {
    return `${this.devMajor(i)}:${this.devMinor(i)}`;
  }

  /** `major:minor:inode`, the identity of an inode on this host. */
  identity(i: number): string {
    return `${this.devMajor(i)}:${this.devMinor(i)}:${this.inoHigh(i)}:${this.inoLow(i)}`;
  }
  /** The same for longer: device numbers change with reboots, so it is told by its birth where the file system knows that. */
  lastingIdentity(i: number): string {
    const born = this.hasBtime(i) ? `b${this.btimeSec(i)}.${this.btimeNsec(i)}` : `d${this.devMajor(i)}:${this.devMinor(i)}`;
    return `i${this.inoHigh(i)}:${this.inoLow(i)}-${born}`;
  }
  /** Whether record i and record j of `other` are the same inode. */
  sameInode(i: number, other: StatTable, j: number): boolean {
    return (
      this.inoLow(i) === other.inoLow(j) && this.inoHigh(i) === other.inoHigh(j) &&
      this.devMajor(i) === other.devMajor(j) && this.devMinor(i) === other.devMinor(j)
    );
  }
  /** Whether both records lie on the same device (file system). */
  sameDevice(i: number, other: StatTable, j: number): boolean {
    return this.devMajor(i) === other.devMajor(j) && this.devMinor(i) === other.devMinor(j);
  }

  /** Copies record `j` of `from` into record `i`. */
  copyFrom(i: number, from: StatTable, j: number): void {
    this.words.set(from.words.subarray(j * STAT_WORDS, (j + 1) * STAT_WORDS), i * STAT_WORDS);
  }

  /** Makes record i that of a regular file of `size` bytes, keeping the rest (a device whose content is what counts). */
  asFile(i: number, size: number): void {
    const w = this.words;
    const base = i * STAT_WORDS;
    w[base + W_MODE] = S_IFREG | this.perms(i);
    w[base + W_SIZE] = size >>> 0;
    w[base + W_SIZE + 1] = Math.floor(size / TWO32);
    const blocks = Math.ceil(size / 512);
    w[base + W_BLOCKS] = blocks >>> 0;
    w[base + W_BLOCKS + 1] = Math.floor(blocks / TWO32);
  }

  /** Replaces what an entry is and whose, keeping size and times (a fake-super tree says so beside it). */
  overlay(i: number, to: { mode: number; uid: number; gid: number; rdevMajor: number; rdevMinor: number }): void {
    const w = this.words;
    const base = i * STAT_WORDS;
    w[base + W_MODE] = to.mode;
    w[base + W_UID] = to.uid;
    w[base + W_GID] = to.gid;
    w[base + W_RDEV_MAJOR] = to.rdevMajor;
    w[base + W_RDEV_MINOR] = to.rdevMinor;
  }

  /** Makes record i one of these attributes and no others. */
  set(i: number, a: KnownAttributes): void {
    const w = this.words;
    const base = i * STAT_WORDS;
    w.fill(0, base, base + STAT_WORDS);
    const put = (at: number, value: number): void => {
      w[base + at] = value >>> 0;
      w[base + at + 1] = Math.floor(value / TWO32);
    };
    w[base + W_NLINK] = 1;
    w[base + W_MODE] = a.mode;
    w[base + W_UID] = a.uid;
    w[base + W_GID] = a.gid;
    put(W_SIZE, a.size);
    put(W_BLOCKS, Math.ceil((a.allocated ?? 0) / 512));
    put(W_MTIME, a.mtimeSec);
    w[base + W_MTIME + 2] = a.mtimeNsec;
    put(W_ATIME, a.atimeSec);
    w[base + W_ATIME + 2] = a.atimeNsec;
    w[base + W_RDEV_MAJOR] = a.rdevMajor;
    w[base + W_RDEV_MINOR] = a.rdevMinor;
  }

  /** Fills record i from Node's own stat (bigint), where statx is not at hand. */
  fill(i: number, s: StatFields): void {
    const w = this.words;
    const base = i * STAT_WORDS;
    const put64 = (at: number, value: bigint): void => {
      w[base + at] = Number(BigInt.asUintN(32, value));
      w[base + at + 1] = Number(BigInt.asUintN(32, value >> 32n));
    };
    const putTime = (at: number, ns: bigint): void => {
      let sec = ns / 1000000000n;
      let rest = ns % 1000000000n;
      if (rest < 0n) { rest += 1000000000n; sec -= 1n; }
      put64(at, sec);
      w[base + at + 2] = Number(rest);
    };
    w[base + W_ATTRIBUTES] = 0;
    w[base + W_MASK] = 0x7ff | (s.birthtimeNs > 0n ? HAS_BTIME : 0);
    w[base + W_NLINK] = Number(s.nlink);
    w[base + W_UID] = Number(s.uid);
    w[base + W_GID] = Number(s.gid);
    w[base + W_MODE] = Number(s.mode);
    put64(W_INO, s.ino);
    put64(W_SIZE, s.size);
    put64(W_BLOCKS, s.blocks);
    putTime(W_ATIME, s.atimeNs);
    putTime(W_MTIME, s.mtimeNs);
    putTime(W_CTIME, s.ctimeNs);
    putTime(W_BTIME, s.birthtimeNs);
    // glibc's encoding of dev_t: major in bits 8–19 and 32–43, minor in 0–7 and 20–31 (makedev(3)).
    w[base + W_RDEV_MAJOR] = major(s.rdev);
    w[base + W_RDEV_MINOR] = minor(s.rdev);
    w[base + W_DEV_MAJOR] = major(s.dev);
    w[base + W_DEV_MINOR] = minor(s.dev);
  }
}

function major(dev: bigint): number {
  return Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n));
}
function minor(dev: bigint): number {
  return Number((dev & 0xffn) | ((dev >> 12n) & 0xffffff00n));
}
