/** Helpers of the transport tests: two Peers over a pair of streams, a child that answers, and what must be closed after each test. */
import { duplexPair, type Duplex } from 'node:stream';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Peer, type PeerOptions } from '../../src/transport/index.js';
import type { TwintreeError } from '../../src/tree/index.js';
import type { Frame } from '../../src/wire/index.js';

/** Where the compiled tests are. */
export const HERE = dirname(fileURLToPath(import.meta.url));
/** The child that answers (echo-child.ts). */
export const ECHO_CHILD = join(HERE, 'echo-child.js');

const cleanups: (() => unknown)[] = [];

/** Runs after the test, also after a failure, in the opposite order. */
export function afterwards(undo: () => unknown): void {
  cleanups.push(undo);
}

export async function cleanUp(): Promise<void> {
  for (let undo = cleanups.pop(); undo !== undefined; undo = cleanups.pop()) await undo();
}

export function tempDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'twintree-transport-'));
  afterwards(() => { rmSync(folder, { recursive: true, force: true }); });
  return folder;
}

/** A Peer and what it has received. */
export interface Seen { peer: Peer; frames: Frame[]; ends: (TwintreeError | undefined)[]; ended: Promise<TwintreeError | undefined> }

export function watched(stream: Duplex, role: 'client' | 'agent', options: PeerOptions = {}): Seen {
  const peer = new Peer(stream, role, options);
  const frames: Frame[] = [];
  const ends: (TwintreeError | undefined)[] = [];
  peer.onFrame = (frame) => { frames.push(frame); };
  const ended = new Promise<TwintreeError | undefined>((resolve) => {
    peer.onEnd = (error) => {
      ends.push(error);
      resolve(error);
    };
  });
  afterwards(() => { stream.destroy(); });
  return { peer, frames, ends, ended };
}

/** Two ends in one process. */
export function pair(): [Duplex, Duplex] {
  return duplexPair();
}

/** The error a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<TwintreeError> {
  try {
    await promise;
  } catch (error) {
    return error as TwintreeError;
  }
  throw new Error('it was not rejected');
}
