/** Handshake and control messages: both ends come to the same agreement, and JSON is bounded before it is parsed. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  agree, encodeBye, encodeControl, encodeHello, hello, MAX_HELLO, MAX_JSON_DEPTH, MAX_JSON_VALUES, parseBye, parseControl, parseHello, WireError, type Hello,
} from '../../src/wire/index.js';

const BOTH = { brotli: true, zstd: true };
const any: fc.Arbitrary<Hello> = fc.record({
  versions: fc.tuple(fc.integer({ min: 1, max: 6 }), fc.nat(3)), role: fc.constantFrom('client' as const, 'agent' as const), program: fc.stringMatching(/^[ -~]{1,40}$/),
  compression: fc.record({ brotli: fc.boolean(), zstd: fc.boolean() }, { noNullPrototype: true }), features: fc.array(fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/), { maxLength: 5 }),
  host: fc.option(fc.record({ node: fc.stringMatching(/^[ -~]{1,64}$/), system: fc.stringMatching(/^[ -~]{1,64}$/), clock: fc.integer({ min: 0, max: 8.64e15 }) }, { noNullPrototype: true }), { nil: undefined }),
}).map(({ versions: [least, more], role, program, compression, features, host }) => Object.assign({ least, most: least + more, role, program, compression, features }, host === undefined ? {} : { host }));

const refused = (code: string, run: () => unknown): void => {
  assert.throws(run, (error) => error instanceof WireError && error.code === code, code);
};
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe('wire/hello', () => {
  it('reads back what it wrote', () => {
    fc.assert(fc.property(any, (one) => { assert.deepEqual(parseHello(encodeHello(one)), one); }));
  });

  it('comes to the newest common version and the common features on both ends, or to none on both', () => {
    fc.assert(fc.property(any, any, (one, other) => {
      const [a, b]: [Hello, Hello] = [{ ...one, role: 'client' }, { ...other, role: 'agent' }];
      const most = Math.min(a.most, b.most);
      if (most < Math.max(a.least, b.least)) {
        refused('version', () => agree(a, b));
        refused('version', () => agree(b, a));
        return;
      }
      const [mine, theirs] = [agree(a, b), agree(b, a)];
      assert.deepEqual([mine.version, theirs.version], [most, most]);
      assert.deepEqual(mine.features, new Set(a.features.filter((feature) => b.features.includes(feature))));
      assert.deepEqual(theirs.features, mine.features);
      assert.deepEqual([mine.compression, theirs.compression], [b.compression, a.compression]);
    }));
  });

  it('skips what a later version may add, and refuses what is not what it must be', () => {
    const good = { protocol: [1, 1], role: 'agent', program: 'twintree 1', compression: ['brotli', 'later'], features: [] };
    assert.deepEqual(parseHello(json({ ...good, later: { more: 1 } })).compression, { brotli: true, zstd: false });
    for (const bad of [
      { protocol: [2, 1] }, { protocol: [0, 1] }, { protocol: [1] }, { protocol: [1, 1.5] }, { protocol: 1 }, { role: 'server' }, { program: 'a\x1b[31m' }, { program: '' }, { program: 'x'.repeat(200) },
      { compression: ['BROTLI'] }, { compression: 'brotli' }, { features: Array.from({ length: 65 }, () => 'a') }, { features: [1] }, { features: undefined },
      { host: null }, { host: 1 }, { host: {} }, { host: { node: 'a\n', system: 'x', clock: 1 } }, { host: { node: '1', system: 'x'.repeat(65), clock: 1 } }, { host: { node: '1', system: 'x', clock: -1 } }, { host: { node: '1', system: 'x', clock: 1.5 } },
    ]) refused('json', () => parseHello(json({ ...good, ...bad })));
    refused('limit', () => parseHello(Buffer.alloc(MAX_HELLO + 1, ' ')));
  });

  it('does not agree with an end of the same role', () => {
    const one = hello('client', 'twintree 1', BOTH);
    refused('frame', () => agree(one, one));
  });
});

describe('wire/control', () => {
  it('reads back any message', () => {
    fc.assert(fc.property(fc.dictionary(fc.string().filter((key) => key !== '__proto__' && key !== 'type'), fc.jsonValue({ maxDepth: 5 }), { noNullPrototype: true }), (members) => {
      const message = JSON.parse(JSON.stringify({ ...members, type: 'some-thing' })) as { type: string };
      if (!JSON.stringify(message).includes('__proto__')) assert.deepEqual(parseControl(encodeControl(message)), message);
    }));
  });

  it('refuses what is no object with a type, no JSON, or not UTF-8', () => {
    for (const text of ['', '1', '[]', 'null', '{}', '{"type":1}', '{"type":"Open"}', '{"type":""}', '{"type":"open"', '{"type":"open","__proto__":{}}', '{"type":"open","a":[{"__proto__":1}]}']) {
      refused('json', () => parseControl(Buffer.from(text)));
    }
    refused('json', () => parseControl(Buffer.from('{"type":"a\xff"}', 'latin1')));
  });

  it('bounds nesting and the number of values before it parses', () => {
    const nested = (depth: number): Buffer => Buffer.from(`{"type":"a","x":${'['.repeat(depth)}${']'.repeat(depth)}}`);
    assert.equal(parseControl(nested(MAX_JSON_DEPTH - 1)).type, 'a');
    refused('limit', () => parseControl(nested(MAX_JSON_DEPTH)));
    refused('limit', () => parseControl(nested(1_000_000)));
    refused('limit', () => parseControl(Buffer.from(`{"type":"a","x":[${'0,'.repeat(MAX_JSON_VALUES)}0]}`)));
    assert.deepEqual(parseControl(Buffer.from('{"type":"a","x":"[[[[[[[[[[[[[[[[[[[[\\"[,,,"}')), { type: 'a', x: '[[[[[[[[[[[[[[[[[[[["[,,,' });
  });

  it('carries why a connection ends, cut to what a Bye may hold', () => {
    assert.deepEqual(parseBye(encodeBye({ code: 'done', message: '' })), { code: 'done', message: '' });
    const long = encodeBye({ code: 'CONNECTION_LOST', message: '\u{1f600}'.repeat(5000) });
    assert.ok(long.length <= MAX_HELLO && parseBye(long).message.length === 2000);
    for (const bad of [{ code: 'a' }, { code: '', message: '' }, { code: 'a b', message: '' }, { code: 'a', message: '', more: 1 }, { code: 1, message: '' }]) refused('json', () => parseBye(json(bad)));
  });
});
