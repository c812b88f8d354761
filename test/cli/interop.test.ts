/** The real rsync is the judge of which command lines are valid, and of what -h, -n and --list-only mean. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseSync } from '../../src/cli/options/index.js';
import { TwintreeError } from '../../src/tree/index.js';
import { tempFolder, twintree, useTempFolder, whyNoRsync, type TempFolder } from '../support/index.js';
import { bytes, context } from './support.js';

/** Options whose validity depends on each other or on their values. Those refused here on purpose are not among them. */
const PIECES = [
  '-a', '-r', '-d', '-v', '-n', '-R', '-b', '-H', '-X', '-A', '-c', '-z', '-u', '-W', '-S', '-x', '-K', '-m', '-I', '-i', '-h', '-q', '-P', '-C', '-F', '-0', '-8', '-y', '-s', '-O', '-avz',
  '--no-r', '--no-d', '--no-o', '--no-W', '--no-perms', '--no-append', '--no-inplace', '--no-delay-updates', '--no-partial', '--no-s', '--no-i-r', '--no-bogus', '--no-n', '--no-exclude',
  '--delete', '--del', '--delete-before', '--delete-delay', '--delete-after', '--delete-excluded', '--max-delete=3', '--max-delete=x', '--max-delete=-1', '--force', '--ignore-errors',
  '--inplace', '--append', '--append-verify', '--whole-file', '--partial', '--partial-dir=p', '--delay-updates', '--backup', '--backup-dir=old', '--backup-dir=.', '--suffix=.o', '--suffix=a/b', '--suffix=',
  '--max-size=1K', '--max-size=1.5mb-1', '--min-size=x', '--max-size=2Kx', '--bwlimit=1k', '--bwlimit=10b', '--modify-window=-1', '--modify-window=x', '-@2', '--timeout=5', '--timeout=5s',
  '--chmod=u+w', '--chmod=D755,F644', '--chmod=bad', '--chown=root', '--chown=:root', '--usermap=0:1', '--groupmap=0:1', '--old-args', '--fake-super', '--exclude=x', '--exclude', '-f- x', '--include=y',
  '--info=name0', '--info=foo', '--info=progress2', '--debug=none', '--outbuf=L', '--outbuf=X', '--stderr=all', '--stderr=x', '--stats', '--recursive=yes', '--bogus', '-j', '--stop-after=5', '--stop-after=x',
  '--stop-at=23:61', '--compare-dest=/', '--link-dest=/', '--block-size=999m', '--block-size=2K', '--zl=3', '--log-format=%n', '--old-d',
];

describe('valid command lines, as rsync sees them (skipped where there is no rsync)', () => {
  let home: TempFolder | undefined;
  let dir = '';
  before(function () {
    if (spawnSync('rsync', ['--version']).error !== undefined) return this.skip();
    home = tempFolder('cli');
    dir = home.path;
    mkdirSync(join(dir, 'src'));
    mkdirSync(join(dir, 'dst'));
    writeFileSync(join(dir, 'src', 'file'), 'x');
  });
  after(() => home?.remove());

  const rsyncRefuses = (args: string[]): boolean => {
    const run = spawnSync('rsync', ['--dry-run', ...args, 'src/', 'dst/'], { cwd: dir, encoding: 'latin1', env: { ...process.env, RSYNC_PARTIAL_DIR: '' } });
    return run.status === 1;
  };
  const weRefuse = (args: string[]): boolean => {
    try {
      parseSync(bytes(['--dry-run', ...args, 'src/', 'dst/']), context());
      return false;
    } catch (error) {
      assert.ok(error instanceof TwintreeError, String(error));
      return true;
    }
  };

  it('each option alone is valid or refused as rsync has it', () => {
    for (const piece of PIECES) assert.equal(weRefuse([piece]), rsyncRefuses([piece]), piece);
  });

  it('so are combinations of them', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom(...PIECES), { minLength: 2, maxLength: 4 }), (args) => {
      assert.equal(weRefuse(args), rsyncRefuses(args), args.join(' '));
    }), { numRuns: 250 });
  }).timeout(120_000);
});

describe('targets that cannot be', () => {
  const tmp = useTempFolder('no-target');

  it('end with the exit code that rsync has for them (skipped where there is no rsync)', function () {
    if (whyNoRsync() !== undefined) return this.skip();
    mkdirSync(tmp.at('src'));
    writeFileSync(tmp.at('src/a'), 'x');
    writeFileSync(tmp.at('file'), 'x');
    symlinkSync('nowhere', tmp.at('dangling'));
    for (const [args, code] of [[['src/', 'new/missing/parent/'], 11], [['file', 'new/missing'], 3], [['src/', 'dangling'], 11], [['src/', 'file'], 3], [['src/', 'file/x'], 3]] as const) {
      const peer = spawnSync('rsync', ['-a', ...args], { cwd: tmp.path, encoding: 'utf8' });
      const done = twintree(['sync', '-a', ...args], { cwd: tmp.path });
      assert.deepEqual([args, done.code, peer.status], [args, code, code], done.stderr);
    }
    assert.equal(twintree(['sync', '-an', 'src/', 'new/missing/parent/'], { cwd: tmp.path }).code, 11, 'a dry run says so too');
  });
});
