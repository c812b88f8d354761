/** The note of who works on a target: written, read, taken over; what is damaged says nothing. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { loadPosix } from '../../src/fs/index.js';
import { Fence } from '../../src/state/index.js';
import { fromText } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

describe('state: the holder of a target', () => {
  const tmp = useTempFolder('fence');
  const posix = loadPosix();
  const fence = (): Fence => new Fence(posix, fromText(tmp.at('state')), '8:1:0:77');

  it('is nobody at first, then who wrote last, in a file for its user alone', () => {
    assert.equal(fence().read(), undefined);
    fence().write({ lineage: 'ab', session: '01' });
    fence().write({ lineage: 'ab', session: '02' });
    assert.deepEqual(fence().read(), { lineage: 'ab', session: '02' });
    const [file] = readdirSync(tmp.at('state'));
    assert.equal(statSync(tmp.at('state', file as string)).mode & 0o777, 0o600);
  });

  it('says nothing where it is damaged', () => {
    mkdirSync(tmp.at('state'), { recursive: true });
    for (const content of ['', '{', 'null', '[]', '{"lineage":1,"session":"a"}', '{"lineage":"../x","session":"a"}', '{"lineage":"a"}']) {
      fence().write({ lineage: 'ab', session: '02' });
      const [file] = readdirSync(tmp.at('state'));
      writeFileSync(tmp.at('state', file as string), content);
      assert.equal(fence().read(), undefined, content);
    }
  });
});
