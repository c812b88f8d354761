/** The command as a process: what it prints, where, and its exit codes. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tempFolder, type TempFolder } from '../support/index.js';

const MAIN = new URL('../../src/cli/main.js', import.meta.url).href;
const SHARED = new URL('../../src/cli/commands/shared.js', import.meta.url).href;
const scratch = tempFolder('entry');
const ENTRY = scratch.at('twintree.mjs');
writeFileSync(ENTRY, `import { main } from ${JSON.stringify(MAIN)};\nawait main();\n`);
after(() => scratch.remove());

function twintree(args: readonly string[], options: { env?: Record<string, string> } = {}): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [ENTRY, ...args], { encoding: 'utf8', cwd: tmpdir(), env: { ...process.env, ...options.env } });
}

describe('the command', () => {
  let home: TempFolder;
  let dir = '';
  before(() => {
    home = tempFolder('command');
    dir = home.path;
    mkdirSync(join(dir, 'src'));
    writeFileSync(join(dir, 'src/file'), 'content');
  });
  after(() => home.remove());

  it('tells its version and help on stdout', () => {
    const version = twintree(['--version']).stdout;
    assert.match(version, /^twintree \d+\.\d+\.\d+\n$/);
    assert.equal(twintree(['sync', '--version']).stdout, version);
    const help = twintree(['--help']);
    assert.equal(help.status, 0);
    for (const word of ['sync', 'verify', 'explain']) assert.ok(help.stdout.includes(word));
  });

  for (const command of ['sync', 'verify', 'explain']) {
    it(`${command} --help lists its options, from the same table`, () => {
      const help = twintree([command, '--help']);
      assert.equal(help.status, 0, help.stderr);
      assert.match(help.stdout, /-f, --filter/);
      assert.equal(/--delete-before/.test(help.stdout), command === 'sync');
      assert.equal(help.stderr, '');
    });
  }

  it('a mistake is one sentence with its code and advice on stderr, and exit code 1', () => {
    for (const [args, sentence] of [
      [['sync', '--bogus', 'a', 'b'], 'twintree: --bogus is not an option (USAGE, exit code 1)\n'],
      [['sync'], 'twintree: too few arguments: twintree sync [OPTION]... SRC... DST (USAGE, exit code 1)\n'],
      [['frobnicate'], 'twintree: "frobnicate" is not a command (USAGE, exit code 1)\n'],
      [['sync', '-N', 'a', 'b'], 'twintree: --crtimes (-N) cannot be kept: the kernel has no call that sets a birth time (UNSUPPORTED, exit code 1)\n'],
    ] as const) {
      const { status, stdout, stderr } = twintree(args);
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.ok(stderr.startsWith(sentence), stderr);
      assert.match(stderr, /\n {2}\S/);
      assert.doesNotMatch(stderr, /\n {4}at /);
    }
    assert.equal(twintree([]).status, 1);
  });

  it('shows a stack only where it is asked for', () => {
    assert.match(twintree(['sync', '--bogus'], { env: { TWINTREE_DEBUG: '1' } }).stderr, /\n {4}at /);
    assert.match(twintree(['sync', '--debug=ALL', '--bogus']).stderr, /\n {4}at /);
    assert.doesNotMatch(twintree(['sync', '--debug=del', '--bogus']).stderr, /\n {4}at /);
  });

  it('takes arguments as bytes, also those that are not UTF-8', function () {
    if (process.platform !== 'linux') return this.skip();
    // A shell passes the byte on; Node's own spawn would encode it.
    const script = `exec "$0" "$1" explain --exclude="$(printf 'x\\377')" . "$(printf 'x\\377')" "$(printf 'x\\376')"`;
    const { stdout, stderr } = spawnSync('sh', ['-c', script, process.execPath, ENTRY], { encoding: 'utf8', cwd: dir });
    assert.equal(stderr, '');
    assert.match(stdout, /^x\\#377 .*\n {2}source: left out by "x\\#377" \(--exclude\)\n/);
    assert.match(stdout, /\nx\\#376 .*\n {2}source: copied/);
  });

  it('explain prints text, and JSON lines with --json', () => {
    assert.match(twintree(['explain', '--exclude=f*', `${dir}/src/`, 'file']).stdout, /^file\n {2}source: left out by "f\*" \(--exclude\)\n/);
    const lines = twintree(['explain', '--json', `${dir}/src/`, 'file', 'other']).stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as { path: string });
    assert.deepEqual(lines.map((line) => line.path), ['file', 'other']);
  });

  it('sync, then verify: equal is 0; after a change it is 23 and the difference is told', () => {
    const source = `${dir}/src/`;
    const target = `${dir}/dst/`;
    assert.equal(twintree(['sync', '-a', source, target]).status, 0);
    assert.equal(readFileSync(`${target}file`, 'utf8'), 'content');
    const equal = twintree(['verify', source, target]);
    assert.deepEqual([equal.status, equal.stdout, equal.stderr], [0, '', '']);
    writeFileSync(`${target}file`, 'CONTENT');
    writeFileSync(`${target}extra`, '');
    const differs = twintree(['verify', source, target]);
    assert.equal(differs.status, 23);
    assert.match(differs.stdout, /^>fc.{8} file$/m);
    assert.match(differs.stdout, /^\*deleting {3}extra$/m);
    assert.match(differs.stderr, /the trees differ \(exit code 23\)/);
    assert.equal(readFileSync(`${target}file`, 'utf8'), 'CONTENT');
    const json = twintree(['verify', '--json', source, target]);
    assert.equal(json.status, 23);
    assert.equal((JSON.parse(json.stdout.trimEnd().split('\n').at(-1) ?? '') as { exitCode: number }).exitCode, 23);
  });

  it('lists a source without a target, and changes nothing', () => {
    const { status, stdout } = twintree(['sync', `${dir}/src/`]);
    assert.equal(status, 0);
    assert.match(stdout, /^-rw.* {2,}7 .* file$/m);
  });

  it('a log file that cannot be opened stops the run before it begins, with exit code 6', () => {
    const { status, stderr } = twintree(['sync', '-a', `--log-file=${dir}/none/log`, `${dir}/src/`, `${dir}/never/`]);
    assert.equal(status, 6);
    assert.match(stderr, /the log file cannot be opened: no such file or directory \(IO, exit code 6\)/);
    assert.throws(() => readFileSync(`${dir}/never/file`));
  });

  it('writes the log file', () => {
    assert.equal(twintree(['sync', '-a', `--log-file=${dir}/log`, `${dir}/src/`, `${dir}/logged/`]).status, 0);
    assert.match(readFileSync(`${dir}/log`, 'utf8'), /\[\d+\] >f\+{9} file\n/);
  });
});

describe('signals', () => {
  // A run that ends when it is told to, or (with STUBBORN) does not listen.
  const script = `
    const { abortBySignal } = await import(${JSON.stringify(SHARED)});
    const controller = new AbortController();
    const keep = setInterval(() => {}, 1000);
    abortBySignal(controller);
    controller.signal.addEventListener('abort', () => {
      process.stdout.write('aborted\\n');
      if (!process.env.STUBBORN) { clearInterval(keep); process.exitCode = 20; }
    });
    process.stdout.write('ready\\n');`;

  function start(stubborn: boolean): { child: ReturnType<typeof spawn>; until(word: string): Promise<void>; ended: Promise<number | null> } {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...(stubborn ? { STUBBORN: '1' } : {}) } });
    let seen = '';
    const waiting: { word: string; done: () => void }[] = [];
    child.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      for (const each of waiting) if (seen.includes(each.word)) each.done();
    });
    const until = (word: string): Promise<void> => new Promise((done) => {
      if (seen.includes(word)) done();
      else waiting.push({ word, done });
    });
    return { child, until, ended: new Promise((done) => { child.on('exit', (code) => done(code)); }) };
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`${signal} aborts the run, which then ends in good order`, async () => {
      const { child, until, ended } = start(false);
      await until('ready');
      child.kill(signal);
      await until('aborted');
      assert.equal(await ended, 20);
    });
  }

  it('a second signal ends the program at once', async () => {
    const { child, until, ended } = start(true);
    await until('ready');
    child.kill('SIGINT');
    await until('aborted');
    child.kill('SIGINT');
    assert.equal(await ended, 20);
  });

  it('a reader of stdout that goes away is no crash', async () => {
    const child = spawn(process.execPath, [ENTRY, 'sync', '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString(); });
    const code = await new Promise((done) => { child.on('close', done); });
    assert.deepEqual([code, stderr], [0, '']);
  });
});

describe('the shim', () => {
  const shim = new URL('../../../bin/twintree.js', import.meta.url).pathname;

  it('answers --version by itself, as the program does', () => {
    for (const flag of ['--version', '-V']) {
      const { stdout, status } = spawnSync(process.execPath, [shim, flag], { encoding: 'utf8' });
      assert.deepEqual([status, stdout], [0, twintree(['--version']).stdout]);
    }
  });

  it('loads nothing of the program for it', () => {
    const { stderr, status } = spawnSync(process.execPath, [shim, '--version'], { encoding: 'utf8', env: { ...process.env, NODE_DEBUG: 'module,esm' } });
    assert.equal(status, 0);
    assert.doesNotMatch(stderr, /dist\/cli|yargs|koffi/);
  });
});
