/** A run from its first line to its last: header, statistics, progress, problems, log file, order and batching. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createReport } from '../../src/cli/report/index.js';
import { Item, OpKind, Reason } from '../../src/plan/index.js';
import type { Progress } from '../../src/session/events.js';
import { fromText, S_IFDIR, S_IFREG, type Problem } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';
import {
  archive, Collector, info, ITEMIZED, NONE, operation, operationOn, outcome, output, rsyncLines, shell, show, totals, VERBOSE, VERY_VERBOSE, WHY_NO_RSYNC,
} from './report-support.js';

const NEW_FILE = Item.New | Item.Transfer;
const file = (size = 0): ReturnType<typeof operation> => operation(OpKind.File, { item: NEW_FILE, mode: S_IFREG | 0o644, size });

function problem(change: Partial<Problem> = {}): Problem {
  return { code: 'unreadable', phase: 'transfer', path: fromText('d/x'), side: 'source', message: 'cannot be opened for reading', severity: 'error', ...change };
}

function progress(change: Partial<Progress>): Progress {
  return { phase: 'apply', scanned: 0, doneOperations: 0, totalOperations: 0, doneFiles: 0, totalFiles: 0, doneBytes: 0, totalBytes: 0, elapsedMs: 0, ...change };
}

describe('report: first and last lines', () => {
  const done = outcome({
    totals: totals({ entries: { ...NONE, files: 4, dirs: 2 }, totalSize: 20002502 }), transferredFiles: 2, transferredBytes: 1234, literalBytes: 1234, elapsedMs: 2000,
  });

  it('given -v: rsync\'s header and two closing lines', () => {
    const { out } = show({ output: VERBOSE }, (report) => { report.finish(done); });
    assert.deepEqual(out.lines, [
      'sending incremental file list', '', 'sent 1,234 bytes  received 0 bytes  617.00 bytes/sec', 'total size is 20,002,502  speedup is 16,209.48',
    ]);
  });
  it('given -n: says so, and that nothing was sent', () => {
    const { out } = show({ output: VERBOSE, options: archive((o) => { o.dryRun = true; }) }, (report) => { report.finish(done); });
    assert.deepEqual(out.lines.slice(-2), ['sent 0 bytes  received 0 bytes  0.00 bytes/sec', 'total size is 20,002,502  speedup is 20,002,502.00 (DRY RUN)']);
  });
  it('given -h, --no-h: numbers in units, and without commas', () => {
    assert.deepEqual(show({ output: { ...VERBOSE, human: 2 } }, (report) => { report.finish(done); }).out.lines.slice(-2),
      ['sent 1.23K bytes  received 0 bytes  617.00 bytes/sec', 'total size is 20.00M  speedup is 16,209.48']);
    assert.deepEqual(show({ output: { ...VERBOSE, human: 0 } }, (report) => { report.finish(done); }).out.lines.slice(-2),
      ['sent 1234 bytes  received 0 bytes  617.00 bytes/sec', 'total size is 20002502  speedup is 16209.48']);
  });
  it('given nothing to be said: nothing, and no operations are asked for', () => {
    const { out, err, report } = show({}, (r) => { r.plan(totals()); r.finish(outcome()); });
    assert.equal(out.text + err.text, '');
    assert.equal(report.wantsOperations, 'none');
  });
  it('given -q beside -v and --stats: nothing but errors', () => {
    const { out, err } = show({ output: { ...VERBOSE, quiet: true, stats: true } }, (report) => {
      report.operation(file(), fromText('a'), 'done');
      report.problem(problem());
      report.finish(outcome({ exitCode: 23 }));
    });
    assert.equal(out.text, '');
    assert.deepEqual(err.lines, ['twintree: d/x: cannot be opened for reading (unreadable)', 'twintree error: some files/attrs were not transferred (see previous errors) (code 23)']);
  });
  it('asks for changes with -v and -i, for everything with -ii and -vv', () => {
    const wants = (set: NonNullable<Parameters<typeof output>[0]>): string => show({ output: set }, () => { /* only asked */ }).report.wantsOperations;
    assert.deepEqual([wants(VERBOSE), wants(ITEMIZED), wants({ ...ITEMIZED, itemize: 2 }), wants(VERY_VERBOSE), wants({ info: info({ DEL: 1 }) })],
      ['changes', 'changes', 'all', 'all', 'changes']);
  });
  it('asks for notes where entries may be left out and that is told', () => {
    const wants = (set: NonNullable<Parameters<typeof output>[0]>, change: Parameters<typeof archive>[0]): string =>
      show({ output: set, options: archive(change) }, () => { /* only asked */ }).report.wantsOperations;
    const noLinks = (o: ReturnType<typeof archive>): void => { o.attributes.links = false; };
    const safeLinks = (o: ReturnType<typeof archive>): void => { o.symlinks.safeLinks = true; };
    assert.deepEqual([wants({}, noLinks), wants({ info: info({ NONREG: 0 }) }, noLinks), wants({}, safeLinks), wants(VERBOSE, safeLinks)], ['all', 'none', 'none', 'all']);
  });
  it('tells that the target was made, by the name it was given', () => {
    const { out } = show({ output: ITEMIZED, sources: ['s'], target: '../t//' }, (report) => {
      report.operation(operation(OpKind.Folder, { item: Item.New | Item.Local, mode: S_IFDIR | 0o755 }), fromText(''), 'done');
    });
    assert.equal(out.text, 'created directory ../t\n');
  });

  describe('beside rsync (skipped without it)', function () {
    const dir = useTempFolder('report');
    const cases: [string[], (o: ReturnType<typeof archive>) => void][] = [
      [['-av'], () => { /* as it is */ }],
      [['-av', '--delete-before'], (o) => { o.delete.when = 'before'; }],
      [['-avm'], (o) => { o.walk.pruneEmptyDirs = true; }],
      [['-av', '--delay-updates'], (o) => { o.replace.delayUpdates = true; }],
      [['-dv'], (o) => { o.walk.recursive = false; o.walk.dirs = true; }],
    ];
    for (const [args, change] of cases) {
      it(`given ${args.join(' ')}: the same first line`, function () {
        if (WHY_NO_RSYNC !== '') this.skip(); // rsync is missing or too old
        shell(dir.path, 'mkdir s t; echo a > s/a');
        const { out } = show({ output: VERBOSE, options: archive(change) }, () => { /* the first line comes at once */ });
        assert.equal(out.lines[0], rsyncLines(dir.path, [...args, 's/', 't'])[0]);
      });
    }
    for (const human of [0, 1, 2, 3] as const) {
      it(`given --stats at human level ${human}: the same block, up to what a wire would have carried`, function () {
        if (WHY_NO_RSYNC !== '') this.skip(); // rsync is missing or too old
        shell(dir.path, 'mkdir -p s/d t/q; truncate -s 1234567 s/a; echo b > s/b; ln -s a s/l; mkfifo s/p; touch t/x');
        const planned = totals({ entries: { files: 2, dirs: 2, links: 1, devices: 0, specials: 1 }, totalSize: 1234570 });
        const { out } = show({ output: { stats: true, human, info: info({ STATS: 2 }) } }, (report) => {
          report.plan(planned);
          report.finish(outcome({
            totals: planned, created: { files: 2, dirs: 1, links: 1, devices: 0, specials: 1 }, deleted: { ...NONE, files: 1, dirs: 1 },
            transferredFiles: 2, transferredBytes: 1234569, literalBytes: 1234569, scanMs: 12, elapsedMs: 3456, moved: 1,
          }));
        });
        const real = rsyncLines(dir.path, ['-a', '--stats', '--delete', ...[['--no-h'], [], ['-h'], ['-hh']][human] ?? [], 's/', 't']);
        const literal = out.lines.findIndex((line) => line.startsWith('Matched data'));
        assert.deepEqual(out.lines.slice(0, literal + 1), real.slice(0, literal + 1));
        const labels = (lines: string[]): string[] => lines.map((line) => line.replace(/: .*$/, '').replace(/[\d.,KM]+/g, 'N').replace(/ \(DRY.*/, ''));
        assert.deepEqual(labels(out.lines).filter((label) => label !== 'Number of moved entries' && label !== 'Elapsed time'), labels(real));
        assert.deepEqual(out.lines.slice(-6, -3), ['Total bytes received: 0', 'Number of moved entries: 1', 'Elapsed time: 3.456 seconds'].slice(0, 3));
      });
    }
  });
});

