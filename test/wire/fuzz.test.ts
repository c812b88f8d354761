/**
 * Every decoder against hostile bytes: mutated valid payloads and random ones. Only the decoder's own error may come out, and
 * what it takes in memory stays in proportion to the limits. `node scripts/fuzz-wire.js` does the same for as long as one likes.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { loadOwnPosix } from '../../src/fs/index.js';
import { decodeOptions, encodeOptions } from '../../src/plan/index.js';
import { SelectionReader } from '../../src/session/remote/describe.js';
import { readOpen, writeOpen } from '../../src/session/remote/messages.js';
import { PlanReceiver } from '../../src/session/remote/plan-parts.js';
import { TwintreeError, type ByteString, type RelPath } from '../../src/tree/index.js';
import {
  compressPayload, encodeControl, encodeFrame, encodeHello, expandPayload, FrameReader, FrameType, hello, ItemReader, ItemWriter, MAGIC, parseBye, parseControl, parseCredit, parseHello, parseJsonObject,
  parseToken, RequestReader, RequestWriter, WireError,
} from '../../src/wire/index.js';
import { sync } from '../cli/support.js';
import { partsOf as parts, sealedAs as seal, withOptions } from '../session/recorded-support.js';
import { REPOSITORY } from '../support/temp.js';
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
    if (error instanceof WireError || (error instanceof TwintreeError && (error.code === 'WIRE' || error.code === 'PLAN_FILE'))) return false;
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

  const described = [
    { type: 'rule-file', path: '/a/.rules', content: Buffer.from('- *.o\n').toString('base64') }, { type: 'rule-file', path: '/.rules', content: '' }, { type: 'selection', nodes: [[0, '', [0], [0], 2, 0], [1, 'a', [0], [], 0, 2]] },
    { type: 'opened', mounts: [{ path: 's/', root: { path: '/a/s', identity: 'i0:5-b1.2' }, followed: ['x/y'] }], problems: [], missing: 0, skipped: ['d'] },
  ];
  const messages = fc.tuple(fc.nat(described.length - 1), fc.oneof(fc.constant(0), fc.nat()), fc.jsonValue()).map(([k, at, value]) => Buffer.from(JSON.stringify({ list: described.map((message, i) => (i === k ? exchange(message, at, value) : message)) })));
  fuzz('the description of sources', messages, (bytes) => {
    const list = parseJsonObject(bytes)['list'];
    if (!Array.isArray(list)) throw new WireError('json', 'no list');
    const reader = new SelectionReader();
    for (const value of list) {
      const message = parseControl(Buffer.from(JSON.stringify(value)));
      if (message.type === 'opened') reader.finish(message);
      else reader.take(message);
    }
  }, 1500);

  fuzz('the opening of a session with a plan', fc.tuple(fc.nat(1), fc.oneof(fc.constant(0), fc.nat()), fc.jsonValue()).map(([k, at, value]) => {
    const { options } = sync(['-a', 'a', 'b']);
    const common = { root: undefined, sources: ['s' as ByteString], options, seed: { low: 1, high: 2 }, timeoutMs: 0 };
    const open = k === 0 ? writeOpen({ side: 'supplier', ...common, compression: 'auto', bwlimit: 0, roots: [{ path: '/a' as ByteString, identity: 'i0:5-d1:2', followed: ['x' as RelPath] }] })
      : writeOpen({ side: 'session', ...common, target: 't' as ByteString, lineage: '0123456789abcdef', wants: { operations: 'all', progress: 100 }, work: 'apply' });
    return Buffer.from(JSON.stringify(exchange(open, at, value)));
  }), (bytes) => { readOpen(parseControl(bytes)); }, 1500);

  const golden = Buffer.from(readFileSync(join(REPOSITORY, 'fixtures/plan/sealed.v1.hex'), 'utf8').replaceAll('\n', ''), 'hex');
  const { opening, sections } = parts(withOptions(golden, encodeOptions(sync(['-a', '--delete', 'a', 'b']).options)));
  // Changed before it was sealed: what is behind the seal is reached too.
  const plans = fc.tuple(fc.nat(sections.length - 2), fc.array(mutation, { maxLength: 2 })).map(([k, mutations]) => seal({ opening, sections: sections.map(({ kind, payload }, i) => ({ kind, payload: i === k ? mutate(payload, mutations) : payload })) }));
  fuzz('a kept plan in parts', plans, (bytes) => {
    const receiver = new PlanReceiver(loadOwnPosix(), () => undefined);
    try {
      for (let at = 0; at < bytes.length; at += 700) receiver.take(parseControl(encodeControl({ type: 'plan-part', bytes: bytes.subarray(at, at + 700).toString('base64') })));
      const plan = receiver.finish();
      plan.shared();
      assert.deepEqual(Buffer.concat([...plan.bytes()]).subarray(0, 16), bytes.subarray(0, 16));
      plan.close();
    } finally {
      receiver.discard();
    }
  }, 1000);

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
