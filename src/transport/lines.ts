/** Lines of JSON over a stream: each bounded, validated by whoever reads them. */
import type { Duplex } from 'node:stream';
import { parsedObject, TwintreeError } from '../tree/index.js';

/** Longest line, bytes. */
export const LONGEST_LINE = 1 << 20;

/** Writes one; resolves when the stream takes more. */
export async function writeLine(stream: Duplex, value: object): Promise<void> {
  if (stream.destroyed || stream.writableEnded || stream.write(`${JSON.stringify(value)}\n`)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}

/** Writes the last one, and resolves when it has left, or nobody takes it any more. */
export async function endLine(stream: Duplex, value: object): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return;
  await new Promise<void>((resolve) => {
    stream.once('close', resolve);
    stream.end(`${JSON.stringify(value)}\n`, () => { resolve(); });
  });
}

/** Reads them until the stream ends. @throws TwintreeError WIRE for what is no such line. */
export async function* readLines(stream: Duplex): AsyncGenerator<Record<string, unknown>, void, undefined> {
  let rest: Buffer[] = [];
  let held = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(10, from); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...rest, chunk.subarray(from, end)]).toString('utf8');
      rest = [];
      held = 0;
      from = end + 1;
      const value = parsedObject(line);
      if (value === undefined) throw new TwintreeError('WIRE', 'what came from the other host is no line of JSON');
      yield value;
    }
    if (from < chunk.length) {
      rest.push(Buffer.from(chunk.subarray(from)));
      held += chunk.length - from;
    }
    if (held > LONGEST_LINE) throw new TwintreeError('WIRE', 'a line from the other host is too long');
  }
}
