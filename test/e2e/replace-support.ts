/**
 * Two copies of one scene, one for rsync and one for twintree: the same options on both, then everything is compared
 * that the two can be seen to have done (trees, source, backups, exit codes, printed lines).
 *
 * In arguments and folder names `@` stands for the scene's own folder; `@/src/` and `@/dst/` are the usual roots.
 */
import assert from 'node:assert';
import { readdirSync } from 'node:fs';
import type { Outcome } from '../../src/session/index.js';
import { assertSameTree, dir, makeTree, rsync, runSmall, tempFolder, time, type Aspect, type Tree } from '../support/index.js';
import { linesOf, sync } from './attributes-support.js';

/** A time that no file gets by itself. */
export const THEN = time(1_600_000_000, 123_456_789);
/** Another one, later. */
export const LATER = time(1_700_000_000, 987_654_321);

/** What one run did and printed. */
export interface Ran {
  code: number;
  /** Lines of -i and the like, sorted. */
  lines: string[];
  errors: string;
  outcome?: Outcome;
}

/** Runs twintree's command line in this process, as `twintree sync ARGS…` would. */
export async function runHere(args: readonly string[]): Promise<Ran> {
  const { code, lines, stderr, outcome } = await sync(args);
  return { code, lines: lines.sort(), errors: stderr, outcome };
}

/** rsync with the same arguments. */
export function runPeer(args: readonly string[]): Ran {
  const done = rsync(args);
  return { code: done.code ?? -1, lines: linesOf(done.stdout).sort(), errors: done.stderr };
}

/** Turns rsync's lines into those expected of twintree, where the two agree on what is done but not on how it is told. */
export type Told = (lines: string[]) => string[];

/** A scene: folders by name (below `@`), and how the runs are compared. */
export interface Scene {
  folders: Record<string, Tree>;
  /** Everything, with `@` for the scene's folder. `-i` is added. */
  args: string[];
  /** Where the scene is made; default the system's temporary folder. */
  parent?: string;
  /** Done in each copy before its run. */
  prepare?: (at: string) => void;
  /** Aspects in which the two may differ, by the whole scene. */
  ignore?: Aspect[];
  /** Paths below the scene's folder that are not compared. */
  except?: string[];
  /** How rsync's lines are turned into those expected of twintree. */
  told?: Told;
  /** Expected exit code of both. Default 0. */
  code?: number;
  /** A second run has something to do (it is meant so: -I, --remove-source-files …). */
  restless?: boolean;
  /** Leave the lines out of the comparison: what is printed is asserted by the test itself. */
  silent?: boolean;
}

/** Both copies after their runs, for further looks. */
export interface Result {
  /** Folder in which rsync worked, and in which twintree did. */
  peer: string;
  mine: string;
  peerRan: Ran;
  ran: Ran;
  remove(): void;
}

/** Makes the scene's folders below `at`. */
export function stage(at: string, folders: Record<string, Tree>): void {
  makeTree(at, Object.fromEntries(Object.entries(folders).map(([name, tree]) => [name, dir(tree, { mtime: THEN })])));
}

/** An exact copy of a tree: times, links, holes, owners, ACLs and attributes. */
export function copyTree(from: string, to: string): void {
  const done = runSmall('cp', '-a', '--sparse=always', '--', from, to);
  assert.strictEqual(done.status, 0, done.stderr);
}

function placed(args: readonly string[], at: string): string[] {
  return args.map((arg) => arg.replaceAll('@', at));
}

/**
 * Runs the scene with both, and asserts that exit codes, trees and lines are the same, that twintree's dry run announced
 * its lines, that a second run has nothing to do, and that no temporary name is left.
 */
export async function sideBySide(scene: Scene): Promise<Result> {
  const home = tempFolder('beside', scene.parent);
  try {
    const peer = home.at('r');
    const mine = home.at('t');
    stage(peer, scene.folders);
    copyTree(peer, mine);
    for (const at of [peer, mine]) scene.prepare?.(at);
    const peerRan = runPeer(['-i', ...placed(scene.args, peer)]);
    const planned = await runHere(['--threads=1', '-i', '-n', ...placed(scene.args, mine)]);
    const ran = await runHere(['-i', ...placed(scene.args, mine)]);
    const context = `\nargs: ${scene.args.join(' ')}\nrsync: ${peerRan.code}\n${peerRan.lines.join('\n')}\n${peerRan.errors}twintree: ${ran.code}\n${ran.lines.join('\n')}\n${ran.errors}`;
    assert.strictEqual(peerRan.code, scene.code ?? 0, `rsync's exit code${context}`);
    assert.strictEqual(ran.code, scene.code ?? 0, `twintree's exit code${context}`);
    try {
      assertSameTree(peer, mine, { root: false, ...(scene.ignore === undefined ? {} : { ignore: scene.ignore }), ...(scene.except === undefined ? {} : { except: scene.except }) });
    } catch (error) {
      assert.fail(`${String(error)}${context}`);
    }
    if (scene.silent !== true) {
      const told = scene.told ?? ((lines) => lines);
      assert.deepStrictEqual(unplaced(ran.lines, mine), told(unplaced(peerRan.lines, peer)).sort(), `lines${context}`);
      assert.deepStrictEqual(planned.lines, ran.lines, `a dry run tells the same${context}`);
    }
    assertNoLeftovers(mine);
    if (scene.restless !== true) {
      const again = await runHere(['--threads=1', '-i', ...placed(scene.args, mine)]);
      // A folder that holds something protected is named in every run, as rsync does.
      assert.deepStrictEqual([again.code, again.lines.filter((line) => !line.startsWith('cannot delete non-empty'))], [0, []], `a second run has nothing to do${context}${again.errors}`);
    }
    return { peer, mine, peerRan, ran, remove: home.remove };
  } catch (error) {
    home.remove();
    throw error;
  }
}

function unplaced(lines: readonly string[], at: string): string[] {
  return lines.map((line) => line.replaceAll(at, '@'));
}

/** Runs the scene side by side and cleans up. */
export async function check(scene: Scene): Promise<void> {
  (await sideBySide(scene)).remove();
}

/** Fails where a temporary name of twintree, or its waiting folder, is left anywhere below. */
export function assertNoLeftovers(at: string): void {
  assert.deepStrictEqual(leftovers(at), [], 'no temporary names are left');
}

/** Temporary names below a folder. */
export function leftovers(at: string): string[] {
  return readdirSync(at, { recursive: true, encoding: 'latin1' }).filter((path) => path.split('/').some((part) => part.startsWith('.~twintree-') || part === '.~tmp~'));
}
