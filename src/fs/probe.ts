/**
 * probe: what the file system below a target can hold, so that the plan compares only what can be kept and the
 * user is told what cannot before the first byte.
 *
 * The cheap part (`TargetTraits`' fields) asks the kernel alone where the type of file system is known. Everything
 * else is found out when first asked, by doing it in a private folder which is removed at once; the target folder's
 * times are put back. Where writing is not allowed (a dry run) or fails, an answer that the type does not give is
 * `undefined`. Nothing here decides what to do about it.
 */
import { StatTable, type ByteString } from '../tree/index.js';
import { Errno } from './errno.js';
import { ProbeFolder } from './probe-folder.js';
import type { Posix } from './posix.js';

/** Yes, no, or not to be known. */
export type Answer = boolean | undefined;

/** What is known of a type of file system without trying. */
interface KnownType {
  name: string;
  /** ns; undefined: measured. */
  granularity?: number;
  /** Symlinks, hard links, FIFOs, modes, owners, sticky files and holes alike; undefined: tried one by one. */
  posix?: boolean;
  xattrs?: boolean;
  reflinks?: boolean;
  caseInsensitive?: boolean;
  maxFileSize?: number; // bytes
}

// f_type of statfs(2). A type that is not here is tried.
const EXT = 0xef53;
/** FS_CASEFOLD_FL: names of the folder fold case and Unicode forms. */
const CASEFOLD = 0x40000000;
const KNOWN = new Map<number, KnownType>([
  [EXT, { name: 'ext', posix: true, reflinks: false }], // ext2, ext3 and ext4 share the number
  [0x58465342, { name: 'xfs', granularity: 1, posix: true }],
  [0x9123683e, { name: 'btrfs', granularity: 1, posix: true }],
  [0x01021994, { name: 'tmpfs', granularity: 1, posix: true, reflinks: false }],
  [0x794c7630, { name: 'overlay', granularity: 1, posix: true }],
  [0xf2f52010, { name: 'f2fs', granularity: 1, posix: true, reflinks: false }],
  [0x2fc12fc1, { name: 'zfs', granularity: 1, posix: true }],
  [0xca451a4e, { name: 'bcachefs', granularity: 1, posix: true }],
  [0x4d44, { name: 'vfat', posix: false, xattrs: false, reflinks: false, caseInsensitive: true, maxFileSize: 4294967295 }],
  [0x2011bab0, { name: 'exfat', posix: false, xattrs: false, reflinks: false, caseInsensitive: true }],
  [0x6969, { name: 'nfs' }],
  [0xff534d42, { name: 'cifs' }],
  [0xfe534d42, { name: 'smb' }],
  [0x65735546, { name: 'fuse' }],
  [0x01021997, { name: '9p' }],
  [0x7366746e, { name: 'ntfs' }],
]);

export interface ProbeOptions {
  /** Whether something may be made (and removed) on the target to find out. Default true. */
  mayWrite?: boolean;
}

/** What the file system of a target folder is and holds. Questions are answered once and remembered. */
export class TargetTraits {
  /** `ext`, `xfs`, `vfat`, …; `unknown` otherwise. */
  readonly fileSystem: string;
  readonly readOnly: boolean;
  /** Longest name, bytes. */
  readonly nameMax: number;
  /** Largest file, bytes, where the type sets a limit that files do meet; else undefined. */
  readonly maxFileSize: number | undefined;

  private readonly known: KnownType;
  private readonly answers = new Map<string, Answer>();
  private granularity: number | undefined;

  constructor(private readonly posix: Posix, private readonly fd: number, private readonly options: ProbeOptions = {}) {
    const info = posix.statfs(fd);
    const type = typeof info === 'number' ? 0 : info.type;
    this.known = KNOWN.get(type) ?? { name: 'unknown' };
    this.fileSystem = this.known.name;
    this.readOnly = typeof info === 'number' ? false : info.readOnly;
    this.nameMax = typeof info === 'number' ? 255 : info.nameMax;
    this.maxFileSize = this.known.maxFileSize;
    this.granularity = this.known.granularity;
    if (type === EXT && birthTimeKnown(posix, fd)) this.granularity = 1; // inodes of 128 bytes have neither a birth time nor nanoseconds
  }

  /** Unit that times are kept in, ns; what this implementation itself loses is counted in. 1 where it cannot be measured. */
  get timeGranularity(): number {
    const ns = (this.granularity ??= this.measure());
    return this.posix.lacks.has('nanoseconds') ? Math.max(ns, 1000) : ns;
  }

  /** The ctime of a file tells of every change to it: set by this kernel alone, to the nanosecond, and kept. */
  get exactChangeTimes(): boolean { return this.known.posix === true && this.granularity === 1; }
  /** Whether something can be made here; undefined where that may not be tried. */
  get writable(): Answer {
    if (this.readOnly) return false;
    return this.options.mayWrite === false ? undefined : ProbeFolder.canMake(this.posix, this.fd);
  }

