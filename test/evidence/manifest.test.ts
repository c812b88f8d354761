/** Lines, trees and proofs of a manifest: whatever changes, the root changes; only what was written can be read; one folder is proven alone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { decodeEntry, encodeEntry, bareEntry, ENTRY_FAULTS, ManifestError, type Entry } from '../../src/evidence/manifest/entry.js';
import { ManifestChecker } from '../../src/evidence/manifest/items.js';
import { ARITY, ContentTree, followProof, folderText, proveText, rootOf } from '../../src/evidence/manifest/merkle.js';
import { encodeAcl, makeAcl } from '../../src/plan/index.js';
import { S_IFBLK, S_IFDIR, S_IFLNK, S_IFREG, type ByteString, type RelPath } from '../../src/tree/index.js';
import { REPOSITORY } from '../support/index.js';
import { fileEntry, HASH, manifestOf } from './support.js';
import { TREE } from './tree.js';

const bytes = (most: number): fc.Arbitrary<ByteString> => fc.uint8Array({ minLength: 1, maxLength: most }).map((b) => Buffer.from(b.map((x) => (x === 0 || x === 47 ? 65 : x))).latin1Slice() as ByteString);
const name = bytes(12).filter((text) => text !== '.' && text !== '..');
const aclText = encodeAcl(makeAcl(7, 5, 4, 6, [{ kind: 'user', id: 1000, perm: 4 }]) ?? assert.fail()).toString('base64');

/** Any entry that can be. */
const entry: fc.Arbitrary<Entry> = fc.record({
  name, type: fc.constantFrom(S_IFREG, S_IFDIR, S_IFLNK, S_IFBLK, 0), perms: fc.integer({ min: 0, max: 0o7777 }), uid: fc.nat(), gid: fc.nat(), user: fc.option(name, { nil: undefined }),
  group: fc.option(name, { nil: undefined }), size: fc.nat(), mtimeSec: fc.integer(), mtimeNsec: fc.nat(999_999_999), atime: fc.option(fc.record({ sec: fc.integer(), nsec: fc.nat(999_999_999) }), { nil: undefined }),
  device: fc.record({ major: fc.nat(), minor: fc.nat() }), link: bytes(20), leader: fc.option(name as fc.Arbitrary<RelPath>, { nil: undefined }), acl: fc.constantFrom(undefined, aclText),
  defaultAcl: fc.constantFrom(undefined, aclText), aclNames: fc.constantFrom([], [{ kind: 'user' as const, id: 1000, name: 'x' as ByteString }]),
  xattrs: fc.constantFrom([], [{ name: 'user.a' as ByteString, value: 'eA==' }, { name: 'user.b' as ByteString, value: { size: 100, sha256: HASH } }]), hash: fc.constant(HASH), isProtected: fc.boolean(), isClosed: fc.boolean(),
  fault: fc.option(fc.record({ code: fc.constantFrom(...ENTRY_FAULTS), errno: fc.nat(133) }), { nil: undefined }),
}).map(possible);

/** What an entry of its type can have. */
function possible(made: Entry): Entry {
  const fault = made.fault === undefined ? undefined : { code: made.fault.code, errno: made.fault.errno };
  if (made.type === 0) return { ...bareEntry(made.name), isProtected: made.isProtected, isClosed: made.isClosed, fault: fault ?? { code: 'unreadable', errno: 5 } };
  return {
    ...made, fault, atime: made.atime === undefined ? undefined : { sec: made.atime.sec, nsec: made.atime.nsec }, size: made.type === S_IFREG ? made.size : 0, hash: made.type === S_IFREG ? made.hash : undefined,
    device: made.type === S_IFBLK ? { major: made.device?.major ?? 0, minor: made.device?.minor ?? 0 } : undefined, link: made.type === S_IFLNK ? made.link : undefined, leader: made.type === S_IFDIR ? undefined : made.leader,
  };
}

describe('lines of a manifest', () => {
  it('are read as they were written, whatever the entry', () => {
    fc.assert(fc.property(entry, (one) => {
      const line = encodeEntry(one);
      assert.match(line, /^[ -~]+$/);
      assert.deepEqual(decodeEntry(line), one);
    }), { seed: 1, numRuns: 500 });
  });

  it('have one form only: what is changed by a byte is another entry or none', () => {
    fc.assert(fc.property(entry, fc.nat(), fc.integer({ min: 32, max: 126 }), (one, where, unit) => {
      const line = encodeEntry(one);
      const at = where % line.length;
      const changed = line.slice(0, at) + String.fromCharCode(unit) + line.slice(at + 1);
      if (changed === line) return;
      try {
        assert.notDeepEqual(decodeEntry(changed), one);
        assert.equal(encodeEntry(decodeEntry(changed)), changed);
      } catch (error) {
        if (!(error instanceof ManifestError)) throw error;
      }
    }), { seed: 2, numRuns: 1000 });
  });

  it('refuse what could pass for a content that is not there', () => {
    const file = encodeEntry({ ...bareEntry('f' as ByteString), ...fileEntry() });
    for (const line of [
      file.replace(/,"h":"[^"]*"/, ''), file.replace('"s":5', '"s":5.5'), file.replace('"s":5', '"s":-1'), file.replace('"n":"f"', '"n":"../f"'), file.replace('"n":"f"', '"n":"f","n":"g"'), `${file} `, file.replace('}', ',"z":1}'),
      file.replace('"t":"f"', '"t":"l"'), file.replace('"m":"0644"', '"m":"644"'), '[]', 'null', '{}', '', '{"n":"x","t":"?"}', file.replace('[7,8]', '[7,1000000000]'), file.replace('"n":"f"', '"n":"\\u0066"'),
    ]) assert.throws(() => decodeEntry(line), ManifestError, line);
  });
});

