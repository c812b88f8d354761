/** `twintree plan` and `twintree apply` as commands: output, exit codes, pipes, other users, signals. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  assertSameTree, describeIf, dir, file, makeTree, PLAIN_UID, plainFolder, startTwintree, time, treePaths, twintree, useTempFolder, whyNoOtherUser, type RunResult,
} from '../support/index.js';

const OLD = time(1_551_675_967);

describe('twintree plan and apply', () => {
  const folder = useTempFolder('plan');

  function work(): string {
    makeTree(folder.at('w'), { s: dir({ f: file('text', { mtime: OLD }), sub: dir({ g: file('g', { mtime: OLD }) }, { mtime: OLD }) }, { mtime: OLD }), d: dir({ old: file('o', { mtime: OLD }) }) });
    return folder.at('w');
  }
  const run = (args: string[], cwd: string, more: object = {}): RunResult => twintree(args, { cwd, ...more });
  const ok = (result: RunResult): RunResult => {
    assert.equal(result.code, 0, result.stderr);
    return result;
  };

  it('prints what a dry run prints, keeps the plan in FILE, and changes nothing', () => {
    const w = work();
    const dry = ok(run(['sync', '-ain', '--delete', 's/', 'd'], w)).stdout;
    assert.equal(ok(run(['plan', '-ai', '--delete', 's/', 'd', '-o', 'x.plan'], w)).stdout, dry);
    assert.deepEqual(treePaths(`${w}/d`), ['old']);
    assert.equal(ok(run(['apply', '-ni', 'x.plan'], w)).stdout, dry);
    assert.deepEqual(treePaths(`${w}/d`), ['old']);
    assert.equal(ok(run(['apply', '-i', 'x.plan'], w)).stdout, dry);
    assertSameTree(`${w}/s`, `${w}/d`);
    assert.deepEqual(readdirSync(w).toSorted(), ['d', 's', 'x.plan']);
  });

  it('takes -o in every spelling; within a cluster of letters o is --owner', () => {
    const w = work();
    for (const args of [['-o', 'a.plan', '-rlptgoD', 's/', 'd'], ['-rlptgoD', '--output=b.plan', 's/', 'd'], ['--output', 'c.plan', '-rlptgoD', 's/', 'd']]) ok(run(['plan', ...args], w));
    const heads = ['a', 'b', 'c'].map((name) => readFileSync(`${w}/${name}.plan`, 'latin1'));
    for (const head of heads) assert.match(head, /"owner":true/);
  });

  it('is applied from another folder: its roots are absolute', () => {
    const w = work();
    ok(run(['plan', '-a', '--delete', 's/', 'd', '-o', 'x.plan'], w));
    ok(run(['apply', join(w, 'x.plan')], '/'));
    assertSameTree(`${w}/s`, `${w}/d`);
  });

  it('goes through a pipe, with the report on stderr', () => {
    const w = work();
    const planned = ok(run(['plan', '-ai', '--delete', 's/', 'd', '-o', '-'], w));
    assert.match(planned.stderr, /f\+{9} f/);
    assert.equal(planned.stdoutBytes.subarray(1, 4).toString(), 'TTP');
    ok(run(['apply', '-'], w, { input: planned.stdoutBytes }));
    assertSameTree(`${w}/s`, `${w}/d`);
  });

  it('tells drift on stderr, and exits with 24', () => {
    const w = work();
    ok(run(['plan', '-a', '--delete', 's/', 'd', '-o', 'x.plan'], w));
    writeFileSync(`${w}/d/old`, 'needed');
    const told = run(['apply', '-i', 'x.plan'], w);
    assert.equal(told.code, 24);
    assert.match(told.stderr, /old.*has changed since the plan was made.*left alone/);
    assert.doesNotMatch(told.stdout, /old/);
    assert.deepEqual(treePaths(`${w}/d`), ['f', 'old', 'sub', 'sub/g']);
  });

  it('tells drift and what was done before in JSON', () => {
    const w = work();
    ok(run(['plan', '-a', '--delete', 's/', 'd', '-o', 'x.plan'], w));
    ok(run(['apply', 'x.plan'], w));
    writeFileSync(`${w}/d/f`, 'theirs');
    const told = run(['apply', '--json', 'x.plan'], w);
    const lines = told.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as { type: string; code?: string; result?: string; path?: string; sources?: { path: string }[]; exitCode?: number });
    assert.deepEqual(lines[0]?.sources, [{ path: 's/' }]);
    assert.deepEqual(lines.filter((line) => line.type === 'problem').map((line) => [line.code, line.path]), [['drifted', 'f']]);
    assert.equal(lines.find((line) => line.type === 'operation' && line.path === 'sub/g')?.result, 'skipped');
    assert.equal(lines.find((line) => line.type === 'operation' && line.path === 'f')?.result, 'failed');
    assert.equal(lines.find((line) => line.type === 'notice')?.code, 'already-done');
    assert.equal(lines.at(-1)?.exitCode, 24);
    assert.equal(told.code, 24);
  });

  it('goes on where an interrupted run of it has stopped', async () => {
    const w = folder.at('i');
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, k) => [`d${k}`, dir({ f: file({ size: 1 << 20, seed: k }, { mtime: OLD }) })]));
    makeTree(w, { s: dir(many) });
    ok(run(['plan', '-a', 's/', 'd', '-o', 'x.plan'], w));
    const running = startTwintree(['apply', '-v', '--bwlimit=8M', '--outbuf=L', 'x.plan'], { cwd: w });
    assert.ok(await running.output(/d3\/f/), 'it was over before it could be stopped');
    assert.equal((await running.kill('SIGINT')).code, 20);
    assert.ok(treePaths(`${w}/d`).filter((path) => path.endsWith('/f')).length < 40);
    const rest = run(['apply', 'x.plan'], w);
    assert.equal(rest.code, 0, rest.stderr);
    assert.match(rest.stderr, /had been done before/);
    assertSameTree(`${w}/s`, `${w}/d`);
  });

  it('shows --stats and --progress of what it does', () => {
    const w = work();
    ok(run(['plan', '-a', 's/', 'd', '-o', 'x.plan'], w));
    const told = ok(run(['apply', '--stats', '--progress', 'x.plan'], w)).stdout;
    assert.match(told, /Number of regular files transferred: 2/);
    assert.match(told, /100%/);
  });

  it('refuses what is not there, is damaged, or is not for it', () => {
    const w = work();
    const refused = (args: string[], code: number, pattern: RegExp): void => {
      const told = run(args, w);
      assert.equal(told.code, code, told.stderr);
      assert.match(told.stderr, pattern);
    };
    refused(['plan', '-a', 's/', 'd'], 1, /not named/);
    refused(['plan', '-a', 's/', '-o', 'x'], 1, /too few/);
    refused(['plan', '-a', 'host:s/', 'other:d', '-o', 'x'], 1, /cannot both be on other hosts/);
    refused(['apply', '--remote-option=--fake-super', 'x'], 1, /does not take --remote-option/);
    refused(['plan', '-a', '--json', 's/', 'd', '-o', '-'], 1, /standard output/);
    refused(['plan', '-a', '--list-only', 's/', 'd', '-o', 'x'], 1, /does not take --list-only/);
    refused(['apply', '-a', 'x'], 1, /does not take -a/);
    refused(['apply', 'x', 'y'], 1, /one plan/);
    refused(['apply', 'nowhere'], 11, /nowhere.*\(IO/);
    writeFileSync(`${w}/none`, 'this is a text and no plan at all');
    refused(['apply', 'none'], 12, /no plan file \(PLAN_FILE/);
    ok(run(['plan', '-a', 's/', 'd', '-o', 'x.plan'], w));
    const bytes = readFileSync(`${w}/x.plan`);
    bytes.writeUInt8(bytes.readUInt8(200) ^ 1, 200);
    writeFileSync(`${w}/x.plan`, bytes);
    refused(['apply', 'x.plan'], 12, /PLAN_FILE/);
    assert.deepEqual(treePaths(`${w}/d`), ['old']);
  });

  it('leaves an older plan where a new one is refused, and no temporary file', () => {
    const w = work();
    ok(run(['plan', '-a', '--delete', 's/', 'd', '-o', 'x.plan'], w));
    const before = statSync(`${w}/x.plan`).ino;
    assert.equal(run(['plan', '-a', '--delete', '--delete-limit=0', 's/', 'd', '-o', 'x.plan'], w).code, 70);
    assert.equal(statSync(`${w}/x.plan`).ino, before);
    assert.deepEqual(readdirSync(w).toSorted(), ['d', 's', 'x.plan']);
  });

  describeIf('as a plain user', whyNoOtherUser(), () => {
    it('plans and applies', () => {
      const home = plainFolder(folder.path, 'home');
      makeTree(join(home, 's'), { f: file('f', { mtime: OLD, uid: PLAIN_UID, gid: PLAIN_UID }), locked: dir({ g: file('g', { mtime: OLD, uid: PLAIN_UID, gid: PLAIN_UID }) }, { mode: 0o555, uid: PLAIN_UID, gid: PLAIN_UID }) }, { uid: PLAIN_UID, gid: PLAIN_UID });
      ok(run(['plan', '-a', 's/', 'd', '-o', 'x.plan'], home, { uid: PLAIN_UID }));
      ok(run(['apply', 'x.plan'], home, { uid: PLAIN_UID }));
      assertSameTree(`${home}/s`, `${home}/d`);
      const again = ok(run(['apply', '-i', 'x.plan'], home, { uid: PLAIN_UID }));
      assert.match(again.stderr, /had been done before/);
    });
    it('applies what root has planned as far as that user may, and says so', () => {
      const home = plainFolder(folder.path, 'home');
      makeTree(join(home, 's'), { f: file('f', { mtime: OLD, uid: 0, gid: 0 }), mine: file('m', { mtime: OLD, uid: PLAIN_UID, gid: PLAIN_UID }) });
      chmodSync(join(home, 's'), 0o755);
      mkdirSync(join(home, 'd'));
      chownSync(join(home, 'd'), PLAIN_UID, PLAIN_UID);
      ok(run(['plan', '-rlpt', '--owner', 's/', 'd', '-o', 'x.plan'], home));
      chmodSync(join(home, 'x.plan'), 0o644);
      const told = run(['apply', 'x.plan'], home, { uid: PLAIN_UID });
      assert.equal(told.code, 23, told.stderr);
      assert.match(told.stderr, /other-user/);
      assert.match(told.stderr, /cannot set its owner/);
      assert.ok(existsSync(join(home, 'd', 'f')) && existsSync(join(home, 'd', 'mine')));
    });
  });
});
