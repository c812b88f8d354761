/** What is printed, beside rsync: the same lines for -v, -i, --out-format, --info, --list-only, the log and the statistics. */
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { describeIf, dir, fifo, file, rsync, symlink, time, twintree, useTempFolder, utf8, whyNoRsync, type Tree } from '../support/index.js';
import { asRsync, make, meaningful, ours, theirs } from './select-support.js';

describeIf('output, beside rsync', whyNoRsync(), () => {
  const folder = useTempFolder('output');

  /** Everything that a line can tell: new, changed, renamed types, attributes only, unchanged, extraneous, hard links. */
  function trees(): Tree {
    const linked = file('linked');
    return {
      s: dir({ f1: '1\n', hl: linked, hl2: linked, a: dir({ f2: '22\n', b: dir({ f3: '333\n' }) }), e: dir(), l: symlink('f1'), l2: symlink('y'), p: fifo(), [utf8('ü\n')]: 'x' }),
      d: dir({ f1: 'changed', hl: 'linked', a: dir({ f2: file('22\n', { mode: 0o600 }), b: dir({ f3: '333\n' }, { mtime: time(1_500_000_000) }) }), e: dir(), l2: symlink('z'), gone: dir({ x: '1' }) }),
    };
  }

  const shown = [
    '-a', '-av', '-avv', '-ai', '-aii', '-avi', '-avvi', '-aq', '-avq', '-aiq', '-aH -v', '-aHi', '-aHii', '-aHvv', '-rtv', '-rtvv', '-rti', '-rlptv', '-ab -v', '-8 -av',
    '-a --info=name', '-a --info=name2', '-a --info=del', '-av --info=all0', '-a --info=skip,misc', '-a --info=name1,del0', '-av --info=del0', '-a --info=mount,nonreg', '-a --info=flist2', '-a --info=none',
    '-a --info=remove --remove-source-files', '-av --remove-source-files', '-avv --remove-source-files',
    '-a --out-format=%n', '-a --out-format=%i|%n|%L|%l|%f|%o', '-a --out-format=%M|%B|%U|%G|%%|%h|%a|%m|%P|%u', '-av --out-format=%o:%f', "-a --out-format=%-20n|%10l|%'l|%''l|%3i",
    '-avv --out-format=%n', '-ai --out-format=%i,%n', '-aii --out-format=%i,%n', '-a --out-format=x', '-aH --out-format=%n%L', '-a --log-format=%n',
  ];
  for (const options of shown) {
    it(`${options} --delete`, async () => {
      // `backed up` is told by whoever does it: neither dry run has it. What is sent and received is ours alone.
      const moved = options.includes('--remove-source-files');
      await asRsync(folder, { given: trees(), args: [...options.split(' '), '--delete', 's/', 'd'], again: false, ...(options.includes('-b') || moved ? { planned: false } : {}) });
    });
  }

  it('names are never raw: control characters and what is no UTF-8 are escaped, in -v, -i, deletions and problems', async () => {
    const odd = { [utf8('tab\there')]: 'x', 'line\nbreak': 'x', '\x1b[31mred': 'x', '\xff\xfe': 'x', 'back\\#012': 'x', [utf8('ünï')]: 'x' };
    const { told } = await asRsync(folder, { given: { s: dir({ ...odd }), d: dir({ 'gone\x07': 'x' }) }, args: ['-ai', '--delete', 's/', 'd'] });
    for (const line of told.lines) assert.doesNotMatch(line, /[\x00-\x08\x0a-\x1f\x7f]/); // oxlint-disable-line no-control-regex -- finding control characters is the purpose
  });

  describe('lists', () => {
    const given = (): Tree => ({ s: dir({ f1: '1\n', big: file({ size: 1234567, seed: 1 }), l: symlink('f1'), a: dir({ f2: file('2', { mode: 0o4755 }) }), p: fifo(), t: dir({}, { mode: 0o1777 }) }), d: dir({ f1: 'other', x: 'x' }) });
    for (const args of [
      '-a s/', '-a s', '-a s/f1', '-a s/l', '-a s/nope', '-av s/', '-avv s', '-ai s/', '-ah s/', '-ahh s/', '-ahhh s/', '-a --no-h s/', '-r s/', 's/', 's', 's/f1', '-d s/', '--list-only s', '--list-only s/ d', '-a --list-only s/ d',
      '-a --list-only --delete s/ d', '-a --exclude=f1 s/', '-aR --list-only s/a/f2', '-r --list-only s/ s/a', '-aU s/', '-aL s/', '-aq s/',
    ]) {
      it(args, async () => {
        const work = make(folder, 'w', given());
        const peer = theirs(args.split(' '), work);
        const told = await ours(args.split(' '), work);
        assert.deepStrictEqual({ code: told.code, lines: told.lines.map(timeless) }, { code: peer.code, lines: peer.lines.map(timeless) });
      });
    }
    // A listing shows access times with -U: reading the folder for the other listing may have changed one.
    function timeless(line: string): string {
      return line.replace(/(\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d) \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d/, '$1');
    }
  });

  describe('the log', () => {
    const logs = ['-a', '-av', '-aq', '-ai', '-aii', '-aH', '-a --log-file-format=%n', '-a --log-file-format=', '-a --log-file-format=%o,%f', '-a --stats', '-a -b'];
    const clean = (text: string): string[] => text.split('\n').map((line) => line.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[\d+\] /, '')).filter((line) => line !== '' && !/^(?:sent |total size|File list|Total bytes|Elapsed|Number of moved)/.test(line));
    for (const options of logs) {
      it(`holds the lines that rsync's holds: ${options}`, async () => {
        const args = [...options.split(' '), '--delete', '--log-file=../log', 's/', 'd'];
        theirs(args, make(folder, 'peer', trees()));
        const expected = clean(readFileSync(folder.at('log'), 'latin1'));
        // A change of attributes alone is always worth a line in our log; in rsync's it takes -i.
        const itemizes = !options.includes('log-file-format');
        if (itemizes && !options.startsWith('-ai')) expected.push('.f...p..... a/f2');
        const own = make(folder, 'work', trees());
        const told = twintree(['sync', '--no-detect-moves', ...args.map((arg) => arg.replace('../log', '../own'))], { cwd: own });
        assert.strictEqual(told.code, 0, told.stderr);
        assert.deepStrictEqual(clean(readFileSync(folder.at('own'), 'latin1')).sort(), expected.sort());
      });
    }
    it('is added to, and every line has time and process', () => {
      const work = make(folder, 'w', trees());
      for (let run = 0; run < 2; run++) twintree(['sync', '-a', '--log-file=../own', 's/', 'd'], { cwd: work });
      const lines = readFileSync(folder.at('own'), 'latin1').trimEnd().split('\n');
      assert.strictEqual(lines.filter((line) => line.endsWith('building file list')).length, 2);
      for (const line of lines) assert.match(line, /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[\d+\] /);
    });
    it('that cannot be opened ends the run before anything is done, with exit code 6', () => {
      const work = make(folder, 'w', { s: dir({ f: 'f' }), d: dir() });
      const told = twintree(['sync', '-a', '--log-file=no/such', 's/', 'd'], { cwd: work });
      assert.strictEqual(told.code, 6);
    });
  });

  describe('statistics', () => {
    const counted = /^(?:Number of|Total file size|Total transferred|Literal|Matched|total size is [\d,.KMG]+)/;
    for (const options of ['--stats', '-v --stats', '-h --stats', '-hh --stats', '-hhh --stats', '--no-h --stats', '--info=stats2', '-n --stats', '-H --stats', '--existing --stats', '-W --stats']) {
      it(`count what rsync counts: ${options}`, async () => {
        const given = (): Tree => ({ ...trees(), s: dir({ f1: '1\n', big: file({ size: 3_333_333, seed: 1 }), a: dir({ f2: '22\n' }), l: symlink('f1'), p: fifo() }) });
        const args = ['-a', ...options.split(' '), '--delete', 's/', 'd'];
        const peer = rsync(args, { cwd: make(folder, 'peer', given()) });
        const own = twintree(['sync', '--no-detect-moves', ...args], { cwd: make(folder, 'work', given()) });
        const lines = (text: string): string[] => text.split('\n').filter((line) => counted.test(line) && !line.startsWith('Number of moved')).map((line) => line.replace(/ {2}speedup.*/, ''));
        assert.deepStrictEqual(lines(own.stdout), lines(peer.stdout));
      });
    }
  });

  it('progress on a pipe is plain: no carriage returns, one line a file', () => {
    const given = (): Tree => ({ s: dir({ big: file({ size: 3_000_000, seed: 1 }), f: '1', l: symlink('f') }), d: dir() });
    const told = twintree(['sync', '-a', '--progress', 's/', 'd'], { cwd: make(folder, 'w', given()) });
    assert.doesNotMatch(told.stdout, /\r/);
    assert.match(told.stdout, /^big\n +3,000,000 100% .*\(xfr#1, to-chk=\d\/4\)\nf\n +1 100% .*\(xfr#2, to-chk=\d\/4\)\nl -> f\n/m);
  });

  it('JSON lines tell the operations that -i tells, each line whole', () => {
    const own = make(folder, 'work', trees());
    const items = meaningful(twintree(['sync', '-nai', '--delete', 's/', 'd'], { cwd: own }).stdout);
    const told = twintree(['sync', '-a', '--json', '--delete', 's/', 'd'], { cwd: own });
    const rows = told.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.strictEqual(rows[0]?.['type'], 'hello');
    assert.strictEqual(rows.at(-1)?.['type'], 'outcome');
    assert.strictEqual(rows.at(-1)?.['exitCode'], 0);
    const operations = rows.filter((row) => row['type'] === 'operation');
    assert.deepStrictEqual(operations.map((row) => row['item']), items.map((line) => line.slice(0, 11)));
    for (const row of operations) assert.strictEqual(row['result'], 'done');
  });
});
