/** Two manifests gone through together, in their common order: what both have, and what only one of them has. Its memory is the depth of the trees. */
import { EMPTY, joinPath, parentOf, S_IFDIR, type ByteString, type RelPath } from '../../tree/index.js';
import { ManifestError, type Entry } from '../manifest/entry.js';
import type { ManifestItem } from '../manifest/items.js';
import type { Cursor } from './cursor.js';

export type EntryItem = Extract<ManifestItem, { kind: 'entry' }>;
export type Side = 'left' | 'right';

/** Takes the steps; who extends it says what they mean. */
export abstract class ManifestMerge {
  /** The folder at hand, and how many are open. */
  protected folder: RelPath;
  protected depth = 0;

  /** @param top path of the first folder */
  constructor(private readonly left: Cursor, private readonly right: Cursor, private readonly top: RelPath = EMPTY) {
    this.folder = top;
  }

  /** @throws ManifestError where a manifest ends too soon; what the streams throw. */
  async run(): Promise<void> {
    do {
      const [a, b] = [await this.at('left'), await this.at('right')];
      if (a.kind === 'end' && b.kind === 'end') {
        this.pass('left', a);
        this.pass('right', b);
        this.leave();
      } else if (b.kind === 'end' || (a.kind === 'entry' && this.depth > 0 && a.entry.name < b.entry.name)) await this.only('left');
      else if (a.kind === 'end' || (this.depth > 0 && a.entry.name > b.entry.name)) await this.only('right');
      else await this.pair(a, b);
    } while (this.depth > 0);
    if (await this.left.fill() || await this.right.fill()) throw new ManifestError('there is more behind the end of a manifest');
  }

  /** Both have it. The steps over both are to be taken. */
  protected abstract pair(left: EntryItem, right: EntryItem): Promise<void>;
  /** Only one has the entry at hand; the steps over it and all below it are to be taken. */
  protected abstract only(side: Side): Promise<void>;
  /** A step is taken over an item. */
  protected passed(_side: Side, _item: ManifestItem): void { /* for who wants to know */ }

  protected pass(side: Side, item: ManifestItem): void {
    this.passed(side, item);
    (side === 'left' ? this.left : this.right).step();
  }

  /** Goes into a folder that both have. */
  protected into(left: EntryItem, right: EntryItem): void {
    this.pass('left', left);
    this.pass('right', right);
    this.enter(left.entry.name);
  }

  /** Whatever one side has left in the folder at hand. */
  protected async rest(side: Side, visit: () => Promise<void>): Promise<void> {
    while ((await this.at(side)).kind === 'entry') await visit();
  }

  /** Goes over the entry at hand of one side and all below it. */
  protected async below(side: Side, visit: (entry: Entry, path: RelPath) => void): Promise<void> {
    const from = this.depth;
    do {
      const item = await this.at(side);
      if (item.kind === 'entry') visit(item.entry, this.pathOf(item.entry));
      this.pass(side, item);
      if (item.kind === 'end') this.leave();
      else if (item.entry.type === S_IFDIR) this.enter(item.entry.name);
    } while (this.depth > from);
  }

  protected pathOf(entry: Entry): RelPath {
    return this.depth === 0 ? this.top : joinPath(this.folder, entry.name);
  }

  private async at(side: Side): Promise<ManifestItem> {
    const cursor = side === 'left' ? this.left : this.right;
    if (cursor.here === undefined && !await cursor.fill()) throw new ManifestError('a manifest ends too soon');
    return cursor.here as ManifestItem;
  }

  private enter(name: ByteString): void {
    if (this.depth++ > 0) this.folder = joinPath(this.folder, name);
  }

  private leave(): void {
    if (--this.depth > 0) this.folder = parentOf(this.folder);
  }
}
