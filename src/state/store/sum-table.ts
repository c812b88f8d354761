/**
 * Sum trees of files (delta/sum-tree.ts), one for each path of either side, the latest: a head with the root, and the pages. A head is bound to the
 * fingerprint of the file that it is of. Pages are held against the root by who reads them, so a damaged one is noticed and costs a reading.
 */
import { isShape, levelsOf, PAGE_SUMS, ROOT_BYTES, sumsOfPage, type TreeChange, type TreeShape } from '../../delta/index.js';
import type { RelPath } from '../../tree/index.js';
import { WireError, type ByteReader, type ByteWriter } from '../../wire/index.js';
import type { Side } from './entry-index.js';
import { readFingerprint, writeFingerprint, type Fingerprint } from './fingerprint.js';
import type { Table } from './lmdb.js';
import { PathMap, type Codec, type PathHash } from './path-map.js';

/** Bytes that tell one key of sums from another without telling the key. */
export const TAG_BYTES = 8;
const MAX_MOMENT = 8.64e15;
const CLONE = 1;

/** What is known of one file's sums. */
export interface SumHead extends TreeShape {
  /** Of the file that holds this content. */
  readonly fingerprint: Fingerprint;
  /** Milliseconds since 1970 at which it held it; see `isSettled`. */
  readonly moment: number;
  /** Tag of the key of the sums. */
  readonly tag: Buffer;
  readonly root: Buffer;
  /** Fingerprint of the clone of this version, where one is kept (endpoint/supply/clones.ts). */
  readonly clone: Fingerprint | undefined;
}
/** With the number of its pages. */
export interface KeptHead extends SumHead { readonly id: number }

/** How a head is kept. */
export const sumHeadCodec: Codec<KeptHead> = {
  write(w: ByteWriter, head: KeptHead): void {
    w.u8(head.clone === undefined ? 0 : CLONE);
    writeFingerprint(w, head.fingerprint, undefined);
    if (head.clone !== undefined) writeFingerprint(w, head.clone, head.fingerprint);
    w.varint(Math.max(0, Math.floor(head.moment)));
    w.varint(head.size);
    w.u8(Math.log2(head.leafLength));
    w.raw(head.tag);
    w.raw(head.root);
    w.varint(head.id);
  },
  read(r: ByteReader): KeptHead {
    const flags = r.flags(CLONE, 'a head of sums');
    const fingerprint = readFingerprint(r, undefined);
    const clone = (flags & CLONE) === 0 ? undefined : readFingerprint(r, fingerprint);
    const moment = r.varint(MAX_MOMENT, 'a moment');
    const size = r.varint(Number.MAX_SAFE_INTEGER, 'a size');
    const leafLength = 2 ** r.u8();
    if (!isShape({ size, leafLength })) throw new WireError('range', 'a tree of sums cannot have that shape');
    return { fingerprint, clone, moment, size, leafLength, tag: Buffer.from(r.raw(TAG_BYTES)), root: Buffer.from(r.raw(ROOT_BYTES)), id: r.varint(MAX_ID, 'a number') };
  },
};

const MAX_ID = 2 ** 48 - 1;
const SCOPE: Record<Side, string> = { source: '\0', target: '\x01' };

export class SumTable {
  private readonly heads: PathMap<KeptHead>;

  constructor(heads: Table, private readonly pages: Table, hash?: PathHash) {
    this.heads = new PathMap(heads, sumHeadCodec, 1, hash);
  }

  /** What is known of a path. */
  get(side: Side, path: RelPath): SumHead | undefined {
    const kept = this.heads.get(path, SCOPE[side]);
    return kept === undefined ? undefined : headOf(kept);
  }

  /** A page of the tree that has this root, as it stands there; undefined where it is another tree by now. */
  page(side: Side, path: RelPath, root: Buffer, level: number, n: number): Buffer | undefined {
    const head = this.heads.get(path, SCOPE[side]);
    return head?.root.equals(root) !== true ? undefined : this.pages.get(pageKey(head.id, level, n));
  }

  /** Paths with what is known of them, behind `after`, about `limit` of them. */
  list(side: Side, after: RelPath | undefined, limit: number): { path: RelPath; head: SumHead }[] {
    return this.heads.list({ scope: SCOPE[side], limit, ...(after === undefined ? {} : { after }) }).map(({ path, record }) => ({ path, head: headOf(record) }));
  }

  /**
   * Keeps the tree of a path's next version, in a transaction only. Where the change is to be laid over a tree that is not the one that is kept, nothing
   * is kept any more: false.
   */
  put(side: Side, path: RelPath, head: Omit<SumHead, 'root' | 'size' | 'leafLength'>, change: TreeChange): boolean {
    const before = this.heads.get(path, SCOPE[side]);
    const fits = change.over === undefined || (before?.root.equals(change.over) === true && before.leafLength === change.leafLength);
    if (before !== undefined && (!fits || change.over === undefined)) this.removePages(before);
    if (!fits) {
      this.heads.remove(path, SCOPE[side]);
      return false;
    }
    const id = before !== undefined && change.over !== undefined ? before.id : this.nextId();
    if (before !== undefined && change.over !== undefined) this.removeBeyond(before, change);
    for (const [level, pages] of change.pages.entries()) for (const [n, page] of pages) this.pages.put(pageKey(id, level, n), page);
    const { fingerprint, moment, tag, clone } = head;
    this.heads.put(path, { fingerprint, moment, tag, clone, size: change.size, leafLength: change.leafLength, root: change.root, id }, SCOPE[side]);
    return true;
  }

  /** In a transaction only. */
  remove(side: Side, path: RelPath): void {
    const head = this.heads.get(path, SCOPE[side]);
    if (head === undefined) return;
    this.removePages(head);
    this.heads.remove(path, SCOPE[side]);
  }

  private removePages(head: KeptHead): void {
    for (const [level, count] of levelsOf(head).entries()) for (let n = 0; n === 0 || sumsOfPage(count, n) > 0; n++) this.pages.remove(pageKey(head.id, level, n));
  }

  /** Pages of the tree before that the one of this shape has not. */
  private removeBeyond(before: KeptHead, shape: TreeShape): void {
    const counts = levelsOf(shape);
    for (const [level, count] of levelsOf(before).entries()) {
      const stay = level < counts.length ? Math.max(1, Math.ceil((counts[level] as number) / PAGE_SUMS)) : 0;
      for (let n = stay; n === 0 || sumsOfPage(count, n) > 0; n++) this.pages.remove(pageKey(before.id, level, n));
    }
  }

  private nextId(): number {
    const last = this.pages.get(COUNTER);
    const id = ((last?.length === 6 ? last.readUIntBE(0, 6) : 0) + 1) % MAX_ID;
    const bytes = Buffer.allocUnsafe(6);
    bytes.writeUIntBE(id, 0, 6);
    this.pages.put(COUNTER, bytes);
    return id;
  }
}

function headOf({ fingerprint, moment, tag, root, clone, size, leafLength }: KeptHead): SumHead {
  return { fingerprint, moment, tag, root, clone, size, leafLength };
}

/** Where the last number given is kept: shorter than a page's key. */
const COUNTER = Buffer.from([0]);

function pageKey(id: number, level: number, n: number): Buffer {
  const key = Buffer.allocUnsafe(11);
  key.writeUIntBE(id, 0, 6);
  key.writeUInt8(level, 6);
  key.writeUInt32BE(n, 7);
  return key;
}
