/** Compression: comes back as it was, is left out where it does not pay, and cannot be made to take more memory than it says. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { describeIf } from '../support/index.js';
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

const { brotliCompressSync, constants } = zlib;

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

  refusals('brotli', COMPRESSION_BROTLI, (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } }));

  describeIf('with zstd', COMPRESSION.zstd ? undefined : 'this Node.js has no zstd: it came with 22.15', () => {
    const { zstdCompressSync: compress } = zlib as { zstdCompressSync?: (bytes: Buffer, options?: { params: Record<number, number> }) => Buffer };
    const pack = (bytes: Buffer, params: Record<number, number> = {}): Buffer => compress?.(bytes, { params }) ?? Buffer.alloc(0);
    refusals('zstd', COMPRESSION_ZSTD, (bytes) => pack(bytes));

    it('takes the largest payload, and none that would hold more than a frame to look back at', () => {
      const whole = Buffer.alloc(MAX_PAYLOAD, 'some text; ');
      const sent = compressPayload(whole, { brotli: true, zstd: true });
      assert.equal(sent.flags, COMPRESSION_ZSTD);
      assert.ok(expandPayload(sent.flags, sent.payload).equals(whole));
      // A frame without its content's size says how far it looks back (ZSTD_c_windowLog 101, ZSTD_c_contentSizeFlag 200); with it, that size counts.
      const far = (log: number): Buffer => {
        const packed = pack(Buffer.alloc(1000, 'abc'), { 101: log, 200: 0 });
        packed[5] = (log - 10) << 3;
        return saying(1000, packed);
      };
      assert.equal(expandPayload(COMPRESSION_ZSTD, far(24)).length, 1000);
      refused('compression', COMPRESSION_ZSTD, far(25));
      refused('compression', COMPRESSION_ZSTD, far(27));
    });
  });

  /** What is refused of one format. */
  function refusals(name: string, flags: number, pack: (bytes: Buffer) => Buffer): void {
    it(`${name}: refuses a bomb by the length it says, and by the length it has`, () => {
      const bomb = pack(Buffer.alloc(32 << 20));
      assert.ok(bomb.length < 4000);
      refused('limit', flags, saying(32 << 20, bomb));
      refused('limit', flags, saying(MAX_PAYLOAD + 1, bomb));
      refused('limit', flags, saying(0, bomb));
      refused('compression', flags, saying(1000, bomb));
    });

    it(`${name}: refuses what is damaged, cut, longer or shorter than it says, or in an unknown form`, () => {
      const packed = pack(Buffer.alloc(1000, 'abc'));
      assert.equal(expandPayload(flags, saying(1000, packed)).length, 1000);
      refused('compression', flags, saying(1001, packed));
      refused('compression', flags, saying(999, packed));
      refused('compression', flags, saying(1000, packed.subarray(0, -1)));
      refused('compression', flags, saying(1000, Buffer.concat([packed, Buffer.from('more')])));
      refused('compression', flags, saying(1000, Buffer.concat([packed, packed])));
      refused('compression', flags, saying(1000, randomBytes(50)));
      refused('compression', flags, Buffer.alloc(4));
      refused('compression', 3, saying(1000, packed));
      refused('compression', 9, saying(1000, packed));
    });
  }
});
