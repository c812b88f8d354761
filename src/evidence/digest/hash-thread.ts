/** A thread that hashes batches; its file is worker.ts. It sleeps in its event loop between two of them. */
import { parentPort } from 'node:worker_threads';
import { loadWorkingPosix } from '../../fs/index.js';
import { FileHashes, type HashBatch, type HashResult } from './hash-files.js';

/** What a thread is started with. */
export interface HashThreadData { readonly run: 'digest' }

/** What it is told: first the memory that it shares, then batches. */
export type ToHashThread = { readonly kind: 'begin'; readonly memory: SharedArrayBuffer } | { readonly kind: 'batch'; readonly id: number; readonly batch: HashBatch } | { readonly kind: 'close' };
/** What it answers. That a thread fails, its end tells. */
export interface FromHashThread { readonly kind: 'done'; readonly id: number; readonly result: HashResult }

/** Words of the shared memory: whether all is given up; then bytes read, 64 bits. */
export const GIVEN_UP = 0;
export const SHARED_BYTES = 16;

/** Serves until it is told to end. */
export function serveHashes(): void {
  const port = parentPort;
  if (port === null) throw new Error('this runs in a worker thread only');
  let files: FileHashes | undefined;
  port.on('message', (message: ToHashThread) => {
    switch (message.kind) {
      case 'begin': {
        const flags = new Int32Array(message.memory, 0, 2);
        const counter = new BigInt64Array(message.memory, 8, 1);
        files = new FileHashes(loadWorkingPosix(), () => Atomics.load(flags, GIVEN_UP) !== 0, (bytes) => { Atomics.add(counter, 0, BigInt(bytes)); });
        return;
      }
      case 'batch': {
        if (files === undefined) throw new Error('a batch before the beginning');
        const result = files.run(message.batch);
        const answer: FromHashThread = { kind: 'done', id: message.id, result };
        port.postMessage(answer, [result.stats.buffer as ArrayBuffer, result.digests.buffer as ArrayBuffer]);
        return;
      }
      case 'close': port.close();
    }
  });
}
