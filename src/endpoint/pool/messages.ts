/** What the main thread and its workers say to each other. Plain data. */
import type { ErrorCode, Problem, RelPath } from '../../tree/index.js';
import type { HashStore } from '../content-hashes.js';
import type { ApplyCounters } from '../apply/index.js';
import type { FolderRun, Mount, ScanFindings, ScanSetup } from '../scan/index.js';
import type { SessionOptions } from '../../plan/index.js';
import type { ChannelEnd } from '../remote/channel.js';
import type { RemoteSetup } from '../remote/remote-source.js';

/** What carrying out needs beside the plan; handles belong to the process. */
export interface ApplySetup {
  options: SessionOptions;
  umask: number;
  targetRoot: number;
  altRoots: number[];
  backupRoot: number;
  tempRoot: number;
  mounts: Mount[];
  targetFollowed: Set<RelPath>;
  alias: ScanSetup['alias'];
  sessionTag: string;
  marksIncomplete: boolean;
  /** A kept plan is carried out: each path is looked at again. When the run began, milliseconds since 1970. */
  exactSince?: number;
  /** Where hashes of what is written are kept; with --state. */
  hashes?: HashStore;
}

/** Operations of one folder, encoded. */
export interface ApplyPart {
  path: RelPath;
  fresh: boolean;
  setgid: boolean;
  gid: number;
  defaultAcl: boolean | undefined;
  bytes: Uint8Array;
}

/** What became of one batch. */
export interface BatchResult {
  counters: ApplyCounters;
  problems: Problem[];
  /** Ordinals (over all parts, notes included) of operations that failed or were not reached. */
  failed: number[];
  /** Those that an earlier run of the same plan had done; only with `exactSince`. */
  skipped?: number[];
}

/** Two files to compare, as paths below a mount and below the target root. */
export interface ComparePair { layer: number; source: RelPath; target: RelPath; size: number }

export type ToWorker =
  /** First of all, where the source is on another host: the thread's own channels to it. Their ports are transferred. */
  | { kind: 'link'; stream: ChannelEnd; questions: ChannelEnd; setup: RemoteSetup }
  | { kind: 'scan'; setup: ScanSetup }
  | { kind: 'walk'; task: number; run: FolderRun }
  | { kind: 'finish-scan' }
  | { kind: 'apply-setup'; setup: ApplySetup }
  | { kind: 'apply'; id: number; parts: ApplyPart[] }
  | { kind: 'compare'; id: number; pairs: ComparePair[]; mounts: number[]; target: number }
  /** The end: what is open is closed, and the thread is over. */
  | { kind: 'close' };

export type FromWorker =
  | { kind: 'chunk'; task: number; stream: 0 | 1; bytes: Uint8Array }
  | { kind: 'hole'; task: number; hole: number }
  | { kind: 'given'; hole: number; run: FolderRun }
  | { kind: 'walked'; task: number }
  | { kind: 'findings'; findings: ScanFindings }
  | { kind: 'applied'; id: number; result: BatchResult }
  | { kind: 'compared'; id: number; same: boolean[] }
  /** What stops the whole run, once: the connection to the source is lost. Other answers that are due do not come. */
  | { kind: 'failed'; code: ErrorCode; message: string; advice: string | undefined };

/** Memory that all threads of a session share. */
export class SharedState {
  private readonly ints: Int32Array;
  private readonly bytes: Float64Array;
  private readonly due: Float64Array;

  constructor(readonly memory: SharedArrayBuffer = new SharedArrayBuffer(64 + 65 * 8)) {
    this.ints = new Int32Array(memory, 0, 16);
    this.bytes = new Float64Array(memory, 64, 64);
    this.due = new Float64Array(memory, 64 + 64 * 8, 1);
  }

  /**
   * Spends `cost` milliseconds of the common budget at the time `now` (milliseconds, the same clock in all threads) and
   * returns how long the caller has to wait.
   */
  spend(cost: number, now: number): number {
    while (Atomics.compareExchange(this.ints, 3, 0, 1) !== 0); // held for the few instructions below only
    const due = Math.max(this.due[0] as number, now) + cost;
    this.due[0] = due;
    Atomics.store(this.ints, 3, 0);
    return due - now;
  }

  get aborted(): boolean { return Atomics.load(this.ints, 0) !== 0; }
  /** Ends the work. `cutOff`: the client comes back, and what was begun is kept for it. The first call counts. */
  abort(cutOff = false): void { Atomics.compareExchange(this.ints, 0, 0, cutOff ? 2 : 1); }
  get cutOff(): boolean { return Atomics.load(this.ints, 0) === 2; }

  /** How many walkers wait for work. */
  get hungry(): number { return Atomics.load(this.ints, 1); }
  addHungry(n: number): void { Atomics.add(this.ints, 1, n); }

  /** Entries seen by all walkers. */
  get scanned(): number { return Atomics.load(this.ints, 2) >>> 0; }
  addScanned(n: number): void { Atomics.add(this.ints, 2, n); }

  /** Content bytes done, summed over the threads; each thread writes its own slot (0–63). */
  get contentBytes(): number { return this.bytes.reduce((sum, n) => sum + n, 0); }
  addContentBytes(slot: number, n: number): void { this.bytes[slot] = (this.bytes[slot] as number) + n; }
}
