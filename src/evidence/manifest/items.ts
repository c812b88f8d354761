/**
 * A manifest as a stream: each folder's entry opens it, its entries follow in byte order, an end closes it. `ManifestWriter` makes the stream with its digests,
 * `ManifestChecker` believes nothing of one that came from elsewhere.
 */
import { MAX_PATH_BYTES, S_IFDIR, type ByteString } from '../../tree/index.js';
import { decodeEntry, digestText, encodeEntry, ManifestError, type Entry } from './entry.js';
import { ContentTree, endLine, folderText, rootOf } from './merkle.js';

/** One step of a manifest. */
export type ManifestItem =
  | { readonly kind: 'entry'; readonly entry: Entry; readonly line: string }
  /** The open folder is complete; the digest of its content. */
  | { readonly kind: 'end'; readonly tree: Buffer; readonly line: string };

/** A folder that is open: its line, its last name, its content so far. */
interface OpenFolder { readonly line: string; last: ByteString | undefined; readonly tree: ContentTree }

/** The digests of a manifest, step by step. */
export class ManifestDigest {
  protected readonly open: OpenFolder[] = [];
  private rootDigest: Buffer | undefined;

  /** Takes an entry; a folder is open from then on. */
  protected take(entry: Entry, line: string): void {
    const folder = this.open.at(-1);
    if (folder !== undefined) folder.last = entry.name;
    if (entry.type === S_IFDIR) this.open.push({ line, last: undefined, tree: new ContentTree() });
    else if (folder !== undefined) folder.tree.add(`${line}\n`);
    else throw new ManifestError('the root is no folder');
  }

  /** Closes the open folder: the digest of its content. */
  protected leave(): Buffer {
    const folder = this.open.pop();
    if (folder === undefined) throw new ManifestError('a folder ends that was not open');
    const tree = folder.tree.end();
    const text = folderText(folder.line, tree);
    const above = this.open.at(-1);
    if (above === undefined) this.rootDigest = rootOf(text);
    else above.tree.add(text);
    return tree;
  }

  /** The root of the whole manifest; undefined as long as it is not complete. */
  get root(): Buffer | undefined {
    return this.rootDigest;
  }
}

/** Makes the stream out of entries that come in order. */
export class ManifestWriter extends ManifestDigest {
  entry(entry: Entry): ManifestItem {
    const line = encodeEntry(entry);
    this.take(entry, line);
    return { kind: 'entry', entry, line };
  }

  end(): ManifestItem {
    const tree = this.leave();
    return { kind: 'end', tree, line: endLine(tree) };
  }
}

/** Reads a stream line by line and checks form, order, bounds and digests. */
export class ManifestChecker extends ManifestDigest {
  private length = 0; // of the open path, bytes

  /** @param rootName what the first folder is called: empty for a whole manifest */
  constructor(private readonly rootName: ByteString = '' as ByteString) {
    super();
  }

  /** Whether a line is one of a manifest, by its beginning. */
  static isItem(line: string): boolean {
    return line.startsWith('{"n":') || line.startsWith('{"end":');
  }

  /** @throws ManifestError. */
  push(line: string): ManifestItem {
    if (this.root !== undefined) throw new ManifestError('there is more behind the end');
    if (line.startsWith('{"end":')) {
      const said = digestText(line.slice(8, -2));
      const name = this.open.at(-1)?.line;
      const tree = this.leave();
      if (endLine(tree) !== line || said !== tree.toString('hex')) throw new ManifestError('the digest of a folder does not fit what is in it');
      if (name !== undefined) this.length -= nameLength(name);
      return { kind: 'end', tree, line };
    }
    const entry = decodeEntry(line);
    const folder = this.open.at(-1);
    if (folder === undefined) {
      if (entry.name !== this.rootName) throw new ManifestError('the first entry is not the root');
    } else {
      if (entry.name === '') throw new ManifestError('a name is empty');
      if (folder.last !== undefined && entry.name <= folder.last) throw new ManifestError('names are not in order, or stand twice');
    }
    if (entry.type === S_IFDIR) {
      this.length += nameLength(line);
      if (this.length > MAX_PATH_BYTES) throw new ManifestError('a path is too long');
    }
    this.take(entry, line);
    return { kind: 'entry', entry, line };
  }
}

/** Bytes that a folder's name adds to a path, from its line. */
function nameLength(line: string): number {
  const text = /^\{"n":("(?:[^"\\]|\\.)*")/.exec(line)?.[1] ?? '""';
  return (JSON.parse(text) as string).length + 1;
}
