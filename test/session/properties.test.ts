/**
 * Properties of a session over random trees: what the plan says is what is done; afterwards the trees are equal to an
 * independent comparer and to verify; a second run has nothing to do; the number of threads changes nothing that can be seen.
 * PROPERTY_RUNS=N lengthens each.
 */
import assert from 'node:assert/strict';
import { sync, verify, OpKind, reasonId, type Operation, type Outcome, type SessionListener } from '../../src/index.js';
import { assertSameTree, changedTree, makeTree, randomTree, useTempFolder } from '../support/index.js';

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 12);
const ALL = ['-aHAX', '--delete'];

/** Lines of every change, in the order they were told. */
function recorder(): { lines: string[]; listener: SessionListener } {
  const lines: string[] = [];
  const listener: SessionListener = {
    wantsOperations: 'changes',
    operation(op: Operation, path, result) {
      assert.notEqual(result, 'failed', `${path} failed`);
      lines.push(`${OpKind[op.kind]} ${op.item.toString(2)} ${reasonId(op.reason)} ${JSON.stringify(path)} ${op.kind === OpKind.File ? '' : JSON.stringify(op.link)}`);
    },
  };
  return { lines, listener };
}

async function clean(what: Promise<Outcome>): Promise<Outcome> {
  const outcome = await what;
  assert.deepEqual(outcome.problems, []);
  assert.equal(outcome.exitCode, 0);
  return outcome;
}

describe('a session over random trees', () => {
  const temp = useTempFolder('properties');

  for (let run = 0; run < RUNS; run++) {
    const seed = 1000 + run;
    it(`plans what it does, makes the trees equal and finds nothing more to do (seed ${seed})`, async () => {
      const old = randomTree(seed, { entries: 60 });
      const source = temp.at(`s${seed}`);
      const target = temp.at(`t${seed}`);
      makeTree(source, changedTree(old, seed, { changes: 25 }));
      makeTree(target, old);
      const [planned, done] = [recorder(), recorder()];
      await clean(sync({ source: `${source}/`, target, args: [...ALL, '-n'], listener: planned.listener }));
      await clean(sync({ source: `${source}/`, target, args: ALL, listener: done.listener }));
      assert.deepEqual(done.lines, planned.lines);
      assertSameTree(source, target);
      assert.equal((await clean(sync({ source: `${source}/`, target, args: ALL }))).totals.operations, 0);
      await clean(verify({ source: `${source}/`, target, args: ['-HAX'] }));
    });

    it(`does the same with one thread and with three (seed ${seed})`, async () => {
      const tree = randomTree(seed, { entries: 150 });
      const source = temp.at(`p${seed}`);
      makeTree(source, tree);
      const one = recorder();
      const three = recorder();
      await clean(sync({ source: `${source}/`, target: temp.at(`q${seed}`), args: [...ALL, '--threads=1'], listener: one.listener }));
      await clean(sync({ source: `${source}/`, target: temp.at(`r${seed}`), args: [...ALL, '--threads=3'], listener: three.listener }));
      assert.deepEqual(three.lines, one.lines);
      assertSameTree(source, temp.at(`r${seed}`));
    });
  }

  it('verify names each difference and changes nothing', async () => {
    const tree = randomTree(77, { entries: 60 });
    const [source, target] = [temp.at('vs'), temp.at('vt')];
    makeTree(source, changedTree(tree, 5, { changes: 12 }));
    makeTree(target, tree);
    const expected = recorder();
    await clean(sync({ source: `${source}/`, target, args: ['-aHAXc', '--delete', '--no-detect-moves', '-n'], listener: expected.listener }));
    const found = recorder();
    const outcome = await verify({ source: `${source}/`, target, args: ['-HAX'], listener: found.listener });
    assert.equal(outcome.exitCode, 23);
    assert.ok(found.lines.length > 0);
    assert.deepEqual(found.lines, expected.lines);
    const again = recorder();
    await verify({ source: `${source}/`, target, args: ['-HAX'], listener: again.listener });
    assert.deepEqual(again.lines, found.lines);
  });
});
