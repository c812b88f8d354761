/** The file of a batch: golden bytes in both directions, what the index finds, answers from it, and files that are damaged or made to deceive. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { BatchReader, BatchSupplier, NO_CONTENT, OTHER_BASIS, Recorder, type BatchIndex } from '../../src/endpoint/index.js';
import { TwintreeError, type ByteString, type RelPath } from '../../src/tree/index.js';
import { expandPayload, FrameType, ItemReader, ItemWriter, RequestWriter, WireError, type Item, type Request } from '../../src/wire/index.js';
import { REPOSITORY } from '../support/index.js';
import { resealed, type BatchFrame } from './batch-support.js';

interface Fixture { recorded(makers: object, setup?: object): Buffer; steps: [number, string, Request[]][] }
const FOLDER = join(REPOSITORY, 'fixtures/batch');
const { recorded, steps } = (await import(pathToFileURL(join(FOLDER, 'recording.js')).href)) as Fixture;
const MAKERS = { Recorder, RequestWriter, ItemWriter };
const GOLDEN = Buffer.from(readFileSync(join(FOLDER, 'batch.v1.hex'), 'utf8').replaceAll('\n', ''), 'hex');
const ROOT = '' as RelPath;

function read(bytes: Buffer, piece = bytes.length): { reader: BatchReader; index: BatchIndex } {
  const reader = new BatchReader();
  for (let at = 0; at < bytes.length; at += piece) reader.push(bytes.subarray(at, at + piece));
  return { reader, index: reader.finish() };
}

/** Answers one session from these bytes; `ask` returns all items that come. */
function answers(bytes: Buffer, index: BatchIndex): { ask(request: Request): Item[]; supplier: BatchSupplier; sent: Buffer[] } {
  const sent: Buffer[] = [];
  const file = {
    read(into: Buffer, position: number): void {
      if (bytes.copy(into, 0, position, position + into.length) < into.length) throw new TwintreeError('IO', 'past the end');
    },
  };
  const supplier = new BatchSupplier(index, file, false, (_channel, flags, payload) => { sent.push(expandPayload(flags, payload)); });
  return {
    supplier, sent,
    ask(request) {
      sent.length = 0;
      supplier.receive(9, 0, payloadOf(request));
      return sent.flatMap((payload) => {
        const items: Item[] = [];
        for (const reader = new ItemReader(payload); !reader.done;) items.push(reader.next());
        return items;
      });
    },
  };
}

function payloadOf(request: Request): Buffer {
  const writer = new RequestWriter();
  writer.write(request);
  return writer.take();
}

const content = (name: string, more: object = {}): Request => ({ kind: 'content', place: { mount: 0, folder: ROOT, name: name as ByteString }, follow: false, noAtime: false, from: 0, sums: undefined, ...more });
const sums = (steps.flatMap(([, , messages]) => messages).find((one) => one.kind === 'content') as Extract<Request, { kind: 'content' }>).sums;
const text = (items: Item[]): string => items.map((item) => (item.kind === 'literal' ? item.bytes.toString() : '')).join('');
const errno = (items: Item[]): number => (items[0]?.kind === 'content-begin' ? items[0].errno : -1);

const isRefusal = (error: unknown): boolean => error instanceof TwintreeError && error.code === 'PLAN_FILE';

