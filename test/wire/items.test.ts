/** Items: what is read is what was written, what no file system can hold does not pass, and every limit holds before memory is taken. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { StatTable, type ByteString, type RelPath } from '../../src/tree/index.js';
import { ItemReader, ItemWriter, MAX_FOLDER_NAMES, MAX_LITERAL_ITEM, MAX_PAYLOAD, WireError, type FolderItem, type Item } from '../../src/wire/index.js';
import { folder, item, itemArrived, record, STAT_BYTES, travelled } from './support.js';

const NO_TIMES = { atimes: false, btimes: false };

function encode(items: readonly Item[], told = NO_TIMES): Buffer {
  const writer = new ItemWriter(told);
  for (const one of items) writer.write(one);
  return writer.take();
}

function decode(payload: Uint8Array): Item[] {
  const reader = new ItemReader(payload);
  const items: Item[] = [];
  while (!reader.done) items.push(reader.next());
  return items;
}

function refused(code: string, payload: Uint8Array): void {
  assert.throws(() => decode(payload), (error) => error instanceof WireError && error.code === code, `${code}: ${Buffer.from(payload).toString('hex').slice(0, 80)}`);
}

/** A folder of these names; all records are those of one small file unless given. */
export function plainFolder(names: readonly string[], more: Partial<FolderItem> = {}): FolderItem {
  const table = new StatTable(names.length);
  for (let i = 0; i < names.length; i++) table.words.set([0o100644], i * 64 + 7);
  return {
    kind: 'folder', mount: 0, path: '' as RelPath, more: false, openErrno: 0, listErrno: 0, self: undefined, names: names as ByteString[], stats: table.bytes, errors: undefined, links: new Map(),
    followed: undefined, xattrs: undefined, hashes: undefined, ruleFiles: new Map(), users: [], groups: [], ...more,
  };
}