describe('report: problems', () => {
  it('prints path, sentence, code and errno; the root by its argument', () => {
    const { err } = show({ sources: ['s/'], target: 't' }, (report) => {
      report.problem(problem({ errno: 13 }));
      report.problem(problem({ path: fromText(''), side: 'target', code: 'write-failed', message: 'cannot be written', errno: 28 }));
      report.problem(problem({ path: fromText(''), errno: 99999 }));
    });
    assert.deepEqual(err.lines, [
      'twintree: d/x: cannot be opened for reading (unreadable/EACCES)', 'twintree: t: cannot be written (write-failed/ENOSPC)', 'twintree: s/: cannot be opened for reading (unreadable/99999)',
    ]);
  });
  it('ends with the reason of the exit code, in rsync\'s words', () => {
    const end = (change: Parameters<typeof outcome>[0]): string[] => show({}, (report) => { report.finish(outcome(change)); }).err.lines;
    assert.deepEqual(end({}), []);
    assert.deepEqual(end({ exitCode: 24 }), ['twintree warning: some files vanished before they could be transferred (code 24)']);
    assert.deepEqual(end({ exitCode: 25, deletionsSkipped: 2 }), ['Deletions stopped due to --max-delete limit (2 skipped)', 'twintree error: the --max-delete limit stopped deletions (code 25)']);
    assert.deepEqual(end({ exitCode: 20, aborted: true }), ['twintree error: received SIGINT, SIGTERM, or SIGHUP (code 20)']);
  });
  it('tells a refusal to make a device as the failure it is', () => {
    const { out, err } = show({}, (report) => { report.problem(problem({ code: 'special-skipped', path: fromText('c'), message: 'cannot be made', errno: 1 })); });
    assert.deepEqual([out.text, err.text], ['', 'twintree: c: cannot be made (special-skipped/EPERM)\n']);
  });
});

