/** Frames: whatever the pieces a stream arrives in, the same frames leave it; nothing damaged, unknown or too long does. */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import {
  encodeCredit, encodeFrame, encodeToken, FRAME_HEADER, FrameReader, FrameType, MAGIC, MAX_BANNER, MAX_HELLO, MAX_PAYLOAD, parseCredit, parseToken, WireError, type Frame,
} from '../../src/wire/index.js';

const HELLO = Buffer.from('{}');
const opening = Buffer.concat([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, HELLO)]);

/** Frames that may be, of every type. */
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ type: fc.constantFrom(FrameType.Requests, FrameType.Items), flags: fc.nat(2), channel: fc.integer({ min: 1, max: 65535 }), payload: payload(1, 300) }, { noNullPrototype: true }),
  fc.record({ type: fc.constant(FrameType.Control), flags: fc.constant(0), channel: fc.constant(0), payload: payload(1, 300) }, { noNullPrototype: true }),
  fc.record({ type: fc.constant(FrameType.Credit), flags: fc.constant(0), channel: fc.integer({ min: 1, max: 65535 }), payload: payload(4, 4) }, { noNullPrototype: true }),
  fc.record({ type: fc.constantFrom(FrameType.Ping, FrameType.Pong), flags: fc.constant(0), channel: fc.constant(0), payload: payload(8, 8) }, { noNullPrototype: true }),
  fc.record({ type: fc.constant(FrameType.Bye), flags: fc.constant(0), channel: fc.constant(0), payload: payload(2, 50) }, { noNullPrototype: true }),
);
function payload(minLength: number, maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes));
}

/** All frames of a stream that arrives in pieces of these lengths, over and over. */
function read(stream: Buffer, pieces: readonly number[] = [stream.length]): { frames: Frame[]; banner: string | undefined; reader: FrameReader } {
  const frames: Frame[] = [];
  let banner: string | undefined;
  const reader = new FrameReader((one) => { frames.push(one); }, (text) => { banner = text.toString(); });
  for (let at = 0, i = 0; at < stream.length; i++) {
    const length = Math.max(1, pieces[i % pieces.length] ?? 1);
    reader.push(stream.subarray(at, at + length));
    at += length;
  }
  return { frames, banner, reader };
}

function refused(code: string, stream: Buffer): void {
  assert.throws(() => read(stream), (error) => error instanceof WireError && error.code === code, code);
}

/** A frame with a right checksum, whatever it says. */
function raw(type: number, flags: number, channel: number, body: Buffer, length = body.length): Buffer {
  const header = Buffer.alloc(FRAME_HEADER);
  header[0] = type;
  header[1] = flags;
  header.writeUInt16LE(channel, 2);
  header.writeUInt32LE(length, 4);
  header.writeUInt32LE(crc32(body, crc32(header.subarray(0, 8))), 8);
  return Buffer.concat([header, body]);
}

