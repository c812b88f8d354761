/** --out-format, --list-only, names, numbers: exact text, and the same as the real rsync's. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { escapeLine, humanCount, humanDecimal, humanNumber } from '../../src/cli/report/index.js';
import { Item, OpKind } from '../../src/plan/index.js';
import { fromBytes, fromText, S_IFDIR, S_IFREG } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';
import { archive, operation, operationOn, outcome, rsyncBytes, rsyncLines, shell, show, totals, WHY_NO_RSYNC } from './report-support.js';

const NEW_FILE = Item.New | Item.Transfer;
const NEW = Item.New | Item.Local;

describe('report: numbers', () => {
  it('writes 1234567 at the four levels', () => {
    assert.deepEqual(([0, 1, 2, 3] as const).map((level) => humanNumber(1234567, level)), ['1234567', '1,234,567', '1.23M', '1.18M']);
  });
  it('keeps digits below one unit, in groups', () => {
    assert.deepEqual([humanNumber(999, 2), humanNumber(1000, 2), humanNumber(1000, 3), humanNumber(1023, 3), humanNumber(1024, 3)], ['999', '1.00K', '1,000', '1,023', '1.00K']);
  });
  it('rounds as C does: ties to the even digit, and never on to the next unit', () => {
    assert.deepEqual([humanNumber(1125, 2), humanNumber(1375, 2), humanNumber(999995, 2), humanNumber(1048575, 3)], ['1.12K', '1.38K', '1000.00K', '1024.00K']);
  });
  it('goes up to P and no further', () => {
    assert.equal(humanNumber(2 ** 53 - 1, 2), '9.01P');
    assert.equal(humanNumber(5e18, 2), '5000.00P');
  });
  it('writes rates with decimals and counts with digits', () => {
    assert.deepEqual([humanDecimal(2470378, 2, 1), humanDecimal(2470378, 2, 2), humanDecimal(0.5, 2, 0), humanCount(1234, 3), humanCount(1234, 0)],
      ['2,470,378.00', '2.47M', '0.50', '1,234', '1234']);
  });
  it('property: grouping only adds commas', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (n) => humanNumber(n, 1).replaceAll(',', '') === String(n) && !/\d{4}/.test(humanNumber(n, 1))));
  });

  describe('beside rsync (skipped without it)', function () {
    const dir = useTempFolder('report');
    it('prints the sizes that rsync prints, at every level', function () {
      if (WHY_NO_RSYNC !== '') this.skip(); // rsync is missing or too old
      const sizes = [0, 999, 1000, 1023, 1024, 1125, 1375, 1625, 9999, 99999, 999994, 999995, 999999, 1000000, 1048575, 1048576, 1287654321, 999999999];
      shell(dir.path, `mkdir s t; cd s; for n in ${sizes.join(' ')}; do truncate -s $n $(printf %012d $n); done`);
      const format = "%l|%'l|%''l|%'''l";
      const { out } = show({ output: { outFormat: format } }, (report) => {
        for (const size of sizes) report.operation(operation(OpKind.File, { item: NEW_FILE, mode: S_IFREG, size }), fromText(String(size)), 'planned');
      });
      const files = sizes.map((size) => `s/${String(size).padStart(12, '0')}`);
      const bySize = (a: string, b: string): number => Number.parseInt(a, 10) - Number.parseInt(b, 10);
      assert.deepEqual([...out.lines].sort(bySize), rsyncLines(dir.path, ['-n', `--out-format=${format}`, ...files, 't']).sort(bySize));
    });
  });
});

describe('report: escapes', () => {
  it('passes text, tabs and UTF-8, and shows the rest as octal', () => {
    const shown = (text: string | Buffer): string => Buffer.from(escapeLine(fromBytes(Buffer.from(text)), false), 'latin1').toString('utf8');
    assert.equal(shown('tab\tx é 日本'), 'tab\tx é 日本');
    assert.equal(shown('nl\nx\r\u001b[31m\u007f'), 'nl\\#012x\\#015\\#033[31m\\#177');
    assert.equal(shown(Buffer.from('é-\xff', 'latin1')), '\\#351-\\#377');
    assert.equal(shown('c1\u0085'), 'c1\\#302\\#205');
    assert.equal(shown('b\\#012 b\\#9'), 'b\\#134#012 b\\#9');
  });
  it('with -8 passes high bytes, never control characters', () => {
    assert.equal(escapeLine('bad\xff\n', true), 'bad\xff\\#012');
  });
  it('property: the result is UTF-8 without control characters, and tells every byte', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const line = fromBytes(bytes);
      const shown = escapeLine(line, false);
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(shown, 'latin1'));
      // oxlint-disable-next-line no-control-regex -- no control character is the property
      assert.doesNotMatch(text, /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/);
      assert.equal(shown.replace(/\\#([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))), line);
    }), { numRuns: 2000 });
  });
  it('keeps control characters of problems, notices and formats from the terminal', () => {
    const { out, err } = show({ output: { outFormat: 'x\u001b%n' } }, (report) => {
      report.notice('odd', 'cannot hold \u001b[2J');
      report.problem({ code: 'unreadable', phase: 'scan', path: fromText('a\nb'), side: 'source', message: 'no \u0007', severity: 'error' });
      report.operation(operation(OpKind.File, { item: NEW_FILE, mode: S_IFREG }), fromText('n\r'), 'done');
    });
    assert.equal(out.text, 'x\\#033n\\#015\n');
    assert.equal(err.text, 'twintree: cannot hold \\#033[2J (odd)\ntwintree: a\\#012b: no \\#007 (unreadable)\n');
  });

  describe('beside rsync (skipped without it)', function () {
    const dir = useTempFolder('report');
    for (const eightBit of [false, true]) {
      it(`prints odd names as rsync does${eightBit ? ' with -8' : ''}`, function () {
        if (WHY_NO_RSYNC !== '') this.skip(); // rsync is missing or too old
        shell(dir.path, "mkdir s; cd s; touch \"$(printf 'tab\\tx')\" \"$(printf 'nl\\nx')\" \"$(printf 'bad\\377x')\" 'é' \"$(printf '\\303\\251-\\377')\" 'back\\slash' 'b\\#012' 'b\\#9' 日本; ln -s \"$(printf 'to\\nx')\" sl");
        const names = ['b\\#012', 'b\\#9', 'back\\slash', 'bad\xffx', 'nl\nx', 'sl', 'tab\tx', '\xc3\xa9', '\xc3\xa9-\xff', '\xe6\x97\xa5\xe6\x9c\xac'];
        const { out } = show({ output: { outFormat: '%12n|%-14f|%L', eightBit } }, (report) => {
          report.operation(operationOn(dir.path, 's', OpKind.Folder, { item: NEW }), fromText(''), 'done');
          for (const name of names) {
            const link = name === 'sl';
            report.operation(operationOn(dir.at('s'), Buffer.from(name, 'latin1'), link ? OpKind.Symlink : OpKind.File, { item: link ? NEW : NEW_FILE }), fromBytes(Buffer.from(name, 'latin1')), 'done');
          }
        });
        assert.deepEqual(out.bytes.toString('latin1'), rsyncBytes(dir.path, [...(eightBit ? ['-8'] : []), '-a', '--out-format=%12n|%-14f|%L', 's/', 't']).toString('latin1'));
      });
    }
  });
});

describe('report: --out-format', () => {
  const op = operation(OpKind.File, { item: NEW_FILE, mode: S_IFREG | 0o4750, uid: 3, gid: 4, size: 1234567, mtimeSec: 0 });
  const line = (format: string, given: Parameters<typeof show>[0] = {}): string =>
    show({ ...given, output: { outFormat: format, ...given.output } }, (report) => { report.operation(op, fromText('d/x'), 'done'); }).out.text;

  it('fills widths to the left and to the right, and keeps what is longer', () => {
    assert.equal(line('[%10n][%-10n][%010l][%2i][%5%]'), '[       d/x][d/x       ][   1234567][>f+++++++++][    %]\n');
  });
  it('makes numbers human by apostrophes, before or behind the width', () => {
    assert.equal(line("%l %'l %''l %'''l %'12l %12'l %''''l"), '1234567 1,234,567 1.23M 1.18M    1,234,567    1,234,567 1.18M\n');
  });
  it('knows mode, owner, operation, process and transfer', () => {
    assert.equal(line('%B %U %G %o %p %b %c [%m]'), 'rwsr-x--- 3 4 send 4711 1234567 0 []\n');
  });
  it('without -o and -g says 0 and DEFAULT', () => {
    assert.equal(line('%U %G', { options: archive((o) => { o.attributes.owner = false; o.attributes.group = false; }) }), '0 DEFAULT\n');
  });
  it('prints as typed what only a daemon knows, what it does not know, and a single % at the end', () => {
    assert.equal(line('%h %a %5u %P %q %'), '%h %a %5u %P %q %\n');
  });
  it('leaves room for a sum that is not known', () => {
    assert.equal(line('[%C]'), `[${' '.repeat(32)}]\n`);
  });
  it('carries nothing in a dry run', () => {
    assert.equal(line('%b', { options: archive((o) => { o.dryRun = true; }) }), '0\n');
  });
  it('tells the time of the run in local time', () => {
    const noon = new Date(2026, 10, 21, 12, 3, 4);
    assert.equal(line('%t', { now: () => noon.getTime() / 1000 }), '2026/11/21 12:03:04\n');
  });
  it('names a moved entry and where it came from', () => {
    const move = operation(OpKind.Move, { mode: S_IFDIR | 0o755, link: fromText('old') });
    const lines = (set: object): string[] => show({ output: set }, (report) => { report.operation(move, fromText('new'), 'done'); }).out.lines;
    assert.deepEqual(lines({ outFormat: '%i %n%L', itemize: 1 }), ['*moving     new/ <= old']);
    assert.deepEqual(lines({ outFormat: '%n%L' }), ['moving new/ <= old']);
  });
  it('says nothing of an operation that failed', () => {
    const { out } = show({ output: { outFormat: '%n' } }, (report) => { report.operation(op, fromText('d/x'), 'failed'); });
    assert.equal(out.text, '');
  });
  it('finds the long form under several sources', () => {
    const { out } = show({ output: { outFormat: '%f' }, sources: ['/a/one/', './b//two', '../c/./three'] }, (report) => {
      for (const [path, layer] of [['x', 0], ['two/y', 0], ['three/z', 0], ['two/q', 1]] as const) {
        report.operation(operation(OpKind.File, { item: NEW_FILE, layer }), fromText(path), 'done');
      }
    });
    assert.deepEqual(out.lines, ['a/one/x', 'a/one/two/y', 'a/one/three/z', 'b/two/q']);
  });

  describe('beside rsync (skipped without it)', function () {
    const dir = useTempFolder('report');
    beforeEach(function () {
      if (WHY_NO_RSYNC !== '') this.skip(); // rsync is missing or too old
      shell(dir.path, "mkdir -p s/d; echo hello > s/a; chmod 2751 s/a; ln -s a s/l; mkfifo s/p; touch -d '1999-12-31 23:59:59' s/a s/d; touch -h -d '2031-02-03 04:05:06' s/l");
    });
    const steps: [string, OpKind, number][] = [['', OpKind.Folder, NEW], ['a', OpKind.File, NEW_FILE], ['l', OpKind.Symlink, NEW], ['p', OpKind.Node, NEW], ['d', OpKind.Folder, NEW]];

    for (const source of ['s/', './s/.', 's', '../PARENT/s/', 'ABSOLUTE/s', './s/../s/']) {
      it(`prints the same names, sizes, modes and dates for ${source}`, () => {
        const real = source.replace('PARENT', dir.path.slice(dir.path.lastIndexOf('/') + 1)).replace('ABSOLUTE', dir.path);
        const format = "%i|%n|%-20f|%l|%'''l|%L|%o|%m|%M|%B|%U|%G|%h|%u|%%|%q|%6'l|%5%";
        const below = /[/.]$/.test(real) ? '' : 's';
        const { out } = show({ output: { outFormat: format, itemize: 1 }, sources: [real] }, (report) => {
          if (below !== '') report.operation(operation(OpKind.Folder, { item: NEW }), fromText(''), 'planned');
          for (const [path, kind, item] of steps) {
            const at = below === '' ? path : path === '' ? below : `${below}/${path}`;
            report.operation(operationOn(dir.at('s'), path, kind, { item }), fromText(at), 'planned');
          }
        });
        assert.deepEqual(out.lines, rsyncLines(dir.path, ['-an', `--out-format=${format}`, real, 't']));
      });
    }
    it('prints the same for a deletion', () => {
      shell(dir.path, 'mkdir -p t/zd; touch t/z; cp -a s/. t; touch -d 2001-01-01 s t');
      const format = "%n %i %l %M %B %U %G %o %f %L|%b|%''l";
      const { out } = show({ output: { outFormat: format } }, (report) => {
        for (const name of ['zd', 'z']) report.operation(operationOn(dir.at('t'), name, OpKind.Delete), fromText(name), 'planned');
      });
      assert.deepEqual(out.lines, rsyncLines(dir.path, ['-an', '--delete', `--out-format=${format}`, 's/', 't']));
    });
  });
});

describe('report: --list-only, beside rsync (skipped without it)', () => {
  const dir = useTempFolder('report');
  const paths: [string, OpKind][] = [['', OpKind.Folder], ['a', OpKind.File], ['l', OpKind.Symlink], ['p', OpKind.Node], ['d', OpKind.Folder], ['d/k', OpKind.File]];
  const list = (human: 0 | 1 | 2 | 3, options = archive()): string[] =>
    show({ output: { listOnly: true, human }, options }, (report) => {
      for (const [path, kind] of paths) report.operation(operationOn(dir.at('s'), path, kind, { item: NEW }), fromText(path), 'planned');
    }).out.lines;
  beforeEach(function () {
    if (WHY_NO_RSYNC !== '') this.skip(); // rsync is missing or too old
    shell(dir.path, "mkdir -p s/d; truncate -s 1234567 s/a; ln -s a s/l; mkfifo s/p; echo k > s/d/k; chmod 4755 s/d/k; chmod 1777 s/d; touch -a -d '2001-02-03 04:05:06' s/a");
  });
  it('prints the same lines as rsync at every human level', () => {
    assert.deepEqual(list(0), rsyncLines(dir.path, ['-a', '--no-h', '--list-only', 's/']));
    assert.deepEqual(list(1), rsyncLines(dir.path, ['-a', '--list-only', 's/']));
    assert.deepEqual(list(2), rsyncLines(dir.path, ['-ah', '--list-only', 's/']));
    assert.deepEqual(list(3), rsyncLines(dir.path, ['-ahh', '--list-only', 's/']));
  });
  it('adds the access time with -U', () => {
    assert.deepEqual(list(1, archive((o) => { o.attributes.atimes = true; })), rsyncLines(dir.path, ['-aU', '--list-only', 's/']));
  });
  it('names no link text without -l', () => {
    assert.deepEqual(list(1, archive((o) => { o.attributes.links = false; })), rsyncLines(dir.path, ['-r', '--list-only', 's/']));
  });
  it('asks for every operation, and counts nothing as created', () => {
    const { out, report } = show({ output: { listOnly: true, stats: true } }, (r) => {
      const found = { files: 2, dirs: 1, links: 0, devices: 0, specials: 0 };
      const planned = totals({ entries: found, creates: found, transferFiles: 2 });
      r.plan(planned);
      r.finish(outcome({ totals: planned }));
    });
    assert.equal(report.wantsOperations, 'all');
    assert.deepEqual(out.lines.slice(1, 5), ['Number of files: 3 (reg: 2, dir: 1)', 'Number of created files: 0', 'Number of deleted files: 0', 'Number of regular files transferred: 0']);
  });
  it('is silent with -q', () => {
    const { out, report } = show({ output: { listOnly: true, quiet: true } }, (r) => {
      r.operation(operationOn(dir.at('s'), 'a', OpKind.File), fromText('a'), 'planned');
    });
    assert.equal(out.text, '');
    assert.equal(report.wantsOperations, 'none');
  });
});
