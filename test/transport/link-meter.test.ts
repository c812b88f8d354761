/** LinkMeter and the Peer that feeds it: the way there and back, apart from our own queue; what has arrived; nothing where nobody asked. */
import assert from 'node:assert/strict';
import { pair } from './support.js';
import { LinkMeter } from '../../src/transport/link-meter.js';
import { Peer } from '../../src/transport/peer.js';
import { FrameType } from '../../src/wire/index.js';

describe('the meter of a link', () => {
  it('tells the way apart from the time in our own queue, and keeps the shortest', () => {
    const meter = new LinkMeter();
    assert.equal(meter.latestMs, undefined);
    const first = meter.begin(1000, 500);
    assert.equal(meter.free(1500), false);
    meter.left(first, 1400);
    meter.end(first, 1450);
    assert.deepEqual([meter.latestMs, meter.minMs, meter.queuedMs, meter.arrived], [50, 50, 400, 500]);
    const second = meter.begin(2000, 900);
    meter.left(second, 2000);
    meter.end(second, 2080);
    assert.deepEqual([meter.latestMs, meter.minMs, meter.queuedMs, meter.arrived], [80, 50, 0, 900]);
  });

  it('takes no answer for that of another Ping, and gives one up that does not come', () => {
    const meter = new LinkMeter();
    const lost = meter.begin(0, 10);
    meter.left(lost, 5);
    assert.deepEqual([meter.free(29_999), meter.free(30_000)], [false, true]);
    const next = meter.begin(30_000, 20);
    meter.left(lost, 30_001);
    meter.end(lost, 30_002);
    assert.equal(meter.latestMs, undefined);
    meter.left(next, 30_010);
    meter.end(next, 30_030);
    meter.end(next, 30_040);
    assert.deepEqual([meter.latestMs, meter.arrived], [20, 20]);
  });

  /** A meter that was asked every 250 ms while so many bytes a millisecond got through. */
  function measured(meter: LinkMeter, from: number, to: number, rate: number, wait: { queued?: number; way?: number }): LinkMeter {
    for (let at = from; at < to; at += 250) {
      const token = meter.begin(at, meter.arrived + 250 * rate);
      meter.left(token, at + (wait.queued ?? 0));
      meter.end(token, at + (wait.queued ?? 0) + (wait.way ?? 30));
    }
    return meter;
  }
  const idle = (): LinkMeter => measured(new LinkMeter(), 1000, 2000, 1, {});

  it('calls a link slow that is busy and takes less than a core packs: what is sent waits here or on its way', () => {
    for (const wait of [{ queued: 100 }, { way: 80 }]) {
      assert.deepEqual([187, 11_000, 13_000, 500_000].map((rate) => measured(idle(), 2000, 3000, rate, wait).slow), [true, true, false, false], JSON.stringify(wait));
    }
    assert.equal(measured(idle(), 2000, 9000, 10, { way: 45 }).slow, false, 'who sends little over a link that has room knows nothing of it');
    assert.equal(measured(new LinkMeter(), 1000, 1250, 1, { queued: 500 }).slow, false, 'nor is anything known after one answer');
  });

  it('takes that back when much gets through, or nothing has waited for a while', () => {
    const meter = measured(idle(), 2000, 3000, 100, { way: 200 });
    measured(meter, 3000, 3500, 100, {});
    assert.equal(meter.slow, true, 'a moment without waiting');
    measured(meter, 3500, 4500, 100, {});
    assert.equal(meter.slow, false);
    measured(meter, 5000, 5500, 100, { way: 200 });
    assert.equal(meter.slow, true);
    measured(meter, 5500, 5750, 100_000, { way: 200 });
    assert.equal(meter.slow, false);
  });
});

describe('a peer that measures', () => {
  it('does so while it sends, and counts what waits under a limit as its own queue', async () => {
    const [a, b] = pair();
    const client = new Peer(a, 'client', { probeMs: 1, bwlimit: 200_000 });
    const agent = new Peer(b, 'agent', {});
    await Promise.all([client.start(), agent.start()]);
    const answered = async (): Promise<void> => new Promise((resolve) => { client.onPong = resolve; });
    client.send(FrameType.Items, 1, Buffer.alloc(60_000)); // more than the limit lets go at once; the Ping stands behind it
    await answered();
    const { latestMs, queuedMs, arrived } = client.meter;
    assert.ok(latestMs !== undefined && queuedMs >= 200, `${latestMs} ms on the way, ${queuedMs} ms in the queue`); // (60,000 − a slice) / 200,000 s
    assert.ok(arrived >= 60_000);
    await Promise.all([client.close(), agent.close()]);
  });

  it('does not before so many bytes were sent', async () => {
    const [a, b] = pair();
    const client = new Peer(a, 'client', { probeMs: 1, probeBytes: 10_000 });
    const agent = new Peer(b, 'agent', {});
    await Promise.all([client.start(), agent.start()]);
    const came: number[] = [];
    let wake = (): void => undefined;
    agent.onFrame = ({ payload }) => {
      came.push(payload.length);
      if (came.length === 2) wake();
    };
    const before = agent.bytesIn;
    await new Promise<void>((resolve) => {
      wake = resolve;
      for (const length of [4000, 4001]) client.send(FrameType.Items, 1, Buffer.alloc(length));
    });
    assert.equal(agent.bytesIn - before, 2 * 12 + 8001, 'no Ping among them');
    const answered = new Promise<void>((resolve) => { client.onPong = resolve; });
    client.send(FrameType.Items, 1, Buffer.alloc(4000));
    await answered;
    await Promise.all([client.close(), agent.close()]);
  });

  it('sends no Ping of its own where nobody asked for it', async () => {
    const [a, b] = pair();
    const client = new Peer(a, 'client', {});
    const agent = new Peer(b, 'agent', {});
    await Promise.all([client.start(), agent.start()]);
    const before = agent.bytesIn;
    const came = new Promise<void>((resolve) => { agent.onFrame = () => { resolve(); }; });
    client.send(FrameType.Control, 0, Buffer.from('{}'));
    await came;
    assert.equal(agent.bytesIn - before, 12 + 2);
    await Promise.all([client.close(), agent.close()]);
  });
});
