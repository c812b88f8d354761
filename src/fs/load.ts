/**
 * load: which implementation of `Posix` this thread uses. The native one where its FFI package loads and
 * answers, else the portable one; `TWINTREE_NO_FFI=1` asks for the portable one. Nothing is loaded on import.
 * A process that was bound to a folder has calls that stay below it, in every thread.
 */
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { StatTable, type ByteString } from '../tree/index.js';
import { braked } from './brake.js';
import { ConfinedPosix, type Confinement } from './confined.js';
import { Errno } from './errno.js';
import { libcIsKnown } from './libc.js';
import { NativePosix } from './native.js';
import { PortablePosix } from './portable.js';
import type { Posix } from './posix.js';
import { readFileAt } from './read-file.js';
import { readWholeFile } from './temp.js';

let loaded: Posix | undefined;
let working: Posix | undefined;
let own: Posix | undefined;
let failure: string | undefined;

/** Under this name the threads of a process that is bound to a folder find it. */
const BOUND = 'twintree.confinement';

/** This thread's `Posix`; the same object at each call. Where the process is bound to a folder, it stays below it. */
export function loadPosix(): Posix {
  return (loaded ??= confined(loadOwnPosix()));
}

/** As `loadPosix`, for who works on trees: held to what the process may use (brake.ts). */
export function loadWorkingPosix(): Posix {
  return (working ??= braked(loadPosix()));
}

/** The calls for the program's own files (state, temporary files): never bound to a folder. No path from another host may reach them. */
export function loadOwnPosix(): Posix {
  return (own ??= choose());
}

/** Forgets what was loaded in this thread: the process is another user's now. */
export function reloadPosix(): void {
  loaded = undefined;
  working = undefined;
  own = undefined;
}

/** Binds this process, with all threads that it starts from now on, to a folder, for good. */
export function confineProcess(confinement: Confinement): void {
  if (getEnvironmentData(BOUND) !== undefined) throw new Error('a process is bound to one folder only');
  setEnvironmentData(BOUND, confinement as unknown as Parameters<typeof setEnvironmentData>[1]);
  loaded = undefined;
  working = undefined;
}

/** Content of a rule file by its absolute path, or a negated errno. Where the process is bound to a folder, that one is `/`. */
export function readRuleFile(path: ByteString): Buffer | number {
  if (getEnvironmentData(BOUND) === undefined) return readWholeFile(path);
  const posix = loadPosix();
  const root = posix.openRoot('/' as ByteString);
  if (root < 0) return root;
  const content = readFileAt(posix, root, path.replace(/^\/+/, '') as ByteString);
  posix.close(root);
  return content ?? -Errno.ENOENT;
}

function confined(posix: Posix): Posix {
  const confinement = getEnvironmentData(BOUND) as unknown as Confinement | undefined;
  return confinement === undefined ? posix : new ConfinedPosix(posix, confinement, new StatTable(1));
}

/** Why the portable implementation was taken, for a notice; undefined where the native one serves. */
export function portableReason(): string | undefined {
  loadPosix();
  return failure;
}

function choose(): Posix {
  if (process.env['TWINTREE_NO_FFI'] === '1') failure = 'TWINTREE_NO_FFI is set';
  else if (!libcIsKnown()) failure = `no native calls for ${process.platform} on ${process.arch}`;
  else {
    try {
      const native = new NativePosix();
      failure = refusal(native);
      if (failure === undefined) return native;
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
  }
  return new PortablePosix();
}

/** A sandbox may forbid a call that everything stands on: ask once. */
function refusal(posix: Posix): string | undefined {
  const fd = posix.openRoot('/' as ByteString);
  if (fd < 0) return `openat answers ${fd}`;
  const stat = posix.fstat(fd, new StatTable(1), 0);
  posix.close(fd);
  return stat === 0 ? undefined : `statx answers ${stat}`;
}
