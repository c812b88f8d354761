/** Batches that somebody has changed and sealed anew. */
import { createHash } from 'node:crypto';
import { encodeBye, encodeFrame, FRAME_HEADER, FrameType } from '../../src/wire/index.js';

/** A frame of a batch; none of them is compressed. */
export interface BatchFrame { type: FrameType; channel: number; payload: Buffer }

/** The same file with its frames changed by `change`, whole and sealed again. */
export function resealed(bytes: Buffer, change: (frames: BatchFrame[]) => void): Buffer {
  const frames: BatchFrame[] = [];
  for (let at = 16; at < bytes.length;) {
    const length = bytes.readUInt32LE(at + 4);
    frames.push({ type: bytes.readUInt8(at), channel: bytes.readUInt16LE(at + 2), payload: Buffer.from(bytes.subarray(at + FRAME_HEADER, at + FRAME_HEADER + length)) });
    at += FRAME_HEADER + length;
  }
  frames.pop();
  change(frames);
  const body = Buffer.concat([bytes.subarray(0, 16), ...frames.flatMap(({ type, channel, payload }) => encodeFrame(type, 0, channel, payload))]);
  return Buffer.concat([body, ...encodeFrame(FrameType.Bye, 0, 0, encodeBye({ code: 'sealed', message: createHash('sha256').update(body).digest('hex') }))]);
}
