/**
 * load: which implementation of `Posix` this thread uses. The native one where its FFI package loads and
 * answers, else the portable one; `TWINTREE_NO_FFI=1` asks for the portable one. Nothing is loaded on import.
 */
import { StatTable, type ByteString } from '../tree/index.js';
import { libcIsKnown } from './libc.js';
import { NativePosix } from './native.js';
import { PortablePosix } from './portable.js';
import type { Posix } from './posix.js';

let loaded: Posix | undefined;
let failure: string | undefined;

/** This thread's `Posix`; the same object at each call. */
export function loadPosix(): Posix {
  return (loaded ??= choose());
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
