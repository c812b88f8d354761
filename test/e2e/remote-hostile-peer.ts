/** A supplier that lies: stands between the client and a real agent and changes what the agent sends. argv: the lie, then the agent's command. */
import { spawn } from 'node:child_process';
import { encodeFrame, FrameReader, FrameType, ItemReader, ItemWriter, MAGIC, type Frame, type Item } from '../../src/wire/index.js';

export type Lie = 'escape' | 'parent' | 'hash' | 'size' | 'flood' | 'bomb' | 'length' | 'crc' | 'copy' | 'stall';

const [lie, file = '', ...args] = process.argv.slice(2) as [Lie, ...string[]];
process.stdout.on('error', () => { process.exit(0); }); // the client has had enough

if (lie === 'stall') setTimeout(() => { process.exit(0); }, 30_000);
else relay();

function relay(): void {
  const agent = spawn(file, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  process.stdin.pipe(agent.stdin);
  agent.stdin.on('error', () => undefined);
  const send = (parts: readonly Uint8Array[]): void => { for (const part of parts) process.stdout.write(part); };
  process.stdout.write(MAGIC);
  const reader = new FrameReader((frame) => { send(frame.type === FrameType.Items ? changed(frame) : encodeFrame(frame.type, frame.flags, frame.channel, frame.payload)); });
  agent.stdout.on('data', (bytes: Buffer) => { reader.push(bytes); });
  agent.on('close', () => { process.exit(0); });
}

function changed(frame: Frame): Uint8Array[] {
  const { type, flags, channel, payload } = frame;
  const same = (bytes: Uint8Array): Uint8Array[] => encodeFrame(type, flags, channel, bytes);
  switch (lie) {
    case 'escape': return same(Buffer.from(payload.toString('latin1').replaceAll('xx_outside', '../outside'), 'latin1'));
    case 'parent': return same(Buffer.from(payload.toString('latin1').replaceAll('up', '..'), 'latin1'));
    case 'hash': return same(each(payload, (item) => (item.kind === 'content-end' ? { ...item, hash: Buffer.alloc(16, 1) } : item)));
    case 'size': return same(each(payload, (item) => (item.kind === 'content-end' ? { ...item, size: item.size + 1 } : item)));
    case 'copy': return same(each(payload, (item) => (item.kind === 'literal' ? { kind: 'copy', offset: 2 ** 40, length: item.bytes.length } : item)));
    case 'bomb': return encodeFrame(type, 1, channel, Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]));
    case 'length': return [Buffer.from([4, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])];
    case 'crc': {
      const parts = same(payload);
      parts[0] = Buffer.from(parts[0] as Buffer);
      parts[0][8] = (parts[0][8] as number) ^ 1;
      return parts;
    }
    case 'flood': {
      const writer = new ItemWriter();
      for (let k = 0; k < 60; k++) writer.write({ kind: 'literal', bytes: Buffer.alloc(256 << 10) });
      const much = writer.take();
      return Array.from({ length: 20 }, () => encodeFrame(type, 0, channel, much)).flat();
    }
    case 'stall': return [];
  }
}

function each(payload: Buffer, change: (item: Item) => Item): Buffer {
  const writer = new ItemWriter();
  for (const reader = new ItemReader(payload); !reader.done;) writer.write(change(reader.next()));
  return writer.take();
}
