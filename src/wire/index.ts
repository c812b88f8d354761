/** The protocol between hosts as bytes: frames, handshake, items, requests, limits (docs/protocol.md). Pure: bytes in, bytes out. */
export * from './messages.js';
export { WireError, type WireErrorCode } from './error.js';
export * from './limits.js';
export { ByteReader, unzigzag } from './reader.js';
export { ByteWriter, zigzag } from './writer.js';
export {
  COMPRESSION_BROTLI, COMPRESSION_MASK, COMPRESSION_NONE, COMPRESSION_ZSTD, encodeCredit, encodeFrame, encodeToken, FRAME_HEADER, FrameReader, FrameType, MAGIC, parseCredit, parseToken,
  type Frame,
} from './frames.js';
export { ItemReader, ItemWriter } from './items.js';
export { FOLDER_DIGEST_BYTES, FolderDigest } from './folder-digest.js';
export type { TimesTold } from './folder-item.js';
export { RequestReader, RequestWriter } from './requests.js';
export { COMPRESSION, compressPayload, expandPayload, NO_COMPRESSION, type Compression } from './compress.js';
export { agree, DOUBT, DURABLE, encodeHello, hello, KEPT_SUMS, parseHello, PROTOCOL_LEAST, PROTOCOL_MOST, STANDBY, STANDING, type Agreement, type Hello, type HelloHost } from './hello.js';
export { encodeBye, encodeControl, parseBye, parseControl, type Bye } from './control.js';
export { encodeJson, isJsonObject, parseJsonObject, type JsonObject } from './json.js';
