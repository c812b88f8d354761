/** Writes an evidence file while the trees are compared: manifest and notes as they come, then statement and signature. It gets its name only when it is whole. */
import { createHash } from 'node:crypto';
import { OutputFile } from '../../fs/index.js';
import type { ByteString } from '../../tree/index.js';
import { encodeNote, type Note } from '../compare/notes.js';
import { asciiJson } from '../manifest/entry.js';
import type { ManifestItem } from '../manifest/items.js';
import type { SigningKey } from './key.js';
import { encodeStatement, signedBytes, type Statement } from './statement.js';

/** The first line. */
export const FIRST_LINE = '{"twintree":"evidence","format":2}';
/** Characters that are written at a time. */
const PIECE = 256 << 10;

export class EvidenceWriter {
  private readonly output: OutputFile;
  private readonly noteHash = createHash('sha256');
  private text = `${FIRST_LINE}\n`;

  /** @throws TwintreeError IO. */
  constructor(path: ByteString) {
    this.output = new OutputFile(path);
  }

  item({ line }: ManifestItem): void {
    this.line(line);
  }

  note(note: Note): void {
    const line = encodeNote(note);
    this.noteHash.update(`${line}\n`);
    this.line(line);
  }

  /** Digest of the notes; no more may come. */
  notes(): string {
    return this.noteHash.digest('hex');
  }

  /** Signs and gives the file its name. */
  finish(statement: Statement, key: SigningKey): void {
    const line = encodeStatement(statement);
    this.line(line);
    this.line(signatureLine(key, line));
    this.flush();
    this.output.commit();
  }

  /** Gives up what is not finished. */
  discard(): void {
    this.output.discard();
  }

  private line(line: string): void {
    this.text += `${line}\n`;
    if (this.text.length >= PIECE) this.flush();
  }

  private flush(): void {
    this.output.write(Buffer.from(this.text, 'latin1'));
    this.text = '';
  }
}

/** The last line. */
function signatureLine(key: SigningKey, statement: string): string {
  return asciiJson({ signature: key.sign(signedBytes(statement)).toString('base64'), key: key.publicKey.toString('base64') });
}
