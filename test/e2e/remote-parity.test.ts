/**
 * All options over a connection, in both directions, do what they do between local trees: the same result, the same lines, the same exit
 * code. Every case runs the sync three times on equal trees. The connection is a pair of pipes; `TWINTREE_CARRIER=ssh` (a real sshd) and
 * `TWINTREE_CARRIER=tls` (a daemon) have all cases run over those, of which a few are run always.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startSshd, whyNoSshd } from '../transport/sshd.js';
import { startDaemon } from './remote-serve-support.js';
import { REMOTE_PATH, remoteShell, syncHere, wayArgs, type Way } from './remote-support.js';
import { assertSameTree, changedTree, describeIf, dir, file, makeTree, randomTree, REPOSITORY, runCommand, sparse, symlink, tempFolder, time, treePaths, twintree, useTempFolder, type TempFolder, type Tree } from '../support/index.js';

const T = time(1_600_000_000, 123_456_789);
const OLD = time(1_500_000_000);

/** One of most things. */
function source(): Tree {
  const linked = file('linked', { mtime: T });
  return {
    same: file('same', { mtime: T }), changed: file('new content', { mtime: T }), grown: file({ size: 300_000, seed: 1 }, { mtime: T }), mode: file('m', { mtime: T, mode: 0o600 }),
    empty: file('', { mtime: T }), 'odd\n\xff name': file('odd', { mtime: T }), one: linked, two: linked, link: symlink('same', { mtime: T }), out: symlink('/etc/hostname', { mtime: T }),
    dangling: symlink('nowhere', { mtime: T }), 'a.o': file('object', { mtime: T }), '.gitignore': file('*.tmp\n', { mtime: T }), 'x.tmp': file('t', { mtime: T }),
    '.rsync-filter': file('- *.bak\n', { mtime: T }), 'x.bak': file('b', { mtime: T }), large: file({ size: 2_000_000, seed: 2 }, { mtime: T }), holes: sparse(3_000_000, [[1_000_000, 'data']], { mtime: T }),
    xattr: file('x', { mtime: T, xattrs: { 'user.a': 'b' }, acl: 'u:1000:r--,m::r--' }),
    d: dir({ inner: file('inner', { mtime: T }), deeper: dir({ leaf: file('leaf', { mtime: T }), 'y.o': file('o', { mtime: T }) }, { mtime: T }), none: dir({}, { mtime: T }) }, { mtime: T, mode: 0o750 }),
    empties: dir({ a: dir({ b: dir({}, { mtime: T }) }, { mtime: T }) }, { mtime: T }),
  };
}

function target(): Tree {
  return {
    same: file('same', { mtime: T }), changed: file('old content', { mtime: OLD }), grown: file({ size: 200_000, seed: 1 }, { mtime: OLD }), mode: file('m', { mtime: T, mode: 0o644 }),
    extra: file('extra', { mtime: OLD }), 'extra.o': file('o', { mtime: OLD }), 'e.bak': file('b', { mtime: OLD }), link: symlink('elsewhere', { mtime: OLD }), d: dir({ gone: file('gone', { mtime: OLD }), inner: dir({ x: file('x', { mtime: OLD }) }, { mtime: OLD }) }, { mtime: OLD }),
    large: file({ size: 2_000_000, seed: 2 }, { mtime: OLD }), olddir: dir({ f: file('f', { mtime: OLD }) }, { mtime: OLD }), newer: file('n', { mtime: time(1_700_000_000) }),
  };
}

/** Options of one run; `-i` shows what it did. */
const CASES: readonly string[][] = [
  ['-a'], ['-aHAXS', '--delete', '--stats'], ['-rlptgoD', '--delete-before', '--numeric-ids'], ['-ac', '--delete-during'], ['-a', '--delete-excluded', '--exclude=*.o'], ['-aI', '--max-size=100K'],
  ['-au', '--size-only', '--min-size=100'], ['-a', '--existing', '-z'], ['-a', '--ignore-existing', '--no-compress'], ['-aLO', '--delete', '--force'], ['-a', '--safe-links', '--fsync'], ['-akK', '--copy-unsafe-links'],
  ['-a', '--inplace', '--no-whole-file'], ['-a', '--no-whole-file', '--preallocate'], ['-aW', '--inplace'], ['-a', '--append'], ['-a', '--append-verify'], ['-ab', '--suffix=.old', '--delete'],
  ['-ab', '--backup-dir=kept', '--partial-dir=.p'], ['-a', '--delay-updates', '--temp-dir=/tmp', '--threads=2'], ['-aF', '--delete'], ['-aC', '--gitignore', '--delete'], ['-a', '--include=*/', '--include=*.o', '--exclude=*'],
  ['-am', '--exclude=*.o', '--exclude=leaf'], ['-a', '--max-delete=2', '--delete'], ['-aiin', '--delete'], ['-d'], ['-rt', '--chmod=D700,F600'], ['-aE', '--no-p', '--no-t'], ['-a', '--chown=1000:1001'],
  ['-aUJ', '--open-noatime'], ['-a', '--remove-source-files'], ['-ax', '--delete-delay', '--filter=P extra', '--filter=H d'], ['-a', '--list-only', '--bwlimit=100M'],
];

