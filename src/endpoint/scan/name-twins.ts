/**
 * Name twins: names that are different at the source and the same on a target which folds case or
 * normalises Unicode. The first of a folder in byte order is kept; the others are problems, so that they
 * never overwrite each other.
 */
import { displayName, toBytes, type ByteString } from '../../tree/index.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Finds twins in one folder at a time. */
export class NameTwins {
  private readonly first = new Map<string, ByteString>();
  private readonly twin = new Map<ByteString, string>();

  constructor(private readonly folds: 'case' | 'unicode' | 'both') {}

  /** Begins a folder with all its names, in byte order. */
  begin(names: readonly ByteString[]): void {
    this.first.clear();
    this.twin.clear();
    for (const name of names) {
      const key = this.fold(name);
      const other = this.first.get(key);
      if (other === undefined) this.first.set(key, name);
      else this.twin.set(name, displayName(other));
    }
  }

  /** The name (for people) that `name` cannot be told from, or undefined. */
  of(name: ByteString): string | undefined {
    return this.twin.get(name);
  }

  private fold(name: ByteString): string {
    let text: string;
    try {
      text = utf8.decode(toBytes(name));
    } catch {
      return name; // not UTF-8: such a target takes the bytes as they are or refuses them
    }
    if (this.folds !== 'case') text = text.normalize('NFC');
    return this.folds === 'unicode' ? text : text.toLowerCase();
  }
}