describe('batch files', () => {
  it('golden vector: the recorder makes it, byte for byte', () => {
    assert.equal(recorded(MAKERS).toString('hex'), GOLDEN.toString('hex'));
  });

  it('golden vector: it is read, in pieces of any size', () => {
    for (const piece of [1, 7, 100, GOLDEN.length]) {
      const { reader, index } = read(GOLDEN, piece);
      assert.deepEqual(reader.head.map(({ type }) => type), ['batch', 'selection', 'opened']);
      assert.deepEqual([...index].map(([key, { delta }]) => [key, delta]).toSorted(), [
        ['content 0///delta', true], ['content 0///twice', false], ['content 0///whole', false], ['readlink 0///link', false], ['stat 0///none', false], ['walk', false],
      ]);
    }
  });

  it('nobody is asked for digests while it records: a batch has every folder', () => {
    const recorder = new Recorder({ head: [], atimes: false, compress: false }, () => undefined);
    const passed = recorder.requests(1, 0, payloadOf({ kind: 'walk', after: undefined, digests: true }));
    assert.deepEqual(Buffer.from(passed.payload), payloadOf({ kind: 'walk', after: undefined }));
    const plain = payloadOf(content('whole', { sums }));
    assert.equal(recorder.requests(1, 0, plain).payload, plain);
  });

  it('a compressed batch says the same', () => {
    const bytes = recorded(MAKERS, { compress: true });
    const { ask } = answers(bytes, read(bytes).index);
    assert.equal(text(ask(content('whole'))), 'w'.repeat(70));
  });

  describe('answers', () => {
    const { ask, supplier, sent } = answers(GOLDEN, read(GOLDEN).index);

    it('what was asked is answered as it was, the last answer where there were two', () => {
      assert.equal(text(ask(content('twice'))), 'new!');
      const [link] = ask({ kind: 'call', call: { op: 'readlink', place: { mount: 0, folder: ROOT, name: 'link' as ByteString } } });
      assert.deepEqual(link, { kind: 'answer', result: 0, text: 'whole' });
      assert.deepEqual(ask({ kind: 'walk', after: undefined }).map(({ kind }) => kind), ['folder', 'walk-end']);
    });

    it('a delta goes to a basis with the same sums, in one round, and to no other', () => {
      assert.deepEqual(ask(content('delta', { sums })).map(({ kind }) => kind), ['content-begin', 'copy', 'literal', 'hole', 'content-end']);
      assert.equal(errno(ask(content('delta', { sums: { ...sums, round: Buffer.from('of another basis') } }))), OTHER_BASIS);
      assert.equal(errno(ask(content('delta', { sums: { ...sums, basisSize: 5001 } }))), OTHER_BASIS);
      assert.equal(errno(ask(content('delta'))), OTHER_BASIS);
    });

    it('whole content goes to whoever asks, from where it is wanted', () => {
      assert.equal(text(ask(content('whole', { sums }))), 'w'.repeat(70));
      assert.equal(text(ask(content('whole', { from: 65 }))), 'wwwww');
      assert.equal(text(ask(content('whole', { from: 70 }))), '');
      assert.equal(errno(ask(content('none'))), NO_CONTENT);
    });

    it('what was not asked is answered from the walk', () => {
      const place = (name: string) => ({ mount: 0, folder: ROOT, name: name as ByteString });
      const [stat] = ask({ kind: 'call', call: { op: 'stat', place: place('whole'), follow: false } });
      assert.ok(stat?.kind === 'answer' && stat.result === 0 && stat.stat?.readUInt32LE(40) === 70);
      const [none] = ask({ kind: 'call', call: { op: 'stat', place: place('other'), follow: false } });
      assert.deepEqual(none, { kind: 'answer', result: -2 });
      const [folder] = ask({ kind: 'folder', mount: 0, path: ROOT });
      assert.deepEqual(folder?.kind === 'folder' && folder.names, ['delta', 'link', 'twice', 'whole']);
      const [missing] = ask({ kind: 'folder', mount: 0, path: 'no/such' as RelPath });
      assert.ok(missing?.kind === 'folder' && missing.openErrno === 2);
      assert.deepEqual(ask({ kind: 'call', call: { op: 'unlink', place: place('whole') } }), [{ kind: 'answer', result: -30 }]);
    });

    it('sums that nobody asked for end it', () => {
      assert.throws(() => ask({ kind: 'refine', sums: sums as NonNullable<typeof sums> }), WireError);
    });

    it('nothing is sent beyond the credit', () => {
      sent.length = 0;
      supplier.receive(3, 0, payloadOf(content('whole')));
      const one = sent.reduce((sum, { length }) => sum + length, 0);
      sent.length = 0;
      for (let i = 0; i < 30_000; i++) supplier.receive(3, 0, payloadOf(content('whole')));
      const first = sent.reduce((sum, { length }) => sum + length, 0);
      assert.ok(first > 0 && first < 30_000 * one, 'it waits');
      const before = sent.length;
      supplier.credit(3, 10 * one);
      assert.ok(sent.length > before && sent.length <= before + 11);
    });
  });

  describe('files that are not sound', () => {
    it('each truncation and each changed byte is refused', () => {
      for (let at = 0; at < GOLDEN.length; at++) {
        assert.throws(() => read(GOLDEN.subarray(0, at)), isRefusal, `cut at ${at}`);
        const changed = Buffer.from(GOLDEN);
        changed.writeUInt8(changed.readUInt8(at) ^ (1 << (at % 8)), at);
        assert.throws(() => read(changed), isRefusal, `changed at ${at}`);
      }
      assert.throws(() => read(Buffer.concat([GOLDEN, Buffer.from([0])])), isRefusal);
      assert.throws(() => read(Buffer.concat([GOLDEN, GOLDEN])), isRefusal);
    });

    it('frames in an impossible order are refused though they are sealed', () => {
      const bad: ((frames: BatchFrame[]) => void)[] = [
        (frames) => { frames.splice(4, 1); }, // items without their request
        (frames) => { frames.push(frames[1] as BatchFrame); }, // a head behind the answers
        (frames) => { frames.splice(1, 3); }, // none
        (frames) => { frames.push({ type: FrameType.Ping, channel: 0, payload: Buffer.alloc(8) }); },
        (frames) => { frames.push({ type: FrameType.Requests, channel: 1, payload: payloadOf({ kind: 'refine', sums: sums as NonNullable<typeof sums> }) }, { type: FrameType.Items, channel: 1, payload: itemsOf({ kind: 'walk-end' }) }); },
        (frames) => { frames.push({ type: FrameType.Requests, channel: 1, payload: payloadOf(content('x')) }, { type: FrameType.Items, channel: 1, payload: itemsOf({ kind: 'walk-end' }) }); },
        (frames) => {
          frames.push({ type: FrameType.Requests, channel: 1, payload: payloadOf(content('x', { sums })) });
          frames.push({ type: FrameType.Items, channel: 1, payload: itemsOf({ kind: 'content-begin', errno: 0, stat: Buffer.alloc(256) }, { kind: 'copy', offset: 4999, length: 2 }) });
        },
      ];
      read(resealed(GOLDEN, () => undefined));
      for (const [k, change] of bad.entries()) assert.throws(() => read(resealed(GOLDEN, change)), isRefusal, `case ${k}`);
    });

    it('whatever a sealed file holds, it is refused or answers; nothing else is thrown', () => {
      fc.assert(fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }), (edits) => {
        const bytes = resealed(GOLDEN, (frames) => {
          for (const [which, at, value] of edits) {
            const frame = frames[1 + (which % (frames.length - 1))] as BatchFrame;
            frame.payload.writeUInt8(value, at % frame.payload.length);
          }
        });
        try {
          const { index } = read(bytes);
          const { ask } = answers(bytes, index);
          for (const name of ['delta', 'whole', 'twice', 'link']) {
            for (const more of [{}, { sums }, { from: 3 }]) ask(content(name, more));
            for (const op of ['stat', 'readlink', 'xattrs'] as const) ask({ kind: 'call', call: { op, follow: true, place: { mount: 0, folder: ROOT, name: name as ByteString } } });
          }
          ask({ kind: 'folder', mount: 0, path: ROOT });
        } catch (error) {
          assert.ok(isRefusal(error) || (error instanceof TwintreeError && error.code === 'WIRE'), error instanceof Error ? error.stack : String(error));
        }
      }), { numRuns: 300 });
    });
  });
});

function itemsOf(...items: Item[]): Buffer {
  const writer = new ItemWriter();
  for (const item of items) writer.write(item);
  return writer.take();
}
