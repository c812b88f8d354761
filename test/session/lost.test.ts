/** What a target does not keep, path by path, on its way between hosts: it comes as it was told, in parts, and what a hostile host says is refused. */
import assert from 'node:assert/strict';
import { readLost, writeLost } from '../../src/session/remote/events.js';
import type { LostAttributes } from '../../src/session/index.js';
import { TwintreeError, type ByteString, type RelPath } from '../../src/tree/index.js';

const lostOf = (count: number): LostAttributes => ({ kind: 'special-files', count: count + 7, paths: Array.from({ length: count }, (_, k) => ({ path: `a\xff/${k}` as RelPath, what: 'FIFO' as ByteString })) });

describe('session: what is lost, told by another host', () => {
  it('comes back from messages as it was, however much it is', () => {
    for (const count of [0, 1, 2000, 2001, 5000]) {
      const parts = writeLost(lostOf(count)).map((message) => readLost(JSON.parse(JSON.stringify({ type: 'lost', ...message }))));
      assert.deepEqual(parts.map(({ kind, count: all }) => `${kind} ${all}`), parts.map(() => `special-files ${count + 7}`));
      assert.deepEqual(parts.flatMap(({ paths }) => paths), lostOf(count).paths);
      assert.equal(parts.length, Math.max(1, Math.ceil(count / 2000)));
    }
  });

  it('is refused where it is not what it must be', () => {
    const good = writeLost(lostOf(1))[0] as Record<string, unknown>;
    for (const wrong of [
      { kind: 'a\u001b[31m' }, { kind: '' }, { kind: 'x'.repeat(33) }, { kind: 5 }, { count: -1 }, { count: 1.5 }, { paths: undefined }, { paths: [['../x', 'y']] }, { paths: [['/x', 'y']] }, { paths: [['x']] }, { paths: [['x', 'y', 'z']] }, { paths: [['x', 'y\0']] }, { paths: ['x'] },
      { paths: Array.from({ length: 2001 }, () => ['x', 'y']) },
    ]) assert.throws(() => readLost({ ...good, ...wrong }), (error) => error instanceof TwintreeError && error.code === 'WIRE', JSON.stringify(wrong).slice(0, 100));
  });
});
