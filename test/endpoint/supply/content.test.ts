/** Content as the supplier sends it: whole and as a delta it is the file, it travels within the credit, and hostile sums change nothing. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { blockLengthFor } from '../../../src/delta/index.js';
import { FIRST_CREDIT as WINDOW } from '../../../src/wire/index.js';
import type { Item, RoundSums } from '../../../src/wire/index.js';
import { Dice, useTempFolder } from '../../support/index.js';
import { BasisSide } from '../../delta/support.js';
import { content, SEED, setupFor, statOf, TestSession } from './support.js';
import { hashOf } from '../../hash/support.js';

const MIB = 1 << 20;

function random(size: number, seed: number): Buffer {
  const out = Buffer.alloc(size);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = state;
  }
  return out;
}

/** Sums for one round. */
function sumsOf(basis: Buffer, blockLength: number): RoundSums {
  return new BasisSide(basis, SEED).answer({ aligned: false, blockLength, stretches: basis.length > 0 ? [{ start: 0, length: basis.length }] : [] });
}

/** Sums that open a delta in rounds. */
function openingOf(basis: Buffer): RoundSums {
  return new BasisSide(basis, SEED).opening();
}

interface Rebuilt { data: Buffer; literals: number; copies: number; rounds: number; holes: number; end: Extract<Item, { kind: 'content-end' }> }

/** Puts together the next file of a channel. */
async function rebuild(session: TestSession, channel: number, basis: Buffer = Buffer.alloc(0)): Promise<Rebuilt> {
  const begin = await session.take(channel, 'content-begin');
  assert.equal(begin.errno, 0);
  const parts: Buffer[] = [];
  const out = { literals: 0, copies: 0, rounds: 0, holes: 0 };
  const side = new BasisSide(basis, SEED);
  for (;;) {
    const item = await session.next(channel);
    switch (item.kind) {
      case 'literal': parts.push(Buffer.from(item.bytes)); out.literals += item.bytes.length; break;
      case 'copy': parts.push(basis.subarray(item.offset, item.offset + item.length)); out.copies++; break;
      case 'hole': parts.push(Buffer.alloc(item.length)); out.holes++; break;
      case 'refine':
        out.rounds++;
        session.send(channel, { kind: 'refine', sums: side.answer(item) });
        break;
      case 'content-end': return { data: Buffer.concat(parts), ...out, end: item };
      default: throw new Error(`a ${item.kind} within a file`);
    }
  }
}

/** Edits that a file may have had since the basis was made. */
const SHAPES: Record<string, (basis: Buffer, dice: Dice) => Buffer> = {
  'nothing changed': (b) => b,
  'a byte changed': (b, dice) => {
    const out = Buffer.from(b);
    const at = dice.below(b.length);
    out[at] = (out[at] as number) ^ 1;
    return out;
  },
  'many places changed': (b, dice) => {
    const out = Buffer.from(b);
    for (let i = 0; i < 30; i++) out.writeUInt8(dice.below(256), dice.below(b.length));
    return out;
  },
  'bytes put in': (b, dice) => {
    const at = dice.below(b.length);
    return Buffer.concat([b.subarray(0, at), random(777, 5), b.subarray(at)]);
  },
  'bytes taken out': (b, dice) => {
    const at = dice.below(b.length - 1000);
    return Buffer.concat([b.subarray(0, at), b.subarray(at + 999)]);
  },
  'grown at the end': (b) => Buffer.concat([b, random(5000, 6)]),
  'grown at the start': (b) => Buffer.concat([random(5000, 7), b]),
  'cut off': (b) => b.subarray(0, Math.floor(b.length * 0.6)),
  'halves exchanged': (b) => Buffer.concat([b.subarray(b.length / 2), b.subarray(0, b.length / 2)]),
  'said twice': (b) => Buffer.concat([b, b]),
  'another file': (b) => random(b.length, 8),
  'zeros': (b) => Buffer.alloc(b.length),
  'empty now': () => Buffer.alloc(0),
};

