/**
 * A supply thread: serves its channels with synchronous calls and sleeps where none of them has anything to do. It never returns to its
 * event loop before the session's end: messages are taken from the port between two turns, and the shared memory's bell wakes it. In its event loop
 * it waits for the next session.
 */
import { parentPort, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { loadWorkingPosix, type Posix } from '../../fs/index.js';
import { WireError } from '../../wire/index.js';
import { KeptSums } from '../kept-sums.js';
import { SupplyChannel, type ChannelHost } from './channel.js';
import { Ahead, SupplyMemory } from './memory.js';
import type { FromSupplyThread, SupplySetup, ToSupplyThread } from './messages.js';
import { Ended } from './wait.js';

/** Serves one session after the other until it is told to end. Throws where this is no supply thread. */
export function serveSupply(): void {
  const port = parentPort;
  if (port === null) throw new Error('this runs in a worker thread only');
  port.on('message', (message: ToSupplyThread) => {
    switch (message.kind) {
      case 'session': new SupplyThread(port, new SupplyMemory(message.memory), new Ahead(message.ahead), message.setup, loadWorkingPosix()).run(); return;
      case 'requests': return; // of a session that is over
      case 'close': port.close(); return;
    }
  });
}

class SupplyThread implements ChannelHost {
  large = false;
  readonly sums: KeptSums | undefined;
  private readonly channels = new Map<number, SupplyChannel>();
  private order: SupplyChannel[] = [];

  constructor(private readonly port: MessagePort, readonly memory: SupplyMemory, readonly ahead: Ahead, readonly setup: SupplySetup, readonly posix: Posix) {
    this.sums = setup.sums === undefined ? undefined : new KeptSums(setup.sums, 'source');
  }

  run(): void {
    try {
      for (;;) {
        const heard = this.memory.bell;
        if (this.turn()) continue;
        this.memory.wait(heard);
      }
    } catch (error) {
      if (!(error instanceof Ended)) {
        const code = error instanceof WireError ? error.code : undefined;
        this.say({ kind: 'failed', code, message: error instanceof Error ? error.message : String(error) });
      }
    } finally {
      for (const channel of this.order) channel.close();
      this.sums?.close();
      this.say({ kind: 'left' });
    }
  }

  say(message: FromSupplyThread, transfer: ArrayBuffer[] = []): void {
    this.port.postMessage(message, transfer);
  }

  breathe(): void {
    this.turn();
  }

  /** Takes what came and gives each channel that is ready one turn. False: nobody had anything to do. @throws Ended, WireError. */
  private turn(): boolean {
    if (this.memory.ended) throw new Ended();
    for (let came = receiveMessageOnPort(this.port); came !== undefined; came = receiveMessageOnPort(this.port)) this.receive(came.message as ToSupplyThread);
    let busy = false;
    for (const channel of this.order) {
      if (!channel.ready) continue;
      busy = true;
      channel.step();
      if (this.memory.ended) throw new Ended();
    }
    return busy;
  }

  private receive(message: ToSupplyThread): void {
    if (message.kind !== 'requests') throw new Error(`a message "${message.kind}" in mid-session`);
    const { channel, slot, flags, payload } = message;
    let serves = this.channels.get(channel);
    if (serves === undefined) {
      serves = new SupplyChannel(this, channel, slot);
      this.channels.set(channel, serves);
      this.order = [...this.order, serves]; // a new list: an outer turn may be going through the old one
    }
    serves.receive(flags, payload);
  }
}
