/**
 * Every decoder against hostile bytes: mutated valid payloads and random ones. Only the decoder's own error may come out, and
 * what it takes in memory stays in proportion to the limits. `node scripts/fuzz-wire.js` does the same for as long as one likes.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeOptions, encodeOptions } from '../../src/plan/index.js';
import { TwintreeError } from '../../src/tree/index.js';
import {
  compressPayload, encodeControl, encodeFrame, encodeHello, expandPayload, FrameReader, FrameType, hello, ItemReader, ItemWriter, MAGIC, parseBye, parseControl, parseCredit, parseHello, parseJsonObject,
  parseToken, RequestReader, RequestWriter, WireError,
} from '../../src/wire/index.js';
import { sync } from '../cli/support.js';
import { item, request } from './support.js';

/** What is done to a payload: a place (as a share of its length) and what happens there. */
type Mutation = readonly [at: number, how: 'set' | 'add' | 'drop' | 'insert' | 'repeat' | 'cut', value: number];
const mutation: fc.Arbitrary<Mutation> = fc.tuple(
  fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom('set' as const, 'add' as const, 'drop' as const, 'insert' as const, 'repeat' as const, 'cut' as const),
  fc.oneof(fc.constantFrom(0, 1, 127, 128, 255), fc.nat(255)),
);

function mutate(payload: Buffer, mutations: readonly Mutation[]): Buffer {
  let bytes = Buffer.from(payload);
  for (const [share, how, value] of mutations) {
    const at = Math.min(bytes.length, Math.floor(share * bytes.length));
    if (how === 'set' && at < bytes.length) bytes[at] = value;
    else if (how === 'add' && at < bytes.length) bytes[at] = ((bytes[at] as number) + value) & 255;
    else if (how === 'drop') bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + (value & 7))]);
    else if (how === 'insert') bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([value]), bytes.subarray(at)]);
    else if (how === 'repeat') bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - value), at), bytes.subarray(at)]);
    else if (how === 'cut') bytes = bytes.subarray(0, at);
  }
  return bytes;
}

/** Runs a decoder that may refuse; returns whether it accepted. */
function tries(decode: () => void): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (error instanceof WireError || (error instanceof TwintreeError && error.code === 'WIRE')) return false;
    throw error;
  }
}

function fuzz(name: string, valid: fc.Arbitrary<Buffer>, decode: (bytes: Buffer) => void, runs = 3000): void {
  it(name, () => {
    let accepted = 0;
    let refused = 0;
    const input = fc.oneof(
      { weight: 8, arbitrary: fc.tuple(valid, fc.array(mutation, { minLength: 1, maxLength: 4 })).map(([payload, mutations]) => mutate(payload, mutations)) },
      { weight: 1, arbitrary: valid }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    );
    fc.assert(fc.property(input, (bytes) => {
      const before = process.memoryUsage.rss();
      if (tries(() => { decode(bytes); })) accepted++;
      else refused++;
      const taken = process.memoryUsage.rss() - before;
      assert.ok(taken < 200 << 20, `${bytes.length} bytes took ${taken}`);
    }), { numRuns: runs });
    assert.ok(accepted > runs / 100 && refused > runs / 100, `${accepted} accepted, ${refused} refused: this tests nothing`);
  }).timeout(120_000);
}

const items = fc.array(item, { minLength: 1, maxLength: 3 }).chain((list) => fc.tuple(fc.boolean(), fc.boolean()).map(([atimes, btimes]) => {
  const writer = new ItemWriter({ atimes, btimes });
  for (const one of list) writer.write(one);
  return writer.take();
}));
const requests = fc.array(request, { minLength: 1, maxLength: 3 }).map((list) => {
  const writer = new RequestWriter();
  for (const one of list) writer.write(one);
  return writer.take();
});
const streams = fc.array(fc.oneof(items.map((payload) => encodeFrame(FrameType.Items, 0, 3, payload)), requests.map((payload) => encodeFrame(FrameType.Requests, 0, 3, payload))), { maxLength: 3 })
  .map((frames) => Buffer.concat([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, encodeHello(hello('agent', 'twintree 1', { brotli: true, zstd: false }))), ...frames.flat()]));

describe('wire: hostile bytes end in one kind of error', () => {
  fuzz('items', items, (bytes) => {
    for (const reader = new ItemReader(bytes); !reader.done;) reader.next();
  });

  fuzz('requests', requests, (bytes) => {
    for (const reader = new RequestReader(bytes); !reader.done;) reader.next();
  });

  fuzz('frames', streams, (bytes) => {
    const reader = new FrameReader(() => undefined);
    reader.push(bytes.subarray(0, 30));
    reader.push(bytes.subarray(30));
    if (!reader.between) throw new WireError('truncated', 'ended inside a frame');
  }, 1500);

  fuzz('compressed payloads', items.map((payload) => compressPayload(Buffer.concat([payload, payload, Buffer.alloc(200)]), { brotli: true, zstd: false }).payload), (bytes) => {
    expandPayload(1, bytes);
  }, 1000);

  fuzz('hello', fc.constantFrom(encodeHello(hello('agent', 'twintree 1', { brotli: true, zstd: true }, ['one', 'two']))), (bytes) => { parseHello(bytes); });

  fuzz('control', fc.jsonValue().map((value) => encodeControl({ type: 'open', value })), (bytes) => { parseControl(bytes); });

  fuzz('bye, credit and tokens', fc.constantFrom(Buffer.from('{"code":"done","message":"all"}'), Buffer.from([1, 0, 0, 0]), Buffer.alloc(8)), (bytes) => {
    if (bytes.length === 4) parseCredit(bytes);
    else if (bytes.length === 8) parseToken(bytes);
    else parseBye(bytes);
  });

  const lines = [['-a'], ['-aAXH', '--delete', '--filter=: .rules', '--exclude=x', '--usermap=1-5:root', '--delete-limit=5%', '--compare-dest=old']];
  fuzz('options', fc.constantFrom(...lines).map((args) => Buffer.from(JSON.stringify(encodeOptions(sync([...args, 'a', 'b']).options)))), (bytes) => {
    decodeOptions(parseJsonObject(bytes));
  });

  fuzz('options of other values', fc.tuple(fc.constantFrom(...lines), fc.oneof(fc.constant(0), fc.nat()), fc.jsonValue()).map(([args, at, value]) => Buffer.from(JSON.stringify(exchange(encodeOptions(sync([...args, 'a', 'b']).options), at, value)))), (bytes) => {
    decodeOptions(parseJsonObject(bytes));
  }, 1500);
});

/** The same tree of JSON with the value at one place exchanged; nothing for place 0. */
function exchange(json: unknown, at: number, by: unknown): unknown {
  if (at === 0) return json;
  if (typeof json !== 'object' || json === null) return by;
  const keys = Object.keys(json);
  if (keys.length === 0 || at % 7 === 0) return by;
  const key = keys[at % keys.length] as string;
  const changed: Record<string, unknown> = { ...(json as Record<string, unknown>), [key]: exchange((json as Record<string, unknown>)[key], Math.floor(at / 7), by) };
  return Array.isArray(json) ? Object.values(changed) : changed;
}
