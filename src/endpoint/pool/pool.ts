/**
 * WorkerPool: the worker threads of one session. They start in the background, or were kept from a session before (threads.ts), and take
 * messages one after the other; whoever uses the pool keeps count of what is under way.
 */
import type { TransferListItem } from 'node:worker_threads';
import { TwintreeError } from '../../tree/index.js';
import type { Link } from '../remote/link.js';
import type { RemoteSetup } from '../remote/remote-source.js';
import type { FromWorker, SharedState, ToWorker } from './messages.js';
import { threadFile } from './thread-file.js';
import { ended, Thread, type SpareThreads } from './threads.js';

/** One thread and what it has been given and not answered. */
export interface PoolWorker {
  readonly slot: number;
  post(message: ToWorker, transfer?: TransferListItem[]): void;
}

type Handler = (worker: PoolWorker, message: FromWorker) => void;

/** Starts threads and routes their messages to the current handler. */
export class WorkerPool {
  readonly workers: PoolWorker[] = [];
  private readonly threads: Thread[] = [];
  private handler: Handler = () => undefined;
  private failed: ((error: Error) => void) | undefined;
  private failure: Error | undefined;

  private remote: { link: Link; setup: RemoteSetup } | undefined;

  /** @param spare where threads come from and go to, where they outlive the session */
  constructor(private readonly shared: SharedState, private readonly spare?: SpareThreads) {}

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
      const { thread, worker } = this.thread(slot);
      thread.onMessage = (message) => { this.hear(worker, message as FromWorker); };
      thread.onFailed = (error) => { this.fail(error); };
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

  private thread(slot: number): { thread: Thread; worker: PoolWorker } {
    const { memory } = this.shared;
    const kept = this.spare?.take();
    const thread = kept ?? new Thread(threadFile(), { memory, slot });
    const worker: PoolWorker = { slot, post: (message, transfer = []) => { thread.post(message, transfer); } };
    if (kept !== undefined) worker.post({ kind: 'session', memory, slot });
    return { thread, worker };
  }

  private hear(worker: PoolWorker, message: FromWorker): void {
    if (message.kind === 'failed') this.fail(new TwintreeError(message.code, message.message, message.advice === undefined ? {} : { advice: message.advice }));
    else this.handler(worker, message);
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.failed?.(this.failure);
  }

  /** Ends the work of all threads. They close their handles themselves: those belong to the process and would stay open in it. */
  async close(): Promise<void> {
    this.handler = () => undefined;
    this.failed = undefined;
    await Promise.all(this.threads.map((thread) => this.release(thread)));
  }

  private async release(thread: Thread): Promise<void> {
    const { spare } = this;
    if (spare === undefined || thread.over) return ended(thread);
    const left = new Promise<void>((resolve) => {
      thread.onMessage = (message) => { if ((message as FromWorker).kind === 'left') resolve(); };
    });
    const leave: ToWorker = { kind: 'leave' };
    thread.post(leave);
    await Promise.race([left, thread.exited]);
    await spare.give(thread);
  }
}
