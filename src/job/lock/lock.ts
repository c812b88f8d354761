/**
 * JobLock: a job runs once at a time, whoever starts it: the system's cron, a person, the agent. The lock is the kernel's, so it goes with its
 * holder however that ends. A second lock is the place of one who waits: whoever comes third finds that a run that has not begun yet will do
 * his work. A holder that is to stop for the next one is told by a note beside the lock, for it may be one of many runs in one process; only
 * where it is deaf to that, and is a process for this run alone, it gets SIGTERM.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { errnoText, makeFolders, processStart, readWholeFile, replaceFile, signalProcess, type Posix } from '../../fs/index.js';
import { NoteLock, pairName } from '../../state/index.js';
import { fromText, TwintreeError, type ByteString } from '../../tree/index.js';

/** What a run does that finds another one of its job at work. */
export type OverlapPolicy = 'skip' | 'queue' | 'cancel-previous';

/** Who holds a job's lock. */
export interface JobHolder {
  pid: number;
  /** Since when, ms since 1970: the start of its run. */
  since: number;
  /** `processStart` of it; null where the system does not tell. */
  started: string | null;
  /** The process is there for this run alone. */
  own: boolean;
}

export interface LockRequest {
  /** For the program's own files: `loadOwnPosix()`. */
  readonly posix: Posix;
  /** `stateFolder()`, absolute. */
  readonly stateFolder: ByteString;
  readonly job: string;
  readonly policy: OverlapPolicy;
  /** This process runs nothing else: it may be told to stop by SIGTERM. */
  readonly own: boolean;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Told once where it has to wait. */
  waits?(holder: JobHolder | undefined): void;
  /** Milliseconds since 1970 (Date.now). */
  readonly clock?: () => number;
  /** Milliseconds from the note to SIGTERM, and to giving up: the run before may have hooks to run at its end. */
  readonly patience?: { readonly signalMs: number; readonly giveUpMs: number };
}

const PATIENCE = { signalMs: 10_000, giveUpMs: 600_000 } as const;
/** Milliseconds between two looks at the lock, and at whether this run is to stop. */
const LOOK = 200;
const LOCK = 'lock' as ByteString;
const QUEUE = 'queue' as ByteString;
const STOP = 'stop' as ByteString;
const LIMIT = 1024;

export class JobLock {
  private watch: NodeJS.Timeout | undefined;

  /** Use `take`. @param at the open job folder, closed by `release`. */
  constructor(private readonly posix: Posix, private readonly folder: ByteString, private readonly at: number, private readonly lock: NoteLock, readonly holder: JobHolder) {}

