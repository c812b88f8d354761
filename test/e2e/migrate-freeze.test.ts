/** A source whose whole file system is frozen, or remounted read-only, for the cutover; and that it is let go whatever happens. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { readJournal, standOf } from '../../src/migrate/index.js';
import { fromText } from '../../src/tree/index.js';
import { assertSameTree, describeOn, makeTree, randomTree, startTwintree, useTempFolder, type RunResult } from '../support/index.js';

const WAYS = { ext4: { freeze: 'fsfreeze -f', thaw: 'fsfreeze -u' }, xfs: { freeze: 'mount -o remount,ro', thaw: 'mount -o remount,rw' } } as const;

describeOn(['ext4', 'xfs'], { sizeMiB: 64 }, (fs) => {
  const tmp = useTempFolder('migrate-freeze');
  const way = WAYS[fs.kind === 'ext4' ? 'ext4' : 'xfs'];
  const say = async (...args: string[]): Promise<RunResult> => startTwintree(['migrate', ...args], { env: { TWINTREE_STATE_DIR: tmp.at('state') } }).finished;
  const state = (): string | undefined => standOf(readJournal(fromText(tmp.at('state/migrations/m'))).events)?.state;

  it(`moves under ${way.freeze}, and thaws a cutover that fails`, async () => {
    makeTree(fs.at('data'), randomTree(3, { entries: 40 }));
    mkdirSync(tmp.at('t'));
    writeFileSync(tmp.at('m.yaml'), `migration: m
source: ${fs.at('data')}/
target: ${tmp.at('t')}
options: { hard-links: true, acls: true, xattrs: true }
converge: { steady: 100ms }
freeze: { hooks: [ { run: "${way.freeze} ${fs.path}" } ], thaw: [ { run: "${way.thaw} ${fs.path} || mountpoint -q ${fs.path}" } ], release: [ { run: "${way.thaw} ${fs.path} || mountpoint -q ${fs.path}" } ], limit: 30s }
switch: { hooks: [ { run: "test -e ${tmp.at('ready')}" } ], undo: [] }
`);
    assert.equal((await say('plan', tmp.at('m.yaml'))).code, 0);
    assert.equal((await say('start', '--detach', 'm')).code, 0);
    const failed = await say('cutover', '--yes', 'm');
    assert.equal(failed.code, 23, failed.stdout + failed.stderr);
    assert.equal(state(), 'rolled-back');
    appendFileSync(fs.at('data/later'), 'it can be written again');

    writeFileSync(tmp.at('ready'), '');
    assert.equal((await say('start', '--detach', 'm')).code, 0);
    const done = await say('cutover', '--yes', 'm');
    assert.equal(done.code, 0, done.stdout + done.stderr);
    assertSameTree(fs.at('data'), tmp.at('t'));
    writeFileSync(tmp.at('t/on the new side'), 'x');
    const back = await say('rollback', '--yes', 'm');
    assert.equal(back.code, 0, back.stdout + back.stderr);
    assertSameTree(fs.at('data'), tmp.at('t'));
    assert.ok(existsSync(fs.at('data/on the new side')), 'the old side took what came home');
  });
});
