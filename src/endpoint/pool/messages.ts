/** What the main thread and its workers say to each other. Plain data. */
import { wakeBraked } from '../../fs/index.js';
import type { ErrorCode, Problem, RelPath } from '../../tree/index.js';
import type { HashStore } from '../content-hashes.js';
import type { SumStore } from '../kept-sums.js';
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
  /** There is a limit of bytes a second (SharedState), or there may come one while it runs. */
  paced: boolean;
  /** A kept plan is carried out: each path is looked at again. When the run began, milliseconds since 1970. */
  exactSince?: number;
  /** Where hashes of what is written are kept; with --state. */
  hashes?: HashStore;
  /** Where sums of large files are kept; with --state. */
  sums?: SumStore;
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
  /** The session is over: what is open is closed, and nothing of it stays. */
  | { kind: 'leave' }
  /** First of all for a thread that has left another session. */
  | { kind: 'session'; memory: SharedArrayBuffer; slot: number }
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
  /** What was open of the session is closed. */
  | { kind: 'left' }
  /** What stops the whole run, once: the connection to the source is lost. Other answers that are due do not come. */
  | { kind: 'failed'; code: ErrorCode; message: string; advice: string | undefined };

/** Milliseconds: less is not waited for. */
const LEAST_WAIT = 5;

/** Memory that all threads of a session share. */
export class SharedState {
  private readonly ints: Int32Array;
  private readonly bytes: Float64Array;
  private readonly due: Float64Array; // when the common budget is free again, ms; the limit, bytes a second

  constructor(readonly memory: SharedArrayBuffer = new SharedArrayBuffer(64 + 66 * 8)) {
    this.ints = new Int32Array(memory, 0, 16);
    this.bytes = new Float64Array(memory, 64, 64);
    this.due = new Float64Array(memory, 64 + 64 * 8, 2);
  }

  /** --bwlimit: most bytes a second that all threads together copy from now on; 0: no limit. Whoever waits looks again. */
  limit(bytesPerSecond: number): void {
    this.locked(() => {
      this.due[0] = 0; // what was spent at the old rate is forgotten: it may be long at a low one
      this.due[1] = bytesPerSecond;
    });
    Atomics.add(this.ints, 4, 1);
    Atomics.notify(this.ints, 4);
  }

  /** Whether there is a limit now. */
  get limited(): boolean { return (this.due[1] as number) > 0; }

  /** Spends `bytes` of the common budget at the time `now` (milliseconds, the same clock in all threads), and waits until it is due, or the limit changes. */
  spend(bytes: number, now: number): void {
    const seen = Atomics.load(this.ints, 4);
    const wait = this.locked(() => {
      const rate = this.due[1] as number;
      if (rate <= 0) return 0;
      const due = Math.max(this.due[0] as number, now) + (bytes / rate) * 1000;
      this.due[0] = due;
      return due - now;
    });
    if (wait > LEAST_WAIT) Atomics.wait(this.ints, 4, seen, wait);
  }

  private locked<T>(act: () => T): T {
    while (Atomics.compareExchange(this.ints, 3, 0, 1) !== 0); // held for a few instructions only
    const result = act();
    Atomics.store(this.ints, 3, 0);
    return result;
  }

  get aborted(): boolean { return Atomics.load(this.ints, 0) !== 0; }
  /** Ends the work. `cutOff`: the client comes back, and what was begun is kept for it. The first call counts. */
  abort(cutOff = false): void {
    Atomics.compareExchange(this.ints, 0, 0, cutOff ? 2 : 1);
    Atomics.add(this.ints, 4, 1); // who waits for the common budget
    Atomics.notify(this.ints, 4);
    wakeBraked();
  }
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
