/** Deltas from end to end in memory. */
import {
  DeltaReader, DeltaSearch, DeltaWriter, Patcher, Signature, SignatureBuilder, SumCollector, type DeltaSink, type SearchOptions, type SearchedSource, type Stretch,
  encodeAligned, encodeProbe, encodeRound, exchange, firstAligned, leafLengthFor, LeafSummer, probeStretches, type Ask, type LeafSums, type RoundAnswer, type SourceRounds,
} from '../../src/delta/index.js';
import { createKernel, ZERO_SEED, type KernelKind, type Seed } from '../../src/hash/index.js';

/** One token as a test sees it. */
export type Token = { copy: number; length: number } | { literal: Buffer } | { hole: number };

/** A sink that keeps tokens; neighbouring literals are one. */
export class Tokens implements DeltaSink {
  readonly list: Token[] = [];
  copy(offset: number, length: number): void { this.list.push({ copy: offset, length }); }
  literal(bytes: Buffer): void {
    const last = this.list.at(-1);
    if (last !== undefined && 'literal' in last) last.literal = Buffer.concat([last.literal, bytes]);
    else this.list.push({ literal: Buffer.from(bytes) });
  }
  hole(length: number): void { this.list.push({ hole: length }); }
  get literals(): number {
    return this.list.reduce((sum, t) => sum + ('literal' in t ? t.literal.length : 0), 0);
  }
  /** How many tokens of each kind: "2 copies, 1 literal of 250 bytes". */
  get summary(): string {
    const copies = this.list.filter((t) => 'copy' in t).length;
    const literals = this.list.filter((t) => 'literal' in t).length;
    return `${copies} copies, ${literals} literals of ${this.literals} bytes`;
  }
}

export interface Setting { readonly kind?: KernelKind; readonly seed?: Seed; readonly pieces?: number; readonly search?: SearchOptions }

export function sign(basis: Buffer, blockLength: number, { kind, seed = ZERO_SEED, pieces = Infinity }: Setting = {}, stretches?: readonly Stretch[]): Signature {
  const sums = new SumCollector();
  const builder = new SignatureBuilder(createKernel(kind === undefined ? {} : { kind }), blockLength, seed, sums.add);
  const all = stretches ?? (basis.length > 0 ? [{ start: 0, length: basis.length }] : []);
  for (const { start, length } of all) {
    for (const piece of cut(basis.subarray(start, start + length), pieces)) builder.update(piece);
    builder.endStretch();
  }
  builder.finish();
  return new Signature(blockLength, basis.length, seed, all, sums.columns());
}

/** Leaf sums of bytes in memory; `holes` are told as such. */
export function leavesOf(data: Buffer, seed: Seed, { kind, pieces = Infinity }: Setting = {}, holes: readonly Stretch[] = []): LeafSums {
  const summer = new LeafSummer(createKernel(kind === undefined ? {} : { kind }), leafLengthFor(data.length), data.length, seed);
  const feed = (bytes: Buffer): void => {
    for (const piece of cut(bytes, pieces)) {
      for (let done = 0; done < piece.length;) {
        const n = piece.copy(summer.input(), 0, done);
        summer.advance(n);
        done += n;
      }
    }
  };
  let at = 0;
  for (const { start, length } of holes) {
    feed(data.subarray(at, start));
    summer.hole(length);
    at = start + length;
  }
  feed(data.subarray(at));
  return summer.finish();
}

/** The session's side of a delta in rounds: answers from a basis in memory. */
export class BasisSide {
  readonly leaves: LeafSums;
  constructor(readonly basis: Buffer, readonly seed: Seed) {
    this.leaves = leavesOf(basis, seed);
  }

  /** The round that opens the exchange. */
  opening(): RoundAnswer {
    const blockLength = firstAligned(this.basis.length, this.leaves.leafLength);
    return this.answer({ aligned: true, blockLength, stretches: this.basis.length > 0 ? [{ start: 0, length: this.basis.length }] : [] });
  }

