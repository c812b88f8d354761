/** The pieces that an archive is made of and read by: records, access lists, sparse maps, headers, check blocks, encryption. */
import assert from 'node:assert';
import { extract } from 'tar-stream';
import fc from 'fast-check';
import { aclFromText, aclToText } from '../../src/archive/acl-text.js';
import { headerLength, newHeader, openChunk, openHeader, sealChunk } from '../../src/archive/age.js';
import { decodeCheck, encodeCheck } from '../../src/archive/check-block.js';
import { ContentSum } from '../../src/archive/content-sum.js';
import { attributeKey, attributeName, decodeRecords, encodeRecords, parseTime, timeText, type PaxRecord } from '../../src/archive/pax.js';
import { measureHead, writeHead } from '../../src/archive/quick-head.js';
import { encodeMap, MapReader, mapOf } from '../../src/archive/sparse.js';
import { readHeader } from '../../src/archive/tar-header.js';
import { TarPack, type MemberHead } from '../../src/archive/tar-pack.js';
import { encodeAcl, makeAcl } from '../../src/plan/index.js';
import type { ByteString } from '../../src/tree/index.js';

const byteText = (max: number): fc.Arbitrary<string> => fc.uint8Array({ maxLength: max }).map((bytes) => Buffer.from(bytes).toString('latin1'));

