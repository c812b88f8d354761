import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, readdirSync, statSync, symlinkSync, watch, writeFileSync, writeSync, lstatSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { useTempFolder } from '../support/index.js';
import { noise, spliced } from '../hash/support.js';

/** The program as the tests were built with. */
const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

interface Ran { code: number | null; out: Buffer; err: string }

function delta(args: readonly string[], input?: Buffer, env: Record<string, string> = {}): Ran {
  const start = `import(${JSON.stringify(MAIN)}).then(({ main }) => main())`;
  const r = spawnSync(process.execPath, ['-e', start, '--', 'twintree', 'delta', ...args], { input: input ?? '', env: { ...process.env, LC_ALL: 'C', ...env }, maxBuffer: 64 << 20 });
  return { code: r.status, out: r.stdout, err: r.stderr.toString() };
}

function good(args: readonly string[], input?: Buffer, env?: Record<string, string>): Ran {
  const ran = delta(args, input, env);
  assert.equal(ran.code, 0, ran.err);
  return ran;
}

describe('twintree delta', () => {
  const folder = useTempFolder('delta');
  const basis = noise(1_000_000, 1);
  const source = spliced(spliced(basis, 300_000, 100, noise(777, 2)), 900_000, 5000, Buffer.alloc(0));

  it('makes the new file from files, and from pipes', () => {
    writeFileSync(folder.at('basis'), basis);
    writeFileSync(folder.at('source'), source);
    good(['signature', folder.at('basis'), folder.at('sig')]);
    good(['diff', folder.at('sig'), folder.at('source'), folder.at('delta')]);
    good(['patch', folder.at('basis'), folder.at('delta'), folder.at('result')]);
    assert.ok(readFileSync(folder.at('result')).equals(source));
    assert.ok(statSync(folder.at('delta')).size < 5000);
    const sig = good(['signature', '-', '-'], basis).out;
    writeFileSync(folder.at('sig2'), sig);
    const made = good(['diff', folder.at('sig2'), '-'], source).out;
    assert.ok(made.length < 30_000);
    assert.ok(good(['patch', folder.at('basis'), '-'], made).out.equals(source));
    assert.deepEqual(readdirSync(folder.path).toSorted(), ['basis', 'delta', 'result', 'sig', 'sig2', 'source']);
  });

  it('lists the chunks of a file by either chunker: they cover it, carry its hashes, and an insertion moves few', () => {
    writeFileSync(folder.at('basis'), basis);
    for (const chunker of ['gear', 'rabin']) {
      const list = (args: readonly string[], input?: Buffer): string[][] => good(['chunks', `--chunker=${chunker}`, ...args], input).out.toString().trimEnd().split('\n').map((line) => line.split(' '));
      const first = list([folder.at('basis')]);
      let at = 0;
      for (const [offset, length] of first) {
        assert.equal(Number(offset), at);
        at += Number(length);
      }
      assert.equal(at, basis.length);
      assert.ok(first.length > 60 && first.length < 250, `${first.length} chunks`);
      const second = list(['-'], source);
      const known = new Set(first.map(([, , hash]) => hash));
      assert.ok(second.filter(([, , hash]) => !known.has(hash)).length <= 6, chunker);
      assert.ok(list(['--chunk-size=64K', folder.at('basis')]).length < first.length / 3);
    }
    assert.deepEqual(good(['chunks', '-'], Buffer.from('abc')).out.toString(), '0 3 44bc2cf5ad770999\n', 'as xxhsum prints it');
    assert.deepEqual([delta(['chunks', '--chunker=fix', folder.at('basis')]).code, delta(['chunks', '--chunk-size=9', folder.at('basis')]).code], [1, 1]);
    assert.ok(readFileSync(folder.at('basis')).equals(basis));
  });

  it('gives the same bytes with and without SIMD', () => {
    writeFileSync(folder.at('basis'), basis);
    const seed = '--seed=0123456789abcdef';
    const first = good(['signature', seed, folder.at('basis')]).out;
    assert.ok(good(['signature', seed, '--no-simd', folder.at('basis')]).out.equals(first));
    assert.ok(good(['signature', seed, folder.at('basis')], undefined, { TWINTREE_NO_SIMD: '1' }).out.equals(first));
    assert.ok(!good(['signature', folder.at('basis')]).out.equals(first), 'without --seed each signature has its own');
  });

  it('keeps the holes of the source', () => {
    const fd = openSync(folder.at('source'), 'w');
    writeSync(fd, basis, 0, 500_000, 0);
    writeSync(fd, basis, 500_000, 500_000, 300 << 20);
    ftruncateSync(fd, 400 << 20);
    closeSync(fd);
    writeFileSync(folder.at('basis'), basis);
    good(['signature', folder.at('basis'), folder.at('sig')]);
    good(['diff', folder.at('sig'), folder.at('source'), folder.at('delta')]);
    good(['patch', folder.at('basis'), folder.at('delta'), folder.at('result')]);
    execFileSync('cmp', [folder.at('source'), folder.at('result')]);
    assert.ok(statSync(folder.at('result')).blocks * 512 < 2 << 20, 'the result has holes too');
    assert.ok(statSync(folder.at('delta')).size < 10_000);
  });

  it('replaces a basis by its new content, keeps its mode, and follows a symlink', () => {
    writeFileSync(folder.at('basis'), basis, { mode: 0o640 });
    writeFileSync(folder.at('source'), source);
    symlinkSync('basis', folder.at('link'));
    good(['signature', folder.at('basis'), folder.at('sig')]);
    good(['diff', folder.at('sig'), folder.at('source'), folder.at('delta')]);
    good(['patch', folder.at('link'), folder.at('delta'), folder.at('link')]);
    assert.ok(lstatSync(folder.at('link')).isSymbolicLink());
    assert.ok(readFileSync(folder.at('basis')).equals(source));
    assert.equal(statSync(folder.at('basis')).mode & 0o777, 0o640);
  });

  it('leaves nothing under the name of the result where the basis is another, the delta damaged or the limit reached', () => {
    writeFileSync(folder.at('basis'), basis);
    writeFileSync(folder.at('other'), noise(1_000_000, 5));
    writeFileSync(folder.at('short'), basis.subarray(0, 1000));
    writeFileSync(folder.at('source'), source);
    good(['signature', folder.at('basis'), folder.at('sig')]);
    good(['diff', folder.at('sig'), folder.at('source'), folder.at('delta')]);
    writeFileSync(folder.at('cut'), readFileSync(folder.at('delta')).subarray(0, -1));
    const before = readdirSync(folder.path);
    for (const [args, sentence] of [
      [['patch', folder.at('other'), folder.at('delta'), folder.at('result')], /another hash/],
      [['patch', folder.at('short'), folder.at('delta'), folder.at('result')], /made for a basis of 1000000 bytes/],
      [['patch', folder.at('basis'), folder.at('cut'), folder.at('result')], /ends in the middle/],
      [['patch', folder.at('basis'), folder.at('sig'), folder.at('result')], /not a twintree delta/],
      [['diff', folder.at('delta'), folder.at('source'), folder.at('result')], /not a twintree signature/],
      [['patch', '--max-size=1000', folder.at('basis'), folder.at('delta'), folder.at('result')], /grows past 1000 bytes/],
    ] as const) {
      const { code, err } = delta(args);
      assert.equal(code, 12, err);
      assert.match(err, sentence);
    }
    assert.ok(!existsSync(folder.at('result')));
    assert.deepEqual(readdirSync(folder.path), before);
  });

  it('says what is wrong with a command line or a file', () => {
    writeFileSync(folder.at('basis'), basis);
    for (const [args, code, sentence] of [
      [[], 1, /signature, diff, patch or chunks/],
      [['squeeze'], 1, /signature, diff, patch or chunks/],
      [['signature'], 1, /takes 1 or 2 names/],
      [['diff', '-', '-'], 1, /only one/],
      [['signature', '-b', '10', folder.at('basis')], 1, /no size between 64/],
      [['signature', '--seed', 'xyz', folder.at('basis')], 1, /16 hex digits/],
      [['signature', '--frobnicate', folder.at('basis')], 1, /unknown option --frobnicate/],
      [['signature', folder.at('absent')], 11, /absent/],
      [['signature', folder.path], 11, /folder/],
      [['patch', '-', folder.at('basis')], 1, /regular file/],
    ] as const) {
      const ran = delta(args);
      assert.equal(ran.code, code, ran.err);
      assert.match(ran.err, sentence);
    }
    assert.match(good(['--help']).out.toString(), /--block-size=SIZE/);
  });

  it('ended by a signal while it waits for a pipe, leaves nothing', async () => {
    writeFileSync(folder.at('basis'), basis);
    good(['signature', folder.at('basis'), folder.at('sig')]);
    const before = readdirSync(folder.path);
    const start = `import(${JSON.stringify(MAIN)}).then(({ main }) => main())`;
    const child = spawn(process.execPath, ['-e', start, '--', 'twintree', 'delta', 'diff', '--no-gate', folder.at('sig'), '-', folder.at('result')], { stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = new Promise<number | null>((resolve) => { child.on('exit', resolve); });
    const writes = new Promise<void>((resolve) => { // the temporary file tells that it is at work
      const watcher = watch(folder.path, () => {
        watcher.close();
        resolve();
      });
    });
    child.stdin.on('error', () => undefined); // the child goes away before it has read all
    child.stdin.write(Buffer.concat([source, source]));
    await writes;
    child.kill('SIGINT');
    assert.equal(await ended, 20);
    assert.deepEqual(readdirSync(folder.path), before);
  });

  it('holds bounded memory', () => {
    const fd = openSync(folder.at('source'), 'w');
    for (let i = 0; i < 192; i++) writeSync(fd, basis);
    closeSync(fd);
    writeFileSync(folder.at('basis'), noise(1 << 20, 3));
    const peak = (args: readonly string[]): number => {
      const start = `import(${JSON.stringify(MAIN)}).then(({ main }) => main()).then(() => console.error(process.resourceUsage().maxRSS))`;
      const r = spawnSync(process.execPath, ['-e', start, '--', 'twintree', 'delta', ...args], { encoding: 'utf8' });
      return Number(r.stderr) / 1024;
    };
    const small = peak(['signature', folder.at('basis'), folder.at('sig')]);
    assert.ok(peak(['signature', folder.at('source'), folder.at('big')]) < small + 40);
    assert.ok(peak(['diff', folder.at('sig'), folder.at('source'), folder.at('delta')]) < small + 60);
    assert.ok(peak(['patch', folder.at('basis'), folder.at('delta'), folder.at('result')]) < small + 60);
  });
});
