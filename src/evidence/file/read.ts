/**
 * Reads an evidence file, of which nothing is believed: every line is bounded, in its place and written in its only form; digests of folders, root and notes are
 * computed and compared; then the signature. An extract, which has one folder alone, has the proof that leads to the same root.
 */
import { createHash } from 'node:crypto';
import { InputFile } from '../../fs/index.js';
import { EMPTY, isObject, isRelPath, parentOf, TwintreeError, baseOf, joinPath, S_IFDIR, type ByteString, type RelPath } from '../../tree/index.js';
import { decodeNote, emptyCounts, NOTE_KINDS, type Note } from '../compare/notes.js';
import { LineCutter, LineError } from '../digest/lines.js';
import { decodeEntry, digestText, ManifestError, MAX_LINE, parsedLine } from '../manifest/entry.js';
import { ManifestChecker, type ManifestItem } from '../manifest/items.js';
import { ARITY, folderText, followProof, rootOf, type ContentProof } from '../manifest/merkle.js';
import { isSigned, keyFingerprint, PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './key.js';
import { badEvidence, decodeStatement, signedBytes, type Statement } from './statement.js';
import { FIRST_LINE } from './write.js';

/** Longest line: the statement holds all filter rules. */
const MOST_LINE = 64 << 20;
const MAX_LEVELS = 16;
const LINES = /^(?:[ -~]+\n)*$/;
/** Bytes after which signals are looked for. */
const BREATH = 4 << 20;

/** What an evidence file proves. */
export interface ReadEvidence {
  readonly statement: Statement;
  /** Digest of the target's manifest, hex. */
  readonly root: string;
  /** Raw public key that signed it, and its fingerprint. */
  readonly publicKey: Buffer;
  readonly fingerprint: string;
  /** The folder that an extract is of; empty: it is whole. */
  readonly folder: RelPath;
  /** The line of the statement, as it was signed. */
  readonly statementLine: string;
  readonly signatureLine: string;
}

/** Who is told while a file is read. Nothing of it is proven before the end. */
export interface EvidenceVisitor { item?(item: ManifestItem, path: RelPath): void; note?(note: Note): void }

/** One step of an extract's proof: the way through the folder above, and that folder's own line. */
export interface ProofLevel { readonly way: ContentProof; readonly above: string }

/** Reads a whole file. @throws TwintreeError EVIDENCE where it is damaged, of another version, or its signature is not its key's; IO. */
export async function readEvidence(path: ByteString, signal: AbortSignal, visitor: EvidenceVisitor = {}): Promise<ReadEvidence> {
  const reading = new EvidenceReading(path, signal, visitor);
  try {
    while (await reading.next() !== undefined); // the visitor sees them
    return reading.end();
  } finally {
    reading.close();
  }
}

/** An evidence file read piece by piece, as fast as its manifest is asked for. */
export class EvidenceReading {
  private readonly file: InputFile;
  private readonly pieces: AsyncGenerator<Buffer, void, undefined>;
  private readonly state: EvidenceState;
  private readonly cutter = new LineCutter(MOST_LINE);
  private items: ManifestItem[] = [];
  private breath = 0;

  /** @throws TwintreeError IO. */
  constructor(private readonly path: ByteString, private readonly signal: AbortSignal, visitor: EvidenceVisitor = {}) {
    this.file = new InputFile(path);
    this.pieces = this.file.pieces(signal);
    this.state = new EvidenceState({
      ...(visitor.note === undefined ? {} : { note: (note) => visitor.note?.(note) }),
      item: (item, at) => {
        this.items.push(item);
        visitor.item?.(item, at);
      },
    });
  }

  /** The next items of the manifest, which are not proven before the end; undefined there. @throws TwintreeError EVIDENCE, IO. */
  async next(): Promise<readonly ManifestItem[] | undefined> {
    this.items = [];
    for (;;) {
      const piece = await this.pieces.next();
      if (piece.done === true) return undefined;
      this.guarded(() => { this.cutter.push(piece.value, (line) => { this.state.take(line); }); });
      this.breath += piece.value.length;
      if (this.breath >= BREATH) {
        this.breath = 0;
        await new Promise<void>((resolve) => { setImmediate(resolve); });
        this.signal.throwIfAborted();
      }
      if (this.items.length > 0) return this.items;
    }
  }

  /** After the end: what it proves. @throws TwintreeError EVIDENCE. */
  end(): ReadEvidence {
    return this.guarded(() => {
      if (this.cutter.left > 0) throw new ManifestError('it is cut off within a line');
      return this.state.end();
    });
  }

  close(): void {
    this.file.close();
  }

  private guarded<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (error instanceof ManifestError || error instanceof LineError) throw badEvidence(`this is no sound evidence: ${error.message}`, this.path, 'It proves nothing. Make it anew, or get it again from where it was kept.');
      if (error instanceof TwintreeError && error.code === 'EVIDENCE' && error.path === undefined) throw badEvidence(error.message, this.path, error.advice);
      throw error;
    }
  }
}

