/**
 * Content that arrives as tokens: takes them from the connection, checks them, keeps the hash and hands them to whoever builds the file
 * (rebuild.ts, patch-remote.ts). A result counts only when size and hash at the end agree.
 *
 * Results: bytes covered; ABORTED; CORRUPT where what came cannot be right or does not add up; MIXED where only its hash is another one; or -errno with `scratch.failedSide`.
 * @throws TwintreeError where the connection is lost.
 */
import { DeltaError, leafLengthFor, LeafSums, MAX_FILE, type Stretch } from '../../delta/index.js';
import type { RoundSums } from '../../wire/index.js';
import type { ContentToken, RemoteContent } from '../source/types.js';
import type { OpenBasis } from './announce.js';
import type { ApplyContext } from './context.js';
import type { BasisReader } from './engine.js';
import { ABORTED } from './report.js';
import { scratchOf, type Scratch } from './scratch.js';

/** The tokens, or the basis, are not what they should be: asking for the whole file mends it. */
export const CORRUPT = -200010;
/** All of it came, and it is not what the supplier has hashed: the file changed between two of its readings, or it was damaged on the way. */
export const MIXED = -200013;
/** Zeros hashed between two looks at whether the run was ended. */
const ZEROS = 64 << 20;
/** Building failed and the Problem was reported. */
export const TOLD = -200011;

/** Who builds a file from tokens. Each returns 0 or more, or one of the results above. It hashes what it is given or reads. */
export interface ContentSink {
  /** The basis that copies are from, if any. */
  readonly basis: OpenBasis | undefined;
  /** Reads the basis as it was before the file was written to, where that is the same one. */
  readonly old: BasisReader | undefined;
  /** Where the next byte goes. */
  readonly position: number;
  literal(bytes: Buffer): number;
  /** A range of the basis; it lies inside it. */
  copy(offset: number, length: number): number;
  hole(length: number): number;
}

/** Takes all tokens of the handle at hand. `verify` false: the hash is not looked at (--append trusts what was there). */
export function receive(ctx: ApplyContext, remote: RemoteContent, sink: ContentSink, verify: boolean): number {
  const s = scratchOf(ctx);
  for (;;) {
    if (ctx.aborted()) {
      s.reached = sink.position;
      return ABORTED;
    }
    const token = remote.token(s.handle);
    let result = 0;
    switch (token.kind) {
      case 'literal':
        result = fits(sink, token.bytes.length) ? sink.literal(token.bytes) : CORRUPT;
        break;
      case 'copy': {
        const { offset, length } = token;
        const inside = sink.basis !== undefined && offset >= 0 && length > 0 && offset + length <= sink.basis.size;
        result = inside && fits(sink, length) ? sink.copy(offset, length) : CORRUPT;
        break;
      }
      case 'hole':
        result = token.length > 0 && fits(sink, token.length) ? sink.hole(token.length) : CORRUPT;
        break;
      case 'refine':
        result = refine(ctx, remote, sink, token);
        break;
      case 'end':
        s.reached = sink.position;
        s.received = undefined;
        if (token.errno !== 0) {
          s.failedSide = 'source';
          return -Math.abs(token.errno);
        }
        return token.size !== sink.position ? CORRUPT : ended(s, token, verify) ? sink.position : MIXED;
    }
    if (result < 0) {
      s.reached = sink.position;
      return result;
    }
  }
}

/** Whether what was built is what the supplier has read: by its hash, or by the root of its tree of sums where that was asked for. */
function ended(s: Scratch, { size, hash, tree = false }: Extract<ContentToken, { kind: 'end' }>, verify: boolean): boolean {
  s.change = s.sums?.finish(size);
  if (tree) return s.answer.kept !== undefined && s.change?.root.equals(hash) === true;
  if (!verify) return true;
  if (s.engine.digest()?.equals(hash) !== true) return false;
  if (s.engine.rootLeaf === undefined) s.received = Buffer.from(hash);
  return true;
}

function fits(sink: ContentSink, length: number): boolean {
  return sink.position + length <= MAX_FILE;
}

/** Answers with the sums that the supplier asks for. */
function refine(ctx: ApplyContext, remote: RemoteContent, { basis, old, position }: ContentSink, { aligned, blockLength, stretches }: Extract<ContentToken, { kind: 'refine' }>): number {
  const s = scratchOf(ctx);
  if (basis === undefined) return CORRUPT;
  try {
    checkStretches(basis.size, stretches);
    if (aligned && s.answer.rooted && s.engine.rootLeaf === undefined) {
      if (position > 0) return CORRUPT;
      s.engine.rooted(leafLengthFor(basis.size), remote.seed);
    }
    const sums = aligned ? alignedSums(ctx, remote, basis, blockLength, stretches) : s.engine.sign(old ?? ctx.posix, basis.fd, basis.size, blockLength, stretches, remote.seed, old === undefined && basis.sparse);
    if (typeof sums === 'number') return CORRUPT; // the basis cannot be read, or ended early: without it then
    remote.refine(s.handle, sums);
    return 0;
  } catch (error) {
    if (error instanceof DeltaError) return CORRUPT;
    throw error;
  }
}

/** Sums made of the leaf sums at hand; where they were not kept, the basis is read again. */
function alignedSums(ctx: ApplyContext, remote: RemoteContent, basis: OpenBasis, blockLength: number, stretches: readonly Stretch[]): RoundSums | number {
  const s = scratchOf(ctx);
  const leaves = s.answer.leaves ?? treeLeaves(ctx, s) ?? s.engine.leaves(ctx.posix, basis.fd, basis.size, remote.seed, basis.sparse);
  if (typeof leaves === 'number') return leaves;
  s.answer.leaves = leaves;
  return s.engine.aligned(leaves, blockLength, stretches, remote.seed);
}

/** Those of the tree that is kept of it. A page that is damaged costs a reading. */
function treeLeaves(ctx: ApplyContext, s: Scratch): LeafSums | undefined {
  const { kept } = s.answer;
  const sums = kept === undefined ? undefined : ctx.sums?.leaves(kept);
  return kept === undefined || sums === undefined ? undefined : new LeafSums(kept.leafLength, kept.size, sums);
}

/** Before anything is read: stretches that lie over each other would have it read over and over. */
function checkStretches(basisSize: number, stretches: readonly Stretch[]): void {
  let end = 0;
  for (const { start, length } of stretches) {
    if (!(start >= end && length > 0 && start + length <= basisSize)) throw new DeltaError('range', 'the stretches overlap or leave the basis');
    end = start + length;
  }
}

/** Takes a hole into the hash: one of terabytes costs its sender a few bytes, and must not keep us from being ended. 0 or ABORTED. */
export function hashHole(ctx: ApplyContext, length: number): number {
  const { engine } = scratchOf(ctx);
  for (let left = length; left > 0; left -= ZEROS) {
    if (ctx.aborted()) return ABORTED;
    engine.addZeros(Math.min(ZEROS, left));
  }
  return 0;
}
