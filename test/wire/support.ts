/** Arbitrary messages of the protocol, and what of a stat record travels. */
import fc from 'fast-check';
import { STAT_WORDS, type ByteString, type RelPath } from '../../src/tree/index.js';
import type { AnswerItem, FolderItem, Item, Request, RoundSums, SourceCall, SourcePlace, WireName, WireXattr } from '../../src/wire/index.js';

export const STAT_BYTES = STAT_WORDS * 4;
const TWO32 = 2 ** 32;

const latin1 = (bytes: Uint8Array): ByteString => Buffer.from(bytes).toString('latin1') as ByteString;
const unit = fc.integer({ min: 1, max: 255 });
const text = (maxLength: number, minLength = 0): fc.Arbitrary<ByteString> => fc.array(unit, { minLength, maxLength }).map((units) => latin1(Uint8Array.from(units)));
/** Names that share beginnings, of one byte to 255, with bytes of all kinds. */
export const name: fc.Arbitrary<ByteString> = fc.oneof(
  fc.tuple(fc.constantFrom('file-', 'a', 'aa', 'IMG_0', 'x'.repeat(240)), fc.nat(300)).map(([head, n]) => `${head}${n}` as ByteString),
  text(20, 1),
).map((raw) => raw.replaceAll('/', '_').slice(0, 255) as ByteString).filter((raw) => raw !== '.' && raw !== '..');
export const path: fc.Arbitrary<RelPath> = fc.array(name, { maxLength: 4 }).map((parts) => parts.join('/') as RelPath);
const bytes = (maxLength: number): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength }).map((raw) => Buffer.from(raw));
const hash = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((raw) => Buffer.from(raw));
const errno = fc.integer({ min: 0, max: 4095 });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const size = fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));

/** What the fields of a record are made of. */
const fields = fc.record({
  type: fc.constantFrom(0o100000, 0o040000, 0o120000, 0o060000, 0o020000, 0o010000, 0o140000), perms: fc.oneof(fc.constantFrom(0o644, 0o755), fc.integer({ min: 0, max: 0o7777 })),
  nlink: fc.oneof(fc.constant(1), u32), uid: fc.oneof(fc.constant(1000), u32), gid: fc.oneof(fc.constant(1000), u32), size, blocks: fc.option(fc.integer({ min: 0, max: 2 ** 51 - 1 }), { nil: undefined }),
  times: fc.array(fc.tuple(fc.oneof(fc.constant(1_700_000_000), fc.integer({ min: -(2 ** 50), max: 2 ** 50 })), fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999_999 }))), { minLength: 4, maxLength: 4 }),
  sameTimes: fc.boolean(), ino: fc.tuple(u32, fc.oneof(fc.constant(0), u32)), dev: fc.tuple(fc.constantFrom(8, 0, 259), fc.nat(3)), rdev: fc.oneof(fc.constant([0, 0]), fc.tuple(u32, u32)), born: fc.boolean(),
});

/** A record as a kernel writes it. */
export const record: fc.Arbitrary<Buffer> = fields.map((f) => {
  const words = new Uint32Array(STAT_WORDS);
  const wide = (at: number, value: number): void => {
    words[at] = value;
    words[at + 1] = Math.floor(value / TWO32);
  };
  words[0] = f.born ? 0xfff : 0x7ff;
  words[1] = 4096;
  words[4] = f.nlink;
  words[5] = f.uid;
  words[6] = f.gid;
  words[7] = f.type | f.perms;
  [words[8], words[9]] = f.ino;
  wide(10, f.size);
  wide(12, f.blocks ?? 8 * Math.ceil(f.size / 4096));
  [16, 20, 24, 28].forEach((at, i) => {
    const [sec, nsec] = f.times[f.sameTimes ? 0 : i] as [number, number];
    wide(at, sec);
    words[at + 2] = nsec;
  });
  [words[32], words[33]] = f.rdev as [number, number];
  [words[34], words[35]] = f.dev;
  return Buffer.from(words.buffer);
});

/** What arrives of a record: the fields that travel, and a mask that says which. */
export function travelled(from: Buffer, told: { atimes: boolean; btimes: boolean }): Buffer {
  const to = Buffer.alloc(STAT_BYTES);
  const copy = (word: number, count: number): void => { from.copy(to, word * 4, word * 4, (word + count) * 4); };
  for (const [word, count] of [[4, 4], [8, 6], [24, 3], [28, 3], [32, 4]] as const) copy(word, count);
  const born = told.btimes && (from.readUInt32LE(0) & 0x800) !== 0;
  if (told.atimes) copy(16, 3);
  if (born) copy(20, 3);
  to.writeUInt32LE((told.atimes ? 0x7ff : 0x7df) | (born ? 0x800 : 0), 0);
  return to;
}