describe('wire/frames', () => {
  it('gives the frames that were sent, in whatever pieces they arrive', () => {
    fc.assert(fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }), (sent, pieces) => {
      const stream = Buffer.concat([opening, ...sent.flatMap((one) => encodeFrame(one.type, one.flags, one.channel, one.payload))]);
      const { frames, reader, banner } = read(stream, pieces);
      assert.deepEqual(frames, [{ type: FrameType.Hello, flags: 0, channel: 0, payload: HELLO }, ...sent]);
      assert.ok(reader.between && reader.opened);
      assert.equal(banner, undefined);
    }), { numRuns: 300 });
  });

  it('gives payloads whose memory is their own, so that it can be transferred', () => {
    const stream = Buffer.concat([opening, ...encodeFrame(FrameType.Items, 0, 1, Buffer.from('first')), ...encodeFrame(FrameType.Items, 0, 1, Buffer.from('second'))]);
    const [, first, second] = read(stream).frames;
    assert.ok(first !== undefined && second !== undefined);
    structuredClone(first.payload, { transfer: [first.payload.buffer as ArrayBuffer] });
    assert.equal(second.payload.toString(), 'second');
  });

  it('skips and tells what a shell prints before the magic, also where it looks like it', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('Welcome!\n', '\x89', '\x89TTW', '\x89TTW\r\n', 'x'), { maxLength: 20 }), fc.integer({ min: 1, max: 30 }), (words, piece) => {
      const banner = Buffer.from(words.join(''), 'latin1');
      const got = read(Buffer.concat([banner, opening]), [piece]);
      assert.equal(got.banner, banner.length === 0 ? undefined : banner.toString());
      assert.equal(got.frames.length, 1);
    }), { numRuns: 200 });
  });

  it('takes 64 KiB of banner, and not one byte more', () => {
    assert.equal(read(Buffer.concat([Buffer.alloc(MAX_BANNER, 'x'), opening])).frames.length, 1);
    refused('magic', Buffer.concat([Buffer.alloc(MAX_BANNER + 1, 'x'), opening]));
  });

  it('shows what has come instead of the magic so far', () => {
    assert.equal(read(Buffer.from('@RSYNCD: 31.0\n')).reader.unrecognized.toString(), '@RSYNCD: 31.0\n');
  });

  it('knows when a stream ends inside a frame', () => {
    assert.equal(read(opening.subarray(0, -1)).reader.between, false);
    assert.equal(read(opening).reader.between, true);
  });

  it('refuses a frame of which one bit has changed', () => {
    const good = Buffer.concat(encodeFrame(FrameType.Items, 0, 1, Buffer.from('some content')));
    const behind = Buffer.alloc(MAX_PAYLOAD); // a length that grew is seen only when as many bytes are there
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = Buffer.from(good);
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      const reader = new FrameReader(() => undefined);
      reader.push(opening);
      assert.throws(() => {
        reader.push(bad);
        reader.push(behind);
      }, WireError, `bit ${bit}`);
    }
  });

  it('refuses unknown types and flags, wrong channels and lengths, before their payload is there', () => {
    const head = (...frameOf: Parameters<typeof raw>): Buffer => Buffer.concat([opening, raw(...frameOf).subarray(0, FRAME_HEADER)]);
    const none = Buffer.alloc(0);
    for (const type of [0, 9, 255]) refused('frame', head(type, 0, 0, none, 2));
    for (const flags of [3, 7, 8, 128]) refused('frame', head(FrameType.Items, flags, 1, none, 2));
    for (const type of [FrameType.Ping, FrameType.Control]) refused('frame', head(type, 1, 0, none, 8));
    for (const type of [FrameType.Requests, FrameType.Items, FrameType.Credit]) refused('frame', head(type, 0, 0, none, 4));
    for (const type of [FrameType.Control, FrameType.Ping, FrameType.Bye]) refused('frame', head(type, 0, 1, none, 8));
    refused('limit', head(FrameType.Items, 0, 1, none, MAX_PAYLOAD + 1));
    refused('limit', head(FrameType.Control, 0, 0, none, 0xffffffff));
    refused('limit', head(FrameType.Control, 0, 0, none, 0));
    refused('limit', head(FrameType.Bye, 0, 0, none, MAX_HELLO + 1));
    refused('limit', head(FrameType.Credit, 0, 1, none, 5));
    refused('limit', head(FrameType.Pong, 0, 0, none, 7));
  });

  it('wants a Hello first, a small one, and only one', () => {
    refused('frame', Buffer.concat([MAGIC, raw(FrameType.Items, 0, 1, Buffer.from('x'))]));
    refused('frame', Buffer.concat([opening, opening.subarray(MAGIC.length)]));
    refused('limit', Buffer.concat([MAGIC, raw(FrameType.Hello, 0, 0, Buffer.alloc(0), MAX_HELLO + 1)]));
  });

  it('says the same again once it has refused', () => {
    const reader = new FrameReader(() => undefined);
    reader.push(opening);
    assert.throws(() => { reader.push(raw(9, 0, 0, Buffer.from('x'))); }, WireError);
    assert.throws(() => { reader.push(raw(FrameType.Ping, 0, 0, Buffer.alloc(8))); }, /type 9/);
  });

  it('refuses to write what it would not read', () => {
    assert.throws(() => encodeFrame(FrameType.Items, 0, 0, Buffer.from('x')), RangeError);
    assert.throws(() => encodeFrame(FrameType.Items, 0, 1, Buffer.alloc(MAX_PAYLOAD + 1)), RangeError);
    assert.throws(() => encodeFrame(FrameType.Hello, 1, 0, HELLO), RangeError);
  });

  it('does not copy what it frames', () => {
    const body = Buffer.from('content');
    assert.equal(encodeFrame(FrameType.Items, 0, 1, body)[1]?.buffer, body.buffer);
  });

  it('carries credits and tokens', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 0xffffffff }), fc.nat(Number.MAX_SAFE_INTEGER), (credit, token) => {
      assert.deepEqual([parseCredit(encodeCredit(credit)), parseToken(encodeToken(token))], [credit, token]);
    }));
    assert.throws(() => parseCredit(Buffer.alloc(4)), WireError);
    assert.throws(() => parseToken(Buffer.alloc(8, 0xff)), WireError);
  });
});
