/**
 * A mirror while real programs change its source, and while it has trouble: killed, its other end killed, the connection cut, the target full. At
 * rest both trees are equal, and what the programs left works on the copy. TWINTREE_MIRROR_SECONDS=N: so long, with all programs that are
 * installed (`npm run test:mirror`); without it a short form. TWINTREE_MIRROR_SEED=N: other moments.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertSameTree, describeIf, Dice, mountFs, REPOSITORY, useTempFolder, whyNoMount, type Mount } from '../support/index.js';
import { startSshd, whyNoSshd, type Sshd } from '../transport/sshd.js';
import { storm } from './mirror-support.js';
import { check, connected, installed, Lives, program } from './mirror-real-support.js';
import { REMOTE_PATH } from './remote-support.js';

const SECONDS = Number(process.env['TWINTREE_MIRROR_SECONDS'] ?? 0);
const SEED = Number(process.env['TWINTREE_MIRROR_SEED'] ?? 1);
const long = SECONDS > 0;
const RELAY = fileURLToPath(new URL('./remote-relay.js', import.meta.url));

type Way = 'local' | 'shell' | 'ssh';
type Trouble = 'killed' | 'other end killed' | 'cut' | 'silent' | 'full';
const whyNot = process.getuid?.() !== 0 ? 'needs root: programs run as other users, and a small file system is filled' : installed('git', 'python3') ? whyNoMount('ext4') : 'git or python3 is missing';

describeIf('a mirror of what real programs change', whyNot, () => {
  const temp = useTempFolder('mirror-real');
  let lives: Lives | undefined;
  let mount: Mount | undefined;
  let sshd: Sshd | undefined;

  afterEach(async () => {
    await lives?.away();
    lives = undefined;
    await sshd?.close();
    sshd = undefined;
    mount?.unmount();
    mount = undefined;
  });

  /** A remote shell that goes through a relay, which can be killed and stopped, to an agent here or over ssh. */
  function shell(inner: string): string {
    const path = temp.at('rsh');
    const plan = JSON.stringify({ log: temp.at('relay.log'), cuts: [] });
    const end = inner === '' ? `while [ "$1" = -l ] || [ "$1" = -p ]; do shift 2; done\nshift\nexec '${process.execPath}' '${RELAY}' '${plan}' sh -c "exec $*"\n` : `exec '${process.execPath}' '${RELAY}' '${plan}' ${inner} "$@"\n`;
    writeFileSync(path, `#!/bin/sh\n${end}`, { mode: 0o755 });
    return path;
  }

  async function begin(way: Way): Promise<{ s: string; t: string; mirror: Lives }> {
    mount = mountFs('ext4', { sizeMiB: long ? 2000 : 300 });
    const s = temp.at('s');
    const t = mount.at('t');
    mkdirSync(s);
    if (way === 'ssh') sshd = await startSshd();
    const far = way === 'local' ? [] : ['-e', shell(way === 'ssh' ? (sshd as Sshd).rsh : ''), `--rsync-path=${REMOTE_PATH}`, '--no-bootstrap', '--timeout=5', '--contimeout=20'];
    lives = new Lives(['-AX', '--delete', `--capture=${way === 'shell' ? 'inotify' : 'auto'}`, ...far, `${s}/`, way === 'local' ? t : `box:${t}`], { TWINTREE_STATE_DIR: temp.at('state') });
    lives.start();
    await lives.until('the first copy was made', (line) => line.type === 'session' && line.kind === 'full', 0);
    return { s, t, mirror: lives };
  }

  /** What changes the source for `seconds`; each in a folder of its own. Resolves when all is quiet, with checks of a copy. */
  function work(s: string, seconds: number, seed: number): { quiet: Promise<unknown>; checks: ((t: string) => void)[] } {
    const folder = (name: string): string => {
      mkdirSync(join(s, name), { recursive: true });
      return join(s, name);
    };
    const running: Promise<unknown>[] = [program('git.sh', folder('git'), seconds), program('sqlite.py', folder('sqlite'), seconds)];
    const checks = [
      (t: string): void => {
        for (const repository of ['repo', 'clone']) check('git', '-c', 'safe.directory=*', '-C', join(t, 'git', repository), 'fsck', '--full', '--strict');
        assert.equal(check('git', '-c', 'safe.directory=*', '-C', join(t, 'git', 'repo'), 'status', '--porcelain'), '');
      },
      (t: string): void => {
        for (const name of ['delete', 'wal']) assert.equal(check('python3', '-c', 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("pragma integrity_check").fetchone()[0])', join(t, 'sqlite', `${name}.db`)).trim(), 'ok');
      },
    ];
    const storms = async (): Promise<void> => {
      const until = performance.now() + 1000 * seconds;
      for (let n = 0; n === 0 || performance.now() < until; n++) await storm(folder('storm'), temp.at('outside'), seed * 1000 + n, long ? 3000 : 600);
    };
    running.push(storms());
    if (long) {
      running.push(program('compile.sh', folder('compile'), seconds, REPOSITORY));
      if (installed('stress-ng')) running.push((async () => { for (const until = performance.now() + 1000 * seconds; performance.now() < until;) await program('stress.sh', folder('stress'), Math.min(20, seconds)); })());
      if (existsSync('/usr/lib/postgresql') && installed('setpriv')) {
        const sockets = temp.at('sockets');
        running.push(program('postgres.sh', folder('postgres'), seconds, sockets));
        checks.push((t) => assert.match(check('postgres-check.sh', join(t, 'postgres'), sockets), /^[1-9]\d*\nbalanced\n$/));
      }
    }
    return { quiet: Promise.all(running), checks };
  }

  /** Fills the target's disk until the mirror says so, then frees it. */
  async function full(mirror: Lives, s: string): Promise<void> {
    const { path } = mount as Mount;
    const { bavail, bsize } = statfsSync(path);
    check('fallocate', '-l', String(Math.max(1, bavail * bsize - (1 << 20))), join(path, 'filler'));
    const from = mirror.lines.length;
    writeFileSync(join(s, 'large'), Buffer.alloc(8 << 20, SEED));
    await mirror.until('it said that the disk is full', (line) => line.type === 'failed' || line.type === 'problem', from);
    rmSync(join(path, 'filler'));
    rmSync(join(s, 'large'));
  }

  async function trouble(kind: Trouble, mirror: Lives, s: string): Promise<void> {
    const far = connected(temp.at('relay.log'));
    switch (kind) {
      case 'killed':
        await mirror.kill();
        mirror.start();
        return;
      case 'full': return full(mirror, s);
      case 'other end killed': if (far !== undefined) process.kill(far.agent, 'SIGKILL'); return;
      case 'cut': if (far !== undefined) process.kill(far.relay, 'SIGKILL'); return;
      case 'silent': if (far !== undefined) { // the mirror gives it up after --timeout; the stopped relay goes then
        process.kill(far.relay, 'SIGSTOP');
        setTimeout(() => { try { process.kill(far.relay, 'SIGKILL'); } catch { /* gone already */ } }, 8000);
      }
    }
  }

  /** The whole: programs at work, trouble at moments by a seed, quiet, equal, and the programs' own judgement of the copy. */
  async function campaign(way: Way, kinds: readonly Trouble[], seconds: number): Promise<void> {
    const { s, t, mirror } = await begin(way);
    const { quiet, checks } = work(s, seconds, SEED);
    const state = { over: false };
    const ended = quiet.finally(() => { state.over = true; });
    ended.catch(() => undefined); // awaited below
    const dice = new Dice(SEED);
    const told: string[] = [];
    const most = long ? Infinity : kinds.length;
    for (let k = 0; !state.over && k < most; k++) {
      const kind = kinds[k % kinds.length] as Trouble;
      const atWork = mirror.until(`trouble ${k} (${kind})`, (line) => line.type === 'session' || line.type === 'failed'); // it is at work again
      if (long) await Promise.race([ended, atWork, new Promise((resolve) => { setTimeout(resolve, 1000 + dice.below(14_000)); })]);
      else await atWork;
      atWork.catch(() => undefined); // where it is killed first
      await trouble(kind, mirror, s);
      told.push(kind);
    }
    await ended;
    await mirror.equal(s, t, 'the end');
    await mirror.end();
    assertSameTree(s, t, { ignore: ['hardlink'] });
    for (const judge of checks) judge(t);
    if (long) {
      const count = (type: string): number => mirror.lines.filter((line) => line.type === type).length;
      process.stdout.write(`      ${way}: ${told.length} troubles, ${mirror.lives} lives, ${count('session')} sessions, ${count('failed')} failed, ${count('condition')} conditions\n`);
    }
  }

  it('is equal at rest (local)', async function () {
    if (long) this.timeout(1000 * (SECONDS + 600));
    await campaign('local', ['killed', 'full'], long ? SECONDS : 2);
  });

  it('is equal at rest (over a remote shell)', async function () {
    if (long) this.timeout(1000 * (SECONDS + 600));
    await campaign('shell', long ? ['cut', 'killed', 'other end killed', 'full', 'silent'] : ['cut', 'other end killed'], long ? SECONDS : 2);
  });

  if (long) {
    describeIf('with sshd', whyNoSshd(), () => {
      it('is equal at rest (over ssh)', async function () {
        this.timeout(1000 * (SECONDS + 600));
        await campaign('ssh', ['cut', 'killed', 'other end killed', 'silent'], SECONDS);
      });
    });
  }
});
