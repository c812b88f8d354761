/** Manifests that are made up, and proofs of trees on the disk, as the tests want them. */
import { parseVerify, processContext } from '../../src/cli/index.js';
import type { Note } from '../../src/evidence/compare/notes.js';
import { bareEntry, type Entry } from '../../src/evidence/manifest/entry.js';
import { ManifestWriter, type ManifestItem } from '../../src/evidence/manifest/items.js';
import { makeKey, proveEqual, type Proof, type ProofRequest, type SigningKey } from '../../src/evidence/index.js';
import type { SessionOptions } from '../../src/plan/index.js';
import { fromText, S_IFDIR, S_IFLNK, S_IFREG, TwintreeError, type ByteString } from '../../src/tree/index.js';

/** A folder that is made up: names → contents, links or folders. */
export interface Made { [name: string]: Made | Partial<Entry> }

export const HASH = 'ab'.repeat(32);

/** An entry of a regular file with some attributes. */
export function fileEntry(more: Partial<Entry> = {}): Partial<Entry> {
  return { type: S_IFREG, perms: 0o644, uid: 1, gid: 2, size: 5, mtimeSec: 7, mtimeNsec: 8, hash: HASH, ...more };
}

export function linkEntry(link: string): Partial<Entry> {
  return { type: S_IFLNK, perms: 0o777, uid: 1, gid: 2, mtimeSec: 7, mtimeNsec: 8, link: link as ByteString };
}

/** The manifest of a tree. `change` may alter each entry, by its path. */
export function manifestOf(tree: Made, change: (entry: Entry, path: string) => void = () => undefined): { items: ManifestItem[]; lines: string[]; root: string } {
  const writer = new ManifestWriter();
  const items: ManifestItem[] = [];
  const folder = (name: string, children: Made, path: string): void => {
    const entry = { ...bareEntry(name as ByteString), type: S_IFDIR, perms: 0o755, mtimeSec: 3 };
    change(entry, path);
    items.push(writer.entry(entry));
    for (const child of Object.keys(children).sort()) {
      const below = children[child] as Made | Partial<Entry>;
      const at = path === '' ? child : `${path}/${child}`;
      if (typeof below['type'] !== 'number') {
        folder(child, below as Made, at);
        continue;
      }
      const made = { ...bareEntry(child as ByteString), ...(below as Partial<Entry>) };
      change(made, at);
      items.push(writer.entry(made));
    }
    items.push(writer.end());
  };
  folder('', tree, '');
  return { items, lines: items.map(({ line }) => line), root: writer.root?.toString('hex') ?? '' };
}

/** Options of a command line. */
export function optionsOf(...args: string[]): SessionOptions {
  const parsed = parseVerify([...args, 'a/', 'b'].map(fromText), processContext());
  if (parsed.kind !== 'run') throw new Error('no run');
  return parsed.options;
}

/** Proves that two folders of this host are equal, and tells all that is not. */
export async function prove(source: string, target: string, how: { args?: readonly string[] } & Partial<ProofRequest> = {}): Promise<Proof & { told: Note[] }> {
  const { args = ['-HAX'], ...request } = how;
  const told: Note[] = [];
  const proof = await proveEqual({
    source: { kind: 'here', path: fromText(source) }, target: { kind: 'here', path: fromText(target) }, options: optionsOf(...args), mode: 'full', samplePercent: 0, index: false,
    output: undefined, key: undefined, program: 'twintree test', ...request,
  }, { note: (note) => told.push(note) });
  return { ...proof, told };
}

/** A note as short text. */
export function shown({ kind, path, what }: Note): string {
  return `${kind} ${path} ${what.join(',')}`;
}

/** A key in a folder. */
export function keyIn(folder: string, name = 'key'): SigningKey {
  return makeKey(`${folder}/${name}`);
}

export function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TwintreeError && error.code === code;
}
