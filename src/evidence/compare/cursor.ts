/** A manifest's stream read step by step, whatever the size of the pieces in which it comes. */
import type { ManifestItem } from '../manifest/items.js';

/** What gives the pieces; a `Digest`, or an evidence file. */
export interface ItemSource { next(): Promise<readonly ManifestItem[] | undefined> }

export class Cursor {
  private items: readonly ManifestItem[] = [];
  private at = 0;
  private over = false;

  constructor(private readonly source: ItemSource) {}

  /** The item at hand, where it is here already. */
  get here(): ManifestItem | undefined {
    return this.items[this.at];
  }

  /** Makes sure that an item is at hand; false at the end. */
  async fill(): Promise<boolean> {
    while (this.at >= this.items.length) {
      if (this.over) return false;
      const more = await this.source.next();
      if (more === undefined) this.over = true;
      else {
        this.items = more;
        this.at = 0;
      }
    }
    return true;
  }

  /** Goes on behind the item at hand. */
  step(): void {
    this.at++;
  }
}
