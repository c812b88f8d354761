/** What the supplier's main thread and its threads say to each other, and what a supplier is given. Plain data. */
import type { Seed } from '../../hash/index.js';
import type { SessionOptions } from '../../plan/index.js';
import type { Compression } from '../../wire/index.js';
import type { SumStore } from '../kept-sums.js';
import type { FilterPlace } from '../scan/filters.js';
import type { SelectionNode } from '../scan/selection.js';
import type { Mount } from '../scan/types.js';

/** When frames are compressed: where the link is slower than reading, always where it pays, never. */
export type Compressing = 'auto' | 'on' | 'off';

/** Everything a supplier must know. The mounts' handles stay the caller's. */
export interface SupplySetup {
  options: SessionOptions;
  mounts: Mount[];
  selection: SelectionNode;
  filterPlace: FilterPlace;
  /** Key of all sums of the session. */
  seed: Seed;
  /** Supply threads at most. */
  threads: number;
  compression: Compressing;
  /** What the session can expand, as its Hello said; brotli alone without it. */
  expands?: Compression;
  /** What is known of the link (remote/link-messages.ts: Counter). */
  link?: SharedArrayBuffer;
  /** What is supplied is recorded: nothing is told by its digest alone. */
  whole?: boolean;
  /** Where sums of what is sent are kept; with --state. */
  sums?: SumStore;
}

/** First data of a supply thread. `run` tells the threads of a bundle apart. */
export interface SupplyThreadData { run: 'supply' }

export type ToSupplyThread =
  /** A session begins; it is over when `memory` says so. */
  | { kind: 'session'; memory: SharedArrayBuffer; ahead: SharedArrayBuffer; setup: SupplySetup }
  | { kind: 'requests'; channel: number; slot: number; flags: number; payload: Uint8Array }
  /** The thread is over, between two sessions. */
  | { kind: 'close' };

export type FromSupplyThread =
  | { kind: 'items'; channel: number; flags: number; payload: Uint8Array }
  /** The session is over, and what was open of it is closed. */
  | { kind: 'left' }
  /** The session broke the protocol (`code`: a WireError's), or something failed that no request can cause. */
  | { kind: 'failed'; code: string | undefined; message: string };
