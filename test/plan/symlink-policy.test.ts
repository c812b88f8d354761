/** Unsafe links: by rules, and as rsync's --safe-links sees them. */
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { MUNGE_PREFIX, mungeLink, unmungeLink, unsafeSymlink } from '../../src/plan/index.js';
import type { ByteString } from '../../src/tree/index.js';
import { hasRsync, run, withFolder } from './peer.js';

const unsafe = (text: string, path: string): boolean => unsafeSymlink(text as ByteString, path as ByteString);

describe('plan/symlink-policy', () => {
  it('takes a link inside the transfer for safe', () => {
    for (const [text, path] of [['b', 'a'], ['../b', 'd/a'], ['../../x/y', 'a/b/c'], ['./b/c', 'a'], ['..//..///b', 'a/b/c'], ['b/', 'a'], ['..', 'd/a'], ['..b', 'a'], ['...', 'a']] as const) {
      assert.equal(unsafe(text, path), false, `${path} -> ${text}`);
    }
  });

  it('takes an absolute or empty text for unsafe', () => {
    for (const text of ['/', '/etc/passwd', '//x', '']) assert.equal(unsafe(text, 'd/a'), true, text);
  });

  it('takes a link that climbs above the transfer for unsafe, even if it comes back', () => {
    for (const [text, path] of [['..', 'a'], ['../b', 'a'], ['../../b', 'd/a'], ['../d/a', 'a'], ['.././../x', 'd/a']] as const) {
      assert.equal(unsafe(text, path), true, `${path} -> ${text}`);
    }
  });

  it('takes a .. behind another name for unsafe, for the name may be a link', () => {
    for (const text of ['b/../c', 'b/..', '../b/../c', './../b/..']) assert.equal(unsafe(text, 'x/y/z/a'), true, text);
  });

  it('munges so that unmunging gives the text back, also of a munged link', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary-ascii', minLength: 1 }), (text) => {
      const once = mungeLink(text as ByteString);
      assert.ok(once.startsWith(MUNGE_PREFIX));
      assert.equal(unmungeLink(once), text);
      assert.equal(unmungeLink(mungeLink(once)), once);
    }));
  });

  it('leaves a link without prefix, and the bare prefix, as they are', () => {
    for (const text of ['a', '/rsyncd-munged', MUNGE_PREFIX]) assert.equal(unmungeLink(text as ByteString), text);
  });

  describe('beside rsync (needs rsync 3.5)', function () {
    const folder = withFolder();
    before(function () { if (!hasRsync(3, 5)) this.skip(); });

    const part = fc.constantFrom('..', '..', '..', '.', 'a', 'b', '', '..a', '...');
    const texts = fc.array(part, { minLength: 1, maxLength: 6 }).map((l) => l.join('/')).filter((t) => t !== '');
    const depths = ['', 'a/', 'a/b/', 'a/b/c/'];

    for (const withRoot of [false, true]) {
      it(`leaves out the links that rsync leaves out (${withRoot ? 'folder itself' : 'content of a folder'} as the source)`, () => {
        const source = join(folder.path, 's');
        mkdirSync(join(source, 'a/b/c'), { recursive: true });
        const all = fc.sample(texts, 600).map((text, i) => ({ text, path: `${depths[i % depths.length] ?? ''}l${i}` }));
        for (const link of all) symlinkSync(link.text, join(source, link.path));
        const done = run('rsync', ['-rl', '--safe-links', withRoot ? source : `${source}/`, `${folder.path}/t/`]);
        assert.equal(done.status, 0, done.stderr);
        let left = 0;
        for (const { text, path } of all) {
          const seen = withRoot ? `s/${path}` : path;
          const came = lstatSync(join(folder.path, 't', seen), { throwIfNoEntry: false }) !== undefined;
          assert.equal(unsafe(text, seen), !came, `${seen} -> ${text}`);
          if (!came) left++;
        }
        assert.ok(left > 50 && left < all.length - 50, `${left} of ${all.length} left out`);
      });
    }
  });
});