  get symlinks(): Answer { return this.ask('symlinks', this.known.posix, (f) => f.accepts((at, name) => this.posix.symlink('target' as ByteString, at, name))); }
  get fifos(): Answer { return this.ask('fifos', this.known.posix, (f) => f.accepts((at, name) => this.posix.mknod(at, name, 0o010600, 0, 0))); }
  get hardLinks(): Answer { return this.ask('hardLinks', this.known.posix, (f) => f.accepts((at, name) => this.posix.link(at, f.file, at, name))); }
  /** Device nodes: a matter of this process's rights as much as of the file system. */
  get devices(): Answer { return this.ask('devices', this.known.posix === false ? false : undefined, (f) => f.accepts((at, name) => this.posix.mknod(at, name, 0o020600, 1, 3))); }
  /** Permission bits as they are set. */
  get modes(): Answer { return this.ask('modes', this.known.posix, (f) => f.keepsMode(0o751) && f.keepsMode(0o600)); }
  /** The sticky bit on a file. */
  get stickyFiles(): Answer { return this.ask('stickyFiles', this.known.posix, (f) => f.keepsMode(0o1640)); }
  /** Owners other than ours, as far as this process may set them: without the right to, what the type says. */
  get owners(): Answer { return this.ask('owners', this.known.posix, (f) => f.keepsOwner()); }
  /** Files with holes in them. */
  get holes(): Answer { return this.ask('holes', this.known.posix, (f) => f.keepsHoles()); }
  /** Extended attributes of users (`user.*`). */
  get userXattrs(): Answer { return this.ask('userXattrs', this.known.xattrs ?? this.knowsAttribute('user.twintree.none' as ByteString), (f) => f.keepsXattr()); }
  /** POSIX access lists. */
  get acls(): Answer { return this.ask('acls', this.known.xattrs ?? this.knowsAttribute('system.posix_acl_access' as ByteString), (f) => f.keepsAcl()); }
  /** Files that share blocks (FICLONE). */
  get reflinks(): Answer { return this.ask('reflinks', this.known.reflinks, (f) => f.clones()); }
  /** `A` and `a` are the same name here. */
  get caseInsensitive(): Answer { return this.ask('caseInsensitive', this.known.caseInsensitive ?? this.folds(), (f) => f.finds('tt-case' as ByteString, 'TT-CASE' as ByteString)); }
  /** é composed and é decomposed are the same name here. */
  get foldsUnicode(): Answer { return this.ask('foldsUnicode', this.folds(), (f) => f.finds('tt-\xc3\xa9' as ByteString, 'tt-e\xcc\x81' as ByteString)); }
  /** Names that are not UTF-8 are kept as they are. */
  get anyBytes(): Answer { return this.ask('anyBytes', undefined, (f) => f.lists('tt-\xff\xe9' as ByteString)); }

  private ask(question: string, known: Answer, attempt: (folder: ProbeFolder) => Answer): Answer {
    if (known !== undefined) return known;
    if (!this.answers.has(question)) this.answers.set(question, this.within(attempt));
    return this.answers.get(question);
  }

  /**
   * Where names are plain bytes unless a folder is marked as folding (ext4, f2fs, tmpfs …), its mark answers without
   * anything being written: a run with nothing to do must not touch the target. Undefined for other types.
   */
  private folds(): Answer {
    if (this.known.posix !== true) return undefined;
    const flags = this.posix.inodeFlags(this.fd);
    return flags < 0 ? false : (flags & CASEFOLD) !== 0;
  }

  /** Whether attributes of this kind exist here, by asking for one; undefined where the answer is neither yes nor no. */
  private knowsAttribute(name: ByteString): Answer {
    const value = this.posix.fgetXattr(this.fd, name);
    if (typeof value !== 'number' || value === -Errno.ENODATA) return true;
    return value === -Errno.EOPNOTSUPP ? false : undefined;
  }

  private measure(): number {
    return this.within((folder) => folder.granularity()) ?? 1;
  }

  private within<T>(attempt: (folder: ProbeFolder) => T | undefined): T | undefined {
    if (this.readOnly || this.options.mayWrite === false) return undefined;
    return ProbeFolder.within(this.posix, this.fd, attempt);
  }
}

/** What the folder behind a handle can hold. Costs one statfs and at most one statx; see `TargetTraits` for the rest. */
export function probeTarget(posix: Posix, fd: number, options: ProbeOptions = {}): TargetTraits {
  return new TargetTraits(posix, fd, options);
}

function birthTimeKnown(posix: Posix, fd: number): boolean {
  const table = new StatTable(1);
  return posix.fstat(fd, table, 0) === 0 && table.hasBtime(0);
}
