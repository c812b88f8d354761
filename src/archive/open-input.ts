/** Finds the parts of an archive that is named, and what they are: encrypted, compressed, or tar as it is. */
import { readWholeFile, stampOf } from '../fs/index.js';
import { TwintreeError, type ByteString } from '../tree/index.js';
import { AGE_MARK, headerLength, MOST_HEADER, NONCE, openHeader, type Opening } from './age.js';
import { GunzipInput, isOwnMember, MembersInput } from './gunzip-input.js';
import { PartsInput, PipeInput, Pushed, readFull, type ByteInput, type InputPart, type Tell } from './input.js';
import { decodeManifest, manifestName, MOST_MANIFEST, partName, type Manifest } from './manifest.js';
import { AgeInput } from './unage-input.js';

/** An archive that is open. */
export interface OpenArchive {
  input: ByteInput;
  /** Bytes of its files; 0 for a pipe. */
  size: number;
  manifest: Manifest | undefined;
}

/** @throws TwintreeError IO where nothing of it can be read, UNSUPPORTED for what is no archive that is read here, REFUSED where it cannot be decrypted. */
export async function openArchive(archives: readonly ByteString[], opening: Opening, signal: AbortSignal, tell: Tell): Promise<OpenArchive> {
  if (archives[0] === '-') return { input: await decoded(new PipeInput(signal), undefined, opening, tell), size: 0, manifest: undefined };
  const { parts, manifest } = findParts(archives);
  const size = parts.reduce((sum, { path, expected }) => sum + (expected?.size ?? sizeOf(path)), 0);
  const input = new PartsInput(parts, tell);
  try {
    return { input: await decoded(input, manifest, opening, tell), size, manifest };
  } catch (error) {
    input.close();
    throw error;
  }
}

function sizeOf(path: ByteString | undefined): number {
  const stamp = path === undefined ? 0 : stampOf(path);
  return typeof stamp === 'number' ? 0 : stamp.size;
}

/** The parts by what was named: the archive, its manifest, one part or all. */
function findParts(archives: readonly ByteString[]): { parts: InputPart[]; manifest: Manifest | undefined } {
  const [first] = archives as [ByteString];
  const base = baseOf(first);
  const manifest = readManifest(manifestName(base)) ?? readManifest(manifestName(first));
  const folder = first.slice(0, first.lastIndexOf('/') + 1);
  const isOurs = manifest !== undefined && archives.every((name) => name === base || name === manifestName(base) || manifest.parts.some((part) => `${folder}${part.name}` === name));
  if (manifest !== undefined && isOurs) {
    return { manifest, parts: manifest.parts.map((expected) => {
      const path = `${folder}${expected.name}` as ByteString;
      return { path: exists(path) ? path : undefined, name: expected.name, expected };
    }) };
  }
  if (archives.length === 1 && !exists(first) && exists(partName(first, 1))) {
    const parts: InputPart[] = [];
    for (let k = 1; exists(partName(first, k)); k++) parts.push(plain(partName(first, k)));
    return { parts, manifest: undefined };
  }
  return { parts: archives.map(plain), manifest: undefined };
}

function plain(path: ByteString): InputPart {
  return { path, name: path.slice(path.lastIndexOf('/') + 1) as ByteString, expected: undefined };
}

/** `OUT` of `OUT.001` and of `OUT.manifest`. */
function baseOf(name: ByteString): ByteString {
  return name.replace(/\.(?:\d{3,5}|manifest)$/, '') as ByteString;
}

function exists(path: ByteString): boolean {
  return typeof stampOf(path) !== 'number';
}

function readManifest(path: ByteString): Manifest | undefined {
  if (!exists(path)) return undefined;
  const content = readWholeFile(path, MOST_MANIFEST);
  const manifest = typeof content === 'number' ? undefined : decodeManifest(content.toString('latin1'));
  if (manifest === undefined) throw new TwintreeError('IO', 'is no manifest of an archive', { path, advice: 'It may be damaged. Remove it: the archive is then read without it.' });
  return manifest;
}

