/**
 * Finds the folders of the source: in what is held, in the walk's stream, which is read as far as the folder at hand, or by asking. The
 * walk's order is total, so a folder that the stream has passed, or does not hold, is known to be there no more.
 */
import type { RelPath } from '../../tree/index.js';
import { FolderStore, type StoredFolder } from './folder-store.js';
import { compareVisits } from './order.js';
import type { Questions } from './questions.js';
import type { SourceStream } from './stream.js';

/** The folders of one walk. */
export class Folders {
  private readonly store = new FolderStore();
  private next: StoredFolder | undefined; // of the stream
  private streaming = false;

  constructor(private readonly stream: SourceStream, private readonly questions: Questions) {}

  /** Asks for the walk. */
  begin(after: RelPath | undefined): void {
    this.stream.startWalk(after);
    this.streaming = true;
  }

  /** The walk is over, or nobody wants the rest: nothing is held any more. */
  end(): void {
    this.streaming = false;
    this.next = undefined;
    this.stream.endWalk();
    this.store.clear();
  }

  /** A folder that is held or comes next; undefined where it would have to be asked for. */
  find(mount: number, path: RelPath): StoredFolder | undefined {
    const held = this.store.get(mount, path);
    if (held !== undefined || !this.streaming) return held;
    for (;;) {
      this.next ??= this.stream.nextFolder();
      const { next } = this;
      if (next === undefined) {
        this.streaming = false;
        return undefined;
      }
      const order = compareVisits(next.mount, next.path, mount, path);
      if (order > 0) return undefined;
      this.next = undefined;
      this.store.put(next); // one that was passed over may be wanted yet
      if (order === 0) return next;
    }
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
