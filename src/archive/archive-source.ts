/**
 * ArchiveSource: the member at hand of an archive as a source for the engine that carries operations out: whatever it opens, it has this
 * member's attributes and content. So restoring sets owners, access lists and times, and puts files in place, as any session does.
 */
import type { SourceFs } from '../endpoint/index.js';
import { Errno, type NameList } from '../fs/index.js';
import { ACCESS_ACL, DEFAULT_ACL, parseAcl, permsOfAcl } from '../plan/index.js';
import { StatTable, toBytes, type ByteString } from '../tree/index.js';
import { aclFromText, type IdOfName } from './acl-text.js';
import type { Member } from './member.js';
import { dataLength, type SparseMap } from './sparse.js';

/** A handle that is no handle of this process. */
export const HANDLE = 0x7fff0000;

export class ArchiveSource implements SourceFs {
  readonly remote = undefined;
  readonly table = new StatTable(1);
  private member: Member | undefined;
  private content: Buffer = Buffer.alloc(0);
  private map: SparseMap | undefined;
  private acls: { access: Buffer | undefined; default: Buffer | undefined } = { access: undefined, default: undefined };
  /** An access list of the member at hand cannot be made: it is no list, or names somebody who is not known here. */
  badAcl = false;

  constructor(private readonly idOf: IdOfName) {}

  /** The member at hand; its content where it is at hand too, with the map of it. */
  set(member: Member, content?: Buffer, map?: SparseMap): void {
    this.member = member;
    this.content = content ?? Buffer.alloc(0);
    this.map = map;
    const { atime } = member;
    // An archive may tell another mode than the list shows: libarchive's has the owning group's permissions in the mask's place.
    const listOf = (text: ByteString | undefined): Buffer | undefined => (text === undefined ? undefined : aclFromText(text, this.idOf));
    this.acls = { access: listOf(member.acls.access), default: listOf(member.acls.default) };
    this.badAcl = (member.acls.access !== undefined && this.acls.access === undefined) || (member.acls.default !== undefined && this.acls.default === undefined);
    this.table.set(0, {
      mode: this.modeOf(member), uid: member.uid, gid: member.gid, size: member.size, allocated: map === undefined ? member.size : dataLength(map),
      mtimeSec: member.mtimeSec, mtimeNsec: member.mtimeNsec, atimeSec: atime?.sec ?? member.mtimeSec, atimeNsec: atime?.nsec ?? member.mtimeNsec,
      rdevMajor: member.major, rdevMinor: member.minor,
    });
  }

  private modeOf({ mode }: Member): number {
    const acl = this.acls.access === undefined ? undefined : parseAcl(this.acls.access);
    return acl === undefined ? mode : (mode & ~0o777) | permsOfAcl(acl);
  }

  openDir(): number { return HANDLE; }
  openBeneath(): number { return HANDLE; }
  open(): number { return HANDLE; }
  close(): number { return 0; }
  unlink(): number { return -Errno.EPERM; }
  list(_fd: number, into: NameList): number {
    into.names = [];
    into.types = [];
    return 0;
  }
  stat(_at: number, _name: ByteString, table: StatTable, i: number): number { return this.fstat(HANDLE, table, i); }
  statFollow(_at: number, _name: ByteString, table: StatTable, i: number): number { return this.fstat(HANDLE, table, i); }
  fstat(_fd: number, table: StatTable, i: number): number {
    table.copyFrom(i, this.table, 0);
    return 0;
  }
  statMany(_at: number, _names: readonly ByteString[], from: number, to: number, _table: StatTable, errors: Int32Array): void {
    errors.fill(Errno.ENOENT, 0, to - from); // nothing is walked here
  }
  readlink(): ByteString { return this.member?.link ?? ('' as ByteString); }

  /** Bytes of the content at hand, holes as zeros. */
  read(_fd: number, buffer: Buffer, offset: number, length: number, position: number): number {
    const size = this.member?.size ?? 0;
    const want = Math.min(length, size - position);
    if (want <= 0) return 0;
    if (this.map === undefined) return this.content.copy(buffer, offset, position, position + want);
    buffer.fill(0, offset, offset + want);
    let at = 0;
    for (const stretch of this.map.stretches) {
      const from = Math.max(position, stretch.offset);
      const to = Math.min(position + want, stretch.offset + stretch.length);
      if (from < to) this.content.copy(buffer, offset + from - position, at + from - stretch.offset, at + to - stretch.offset);
      at += stretch.length;
    }
    return want;
  }
  seekData(_fd: number, offset: number): number {
    const size = this.member?.size ?? 0;
    if (offset >= size) return -Errno.ENXIO;
    const found = this.map === undefined ? { offset, length: size } : this.map.stretches.find((stretch) => stretch.offset + stretch.length > offset);
    return found === undefined ? -Errno.ENXIO : Math.max(offset, found.offset);
  }
  seekHole(_fd: number, offset: number): number {
    const size = this.member?.size ?? 0;
    if (offset >= size) return -Errno.ENXIO;
    const inside = this.map?.stretches.find((stretch) => stretch.offset <= offset && stretch.offset + stretch.length > offset);
    return this.map === undefined ? size : inside === undefined ? offset : inside.offset + inside.length;
  }
  seekEnd(): number { return this.member?.size ?? 0; }

  listXattrs(): ByteString[] { return this.flistXattrs(); }
  getXattr(_at: number, _name: ByteString, attribute: ByteString): Buffer | number { return this.fgetXattr(HANDLE, attribute); }
  flistXattrs(): ByteString[] {
    const { member } = this;
    if (member === undefined) return [];
    const names = member.xattrs.map(({ name }) => name);
    if (this.acls.access !== undefined) names.push(ACCESS_ACL);
    if (this.acls.default !== undefined) names.push(DEFAULT_ACL);
    return names;
  }
  fgetXattr(_fd: number, attribute: ByteString): Buffer | number {
    const { member } = this;
    if (member === undefined) return -Errno.ENODATA;
    if (attribute === ACCESS_ACL) return this.acls.access ?? -Errno.ENODATA;
    if (attribute === DEFAULT_ACL) return this.acls.default ?? -Errno.ENODATA;
    const found = member.xattrs.find(({ name }) => name === attribute);
    return found === undefined ? -Errno.ENODATA : toBytes(found.value);
  }
}
