/** Targets whose kernel refuses to rename a name, or whose session ends among its renames; places for random changes of a tree. */
import { lstatSync, readdirSync } from 'node:fs';
import { loadPosix, type Posix } from '../../src/fs/index.js';
import { tampered } from '../endpoint/apply-bench.js';
import type { Dice } from '../support/index.js';

export function posixRefusing(name: string): Posix {
  const real = loadPosix();
  return tampered({
    renameNoReplace: (at, from, toAt, to) => (from === name ? -16 : real.renameNoReplace(at, from, toAt, to)),
    rename: (at, from, toAt, to) => (from === name ? -16 : real.rename(at, from, toAt, to)),
  }, real);
}

/** After so many renames the session is told to end: what comes behind them is not done. */
export function posixEndingAfter(renames: number): { posix: Posix; signal: AbortSignal } {
  const real = loadPosix();
  const controller = new AbortController();
  let left = renames;
  const posix = tampered({
    renameNoReplace: (at, from, toAt, to) => {
      const result = real.renameNoReplace(at, from, toAt, to);
      if (--left === 0) controller.abort();
      return result;
    },
  }, real);
  return { posix, signal: controller.signal };
}

/** A name somewhere in a tree, there or not yet; `all`: what the tree holds. */
export function somewhere(dice: Dice, root: string): { all: string[]; name: string; at: string; there: boolean } {
  const all = (readdirSync(root, { recursive: true }) as string[]).toSorted();
  const folders = ['', ...all.filter((name) => lstatSync(`${root}/${name}`).isDirectory())];
  const folder = folders[dice.below(folders.length)] as string;
  const name = `${folder}${folder === '' ? '' : '/'}${'abcd'[dice.below(4)] ?? 'a'}`;
  return { all, name, at: `${root}/${name}`, there: all.includes(name) };
}
