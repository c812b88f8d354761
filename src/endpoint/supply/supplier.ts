/**
 * Supplier: the side that reads the source, as the connection's main thread sees it. It hands requests to supply threads (a channel always
 * to the same one, further channels share) and passes on the frames of items that they make. It holds nothing back and decodes
 * nothing; what is under way is bounded by the credit of each channel, and by a limit on requests that wait.
 */
import { FIRST_CREDIT, WireError, type WireErrorCode } from '../../wire/index.js';
import { wakeBraked } from '../../fs/index.js';
import { ended, Thread, type SpareThreads } from '../pool/threads.js';
import { Ahead, MAX_SLOTS, requestWeight, SupplyMemory } from './memory.js';
import type { FromSupplyThread, SupplySetup, SupplyThreadData, ToSupplyThread } from './messages.js';

/** Channels of one session at most: two for each of 64 threads, and some. */
const MAX_CHANNELS = 160;
/** Weight of requests that may be on their way to a channel and not dealt with. */
const MOST_REQUESTS = 32 << 20;

interface SupplyWorker { thread: Thread; memory: SupplyMemory; slots: number; /** It has closed what was open. */ left: Promise<void> }
interface Route { thread: SupplyWorker; slot: number }

/** Supplies one session with one source tree. */
export class Supplier {
  /**
   * Told once where the session broke the protocol (WireError) or a thread failed: the connection has to end. What goes wrong with
   * a path never comes here.
   */
  onFailed: (error: Error) => void = () => undefined;
  private readonly threads: SupplyWorker[] = [];
  private readonly routes = new Map<number, Route>();
  /** Credit of channels that have not been asked anything yet. */
  private readonly early = new Map<number, number>();
  private readonly ahead = new Ahead();
  private closed = false;
  private failed = false;

  /** @param spare where threads come from and go to, where they outlive the session */
  constructor(private readonly setup: SupplySetup, private readonly send: (channel: number, flags: number, payload: Uint8Array) => void, private readonly spare?: SpareThreads) {}

  /** Takes a frame of requests. What is wrong with it is told by `onFailed`. */
  receive(channel: number, flags: number, payload: Buffer): void {
    if (this.closed || this.failed) return;
    const route = this.route(channel);
    if (route === undefined) return this.fail(new WireError('limit', `a session has no more than ${MAX_CHANNELS} channels`));
    const { thread: { thread, memory }, slot } = route;
    if (memory.addRequests(slot, requestWeight(payload)) > MOST_REQUESTS) return this.fail(new WireError('limit', `more than ${MOST_REQUESTS} bytes of requests wait on channel ${channel}`));
    const own = new Uint8Array(payload); // a copy: a frame is part of what was read from the connection
    const message: ToSupplyThread = { kind: 'requests', channel, slot, flags, payload: own };
    thread.post(message, [own.buffer]);
    memory.ring();
  }

  /** Grants bytes of items on a channel, beside the FIRST_CREDIT that each begins with. */
  credit(channel: number, bytes: number): void {
    if (this.closed || this.failed) return;
    const route = this.routes.get(channel);
    if (route === undefined) {
      if (!this.early.has(channel) && this.early.size >= MAX_CHANNELS) return this.fail(new WireError('limit', `a session has no more than ${MAX_CHANNELS} channels`));
      this.early.set(channel, Math.min(2 ** 30, (this.early.get(channel) ?? 0) + bytes));
      return;
    }
    route.thread.memory.addCredit(route.slot, bytes);
    route.thread.memory.ring();
  }

  /** Bytes that were handed to `send` have left. More than MOST_AHEAD that have not is never made: a session that grants credit and does not read gets no more. */
  taken(bytes: number): void {
    this.ahead.add(-bytes);
    for (const { memory } of this.threads) memory.ring();
  }

  /** Ends the work of all threads, in the middle of whatever they do; resolves when nothing of theirs is open any more. The mounts stay open. */
  async close(): Promise<void> {
    this.closed = true;
    for (const { memory } of this.threads) memory.end();
    wakeBraked();
    await Promise.all(this.threads.map(async ({ thread, left }) => {
      await Promise.race([left, thread.exited]);
      await (this.spare === undefined || this.failed ? ended(thread) : this.spare.give(thread));
    }));
  }

  private route(channel: number): Route | undefined {
    const known = this.routes.get(channel);
    if (known !== undefined) return known;
    if (this.routes.size >= MAX_CHANNELS) return undefined;
    const most = Math.max(1, this.setup.threads, Math.ceil(MAX_CHANNELS / MAX_SLOTS));
    let thread = this.threads[this.routes.size % most];
    if (thread === undefined) {
      thread = this.start();
      this.threads.push(thread);
    }
    const route = { thread, slot: thread.slots++ };
    this.routes.set(channel, route);
    thread.memory.addCredit(route.slot, FIRST_CREDIT + (this.early.get(channel) ?? 0));
    this.early.delete(channel);
    return route;
  }

  private start(): SupplyWorker {
    const memory = new SupplyMemory();
    const data: SupplyThreadData = { run: 'supply' };
    const thread = this.spare?.take() ?? new Thread(new URL('./worker.js', import.meta.url), data);
    const left = new Promise<void>((resolve) => {
      thread.onMessage = (message) => { this.hear(message as FromSupplyThread, resolve); };
    });
    thread.onFailed = (error) => { this.fail(error); };
    const session: ToSupplyThread = { kind: 'session', memory: memory.memory, ahead: this.ahead.memory, setup: this.setup };
    thread.post(session);
    return { thread, memory, slots: 0, left };
  }

  private hear(message: FromSupplyThread, left: () => void): void {
    if (message.kind === 'left') left();
    if (this.closed || this.failed) return;
    switch (message.kind) {
      case 'left': return;
      case 'items': this.send(message.channel, message.flags, message.payload); return;
      case 'failed': this.fail(message.code === undefined ? new Error(message.message) : new WireError(message.code as WireErrorCode, message.message));
    }
  }

  private fail(error: Error): void {
    if (this.closed || this.failed) return;
    this.failed = true;
    for (const { memory } of this.threads) memory.end();
    this.onFailed(error);
  }
}
