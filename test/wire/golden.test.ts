/** Golden vectors: a change of the protocol's bytes fails here, in either direction. See fixtures/wire/make.js. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { REPOSITORY } from '../support/index.js';
import {
  encodeControl, encodeFrame, encodeHello, FrameReader, FrameType, hello, ItemReader, ItemWriter, MAGIC, parseBye, parseControl, parseCredit, parseHello, parseToken, RequestReader, RequestWriter, type ControlMessage, type Frame, type Item, type Request,
} from '../../src/wire/index.js';
import { loadOwnPosix } from '../../src/fs/index.js';
import { SelectionReader, sourceMessages } from '../../src/session/remote/describe.js';
import { PlanReceiver } from '../../src/session/remote/plan-parts.js';

const FOLDER = join(REPOSITORY, 'fixtures/wire');
interface Plain { fromPlain(value: unknown): unknown; toPlain(value: unknown): unknown }
const { fromPlain, toPlain } = (await import(pathToFileURL(join(FOLDER, 'plain.js')).href)) as Plain;

const bytes = (name: string): Buffer => Buffer.from(readFileSync(join(FOLDER, `${name}.v1.hex`), 'utf8').replaceAll('\n', ''), 'hex');
const messages = (name: string): unknown[] => JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as unknown[];

function all<T>(reader: { readonly done: boolean; next(): T }): T[] {
  const read: T[] = [];
  while (!reader.done) read.push(reader.next());
  return read;
}

describe('wire: golden vectors', () => {
  it('requests', () => {
    assert.deepEqual(all(new RequestReader(bytes('requests'))).map((one) => toPlain(one)), messages('requests'));
    const writer = new RequestWriter();
    for (const one of messages('requests')) writer.write(fromPlain(one) as Request);
    assert.equal(writer.take().toString('hex'), bytes('requests').toString('hex'));
  });

  for (const [name, told] of [['items', {}], ['items-with-times', { atimes: true, btimes: true }]] as const) {
    it(name, () => {
      assert.deepEqual(all(new ItemReader(bytes(name))).map((one) => toPlain(one)), messages(name));
      const writer = new ItemWriter(told);
      for (const one of messages(name)) writer.write(fromPlain(one) as Item);
      assert.equal(writer.take().toString('hex'), bytes(name).toString('hex'));
    });
  }

  it('control messages: sources with their rule files and roots, a plan in parts', () => {
    const frames: Frame[] = [];
    const reader = new FrameReader((frame) => { frames.push(frame); });
    for (const piece of [MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, encodeHello(hello('agent', 'twintree', { brotli: true, zstd: false }))), bytes('control')]) reader.push(piece);
    frames.shift();
    const list = frames.map(({ payload }) => parseControl(payload));
    assert.deepEqual(list, messages('control'));
    assert.equal(Buffer.concat(list.flatMap((message) => encodeFrame(FrameType.Control, 0, 0, encodeControl(message)))).toString('hex'), bytes('control').toString('hex'));
    const description = new SelectionReader();
    const [rules, nodes, opened, part] = list as [ControlMessage, ControlMessage, ControlMessage, ControlMessage];
    assert.ok(description.take(rules) && description.take(nodes) && !description.take(opened));
    const sources = description.finish(opened);
    assert.deepEqual(sourceMessages(sources), [rules, nodes, opened]);
    assert.deepEqual([[...(sources.above ?? [])].map(([path, content]) => [path, content.toString()]), sources.roots?.[0]?.path], [[['/home/.rules', '- *.o\n']], '/home/s/']);
    new PlanReceiver(loadOwnPosix(), () => undefined).take(part);
  });

  it('one direction of a connection', () => {
    const stream = bytes('stream');
    const frames: Frame[] = [];
    let banner = Buffer.alloc(0);
    new FrameReader((frame) => { frames.push(frame); }, (text) => { banner = Buffer.from(text); }).push(stream);
    assert.equal(banner.toString(), 'Last login: today\r\n');
    const [opening, control, credit, requests, ping, bye] = frames.map(({ payload }) => payload) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];
    assert.deepEqual(parseHello(opening), { least: 1, most: 1, role: 'client', program: 'twintree 1.0.0', compression: { brotli: true, zstd: true }, features: ['example'] });
    assert.deepEqual(parseControl(control), { type: 'example', name: '\u00ff' });
    assert.deepEqual([parseCredit(credit), parseToken(ping), parseBye(bye)], [4 << 20, 2 ** 40 + 1, { code: 'done', message: '' }]);
    assert.deepEqual(requests, bytes('requests'));
    const again = Buffer.concat([banner, MAGIC, ...frames.flatMap((frame) => encodeFrame(frame.type, frame.flags, frame.channel, frame.payload))]);
    assert.equal(again.toString('hex'), stream.toString('hex'));
  });
});
