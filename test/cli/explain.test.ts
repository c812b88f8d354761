/** explain: which rule decides, on each side, where it stands, and when it is a folder above that decides. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asJson, asText } from '../../src/cli/commands/explain.js';
import { explainPaths, type Explanation } from '../../src/session/index.js';
import { EMPTY, fromBytes, fromText } from '../../src/tree/index.js';
import { tempFolder, type TempFolder } from '../support/index.js';
import { explain } from './support.js';

describe('explain', () => {
  let home: TempFolder;
  let dir = '';
  before(() => {
    home = tempFolder('explain');
    dir = home.path;
    mkdirSync(join(dir, 'src/build/deep'), { recursive: true });
    mkdirSync(join(dir, 'src/doc'));
    writeFileSync(join(dir, 'src/build/deep/a.o'), '');
    writeFileSync(join(dir, 'src/doc/a.tmp'), '');
    writeFileSync(join(dir, 'src/doc/.rsync-filter'), '# comment\n- *.tmp\n');
    writeFileSync(join(dir, 'src/doc/.gitignore'), 'ignored\n');
  });
  after(() => home.remove());

  const run = (options: string[], source: string, ...paths: string[]): Explanation[] => {
    const parsed = explain([...options, `${dir}/${source}`, ...paths]);
    return explainPaths(parsed.source, parsed.paths, parsed.options, (file, message) => assert.fail(`${file}: ${message}`));
  };
  const text = (options: string[], source: string, path: string): string => asText(run(options, source, path)[0] as Explanation);

  it('names the rule and its option', () => {
    assert.equal(text(['--exclude=*.o'], 'src/', 'build/deep/a.o'),
      'build/deep/a.o\n  source: left out by "*.o" (--exclude)\n  target: protected from deletion by "*.o" (--exclude)\n');
  });

  it('names the folder above that is left out', () => {
    assert.equal(text(['-f- build/'], 'src/', 'build/deep/a.o'),
      'build/deep/a.o\n  source: left out because its folder build/ is left out by "- build/" (--filter)\n'
      + '  target: protected from deletion because its folder build/ is protected by "- build/" (--filter)\n');
  });

  it('names the line of a filter file in a folder', () => {
    const [told] = run(['-F'], 'src/', 'doc/a.tmp');
    assert.equal(told?.source.excluded, true);
    assert.equal(told?.source.rule?.origin.line, 2);
    assert.match(told?.source.rule?.origin.source ?? '', /\.rsync-filter/);
    assert.equal(run([], 'src/', 'doc/a.tmp')[0]?.source.excluded, false);
  });

  it('names the .gitignore', () => {
    const [told] = run(['--gitignore'], 'src/', 'doc/ignored');
    assert.equal(told?.source.excluded, true);
    assert.match(told?.source.rule?.origin.source ?? '', /\.gitignore/);
  });

  it('tells the sides apart', () => {
    const [told] = run(['-fP keep', '-fH secret'], 'src/', 'keep');
    assert.deepEqual([told?.source.excluded, told?.target.excluded], [false, true]);
    const [other] = run(['-fP keep', '-fH secret'], 'src/', 'secret');
    assert.deepEqual([other?.source.excluded, other?.target.excluded], [true, false]);
  });

  it('with --delete-excluded an exclude protects nothing', () => {
    assert.deepEqual(run(['--exclude=*.o', '--delete-excluded'], 'src/', 'x.o').map((each) => [each.source.excluded, each.target.excluded]), [[true, false]]);
  });

  it('a protected folder that is copied does not protect what is in it', () => {
    const [told] = run(['-fP /doc/'], 'src/', 'doc/a.tmp');
    assert.deepEqual([told?.source.excluded, told?.target.excluded], [false, false]);
  });

  it('tells an including rule, and where no rule matches', () => {
    assert.match(text(['--include=*.o', '--exclude=*'], 'src/', 'x.o'), /source: copied by "\*\.o" \(--include\)/);
    assert.match(text([], 'src/', 'x.o'), /^x\.o \(not in the source\)\n {2}source: copied, no rule matches\n/);
  });

  it('counts the name of a source without a trailing slash as part of the path', () => {
    assert.equal(run(['--exclude=/src/doc'], 'src', 'doc')[0]?.source.excluded, true);
    assert.equal(run(['--exclude=/src/doc'], 'src/', 'doc')[0]?.source.excluded, false);
    assert.equal(run(['--exclude=/doc'], 'src/', 'doc')[0]?.source.excluded, true);
  });

  it('takes paths with the source in front, and refuses those outside it', () => {
    const told = run(['--exclude=a.o'], 'src/', `${dir}/src/build/deep/a.o`, 'build/deep/a.o');
    assert.deepEqual(told.map((each) => each.path), ['build/deep/a.o', 'build/deep/a.o']);
    assert.throws(() => run([], 'src/', '/etc/passwd'), /not below the source/);
    assert.throws(() => run([], 'src/', '../x'), /"\.\."/);
    assert.throws(() => run([], 'nosuch/', 'x'), /cannot be opened/);
  });

  it('takes a missing path with a trailing slash for a folder', () => {
    assert.equal(run(['--exclude=new/'], 'src/', 'new/')[0]?.source.excluded, true);
    assert.equal(run(['--exclude=new/'], 'src/', 'new')[0]?.source.excluded, false);
  });

  it('gives JSON with stable keys, and bytes where the name is not UTF-8', () => {
    const [told] = run(['--exclude=*.o'], 'src/', 'build/deep/a.o');
    assert.deepEqual(asJson(told as Explanation), {
      type: 'explanation', version: 1, path: 'build/deep/a.o', name: 'a.o', entry: 'other',
      source: { excluded: true, at: 'build/deep/a.o', rule: { text: '*.o', include: false, source: '--exclude', line: 0 } },
      target: { excluded: true, at: 'build/deep/a.o', rule: { text: '*.o', include: false, source: '--exclude', line: 0 } },
    });
    const none = { excluded: false, at: EMPTY, rule: undefined };
    const odd = asJson({ path: fromBytes(Buffer.from([0xff])), type: 'missing', source: none, target: none });
    assert.deepEqual([odd['path'], odd['pathBytes']], ['\\#377', '/w==']);
    assert.equal(asJson({ path: fromText('ä'), type: 'missing', source: none, target: none })['pathBytes'], undefined);
  });
});
