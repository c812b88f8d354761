/**
 * WatchTree: which folder each inotify watch stands for. Folders are nodes with their names, so a folder that moves takes all
 * below it along, and a path is made only when it is needed. Pure.
 */
import type { ByteString, RelPath } from '../../tree/index.js';

export class WatchedFolder {
  children: Map<ByteString, WatchedFolder> | undefined;
  /** Number of its watch; 0: it has none. */
  watch = 0;

  constructor(public parent: WatchedFolder | undefined, public name: ByteString) {}
}

export class WatchTree {
  root = new WatchedFolder(undefined, '' as ByteString);
  private readonly byWatch = new Map<number, WatchedFolder>();

  get size(): number {
    return this.byWatch.size;
  }

  clear(): void {
    this.root = new WatchedFolder(undefined, '' as ByteString);
    this.byWatch.clear();
  }

  of(watch: number): WatchedFolder | undefined {
    return this.byWatch.get(watch);
  }

  /** Gives a folder its watch. */
  setWatch(folder: WatchedFolder, watch: number): void {
    this.dropWatch(folder);
    folder.watch = watch;
    this.byWatch.set(watch, folder);
  }

  /** Its watch is gone, or another folder's now. Whether it was still its own. */
  dropWatch(folder: WatchedFolder): boolean {
    const { watch } = folder;
    folder.watch = 0;
    return watch !== 0 && this.byWatch.get(watch) === folder && this.byWatch.delete(watch);
  }

  /** The folder of that name, made where there is none. */
  child(folder: WatchedFolder, name: ByteString): WatchedFolder {
    folder.children ??= new Map();
    let child = folder.children.get(name);
    if (child === undefined) folder.children.set(name, (child = new WatchedFolder(folder, name)));
    return child;
  }

  /** Takes a folder with all below it out of its place. */
  detach(folder: WatchedFolder): void {
    const { parent } = folder;
    if (parent?.children?.get(folder.name) !== folder) return;
    parent.children.delete(folder.name);
    if (parent.children.size === 0) parent.children = undefined;
    folder.parent = undefined;
  }

  /** Puts a detached folder where there is none. */
  attach(folder: WatchedFolder, parent: WatchedFolder, name: ByteString): void {
    folder.parent = parent;
    folder.name = name;
    (parent.children ??= new Map()).set(name, folder);
  }

  /** A folder and all below it. */
  *below(folder: WatchedFolder): Generator<WatchedFolder> {
    const stack = [folder];
    for (let each = stack.pop(); each !== undefined; each = stack.pop()) {
      if (each.children !== undefined) stack.push(...each.children.values());
      yield each;
    }
  }

  /** Path below the root; undefined: it has left the tree. */
  pathOf(folder: WatchedFolder): RelPath | undefined {
    const parts: string[] = [];
    let at = folder;
    for (; at.parent !== undefined; at = at.parent) parts.push(at.name);
    return at === this.root ? (parts.toReversed().join('/') as RelPath) : undefined;
  }

  /** The folder at a path, where it is known. */
  find(path: RelPath): WatchedFolder | undefined {
    let at: WatchedFolder | undefined = this.root;
    if (path !== '') for (const part of path.split('/')) at = at?.children?.get(part as ByteString);
    return at;
  }
}