const OTHERS: readonly [mark: readonly number[], what: string, by: string][] = [
  [[0x28, 0xb5, 0x2f, 0xfd], 'zstd', 'zstd -dc'], [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'xz', 'xz -dc'], [[0x42, 0x5a, 0x68], 'bzip2', 'bzip2 -dc'], [[0x1f, 0x9d], 'compress', 'uncompress -c'], [[0x4c, 0x5a, 0x49, 0x50], 'lzip', 'lzip -dc'],
];

/** The tar stream out of what is stored. */
async function decoded(stored: ByteInput, manifest: Manifest | undefined, opening: Opening, tell: Tell): Promise<ByteInput> {
  const head = Buffer.alloc(64);
  const { got, why } = await readFull(stored, head);
  const begin = head.subarray(0, got);
  if (why === 'gap') {
    if (manifest?.encrypted === true) throw new TwintreeError('IO', 'the beginning of the archive is missing, and with it what it is decrypted by');
    return manifest?.compressed === true ? new MembersInput(new AfterGap(begin, stored), tell) : new AfterGap(begin, stored);
  }
  const text = begin.toString('latin1');
  if (text.startsWith('-----BEGIN AGE ENCRYPTED FILE')) throw unsupported('is in the text form of age', 'Give it to age -d.');
  if (text.startsWith(AGE_MARK)) {
    const { inner, start, key } = await unlocked(begin, stored, opening);
    return unpacked(new AgeInput(inner, key, start, tell), tell);
  }
  return unpacked(new Pushed(begin, stored), tell);
}

/** Decompresses, where it is compressed. */
async function unpacked(stored: ByteInput, tell: Tell): Promise<ByteInput> {
  const head = Buffer.alloc(64);
  const { got, why } = await readFull(stored, head);
  const begin = head.subarray(0, got);
  const rest = why === 'gap' ? new AfterGap(begin, stored) : new Pushed(begin, stored);
  if (isOwnMember(begin)) return new MembersInput(rest, tell);
  if (begin[0] === 0x1f && begin[1] === 0x8b) return new GunzipInput(rest, tell);
  for (const [mark, what, by] of OTHERS) {
    if (mark.every((byte, k) => begin[k] === byte)) throw unsupported(`is compressed with ${what}`, `${by} ARCHIVE | twintree seed import - DST`);
  }
  return rest;
}

function unsupported(message: string, advice: string): TwintreeError {
  return new TwintreeError('UNSUPPORTED', `the archive ${message}, which is not read here`, { advice });
}

/** Reads the header of age and opens it. */
async function unlocked(begin: Buffer, stored: ByteInput, opening: Opening): Promise<{ inner: ByteInput; start: number; key: Buffer }> {
  if (opening.identities.length === 0 && opening.passphrases.length === 0) {
    throw new TwintreeError('USAGE', 'the archive is encrypted', { advice: 'Give --age-identity, or the passphrase by --passphrase-file or TWINTREE_PASSPHRASE.' });
  }
  let bytes = begin;
  for (;;) {
    const length = headerLength(bytes);
    if (length >= 0 && bytes.length >= length + NONCE) {
      const start = length + NONCE;
      const key = await openHeader(Buffer.from(bytes.subarray(0, length)), Buffer.from(bytes.subarray(length, start)), opening);
      return { inner: new Pushed(bytes.subarray(start), stored), start, key };
    }
    const more = Buffer.alloc(4096);
    const { got } = await readFull(stored, more);
    if (got === 0 || bytes.length > MOST_HEADER) throw new TwintreeError('IO', 'the encrypted archive has no whole header');
    bytes = Buffer.concat([bytes, more.subarray(0, got)]);
  }
}

/** Some bytes, then the gap that came behind them, then the rest. */
class AfterGap implements ByteInput {
  private told = false;
  private readonly first: number;

  constructor(private head: Buffer, private readonly input: ByteInput) {
    this.first = input.gap;
  }
  get gap(): number {
    return this.rest ? this.input.gap : this.first;
  }
  private rest = false;
  read(into: Buffer): number | Promise<number> {
    if (this.head.length > 0) {
      const n = this.head.copy(into);
      this.head = this.head.subarray(n);
      return n;
    }
    if (!this.told) {
      this.told = true;
      return -1;
    }
    this.rest = true;
    return this.input.read(into);
  }
  where(offset: number): string {
    return this.input.where(offset);
  }
  close(): void {
    this.input.close();
  }
}
