/** --json: every line parses, names lose nothing, and docs/json.md tells every key. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { createReport, JSON_VERSION } from '../../src/cli/report/index.js';
import { Item, OpKind, Reason, reasonId } from '../../src/plan/index.js';
import { fromBytes, fromText, S_IFBLK, S_IFDIR, S_IFLNK, S_IFREG } from '../../src/tree/index.js';
import { REPOSITORY } from '../support/index.js';
import { Collector, NONE, operation, outcome, output, show, totals, archive, type ShowOptions } from './report-support.js';

type Line = Record<string, unknown> & { type: string };

function lines(events: Parameters<typeof show>[1], given: ShowOptions = {}): Line[] {
  const { out, err } = show({ ...given, output: { json: true, ...given.output } }, events);
  assert.equal(err.text, '', 'all of it is in the stream');
  return out.lines.map((line) => JSON.parse(line) as Line);
}

describe('report: --json', () => {
  it('begins with the version and the arguments', () => {
    assert.deepEqual(lines(() => { /* hello comes at once */ }, { sources: ['a/', 'b'], target: 'é' }), [{
      type: 'hello', version: JSON_VERSION, program: 'twintree', pid: 4711, dryRun: false, listOnly: false,
      sources: [{ path: 'a/' }, { path: 'b' }], target: { path: 'é' },
    }]);
    assert.equal(JSON_VERSION, 1);
  });

  it('tells an operation with its reason and attributes', () => {
    const [, line] = lines((report) => {
      report.operation(operation(OpKind.File, {
        item: Item.Transfer | Item.Size | Item.Time, reason: Reason.SizeDiffers, mode: S_IFREG | 0o4644, uid: 3, gid: 4, size: 5, mtimeSec: 12, mtimeNsec: 34, alt: 2,
      }), fromText('d/x'), 'done');
    });
    assert.deepEqual(line, {
      type: 'operation', result: 'done', kind: 'file', path: 'd/x', item: '>f.st......', reason: 'size-differs', entryType: 'file', size: 5, mode: '4644',
      uid: 3, gid: 4, mtime: '12.000000034', alternate: 1,
    });
  });

  it('tells where links, moves and devices lead, and of a deletion only what goes', () => {
    const told = lines((report) => {
      report.operation(operation(OpKind.Symlink, { mode: S_IFLNK | 0o777, link: fromText('to') }), fromText('l'), 'done');
      report.operation(operation(OpKind.Link, { mode: S_IFREG, link: fromText('a') }), fromText('h'), 'done');
      report.operation(operation(OpKind.Move, { mode: S_IFDIR, link: fromText('old') }), fromText('new'), 'failed');
      report.operation(operation(OpKind.Node, { mode: S_IFBLK, rdevMajor: 7, rdevMinor: 9 }), fromText('n'), 'done');
      report.operation(operation(OpKind.Delete, { mode: S_IFREG | 0o600, size: 9, reason: Reason.Extraneous }), fromText('z'), 'done');
    }).slice(1);
    assert.deepEqual(told.map((line) => [line.type, line['kind'], line['link'], line['leader'], line['from'], line['device']]), [
      ['operation', 'symlink', 'to', undefined, undefined, undefined],
      ['operation', 'link', undefined, 'a', undefined, undefined],
      ['operation', 'move', undefined, undefined, 'old', undefined],
      ['operation', 'node', undefined, undefined, undefined, [7, 9]],
      ['operation', 'delete', undefined, undefined, undefined, undefined],
    ]);
    assert.deepEqual(told[4], { type: 'operation', result: 'done', kind: 'delete', path: 'z', item: '*deleting  ', reason: 'extraneous', entryType: 'file', size: 9 });
  });

  it('gives times before 1970 as numbers that can be added up', () => {
    const time = (mtimeSec: number, mtimeNsec: number): unknown =>
      lines((report) => { report.operation(operation(OpKind.File, { mtimeSec, mtimeNsec }), fromText('a'), 'done'); })[1]?.['mtime'];
    assert.deepEqual([time(-2, 900_000_000), time(-1, 1), time(-1, 0), time(0, 5)], ['-1.100000000', '-0.999999999', '-1.000000000', '0.000000005']);
  });

  it('property: a name is its path, or its bytes where it is not UTF-8', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (bytes) => {
      const [, line] = lines((report) => { report.operation(operation(OpKind.File), fromBytes(bytes), 'planned'); });
      const exact = line?.['pathBytes'] === undefined ? Buffer.from(String(line?.['path']), 'utf8') : Buffer.from(String(line['pathBytes']), 'base64');
      assert.deepEqual([...exact], [...bytes]);
    }));
  });

  it('shows a name that is not UTF-8 in a form for people beside its bytes', () => {
    const [, line] = lines((report) => {
      report.problem({ code: 'unreadable', phase: 'scan', path: fromBytes(Buffer.from([0x61, 0xff])), side: 'source', message: 'no', errno: 13, severity: 'error' });
    });
    assert.deepEqual(line, {
      type: 'problem', severity: 'error', code: 'unreadable', phase: 'scan', side: 'source', path: 'a\\#377', pathBytes: 'Yf8=', message: 'no', errno: 13, errnoName: 'EACCES',
    });
  });

  it('tells progress at most twice a second, and each change of phase', () => {
    const base = { scanned: 1, doneOperations: 0, totalOperations: 0, doneFiles: 0, totalFiles: 0, doneBytes: 0, totalBytes: 0 };
    const told = lines((report) => {
      for (let ms = 0; ms < 1000; ms += 10) report.progress({ ...base, phase: ms < 300 ? 'scan' : 'apply', elapsedMs: ms });
    });
    assert.deepEqual(told.slice(1).map((line) => [line['phase'], line['elapsedMs']]), [['scan', 0], ['apply', 300], ['apply', 800]]);
  });

  it('ends with the outcome, or with the error that stopped the run', () => {
    const done = lines((report) => { report.finish(outcome({ exitCode: 23, problemCount: 2, created: { ...NONE, files: 3 } })); }).at(-1);
    assert.deepEqual([done?.type, done?.['exitCode'], done?.['problemCount'], done?.['created']], ['outcome', 23, 2, { ...NONE, files: 3 }]);
    const stopped = lines((report) => { report.fail('LOCKED', 'another run holds the lock', 75); }).at(-1);
    assert.deepEqual(stopped, { type: 'error', code: 'LOCKED', message: 'another run holds the lock', exitCode: 75 });
  });

  it('lists entries with --list-only', () => {
    const [, line] = lines((report) => { report.operation(operation(OpKind.Folder, { mode: S_IFDIR | 0o755 }), fromText('d'), 'planned'); }, { output: { listOnly: true } });
    assert.deepEqual(line, { type: 'entry', path: 'd', entryType: 'dir', size: 0, mode: '0755', uid: 0, gid: 0, mtime: '0.000000000' });
  });

  it('with -q leaves operations and progress out', () => {
    const told = lines((report) => {
      report.operation(operation(OpKind.File), fromText('a'), 'done');
      report.finish(outcome());
    }, { output: { quiet: true } });
    assert.deepEqual(told.map((line) => line.type), ['hello', 'outcome']);
  });

  it('writes the log beside it', () => {
    const { log } = show({ output: { json: true, logFile: 'l' } }, (report) => {
      report.operation(operation(OpKind.File, { item: Item.New | Item.Transfer }), fromText('a'), 'done');
    });
    assert.match(log.text, />f\+{9} a\n$/);
  });

  describe('docs/json.md', () => {
    const documentation = readFileSync(join(REPOSITORY, 'docs/json.md'), 'utf8');
    /** Keys and ids in backticks, by section. */
    const section = (type: string): string => documentation.split(`\n## ${type}\n`)[1]?.split('\n## ')[0] ?? '';

    it('names every key of every line', () => {
      const odd = fromBytes(Buffer.from([0xff]));
      const all = lines((report) => {
        report.notice('x', 'y');
        report.plan(totals());
        for (const [kind, mode] of [[OpKind.Symlink, S_IFLNK], [OpKind.Link, S_IFREG], [OpKind.Move, S_IFREG], [OpKind.Node, S_IFBLK]] as const) {
          report.operation(operation(kind, { mode, link: odd, alt: 1 }), odd, 'done');
        }
        report.problem({ code: 'unreadable', phase: 'scan', path: odd, side: 'source', message: 'no', errno: 13, severity: 'error' });
        report.progress({ phase: 'scan', scanned: 0, doneOperations: 0, totalOperations: 0, doneFiles: 0, totalFiles: 0, doneBytes: 0, totalBytes: 0, elapsedMs: 0 });
        report.fail('IO', 'x', 11);
        report.finish(outcome());
      });
      all.push(...lines((report) => { report.operation(operation(OpKind.Symlink, { mode: S_IFLNK, link: odd }), odd, 'planned'); }, { output: { listOnly: true } }));
      assert.deepEqual([...new Set(all.map((line) => line.type))].sort(), ['entry', 'error', 'hello', 'notice', 'operation', 'outcome', 'plan', 'problem', 'progress']);
      for (const line of all) {
        for (const key of Object.keys(line)) assert.ok(section(line.type).includes(`\`${key}\``), `${line.type}.${key} is not documented`);
      }
    });

    it('names every reason', () => {
      for (const reason of Object.values(Reason).filter((value) => typeof value === 'number')) {
        assert.ok(section('operation').includes(`\`${reasonId(reason)}\``), `${Reason[reason]} is not documented`);
      }
    });
  });
});

it('a report may be used by destructuring: its methods need no receiver', () => {
  const out = new Collector();
  const { notice, finish } = createReport(output({ json: true }), archive(), { out, err: out, isTTY: false }, { sources: [fromText('s')], target: fromText('t'), pid: 1 });
  notice?.('a', 'b');
  finish(outcome());
  assert.equal(out.lines.length, 3);
});
