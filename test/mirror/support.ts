/** What the capture tests share: backends driven by hand, pictures of a tree, and whether hints cover all that differs. */
import assert from 'node:assert/strict';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { KernelWatch, loadPosix, POLLIN } from '../../src/fs/index.js';
import { FanotifyBackend, HintQueue, InotifyBackend, type BackendOptions, type Condition, type Hint, type QueueBackend } from '../../src/mirror/index.js';
import { fromText, type ByteString, type RelPath } from '../../src/tree/index.js';

/** A backend with its queue, in the test's own thread. The clock is the test's. */
export class Driven {
  readonly queue: HintQueue;
  readonly backend: QueueBackend;
  readonly hints: Hint[] = [];
  readonly conditions: Condition[] = [];
  now = 1000;

  constructor(name: 'inotify' | 'fanotify', root: string, options: Partial<BackendOptions> & { most?: number } = {}, private readonly kernel = new KernelWatch()) {
    this.queue = new HintQueue({ most: options.most ?? 1_000_000, now: () => this.now });
    const all: BackendOptions = {
      root: fromText(root), oneFileSystem: false, prune: () => false, mostWatches: Infinity, sweepMs: 60_000, rootCheckMs: 1000, bufferBytes: 65536, ...options,
    };
    this.backend = new (name === 'inotify' ? InotifyBackend : FanotifyBackend)(this.kernel, loadPosix(), all, this.queue);
    assert.equal(this.backend.start(this.now), undefined);
  }

  /** Takes what the kernel has so far. */
  drain(): this {
    while (this.backend.read(this.now));
    return this.collect();
  }

  /** Lets time pass. */
  tick(ms: number): this {
    this.now += ms;
    this.backend.tick(this.now);
    return this.collect();
  }

  /** As the thread does where the mount table says that it has changed. */
  mountsChanged(): this {
    this.backend.mountsChanged(this.now);
    return this.collect();
  }

  /** Waits for events until `done`. */
  follow(done: () => boolean): this {
    const ready: number[] = [];
    while (!done()) {
      this.kernel.poll([{ fd: this.backend.fd, events: POLLIN }], 2, ready);
      this.backend.read(this.now);
    }
    return this;
  }

  /** What was told since the last call, as lines `scope path`, sorted. */
  told(): string[] {
    return [...new Set(this.hints.splice(0).map((hint) => `${hint.scope} ${hint.path}`))].sort();
  }

  kinds(): string[] {
    return this.conditions.splice(0).map((condition) => `${condition.kind} ${condition.path}`);
  }

  private collect(): this {
    const { hints, conditions } = this.queue.take();
    this.hints.push(...hints);
    this.conditions.push(...conditions);
    return this;
  }
}

/** One entry of a picture: all that a mirror keeps. The times of a folder are left out: whatever changes in it changes them. */
interface Entry {
  readonly facts: string;
  readonly inode: bigint;
  readonly isFolder: boolean;
  readonly linked: boolean;
}
export type Picture = Map<RelPath, Entry>;

/** All entries below a folder, by Node's own calls. */
export function picture(root: string): Picture {
  const found: Picture = new Map();
  const visit = (at: string, path: string): void => {
    const bytes = Buffer.from(at, 'latin1');
    const s = lstatSync(bytes, { bigint: true });
    const isFolder = s.isDirectory();
    const content = s.isFile() ? readFileSync(bytes, 'latin1') : s.isSymbolicLink() ? readlinkSync(bytes, 'latin1') : '';
    found.set(path as RelPath, { facts: [s.mode, s.uid, s.gid, s.rdev, ...(isFolder ? [] : [s.size, s.mtimeNs]), content].join(' '), inode: s.ino, isFolder, linked: !isFolder && s.nlink > 1n });
    if (isFolder) for (const name of readdirSync(bytes, 'latin1' as 'utf8')) visit(`${at}/${name}`, path === '' ? name : `${path}/${name}`);
  };
  visit(Buffer.from(root).toString('latin1'), '');
  return found;
}

/** Paths that differ and that no hint covers. */
export function uncovered(before: Picture, after: Picture, hints: readonly Hint[]): RelPath[] {
  const sets = { entry: new Set<string>(), listing: new Set<string>(), subtree: new Set<string>() };
  for (const hint of hints) sets[hint.scope].add(hint.path);
  const above = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 0));
  const direct = (path: string): boolean => {
    if (sets.entry.has(path) || sets.listing.has(path) || (path !== '' && sets.listing.has(above(path)))) return true;
    for (let at = path; ; at = above(at)) {
      if (sets.subtree.has(at)) return true;
      if (at === '') return false;
    }
  };
  /** Gone with a folder that is gone itself, and of which a hint tells. */
  const goneWithFolder = (path: string): boolean => {
    for (let at = above(path); at !== ''; at = above(at)) if (after.get(at as RelPath)?.isFolder !== true && direct(at)) return true;
    return false;
  };
  const names = new Map<bigint, Set<RelPath>>();
  for (const tree of [before, after]) {
    for (const [path, { inode, linked }] of tree) {
      if (!linked) continue;
      if (!names.has(inode)) names.set(inode, new Set());
      names.get(inode)?.add(path);
    }
  }
  const byOtherName = (path: RelPath): boolean => [before, after].some((tree) => {
    const entry = tree.get(path);
    return entry?.linked === true && [...(names.get(entry.inode) ?? [])].some((other) => direct(other) || (!after.has(other) && goneWithFolder(other)));
  });
  return [...new Set([...before.keys(), ...after.keys()])].filter((path) => {
    const [old, fresh] = [before.get(path), after.get(path)];
    if (old?.facts === fresh?.facts && old?.inode === fresh?.inode) return false;
    return !direct(path) && !(fresh === undefined && goneWithFolder(path)) && !byOtherName(path);
  });
}

export const b = (text: string): ByteString => text as ByteString;
