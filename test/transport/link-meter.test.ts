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
