/**
 * The capture thread: chooses a backend, waits for the kernel in one blocking poll, and sends what it sees in batches. While its
 * owner is slow it goes on emptying the kernel's queue; its own queue is bounded and grows coarse. With chokidar it is driven by
 * its event loop instead.
 */
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { KernelWatch, loadPosix, POLLIN, POLLPRI, portableReason } from '../../fs/index.js';
import { TwintreeError } from '../../tree/index.js';
import { FanotifyBackend } from './fanotify.js';
import { HintQueue } from './hint-queue.js';
import { InotifyBackend } from './inotify.js';
import { Flight, MOST_BATCHES, type CaptureThreadData, type FromCapture, type ToCapture } from './messages.js';
import { pruneOf } from './prune.js';
import { Counter, States, type BackendChoice, type BackendOptions, type QueueBackend } from './types.js';

/** Buffers read before what they held is sent. */
const READS = 32;
/** So long events gather before they are read, ms: what writes a file makes three of them, and each look at a queue costs as much as many events. */
const GATHER_MS = 3;
/** Buffers read for a flush at most. */
const MOST_READS = 1000;

/** Runs the thread until it is told to stop. Throws where this is not a worker thread. */
export function runCapture(): void {
  const port = parentPort;
  if (port === null) throw new Error('this runs in a worker thread only');
  const thread = new CaptureThread(port, workerData as CaptureThreadData);
  thread.run().catch((error: unknown) => thread.fail(error));
}

class CaptureThread {
  private readonly queue: HintQueue;
  private readonly counters: Float64Array;
  private readonly flight: Int32Array;
  private readonly flushes: number[] = [];
  private stopped = false;

  constructor(private readonly port: MessagePort, private readonly data: CaptureThreadData) {
    this.queue = new HintQueue({ most: data.queueMost, now: () => Date.now() });
    this.counters = new Float64Array(data.counters);
    this.flight = new Int32Array(data.flight);
  }

  async run(): Promise<void> {
    const { data } = this;
    const options: BackendOptions = { ...data, prune: pruneOf({ rules: data.filters, deleteExcluded: data.deleteExcluded, root: data.root, anchor: data.anchor }) };
    const reasons: string[] = [];
    if (data.choice !== 'chokidar') {
      const kernel = loadKernel(reasons, data.wakeFd);
      if (kernel !== undefined) {
        const backend = this.choose(data.choice, kernel, options, reasons);
        if (backend !== undefined) {
          this.count(backend);
          this.ready(backend, sentenceOf(backend, reasons));
          this.follow(kernel, backend);
          return;
        }
      }
      if (data.choice !== 'auto') throw new TwintreeError('UNSUPPORTED', `${data.choice} cannot be used here: ${reasons.join('; ')}`, { path: data.root, advice: 'Leave the choice to the program (auto), or take another one.' });
    }
    await this.followByEvents(options, reasons);
  }

  fail(error: unknown): void {
    const known = error instanceof TwintreeError ? error : new TwintreeError('INTERNAL', error instanceof Error ? (error.stack ?? error.message) : String(error));
    this.say({ kind: 'failed', code: known.code, message: known.message, advice: known.advice });
    this.port.close();
  }

  private say(message: FromCapture): void {
    this.port.postMessage(message, []);
  }

  private ready(backend: { name: 'fanotify' | 'inotify' | 'chokidar'; notes: readonly string[] }, sentence: string): void {
    this.say({ kind: 'ready', backend: backend.name, sentence, notes: backend.notes });
  }

  /** The first backend that starts, best first. */
  private choose(choice: BackendChoice, kernel: KernelWatch, options: BackendOptions, reasons: string[]): QueueBackend | undefined {
    for (const Backend of [FanotifyBackend, InotifyBackend]) {
      const backend = new Backend(kernel, loadPosix(), options, this.queue);
      if (choice !== 'auto' && choice !== backend.name) continue;
      const reason = backend.start(Date.now());
      if (reason === undefined) return backend;
      reasons.push(reason);
    }
    return undefined;
  }

  // ---------------------------------------------------------------- by poll

