/**
 * A file as a delta against a basis whose leaf sums the session keeps: it has sent the root of their tree and no sums. Where the tree with this root is
 * kept here, too, since this file was sent last, it is known without a question which leaves the basis has; else the session is asked for an aligned round
 * of all, as for any basis. What is inside of a changed leaf is searched for in a round of its own.
 *
 * What is sent ends with the root of the new version's tree. Nothing here is believed by the session: where the root is not that of what it built, it asks
 * again, without.
 */
import { bytesOf, DeltaError, LEAF_SUM, LeafRuns, PAGE_SUMS, searchRounds, SourceRounds, TreeSummer, type LeafRun, type SumPages, type Stretch, type TreeChange } from '../../delta/index.js';
import type { Extent, Posix } from '../../fs/index.js';
import type { Kernel, Seed } from '../../hash/index.js';
import type { KnownBasis } from '../../wire/index.js';
import type { KeptTree } from '../kept-sums.js';
import type { ContentNeeds, ReadContent } from './content.js';
import { readLeaves, ReadFailed, RoundsJob, type OpenFile } from './delta.js';
import type { Outgoing } from './outgoing.js';
import { Wait, type Job } from './wait.js';

/** Bytes read at a time. */
const SLICE = 256 << 10;
/** Bytes that are open from which on a round of searching is worth its sums, where old and new were compared: they may have moved. */
const SEARCH_WORTH = 16 << 10;
/** Bytes that old and new are compared in, at most. */
const MOST_REFINED = 64 << 20;
/** Equal bytes between two changes that are worth a copy of their own. */
const LEAST_COPY = 32;

/** What is to be sent. */
export interface KnownJob {
  readonly posix: Posix;
  readonly kernel: Kernel;
  readonly out: Outgoing;
  readonly file: OpenFile;
  readonly known: KnownBasis;
  readonly seed: Seed;
  readonly needs: ContentNeeds;
  /** The tree that is kept of this file, of whatever version. */
  readonly kept: KeptTree | undefined;
  /** A clone of what that tree is of, where one is kept; then `file` is a clone, too. `changed`: what may differ; undefined: that is not known. */
  readonly old: { readonly fd: number; changed(): readonly Extent[] | undefined } | undefined;
  /** Whether the file still is what that tree is of. */
  unchanged(tree: KeptTree): boolean;
}

/** Sends the file; the tree of it is in what is returned. */
export function* sendKnown(job: KnownJob): Job<ReadContent> {
  yield* job.out.flush(); // what was written before does not wait for the reading
  try {
    const { kept, known } = job;
    const same = kept !== undefined && kept.root.equals(known.root) && kept.size === known.size && kept.leafLength === known.leafLength;
    const found = (same ? yield* fromKept(job, kept) : undefined) ?? (yield* byAsking(job));
    const { errno, size } = yield* found.rounds.send(found.source, Buffer.alloc(0));
    return { errno, size, hash: found.change.root, tree: true, change: found.change };
  } catch (error) {
    if (!(error instanceof ReadFailed)) throw error;
    return error.content;
  }
}

/** What is where, and the new version's tree. */
interface Found { readonly source: SourceRounds; readonly change: TreeChange; readonly rounds: RoundsJob }