/** How the other host is reached: the words that say so, and how a path of it is written. */
interface Carrier { words: string[]; at(path: string): string; stop(): Promise<unknown> }
const KINDS = ['pipe', 'ssh', 'tls'] as const;
type Kind = (typeof KINDS)[number];
/** Over which all cases run. */
const CHOSEN = process.env['TWINTREE_CARRIER'] ?? 'pipe';
/** Cases that run over all of them. */
const ALWAYS: readonly string[][] = [['-aHAXS', '--delete', '--stats'], ['-a', '--inplace', '--no-whole-file'], ['-aF', '--delete']];

async function carrierOf(kind: Kind, folder: TempFolder): Promise<Carrier> {
  switch (kind) {
    case 'pipe': return { words: wayArgs('push', remoteShell(folder)), at: (path) => `host:${path}`, stop: () => Promise.resolve() };
    case 'ssh': {
      const sshd = await startSshd({ env: { TWINTREE_STATE_DIR: folder.at('state'), LC_ALL: 'C.UTF-8', TZ: 'UTC' } });
      return { words: ['-e', sshd.rsh, `--rsync-path=${REMOTE_PATH}`, '--no-bootstrap', '--retries=0'], at: (path) => `box:${path}`, stop: () => sshd.close() };
    }
    case 'tls': {
      const made = (name: string): string => /sha256:[0-9a-f]{64}/.exec(twintree(['cert', 'make', folder.at(name)]).stdout)?.[0] ?? '';
      const [pin, me] = [made('server.pem'), made('client.pem')];
      const daemon = await startDaemon(folder, { identity: 'server.pem', roots: { all: { path: '/', access: 'read-write', peers: [me] } } }, { timeout: 3_600_000 });
      return { words: [`--identity=${folder.at('client.pem')}`, `--fingerprint=${pin}`, '--retries=0'], at: (path) => `twintree://127.0.0.1:${daemon.port}/all${path}`, stop: () => daemon.stop() };
    }
  }
}

for (const kind of KINDS) {
  const all = kind === CHOSEN;
  if (all || kind !== 'pipe') describeIf(`sync over ${{ pipe: 'a connection', ssh: 'a real sshd', tls: 'TLS' }[kind]} does what a local sync does`, kind === 'ssh' ? whyNoSshd() : undefined, () => { parity(kind, all); });
}

