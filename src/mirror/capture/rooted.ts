/**
 * What both backends of the kernel share: the root that may be lost and come back, the clock by which what has no watch is told
 * as dirty, mounts that come and go. A queue is thrown away and made anew where there is doubt; then all is dirty, and that is
 * told after the new watches are set, so that whoever looks because of it misses nothing.
 */
import { Errno, errnoName, type KernelWatch, type Posix } from '../../fs/index.js';
import { EMPTY, TwintreeError, type RelPath } from '../../tree/index.js';
import type { HintReason } from '../hint.js';
import { changedMounts, mountsBelow, type MountBelow } from './mounts-below.js';
import { isTrouble, Root, type RootTrouble } from './root.js';
import type { BackendName, BackendOptions, CaptureState, QueueBackend, Sink } from './types.js';

/** Most paths without a watch that are remembered one by one; beyond, the whole tree is swept. */
const MOST_UNWATCHED = 1000;

/** Bytes of one event at most, with both names of a rename. */
const LONGEST_EVENT = 2048;

/** File systems that other hosts change as well; statfs(2) types. */
const NETWORK = new Map([[0x6969, 'nfs'], [0xff534d42, 'cifs'], [0xfe534d42, 'smb'], [0x65735546, 'fuse'], [0x5346414f, 'afs'], [0x00c36400, 'ceph'], [0x01021997, '9p']]);

export abstract class RootedBackend implements QueueBackend {
  abstract readonly name: BackendName;
  abstract readonly watches: number;
  fd = -1;
  state: CaptureState = 'starting';
  events = 0;
  overflows = 0;
  readonly notes: string[] = [];
  protected readonly root: Root;
  protected readonly buffer: Buffer;
  protected mounts: MountBelow[] = [];
  /** What has no watch. `sweep`: told as dirty by the clock; `closed`: may not be read, so a session cannot look either. */
  protected readonly blind = new Map<RelPath, 'sweep' | 'closed'>();
  private swept = 0;
  private doubt = false;
  private lost: RootTrouble | undefined;

  constructor(protected readonly kernel: KernelWatch, protected readonly posix: Posix, protected readonly options: BackendOptions, protected readonly sink: Sink) {
    this.root = new Root(posix, kernel, options.root);
    this.buffer = Buffer.from(new ArrayBuffer(options.bufferBytes));
  }

  /** Makes the queue (`fd`) and sets all watches below the open root. A reason where that cannot be. */
  protected abstract watchAll(rootFd: number): string | undefined;
  /** Takes apart what was read. False: the bytes make no sense. */
  protected abstract take(length: number, now: number): boolean;
  /** After a piece of work: closes what it opened. */
  protected abstract settle(now: number): void;
  /** Another mount, or none, stands at a path now. */
  protected abstract remount(path: RelPath, rootFd: number): void;
  /** Tries to watch what has no watch; whether it does now. */
  protected abstract retry(path: RelPath, rootFd: number): boolean;
  protected abstract forgetAll(): void;

  get unwatched(): number {
    return this.blind.size;
  }

  start(now: number): string | undefined {
    const trouble = this.root.open();
    if (isTrouble(trouble)) throw new TwintreeError('SOURCE_MISSING', trouble.message, { path: this.options.root, advice: 'The folder to follow must be there when following starts.' });
    try {
      this.describe(trouble);
      const reason = this.watchAll(trouble);
      if (reason === undefined) {
        this.state = 'watching';
        this.swept = now;
      } else this.shut();
      return reason;
    } finally {
      this.settle(now);
      this.posix.close(trouble);
    }
  }

  read(now: number): boolean {
    if (this.fd < 0) return false;
    const n = this.kernel.read(this.fd, this.buffer);
    if (n <= 0) {
      if (n !== 0 && n !== -Errno.EAGAIN) this.restart(now, 'trouble', `the queue of events cannot be read (${errnoName(-n)})`);
      this.settle(now);
      return false;
    }
    if (!this.take(n, now)) this.restart(now, 'trouble', 'the kernel wrote events that make no sense');
    this.settle(now);
    if (this.doubt) this.checkRoot();
    return n > this.buffer.length - LONGEST_EVENT; // the kernel gives all that fits: more is there only where the buffer is full
  }

  tick(now: number): void {
    if (this.state === 'lost') {
      this.comeBack(now);
      return;
    }
    if (!this.checkRoot()) return;
    if (now - this.swept >= this.options.sweepMs) this.sweep(now);
    this.settle(now);
  }

