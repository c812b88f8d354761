/** Runs that end early: by kill, by a signal, by a full disk. Nothing half has a name, and the next run finishes. */
import assert from 'node:assert';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { seedExport, seedImport } from '../../src/index.js';
import { assertSameTree, compareTrees, describeIf, file, makeTree, startCommand, twintree, useTempFolder, whyNoInjection, type Tree } from '../support/index.js';
import { exported, root, rootAttributes, T } from './support.js';

function files(): Tree {
  const tree: Tree = { large: file({ size: 20_000_000, seed: 7 }, { mtime: T }) };
  for (let k = 0; k < 300; k++) tree[`f${k}`] = file({ size: 10_000, seed: k + 1 }, { mtime: T, uid: 1000, mode: 0o640 });
  return tree;
}

describeIf('a seed archive that is interrupted', root ? whyNoInjection() : 'needs root', () => {
  const temp = useTempFolder('cut');
  const program = new URL('../../../bin/twintree.js', import.meta.url).pathname;

  it('while it is restored, by kill -9, is finished by the next import', async () => {
    makeTree(temp.at('src'), files(), rootAttributes);
    await exported(temp.at('src'), temp.at('a.tar'));
    for (const when of [1, 40]) {
      const run = twintree(['seed', 'import', temp.at('a.tar'), temp.at('dst')], { inject: [`fchown:signal=SIGKILL:when=${when}`] });
      assert.equal(run.signal ?? run.code, run.signal === null ? 137 : 'SIGKILL', run.stderr);
      const left = compareTrees(temp.at('src'), temp.at('dst'), { root: false }).filter(({ what }) => what === 'content' || what === 'size');
      for (const { path } of left) assert.equal(statSync(temp.at('dst', path)).mode & 0o7777, 0o1200, `${path} is half and looks whole`);
    }
    const again = twintree(['seed', 'import', temp.at('a.tar'), temp.at('dst')]);
    assert.equal(again.code, 0, again.stderr);
    assertSameTree(temp.at('src'), temp.at('dst'));
  });

  it('while it is made, by kill -9 or a signal, has no name but for whole parts', async () => {
    makeTree(temp.at('src'), files(), rootAttributes);
    mkdirSync(temp.at('out'));
    const killed = twintree(['seed', 'export', `${temp.at('src')}/`, temp.at('out', 'k')], { inject: ['pread64:signal=SIGKILL:when=8'] });
    assert.notEqual(killed.code, 0);
    assert.ok(!existsSync(temp.at('out', 'k')) && !existsSync(temp.at('out', 'k.manifest')));
    const controller = new AbortController();
    const ended = seedExport({
      source: `${temp.at('src')}/`, output: temp.at('out', 's'), args: ['--split=4M'], signal: controller.signal,
      listener: { progressEvery: 0, progress: () => { if (existsSync(temp.at('out', 's.002'))) controller.abort(); } },
    });
    await assert.rejects(ended, { code: 'ABORTED' });
    const names = readdirSync(temp.at('out')).filter((name) => !name.startsWith('.twintree-delta'));
    assert.ok(names.length >= 2 && names.every((name) => /^s\.\d{3}$/.test(name) && statSync(temp.at('out', name)).size === 4 << 20), names.join(' '));
    const again = twintree(['seed', 'export', '--split=4M', `${temp.at('src')}/`, temp.at('out', 's')]);
    assert.equal(again.code, 70);
    assert.match(again.stderr, /parts of another archive stand there/);
  });

  it('while it is restored, by a signal, leaves nothing half', async () => {
    makeTree(temp.at('src'), files(), rootAttributes);
    await exported(temp.at('src'), temp.at('a.tar'));
    const controller = new AbortController();
    const listener = { progressEvery: 0, progress: ({ doneBytes }: { doneBytes: number }): void => { if (doneBytes > 15_000_000) controller.abort(); } };
    await assert.rejects(seedImport({ archive: temp.at('a.tar'), target: temp.at('dst'), signal: controller.signal, listener }), { code: 'ABORTED' });
    assert.deepEqual(compareTrees(temp.at('src'), temp.at('dst'), { root: false, ignore: ['missing', 'hardlink'] }), []);
    assert.ok(!existsSync(temp.at('dst', 'large')));
  });

  it('by a full disk tells so, and restores the rest', async () => {
    makeTree(temp.at('src'), files(), rootAttributes);
    await exported(temp.at('src'), temp.at('a.tar'));
    const made = twintree(['seed', 'export', `${temp.at('src')}/`, temp.at('b.tar')], { maxFileSize: 5 << 20 });
    assert.notEqual(made.code, 0);
    assert.ok(!existsSync(temp.at('b.tar')));
    const run = twintree(['seed', 'import', temp.at('a.tar'), temp.at('dst')], { maxFileSize: 5 << 20 });
    assert.equal(run.code, 23, run.stderr);
    assert.match(run.stderr, /large/);
    assertSameTree(temp.at('src'), temp.at('dst'), { except: ['large'] });
  });

  it('goes from a pipe to a pipe, compressed and encrypted, and a pipe that ends early is told', async () => {
    makeTree(temp.at('src'), files(), rootAttributes);
    const command = `${process.execPath} ${program}`;
    const identity = await generateX25519Identity();
    writeFileSync(temp.at('key'), identity, { mode: 0o600 });
    const recipient = await identityToRecipient(identity);
    const run = startCommand('bash', ['-c', `set -o pipefail; ${command} seed export -z --recipient=${recipient} ${temp.at('src')}/ - | ${command} seed import --age-identity=${temp.at('key')} - ${temp.at('dst')}`]);
    const done = await run.finished;
    assert.equal(done.code, 0, done.stderr);
    assertSameTree(temp.at('src'), temp.at('dst'));
    const cut = startCommand('bash', ['-c', `${command} seed export ${temp.at('src')}/ - | head -c 12000000 | ${command} seed import --json - ${temp.at('cut')}`]);
    const early = await cut.finished;
    assert.equal(early.code, 23, early.stderr);
    assert.match(early.stdout, /"code":"corrupt"/);
    assert.ok(readFileSync(temp.at('cut', 'f0')).equals(readFileSync(temp.at('src', 'f0'))));
    assert.ok(!existsSync(temp.at('cut', 'large')));
  });
});