function parity(kind: Kind, all: boolean): void {
  const tmp = useTempFolder('parity');
  const root = process.getuid?.() === 0;
  let home: TempFolder;
  let carrier: Carrier;
  before('reach the other host', async () => {
    home = tempFolder('parity-host');
    carrier = await carrierOf(kind, home);
  });
  after('leave it', async () => {
    await carrier.stop();
    home.remove();
  });

  /** The words of `sync OPTIONS from to` that way; both are paths of this machine, absolute. */
  function argsOf(way: Way, options: readonly string[], from: string | string[], to: string): string[] {
    const sources = (typeof from === 'string' ? [from] : from).map((each) => (way === 'pull' ? carrier.at(each) : each));
    return [...(way === 'local' ? [] : carrier.words), ...options, ...sources, way === 'push' ? carrier.at(to) : to];
  }

  interface Done { code: number | null; lines: string; errors: string; s: string; t: string }

  /** Runs one way on trees of its own; `asCommand`: as a process of its own. */
  async function run(way: Way, options: readonly string[], from: Tree, to: Tree | undefined, asCommand: boolean): Promise<Done> {
    const s = tmp.at(`${way}-s`);
    const t = tmp.at(`${way}-t`);
    makeTree(s, from, { mtime: T });
    if (to !== undefined) makeTree(t, to, { mtime: OLD });
    const args = argsOf(way, ['-i', ...options], `${s}/`, t);
    const done = asCommand ? twintree(['sync', ...args]) : await syncHere(args);
    return { code: done.code, lines: plain(done.stdout.trimEnd()), errors: done.stderr.replaceAll(`${way}-`, ''), s, t };
  }

  /** All three ways, one after the other: a run here has the process' umask to itself. */
  async function allWays(options: readonly string[], from: () => Tree, to: () => Tree, asCommand = false): Promise<[local: Done, push: Done, pull: Done]> {
    return [await run('local', options, from(), to(), asCommand), await run('push', options, from(), to(), asCommand), await run('pull', options, from(), to(), asCommand)];
  }

  /** What may differ: rates and times, and the letter that says that content came over a wire. */
  function plain(stdout: string): string {
    return stdout.split('\n').filter((line) => !/bytes\/sec|^(?:File list|Total bytes|Literal data|Matched data|sent |Elapsed|total size is)/.test(line)).map((line) => line.replace(/^<f/, '>f')).join('\n');
  }

  /** A daemon is bound to its root: what an absolute symlink leads to is not followed there (docs/serve.md), so that there is none. */
  function reachable({ out, ...rest }: Tree): Tree {
    return kind === 'tls' || out === undefined ? rest : { out, ...rest };
  }

  for (const options of all ? CASES : ALWAYS) {
    const needsRoot = options.some((option) => option.startsWith('--chown'));
    it(options.join(' '), async function () {
      if (needsRoot && !root) return this.skip();
      const [local, push, pull] = await allWays(options, () => reachable(source()), target, options.includes('--stats'));
      for (const [way, remote] of [['push', push], ['pull', pull]] as const) {
        assert.deepEqual([way, remote.code, remote.errors, remote.lines], [way, local.code, local.errors, local.lines]);
        // What no option keeps has the time of its own run.
        const words = options.join(' ');
        const ignore = [
          ...(/--no-t|-d$/.test(words) ? ['mtime', 'dir-mtime', 'link-mtime'] as const : []), ...(/O|-ab|max-delete/.test(words) ? ['dir-mtime'] as const : []), ...(/J/.test(words) ? ['link-mtime'] as const : []),
        ];
        assertSameTree(local.t, remote.t, { ignore });
        if (options.includes('--remove-source-files')) assert.deepEqual(treePaths(remote.s), treePaths(local.s));
      }
    });
  }

  if (!all) return;
  for (let seed = 1; seed <= 4; seed++) {
    it(`random trees, -aHAX --delete (seed ${seed})`, async () => {
      const old = randomTree(seed, { entries: 60 });
      const fresh = changedTree(old, seed, { changes: 25 });
      const [local, push, pull] = await allWays(['-aHAX', '--delete', ...(seed % 2 === 0 ? ['--threads=2'] : [])], () => fresh, () => old); // so few files are one thread's otherwise
      for (const [way, remote] of [['push', push], ['pull', pull]] as const) {
        assert.deepEqual([way, remote.code, remote.errors, remote.lines], [way, 0, '', local.lines]);
        assertSameTree(remote.s, remote.t);
      }
    });
  }

  it('several sources, files, -R, --files-from and a single file under another name', async () => {
    makeTree(tmp.at('a'), { f: file('f', { mtime: T }), d: dir({ g: file('g', { mtime: T }) }, { mtime: T }) }, { mtime: T });
    makeTree(tmp.at('b'), { f: file('other', { mtime: T }), h: file('h', { mtime: T }) }, { mtime: T });
    const cases: [string[], string[], string][] = [
      [['-a'], [tmp.at('a'), `${tmp.at('b')}/`], 'many'], [['-a'], [tmp.at('a', 'f')], 'renamed'], [['-aR'], [`${tmp.path}/./a/d/g`, `${tmp.path}/./b/h`], 'relative'],
      [['-a', `--files-from=${tmp.at('list')}`], [tmp.path], 'listed'], [['-a', '--mkpath'], [`${tmp.at('a')}/`], 'deep/er/path'], [['-a'], [tmp.at('absent'), tmp.at('b')], 'missing'],
    ];
    runCommand('sh', ['-c', `printf 'a/d/g\\nb/h\\n' > '${tmp.at('list')}'`]);
    for (const [options, sources, name] of cases) {
      const results = [];
      for (const way of ['local', 'push', 'pull'] as const) {
        mkdirSync(tmp.at(way), { recursive: true });
        const done = await syncHere(argsOf(way, ['-i', ...options], sources, tmp.at(way, name)));
        results.push({ code: done.code, lines: plain(done.stdout).replaceAll(tmp.at(way), ''), errors: done.stderr });
      }
      assert.deepEqual(results[1], results[0], `push ${name}`);
      assert.deepEqual(results[2], results[0], `pull ${name}`);
      for (const way of ['push', 'pull']) {
        if (name === 'renamed') assert.equal(readFileSync(tmp.at(way, name), 'utf8'), 'f');
        else assertSameTree(tmp.at('local', name), tmp.at(way, name), { root: false }); // the root itself is no part of some
      }
    }
  });

  it('--link-dest and --compare-dest are folders of the target’s host', async () => {
    for (const way of ['local', 'push', 'pull'] as const) {
      const same = file('same', { mtime: T });
      makeTree(tmp.at(`${way}-base`), { same, other: file('old', { mtime: T }) }, { mtime: T });
      makeTree(tmp.at(`${way}-s`), { same, other: file('newer', { mtime: T }) }, { mtime: T });
      const done = await syncHere(argsOf(way, ['-ai', `--link-dest=../${way}-base`], `${tmp.at(`${way}-s`)}/`, tmp.at(`${way}-t`)));
      assert.equal(done.code, 0, done.stderr);
      assert.ok(existsSync(tmp.at(`${way}-t`, 'other')));
      assert.equal(runCommand('stat', ['-c', '%h', tmp.at(`${way}-t`, 'same')]).stdout.trim(), '2', way);
    }
  });

  it('verify tells the same differences', () => {
    makeTree(tmp.at('s'), source(), { mtime: T });
    makeTree(tmp.at('t'), target(), { mtime: OLD });
    const told = (['local', 'push', 'pull'] as const).map((way) => {
      const from = way === 'pull' ? carrier.at(`${tmp.at('s')}/`) : `${tmp.at('s')}/`;
      const to = way === 'push' ? carrier.at(tmp.at('t')) : tmp.at('t');
      const done = twintree(['verify', ...(way === 'local' ? [] : carrier.words), '-HAX', from, to]);
      return [done.code, plain(done.stdout), done.stderr];
    });
    assert.equal(told[0]?.[0], 23);
    assert.deepEqual(told[1], told[0], 'push');
    assert.deepEqual(told[2], told[0], 'pull');
  });
}

