/**
 * Symlinks that are followed and lead back to a folder they lie in: the run ends, says so, copies the rest, and deletes nothing, between local
 * trees and over a connection.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { remoteShell, syncBy } from './remote-support.js';
import { dir, file, makeTree, symlink, time, treePaths, useTempFolder } from '../support/index.js';

const T = time(1_600_000_000);

describe('symlinks that lead back', () => {
  const tmp = useTempFolder('loops');
  const shell = (): string => remoteShell(tmp);

  beforeEach('make a tree with loops', () => {
    makeTree(tmp.at('s'), {
      f: file('f', { mtime: T }), self: symlink('.', { mtime: T }),
      d: dir({ g: file('g', { mtime: T }), up: symlink('..', { mtime: T }), here: symlink('.', { mtime: T }), e: dir({ h: file('h', { mtime: T }), far: symlink('../..', { mtime: T }) }, { mtime: T }) }, { mtime: T }),
      fine: symlink('d/e/h', { mtime: T }),
    }, { mtime: T });
    mkdirSync(tmp.at('t'));
    makeTree(tmp.at('t'), { extra: file('stays', { mtime: T }), d: dir({ extra: file('stays', { mtime: T }) }, { mtime: T }) }, { mtime: T });
  });

  for (const way of ['local', 'push', 'pull'] as const) {
    for (const follow of ['-L', '-k']) {
      it(`${way} ${follow} --delete: told, the rest copied, nothing deleted`, () => {
        const done = syncBy(way, shell(), ['-a', follow, '--delete'], `${tmp.at('s')}/`, tmp.at('t'));
        assert.equal(done.code, 23, done.stderr);
        for (const link of ['self', 'd/up', 'd/here', 'd/e/far']) assert.match(done.stderr, new RegExp(`${link.replaceAll('.', '\\.')}[^\\n]*leads back|leads back[^\\n]*${link}`), link);
        for (const [path, content] of [['f', 'f'], ['d/g', 'g'], ['d/e/h', 'h'], ['extra', 'stays'], ['d/extra', 'stays']] as const) assert.equal(readFileSync(tmp.at('t', path), 'utf8'), content);
        if (follow === '-L') assert.equal(readFileSync(tmp.at('t', 'fine'), 'utf8'), 'h');
        const paths = treePaths(tmp.at('t'));
        assert.ok(paths.length < 20, paths.join());
        assert.ok(!existsSync(tmp.at('t', 'self', 'f')));
      });
    }

    it(`${way} --copy-unsafe-links: a link out of the tree and back into it ends as well`, () => {
      symlinkSync(tmp.at('s'), tmp.at('s', 'd', 'out')); // absolute, so unsafe
      const done = syncBy(way, shell(), ['-a', '--copy-unsafe-links', '--delete'], `${tmp.at('s')}/`, tmp.at('t'));
      assert.equal(done.code, 23, done.stderr);
      assert.match(done.stderr, /d\/out[^\n]*leads back|leads back[^\n]*d\/out/);
      assert.equal(readFileSync(tmp.at('t', 'd', 'e', 'h'), 'utf8'), 'h');
      assert.equal(readFileSync(tmp.at('t', 'extra'), 'utf8'), 'stays');
    });
  }
});
