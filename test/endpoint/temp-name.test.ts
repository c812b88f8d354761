/** Names that the program makes for itself in a tree: known exactly, and taken out of a folder's names. */
import assert from 'node:assert/strict';
import { isWorkName, isWorkPath, partName, sourcesName, stageName, tempName, undoName, withoutWorkNames } from '../../src/endpoint/apply/temp-name.js';
import type { ByteString, RelPath } from '../../src/tree/index.js';

const OURS = [tempName('0a1b', 35), stageName('0a1b'), sourcesName('0a1b'), undoName(1, 2), partName('x' as ByteString), '.~tmp~', '.~twintree-0a1b2c3d4e5f-lock', '.twintree-probe-12-0-3', '.twintree-delta.0123456789ab'] as ByteString[];
const THEIRS = ['.', '.~', '.~tmp', '.~tmp~~', '.~twintree', '.~twintree-', '.~twintree-notes.txt', '.~twintree-XY-1', '.twintree-', '.twintree-probe-', '.twintree-delta.txt', '~twintree-0a-1', 'a', 'ä'] as ByteString[];

describe('names that the program makes for itself', () => {
  it('are told from all others, anywhere on a path', () => {
    for (const name of OURS) for (const path of [name, `a/${name}`, `${name}/b`, `.~t/${name}/b`]) assert.ok(isWorkPath(path as RelPath), path);
    for (const name of THEIRS) for (const path of [name, `a/${name}`, `${name}/b`, `.~t/${name}/.twintree-`]) assert.ok(!isWorkPath(path as RelPath), path);
  });

  it('leave a sorted list, whatever stands around them', () => {
    for (let mask = 0; mask < 1 << OURS.length; mask += 7) {
      const names = [...OURS.filter((_, k) => (mask & (1 << k)) !== 0), ...THEIRS.filter((_, k) => ((mask * 31) & (1 << k)) !== 0)].sort();
      assert.deepEqual(withoutWorkNames(names), names.filter((name) => !isWorkName(name)));
    }
    const plain = ['.', '.t', 'a'] as ByteString[];
    assert.equal(withoutWorkNames(plain), plain, 'the same array');
  });
});
