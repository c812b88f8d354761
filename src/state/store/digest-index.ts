/**
 * DigestIndex: the SHA-256 of each file of one tree, each bound to the fingerprint that the file had when it was read. The files of a folder stand together, in byte
 * order of their names, so that a walk looks up a folder and not a file. One process holds it at a time. It is a cache: damaged, it is set aside and begun
 * anew; deleted, everything is read again. Whether a record may be believed is decided here alone, by the rules of `fingerprint.ts`.
 */
import { createHash } from 'node:crypto';
import { errnoText, makeFolders, namesIn, removeFolder, type Posix } from '../../fs/index.js';
import { displayName, isName, MAX_NAME_BYTES, TwintreeError, type ByteString, type RelPath, type StatTable } from '../../tree/index.js';
import { WireError, type ByteReader, type ByteWriter } from '../../wire/index.js';
import { pairName } from '../place.js';
import { hasFingerprint, isSettled, readFingerprint, writeFingerprint, type Fingerprint } from './fingerprint.js';
import { checkFormat, writeFormat } from './format.js';
import { openEnvironment, storeIsMissing, type Environment } from './lmdb.js';
import { PairLock } from './pair-lock.js';
import { liesInside } from './pair-state.js';
import { PathMap, type Codec } from './path-map.js';
import { markClosed, mayOpen, setAside } from './sound.js';

/** Bytes of a digest. */
export const SHA256_BYTES = 32;
const MAX_MOMENT = 8.64e15;
/** Files of one record: a folder with more has several. */
const PART = 4096;
/** Files whose records wait to be written, at most. */
const BATCH = 4096;
/** 1 had other digests of large files. */
const FORMAT = 2;
const TABLES = ['digests'] as const;
/** Bytes of the number of a folder's part, in front of the key. */
const NUMBER_BYTES = 4;

/** What is known of one file. */
export interface FileDigest { readonly name: ByteString; readonly fingerprint: Fingerprint; readonly moment: number; readonly sha256: Buffer }

/** A part of a folder, in order of names; `more`: there is another one. */
interface Part { readonly files: readonly FileDigest[]; readonly more: boolean }

const codec: Codec<Part> = {
  write(w: ByteWriter, { files, more }: Part): void {
    w.u8(more ? 1 : 0);
    w.varint(files.length);
    let before: Fingerprint | undefined;
    for (const { name, fingerprint, moment, sha256 } of files) {
      w.sizedText(name);
      writeFingerprint(w, fingerprint, before);
      w.varint(Math.max(0, Math.floor(moment)));
      w.raw(sha256);
      before = fingerprint;
    }
  },
  read(r: ByteReader): Part {
    const more = r.flags(1, 'a part of a folder') === 1;
    const files: FileDigest[] = [];
    let before: Fingerprint | undefined;
    for (let n = r.count(PART, 2 + SHA256_BYTES, 'files'); n > 0; n--) {
      const name = r.sizedText(MAX_NAME_BYTES, 'a name');
      if (!isName(name) || (files.length > 0 && name <= (files[files.length - 1] as FileDigest).name)) throw new WireError('range', 'names are not in order');
      const fingerprint = readFingerprint(r, before);
      files.push({ name, fingerprint, moment: r.varint(MAX_MOMENT, 'a moment'), sha256: Buffer.from(r.raw(SHA256_BYTES)) });
      before = fingerprint;
    }
    return { files, more };
  },
};

/** What is to be opened. */
export interface DigestIndexRequest {
  /** For the program's own files: `loadOwnPosix()`. */
  readonly posix: Posix;
  /** `stateFolder()`, absolute. */
  readonly folder: ByteString;
  /** Absolute path of the tree's root. */
  readonly root: ByteString;
  /** Open handle of the root: the state may not lie inside it. */
  readonly rootHandle: number;
  /** `major:minor` of the file systems whose fingerprints are believed. */
  readonly devices: readonly string[];
  /** Told where something was set aside. */
  notice(code: string, message: string): void;
}

export class DigestIndex {
  private readonly waiting = new Map<RelPath, readonly FileDigest[]>();
  private waitingFiles = 0;
  private readonly devices: ReadonlySet<string>;
  private broken: string | undefined;
  private readonly pieces = new Set<ByteString>();

  private constructor(
    readonly folder: ByteString, private readonly request: DigestIndexRequest, private readonly lock: PairLock, private readonly handle: number,
    private readonly store: Environment, private readonly map: PathMap<Part>,
  ) {
    this.devices = new Set(request.devices);
  }

