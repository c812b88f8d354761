/** The comparison: on manifests that are made up, beside a naive one; on real trees, beside an independent program. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Cursor } from '../../src/evidence/compare/cursor.js';
import { ComparePolicy, OwnerNames } from '../../src/evidence/compare/policy.js';
import { compareTrees as compareManifests } from '../../src/evidence/compare/trees.js';
import type { Entry } from '../../src/evidence/manifest/entry.js';
import type { ManifestItem } from '../../src/evidence/manifest/items.js';
import type { ByteString } from '../../src/tree/index.js';
import { changedTree, compareTrees, dir, file, makeTree, randomTree, time, useTempFolder } from '../support/index.js';
import { fileEntry, linkEntry, manifestOf, optionsOf, prove, shown, type Made } from './support.js';

const FACTS = { granularityNs: 1, setsOwner: true, groups: [], umask: 0o22, makesDevices: true, cannotHold: [], euid: 0 };

/** Gives items in pieces of odd sizes. */
function pieces(items: readonly ManifestItem[], size: number): { next(): Promise<readonly ManifestItem[] | undefined> } {
  let at = 0;
  return {
    next: () => {
      const piece = items.slice(at, at + size);
      at += size;
      return Promise.resolve(piece.length === 0 ? undefined : piece);
    },
  };
}

async function notesOf(source: Made, target: Made, how: { args?: string[]; facts?: Partial<typeof FACTS>; names?: OwnerNames; sameNames?: boolean; changeTarget?: (entry: Entry, path: string) => void; piece?: number } = {}): Promise<string[]> {
  const options = optionsOf(...(how.args ?? ['-HAX']));
  const names = how.names ?? new OwnerNames(undefined);
  const policy = new ComparePolicy({ options, sameNames: how.sameNames ?? true, target: { ...FACTS, ...how.facts }, names });
  const [a, b] = [manifestOf(source), manifestOf(target, how.changeTarget)];
  const told: string[] = [];
  const passed: ManifestItem[] = [];
  await compareManifests(pieces(a.items, how.piece ?? 3), pieces(b.items, how.piece ?? 2), options, policy, names, { note: (note) => told.push(shown(note)), target: (item) => passed.push(item) });
  assert.deepEqual(passed, b.items, 'all of the target goes by, in order');
  return told;
}

