/** Content is asked for ahead in the order in which it is used: what is asked for out of turn would be passed over and travel whole, a second time. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { runLocal, runOver } from './remote-cut-support.js';
import { assertSameTree, dir, file, makeTree, runCommand, time, useTempFolder, type Tree } from '../support/index.js';

const T = time(1_600_000_000);
const FILES = 48;
const SIZE = 700_000;

describe('content that is asked for ahead', () => {
  const tmp = useTempFolder('ahead');

  it('travels once, as a delta, with however many threads', async () => {
    const names = Array.from({ length: FILES }, (_, k) => `f${k}`);
    makeTree(tmp.at('s'), { d: dir(Object.fromEntries(names.map((name, k) => [name, file({ size: SIZE, seed: k + 1 }, { mtime: T })])), { mtime: T }) }, { mtime: T });
    for (const threads of [2, 3, 4]) {
      const target = tmp.at(`t${threads}`);
      runCommand('cp', ['-a', tmp.at('s'), target]);
      for (const name of names) {
        const path = `${target}/d/${name}`;
        const content = readFileSync(path);
        content.fill(0, 300_000, 320_000);
        writeFileSync(path, content);
        utimesSync(path, 1_500_000_000, 1_500_000_000);
      }
      const done = await runOver(tmp, 'pull', ['-a', `--threads=${threads}`], `${tmp.at('s')}/`, target);
      assert.equal(done.outcome?.exitCode, 0, String(done.error));
      assertSameTree(tmp.at('s'), target);
      const carried = done.attempts[0]?.in ?? Infinity;
      assert.ok(carried < FILES * 40_000, `--threads=${threads}: ${carried} bytes for ${FILES} times 20,000`);
    }
  });
});

describe('small files whose time alone differs', () => {
  const tmp = useTempFolder('ahead-alike');
  const COUNT = 1000;
  const names = Array.from({ length: COUNT }, (_, k) => `a file with a name ${k}`);
  const tree = (at: number): Tree => Object.fromEntries(names.map((name, k) => [name, file({ size: 150 + k, seed: k + 1 }, { mtime: time(at) })]));

  for (const how of ['pull', 'push'] as const) {
    it(`are asked for by one sum each, and with -z what asks for them is compressed: ${how}`, async () => {
      makeTree(tmp.at('s'), tree(1_600_000_000), { mtime: T });
      const asked: number[] = [];
      for (const compression of ['off', 'on'] as const) {
        const target = tmp.at(`${how}-${compression}`);
        makeTree(target, tree(1_500_000_000), { mtime: T });
        const done = await runOver(tmp, how, ['-a'], `${tmp.at('s')}/`, target, { compression });
        assert.equal(done.outcome?.exitCode, 0, String(done.error));
        assert.equal(done.outcome?.literalBytes, 0);
        assertSameTree(tmp.at('s'), target);
        const [attempt] = done.attempts;
        asked.push((how === 'pull' ? attempt?.out : attempt?.in) ?? Infinity);
        assert.ok((attempt?.in ?? Infinity) + (attempt?.out ?? Infinity) < COUNT * 200, `compression ${compression}: ${attempt?.in} and ${attempt?.out} bytes for ${COUNT} files`);
      }
      const [plain = 0, packed = Infinity] = asked;
      assert.ok(packed < plain * 0.75, `${plain} bytes, compressed ${packed}`);
    });
  }
});

describe('folders that are sent ahead', () => {
  const tmp = useTempFolder('ahead-folders');

  it('are not asked for one by one, whatever looks at them: -m does as locally', async () => {
    const leaf = (k: number): Tree => (k % 3 === 0 ? { f: file('f', { mtime: T }) } : k % 3 === 1 ? { none: dir({ 'x.o': file('o', { mtime: T }) }, { mtime: T }) } : {});
    const inner = (from: number): Tree => Object.fromEntries(Array.from({ length: 20 }, (_, k) => [`d${k}`, dir(leaf(from + k), { mtime: T })]));
    makeTree(tmp.at('s'), Object.fromEntries(Array.from({ length: 20 }, (_, k) => [`a${k}`, dir({ b: dir(inner(k), { mtime: T }), e: dir({ e: dir({}, { mtime: T }) }, { mtime: T }) }, { mtime: T })])), { mtime: T });
    for (const [name, options] of [['plain', ['-am', '--exclude=*.o']], ['links', ['-amH', '--exclude=*.o']]] as const) {
      await runLocal(options, `${tmp.at('s')}/`, tmp.at(`local-${name}`));
      mkdirSync(tmp.at(name)); // there, and empty
      const done = await runOver(tmp, 'pull', [...options], `${tmp.at('s')}/`, tmp.at(name));
      assert.equal(done.outcome?.exitCode, 0, String(done.error));
      assertSameTree(tmp.at(`local-${name}`), tmp.at(name));
      const turns = done.attempts[0]?.turns ?? Infinity;
      assert.ok(turns < 15, `${name}: ${turns} round trips`);
    }
  });

  it('are held until the walk has come back to them, however much lies between', async () => {
    const inner = (mtime: ReturnType<typeof time>): Tree => Object.fromEntries(Array.from({ length: 400 }, (_, k) => [`d${k}`, dir({ f: file('f', { mtime }) }, { mtime: T })]));
    const tree = (mtime: ReturnType<typeof time>): Tree => ({ a: dir(Object.fromEntries(Array.from({ length: 100 }, (_, k) => [`b${k}`, dir(k === 0 ? inner(mtime) : { f: file('f', { mtime }) }, { mtime: T })])), { mtime: T }) });
    makeTree(tmp.at('s'), tree(T), { mtime: T });
    makeTree(tmp.at('t'), tree(time(1_500_000_000)), { mtime: T });
    const done = await runOver(tmp, 'pull', ['-a'], `${tmp.at('s')}/`, tmp.at('t'));
    assert.equal(done.outcome?.exitCode, 0, String(done.error));
    assertSameTree(tmp.at('s'), tmp.at('t'));
    const turns = done.attempts[0]?.turns ?? Infinity;
    assert.ok(turns < 40, `${turns} round trips`);
  });
});
