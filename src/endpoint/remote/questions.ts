/**
 * Single questions on a channel of their own, answered strictly in their order. A question may be posted ahead of its use: waiting for
 * a later one fills in the earlier ones. Content that a caller wants without having announced it is read here too.
 */
import type { RelPath } from '../../tree/index.js';
import type { AnswerItem, Request, RoundSums } from '../../wire/index.js';
import type { ContentToken } from '../source/index.js';
import type { SyncChannel } from './channel.js';
import type { ContentQuestion } from './content-request.js';
import { ContentSlot } from './content-slot.js';
import { broken, StoredFolder } from './folder-store.js';
import { ItemSource } from './item-source.js';
import type { ToldNames } from './told-names.js';

/** Questions posted and not answered, at most: beyond, the oldest is waited for. */
const MOST_POSTED = 4096;

/** The place of an answer that may still be on its way. */
export class AnswerSlot {
  readonly kind = 'answer';
  answer: AnswerItem | undefined;
}
/** The place of a folder that may still be on its way. */
export class FolderSlot {
  readonly kind = 'folder';
  folder: StoredFolder | undefined;
  whole = false;
  constructor(readonly mount: number, readonly path: RelPath) {}
}
class FileSlot {
  readonly kind = 'content';
  /** Another question was more urgent: what came of the file was dropped. */
  dropped = false;
  /** Where the tokens that were read end. */
  reached: number;
  /** @param basisSize size of the basis whose sums went with the question; undefined: none did */
  constructor(readonly content: ContentSlot, readonly basisSize: number | undefined) {
    this.reached = content.from;
  }
}
type Slot = AnswerSlot | FolderSlot | FileSlot;

/** Content read by question; `dropped` says that it has to be asked for again. */
export type FileQuestion = FileSlot;

/** Asks on one channel. All waiting calls throw as SyncChannel.receive does. */
export class Questions {
  private readonly items: ItemSource;
  private readonly queue: Slot[] = [];

  constructor(channel: SyncChannel, names: ToldNames) {
    this.items = new ItemSource(channel, names);
  }

  /** Posts a question with one answer; `flush` sends it. */
  post(request: Extract<Request, { kind: 'call' | 'hash' }>): AnswerSlot {
    while (this.queue.length >= MOST_POSTED) this.step();
    const slot = new AnswerSlot();
    this.items.add(request);
    this.queue.push(slot);
    return slot;
  }

  flush(): void {
    this.items.flush();
  }

  /** The answer to a posted question. */
  wait(slot: AnswerSlot): AnswerItem {
    this.items.flush();
    while (slot.answer === undefined) this.step();
    return slot.answer;
  }

  ask(request: Extract<Request, { kind: 'call' | 'hash' }>): AnswerItem {
    return this.wait(this.post(request));
  }

  /** A folder with all its entries. */
  folder(mount: number, path: RelPath): StoredFolder {
    return this.waitFolder(this.postFolder(mount, path));
  }

  /** Posts the question for a folder; `flush` sends it. */
  postFolder(mount: number, path: RelPath): FolderSlot {
    while (this.queue.length >= MOST_POSTED) this.step();
    const slot = new FolderSlot(mount, path);
    this.items.add({ kind: 'folder', mount, path });
    this.queue.push(slot);
    return slot;
  }

  /** The folder that was posted. */
  waitFolder(slot: FolderSlot): StoredFolder {
    this.items.flush();
    while (!slot.whole || slot.folder === undefined) this.step();
    return slot.folder;
  }

  /** Begins to read a file, up to its beginning item. */
  file(request: ContentQuestion): FileQuestion {
    const slot = new FileSlot(new ContentSlot(request.from), request.sums?.basisSize ?? request.known?.size);
    this.items.add(request);
    this.queue.push(slot);
    this.items.flush();
    while (slot.content.state === 'waiting') this.step(slot);
    return slot;
  }

  /** The next token of a file that was not dropped. */
  token(slot: FileQuestion): ContentToken {
    for (;;) {
      const token = this.step(slot);
      if (token === undefined) continue;
      slot.reached = slot.content.position;
      return token;
    }
  }

  /** Sends the sums that a refine token asked for. */
  refine(slot: FileQuestion, sums: RoundSums): void {
    slot.content.refined();
    this.items.add({ kind: 'refine', sums });
    this.items.flush();
  }

  /** Takes one item. `reader`: whose content is wanted now; other content on the way is dropped. */
  private step(reader?: FileSlot): ContentToken | undefined {
    const head = this.queue[0];
    if (head === undefined) throw broken('an answer to no question');
    const item = this.items.next();
    switch (head.kind) {
      case 'answer':
        if (item.kind !== 'answer') throw broken(`a ${item.kind} where an answer was due`);
        head.answer = item;
        this.queue.shift();
        return undefined;
      case 'folder':
        if (item.kind !== 'folder' || item.mount !== head.mount || item.path !== head.path) throw broken(`a ${item.kind} where a folder was due`);
        if (head.folder === undefined) head.folder = new StoredFolder(item, true);
        else head.folder.add(item);
        if (!item.more) {
          head.whole = true;
          this.queue.shift();
        }
        return undefined;
      case 'content': {
        if (head !== reader) head.dropped = true;
        const token = head.content.take(item);
        if (token?.kind === 'refine') {
          if (head.basisSize === undefined) throw broken('sums were asked for that were not offered');
          if (head !== reader) this.refine(head, head.content.noSums(head.basisSize)); // nobody waits for it any more
        }
        if (head.content.state === 'ended') this.queue.shift();
        return head === reader ? token : undefined;
      }
    }
  }
}
