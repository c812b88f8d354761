/** Content over a connection: requested ahead, in order, passed over, by place, and through a lost connection. */
import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import type { RemoteSource } from '../../../src/endpoint/remote/index.js';
import type { ContentToken } from '../../../src/endpoint/source/index.js';
import { Errno } from '../../../src/fs/index.js';
import { StatTable, TwintreeError } from '../../../src/tree/index.js';
import { Dice, makeTree, randomTree, tempFolder, type TempFolder } from '../../support/index.js';
import { hashOf } from '../../hash/support.js';
import { contentOf, describe as describeTree, local, name, otherHost, posix, type TestHost } from './support.js';

const want = (file: string, from = 0): Parameters<RemoteSource['request']>[0] =>
  ({ layer: 0, folder: name(''), name: name(file), follow: false, noAtime: false, from, sums: undefined });

/** Content by tokens, and the end. */
function byTokens(source: RemoteSource, fd: number): { bytes: Buffer; end: Extract<ContentToken, { kind: 'end' }> } {
  const parts: Buffer[] = [];
  for (;;) {
    const token = source.token(fd);
    if (token.kind === 'literal') parts.push(Buffer.from(token.bytes));
    else if (token.kind === 'hole') parts.push(Buffer.alloc(token.length));
    else if (token.kind === 'end') return { bytes: Buffer.concat(parts), end: token };
    else assert.fail(token.kind);
  }
}

