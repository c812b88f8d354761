/**
 * Where an archive's bytes go: through compression and encryption, if asked for, into one file, into parts of a size, or into a pipe.
 * Parts are plain cuts of one stream (docs/seed.md says why). A file has its name only when it is complete; of parts, each when it is.
 */
import { OutputFile, stampOf } from '../fs/index.js';
import { displayName, TwintreeError, type ByteString } from '../tree/index.js';
import { ContentSum } from './content-sum.js';
import { encodeManifest, manifestName, partName, type ManifestPart } from './manifest.js';

/** Takes the bytes of a stream. */
export interface ByteSink {
  /** It keeps what it is given longer than `write` takes: then the bytes must be its own. */
  readonly keeps: boolean;
  /** Resolves when more may come. */
  write(bytes: Buffer): Promise<void> | void;
  /** No more bytes come. */
  end(): Promise<void> | void;
  /** Gives up: nothing is left of what has no name yet. */
  discard(): void;
}

/** Where an archive goes. */
export interface OutputPlace {
  /** A file, or `-` for standard output. */
  path: ByteString;
  /** Bytes of a part; undefined: one file. */
  split: number | undefined;
  /** Everything is on the disk before the export counts as done. */
  durable: boolean;
  /** Permissions of new files, before the process's umask. */
  mode: number;
}

/** Writes the last form of the stream. */
export class PartsSink implements ByteSink {
  readonly keeps = false;
  readonly parts: ManifestPart[] = [];
  /** Bytes written. */
  written = 0;
  private readonly sum = new ContentSum();
  private file: OutputFile | undefined;
  private inPart = 0;

  /** @throws TwintreeError REFUSED where parts of another archive stand at the place. */
  constructor(private readonly place: OutputPlace) {
    if (place.split === undefined) {
      this.file = new OutputFile(place.path, place.mode); // a place that cannot be written is told before anything is read
      this.sum.begin();
      return;
    }
    for (const name of [partName(place.path, 1), manifestName(place.path)]) {
      if (typeof stampOf(name) !== 'number') throw new TwintreeError('REFUSED', 'parts of another archive stand there', { path: name, advice: `Remove ${displayName(place.path)}.* or choose another name.` });
    }
    this.open();
  }

  write(bytes: Buffer): void {
    const { split } = this.place;
    for (let at = 0; at < bytes.length;) {
      if (this.file === undefined) this.open();
      const piece = split === undefined ? bytes : bytes.subarray(at, at + Math.min(bytes.length - at, split - this.inPart));
      (this.file as OutputFile).write(piece);
      if (this.place.path !== '-') this.sum.add(piece);
      this.inPart += piece.length;
      this.written += piece.length;
      at += piece.length;
      if (this.inPart === split) this.close();
    }
  }

  end(): void {
    if (this.file !== undefined && (this.inPart > 0 || this.parts.length === 0)) this.close();
    else this.file?.discard();
    this.file = undefined;
  }

  discard(): void {
    this.file?.discard();
    this.file = undefined;
  }

  /** Puts the manifest beside the archive; a pipe has none. */
  describe(about: { members: number; bytes: number; compressed: boolean; encrypted: boolean }): void {
    if (this.place.path === '-') return;
    const file = new OutputFile(manifestName(this.place.path), this.place.mode);
    try {
      file.write(Buffer.from(encodeManifest({ ...about, parts: this.parts }), 'latin1'));
      file.commit(this.place.durable);
    } catch (error) {
      file.discard();
      throw error;
    }
  }

  private open(): void {
    this.file = new OutputFile(this.name, this.place.mode);
    this.inPart = 0;
    this.sum.begin();
  }

  private close(): void {
    const name = this.name;
    this.file?.commit(this.place.durable);
    this.file = undefined;
    this.parts.push({ name: name.slice(name.lastIndexOf('/') + 1) as ByteString, size: this.inPart, hash: this.sum.digest() });
  }

  private get name(): ByteString {
    return this.place.split === undefined ? this.place.path : partName(this.place.path, this.parts.length + 1);
  }
}

