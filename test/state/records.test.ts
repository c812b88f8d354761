/** The records of the state: what is written is what is read, what was not written is refused, and the form on disk stands still. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { dirtyCodec } from '../../src/state/store/dirty-set.js';
import { indexCodec } from '../../src/state/store/entry-index.js';
import { forgiving, type Codec } from '../../src/state/store/path-map.js';
import { runCodec } from '../../src/state/store/run-history.js';
import { sumHeadCodec, type KeptHead } from '../../src/state/store/sum-table.js';
import { ByteReader, ByteWriter } from '../../src/wire/index.js';
import { REPOSITORY } from '../support/index.js';
import { fingerprints, indexRecords } from './support.js';

function encode<T>(codec: Codec<T>, record: T): Buffer {
  const writer = new ByteWriter();
  codec.write(writer, record);
  return Buffer.from(writer.bytes.subarray(0, writer.at));
}

const CODECS = { index: indexCodec, dirty: dirtyCodec, run: runCodec, sums: sumHeadCodec } as unknown as Record<string, Codec<unknown>>;
const moments = fc.nat({ max: 8.64e15 });
const dirty = fc.record({ subtree: fc.boolean(), reasons: fc.nat({ max: 255 }), since: moments, sequence: fc.nat({ max: Number.MAX_SAFE_INTEGER }) }, { noNullPrototype: true });

const bytesOf = (length: number): fc.Arbitrary<Buffer> => fc.uint8Array({ minLength: length, maxLength: length }).map((b) => Buffer.from(b));
const heads: fc.Arbitrary<KeptHead> = fc.record({
  fingerprint: fingerprints, moment: moments, size: fc.nat({ max: 2 ** 34 }), leafLength: fc.constantFrom(2 ** 12, 2 ** 20, 2 ** 24), tag: bytesOf(8), root: bytesOf(16),
  clone: fc.option(fingerprints, { nil: undefined }), id: fc.nat({ max: 2 ** 47 }),
}, { noNullPrototype: true });

describe('state: records', () => {
  it('are read as they were written', () => {
    fc.assert(fc.property(indexRecords, (record) => assert.deepEqual(indexCodec.read(new ByteReader(encode(indexCodec, record))), record)));
    fc.assert(fc.property(heads, (record) => assert.deepEqual(sumHeadCodec.read(new ByteReader(encode(sumHeadCodec, record))), record)));
    fc.assert(fc.property(dirty, (record) => assert.deepEqual(dirtyCodec.read(new ByteReader(encode(dirtyCodec, record))), record)));
  });

  it('are refused, never half read, where bytes are missing or changed', () => {
    fc.assert(fc.property(indexRecords, fc.nat(), (record, at) => {
      const bytes = encode(indexCodec, record);
      assert.equal(forgiving(() => indexCodec.read(new ByteReader(bytes.subarray(0, at % bytes.length)))), undefined);
    }));
    fc.assert(fc.property(dirty, fc.nat(), fc.integer({ min: 1, max: 255 }), (record, at, flip) => {
      const bytes = encode(dirtyCodec, record);
      bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ flip;
      assert.equal(forgiving(() => dirtyCodec.read(new ByteReader(bytes))), undefined);
    }));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const codec of Object.values(CODECS)) forgiving(() => codec.read(new ByteReader(bytes))); // throws nothing but what is forgiven
    }));
  });

  it('keep the form of format 1', async () => {
    const folder = join(REPOSITORY, 'fixtures/state');
    const { fromPlain } = await import(join(folder, 'plain.js')) as { fromPlain(plain: unknown): { kind: string; record: unknown } };
    const records = (JSON.parse(readFileSync(join(folder, 'records.json'), 'utf8')) as unknown[]).map(fromPlain);
    const lines = readFileSync(join(folder, 'records.v1.hex'), 'utf8').trim().split('\n');
    assert.equal(lines.length, records.length);
    records.forEach(({ kind, record }, k) => {
      const codec = CODECS[kind] as Codec<unknown>;
      assert.equal(encode(codec, record).toString('hex'), lines[k]);
      assert.deepEqual(codec.read(new ByteReader(Buffer.from(lines[k] as string, 'hex'))), { ...(record as object) });
    });
  });
});
