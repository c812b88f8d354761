/**
 * A member as it is to be restored: the header with what its pax records and GNU tar's long names say over it, checked and bounded. Pure.
 */
import { cleanPath, EMPTY, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, type ByteString, type RelPath } from '../tree/index.js';
import { attributeName, decodeRecords, parseCount, parseTime } from './pax.js';
import { mapOf, mapOfText, MOST_STRETCHES, type SparseMap } from './sparse.js';
import type { TarHeader } from './tar-header.js';

/** One attribute that a member brings: as its record has it. Access lists are texts. */
export interface MemberXattr { name: ByteString; value: ByteString }

export interface Member {
  kind: 'entry' | 'link';
  /** Below the root. */
  path: RelPath;
  /** Type and permissions; of a link without a type. */
  mode: number;
  uid: number; gid: number;
  uname: ByteString; gname: ByteString;
  /** Of the file, holes included. */
  size: number;
  /** Bytes of content in the archive. */
  stored: number;
  mtimeSec: number; mtimeNsec: number;
  atime: { sec: number; nsec: number } | undefined;
  /** Text of a symlink; of a link the path of its first name, below the root. */
  link: ByteString;
  major: number; minor: number;
  xattrs: MemberXattr[];
  acls: { access: ByteString | undefined; default: ByteString | undefined };
  /** Where the data lies. 'head': at the head of the content (GNU.sparse 1.0). */
  sparse: SparseMap | 'head' | undefined;
}

/** Why a member is not restored. */
export interface Refusal { refused: string; name: ByteString; stored: number; code: 'name-refused' | 'special-skipped' | 'corrupt' }

/** What is said about the next member before its own header. */
export class Extras {
  private readonly globals = new Map<ByteString, ByteString>();
  private locals = new Map<ByteString, ByteString>();
  private sparsePairs: number[] = [];
  longName: ByteString | undefined;
  longLink: ByteString | undefined;
  /** The comment of the last global header. */
  comment: ByteString | undefined;

