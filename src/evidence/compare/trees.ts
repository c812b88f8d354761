/**
 * Compares two manifests in one pass: the source's and the target's, merged in their common order. Path by path it says what differs, what is missing, what is too
 * much, and what cannot be told. Reads nothing but the two streams; its memory is the depth of the trees.
 */
import type { SessionOptions } from '../../plan/index.js';
import { S_IFDIR, S_IFLNK, S_IFREG, type ByteString, type RelPath } from '../../tree/index.js';
import type { Entry } from '../manifest/entry.js';
import type { ManifestItem } from '../manifest/items.js';
import { Cursor, type ItemSource } from './cursor.js';
import { ManifestMerge, type EntryItem, type Side } from './merge.js';
import { emptyCounts, type Note, type NoteCounts, type NoteDetail, type NoteKind } from './notes.js';
import type { ComparePolicy, OwnerNames } from './policy.js';

/** Who is told. */
export interface CompareSink {
  note(note: Note): void;
  /** Each item of the target's manifest, in order. */
  target(item: ManifestItem): void;
}

/** Compares. @throws what the streams throw; ManifestError where one ends too soon. */
export async function compareTrees(
  source: ItemSource, target: ItemSource, options: SessionOptions, policy: ComparePolicy, names: OwnerNames, sink: CompareSink,
): Promise<NoteCounts> {
  const merge = new Merge(new Cursor(source), new Cursor(target), options, policy, names, sink);
  await merge.run();
  return merge.counts;
}

class Merge extends ManifestMerge {
  readonly counts = emptyCounts();
  /** -m: folders that the source has and the target does not; they are missed where something is in them. */
  private pending: RelPath[] = [];
  private readonly keptSuffix: ByteString | undefined;

  constructor(
    source: Cursor, target: Cursor, private readonly options: SessionOptions, private readonly policy: ComparePolicy, private readonly names: OwnerNames, private readonly sink: CompareSink,
  ) {
    super(source, target);
    const { backup, backupDir, suffix } = options.replace;
    this.keptSuffix = backup && backupDir === undefined ? suffix : undefined;
  }

  protected async pair(source: EntryItem, target: EntryItem): Promise<void> {
    const { entry: s } = source;
    const { entry: t } = target;
    const path = this.pathOf(s);
    const leftOut = this.policy.isLeftOut(s, path);
    const alike = this.policy.alikeIsEqual && s.fault === undefined && s.leader === undefined && source.line === target.line;
    if (!alike && !leftOut) await this.judge(s, t, path);
    const [sourceIsFolder, targetIsFolder] = [s.type === S_IFDIR, t.type === S_IFDIR];
    if (sourceIsFolder && targetIsFolder) {
      this.into(source, target);
      // What could not be listed holds what nobody knows: its other side is not judged by it.
      if (s.fault !== undefined || s.isClosed) await this.rest('right', () => this.extra('unjudged'));
      else if (t.fault !== undefined) await this.rest('left', () => this.below('left', () => undefined));
      return;
    }
    if (sourceIsFolder) await this.missing(true);
    else this.pass('left', source);
    if (targetIsFolder) await this.extra(s.type === 0 || leftOut ? 'unjudged' : 'extra', true);
    else this.pass('right', target);
  }

  protected async only(side: Side): Promise<void> {
    await (side === 'left' ? this.missing() : this.extra('extra'));
  }

  protected override passed(side: Side, item: ManifestItem): void {
    if (side === 'right') this.sink.target(item);
  }

  private async judge(s: Entry, t: Entry, path: RelPath): Promise<void> {
    if (this.names.isNew(s)) await this.names.learn(s);
    if (s.type !== 0 && t.type !== 0) {
      const { differs, lost } = this.policy.cannotHave(s) && s.type !== t.type ? { differs: [], lost: ['type' as const] } : this.policy.compare(s, t, path);
      if (differs.length > 0) this.note('difference', path, differs);
      if (lost.length > 0) this.note('loss', path, lost);
    }
    const unread: NoteDetail[] = [];
    if (s.fault !== undefined) unread.push(`source-${s.fault.code}`);
    if (t.fault !== undefined) unread.push(`target-${t.fault.code}`);
    if (unread.length > 0) this.note('unread', path, unread);
  }

  /** The source has it alone, with all below it. `known`: of the first one it was told that it is no folder on the target. */
  private async missing(known = false): Promise<void> {
    const from = this.depth;
    await this.below('left', (entry, path) => {
      if (!known || this.depth > from) this.missed(entry, path);
    });
    this.pending = [];
  }

  private missed(entry: Entry, path: RelPath): void {
    if (this.policy.isLeftOut(entry, path)) return;
    if (entry.fault !== undefined) this.note('unread', path, [`source-${entry.fault.code}`]);
    const what: NoteDetail = kindOf(entry);
    if (this.policy.cannotHave(entry)) {
      this.note('loss', path, [what]);
      return;
    }
    if (this.options.walk.pruneEmptyDirs && entry.type === S_IFDIR) {
      this.pending.push(path);
      return;
    }
    for (const folder of this.pending.splice(0)) if (path.startsWith(`${folder}/`)) this.note('missing', folder, ['folder']);
    this.note('missing', path, [what]);
  }

  /** The target has it alone, with all below it. */
  private async extra(kind: 'extra' | 'unjudged', known = false): Promise<void> {
    const from = this.depth;
    let spared = Infinity; // depth of what is protected: nothing below it counts
    await this.below('right', (entry, path) => {
      if (this.depth <= spared) spared = entry.isProtected || this.isKept(entry) ? this.depth : Infinity;
      if (spared !== Infinity || (known && this.depth === from)) return;
      if (entry.fault !== undefined) this.note('unread', path, [`target-${entry.fault.code}`]);
      this.note(kind, path, [kindOf(entry)]);
    });
  }

  /** Where nothing is deleted, nothing is too much; and a backup beside its file is no extra. */
  private isKept(entry: Entry): boolean {
    if (this.options.delete.when === undefined) return true;
    return this.keptSuffix !== undefined && entry.type !== S_IFDIR && entry.name.endsWith(this.keptSuffix);
  }

  private note(kind: NoteKind, path: RelPath, what: readonly NoteDetail[]): void {
    this.counts[kind]++;
    this.sink.note({ kind, path, what });
  }
}

function kindOf(entry: Entry): NoteDetail {
  switch (entry.type) {
    case S_IFDIR: return 'folder';
    case S_IFREG: return 'file';
    case S_IFLNK: return 'symlink';
    default: return 'special';
  }
}
