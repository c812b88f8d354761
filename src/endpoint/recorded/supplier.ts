/**
 * BatchSupplier: answers a session's requests from a batch, as a Supplier does from a tree. What was asked when it was recorded is answered
 * with what was answered then; other small questions from the recorded walk. Content that is not there, or is a delta against another basis, is an
 * errno: NO_CONTENT, OTHER_BASIS. Whatever is read from the file is checked again on the way, here and by the session.
 */
import { Errno } from '../../fs/index.js';
import {
  COMPRESSION_MASK, expandPayload, FIRST_CREDIT, FRAME_HEADER, FrameType, ItemReader, ItemWriter, MAX_PAYLOAD, RequestReader, WireError, type AnswerItem, type FolderItem, type Item, type Request,
} from '../../wire/index.js';
import type { ByteString, RelPath } from '../../tree/index.js';
import { StoredFolder } from '../remote/folder-store.js';
import { NO_CONTENT, OTHER_BASIS } from './errnos.js';
import { badBatch, guarded, requestKey, sameBasis } from './format.js';
import type { BatchEntry, BatchIndex } from './reader.js';

/** Bytes of items in a frame that is made anew. */
const FRAME = 256 << 10;
const NO_SUCH_FOLDER: Omit<FolderItem, 'mount' | 'path'> = {
  kind: 'folder', more: false, openErrno: Errno.ENOENT, listErrno: 0, self: undefined, names: [], stats: Buffer.alloc(0), errors: undefined, links: new Map(), followed: undefined, xattrs: undefined, hashes: undefined,
  ruleFiles: new Map(), users: [], groups: [],
};

/** Reads a batch anywhere. */
export interface BatchBytes {
  /** Fills `into` from `position` on. @throws TwintreeError where that cannot be. */
  read(into: Buffer, position: number): void;
}

type Payload = { readonly flags: number; readonly payload: Buffer };
interface Channel { readonly queue: Request[]; credit: number; job: Generator<Payload, void> | undefined }

/** Answers one session. */
export class BatchSupplier {
  private readonly channels = new Map<number, Channel>();
  private walkPlaces: Map<string, number[]> | undefined;
  private lastFolder: { key: string; folder: StoredFolder | undefined } | undefined;

  /** @param send takes a payload of items; its memory is its own */
  constructor(private readonly index: BatchIndex, private readonly file: BatchBytes, private readonly atimes: boolean, private readonly send: (channel: number, flags: number, payload: Buffer) => void) {}

