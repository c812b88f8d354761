/**
 * One channel of a supply thread: its requests in their order, each served to its end before the next. Everything that a request
 * touches belongs to the channel alone (open folders, the kernel, what was told), so that channels of one thread may take turns.
 */
import type { Posix } from '../../fs/index.js';
import { COMPRESSION, expandPayload, RequestReader, WireError, type Request, type RoundSums } from '../../wire/index.js';
import type { KeptSums } from '../kept-sums.js';
import { Counter } from '../remote/link-messages.js';
import { Contents } from './content.js';
import { Folders } from './fold.js';
import { Hashing } from './hashing.js';
import { KernelBox } from './kernel-box.js';
import { requestWeight, type Ahead, type SupplyMemory } from './memory.js';
import type { FromSupplyThread, SupplySetup } from './messages.js';
import { Outgoing } from './outgoing.js';
import { Places } from './places.js';
import { Questions } from './questions.js';
import { Wait, type Job } from './wait.js';
import { SupplyWalk } from './walk.js';

/** Bytes of requests, expanded, that may wait on a channel. */
const MOST_WAITING = 64 << 20;
/** Requests that may wait on a channel: one takes far more memory than the few bytes that it can have. */
const MOST_QUEUED = 1 << 16;

/** What a channel needs of its thread. */
export interface ChannelHost {
  readonly posix: Posix;
  readonly setup: SupplySetup;
  readonly memory: SupplyMemory;
  readonly ahead: Ahead;
  /** Sums that are kept between runs. */
  readonly sums: KeptSums | undefined;
  say(message: FromSupplyThread, transfer?: ArrayBuffer[]): void;
  /** Others may take a turn. @throws Ended. */
  breathe(): void;
  /** Whether a job holds the leave to use much memory. */
  large: boolean;
}

/** A request, and with the last one of a payload what that payload weighed. */
interface Queued { request: Request; wire: number; expanded: number }

/** Serves one channel. */
export class SupplyChannel {
  private readonly queue: Queued[] = [];
  private waiting = 0;
  private sums: RoundSums | undefined;
  private expectsSums = false; // a Refine item was written, and is not answered
  private waitsFor: number = Wait.idle;
  private running = false;
  private readonly out: Outgoing;
  private readonly places: Places;
  private readonly folders: Folders;
  private readonly questions: Questions;
  private readonly contents: Contents;
  private readonly job: Job;

  constructor(private readonly host: ChannelHost, readonly channel: number, private readonly slot: number) {
    const { posix, setup, memory, ahead } = host;
    const link = setup.link === undefined ? undefined : new Float64Array(setup.link);
    this.out = new Outgoing({
      credit: {
        left: () => memory.credit(slot), room: () => ahead.room,
        take: (bytes) => {
          memory.takeCredit(slot, bytes);
          ahead.add(bytes);
        },
      },
      slow: () => link?.[Counter.Slow] === 1, compressing: setup.compression, compression: setup.expands ?? { ...COMPRESSION, zstd: false }, stats: { atimes: setup.options.attributes.atimes, btimes: false },
      post: (flags, payload) => { host.say({ kind: 'items', channel, flags, payload }, [payload.buffer as ArrayBuffer]); },
    });
    const kernels = new KernelBox();
    const hashing = new Hashing(posix, kernels);
    this.places = new Places(posix, setup);
    this.folders = new Folders(posix, setup, this.places, hashing);
    this.questions = new Questions(posix, setup, this.places, this.folders, hashing, this.out);
    this.contents = new Contents(posix, setup, this.places, kernels, this.out, {
      asks: () => { this.expectsSums = true; }, refined: () => this.takeSums(), breathe: () => { host.breathe(); }, large: (holds) => { host.large = holds; },
    }, host.sums);
    this.job = this.work();
  }

  /** Takes a payload of requests. @throws WireError. */
  receive(flags: number, payload: Uint8Array): void {
    const bytes = expandPayload(flags, Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
    const reader = new RequestReader(bytes);
    let dealtWith = requestWeight(payload); // what is not queued is dealt with at once
    while (!reader.done) {
      const request = reader.next();
      if (request.kind === 'refine') {
        if (!this.expectsSums || this.sums !== undefined) throw new WireError('kind', 'sums came for which nobody had asked');
        this.sums = request.sums;
        this.expectsSums = false;
        continue;
      }
      if (this.queue.length >= MOST_QUEUED) throw new WireError('limit', `more than ${MOST_QUEUED} requests wait on channel ${this.channel}`);
      this.queue.push({ request, wire: 0, expanded: 0 });
    }
    const last = this.queue.at(-1);
    if (last !== undefined) {
      last.wire += requestWeight(payload);
      last.expanded += bytes.length;
      this.waiting += bytes.length;
      dealtWith = 0;
      if (this.waiting > MOST_WAITING) throw new WireError('limit', `more than ${MOST_WAITING} bytes of requests wait on channel ${this.channel}`);
    }
    if (dealtWith > 0) this.host.memory.addRequests(this.slot, -dealtWith);
  }

  /** Whether there is something to do now. */
  get ready(): boolean {
    if (this.running) return false;
    switch (this.waitsFor) {
      case Wait.turn: return true;
      case Wait.refine: return this.sums !== undefined;
      case Wait.idle: return this.queue.length > 0;
      case Wait.memory: return !this.host.large;
      default: return Math.min(this.host.memory.credit(this.slot), this.host.ahead.room) >= this.waitsFor;
    }
  }

  /** Works until the next wait. @throws Ended, and what is a mistake of ours. */
  step(): void {
    this.running = true;
    try {
      const { value } = this.job.next();
      this.waitsFor = value ?? Wait.idle;
    } finally {
      this.running = false;
    }
  }

  /** Gives up what is under way and closes what is open. */
  close(): void {
    if (!this.running) this.job.return();
    this.places.close();
  }

  private *work(): Job {
    for (;;) {
      const next = this.queue.shift();
      if (next === undefined) {
        yield* this.out.flush();
        if (this.queue.length === 0) yield Wait.idle;
        continue;
      }
      yield* this.serve(next.request);
      this.waiting -= next.expanded;
      if (next.wire > 0) this.host.memory.addRequests(this.slot, -next.wire);
      yield* this.out.pump();
    }
  }

  private *serve(request: Request): Job {
    switch (request.kind) {
      case 'walk': {
        const { posix, setup } = this.host;
        yield* new SupplyWalk(posix, setup, this.places, this.folders, this.out, request.after, request.digests === true && setup.whole !== true).run();
        this.out.write({ kind: 'walk-end' });
        return;
      }
      case 'folder': return yield* this.questions.folder(request.mount, request.path);
      case 'hash': return yield* this.questions.hash(request.place, request.follow);
      case 'content': return yield* this.contents.serve(request);
      case 'call': return this.questions.call(request.call);
      case 'refine': return; // never queued
    }
  }

  private takeSums(): RoundSums {
    const { sums } = this;
    if (sums === undefined) throw new Error('a job went on without the sums it waited for');
    this.sums = undefined;
    return sums;
  }
}