/** As whoever installs the package has it, with the threads' own files: those of the tests' build are the bundle's (bundled-threads.js). */
const { sync, verify } = (await import(pathToFileURL(join(REPOSITORY, 'dist/index.js')).href)) as typeof import('../../src/index.js');

describe('the library', () => {
  const tmp = useTempFolder('library');

  it('compares contents between local trees, which is done in other threads', async () => {
    makeTree(tmp.at('s'), { f: file('new', { mtime: T }), same: file('same', { mtime: T }) }, { mtime: T });
    makeTree(tmp.at('t'), { f: file('old', { mtime: T }), same: file('same', { mtime: T }) }, { mtime: T });
    const outcome = await sync({ source: `${tmp.at('s')}/`, target: tmp.at('t'), args: ['-ac'] });
    assert.deepEqual([outcome.exitCode, outcome.transferredFiles], [0, 1]);
    assertSameTree(tmp.at('s'), tmp.at('t'));
  });

  it('syncs and verifies trees of another host, and never takes its paths for local ones', async () => {
    const shell = remoteShell(tmp);
    makeTree(tmp.at('s'), { f: file('content', { mtime: T }), d: dir({ g: file('g', { mtime: T }) }, { mtime: T }) }, { mtime: T });
    const args = [...wayArgs('push', shell), '-a'];
    const pushed = await sync({ source: `${tmp.at('s')}/`, target: `host:${tmp.at('t')}`, args });
    assert.deepEqual([pushed.exitCode, pushed.transferredFiles], [0, 2]);
    assertSameTree(tmp.at('s'), tmp.at('t'));
    const pulled = await sync({ source: `host:${tmp.at('s')}/`, target: tmp.at('u'), args });
    assert.deepEqual([pulled.exitCode, pulled.transferredFiles], [0, 2]);
    assertSameTree(tmp.at('s'), tmp.at('u'));
    assert.equal((await verify({ source: `host:${tmp.at('s')}/`, target: tmp.at('u'), args })).exitCode, 0);
    await assert.rejects(sync({ source: 'host:x', target: 'host:y', args }), /cannot both be on other hosts/);
  });
});
