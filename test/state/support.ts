/** Environments, pairs of trees and random values for the tests of the state. */
import fc from 'fast-check';
import { loadPosix } from '../../src/fs/index.js';
import { PairState, type Fingerprint, type IndexRecord, type PairRequest, type Seen } from '../../src/state/index.js';
import { openEnvironment, type Environment } from '../../src/state/store/lmdb.js';
import { fromText, type RelPath } from '../../src/tree/index.js';

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const nsec = fc.integer({ min: 0, max: 999_999_999 });

export const fingerprints: fc.Arbitrary<Fingerprint> = fc.record({
  devMajor: u32, devMinor: u32, inoLow: u32, inoHigh: u32, size: fc.nat({ max: Number.MAX_SAFE_INTEGER }), mtimeSec: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), mtimeNsec: nsec,
  ctimeSec: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), ctimeNsec: nsec, mode: fc.nat({ max: 0xffff }),
}, { noNullPrototype: true });
const seen: fc.Arbitrary<Seen> = fc.record({
  fingerprint: fingerprints, moment: fc.nat({ max: 8.64e15 }), hash: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }).map((b) => Buffer.from(b)), { nil: undefined }),
}, { noNullPrototype: true });
export const indexRecords: fc.Arbitrary<IndexRecord> = fc.tuple(seen, seen, fc.boolean(), fc.nat({ max: 7 })).map(([source, target, leader, alike]) => ({
  source: (alike & 3) === 3 ? undefined : source, leader,
  // As in life: the target's is much like the source's.
  target: (alike & 4) === 0 ? target : { ...target, hash: source.hash, fingerprint: { ...source.fingerprint, inoLow: target.fingerprint.inoLow } },
}));

/** Names that stand close together in byte order, and long ones. */
const part = fc.constantFrom('a', 'b', 'a-b', 'ab', '\xff', '\x01', 'n'.repeat(255), 'm'.repeat(254));
export const paths: fc.Arbitrary<RelPath> = fc.array(part, { maxLength: 10 }).map((parts) => parts.join('/') as RelPath);

/** A fingerprint that is much like any other. */
export function fingerprint(n: number): Fingerprint {
  return { devMajor: 8, devMinor: 1, inoLow: n, inoHigh: 0, size: 100 + n, mtimeSec: 1_700_000_000, mtimeNsec: n, ctimeSec: 1_700_000_000, ctimeNsec: n, mode: 0o100644 };
}

/** Runs `body` with an environment in a folder, and closes it. */
export async function withStore(folder: string, body: (store: Environment) => void | Promise<void>, durable = false): Promise<void> {
  const store = openEnvironment(fromText(folder), durable);
  try {
    await body(store);
  } finally {
    await store.close();
  }
}

/** Opens the state of a pair below `folder`. */
export function openPair(folder: string, more: Partial<PairRequest> = {}): PairState {
  return PairState.open({ posix: loadPosix(), folder: fromText(folder), pair: { source: fromText('/a'), target: fromText('/b') }, roots: [], notice: () => undefined, ...more });
}