describe('content from the supplier', () => {
  const temp = useTempFolder('supply-content');
  let session: TestSession;

  function start(args: readonly string[] = ['-a'], over: Parameters<typeof setupFor>[2] = {}): TestSession {
    fs.mkdirSync(temp.at('s'), { recursive: true });
    session = new TestSession(setupFor(args, [`${temp.at('s')}/`], over));
    return session;
  }
  function write(name: string, data: Buffer | string): void {
    fs.mkdirSync(temp.at('s'), { recursive: true });
    fs.writeFileSync(temp.at('s', name), data);
  }
  afterEach('end the session', async () => { await session.close(); });

  it('sends a file whole, with its attributes before and after and its hash', async () => {
    const data = random(3 * MIB + 17, 1);
    write('f', data);
    start().send(1, content('f'));
    const begin = session.next(1);
    const item = await begin;
    assert.ok(item.kind === 'content-begin');
    assert.equal(statOf(item.stat).size(0), data.length);
    session.on(1).items.unshift(item);
    const { data: got, end } = await rebuild(session, 1);
    assert.ok(got.equals(data));
    assert.equal(end.errno, 0);
    assert.equal(end.size, data.length);
    assert.deepEqual(end.hash, hashOf(data));
    assert.equal(statOf(end.stat).size(0), data.length);
  });

  it('sends many small files in few frames', async () => {
    start();
    const names = Array.from({ length: 300 }, (_, i) => `f${i}`);
    for (const name of names) write(name, `content of ${name}`);
    session.send(1, ...names.map((name) => content(name)));
    for (const name of names) assert.equal((await rebuild(session, 1)).data.toString(), `content of ${name}`);
    assert.ok(session.on(1).frames <= 4, `${session.on(1).frames} frames`);
  });

  it('sends from an offset on, and hashes what is before it', async () => {
    const data = random(MIB + 5, 2);
    write('f', data);
    start();
    for (const from of [1, 300_000, data.length - 1, data.length, data.length + 10]) {
      session.send(1, content('f', { from }));
      const { data: got, end } = await rebuild(session, 1);
      assert.ok(got.equals(data.subarray(from)), String(from));
      assert.deepEqual(end.hash, hashOf(data));
    }
  });

  it('sends holes as holes', async () => {
    fs.mkdirSync(temp.at('s'), { recursive: true });
    const fd = fs.openSync(temp.at('s', 'f'), 'w');
    fs.writeSync(fd, Buffer.alloc(65536, 1), 0, 65536, 2 * MIB);
    fs.ftruncateSync(fd, 5 * MIB);
    fs.closeSync(fd);
    const data = fs.readFileSync(temp.at('s', 'f'));
    start().send(1, content('f'), content('f', { sums: sumsOf(data, 4096) }));
    const whole = await rebuild(session, 1);
    assert.ok(whole.data.equals(data));
    assert.ok(whole.literals < MIB && whole.holes >= 2);
    assert.deepEqual(whole.end.hash, hashOf(data));
    const delta = await rebuild(session, 1, data);
    assert.ok(delta.data.equals(data));
    assert.deepEqual(delta.end.hash, hashOf(data));
  });

  for (const [shape, edit] of Object.entries(SHAPES)) {
    for (const size of [5000, 200_000, 6 * MIB]) {
      it(`sends a delta that makes the file: ${shape}, of ${size} bytes`, async () => {
        const dice = new Dice(size);
        const basis = random(size, 3);
        const data = edit(basis, dice);
        write('f', data);
        start();
        for (const sums of [sumsOf(basis, blockLengthFor(size)), openingOf(basis), new BasisSide(basis, SEED).probe() ?? openingOf(basis)]) {
          session.send(1, content('f', { sums }));
          const { data: got, end, literals, copies } = await rebuild(session, 1, basis);
          assert.ok(got.equals(data), `blocks of ${sums.blockLength}`);
          assert.equal(end.size, data.length);
          assert.deepEqual(end.hash, hashOf(data));
          if (shape === 'nothing changed') assert.deepEqual([literals, copies], [0, 1]);
          if (shape === 'a byte changed' && size > MIB) assert.ok(literals <= 4096, `${literals} literals`);
        }
      });
    }
  }

  it('asks for further sums where the first blocks were long, before what waits behind', async () => {
    const basis = random(4 * MIB, 4);
    const data = Buffer.from(basis);
    for (let i = 1; i < 8; i++) data.fill(i, i * 500_000, i * 500_000 + 40);
    write('f', data);
    write('g', 'small');
    start().send(1, content('f', { sums: openingOf(basis) }), content('g'));
    const first = await rebuild(session, 1, basis);
    assert.ok(first.data.equals(data));
    assert.ok(first.rounds >= 1);
    assert.ok(first.literals < 64 << 10, `${first.literals}`);
    assert.equal((await rebuild(session, 1)).data.toString(), 'small');
  });

  it('sends what is open as literals where the session has no further sums', async () => {
    const basis = random(4 * MIB, 4);
    const data = Buffer.from(basis);
    data.fill(0, 1_000_000, 1_000_100);
    write('f', data);
    start().send(1, content('f', { sums: openingOf(basis) }));
    await session.take(1, 'content-begin');
    const { blockLength } = await session.take(1, 'refine');
    session.send(1, { kind: 'refine', sums: { basisSize: basis.length, blockLength, stretches: [], round: Buffer.alloc(1) } });
    const parts: Buffer[] = [];
    for (let item = await session.next(1); item.kind !== 'content-end'; item = await session.next(1)) {
      if (item.kind === 'literal') parts.push(Buffer.from(item.bytes));
      else if (item.kind === 'copy') parts.push(basis.subarray(item.offset, item.offset + item.length));
    }
    assert.ok(Buffer.concat(parts).equals(data));
  });

  it('answers sums that are none with an errno, and goes on with the next file', async () => {
    write('f', random(10_000, 1));
    start();
    const good = sumsOf(random(10_000, 1), 512);
    const lies: RoundSums[] = [
      { ...good, round: good.round.subarray(1) },
      { ...good, round: Buffer.alloc(0) },
      { ...good, round: Buffer.concat([Buffer.from([9]), good.round.subarray(1)]) },
      { ...good, stretches: [{ start: 0, length: 512 }] },
    ];
    for (const sums of lies) {
      session.send(1, content('f', { sums }));
      assert.equal((await session.take(1, 'content-begin')).errno, 22);
    }
    session.send(1, content('f'));
    assert.ok((await rebuild(session, 1)).data.equals(random(10_000, 1)));
  });

  it('never sends more than was granted', async () => {
    const data = random(12 * MIB, 9);
    write('f', data);
    start(['-a'], { threads: 1 });
    session.grants = false;
    session.send(1, content('f'));
    let granted = WINDOW; // what each channel begins with
    const parts: Buffer[] = [];
    for (;;) {
      const item = session.on(1).items.shift();
      if (item === undefined) {
        // All that came is used up. The same thread answers a question only where the stream has done what it can.
        const before = session.on(1).bytes;
        for (let i = 0; i < 3; i++) await session.call({ op: 'names', uids: [0], gids: [] });
        const { bytes } = session.on(1);
        assert.ok(bytes <= granted, `${bytes} of ${granted}`);
        if (bytes > before) continue;
        assert.ok(granted - bytes < 300 << 10, `stopped at ${bytes} of ${granted}`);
        session.supplier.credit(1, 700_000);
        granted += 700_000;
      } else if (item.kind === 'literal') parts.push(item.bytes);
      else if (item.kind === 'content-end') break;
    }
    assert.ok(session.on(1).bytes <= granted);
    assert.ok(Buffer.concat(parts).equals(data));
  });

  it('answers questions while a stream of the same thread waits for credit', async () => {
    write('f', random(8 * MIB, 9));
    write('g', 'x');
    start(['-a'], { threads: 1 });
    session.grants = false;
    session.send(1, content('f'));
    await session.take(1, 'content-begin');
    for (const channel of [2, 3, 4]) {
      const answer = await session.call({ op: 'stat', place: { mount: 0, folder: '' as never, name: 'g' as never }, follow: false }, channel);
      assert.equal(statOf(answer.stat).size(0), 1);
    }
  });

  it('with compression on compresses what shrinks, and leaves alone what does not', async () => {
    const text = Buffer.from('a line of text that is said again\n'.repeat(60_000));
    write('text', text);
    write('noise', random(2 * MIB, 3));
    start(['-a'], { compression: 'on' });
    session.send(1, content('text'));
    assert.ok((await rebuild(session, 1)).data.equals(text));
    assert.ok(session.on(1).bytes < text.length / 10);
    session.send(2, content('noise'));
    assert.ok((await rebuild(session, 2)).data.equals(random(2 * MIB, 3)));
    assert.equal(session.on(2).compressed, 0);
  });

  it('with automatic compression leaves frames alone once the link is known to be fast', async () => {
    write('text', Buffer.from(random(30 * MIB, 3).toString('base64')));
    start(['-a'], { compression: 'auto' }).send(1, content('text'));
    await rebuild(session, 1);
    assert.ok(session.on(1).compressed > 0, 'what goes out before anything is known of the link is compressed');
    assert.ok(session.on(1).compressed < 80, `${session.on(1).compressed} of some 160 frames`); // the first credit has room for some 20
  });

  it('with automatic compression begins to compress where it mostly waits for credit', async () => {
    const text = Buffer.from('a line of text that is said again\n'.repeat(600_000));
    write('text', text);
    start(['-a'], { compression: 'auto', threads: 1 });
    session.grants = false;
    session.send(1, content('text'));
    const parts: Buffer[] = [];
    for (;;) {
      const item = session.on(1).items.shift();
      if (item?.kind === 'content-end') break;
      if (item?.kind === 'literal') parts.push(item.bytes);
      if (item !== undefined) continue;
      for (let i = 0; i < 3; i++) await session.call({ op: 'names', uids: [0], gids: [] });
      session.supplier.credit(1, 300_000); // a slow link
    }
    assert.ok(Buffer.concat(parts).equals(text));
    assert.ok(session.on(1).compressed > 0);
    assert.ok(session.on(1).bytes < text.length / 2, `${session.on(1).bytes} of ${text.length}`);
  });

  for (const how of ['shrinks', 'grows', 'goes away'] as const) {
    it(`ends in good order where a file ${how} while it is read`, async () => {
      write('f', random(20 * MIB, 9));
      start();
      session.grants = false;
      session.send(1, content('f'));
      await session.take(1, 'content-begin'); // the rest waits for credit
      if (how === 'shrinks') fs.truncateSync(temp.at('s', 'f'), 6 * MIB);
      else if (how === 'grows') fs.appendFileSync(temp.at('s', 'f'), 'more');
      else fs.unlinkSync(temp.at('s', 'f'));
      session.grants = true;
      session.supplier.credit(1, 4 * MIB);
      let literals = 0;
      let item = await session.next(1);
      for (; item.kind !== 'content-end'; item = await session.next(1)) if (item.kind === 'literal') literals += item.bytes.length;
      assert.equal(item.errno, 0);
      assert.equal(item.size, literals);
      const after = statOf(item.stat);
      if (how === 'shrinks') assert.equal(after.size(0), 6 * MIB);
      else if (how === 'grows') assert.equal(after.size(0), 20 * MIB + 4);
      else assert.equal(after.nlink(0), 0);
      session.send(1, content('f'));
      const next = await session.take(1, 'content-begin');
      assert.equal(next.errno, how === 'goes away' ? 2 : 0);
    });
  }

  it('hashes a file on a question', async () => {
    const data = random(5 * MIB, 11);
    write('f', data);
    start().send(2, { kind: 'hash', place: content('f').place, follow: false });
    const answer = await session.take(2, 'answer');
    assert.deepEqual([answer.result, answer.bytes], [0, hashOf(data)]);
  });
});