  /** Takes a payload of requests. @throws WireError, TwintreeError PLAN_FILE, IO. */
  receive(number: number, flags: number, payload: Uint8Array): void {
    const channel = this.of(number);
    for (const reader = new RequestReader(expandPayload(flags, Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength))); !reader.done;) {
      const request = reader.next();
      if (request.kind === 'refine') throw new WireError('kind', 'sums came for which nobody had asked');
      channel.queue.push(request);
    }
    this.pump(number, channel);
  }

  /** Grants bytes on a channel, beside the FIRST_CREDIT that each begins with. @throws as `receive`. */
  credit(number: number, bytes: number): void {
    const channel = this.of(number);
    channel.credit += bytes;
    this.pump(number, channel);
  }

  private of(number: number): Channel {
    let channel = this.channels.get(number);
    if (channel === undefined) this.channels.set(number, (channel = { queue: [], credit: FIRST_CREDIT, job: undefined }));
    return channel;
  }

  private pump(number: number, channel: Channel): void {
    while (channel.credit > 0) {
      if (channel.job === undefined) {
        const request = channel.queue.shift();
        if (request === undefined) return;
        channel.job = guardedJob(this.serve(request));
      }
      const { done, value } = channel.job.next();
      if (done === true) {
        channel.job = undefined;
        continue;
      }
      channel.credit -= value.payload.length;
      this.send(number, value.flags, value.payload);
    }
  }

  private *serve(request: Request): Generator<Payload, void> {
    if (request.kind === 'content') return yield* this.content(request);
    const entry = this.index.get(requestKey(request));
    if (entry !== undefined && !(request.kind === 'call' && request.call.op === 'unlink')) return yield* this.recorded(entry);
    switch (request.kind) {
      case 'walk': return yield this.made({ kind: 'walk-end' });
      case 'folder': return yield* this.folderOfWalk(request.mount, request.path);
      case 'call': case 'hash': return yield this.made(this.answer(request));
      case 'refine': return;
    }
  }

  /** Content as it was recorded, from the byte on that is wanted. */
  private *content(request: Extract<Request, { kind: 'content' }>): Generator<Payload, void> {
    const entry = this.index.get(requestKey(request));
    if (entry === undefined) return yield this.made({ kind: 'content-begin', errno: NO_CONTENT, stat: undefined });
    const recorded = this.requestOf(entry);
    if (recorded.kind !== 'content') throw badBatch('it was changed while it was read');
    const fits = request.from >= recorded.from && (!entry.delta || (request.from === 0 && request.sums !== undefined && recorded.sums !== undefined && sameBasis(recorded.sums, request.sums)));
    if (!fits) return yield this.made({ kind: 'content-begin', errno: OTHER_BASIS, stat: undefined });
    if (request.from === recorded.from) return yield* this.recorded(entry);
    const writer = new ItemWriter({ atimes: this.atimes });
    let at = recorded.from;
    for (const item of this.items(entry)) {
      if (item.kind === 'literal') {
        const skip = Math.min(item.bytes.length, Math.max(0, request.from - at));
        at += item.bytes.length;
        if (skip < item.bytes.length) writer.write({ kind: 'literal', bytes: item.bytes.subarray(skip) });
      } else if (item.kind === 'hole') {
        const skip = Math.min(item.length, Math.max(0, request.from - at));
        at += item.length;
        if (skip < item.length) writer.write({ kind: 'hole', length: item.length - skip });
      } else writer.write(item);
      if (writer.length >= FRAME) yield { flags: 0, payload: writer.take() };
    }
    if (writer.length > 0) yield { flags: 0, payload: writer.take() };
  }

  // ---------------------------------------------------------------- what was not asked then

  private *folderOfWalk(mount: number, path: RelPath): Generator<Payload, void> {
    const items = this.walkItems(mount, path);
    const writer = new ItemWriter({ atimes: this.atimes });
    let before: FolderItem | undefined;
    for (const item of items) {
      if (before !== undefined) writer.write({ ...before, more: true });
      before = item;
      if (writer.length >= FRAME) yield { flags: 0, payload: writer.take() };
    }
    writer.write(before === undefined ? { ...NO_SUCH_FOLDER, mount, path } : { ...before, more: false });
    yield { flags: 0, payload: writer.take() };
  }

  private answer(request: Extract<Request, { kind: 'call' | 'hash' }>): AnswerItem {
    const call = request.kind === 'call' ? request.call : { op: 'hash' as const, place: request.place };
    if (call.op === 'names') return { kind: 'answer', result: 0, users: call.uids.map((id) => ({ id, name: undefined })), groups: call.gids.map((id) => ({ id, name: undefined })) };
    const { mount, folder: path, name } = call.place;
    const folder = this.walkFolder(mount, path);
    if (folder === undefined) return none(Errno.ENOENT);
    const k = name === '' ? -1 : folder.find(name);
    if (name !== '' && k < 0) return none(Errno.ENOENT);
    switch (call.op) {
      case 'hash': {
        const hash = k < 0 ? undefined : folder.hash(k);
        return hash === undefined ? none(NO_CONTENT) : { kind: 'answer', result: 0, bytes: hash };
      }
      case 'stat': {
        const led = call.follow && k >= 0 ? folder.followed(k) : undefined;
        const record = led === undefined ? (k < 0 ? (folder.self ?? -Errno.ENOENT) : folder.recordOf(k)) : typeof led === 'number' ? -led : led;
        return typeof record === 'number' ? none(-record) : { kind: 'answer', result: 0, stat: record };
      }
      case 'readlink': {
        const text: ByteString | undefined = k < 0 ? undefined : folder.link(k);
        return text === undefined ? none(Errno.EINVAL) : { kind: 'answer', result: 0, text };
      }
      case 'xattrs': return { kind: 'answer', result: 0, xattrs: folder.xattrs(k) };
      case 'read': case 'seek-end': return none(NO_CONTENT);
      case 'unlink': return none(Errno.EROFS);
    }
  }

  /** A folder as the walk told it. */
  private walkFolder(mount: number, path: RelPath): StoredFolder | undefined {
    const key = requestKey({ kind: 'folder', mount, path });
    if (this.lastFolder?.key === key) return this.lastFolder.folder;
    let folder: StoredFolder | undefined;
    for (const item of this.walkItems(mount, path)) {
      if (folder === undefined) folder = new StoredFolder(item, false);
      else folder.add(item);
    }
    if (folder?.openErrno !== 0) folder = undefined;
    this.lastFolder = { key, folder };
    return folder;
  }

  private *walkItems(mount: number, path: RelPath): Generator<FolderItem, void> {
    this.walkPlaces ??= this.indexWalk();
    for (const at of this.walkPlaces.get(requestKey({ kind: 'folder', mount, path })) ?? []) {
      for (const reader = new ItemReader(expandedItems(this.frameAt(at))); !reader.done;) {
        const item = reader.next();
        if (item.kind === 'folder' && item.mount === mount && item.path === path) yield item;
      }
    }
  }

  /** Places of the frames that tell of each folder of the walk; made where it is first needed, which is seldom. */
  private indexWalk(): Map<string, number[]> {
    const places = new Map<string, number[]>();
    const entry = this.index.get(requestKey({ kind: 'walk', after: undefined }));
    if (entry === undefined) return places;
    for (const { at, payload } of this.framesOf(entry)) {
      for (const reader = new ItemReader(payload); !reader.done;) {
        const item = reader.next();
        if (item.kind !== 'folder') continue;
        const key = requestKey({ kind: 'folder', mount: item.mount, path: item.path });
        const known = places.get(key);
        if (known === undefined) places.set(key, [at]);
        else if (known.at(-1) !== at) known.push(at);
      }
    }
    return places;
  }

  private made(item: Item): Payload {
    const writer = new ItemWriter({ atimes: this.atimes });
    writer.write(item);
    return { flags: 0, payload: writer.take() };
  }

  // ---------------------------------------------------------------- the file

  private requestOf(entry: BatchEntry): Request {
    const { flags, payload } = this.frameAt(entry.at);
    return new RequestReader(expandPayload(flags, payload)).next();
  }

  private *recorded(entry: BatchEntry): Generator<Payload, void> {
    for (const { flags, raw } of this.framesOf(entry)) yield { flags, payload: raw };
  }

  private *items(entry: BatchEntry): Generator<Item, void> {
    for (const { payload } of this.framesOf(entry)) for (const reader = new ItemReader(payload); !reader.done;) yield reader.next();
  }

  /** The frames of an answer; those of other channels in between are passed over. `payload` is expanded, where that is asked for. */
  private *framesOf(entry: BatchEntry): Generator<{ at: number; flags: number; raw: Buffer; readonly payload: Buffer }, void> {
    const head = this.headAt(entry.at);
    let at = entry.at + FRAME_HEADER + head.length;
    for (let left = entry.frames; left > 0;) {
      const next = this.headAt(at);
      if (next.channel === head.channel) {
        if (next.type !== FrameType.Items) throw badBatch('it was changed while it was read');
        const frame = this.frameAt(at);
        yield { at, flags: frame.flags, raw: frame.payload, get payload() { return expandedItems(frame); } };
        left--;
      }
      at += FRAME_HEADER + next.length;
    }
  }

  private headAt(at: number): { type: number; flags: number; channel: number; length: number } {
    const head = Buffer.allocUnsafe(FRAME_HEADER);
    this.file.read(head, at);
    const length = head.readUInt32LE(4);
    if (length === 0 || length > MAX_PAYLOAD) throw badBatch('it was changed while it was read');
    return { type: head.readUInt8(0), flags: head.readUInt8(1) & COMPRESSION_MASK, channel: head.readUInt16LE(2), length };
  }

  private frameAt(at: number): { flags: number; payload: Buffer } {
    const { flags, length } = this.headAt(at);
    const payload = Buffer.allocUnsafeSlow(length);
    this.file.read(payload, at + FRAME_HEADER);
    return { flags, payload };
  }
}

function expandedItems({ flags, payload }: { flags: number; payload: Buffer }): Buffer {
  return expandPayload(flags, payload);
}

function none(errno: number): AnswerItem {
  return { kind: 'answer', result: -errno };
}

/** The same job; what is wrong with the bytes is wrong with the batch. */
function* guardedJob(job: Generator<Payload, void>): Generator<Payload, void> {
  for (;;) {
    const step = guarded(() => job.next());
    if (step.done === true) return;
    yield step.value;
  }
}