describe('the tree of a manifest', () => {
  it('has another root whatever byte of whatever line changes, or cannot be read', () => {
    const { lines, root } = manifestOf(TREE);
    const read = (all: readonly string[]): string | undefined => {
      const checker = new ManifestChecker();
      try {
        for (const line of all) checker.push(line);
      } catch (error) {
        if (error instanceof ManifestError) return undefined;
        throw error;
      }
      return checker.root?.toString('hex');
    };
    assert.equal(read(lines), root);
    fc.assert(fc.property(fc.nat(lines.length - 1), fc.nat(), fc.integer({ min: 1, max: 94 }), (n, where, by) => {
      const line = lines[n] as string;
      const at = where % line.length;
      const changed = line.slice(0, at) + String.fromCharCode(((line.charCodeAt(at) - 32 + by) % 95) + 32) + line.slice(at + 1);
      assert.notEqual(read(lines.with(n, changed)), root);
    }), { seed: 3, numRuns: 400 });
    fc.assert(fc.property(fc.nat(lines.length - 1), fc.nat(lines.length - 1), fc.constantFrom('drop', 'twice', 'swap'), (n, m, how) => {
      const other = how === 'drop' ? lines.toSpliced(n, 1) : how === 'twice' ? lines.toSpliced(n, 0, lines[n] as string) : lines.with(n, lines[m] as string).with(m, lines[n] as string);
      if (other.length === lines.length && (lines[n] === lines[m])) return;
      assert.notEqual(read(other), root);
    }), { seed: 4, numRuns: 300 });
  });

  it('has another root whatever attribute of whatever entry changes', () => {
    const { root } = manifestOf(TREE);
    const roots = new Set([root]);
    const changes: ((entry: Entry) => void)[] = [
      (e) => { e.perms ^= 1; }, (e) => { e.uid++; }, (e) => { e.gid++; }, (e) => { e.user = 'x' as ByteString; }, (e) => { e.group = 'x' as ByteString; }, (e) => { e.mtimeSec++; }, (e) => { e.mtimeNsec++; },
      (e) => { e.atime = { sec: 1, nsec: 1 }; }, (e) => { e.acl = aclText; }, (e) => { e.xattrs = [{ name: 'user.x' as ByteString, value: '' }]; }, (e) => { e.isProtected = true; }, (e) => { e.isClosed = true; },
      (e) => { e.fault = { code: 'changed', errno: 0 }; }, (e) => { e.leader = 'a' as RelPath; }, (e) => { e.hash = 'cd'.repeat(32); }, (e) => { e.size++; },
    ];
    const paths = ['dir/inner/leaf', 'a', 'many/n257/below', 'many/n299'];
    for (const path of paths) for (const change of changes) roots.add(manifestOf(TREE, (e, at) => { if (at === path) change(e); }).root);
    assert.equal(roots.size, 1 + paths.length * changes.length);
  });

  it('proves each text of a folder of any size, and no other', () => {
    for (const count of [1, 2, 15, 16, 17, 255, 256, 257, 272, 273, ARITY ** 3 + 1]) {
      const texts = Array.from({ length: count }, (_, i) => `text ${i}\n`);
      const tree = new ContentTree();
      for (const text of texts) tree.add(text);
      const whole = tree.end();
      for (const index of new Set([0, 1, 15, 16, 17, Math.floor(count / 2), count - 2, count - 1])) {
        if (index < 0 || index >= count) continue;
        const proof = proveText(texts, index);
        assert.deepEqual(followProof(texts[index] as string, proof), whole, `${index} of ${count}`);
        assert.notDeepEqual(followProof('text x\n', proof), whole);
      }
    }
    assert.equal(new ContentTree().end().toString('hex'), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('tells folders that hold other numbers of the same things apart', () => {
    const seen = new Set<string>();
    for (let count = 0; count < 600; count++) {
      const tree = new ContentTree();
      for (let i = 0; i < count; i++) tree.add('same\n');
      seen.add(tree.end().toString('hex'));
    }
    assert.equal(seen.size, 600);
  });

  it('is as it was released (fixtures/evidence/manifest.v1.txt)', () => {
    const [root, ...lines] = readFileSync(join(REPOSITORY, 'fixtures/evidence/manifest.v1.txt'), 'latin1').trimEnd().split('\n');
    const made = manifestOf(TREE);
    assert.deepEqual(made.lines, lines);
    assert.equal(made.root, root);
    assert.equal(rootOf(folderText(made.lines[0] as string, Buffer.from((made.lines.at(-1) as string).slice(8, -2), 'hex'))).toString('hex'), root);
  });
});