describe('parts of an archive', () => {
  it('records are read as they were written, whatever is in them; others are none', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.stringMatching(/^[a-zA-Z.]{1,20}$/), byteText(300))), (records) => {
      const read: PaxRecord[] = [];
      assert.ok(decodeRecords(encodeRecords(records), (key, value) => { read.push([key, value]); }));
      assert.deepEqual(read, records);
    }), { seed: 1, numRuns: 200 });
    for (const wrong of ['x', '5 a=', '6 a=b\n', '99 a=b\n', '4 a\n', '0 a=b\n', '7 a=b\n7 a=b\n', ' 6 a=b\n']) assert.equal(decodeRecords(Buffer.from(wrong), () => undefined), wrong === '6 a=b\n', wrong);
    assert.equal(attributeName(attributeKey('user.a=b%3D' as ByteString).slice(13) as ByteString), 'user.a=b%3D');
  });

  it('times keep their nanoseconds on both sides of 1970', () => {
    fc.assert(fc.property(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.integer({ min: 0, max: 999_999_999 }), (sec, nsec) => { assert.deepEqual(parseTime(timeText(sec, nsec)), { sec, nsec }); }), { seed: 2 });
    assert.deepEqual(parseTime('1.0000000019'), { sec: 1, nsec: 1 });
    assert.deepEqual(parseTime('-1.0000000001'), { sec: -2, nsec: 999_999_999 });
    for (const wrong of ['', '-', '1e5', '1.2.3', '99999999999999999', 'now']) assert.equal(parseTime(wrong), undefined, wrong);
  });

  it('access lists are read with names, numbers and star\'s fourth field', () => {
    const list = makeAcl(7, 5, 0, 7, [{ kind: 'user', id: 1000, perm: 6 }, { kind: 'group', id: 50, perm: 4 }]);
    assert.ok(list !== undefined);
    const kernel = encodeAcl(list);
    assert.equal(aclToText(kernel), 'user::rwx,user:1000:rw-,group::r-x,group:50:r--,mask::rwx,other::---');
    const idOf = (_kind: string, name: string, number: number | undefined): number | undefined => (name === 'ann' ? 1000 : number);
    for (const text of [aclToText(kernel) ?? '', 'user::rwx\nuser:ann:rw-\t#effective:rw-\ngroup::r-x\ngroup:50:r--\nmask::rwx\nother::---\n', 'u::rwx,u:ann:rw:77,g::rx,g:staff:r:50,m::rwx,o::']) assert.deepEqual(aclFromText(text, idOf), kernel, text);
    for (const wrong of ['', 'user::rwx', 'user::rwx,group::r-x,other::---,other::---', 'user::rwz,group::r,other::r', 'user::rwx,user:nobody-here:r--,group::r-x,mask::rwx,other::---']) assert.equal(aclFromText(wrong, idOf), undefined, wrong);
  });

  it('maps of holes are read as they were written', () => {
    const stretches = fc.array(fc.tuple(fc.integer({ min: 1, max: 10 ** 9 }), fc.integer({ min: 1, max: 10 ** 9 })), { maxLength: 200 });
    fc.assert(fc.property(stretches, fc.integer({ min: 0, max: 10 ** 9 }), (gaps, tail) => {
      let at = 0;
      const map = { size: 0, stretches: gaps.map(([gap, length]) => ({ offset: (at += gap), length: (at += length) - (at - length) })) };
      map.size = at + tail;
      const bytes = encodeMap(map);
      const reader = new MapReader();
      let whole: boolean | undefined = false;
      for (let k = 0; k < bytes.length; k += 512) whole = reader.block(bytes.subarray(k, k + 512));
      assert.equal(whole, true);
      assert.deepEqual(reader.finish(map.size), map);
    }), { seed: 3 });
    for (const wrong of [[0, 5, 4, 5], [5, 1, 0, 1], [0, 11], [0]]) assert.equal(mapOf(wrong, 10), undefined);
  });

  it('headers that are written directly say what those of tar-stream say, to both readers', async () => {
    const heads: MemberHead[] = [];
    const name = fc.stringMatching(/^[ -~]{1,180}$/);
    const time = fc.integer({ min: -5, max: 2 ** 33 });
    const head = fc.record({
      type: fc.constantFrom('file', 'link', 'symlink', 'directory', 'fifo', 'character-device', 'block-device'), name, mode: fc.integer({ min: 0, max: 0o7777 }), uid: fc.integer({ min: 0, max: 2 ** 31 }), gid: fc.integer({ min: 0, max: 300_000 }),
      uname: fc.stringMatching(/^[a-z]{0,40}$/), gname: fc.stringMatching(/^[a-z]{0,40}$/), mtimeSec: time, link: name, major: fc.integer({ min: 0, max: 4095 }), minor: fc.integer({ min: 0, max: 2 ** 20 - 1 }), nsec: fc.option(fc.integer({ min: 1, max: 999_999_999 })), size: fc.integer({ min: 0, max: 3000 }),
    });
    fc.assert(fc.property(head, ({ nsec, ...one }) => {
      const isLink = one.type === 'symlink' || one.type === 'link';
      const isDevice = one.type.endsWith('device');
      heads.push({ ...one, size: one.type === 'file' ? one.size : 0, link: isLink ? one.link : '', ...(isDevice ? {} : { major: 0, minor: 0 }), records: nsec === null ? [] : [['mtime', timeText(one.mtimeSec, nsec)]] } as unknown as MemberHead);
    }), { seed: 4, numRuns: 150 });
    const pack = new TarPack();
    for (const each of heads) pack.add(each, each.size === 0 ? undefined : Buffer.alloc(each.size, 'x'));
    const theirs = await pack.finish();
    const room = Buffer.alloc(theirs.length + 4096);
    let at = 0;
    for (const each of heads) {
      const length = writeHead(room, at, each);
      assert.equal(length, measureHead(each).length);
      room.fill('x', at + length, at + length + each.size);
      at += length + Math.ceil(each.size / 512) * 512;
    }
    const listed = async (bytes: Buffer): Promise<unknown[]> => {
      const found: unknown[] = [];
      const reader = extract();
      reader.on('entry', (header, stream, next) => {
        const { byteOffset: _offset, ...rest } = header as unknown as Record<string, unknown>;
        found.push(rest);
        stream.on('end', () => { next(); });
        stream.resume();
      });
      const done = new Promise((resolve, reject) => { reader.on('finish', () => { resolve(undefined); }).on('error', reject); });
      reader.end(Buffer.concat([bytes, Buffer.alloc(1024)]));
      await done;
      return found;
    };
    const ours = await listed(Buffer.from(room.subarray(0, at)));
    assert.equal(ours.length, heads.length);
    assert.deepEqual(ours, await listed(theirs));
    for (let k = 0; k < at; k += 512) if (room.latin1Slice(k + 257, k + 262) === 'ustar') assert.equal(typeof readHeader(room, k), 'object');
  });

  it('a check block is what was written, or none', () => {
    const sum = new ContentSum();
    const check = { members: [{ back: 5, head: 512, size: 7, headHash: 'a'.repeat(32), hash: 'b'.repeat(32), path: 'n\xff\n"x' as ByteString }], end: { members: 1, bytes: 9 } };
    const text = encodeCheck(check, sum);
    assert.deepEqual(decodeCheck(text, sum), check);
    assert.equal(decodeCheck(text.replace('"end"', '"enD"'), sum), undefined);
    for (const path of ['../x', '/x', '']) {
      const other = encodeCheck({ members: [{ ...check.members[0], path } as never] }, sum);
      assert.equal(decodeCheck(other, sum) === undefined, path !== '', path);
    }
  });

  it('what is sealed with a passphrase is opened with it alone, chunk by chunk', async () => {
    const { header, key } = await newHeader({ kind: 'passphrase', passphrase: 'a good one', workFactor: 10 });
    const length = headerLength(header);
    const [begin, nonce] = [header.subarray(0, length), header.subarray(length)];
    assert.deepEqual(await openHeader(begin, nonce, { passphrases: ['a good one'], identities: [] }), key);
    await assert.rejects(openHeader(begin, nonce, { passphrases: ['another'], identities: [] }), { code: 'REFUSED' });
    const sealed = Buffer.concat(sealChunk(key, 3, true, Buffer.from('plain')));
    assert.equal(openChunk(key, 3, true, sealed)?.toString(), 'plain');
    for (const [number, last] of [[4, true], [3, false]] as const) assert.equal(openChunk(key, number, last, sealed), undefined);
    await assert.rejects(newHeader({ kind: 'recipients', recipients: ['age1nonsense'] }), { code: 'USAGE' });
  });
});
