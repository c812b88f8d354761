/**
 * Encryption of an archive in the format of age (age-encryption.org/v1), so that the age tool reads it. The header, which wraps the file's
 * key for recipients or a passphrase, is the age-encryption library's; the content (STREAM, chunks of 64 KiB sealed with ChaCha20-Poly1305)
 * is done with Node's own cipher, several times as fast, and so that a damaged chunk costs itself alone.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { TwintreeError } from '../tree/index.js';
import type { ByteSink } from './sinks.js';

/** Plain bytes of a chunk, and what sealing adds. */
export const CHUNK = 64 << 10;
export const TAG = 16;
export const NONCE = 16;
/** What every file of age begins with. */
export const AGE_MARK = 'age-encryption.org/v1\n';
/** Bytes of a header at most. */
export const MOST_HEADER = 1 << 20;
const CIPHER = 'chacha20-poly1305';

/** For whom an archive is encrypted: one of the two. */
export type Encryption =
  /** @param workFactor log2 of scrypt's work; 18 where it is left out */
  | { kind: 'passphrase'; passphrase: string; workFactor?: number }
  /** `age1…` public keys. */
  | { kind: 'recipients'; recipients: readonly string[] };

/** With what one is opened. */
export interface Opening { passphrases: readonly string[]; /** `AGE-SECRET-KEY-1…` */ identities: readonly string[] }

/** A new file's header and key. @throws TwintreeError USAGE where a recipient is none. */
export async function newHeader(encryption: Encryption): Promise<{ header: Buffer; key: Buffer }> {
  const { Decrypter, Encrypter } = await import('./age-library.js');
  const encrypter = new Encrypter();
  try {
    let fileKey: Uint8Array | undefined;
    if (encryption.kind === 'passphrase') {
      encrypter.setPassphrase(encryption.passphrase);
      if (encryption.workFactor !== undefined) encrypter.setScryptWorkFactor(encryption.workFactor);
    } else {
      for (const recipient of encryption.recipients) encrypter.addRecipient(recipient);
      encrypter.addRecipient({ wrapFileKey: (key) => {
        fileKey = Uint8Array.from(key);
        return [];
      } });
    }
    const whole = Buffer.from(await encrypter.encrypt(new Uint8Array(0)));
    const header = whole.subarray(0, headerLength(whole));
    if (fileKey === undefined && encryption.kind === 'passphrase') { // the library keeps it to itself: the header is opened once
      const decrypter = new Decrypter();
      decrypter.addPassphrase(encryption.passphrase);
      fileKey = await decrypter.decryptHeader(header);
    }
    if (fileKey === undefined) throw new Error('the library asked for no key to be wrapped');
    const nonce = randomBytes(NONCE);
    return { header: Buffer.concat([header, nonce]), key: payloadKey(fileKey, nonce) };
  } catch (error) {
    throw new TwintreeError('USAGE', `cannot encrypt for this recipient: ${textOf(error)}`, { advice: 'A recipient is an age1… public key.', cause: error });
  }
}

/** The key of the content behind a header. @throws TwintreeError REFUSED where nothing opens it. */
export async function openHeader(header: Buffer, nonce: Buffer, opening: Opening): Promise<Buffer> {
  const { Decrypter } = await import('./age-library.js');
  const decrypter = new Decrypter();
  try {
    for (const identity of opening.identities) decrypter.addIdentity(identity);
    for (const passphrase of opening.passphrases) decrypter.addPassphrase(passphrase);
    return payloadKey(await decrypter.decryptHeader(header), nonce);
  } catch (error) {
    throw new TwintreeError('REFUSED', `the archive cannot be decrypted: ${textOf(error)}`, { advice: 'Give the identity file (--age-identity) or the passphrase (--passphrase-file, TWINTREE_PASSPHRASE) that it was made for.', cause: error });
  }
}

/** Bytes of a header, to the end of its last line; -1 where `bytes` end before. */
export function headerLength(bytes: Buffer): number {
  const last = bytes.indexOf('\n--- ');
  if (last < 0) return -1;
  const end = bytes.indexOf(10, last + 1);
  return end < 0 ? -1 : end + 1;
}

function payloadKey(fileKey: Uint8Array, nonce: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
}

/** Nonce of a chunk: its number, big-endian, and whether it is the last. */
function nonceOf(chunk: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(chunk, 5, 6);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** Seals one chunk. */
export function sealChunk(key: Buffer, number: number, last: boolean, plain: Buffer): Buffer[] {
  const cipher = createCipheriv(CIPHER, key, nonceOf(number, last), { authTagLength: TAG });
  const sealed = cipher.update(plain);
  cipher.final();
  return [sealed, cipher.getAuthTag()];
}

/** Opens one chunk; undefined where it is not what was sealed. */
export function openChunk(key: Buffer, number: number, last: boolean, sealed: Buffer): Buffer | undefined {
  if (sealed.length < TAG) return undefined;
  const decipher = createDecipheriv(CIPHER, key, nonceOf(number, last), { authTagLength: TAG });
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  const plain = decipher.update(sealed.subarray(0, sealed.length - TAG));
  try {
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}

/** Encrypts what goes by. */
export class AgeSink implements ByteSink {
  readonly keeps = true;
  private held: Buffer = Buffer.alloc(0);
  private number = 0;
  private begun = false;

  constructor(private readonly next: ByteSink, private readonly header: Buffer, private readonly key: Buffer) {}

  async write(bytes: Buffer): Promise<void> {
    const all = this.held.length === 0 ? bytes : Buffer.concat([this.held, bytes]);
    const out: Buffer[] = this.begin();
    let at = 0;
    for (; all.length - at > CHUNK; at += CHUNK) out.push(...sealChunk(this.key, this.number++, false, all.subarray(at, at + CHUNK)));
    this.held = all.subarray(at); // the last chunk is marked: one waits until it is known not to be
    if (out.length > 0) await this.next.write(Buffer.concat(out));
  }

  async end(): Promise<void> {
    await this.next.write(Buffer.concat([...this.begin(), ...sealChunk(this.key, this.number, true, this.held)]));
    await this.next.end();
  }

  discard(): void {
    this.next.discard();
  }

  private begin(): Buffer[] {
    if (this.begun) return [];
    this.begun = true;
    return [this.header];
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
