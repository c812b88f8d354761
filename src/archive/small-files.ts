/**
 * Small members of a room as threads are given them: numbers in columns, names, and what only few have. `pack` and `unpack` are each other's
 * opposites; the content stays where it is.
 */
import { EMPTY, S_IFREG, type ByteString, type RelPath } from '../tree/index.js';
import type { Member, MemberXattr } from './member.js';
import type { SparseMap } from './sparse.js';

/** A folder that members stand in, as the engine has to know it. */
export interface BatchFolder { path: RelPath; fresh: boolean; setgid: boolean; gid: number; defaultAcl: boolean | undefined }

/** What few members have. */
export interface MemberExtra { xattrs: MemberXattr[]; acls: Member['acls']; map: SparseMap | undefined; atime: Member['atime'] }

export interface FileBatch {
  folders: BatchFolder[];
  names: string[];
  /** Hash that the content must have, where the archive tells one. */
  hashes: (string | undefined)[];
  columns: Float64Array;
  extras: [index: number, extra: MemberExtra][];
  /** Names of users and groups that have come up since the last batch. */
  users: [number, string][];
  groups: [number, string][];
}

const COLUMNS = 9;

/** A small file, before it is packed. */
export interface SmallFile {
  member: Member;
  folder: number;
  name: ByteString;
  /** Place of its content in the room. */
  content: number;
  /** What the content must hash to. */
  hash: string | undefined;
  map: SparseMap | undefined;
}

export function packFiles(files: readonly SmallFile[], folders: BatchFolder[], users: [number, string][], groups: [number, string][]): FileBatch {
  const columns = new Float64Array(files.length * COLUMNS);
  const extras: FileBatch['extras'] = [];
  files.forEach(({ member: m, folder, content, map }, k) => {
    columns.set([folder, m.mode, m.uid, m.gid, m.size, content, m.stored, m.mtimeSec, m.mtimeNsec], k * COLUMNS);
    if (m.xattrs.length > 0 || m.acls.access !== undefined || map !== undefined || m.atime !== undefined) extras.push([k, { xattrs: m.xattrs, acls: m.acls, map, atime: m.atime }]);
  });
  return { folders, names: files.map(({ name }) => name), hashes: files.map(({ hash }) => hash), columns, extras, users, groups };
}

/** One file of a batch. */
export interface UnpackedFile { member: Member; folder: number; name: ByteString; content: number; stored: number; hash: string | undefined; map: SparseMap | undefined; /** Bytes of the content before its data: a map at its head. */ skip: number }

export function unpackFile(batch: FileBatch, k: number, extra: MemberExtra | undefined): UnpackedFile {
  const c = batch.columns;
  const at = k * COLUMNS;
  const column = (n: number): number => c[at + n] as number;
  const stored = column(6);
  const map = extra?.map;
  const data = map === undefined ? stored : map.stretches.reduce((sum, { length }) => sum + length, 0);
  return {
    folder: column(0), name: (batch.names[k] ?? '') as ByteString, content: column(5), stored, hash: batch.hashes[k], map, skip: stored - data,
    member: {
      kind: 'entry', path: EMPTY, mode: S_IFREG | (column(1) & 0o7777), uid: column(2), gid: column(3), uname: EMPTY, gname: EMPTY, size: column(4), stored, mtimeSec: column(7), mtimeNsec: column(8),
      atime: extra?.atime, link: EMPTY, major: 0, minor: 0, xattrs: extra?.xattrs ?? [], acls: extra?.acls ?? NO_ACLS, sparse: undefined,
    },
  };
}

const NO_ACLS: Member['acls'] = { access: undefined, default: undefined };