  private follow(kernel: KernelWatch, backend: QueueBackend): void {
    const { wakeFd, rootCheckMs } = this.data;
    const posix = loadPosix();
    const mountTable = kernel.openMountTable();
    const ready: number[] = [];
    let nextTick = Date.now() + rootCheckMs;
    try {
      while (!this.stopped && Atomics.load(this.flight, Flight.Stop) === 0) {
        this.count(backend);
        this.send();
        const others = [{ fd: wakeFd, events: POLLIN }, { fd: mountTable, events: POLLPRI }];
        kernel.poll([...others, { fd: backend.fd, events: POLLIN }], Math.max(nextTick - Date.now(), 0), ready);
        let [woken = 0, mounts = 0] = ready;
        const events = ready[2] ?? 0;
        if (events !== 0 && woken === 0 && mounts === 0) {
          kernel.poll(others, GATHER_MS, ready);
          [woken = 0, mounts = 0] = ready;
        }
        if (events !== 0) this.read(backend);
        if (mounts !== 0) backend.mountsChanged(Date.now());
        if (woken !== 0) {
          kernel.awake(wakeFd);
          this.messages(backend);
        }
        if (Date.now() >= nextTick) {
          backend.tick(Date.now());
          nextTick = Date.now() + rootCheckMs;
        }
      }
    } finally {
      backend.close();
      this.count(backend);
      if (mountTable >= 0) posix.close(mountTable);
      this.port.close();
    }
  }

  private read(backend: QueueBackend): void {
    for (let i = 0; i < READS; i++) if (!backend.read(Date.now())) return;
  }

  private messages(backend: QueueBackend): void {
    for (let next = receiveMessageOnPort(this.port); next !== undefined; next = receiveMessageOnPort(this.port)) {
      const message = next.message as ToCapture;
      switch (message.kind) {
        case 'flush':
          // All that happened before it was asked is in the kernel's queue by now. That is never as long as this, and a storm may go on for ever.
          for (let i = 0; i < MOST_READS && backend.read(Date.now()); i++);
          this.flushes.push(message.id);
          break;
        case 'adopt': backend.adopt(Date.now()); break;
        case 'go': break;
        case 'stop': this.stopped = true; break;
      }
    }
  }

  /** Sends what waits, where the owner is not behind. A flush is answered once nothing waits. */
  private send(): void {
    if (!this.queue.empty && Atomics.load(this.flight, Flight.Batches) < MOST_BATCHES) {
      Atomics.add(this.flight, Flight.Batches, 1);
      this.say({ kind: 'batch', ...this.queue.take() });
    }
    if (this.queue.empty) for (const id of this.flushes.splice(0)) this.say({ kind: 'flushed', id });
  }

  private count(backend: Pick<QueueBackend, 'events' | 'watches' | 'unwatched' | 'overflows' | 'state'>): void {
    const { counters } = this;
    if (backend.events !== counters[Counter.Events]) counters[Counter.LastEvent] = Date.now();
    counters[Counter.Events] = backend.events;
    counters[Counter.Watches] = backend.watches;
    counters[Counter.Unwatched] = backend.unwatched;
    counters[Counter.Overflows] = backend.overflows;
    counters[Counter.Hints] = this.queue.hints;
    counters[Counter.Coarsened] = this.queue.coarsened;
    counters[Counter.State] = States.indexOf(backend.state);
  }

  // ---------------------------------------------------------------- by the event loop

  private async followByEvents(options: BackendOptions, reasons: string[]): Promise<void> {
    const { ChokidarBackend } = await import('./chokidar.js');
    let asked = false;
    const soon = (): void => {
      if (asked) return;
      asked = true;
      setImmediate(() => {
        asked = false;
        this.count(backend);
        this.send();
      });
    };
    const backend = new ChokidarBackend(loadPosix(), options, this.queue, soon);
    this.port.on('message', (message: ToCapture) => {
      switch (message.kind) {
        case 'flush': this.flushes.push(message.id); break; // what the kernel still holds for chokidar is not known
        case 'adopt': backend.adopt(); break;
        case 'go': break;
        case 'stop':
          void backend.close().finally(() => this.port.close());
          return;
      }
      soon();
    });
    await backend.start();
    this.count(backend);
    this.ready(backend, `Changes are followed with chokidar${because(reasons)}.`);
  }
}

function loadKernel(reasons: string[], wakeFd: number): KernelWatch | undefined {
  const portable = loadPosix().kind === 'portable' ? (portableReason() ?? 'the portable calls are in use') : undefined;
  if (portable !== undefined || wakeFd < 0) {
    reasons.push(`the kernel cannot be asked (${portable ?? 'no native calls'})`);
    return undefined;
  }
  return new KernelWatch();
}

function sentenceOf(backend: QueueBackend, reasons: readonly string[]): string {
  const how = backend.name === 'fanotify'
    ? `Changes are followed with fanotify, ${backend.watches === 1 ? 'one mark for the whole file system' : `a mark for each of ${backend.watches} file systems`}`
    : `Changes are followed with inotify, one watch for each of ${backend.watches} folders`;
  return `${how}${because(reasons)}.`;
}

function because(reasons: readonly string[]): string {
  return reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
}
