/**
 * The kernel of the delta engine: everything that touches every byte. All state lies in memory that the caller lays out;
 * the static part ends at heapBase(). src/hash/twin.ts is the same in TypeScript and must give the same bytes.
 */
export { strong, strong128, streamBegin, streamUpdate, streamEnd } from './xxh3';
export { power, weak, nextAnchor, mixBefore, signBlocks, strong128Blocks, matchRun } from './sums';
export { fillTable, sameKey, scanAnchors, scanWeak } from './find';

/** First byte that the caller may use. */
export function heapBase(): usize { return __heap_base; }
