/**
 * Without the native calls (TWINTREE_NO_FFI=1): all that Node alone can do works and comes out as with them; what it cannot
 * do is said once, by class, before the first byte, and a second run has nothing to do.
 */
import assert from 'node:assert';
import { existsSync } from 'node:fs';
import { itemized, linesOf } from './attributes-support.js';
import {
  assertSameTree, block, describeIf, dir, fifo, file, makeTree, PLAIN_UID, plainFolder, readTree, symlink, time, twintree, useTempFolder, whyNoOtherUser, type RunOptions, type RunResult, type Tree,
} from '../support/index.js';

const T = time(1_600_000_000, 123_456_000); // whole microseconds
const NANO = time(1_600_000_000, 123_456_789);
const portable = (options: RunOptions = {}): RunOptions => ({ ...options, env: { TWINTREE_NO_FFI: '1' } });

describe('attributes: in portable mode', () => {
  const tmp = useTempFolder('portable');
  const root = process.getuid?.() === 0;
  const sync = (options: string[], from = 's', to = 't', run: RunOptions = {}): RunResult => twintree(['sync', ...options, `${tmp.path}/${from}/`, `${tmp.path}/${to}/`], portable(run));
  /** What the run said of what it cannot keep. */
  const told = (ran: RunResult): string[] => linesOf(ran.stderr);

  function tree(content = 'one'): Tree {
    const linked = file('linked', { mtime: T });
    return {
      a: file(content, { mtime: T }), x: file('x', { mtime: T, mode: 0o750 }), ro: file('ro', { mtime: T, mode: 0o400 }), suid: file('s', { mtime: T, mode: 0o4755 }), '\xff\n': file('odd name', { mtime: T }), empty: file('', { mtime: time(-5) }),
      l: symlink('a', { mtime: T }), dangling: symlink('\xff/x', { mtime: T }), one: linked, two: linked, big: file({ size: 3_000_000, seed: 4 }, { mtime: T }), d: dir({ e: dir({ f: file('f', { mtime: T }) }, { mtime: T, mode: 0o2775 }), closed: dir({ g: file('g', { mtime: T }) }, { mtime: T, mode: 0o500 }) }, { mtime: T }),
      ...(root ? { owned: file('o', { mtime: T, uid: 1000, gid: 1001, mode: 0o6711 }), lo: symlink('owned', { mtime: T, uid: 1000, gid: 1001 }) } : {}),
    };
  }

  it('copies, updates and deletes a tree of files, folders and links as with the native calls', () => {
    makeTree(tmp.at('s'), tree(), { mtime: T });
    const first = sync(['-aH']);
    assert.strictEqual(first.code, 0, first.stderr);
    assertSameTree(tmp.at('s'), tmp.at('t'));
    assert.strictEqual(told(first).filter((line) => /Node/.test(line)).length, 1, 'said once');
    assert.deepStrictEqual(itemized(linesOf(sync(['-aHi']).stdout)), []);
    makeTree(tmp.at('s2'), { ...tree('another'), l: file('now a file', { mtime: T }), d: symlink('x', { mtime: T }), new: dir({ n: file('n', { mtime: T }) }, { mtime: T }) }, { mtime: T });
    const second = sync(['-aH', '--delete'], 's2');
    assert.strictEqual(second.code, 0, second.stderr);
    assertSameTree(tmp.at('s2'), tmp.at('t'));
    assert.deepStrictEqual(itemized(linesOf(sync(['-aHi', '--delete'], 's2').stdout)), []);
  });

  for (const options of [['-aH', '--inplace'], ['-a', '--delay-updates'], ['-a', '-c'], ['-a', '--no-whole-file'], ['-aS'], ['-a', '--partial-dir=.p'], ['-a', '--fsync'], ['-aL'], ['-aU', '--open-noatime'], ['-a', '--preallocate']]) {
    it(`updates with ${options.join(' ')}`, () => {
      const { dangling: _, ...rest } = tree('newer content');
      makeTree(tmp.at('s'), rest, { mtime: T });
      makeTree(tmp.at('t'), { a: file('old', { mtime: time(1) }), big: file({ size: 2_000_000, seed: 4 }, { mtime: time(1) }), x: file('x', { mtime: time(1) }) });
      const ran = sync(options);
      assert.strictEqual(ran.code, 0, ran.stderr);
      if (options[0] === '-aL') assert.ok([...readTree(tmp.at('t')).values()].every((entry) => entry.type !== 'symlink'));
      else assertSameTree(tmp.at('s'), tmp.at('t'), { ignore: options[0] === '-aH' ? [] : ['hardlink'] });
      assert.deepStrictEqual(itemized(linesOf(sync(['-i', ...options]).stdout)), []);
    });
  }

  it('times are kept to the microsecond, and what is lost is no difference', () => {
    makeTree(tmp.at('s'), { f: file('f', { mtime: NANO }), d: dir({}, { mtime: NANO }), l: symlink('f', { mtime: NANO }) }, { mtime: NANO });
    const ran = sync(['-a']);
    assert.strictEqual(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /nanoseconds/);
    assertSameTree(tmp.at('s'), tmp.at('t'), { mtimeGranularity: 1000 });
    assert.deepStrictEqual(itemized(linesOf(sync(['-ai']).stdout)), []);
  });

  it('xattrs and ACLs that were asked for are said not to be kept, once, and the copy succeeds', () => {
    makeTree(tmp.at('s'), { f: file('f', { mtime: T, xattrs: { 'user.a': 'b' } }), g: file('g', { mtime: T, xattrs: { 'user.a': 'b' } }), h: file('h', { mtime: T, acl: 'u:1000:r--,m::r--' }) }, { mtime: T });
    const ran = sync(['-aAX']);
    assert.match(ran.stderr, /xattrs/);
    assert.strictEqual(ran.code, 0, ran.stderr);
    assertSameTree(tmp.at('s'), tmp.at('t'), { ignore: ['xattr', 'acl', 'mode'] });
    assert.deepStrictEqual(itemized(linesOf(sync(['-aAXi']).stdout)), []);
  });

  it('FIFOs and devices are left out and named by class; the second run says no other thing', () => {
    makeTree(tmp.at('s'), { f: file('f', { mtime: T }), p1: fifo({ mtime: T }), p2: fifo({ mtime: T }), ...(root ? { b: block(7, 1, { mtime: T }) } : {}) }, { mtime: T });
    const ran = sync(['-a']);
    assert.strictEqual(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /fifos/);
    assert.ok(!existsSync(tmp.at('t', 'p1')));
    const again = sync(['-ai']);
    assert.deepStrictEqual([again.code, itemized(linesOf(again.stdout))], [0, []]);
  });

  describeIf('as a plain user', whyNoOtherUser(), () => {
    it('copies what is its own, read-only folders too', () => {
      const own = { uid: PLAIN_UID, gid: PLAIN_UID, mtime: T };
      plainFolder(tmp.path, 'home');
      makeTree(tmp.at('home', 's'), { f: file('f', { ...own, mode: 0o400 }), d: dir({ g: file('g', { ...own, mode: 0o444 }) }, { ...own, mode: 0o500 }) }, own);
      const ran = sync(['-a'], 'home/s', 'home/t', { uid: PLAIN_UID });
      assert.strictEqual(ran.code, 0, ran.stderr);
      assertSameTree(tmp.at('home', 's'), tmp.at('home', 't'));
      assert.deepStrictEqual(itemized(linesOf(sync(['-ai', '--delete'], 'home/s', 'home/t', { uid: PLAIN_UID }).stdout)), []);
    });
  });
});
