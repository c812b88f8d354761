/** The two roots of apply's tests, made for each test, and what most of them assert. */
import assert from 'node:assert';
import { mkdirSync } from 'node:fs';
import { assertSameTree, treePaths, useTempFolder, type TempFolder } from '../support/index.js';
import { leftovers, withBench, type BenchOptions } from './apply-bench.js';

/** In a `describe`: a temporary folder for each test with an empty source and an empty target in it, whose paths `tell` is given. */
export function useRoots(label: string, tell: (source: string, target: string) => void): TempFolder {
  const temp = useTempFolder(label);
  beforeEach('make a source and a target', () => {
    const roots = [temp.at('s'), temp.at('t')] as const;
    for (const root of roots) mkdirSync(root);
    tell(...roots);
  });
  return temp;
}

/** Makes the target equal; nothing may be told. */
export function syncQuietly(source: string, target: string, more: BenchOptions = {}): void {
  withBench(source, target, more, (bench) => {
    bench.sync();
    assert.deepStrictEqual(bench.told, []);
  });
}

/** The trees are equal but for their roots, and no temporary name is left. */
export function assertClean(source: string, target: string): void {
  assertSameTree(source, target, { root: false });
  assert.deepStrictEqual(leftovers(treePaths(target)), []);
}
