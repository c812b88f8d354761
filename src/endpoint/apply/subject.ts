/**
 * Subject: one entry whose attributes are set, either by its open handle or by (folder handle, name). A handle
 * is taken wherever there is one: what it stands for cannot be exchanged between two calls.
 */
import { EMPTY, type ByteString, type StatTable } from '../../tree/index.js';
import type { Posix } from '../../fs/index.js';
import type { SourceFs } from '../source/types.js';

/** What is asked of an entry that attributes are read from. */
type Readable = Pick<SourceFs, 'listXattrs' | 'getXattr' | 'flistXattrs' | 'fgetXattr'>;

/** An entry that attributes are read from. Reused: `byHandle` or `byName` says what it stands for. Results are a value or -errno. */
export class Model<Fs extends Readable = Readable> {
  protected fd = -1;
  protected at = -1;
  protected name: ByteString = EMPTY;
  private follow = false;

  constructor(protected readonly posix: Fs) {}

  byHandle(fd: number): this {
    this.fd = fd;
    return this;
  }
  /** @param follow what a symlink of that name leads to */
  byName(at: number, name: ByteString, follow = false): this {
    this.fd = -1;
    this.at = at;
    this.name = name;
    this.follow = follow;
    return this;
  }

  listXattrs(): ByteString[] | number {
    return this.fd >= 0 ? this.posix.flistXattrs(this.fd) : this.posix.listXattrs(this.at, this.name, this.follow);
  }
  getXattr(attribute: ByteString): Buffer | number {
    return this.fd >= 0 ? this.posix.fgetXattr(this.fd, attribute) : this.posix.getXattr(this.at, this.name, attribute, this.follow);
  }
}

/** An entry of the target whose attributes are set. */
export class Subject extends Model<Posix> {
  stat(table: StatTable, i: number): number {
    return this.fd >= 0 ? this.posix.fstat(this.fd, table, i) : this.posix.stat(this.at, this.name, table, i);
  }
  chown(uid: number, gid: number): number {
    return this.fd >= 0 ? this.posix.fchown(this.fd, uid, gid) : this.posix.chown(this.at, this.name, uid, gid);
  }
  chmod(mode: number): number {
    return this.fd >= 0 ? this.posix.fchmod(this.fd, mode) : this.posix.chmod(this.at, this.name, mode);
  }
  utimes(atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number {
    return this.fd >= 0
      ? this.posix.futimes(this.fd, atimeSec, atimeNsec, mtimeSec, mtimeNsec)
      : this.posix.utimes(this.at, this.name, atimeSec, atimeNsec, mtimeSec, mtimeNsec);
  }
  setXattr(attribute: ByteString, value: Buffer): number {
    return this.fd >= 0 ? this.posix.fsetXattr(this.fd, attribute, value) : this.posix.setXattr(this.at, this.name, attribute, value);
  }
  removeXattr(attribute: ByteString): number {
    return this.fd >= 0 ? this.posix.fremoveXattr(this.fd, attribute) : this.posix.removeXattr(this.at, this.name, attribute);
  }
}
