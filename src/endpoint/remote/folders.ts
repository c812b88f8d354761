/**
 * Finds the folders of the source: in what is held, in the walk's stream, which is read as far as the folder at hand, or by asking. The
 * walk's order is total, so a folder that the stream has passed, or does not hold, is known to be there no more.
 *
 * Where digests come, those that are there are compared with the target's folders ahead of their use, and folders that differ are asked for
 * at once, so that their answers are on their way while the walker is at the ones before.
 */
import type { RelPath } from '../../tree/index.js';
import { FolderStore, type StoredFolder } from './folder-store.js';
import { compareVisits } from './order.js';
import type { FolderSlot, Questions } from './questions.js';
import type { SourceStream } from './stream.js';
import type { TargetFolders } from './target-folders.js';

/** Folders that are looked at ahead, at most, and their bytes. */
const AHEAD = 1024;
const AHEAD_BYTES = 8 << 20;

/** A folder of the stream: here, or asked for. */
interface Coming { readonly mount: number; readonly path: RelPath; readonly folder: StoredFolder | undefined; readonly slot: FolderSlot | undefined }

/** The folders of one walk. */
export class Folders {
  private readonly store = new FolderStore();
  private ahead: Coming[] = []; // of the stream
  private first = 0; // of `ahead`
  private bytes = 0; // of `ahead`
  private streaming = false;
  private target: TargetFolders | undefined;

  constructor(private readonly stream: SourceStream, private readonly questions: Questions) {}

  /** Asks for the walk. `target`: its folders are compared with digests; this closes it. */
  begin(after: RelPath | undefined, target: TargetFolders | undefined): void {
    this.target = target;
    this.stream.startWalk(after, target !== undefined);
    this.streaming = true;
  }

  /** The walk is over, or nobody wants the rest: nothing is held any more. */
  end(): void {
    this.streaming = false;
    this.ahead = [];
    this.first = this.bytes = 0;
    this.stream.endWalk();
    this.store.clear();
    this.target?.close();
    this.target = undefined;
  }

  /** A folder that is held or comes next; undefined where it would have to be asked for. */
  find(mount: number, path: RelPath): StoredFolder | undefined {
    const held = this.store.get(mount, path);
    if (held !== undefined || !this.streaming) return held;
    for (;;) {
      const next = this.peek();
      if (next === undefined) {
        this.streaming = false;
        return undefined;
      }
      const order = compareVisits(next.mount, next.path, mount, path);
      if (order > 0) return undefined;
      this.first++;
      const folder = next.folder ?? (order === 0 && next.slot !== undefined ? this.questions.waitFolder(next.slot) : undefined);
      this.bytes -= next.folder?.bytes ?? 0;
      if (folder !== undefined) this.store.put(folder); // one that was passed over may be wanted yet
      if (order === 0) return folder;
    }
  }

  /** The next folder of the stream. */
  private peek(): Coming | undefined {
    const left = this.ahead.length - this.first;
    if (left > 0 && (this.target === undefined || left > AHEAD / 2 || !this.stream.comes)) return this.ahead[this.first];
    this.ahead = this.ahead.slice(this.first);
    this.first = 0;
    if (this.ahead.length === 0 && !this.take()) return undefined;
    if (this.target !== undefined) {
      while (this.ahead.length < AHEAD && this.bytes < AHEAD_BYTES && this.stream.comes && this.take());
      this.questions.flush();
    }
    return this.ahead[0];
  }

  /** Reads one folder of the stream; false at its end. */
  private take(): boolean {
    const item = this.stream.nextFolder();
    if (item === undefined) return false;
    const { mount, path } = item;
    if (!('kind' in item)) this.ahead.push({ mount, path, folder: item, slot: undefined });
    else {
      const same = this.target?.same(item);
      this.ahead.push({ mount, path, folder: same, slot: same === undefined ? this.questions.postFolder(mount, path) : undefined });
    }
    this.bytes += this.ahead.at(-1)?.folder?.bytes ?? 0;
    return true;
  }

  /** A folder with at least what the options choose of it. */
  need(mount: number, path: RelPath): StoredFolder {
    const found = this.find(mount, path);
    if (found !== undefined) return found;
    const asked = this.questions.folder(mount, path);
    this.store.put(asked);
    return asked;
  }
}