describe('wire/items', () => {
  it('reads back what it wrote, several items in one payload, whichever times travel', () => {
    fc.assert(fc.property(fc.array(item, { maxLength: 6 }), fc.boolean(), fc.boolean(), (items, atimes, btimes) => {
      const told = { atimes, btimes };
      assert.deepEqual(decode(encode(items, told)), items.map((one) => itemArrived(one, told)));
    }), { numRuns: 500 });
  });

  it('reads a payload that came from another thread as a plain Uint8Array, at any place in its memory', () => {
    fc.assert(fc.property(folder, fc.nat(7), (one, shift) => {
      const payload = encode([one]);
      const moved = new Uint8Array(payload.length + shift);
      moved.set(payload, shift);
      assert.deepEqual(decode(moved.subarray(shift)), [itemArrived(one, NO_TIMES)]);
    }), { numRuns: 50 });
  });

  it('takes records from memory that is not aligned', () => {
    const one = fc.sample(record, 1)[0] as Buffer;
    const odd = Buffer.alloc(STAT_BYTES + 3);
    one.copy(odd, 3);
    assert.deepEqual(decode(encode([plainFolder(['a'], { stats: odd.subarray(3) })]))[0], { ...plainFolder(['a']), stats: travelled(one, NO_TIMES) });
  });

  it('gives records that a Uint32Array can lie over', () => {
    for (const one of decode(encode([plainFolder(['a']), plainFolder(['b', 'c']), plainFolder(['d'])]))) {
      assert.ok(one.kind === 'folder' && one.stats.byteOffset % 4 === 0);
    }
  });

  it('gives payloads whose memory is their own, so that it can be transferred', () => {
    const writer = new ItemWriter();
    writer.write({ kind: 'hole', length: 1 });
    const first = writer.take();
    writer.write({ kind: 'literal', bytes: Buffer.alloc(100_000, 7) });
    const second = writer.take();
    writer.write({ kind: 'walk-end' });
    const third = writer.take();
    assert.equal(new Set([first.buffer, second.buffer, third.buffer]).size, 3);
    structuredClone(second, { transfer: [second.buffer as ArrayBuffer] });
    assert.deepEqual([decode(first), decode(third)], [[{ kind: 'hole', length: 1 }], [{ kind: 'walk-end' }]]);
    assert.equal(writer.length, 0);
  });

  it('tells sizes and times at the ends of their ranges exactly, and brings what lies past them into range', () => {
    const table = new StatTable(4);
    const put = (i: number, at: number, low: number, high: number): void => { table.words.set([low, high], i * 64 + at); };
    for (let i = 0; i < 4; i++) table.words[i * 64 + 7] = 0o100644;
    put(0, 10, 0xffffffff, 0x1fffff); // 2^53 - 1
    put(1, 28, 0, 0xfffc0000); // -2^50 s
    put(2, 28, 0, 0x40000000); // 2^62 s
    put(3, 10, 0, 0x200000); // 2^53
    const got = decode(encode([plainFolder(['a', 'b', 'c', 'd'], { stats: table.bytes })]))[0] as FolderItem;
    const back = new StatTable(4);
    got.stats.copy(back.bytes);
    assert.deepEqual([back.size(0), back.mtimeSec(1), back.mtimeSec(2)], [2 ** 53 - 1, -(2 ** 50), 2 ** 50]);
    assert.deepEqual([...(got.errors ?? [])], [0, 0, 0, 75]); // EOVERFLOW in the place of the record
    assert.ok(got.stats.subarray(3 * STAT_BYTES).every((byte) => byte === 0));
  });

  it('makes an error of any other record that no reader would take', () => {
    const huge = Buffer.alloc(STAT_BYTES);
    huge.writeUInt32LE(0x200000, 44);
    huge.writeUInt16LE(0o100644, 28);
    const typeless = Buffer.alloc(STAT_BYTES);
    const hash = Buffer.alloc(16);
    assert.deepEqual(decode(encode([
      { kind: 'answer', result: 0, stat: huge }, { kind: 'content-begin', errno: 0, stat: typeless }, { kind: 'content-end', errno: 0, stat: huge, size: 3, hash },
    ])), [{ kind: 'answer', result: -75 }, { kind: 'content-begin', errno: 5, stat: undefined }, { kind: 'content-end', errno: 75, stat: undefined, size: 3, hash }]);
    const got = decode(encode([plainFolder(['a'], { followed: new Map([[0, huge]]) })]))[0] as FolderItem;
    assert.deepEqual(got.followed, new Map([[0, 75]]));
  });

  it('leaves no trace of an item that it could not write', () => {
    const writer = new ItemWriter();
    const good = plainFolder(['a', 'b'], { path: 'x/y' as RelPath });
    writer.write(good);
    const before = writer.length;
    const many = Array.from({ length: MAX_FOLDER_NAMES + 1 }, (_, i) => String(i).padStart(6, '0'));
    assert.throws(() => { writer.write(plainFolder(many)); }, WireError);
    assert.throws(() => { writer.write({ kind: 'literal', bytes: Buffer.alloc(MAX_LITERAL_ITEM + 1) }); }, WireError);
    assert.throws(() => { writer.write({ kind: 'answer', result: 0, bytes: Buffer.alloc(MAX_PAYLOAD) }); }, WireError);
    assert.equal(writer.length, before);
    writer.write(good);
    assert.deepEqual(decode(writer.take()), [itemArrived(good, NO_TIMES), itemArrived(good, NO_TIMES)]);
  });
});

