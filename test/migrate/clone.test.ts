/** Clones of a target for a rehearsal, on file systems that can and that cannot. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { copyTree } from '../../src/cli/at-host/clone.js';
import { dropClone, makeClone } from '../../src/migrate/index.js';
import { fromText, TwintreeError } from '../../src/tree/index.js';
import { assertSameTree, describeOn, makeTree, randomTree } from '../support/index.js';

const never = new AbortController().signal;
const SUBVOLUME = 256;

describeOn(['btrfs', 'xfs', 'ext4'], {}, (fs) => {
  const target = (): string => fs.at('data/target');
  const text = (path: string): string => Buffer.from(path, 'latin1').toString('utf8');
  beforeEach('a target', () => {
    mkdirSync(fs.at('data'), { recursive: true });
    makeTree(target(), randomTree(5, { entries: 30 }));
    writeFileSync(`${target()}/large`, Buffer.alloc(4 << 20, 'x'));
  });
  afterEach('nothing stays', () => { execFileSync('rm', ['-rf', fs.at('data')]); });

  if (fs.kind === 'ext4') {
    it('refuses where nothing can be cloned, and leaves nothing behind', async () => {
      await assert.rejects(makeClone(fromText(target()), copyTree, never), (error) => error instanceof TwintreeError && error.code === 'UNSUPPORTED' && /on: and a folder/.test(error.advice ?? ''));
      assert.deepEqual(readdirSync(fs.at('data')), ['target']);
    });
    return;
  }

  it('makes a tree of reflinks that is another tree, and takes it away again', async () => {
    const clone = text(await makeClone(fromText(`${target()}/`), copyTree, never));
    assertSameTree(target(), clone);
    writeFileSync(`${clone}/large`, 'changed');
    assert.equal(statSync(`${target()}/large`).size, 4 << 20, 'what is done to the copy does not reach the target');
    await dropClone(fromText(clone));
    assert.deepEqual(readdirSync(fs.at('data')), ['target']);
  });

  it('takes away nothing that is no clone', async () => {
    await assert.rejects(dropClone(fromText(target())), (error) => error instanceof TwintreeError && error.code === 'USAGE');
    assert.ok(existsSync(`${target()}/large`));
  });

  it('takes no clone that is half made for one', async () => {
    await assert.rejects(makeClone(fromText(target()), async (from, to) => {
      await copyTree(from, to, never);
      throw new TwintreeError('ABORTED', 'in the middle');
    }, never), /in the middle/);
    assert.deepEqual(readdirSync(fs.at('data')), ['target']);
  });

  if (fs.kind === 'btrfs') {
    it('makes a snapshot where the target is a subvolume', async () => {
      const volume = fs.at('data/volume');
      execFileSync('btrfs', ['subvolume', 'create', volume]);
      writeFileSync(`${volume}/a`, 'a');
      const clone = text(await makeClone(fromText(volume), () => Promise.reject(new Error('no copy is made')), never));
      assert.equal(statSync(clone).ino, SUBVOLUME);
      assertSameTree(volume, clone);
      await dropClone(fromText(clone));
      assert.ok(!existsSync(clone));
      execFileSync('btrfs', ['subvolume', 'delete', volume]);
    });
  }
});