describe('report: progress', () => {
  const half = progress({ doneOperations: 3, totalOperations: 5, doneFiles: 2, totalFiles: 4, doneBytes: 1048576, totalBytes: 4194304, elapsedMs: 1000 });
  const plan = totals({ entries: { ...NONE, files: 10, dirs: 1 } });

  it('on a pipe: rsync\'s columns in plain lines, at most one a second, and a last one', () => {
    const { out } = show({ output: { progress: 'total' } }, (report) => {
      report.plan(plan);
      for (let ms = 0; ms <= 2000; ms += 50) report.progress({ ...half, doneBytes: ms * 1048, elapsedMs: ms });
      report.finish(outcome({ transferredFiles: 4, transferredBytes: 4194304, elapsedMs: 4000 }));
    });
    assert.deepEqual(out.lines, [
      '      1,048,000  24% 1023.44kB/s    0:00:03 (xfr#2, to-chk=2/11)',
      '      2,096,000  49% 1023.44kB/s    0:00:02 (xfr#2, to-chk=2/11)',
      '      4,194,304 100% 1024.00kB/s    0:00:04 (xfr#4, to-chk=0/11)',
    ]);
    // oxlint-disable-next-line no-control-regex -- no control character is what is promised
    assert.doesNotMatch(out.text, /[\u0000-\u0009\u000b-\u001f]/);
  });
  it('a run that ends within a second has one line, and a complete one says 100%', () => {
    const { out } = show({ output: { progress: 'total' } }, (report) => {
      report.plan(plan);
      report.progress({ ...half, elapsedMs: 20 });
      report.progress({ ...half, phase: 'done', doneBytes: 4194304, elapsedMs: 500 });
      report.finish(outcome({ transferredFiles: 4, transferredBytes: 100, elapsedMs: 500 }));
    });
    assert.deepEqual(out.lines, ['      4,194,304 100%    8.00MB/s    0:00:00 (xfr#4, to-chk=0/11)']);
  });
  it('a run that was cut short says how far it came', () => {
    const { out } = show({ output: { progress: 'total' } }, (report) => {
      report.plan(plan);
      report.progress({ ...half, elapsedMs: 20 });
      report.finish(outcome({ exitCode: 20, aborted: true, transferredFiles: 2, transferredBytes: 1048576, elapsedMs: 1000 }));
    });
    assert.deepEqual(out.lines, ['      1,048,576  25% 1024.00kB/s    0:00:01 (xfr#2, to-chk=2/11)']);
  });
  it('on a terminal: one line redrawn, within its width, and left standing at the end', () => {
    const { out } = show({ output: { progress: 'total' }, isTTY: true, columns: 60 }, (report) => {
      report.progress(progress({ phase: 'scan', scanned: 1234, elapsedMs: 0 }));
      report.plan(plan);
      report.progress(half);
      report.progress({ ...half, doneBytes: 1048577, elapsedMs: 1100 });
      report.finish(outcome({ transferredFiles: 4, transferredBytes: 4194304, elapsedMs: 4000 }));
    });
    const drawn = out.text.split('\r');
    assert.deepEqual(drawn.map((text) => text.replace(/ *[\b]*$/, '')), [
      '', ' 1,234 entries scanned...', '      1,048,576  25% 1024.00kB/s    0:00:03 (xfr#2, to-chk=', '      4,194,304 100% 1024.00kB/s    0:00:04 (xfr#4, to-chk=\n',
    ]);
    assert.ok(out.text.endsWith('\n'));
  });
  it('makes room for other lines on a terminal', () => {
    const { out } = show({ output: { ...ITEMIZED, progress: 'total' }, isTTY: true }, (report) => {
      report.plan(plan);
      report.progress(half);
      report.operation(file(), fromText('a'), 'done');
    });
    const width = '      1,048,576  25% 1024.00kB/s    0:00:03 (xfr#2, to-chk=2/11)'.length;
    assert.ok(out.text.endsWith(`\r${' '.repeat(width)}\r>f+++++++++ a\n`));
  });
  it('with --progress: a line behind each transferred file', () => {
    const { out } = show({ output: { outFormat: '%n%L', progress: 'files' } }, (report) => {
      report.plan(plan);
      report.progress(half);
      report.operation(operation(OpKind.Folder, { item: Item.New | Item.Local, mode: S_IFDIR | 0o755 }), fromText('d'), 'done');
      report.operation(file(524288), fromText('d/a'), 'done');
      report.operation(file(524288), fromText('d/b'), 'failed');
      report.finish(outcome());
    });
    assert.deepEqual(out.lines, ['d/', 'd/a', '        524,288 100%  512.00kB/s    0:00:01 (xfr#1, to-chk=3/11)']);
  });
  it('shows nothing to transfer as complete', () => {
    const { out } = show({ output: { progress: 'total' } }, (report) => { report.plan(plan); report.finish(outcome({ elapsedMs: 10 })); });
    assert.equal(out.text, '              0 100%    0.00kB/s    0:00:00 (xfr#0, to-chk=0/11)\n');
  });
  it('asks for none where it shows none: over a connection it would cost bytes', () => {
    show({ output: { progress: 'none' } }, (report) => { assert.equal(report.progress, undefined); });
    show({ output: { progress: 'total' } }, (report) => { assert.notEqual(report.progress, undefined); });
  });
  it('is silent in a dry run and with -q', () => {
    for (const given of [{ output: { progress: 'total' as const }, options: archive((o) => { o.dryRun = true; }) }, { output: { progress: 'total' as const, quiet: true } }]) {
      assert.equal(show(given, (report) => { report.progress?.(half); report.finish(outcome()); }).out.text, '');
    }
  });
});

