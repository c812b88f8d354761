/** Digests of real trees: what is read, what the index vouches for, what changes meanwhile; and the same over a pair of streams. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, closeSync, linkSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { openDigest, type Digest } from '../../src/evidence/digest/digest.js';
import { CHANGED, FileHashes, type HashBatch } from '../../src/evidence/digest/hash-files.js';
import { encodeRequest, type DigestRequest } from '../../src/evidence/digest/request.js';
import { readDigest, serveDigest } from '../../src/evidence/digest/serve.js';
import { asciiJson } from '../../src/evidence/manifest/entry.js';
import type { ManifestItem } from '../../src/evidence/manifest/items.js';
import { digestAhead, proveEqual } from '../../src/evidence/index.js';
import { loadOwnPosix, loadPosix, type Posix } from '../../src/fs/index.js';
import { believed } from '../../src/session/index.js';
import { DigestIndex, fingerprintOf, stateFolder } from '../../src/state/index.js';
import { fromText, StatTable, type ByteString } from '../../src/tree/index.js';
import { describeOn, dir, file, makeTree, randomTree, REPOSITORY, runCommand, sparse, useTempFolder, utf8 } from '../support/index.js';
import { isCode, manifestOf, optionsOf, prove, shown } from './support.js';
import { TREE } from './tree.js';

function requestOf(root: string, more: Partial<DigestRequest> = {}): DigestRequest {
  const path = fromText(root);
  return { root: path, side: 'target', options: optionsOf('-HAX'), places: { source: path, target: path }, above: undefined, mode: 'full', samplePercent: 0, index: false, ahead: false, probe: false, threads: undefined, ...more };
}

async function itemsOf(digest: Digest): Promise<ManifestItem[]> {
  const items: ManifestItem[] = [];
  try {
    for (let more = await digest.next(); more !== undefined; more = await digest.next()) items.push(...more);
    return items;
  } finally {
    await digest.close();
  }
}

/** Waits until what was just written is clearly older than now, as the rule about racy times wants it. */
async function settled(...paths: string[]): Promise<void> {
  const newest = Math.max(...paths.map((path) => statSync(path).ctimeMs));
  while (Date.now() < newest + 60) await new Promise<void>((resolve) => { setImmediate(resolve); });
}

const never = new AbortController().signal;

