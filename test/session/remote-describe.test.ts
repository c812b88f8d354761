/** What crosses the control channel: descriptions, events and errors arrive as they were sent, and what breaks a rule is refused. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Open, selectContents, selectionNode, selectPath } from '../../src/endpoint/index.js';
import { emptyOperation, OpKind, Reason, type Operation } from '../../src/plan/index.js';
import { TwintreeError, type ByteString, type Problem, type RelPath } from '../../src/tree/index.js';
import { newOutcome, newTotals } from '../../src/session/outcome.js';
import { describeSources, SelectionReader } from '../../src/session/remote/describe.js';
import { OperationSender, readError, readOperations, readOutcome, readProblem, readProgress, readTotals, writeError, writeOutcome, writeProblem, writeTotals } from '../../src/session/remote/events.js';
import type { Sources } from '../../src/session/sources.js';

const wire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const isWire = (error: unknown): boolean => error instanceof TwintreeError && error.code === 'WIRE';

/** Names of single bytes, the odd ones among them. */
const name = fc.string({ unit: fc.constantFrom('a', 'b', '\xff', ' ', '\n', '-', '.x'), minLength: 1, maxLength: 8 }).filter((n) => n !== '.' && n !== '..') as fc.Arbitrary<ByteString>;
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/') as RelPath);

describe('session: sources described to the other end', () => {
  it('arrive as they are, whatever was selected', () => {
    fc.assert(fc.property(
      fc.array(fc.record({ path, mount: fc.integer({ min: 0, max: 2 }), open: fc.constantFrom(Open.No, Open.Listing, Open.Tree), missing: fc.boolean() }), { maxLength: 30 }), fc.boolean(),
      (chosen, contents) => {
        const selection = selectionNode();
        if (contents) selectContents(selection, 1, Open.Tree);
        for (const one of chosen) selectPath(selection, one.mount, one.path, one.open, one.missing);
        const sources: Sources = {
          mounts: [{ fd: 7, path: '/a' as ByteString }, { fd: 9, path: 'b\xff' as ByteString, followed: new Set(['x/y' as RelPath]) }, { fd: 3, path: '.' as ByteString }],
          selection, problems: [{ code: 'unreadable', phase: 'scan', side: 'source', path: 'p\xfe' as ByteString, message: 'no', errno: 13, severity: 'error' }], missing: 1,
          skipped: ['d' as ByteString], single: { mount: 2, name: 'one' as ByteString }, moved: [{ from: 'a' as ByteString, to: 'b/\xff' as ByteString }],
        };
        const { selection: parts, rest } = describeSources(sources);
        const reader = new SelectionReader();
        for (const part of parts) reader.add(wire(part));
        const read = reader.finish(wire(rest));
        assert.deepEqual({ ...read, mounts: read.mounts.map((m) => m.path) }, { ...sources, mounts: sources.mounts.map((m) => m.path) });
        assert.deepEqual(read.mounts.map((m) => m.fd), [0, 1, 2], 'handles are numbers of mounts');
        assert.deepEqual([...(read.mounts[1]?.followed ?? [])], ['x/y']);
      },
    ));
  });

  it('travel in parts where they are many', () => {
    const selection = selectionNode();
    for (let k = 0; k < 12_000; k++) selectPath(selection, 0, `f${k}` as RelPath, Open.No);
    const { selection: parts, rest } = describeSources({ mounts: [{ fd: 3, path: '/' as ByteString }], selection, problems: [], missing: 0, skipped: [], single: undefined });
    assert.equal(parts.length, 3);
    const reader = new SelectionReader();
    for (const part of parts) reader.add(wire(part));
    assert.equal(reader.finish(wire(rest)).selection.children?.size, 12_000);
  });

  const node = (depth: number, text: string, mounts: number[] = [0]): unknown[] => [depth, text, mounts, [], 0, 0];
  const rest = { mounts: [{ path: '/' }], problems: [], missing: 0, skipped: [] };
  for (const [what, nodes, more] of [
    ['a name that leaves', [node(0, ''), node(1, '..')], rest], ['a name with a slash', [node(0, ''), node(1, 'a/b')], rest], ['a NUL', [node(0, ''), node(1, 'a\0')], rest],
    ['a character that is no byte', [node(0, ''), node(1, '\u0100')], rest], ['a name twice', [node(0, ''), node(1, 'a'), node(1, 'a')], rest], ['a depth without a parent', [node(0, ''), node(2, 'a')], rest],
    ['two roots', [node(0, ''), node(0, '')], rest], ['no root', [node(1, 'a')], rest], ['nothing at all', [], rest], ['a mount that is not there', [node(0, '', [1])], rest],
    ['a mount below zero', [node(0, '', [-1])], rest], ['no list of mounts', [node(0, '')], { ...rest, mounts: {} }], ['a followed path that leaves', [node(0, '')], { ...rest, mounts: [{ path: '/', followed: ['../x'] }] }],
    ['a move out of the root', [node(0, '')], { ...rest, moved: [['a', '../b']] }], ['half a move', [node(0, '')], { ...rest, moved: [['a']] }], ['more moves than there may be', [node(0, '')], { ...rest, moved: Array.from({ length: 4001 }, () => ['a', 'b']) }],
    ['a single name of a mount that is not there', [node(0, '')], { ...rest, single: { mount: 4, name: 'a' } }], ['a problem of no known code', [node(0, '')], { ...rest, problems: [{ code: 'x' }] }],
  ] as const) {
    it(`are refused with ${what}`, () => {
      assert.throws(() => {
        const reader = new SelectionReader();
        reader.add(wire(nodes));
        reader.finish(wire(more));
      }, isWire);
    });
  }
});

