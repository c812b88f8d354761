/**
 * Compression of payloads, frame by frame, where it pays. Expanding is bounded by the length that the payload itself declares,
 * which is bounded by that of a frame: a bomb ends as a WireError before its memory is taken.
 */
import zlib from 'node:zlib';
import { WireError } from './error.js';
import { COMPRESSION_BROTLI, COMPRESSION_MASK, COMPRESSION_NONE, COMPRESSION_ZSTD } from './frames.js';
import { MAX_PAYLOAD } from './limits.js';
import { asBuffer } from './reader.js';

/** Formats that an end can expand. */
export interface Compression { readonly brotli: boolean; readonly zstd: boolean }

/** What zlib has from Node 22.15 on; its types here are those of the oldest Node that is supported. */
interface Zstd {
  zstdCompressSync?: (data: Buffer, options: { params: Record<number, number> }) => Buffer;
  zstdDecompressSync?: (data: Buffer, options: Limits & { params: Record<number, number> }) => Expanded;
}
interface Limits { maxOutputLength: number; chunkSize: number; info: true }
/** What zlib gives with `info`: the engine knows how much of the input it used. */
interface Expanded { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }
const zstd: Zstd = zlib as Zstd;
/** ZSTD_c_compressionLevel. */
const ZSTD_LEVEL = 100;
/** ZSTD_d_windowLogMax, and its value: what is looked back at is held in memory besides the result, and a frame has no more. */
const ZSTD_WINDOW = 100;
const WINDOW = Math.log2(MAX_PAYLOAD);

/** What this process can do. */
export const COMPRESSION: Compression = { brotli: true, zstd: zstd.zstdCompressSync !== undefined && zstd.zstdDecompressSync !== undefined };
/** To compress nothing. */
export const NO_COMPRESSION: Compression = { brotli: false, zstd: false };

/** Quality of brotli: text is a twelfth smaller than with 2, at half its speed, some 20 MB/s; beyond it speed falls and nothing is gained. Who compresses has a slow link. */
const QUALITY = 5;
/** Shorter payloads are not worth the call. */
const LEAST = 96;
/** Bytes looked at to tell whether a payload is dense already. */
const SAMPLE = 4096;
/** Bytes of the length before a compressed payload. */
const PREFIX = 4;

/** Compresses a payload with the best of what the other end can expand (`offers`) and this one can make. Flags 0 and the payload itself where it saves less than a tenth. */
export function compressPayload(payload: Buffer, offers: Compression): { flags: number; payload: Buffer } {
  const plain = { flags: COMPRESSION_NONE, payload };
  const useZstd = offers.zstd && COMPRESSION.zstd;
  if (payload.length < LEAST || !(useZstd || offers.brotli) || isDense(payload)) return plain;
  const packed = useZstd ? packZstd(payload) : packBrotli(payload);
  if (packed === undefined || packed.length + PREFIX > payload.length * 0.9) return plain;
  const out = Buffer.allocUnsafeSlow(PREFIX + packed.length);
  out.writeUInt32LE(payload.length, 0);
  packed.copy(out, PREFIX);
  return { flags: useZstd ? COMPRESSION_ZSTD : COMPRESSION_BROTLI, payload: out };
}

function packBrotli(payload: Buffer): Buffer {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
  const window = Math.max(16, Math.min(22, Math.ceil(Math.log2(payload.length))));
  return zlib.brotliCompressSync(payload, { chunkSize: chunk(payload.length), params: { [BROTLI_PARAM_QUALITY]: QUALITY, [BROTLI_PARAM_LGWIN]: window, [BROTLI_PARAM_SIZE_HINT]: payload.length } });
}

function packZstd(payload: Buffer): Buffer | undefined {
  return zstd.zstdCompressSync?.(payload, { params: { [ZSTD_LEVEL]: 3 } });
}

function chunk(length: number): number {
  return Math.max(1024, Math.min(length, 1 << 18));
}

/** Whether a sample of the bytes has so much entropy that nothing would be saved: compressed or encrypted content. */
function isDense(payload: Buffer): boolean {
  if (payload.length < 2 * SAMPLE) return false;
  const counts = new Uint32Array(256);
  const parts = 16;
  const part = SAMPLE / parts;
  const step = Math.floor((payload.length - part) / (parts - 1));
  for (let p = 0; p < parts; p++) {
    for (let i = p * step, end = i + part; i < end; i++) counts[payload[i] as number]!++;
  }
  let bits = 0;
  for (const n of counts) if (n > 0) bits += n * Math.log2(SAMPLE / n);
  return bits / SAMPLE > 7.9;
}

/** Reverses `compressPayload`. @throws WireError. */
export function expandPayload(flags: number, payload: Uint8Array): Buffer {
  const bytes = asBuffer(payload);
  if (flags === COMPRESSION_NONE) return bytes;
  if ((flags & ~COMPRESSION_MASK) !== 0 || bytes.length <= PREFIX) throw new WireError('compression', 'a compressed payload has no form');
  const length = bytes.readUInt32LE(0);
  if (length === 0 || length > MAX_PAYLOAD) throw new WireError('limit', `a payload of ${length} bytes is longer than a frame`);
  const packed = bytes.subarray(PREFIX);
  let expanded: Expanded;
  try {
    expanded = expand(flags, packed, { maxOutputLength: length, chunkSize: Math.max(64, length), info: true });
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw new WireError('compression', 'a compressed payload cannot be expanded to the length it says', { cause: error });
  }
  if (expanded.buffer.length !== length) throw new WireError('compression', `a payload of ${length} bytes expanded to ${expanded.buffer.length}`);
  if (expanded.engine.bytesWritten !== packed.length) throw new WireError('compression', 'a compressed payload has bytes left over');
  return expanded.buffer;
}

function expand(flags: number, packed: Buffer, limits: Limits): Expanded {
  // With `info` the result is not a Buffer, which the types do not say.
  if (flags === COMPRESSION_BROTLI) return zlib.brotliDecompressSync(packed, limits) as unknown as Expanded;
  if (flags === COMPRESSION_ZSTD && zstd.zstdDecompressSync !== undefined) return zstd.zstdDecompressSync(packed, { ...limits, params: { [ZSTD_WINDOW]: WINDOW } });
  throw new WireError('compression', `compression ${flags} is not known here`);
}
