/** Trees and tools for the tests of seed archives. */
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { seedExport, seedImport, type ExportOutcome, type ImportOutcome } from '../../src/index.js';
import { block, char, deep, dir, fifo, file, runCommand, sparse, symlink, time, utf8, type Argument, type Tree } from '../support/index.js';

export const root = process.getuid?.() === 0;
export const T = time(1_600_000_000, 123_456_789);
const OLD = time(1_500_000_000, 1);
export const rootAttributes = { mtime: T, mode: 0o750 };

/** Why a tool cannot be asked here, for `describeIf`. */
export function whyNo(program: string): string | undefined {
  return spawnSync(program, ['--version']).status === 0 ? undefined : `${program} is missing`;
}

/** All that an archive can hold. */
export function everything(): Tree {
  const twice = file('linked', { mtime: T, mode: 0o640, uid: 1000 });
  const large = { size: 3_000_001, seed: 5 };
  return {
    plain: file('plain', { mtime: T }), whole: file('whole second', { mtime: OLD }), setuid: file('setuid', { mtime: T, mode: 0o4755, uid: 1000, gid: 1001 }),
    closed: file('closed', { mtime: T, mode: 0 }), before1970: file('before', { mtime: time(-86_400, 999_999_999) }), future: file('far', { mtime: time(5_000_000_000, 7) }),
    'link-a': twice, zz: dir({ 'link-b': twice }, { mtime: T }),
    empty: file('', { mtime: T }), block512: file('b'.repeat(512), { mtime: T }), large: file(large, { mtime: T, mode: 0o600 }),
    attributed: file('attributed', { mtime: T, xattrs: { 'user.x': 'one', 'user.a=b%c': 'odd\nname', 'trusted.y': '\x00\xff binary \n', 'user.empty': '' }, acl: 'u:1000:rw-,g:50:r--,m::rw-' }),
    caps: file('caps', { mtime: T, mode: 0o755, xattrs: { 'security.capability': '\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00' } }),
    to: symlink('plain', { mtime: T, uid: 1000, gid: 1001 }), dangling: symlink('../../nowhere/at all', { mtime: T }), far: symlink('x'.repeat(300), { mtime: OLD }),
    fifo: fifo({ mtime: T, mode: 0o620, uid: 1000 }), block: block(7, 200, { mtime: T, mode: 0o660, gid: 6 }), char: char(259, 300_000, { mtime: T, mode: 0o666 }),
    folder: dir({ inner: file('inner', { mtime: T, uid: 300_000, gid: 3_000_000 }), sub: dir({ deep: file('deep', { mtime: T }) }, { mtime: OLD }) }, { mtime: T, mode: 0o2775, uid: 1000, gid: 1001 }),
    private: dir({ secret: file('s', { mtime: T, mode: 0o600 }) }, { mtime: T, mode: 0o500, uid: 1002 }),
    listed: dir({ f: file('f', { mtime: T }) }, { mtime: T, defaultAcl: 'u::rwx,u:1000:rwx,g::r-x,m::rwx,o::---', acl: 'u:1001:r-x,m::r-x', xattrs: { 'user.d': 'folder' } }),
    holes: sparse(9_000_000, [[0, 'head'], [4_000_000, { size: 5000, seed: 3 }]], { mtime: T }), hollow: sparse(5_000_000, [], { mtime: T }),
    small: sparse(400_000, [[200_000, 'middle'], [399_990, 'the end..!']], { mtime: T }), spread: sparse(80_000_000, [[70_000_000, { size: 2_500_000, seed: 4 }]], { mtime: T }),
    [utf8('ünï ☃')]: file('utf8', { mtime: T }), 'half\xc3\xff': file('no utf8', { mtime: T }), 'new\nline': symlink('to\n\xff', { mtime: T }), ['n'.repeat(255)]: file('long', { mtime: T }),
    ...deep(6, 'd'.repeat(60), { ['f'.repeat(200)]: file('deep down', { mtime: T }) }),
  };
}

/** Exports in this process; problems are none. */
export async function exported(source: string, output: string, ...args: string[]): Promise<ExportOutcome> {
  const outcome = await seedExport({ source: `${source}/`, output, args });
  assert.deepEqual(outcome.problems, []);
  assert.equal(outcome.exitCode, 0);
  return outcome;
}

export async function imported(archive: string | string[], target: string, ...args: string[]): Promise<ImportOutcome> {
  return seedImport({ archive, target, args });
}

/** What was told, as `path: message`. */
export function told(outcome: { problems: readonly { path: string; message: string }[] }): string[] {
  return outcome.problems.map(({ path, message }) => `${path}: ${message}`);
}

/** Runs a tool that must succeed; what it says on stderr is returned. */
export function tool(command: string, args: readonly Argument[], cwd?: string): string {
  const done = runCommand(command, args, cwd === undefined ? {} : { cwd });
  assert.equal(done.code, 0, `${command}: ${done.stderr}`);
  return done.stderr;
}

/** GNU tar restores an archive, with all that it knows of. What it says, but for times that it finds unlikely. */
export function untar(archive: string, target: string): string {
  const said = tool('tar', ['--xattrs', '--xattrs-include=*', '--acls', '--sparse', '-xpf', archive, '-C', target, '--numeric-owner']);
  return said.split('\n').filter((line) => !/implausibly old|in the future/.test(line)).join('\n');
}

/** Changes one byte of a file. */
export function flip(archive: string, at: number): void {
  const bytes = readFileSync(archive);
  bytes[at] = (bytes[at] as number) ^ 0x55;
  writeFileSync(archive, bytes);
}