describe('wire/items: what is refused', () => {
  const length = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, n >> 7]);
  /** Folder item with these bytes behind flags, mount and path. */
  const folderOf = (flags: number, rest: readonly number[]): Buffer => Buffer.from([1, ...length(4 + rest.length), flags, 0, 0, 0, ...rest]);
  const chars = (text: string): number[] => [...Buffer.from(text, 'latin1')];
  /** A block of one row: mode 0100644 and nothing else. */
  const ROW = [1 << 2, 0x12, 0xc8, 0x86, 0x04, 0];
  const one = (token: number, ...name: number[]): Buffer => folderOf(0, [1, token, ...name, 4, 0x12, 0xc8, 0x86, 0x04, 0]);

  it('takes the bytes that these cases start from', () => {
    assert.equal(ROW.length, 6);
    const [got] = decode(one(1, ...chars('a')));
    assert.deepEqual(got, itemArrived(plainFolder(['a']), NO_TIMES));
  });

  it('names that leave the folder, hold a slash or a NUL, are empty or too long', () => {
    for (const name of ['.', '..', 'a/b', '/', '\0', 'a\0']) refused('name', one(name.length, ...chars(name)));
    refused('name', one(0));
    refused('name', one(0x1f, 1, ...chars('a'.repeat(16)))); // shares what is not there
    refused('name', one(0x0f, 241, ...chars('a'.repeat(256))));
  });

  it('names that do not rise, are told twice, or hide their order behind a short prefix', () => {
    const two = (...names: number[]): Buffer => folderOf(0, [2, ...names, 4, 0x13, 0xc8, 0x86, 0x04, 1, 0]);
    assert.equal(decode(two(1, ...chars('a'), 1, ...chars('b')))[0]?.kind, 'folder');
    refused('name', two(1, ...chars('b'), 1, ...chars('a')));
    refused('name', two(1, ...chars('a'), 1, ...chars('a')));
    refused('name', two(1, ...chars('a'), 2, ...chars('ab'))); // "ab" without saying that "a" is shared
  });

  it('paths that leave the root', () => {
    for (const path of ['/a', 'a/', 'a//b', '..', 'a/../b', './a', 'a\0']) {
      refused('name', Buffer.from([1, 5 + path.length, 0, 0, 0, path.length, ...chars(path), 0]));
    }
    refused('range', Buffer.from([1, 5, 0, 0, 1, 0, 0])); // shares with a path that was not told
  });

  it('counts of names beyond the limit or beyond what is left', () => {
    refused('truncated', folderOf(0, [0xff, 0x7f]));
    refused('limit', folderOf(0, [0xff, 0xff, 0xff, 0x7f]));
  });

  it('indices out of range or out of order', () => {
    const withLinks = (...links: number[]): Buffer => folderOf(0, [1, 1, 97, 4, 0x12, 0xc8, 0x86, 0x04, ...links]);
    assert.equal(decode(withLinks(1, 0, 1, 120))[0]?.kind, 'folder');
    refused('range', withLinks(1, 1, 1, 120));
    refused('limit', withLinks(2, 0, 1, 120, 0, 1, 120));
    refused('name', withLinks(1, 0, 1, 0)); // NUL in a symlink's text
  });

  it('more extended attributes than an item may hold, however small they are', () => {
    const names = Array.from({ length: 5 }, (_, i) => `f${i}`);
    const many = Array.from({ length: 60_000 }, () => ({ name: 'a' as ByteString, value: Buffer.alloc(0) }));
    const holding = (entries: number): FolderItem => plainFolder(names, { xattrs: new Map(Array.from({ length: entries }, (_, i) => [i, many])) });
    const four = encode([holding(4)]);
    assert.equal(decode(four).length, 1);
    assert.throws(() => encode([holding(5)]), WireError);
    // The same with one list more: its bytes are put behind the last one, and the counts before it follow.
    const list = Buffer.concat([Buffer.from([0, 0xe0, 0xd4, 0x03]), Buffer.from('\x01a\0'.repeat(60_000), 'latin1')]);
    const body = four.subarray(4);
    const at = body.indexOf(Buffer.from([0, 4, 1])); // no symlinks; 4 entries; the first of them
    const changed = Buffer.concat([body.subarray(0, at), Buffer.from([0, 5]), body.subarray(at + 2), list]);
    const head = Buffer.from([1, (changed.length & 127) | 128, ((changed.length >> 7) & 127) | 128, changed.length >> 14]);
    refused('limit', Buffer.concat([head, changed]));
  });

  it('attributes out of their ranges', () => {
    const row = (...block: number[]): Buffer => folderOf(0, [1, 1, 97, ...block, 0]);
    refused('range', row(4, 0x12, 2)); // a mode without a type
    refused('range', row(0)); // so with no mode at all
    refused('range', row(4, 0x12, 1)); // below 0
    refused('range', row(4 | 0x10, 0x12, 0xc8, 0x86, 0x04, 0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)); // uid past 2^32 (bit 4: column 2)
    refused('range', row(0x84, 0x04, 0x12, 0xc8, 0x86, 0x04, 0x12, 0x80, 0xd0, 0xac, 0xf3, 0x0e)); // nanoseconds of 10^9 (column 7)
    refused('range', row(4, 0x22, 0)); // a prediction that the column does not have
    refused('range', row(4, 0x18, 0)); // a form that there is not
    refused('range', row(0x84, 0x80, 0x10, 0x12, 0xc8, 0x86, 0x04, 0x12, 0)); // access times that were not announced
    refused('range', folderOf(0, [1, 1, 97, 4, 0x11, 0xc8, 0x86, 0x04, 1, 0])); // a run past the last row
  });

  it('faults and flags that contradict each other', () => {
    refused('range', folderOf(4, [0, 0]));
    refused('range', folderOf(4, [1, 1]));
    refused('range', folderOf(4 | 1, [13, 0]));
    refused('range', folderOf(4, [0x80, 0x20, 0])); // errno 4096
    refused('range', folderOf(8, [1, 1, 97, 0, ...ROW])); // errors, and none
  });

  it('lengths of copies, holes, literals and blocks', () => {
    refused('range', Buffer.from([6, 2, 0, 0]));
    refused('range', Buffer.from([6, 2, 1, 1])); // offset -1
    refused('range', Buffer.from([7, 1, 0]));
    refused('range', Buffer.from([7, 8, ...Buffer.alloc(7, 0xff), 0x10])); // 2^53 and more
    refused('limit', Buffer.from([5, 0]));
    refused('range', Buffer.from([8, 2, 63, 0]));
    refused('range', Buffer.from([8, 5, 0x80, 8, 1, 0, 0])); // an empty stretch
  });

  it('unknown kinds, bytes left over, bodies that end early, and numbers in a longer form than needed', () => {
    refused('kind', Buffer.from([0, 0]));
    refused('kind', Buffer.from([11, 0]));
    refused('range', Buffer.from([2, 1, 0]));
    refused('truncated', Buffer.from([2]));
    refused('truncated', Buffer.from([2, 5, 0]));
    refused('range', Buffer.from([7, 2, 0x81, 0]));
    refused('range', Buffer.from([7, 9, ...Buffer.alloc(8, 0xff), 1]));
    refused('limit', Buffer.from([5, 0xff, 0xff, 0xff, 0xff, 0x0f]));
  });

  it('any payload that ends before its items do', () => {
    fc.assert(fc.property(item, fc.nat(), (full, at) => {
      const payload = encode([full]);
      if (payload.length > 1) refused('truncated', payload.subarray(0, 1 + (at % (payload.length - 1))));
    }), { numRuns: 200 });
  });
});

