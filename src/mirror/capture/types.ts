/**
 * What capture says besides hints: conditions (something is not seen as it should be, with the answer that was given) and its
 * own state. And the inner interface: what a backend is given and must do.
 */
import type { ByteString, RelPath } from '../../tree/index.js';
import type { HintReason, HintScope } from '../hint.js';

export type BackendName = 'fanotify' | 'inotify' | 'chokidar';
export type BackendChoice = 'auto' | BackendName;

/**
 * What happened to capture itself. `overflow`: the kernel dropped events. `watch-limit`: no more watches for this user.
 * `permission`: a folder may not be read, so what happens in it is not seen. `root-lost`: the root is gone, unmounted, or
 * another one stands there; nothing is seen until `root-back`. `mount`: a file system came or went below the root, or one
 * cannot be watched. `queue-full`: hints came faster than they were taken, and were made coarser. `trouble`: anything else that
 * may have cost events.
 */
export type ConditionKind = 'overflow' | 'watch-limit' | 'permission' | 'root-lost' | 'root-back' | 'mount' | 'queue-full' | 'trouble';

/** A condition. It has been answered already: `answer` tells how, the hints come by themselves. */
export interface Condition {
  readonly kind: ConditionKind;
  readonly path: RelPath;
  /** One sentence for people, without the path. */
  readonly message: string;
  /**
   * `dirty`: hints for all that is in doubt follow. `sweep`: there is no watch; hints for it come by the clock. `wait`: nothing is
   * told until it is over, then all is dirty. `none`: nothing was lost.
   */
  readonly answer: 'dirty' | 'sweep' | 'wait' | 'none';
  readonly at: number;
}

/** Which folders need no watch. Asked for folders only; true leaves out the folder and all below. */
export type Prune = (path: RelPath) => boolean;

export interface BackendOptions {
  /** The root, absolute. Symlinks on the way to it are followed, as a sync does. */
  readonly root: ByteString;
  /** Stay on the root's file system (-x). */
  readonly oneFileSystem: boolean;
  readonly prune: Prune;
  /** Watches that may be used, for tests and shared machines; the kernel's own limit comes on top. */
  readonly mostWatches: number;
  /** How often what has no watch is told as dirty, and the root is looked at, ms. */
  readonly sweepMs: number;
  readonly rootCheckMs: number;
  /** Bytes of the buffer for events. */
  readonly bufferBytes: number;
}

/** Where a backend says what it sees. */
export interface Sink {
  hint(path: RelPath, scope: HintScope, reason: HintReason, more?: { gone?: boolean; complete?: boolean; from?: RelPath }): void;
  condition(kind: ConditionKind, path: RelPath, message: string, answer: Condition['answer']): void;
}

/** Shared counters, each a 64-bit float. */
export const Counter = { Events: 0, Watches: 1, Unwatched: 2, Hints: 3, Coarsened: 4, Overflows: 5, State: 6, LastEvent: 7, Length: 8 } as const;
export const States = ['starting', 'watching', 'lost', 'stopped'] as const;
export type CaptureState = (typeof States)[number];

/**
 * A backend whose events the kernel keeps in a queue that can be polled. It holds no handle on the tree between calls, so that a
 * file system can be unmounted while it is watched. All calls are made by one thread.
 */
export interface QueueBackend {
  readonly name: BackendName;
  /** Handle to poll; -1 while there is none. It changes when the queue is made anew. */
  readonly fd: number;
  /** What it does not see, sentences for people. */
  readonly notes: readonly string[];
  /** Sets all watches. A reason why it cannot serve here, or undefined: it watches. */
  start(now: number): string | undefined;
  /** Takes what the queue holds, as much as fits into the buffer; false: it is empty. */
  read(now: number): boolean;
  /** The mount table has changed. */
  mountsChanged(now: number): void;
  /** Called at least every `rootCheckMs`: looks at the root, sweeps what has no watch. */
  tick(now: number): void;
  /** Takes what stands at the root's path now for the root. */
  adopt(now: number): void;
  readonly state: CaptureState;
  readonly watches: number;
  readonly unwatched: number;
  readonly events: number;
  readonly overflows: number;
  close(): void;
}
