/** One recorded answer as its items are read: whether they are what its request asks for, and when they are all there. */
import { MAX_FILE } from '../../delta/index.js';
import type { Item, Request } from '../../wire/index.js';
import { isLast } from './recorder.js';

/** Follows one answer. */
export class RecordedAnswer {
  /** Frames of items so far. */
  frames = 0;
  whole = false;
  /** What was asked for could not be read when it was recorded. */
  failed = false;
  /** It copies from a basis. */
  delta = false;
  private begun = false;
  private size: number;

  /** @param at place of its request in the file */
  constructor(readonly request: Request, readonly at: number) {
    this.size = request.kind === 'content' ? request.from : 0;
  }

  /** Takes the next item; returns what is wrong with it. */
  take(item: Item): string | undefined {
    if (this.whole) return 'an answer goes on after its end';
    const mistake = this.check(item);
    if (mistake !== undefined) return mistake;
    this.begun = true;
    this.whole = isLast(this.request, item);
    return undefined;
  }

  private check(item: Item): string | undefined {
    const { request } = this;
    const other = `a ${item.kind} answers a request of ${request.kind}`;
    switch (request.kind) {
      case 'walk': return item.kind === 'folder' || item.kind === 'walk-end' ? undefined : other;
      case 'folder': return item.kind === 'folder' && item.mount === request.mount && item.path === request.path ? undefined : other;
      case 'call': case 'hash':
        if (item.kind !== 'answer') return other;
        this.failed = item.result < 0;
        return undefined;
      case 'content': return this.begun ? this.token(item) : this.beginning(item);
      case 'refine': return 'it holds sums of a later round';
    }
  }

  private beginning(item: Item): string | undefined {
    if (item.kind !== 'content-begin') return 'a file has no beginning';
    this.failed = item.errno !== 0;
    return item.errno === 0 && item.stat === undefined ? 'a file has no attributes' : undefined;
  }

  private token(item: Item): string | undefined {
    switch (item.kind) {
      case 'literal':
        this.size += item.bytes.length;
        break;
      case 'hole':
        this.size += item.length;
        break;
      case 'copy': {
        const basis = this.request.kind === 'content' ? (this.request.sums?.basisSize ?? 0) : 0;
        if (item.offset + item.length > basis) return 'a copy lies outside the basis';
        this.size += item.length;
        this.delta = true;
        break;
      }
      case 'content-end':
        this.failed = item.errno !== 0 || item.size !== this.size; // it changed while it was read
        return undefined;
      default:
        return `a ${item.kind} stands within a file`;
    }
    return this.size > MAX_FILE ? 'a file is longer than any can be' : undefined;
  }
}
