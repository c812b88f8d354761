/**
 * The link thread of a batch: what link-thread.ts is for a connection, with a file at the other end. It answers the channels of the session from
 * the batch, within their credit.
 */
import { parentPort, type MessagePort } from 'node:worker_threads';
import { errnoText, loadPosix } from '../../fs/index.js';
import { TwintreeError } from '../../tree/index.js';
import { COMPRESSION, hello, WireError } from '../../wire/index.js';
import { deliver, ownMemory, type FromReader, type Loss } from '../remote/channel.js';
import type { FromLink, ToLink } from '../remote/link-messages.js';
import type { BatchIndex } from './reader.js';
import { BatchSupplier, type BatchBytes } from './supplier.js';

/** A batch that was validated, for another thread. Plain data; the handle belongs to who opened it. */
export interface ReplayData {
  readonly fd: number;
  readonly index: BatchIndex;
  readonly atimes: boolean;
}

/** An open batch as its bytes. */
export function batchBytes(fd: number): BatchBytes {
  const posix = loadPosix();
  return {
    read(into, position) {
      for (let at = 0; at < into.length;) {
        const n = posix.read(fd, into, at, into.length - at, position + at);
        if (n <= 0) throw new TwintreeError('IO', `the batch cannot be read: ${n === 0 ? 'it has become shorter' : errnoText(-n)}`);
        at += n;
      }
    },
  };
}

/** Serves until the link is closed. Throws where this is not a worker thread. */
export function runReplay(data: ReplayData): void {
  if (parentPort === null) throw new Error('this runs in a worker thread only');
  new ReplayThread(parentPort, data).open();
}

class ReplayThread {
  private readonly channels = new Map<number, { port: MessagePort; state: SharedArrayBuffer }>();
  private readonly supplier: BatchSupplier;
  private loss: Loss | undefined;

  constructor(private readonly main: MessagePort, { fd, index, atimes }: ReplayData) {
    this.supplier = new BatchSupplier(index, batchBytes(fd), atimes, (number, flags, payload) => {
      const channel = this.channels.get(number);
      if (channel !== undefined) deliver(channel.port, channel.state, { flags, payload: ownMemory(payload) });
    });
    main.on('message', (message: ToLink) => { this.receive(message); });
  }

  open(): void {
    this.say({ kind: 'opened', hello: hello('agent', 'twintree batch', COMPRESSION), at: Date.now(), about: 'a batch', notices: [] });
  }

  private say(message: FromLink): void {
    this.main.postMessage(message, []);
  }

  private receive(message: ToLink): void {
    switch (message.kind) {
      case 'channel': {
        const { number, port, state } = message;
        this.channels.set(number, { port, state });
        port.on('message', (asked: FromReader) => { this.ask(number, asked); });
        if (this.loss !== undefined) deliver(port, state, { lost: this.loss });
        return;
      }
      case 'close':
        this.lose({ code: 'ABORTED', message: 'the batch was closed' });
        this.say({ kind: 'closed' });
        for (const { port } of this.channels.values()) port.close();
        this.main.close();
        return;
      case 'control': case 'frame': case 'limit': case 'patience': case 'record': case 'seal':
        return; // there is nobody at the other end
    }
  }

  private ask(number: number, message: FromReader): void {
    if (this.loss !== undefined) return;
    try {
      if ('requests' in message) this.supplier.receive(number, 0, message.requests);
      else this.supplier.credit(number, message.credit);
    } catch (error) {
      if (error instanceof TwintreeError) this.lose({ code: error.code, message: error.message, ...(error.advice === undefined ? {} : { advice: error.advice }) });
      else if (error instanceof WireError) this.lose({ code: 'WIRE', message: error.message });
      else throw error;
    }
  }

  private lose(loss: Loss): void {
    if (this.loss !== undefined) return;
    this.loss = loss;
    for (const { port, state } of this.channels.values()) deliver(port, state, { lost: loss });
    if (loss.code !== 'ABORTED') this.say({ kind: 'lost', loss });
  }
}

