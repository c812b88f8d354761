/** The plan's binary form: what is read is what was written, and hostile bytes end in one kind of error. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { OpKind, OperationReader, OperationWriter, PlanFormatError, Reason, emptyOperation, operationFault, type Operation } from '../../src/plan/index.js';
import type { ByteString } from '../../src/tree/index.js';

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const nsec = fc.integer({ min: 0, max: 999999999 });
const size = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const seconds = fc.integer({ min: -(2 ** 45), max: 2 ** 45 });
/** Zero often, so that sections come and go. */
const maybe = (arb: fc.Arbitrary<number>): fc.Arbitrary<number> => fc.oneof(fc.constant(0), arb);
const bytes = (maxLength: number): fc.Arbitrary<ByteString> =>
  fc.uint8Array({ maxLength }).map((b) => Buffer.from(b).toString('latin1') as ByteString);

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.integer({ min: OpKind.Folder, max: OpKind.Note }),
  name: bytes(300), reason: fc.integer({ min: Reason.New, max: Reason.MountPoint }),
  item: maybe(u32), set: maybe(u16), layer: maybe(u16), mode: maybe(u16), uid: maybe(u32), gid: maybe(u32),
  size: maybe(size), mtimeSec: maybe(seconds), mtimeNsec: maybe(nsec), atimeSec: maybe(seconds), atimeNsec: maybe(nsec),
  ctimeSec: maybe(seconds), ctimeNsec: maybe(nsec), inoLow: maybe(u32), inoHigh: maybe(u32), allocated: maybe(size),
  rdevMajor: maybe(u32), rdevMinor: maybe(u32), link: bytes(200), alt: maybe(u16),
  group: fc.oneof(fc.constant(''), fc.tuple(u32, u32).map(([d, i]) => `${d}:${i}`)),
  expected: fc.record({
    mode: maybe(u16), inoLow: maybe(u32), inoHigh: maybe(u32), size: maybe(size),
    mtimeSec: maybe(seconds), mtimeNsec: maybe(nsec), uid: maybe(u32), gid: maybe(u32),
  }, { noNullPrototype: true }),
}, { noNullPrototype: true });

function encode(operations: readonly Operation[], initialBytes?: number): Uint8Array {
  const writer = new OperationWriter(initialBytes);
  for (const op of operations) writer.write(op);
  return writer.take();
}

function decode(plan: Uint8Array): Operation[] {
  const reader = new OperationReader(plan);
  const all: Operation[] = [];
  while (!reader.done) {
    const op = emptyOperation();
    reader.next(op);
    all.push(op);
  }
  return all;
}

/**
 * The operations of the golden vector: one of each kind, with every section used somewhere. A layout that is
 * changed on purpose raises PLAN_FORMAT and gets a vector of its own (one line of hex for each record).
 */
function goldenOperations(): Operation[] {
  const make = (part: Partial<Operation>): Operation => ({ ...emptyOperation(), ...part });
  const was = emptyOperation().expected;
  const name = (text: string): ByteString => text as ByteString;
  return [
    make({ kind: OpKind.Folder, name: name('a/b'), reason: Reason.New, item: 2048 | 8192, set: 15, mode: 0o40755, uid: 1000, gid: 100, mtimeSec: 1700000000, mtimeNsec: 123456789 }),
    make({
      kind: OpKind.File, name: name('caf\xe9\n'), reason: Reason.SizeDiffers, item: 2 | 4 | 4096, set: 8, layer: 1, mode: 0o104755, uid: 4294967294, gid: 0,
      size: 2 ** 40 + 1, mtimeSec: -1, mtimeNsec: 999999999, atimeSec: 5, atimeNsec: 6, ctimeSec: 7, ctimeNsec: 8, inoLow: 0xffffffff, inoHigh: 1, allocated: 4096,
      expected: { mode: 0o100644, inoLow: 3, inoHigh: 4, size: 17, mtimeSec: 1600000000, mtimeNsec: 1, uid: 1, gid: 2 },
    }),
    make({ kind: OpKind.Symlink, name: name('s'), reason: Reason.LinkTargetDiffers, item: 1, mode: 0o120777, link: name('../x'), size: 4 }),
    make({ kind: OpKind.Node, name: name('tty'), reason: Reason.DeviceDiffers, mode: 0o20620, rdevMajor: 4, rdevMinor: 0xfffff }),
    make({ kind: OpKind.Link, name: name('l'), reason: Reason.LinkMissing, item: 16384, link: name('a/b/lead'), group: '2049:0:131', alt: 2 }),
    make({ kind: OpKind.Attributes, name: name('m'), reason: Reason.AttributesDiffer, item: 16, set: 1, mode: 0o100600 }),
    make({ kind: OpKind.Delete, name: name('gone'), reason: Reason.Extraneous, expected: { ...was, mode: 0o100644, inoLow: 9 } }),
    make({ kind: OpKind.Move, name: name('new'), reason: Reason.Moved, link: name('old/place') }),
    make({ kind: OpKind.Note, name: name('same'), reason: Reason.Unchanged }),
  ];
}