/** The tree of the basis is at hand. Undefined where it turns out to be damaged. */
function* fromKept(job: KnownJob, kept: KeptTree): Job<Found | undefined> {
  const { kernel, file, known: { leafLength }, seed } = job;
  const rounds = roundsOf(job);
  const places = job.unchanged(kept) ? [] : job.old?.changed();
  const runs: readonly LeafRun[] = places === undefined ? [{ first: 0, sums: yield* readSums(job) }] : yield* sumsAt(job, leavesAt(places, kept.size, file.size, leafLength));
  try {
    const change = new TreeSummer(kernel, seed).change({ size: file.size, leafLength }, kept.pages, runs);
    let equal = equalStretches(kept.pages, file.size, change, runs);
    const { old } = job;
    if (old !== undefined && file.size - bytesOf(equal) <= MOST_REFINED) equal = refined(equal, Math.min(kept.size, file.size), (offset, into) => rounds.read(offset, into), (offset, into) => readAll(job, old.fd, offset, into));
    const source = new SourceRounds(file.size, rounds.holes, equal);
    if (source.open > (old === undefined ? 0 : SEARCH_WORTH)) yield* rounds.talk(searchRounds(kernel, (offset, into) => rounds.read(offset, into), source, kept.size, seed));
    return { source, change, rounds };
  } catch (error) {
    if (!(error instanceof DeltaError) || error.code !== 'checksum') throw error;
    return undefined;
  }
}

/**
 * The leaves (by number, ends exclusive) that lie in these places or behind what both versions have, in order and apart.
 */
export function leavesAt(places: readonly Extent[], before: number, size: number, leafLength: number): Extent[] {
  const leaves: Extent[] = [];
  const common = Math.min(before, size);
  const within = places.filter(({ start }) => start < common).map(({ start, end }) => ({ start, end: Math.min(end, common) }));
  // Where the sizes differ the last leaf of the shorter one has another length.
  const behind = before === size ? [] : [{ start: common - (common % leafLength), end: size }];
  for (const { start, end } of [...within, ...behind]) {
    const from = Math.max(leaves.at(-1)?.end ?? 0, Math.floor(start / leafLength));
    const to = Math.ceil(end / leafLength);
    const last = leaves.at(-1);
    if (to <= from) continue;
    if (last !== undefined && last.end === from) last.end = to;
    else leaves.push({ start: from, end: to });
  }
  return leaves;
}

/** Reads these leaves: their sums. @throws ReadFailed */
function* sumsAt(job: KnownJob, leaves: readonly Extent[]): Job<LeafRun[]> {
  const { kernel, file, known: { leafLength }, seed } = job;
  const stream = new LeafRuns(kernel, leafLength, seed);
  const room = kernel.reserve(SLICE);
  let reached = 0; // leaves
  for (const { start, end } of leaves) {
    stream.pass(start - reached);
    const stop = Math.min(file.size, end * leafLength);
    for (let at = start * leafLength; at < stop;) {
      const length = Math.min(SLICE, stop - at);
      readAll(job, file.fd, at, kernel.bytes.subarray(room, room + length));
      stream.addAt(room, length);
      at += length;
      yield Wait.turn;
    }
    reached = end;
  }
  return stream.finish();
}

/** Fills all of `into`. @throws ReadFailed */
function readAll({ posix }: KnownJob, fd: number, offset: number, into: Buffer): number {
  for (let done = 0; done < into.length;) {
    const got = posix.read(fd, into, done, into.length - done, offset + done);
    if (got <= 0) throw new ReadFailed(Math.max(0, -got));
    done += got;
  }
  return into.length;
}

/** The sums of the basis come from the session, from long blocks down to leaves. */
function* byAsking(job: KnownJob): Job<Found> {
  const { known: { size, leafLength }, file } = job;
  const rounds = roundsOf(job);
  if (size === 0) return { source: new SourceRounds(file.size, rounds.holes), change: treeOf(job, yield* readSums(job)), rounds };
  const { source, leaves } = yield* rounds.compared(leafLength, undefined, false);
  return { source, change: treeOf(job, leaves.sums), rounds };
}

function treeOf({ kernel, file, known: { leafLength }, seed }: KnownJob, sums: Buffer): TreeChange {
  return new TreeSummer(kernel, seed).change({ size: file.size, leafLength }, undefined, [{ first: 0, sums }]);
}

function roundsOf({ posix, kernel, out, file, known, seed, needs }: KnownJob): RoundsJob {
  return new RoundsJob(posix, kernel, out, file, known.size, seed, needs);
}

