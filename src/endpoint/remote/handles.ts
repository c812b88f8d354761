/** Virtual handles: numbers that stand for folders and files of a source on another host, within one thread. */
import type { ByteString, RelPath } from '../../tree/index.js';
import type { SourcePlace } from '../../wire/index.js';
import type { StoredFolder } from './folder-store.js';
import type { AnswerSlot, FileQuestion } from './questions.js';
import type { Wanted } from './stream.js';

/** An open folder. */
export class DirHandle {
  readonly kind = 'dir';
  /** Its own entries, once they were looked at. */
  folder: StoredFolder | undefined;
  /** What was told of it when it was asked for by itself. */
  record: Buffer | undefined;

  /** @param parent,index its entry in the folder above, where that is known */
  constructor(readonly mount: number, readonly path: RelPath, readonly parent: StoredFolder | undefined, readonly index: number) {}
}

/** A small file whose content is here. */
export class MemoryHandle {
  readonly kind = 'memory';
  at = 0;
  constructor(readonly bytes: Buffer, readonly place: SourcePlace) {}
}

/** A file whose content comes over the connection. */
export class FileHandle {
  readonly kind = 'file';
  /** It was requested ahead … */
  wanted: Wanted | undefined;
  /** … or is asked for now. Neither: nothing was read yet. */
  question: FileQuestion | undefined;
  /** Its record before reading; undefined until it is known. */
  record: Buffer | undefined;
  attributes: AnswerSlot | undefined;

  // For read(): the place, and what is left of the last token.
  at = 0;
  literal: Buffer | undefined;
  hole = 0;
  /** 0 or the errno of the end, once it was reached. */
  ended: number | undefined;

  constructor(readonly place: SourcePlace, readonly follow: boolean, readonly noAtime: boolean) {}
}

export type Handle = DirHandle | MemoryHandle | FileHandle;

/** All handles of one thread. */
export class Handles {
  private readonly open = new Map<number, Handle>();
  private next: number;

  /** @param mounts handles 0 … mounts−1 are the mounts' roots and are never closed */
  constructor(private readonly mounts: number) {
    this.next = mounts;
    for (let mount = 0; mount < mounts; mount++) this.open.set(mount, new DirHandle(mount, '' as ByteString, undefined, -1));
  }

  add(handle: Handle): number {
    const fd = this.next++;
    this.open.set(fd, handle);
    return fd;
  }

  get(fd: number): Handle | undefined {
    return this.open.get(fd);
  }

  dir(fd: number): DirHandle | undefined {
    const handle = this.open.get(fd);
    return handle?.kind === 'dir' ? handle : undefined;
  }

  /** The handle that was closed; undefined where none was (the roots stay). */
  close(fd: number): Handle | undefined {
    if (fd < this.mounts) return undefined;
    const handle = this.open.get(fd);
    this.open.delete(fd);
    return handle;
  }

  /** Open handles beside the roots. */
  get size(): number {
    return this.open.size - this.mounts;
  }

  /** What folders hold on to is forgotten: it belongs to a walk that is over. */
  forgetFolders(): void {
    for (const handle of this.open.values()) {
      if (handle.kind !== 'dir') continue;
      handle.folder = undefined;
      handle.record = undefined;
    }
  }
}
