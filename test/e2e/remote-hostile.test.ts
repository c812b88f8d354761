/**
 * A hostile supplier against a whole session, end to end: whatever it says, nothing outside the target is touched, what stood there stands, memory is
 * bounded, and the error is clear.
 */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AGENT, left } from './remote-cut-support.js';
import type { Lie } from './remote-hostile-peer.js';
import { dir, file, makeTree, symlink, time, treePaths, twintree, useTempFolder } from '../support/index.js';

const T = time(1_600_000_000);
const PEER = fileURLToPath(new URL('./remote-hostile-peer.js', import.meta.url));

/** What the client ends with, and says. */
const LIES: readonly [Lie, number, RegExp][] = [
  ['escape', 12, /WIRE/], ['parent', 12, /WIRE/], ['hash', 23, /another hash/], ['size', 23, /another hash/], ['copy', 23, /another hash/], ['flood', 12, /more than it was allowed|WIRE/],
  ['bomb', 12, /WIRE/], ['length', 12, /WIRE/], ['crc', 12, /WIRE/], ['stall', 35, /no answer/],
];

describe('a hostile supplier', () => {
  const tmp = useTempFolder('hostile');

  for (const [lie, code, says] of LIES) {
    it(`${lie}: ends with ${code}; what stood stands`, () => {
      makeTree(tmp.at('s'), { xx_outside: file('evil', { mtime: T }), up: dir({ evil: file('evil', { mtime: T }) }, { mtime: T }), f: file({ size: 700_000, seed: 1 }, { mtime: T }), link: symlink('/etc/passwd', { mtime: T }) }, { mtime: T });
      makeTree(tmp.at('box'), { outside: file('mine', { mtime: T }), t: dir({ f: file('old', { mtime: T }) }, { mtime: T }) }, { mtime: T });
      writeFileSync(tmp.at('rsh'), `#!/bin/sh\nexec '${process.execPath}' '${PEER}' ${lie} ${AGENT.map((part) => `'${part}'`).join(' ')}\n`);
      chmodSync(tmp.at('rsh'), 0o755);
      const patience = lie === 'stall' ? 1 : 60; // seconds
      const done = twintree(['sync', '-a', '--delete', '--no-compress', '--retries=0', `--contimeout=${patience}`, '--rsync-path=x', '-e', tmp.at('rsh'), `h:${tmp.at('s')}/`, tmp.at('box', 't')], { env: { NODE_OPTIONS: '--max-old-space-size=256' } });
      assert.equal(done.code, code, done.stderr);
      assert.match(done.stderr, says);
      assert.equal(readFileSync(tmp.at('box', 'outside'), 'utf8'), 'mine');
      assert.equal(readFileSync(tmp.at('box', 't', 'f'), 'utf8'), 'old');
      assert.deepEqual(treePaths(tmp.at('box')).filter((path) => !path.startsWith('t')).sort(), ['outside']);
      assert.deepEqual(left(tmp.at('box')), []);
    });
  }
});
