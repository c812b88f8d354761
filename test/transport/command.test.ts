/** Connections over real children: a child of ours, one that dies, one that is not there, and a real rsync. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { connect, type Connection, type ConnectSpec, type PeerOptions } from '../../src/transport/index.js';
import { FrameType } from '../../src/wire/index.js';
import { afterwards, cleanUp, ECHO_CHILD, rejection, tempDir, watched, type Seen } from './support.js';

const echo = (...words: string[]): ConnectSpec => ({ kind: 'command', argv: [process.execPath, ECHO_CHILD, ...words] });

async function open(spec: ConnectSpec, more: { stderr?: (text: string) => void; peer?: PeerOptions } = {}): Promise<Seen & { connection: Connection }> {
  const connection = await connect(spec, { connectTimeoutMs: 0, stderr: more.stderr ?? (() => undefined) });
  afterwards(async () => {
    connection.close();
    await connection.ended;
  });
  return { ...watched(connection.stream, 'client', { about: connection.about, ended: connection.ended, ...more.peer }), connection };
}

/** Sends frames of these sizes and waits until they have come back. */
async function roundTrip(peer: Seen, sizes: readonly number[]): Promise<void> {
  const back = new Promise<void>((resolve) => {
    let left = sizes.length;
    peer.peer.onFrame = (frame) => {
      peer.frames.push(frame);
      if (--left === 0) resolve();
    };
  });
  for (const [i, size] of sizes.entries()) peer.peer.send(FrameType.Requests, 1 + i, Buffer.alloc(size, i));
  await back;
  assert.deepEqual(peer.frames.map((frame) => [frame.channel, frame.payload.length, frame.payload.every((byte) => byte === frame.channel - 1)]), sizes.map((size, i) => [1 + i, size, true]));
}