describe('comparing manifests', () => {
  // Few names and few contents, so that much is the same.
  const leaf = fc.constantFrom(fileEntry(), fileEntry({ size: 6 }), fileEntry({ perms: 0o600 }), linkEntry('x'), linkEntry('y'));
  const label = fc.constantFrom('a', 'b', 'c', 'a-', 'a.b', 'b0');
  const { tree } = fc.letrec<{ tree: Made }>((tie) => ({ tree: fc.dictionary(label, fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('tree')), { maxKeys: 4 }) as fc.Arbitrary<Made> }));

  /** What a naive comparison of two made-up trees finds: by path, without any order. */
  function naive(source: Made, target: Made): string[] {
    const flat = (made: Made, path: string, into: Map<string, string>): Map<string, string> => {
      for (const [key, value] of Object.entries(made)) {
        const at = path === '' ? key : `${path}/${key}`;
        if (typeof value['type'] === 'number') into.set(at, JSON.stringify(value));
        else {
          into.set(at, 'folder');
          flat(value as Made, at, into);
        }
      }
      return into;
    };
    const [a, b] = [flat(source, '', new Map<string, string>()), flat(target, '', new Map<string, string>())];
    const found: string[] = [];
    for (const path of new Set([...a.keys(), ...b.keys()])) {
      if (!b.has(path)) found.push(`missing ${path}`);
      else if (!a.has(path)) found.push(`extra ${path}`);
      else if (a.get(path) !== b.get(path)) found.push(`difference ${path}`);
    }
    return found.sort();
  }

  it('finds what a naive comparison finds, and nothing else', async () => {
    await fc.assert(fc.asyncProperty(tree, tree, fc.integer({ min: 1, max: 7 }), async (source, target, piece) => {
      const told = await notesOf(source, target, { piece });
      assert.deepEqual(told.map((line) => line.replace(/ [^ ]*$/, '')).sort(), naive(source, target));
    }), { seed: 5, numRuns: 300 });
  });

  it('says what differs, by what the options keep', async () => {
    const source: Made = { f: fileEntry({ perms: 0o640 }) };
    const target: Made = { f: fileEntry({ mtimeSec: 9, uid: 4, gid: 5, perms: 0o600, hash: 'cd'.repeat(32) }) };
    assert.deepEqual(await notesOf(source, target), ['difference f content,mtime,mode,owner,group']);
    assert.deepEqual(await notesOf(source, target, { args: ['--no-p', '--no-t', '--no-o', '--no-g'] }), ['difference f content']);
    assert.deepEqual(await notesOf(source, target, { args: ['--modify-window=5', '--chmod=F600', '--no-o', '--no-g'] }), ['difference f content']);
    assert.deepEqual(await notesOf(source, source, { args: ['--chmod=F600'] }), ['difference f mode'], 'alike is not equal where the mode is changed on the way');
    const linked = (leader: string): Partial<Entry> => fileEntry({ leader: leader as ByteString });
    assert.deepEqual(await notesOf({ l: linked('l'), m: linked('l') }, { l: fileEntry(), m: fileEntry() }), ['difference m hard-link']);
    assert.deepEqual(await notesOf({ l: linked('l'), m: linked('l') }, { l: fileEntry(), m: fileEntry() }, { args: [] }), []);
    assert.deepEqual(await notesOf({ k: linked('k'), l: linked('k'), m: linked('k') }, { l: linked('l'), m: linked('l') }), ['missing k file'], 'a name that is missing breaks no group');
    assert.deepEqual(await notesOf({ a: linked('a'), b: linked('a'), c: linked('c'), d: linked('c') }, { a: linked('a'), b: linked('b'), c: linked('a'), d: linked('b') }), ['difference b hard-link', 'difference c hard-link', 'difference d hard-link']);
  });

  it('tells what the target cannot hold as losses, path by path, and apart from differences', async () => {
    const source: Made = { f: fileEntry({ mtimeNsec: 999, uid: 9 }), l: linkEntry('f'), d: { dev: { ...fileEntry(), type: 0o060000, hash: undefined, size: 0, device: { major: 1, minor: 2 } } } };
    const facts = { granularityNs: 2e9, setsOwner: false, makesDevices: false, cannotHold: ['symlinks', 'permissions'] as never[] };
    assert.deepEqual(await notesOf(source, { f: fileEntry({ perms: 0o755 }), d: {} }, { facts }), ['loss d/dev special', 'loss f mtime,mode,owner', 'loss l symlink']);
    assert.deepEqual(await notesOf(source, { f: fileEntry({ mtimeSec: 10 }), d: {} }, { facts }), ['loss d/dev special', 'difference f mtime', 'loss f owner', 'loss l symlink']);
  });

  it('does not take what could not be read for equal, nor for absent', async () => {
    const fault = { code: 'unreadable' as const, errno: 13 };
    assert.deepEqual(await notesOf({ f: fileEntry({ hash: undefined, fault }) }, { f: fileEntry() }), ['unread f source-unreadable']);
    assert.deepEqual(await notesOf({ f: fileEntry() }, { f: fileEntry() }, { changeTarget: (e, at) => { if (at === 'f') e.fault = { code: 'differs', errno: 0 }; } }), ['unread f target-differs']);
    const unlisted = (e: Entry, at: string): void => { if (at === 'd') e.fault = fault; };
    assert.deepEqual(await notesOf({ d: { x: fileEntry() } }, { d: {} }, { changeTarget: unlisted }), ['unread d target-unreadable'], 'what is in it may be there');
    assert.deepEqual(await notesOf({}, { g: fileEntry() }, { changeTarget: (e, at) => { if (at === 'g') e.fault = fault; } }), ['unread g target-unreadable', 'extra g file']);
  });

  it('spares what the rules protect, with all below it', async () => {
    const kept = (e: Entry, at: string): void => { if (at === 'keep') e.isProtected = true; };
    assert.deepEqual(await notesOf({}, { keep: { x: fileEntry(), y: { z: fileEntry() } }, not: fileEntry() }, { changeTarget: kept }), ['extra not file']);
    assert.deepEqual(await notesOf({ keep: { x: fileEntry() } }, { keep: { x: fileEntry({ size: 9 }) } }, { changeTarget: kept }), ['difference keep/x content,size'], 'what both have is compared');
  });

  it('asks the other host for the ids of names, once each, and goes by them', async () => {
    const asked: string[] = [];
    const there: Record<string, number> = { alice: 500, staff: 50 };
    const names = (): OwnerNames => new OwnerNames((kind, name) => {
      asked.push(`${kind} ${name}`);
      return Promise.resolve(there[name]);
    });
    const owned = (uid: number, gid: number, user?: string, group?: string): Partial<Entry> => fileEntry({ uid, gid, user: user as ByteString, group: group as ByteString });
    const source: Made = { f: owned(1, 2, 'alice', 'staff'), g: owned(1, 2, 'alice', 'staff'), h: owned(7, 8, 'nobody-there', undefined) };
    assert.deepEqual(await notesOf(source, { f: owned(500, 50), g: owned(1, 2), h: owned(7, 8) }, { names: names(), sameNames: false }), ['difference g owner,group']);
    assert.deepEqual(asked, ['user alice', 'group staff', 'user nobody-there']);
    assert.deepEqual(await notesOf(source, { f: owned(1, 2), g: owned(1, 2), h: owned(7, 8) }, { names: new OwnerNames(undefined), sameNames: false, args: ['--numeric-ids'] }), []);
  });

  it('leaves out what the options leave out, and folders that would be empty', async () => {
    const source: Made = { big: fileEntry({ size: 99 }), d: { e: {}, big: fileEntry({ size: 99 }) }, out: linkEntry('/etc'), full: { f: fileEntry() } };
    assert.deepEqual(await notesOf(source, {}, { args: ['--max-size=10', '--safe-links', '-m'] }), ['missing full folder', 'missing full/f file']);
    assert.deepEqual(await notesOf(source, { d: { e: {} }, full: { f: fileEntry() }, big: { x: fileEntry() } }, { args: ['--max-size=10', '--safe-links'] }), ['unjudged big/x file']);
  });

  it('refuses streams that end too soon', async () => {
    const { items } = manifestOf({ a: fileEntry() });
    const options = optionsOf();
    const names = new OwnerNames(undefined);
    const policy = new ComparePolicy({ options, sameNames: true, target: FACTS, names });
    for (const [s, t] of [[items.slice(0, -1), items], [items, items.slice(0, 1)], [[], items]] as const) {
      await assert.rejects(compareManifests(pieces(s, 2), pieces(t, 2), options, policy, names, { note: () => undefined, target: () => undefined }), /too soon/);
    }
    assert.equal(await new Cursor(pieces([], 1)).fill(), false);
  });
});

