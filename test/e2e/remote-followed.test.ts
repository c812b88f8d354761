/** ACLs and extended attributes of symlinks that are followed: those of what they lead to, between local trees and over a connection. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { runLocal, runOver } from './remote-cut-support.js';
import { dir, fifo, file, makeTree, symlink, time, useTempFolder } from '../support/index.js';

const T = time(1_600_000_000);

describe('attributes of followed symlinks', () => {
  const tmp = useTempFolder('followed');
  const root = process.getuid?.() === 0;

  /** What a name has of both kinds. */
  const has = (path: string): string => execFileSync('getfattr', ['-hdm', '^(user|trusted|system.posix_acl_access)', '--absolute-names', path], { encoding: 'utf8' }).replace(/^# file.*\n/, '');

  beforeEach(() => {
    makeTree(tmp.at('out'), {
      f: file('file', { mtime: T, xattrs: { 'user.which': 'file' }, acl: 'u:1000:r--,m::r--' }), plain: file('plain', { mtime: T }), pipe: fifo({ mtime: T, acl: 'u:1000:r--,m::r--' }),
      d: dir({ inner: file('inner', { mtime: T, xattrs: { 'user.which': 'inner' } }) }, { mtime: T, xattrs: { 'user.which': 'folder' } }),
    }, { mtime: T });
    makeTree(tmp.at('s'), {
      own: file('own', { mtime: T, xattrs: { 'user.which': 'own' } }), toFile: symlink('../out/f', { mtime: T }), toPlain: symlink('../out/plain', { mtime: T }), toFolder: symlink('../out/d', { mtime: T }),
      toPipe: symlink('../out/pipe', { mtime: T }), inside: symlink('own', { mtime: T }),
    }, { mtime: T });
    // A symlink may have attributes of its own: they are nobody's where it is followed.
    if (root) execFileSync('setfattr', ['-hn', 'trusted.which', '-v', 'link', tmp.at('s', 'toPlain')]);
  });

  const all = ['toFile', 'toPlain', 'toFolder', 'toPipe', 'inside'];
  for (const [ways, options, followed] of [[['local', 'push', 'pull'], ['-aLXA'], all], [['push'], ['-aXA', '--copy-unsafe-links'], all.slice(0, 4)], [['pull'], ['-aXAk'], ['toFolder']]] as const) {
    for (const way of ways) {
      it(`${way} ${options.join(' ')}: they are the target's after one run, and the next has nothing to do`, async () => {
        const from: Record<string, string> = { toFile: 'out/f', toPlain: 'out/plain', toFolder: 'out/d', toPipe: 'out/pipe', inside: 's/own' };
        for (const [told, extra] of [['new', []], ['attributes only', []], ['the same', ['-n']]] as const) {
          if (told === 'attributes only') execFileSync('sh', ['-c', 'cd "$1" && for f in toFile toFolder toPipe; do [ -L $f ] || setfacl -b $f; done; [ -L toFile ] || setfattr -x user.which toFile', 'sh', tmp.at('t')]);
          else if (told === 'new') mkdirSync(tmp.at('t'));
          const args = [...options, ...extra];
          const done = way === 'local' ? { outcome: await runLocal(args, `${tmp.at('s')}/`, tmp.at('t')), error: undefined } : await runOver(tmp, way, args, `${tmp.at('s')}/`, tmp.at('t'));
          assert.equal(done.outcome?.exitCode, 0, String(done.error));
          if (told === 'the same') assert.equal(done.outcome.totals.operations, 0, 'a further run has something to do');
          for (const name of followed) assert.equal(has(tmp.at('t', name)), has(tmp.at(from[name] ?? '')), `${told}: ${name}`);
          if (followed.includes('toFolder')) assert.match(has(tmp.at('t', 'toFolder', 'inner')), /inner/);
        }
      });
    }
  }
});
