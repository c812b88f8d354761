/** One content request and how far its answer was read. The items themselves are read by whoever owns the channel. */
import type { Stretch } from '../../delta/index.js';
import { TwintreeError } from '../../tree/index.js';
import type { Item, RoundSums } from '../../wire/index.js';
import type { ContentToken } from '../source/index.js';
import { broken } from './folder-store.js';

/** Where the answer stands. */
export type ContentState = 'waiting' | 'open' | 'refine' | 'ended';

/** Requests for sums that one file may take: whoever asks for more would have the basis read without end. */
const MOST_ROUNDS = 64;

/** The answer to one content request. */
export class ContentSlot {
  state: ContentState = 'waiting';
  /** Why it could not be opened; 0. */
  errno = 0;
  /** The record before reading, and after it. */
  before: Buffer | undefined;
  after: Buffer | undefined;
  /** Bytes of the file that the tokens so far stand for, from 0. */
  position: number;
  private blockLength = 0;
  private rounds = 0;

  constructor(readonly from: number) {
    this.position = from;
  }

  /** Takes the next item. Returns the token it is; undefined for the beginning. @throws TwintreeError WIRE where it does not follow. */
  take(item: Item): ContentToken | undefined {
    if (this.state === 'waiting') {
      if (item.kind !== 'content-begin') throw broken(`a ${item.kind} before the beginning of a file`);
      this.errno = item.errno;
      this.before = item.stat;
      this.state = item.errno === 0 ? 'open' : 'ended';
      if (item.errno === 0 && item.stat === undefined) throw broken('a file without attributes');
      return undefined;
    }
    if (this.state !== 'open') throw broken(`a ${item.kind} where none was due`);
    switch (item.kind) {
      case 'literal':
        this.position += item.bytes.length;
        return item;
      case 'copy': case 'hole':
        this.position += item.length;
        return item;
      case 'refine':
        if (++this.rounds > MOST_ROUNDS) throw broken('sums of one file are asked for without end');
        this.state = 'refine';
        this.blockLength = item.blockLength;
        return { kind: 'refine', aligned: item.aligned, blockLength: item.blockLength, stretches: item.stretches };
      case 'content-end':
        this.state = 'ended';
        this.after = item.stat;
        return { kind: 'end', errno: item.errno, size: item.size, hash: item.hash, ...(item.tree === true ? { tree: true } : {}) };
      case 'folder': case 'digest': case 'walk-end': case 'answer': case 'content-begin':
        throw broken(`a ${item.kind} within a file`);
    }
  }

  /** The sums that were asked for are on their way. */
  refined(): void {
    if (this.state !== 'refine') throw new TwintreeError('INTERNAL', 'sums that nobody asked for');
    this.state = 'open';
  }

  /** Sums of nothing: they end a delta that nobody waits for any more. */
  noSums(basisSize: number): RoundSums {
    const stretches: Stretch[] = [];
    return { basisSize, blockLength: this.blockLength, stretches, round: Buffer.alloc(1) };
  }
}
