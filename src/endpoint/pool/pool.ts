/**
 * WorkerPool: the worker threads of one session. They start in the background (30 ms each) and take
 * messages one after the other; whoever uses the pool keeps count of what is under way.
 */
import { Worker } from 'node:worker_threads';
import type { FromWorker, SharedState, ToWorker } from './messages.js';

/** One thread and what it has been given and not answered. */
export interface PoolWorker {
  readonly slot: number;
  post(message: ToWorker, transfer?: ArrayBuffer[]): void;
}

type Handler = (worker: PoolWorker, message: FromWorker) => void;

/** Starts threads and routes their messages to the current handler. */
export class WorkerPool {
  readonly workers: PoolWorker[] = [];
  private readonly threads: Worker[] = [];
  private readonly ended = new Set<Worker>();
  private handler: Handler = () => undefined;
  private failed: ((error: Error) => void) | undefined;
  private failure: Error | undefined;

  constructor(private readonly shared: SharedState) {}

  /** Who gets messages from now on. `failed` is called when a thread dies, which no file can cause. */
  listen(handler: Handler, failed: (error: Error) => void): void {
    this.handler = handler;
    this.failed = failed;
    if (this.failure !== undefined) failed(this.failure);
  }

  /** Starts threads until there are `count`. Slot 0 is the main thread's. */
  grow(count: number): void {
    while (this.threads.length < count) {
      const slot = this.threads.length + 1;
      const thread = new Worker(new URL('./worker.js', import.meta.url), {
        workerData: { memory: this.shared.memory, slot }, trackUnmanagedFds: false, execArgv: [],
        resourceLimits: { maxYoungGenerationSizeMb: 8 },
      });
      const worker: PoolWorker = { slot, post: (message, transfer = []) => thread.postMessage(message, transfer) };
      thread.on('message', (message: FromWorker) => this.handler(worker, message));
      thread.on('error', (error) => {
        this.failure = error instanceof Error ? error : new Error(String(error));
        this.failed?.(this.failure);
      });
      thread.on('exit', () => this.ended.add(thread));
      this.threads.push(thread);
      this.workers.push(worker);
    }
  }

  /** Ends all threads. They close their handles themselves: those belong to the process and would stay open in it. */
  async close(): Promise<void> {
    this.handler = () => undefined;
    this.failed = undefined;
    await Promise.all(this.threads.map((thread, k) => {
      if (this.ended.has(thread)) return undefined;
      const end = new Promise<void>((resolve) => { thread.once('exit', () => resolve()); });
      this.workers[k]?.post({ kind: 'close' });
      return end;
    }));
  }
}