  /** The probe that a session sends first where the basis is long; else undefined. */
  probe(): RoundAnswer | undefined {
    const { leafLength } = this.leaves;
    const stretches = probeStretches(this.basis.length, leafLength);
    if (stretches === undefined) return undefined;
    const sums = stretches.map(({ start }) => this.leaves.between(start, start + leafLength));
    return { basisSize: this.basis.length, blockLength: leafLength, stretches, round: encodeProbe(leafLength, sums, false) };
  }

  answer({ aligned, blockLength, stretches }: Ask): RoundAnswer {
    const round = aligned ? encodeAligned(createKernel(), this.leaves, this.seed, blockLength, stretches) : encodeRound(sign(this.basis, blockLength, { seed: this.seed }, stretches));
    return { basisSize: this.basis.length, blockLength, stretches, round };
  }
}

/** What the source's side knows of a source in memory at the end, and what was asked for. `stop`: requests that are answered. */
export function converse(basis: Buffer, source: Buffer, { seed = { low: 11, high: 12 }, holes = [], stop = Infinity, probed = false }: { seed?: Seed; holes?: readonly Stretch[]; stop?: number; probed?: boolean } = {}): {
  rounds: SourceRounds; asked: Ask[]; bytes: number;
} {
  const session = new BasisSide(basis, seed);
  const opening = session.opening();
  const asked: Ask[] = [];
  let bytes = opening.round.length;
  const read = (offset: number, into: Buffer): number => source.copy(into, 0, offset);
  const talk = exchange(createKernel(), { size: source.length, holes, leaves: leavesOf(source, seed, {}, holes), read, probed }, opening, seed);
  let step = talk.next();
  while (step.done !== true) {
    asked.push(step.value);
    const answer = asked.length > stop ? undefined : session.answer(step.value);
    bytes += 4 + 8 * step.value.stretches.length + (answer?.round.length ?? 0);
    step = talk.next(answer);
  }
  return { rounds: step.value, asked, bytes };
}

export function search(signature: Signature, source: Buffer, { kind, pieces = Infinity, search: options = {} }: Setting = {}): { tokens: Tokens; end: SearchedSource } {
  const tokens = new Tokens();
  const deltaSearch = new DeltaSearch(createKernel(kind === undefined ? {} : { kind }), signature, tokens, options);
  for (const piece of cut(source, pieces)) deltaSearch.update(piece);
  return { tokens, end: deltaSearch.finish() };
}

/** Tokens → bytes of a delta file. */
export function encode(tokens: Tokens, basis: { size: number; hash: Buffer }, end: { size: number; hash: Buffer }): Buffer {
  const parts: Buffer[] = [];
  const writer = new DeltaWriter((bytes) => parts.push(Buffer.from(bytes)), basis);
  replay(tokens, writer);
  writer.finish(end.size, end.hash);
  return Buffer.concat(parts);
}

export function replay(tokens: Tokens, sink: DeltaSink): void {
  for (const token of tokens.list) {
    if ('copy' in token) sink.copy(token.copy, token.length);
    else if ('hole' in token) sink.hole(token.hole);
    else sink.literal(token.literal);
  }
}

/** Delta file and basis → source. Holes come out as zeros. */
export function patch(basis: Buffer, delta: Buffer, pieces = Infinity): Buffer {
  const out: Buffer[] = [];
  const patcher = new Patcher(createKernel(), {
    basisSize: basis.length,
    mostSize: 128 << 20,
    readBasis: (offset, into) => basis.copy(into, 0, offset),
    write: (bytes) => out.push(Buffer.from(bytes)),
    hole: (length) => out.push(Buffer.alloc(length)),
  });
  const reader = new DeltaReader(patcher);
  for (const piece of cut(delta, pieces)) reader.push(piece);
  const end = reader.finish();
  patcher.finish(end.size, end.hash);
  return Buffer.concat(out);
}

export function* cut(data: Buffer, pieces: number): Generator<Buffer> {
  if (pieces === Infinity) yield data;
  else for (let at = 0; at < data.length; at += pieces) yield data.subarray(at, at + pieces);
}