const xattrs: fc.Arbitrary<WireXattr[]> = fc.array(fc.record({ name: text(30, 1), value: bytes(40) }, { noNullPrototype: true }), { maxLength: 3 });
const idNames: fc.Arbitrary<WireName[]> = fc.array(fc.record({ id: u32, name: fc.option(text(12, 1), { nil: undefined }) }, { noNullPrototype: true }), { maxLength: 3 });

/** Some of the indices below `end`, each with a value. */
function sparse<T>(end: number, value: fc.Arbitrary<T>, from = 0): fc.Arbitrary<Map<number, T>> {
  const indices = Array.from({ length: end - from }, (_, i) => i + from);
  return fc.subarray(indices).chain((chosen) => fc.array(value, { minLength: chosen.length, maxLength: chosen.length }).map((values) => new Map(chosen.map((index, i) => [index, values[i] as T]))));
}

export const openFault: fc.Arbitrary<FolderItem> = fc.record({ path, mount: fc.nat(65535), openErrno: fc.integer({ min: 1, max: 4095 }) }).map(({ path: at, mount, openErrno }) => ({
  kind: 'folder', path: at, mount, openErrno, more: false, listErrno: 0, self: undefined, names: [], stats: Buffer.alloc(0), errors: undefined, links: new Map(), followed: undefined,
  xattrs: undefined, hashes: undefined, ruleFiles: new Map(), users: [], groups: [],
}));

/** Folders as a supplier sends them; every optional part comes and goes. */
export const folder: fc.Arbitrary<FolderItem> = fc.uniqueArray(name, { maxLength: 12 }).chain((unsorted) => {
  const names = unsorted.toSorted((a, b) => (a < b ? -1 : 1));
  const n = names.length;
  return fc.record({
    path, mount: fc.nat(300), more: fc.boolean(), listErrno: fc.oneof(fc.constant(0), errno), self: fc.option(record, { nil: undefined }),
    records: fc.array(record, { minLength: n, maxLength: n }), errors: fc.option(fc.array(fc.oneof(fc.constant(0), errno), { minLength: n, maxLength: n }), { nil: undefined }),
    links: sparse(n, text(40)), followed: fc.option(sparse(n, fc.oneof(record, fc.integer({ min: 1, max: 4095 }))), { nil: undefined }), xattrs: fc.option(sparse(n, xattrs, -1), { nil: undefined }),
    hashes: fc.option(sparse(n, hash), { nil: undefined }), ruleFiles: fc.uniqueArray(text(20, 1), { maxLength: 2 }).chain((files) => fc.array(fc.option(bytes(50), { nil: undefined }), { minLength: files.length, maxLength: files.length })
      .map((contents) => new Map(files.map((file, i) => [file, contents[i]])))),
    users: idNames, groups: idNames,
  }, { noNullPrototype: true }).map(({ records, errors: faults, ...rest }) => {
    const errors = faults?.some((fault) => fault !== 0) === true ? Int32Array.from(faults) : undefined;
    const stats = Buffer.concat(records.map((one, i) => (errors === undefined || errors[i] === 0 ? one : Buffer.alloc(STAT_BYTES))));
    return Object.assign(rest, { kind: 'folder' as const, openErrno: 0, names, stats, errors });
  });
});

/** The folder as it arrives. */
export function arrived(item: FolderItem, told: { atimes: boolean; btimes: boolean }): FolderItem {
  const stats = Buffer.concat(item.names.map((_, i) => {
    const one = item.stats.subarray(i * STAT_BYTES, (i + 1) * STAT_BYTES);
    return item.errors !== undefined && item.errors[i] !== 0 ? one : travelled(one, told);
  }));
  const followed = item.followed === undefined ? undefined : new Map([...item.followed].map(([index, to]) => [index, typeof to === 'number' ? to : travelled(to, told)]));
  return { ...item, stats, followed, self: item.self === undefined ? undefined : travelled(item.self, told) };
}

const answer: fc.Arbitrary<AnswerItem> = fc.record({
  kind: fc.constant('answer' as const), result: fc.oneof(fc.integer({ min: -4095, max: 0 }), size), stat: record, text: text(60), bytes: bytes(200), xattrs, users: idNames, groups: idNames,
}, { requiredKeys: ['kind', 'result'], noNullPrototype: true });

