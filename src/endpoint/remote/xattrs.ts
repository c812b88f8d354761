/** Extended attributes of single entries: asked for one by one, or ahead of their use, all of an entry's at once. */
import { Errno } from '../../fs/index.js';
import type { ByteString } from '../../tree/index.js';
import type { AnswerItem, SourcePlace, WireXattr } from '../../wire/index.js';
import { keyOf } from './answers.js';
import type { AnswerSlot, Questions } from './questions.js';

/** Entries whose attributes may be asked for ahead and are not used yet. */
const MOST_PREPARED = 8192;

/** Attributes of an entry, or a negated errno. */
export type Xattrs = readonly WireXattr[] | number;

/** Asks for attributes in one thread. */
export class RemoteXattrs {
  /** The last entry that was asked about: its attributes are mostly listed and then read one by one. */
  private last: { key: string; answer: AnswerItem } | undefined;
  private readonly prepared = new Map<string, AnswerSlot>();

  constructor(private readonly questions: Questions) {}

  /** Asks ahead of `of`. */
  prepare(place: SourcePlace): void {
    const key = keyOf(place);
    if (this.prepared.size < MOST_PREPARED && !this.prepared.has(key)) this.prepared.set(key, this.post(place));
  }

  /** A question of its own, for `answered`. */
  post(place: SourcePlace): AnswerSlot {
    return this.questions.post({ kind: 'call', call: { op: 'xattrs', place } });
  }

  answered(slot: AnswerSlot): Xattrs {
    return attributesOf(this.questions.wait(slot));
  }

  /** @param fresh a listing begins to look at the entry: what is remembered of it from earlier does not count */
  of(place: SourcePlace, fresh: boolean): Xattrs {
    const key = keyOf(place);
    const slot = this.prepared.get(key) ?? (fresh || this.last?.key !== key ? this.post(place) : undefined);
    this.prepared.delete(key);
    if (slot !== undefined) this.last = { key, answer: this.questions.wait(slot) };
    return this.last === undefined ? -Errno.EIO : attributesOf(this.last.answer);
  }

  forget(): void {
    this.last = undefined;
  }
}

function attributesOf(answer: AnswerItem): Xattrs {
  return answer.result < 0 ? answer.result : (answer.xattrs ?? []);
}

/** As listxattr(2). */
export function namesOf(xattrs: Xattrs): ByteString[] | number {
  return typeof xattrs === 'number' ? xattrs : xattrs.map(({ name }) => name);
}

/** As getxattr(2). */
export function valueOf(xattrs: Xattrs, attribute: ByteString): Buffer | number {
  if (typeof xattrs === 'number') return xattrs;
  return xattrs.find(({ name }) => name === attribute)?.value ?? -Errno.ENODATA;
}
