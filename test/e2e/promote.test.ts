/**
 * A standby becomes the source when the old one is gone: what was acknowledged before the moment that is told is there, the old source is refused when it comes back
 * and left alone, and nothing is lost when the direction is turned.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startSshd, whyNoSshd, type Sshd } from '../transport/sshd.js';
import { cut } from './mirror-support.js';
import { assertComplete, until, Writer } from './promote-support.js';
import { left } from './remote-cut-support.js';
import { REMOTE_PATH, remoteShell, syncHere, wayArgs } from './remote-support.js';
import { assertSameTree, describeIf, Network, PLAIN_UID, REPOSITORY, startCommand, startTwintree, treePaths, twintree, useTempFolder, whyNoNetns, whyNoOtherUser, type Running, type RunResult } from '../support/index.js';

interface Told { promoted: boolean; at: number | null; standby: { upTo: number | null; copied: boolean; phase: string; failing: number; names: string[]; heardAt: number; sourceClockAheadMs: number } | null; leftovers?: { paths: string[] } }

const HELD = /"type":"status"[^\n]*"phase":"held"[^\n]*"code":"PROMOTED"/;

describe('promote', () => {
  const tmp = useTempFolder('promote');
  const running: Running[] = [];
  const [s, t] = [(name = ''): string => tmp.at('s') + name, (name = ''): string => tmp.at('t') + name];
  const near = (): Record<string, string> => ({ TWINTREE_STATE_DIR: tmp.at('near') });
  let far: Record<string, string>;
  beforeEach(() => { far = { TWINTREE_STATE_DIR: tmp.at('far') }; });
  afterEach(async () => { for (const each of running.splice(0)) await each.kill('SIGKILL'); });

  const promote = (...args: string[]): RunResult => twintree(['promote', ...args], { env: far });
  const told = ({ stdout }: RunResult): Told => JSON.parse(stdout.split('\n')[0] ?? '') as Told;
  const show = (): Told => told(promote('--json', '--show', t()));
  /** What the target's host has kept, without asking the program. */
  const notes = (): { upTo: number | null; copied: boolean }[] => (existsSync(tmp.at('far/standby')) ? readdirSync(tmp.at('far/standby')) : []).flatMap((name) => {
    try {
      return [JSON.parse(readFileSync(tmp.at('far/standby', name), 'utf8')) as { upTo: number | null; copied: boolean }];
    } catch {
      return []; // being written
    }
  });
  const upTo = (): number => Math.max(0, ...notes().map((note) => note.upTo ?? 0));
  function start(command: string, args: readonly string[], env: Record<string, string>): Running {
    const one = startTwintree([command, ...args], { env });
    running.push(one);
    return one;
  }
  /** A remote shell to the other host: its state and its clock are its own. */
  const shellTo = (env: Record<string, string>, log: string): string => {
    const path = remoteShell(tmp, `${Object.entries(env).map(([name, value]) => `export ${name}='${value}'`).join('; ')}\necho $$ >>'${tmp.at(log)}'`);
    renameSync(path, tmp.at(`rsh-${log}`));
    return tmp.at(`rsh-${log}`);
  };
  const lines = (name: string): number => readFileSync(tmp.at(name), 'utf8').trim().split('\n').length;

  it('after kill -9 in the middle of load: all before the moment is there; the old source is refused and left alone, also where the new one cannot be reached; nothing is lost on the way back', async () => {
    // The other host's clock is an hour behind: the moment is told in the source's.
    writeFileSync(tmp.at('clock.mjs'), 'const now = Date.now; Date.now = () => now() - 3_600_000;\n');
    far['NODE_OPTIONS'] = `--import=file://${tmp.at('clock.mjs')}`;
    const way = [...wayArgs('push', shellTo(far, 'agents')), `${s()}/`, `host:${t()}`];
    const follow = ['--json', '--delete', '--quiet-time=20ms', '--longest-delay=100ms', ...way];
    const writer = new Writer(s(), 1);
    for (let k = 0; k < 50; k++) writer.write();
    const first = start('mirror', follow, near());
    assert.ok(await first.output(/"type":"session",[^\n]*"kind":"full"/));
    const began = Date.now();
    writer.start();
    await until(() => upTo() > began + 700, 'a moment in the middle of the load');
    await first.kill('SIGKILL');
    cut(tmp.at('agents'));
    for (let k = 0; k < 50; k++) writer.write(); // what never travels
    await writer.stop();
    writeFileSync(s('/only here'), 'written after the moment');

    const alive = promote('--yes', t());
    assert.deepEqual([alive.code, /the mirror is at work: it was heard of/.test(alive.stderr)], [70, true], alive.stderr);
    const hooked = promote('--yes', `--fence-hook=echo no power switch at $TWINTREE_SOURCE; exit 3`, t());
    assert.equal(hooked.code, 70, 'that comes first');
    const promoted = promote('--json', '--yes', '--force', `--fence-hook=echo "$TWINTREE_SOURCE $TWINTREE_COMPLETE_UP_TO" >'${tmp.at('hook')}'`, t());
    assert.equal(promoted.code, 0, promoted.stderr);
    const { standby, promoted: done, at } = told(promoted);
    assert.deepEqual([done, standby?.copied, standby?.phase], [true, true, 'following']);
    assertComplete(writer, t(), standby);
    assert.ok(Math.abs((standby?.sourceClockAheadMs ?? 0) - 3_600_000) < 60_000 && (standby?.upTo ?? 0) > began, 'in the clock of the source');
    assert.equal(readFileSync(tmp.at('hook'), 'utf8'), `${s()} ${new Date(standby?.upTo ?? 0).toISOString()}\n`);
    assert.match(promote(t()).stdout, /that clock was 60 min ahead of this host's[^]*it is promoted already/);

    // The old source comes back.
    const [before, here] = [treePaths(t()).length, treePaths(s())];
    const back = start('mirror', follow, near());
    assert.ok(await back.output(HELD));
    const tries = lines('agents');
    assert.ok(await back.output(new RegExp(`${HELD.source}[^]*${HELD.source}`)), 'for a while');
    assert.equal(lines('agents'), tries, 'it is asked once');
    assert.deepEqual([treePaths(t()).length, treePaths(s())], [before, here], 'both trees are as they were');
    const status = twintree(['status', `${s()}/`, `host:${t()}`], { env: near() });
    assert.equal(status.code, 23);
    assert.match(status.stdout, /held[^]*\(PROMOTED\); held: nothing is sent any more[^]* is no longer the source of host:/);
    await back.kill('SIGTERM');

    // Where the new one cannot be reached, this host knows it all the same.
    writeFileSync(tmp.at('gone'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const away = twintree(['sync', '-a', '-e', tmp.at('gone'), '--no-bootstrap', '--retries=0', `${s()}/`, `host:${t()}`], { env: near() });
    assert.deepEqual([away.code, /said at .* that it was promoted, and cannot be asked now/.test(away.stderr)], [70, true], away.stderr);

    // The way back, on the new source's host: what only the old one has is looked at and kept, then the direction is turned.
    writeFileSync(t('/new life'), 'after the promotion');
    const toOld = [...wayArgs('push', shellTo(near(), 'olds'))];
    const looked = twintree(['sync', '-ain', ...toOld, `old:${s()}/`, `${t()}/`], { env: far });
    assert.match(looked.stdout, /only here/);
    assert.equal(twintree(['sync', '-a', `--compare-dest=${t()}`, ...toOld, `old:${s()}/`, `${tmp.at('lost')}/`], { env: far }).code, 0);
    assert.equal(readFileSync(tmp.at('lost/only here'), 'utf8'), 'written after the moment');
    const content = (path: string): string | undefined => (existsSync(path) && statSync(path).isFile() ? readFileSync(path, 'utf8') : undefined);
    const differing = here.map((name) => ({ name, old: content(s(`/${name}`)) })).filter(({ name, old }) => old !== undefined && old !== content(t(`/${name}`)));
    assert.ok(differing.length > 1);
    const reverse = start('mirror', ['--json', '--delete', '--backup', `--backup-dir=${tmp.at('backups')}`, ...toOld, `${t()}/`, `old:${s()}`], far);
    assert.ok(await reverse.output(/"type":"session",[^\n]*"kind":"full"/));
    for (const { name, old } of differing) for (const kept of ['lost', 'backups']) assert.equal(content(tmp.at(kept, name)), old, `${kept}: ${name}`);
    await reverse.kill('SIGTERM');
    assertSameTree(t(), s());

    // Lifted, and said so: it takes the old source again.
    assert.equal(promote('--undo', t()).code, 0);
    assert.equal(promote('--undo', t()).code, 23);
    assert.ok(at !== null);
    assert.equal(twintree(['sync', '-a', ...way], { env: near() }).code, 0);
    assert.doesNotMatch(twintree(['status'], { env: near() }).stdout, /no longer the source/);
  });

  it('an idle mirror hears of it by itself, holds, and goes on when the promotion is lifted and a person says so', async () => {
    mkdirSync(s());
    writeFileSync(s('/a'), '1');
    const way = [...wayArgs('push', shellTo(far, 'agents')), `${s()}/`, `host:${t()}`, `host:${tmp.at('u')}`];
    const mirror = start('mirror', ['--json', '--quiet-time=20ms', ...way], near());
    await until(() => notes().filter(({ copied }) => copied).length >= 2, 'both first copies are told of');
    await until(() => existsSync(tmp.at('u/a')) && existsSync(t('/a')), 'both targets');
    assert.equal(promote('--yes', '--force', t()).code, 0);
    assert.ok(await mirror.output(HELD), 'nothing had changed');
    writeFileSync(s('/b'), '2');
    assert.ok(await mirror.output(/"phase":"held"[^\n]*"backlog":\{"paths":[1-9]/), 'what changes is kept');
    await until(() => existsSync(tmp.at('u/b')), 'the other target goes on');
    assert.ok(!existsSync(t('/b')));
    assert.equal(promote('--undo', t()).code, 0);
    const resumed = twintree(['resume', `${s()}/`, `host:${t()}`], { env: near() });
    assert.match(resumed.stdout, /asks the target again/);
    await until(() => existsSync(t('/b')), 'it goes on');
    await mirror.kill('SIGTERM');
    assert.equal(show().standby?.phase, 'ended');
    assert.match(promote('--yes', t()).stdout, /it had been ended in good order[^]*is the source now/);
  });

  describe('here', () => {
    const here = (): Record<string, string> => ({ TWINTREE_STATE_DIR: tmp.at('far') });
    let before: string | undefined;
    beforeEach(() => {
      before = process.env['TWINTREE_STATE_DIR'];
      process.env['TWINTREE_STATE_DIR'] = tmp.at('far');
      for (const name of ['s', 't/in']) mkdirSync(tmp.at(name), { recursive: true });
      writeFileSync(s('/f'), 'content');
    });
    afterEach(() => {
      if (before === undefined) delete process.env['TWINTREE_STATE_DIR'];
      else process.env['TWINTREE_STATE_DIR'] = before;
    });

    it('needs force where nothing is known; then nothing writes into it or below, by any way, and looking is allowed', async () => {
      const refused = promote('--yes', t());
      assert.deepEqual([refused.code, /no mirror has told here/.test(refused.stderr)], [70, true]);
      assert.equal(promote(t()).code, 70, 'before it asks');
      const failing = promote('--yes', t(), '--fence-hook=exit 3');
      assert.equal(failing.code, 70);
      assert.equal(promote('--yes', '--force', '--fence-hook=exit 3', '--json', t()).code, 0, 'force goes past a hook');
      const shell = remoteShell(tmp);
      for (const [args, code] of [
        [['-a', `${s()}/`, t()], 70], [['-a', '--no-lock', `${s()}/`, t()], 70], [['-a', s('/f'), t('/f')], 70], [['-a', `${s()}/`, t('/in')], 70], [['-a', `${s()}/`, t('/in/new')], 70],
        [['-a', ...wayArgs('push', shell), `${s()}/`, `host:${t()}`], 70], [['-a', ...wayArgs('pull', shell), `host:${s()}/`, t()], 70],
        [['-an', `${s()}/`, t()], 0], [['-a', `${s()}/`, tmp.at('u')], 0], [['-a', `${t()}/`, tmp.at('u')], 0],
      ] as const) {
        const done = await syncHere(args);
        assert.equal(done.code, code, `${args.join(' ')}: ${done.stderr}`);
        if (code === 70) assert.match(done.stderr, /\(PROMOTED, exit code 70\)/);
        if (args[0] === '-an') assert.match(`${done.stdout}${done.stderr}`, /this target was promoted/);
      }
      assert.deepEqual(treePaths(t()), ['in']);
      const job = tmp.at('jobs.yaml');
      writeFileSync(job, JSON.stringify({ jobs: { copy: { source: `${s()}/`, targets: t(), schedule: '@daily' } } }), { mode: 0o600 });
      const status = twintree(['job', 'status', '--json', `--config=${job}`], { env: here() });
      assert.equal(status.code, 23);
      assert.equal((JSON.parse(status.stdout) as { promoted: { target: string }[] }).promoted[0]?.target, t());
    });

    it('a hook that fails stops it, and an answer that is no', async () => {
      const mirror = start('mirror', ['--json', `${s()}/`, t()], here());
      await until(() => upTo() > 0, 'a moment');
      await mirror.kill('SIGTERM');
      const failed = promote('--yes', t(), '--fence-hook=echo so; exit 3');
      assert.equal(failed.code, 21);
      assert.match(failed.stderr, /the fencing hook says:\n {2}so\n[^]*exit code 3[^]*nothing was promoted/);
      assert.equal(promote('--yes', t(), '--fence-hook=sleep 60', '--hook-timeout=100ms').code, 21);
      assert.equal(promote(t()).code, 1, 'nobody to ask');
      assert.equal(show().promoted, false);
      assert.equal((await syncHere(['-a', `${s()}/`, t()])).code, 0);
    });

    it('ends a session that is at work, with force, and tells of what it had begun', async () => {
      writeFileSync(s('/big'), Buffer.alloc(64 << 20, 'x'));
      const session = start('sync', ['-a', '--bwlimit=1M', `${s()}/`, t()], here());
      await until(() => left(t()).length > 0, 'it has begun');
      const refused = promote('--yes', t());
      assert.deepEqual([refused.code, /a session is at work on it right now/.test(refused.stderr)], [75, true]);
      assert.equal(promote('--yes', '--force', t()).code, 0);
      const { code, stderr } = await session.finished;
      assert.deepEqual([code, /PROMOTED/.test(stderr)], [70, true], stderr);
      assert.ok(!existsSync(t('/big')));
      // One that was killed leaves what it had begun.
      assert.equal(promote('--undo', t()).code, 0);
      const killed = start('sync', ['-a', '--bwlimit=1M', `${s()}/`, t()], here());
      await until(() => left(t()).length > 0, 'it has begun');
      await killed.kill('SIGKILL');
      assert.deepEqual(told(promote('--json', '--yes', '--force', t())).leftovers?.paths, left(t()));
    });

    describeIf('another user', whyNoOtherUser(), () => {
      it('is refused by what root has set', () => {
        assert.equal(promote('--yes', '--force', t()).code, 0);
        chmodSync(t(), 0o777);
        const done = twintree(['sync', '-r', s('/f'), `${t()}/`], { env: here(), uid: PLAIN_UID });
        assert.deepEqual([done.code, existsSync(t('/f'))], [70, false], done.stderr);
      });
    });
  });

  describeIf('a link that is cut', whyNoNetns() ?? whyNoSshd(), () => {
    it('the old source lives on beyond it, and is fenced when it is mended', async () => {
      const network = new Network();
      let sshd: Sshd | undefined;
      const writer = new Writer(s(), 2);
      try {
        sshd = await startSshd({
          elsewhere: { within: network.far.within, port: 2201, reached: { host: network.far.address, port: 2201 }, listen: '0.0.0.0' }, client: ['ServerAliveInterval 1', 'ServerAliveCountMax 2', 'ConnectTimeout 2'],
        });
        const shim = join(REPOSITORY, 'bin/twintree.js');
        const [program = '', ...words] = [...network.near.within, process.execPath, shim, 'mirror', '--json', '--delete', '--quiet-time=20ms', '-e', sshd.rsh, `--rsync-path=env TWINTREE_STATE_DIR=${tmp.at('far')} ${REMOTE_PATH}`, `${s()}/`, `box:${t()}`];
        const mirror = startCommand(program, words, { env: near() });
        running.push(mirror);
        assert.ok(await mirror.output(/"type":"session",[^\n]*"kind":"full"/));
        const began = Date.now();
        writer.start();
        await until(() => upTo() > began + 500, 'a moment in the middle of the load');
        network.link('down');
        const promoted = promote('--json', '--yes', '--force', t());
        assert.equal(promoted.code, 0, promoted.stderr);
        assertComplete(writer, t(), told(promoted).standby);
        const after = treePaths(t()).map((name) => `${name} ${statSync(t(`/${name}`)).size}`);
        network.link('up');
        assert.ok(await mirror.output(HELD));
        await writer.stop();
        assert.deepEqual(treePaths(t()).map((name) => `${name} ${statSync(t(`/${name}`)).size}`), after, 'nothing came over any more');
      } finally {
        await writer.stop();
        for (const each of running.splice(0)) await each.kill('SIGKILL');
        await sshd?.close();
        network.remove();
      }
    });
  });
});
