/**
 * The streams of one thread on a channel of their own: the walk, sent ahead of the walker, and then content, requested ahead of
 * its use. Content is used up in the order of the requests; what is passed over is drained. Requests that the channel has no room
 * for wait here.
 */
import type { RelPath } from '../../tree/index.js';
import type { DigestItem, FolderItem, RoundSums } from '../../wire/index.js';
import type { ContentRequest, ContentToken } from '../source/index.js';
import type { SyncChannel } from './channel.js';
import { asksFor, questionOf } from './content-request.js';
import { ContentSlot } from './content-slot.js';
import { broken, StoredFolder } from './folder-store.js';
import { ItemSource } from './item-source.js';
import type { AnswerSlot } from './questions.js';
import type { ToldNames } from './told-names.js';

/** Bytes of requests on the way, at most (the peer must take 16 MiB). One request may exceed it by itself. */
const MOST_REQUESTED = 8 << 20;
/** Content requests on the way, at most. */
const MOST_FILES = 1024;

/** One content request. */
export class Wanted {
  /** Undefined until it was sent. */
  slot: ContentSlot | undefined;
  bytes = 0;
  /** Its extended attributes, where they were asked for with it. */
  attributes: AnswerSlot | undefined;
  constructor(readonly request: ContentRequest) {}
}

/** Walks and reads on one channel. All reading calls throw as SyncChannel.receive does. */
export class SourceStream {
  private readonly items: ItemSource;
  private walking = false;
  private readonly queue: Wanted[] = [];
  private sent = 0; // of the queue
  private outstanding = 0; // bytes

  constructor(channel: SyncChannel, names: ToldNames) {
    this.items = new ItemSource(channel, names);
  }

  /** Asks for the walk; `digests`: what stands for a folder may come in its place. */
  startWalk(after: RelPath | undefined, digests: boolean): void {
    this.items.add({ kind: 'walk', after, ...(digests ? { digests } : {}) });
    this.items.flush();
    this.walking = true;
  }

  /** Whether the next folder of the walk, or its beginning, is there already. */
  get comes(): boolean {
    return this.walking && this.items.comes;
  }

  /** The next folder of the walk, whole, or what stands for it; undefined at its end. */
  nextFolder(): StoredFolder | DigestItem | undefined {
    let item = this.nextOfWalk();
    if (item === undefined || item.kind === 'digest') return item;
    const folder = new StoredFolder(item, false);
    while (item.more) {
      item = this.nextOfWalk();
      if (item?.kind !== 'folder') throw broken('a walk ended within a folder');
      folder.add(item);
    }
    return folder;
  }

  private nextOfWalk(): FolderItem | DigestItem | undefined {
    if (!this.walking) return undefined;
    const item = this.items.next();
    if (item.kind === 'folder' || item.kind === 'digest') return item;
    if (item.kind !== 'walk-end') throw broken(`a ${item.kind} within a walk`);
    this.walking = false;
    return undefined;
  }

  /** Drops what is left of the walk. */
  endWalk(): void {
    while (this.nextOfWalk() !== undefined);
  }

  /** Adds a content request. */
  request(request: ContentRequest): Wanted {
    const wanted = new Wanted(request);
    this.queue.push(wanted);
    this.send();
    return wanted;
  }

  /** Finds what was requested for a file and makes it the next to be read: what stands before it is drained. */
  take(mount: number, folder: RelPath, name: string): Wanted | undefined {
    // The file at hand has been opened once already, where it is still at the head: its tokens are under way.
    const at = this.queue.findIndex(({ request, slot }) => asksFor(request, mount, folder, name) && (slot === undefined || slot.state === 'waiting'));
    if (at < 0) return undefined;
    const wanted = this.queue[at] as Wanted;
    this.advance(wanted);
    while (wanted.slot?.state === 'waiting') this.step(wanted);
    return wanted;
  }

  /** The next token of the file at the head. */
  token(wanted: Wanted): ContentToken {
    this.advance(wanted);
    if (wanted.slot?.state === 'refine') throw new Error('the sums that were asked for come first');
    for (;;) {
      const token = this.step(wanted);
      if (token !== undefined) return token;
    }
  }

  /** Sends the sums that a refine token asked for. */
  refine(wanted: Wanted, sums: RoundSums): void {
    wanted.slot?.refined();
    this.items.add({ kind: 'refine', sums });
    this.items.flush();
  }

  /** Nobody wants the rest of it. */
  drop(wanted: Wanted): void {
    const at = this.queue.indexOf(wanted);
    if (at >= this.sent) this.queue.splice(at, 1); // it never was sent
  }

  /** Sends what was requested, as far as there is room. */
  flush(): void {
    this.items.flush();
  }

  /** Reads up to `wanted`, which becomes the head of the queue. */
  private advance(wanted: Wanted): void {
    if (this.walking) this.endWalk();
    for (;;) {
      const head = this.queue[0];
      if (head === undefined) throw new Error('content that was not requested, or has ended');
      if (head === wanted && head.slot !== undefined) return;
      if (head !== wanted && head.slot === undefined) this.queue.shift();
      else if (head.slot === undefined) this.send();
      else this.drain(head);
    }
  }

  private drain(head: Wanted): void {
    while (head.slot !== undefined && head.slot.state !== 'ended') {
      if (head.slot.state === 'refine') this.refine(head, head.slot.noSums(head.request.sums?.basisSize ?? head.request.known?.size ?? 0));
      this.step(head);
    }
  }

  /** Takes one item for the head of the queue. */
  private step(head: Wanted): ContentToken | undefined {
    const { slot } = head;
    if (slot === undefined) throw new Error('content that was not sent for');
    const token = slot.take(this.items.next());
    if (slot.state === 'ended') {
      this.queue.shift();
      this.sent--;
      this.outstanding -= head.bytes;
      this.send();
    }
    return token;
  }

  /** Sends the requests that there is room for; the first one always. */
  private send(): void {
    while (this.sent < this.queue.length && (this.sent === 0 || (this.outstanding < MOST_REQUESTED && this.sent < MOST_FILES))) {
      const wanted = this.queue[this.sent] as Wanted;
      wanted.bytes = this.items.add(questionOf(wanted.request));
      wanted.slot = new ContentSlot(wanted.request.from);
      this.outstanding += wanted.bytes;
      this.sent++;
    }
  }
}
