/** What a target's host tells of it: it travels as it was said, and what a hostile host says is refused. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readFacts, writeFacts } from '../../src/session/remote/facts.js';
import { TRAITS, type TargetFacts } from '../../src/session/index.js';
import { TwintreeError } from '../../src/tree/index.js';

const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const facts: fc.Arbitrary<TargetFacts> = fc.record({
  exists: fc.boolean(), fileSystem: fc.stringMatching(/^[a-z0-9]{1,32}$/), readOnly: fc.boolean(), writable: fc.boolean(), freeBytes: number, neededBytes: number, sharesBlocks: fc.boolean(), freeInodes: number, neededInodes: number,
  granularityNs: number, nameMax: number, maxFileSize: number, holds: fc.dictionary(fc.constantFrom(...TRAITS), fc.boolean(), { noNullPrototype: true }), uid: number,
  capabilities: fc.subarray(['chown', 'mknod', 'sysAdmin'] as const),
}, { requiredKeys: ['exists', 'fileSystem', 'readOnly', 'freeBytes', 'neededBytes', 'sharesBlocks', 'neededInodes', 'granularityNs', 'nameMax', 'holds', 'uid'], noNullPrototype: true });

describe('session/target-facts', () => {
  it('come back from a message as they were', () => {
    fc.assert(fc.property(facts, (one) => { assert.deepEqual(readFacts(JSON.parse(JSON.stringify(writeFacts(one)))), one); }), { seed: 3 });
  });

  it('are refused where they are not what they must be', () => {
    const [good] = fc.sample(facts, { seed: 3, numRuns: 1 }) as [TargetFacts];
    for (const wrong of [
      { exists: 1 }, { fileSystem: 'a\u001b[31m' }, { fileSystem: '' }, { fileSystem: 'x'.repeat(33) }, { freeBytes: -1 }, { freeBytes: 1.5 }, { neededBytes: '1' }, { freeInodes: 1e300 }, { holds: [] }, { holds: { symlinks: 'yes' } },
      { capabilities: ['all'] }, { capabilities: Array.from({ length: 50 }, () => 'chown') }, { uid: null }, { granularityNs: undefined },
    ]) assert.throws(() => readFacts({ ...good, ...wrong }), (error) => error instanceof TwintreeError && error.code === 'WIRE', JSON.stringify(wrong));
    assert.throws(() => readFacts(null), TwintreeError);
    assert.deepEqual(readFacts({ ...good, holds: { later: 1 }, more: 2 }).holds, {}, 'what a later version adds is skipped');
  });
});