class EvidenceState {
  private count = 0;
  private checker = new ManifestChecker();
  private readonly noteHash = createHash('sha256');
  private readonly counts = emptyCounts();
  private folder: RelPath = EMPTY;
  private depth = 0;
  private extract: { folder: RelPath; proof: ProofLevel[] } | undefined;
  private firstLine = '';
  /** The first folder's line and what is in it, when it is complete. */
  private top: { line: string; tree: Buffer } | undefined;
  private statement: { line: string; read: Statement } | undefined;
  private signature: { line: string; signature: Buffer; key: Buffer } | undefined;

  constructor(private readonly visitor: EvidenceVisitor) {}

  take(line: string): void {
    const n = this.count++;
    if (n === 0) {
      if (line !== FIRST_LINE) throw new ManifestError(line.startsWith('{"twintree":"evidence"') ? 'it is of a version that this program does not know' : 'it does not begin as evidence does');
      return;
    }
    if (this.signature !== undefined) throw new ManifestError('there is more behind the signature');
    if (this.statement !== undefined) {
      this.signature = readSignature(line);
    } else if (ManifestChecker.isItem(line)) {
      if (line.length > MAX_LINE) throw new ManifestError('a line is too long');
      this.item(this.checker.push(line));
    } else if (line.startsWith('{"note":')) {
      if (line.length > MAX_LINE || this.extract !== undefined) throw new ManifestError('a note stands where none belongs');
      const note = decodeNote(line);
      this.counts[note.kind]++;
      this.noteHash.update(`${line}\n`);
      this.visitor.note?.(note);
    } else if (line.startsWith('{"statement":')) {
      this.statement = { line, read: decodeStatement(line) };
    } else if (n === 1 && line.startsWith('{"folder":')) {
      this.extract = readExtract(line);
      this.checker = new ManifestChecker(baseOf(this.extract.folder));
    } else throw new ManifestError('a line is not known');
  }

  private item(item: ManifestItem): void {
    const { visitor } = this;
    if (item.kind === 'end') {
      visitor.item?.(item, this.folder);
      if (this.depth === 1) this.top = { line: this.firstLine, tree: item.tree };
      this.depth--;
      this.folder = parentOf(this.folder);
      return;
    }
    if (this.depth === 0) this.firstLine = item.line;
    const path = this.depth === 0 ? (this.extract?.folder ?? EMPTY) : joinPath(this.folder, item.entry.name);
    visitor.item?.(item, path);
    if (item.entry.type === S_IFDIR) {
      this.depth++;
      this.folder = path;
    }
  }

