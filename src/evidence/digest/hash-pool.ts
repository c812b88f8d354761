/**
 * HashPool: threads that read and hash files for one digest or several at once. The first small files are read in the calling thread: to start a thread costs more
 * than a small tree. Batches are begun in the order in which they were given.
 */
import { availableParallelism } from 'node:os';
import { Thread } from '../../endpoint/index.js';
import type { Posix } from '../../fs/index.js';
import { FileHashes, type HashBatch, type HashResult } from './hash-files.js';
import { GIVEN_UP, SHARED_BYTES, type FromHashThread, type HashThreadData, type ToHashThread } from './hash-thread.js';

/** Files, and bytes, that the calling thread reads itself before threads are started. */
const ALONE_FILES = 256;
const ALONE_BYTES = 1 << 20;
/** Batches that a thread has at a time: the next one waits there while it answers; but not behind so many bytes, which another thread may come to before. */
const EACH = 2;
const MUCH = 32 << 20;
const MOST_THREADS = 16;

interface Job { readonly batch: HashBatch; readonly bytes: number; readonly resolve: (result: HashResult) => void; readonly reject: (error: Error) => void }
interface Hand { readonly thread: Thread; readonly jobs: Map<number, Job> }

export class HashPool {
  private readonly most: number;
  private readonly memory = new SharedArrayBuffer(SHARED_BYTES);
  private readonly flags = new Int32Array(this.memory, 0, 2);
  private readonly counter = new BigInt64Array(this.memory, 8, 1);
  private readonly hands: Hand[] = [];
  private readonly waiting: Job[] = [];
  private readonly own: FileHashes;
  private aloneFiles = 0;
  private aloneBytes = 0;
  private nextId = 1;
  private failure: Error | undefined;

  /** @param posix of the calling thread */
  constructor(posix: Posix, threads?: number) {
    this.most = Math.min(MOST_THREADS, threads ?? availableParallelism());
    this.own = new FileHashes(posix, () => this.flags[GIVEN_UP] !== 0, (bytes) => { Atomics.add(this.counter, 0, BigInt(bytes)); });
  }

  /** Bytes read so far. */
  get bytesRead(): number {
    return Number(Atomics.load(this.counter, 0));
  }

  /** Reads and hashes; `bytes`: what is in the batch, as stat told. */
  submit(batch: HashBatch, bytes: number): Promise<HashResult> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.hands.length === 0 && this.aloneFiles + batch.names.length <= ALONE_FILES && this.aloneBytes + bytes <= ALONE_BYTES) {
      this.aloneFiles += batch.names.length;
      this.aloneBytes += bytes;
      return Promise.resolve(this.own.run(batch));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ batch, bytes, resolve, reject });
      this.hand();
    });
  }

  /** What is being read is given up; files say ECANCELED. */
  giveUp(): void {
    Atomics.store(this.flags, GIVEN_UP, 1);
  }

  /** Ends the threads. What was not answered is rejected. */
  async close(): Promise<void> {
    this.giveUp();
    const ended = new Error('the threads that read files were ended');
    this.failure ??= ended;
    for (const job of this.waiting.splice(0)) job.reject(ended);
    await Promise.all(this.hands.map(async ({ thread }) => {
      if (!thread.over) thread.post({ kind: 'close' } satisfies ToHashThread);
      await thread.exited;
    }));
    this.fail(ended);
  }

  /** Gives what waits to whoever has the least. */
  private hand(): void {
    while (this.waiting.length > 0) {
      let free = this.hands.reduce<Hand | undefined>((best, hand) => (best === undefined || loadOf(hand) < loadOf(best) ? hand : best), undefined);
      if ((free === undefined || free.jobs.size > 0) && this.hands.length < this.most) free = this.start();
      if (free === undefined || free.jobs.size >= EACH || loadOf(free) >= MUCH) return;
      const job = this.waiting.shift() as Job;
      const id = this.nextId++;
      free.jobs.set(id, job);
      const message: ToHashThread = { kind: 'batch', id, batch: job.batch };
      free.thread.post(message, [job.batch.stats.buffer as ArrayBuffer, job.batch.handles.buffer as ArrayBuffer]);
    }
  }

  private start(): Hand {
    const data: HashThreadData = { run: 'digest' };
    const hand: Hand = { thread: new Thread(new URL('./worker.js', import.meta.url), data), jobs: new Map() };
    hand.thread.onMessage = (message) => { this.hear(hand, message as FromHashThread); };
    hand.thread.onFailed = (error) => { this.fail(error); };
    hand.thread.post({ kind: 'begin', memory: this.memory } satisfies ToHashThread);
    this.hands.push(hand);
    return hand;
  }

  private hear(hand: Hand, message: FromHashThread): void {
    const job = hand.jobs.get(message.id);
    hand.jobs.delete(message.id);
    job?.resolve(message.result);
    this.hand();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const { jobs } of this.hands) {
      for (const job of jobs.values()) job.reject(error);
      jobs.clear();
    }
    for (const job of this.waiting.splice(0)) job.reject(error);
  }
}

/** Bytes that a thread has still to read; a batch of nothing is work, too. */
function loadOf({ jobs }: Hand): number {
  let bytes = 0;
  for (const job of jobs.values()) bytes += Math.max(1, job.bytes);
  return bytes;
}
