/** Controlling a mirror: what may be said on its socket, a pause that is kept, how fast it may send. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import fc from 'fast-check';
import { dropPause, keepPause, Pacer, readAnswer, readPause, readRequest, sessionRate } from '../../src/mirror/index.js';
import { Timetable } from '../../src/schedule/index.js';
import { askControl, LONGEST_ANSWER, LONGEST_QUESTION, serveControl, type ControlServer } from '../../src/transport/index.js';
import { fromText } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

describe('a control socket', () => {
  const temp = useTempFolder('control');
  let server: ControlServer | undefined;

  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  it('answers one line with one line, is its user\'s alone, and goes with its program', async () => {
    const folder = fromText(temp.at('f'));
    mkdirSync(temp.at('f'));
    assert.equal(await askControl(folder, 'control', 'x', 1000), undefined, 'nobody is there');
    server = await serveControl(folder, 'control', async (question) => `you said ${question}`);
    assert.equal(await askControl(folder, 'control', 'hello ä', 5000), 'you said hello ä');
    assert.equal(statSync(temp.at('f/control')).mode & 0o777, 0o600);
    await server.close();
    server = undefined;
    assert.deepEqual(readdirSync(temp.at('f')), []);
  });

  it('takes a path that is longer than a socket\'s address, and the place of one that was left behind', async () => {
    const long = temp.at(`${'long'.repeat(50)}/${'long'.repeat(50)}`);
    mkdirSync(long, { recursive: true });
    writeFileSync(`${long}/control`, 'left');
    server = await serveControl(fromText(long), 'control', async () => 'here');
    assert.equal(await askControl(fromText(long), 'control', '', 5000), 'here');
  });

  it('ends who says too much, and says no more than the asker takes', async () => {
    mkdirSync(temp.at('f'));
    const folder = fromText(temp.at('f'));
    let asked = 0;
    server = await serveControl(folder, 'control', async (question) => {
      asked++;
      return question === 'much' ? 'x'.repeat(LONGEST_ANSWER + 1) : 'fine';
    });
    await assert.rejects(askControl(folder, 'control', 'much', 5000), /too long/);
    await new Promise<void>((resolve) => {
      const socket = net.connect(temp.at('f/control'));
      socket.on('error', () => undefined);
      socket.on('close', () => { resolve(); });
      socket.write('y'.repeat(LONGEST_QUESTION + 2)); // and never an end of line
    });
    assert.equal(asked, 1);
    await assert.rejects(askControl(folder, 'control', 'z'.repeat(LONGEST_QUESTION + 1), 5000), /too long/);
    assert.equal(await askControl(folder, 'control', 'still', 5000), 'fine');
  });
});

describe('what is said to a mirror', () => {
  it('is taken where it is known, and refused where anything is not as it should be', () => {
    for (const line of ['{"do":"pause"}', '{"do":"resume"}', '{"do":"held"}', '{"do":"approve","hold":"a1"}', '{"do":"throttle","limit":"2M"}', '{"do":"throttle","limit":null}']) {
      assert.deepEqual(readRequest(line), JSON.parse(line));
    }
    for (const line of ['', 'pause', '[]', 'null', '{"do":"stop"}', '{"do":"approve"}', '{"do":"approve","hold":1}', `{"do":"approve","hold":"${'x'.repeat(65)}"}`, '{"do":"throttle"}', '{"do":"throttle","limit":5}', `{"do":"throttle","limit":"${'1'.repeat(4097)}"}`]) {
      assert.throws(() => readRequest(line), /does not know this question/, line);
    }
    const held = { id: 'a', message: 'm', at: 1, deletions: 2, names: ['x'] };
    assert.deepEqual(readAnswer(JSON.stringify({ ok: true, message: '', held })), { ok: true, message: '', held });
    for (const bad of [{ ...held, deletions: -1 }, { ...held, names: Array(21).fill('x') }, { ...held, names: [1] }, { ...held, id: 5 }]) {
      assert.throws(() => readAnswer(JSON.stringify({ ok: true, message: '', held: bad })), /cannot be read/);
    }
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
      try {
        readRequest(line);
      } catch (error) {
        assert.match(String(error), /does not know this question/);
      }
    }), { seed: 4, numRuns: 300 });
  });
});

describe('a pause', () => {
  const temp = useTempFolder('pause');

  it('is kept until it is dropped; what cannot be read is a pause', () => {
    const folder = fromText(temp.at(''));
    assert.equal(readPause(folder), undefined);
    assert.equal(keepPause(folder, 1234), 0);
    assert.equal(readPause(folder), 1234);
    writeFileSync(temp.at('paused.json'), '{"since":');
    assert.equal(readPause(folder), 0);
    assert.equal(dropPause(folder), 0);
    assert.equal(dropPause(folder), 0, 'twice');
    assert.equal(readPause(folder), undefined);
  });
});

describe('the pace of a mirror', () => {
  const at = (text: string): number => Date.parse(text);

  it('follows the clock, by zone and through a change of the clocks, until a person says otherwise', () => {
    const pacer = new Pacer(Timetable.parse('mon-fri 08-18 2M, sun 2-4 off, else 10M', 'Europe/Berlin'));
    const monday = at('2026-03-23T09:00:00Z');
    assert.equal(pacer.limitAt(monday), 2 << 20);
    assert.equal(pacer.nextChange(monday), at('2026-03-23T17:00:00Z'));
    // On 29 March 2026 the clocks go from 2:00 to 3:00: the pause is one hour long.
    const night = at('2026-03-29T00:59:00Z');
    assert.equal(pacer.limitAt(night), 10 << 20);
    const pause = pacer.nextChange(night) as number;
    assert.equal(pause, at('2026-03-29T01:00:00Z'));
    assert.deepEqual([pacer.limitAt(pause), pacer.whyOff(pause), sessionRate('off')], ['off', 'timetable', 0]);
    assert.equal(pacer.nextChange(pause), at('2026-03-29T02:00:00Z'));
    pacer.ask(Timetable.parse('1M', 'UTC'));
    assert.deepEqual([pacer.limitAt(pause), pacer.nextChange(pause), pacer.isAsked], [1 << 20, undefined, true]);
    pacer.ask(undefined);
    assert.equal(pacer.limitAt(monday), 2 << 20);
  });

  it('is the lowest of what is said and what is borne; a pause is above all', () => {
    const pacer = new Pacer();
    assert.deepEqual([pacer.limitAt(0), pacer.nextChange(0), pacer.whyOff(0)], ['full', undefined, undefined]);
    pacer.borne = 5000;
    assert.equal(pacer.limitAt(0), 5000);
    pacer.ask({ limitAt: () => 4000, nextChange: () => undefined });
    assert.equal(pacer.limitAt(0), 4000);
    pacer.pausedSince = 7;
    assert.deepEqual([pacer.limitAt(0), pacer.whyOff(0)], ['off', 'paused']);
  });
});
