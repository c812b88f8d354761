/**
 * Sum tree: the leaf sums of one version of a file (leaves.ts), in pages, with a root that stands for all of them. Who keeps a tree can make that of
 * the next version from the leaves that changed, and read and write only their pages: of 10 GiB some 12 KiB for one leaf.
 *
 * A page is up to PAGE_SUMS sums of 16 bytes. The sums of the pages of one level are the next level, until a level fits in one page; the root
 * is made of that page, the size and the leaf length. Everything is keyed with the seed. Two trees with one root are of the same leaf sums, as far
 * as 128 bits tell; what that says of contents is in docs/delta-format.md.
 */
import type { Kernel, Seed } from '../hash/index.js';
import { DeltaError } from './error.js';
import { LEAF_SUM, LEAST_LEAF, MAX_LEAVES } from './leaves.js';
import { MAX_FILE } from './sizes.js';

/** Sums of a page: with its head it fits a page of the store that keeps it. */
export const PAGE_SUMS = 250;
/** Bytes of a root. */
export const ROOT_BYTES = 16;
const PAGE_BYTES = PAGE_SUMS * LEAF_SUM;

/** Size and leaf length: they say how many pages there are. */
export interface TreeShape { readonly size: number; readonly leafLength: number }

/** Pages of a tree that is kept somewhere. */
export interface SumPages extends TreeShape {
  /** Page `n` of a level (0: leaf sums). @throws DeltaError where it is not there, or not what it was. */
  page(level: number, n: number): Buffer;
}

/** Leaf sums that are new or have changed: those of the leaves from `first` on. */
export interface LeafRun { readonly first: number; readonly sums: Buffer }

/** A version's tree, as what differs from the one before (or from nothing). */
export interface TreeChange extends TreeShape {
  readonly root: Buffer;
  /** Root of the tree that the pages are to be laid over; undefined: they are all of it. */
  readonly over: Buffer | undefined;
  /** By level, those that are new or differ. */
  readonly pages: readonly ReadonlyMap<number, Buffer>[];
}

/** Whether a tree of that shape may be: leaves of 4 KiB to 16 MiB, and no more than one may have. */
export function isShape({ size, leafLength }: TreeShape): boolean {
  const exponent = Math.log2(leafLength);
  return Number.isInteger(exponent) && leafLength >= LEAST_LEAF && exponent <= 24 && size >= 0 && size <= MAX_FILE && size <= leafLength * MAX_LEAVES;
}

/** Sums of each level, from the leaves up to the one that fits a page. */
export function levelsOf({ size, leafLength }: TreeShape): number[] {
  const levels = [Math.ceil(size / leafLength)];
  for (let count = levels[0] as number; count > PAGE_SUMS; levels.push(count)) count = Math.ceil(count / PAGE_SUMS);
  return levels;
}

/** Sums of page `n` of a level with `count`. */
export function sumsOfPage(count: number, n: number): number {
  return Math.max(0, Math.min(PAGE_SUMS, count - n * PAGE_SUMS));
}

/** Makes sums of pages and roots, in a kernel's memory. */
export class TreeSummer {
  readonly #room: number;
  readonly #out: number;

  constructor(private readonly kernel: Kernel, readonly seed: Seed) {
    this.#room = kernel.reserve(PAGE_BYTES + 16);
    this.#out = kernel.reserve(ROOT_BYTES);
  }

