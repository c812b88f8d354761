/** PairDuplex: two streams as one, over real pipes of a child. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { finished } from 'node:stream/promises';
import { PairDuplex } from '../../src/transport/pair-duplex.js';
import { afterwards, cleanUp } from './support.js';

function child(command: string): { stream: PairDuplex; process: ChildProcessWithoutNullStreams } {
  const started = spawn('sh', ['-c', command], { stdio: ['pipe', 'pipe', 'pipe'] });
  const stream = new PairDuplex(started.stdout, started.stdin);
  afterwards(() => {
    stream.destroy();
    started.stderr.destroy();
    started.kill('SIGKILL');
  });
  return { stream, process: started };
}

describe('two streams as one', () => {
  afterEach(cleanUp);

  it('carries bytes both ways and ends half by half', async () => {
    const { stream } = child('cat');
    const got: Buffer[] = [];
    stream.on('data', (bytes: Buffer) => { got.push(bytes); });
    const sent = Buffer.alloc(3_000_000, 'twintree');
    for (let at = 0; at < sent.length; at += 70_001) stream.write(sent.subarray(at, at + 70_001));
    stream.end();
    await finished(stream);
    assert.ok(Buffer.concat(got).equals(sent));
  });

  it('a reader that goes away while much is written is an end, not an error', async () => {
    for (let i = 0; i < 20; i++) {
      const { stream } = child(`head -c ${i * 10_000} > /dev/null; echo gone`);
      let text = '';
      stream.on('data', (bytes: Buffer) => { text += bytes.toString(); });
      const errors: Error[] = [];
      stream.on('error', (error) => { errors.push(error); });
      for (let k = 0; k < 30; k++) stream.write(Buffer.alloc(100_000));
      await new Promise((resolve) => { stream.once('end', resolve); });
      assert.equal(text, 'gone\n');
      stream.end();
      await new Promise((resolve) => {
        stream.once('close', resolve);
        stream.destroy();
      });
      assert.deepEqual(errors, []);
    }
  });

  it('destroying it closes both', async () => {
    const { stream, process: started } = child('cat');
    stream.destroy();
    await new Promise((resolve) => { started.once('close', resolve); });
    assert.ok(started.stdin.destroyed && started.stdout.destroyed);
  });

  it('holds back a child whose output is not read', async () => {
    const { stream, process: started } = child('exec yes');
    await new Promise((resolve) => { stream.once('readable', resolve); });
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    assert.ok(stream.readableLength < 1 << 20 && started.stdout.readableLength < 1 << 20);
    assert.equal(started.exitCode, null);
  });
});
