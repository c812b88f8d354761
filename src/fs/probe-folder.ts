/**
 * probe-folder: a private folder on the target in which one question is answered by doing the thing. It holds one
 * file; the folder, the file and whatever was made in it are removed before `within` returns, and the parent's
 * times are put back (RACE: a change by someone else in that moment keeps an old folder time).
 */
import { threadId } from 'node:worker_threads';
import { StatTable, type ByteString } from '../tree/index.js';
import { Errno } from './errno.js';
import type { NameList, Posix } from './posix.js';

/** How such a folder's name begins: one found later was left by a process that was killed. */
export const PROBE_PREFIX = '.twintree-probe-' as ByteString;

/** A time whose digits tell the unit it was cut to: an odd second and nine different digits. */
const PROBE_SECOND = 1000000001;
const PROBE_NANOSECOND = 123456789;
const HOLE_BYTES = 1 << 18;
/** A minimal access list, which says what mode 0640 says: version 2, then owner, group, others (tag, permissions, no id). */
const MINIMAL_ACL = Buffer.from('0200000001000600ffffffff04000400ffffffff20000000ffffffff', 'hex');

export class ProbeFolder {
  /** The name of the file in it. */
  readonly file = 'file' as ByteString;
  private readonly table = new StatTable(1);

  private constructor(private readonly posix: Posix, private readonly at: number, private readonly fd: number) {}

  /** Makes the folder below `parent`, lets `act` answer, removes everything. Undefined where it cannot be made. */
  static within<T>(posix: Posix, parent: number, act: (folder: ProbeFolder) => T | undefined): T | undefined {
    const before = new StatTable(1);
    if (posix.fstat(parent, before, 0) !== 0) return undefined;
    const name = makeFolder(posix, parent);
    if (name === undefined) return undefined;
    const at = posix.openDir(parent, name);
    try {
      if (at < 0) return undefined;
      const fd = posix.open(at, 'file' as ByteString, { read: true, write: true, create: true, exclusive: true }, 0o600);
      if (fd < 0) return undefined;
      try {
        return act(new ProbeFolder(posix, at, fd));
      } finally {
        posix.close(fd);
      }
    } finally {
      if (at >= 0) {
        const left: NameList = { names: [], types: [] };
        posix.list(at, left);
        for (const entry of left.names) posix.unlink(at, entry);
        posix.close(at);
      }
      posix.rmdir(parent, name);
      posix.futimes(parent, before.atimeSec(0), before.atimeNsec(0), before.mtimeSec(0), before.mtimeNsec(0));
    }
  }

  /**
   * Whether anything can be made in `parent`: an empty folder, for a moment. Its name is a temporary one as sessions have them, which no rule hides from
   * who is bound to a folder. Undefined where that is not to be told.
   */
  static canMake(posix: Posix, parent: number): boolean | undefined {
    const before = new StatTable(1);
    if (posix.fstat(parent, before, 0) !== 0) return undefined;
    for (let attempt = 0; attempt < 100; attempt++) {
      const name = `.~twintree-${process.pid.toString(16)}${attempt.toString(16).padStart(2, '0')}-probe` as ByteString;
      const made = posix.mkdir(parent, name, 0o700);
      if (made === -Errno.EEXIST) continue;
      if (made !== 0) return made === -Errno.EACCES || made === -Errno.EPERM || made === -Errno.EROFS ? false : undefined;
      posix.rmdir(parent, name);
      posix.futimes(parent, before.atimeSec(0), before.atimeNsec(0), before.mtimeSec(0), before.mtimeNsec(0));
      return true;
    }
    return undefined;
  }

  /** Whether `make` can make an entry of the name it is given. */
  accepts(make: (at: number, name: ByteString) => number): boolean {
    return make(this.at, 'made' as ByteString) === 0;
  }

  /** Unit of times, ns: from what is left of a time with nine digits. */
  granularity(): number | undefined {
    if (this.posix.futimes(this.fd, PROBE_SECOND, PROBE_NANOSECOND, PROBE_SECOND, PROBE_NANOSECOND) !== 0) return undefined;
    if (this.posix.fstat(this.fd, this.table, 0) !== 0) return undefined;
    const sec = this.table.mtimeSec(0);
    const nsec = this.table.mtimeNsec(0);
    if (nsec === 0) return sec === PROBE_SECOND ? 1e9 : 2e9;
    let unit = 1;
    while (nsec % (unit * 10) === 0) unit *= 10;
    return unit;
  }

  keepsMode(mode: number): boolean {
    return this.posix.fchmod(this.fd, mode) === 0 && this.posix.fstat(this.fd, this.table, 0) === 0 && this.table.perms(0) === mode;
  }

  keepsOwner(): boolean {
    return this.posix.fchown(this.fd, 1, 1) === 0 && this.posix.fstat(this.fd, this.table, 0) === 0 && this.table.uid(0) === 1 && this.table.gid(0) === 1;
  }

  keepsHoles(): boolean {
    return this.posix.truncate(this.fd, HOLE_BYTES) === 0 && this.posix.fstat(this.fd, this.table, 0) === 0 && this.table.blocks(0) * 512 < HOLE_BYTES / 2;
  }

  keepsXattr(): boolean | undefined {
    return supported(this.posix.fsetXattr(this.fd, 'user.twintree' as ByteString, Buffer.from('1')));
  }

  keepsAcl(): boolean | undefined {
    return supported(this.posix.fsetXattr(this.fd, 'system.posix_acl_access' as ByteString, MINIMAL_ACL));
  }

  clones(): boolean | undefined {
    const block = Buffer.alloc(4096, 1);
    if (this.posix.write(this.fd, block, 0, block.length, 0) !== block.length) return undefined;
    const copy = this.posix.open(this.at, 'copy' as ByteString, { write: true, create: true, exclusive: true }, 0o600);
    if (copy < 0) return undefined;
    const cloned = this.posix.clone(this.fd, copy);
    this.posix.close(copy);
    return cloned === 0;
  }

  /** Whether a file made by one name is found by the other; undefined where it cannot be made. */
  finds(made: ByteString, sought: ByteString): boolean | undefined {
    if (!this.make(made)) return undefined;
    const r = this.posix.stat(this.at, sought, this.table, 0);
    return r === 0 ? true : r === -Errno.ENOENT ? false : undefined;
  }

  /** Whether a file made by a name is listed by the same bytes. */
  lists(name: ByteString): boolean {
    if (!this.make(name)) return false;
    const list: NameList = { names: [], types: [] };
    return this.posix.list(this.at, list) === 0 && list.names.includes(name);
  }

  private make(name: ByteString): boolean {
    const fd = this.posix.open(this.at, name, { write: true, create: true, exclusive: true }, 0o600);
    if (fd < 0) return false;
    this.posix.close(fd);
    return true;
  }
}

function makeFolder(posix: Posix, parent: number): ByteString | undefined {
  for (let attempt = 0; attempt < 100; attempt++) {
    const name = `${PROBE_PREFIX}${process.pid}-${threadId}-${attempt}` as ByteString;
    const r = posix.mkdir(parent, name, 0o700);
    if (r === 0) return name;
    if (r !== -Errno.EEXIST) return undefined;
  }
  return undefined;
}

/** No where the file system says that it has no such thing; undefined where it failed for another reason. */
function supported(result: number): boolean | undefined {
  if (result === 0) return true;
  return result === -Errno.EOPNOTSUPP || result === -Errno.ENOSYS ? false : undefined;
}
