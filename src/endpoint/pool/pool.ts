/**
 * WorkerPool: the worker threads of one session. They start in the background (30 ms each) and take
 * messages one after the other; whoever uses the pool keeps count of what is under way.
 */
import { Worker, type TransferListItem } from 'node:worker_threads';
import { TwintreeError } from '../../tree/index.js';
import type { Link } from '../remote/link.js';
import type { RemoteSetup } from '../remote/remote-source.js';
import type { FromWorker, SharedState, ToWorker } from './messages.js';
import { threadFile } from './thread-file.js';

/** One thread and what it has been given and not answered. */
export interface PoolWorker {
  readonly slot: number;
  post(message: ToWorker, transfer?: TransferListItem[]): void;
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

  private remote: { link: Link; setup: RemoteSetup } | undefined;

  constructor(private readonly shared: SharedState) {}

  /** Threads that are started from now on read their source from another host. */
  useLink(link: Link, setup: RemoteSetup): void {
    this.remote = { link, setup };
  }

  /** Who gets messages from now on. `failed` is called when a thread dies, which no file can cause, or has lost its source. */
  listen(handler: Handler, failed: (error: Error) => void): void {
    this.handler = handler;
    this.failed = failed;
    if (this.failure !== undefined) failed(this.failure);
  }

  /** Starts threads until there are `count`. Slot 0 is the main thread's. */
  grow(count: number): void {
    while (this.threads.length < count) {
      const slot = this.threads.length + 1;
      const thread = new Worker(threadFile(), {
        workerData: { memory: this.shared.memory, slot }, trackUnmanagedFds: false, execArgv: [],
        resourceLimits: { maxYoungGenerationSizeMb: 8 },
      });
      const worker: PoolWorker = { slot, post: (message, transfer = []) => thread.postMessage(message, transfer) };
      thread.on('message', (message: FromWorker) => {
        if (message.kind === 'failed') this.fail(new TwintreeError(message.code, message.message, message.advice === undefined ? {} : { advice: message.advice }));
        else this.handler(worker, message);
      });
      thread.on('error', (error) => this.fail(error instanceof Error ? error : new Error(String(error))));
      thread.on('exit', () => this.ended.add(thread));
      this.threads.push(thread);
      this.workers.push(worker);
      if (this.remote !== undefined) {
        const { link, setup } = this.remote;
        const stream = link.channel();
        const questions = link.channel();
        worker.post({ kind: 'link', stream, questions, setup }, [stream.port, questions.port]);
      }
    }
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.failed?.(this.failure);
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