  /** The sum that stands for a page. */
  pageSum(page: Buffer): Buffer {
    const { kernel, seed } = this;
    kernel.bytes.set(page, this.#room);
    kernel.call.strong128(this.#room, page.length, seed.low, seed.high, this.#out);
    return Buffer.from(kernel.bytes.subarray(this.#out, this.#out + LEAF_SUM));
  }

  /** The root over the only page of the last level. */
  root({ size, leafLength }: TreeShape, top: Buffer): Buffer {
    const { kernel, seed } = this;
    const at = this.#room;
    kernel.bytes.set(top, at);
    const { bytes } = kernel;
    bytes.writeUInt32LE(size % 2 ** 32, at + top.length);
    bytes.writeUInt32LE(Math.floor(size / 2 ** 32), at + top.length + 4);
    bytes.writeUInt32LE(leafLength, at + top.length + 8);
    bytes.writeUInt32LE(0, at + top.length + 12);
    kernel.call.strong128(at, top.length + 16, seed.low, seed.high, this.#out);
    return Buffer.from(kernel.bytes.subarray(this.#out, this.#out + ROOT_BYTES));
  }

  /**
   * The tree of a version: `base` with these runs (rising, not over each other) in it, cut or grown to the size of `shape`. Without a base the runs are all.
   * @throws DeltaError where a leaf's sum comes from nowhere, the runs leave the file or lie over each other, or a page of the base is damaged
   */
  change(shape: TreeShape, base: (SumPages & { readonly root: Buffer }) | undefined, runs: readonly LeafRun[]): TreeChange {
    if (!isShape(shape) || (base !== undefined && base.leafLength !== shape.leafLength)) throw new DeltaError('limit', 'a tree of sums cannot have that shape');
    const counts = levelsOf(shape);
    const before = base === undefined ? [] : levelsOf(base);
    const pages: Map<number, Buffer>[] = [];
    let fresh = checkedRuns(runs, counts[0] as number);
    for (let level = 0; level < counts.length; level++) {
      const below = pages[level - 1];
      const child = (n: number): Buffer | undefined => {
        if (level === 0) return undefined;
        return this.pageSum(below?.get(n) ?? (base as SumPages).page(level - 1, n));
      };
      const changed = layOver(counts[level] as number, level, before[level] ?? 0, base, fresh, child);
      pages.push(changed);
      fresh = [...changed].toSorted(([a], [b]) => a - b).map(([first, page]) => ({ first, sums: this.pageSum(page) }));
    }
    const top = pages.at(-1)?.get(0) ?? (base as SumPages).page(counts.length - 1, 0);
    return { size: shape.size, leafLength: shape.leafLength, root: this.root(shape, top), over: base?.root, pages };
  }
}

/** @throws DeltaError where runs leave the file or lie over each other. */
function checkedRuns(runs: readonly LeafRun[], count: number): readonly LeafRun[] {
  let end = 0;
  for (const { first, sums } of runs) {
    if (first < end || sums.length % LEAF_SUM !== 0 || first + sums.length / LEAF_SUM > count) throw new DeltaError('range', 'sums of leaves lie outside the file or over each other');
    end = first + sums.length / LEAF_SUM;
  }
  return runs;
}

/** The pages of one level that differ from those of the base. `child`: the sum of a page of the level below, where there is one. */
function layOver(count: number, level: number, before: number, base: SumPages | undefined, runs: readonly LeafRun[], child: (n: number) => Buffer | undefined): Map<number, Buffer> {
  const changed = new Map<number, Buffer>();
  let k = 0; // first run that may reach into the page
  for (const n of touchedPages(count, before, base !== undefined, runs)) {
    const length = sumsOfPage(count, n);
    const page = Buffer.allocUnsafe(length * LEAF_SUM);
    const old = base !== undefined && n <= lastOf(before) && (before > 0 || level === 0) ? base.page(level, n) : undefined;
    const start = n * PAGE_SUMS;
    while (k < runs.length && endOf(runs[k] as LeafRun) <= start) k++;
    let run = k;
    for (let i = 0; i < length;) {
      const next = runs[run];
      if (next !== undefined && endOf(next) <= start + i) {
        run++;
        continue;
      }
      if (next !== undefined && next.first <= start + i) { // from the run
        const from = start + i - next.first;
        const sums = Math.min(length - i, next.sums.length / LEAF_SUM - from);
        next.sums.copy(page, i * LEAF_SUM, from * LEAF_SUM, (from + sums) * LEAF_SUM);
        i += sums;
        continue;
      }
      const stop = Math.min(length, next === undefined ? Infinity : next.first - start);
      const kept = Math.min(stop, (old?.length ?? 0) / LEAF_SUM);
      if (i < kept) { // from the base
        old?.copy(page, i * LEAF_SUM, i * LEAF_SUM, kept * LEAF_SUM);
        i = kept;
        continue;
      }
      const sum = child(start + i);
      if (sum === undefined) throw new DeltaError('range', `the sum of leaf ${start + i} is not known`);
      sum.copy(page, i * LEAF_SUM);
      i++;
    }
    if (old === undefined || !old.equals(page)) changed.set(n, page);
  }
  return changed;
}

/** Numbers of the pages that may differ from the base's, rising. */
function touchedPages(count: number, before: number, hasBase: boolean, runs: readonly LeafRun[]): number[] {
  const last = lastOf(count);
  const touched = new Set<number>();
  for (const run of runs) for (let n = Math.floor(run.first / PAGE_SUMS); n <= lastOf(endOf(run)); n++) touched.add(n);
  if (!hasBase || before !== count) for (let n = hasBase ? Math.min(lastOf(before), last) : 0; n <= last; n++) touched.add(n);
  return [...touched].toSorted((a, b) => a - b);
}

/** Number of the last page of so many sums. */
function lastOf(sums: number): number {
  return Math.max(0, Math.ceil(sums / PAGE_SUMS) - 1);
}

function endOf({ first, sums }: LeafRun): number {
  return first + sums.length / LEAF_SUM;
}

/** The pages of a tree from a place that may have damaged them: each is held against the page above it, the last against the root. */
export class CheckedPages implements SumPages {
  readonly size: number;
  readonly leafLength: number;
  private readonly counts: readonly number[];
  private readonly held = new Map<string, Buffer>(); // above the leaves' own

  /** @param raw what stands there; undefined: nothing */
  constructor(private readonly summer: TreeSummer, shape: TreeShape, readonly root: Buffer, private readonly raw: (level: number, n: number) => Buffer | undefined) {
    if (!isShape(shape)) throw new DeltaError('limit', 'a tree of sums cannot have that shape');
    this.size = shape.size;
    this.leafLength = shape.leafLength;
    this.counts = levelsOf(shape);
  }

  page(level: number, n: number): Buffer {
    const key = `${level} ${n}`;
    const held = this.held.get(key);
    if (held !== undefined) return held;
    const count = this.counts[level];
    const page = count === undefined ? undefined : this.raw(level, n);
    if (count === undefined || page === undefined || page.length !== sumsOfPage(count, n) * LEAF_SUM || (n > 0 && page.length === 0)) throw damaged();
    if (level === this.counts.length - 1) {
      if (n !== 0 || !this.summer.root(this, page).equals(this.root)) throw damaged();
    } else {
      const above = this.page(level + 1, Math.floor(n / PAGE_SUMS));
      const at = (n % PAGE_SUMS) * LEAF_SUM;
      if (this.summer.pageSum(page).compare(above, at, at + LEAF_SUM) !== 0) throw damaged();
    }
    if (level > 0) this.held.set(key, page);
    return page;
  }

  /** All leaf sums, end to end. @throws DeltaError where a page is damaged. */
  leaves(): Buffer {
    const count = this.counts[0] as number;
    const out = Buffer.allocUnsafeSlow(count * LEAF_SUM);
    for (let n = 0; n * PAGE_SUMS < count; n++) this.page(0, n).copy(out, n * PAGE_BYTES);
    return out;
  }
}

function damaged(): DeltaError {
  return new DeltaError('checksum', 'a page of kept sums is damaged or missing');
}
