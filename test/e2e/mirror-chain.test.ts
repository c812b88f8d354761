/** Mirrors that meet: chains (a target is a source), loops, many sources on one machine. In one process, judged by the independent comparer. */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { assertSameTree, useTempFolder } from '../support/index.js';
import { isWorkPath } from '../../src/endpoint/index.js';
import type { RelPath } from '../../src/tree/index.js';
import { RunningMirror, storm } from './mirror-support.js';
import { remoteShell, wayArgs } from './remote-support.js';

describe('mirrors that meet', () => {
  const temp = useTempFolder('mirror-chain');
  const at = (name: string): string => temp.at(name);
  const running: RunningMirror[] = [];

  beforeEach(() => {
    mkdirSync(at('a/one/two'), { recursive: true });
    for (const folder of ['', 'one/', 'one/two/']) writeFileSync(at(`a/${folder}file`), 'old');
  });
  afterEach(async () => {
    for (const each of running.splice(0).toReversed()) await each.stop().catch(() => undefined); // it may have ended by the error that the test waited for
  });

  const start = async (from: string, to: string, ...args: string[]): Promise<RunningMirror> => {
    const mirror = new RunningMirror([...args, `${at(from)}/`, to.includes(':') ? to : at(to)]);
    running.push(mirror);
    await mirror.copied();
    return mirror;
  };

  for (const way of [[], ['--delay-updates']]) {
    it(`carry a storm along a chain, and nothing that they make for a moment (${way.join(' ') || 'as always'})`, async () => {
      const first = await start('a', 'b', '--delete', ...way);
      const second = await start('b', 'c', '--delete', '-v');
      const third = await start('c', 'd', '--delete', '-v');
      await storm(at('a'), at('outside'), 31, 100);
      writeFileSync(at('a/large'), Buffer.alloc(3_000_000, 'x'));
      await first.mirror.caughtUp();
      appendFileSync(at('a/large'), 'more');
      for (const each of [first, second, third]) await each.mirror.caughtUp();
      for (const tree of ['b', 'c', 'd']) assertSameTree(at('a'), at(tree), { ignore: ['hardlink'] });
      for (const { changed } of [second, third]) assert.ok(changed.length > 10, `${changed.length}`);
      assert.deepEqual([...second.changed, ...third.changed].filter((path) => isWorkPath(path as RelPath)), []);
    });
  }

  it('leave alone what a killed session left in the middle of a chain', async () => {
    mkdirSync(at('b/.~tmp~/.~twintree-00ff-stage'), { recursive: true });
    for (const name of ['.~twintree-0a1b-2', '.~tmp~/x', '.~tmp~/.~twintree-00ff-stage/y', '.~twintree-0123456789abcdef-undo', 'kept', '.~twintree-notes.txt']) writeFileSync(at(`b/${name}`), name);
    mkdirSync(at('b/.twintree-probe-1-0-0'));
    writeFileSync(at('b/half'), 'ha', { mode: 0o1200 }); // a file that is made under its final name
    chmodSync(at('b/half'), 0o1200);
    mkdirSync(at('c'));
    writeFileSync(at('c/half'), 'of yesterday');
    const mirror = await start('b', 'c', '--delete');
    assert.deepEqual(readdirSync(at('c')).sort(), ['.~twintree-notes.txt', 'half', 'kept']);
    assert.equal(readFileSync(at('c/half'), 'utf8'), 'of yesterday');
    assert.ok(mirror.told.some((told) => told.kind === 'problem' && told.path === 'half' && told.code === 'changed'));
    appendFileSync(at('b/half'), 'lf no more');
    chmodSync(at('b/half'), 0o644);
    await mirror.mirror.caughtUp();
    assert.equal(readFileSync(at('c/half'), 'utf8'), 'half no more');
    const sessions = mirror.sessions().length;
    writeFileSync(at('b/.~twintree-0a1b-3'), 'x');
    await mirror.mirror.caughtUp();
    assert.equal(mirror.sessions().length, sessions, 'not worth a session');
  });

  it('that lead back to where they came from are refused, as long as the others are at work', async () => {
    const first = await start('a', 'b');
    await start('b', 'c');
    await assert.rejects(new RunningMirror([`${at('b')}/`, at('a')]).over, /a loop: process \d+ mirrors/);
    await assert.rejects(new RunningMirror([`${at('c')}/`, at('elsewhere'), at('a')]).over, /a loop/);
    await assert.rejects(new RunningMirror([`${at('c/one')}/`, at('a/new')]).over, /a loop/);
    assert.ok(!existsSync(at('elsewhere')));
    await first.stop();
    running.shift();
    writeFileSync(at('c/file'), 'from the end');
    await start('c', 'a');
    assertSameTree(at('c'), at('a'));
  });

  it('bring many sources to one machine, each to its own folder', async () => {
    mkdirSync(at('all'));
    mkdirSync(at('second/x'), { recursive: true });
    mkdirSync(at('third/x'), { recursive: true });
    const shell = wayArgs('push', remoteShell(temp));
    const places = [['a', 'all/a'], ['second', `host:${at('all/second')}`, ...shell], ['third', `host:${at('all/third')}`, ...shell]] as const;
    for (const [from, to, ...args] of places) await start(from, to, '--delete', ...args);
    await Promise.all(places.map(async ([from], k) => storm(at(from), at(`outside${k}`), 41 + k, 80)));
    for (const each of running) await each.mirror.caughtUp();
    for (const [from] of places) assertSameTree(at(from), at(`all/${from}`), { ignore: ['hardlink'] });
    assert.deepEqual(readdirSync(at('all')).sort(), ['a', 'second', 'third']);
  });
});
