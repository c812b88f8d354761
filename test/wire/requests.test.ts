/** Requests: what is read is what was written; places outside a root and impossible sums do not pass. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ByteString, RelPath } from '../../src/tree/index.js';
import { MAX_PAYLOAD, RequestReader, RequestWriter, WireError, type Request } from '../../src/wire/index.js';
import { request } from './support.js';

function encode(requests: readonly Request[]): Buffer {
  const writer = new RequestWriter();
  for (const one of requests) writer.write(one);
  return writer.take();
}

function decode(payload: Uint8Array): Request[] {
  const reader = new RequestReader(payload);
  const requests: Request[] = [];
  while (!reader.done) requests.push(reader.next());
  return requests;
}

function refused(code: string, bytes: readonly number[]): void {
  assert.throws(() => decode(Uint8Array.from(bytes)), (error) => error instanceof WireError && error.code === code, `${code}: ${bytes.join(' ')}`);
}

const chars = (text: string): number[] => [...Buffer.from(text, 'latin1')];

describe('wire/requests', () => {
  it('reads back what it wrote, several requests in one payload', () => {
    fc.assert(fc.property(fc.array(request, { maxLength: 8 }), (requests) => {
      assert.deepEqual(decode(encode(requests)), requests);
    }), { numRuns: 500 });
  });

  it('tells a folder once for the files asked for in it', () => {
    const folder = 'a/long/way/down/to/the/folder' as RelPath;
    const ask = (name: string): Request => ({ kind: 'content', place: { mount: 0, folder, name: name as ByteString }, follow: false, noAtime: false, from: 0, sums: undefined });
    assert.equal(encode([ask('one'), ask('two')]).length - encode([ask('one')]).length, 2 + 1 + 1 + 2 + 4 + 1); // head, flags, mount, path, name, from
  });

  it('leaves no trace of a request that is longer than a frame', () => {
    const writer = new RequestWriter();
    assert.throws(() => { writer.write({ kind: 'refine', sums: { basisSize: 0, blockLength: 64, stretches: [], round: Buffer.alloc(MAX_PAYLOAD) } }); }, WireError);
    assert.equal(writer.length, 0);
  });

  it('refuses names and folders that leave the root', () => {
    const hash = (folder: string, name: string): number[] => [6, 5 + folder.length + name.length, 0, 0, 0, folder.length, ...chars(folder), name.length, ...chars(name)];
    assert.deepEqual(decode(Uint8Array.from(hash('a', ''))), [{ kind: 'hash', place: { mount: 0, folder: 'a', name: '' }, follow: false }]);
    for (const name of ['.', '..', 'a/b', '/', 'a\0b']) refused('name', hash('a', name));
    for (const folder of ['..', '/', 'a/', 'a//b', 'a/..', '.']) refused('name', hash(folder, 'x'));
  });

  it('refuses a root of sums of a basis that cannot be', () => {
    const content = (flags: number, ...body: number[]): number[] => [4, 1 + 4 + 1 + body.length, flags, 0, 0, 0, 0, 0, ...body];
    const root = Array.from({ length: 16 }, (_, k) => k);
    assert.equal(decode(Uint8Array.from(content(8, ...root, 100, 12))).length, 1);
    refused('truncated', content(8, ...root.slice(1), 100));
    refused('range', content(8, ...root, 100, 11)); // leaves of 2 KiB
    refused('range', content(8, ...root, 100, 25));
    refused('range', content(8, ...root, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 12)); // 2^35 bytes have longer leaves
    refused('range', content(12, ...root, 100, 12)); // and sums as well
  });

  it('refuses sums whose blocks or stretches cannot be', () => {
    const refine = (...body: number[]): number[] => [5, body.length, ...body];
    assert.equal(decode(Uint8Array.from(refine(100, 64, 1, 0, 100, 0))).length, 1);
    refused('range', refine(100, 0, 1, 0, 100, 0)); // blocks of no bytes
    refused('range', refine(100, 64, 1, 0, 101, 0)); // past the basis
    refused('range', refine(100, 64, 2, 0, 100, 1, 1, 0)); // the second one too
    refused('range', refine(100, 64, 1, 0, 0, 0)); // an empty stretch
    refused('limit', refine(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x08, 64, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x08, 0)); // 2^45 bytes in blocks of 64
    refused('truncated', refine(100, 64, 0xff, 0xff, 0x03)); // more stretches than bytes
  });

  it('refuses unknown kinds, calls and flags', () => {
    refused('kind', [0, 0]);
    refused('kind', [7, 0]);
    refused('kind', [3, 1, 8]);
    refused('range', [1, 1, 4]);
    refused('range', [4, 5, 16, 0, 0, 0, 0]);
    refused('range', [1, 2, 0, 0]);
  });
});