/** Rising stretches below 2^46. */
const stretches = fc.array(fc.tuple(fc.nat(2 ** 30), fc.integer({ min: 1, max: 2 ** 30 })), { maxLength: 5 }).map((pairs) => {
  let at = 0;
  return pairs.map(([gap, length]) => {
    const start = at + gap;
    at = start + length;
    return { start, length };
  });
});
const blockLength = fc.integer({ min: 65536, max: 16 << 20 });

export const otherItem: fc.Arbitrary<Item> = fc.oneof(
  fc.constant<Item>({ kind: 'walk-end' }),
  fc.record({ kind: fc.constant('digest' as const), mount: fc.nat(65535), path, digest: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((raw) => Buffer.from(raw)) }, { noNullPrototype: true }),
  answer,
  fc.record({ kind: fc.constant('content-begin' as const), errno, stat: fc.option(record, { nil: undefined }) }, { noNullPrototype: true }),
  fc.uint8Array({ minLength: 1, maxLength: 2000 }).map((raw): Item => ({ kind: 'literal', bytes: Buffer.from(raw) })),
  fc.tuple(fc.nat(2 ** 30), fc.integer({ min: 1, max: 2 ** 30 })).map(([offset, length]): Item => ({ kind: 'copy', offset: offset * 8192, length })),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map((length): Item => ({ kind: 'hole', length })),
  fc.record({ kind: fc.constant('refine' as const), aligned: fc.boolean(), blockLength, stretches }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('content-end' as const), errno, stat: fc.option(record, { nil: undefined }), size, hash }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('content-end' as const), errno, stat: fc.option(record, { nil: undefined }), size, hash, tree: fc.constant(true) }, { noNullPrototype: true }),
);
export const item: fc.Arbitrary<Item> = fc.oneof(folder, openFault, otherItem);

/** Any item as it arrives. */
export function itemArrived(one: Item, told: { atimes: boolean; btimes: boolean }): Item {
  if (one.kind === 'folder') return arrived(one, told);
  if ('stat' in one && one.stat !== undefined) return { ...one, stat: travelled(one.stat, told) };
  return one;
}

const place: fc.Arbitrary<SourcePlace> = fc.record({ mount: fc.nat(65535), folder: path, name: fc.oneof(fc.constant('' as ByteString), name) }, { noNullPrototype: true });
const sums: fc.Arbitrary<RoundSums> = fc.record({ stretches, blockLength, round: bytes(300), more: fc.nat(1000) }, { noNullPrototype: true }).map(({ more, ...rest }) => {
  const last = rest.stretches.at(-1);
  return Object.assign(rest, { basisSize: (last === undefined ? 0 : last.start + last.length) + more });
});
const op = <K extends string>(kind: K): fc.Arbitrary<{ op: K; place: SourcePlace }> => fc.record({ op: fc.constant(kind), place }, { noNullPrototype: true });
const call: fc.Arbitrary<SourceCall> = fc.oneof(
  fc.record({ op: fc.constant('stat' as const), place, follow: fc.boolean() }, { noNullPrototype: true }), op('readlink'), op('xattrs'), op('seek-end'), op('unlink'),
  fc.record({ op: fc.constant('read' as const), place, most: fc.nat(8 << 20) }, { noNullPrototype: true }),
  fc.record({ op: fc.constant('names' as const), uids: fc.array(u32, { maxLength: 5 }), gids: fc.array(u32, { maxLength: 5 }) }, { noNullPrototype: true }),
);
export const request: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ kind: fc.constant('walk' as const), after: fc.option(path, { nil: undefined }) }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('walk' as const), after: fc.option(path, { nil: undefined }), digests: fc.constant(true) }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('folder' as const), mount: fc.nat(65535), path }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('call' as const), call }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('content' as const), place, follow: fc.boolean(), noAtime: fc.boolean(), from: size, sums: fc.option(sums, { nil: undefined }) }, { noNullPrototype: true }),
  fc.record({
    kind: fc.constant('content' as const), place, follow: fc.boolean(), noAtime: fc.boolean(), from: size, sums: fc.constant(undefined),
    known: fc.record({ root: hash, size: fc.nat({ max: 2 ** 34 }), leafLength: fc.constantFrom(2 ** 12, 2 ** 17, 2 ** 24) }, { noNullPrototype: true }),
  }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('refine' as const), sums }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('hash' as const), place, follow: fc.boolean() }, { noNullPrototype: true }),
);
