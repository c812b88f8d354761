/**
 * Temporary folders of tests, and what else must be undone when a test process ends.
 *
 * Promises that everything registered here is undone at the latest when the process exits, also after a failure; and
 * that temporary folders, with what is mounted in them, go even where a signal ends the process (the helper does that).
 */
import { mkdtempSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, bytePath } from './helper.js';

export { REPOSITORY } from './helper.js';

type Undo = () => void;
const undoes: Undo[] = [];
let hooked = false;

/** Runs `undo` when the process exits, unless the returned function is called before; that runs it at once. */
export function undoAtExit(undo: Undo): Undo {
  if (!hooked) {
    hooked = true;
    process.on('exit', undoAll);
  }
  undoes.push(undo);
  return () => {
    const at = undoes.indexOf(undo);
    if (at < 0) return; // undone before
    undoes.splice(at, 1);
    undo();
  };
}

/** Undoes in the opposite order of doing; one failure does not keep the rest from being undone. */
function undoAll(): void {
  for (let undo = undoes.pop(); undo !== undefined; undo = undoes.pop()) {
    try {
      undo();
    } catch (error) {
      process.stderr.write(`clean-up after tests: ${String(error)}\n`);
      process.exitCode ||= 1;
    }
  }
}

/** A temporary folder of its own; `remove` deletes it with all its contents, whatever their permissions. */
export interface TempFolder {
  readonly path: string;
  /** `path/name…`, for names that are plain text. */
  at(...names: string[]): string;
  remove(): void;
}

/** Makes a temporary folder. Other users may pass through it but not list it. */
export function tempFolder(label = 'test', parent: string = tmpdir()): TempFolder {
  const path = mkdtempSync(join(parent, `twintree-${label}-`));
  ask('keep', { path: bytePath(path) });
  chmodSync(path, 0o711);
  return { path, at: (...names) => join(path, ...names), remove: undoAtExit(() => removeTree(path)) };
}

/**
 * Deletes a tree: any name, any depth, folders without permissions. The helper's `rm` works below folder handles, which
 * Node's own rmSync does not. Throws where something is still mounted inside.
 */
export function removeTree(path: string): void {
  ask('remove', { path: bytePath(path) });
}

/** In a `describe`: a fresh temporary folder for each test, removed after it. Read `.path` inside the tests only. */
export function useTempFolder(label?: string): TempFolder {
  let current: TempFolder | undefined;
  beforeEach('make a temporary folder', () => {
    current = tempFolder(label);
  });
  afterEach('remove the temporary folder', () => {
    current?.remove();
    current = undefined;
  });
  const now = (): TempFolder => {
    if (current === undefined) throw new Error('the temporary folder exists only while a test runs');
    return current;
  };
  return {
    get path() { return now().path; },
    at: (...names) => now().at(...names),
    remove: () => now().remove(),
  };
}