describe('plan/codec', () => {
  it('reads back what it wrote, whatever the operations', () => {
    fc.assert(fc.property(fc.array(operation, { maxLength: 12 }), (operations) => {
      assert.deepEqual(decode(encode(operations, 1)), operations);
    }));
  });

  it('leaves nothing of an earlier operation in a reused object', () => {
    fc.assert(fc.property(operation, operation, (first, second) => {
      const reader = new OperationReader(encode([first, second]));
      const into = emptyOperation();
      reader.next(into);
      reader.next(into);
      assert.deepEqual(into, second);
    }));
  });

  it('passes over an operation and tells its kind without reading it', () => {
    fc.assert(fc.property(operation, operation, (first, second) => {
      const reader = new OperationReader(encode([first, second]));
      assert.equal(reader.peekKind(), first.kind);
      reader.skip();
      assert.equal(reader.peekKind(), second.kind);
      const into = emptyOperation();
      reader.next(into);
      assert.deepEqual(into, second);
      assert.equal(reader.done, true);
    }));
  });

  it('carries a path and a link text far longer than 65535 bytes', () => {
    const op = { ...emptyOperation(), kind: OpKind.Folder, name: 'n/'.repeat(40000) as ByteString, link: 'l'.repeat(70000) as ByteString };
    assert.deepEqual(decode(encode([op])), [op]);
  });

  it('hands out bytes that own their memory, and begins anew', () => {
    const writer = new OperationWriter(64);
    writer.write({ ...emptyOperation(), name: 'one' as ByteString });
    const first = writer.take();
    assert.equal(first.buffer.byteLength, first.length);
    assert.equal(writer.length, 0);
    writer.write({ ...emptyOperation(), name: 'two' as ByteString });
    assert.equal(decode(first)[0]?.name, 'one');
    writer.reset();
    assert.equal(writer.take().length, 0);
  });

  it('reads from the middle of a larger buffer', () => {
    const plan = encode(goldenOperations());
    const around = new Uint8Array(plan.length + 13).fill(0xff);
    around.set(plan, 7);
    assert.deepEqual(decode(around.subarray(7, 7 + plan.length)), goldenOperations());
  });

  it('writes the very bytes of the golden vector, and reads them', () => {
    const golden = readFileSync('fixtures/plan/operations.v1.hex', 'utf8').replace(/\s/g, '');
    assert.equal(Buffer.from(encode(goldenOperations())).toString('hex'), golden);
    assert.deepEqual(decode(Buffer.from(golden, 'hex')), goldenOperations());
  });

  it('refuses a plan cut off anywhere but between operations', () => {
    const plan = encode(goldenOperations());
    const ends = new Set([0]);
    const reader = new OperationReader(plan);
    while (!reader.done) { reader.skip(); ends.add(reader.offset); }
    for (let cut = 0; cut < plan.length; cut++) {
      if (ends.has(cut)) assert.doesNotThrow(() => decode(plan.subarray(0, cut)));
      else assert.throws(() => decode(plan.subarray(0, cut)), PlanFormatError, `cut at ${cut}`);
    }
  });

  it('says so when asked for more than there is', () => {
    const reader = new OperationReader(new Uint8Array(0));
    assert.equal(reader.done, true);
    assert.throws(() => reader.next(emptyOperation()), PlanFormatError);
    assert.throws(() => reader.peekKind(), PlanFormatError);
    assert.throws(() => reader.skip(), PlanFormatError);
  });

  it('ends every damaged plan in operations or a PlanFormatError, never in another error or without end', () => {
    const plan = encode(goldenOperations());
    const damage = fc.array(fc.tuple(fc.nat(plan.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(fc.property(damage, (changes) => {
      const damaged = plan.slice();
      for (const [at, value] of changes) damaged[at] = value;
      try {
        const all = decode(damaged);
        assert.ok(all.length <= damaged.length / 32);
        for (const op of all) assert.ok(op.name.length + op.link.length + op.group.length <= damaged.length);
      } catch (error) {
        if (!(error instanceof PlanFormatError)) throw error;
      }
    }), { numRuns: 2000 });
  });

  it('tells what makes a well-formed operation from outside unusable', () => {
    for (const op of goldenOperations()) assert.equal(operationFault(op), undefined, op.name);
    const file: Operation = { ...emptyOperation(), kind: OpKind.File, name: 'f' as ByteString };
    const bad: Partial<Operation>[] = [
      { name: '' as ByteString }, { name: '..' as ByteString }, { name: 'a/b' as ByteString }, { name: 'a\0' as ByteString },
      { kind: OpKind.Folder, name: '../up' as ByteString }, { kind: OpKind.Move, link: '/abs' as ByteString },
      { kind: OpKind.Link, link: 'a/../../b' as ByteString }, { mtimeNsec: 1e9 }, { size: -1 }, { size: Number.NaN }, { mtimeSec: Infinity },
    ];
    for (const part of bad) assert.notEqual(operationFault({ ...file, ...part }), undefined, JSON.stringify(part));
  });
});
