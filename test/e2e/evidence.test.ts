/** `twintree evidence` as a user runs it: here, and with the target on another host. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { run } from '../../src/cli/commands/evidence.js';
import { describeError } from '../../src/cli/errors.js';
import { makeKey } from '../../src/evidence/index.js';
import { checkEvidence, evidence, fromText, TwintreeError } from '../../src/index.js';
import { changedTree, describeIf, dir, file, makeTree, mountFs, randomTree, symlink, time, twintree, useTempFolder, whyNoMount } from '../support/index.js';
import { REMOTE_PATH, remoteShell } from './remote-support.js';

const T = time(1_600_000_000);

describe('twintree evidence', () => {
  const temp = useTempFolder('evidence');

  it('makes, checks, compares and extracts evidence, with the exit codes of its documentation', () => {
    for (const name of ['s', 't']) makeTree(temp.at(name), { a: file('1', { mtime: T }), 'b\n': file('2', { mtime: T }), d: dir({ c: file('3', { mtime: T }) }, { mtime: T }) }, { mtime: T });
    const ran = (...args: string[]): { code: number | null; stdout: string; stderr: string } => twintree(['evidence', ...args], { cwd: temp.path }); // a process for each
    const made = ran('make', '-HAX', 's/', 't', '-o', 'ev');
    assert.deepEqual([made.code, /the trees are equal/.test(made.stdout), /a new key to sign with was made/.test(made.stderr)], [0, true, true], made.stderr);
    const shown = ran('key', 'show').stdout.trim();
    assert.match(shown, /^sha256:[0-9a-f]{64}$/);
    assert.ok(made.stdout.includes(shown));
    const checked = ran('check', 'ev', 't');
    assert.equal(checked.code, 0, checked.stderr);
    assert.match(checked.stdout, /Nobody said whose key that is/);
    assert.equal(ran('check', '--fingerprint', shown, '--folder=d', 'ev', 't').code, 0);
    writeFileSync(temp.at('t/a'), 'x');
    const differs = ran('check', '-q', 'ev', 't');
    assert.deepEqual([differs.code, differs.stdout], [23, 'differs: a (mtime,content)\n'.replace(',', ', ')]);
    const json = ran('make', '--json', 's/', 't', '-o', 'ev2');
    assert.deepEqual([json.code, json.stdout.trimEnd().split('\n').map((line) => (JSON.parse(line) as { type: string }).type)], [23, ['hello', 'note', 'evidence', 'outcome']]);
    assert.equal(ran('compare', 'ev', 'ev2').code, 23);
    assert.equal(ran('extract', 'ev', 'd', '-o', 'part').code, 0);
    assert.equal(ran('check', 'part', 't').code, 0);
    writeFileSync(temp.at('bad'), readFileSync(temp.at('ev'), 'latin1').replace('"m":"0644"', '"m":"0645"'), 'latin1');
    const bad = ran('check', 'bad');
    assert.deepEqual([bad.code, /EVIDENCE/.test(bad.stderr)], [12, true]);
  });

  it('refuses what it cannot do, by name', async () => {
    makeKey(temp.at('mine'));
    const path = (name: string): string => temp.at(name);
    const cases: [number, RegExp, ...string[]][] = [
      [1, /-o FILE/, 'make', path('s/'), path('t')], [1, /content of a folder/, 'make', path('s'), path('t'), '-o', path('x')], [1, /full or index/, 'make', '--mode=some', path('s/'), path('t'), '-o', path('x')],
      [1, /--mode=index/, 'make', '--sample=3', path('s/'), path('t'), '-o', path('x')], [1, /share/, 'make', '--mode=index', '--sample=101', path('s/'), path('t'), '-o', path('x')], [1, /FILE/, 'check'], [1, /OLDER and NEWER/, 'compare', 'ev'],
      [1, /below the root/, 'extract', 'ev', '../d', '-o', path('x')], [1, /make FILE, or show/, 'key', 'x'], [1, /make, check/], [1, /is there already/, 'key', 'make', path('mine')], [1, /one of them/, 'check', '--key', path('mine.pub'), '--fingerprint', 'x', 'ev'],
      [1, /64 hexadecimal/, 'check', '--fingerprint', 'x', 'ev'], [4, /--files-from/, 'make', `--files-from=${path('mine')}`, path('s/'), path('t'), '-o', path('x')], [1, /does not take -u/, 'make', '-u', path('s/'), path('t'), '-o', path('x')],
      [1, /remote shell/, 'make', path('s/'), 'twintree://host/t', '-o', path('x')], [11, /./, 'check', path('none')], [12, /EVIDENCE/, 'check', path('mine.pub')],
    ];
    for (const [code, words, ...args] of cases) {
      const { exitCode, text } = await run(args.map(fromText)).then((done) => ({ exitCode: done, text: '' }), (error: unknown) => describeError(error, false));
      assert.deepEqual([exitCode, words.test(text)], [code, true], `${args.join(' ')}: ${text}`);
    }
    assert.ok(!existsSync(temp.at('x')));
  });

  it('proves a target on another host, and a source there, as it proves one here', async () => {
    const old = randomTree(55, { entries: 60 });
    makeTree(temp.at('s'), changedTree(old, 55, { changes: 12 }));
    makeTree(temp.at('t'), old);
    const shell = remoteShell(temp, 'echo "a banner of the login script"');
    const far = ['-e', shell, `--rsync-path=${REMOTE_PATH}`, '--no-bootstrap'];
    const told: Record<string, string[]> = {};
    const roots: Record<string, string[]> = {};
    for (const [way, args, source, target] of [['here', [], 's/', 't'], ['push', far, 's/', `host:${temp.at('t')}`], ['pull', far, `host:${temp.at('s')}/`, 't']] as const) {
      const lines: string[] = [];
      const place = (name: string): string => (name.startsWith('host:') ? name : `${temp.path}/${name}`);
      const proof = await evidence({ source: place(source), target: place(target), output: temp.at(way), args: ['-HAX', ...args], listener: { note: ({ kind, path, what }) => lines.push(`${kind} ${path} ${what.join()}`) } });
      told[way] = lines;
      roots[way] = [proof.sourceRoot, proof.root, proof.result];
      assert.equal((await checkEvidence({ evidence: temp.at(way), tree: temp.at('t') })).differences, 0);
    }
    assert.ok((told['here'] as string[]).length > 5);
    assert.deepEqual([told['push'], told['pull'], roots['push'], roots['pull']], [told['here'], told['here'], roots['here'], roots['here']]);
    const indexed = async (): Promise<number[]> => {
      const { source, target } = await evidence({ source: `${temp.at('s')}/`, target: `host:${temp.at('t')}`, output: temp.at('indexed'), args: ['-HAX', '--mode=index', '--sample=0', ...far] });
      return [source.filesBelieved, target.filesBelieved];
    };
    assert.deepEqual(await indexed(), [0, 0]);
    assert.ok((await indexed()).every((believed) => believed > 0), 'each host has its own index, and keeps it');
    await assert.rejects(evidence({ source: `${temp.at('s')}/`, target: `host:${temp.at('none')}`, output: temp.at('x'), args: far }), (error) => error instanceof TwintreeError && error.code === 'TARGET_UNUSABLE');
    assert.ok(!existsSync(temp.at('x')));
  });

  it('leaves the trees as they are, access times too', () => {
    makeTree(temp.at('s'), { a: file('1', { mtime: T }) }, { mtime: T });
    makeTree(temp.at('t'), { a: file('1', { mtime: T }) }, { mtime: T });
    const facts = (): unknown => ['s', 't', 's/a', 't/a'].map((name) => {
      const { atimeMs, mtimeMs, ctimeMs } = statSync(temp.at(name));
      return name.includes('/') ? [atimeMs, mtimeMs, ctimeMs] : [mtimeMs, ctimeMs];
    });
    const before = facts();
    assert.equal(twintree(['evidence', 'make', '-q', 's/', 't', '-o', 'ev'], { cwd: temp.path }).code, 0);
    assert.deepEqual(facts(), before);
  });

  describeIf('on a file system that holds less', whyNoMount('vfat'), () => {
    it('lists what is lost, path by path, and calls the rest equal', async () => {
      const fat = mountFs('vfat');
      try {
        makeTree(temp.at('s'), { a: file('1', { mtime: time(1_600_000_001, 5), mode: 0o640 }), l: symlink('a', { mtime: T }) }, { mtime: T });
        const target = fat.at('t');
        twintree(['sync', '-a', `${temp.at('s')}/`, target]);
        const notes: string[] = [];
        const proof = await evidence({ source: `${temp.at('s')}/`, target, output: temp.at('ev'), listener: { note: ({ kind, path, what }) => notes.push(`${kind} ${path} ${what.filter((one) => one !== 'owner' && one !== 'group').join()}`) } });
        assert.deepEqual([proof.result, notes.filter((line) => line !== 'loss  mode')], ['equal', ['loss a mtime,mode', 'loss l symlink']]);
        rmSync(temp.at('s/a'));
        assert.equal((await evidence({ source: `${temp.at('s')}/`, target, output: temp.at('ev') })).extras, 1);
      } finally {
        fat.unmount();
      }
    });
  });
});
