/** Compression: comes back as it was, is left out where it does not pay, and cannot be made to take more memory than it says. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { brotliCompressSync, constants } from 'node:zlib';
import fc from 'fast-check';
import { COMPRESSION, COMPRESSION_BROTLI, COMPRESSION_ZSTD, compressPayload, expandPayload, MAX_PAYLOAD, NO_COMPRESSION, WireError } from '../../src/wire/index.js';

const BROTLI = { brotli: true, zstd: false };
const FORMATS = [BROTLI, ...(COMPRESSION.zstd ? [{ brotli: false, zstd: true }] : [])];

function refused(code: string, flags: number, payload: Uint8Array): void {
  assert.throws(() => expandPayload(flags, payload), (error) => error instanceof WireError && error.code === code, code);
}

/** A payload that says that it expands to `length`. */
function saying(length: number, packed: Uint8Array): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32LE(length);
  return Buffer.concat([prefix, packed]);
}

describe('wire/compress', () => {
  it('brings back every payload', () => {
    const part = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.tuple(fc.nat(255), fc.nat(5000)).map(([byte, n]) => new Uint8Array(n).fill(byte)));
    fc.assert(fc.property(fc.array(part, { maxLength: 8 }), fc.constantFrom(...FORMATS), (parts, offers) => {
      const payload = Buffer.concat(parts);
      const sent = compressPayload(payload, offers);
      assert.deepEqual(expandPayload(sent.flags, sent.payload), payload);
      if (sent.flags !== 0) assert.ok(sent.payload.length <= payload.length * 0.9);
      else assert.equal(sent.payload, payload);
    }), { numRuns: 200 });
  });

  it('uses what the other end can expand and nothing else', () => {
    const text = Buffer.alloc(10_000, 'the same again and again. ');
    assert.equal(compressPayload(text, NO_COMPRESSION).flags, 0);
    assert.equal(compressPayload(text, BROTLI).flags, COMPRESSION_BROTLI);
    assert.equal(compressPayload(text, { brotli: true, zstd: true }).flags, COMPRESSION.zstd ? COMPRESSION_ZSTD : COMPRESSION_BROTLI);
  });

  it('leaves alone what is short, dense, or saves less than a tenth', () => {
    assert.equal(compressPayload(Buffer.alloc(90), BROTLI).flags, 0);
    assert.equal(compressPayload(randomBytes(100_000), BROTLI).flags, 0);
    assert.equal(compressPayload(Buffer.concat([randomBytes(10_000), Buffer.alloc(600)]), BROTLI).flags, 0);
    assert.notEqual(compressPayload(Buffer.concat([randomBytes(10_000), Buffer.alloc(3000)]), BROTLI).flags, 0);
  });

  it('refuses a bomb by the length it says, and by the length it has', () => {
    const bomb = brotliCompressSync(Buffer.alloc(32 << 20), { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } });
    assert.ok(bomb.length < 1000);
    refused('limit', COMPRESSION_BROTLI, saying(32 << 20, bomb));
    refused('limit', COMPRESSION_BROTLI, saying(MAX_PAYLOAD + 1, bomb));
    refused('limit', COMPRESSION_BROTLI, saying(0, bomb));
    refused('compression', COMPRESSION_BROTLI, saying(1000, bomb));
  });

  it('refuses what is damaged, cut, longer or shorter than it says, or in an unknown form', () => {
    const packed = brotliCompressSync(Buffer.alloc(1000, 'abc'));
    assert.equal(expandPayload(COMPRESSION_BROTLI, saying(1000, packed)).length, 1000);
    refused('compression', COMPRESSION_BROTLI, saying(1001, packed));
    refused('compression', COMPRESSION_BROTLI, saying(999, packed));
    refused('compression', COMPRESSION_BROTLI, saying(1000, packed.subarray(0, -1)));
    refused('compression', COMPRESSION_BROTLI, saying(1000, Buffer.concat([packed, Buffer.from('more')])));
    refused('compression', COMPRESSION_BROTLI, saying(1000, randomBytes(50)));
    refused('compression', COMPRESSION_BROTLI, Buffer.alloc(4));
    refused('compression', 3, saying(1000, packed));
    refused('compression', 9, saying(1000, packed));
  });
});