  /** Takes a pax header's content. False: it is none. */
  take(type: 'g' | 'x', bytes: Buffer): boolean {
    if (type === 'g') {
      this.comment = undefined;
      return decodeRecords(bytes, (key, value) => {
        if (key === 'comment') this.comment = value;
        else if (value === '') this.globals.delete(key);
        else this.globals.set(key, value);
      });
    }
    this.locals = new Map();
    this.sparsePairs = [];
    return decodeRecords(bytes, (key, value) => {
      if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') {
        if (this.sparsePairs.length < 2 * MOST_STRETCHES) this.sparsePairs.push(parseCount(value) ?? -1);
      } else this.locals.set(key, value);
    });
  }

  /** The member that a header begins. `old`: the map of GNU tar's own sparse format. What was said is used up. */
  member(header: TarHeader, old: SparseMap | undefined): Member | Refusal {
    const get = (key: string): ByteString | undefined => {
      const value = this.locals.get(key as ByteString) ?? this.globals.get(key as ByteString);
      return value === '' ? undefined : value;
    };
    try {
      return this.read(header, old, get);
    } finally {
      this.locals = new Map();
      this.sparsePairs = [];
      this.longName = this.longLink = undefined;
    }
  }

  /** Bytes of content that follow a header, by the records before it. */
  storedSize(header: TarHeader): number {
    const text = this.locals.get('size' as ByteString) ?? this.globals.get('size' as ByteString);
    return text === undefined ? header.size : (parseCount(text) ?? -1);
  }

  private read(header: TarHeader, old: SparseMap | undefined, get: (key: string) => ByteString | undefined): Member | Refusal {
    const name = get('GNU.sparse.name') ?? get('path') ?? this.longName ?? header.name;
    const link = get('linkpath') ?? this.longLink ?? header.link;
    const stored = this.storedSize(header);
    const refuse = (refused: string, code: Refusal['code'] = 'corrupt'): Refusal => ({ refused, name, stored, code });
    if (stored < 0) return refuse('its size is no number');
    const path = cleanPath(name);
    if (path === undefined) return refuse('its name leads out of the folder, or is none', 'name-refused');
    let { type } = header;
    if ((type === '0' || type === '7') && name.endsWith('/')) type = '5';
    const typed = TYPES[type];
    if (typed === undefined && type !== '1') return refuse(`it is of a type that is not known here (${JSON.stringify(type)})`, 'special-skipped');
    const uid = idOf(get('uid'), header.uid);
    const gid = idOf(get('gid'), header.gid);
    const mtimeText = get('mtime');
    const mtime = mtimeText === undefined ? { sec: header.mtimeSec, nsec: 0 } : parseTime(mtimeText);
    if (uid === undefined || gid === undefined || mtime === undefined) return refuse('its owner or time is no number');
    const atimeText = get('atime');
    const member: Member = {
      kind: type === '1' ? 'link' : 'entry', path, mode: header.mode | (typed ?? 0), uid, gid, uname: get('uname') ?? header.uname, gname: get('gname') ?? header.gname,
      size: typed === S_IFREG ? stored : 0, stored: type === '5' || (typed !== S_IFREG && type !== '1') ? (type === 'D' ? stored : 0) : stored, mtimeSec: mtime.sec, mtimeNsec: mtime.nsec,
      atime: atimeText === undefined ? undefined : parseTime(atimeText), link: EMPTY, major: header.major, minor: header.minor,
      xattrs: [], acls: { access: get('SCHILY.acl.access'), default: get('SCHILY.acl.default') }, sparse: undefined,
    };
    if (type === '2') {
      if (link === '' || link.length > 4095 || link.includes('\0')) return refuse('its link leads nowhere');
      member.link = link;
    } else if (type === '1') {
      const leader = cleanPath(link);
      if (leader === undefined || leader === '') return refuse('the file that it is a further name of lies out of the folder', 'name-refused');
      member.link = leader;
    } else if (typed === S_IFBLK || typed === S_IFCHR) {
      const major = parseCount(get('SCHILY.devmajor') ?? '');
      const minor = parseCount(get('SCHILY.devminor') ?? '');
      if (major !== undefined) member.major = major;
      if (minor !== undefined) member.minor = minor;
    } else if (typed === S_IFREG) {
      const wrong = this.sparse(member, old, get);
      if (wrong !== undefined) return refuse(wrong);
    }
    this.attributes(member);
    return member;
  }

  /** Finds the map of a sparse file; text where it is wrong. */
  private sparse(member: Member, old: SparseMap | undefined, get: (key: string) => ByteString | undefined): string | undefined {
    if (old !== undefined) {
      member.sparse = old;
      member.size = old.size;
      return undefined;
    }
    const size = parseCount(get('GNU.sparse.realsize') ?? get('GNU.sparse.size') ?? '');
    if (size === undefined) return undefined;
    const major = get('GNU.sparse.major');
    const wrong = 'the map of its holes contradicts itself';
    if (major === '1' && (get('GNU.sparse.minor') ?? '0') === '0') member.sparse = 'head';
    else if (major !== undefined && major !== '0') return 'its holes are kept in a way that is not known here';
    else {
      const text = get('GNU.sparse.map');
      member.sparse = text !== undefined ? mapOfText(text, size) : this.sparsePairs.includes(-1) ? undefined : mapOf(this.sparsePairs, size);
      if (member.sparse === undefined) return wrong;
      if (member.sparse.stretches.reduce((sum, { length }) => sum + length, 0) !== member.stored) return wrong;
    }
    member.size = size;
    return undefined;
  }

  private attributes(member: Member): void {
    const seen = new Set<ByteString>();
    for (const values of [this.locals, this.globals]) {
      for (const [key, value] of values) {
        const name = key.startsWith('SCHILY.xattr.') ? attributeName(key.slice(13) as ByteString) : key.startsWith('RHT.security.') ? (key.slice(4) as ByteString) : undefined;
        if (name === undefined || name === '' || name.length > 255 || name.includes('\0') || seen.has(name)) continue;
        seen.add(name);
        member.xattrs.push({ name, value });
      }
      for (const [key, value] of values) { // libarchive's own, where there is no other
        if (!key.startsWith('LIBARCHIVE.xattr.')) continue;
        const name = unescaped(key.slice(17));
        if (name === '' || name.length > 255 || seen.has(name) || !/^[\w.%-]*$/.test(name)) continue;
        seen.add(name);
        member.xattrs.push({ name, value: Buffer.from(value, 'base64').toString('latin1') as ByteString });
      }
    }
  }
}

const TYPES: Readonly<Record<string, number | undefined>> = { 0: S_IFREG, 7: S_IFREG, S: S_IFREG, 2: S_IFLNK, 3: S_IFCHR, 4: S_IFBLK, 5: S_IFDIR, D: S_IFDIR, 6: S_IFIFO };

function idOf(text: ByteString | undefined, otherwise: number): number | undefined {
  if (text === undefined) return otherwise;
  const value = parseCount(text);
  return value === undefined || value > 0xfffffffe ? undefined : value;
}

/** `%3D` and the like. */
function unescaped(text: string): ByteString {
  return text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) as ByteString;
}
