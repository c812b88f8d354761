import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DEFAULT_CHUNKS, GearChunker, createRabinChunker, type Chunker, type ChunkSizes } from '../../src/delta/index.js';
import { createKernel } from '../../src/hash/index.js';
import { KINDS, content, noise, spliced } from '../hash/support.js';
import { cut } from './support.js';

type Make = (sizes: ChunkSizes, chunk: (length: number) => void) => Promise<Chunker>;

async function chunks(make: Make, data: Buffer, sizes: ChunkSizes, pieces = Infinity): Promise<number[]> {
  const lengths: number[] = [];
  const chunker = await make(sizes, (length) => lengths.push(length));
  for (const piece of cut(data, pieces)) chunker.push(piece);
  chunker.finish();
  return lengths;
}

/** Chunks as text, to see which ones two files share. */
function texts(data: Buffer, lengths: readonly number[]): Set<string> {
  let at = 0;
  return new Set(lengths.map((length) => data.toString('latin1', at, (at += length))));
}

const gear: Make = async (sizes, chunk) => new GearChunker(createKernel(), sizes, chunk);
const sizes: ChunkSizes = { min: 256, average: 1024, max: 4096 };

for (const [name, make] of [['gear', gear], ['rabin-wasm', createRabinChunker]] as const) {
  describe(`chunks by ${name}`, () => {
    it('cover the data, the last one too, and are the same whatever the pieces', async () => {
      await fc.assert(fc.asyncProperty(content(30_000, [256, 4096]), fc.integer({ min: 1, max: 9000 }), async (data, pieces) => {
        const whole = await chunks(make, data, sizes);
        assert.equal(whole.reduce((a, b) => a + b, 0), data.length);
        assert.ok(whole.every((length, i) => length <= sizes.max && (length >= sizes.min || i === whole.length - 1)), whole.join());
        assert.deepEqual(await chunks(make, data, sizes, pieces), whole);
      }), { numRuns: 60 });
    });

    it('of an edited file are mostly those of the file', async () => {
      const data = noise(1 << 20, 1);
      const changed = spliced(data, 300_000, 0, Buffer.from('inserted'));
      const [before, after] = [await chunks(make, data, DEFAULT_CHUNKS), await chunks(make, changed, DEFAULT_CHUNKS)];
      const known = texts(data, before);
      const fresh = [...texts(changed, after)].filter((text) => !known.has(text));
      assert.ok(before.length > 50 && fresh.length <= 3, `${fresh.length} of ${after.length} chunks are new`);
      const average = data.length / before.length;
      assert.ok(average > DEFAULT_CHUNKS.average * 0.7 && average < DEFAULT_CHUNKS.average * 1.6, `${average} bytes on average`);
    });

    it('refuse sizes that make no sense', async () => {
      await assert.rejects(async () => make({ min: 1000, average: 1000, max: 2000 }, () => undefined), RangeError);
    });
  });
}

it('chunks by gear are the same from each kernel', async () => {
  const data = noise(200_000, 3);
  const all = await Promise.all(KINDS.map((kind) => chunks(async (s, chunk) => new GearChunker(createKernel({ kind }), s, chunk), data, sizes)));
  assert.deepEqual(all[1], all[0]);
  assert.deepEqual(all[2], all[0]);
});

it('chunks by rabin-wasm take bounded memory', async () => {
  const chunker = await createRabinChunker(DEFAULT_CHUNKS, () => undefined);
  const data = noise(1 << 20, 1);
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 64; i++) chunker.push(data);
  chunker.finish();
  assert.ok(process.memoryUsage().rss - before < 48 << 20);
});
