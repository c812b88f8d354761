/**
 * The Merkle tree of a manifest, after the idea of RFC 6962: what is hashed begins with a byte that says what it is, so that no block can be taken for a node. A
 * folder's entries, in byte order of their names, stand in blocks of 16; a folder among them stands with the digest of its own content:
 *
 *     text(entry)      = line ‖ LF                        of a folder: line ‖ LF ‖ end line ‖ LF
 *     block            = SHA-256(0x00 ‖ up to 16 texts)
 *     node             = SHA-256(0x01 ‖ up to 16 digests)  in levels, until there is one
 *     content(nothing) = SHA-256("")
 *     root             = SHA-256(0x02 ‖ text(root folder))
 *
 * A proof leads from one folder up to the root: in each folder above the other texts of its block, and the digests beside it in each level.
 */
import { hash } from 'node:crypto';

/** Texts of a block, and digests of a node. */
export const ARITY = 16;

const NODE = Buffer.from([1]);

/** The line that ends a folder. */
export function endLine(content: Buffer): string {
  return `{"end":"${content.toString('hex')}"}`;
}

/** Digest of a manifest whose root folder has this text. */
export function rootOf(text: string): Buffer {
  return hash('sha256', `\u0002${text}`, 'buffer');
}

/** A folder's text; content: digest of what is in it. */
export function folderText(line: string, content: Buffer): string {
  return `${line}\n${endLine(content)}\n`;
}

function blockOf(texts: string): Buffer {
  return hash('sha256', `\0${texts}`, 'buffer');
}

function nodeOf(digests: readonly Buffer[]): Buffer {
  return hash('sha256', Buffer.concat([NODE, ...digests]), 'buffer');
}

/** The tree of one folder's content, text by text; its memory is one block and the depth of the tree. */
export class ContentTree {
  private text = '';
  private count = 0;
  /** Digests of each level that have no node yet: 1 to `ARITY` each. */
  private readonly levels: Buffer[][] = [];

  /** @param text as `text(entry)` above */
  add(text: string): void {
    this.text += text;
    if (++this.count % ARITY === 0) this.close();
  }

  /** The digest of what was added; no more may be added. */
  end(): Buffer {
    if (this.text !== '') this.close();
    if (this.levels.length === 0) return hash('sha256', '', 'buffer');
    for (let level = 0; ; level++) {
      const digests = this.levels[level] as Buffer[];
      if (level === this.levels.length - 1 && digests.length === 1) return digests[0] as Buffer;
      this.put(level + 1, nodeOf(digests));
    }
  }

  private close(): void {
    const digest = blockOf(this.text);
    this.text = '';
    this.put(0, digest);
  }

  /** Adds a digest to a level. One that is full becomes a node when one more comes: so one that is full at the end may be the top. */
  private put(level: number, digest: Buffer): void {
    const digests = (this.levels[level] ??= []);
    if (digests.length === ARITY) this.put(level + 1, nodeOf(digests.splice(0)));
    digests.push(digest);
  }
}

/** The way from one text of a folder's content up to the digest of all of it. */
export interface ContentProof {
  /** The other texts of its block. */
  readonly before: string;
  readonly after: string;
  /** The digests beside the way, the lowest level first. */
  readonly levels: readonly { readonly left: readonly Buffer[]; readonly right: readonly Buffer[] }[];
}

/** The proof of text `index`. */
export function proveText(texts: readonly string[], index: number): ContentProof {
  if (index < 0 || index >= texts.length) throw new RangeError('no such text');
  const from = index - (index % ARITY);
  const levels: { left: Buffer[]; right: Buffer[] }[] = [];
  let digests = groups(texts).map((block) => blockOf(block.join('')));
  for (let at = from / ARITY; digests.length > 1; at = Math.floor(at / ARITY)) {
    const first = at - (at % ARITY);
    levels.push({ left: digests.slice(first, at), right: digests.slice(at + 1, first + ARITY) });
    digests = groups(digests).map(nodeOf);
  }
  return { before: texts.slice(from, index).join(''), after: texts.slice(index + 1, from + ARITY).join(''), levels };
}

/** The digest that a text and its proof lead to. */
export function followProof(text: string, { before, after, levels }: ContentProof): Buffer {
  let digest = blockOf(before + text + after);
  for (const { left, right } of levels) digest = nodeOf([...left, digest, ...right]);
  return digest;
}

function groups<T>(items: readonly T[]): T[][] {
  const found: T[][] = [];
  for (let at = 0; at < items.length; at += ARITY) found.push(items.slice(at, at + ARITY));
  return found;
}
