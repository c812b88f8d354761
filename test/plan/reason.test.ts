/** Every reason has an id that machines may rely on and a phrase of its own. */
import assert from 'node:assert/strict';
import { Reason, reasonId, reasonText } from '../../src/plan/index.js';

const all = Object.values(Reason).filter((value): value is Reason => typeof value === 'number');

describe('plan/reason', () => {
  it('gives each reason an id made from its name, which therefore cannot change unseen', () => {
    for (const reason of all) {
      assert.equal(reasonId(reason), (Reason[reason] ?? '').replace(/(?!^)[A-Z]/g, '-$&').toLowerCase());
    }
  });

  it('gives each reason a phrase of its own', () => {
    assert.ok(all.every((reason) => /^[a-z][a-z, -]+$/.test(reasonText(reason))));
    assert.equal(new Set(all.map(reasonText)).size, all.length);
  });
});
