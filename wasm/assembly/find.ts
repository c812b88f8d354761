/**
 * Finding blocks: a table from a 32-bit key (weak sum or anchor mix) to blocks, behind a bitmap that answers most misses from
 * a few cache lines, and the two scans that use it. The scans only name candidates; whoever called verifies them by the strong sum.
 *
 * Table, five words at `table`: bitmap, its shift, heads, their shift, next. A head or a link is a block number plus one; 0 ends a chain.
 */
import { mixBefore, nextAnchor } from './sums';

/** Most blocks of one key: further ones are found by their neighbours only, so that hostile data cannot make chains long. */
const MOST_OF_A_KEY: u32 = 16;
/** Longest chain, whatever its keys: in honest tables none comes near. */
const MOST_IN_A_CHAIN: u32 = 64;
const NONE: u32 = 0xffffffff;

@inline function spread(key: u32): u32 { return key * 0x9E3779B1; }

/**
 * Fills an empty (zeroed) table with the keys of `count` blocks, in order. With `offsets` other than 0, blocks whose offset is 0 stay out.
 * A block with key and strong sum of an earlier one stays out too.
 */
export function fillTable(table: usize, keys: usize, strongs: usize, offsets: usize, count: u32): void {
  const bitmap: usize = load<u32>(table), bitShift = load<u32>(table, 4);
  const heads: usize = load<u32>(table, 8), headShift = load<u32>(table, 12), next: usize = load<u32>(table, 16);
  for (let i: u32 = 0; i < count; i++) {
    if (offsets != 0 && load<u32>(offsets + ((i as usize) << 2)) == 0) continue;
    const key = load<u32>(keys + ((i as usize) << 2));
    const h = spread(key);
    let link = heads + ((h >> headShift) << 2);
    let same: u32 = 0;
    let steps: u32 = 0;
    let known = false;
    while (!known) {
      const block = load<u32>(link);
      if (block == 0) break;
      if (load<u32>(keys + ((block - 1) << 2)) == key) {
        same++;
        known = same == MOST_OF_A_KEY || load<u64>(strongs + ((block - 1) << 3)) == load<u64>(strongs + ((i as usize) << 3));
      }
      if (++steps == MOST_IN_A_CHAIN) known = true;
      link = next + ((block - 1) << 2);
    }
    if (known) continue;
    store<u32>(link, i + 1);
    const bit = h >> bitShift;
    store<u8>(bitmap + (bit >> 3), load<u8>(bitmap + (bit >> 3)) | (((1 as u32) << (bit & 7)) as u8));
  }
}

/** First block of a key; NONE where there is none. */
@inline function lookUp(table: usize, keys: usize, key: u32): u32 {
  const h = spread(key);
  const bit = h >> load<u32>(table, 4);
  if ((load<u8>(load<u32>(table) + (bit >> 3)) & (1 << (bit & 7))) == 0) return NONE;
  return follow(table, keys, key, load<u32>(load<u32>(table, 8) + ((h >> load<u32>(table, 12)) << 2)));
}

function follow(table: usize, keys: usize, key: u32, block: u32): u32 {
  const next: usize = load<u32>(table, 16);
  while (block != 0) {
    if (load<u32>(keys + ((block - 1) << 2)) == key) return block - 1;
    block = load<u32>(next + ((block - 1) << 2));
  }
  return NONE;
}

/** The next block with the key of `block`; 0xffffffff after the last. */
export function sameKey(table: usize, keys: usize, block: u32): u32 {
  return follow(table, keys, load<u32>(keys + ((block as usize) << 2)), load<u32>((load<u32>(table, 16) as usize) + ((block as usize) << 2)));
}

/**
 * The first anchor p, from ≤ p ≤ to, whose mix is in the table: p, with the block at `out`; 0 where there is none.
 * `from - 32` must be readable.
 */
export function scanAnchors(from: usize, to: usize, threshold: u32, seedLow: u32, seedHigh: u32, table: usize, keys: usize, out: usize): usize {
  let p = nextAnchor(from, to, threshold);
  while (p != 0) {
    const block = lookUp(table, keys, mixBefore(p, seedLow, seedHigh));
    if (block != NONE) {
      store<u32>(out, block);
      return p;
    }
    p = nextAnchor(p + 1, to, threshold);
  }
  return 0;
}

/**
 * Rolls the weak sum of `length` bytes from the window at `from` to the one at `to` and names the first window whose sum is in the
 * table: its address, with the block at `out`; 0 where there is none. Word 1 of `out` holds the sum of the window at `from` and
 * gets that of the window where the scan ended. All windows up to `to` must be readable.
 */
export function scanWeak(from: usize, to: usize, length: u32, m: u32, mLength: u32, table: usize, keys: usize, out: usize): usize {
  let h = load<u32>(out, 4);
  const bitmap: usize = load<u32>(table), bitShift = load<u32>(table, 4);
  while (true) {
    const bit = spread(h) >> bitShift;
    if (load<u8>(bitmap + (bit >> 3)) & (1 << (bit & 7))) {
      const block = lookUp(table, keys, h);
      if (block != NONE) {
        store<u32>(out, block);
        store<u32>(out, h, 4);
        return from;
      }
    }
    if (from >= to) break;
    h = h * m + ((load<u8>(from + length) as u32) - (load<u8>(from) as u32) * mLength);
    from++;
  }
  store<u32>(out, h, 4);
  return 0;
}
