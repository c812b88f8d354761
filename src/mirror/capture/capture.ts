/**
 * Capture: follows a tree from now on and tells what may differ, until it is stopped. A hint is told after its watch is set, so
 * whoever looks at the tree because of it, or after `start` has resolved, misses nothing that happens later without being told.
 *
 * Promises that nothing is lost in silence: what the kernel drops, what cannot be watched and what is told faster than it is
 * taken becomes a condition and coarser hints. Memory is bounded.
 */
import { Worker } from 'node:worker_threads';
import type { FilterRule } from '../../filter/index.js';
import { KernelWatch, loadPosix } from '../../fs/index.js';
import { EMPTY, TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';
import type { Hint } from '../hint.js';
import { Flight, type CaptureThreadData, type FromCapture, type ToCapture } from './messages.js';
import { Counter, States, type BackendChoice, type BackendName, type CaptureState, type Condition } from './types.js';

export interface CaptureOptions {
  /** Folder to follow, absolute. It must be there. */
  readonly root: ByteString;
  /** `auto` (default): the best that works here. Another one is refused where it does not work. */
  readonly backend?: BackendChoice;
  /** -x: nothing is watched on other file systems below. */
  readonly oneFileSystem?: boolean;
  /** The session's filter rules: folders that they leave out for certain get no watch. */
  readonly filters?: readonly FilterRule[];
  readonly deleteExcluded?: boolean;
  /** Where the root stands in the transfer, for anchored rules: `''` (default) for `SRC/`, its name for `SRC`. */
  readonly anchor?: RelPath;
  /** Most inotify watches. Default: as many as the kernel gives. */
  readonly mostWatches?: number;
  /** How often what has no watch is told as dirty, ms. Default a minute. */
  readonly sweepMs?: number;
  /** How often the root's identity is checked, ms. Default 2 seconds; a mount or unmount is seen at once. */
  readonly rootCheckMs?: number;
  /** Most names that wait to be taken. Default 20,000. */
  readonly queueMost?: number;
  /** Bytes of the buffer for the kernel's events. Default 256 KiB. */
  readonly bufferBytes?: number;
}

export interface CaptureListener {
  /**
   * What may differ. Until the promise resolves at most three more batches come; the rest waits and grows coarse. Who keeps hints
   * durably resolves when they are. A rejection ends capture (`failed`).
   */
  hints(hints: readonly Hint[]): void | Promise<void>;
  /** Told in order with the hints, before those of the same moment. */
  condition(condition: Condition): void;
  /** Capture has ended by itself. What happened since the last batch is unknown: all is dirty. */
  failed(error: Error): void;
}

export interface CaptureStatus {
  readonly backend: BackendName;
  readonly state: CaptureState;
  /** Which backend, and why no better one. */
  readonly sentence: string;
  /** What it does not see. */
  readonly notes: readonly string[];
  readonly watches: number;
  /** Places that are looked at by the clock, or closed. */
  readonly unwatched: number;
  readonly events: number;
  readonly hints: number;
  /** How often hints grew coarse because they were not taken fast enough. */
  readonly coarsened: number;
  readonly overflows: number;
  /** ms since 1970; undefined: none yet. */
  readonly lastEvent: number | undefined;
}

export class Capture {
  private readonly counters = new SharedArrayBuffer(Counter.Length * 8);
  private readonly flight = new Int32Array(new SharedArrayBuffer(8));
  private readonly kernel: KernelWatch | undefined;
  /** -1: none, or closed. */
  private wakeFd: number;
  private readonly thread: Worker;
  private readonly waiting: FromCapture[] = [];
  private readonly flushes = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  private readonly over: Promise<void>;
  private about: Extract<FromCapture, { kind: 'ready' }> | undefined;
  private started: { resolve: () => void; reject: (error: Error) => void } | undefined;
  private busy = false;
  private serial = 0;
  private ended: Error | undefined;
  private stopping = false;

  private constructor(options: CaptureOptions, private readonly listener: CaptureListener) {
    this.kernel = options.backend === 'chokidar' ? undefined : kernelWatch();
    this.wakeFd = this.kernel?.eventFd() ?? -1;
    const data: CaptureThreadData = {
      run: 'capture', choice: options.backend ?? 'auto', root: options.root, oneFileSystem: options.oneFileSystem ?? false,
      filters: options.filters ?? [], deleteExcluded: options.deleteExcluded ?? false, anchor: options.anchor ?? EMPTY,
      mostWatches: options.mostWatches ?? Infinity, sweepMs: options.sweepMs ?? 60_000, rootCheckMs: options.rootCheckMs ?? 2000,
      bufferBytes: options.bufferBytes ?? 256 * 1024, queueMost: options.queueMost ?? 20_000,
      wakeFd: this.wakeFd, counters: this.counters, flight: this.flight.buffer as SharedArrayBuffer,
    };
    this.thread = new Worker(new URL('./worker.js', import.meta.url), { workerData: data, trackUnmanagedFds: false, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 8 } });
    this.thread.on('message', (message: FromCapture) => {
      this.waiting.push(message);
      if (!this.busy) void this.work();
    });
    this.thread.on('error', (error) => this.end(error instanceof Error ? error : new Error(String(error))));
    this.over = new Promise((resolve) => {
      this.thread.once('exit', () => {
        process.off('exit', this.atExit);
        this.end(new TwintreeError('INTERNAL', 'the capture thread has ended'));
        if (this.wakeFd >= 0) loadPosix().close(this.wakeFd);
        this.wakeFd = -1;
        resolve();
      });
    });
    process.on('exit', this.atExit);
  }

  /**
   * Starts to follow; resolves when all watches are set.
   * @throws TwintreeError SOURCE_MISSING, or UNSUPPORTED where the chosen backend does not work here.
   */
  static async start(options: CaptureOptions, listener: CaptureListener): Promise<Capture> {
    const capture = new Capture(options, listener);
    try {
      await new Promise<void>((resolve, reject) => { capture.started = { resolve, reject }; });
    } catch (error) {
      await capture.over;
      throw error;
    }
    return capture;
  }

  /**
   * Resolves when all that happened before the call has been handed to the listener, and its promises have resolved. With chokidar
   * that is not certain (`exact` false): events may still be on their way.
   */
  async flush(): Promise<{ exact: boolean }> {
    if (this.ended !== undefined) throw this.ended;
    const id = ++this.serial;
    await new Promise<void>((resolve, reject) => {
      this.flushes.set(id, { resolve, reject });
      this.post({ kind: 'flush', id });
    });
    return { exact: this.about?.backend !== 'chokidar' };
  }

  /** After `root-lost`: takes what stands at the root's path now for the root, though it is another. All is dirty then. */
  adopt(): void {
    this.post({ kind: 'adopt' });
  }

  status(): CaptureStatus {
    const counters = new Float64Array(this.counters);
    const at = (word: number): number => counters[word] as number;
    return {
      backend: this.about?.backend ?? 'inotify', state: States[at(Counter.State)] ?? 'starting', sentence: this.about?.sentence ?? '', notes: this.about?.notes ?? [],
      watches: at(Counter.Watches), unwatched: at(Counter.Unwatched), events: at(Counter.Events), hints: at(Counter.Hints), coarsened: at(Counter.Coarsened),
      overflows: at(Counter.Overflows), lastEvent: at(Counter.LastEvent) === 0 ? undefined : at(Counter.LastEvent),
    };
  }

  /** Ends following. Nothing is told any more once it is called. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.waiting.length = 0;
    this.post({ kind: 'stop' });
    await this.over;
  }

  /** A thread that blocks in a system call would keep the process from ending. */
  private readonly atExit = (): void => {
    Atomics.store(this.flight, Flight.Stop, 1);
    if (this.wakeFd >= 0) this.kernel?.wake(this.wakeFd);
  };

  private post(message: ToCapture): void {
    this.thread.postMessage(message, []);
    if (this.wakeFd >= 0) this.kernel?.wake(this.wakeFd);
  }

  /** Deals with what the thread said, in order, waiting for the listener. */
  private async work(): Promise<void> {
    this.busy = true;
    for (let message = this.waiting.shift(); message !== undefined; message = this.waiting.shift()) {
      try {
        await this.handle(message);
      } catch (error) {
        this.end(error instanceof Error ? error : new Error(String(error)));
        void this.stop();
      }
    }
    this.busy = false;
  }

  private async handle(message: FromCapture): Promise<void> {
    switch (message.kind) {
      case 'ready':
        this.about = message;
        this.started?.resolve();
        this.started = undefined;
        return;
      case 'failed':
        this.end(new TwintreeError(message.code, message.message, message.advice === undefined ? {} : { advice: message.advice }));
        return;
      case 'batch':
        if (this.stopping) return;
        for (const condition of message.conditions) this.listener.condition(condition);
        if (message.hints.length > 0) await this.listener.hints(message.hints);
        Atomics.sub(this.flight, Flight.Batches, 1);
        this.post({ kind: 'go' });
        return;
      case 'flushed':
        this.flushes.get(message.id)?.resolve();
        this.flushes.delete(message.id);
    }
  }

  /** Tells everyone that nothing comes any more. */
  private end(error: Error): void {
    if (this.ended !== undefined) return;
    this.ended = error;
    for (const { reject } of this.flushes.values()) reject(error);
    this.flushes.clear();
    if (this.started !== undefined) this.started.reject(error);
    else if (!this.stopping) this.listener.failed(error);
    this.started = undefined;
  }
}

function kernelWatch(): KernelWatch | undefined {
  if (loadPosix().kind === 'portable') return undefined;
  return new KernelWatch();
}
