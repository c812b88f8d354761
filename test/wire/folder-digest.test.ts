/** Digest of a folder: the same for the same entries, another one where anything differs that a session compares. */
import assert from 'node:assert/strict';
import { FolderDigest, FOLDER_DIGEST_BYTES } from '../../src/wire/index.js';
import { S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG, StatTable, STAT_WORDS, type ByteString } from '../../src/tree/index.js';

const SEED = { low: 1, high: 2 };
const b = (text: string): ByteString => text as ByteString;

interface Row { name: string; mode: number; uid?: number; gid?: number; size?: number; mtime?: number; nsec?: number; rdev?: number; ino?: number; ctime?: number; text?: string }

function digestOf(rows: readonly Row[], digest = new FolderDigest(SEED)): string {
  const table = new StatTable(rows.length);
  digest.begin();
  rows.forEach((row, k) => {
    const at = k * STAT_WORDS;
    for (const [word, value] of [[5, row.uid], [6, row.gid], [7, row.mode], [8, row.ino], [10, row.size], [24, row.ctime], [28, row.mtime], [30, row.nsec], [32, row.rdev]] as const) table.words[at + word] = value ?? 0;
    digest.add(b(row.name), table.words, at, row.text === undefined ? undefined : b(row.text));
  });
  const made = digest.end();
  assert.equal(made.length, FOLDER_DIGEST_BYTES);
  return made.toString('hex');
}

const FOLDER: readonly Row[] = [
  { name: '', mode: S_IFDIR | 0o755, mtime: 5 }, { name: 'dev', mode: S_IFCHR | 0o600, rdev: 3 }, { name: 'file', mode: S_IFREG | 0o644, size: 10, mtime: 7, nsec: 8, uid: 1, gid: 2 },
  { name: 'link', mode: S_IFLNK | 0o777, text: 'to', size: 2 },
];
const changed = (k: number, change: Partial<Row>): Row[] => FOLDER.map((row, i) => (i === k ? { ...row, ...change } : row));

describe('wire: digest of a folder', () => {
  it('is the same for the same entries, whatever was digested before, and for what no session compares', () => {
    const digest = new FolderDigest(SEED);
    const first = digestOf(FOLDER, digest);
    digest.begin();
    digest.add(b('given up'), new Uint32Array(STAT_WORDS), 0, undefined);
    assert.equal(digestOf(FOLDER, digest), first);
    assert.equal(digestOf(changed(2, { ino: 99, ctime: 99 })), first);
    assert.equal(digestOf(changed(0, { size: 4096 })), first, 'the size of a folder is its file system\'s matter');
  });

  it('differs with each thing that a session compares', () => {
    const all = [
      FOLDER, FOLDER.slice(0, 3), changed(2, { name: 'files' }), changed(2, { mode: S_IFREG | 0o600 }), changed(2, { uid: 2 }), changed(2, { gid: 1 }), changed(2, { size: 11 }),
      changed(2, { mtime: 8 }), changed(2, { nsec: 9 }), changed(3, { text: 'too' }), changed(1, { rdev: 4 }), changed(0, { mode: S_IFDIR | 0o700 }), changed(0, { mtime: 6 }),
    ].map((rows) => digestOf(rows));
    assert.equal(new Set(all).size, all.length);
    assert.notEqual(digestOf(FOLDER, new FolderDigest({ low: 1, high: 3 })), all[0], 'the seed counts');
  });

  it('has the bytes of docs/protocol.md', () => {
    assert.equal(digestOf(FOLDER), '3cf5ca8f7159df45');
  });

  it('takes more entries than its memory holds at a time', () => {
    const many = Array.from({ length: 5000 }, (_, k) => ({ name: `name-${String(k).padStart(30, '0')}`, mode: S_IFREG | 0o644, size: k }));
    const other = many.map((row, k) => (k === 4321 ? { ...row, size: 1 } : row));
    assert.equal(digestOf(many), digestOf(many));
    assert.notEqual(digestOf(many), digestOf(other));
  });
});
