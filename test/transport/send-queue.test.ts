/** SendQueue: the bytes leave in order, whole, in slices under a limit, and what waits is known. */
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { SendQueue } from '../../src/transport/send-queue.js';

function collecting(): { stream: Writable; pieces: Buffer[] } {
  const pieces: Buffer[] = [];
  const stream = new Writable({ write: (piece: Buffer, _encoding, done) => {
    pieces.push(Buffer.from(piece));
    setImmediate(done);
  } });
  return { stream, pieces };
}

describe('the queue of what is sent', () => {
  it('passes on exactly what was pushed, in order', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 3 }), { maxLength: 30 }), async (frames) => {
      const { stream, pieces } = collecting();
      const queue = new SendQueue(stream);
      for (const frame of frames) queue.push(frame.map((bytes) => Buffer.from(bytes)));
      await queue.flushed();
      assert.deepEqual(Buffer.concat(pieces), Buffer.concat(frames.flat()));
      assert.equal(queue.sent, Buffer.concat(frames.flat()).length);
      assert.equal(queue.queued, 0);
    }), { numRuns: 50 });
  });

  it('cuts into slices of a twentieth of a second under a limit, and goes on at once when it is lifted', async () => {
    const { stream, pieces } = collecting();
    const queue = new SendQueue(stream);
    queue.limit(200_000);
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
    queue.push([bytes]);
    while (pieces.length < 3) await new Promise((resolve) => { setTimeout(resolve, 5); });
    assert.ok(pieces.every((piece) => piece.length === 10_000), String(pieces.map((piece) => piece.length)));
    queue.limit(0);
    await queue.flushed();
    assert.deepEqual(Buffer.concat(pieces), bytes);
    assert.ok(pieces.length < 10);
  });

  it('writes last words only between frames', () => {
    const { stream, pieces } = collecting();
    const queue = new SendQueue(stream);
    queue.push([Buffer.from('head'), Buffer.from('body')]);
    queue.last([Buffer.from('bye')]);
    assert.deepEqual(pieces.map(String), ['bye']); // nothing had begun
  });

  it('keeps them back where a frame has begun', async () => {
    const { stream, pieces } = collecting();
    const queue = new SendQueue(stream);
    queue.limit(20_000);
    queue.push([Buffer.alloc(1000), Buffer.alloc(50_000)]);
    while (pieces.length === 0) await new Promise((resolve) => { setImmediate(resolve); });
    queue.last([Buffer.from('bye')]);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    assert.ok(!Buffer.concat(pieces).includes('bye'));
  });
});
