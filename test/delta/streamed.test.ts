import assert from 'node:assert/strict';
import fc from 'fast-check';
import { streamRounds, type Ask, type Stretch } from '../../src/delta/index.js';
import { createKernel } from '../../src/hash/index.js';
import { content, edited, edits, noise, spliced } from '../hash/support.js';
import { BasisSide } from './support.js';

const SEED = { low: 21, high: 22 };
const KB = 1024;

interface Streamed { rebuilt: Buffer; literals: number; asked: Ask[]; parts: { start: number; end: number; asked: number }[]; read: number; bytes: number }

/** A streamed delta between two ends in one process. `stop`: requests that are answered. */
function streamed(basis: Buffer, source: Buffer, { firstSlab = 16 * KB, holes = [], stop = Infinity }: { firstSlab?: number; holes?: readonly Stretch[]; stop?: number } = {}): Streamed {
  const session = new BasisSide(basis, SEED);
  const out: Streamed = { rebuilt: Buffer.alloc(source.length), literals: 0, asked: [], parts: [], read: 0, bytes: 0 };
  let covered = 0;
  const read = (offset: number, into: Buffer): number => {
    const n = source.copy(into, 0, offset);
    for (const hole of holes) assert.ok(offset + n <= hole.start || offset >= hole.start + hole.length, 'holes are not read');
    out.read += n;
    return n;
  };
  const steps = streamRounds(createKernel(), { size: source.length, holes, read }, basis.length, SEED, firstSlab);
  for (let step = steps.next(); step.done !== true;) {
    if (step.value.kind === 'ask') {
      out.asked.push(step.value.ask);
      const answer = out.asked.length > stop ? undefined : session.answer(step.value.ask);
      out.bytes += answer?.round.length ?? 0;
      step = steps.next(answer);
      continue;
    }
    const { start, end, copies } = step.value;
    assert.equal(start, covered, 'parts follow each other');
    let at = start;
    const literal = (to: number): void => {
      source.copy(out.rebuilt, at, at, to);
      out.literals += to - at;
      at = to;
    };
    for (const copy of copies) {
      assert.ok(copy.start >= at && copy.start + copy.length <= end && copy.offset + copy.length <= basis.length, JSON.stringify(copy));
      literal(copy.start);
      basis.copy(out.rebuilt, at, copy.offset, copy.offset + copy.length);
      at += copy.length;
    }
    literal(end);
    covered = end;
    out.parts.push({ start, end, asked: out.asked.length });
    step = steps.next();
  }
  assert.equal(covered, source.length, 'all is covered');
  return out;
}

describe('a delta that is handed on while it is searched', () => {
  it('makes the source of the basis, for any content and edits, also where the session has no more to offer', () => {
    fc.assert(fc.property(content(200_000, [4095, 4096, 65536]), edits, fc.constantFrom(Infinity, 0, 1, 2, 4), fc.constantFrom(512, 4 * KB, 16 * KB, 1 << 20), (basis, list, stop, firstSlab) => {
      const source = edited(basis, list);
      assert.ok(streamed(basis, source, { stop, firstSlab }).rebuilt.equals(source));
    }), { numRuns: 150 });
  });

  const basis = noise(4 << 20, 1);

  it('of bytes inserted near the front sends little more than those, hands on part by part, and asks for what is around the place only', () => {
    const source = spliced(basis, 5000, 0, noise(1000, 2));
    const { rebuilt, literals, asked, parts, read, bytes } = streamed(basis, source, { firstSlab: 128 * KB });
    assert.ok(rebuilt.equals(source));
    assert.ok(literals <= 1600, `${literals} literal bytes`);
    assert.ok(parts.length >= 6, `${parts.length} parts`);
    assert.equal(parts[1]?.asked, parts.at(-1)?.asked, 'what follows costs no question');
    assert.ok(asked.slice(1).every(({ stretches }) => stretches.reduce((sum, { length }) => sum + length, 0) <= 32 * KB), JSON.stringify(asked.slice(1)));
    assert.ok(read < source.length + 64 * KB, `${read} bytes read`);
    assert.ok(bytes < 10_000, `${bytes} bytes of sums`);
  });

  it('of bytes inserted in every part settles each part by itself', () => {
    let source = basis;
    for (let k = 15; k >= 0; k--) source = spliced(source, k * 256 * KB + 777, 0, noise(100, k + 1));
    const { rebuilt, literals, parts } = streamed(basis, source, { firstSlab: 128 * KB });
    assert.ok(rebuilt.equals(source));
    assert.ok(literals < 16 * 700, `${literals} literal bytes`);
    assert.ok(parts.length >= 6, `${parts.length} parts`);
  });

  it('of a file of which a part is new searches the rest as a whole: what was sent stays sent, and what is known of it is not asked for again', () => {
    const source = Buffer.concat([noise(100, 3), basis.subarray(0, 1 << 20), noise(700 * KB, 4), basis.subarray(2 << 20)]);
    const { rebuilt, literals, parts, asked } = streamed(basis, source, { firstSlab: 128 * KB });
    assert.ok(rebuilt.equals(source));
    assert.ok(literals < 720 * KB, `${literals} literal bytes`);
    assert.ok(parts.length >= 3);
    const unused = asked.at(-1)?.stretches.reduce((sum, { length }) => sum + length, 0) ?? 0;
    assert.ok(unused <= (1 << 20) + 64 * KB, `${unused} bytes of the basis in the last request`);
  });

  it('finds parts that changed places, and asks for nothing of the basis twice in one round', () => {
    const source = Buffer.concat([basis.subarray(3 << 20), noise(500, 5), basis.subarray(1 << 20, 2 << 20), noise(300, 6), basis.subarray(0, 1 << 20)]);
    const { rebuilt, literals, asked } = streamed(basis, source, { firstSlab: 128 * KB });
    assert.ok(rebuilt.equals(source));
    assert.ok(literals < 64 * KB, `${literals} literal bytes`);
    for (const { stretches } of asked) {
      let end = 0;
      for (const { start, length } of stretches) {
        assert.ok(start >= end, JSON.stringify(stretches));
        end = start + length;
      }
    }
  });

  it('passes over holes', () => {
    const source = Buffer.concat([noise(50, 7), basis.subarray(0, 1 << 20), Buffer.alloc(1 << 20), basis.subarray(1 << 20)]);
    const holes = [{ start: 50 + (1 << 20), length: 1 << 20 }];
    const { rebuilt, literals } = streamed(basis, source, { firstSlab: 128 * KB, holes });
    assert.ok(rebuilt.equals(source));
    assert.ok(literals < (1 << 20) + 8 * KB, `${literals} bytes, those of the hole among them`);
  });

  it('of nothing, and against a basis that has nothing to offer, sends the file', () => {
    assert.equal(streamed(basis, Buffer.alloc(0)).literals, 0);
    assert.equal(streamed(Buffer.alloc(0), basis.subarray(0, 1000)).literals, 1000);
    assert.equal(streamed(basis, noise(100 * KB, 9), { stop: 0 }).literals, 100 * KB);
  });
});