describe('report: --log-file', () => {
  const dir = useTempFolder('report');
  const logged = { logFile: 'l' };
  const text = (lines: string[]): string[] => lines.map((line) => line.replace(/^\d{4}(\/\d\d){2} \d\d:\d\d:\d\d \[\d+\] /, ''));

  it('writes date, time and process before every line', () => {
    const noon = new Date(2026, 10, 21, 12, 3, 4).getTime() / 1000;
    const { log, out } = show({ output: logged, now: () => noon + 0.7 }, (report) => {
      report.operation(file(), fromText('a'), 'done');
      report.finish(outcome({ literalBytes: 1234567, totals: totals({ totalSize: 9999999 }) }));
    });
    assert.deepEqual(log.lines, [
      '2026/11/21 12:03:04 [4711] building file list', '2026/11/21 12:03:04 [4711] >f+++++++++ a',
      '2026/11/21 12:03:04 [4711] sent 1234567 bytes  received 0 bytes  total size 9999999',
    ]);
    assert.equal(out.text, '');
  });
  it('logs problems and the reason of the exit code, also with -q', () => {
    const { log } = show({ output: { ...logged, quiet: true } }, (report) => {
      report.notice('no-acl', 'the target holds no ACLs');
      report.problem(problem({ path: fromText('a\nb') }));
      report.finish(outcome({ exitCode: 23 }));
    });
    assert.deepEqual(text(log.lines), [
      'building file list', 'twintree: the target holds no ACLs (no-acl)', 'twintree: a\\#012b: cannot be opened for reading (unreadable)',
      'sent 0 bytes  received 0 bytes  total size 0', 'twintree error: some files/attrs were not transferred (see previous errors) (code 23)',
    ]);
  });
  it('logs the error that stopped a run', () => {
    const { log } = show({ output: logged }, (report) => { report.fail('LOCKED', 'another run holds the lock', 75); });
    assert.deepEqual(text(log.lines), ['building file list', 'another run holds the lock']);
  });

  describe('beside rsync (skipped without it)', function () {
    beforeEach(function () {
      if (WHY_NO_RSYNC !== '') this.skip(); // rsync is missing or too old
      shell(dir.path, 'mkdir -p s/d t; cp -a s/d t/d; echo a > s/a; cp -p s/a t/a; chmod 600 t/a; echo b > s/b; touch t/z; chmod 711 s/d; touch -d 2001-01-01 s t s/d t/d');
    });
    const cases: [string, string[], Parameters<typeof output>[0], boolean][] = [
      ['the default format and -i', ['-i'], ITEMIZED, false],
      ['a format without %i', ['--log-file-format=%n %l'], { logFileFormat: '%n %l' }, false],
      ['an empty format', ['--log-file-format='], { logFileFormat: '' }, false],
      ['-v and -i', ['-vi'], { ...VERBOSE, ...ITEMIZED }, false],
      ['a dry run, which logs nothing it did not do', ['-n', '--exclude=d'], {}, true],
    ];
    for (const [name, args, change, dryRun] of cases) {
      it(`given ${name}: the same lines`, () => {
        const { log } = show({ output: { ...change, ...logged }, options: archive((o) => { o.dryRun = dryRun; }) }, (report) => {
          const at = (side: string, path: string, kind: OpKind, item: number): void => {
            report.operation(operationOn(dir.at(side), path, kind, { item }), fromText(path), dryRun ? 'planned' : 'done');
          };
          at('t', 'z', OpKind.Delete, 0);
          at('s', 'a', OpKind.Attributes, Item.Perms);
          at('s', 'b', OpKind.File, NEW_FILE);
          at('s', 'd', OpKind.Folder, Item.Perms);
          report.finish(outcome());
        });
        rsyncLines(dir.path, ['-a', '--delete', '--log-file=l', ...args, 's/', 't']);
        const real = text(readFileSync(dir.at('l'), 'utf8').replace(/\n$/, '').split('\n'));
        const withoutNumbers = (lines: string[]): string[] => lines.map((line) => line.replace(/[\d,.]*\d/g, (digits, offset) => (/^(sent|total)/.test(line) && offset > 0 ? 'N' : digits)));
        assert.deepEqual(withoutNumbers(text(log.lines)), withoutNumbers(real));
      });
    }
  });
});

