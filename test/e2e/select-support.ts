/**
 * The method of the suites select*, delete* and output*: a work folder is made three times over, and the same command line
 * is given to rsync in the first, to twintree in the second and to twintree's dry run in the third. Then exit codes,
 * lines and whole work folders (sources too) must be the same, the dry run must have told the lines of the run and
 * changed nothing, and a second run must have nothing to say.
 *
 * Times are years ago unless a test sets them, so that a time of this hour is one that a run has set.
 */
import assert from 'node:assert';
import { lstatSync, readdirSync } from 'node:fs';
import { describeError } from '../../src/cli/errors.js';
import { compareTrees, makeTree, rsync, time, file, type Difference, type TempFolder, type Tree } from '../support/index.js';
import { linesOf, sync } from './attributes-support.js';

/** Mtime of everything that a test gives no time of its own. */
export const OLD = time(1_551_675_967, 123_456_789);

/** What became of one command line. */
export interface Told {
  code: number;
  /** Lines on stdout that carry meaning: without headings, totals and times of day. */
  lines: string[];
  stderr: string;
}

export interface RsyncCase {
  /** The work folder: `s` and `d` by custom, and whatever else the arguments name. */
  given: Tree;
  args: string[];
  /** Lines need not come in rsync's order. Default: they need not. */
  ordered?: boolean;
  /** rsync's lines → ours, where ours differ by design. */
  lines?: (rsyncs: string[]) => string[];
  /** Differences of the work folders that are by design. */
  differs?: (difference: Difference) => boolean;
  /** A second run tells again what the first one told, or other things: it is not looked at. */
  again?: false;
  /** The dry run is not compared with the run: it cannot tell what only doing shows. */
  planned?: false;
  /** Renames are given away as moves. Default: off, since rsync knows none. */
  moves?: boolean;
}

/** Gives every node without an mtime the old one. Strings become files. */
export function old(tree: Tree): Tree {
  const out: Tree = Object.create(null) as Tree;
  for (const [name, given] of Object.entries(tree)) {
    const node = typeof given === 'string' ? file(given) : given;
    node.attributes.mtime ??= OLD;
    if (node.shape.type === 'dir') node.shape.children = old(node.shape.children);
    out[name] = node;
  }
  return out;
}

/** Makes the work folder `name`. */
export function make(folder: TempFolder, name: string, given: Tree): string {
  const path = folder.at(name);
  makeTree(path, old(given), { mtime: OLD });
  return path;
}

/** What tells whether anything below a folder was touched at all: inodes with their times of change. */
function fingerprints(path: string): string[] {
  const out: string[] = [];
  for (const name of readdirSync(path, { recursive: true, encoding: 'latin1' })) {
    const { ino, ctimeNs } = lstatSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from(name, 'latin1')]), { bigint: true });
    out.push(`${name} ${ino} ${ctimeNs}`);
  }
  return out.sort();
}

const UNTOLD = /^(?:sending incremental file list|building file list|delta-transmission |total: matches|sent [\d,.KMG]+ bytes|total size is )/;

/** Lines that carry meaning; where a folder is said not to be empty, once is enough. */
export function meaningful(stdout: string | string[]): string[] {
  const lines = (typeof stdout === 'string' ? linesOf(stdout) : stdout).filter((line) => line !== '' && !UNTOLD.test(line));
  return lines.filter((line, at) => !line.startsWith('cannot delete non-empty') || lines.indexOf(line) === at);
}

/** Runs twintree's sync in this process with `cwd` as its working folder. */
export async function ours(args: string[], cwd: string): Promise<Told> {
  const before = process.cwd();
  process.chdir(cwd);
  try {
    const { code, lines, stderr } = await sync(args);
    return { code, lines: meaningful(lines), stderr };
  } catch (error) {
    const { exitCode, text } = describeError(error, false);
    if (exitCode === 13) throw error; // a fault of the program is no result
    return { code: exitCode, lines: [], stderr: text };
  } finally {
    process.chdir(before);
  }
}

/** Runs rsync there. */
export function theirs(args: string[], cwd: string): Told {
  const { code, stdoutBytes, stderr } = rsync(args, { cwd });
  return { code: code ?? -1, lines: meaningful(stdoutBytes.toString('latin1')), stderr };
}

/** Both times were set by the runs, moments apart. */
function bothNew({ what, a, b }: Difference): boolean {
  if (!what.endsWith('mtime')) return false;
  const hourAgo = BigInt(Date.now() - 3_600_000) * 1_000_000n;
  return BigInt(String(a)) > hourAgo && BigInt(String(b)) > hourAgo;
}

/** All that differs between two work folders, except times that runs have set. */
export function differences(a: string, b: string): Difference[] {
  return compareTrees(a, b, { root: false }).filter((difference) => !bothNew(difference));
}

/** Compares as told above. Returns what twintree told, and where it worked. */
export async function asRsync(folder: TempFolder, { given, args, ...by }: RsyncCase): Promise<{ told: Told; work: string; peer: string }> {
  const [peer, work, dry] = [make(folder, 'peer', given), make(folder, 'work', given), make(folder, 'dry', given)];
  const untouched = fingerprints(dry);
  const own = by.moves === true ? args : ['--no-detect-moves', ...args];

  const rsyncs = theirs(args, peer);
  const told = await ours(own, work);
  const because = `\nrsync: ${rsyncs.stderr}\ntwintree: ${told.stderr}`;
  assert.deepStrictEqual({ rsync: rsyncs.code, ours: told.code }, { rsync: rsyncs.code, ours: rsyncs.code }, `exit codes${because}`);
  const order = (lines: string[]): string[] => (by.ordered === true ? lines : [...lines].sort());
  assert.deepStrictEqual(order(told.lines), order(by.lines === undefined ? rsyncs.lines : by.lines(rsyncs.lines)), `lines${because}`);
  assert.deepStrictEqual(differences(peer, work).filter((d) => by.differs?.(d) !== true), [], `the work folders differ${because}`);

  const planned = await ours(['--threads=1', '-n', ...own], dry);
  if (by.planned !== false) assert.deepStrictEqual(planned.lines, told.lines, 'the dry run tells other lines than the run');
  assert.deepStrictEqual(fingerprints(dry), untouched, 'the dry run has changed something');

  if (by.again !== false && told.code === 0) {
    const again = await ours(['--threads=1', ...own], work);
    assert.deepStrictEqual({ code: again.code, lines: again.lines }, { code: 0, lines: [] }, 'a second run has something to do');
  }
  return { told, work, peer };
}

