/** The library's face: what the commands do, as functions. */
import assert from 'node:assert';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { apply, explain, mirror, plan, sync, TwintreeError, verify, type Operation } from '../../src/index.js';
import { assertSameTree, dir, file, makeTree, time, useTempFolder } from '../support/index.js';

describe('the library', () => {
  const tmp = useTempFolder('library');
  const T = time(1_600_000_000);

  beforeEach(() => {
    makeTree(tmp.at('s'), { a: file('one', { mtime: T }), d: dir({ b: file('two', { mtime: T }), 'c.o': file('object', { mtime: T }) }, { mtime: T }) });
    makeTree(tmp.at('t'), { a: file('other', { mtime: T }), gone: file('old', { mtime: T }) });
  });
  const pair = (): { source: string; target: string } => ({ source: `${tmp.at('s')}/`, target: tmp.at('t') });
  const args = ['-rltp', '--delete', '--exclude=*.o'];

  it('makes a plan, and carries it out as it stands', async () => {
    const told: string[] = [];
    const output = tmp.at('plan');
    const planned = await plan({ ...pair(), args, output, listener: { wantsOperations: 'changes', operation: (_op: Operation, path) => { told.push(path); } } });
    assert.deepStrictEqual([planned.exitCode, existsSync(tmp.at('t/d')), readFileSync(tmp.at('t/a'), 'utf8')], [0, false, 'other'], 'nothing is changed yet');
    writeFileSync(tmp.at('s/later'), 'is not in it');
    assert.strictEqual((await apply({ plan: output, args: ['-n'] })).exitCode, 0);
    assert.ok(existsSync(tmp.at('t/gone')));
    const done: string[] = [];
    const outcome = await apply({ plan: output, listener: { wantsOperations: 'changes', operation: (_op, path) => { done.push(path); } } });
    assert.deepStrictEqual([outcome.exitCode, done.sort()], [0, told.sort()]);
    assert.deepStrictEqual([existsSync(tmp.at('t/gone')), existsSync(tmp.at('t/d/c.o')), existsSync(tmp.at('t/later')), readFileSync(tmp.at('t/d/b'), 'utf8')], [false, false, false, 'two']);
  });

  it('refuses a file that is no plan, with a code', async () => {
    writeFileSync(tmp.at('plan'), 'no plan');
    await assert.rejects(apply({ plan: tmp.at('plan') }), (error) => error instanceof TwintreeError && error.code === 'PLAN_FILE');
  });

  it('follows a tree to several targets until it is told to end', async () => {
    const end = new AbortController();
    const told = new Set<string>();
    const running = mirror({ source: `${tmp.at('s')}/`, target: [tmp.at('t'), tmp.at('u')], args: ['--delete'], signal: end.signal, listener: { follower: ({ target }) => ({ session: ({ kind }) => { told.add(`${target} ${kind}`); } }) } });
    await running.caughtUp();
    writeFileSync(tmp.at('s/new'), 'followed');
    await running.caughtUp();
    for (const target of ['t', 'u']) {
      assertSameTree(tmp.at('s'), tmp.at(target));
      assert.ok(told.has(`${tmp.at(target)} full`) && told.has(`${tmp.at(target)} batch`), [...told].join());
    }
    assert.deepStrictEqual([running.approve(), running.adopt()], [false, false]);
    end.abort();
    await running.over;
    assert.throws(() => mirror({ source: `${tmp.at('s')}/`, target: tmp.at('t'), args: ['--read-limit=1M'] }), /whole process/);
  });

  it('makes equal, compares, and explains, with words or typed options', async () => {
    assert.strictEqual((await verify({ ...pair(), args: ['-rltp', '--exclude=*.o'] })).exitCode, 23);
    assert.strictEqual((await sync({ ...pair(), args })).exitCode, 0);
    assert.strictEqual((await verify({ ...pair(), args: ['-rltp', '--exclude=*.o'] })).exitCode, 0);
    assert.deepStrictEqual(explain({ source: tmp.at('s'), paths: ['d/c.o', 'a'], args: ['--exclude=*.o'] }).map(({ source }) => source.excluded), [true, false]);
    await sync({ ...pair(), args: ['-rltp'], options: { compare: { mode: 'checksum' } } });
    assertSameTree(tmp.at('s'), tmp.at('t'), { ignore: ['missing', 'extra', 'dir-mtime'] });
  });
});