describe('report: writing', () => {
  it('gathers many lines into few writes', () => {
    const { out } = show({ output: { outFormat: '%n' } }, (report) => {
      for (let i = 0; i < 10000; i++) report.operation(file(), fromText(`folder/file-${i}`), 'done');
    });
    assert.equal(out.lines.length, 10000);
    assert.ok(out.chunks.length < 20, `${out.chunks.length} writes`);
  });
  it('writes each line at once with --outbuf=line', () => {
    const { out } = show({ output: { outFormat: '%n', outbuf: 'line' } }, (report) => {
      for (let i = 0; i < 5; i++) report.operation(file(), fromText(String(i)), 'done');
    });
    assert.equal(out.chunks.length, 5);
  });
  it('keeps the order between stdout and stderr', () => {
    const both = new Collector();
    const report = createReport(output({ outFormat: '%n' }), archive(), { out: { write: (c) => both.write(c) }, err: { write: (c) => both.write(c) }, isTTY: false },
      { sources: [fromText('s/')], target: fromText('t'), pid: 1 });
    report.operation?.(file(), fromText('a'), 'done');
    report.problem?.(problem());
    report.operation?.(file(), fromText('b'), 'done');
    report.flush();
    assert.deepEqual(both.lines, ['a', 'twintree: d/x: cannot be opened for reading (unreadable)', 'b']);
  });
  it('holds a line only for a moment', async () => {
    const out = new Collector();
    const written = new Promise<void>((resolve) => {
      const report = createReport(output({ outFormat: '%n' }), archive(),
        { out: { write: (c) => { out.write(c); resolve(); } }, err: out, isTTY: false }, { sources: [fromText('s/')], target: fromText('t'), pid: 1 });
      report.operation?.(file(), fromText('a'), 'done');
    });
    const alive = setInterval(() => { /* the report's own timer keeps no process alive */ }, 1000);
    await written;
    clearInterval(alive);
    assert.equal(out.text, 'a\n');
  });
  it('puts information on stderr with --stderr=all', () => {
    const { out, err } = show({ output: { ...ITEMIZED, stderr: 'all' } }, (report) => { report.operation(file(), fromText('a'), 'done'); });
    assert.deepEqual([out.text, err.text], ['', '>f+++++++++ a\n']);
  });
  for (const thrown of [true, false]) {
    it(`goes on quietly when the reader of stdout is gone (${thrown ? 'thrown' : 'told as an event'})`, () => {
      const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
      const err = new Collector();
      let tell: ((error: Error) => void) | undefined;
      let writes = 0;
      const report = createReport(output({ outFormat: '%n' }), archive(), {
        out: {
          write() {
            writes++;
            if (thrown) throw gone;
            tell?.(gone);
          },
          on(_event, listener) { tell = listener; },
        },
        err, isTTY: false,
      }, { sources: [fromText('s/')], target: fromText('t'), pid: 1 });
      for (let i = 0; i < 5; i++) {
        report.operation?.(file(), fromText('a'), 'done');
        report.flush();
      }
      report.finish(outcome());
      assert.equal(writes, 1);
      assert.equal(err.text, '');
    });
  }
  it('says once on stderr why stdout could not be written', () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const err = new Collector();
    const report = createReport(output({ outFormat: '%n' }), archive(), { out: { write() { throw full; } }, err, isTTY: false }, { sources: [fromText('s/')], target: fromText('t'), pid: 1 });
    report.operation?.(file(), fromText('a'), 'done');
    report.finish(outcome());
    report.flush();
    assert.deepEqual(err.lines, ['twintree: the standard output cannot be written: ENOSPC: no space left on device, write']);
  });
  it('prints an entry that was skipped for a reason once, whatever the format', () => {
    const { out } = show({ output: { ...VERY_VERBOSE, outFormat: '%i %n', itemize: 2 } }, (report) => {
      report.operation(operation(OpKind.Note, { reason: Reason.TargetNewer, mode: S_IFREG }), fromText('b'), 'done');
    });
    assert.deepEqual(out.lines, ['sending incremental file list', 'b is newer']);
  });
});