describe('a connection over a child', () => {
  afterEach(cleanUp);

  for (const where of ['main', 'thread']) {
    it(`carries frames both ways, the child's end in its ${where === 'main' ? 'main thread' : 'worker thread'}`, async () => {
      const child = await open(echo(...(where === 'thread' ? ['thread'] : [])));
      assert.equal((await child.peer.start()).program, 'echo 1.0');
      await roundTrip(child, [1, 300_000, 5 << 20, 17]);
      await child.peer.close();
      assert.deepEqual(await child.connection.ended, { exitCode: 0 });
    });
  }

  it('works from a worker thread', async () => {
    const worker = new Worker(`
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.transport).then(async ({ connect, Peer }) => {
        const connection = await connect({ kind: 'command', argv: workerData.argv }, { connectTimeoutMs: 0 });
        const peer = new Peer(connection.stream, 'client', { ended: connection.ended });
        const back = new Promise((resolve) => { peer.onFrame = resolve; });
        await peer.start();
        peer.send(3, 1, Buffer.alloc(1 << 20));
        const { payload } = await back;
        await peer.close();
        parentPort.postMessage([payload.length, await connection.ended]);
      });`, { eval: true, workerData: { transport: new URL('../../src/transport/index.js', import.meta.url).href, argv: [process.execPath, ECHO_CHILD] } });
    afterwards(() => worker.terminate());
    const [message] = await once(worker, 'message') as [unknown];
    assert.deepEqual(message, [1 << 20, { exitCode: 0 }]);
  });

  it('skips what the child prints first', async () => {
    let told = '';
    const child = await open(echo('banner'), { peer: { onBanner: (text) => { told += text; } } });
    await child.peer.start();
    assert.equal(told, 'Welcome to \\#033[31mthis\\#033[0m host\nNo unauthorised use\n');
  });

  it('tells how the child died, with its last words, and passes them on made safe', async () => {
    let passed = '';
    const child = await open(echo('die'), { stderr: (text) => { passed += text; } });
    await child.peer.start();
    child.peer.send(FrameType.Requests, 1, Buffer.alloc(1));
    const error = await child.ended;
    assert.equal(error?.code, 'CONNECTION_LOST');
    assert.match(error?.message ?? '', /\(exit code 42\): the disk \\#007is on fire$/);
    assert.equal(passed, 'the disk \\#007is on fire\n');
  });

  it('a child that is killed is a connection that broke', async () => {
    const child = await open(echo());
    await child.peer.start();
    child.connection.close();
    assert.equal((await child.connection.ended).signal, 'SIGTERM');
  });

  it('a child that ignores SIGTERM is killed', async () => {
    const child = await open({ kind: 'command', argv: ['sh', '-c', `trap '' TERM; echo up >&2; while :; do read x || sleep 1; done`] }, { stderr: () => { child.connection.close(); } });
    assert.equal((await child.connection.ended).signal, 'SIGKILL');
  });

  it('a program that is not there, or may not be run, is refused at once', async () => {
    const folder = tempDir();
    writeFileSync(join(folder, 'plain'), '#!/bin/sh\n', { mode: 0o644 });
    const options = { connectTimeoutMs: 0 };
    const absent = await rejection(connect({ kind: 'command', argv: [join(folder, 'absent')] }, options));
    assert.equal(absent.code, 'CONNECT');
    assert.match(absent.message, /there is no such program/);
    assert.match((await rejection(connect({ kind: 'command', argv: [join(folder, 'plain')] }, options))).message, /may not be executed/);
    assert.equal((await rejection(connect({ kind: 'command', argv: [] }, options))).code, 'USAGE');
  });

  it('a command that the shell does not find is told with advice', async () => {
    const child = await open({ kind: 'command', argv: ['sh', '-c', 'twintree-that-is-not-there --server'] });
    const error = await rejection(child.peer.start());
    assert.equal(error.code, 'CONNECT');
    assert.match(error.message, /was not found on the other host: .*not found/);
    assert.match(error.advice ?? '', /--remote-path/);
  });

  it('arguments reach the child as they are: there is no shell', async () => {
    const folder = tempDir();
    const words = ['a b', '$HOME', '`id`', '"', '*', ''];
    const child = await open({ kind: 'command', argv: [process.execPath, '-e', 'require("fs").writeFileSync(process.argv[1], JSON.stringify([process.argv.slice(2), process.env.TT_TEST]))', join(folder, 'out'), ...words], env: { TT_TEST: 'x y' } });
    await child.connection.ended;
    assert.deepEqual(JSON.parse(readFileSync(join(folder, 'out'), 'utf8')), [words, 'x y']);
  });

  it('a child that floods stderr loses nothing else: the last 2 KiB are kept', async () => {
    let passed = 0;
    const child = await open({ kind: 'command', argv: ['sh', '-c', 'i=0; while [ $i -lt 3000 ]; do echo "line $i of many" >&2; i=$((i+1)); done; exit 3'] }, { stderr: (text) => { passed += text.length; } });
    const end = await child.connection.ended;
    assert.equal(end.exitCode, 3);
    assert.ok(passed > 50_000);
    assert.match(end.lastWords ?? '', /line 2999 of many$/);
    assert.ok((end.lastWords ?? '').length <= 2200);
  });

  it('a real rsync --server is recognised', async function () {
    if (!existsSync('/usr/bin/rsync')) this.skip(); // rsync is not installed
    for (const more of [['--sender', '-vlogDtpre.iLsfxCIvu', '.', '/tmp'], ['-vlogDtpre.iLsfxCIvu', '.', '/nonexistent/x']]) {
      const child = await open({ kind: 'command', argv: ['rsync', '--server', ...more] });
      const error = await rejection(child.peer.start());
      assert.equal(error.code, 'NOT_TWINTREE');
      assert.match(error.message, /an rsync answered/);
    }
  });

  it('nothing is left behind when the client goes away without a word', async () => {
    const child = spawn(process.execPath, [ECHO_CHILD], { stdio: ['pipe', 'pipe', 'ignore'] });
    afterwards(() => { child.kill('SIGKILL'); });
    child.stdout.resume();
    child.stdin.end();
    const [code] = await once(child, 'exit') as [number | null];
    assert.notEqual(code, null); // it ended by itself
  });
});

describe('standard input and output', () => {
  afterEach(cleanUp);

  it('of files are played too', async () => {
    const folder = tempDir();
    const script = `import(process.argv[1]).then(async ({ connect }) => { const c = await connect({ kind: 'stdio' }, { connectTimeoutMs: 0 }); c.stream.pipe(c.stream); })`;
    writeFileSync(join(folder, 'in'), Buffer.alloc(300_000, 'abc'));
    const child = spawn('sh', ['-c', `exec "$0" -e "$1" "$2" < in > out`, process.execPath, script, new URL('../../src/transport/index.js', import.meta.url).href], { cwd: folder, stdio: 'ignore' });
    afterwards(() => { child.kill('SIGKILL'); });
    const [code] = await once(child, 'exit') as [number | null];
    assert.equal(code, 0);
    assert.deepEqual(readFileSync(join(folder, 'out')), readFileSync(join(folder, 'in')));
  });
});