  /**
   * Takes the lock, as the policy says. Undefined: another run is at work (or, with `queue` and `cancel-previous`, one waits already), and this one is not
   * to be.
   * @throws TwintreeError IO; LOCKED where the run before does not end; what `signal` was aborted with.
   */
  static async take(request: LockRequest): Promise<JobLock | undefined> {
    const { posix } = request;
    const folder = jobFolder(request.stateFolder, request.job);
    const at = makeFolders(posix, folder, 0o700);
    if (at < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-at)}`, { path: folder, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
    let lock: JobLock | undefined;
    try {
      lock = attempt(request, folder, at) ?? (request.policy === 'skip' ? undefined : await inLine(request, folder, at));
      return lock;
    } finally {
      if (lock === undefined) posix.close(at);
    }
  }

  /** Calls `stop` once, when the next run asks for this one's place. Until `release`. */
  onStop(stop: () => void): void {
    this.watch = setInterval(() => {
      const text = readWholeFile(`${this.folder}/${STOP}` as ByteString, LIMIT);
      const asked = typeof text === 'number' ? undefined : parseHolder(text.toString('latin1'));
      if (asked?.pid !== this.holder.pid || asked.since !== this.holder.since) return;
      clearInterval(this.watch);
      stop();
    }, LOOK);
    this.watch.unref();
  }

  /** Gives it back. */
  release(): void {
    clearInterval(this.watch);
    this.posix.unlink(this.at, STOP);
    this.lock.release();
    this.posix.close(this.at);
  }
}

/** Who works at a job now; undefined: nobody. */
export function jobHolder(posix: Posix, stateFolder: ByteString, job: string): JobHolder | undefined {
  const at = posix.openRoot(jobFolder(stateFolder, job));
  if (at < 0) return undefined;
  try {
    return parseHolder(NoteLock.holder(posix, at, LOCK));
  } finally {
    posix.close(at);
  }
}

/** Where a job's locks are: named by a hash, for the name is a person's. */
export function jobFolder(stateFolder: ByteString, job: string): ByteString {
  return `${stateFolder}/jobs/${pairName([fromText(job)])}` as ByteString;
}

function attempt(request: LockRequest, folder: ByteString, at: number): JobLock | undefined {
  const { posix, own, clock = Date.now } = request;
  const holder: JobHolder = { pid: process.pid, since: clock(), started: processStart(process.pid) ?? null, own };
  const lock = NoteLock.take(posix, at, LOCK, `${JSON.stringify(holder)}\n`);
  if (typeof lock === 'number') throw cannotLock(lock, folder);
  return lock === 'held' ? undefined : new JobLock(posix, folder, at, lock, holder);
}

/** Tells the run that is at work to end, as the next one would that takes its place. Who it was; undefined: nobody is at work. */
export function askToStop(posix: Posix, stateFolder: ByteString, job: string): JobHolder | undefined {
  const holder = jobHolder(posix, stateFolder, job);
  if (holder !== undefined) replaceFile(`${jobFolder(stateFolder, job)}/${STOP}` as ByteString, `${JSON.stringify(holder)}\n`);
  return holder;
}

/** Waits for the run before in the one place that there is for it. */
async function inLine(request: LockRequest, folder: ByteString, at: number): Promise<JobLock | undefined> {
  const { posix, policy, signal } = request;
  const { signalMs, giveUpMs } = request.patience ?? PATIENCE;
  const place = NoteLock.take(posix, at, QUEUE, '');
  if (typeof place === 'number') throw cannotLock(place, folder);
  if (place === 'held') return undefined;
  try {
    request.waits?.(parseHolder(NoteLock.read(posix, at, LOCK)));
    const begun = performance.now();
    let told: JobHolder | undefined;
    let signalled = false;
    for (;;) {
      signal.throwIfAborted();
      const lock = attempt(request, folder, at);
      if (lock !== undefined) return lock;
      if (policy === 'cancel-previous') {
        const holder = parseHolder(NoteLock.read(posix, at, LOCK));
        const waited = performance.now() - begun;
        if (holder !== undefined && holder.since !== told?.since) {
          told = holder;
          replaceFile(`${folder}/${STOP}` as ByteString, `${JSON.stringify(holder)}\n`);
        }
        if (waited > giveUpMs) throw new TwintreeError('LOCKED', `the run before (process ${holder?.pid ?? 'unknown'}) was told to stop and does not end`, { advice: 'Look what it does; its job does not run until it has ended.' });
        if (waited > signalMs && !signalled && holder?.own === true && holder.started !== null) {
          signalled = true;
          signalProcess(holder.pid, holder.started, 'SIGTERM');
        }
      }
      await pause(LOOK, undefined, { signal }).catch(() => undefined); // the next look at the signal throws its reason
    }
  } finally {
    place.release();
  }
}

function cannotLock(errno: number, path: ByteString): TwintreeError {
  return new TwintreeError('IO', `the lock of the job cannot be opened: ${errnoText(-errno)}`, { path, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
}

/** What a note says; undefined where that is nothing sensible. */
function parseHolder(text: string | undefined): JobHolder | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Record<string, unknown>> | null;
    const { pid, since, started, own } = value ?? {};
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 1 || typeof since !== 'number' || !(since >= 0 && since <= 8.64e15)) return undefined;
    if ((started !== null && (typeof started !== 'string' || !/^\d{1,20}$/.test(started))) || typeof own !== 'boolean') return undefined;
    return { pid, since, started, own };
  } catch {
    return undefined; // half written
  }
}
