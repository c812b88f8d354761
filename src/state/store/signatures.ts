/**
 * Signatures of files of the target, so that a delta's basis need not be read: opaque bytes, bound to the fingerprint of the file they were made
 * of, in pieces that fit a page of the store. One for each path, the latest.
 */
import type { RelPath } from '../../tree/index.js';
import { crc32 } from 'node:zlib';
import type { ByteReader, ByteWriter } from '../../wire/index.js';
import { readFingerprint, sameFingerprint, writeFingerprint, type Fingerprint } from './fingerprint.js';
import type { Table } from './lmdb.js';
import { PathMap, type Codec, type PathHash } from './path-map.js';

/** Longest signature that is kept, in bytes. */
export const MAX_SIGNATURE_BYTES = 64 << 20;
/** Bytes of one piece: a value that fits a page. */
const PIECE = 4000;

interface Head { fingerprint: Fingerprint; id: number; length: number; crc: number }

const headCodec: Codec<Head> = {
  write(w: ByteWriter, head: Head): void {
    writeFingerprint(w, head.fingerprint, undefined);
    w.varint(head.id);
    w.varint(head.length);
    w.varint(head.crc);
  },
  read(r: ByteReader): Head {
    return {
      fingerprint: readFingerprint(r, undefined), id: r.varint(Number.MAX_SAFE_INTEGER, 'a number'), length: r.varint(MAX_SIGNATURE_BYTES, 'a length'),
      crc: r.varint(2 ** 32 - 1, 'a checksum'),
    };
  },
};

export class SignatureTable {
  private readonly heads: PathMap<Head>;

  constructor(heads: Table, private readonly pieces: Table, hash?: PathHash) {
    this.heads = new PathMap(heads, headCodec, 0, hash);
  }

  /** The signature of a file that still has this fingerprint; undefined without one, and where a piece is missing or damaged. */
  get(path: RelPath, fingerprint: Fingerprint): Buffer | undefined {
    const head = this.heads.get(path);
    if (head === undefined || !sameFingerprint(head.fingerprint, fingerprint)) return undefined;
    const out = Buffer.allocUnsafe(head.length);
    for (let at = 0, n = 0; at < head.length; at += PIECE, n++) {
      const piece = this.pieces.get(pieceKey(head.id, n));
      if (piece === undefined || piece.length !== Math.min(PIECE, head.length - at)) return undefined;
      piece.copy(out, at);
    }
    return crc32(out) === head.crc ? out : undefined;
  }

  /** In a transaction only. One that is too long is not kept; what was kept before goes. */
  put(path: RelPath, fingerprint: Fingerprint, signature: Uint8Array): void {
    this.remove(path);
    if (signature.length > MAX_SIGNATURE_BYTES) return;
    const id = this.nextId();
    for (let at = 0, n = 0; at < signature.length; at += PIECE, n++) {
      const piece = signature.subarray(at, at + PIECE);
      this.pieces.put(pieceKey(id, n), Buffer.from(piece.buffer, piece.byteOffset, piece.length));
    }
    this.heads.put(path, { fingerprint, id, length: signature.length, crc: crc32(signature) });
    this.pieces.put(COUNTER, idBytes(id));
  }

  /** In a transaction only. */
  remove(path: RelPath): void {
    const head = this.heads.get(path);
    if (head === undefined) return;
    for (let n = 0; n * PIECE < head.length; n++) this.pieces.remove(pieceKey(head.id, n));
    this.heads.remove(path);
  }

  private nextId(): number {
    const last = this.pieces.get(COUNTER);
    return (last?.length === 6 ? last.readUIntBE(0, 6) : 0) + 1;
  }
}

/** Where the last number given is kept: shorter than a piece's key. */
const COUNTER = Buffer.from([0]);

function idBytes(id: number): Buffer {
  const bytes = Buffer.allocUnsafe(6);
  bytes.writeUIntBE(id, 0, 6);
  return bytes;
}

function pieceKey(id: number, n: number): Buffer {
  const key = Buffer.allocUnsafe(10);
  key.writeUIntBE(id, 0, 6);
  key.writeUInt32BE(n, 6);
  return key;
}
