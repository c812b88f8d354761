/**
 * A child that speaks the protocol on its stdin and stdout and sends every Requests frame back as Items. Arguments: `thread` does so in a
 * worker thread; `banner` prints first; `die` ends without a word after the first frame.
 */
import { writeSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { connect, Peer } from '../../src/transport/index.js';
import { FrameType } from '../../src/wire/index.js';

const words = isMainThread ? process.argv.slice(2) : (workerData as string[]);
if (isMainThread && words.includes('thread')) {
  const worker = new Worker(new URL(import.meta.url), { workerData: words.filter((word) => word !== 'thread') });
  worker.on('error', (error) => { throw error; });
} else {
  if (words.includes('banner')) writeSync(1, 'Welcome to \u001b[31mthis\u001b[0m host\r\nNo unauthorised use\n');
  const connection = await connect({ kind: 'stdio' }, { connectTimeoutMs: 0 });
  const peer = new Peer(connection.stream, 'agent', { program: 'echo 1.0', ended: connection.ended });
  peer.onFrame = (frame) => {
    if (words.includes('die')) {
      writeSync(2, 'the disk \u0007is on fire\n');
      process.exit(42);
    }
    if (frame.type === FrameType.Requests) peer.send(FrameType.Items, frame.channel, frame.payload);
  };
  await peer.start();
}
