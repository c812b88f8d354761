/** Peer: opening, keeping alive, limits and endings, over a pair of streams in one process. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PassThrough, Duplex } from 'node:stream';
import { Peer } from '../../src/transport/index.js';
import { COMPRESSION, encodeFrame, encodeHello, FrameType, hello, MAGIC } from '../../src/wire/index.js';
import { TwintreeError } from '../../src/tree/index.js';
import { cleanUp, pair, rejection, watched } from './support.js';

async function standing(options: { client?: object; agent?: object } = {}): Promise<{ client: ReturnType<typeof watched>; agent: ReturnType<typeof watched> }> {
  const [a, b] = pair();
  const client = watched(a, 'client', { ...options.client });
  const agent = watched(b, 'agent', { ...options.agent });
  await Promise.all([client.peer.start(), agent.peer.start()]);
  return { client, agent };
}

/** Waits until something has come to be; the test's own time limit ends it. */
async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => { setImmediate(resolve); });
}

describe('a Peer', () => {
  afterEach(cleanUp);

  it('greets: both sides learn program, version and abilities', async () => {
    const [a, b] = pair();
    const client = watched(a, 'client', { program: 'twintree 1.2', features: ['one', 'two'] });
    const agent = watched(b, 'agent', { program: 'twintree 1.3', features: ['two', 'three'] });
    const [heard, told] = await Promise.all([client.peer.start(), agent.peer.start()]);
    assert.equal(heard.program, 'twintree 1.3');
    assert.equal(told.program, 'twintree 1.2');
    assert.deepEqual([...client.peer.agreement.features], ['two']);
    assert.deepEqual([...agent.peer.agreement.features], ['two']);
  });

  it('carries frames of every size in order, and counts their bytes', async () => {
    const { client, agent } = await standing();
    const sizes = [1, 100, 70_000, 1 << 20, 16 << 20, 3];
    const before = agent.peer.bytesIn;
    for (const [i, size] of sizes.entries()) client.peer.send(FrameType.Items, i + 1, Buffer.alloc(size, i));
    await until(() => agent.frames.length === sizes.length);
    assert.deepEqual(agent.frames.map((frame) => [frame.channel, frame.payload.length, frame.payload[0], frame.payload.at(-1)]), sizes.map((size, i) => [i + 1, size, i, i]));
    const bytes = sizes.reduce((sum, size) => sum + size + 12, 0);
    assert.equal(agent.peer.bytesIn - before, bytes);
    assert.equal(client.peer.bytesOut, agent.peer.bytesIn);
  });

  it('delivers frames that came in one piece with the Hello only after start() has resolved', async () => {
    const [a, b] = pair();
    const { peer } = watched(a, 'client');
    b.write(Buffer.concat([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, encodeHello(hello('agent', 'x', COMPRESSION))), ...encodeFrame(FrameType.Items, 0, 3, Buffer.from('abc'))]));
    await peer.start();
    const got = new Promise((resolve) => { peer.onFrame = (frame) => { resolve(frame.payload.toString()); }; });
    assert.equal(await got, 'abc');
  });

  it('skips a banner and tells it without control characters', async () => {
    const [a, b] = pair();
    let told = '';
    const client = watched(a, 'client', { onBanner: (text) => { told += text; } });
    b.write('Hello \u001b[1mthere\u001b[0m\r\nsecond line\n');
    const agent = watched(b, 'agent');
    await Promise.all([client.peer.start(), agent.peer.start()]);
    assert.equal(told, 'Hello \\#033[1mthere\\#033[0m\nsecond line\n');
  });

  it('gives back-pressure: what is not read waits on the sending side', async () => {
    const { client, agent } = await standing();
    agent.peer.pause();
    for (let i = 0; i < 40; i++) client.peer.send(FrameType.Items, 1, Buffer.alloc(100_000));
    let drained = false;
    const drain = client.peer.drained().then(() => { drained = true; return drained; });
    await new Promise((resolve) => { setTimeout(resolve, 30); });
    assert.equal(drained, false);
    assert.ok(client.peer.queued > 3_000_000, `${client.peer.queued} wait`);
    assert.ok(agent.peer.bytesIn < 600_000, `${agent.peer.bytesIn} were taken`);
    agent.peer.resume();
    await drain;
    await until(() => agent.frames.length === 40);
  });

  it('says goodbye: all that was sent arrives first, then the other side is told without an error', async () => {
    const { client, agent } = await standing();
    for (let i = 0; i < 20; i++) client.peer.send(FrameType.Items, 1, Buffer.alloc(200_000));
    await client.peer.close();
    assert.equal(await agent.ended, undefined);
    assert.equal(agent.frames.length, 20);
    assert.deepEqual(client.ends, []);
    await client.peer.close(); // a second time does nothing
  });

  it('aborts: the other side gets the code and the sentence, made safe', async () => {
    const { client, agent } = await standing();
    await agent.peer.abort(new TwintreeError('REFUSED', 'not \u001b[2Jyou'));
    const error = await client.ended;
    assert.equal(error?.code, 'REFUSED');
    assert.match(error?.message ?? '', /the other host: not \\#033\[2Jyou/);
  });

  it('a cut connection is an error, told once', async () => {
    const [a, b] = pair();
    const client = watched(a, 'client', { about: 'ssh box', ended: Promise.resolve({ exitCode: 255, lastWords: 'Connection reset by peer' }) });
    const agent = watched(b, 'agent');
    await Promise.all([client.peer.start(), agent.peer.start()]);
    b.destroy();
    b.push(null);
    a.push(null);
    const error = await client.ended;
    assert.equal(error?.code, 'CONNECTION_LOST');
    assert.equal(error?.message, 'ssh box: the connection broke (exit code 255): Connection reset by peer');
    a.destroy(new Error('again'));
    await new Promise((resolve) => { setImmediate(resolve); });
    assert.equal(client.ends.length, 1);
  });

  it('a damaged frame ends the connection at both ends', async () => {
    const [a, b] = pair();
    const client = watched(a, 'client');
    b.write(Buffer.concat([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, encodeHello(hello('agent', 'x', COMPRESSION)))]));
    await client.peer.start();
    const received: Buffer[] = [];
    b.on('data', (bytes: Buffer) => { received.push(bytes); });
    const [header, payload] = encodeFrame(FrameType.Items, 0, 1, Buffer.from('abcdef')) as [Buffer, Buffer];
    payload[2] = 0;
    b.write(Buffer.concat([header, payload]));
    assert.equal((await client.ended)?.code, 'WIRE');
    await until(() => Buffer.concat(received).includes('"WIRE"'));
    assert.deepEqual(client.frames, []);
  });

  it('frames that do not belong there end the connection', async () => {
    for (const frame of [encodeFrame(FrameType.Hello, 0, 0, encodeHello(hello('agent', 'x', COMPRESSION))), encodeFrame(FrameType.Ping, 0, 0, Buffer.alloc(8, 0xff))]) {
      const [a, b] = pair();
      const client = watched(a, 'client');
      b.resume();
      b.write(Buffer.concat([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, encodeHello(hello('agent', 'x', COMPRESSION)))]));
      await client.peer.start();
      b.write(Buffer.concat(frame));
      assert.equal((await client.ended)?.code, 'WIRE');
    }
  });

  it('two ends without a version in common say so', async () => {
    const [a, b] = pair();
    const client = watched(a, 'client');
    b.resume();
    b.write(Buffer.concat([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, encodeHello({ ...hello('agent', 'twintree 9.0', COMPRESSION), least: 8, most: 9 }))]));
    const error = await rejection(client.peer.start());
    assert.equal(error.code, 'VERSION');
    assert.match(error.message, /twintree 9\.0/);
  });

  it('two clients refuse each other', async () => {
    const [a, b] = pair();
    const first = watched(a, 'client');
    const second = watched(b, 'client');
    const errors = await Promise.all([rejection(first.peer.start()), rejection(second.peer.start())]);
    assert.ok(errors.every(({ code }) => code === 'WIRE'));
  });

  const strangers: [what: string, bytes: string, code: string, message: RegExp][] = [
    ['an rsync daemon', '@RSYNCD: 32.0 sha512 sha256\n', 'NOT_TWINTREE', /an rsync answered/],
    ['an rsync server', '\u0020\0\0\0', 'NOT_TWINTREE', /an rsync answered/],
    ['an rsync server behind a banner', 'Welcome\n\u001f\0\0\0', 'NOT_TWINTREE', /an rsync answered/],
    ['an ssh server', 'SSH-2.0-OpenSSH_9.9\r\n', 'NOT_TWINTREE', /an ssh server answered/],
    ['a web server', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'NOT_TWINTREE', /a web server answered/],
    ['a shell that prints', 'This account is \u001b[31mnot available.\n', 'NOT_TWINTREE', /something else than twintree answered: "This account is \\#033\[31mnot available\."/],
    ['nobody', '', 'CONNECT', /ended before twintree answered/],
  ];
  for (const [what, bytes, code, message] of strangers) {
    it(`recognises ${what}`, async () => {
      const [a, b] = pair();
      const client = watched(a, 'client');
      const refused = rejection(client.peer.start());
      b.resume();
      b.write(Buffer.from(bytes, 'latin1'));
      if (!message.source.includes('rsync')) b.end(); // an rsync waits for us and would wait for ever
      const error = await refused;
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.deepEqual(client.ends, []);
    });
  }

  it('gives up on a banner without end after 64 KiB', async () => {
    const [a, b] = pair();
    const client = watched(a, 'client');
    b.resume();
    b.write(Buffer.alloc(70_000, 'x'));
    assert.equal((await rejection(client.peer.start())).code, 'NOT_TWINTREE');
    assert.ok(client.peer.bytesIn < 200_000);
  });

  for (const [exitCode, message] of [[127, /command was not found/], [126, /may not be executed/], [255, /\(exit code 255\): no route to host/]] as const) {
    it(`explains a child that ended with ${exitCode}`, async () => {
      const [a, b] = pair();
      const client = watched(a, 'client', { ended: Promise.resolve({ exitCode, lastWords: 'no route to host' }) });
      b.resume();
      b.end();
      const error = await rejection(client.peer.start());
      assert.equal(error.code, 'CONNECT');
      assert.match(error.message, message);
    });
  }

  it('a stalled handshake ends: nobody holds an agent open by saying nothing', async () => {
    const [a, b] = pair();
    b.resume();
    const agent = watched(a, 'agent', { handshakeTimeoutMs: 40 });
    assert.equal((await rejection(agent.peer.start())).code, 'CONNECT_TIMEOUT');
    const [c, d] = pair();
    d.resume();
    const client = watched(c, 'client', { timeoutMs: 40 });
    assert.equal((await rejection(client.peer.start())).code, 'CONNECT_TIMEOUT');
  });

  it('a silent other side ends with TIMEOUT, and one that answers pings does not', async () => {
    const { client, agent } = await standing({ client: { timeoutMs: 80, keepAliveMs: 20 } });
    await new Promise((resolve) => { setTimeout(resolve, 250); }); // idle, kept alive
    assert.deepEqual(client.ends, []);
    assert.ok(agent.peer.bytesIn > 100); // pings came
    agent.peer.pause(); // it does not even read
    const error = await client.ended;
    assert.equal(error?.code, 'TIMEOUT');
    assert.match(error?.message ?? '', /0\.08 seconds \(--timeout\)/);
  });

  it('a slow reader is not taken for a silent one', async () => {
    const { client, agent } = await standing({ client: { timeoutMs: 150, keepAliveMs: 20 } });
    const timer = setInterval(() => {
      agent.peer.resume();
      setImmediate(() => { agent.peer.pause(); });
    }, 20);
    try {
      for (let i = 0; i < 20; i++) client.peer.send(FrameType.Items, 1, Buffer.alloc(1 << 16));
      await until(() => agent.frames.length === 20 || client.ends.length > 0);
      assert.deepEqual(client.ends, []);
    } finally {
      clearInterval(timer);
    }
  });

  it('does not answer pings without end to a side that never reads', async () => {
    const { client, agent } = await standing();
    agent.peer.pause();
    const stream = new PassThrough();
    stream.resume();
    const ping = Buffer.concat(encodeFrame(FrameType.Ping, 0, 0, Buffer.alloc(8)));
    const flood = Buffer.concat(Array.from({ length: 10_000 }, () => ping));
    // Straight into the client's reader, as a flooder's bytes come.
    const raw = agent.peer as unknown as { stream: Duplex };
    for (let i = 0; i < 20; i++) {
      if (!raw.stream.write(flood)) await new Promise((resolve) => { raw.stream.once('drain', resolve); });
    }
    assert.ok(client.peer.queued < 3 << 20, `${client.peer.queued} wait`);
  });

  const opening = Buffer.concat([Buffer.from('banner\n'), MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, encodeHello(hello('agent', 'x', COMPRESSION)))]);
  const stream = Buffer.concat([opening, ...Array.from({ length: 8 }, (_, i) => encodeFrame(FrameType.Items, 0, i + 1, Buffer.alloc(i * 37 + 1, i))).flat()]);

  it('cut at any byte, it ends with an error and has delivered whole frames only, in order', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(stream.length), fc.integer({ min: 1, max: 200 }), async (cut, piece) => {
      const [a, b] = pair();
      const client = watched(a, 'client');
      b.resume();
      const started = client.peer.start().then(() => undefined, (error: TwintreeError) => error);
      for (let at = 0; at < cut; at += piece) b.write(stream.subarray(at, Math.min(cut, at + piece)));
      b.end();
      const error = (await started) ?? (await client.ended);
      assert.ok(error !== undefined && ['CONNECT', 'NOT_TWINTREE', 'CONNECTION_LOST'].includes(error.code), error?.code);
      assert.deepEqual(client.frames.map((frame) => frame.payload.length), client.frames.map((_, i) => i * 37 + 1));
      if (cut < opening.length) assert.equal(client.frames.length, 0);
      if (cut === stream.length) assert.equal(client.frames.length, 8);
      assert.equal(client.ends.length, error.code === 'CONNECTION_LOST' ? 1 : 0);
    }), { numRuns: 60 });
  });

  it('with any bit turned over, it never delivers a frame that was not sent', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 15, max: stream.length - 1 }), fc.nat(7), async (at, bit) => {
      const [a, b] = pair();
      const client = watched(a, 'client');
      b.resume();
      const started = client.peer.start().then(() => undefined, (error: TwintreeError) => error);
      const bad = Buffer.from(stream);
      bad[at] = (bad[at] ?? 0) ^ (1 << bit);
      b.end(bad);
      const error = (await started) ?? (await client.ended);
      assert.ok(error !== undefined && ['WIRE', 'CONNECT', 'CONNECTION_LOST', 'NOT_TWINTREE'].includes(error.code), error?.code);
      assert.ok(client.frames.every((frame, i) => frame.payload.equals(Buffer.alloc(i * 37 + 1, i))));
      assert.ok(client.frames.length < 8);
    }), { numRuns: 100 });
  });

  it('a close does not wait for ever for a side that takes nothing', async () => {
    const { client, agent } = await standing({ client: { timeoutMs: 0 } });
    client.peer.setTimeout(60);
    agent.peer.pause();
    for (let i = 0; i < 20; i++) client.peer.send(FrameType.Items, 1, Buffer.alloc(1 << 18));
    await client.peer.close();
    assert.ok(agent.frames.length < 20);
  });

  it('after its end nothing is sent and nothing delivered', async () => {
    const { client, agent } = await standing();
    await client.peer.close();
    const { bytesOut } = client.peer;
    client.peer.send(FrameType.Items, 1, Buffer.alloc(10));
    agent.peer.send(FrameType.Items, 1, Buffer.alloc(10));
    await new Promise((resolve) => { setImmediate(resolve); });
    assert.equal(client.peer.bytesOut, bytesOut);
    assert.deepEqual(client.frames, []);
  });

  it('is started once', () => {
    const peer = new Peer(pair()[0], 'client', {});
    peer.start().catch(() => undefined);
    assert.throws(() => peer.start(), /once/);
  });
});