  end(): ReadEvidence {
    const { statement, signature, extract } = this;
    if (statement === undefined || signature === undefined) throw new ManifestError('it is cut off: its statement or signature is missing');
    const below = this.checker.root;
    if (below === undefined) throw new ManifestError('its manifest is not complete');
    if (!isSigned(signature.key, signedBytes(statement.line), signature.signature)) throw badEvidence('the signature is not one of the key that stands beside it', undefined, 'Somebody changed this file, or made it up. It proves nothing.');
    const root = (extract === undefined ? below : this.proven(extract)).toString('hex');
    if (root !== statement.read.target.root) throw badEvidence('the manifest is not the one that was signed', undefined, 'Somebody changed this file. It proves nothing.');
    if (extract === undefined) {
      if (this.noteHash.digest('hex') !== statement.read.notes) throw badEvidence('the notes are not those that were signed', undefined, 'Somebody changed this file. It proves nothing.');
      for (const kind of NOTE_KINDS) if (this.counts[kind] !== statement.read.counts[kind]) throw new ManifestError('the notes are not as many as the statement says');
    }
    return {
      statement: statement.read, root, publicKey: signature.key, fingerprint: keyFingerprint(signature.key), folder: extract?.folder ?? EMPTY, statementLine: statement.line, signatureLine: signature.line,
    };
  }

  /** The root that the extract's folder leads to. Each level's line must be that of the folder that the path says. */
  private proven({ folder, proof }: { folder: RelPath; proof: readonly ProofLevel[] }): Buffer {
    const { top } = this;
    if (top === undefined) throw new ManifestError('its manifest is not complete');
    let text = folderText(top.line, top.tree);
    let at = folder;
    for (const { way, above } of proof) {
      at = parentOf(at);
      const entry = decodeEntry(above);
      if (entry.type !== S_IFDIR || entry.name !== baseOf(at)) throw new ManifestError('the proof leads over another folder');
      text = folderText(above, followProof(text, way));
    }
    return rootOf(text);
  }
}

function readSignature(line: string): { line: string; signature: Buffer; key: Buffer } {
  const value = parsedLine(line);
  const [signature, key] = [value['signature'], value['key']].map((text) => (typeof text === 'string' && text.length < 256 ? Buffer.from(text, 'base64') : Buffer.alloc(0)));
  if (signature?.length !== SIGNATURE_BYTES || key?.length !== PUBLIC_KEY_BYTES) throw new ManifestError('the signature is none');
  if (JSON.stringify({ signature: signature.toString('base64'), key: key.toString('base64') }) !== line) throw new ManifestError('the signature is not written as it has to be');
  return { line, signature, key };
}

/** The line of an extract, as JSON values. */
export function encodeExtract(folder: string, proof: readonly ProofLevel[]): unknown {
  return { folder, proof: proof.map(({ way, above }) => ({ above, before: way.before, after: way.after, levels: way.levels.map(({ left, right }) => [hex(left), hex(right)]) })) };
}

function hex(all: readonly Buffer[]): string[] {
  return all.map((digest) => digest.toString('hex'));
}

function readExtract(line: string): { folder: RelPath; proof: ProofLevel[] } {
  const { folder, proof } = parsedLine(line);
  // oxlint-disable-next-line no-control-regex -- every unit is one byte
  if (typeof folder !== 'string' || folder === '' || !/^[\u0001-\u00ff]*$/.test(folder) || !isRelPath(folder as ByteString)) throw new ManifestError('the folder of an extract is none');
  if (!Array.isArray(proof) || proof.length !== folder.split('/').length) throw new ManifestError('the proof of an extract has not as many steps as its path');
  return { folder: folder as RelPath, proof: proof.map(readStep) };
}

function readStep(step: unknown): ProofLevel {
  if (!isObject(step)) throw new ManifestError('a step of the proof is none');
  const { above, before, after, levels } = step;
  if (typeof above !== 'string' || typeof before !== 'string' || typeof after !== 'string' || !Array.isArray(levels) || levels.length > MAX_LEVELS) throw new ManifestError('a step of the proof is none');
  // A text is whole lines: what is proven stands between them, and is no part of one.
  if (!LINES.test(before) || !LINES.test(after)) throw new ManifestError('a step of the proof cuts a line');
  return {
    above,
    way: {
      before, after, levels: levels.map((level: unknown) => {
        if (!Array.isArray(level) || level.length !== 2) throw new ManifestError('a level of the proof is none');
        return { left: digests(level[0]), right: digests(level[1]) };
      }),
    },
  };
}

function digests(value: unknown): Buffer[] {
  if (!Array.isArray(value) || value.length >= ARITY) throw new ManifestError('a level of the proof is none');
  return value.map((one) => Buffer.from(digestText(one), 'hex'));
}