  mountsChanged(now: number): void {
    if (this.state === 'lost') {
      this.comeBack(now);
      return;
    }
    const fd = this.root.open();
    if (isTrouble(fd)) {
      this.lose(fd);
      return;
    }
    try {
      const fresh = mountsBelow(this.root.realPath);
      const changed = changedMounts(this.mounts, fresh);
      this.mounts = fresh;
      for (const { path, came } of changed) {
        this.blind.delete(path);
        this.sink.condition('mount', path, came ? 'a file system was mounted here' : 'a file system was unmounted here', 'dirty');
        this.remount(path, fd);
        this.sink.hint(path, 'subtree', 'mount');
      }
    } finally {
      this.settle(now);
      this.posix.close(fd);
    }
  }

  adopt(now: number): void {
    this.root.forget();
    if (this.state === 'lost') this.comeBack(now);
  }

  close(): void {
    this.shut();
    this.state = 'stopped';
  }

  /** Something said that the root itself may be another: look once the events are taken. */
  protected doubtRoot(): void {
    this.doubt = true;
  }

  /** Throws the queue away and makes it anew; all is dirty. */
  protected restart(now: number, kind: 'overflow' | 'trouble', message: string): void {
    if (kind === 'overflow') this.overflows++;
    this.sink.condition(kind, EMPTY, message, 'dirty');
    this.shut();
    this.begin(now, kind === 'overflow' ? 'overflow' : 'unclear');
  }

  /** Takes note of what cannot be watched. Told at the first time of each path only. */
  protected unseen(path: RelPath, how: 'sweep' | 'closed'): void {
    if (this.blind.size >= MOST_UNWATCHED && !this.blind.has(path)) this.blind.set(EMPTY, 'sweep');
    else this.blind.set(path, how);
  }

  private shut(): void {
    if (this.fd >= 0) this.posix.close(this.fd);
    this.fd = -1;
    this.blind.clear();
    this.forgetAll();
  }

  private describe(fd: number): void {
    const system = this.kernel.fileSystemOf(fd);
    const network = typeof system === 'number' ? undefined : NETWORK.get(system.type);
    this.notes.length = 0;
    if (network !== undefined) this.notes.push(`What other hosts change on this ${network} file system is not seen.`);
  }

  /** Sets all watches; what happened before is in doubt. */
  private begin(now: number, reason: HintReason): void {
    const fd = this.root.open();
    if (isTrouble(fd)) {
      this.lose(fd);
      return;
    }
    try {
      const why = this.watchAll(fd);
      if (why !== undefined) {
        this.lose({ why: 'unreadable', message: `it cannot be watched: ${why}` });
        return;
      }
      this.state = 'watching';
      this.lost = undefined;
      this.swept = now;
      this.sink.hint(EMPTY, 'subtree', reason);
    } finally {
      this.settle(now);
      this.posix.close(fd);
    }
  }

  private checkRoot(): boolean {
    this.doubt = false;
    const trouble = this.root.with(() => undefined);
    if (!isTrouble(trouble)) return true;
    this.lose(trouble);
    return false;
  }

  private lose(trouble: RootTrouble): void {
    if (this.lost?.message !== trouble.message) this.sink.condition('root-lost', EMPTY, trouble.message, 'wait');
    this.lost = trouble;
    this.state = 'lost';
    this.shut();
  }

  private comeBack(now: number): void {
    const trouble = this.root.with(() => undefined);
    if (isTrouble(trouble)) {
      this.lose(trouble);
      return;
    }
    this.begin(now, 'root');
    if (this.state !== 'lost') this.sink.condition('root-back', EMPTY, 'the root is there again', 'dirty');
  }

  /** What has no watch is tried again, and told as dirty where it still has none. */
  private sweep(now: number): void {
    this.swept = now;
    if (this.blind.size === 0) return;
    const done = this.root.with((fd) => {
      for (const [path, how] of Array.from(this.blind)) { // a copy: it changes meanwhile
        const seen = this.retry(path, fd);
        if (seen) this.blind.delete(path);
        if (seen || how === 'sweep') this.sink.hint(path, 'subtree', seen ? 'readable' : 'unwatched');
      }
      this.settle(now);
    });
    if (isTrouble(done)) this.lose(done);
  }
}
