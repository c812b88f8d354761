/**
 * Worker threads that outlive a session. To start one costs some 60 ms of CPU, more than a small session needs for everything else; so who runs one session
 * after the other keeps a few for the next one. A thread begins each session with nothing of the one before.
 */
import { Worker, type TransferListItem, type WorkerOptions } from 'node:worker_threads';

/** One thread, as whoever uses it at the moment sees it. */
export class Thread {
  onMessage: (message: unknown) => void = () => undefined;
  /** Called where the thread dies, which no file can cause. */
  onFailed: (error: Error) => void = () => undefined;
  /** Resolved when the thread is over. */
  readonly exited: Promise<void>;
  over = false;
  private readonly worker: Worker;

  constructor(file: URL, workerData: WorkerOptions['workerData']) {
    const worker = new Worker(file, { workerData, trackUnmanagedFds: false, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 8 } });
    this.worker = worker;
    worker.on('message', (message: unknown) => { this.onMessage(message); });
    worker.on('error', (error) => { this.onFailed(error instanceof Error ? error : new Error(String(error))); });
    this.exited = new Promise((resolve) => {
      worker.once('exit', () => {
        this.over = true;
        resolve();
      });
    });
  }

  post(message: unknown, transfer: readonly TransferListItem[] = []): void {
    this.worker.postMessage(message, transfer);
  }
}

/** Threads of one kind that wait for their next session. */
export class SpareThreads {
  private readonly waiting: Thread[] = [];
  private closed = false;

  /** @param most threads that are kept; others are ended. Each takes some MB. */
  constructor(private readonly most = 1) {}

  /** One that waits. */
  take(): Thread | undefined {
    for (;;) {
      const thread = this.waiting.pop();
      if (thread === undefined || !thread.over) return thread;
    }
  }

  /** Takes one back that has nothing to do any more. Resolves when it waits, or is over. */
  async give(thread: Thread): Promise<void> {
    thread.onMessage = () => undefined;
    thread.onFailed = () => undefined; // `over` tells
    if (!this.closed && !thread.over && this.waiting.length < this.most) this.waiting.push(thread);
    else await ended(thread);
  }

  /** Ends those that wait; those that are given back later end at once. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.waiting.splice(0).map(ended));
  }
}

/** Ends a thread in good order. */
export async function ended(thread: Thread): Promise<void> {
  if (!thread.over) thread.post({ kind: 'close' });
  await thread.exited;
}
