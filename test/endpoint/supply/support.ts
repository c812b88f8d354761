/** A session as the tests are one: hand-written requests to the real Supplier, its answers decoded by channel, credit given as told. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { Supplier, type SupplySetup } from '../../../src/endpoint/supply/index.js';
import { loadPosix } from '../../../src/fs/index.js';
import type { Seed } from '../../../src/hash/index.js';
import { parseSync, processContext } from '../../../src/cli/index.js';
import { openSources } from '../../../src/session/sources.js';
import { EMPTY, STAT_WORDS, StatTable, type ByteString } from '../../../src/tree/index.js';
import { expandPayload, ItemReader, RequestWriter, type AnswerItem, type FolderItem, type Item, type Request, type SourceCall, type SourcePlace } from '../../../src/wire/index.js';

export const SEED: Seed = { low: 0x12345678, high: 0x0abcdef1 };

export const bytes = (text: string): ByteString => Buffer.from(text, 'utf8').toString('latin1') as ByteString;

/** What a supplier is given for a command line `twintree sync ARGS SOURCES TARGET`. */
export function setupFor(args: readonly string[], sources: readonly string[], over: Partial<SupplySetup> = {}): SupplySetup {
  const parsed = parseSync([...args.map(bytes), bytes('--'), ...sources.map((s) => s as ByteString), bytes('/nowhere')], processContext());
  if (parsed.kind !== 'run') throw new Error('these options ask for no run');
  const { options } = parsed;
  const opened = openSources(loadPosix(), parsed.sources, options);
  assert.deepEqual(opened.problems, []);
  return {
    options, mounts: opened.mounts, selection: opened.selection, seed: SEED, threads: 2, compression: 'off',
    filterPlace: { contents: opened.selection.mounts.length > 0, source: opened.mounts[0]?.path ?? EMPTY, target: bytes('/') }, ...over,
  };
}

/** What was sent on one channel. */
interface Received { items: Item[]; bytes: number; frames: number; compressed: number; wake: (() => void) | undefined }

/** One session over one Supplier. */
export class TestSession {
  readonly supplier: Supplier;
  failure: Error | undefined;
  /** Grants back what came, at once. */
  grants = true;
  /** What came has left for the session. */
  takes = true;
  private readonly channels = new Map<number, Received>();
  private wakeFailed: ((error: Error) => void) | undefined;

  constructor(readonly setup: SupplySetup) {
    this.supplier = new Supplier(setup, (channel, flags, payload) => {
      const to = this.on(channel);
      to.bytes += payload.length;
      to.frames++;
      if (flags !== 0) to.compressed++;
      const reader = new ItemReader(expandPayload(flags, Buffer.from(payload)));
      while (!reader.done) to.items.push(reader.next());
      if (this.takes) this.supplier.taken(payload.length);
      if (this.grants) this.supplier.credit(channel, payload.length);
      to.wake?.();
    });
    this.supplier.onFailed = (error) => {
      this.failure = error;
      this.wakeFailed?.(error);
      for (const channel of this.channels.values()) channel.wake?.();
    };
  }

  on(channel: number): Received {
    let known = this.channels.get(channel);
    if (known === undefined) this.channels.set(channel, (known = { items: [], bytes: 0, frames: 0, compressed: 0, wake: undefined }));
    return known;
  }

  send(channel: number, ...requests: Request[]): void {
    const writer = new RequestWriter();
    for (const request of requests) writer.write(request);
    this.supplier.receive(channel, 0, writer.take());
  }

  /** The next item of a channel. */
  async next(channel: number): Promise<Item> {
    const from = this.on(channel);
    for (;;) {
      const item = from.items.shift();
      if (item !== undefined) return item;
      if (this.failure !== undefined) throw this.failure;
      await new Promise<void>((resolve) => { from.wake = resolve; });
    }
  }

  /** The next item, which must be of this kind. */
  async take<K extends Item['kind']>(channel: number, kind: K): Promise<Extract<Item, { kind: K }>> {
    const item = await this.next(channel);
    assert.equal(item.kind, kind);
    return item as Extract<Item, { kind: K }>;
  }

  /** Why the supplier gave up. */
  async failed(): Promise<Error> {
    return this.failure ?? new Promise<Error>((resolve) => { this.wakeFailed = resolve; });
  }

  async walk(channel = 1, after?: ByteString): Promise<FolderItem[]> {
    this.send(channel, { kind: 'walk', after });
    const out: FolderItem[] = [];
    for (;;) {
      const item = await this.next(channel);
      if (item.kind === 'walk-end') return out;
      assert.equal(item.kind, 'folder');
      out.push(item as FolderItem);
    }
  }

  async folder(path: string, mount = 0, channel = 2): Promise<Folder> {
    this.send(channel, { kind: 'folder', mount, path: path as ByteString });
    const items: FolderItem[] = [];
    do items.push(await this.take(channel, 'folder'));
    while (items.at(-1)?.more === true);
    return new Folder(items);
  }

  async call(call: SourceCall, channel = 2): Promise<AnswerItem> {
    this.send(channel, { kind: 'call', call });
    return this.take(channel, 'answer');
  }

  /** Ends the supplier and closes the mounts. */
  async close(): Promise<void> {
    await this.supplier.close();
    for (const { fd } of this.setup.mounts) loadPosix().close(fd);
  }
}

/** Items of one folder as one. */
export class Folder {
  readonly names: string[];
  readonly first: FolderItem;
  constructor(readonly items: readonly FolderItem[]) {
    this.first = items[0] as FolderItem;
    this.names = items.flatMap((item) => [...item.names]);
  }

  /** Where a name stands: its item and its index there. */
  at(name: string): { item: FolderItem; index: number } {
    for (const item of this.items) {
      const index = item.names.indexOf(name as ByteString);
      if (index >= 0) return { item, index };
    }
    throw new Error(`${name} is not in the folder`);
  }

  stat(name: string): StatTable {
    const { item, index } = this.at(name);
    return statOf(item.stats.subarray(index * STAT_WORDS * 4));
  }
}

/** Folders of a walk, in its order. */
export function folded(items: readonly FolderItem[]): Folder[] {
  const out: Folder[] = [];
  let part: FolderItem[] = [];
  for (const item of items) {
    part.push(item);
    if (item.more) continue;
    out.push(new Folder(part));
    part = [];
  }
  assert.equal(part.length, 0, 'a folder does not end');
  return out;
}

export function statOf(record: Buffer | undefined): StatTable {
  assert.ok(record !== undefined, 'there is no record');
  const table = new StatTable(1);
  record.copy(table.bytes, 0, 0, STAT_WORDS * 4);
  return table;
}

export function place(path: string, mount = 0): SourcePlace {
  const at = path.lastIndexOf('/');
  return { mount, folder: path.slice(0, Math.max(0, at)) as ByteString, name: path.slice(at + 1) as ByteString };
}

export function content(path: string, over: Partial<Extract<Request, { kind: 'content' }>> = {}): Extract<Request, { kind: 'content' }> {
  return { kind: 'content', place: place(path), follow: false, noAtime: false, from: 0, sums: undefined, ...over };
}

/** Handles of this process that lead below a folder. */
export function handlesBelow(root: string, links: (fd: string) => string): string[] {
  return readdirSync('/proc/self/fd').map(links).filter((to) => to === root || to.startsWith(`${root}/`));
}