describe('a digest of a tree', () => {
  const temp = useTempFolder('digest');

  it('has the contents of all files, holes unread, small and large, in threads and without', async () => {
    const contents: Record<string, number> = { none: 0, one: 1, slice: 1 << 20, more: (1 << 20) + 1, large: 9_000_000 };
    makeTree(temp.at('t'), { ...Object.fromEntries(Object.entries(contents).map(([name, size]) => [name, file({ size, seed: size })])), holes: sparse(40 << 20, [[8 << 20, 'in the middle'], [(40 << 20) - 3, 'end']]) });
    const digest = openDigest(requestOf(temp.at('t')), never);
    const items = await itemsOf(digest);
    const hashes = new Map(items.flatMap((item) => (item.kind === 'entry' && item.entry.hash !== undefined ? [[item.entry.name as string, item.entry.hash]] : [])));
    for (const name of [...Object.keys(contents), 'holes']) assert.equal(hashes.get(name), createHash('sha256').update(readFileSync(temp.at('t', name))).digest('hex'), name);
    const { filesRead, bytesRead, bytes } = digest.stats;
    assert.deepEqual([filesRead, bytes > 50_000_000, bytesRead < 13_000_000], [6, true, true], 'holes are part of the tree and are not read');
  });

  it('is the same on both sides of a pair of streams, in whatever pieces they come', async () => {
    makeTree(temp.at('t'), randomTree(77, { entries: 120 }));
    const request = requestOf(temp.at('t'));
    const here = await itemsOf(openDigest(request, never));
    const [there, back] = [new PassThrough({ highWaterMark: 100 }), new PassThrough({ highWaterMark: 100 })];
    const served = serveDigest(there, back);
    const digest = await readDigest(back, there, request, never);
    assert.equal(await digest.idOf('user', 'root' as ByteString), 0);
    assert.equal(await digest.idOf('group', utf8('nobody calls it thât') as ByteString), undefined);
    const items = await itemsOf(digest);
    await served;
    assert.deepEqual(items, here);
    assert.equal(digest.stats.entries, items.filter(({ kind }) => kind === 'entry').length);
  });

  it('fills the index of a tree on another host, and tells nothing of the entries', async () => {
    makeTree(temp.at('t'), { d: dir({ a: file('one'), b: file('two') }) });
    await settled(temp.at('t/d/a'), temp.at('t/d/b'));
    const over = async (request: DigestRequest): Promise<[number, number[]]> => {
      const [there, back] = [new PassThrough(), new PassThrough()];
      const served = serveDigest(there, back);
      const digest = await readDigest(back, there, request, never);
      const items = await itemsOf(digest);
      await served;
      return [items.length, [digest.stats.filesRead, digest.stats.filesBelieved]];
    };
    const request = requestOf(temp.at('t'), { mode: 'index', index: true });
    assert.deepEqual(await over({ ...request, ahead: true }), [0, [2, 0]]);
    assert.deepEqual(await over(request), [6, [0, 2]]);
  });

  it('refuses whatever breaks the form of a digest from another host, and says what the other end says', async () => {
    const { lines } = manifestOf(TREE);
    const head = asciiJson({ head: { host: 'h', root: '/t', euid: 0, began: 1, fileSystem: 'ext', facts: { granularityNs: 1, setsOwner: true, groups: [], umask: 18, makesDevices: true, cannotHold: [] } } });
    const stats = { entries: 1, files: 1, folders: 1, bytes: 1, filesRead: 1, bytesRead: 1, bytesKnown: 0, filesBelieved: 0, bytesBelieved: 0, filesSampled: 0, samplesWrong: 0, faults: 0, notices: [], ms: 1 };
    const tail = asciiJson({ tail: stats });
    const read = async (sent: readonly string[]): Promise<void> => {
      const [there, back] = [new PassThrough(), new PassThrough()];
      there.resume();
      back.end(sent.map((line) => `${line}\n`).join(''));
      const digest = await readDigest(back, there, requestOf('/t'), never);
      await itemsOf(digest);
    };
    await read([head, ...lines, tail]);
    for (const [what, sent] of Object.entries({
      'no head': lines, 'two heads': [head, head], 'no tail': [head, ...lines], 'cut off': [head, ...lines.slice(0, 9)], 'not whole': [head, ...lines.slice(0, 9), tail], 'behind the tail': [head, ...lines, tail, lines[0] as string],
      'not asked for': [head, '{"id":5}'], 'no JSON': [head, 'x'], 'no object': [head, '[]'], unknown: [head, '{"x":1}'], twice: [head, ...lines.slice(0, 2), lines[1] as string], order: [head, lines[0] as string, lines[2] as string, lines[1] as string],
      figures: [head, ...lines, asciiJson({ tail: { ...stats, bytes: -1 } })], facts: [head.replace('"granularityNs":1', '"granularityNs":"1"')], 'a digest': [head, ...lines.map((line) => line.replace(/^\{"end":"./, '{"end":"x'))],
    })) {
      await assert.rejects(read(sent), (error) => isCode('WIRE')(error) || (isCode('CONNECTION_LOST')(error) && /no tail|cut off/.test(what)), what);
    }
    await assert.rejects(read([asciiJson({ error: { code: 'TARGET_UNUSABLE', message: 'it is not there' } })]), isCode('TARGET_UNUSABLE'));
    await assert.rejects(read([head, 'x'.repeat(5 << 20)]), isCode('WIRE'));
  });

  it('is served to nobody who asks for what is none, and says why', async () => {
    makeTree(temp.at('t'), { a: file('1') });
    const ask = async (text: string): Promise<string> => {
      const [there, back] = [new PassThrough(), new PassThrough()];
      there.end(text);
      await serveDigest(there, back);
      back.end();
      return Buffer.concat(await back.toArray() as Buffer[]).toString('latin1');
    };
    const good = encodeRequest(requestOf(temp.at('t'))) as Record<string, unknown>;
    for (const [text, code] of [
      ['', ''], ['x\n', 'WIRE'], ['{}\n', 'VERSION'], [asciiJson({ ...good, options: {} }), ''], [`${asciiJson({ ...good, options: {} })}\n`, 'WIRE'], [`${asciiJson({ ...good, side: 'both' })}\n`, 'WIRE'],
      [`${asciiJson({ ...good, samplePercent: 101 })}\n`, 'WIRE'], [`${asciiJson({ ...good, root: temp.at('none') })}\n`, 'TARGET_UNUSABLE'], [`${asciiJson({ ...good, root: temp.at('t/a') })}\n`, 'TARGET_UNUSABLE'],
      [`${asciiJson({ ...good, above: [['/x']] })}\n`, 'WIRE'],
    ] as const) {
      const said = await ask(text);
      assert.ok(code === '' ? !said.includes('"n":') : said.startsWith(`{"error":{"code":"${code}"`), `${text.slice(0, 60)}: ${said.slice(0, 200)}`);
    }
  });
});

describe('a digest that is given up', () => {
  const temp = useTempFolder('given-up');

  it('lets go of everything, however much waits to be read', async () => {
    makeTree(temp.at('t'), Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`f${i}`, file('x')])));
    for (const when of [0, 1, 3]) {
      const controller = new AbortController();
      const digest = openDigest(requestOf(temp.at('t'), { threads: 1 }), controller.signal);
      const reading = itemsOf(digest);
      for (let i = 0; i < when; i++) await new Promise<void>((resolve) => { setImmediate(resolve); });
      controller.abort(new Error('enough'));
      await assert.rejects(reading, /enough/);
    }
    const [there, back] = [new PassThrough(), new PassThrough()];
    const controller = new AbortController();
    const served = serveDigest(there, back);
    const digest = await readDigest(back, there, requestOf(temp.at('t')), controller.signal);
    const reading = itemsOf(digest);
    controller.abort(new Error('enough'));
    await assert.rejects(reading, /enough/);
    await served;
    await assert.rejects(readDigest(new PassThrough(), new PassThrough(), requestOf(temp.at('t')), controller.signal), /enough/);
  });
});

describe('files that change while they are read', () => {
  const temp = useTempFolder('race');

  /** Hashes one file, with `act` done after each reading of it. */
  function hashed(name: string, act: (time: number) => void): { errno: number; digest: string; touched: number } {
    const posix = loadPosix();
    let times = 0;
    const meddling = Object.create(posix, { read: { value: (...args: Parameters<Posix['read']>) => {
      const got = posix.read(...args);
      act(times++);
      return got;
    } } }) as Posix;
    const at = posix.openRoot(fromText(temp.path));
    const table = new StatTable(1);
    assert.equal(posix.stat(at, fromText(name), table, 0), 0);
    const batch: HashBatch = { handles: Int32Array.of(at), names: [fromText(name)], follow: false, stats: table.words.slice(), pieces: [undefined], once: false };
    const { errnos, digests, touched } = new FileHashes(meddling, () => false).run(batch);
    posix.close(at);
    return { errno: errnos[0] as number, digest: Buffer.from(digests).toString('hex'), touched: touched[0] as number };
  }

  const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('are read again, and are what they are in the end', () => {
    writeFileSync(temp.at('f'), 'first');
    const once = hashed('f', (time) => { if (time === 0) writeFileSync(temp.at('f'), 'second, longer'); });
    assert.deepEqual(once, { errno: 0, digest: sha('second, longer'), touched: 1 });
    const renamed = hashed('f', (time) => {
      if (time !== 0) return;
      writeFileSync(temp.at('g'), 'another');
      renameSync(temp.at('g'), temp.at('f'));
    });
    assert.deepEqual(renamed, { errno: 0, digest: sha('another'), touched: 1 });
  });

  it('are told where they never come to rest, and where they are gone', () => {
    writeFileSync(temp.at('f'), 'x');
    assert.equal(hashed('f', () => appendFileSync(temp.at('f'), 'x')).errno, CHANGED);
    assert.equal(hashed('f', (time) => { if (time === 0) renameSync(temp.at('f'), temp.at('away')); }).errno, 2);
    assert.equal(hashed('away', (time) => { if (time === 0) { renameSync(temp.at('away'), temp.at('was')); makeTree(temp.at('away'), {}); } }).errno, CHANGED, 'a folder stands there now');
  });
});

describe('the index of digests', () => {
  const temp = useTempFolder('index');
  const root = (): string => temp.at('t');

  beforeEach(async () => {
    makeTree(temp.at('s'), { d: dir({ a: file('one'), b: file('two'), c: file({ size: 100_000, seed: 1 }) }), e: file('three') });
    makeTree(root(), {});
    await import('node:fs').then(({ cpSync }) => cpSync(temp.at('s'), root(), { recursive: true, preserveTimestamps: true }));
    await settled(...['d/a', 'd/b', 'd/c', 'e'].flatMap((name) => [temp.at('s', name), temp.at('t', name)]));
  });

  const how = { args: ['--no-t', '--no-o', '--no-g', '--no-p'], index: true } as const;
  const read = ({ filesRead, filesBelieved, filesSampled }: Digest['stats']): number[] => [filesRead, filesBelieved, filesSampled];

  it('has nothing read twice that was not touched, and a sample of it', async () => {
    const places = { source: fromText(temp.at('s')), target: fromText(root()) };
    const ahead = await digestAhead({ kind: 'here', path: places.target }, 'target', optionsOf(...how.args), { places });
    assert.deepEqual(read(ahead), [4, 0, 0]);
    const first = await prove(temp.at('s'), root(), { ...how, mode: 'index' });
    assert.deepEqual([first.result, read(first.source), read(first.target)], ['equal', [4, 0, 0], [0, 4, 0]]);
    writeFileSync(temp.at('t/d/b'), 'TWO');
    const second = await prove(temp.at('s'), root(), { ...how, mode: 'index' });
    assert.deepEqual([second.told.map(shown), read(second.source), read(second.target)], [['difference d/b content'], [0, 4, 0], [1, 3, 0]]);
    const all = await prove(temp.at('s'), root(), { ...how, mode: 'index', samplePercent: 100 });
    assert.deepEqual([all.result, read(all.source)], ['different', [4, 0, 4]]);
    const full = await prove(temp.at('s'), root(), { ...how, mode: 'full' });
    assert.deepEqual([read(full.source), read(full.target)], [[4, 0, 0], [4, 0, 0]], 'full believes nothing');
  });

  it('is not believed of a file that changed and was given its old time back', async () => {
    await prove(temp.at('s'), root(), { ...how, mode: 'index' });
    const { atime, mtime } = statSync(temp.at('t/e'));
    writeFileSync(temp.at('t/e'), 'THREE');
    utimesSync(temp.at('t/e'), atime, mtime);
    assert.deepEqual((await prove(temp.at('s'), root(), { ...how, mode: 'index' })).told.map(shown), ['difference e content']);
  });

  it('fails the proof where a sample finds that it is wrong', async () => {
    const posix = loadOwnPosix();
    const handle = posix.openRoot(fromText(root()));
    const table = new StatTable(1);
    assert.equal(posix.stat(handle, 'e' as ByteString, table, 0), 0);
    const index = DigestIndex.open({ posix, folder: stateFolder(process.env, posix.euid), root: fromText(root()), rootHandle: handle, devices: believed(posix, [handle]), notice: (_, message) => assert.fail(message) });
    index.put('' as ByteString, ['e' as ByteString], new Map([['e' as ByteString, { name: 'e' as ByteString, fingerprint: fingerprintOf(table, 0), moment: Date.now(), sha256: Buffer.alloc(32, 1) }]]));
    await index.close();
    posix.close(handle);
    assert.deepEqual((await prove(temp.at('s'), root(), { ...how, mode: 'index' })).told.map(shown), ['difference e content'], 'believed, it says what it says');
    const sampled = await prove(temp.at('s'), root(), { ...how, mode: 'index', samplePercent: 100 });
    assert.deepEqual([sampled.told.map(shown), sampled.target.samplesWrong, sampled.result], [['unread e target-differs'], 1, 'incomplete']);
    assert.equal((await prove(temp.at('s'), root(), { ...how, mode: 'index' })).result, 'equal', 'what was found out is known from then on');
  });

  describeOn(['tmpfs'], { sizeMiB: 1 }, (disk) => {
    it('that cannot be written any more is told of, and costs no digest', async () => {
      const request = requestOf(root(), { mode: 'index', index: true });
      const digest = async (): Promise<{ items: ManifestItem[]; stats: Digest['stats'] }> => {
        const made = openDigest(request, never, { stateFolder: fromText(disk.path) });
        return { items: await itemsOf(made), stats: made.stats };
      };
      const { items, stats } = await digest();
      assert.deepEqual([stats.filesRead, stats.notices], [4, []]);
      const full = openSync(disk.at('full'), 'w');
      assert.throws(() => { for (;;) writeSync(full, Buffer.alloc(4096)); }, { code: 'ENOSPC' });
      closeSync(full);
      writeFileSync(temp.at('t/d/b'), 'TWO');
      await settled(temp.at('t/d/b'));
      const second = await digest();
      assert.deepEqual([second.items.length, second.stats.filesRead, second.stats.notices.map((notice) => /^[^(]+/.exec(notice)?.[0])], [items.length, 1, ['the index of digests cannot be written ']]);
      rmSync(disk.at('full'));
      assert.deepEqual((await digest()).items, second.items);
    });
  });

  it('reads a file of several names once', async () => {
    linkSync(temp.at('t/d/c'), temp.at('t/d/z'));
    const digest = openDigest(requestOf(root()), never);
    const items = await itemsOf(digest);
    const entry = (name: string): { leader: unknown; hash: unknown } | undefined => items.flatMap((item) => (item.kind === 'entry' && item.entry.name === name ? [{ leader: item.entry.leader, hash: item.entry.hash }] : []))[0];
    assert.deepEqual(entry('z'), entry('c'));
    assert.deepEqual([entry('c')?.leader, digest.stats.filesRead, digest.stats.files], ['d/c', 4, 5]);
  });

  it('ends at once, and gives everything back, when it is told to', async () => {
    const controller = new AbortController();
    const proof = proveEqual({
      source: { kind: 'here', path: fromText(temp.at('s')) }, target: { kind: 'here', path: fromText(root()) }, options: optionsOf(), mode: 'full', samplePercent: 0, index: true, output: fromText(temp.at('ev')), key: undefined,
      program: 'test',
    }, {}, controller.signal);
    controller.abort(new Error('enough'));
    await assert.rejects(proof, /enough/);
    assert.equal((await prove(temp.at('s'), root(), { ...how, mode: 'index' })).unread, 0, 'the index was given back');
  });
});

describe('the digest of a large file', () => {
  const temp = useTempFolder('pieces');
  const how = { mode: 'index', samplePercent: 0, index: true, output: undefined } as const;
  const state = (): ByteString => fromText(temp.at('state'));
  const MIB = 1 << 20;
  const SIZE = 65 * MIB + 5;
  /** What is no hole, in windows. */
  const READ = 2 * MIB + 5;
  const PIECE = 16 << 10;
  const root = (): string => temp.at('t');
  const data = (): string => temp.at('t/large');
  const memory = (): string => {
    const folder = temp.at('state/digests');
    return join(folder, readdirSync(folder).find((name) => readdirSync(join(folder, name, 'pieces')).length > 0) ?? 'none', 'pieces');
  };

  /** By the description, with nothing of the program. */
  function expected(): string {
    const bytes = readFileSync(data());
    const all = createHash('sha256').update('\x03', 'latin1');
    for (let at = 0; at < bytes.length; at += PIECE) all.update(createHash('sha256').update(bytes.subarray(at, at + PIECE)).digest());
    return all.digest('hex');
  }

  async function digested(more: Partial<DigestRequest> = {}): Promise<{ hash: string | undefined; known: number; read: number }> {
    await settled(data());
    const digest = openDigest(requestOf(root(), { mode: 'index', index: true, ...more }), never, { stateFolder: state() });
    const items = await itemsOf(digest);
    const { bytesKnown: known, bytesRead: read } = digest.stats;
    return { hash: items.flatMap((item) => (item.kind === 'entry' && item.entry.name === 'large' ? [item.entry.hash] : []))[0], known, read };
  }

  function change(at: number, text: string): void {
    const fd = openSync(data(), 'r+');
    writeSync(fd, text, at);
    closeSync(fd);
  }

  beforeEach(() => {
    makeTree(root(), { large: sparse(SIZE, [[0, 'x'.repeat(3 * PIECE)], [(5 << 20) + 77, 'in the middle'], [SIZE - 3, 'end']]) });
  });

  it('is that of its pieces, with and without what is remembered of them', async () => {
    assert.deepEqual(await digested({ index: false, mode: 'full' }), { hash: expected(), known: 0, read: READ });
    assert.equal(runCommand('python3', [join(REPOSITORY, 'fixtures/evidence/content.py'), data()]).stdout.trim(), expected());
    assert.equal((await digested()).hash, expected());
    change(PIECE + 5, 'changed');
    assert.deepEqual(await digested(), { hash: expected(), known: READ - PIECE, read: READ }, 'one piece is hashed, and the rest known');
    change(9 << 20, 'where a hole was');
    assert.deepEqual(await digested(), { hash: expected(), known: READ + MIB - PIECE, read: READ + MIB });
    appendFileSync(data(), 'longer');
    assert.deepEqual(await digested(), { hash: expected(), known: READ + MIB - 5, read: READ + MIB + 6 });
    truncateSync(data(), SIZE - 100);
    const shorter = await digested();
    assert.equal(shorter.hash, expected());
    const full = await digested({ mode: 'full' });
    assert.deepEqual(full, { hash: expected(), known: 0, read: full.read }, 'full believes nothing');
    change(1, 'c');
    const sampled = await digested({ samplePercent: 100 });
    assert.deepEqual([sampled.hash, sampled.known > 0], [expected(), true], 'it is no sample of what the index vouches for');
    assert.deepEqual([(await digested()).read, (await digested({ samplePercent: 100 })).known], [0, 0], 'a sample is hashed');
    assert.equal((await digested()).read, 0);
    change(2, 'd');
    const later = await digested();
    assert.deepEqual(later, { hash: expected(), known: later.read - PIECE, read: later.read }, 'also where it had not been read for a while');
  });

  it('is remembered of a file that is in use, and forgotten of one that is gone', async () => {
    const ahead = openDigest(requestOf(root(), { mode: 'index', index: true, ahead: true }), never, { stateFolder: state() });
    const going = ahead.next();
    change(0, 'written while it is read'); // perhaps; what is remembered is of pieces, and right in any case
    assert.equal(await going, undefined);
    await ahead.close();
    const { hash, known } = await digested();
    assert.equal(hash, expected());
    assert.ok(known >= READ - PIECE, `${known} bytes were known`);
    assert.equal(readdirSync(memory()).length, 1);
    const folder = memory();
    rmSync(data());
    writeFileSync(temp.at('t/large'), 'small now');
    await digested();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('believes no memory that is damaged, cut off or another one', async () => {
    await digested();
    const kept = join(memory(), readdirSync(memory())[0] ?? '');
    const sound = readFileSync(kept);
    const flipped = Buffer.from(sound);
    flipped[sound.length >> 1] = (flipped[sound.length >> 1] as number) ^ 1;
    const otherLength = Buffer.from(sound);
    otherLength.writeUInt32LE(2 * PIECE, 8);
    for (const bytes of [flipped, otherLength, sound.subarray(0, 100), sound.subarray(0, -1), Buffer.alloc(0), Buffer.alloc(1 << 20, 255)]) {
      writeFileSync(kept, bytes);
      change(7, String(bytes.length)); // it is read again
      const found = await digested();
      assert.deepEqual([found.hash, found.known], [expected(), 0]);
    }
    change(8, 'x');
    assert.equal((await digested()).known, READ - PIECE, 'it was made anew');
  });

  it('tells a difference between two trees, however much of both is known', async () => {
    makeTree(temp.at('s'), { large: sparse(SIZE, [[0, 'x'.repeat(3 * PIECE)], [(5 << 20) + 77, 'in the middle'], [SIZE - 3, 'end']]) });
    const { atime, mtime } = statSync(data());
    const same = (): void => { for (const side of ['s', 't']) utimesSync(temp.at(side, 'large'), atime, mtime); };
    same();
    assert.deepEqual((await prove(temp.at('s'), root(), { ...how, stateFolder: state() })).told.map(shown).filter((line) => line.includes('large')), []);
    change(6 << 20, 'y');
    same();
    assert.deepEqual((await prove(temp.at('s'), root(), { ...how, stateFolder: state() })).told.map(shown).filter((line) => line.includes('large')), ['difference large content']);
  });
});
