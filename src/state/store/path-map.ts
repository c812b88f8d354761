/**
 * PathMap: paths → records in one table, in byte order of the paths. The store's keys are bounded and paths are not: a long path is kept
 * under its beginning and a hash of the whole, with the whole path in the value. Paths whose hashes collide share one value.
 *
 * A record that cannot be decoded counts as absent: what is kept here is a cache.
 */
import { createHash } from 'node:crypto';
import { EMPTY, isRelPath, MAX_PATH_BYTES, type ByteString, type RelPath } from '../../tree/index.js';
import { ByteReader, ByteWriter, WireError } from '../../wire/index.js';
import type { Table } from './lmdb.js';

/** Bytes of a key: what the store takes is 1978. */
const MAX_KEY = 1900;
const HASH_BYTES = 32;
/** Paths under one key at most: more than one is a collision of SHA-256. */
const MAX_SHARING = 64;
const MAX_RECORD = 1 << 20;

/** How a record is written. `read` throws WireError for what it did not write. */
export interface Codec<T> {
  write(writer: ByteWriter, value: T): void;
  read(reader: ByteReader): T;
}

/** 32 bytes for a path. */
export type PathHash = (path: ByteString) => Buffer;

const sha256: PathHash = (path) => createHash('sha256').update(Buffer.from(path, 'latin1')).digest();

export class PathMap<T> {
  private readonly writer = new ByteWriter();

  /** @param scopeBytes bytes of the `scope` that all calls give: several maps in one table, each in order. */
  constructor(private readonly table: Table, private readonly codec: Codec<T>, private readonly scopeBytes = 0, private readonly hash: PathHash = sha256) {}

  /** How many keys there are, over all scopes. */
  get count(): number {
    return this.table.count;
  }

  get(path: RelPath, scope = ''): T | undefined {
    const key = this.key(path, scope);
    const value = this.table.get(key);
    if (value === undefined) return undefined;
    if (!isLong(path, scope)) return this.decode(value);
    return this.shared(value).find((one) => one.path === path)?.record;
  }

  /** In a transaction only. */
  put(path: RelPath, record: T, scope = ''): void {
    const key = this.key(path, scope);
    if (!isLong(path, scope)) {
      this.table.put(key, this.encode(record));
      return;
    }
    const others = this.shared(this.table.get(key)).filter((one) => one.path !== path).slice(0, MAX_SHARING - 1);
    this.table.put(key, this.encodeShared([...others, { path, record }]));
  }

  /** In a transaction only. */
  remove(path: RelPath, scope = ''): void {
    const key = this.key(path, scope);
    const others = isLong(path, scope) ? this.shared(this.table.get(key)).filter((one) => one.path !== path) : [];
    if (others.length > 0) this.table.put(key, this.encodeShared(others));
    else this.table.remove(key);
  }

  /**
   * Records of a folder (default: the root) and of all below it, behind the path `after`, about `limit` of them. In byte order, except among
   * long paths with one beginning. What is returned does not change with the map.
   */
  list({ folder = EMPTY, after, scope = '', limit = Infinity }: { folder?: RelPath; after?: RelPath; scope?: string; limit?: number } = {}): { path: RelPath; record: T }[] {
    const out: { path: RelPath; record: T }[] = [];
    const room = this.beginning(scope);
    const own = after === undefined ? this.get(folder, scope) : undefined;
    if (own !== undefined) out.push({ path: folder, record: own });
    // `folder` and `folder/…` do not stand together: names such as `folder-b` come between them.
    const begin = Buffer.from(`${scope}/${folder === '' ? '' : folder.length < room ? `${folder}/` : folder.slice(0, room)}`, 'latin1');
    // The folder itself is always the first.
    const behind = after === undefined || after === folder ? begin : Buffer.concat([this.key(after, scope), Buffer.alloc(1)]);
    const from = Buffer.compare(behind, begin) > 0 ? behind : begin;
    for (const { key, value } of this.table.range(from, successor(begin))) {
      if (out.length >= limit) break;
      for (const one of this.entries(key, value)) if (one.path !== folder && isBelow(one.path, folder)) out.push(one);
    }
    return out;
  }

  /** Units of a long path that its key begins with. */
  private beginning(scope: string): number {
    return MAX_KEY - HASH_BYTES - 2 - scope.length;
  }

  private *entries(key: Buffer, value: Buffer): Generator<{ path: RelPath; record: T }> {
    if (key.length < this.scopeBytes + 1) return;
    const path = key.latin1Slice(this.scopeBytes + 1) as ByteString;
    if (path.includes('\0')) {
      yield* this.shared(value);
      return;
    }
    if (!isRelPath(path)) return;
    const record = this.decode(value);
    if (record !== undefined) yield { path, record };
  }

  private key(path: RelPath, scope: string): Buffer {
    if (scope.length !== this.scopeBytes) throw new Error('a scope of another length');
    if (!isLong(path, scope)) return Buffer.from(`${scope}/${path}`, 'latin1');
    // No path holds a NUL: such a key is never a short path's.
    return Buffer.concat([Buffer.from(`${scope}/${path.slice(0, this.beginning(scope))}\0`, 'latin1'), this.hash(path)]);
  }

  private encode(record: T): Buffer {
    this.writer.at = 0;
    this.codec.write(this.writer, record);
    return this.writer.bytes.subarray(0, this.writer.at);
  }

  private encodeShared(list: readonly { path: RelPath; record: T }[]): Buffer {
    const w = new ByteWriter();
    w.varint(list.length);
    for (const { path, record } of list) {
      w.sizedText(path);
      w.sized(this.encode(record));
    }
    return w.bytes.subarray(0, w.at);
  }

  private decode(value: Buffer): T | undefined {
    return forgiving(() => {
      const r = new ByteReader(value);
      const record = this.codec.read(r);
      if (r.left > 0) throw new WireError('range', 'bytes are left over');
      return record;
    });
  }

  private shared(value: Buffer | undefined): { path: RelPath; record: T }[] {
    if (value === undefined) return [];
    return forgiving(() => {
      const r = new ByteReader(value);
      const list: { path: RelPath; record: T }[] = [];
      for (let n = r.count(MAX_SHARING, 2, 'paths'); n > 0; n--) {
        const path = r.sizedText(MAX_PATH_BYTES, 'a path');
        const record = this.decode(r.sized(MAX_RECORD, 'a record'));
        if (isRelPath(path) && record !== undefined) list.push({ path, record });
      }
      return list;
    }) ?? [];
  }
}

/** What a decoder makes of bytes, undefined where it refuses them. */
export function forgiving<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function isLong(path: RelPath, scope: string): boolean {
  return path.length + scope.length + 1 > MAX_KEY;
}

function isBelow(path: RelPath, folder: RelPath): boolean {
  return folder === '' || path === folder || (path.startsWith(folder) && path.charCodeAt(folder.length) === 47);
}

/** The first key behind all that begin with these bytes. They hold a slash, so there is one. */
function successor(prefix: Buffer): Buffer {
  let length = prefix.length;
  while (length > 1 && prefix[length - 1] === 255) length--;
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] as number) + 1;
  return end;
}
