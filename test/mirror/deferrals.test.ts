/** Files that change while they are read: put off, but never for ever. */
import assert from 'node:assert/strict';
import { Deferrals } from '../../src/mirror/index.js';
import { fromText, type Problem, type RelPath } from '../../src/tree/index.js';

const path = (name: string): RelPath => fromText(name) as RelPath;
const failed = (...of: [string, Problem['code']][]): Map<RelPath, Problem> => new Map(of.map(([name, code]) => [path(name), { code, phase: 'apply', path: path(name), side: 'source', message: '', severity: 'warning' }]));
const all = (): boolean => true;
const only = (name: string) => (each: RelPath): boolean => each === name;

describe('files that are put off', () => {
  it('wait for the longest time and no longer, each for itself, from when they were first put off', () => {
    const deferrals = new Deferrals(1000);
    assert.ok(deferrals.mayDefer(all, 0));
    deferrals.ended(failed(['a', 'deferred']), all, 100);
    deferrals.ended(failed(['a', 'deferred'], ['b', 'deferred']), all, 600);
    assert.deepEqual(deferrals.first(1), [{ path: 'a', since: 100, sentAt: undefined }]);
    assert.ok(deferrals.mayDefer(all, 1099));
    assert.equal(deferrals.overdueAt(), 1100);
    assert.ok(!deferrals.mayDefer(all, 1100));
    assert.ok(deferrals.mayDefer(only('b'), 1100), 'a session that does not look at it is not concerned');
  });

  it('are marked when they were sent as they were, and wait anew from then', () => {
    const deferrals = new Deferrals(1000);
    deferrals.ended(failed(['a', 'deferred']), all, 0);
    deferrals.ended(failed(['a', 'changed']), all, 1000);
    assert.deepEqual(deferrals.first(5), [{ path: 'a', since: 1000, sentAt: 1000 }]);
    assert.ok(deferrals.mayDefer(all, 1999));
    deferrals.ended(failed(['a', 'deferred']), all, 1500);
    assert.deepEqual(deferrals.first(5), [{ path: 'a', since: 1000, sentAt: 1000 }], 'what the target has is of then');
    assert.ok(!deferrals.mayDefer(all, 2000));
  });

  it('are forgotten by a session that looked at them and went well, and by no other', () => {
    const deferrals = new Deferrals(1000);
    deferrals.ended(failed(['a', 'deferred'], ['b', 'deferred']), all, 0);
    deferrals.ended(failed(), only('a'), 10);
    assert.deepEqual(deferrals.first(5).map((each) => each.path), ['b']);
    deferrals.ended(failed(['b', 'write-failed']), all, 20);
    assert.equal(deferrals.count, 1, 'it fails, and is still owed');
  });

  it('are not put off where nobody wants it', () => {
    assert.ok(!new Deferrals(0).mayDefer(all, 0));
  });
});