describe('proofs of trees on the disk', () => {
  const temp = useTempFolder('evidence');

  for (let seed = 4000; seed < 4006; seed++) {
    it(`say of each path what an independent program says (seed ${seed})`, async () => {
      const old = randomTree(seed, { entries: 80 });
      makeTree(temp.at('s'), changedTree(old, seed, { changes: 30 }));
      makeTree(temp.at('t'), old);
      const { told } = await prove(temp.at('s'), temp.at('t'));
      const wanted = new Map<string, Set<string>>();
      const WORDS: Partial<Record<string, string>> = { uid: 'owner', gid: 'group', 'dir-mtime': 'mtime', 'link-mtime': 'mtime', hardlink: 'hard-link', xattr: 'xattrs', rdev: 'device' };
      for (const { path, what } of compareTrees(temp.at('s'), temp.at('t'), { ignore: ['allocation', 'atime'] })) {
        const words = wanted.get(path) ?? new Set();
        words.add(WORDS[what] ?? what);
        wanted.set(path, words);
      }
      const found = new Map(told.map(({ kind, path, what }) => [path as string, new Set<string>(kind === 'difference' ? what : [kind])]));
      // The other program says nothing of what is below a folder that only one side has.
      const alone = [...wanted].filter(([, words]) => ['missing', 'extra', 'type'].some((word) => words.has(word))).map(([path]) => `${path}/`);
      for (const path of found.keys()) if (alone.some((folder) => path.startsWith(folder))) found.delete(path);
      assert.deepEqual([...found.keys()].sort(), [...wanted.keys()].sort());
      for (const [path, words] of wanted) {
        const has = found.get(path) ?? new Set();
        if (words.has('type')) assert.ok(has.has('type'), path);
        else for (const word of words) if (word !== 'hard-link' && word !== 'acl' && word !== 'mode') assert.ok(has.has(word), `${path}: ${word} is not among ${[...has].join()}`);
      }
    });
  }

  it('go by filters, on both sides, as a session does', async () => {
    const T = { mtime: time(1_600_000_000) };
    makeTree(temp.at('s'), { a: file('1', T), 'x.o': file('2', T), d: dir({ '.rules': file('- *.tmp\n', T), 'a.tmp': file('3', T), b: file('4', T) }, T), hidden: file('5', T), 'kept.log': file('6', T) }, T);
    makeTree(temp.at('t'), { a: file('1', T), 'y.o': file('7', T), d: dir({ '.rules': file('- *.tmp\n', T), 'z.tmp': file('8', T), b: file('4', T) }, T), hidden: file('5', T), 'kept.log': file('6', T), 'more.log': file('9', T) }, T);
    const args = ['--exclude=*.o', '--filter=: .rules', '--filter=H hidden', '--filter=P *.log'];
    assert.deepEqual((await prove(temp.at('s'), temp.at('t'), { args })).told.map(shown), ['extra hidden file']);
    assert.deepEqual((await prove(temp.at('s'), temp.at('t'), { args: [...args, '--delete-excluded'] })).told.map(shown), ['extra d/z.tmp file', 'extra hidden file', 'extra y.o file']);
  });
});
