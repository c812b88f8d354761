/**
 * --link-dest, --copy-dest, --compare-dest: whether one of the alternate folders already holds an entry
 * that the target lacks. The first folder that has it in full wins, else the first with the same content.
 */
import { FolderCache, type Posix } from '../../fs/index.js';
import { Item, OpKind, Reason, type Planner, type SessionOptions } from '../../plan/index.js';
import { StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import type { EntryProbe } from './probe.js';

/** Looks an entry up in the alternate folders. */
export class AltDests {
  readonly active: boolean;
  private readonly folders: FolderCache[];
  private readonly table = new StatTable(1);
  private readonly kind: 'link' | 'copy' | 'compare';
  private readonly keepsTimes: boolean;

  constructor(private readonly posix: Posix, options: SessionOptions, roots: readonly number[]) {
    this.kind = options.replace.altDest?.kind ?? 'compare';
    this.keepsTimes = options.attributes.times;
    this.folders = roots.map((fd) => new FolderCache(posix, fd));
    this.active = roots.length > 0;
  }

  /**
   * Adapts the planner's operation (a new entry) to what the alternate folders have. False where nothing is to be done
   * because a --compare-dest folder has it.
   */
  answer(planner: Planner, folder: RelPath, name: ByteString, s: StatTable, r: number, probe: EntryProbe): boolean {
    const { op } = planner;
    let best = 0;
    let bestAt = -1;
    let item = 0;
    for (let k = 0; k < this.folders.length && best < 3; k++) {
      const at = (this.folders[k] as FolderCache).open(folder);
      if (at < 0 || this.posix.stat(at, name, this.table, 0) < 0) continue;
      probe.targetAt(at, name);
      const match = planner.altMatch(s, r, this.table, 0, probe);
      if (match > best) {
        best = match;
        bestAt = k;
        item = planner.altItem;
      }
    }
    if (best === 0) return true;
    if (best === 3 && this.kind === 'compare') return false;
    // Its line tells the difference to the alternate folder, not that it is new on the target.
    if (best === 3 && this.kind === 'link') {
      op.kind = OpKind.Link;
      op.alt = bestAt + 1;
      op.item = Item.HardLink;
      op.reason = Reason.AltDestSame;
    } else if (best >= 2 && op.kind === OpKind.File) {
      op.alt = bestAt + 1;
      op.item = Item.Local | item | (this.keepsTimes ? 0 : Item.TimeNow);
      op.reason = Reason.AltDestSame;
    } else op.item = (op.item & (Item.Transfer | Item.Local)) | item;
    return true;
  }

  /** Adapts the planner's operation for a new folder: its line tells the difference to that of an alternate folder. `source` is its handle, -1 without. */
  answerFolder(planner: Planner, path: RelPath, source: number, s: StatTable, r: number, probe: EntryProbe): void {
    let best = 0;
    let item = 0;
    for (let k = 0; k < this.folders.length && best < 3; k++) {
      const at = (this.folders[k] as FolderCache).open(path);
      if (at < 0 || this.posix.fstat(at, this.table, 0) < 0) continue;
      probe.folders(source, at);
      const match = planner.altMatch(s, r, this.table, 0, probe);
      if (match <= best) continue;
      best = match;
      item = planner.altItem;
    }
    if (best > 0) planner.op.item = Item.Local | item;
  }

  close(): void {
    for (const cache of this.folders) cache.closeAll();
  }
}