describe('content from another host', () => {
  let folder: TempFolder;
  let host: TestHost | undefined;
  beforeEach(() => { folder = tempFolder('remote-content'); });
  afterEach(async () => {
    await host?.close();
    host = undefined;
    folder.remove();
  });

  it('given many requests ahead, when some are passed over, left in the middle or gone, then each file opened is whole', async () => {
    const dice = new Dice(7);
    const contents = Array.from({ length: 60 }, (_, k) => Buffer.alloc(dice.pick([0, 1, 1000, 70_000, 700_000]), `${k} `));
    contents.forEach((bytes, k) => writeFileSync(folder.at(`f${k}`), bytes));
    host = await otherHost([`${folder.path}/`]);
    const source = host.source();
    source.beginWalk();
    source.list(0, { names: [], types: [] });
    source.endWalk();
    contents.forEach((_, k) => source.request(want(k === 30 ? 'gone' : `f${k}`)));
    assert.equal(source.open(0, name('not asked for'), { read: true }), -Errno.ENOENT);
    contents.forEach((bytes, k) => {
      if (k % 7 === 3) return; // passed over
      const fd = source.open(0, name(k === 30 ? 'gone' : `f${k}`), { read: true });
      if (k === 30) {
        assert.equal(fd, -Errno.ENOENT);
        return;
      }
      const table = new StatTable(1);
      assert.equal(source.fstat(fd, table, 0), 0);
      assert.equal(table.size(0), bytes.length);
      if (k % 5 === 1) source.token(fd); // left in the middle
      else {
        const { bytes: got, end } = byTokens(source, fd);
        assert.ok(got.equals(bytes), `f${k}`);
        assert.deepEqual([end.errno, end.size, end.hash.toString('hex')], [0, bytes.length, hashOf(bytes).toString('hex')]);
      }
      assert.ok(Array.isArray(source.flistXattrs(fd)));
      source.close(fd);
    });
    assert.equal(source.openHandles, 0);
  });

  it('given a part of a file is wanted, then the hash is of the whole', async () => {
    const bytes = Buffer.from('0123456789'.repeat(1000));
    writeFileSync(folder.at('file'), bytes);
    host = await otherHost([`${folder.path}/`]);
    const source = host.source();
    source.request(want('file', 9000));
    const fd = source.open(0, name('file'), { read: true });
    const { bytes: got, end } = byTokens(source, fd);
    assert.ok(got.equals(bytes.subarray(9000)));
    assert.ok(end.hash.equals(hashOf(bytes)));
    assert.ok((source.hash(0, name('file'), false) as Buffer).equals(hashOf(bytes)));
    assert.equal(source.hash(0, name('none'), false), -Errno.ENOENT);
  });

  it('given a file that nobody requested, when it is read here and there with questions in between, then it reads as the kernel does', async () => {
    const bytes = Buffer.alloc(9_000_000);
    for (let k = 0; k < bytes.length; k += 4) bytes.writeUInt32LE(Math.imul(k, 2654435761) >>> 0, k);
    writeFileSync(folder.at('file'), bytes);
    host = await otherHost([`${folder.path}/`]);
    const source = host.source();
    const fd = source.open(0, name('file'), { read: true });
    const buffer = Buffer.alloc(100_000);
    const table = new StatTable(1);
    for (const at of [0, 100_000, 4_000_000, 3_999_999, 8_950_000, 0, 8_999_999, 9_000_000, 9_500_000, 5]) {
      const got = source.read(fd, buffer, 0, buffer.length, at);
      const expected = bytes.subarray(at, at + buffer.length);
      assert.ok(got > 0 || expected.length === 0, String(at));
      assert.ok(buffer.subarray(0, got).equals(expected.subarray(0, got)), String(at));
      assert.equal(source.stat(0, name('file'), table, 0), 0); // drops what is on its way
    }
    source.close(fd);
  });

  it('given a file with holes, then they read as zeros and are found', async () => {
    const fd = openSync(folder.at('sparse'), 'w');
    ftruncateSync(fd, 8 << 20);
    writeSync(fd, 'data', 4 << 20);
    closeSync(fd);
    host = await otherHost([`${folder.path}/`]);
    const source = host.source();
    const there = source.open(0, name('sparse'), { read: true });
    assert.ok(source.seekData(there, 0) > 0);
    assert.equal(source.seekHole(there, 0), 0);
    const buffer = Buffer.alloc(4);
    assert.equal(source.read(there, buffer, 0, 4, 4 << 20), 4);
    assert.equal(buffer.toString(), 'data');
    assert.equal(source.seekEnd(there), 8 << 20);
    assert.equal(source.seekData(there, 8 << 20), -Errno.ENXIO);
    source.close(there);
    assert.equal(contentOf(source, 0, name('sparse')).length, 8 << 20);
  });

  it('given the session is aborted while a thread waits, then the call throws', async () => {
    host = await otherHost([`${folder.path}/`]);
    const source = host.source();
    host.link.abort();
    assert.throws(() => source.list(0, { names: [], types: [] }), (error) => error instanceof TwintreeError && error.code === 'ABORTED');
  });

  it('given the other host dies after any frame, then every call from then on throws CONNECTION_LOST, and what came before was right', async () => {
    makeTree(folder.path, randomTree(3, { entries: 60 }));
    mkdirSync(folder.at('large'));
    for (let k = 0; k < 20; k++) writeFileSync(folder.at('large', String(k)), Buffer.alloc(300_000, String(k)));
    const root = posix.openRoot(name(folder.path));
    const expected = describeTree(local, root, { contents: true });
    for (const frames of [0, 1, 2, 5, 11, 30]) {
      const dying = await otherHost([`${folder.path}/`], ['-aHAX'], frames);
      const lines: string[] = [];
      const source = dying.source();
      const lost = (error: unknown): boolean => error instanceof TwintreeError && error.code === 'CONNECTION_LOST';
      assert.throws(() => {
        source.beginWalk();
        describeTree(source, 0, { contents: true }, name(''), lines);
      }, lost, `after ${frames} frames`);
      assert.deepEqual(lines, expected.slice(0, lines.length));
      assert.throws(() => source.stat(0, name('anything'), new StatTable(1), 0), lost);
      assert.throws(() => source.hash(0, name('anything'), false), lost);
      await dying.close();
    }
    posix.close(root);
  });
});