describe('wire/items: size', () => {
  /** A folder as a package's installation leaves it: whole seconds of mtime, one ctime after the other, inodes in order. */
  function installed(count: number): FolderItem {
    const names = Array.from({ length: count }, (_, i) => `module-${String(i).padStart(4, '0')}.js`);
    const table = new StatTable(count);
    for (let i = 0; i < count; i++) {
      const size = (i * 7919) % 30_000;
      table.fill(i, {
        mode: 0o100644n, nlink: 1n, uid: 1000n, gid: 1000n, ino: BigInt(1_000_000 + i), dev: 2049n, rdev: 0n, size: BigInt(size), blocks: BigInt(8 * Math.ceil(size / 4096)), atimeNs: 1n,
        mtimeNs: 499_162_500_000_000_000n, ctimeNs: 1_700_000_000_000_000_000n + BigInt(i) * 1_234_567n, birthtimeNs: 0n,
      });
    }
    return plainFolder(names, { stats: table.bytes, path: 'node_modules/package/lib' as RelPath });
  }

  it('takes at most 15 bytes an entry for a typical folder, before compression', () => {
    const bytes = encode([installed(1000)]).length;
    assert.ok(bytes < 15_000, String(bytes));
  });

  it('takes few bytes for a folder of one file', () => {
    const writer = new ItemWriter();
    writer.write(installed(1));
    const first = writer.length;
    writer.write({ ...installed(1), path: 'node_modules/package/src' as RelPath });
    assert.ok(writer.length - first < 32, String(writer.length - first));
  });
});
