/** Which trees a mirror may have: none may lie in another. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { loadPosix } from '../../src/fs/index.js';
import { refuseOverlap } from '../../src/mirror/follow/roots.js';
import { fromText } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

describe('the trees of a mirror', () => {
  const temp = useTempFolder('roots');
  beforeEach(() => {
    for (const folder of ['s/in', 't/in', 'u']) mkdirSync(temp.at(folder), { recursive: true });
    symlinkSync(temp.at('t'), temp.at('link'));
  });

  /** Names with a colon are on another host. */
  const check = (targets: string[], oneFileSystem = false): void => {
    refuseOverlap(loadPosix(), fromText(temp.at('s')), targets.map((target) => {
      const name = fromText(target.includes(':') ? target : temp.at(target));
      return { localTarget: target.includes(':') ? undefined : name, pair: { target: name } };
    }), oneFileSystem);
  };

  it('may stand beside each other, also where they are not there yet', () => {
    check(['t', 'u', 'new', 'newer/one', 'newer/two', 'host:/t', 'host:/tt', 'host:t', 'other:/t', 'third:', 'third:/a', 'twintree://host:1/root', 'twintree://host:1/root2']);
  });

  for (const [targets, why] of [
    [['s'], /lies in the source/], [['s/in'], /lies in the source/], [['s/not/there'], /lies in the source/], [['link/../s/in'], /lies in the source/], [['.'], /source lies in the target/],
    [['t', 't'], /same target/], [['t', 'link'], /same target/], [['link/in', 'u', 't'], /same target/], [['t', 'link/in/new'], /same target/], [['new/one', 'new'], /same target/], [['new', 'new'], /same target/],
    [['host:/a', 'host:/a/b'], /same target/], [['host:/a', 'me@host:/a'], /same target/], [['host:', 'host:a'], /same target/], [['host:/', 'host:/a'], /same target/], [['twintree://host:1/root/a', 'twintree://host:1/root'], /same target/],
  ] as const) {
    it(`may not be ${targets.join(' and ')}`, () => {
      assert.throws(() => check([...targets]), why);
      if (targets.length > 1) assert.throws(() => check([...targets], true), why, 'whatever -x says');
    });
  }
});
