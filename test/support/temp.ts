/**
 * Temporary folders of tests, and what else must be undone when a test process ends.
 *
 * Promises that everything registered here is undone at the latest when the process exits, also after a
 * failure or Ctrl-C (not after SIGKILL). Names here are byte strings: one unit per byte.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository: the tests run from build/test/…, whatever the build folder is called. */
export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));

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
  chmodSync(path, 0o711);
  return { path, at: (...names) => join(path, ...names), remove: undoAtExit(() => removeTree(path)) };
}

/**
 * Deletes a tree: any name, any depth, folders without permissions. `rm` works below folder handles, which
 * Node's own rmSync does not; it never crosses into a file system that is still mounted inside.
 */
export function removeTree(path: string): void {
  const first = spawnSync('rm', ['-rf', '--one-file-system', '--', path], { encoding: 'utf8' });
  if (first.status === 0) return;
  spawnSync('chmod', ['-R', 'u+rwX', '--', path]);
  const second = spawnSync('rm', ['-rf', '--one-file-system', '--', path], { encoding: 'utf8' });
  if (second.status !== 0) throw new Error(`cannot remove ${path}: ${second.stderr}`);
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