/** Reads the file once: the sums of its leaves. @throws ReadFailed */
function* readSums({ posix, kernel, file, known, seed }: KnownJob): Job<Buffer> {
  const leaves = yield* readLeaves(posix, kernel, file, known.leafLength, seed);
  if (leaves instanceof ReadFailed) throw leaves;
  return leaves.sums;
}

/**
 * The stretches of the file whose leaves are as in the basis, in order. `change` says which pages differ, `runs` are the sums that were made.
 * @throws DeltaError where a page is damaged
 */
export function equalStretches(base: SumPages, size: number, change: TreeChange, runs: readonly LeafRun[]): Stretch[] {
  const { leafLength } = change;
  const equal: Stretch[] = [];
  const add = (from: number, to: number): void => { // leaves
    if (from >= to) return;
    const end = Math.min(size, to * leafLength);
    const last = equal.at(-1);
    if (last !== undefined && last.start + last.length === from * leafLength) equal[equal.length - 1] = { start: last.start, length: end - last.start };
    else equal.push({ start: from * leafLength, length: end - from * leafLength });
  };
  // A short leaf is equal only to a short one of a file of the same size.
  const comparable = size === base.size ? Math.ceil(size / leafLength) : Math.floor(Math.min(size, base.size) / leafLength);
  let at = 0;
  for (const { first, sums } of runs) {
    add(at, Math.min(first, comparable));
    const end = first + sums.length / LEAF_SUM;
    for (let leaf = first; leaf < Math.min(end, comparable);) {
      const page = base.page(0, Math.floor(leaf / PAGE_SUMS));
      const stop = Math.min(end, comparable, (Math.floor(leaf / PAGE_SUMS) + 1) * PAGE_SUMS);
      for (; leaf < stop; leaf++) {
        const from = (leaf - first) * LEAF_SUM;
        const old = (leaf % PAGE_SUMS) * LEAF_SUM;
        if (sums.compare(page, old, old + LEAF_SUM, from, from + LEAF_SUM) === 0) add(leaf, leaf + 1);
      }
    }
    at = Math.max(at, end);
  }
  add(at, comparable);
  return equal;
}

/**
 * What is equal, to the byte: between these stretches, below `common`, old and new are compared.
 */
export function refined(equal: readonly Stretch[], common: number, fresh: (offset: number, into: Buffer) => number, old: (offset: number, into: Buffer) => number): Stretch[] {
  const [a, b] = [Buffer.allocUnsafeSlow(SLICE), Buffer.allocUnsafeSlow(SLICE)];
  const out: Stretch[] = [];
  const add = (start: number, end: number): void => {
    const last = out.at(-1);
    if (last !== undefined && last.start + last.length === start) out[out.length - 1] = { start: last.start, length: end - last.start };
    else out.push({ start, length: end - start });
  };
  const between = (from: number, to: number): void => {
    let since = from; // equal from there on
    for (let at = from; at < to; at += SLICE) {
      const length = Math.min(SLICE, to - at);
      const [x, y] = [a.subarray(0, length), b.subarray(0, length)];
      fill(fresh, at, x);
      fill(old, at, y);
      for (let i = 0; i < length; i++) {
        if (x[i] === y[i]) continue;
        const p = at + i;
        if (p - since >= LEAST_COPY || (since === from && p > since && out.at(-1) !== undefined && endOf(out.at(-1) as Stretch) === since)) add(since, p);
        since = p + 1;
      }
    }
    if (to - since >= LEAST_COPY || (to > since && to < common)) add(since, to);
  };
  let at = 0;
  for (const { start, length } of equal) {
    between(at, start);
    add(start, start + length);
    at = start + length;
  }
  if (at < common) between(at, common);
  return out;
}

function endOf({ start, length }: Stretch): number {
  return start + length;
}

function fill(read: (offset: number, into: Buffer) => number, offset: number, into: Buffer): void {
  for (let done = 0; done < into.length;) done += read(offset + done, into.subarray(done));
}
