/**
 * Plans and batches over a connection do what they do between local trees: the same lines, the same exit code, the same tree; and what has
 * drifted is left alone on either side.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OutputFile } from '../../src/fs/index.js';
import { openPlan, optionsOf, runRemote } from '../../src/session/index.js';
import { fromText } from '../../src/tree/index.js';
import { AGENT, requestFor } from './remote-cut-support.js';
import { remoteShell, wayArgs, type Way } from './remote-support.js';
import { assertSameTree, dir, file, makeTree, sparse, symlink, time, twintree, useTempFolder, type RunResult, type Tree } from '../support/index.js';

const T = time(1_600_000_000, 123_456_789);
const OLD = time(1_500_000_000);
const WAYS = ['local', 'push', 'pull'] as const;
const RELAY = fileURLToPath(new URL('./remote-relay.js', import.meta.url));

function source(): Tree {
  const linked = file({ size: 5000, seed: 4 }, { mtime: T });
  return {
    same: file('same', { mtime: OLD }), large: file({ size: 600_000, seed: 1 }, { mtime: T }), small: file('new content', { mtime: T }), fresh: file({ size: 300_000, seed: 3 }, { mtime: T }),
    one: linked, two: linked, holes: sparse(1_000_000, [[500_000, 'data']], { mtime: T }), xattr: file('x', { mtime: T, xattrs: { 'user.a': 'b' } }), link: symlink('same', { mtime: T }),
    'odd\n\xff name': file('odd', { mtime: T }), moved: file('content that moves', { mtime: T }), d: dir({ inner: file('inner', { mtime: T }), deeper: dir({ leaf: file('leaf', { mtime: T }) }, { mtime: T }) }, { mtime: T, mode: 0o750 }),
  };
}

function target(): Tree {
  return {
    same: file('same', { mtime: OLD }), large: file({ size: 590_000, seed: 1 }, { mtime: OLD }), small: file('old content', { mtime: OLD }), gone: file('gone', { mtime: OLD }), d: dir({ extra: file('e', { mtime: OLD }) }, { mtime: OLD }),
    link: file('a file', { mtime: OLD }), moves: file('content that moves', { mtime: T }),
  };
}

describe('plans and batches over a connection', () => {
  const tmp = useTempFolder('recorded');

  /** Trees of one way. */
  function make(way: Way): { s: string; t: string; plan: string } {
    const [s, t] = [tmp.at(`${way}-s`), tmp.at(`${way}-t`)];
    for (const root of [s, t]) rmSync(root, { recursive: true, force: true });
    makeTree(s, source(), { mtime: T });
    makeTree(t, target(), { mtime: OLD });
    return { s, t, plan: tmp.at(`${way}.plan`) };
  }
  const at = (way: Way, on: Way, path: string): string => (way === on ? `host:${path}` : path);
  const plain = (way: Way, { code, stdout, stderr }: RunResult): unknown[] => [code, stdout.replace(/^<f/gm, '>f').replaceAll(`${way}-`, ''), stderr.replaceAll(`${way}-`, '').split('\n').toSorted()];

  it('plan and apply: the same lines, and equal trees; a second time there is nothing to do', () => {
    const told = WAYS.map((way) => {
      const { s, t, plan } = make(way);
      const by = wayArgs(way, remoteShell(tmp));
      const planned = twintree(['plan', ...by, '-aHAXi', '--delete', at(way, 'pull', `${s}/`), at(way, 'push', t), '-o', plan]);
      assert.ok(existsSync(`${t}/gone`) && !existsSync(`${t}/fresh`), `${way}: planning changes nothing`);
      const applied = twintree(['apply', ...by, '-i', plan]);
      assertSameTree(s, t);
      const again = twintree(['apply', ...by, '-i', plan]);
      return [planned, applied, again].map((result) => plain(way, result));
    });
    assert.deepEqual(told[0]?.map(([code]) => code), [0, 0, 0], JSON.stringify(told[0]));
    assert.deepEqual(told[1], told[0], 'push');
    assert.deepEqual(told[2], told[0], 'pull');
  });

  it('what has drifted on either side is told and left alone', () => {
    const told = WAYS.map((way) => {
      const { s, t, plan } = make(way);
      const by = wayArgs(way, remoteShell(tmp));
      assert.equal(twintree(['plan', ...by, '-aH', '--delete', at(way, 'pull', `${s}/`), at(way, 'push', t), '-o', plan]).code, 0);
      writeFileSync(`${t}/gone`, 'needed after all');
      writeFileSync(`${t}/small`, 'theirs');
      writeFileSync(`${s}/fresh`, 'changed since');
      rmSync(`${s}/d/deeper/leaf`);
      const shown = twintree(['apply', ...by, '-ni', plan]);
      const applied = twintree(['apply', ...by, '-i', plan]);
      assert.deepEqual([readFileSync(`${t}/gone`, 'utf8'), readFileSync(`${t}/small`, 'utf8'), existsSync(`${t}/fresh`)], ['needed after all', 'theirs', false], way);
      assert.deepEqual(readFileSync(`${t}/large`), readFileSync(`${s}/large`));
      return [shown, applied].map((result) => plain(way, result));
    });
    assert.equal(told[0]?.[1]?.[0], 24, JSON.stringify(told[0]));
    assert.deepEqual(told[1], told[0], 'push');
    assert.deepEqual(told[2], told[0], 'pull');
  });

  it('single paths, a file under another name and a target that is yet to be made are planned and applied', () => {
    const cases: [string, string[], string, (t: string) => boolean][] = [
      ['listed', ['-a', `--files-from=${tmp.at('list')}`], '', (t) => existsSync(`${t}/d/deeper/leaf`) && !existsSync(`${t}/d/inner`)],
      ['renamed', ['-a'], '/small', (t) => readFileSync(t, 'utf8') === 'new content'],
    ];
    writeFileSync(tmp.at('list'), 'd/deeper/leaf\nlink\n');
    for (const [name, options, below, stands] of cases) {
      const told = WAYS.map((way) => {
        const { s, plan } = make(way);
        const by = wayArgs(way, remoteShell(tmp));
        const t = tmp.at(`${way}-${name}`);
        const planned = twintree(['plan', ...by, '-i', ...options, at(way, 'pull', `${s}${below}`), at(way, 'push', t), '-o', plan]);
        const applied = twintree(['apply', ...by, '-i', plan]);
        assert.ok(stands(t), `${way} ${name}: ${applied.stderr}`);
        return [planned, applied].map((result) => plain(way, result));
      });
      assert.deepEqual(told[1], told[0], `push ${name}`);
      assert.deepEqual(told[2], told[0], `pull ${name}`);
    }
  });

  it('a root that was exchanged is refused on either side, and so is a plan between two other hosts', () => {
    const told = WAYS.map((way) => {
      const { s, t, plan } = make(way);
      const by = wayArgs(way, remoteShell(tmp));
      assert.equal(twintree(['plan', ...by, '-a', at(way, 'pull', `${s}/`), at(way, 'push', t), '-o', plan]).code, 0);
      return [s, t].map((root) => {
        renameSync(root, `${root}-away`);
        mkdirSync(root);
        const applied = twintree(['apply', ...by, plan]);
        assert.match(applied.stderr, /ROOT_CHANGED/, `${way} ${root}`);
        assert.deepEqual(readdirSync(root), []);
        rmSync(root, { recursive: true });
        renameSync(`${root}-away`, root);
        return plain(way, applied);
      });
    });
    assert.equal(told[0]?.[0]?.[0], 70);
    assert.deepEqual(told[1], told[0], 'push');
    assert.deepEqual(told[2], told[0], 'pull');
    const both = twintree(['plan', '-a', 'one:s/', 'two:t', '-o', tmp.at('x')]);
    assert.deepEqual([both.code, /cannot both be on other hosts/.test(both.stderr)], [1, true]);
  });

  for (const direction of ['push', 'pull'] as const) {
    it(`a connection that breaks while a plan is carried out is made again, and the rest is done (${direction})`, async () => {
      const [s, t] = [tmp.at('cut-s'), tmp.at('cut-t')];
      makeTree(s, Object.fromEntries([1, 2, 3].map((seed) => [`f${seed}`, file({ size: 3 << 20, seed }, { mtime: T })])), { mtime: T });
      makeTree(t, { gone: file('gone', { mtime: OLD }) }, { mtime: OLD });
      const base = requestFor(direction, ['-a', '--delete'], `${s}/`, t, AGENT, { retries: 2 });
      const output = new OutputFile(fromText(tmp.at('cut.plan')));
      const host = { side: direction === 'push' ? 'target' : 'source', host: { kind: 'ssh', host: fromText('h'), user: undefined, port: undefined } } as const;
      assert.equal((await runRemote({ ...base, work: { kind: 'plan', output, host } })).exitCode, 0);
      const plan = await openPlan(fromText(tmp.at('cut.plan')));
      const notices: string[] = [];
      const cut = { log: tmp.at('cut.log'), cuts: [{ way: direction === 'push' ? 'out' : 'in', after: 4 << 20 }] };
      const how = { dryRun: false };
      const outcome = await runRemote({
        ...base, sources: plan.head.sources, target: plan.head.target.path, options: optionsOf(plan, how), connect: { kind: 'command', argv: [process.execPath, RELAY, JSON.stringify(cut), ...AGENT] }, work: { kind: 'apply', plan, how },
      }, { notice: (code) => { notices.push(code); } });
      plan.close();
      assert.deepEqual([outcome.exitCode, notices.includes('reconnect')], [0, true], notices.join());
      assertSameTree(s, t);
    });
  }

  it('--read-batch carries a batch out on another host as it does here, on equal targets and on others', () => {
    const { s, t } = make('pull');
    const batch = tmp.at('b');
    assert.equal(twintree(['sync', '-aHX', '--delete', `--write-batch=${batch}`, `${s}/`, t]).code, 0);
    const told = (['local', 'push'] as const).flatMap((way) => ['', '-z'].map((more) => {
      const { t: mine } = make(way);
      const other = readFileSync(`${mine}/large`);
      if (more === '-z') writeFileSync(`${mine}/large`, Buffer.concat([Buffer.from('x'), other.subarray(1)])); // another basis
      const done = twintree(['sync', ...wayArgs(way, remoteShell(tmp)), ...(more === '' ? [] : [more]), '-i', '--delete', `--read-batch=${batch}`, at(way, 'push', mine)]);
      if (more === '') assertSameTree(t, mine);
      else assert.ok(existsSync(`${mine}/fresh`) && !existsSync(`${mine}/gone`) && readFileSync(`${mine}/large`).length === other.length, done.stderr);
      return plain(way, done);
    }));
    assert.deepEqual(told.map(([code]) => code), [0, 23, 0, 23], JSON.stringify(told));
    assert.deepEqual(told.slice(2), told.slice(0, 2));
  });

  it('--read-batch to another host reads standard input, and only shows with -n', () => {
    const { s, t } = make('pull');
    const { t: mine } = make('push');
    const before = make('local').t;
    const by = wayArgs('push', remoteShell(tmp));
    const written = twintree(['sync', '-aH', '--write-batch=-', `${s}/`, t]);
    const args = ['sync', ...by, '-i', '--read-batch=-', `host:${mine}`];
    const shown = twintree([...args, '-n'], { input: written.stdoutBytes });
    assert.equal(shown.code, 0, shown.stderr);
    assertSameTree(before, mine);
    const done = twintree(args, { input: written.stdoutBytes });
    assert.deepEqual([done.code, done.stdout], [0, shown.stdout], done.stderr);
    assertSameTree(t, mine);
  });
});
