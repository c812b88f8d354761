/**
 * The keys that evidence is signed with: Ed25519 (RFC 8032). A private key is a PEM file (PKCS #8) that nobody else may read, its public key stands beside it under the
 * same name with `.pub`. A key's fingerprint is the SHA-256 of its public key as SubjectPublicKeyInfo, written `sha256:` and 64 hexadecimal digits.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { loadOwnPosix, makeFolders, errnoText, ownerOf, readWholeFile } from '../../fs/index.js';
import { absolute } from '../../session/index.js';
import { stateFolder } from '../../state/index.js';
import { readSecret, writeNew } from '../../transport/index.js';
import { fromText, toText, TwintreeError, type ByteString } from '../../tree/index.js';

/** Bytes of a raw public key, and of a signature. */
export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
/** What stands before the raw key in SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const LONGEST = 64 << 10;

/** A key that can sign. */
export interface SigningKey { readonly sign: (bytes: Buffer) => Buffer; readonly publicKey: Buffer; readonly fingerprint: string }

/** Makes a key in FILE (0600) and FILE.pub, and never replaces one. @throws TwintreeError USAGE where one is there, IO. */
export function makeKey(file: string): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeNew(file, privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
  writeNew(`${file}.pub`, publicKey.export({ format: 'pem', type: 'spki' }) as string, 0o644);
  return signingKey(privateKey);
}

/** Reads a private key. @throws TwintreeError USAGE where others can read it or it is none, IO. */
export function readKey(file: string): SigningKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(readSecret(file));
  } catch (error) {
    throw error instanceof TwintreeError ? error : notAKey(file, 'private');
  }
  if (key.asymmetricKeyType !== 'ed25519') throw notAKey(file, 'private');
  return signingKey(key);
}

/** The user's own key, made at its first use: `evidence.key` in the state folder. */
export function defaultKey(folder: ByteString = absolute(stateFolder(process.env, loadOwnPosix().euid))): { key: SigningKey; file: string; isNew: boolean } {
  const file = toText(`${folder}/evidence.key` as ByteString);
  if (typeof ownerOf(fromText(file)) !== 'number') return { key: readKey(file), file, isNew: false };
  const posix = loadOwnPosix();
  const fd = makeFolders(posix, folder, 0o700);
  if (fd < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-fd)}`, { path: folder, advice: 'Name a key with --key, or set TWINTREE_STATE_DIR to a folder that can be written.' });
  posix.close(fd);
  return { key: makeKey(file), file, isNew: true };
}

/** Reads a public key (PEM), or the public half of a private one: 32 bytes. @throws TwintreeError USAGE, IO. */
export function readPublicKey(file: string): Buffer {
  const content = readWholeFile(fromText(file), LONGEST);
  if (typeof content === 'number') throw new TwintreeError('IO', `the key cannot be read: ${errnoText(-content)}`, { path: fromText(file) });
  try {
    const key = createPublicKey(content);
    if (key.asymmetricKeyType === 'ed25519') return rawKey(key);
  } catch {
    // said below
  }
  throw notAKey(file, 'public');
}

/** `sha256:…` of a raw public key. */
export function keyFingerprint(publicKey: Buffer): string {
  return `sha256:${createHash('sha256').update(SPKI_PREFIX).update(publicKey).digest('hex')}`;
}

/** Whether a signature is that key's over these bytes. */
export function isSigned(publicKey: Buffer, bytes: Buffer, signature: Buffer): boolean {
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
  return verify(null, bytes, key, signature);
}

function signingKey(key: KeyObject): SigningKey {
  const publicKey = rawKey(createPublicKey(key));
  return { sign: (bytes) => sign(null, bytes, key), publicKey, fingerprint: keyFingerprint(publicKey) };
}

function rawKey(key: KeyObject): Buffer {
  return Buffer.from((key.export({ format: 'der', type: 'spki' })).subarray(-PUBLIC_KEY_BYTES));
}

function notAKey(file: string, kind: string): TwintreeError {
  return new TwintreeError('USAGE', `holds no ${kind} Ed25519 key`, { path: fromText(file), advice: 'twintree evidence key make FILE makes one.' });
}