describe('session: events told to the other end', () => {
  it('problems, totals, outcomes and errors arrive as they were', () => {
    const problem: Problem = { code: 'write-failed', phase: 'apply', side: 'target', path: 'a\n\xff' as ByteString, message: 'cannot', errno: 28, severity: 'error' };
    assert.deepEqual(readProblem(wire(writeProblem(problem))), problem);
    const totals = { ...newTotals(), totalSize: 2 ** 50, operations: 3, rootFolders: { path: 'x' as ByteString, count: 2 }, renamed: { name: 'a' as ByteString, source: 'b' as ByteString } };
    assert.deepEqual(readTotals(wire(writeTotals(totals))), totals);
    const outcome = { ...newOutcome(), exitCode: 23, literalBytes: 5, elapsedMs: 1.5, problemCount: 1, problems: [problem] };
    assert.deepEqual(readOutcome(wire(writeOutcome(outcome))), { ...outcome, problems: [] });
    const error = readError(wire(writeError(new TwintreeError('LOCKED', 'busy', { path: 'x' as ByteString, advice: 'wait' }))));
    assert.deepEqual([error.code, error.message, error.advice], ['LOCKED', 'x: busy', 'wait']);
    assert.equal(readError(wire(writeError(new Error('oops')))).code, 'INTERNAL');
  });

  it('operations arrive in order, whole, and flushed before anything else', () => {
    const sent: Record<string, unknown>[] = [];
    const sender = new OperationSender((message) => sent.push(message));
    const told: [Operation, RelPath, string][] = [];
    for (let k = 0; k < 1500; k++) {
      const op = Object.assign(emptyOperation(), { kind: OpKind.File, reason: Reason.New, name: `f${k}`, size: k });
      sender.add(op, `d/f${k}` as RelPath, k % 3 === 0 ? 'failed' : 'done');
      told.push([op, `d/f${k}` as RelPath, k % 3 === 0 ? 'failed' : 'done']);
    }
    sender.flush();
    sender.flush();
    assert.equal(sent.length, 3);
    let k = 0;
    for (const message of sent) {
      readOperations(wire(message), (op, at, result) => {
        assert.deepEqual([op.name, op.size, at, result], [told[k]?.[0].name, told[k]?.[0].size, told[k]?.[1], told[k]?.[2]]);
        k++;
      });
    }
    assert.equal(k, 1500);
  });

  it('what is no event is refused', () => {
    const sent: Record<string, unknown>[] = [];
    const sender = new OperationSender((message) => sent.push(message));
    sender.add(Object.assign(emptyOperation(), { kind: OpKind.File, reason: Reason.New, name: 'f' }), 'f' as RelPath, 'done');
    sender.flush();
    const good = sent[0] as { told: unknown[]; records: string };
    const none = (): void => { assert.fail('told'); };
    for (const bad of [
      {}, { ...good, told: [] }, { ...good, told: [['../f', 1]] }, { ...good, told: [['f', 9]] }, { ...good, records: '' }, { ...good, records: good.records.slice(0, 8) },
      { ...good, told: [['f', 1], ['g', 1]] }, { ...good, records: 7 },
    ]) {
      assert.throws(() => readOperations(wire(bad), bad === undefined ? none : () => undefined), isWire, JSON.stringify(bad));
    }
    for (const bad of [null, 1, 'x', [], { phase: 'scan' }, { phase: 'elsewhere' }]) assert.throws(() => readProgress(bad), isWire);
    for (const bad of [{}, { code: 'NO_SUCH', message: 'x' }, { code: 'WIRE' }]) assert.throws(() => readError(bad), isWire);
  });
});