  /** Opens the index of a tree, or makes it. @throws TwintreeError LOCKED, STATE (a newer version, inside the tree, no store here) or IO. */
  static open(request: DigestIndexRequest): DigestIndex {
    const { posix, root } = request;
    const missing = storeIsMissing();
    if (missing !== undefined) throw new TwintreeError('STATE', `no index is kept here: ${missing}`, { advice: 'Install twintree on this host with its packages, or let everything be read.' });
    if (liesInside(posix, request.folder, [request.rootHandle])) throw new TwintreeError('STATE', 'the state folder lies inside the tree', { path: request.folder, advice: 'Set TWINTREE_STATE_DIR to a folder outside of both trees.' });
    const folder = `${request.folder}/digests/${pairName([root])}` as ByteString;
    const handle = makeFolders(posix, folder, 0o700);
    if (handle < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-handle)}`, { path: folder, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
    let lock: PairLock | undefined;
    try {
      lock = PairLock.take(posix, handle, folder, Date.now());
      const place = storeFolder(folder);
      const found = checkFormat(folder, new Map([[1, () => { removeFolder(place); }]]), FORMAT);
      if (found === 'damaged') setAside(place, 'its format file is damaged', request.notice);
      if (!mayOpen(place, TABLES)) setAside(place, 'it is damaged', request.notice);
      const pieces = makeFolders(posix, piecesFolder(folder), 0o700);
      if (pieces >= 0) posix.close(pieces); // without it pieces are not remembered
      const store = openEnvironment(place, false);
      if (found !== 'current') writeFormat(folder, { root: displayName(root) }, FORMAT);
      return new DigestIndex(folder, request, lock, handle, store, new PathMap(store.table('digests'), codec, NUMBER_BYTES));
    } catch (error) {
      lock?.release();
      posix.close(handle);
      throw error;
    }
  }

  /** What is known of a folder's files. */
  open(path: RelPath): KnownFolder {
    return new KnownFolder((n) => (this.broken === undefined ? this.map.get(path, scopeOf(n)) : undefined), (table, i) => this.devices.has(table.device(i)));
  }

  /** Whether what was read can be believed later: the file had this fingerprint before and after, and the reading began at `moment` (ms since 1970). */
  serves(fingerprint: Fingerprint, moment: number): boolean {
    return this.broken === undefined && this.devices.has(`${fingerprint.devMajor}:${fingerprint.devMinor}`) && isSettled(fingerprint, moment);
  }

  /**
   * Takes what was read of a folder: of its `names` (in byte order) those in `read` have a new digest, or none (undefined) that can be believed; of the others
   * what was known stays, and what is no longer there goes.
   */
  put(path: RelPath, names: readonly ByteString[], read: ReadonlyMap<ByteString, FileDigest | undefined>): void {
    if (this.broken !== undefined) return;
    const known = this.open(path);
    const files: FileDigest[] = [];
    for (const name of names) {
      const file = read.has(name) ? read.get(name) : known.of(name);
      if (file !== undefined) files.push(file);
    }
    this.waiting.set(path, files);
    this.waitingFiles += files.length;
    if (this.waitingFiles >= BATCH) this.flush();
  }

  /** Writes what waits. */
  flush(): void {
    if (this.waiting.size === 0) return;
    this.guarded(() => this.store.write(() => {
      for (const [path, files] of this.waiting) this.write(path, files);
    }));
    this.waiting.clear();
    this.waitingFiles = 0;
  }

  /** The file in which the pieces of a large file of the tree may be remembered. */
  piecesOf(path: RelPath): ByteString {
    const name = createHash('sha256').update(Buffer.from(path, 'latin1')).digest('hex') as ByteString;
    this.pieces.add(name);
    return `${piecesFolder(this.folder)}/${name}` as ByteString;
  }

  /** The whole tree was gone through: what is remembered of files that nobody asked about is of none that is there. */
  forgetOtherPieces(): void {
    const names = namesIn(piecesFolder(this.folder));
    if (typeof names === 'number') return; // there is nothing to forget, or nobody can
    for (const name of names) if (!this.pieces.has(name)) removeFolder(`${piecesFolder(this.folder)}/${name}` as ByteString);
  }

  /** Writes what waits, closes and gives the lock back. */
  async close(): Promise<void> {
    this.flush();
    await this.store.close();
    markClosed(storeFolder(this.folder));
    this.lock.release();
    this.request.posix.close(this.handle);
  }

  private write(path: RelPath, files: readonly FileDigest[]): void {
    for (let n = 0, from = 0; from < files.length || n === 0; n++, from += PART) {
      this.map.put(path, { files: files.slice(from, from + PART), more: from + PART < files.length }, scopeOf(n));
    }
  }

  /** What goes wrong with the store costs time only: it is told once, and nothing is kept or believed any more. */
  private guarded(act: () => void): void {
    if (this.broken !== undefined) return;
    try {
      act();
    } catch (error) {
      this.broken = error instanceof Error ? error.message : String(error);
      this.request.notice('state-broken', `the index of digests cannot be written (${this.broken}): what it has not kept is read again`);
    }
  }
}

/** A folder's files as the index knows them; asked in byte order of the names, each once. */
export class KnownFolder {
  private part: Part | undefined;
  private number = -1;
  private at = 0;

  constructor(private readonly load: (part: number) => Part | undefined, private readonly believes: (table: StatTable, i: number) => boolean) {}

  /** The digest of the file in record i, where the index can vouch for it. */
  known(name: ByteString, table: StatTable, i: number): Buffer | undefined {
    const file = this.of(name);
    return file !== undefined && hasFingerprint(file.fingerprint, table, i) && isSettled(file.fingerprint, file.moment) && this.believes(table, i) ? file.sha256 : undefined;
  }

  /** What was last known of a name. */
  of(name: ByteString): FileDigest | undefined {
    for (;;) {
      if (this.part === undefined || this.at >= this.part.files.length) {
        if (this.part !== undefined && !this.part.more) return undefined;
        const next = this.load(++this.number);
        this.part = next ?? { files: [], more: false };
        this.at = 0;
        continue;
      }
      const file = this.part.files[this.at] as FileDigest;
      if (file.name > name) return undefined;
      this.at++;
      if (file.name === name) return file;
    }
  }
}

function scopeOf(part: number): string {
  const bytes = Buffer.alloc(NUMBER_BYTES);
  bytes.writeUInt32BE(part);
  return bytes.latin1Slice();
}

function piecesFolder(folder: ByteString): ByteString {
  return `${folder}/pieces` as ByteString;
}

function storeFolder(folder: ByteString): ByteString {
  return `${folder}/store` as ByteString;
}
