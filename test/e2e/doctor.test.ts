/** twintree doctor on the real thing: file systems without room, users without rights, hosts over ssh and TLS, limits of the kernel, state that is held or damaged. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { doctorRequest, parseDoctor, processContext } from '../../src/cli/index.js';
import { examine, type Finding } from '../../src/doctor/index.js';
import { makeCertificate } from '../../src/transport/index.js';
import { fromText } from '../../src/tree/index.js';
import { describeIf, describeOn, PLAIN_UID, REPOSITORY, runCommand, startTwintree, twintree, useTempFolder, whyNoOtherUser, whyNoRsync } from '../support/index.js';
import { startSshd, whyNoSshd, type Sshd } from '../transport/sshd.js';
import { startDaemon } from './remote-serve-support.js';
import { REMOTE_PATH, remoteShell } from './remote-support.js';

/** What `twintree doctor WORDS` finds, judged in this process. */
async function doctor(...words: string[]): Promise<Finding[]> {
  const parsed = parseDoctor(words.map(fromText), processContext());
  assert.equal(parsed.kind, 'run');
  return examine(doctorRequest((parsed as Extract<typeof parsed, { kind: 'run' }>).work));
}

/** Those that are worse than `ok`. */
function bad(findings: readonly Finding[]): string[] {
  return findings.filter(({ severity }) => severity !== 'ok').map(({ id, severity }) => `${id} ${severity}`);
}
function one(findings: readonly Finding[], id: string): Finding {
  const those = findings.filter((finding) => finding.id === id);
  assert.equal(those.length, 1, `${id} in ${JSON.stringify(findings, undefined, 1)}`);
  return those[0] as Finding;
}

describe('twintree doctor', () => {
  const tmp = useTempFolder('doctor');
  beforeEach(() => {
    mkdirSync(tmp.at('src/a/b'), { recursive: true });
    writeFileSync(tmp.at('src/a/b/x.txt'), 'x');
    writeFileSync(tmp.at('src/c.o'), 'c');
    symlinkSync('c.o', tmp.at('src/link'));
    mkdirSync(tmp.at('dst'));
  });
  const src = (): string => `${tmp.at('src')}/`;

  it('judges a job, for each of its targets', () => {
    const config = tmp.at('twintree.yaml');
    writeFileSync(config, JSON.stringify({
      jobs: {
        two: { source: src(), targets: [tmp.at('dst'), tmp.at('src/c.o/none')], schedule: '@daily', filters: [{ exclude: '/a/gone' }] },
        live: { mode: 'live', source: src(), targets: tmp.at('dst') },
      },
    }), { mode: 0o600 });
    const found = twintree(['doctor', '--job=two', `--config=${config}`]);
    assert.equal(found.code, 23, found.stdout + found.stderr);
    assert.match(found.stdout, /filters\.unused/);
    assert.match(found.stdout, /src\/c\.o\/none/);
    const live = twintree(['doctor', '-v', '--job', 'live', '--config', config]);
    assert.match(live.stdout, /capture\./);
    for (const [args, message] of [[['--job=tow'], /Did you mean two/], [['--job=two', '--delete'], /says its options itself/], [['--job=two', src(), tmp.at('dst')], /says its options itself/]] as const) {
      const refused = twintree(['doctor', ...args, `--config=${config}`]);
      assert.deepEqual([refused.code, message.test(refused.stderr)], [1, true], refused.stderr);
    }
  });

  it('is a command with exit codes, text and JSON', () => {
    const host = twintree(['doctor', '-v']);
    assert.equal(host.code, 0, host.stdout + host.stderr);
    assert.match(host.stdout, /^ok {7}host\.node: twintree \d+\.\d+\.\d+ on Node\.js/m);
    const good = twintree(['doctor', '-rlpt', src(), tmp.at('dst')]);
    assert.deepEqual([good.code, /^nothing to mend; \d+ as they should be\n$/.test(good.stdout)], [0, true], good.stdout);
    const poor = twintree(['doctor', '-a', '--exclude=/a/gone', src(), tmp.at('dst')]);
    assert.equal(poor.code, 23);
    assert.match(poor.stdout, /^warning {2}filters\.unused: .*\n {9}-> correct the path/m);
    assert.match(poor.stdout, /^1 warning; \d+ as they should be$/m);
    const lines = twintree(['doctor', '--json', '-rlpt', src(), tmp.at('no/where')]).stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual([lines[0]?.['type'], lines[0]?.['command'], lines.at(-1)?.['type'], lines.at(-1)?.['exitCode']], ['hello', 'doctor', 'outcome', 23]);
    assert.ok(lines.some(({ type, id, severity, fix }) => type === 'finding' && id === 'target.unusable' && severity === 'error' && String(fix).startsWith(`mkdir -p ${tmp.at('no')} `)));
    assert.equal(twintree(['doctor', '--nonsense']).code, 1);
    assert.equal(twintree(['doctor', '-a', `--write-batch=${tmp.at('batch')}`, src(), tmp.at('dst')]).code, 1);
    assert.match(twintree(['doctor', '--help']).stdout, /--mirror/);
  });

  it('changes nothing on the target', async () => {
    const before = statSync(tmp.at('dst'), { bigint: true });
    assert.deepEqual(bad(await doctor('-aHAXS', '--delete', src(), tmp.at('dst'))).filter((each) => !each.startsWith('rights')), []);
    await doctor('-a', src(), tmp.at('other'));
    assert.deepEqual(readdirSync(tmp.at('.')).toSorted(), ['dst', 'src']);
    assert.deepEqual(readdirSync(tmp.at('dst')), []);
    assert.equal(statSync(tmp.at('dst'), { bigint: true }).mtimeNs, before.mtimeNs);
  });

  it('tells filter rules that match nothing, and those that are never reached', async () => {
    const findings = await doctor('-a', '-F', '--filter=: .mine', '--exclude=*.o', '--exclude=/a/', '--include=/a/b/x.txt', '--exclude=c.*', '--exclude=/q', src(), tmp.at('dst'));
    assert.deepEqual(bad(findings).filter((each) => each.startsWith('filters')), ['filters.unreached warning', 'filters.shadowed note', 'filters.unused warning', 'filters.merge-missing note']);
    assert.match(one(findings, 'filters.unreached').message, /x\.txt.*never reached.*a\/b\/x\.txt/);
    assert.deepEqual(bad(await doctor('-a', '--exclude=*.o', tmp.at('src'), tmp.at('dst'))).filter((each) => each.startsWith('filters')), [], 'the folder itself: SRC');
  });

  it('tells a source that is missing, empty or not gone into', async () => {
    assert.match(one(await doctor('-a', tmp.at('gone'), tmp.at('dst')), 'source.missing').message, /gone/);
    assert.equal(one(await doctor('-a', '--delete', `${tmp.at('dst')}/`, src()), 'source.empty').severity, 'warning');
    assert.equal(one(await doctor('-t', src(), tmp.at('dst')), 'source.skipped').severity, 'warning');
    assert.equal(one(await doctor('-a', src()), 'source.size').severity, 'ok');
    const unreached = await doctor('-a', src(), tmp.at('no/such/place'));
    assert.deepEqual([one(unreached, 'target.unusable').severity, one(unreached, 'source.size').severity], ['error', 'ok'], 'the source is looked at all the same');
  });

  describeIf('as a plain user', whyNoOtherUser(), () => {
    it('tells what that user may not read or write, and what is not kept', () => {
      mkdirSync(tmp.at('src/closed'), { mode: 0o700 });
      writeFileSync(tmp.at('src/secret'), 's', { mode: 0o600 });
      writeFileSync(tmp.at('src/left-out'), 's', { mode: 0o600 });
      for (const path of ['.', 'src', 'src/a', 'src/a/b', 'dst']) chmodSync(tmp.at(path), 0o755);
      const done = twintree(['doctor', '-a', '--json', '--exclude=left-out', src(), tmp.at('dst')], { uid: PLAIN_UID });
      assert.equal(done.code, 23, done.stderr);
      const found = done.stdout.split('\n').filter((line) => line.includes('"finding"')).map((line) => JSON.parse(line) as Finding);
      const unreadable = found.filter(({ id }) => id === 'source.unreadable').map(({ message }) => message).join(' ');
      assert.match(unreadable, /closed/);
      assert.match(unreadable, /: secret\./);
      assert.doesNotMatch(unreadable, /left-out/);
      for (const [id, severity] of [['target.writable', 'error'], ['target.cannot-keep-owner', 'warning'], ['rights.owner', 'note'], ['rights.read', 'note']]) assert.equal(one(found, id as string).severity, severity);
    });
  });

  describeOn(['tmpfs'], { sizeMiB: 1, mount: 'nr_inodes=5' }, (fs) => {
    it('tells that room and inodes do not do', async () => {
      writeFileSync(tmp.at('src/large'), '');
      writeFileSync(tmp.at('src/large'), Buffer.alloc(3 << 20, 1));
      mkdirSync(fs.at('t'));
      const findings = await doctor('-a', src(), fs.at('t'));
      assert.match(one(findings, 'target.space').message, /needs 3\.0 MiB/);
      assert.deepEqual([one(findings, 'target.space').severity, one(findings, 'target.inodes').severity], ['error', 'error']);
    });
  });

  describeOn(['ext4'], { mkfs: ['-I', '128'] }, (fs) => {
    it('tells times that are kept to the second, and a file system that is mounted read-only', async () => {
      mkdirSync(fs.at('t'));
      const findings = await doctor('-aAX', src(), fs.at('t'));
      assert.match(one(findings, 'target.times').message, /to 1 s only/, 'inodes of 128 bytes keep seconds');
      assert.match(one(findings, 'target.holds').message, /symlinks/);
      fs.remount('ro');
      assert.match(one(await doctor('-a', src(), fs.at('t')), 'target.read-only').fix ?? '', /remount,rw/);
      fs.remount('rw');
    });
  });

  describeOn(['vfat'], {}, (fs) => {
    it('tells what the file system does not hold, by the names too', async () => {
      writeFileSync(tmp.at('src/what?'), '');
      const findings = await doctor('-aHX', src(), fs.path);
      for (const id of ['target.holds-symlinks', 'target.holds-hard-links', 'target.holds-user-xattrs']) assert.equal(one(findings, id).severity, 'warning');
      assert.match(one(findings, 'target.names-characters').message, /what\?/);
      assert.equal(one(findings, 'target.folds-names').severity, 'note');
    });
  });

  it('judges a mirror: its capture, and trees that lie in one another', async () => {
    const findings = await doctor('--mirror', '--capture=inotify', '--exclude=/a/b/', src(), tmp.at('dst'));
    assert.match(one(findings, 'capture.backend').message, /inotify, one watch for each of 2 folders/);
    assert.equal(one(findings, 'state.none').severity, 'ok');
    assert.equal(one(await doctor('--mirror', src(), tmp.at('src/a/copy')), 'capture.overlap').severity, 'error');
    const two = await doctor('--mirror', src(), tmp.at('dst'), tmp.at('no/where'));
    assert.equal(one(two, 'target.unusable').target, tmp.at('no/where'));
    assert.equal(two.filter(({ id }) => id === 'source.size').length, 1, 'the source is told of once');
  });

  const namespaces = runCommand('unshare', ['-Ur', 'sh', '-c', 'echo 5 > /proc/sys/user/max_inotify_watches']).code === 0 ? undefined : 'no user namespace with limits of its own can be made here';
  describeIf('with few inotify watches', namespaces, () => {
    it('names the limit, and the command that raises it', () => {
      for (let k = 0; k < 20; k++) mkdirSync(tmp.at(`src/d${k}`));
      const done = runCommand('unshare', ['-Ur', 'sh', '-c', `echo 10 > /proc/sys/user/max_inotify_watches; exec ${REMOTE_PATH} doctor --mirror --capture=inotify ${src()} ${tmp.at('dst')}`]);
      assert.equal(done.code, 23, done.stderr);
      assert.match(done.stdout, /error {4}capture\.watches: The source has 23 folders to be watched, and a user may have 10 watches in all \(user\.max_inotify_watches\).*\n {9}-> sysctl -w user\.max_inotify_watches=\d+ /);
    });
  });

  it('tells state that is held by another run, or damaged, and leaves it as it is', async () => {
    const mirror = startTwintree(['mirror', '-v', src(), tmp.at('dst')]);
    assert.ok(await mirror.output(/following|up to date|Changes are followed/i), 'it follows');
    const held = twintree(['doctor', '--mirror', src(), tmp.at('dst')]); // with the state folder of the mirror
    await mirror.kill('SIGTERM');
    assert.match(held.stdout, /warning {2}state\.locked: Process \d+ .*\n {9}-> twintree status/);
    const folder = statePairs();
    const store = join(folder, 'store', 'data.mdb');
    assert.ok(existsSync(store));
    truncateSync(store, 0);
    const damaged = twintree(['doctor', '--mirror', src(), tmp.at('dst')]);
    assert.equal(damaged.code, 23);
    assert.match(damaged.stdout, /warning {2}state\.damaged: The index in /);
    assert.equal(statSync(store).size, 0, 'nothing was set aside');
    const format = join(folder, 'format.json');
    writeFileSync(format, readFileSync(format, 'utf8').replace(/"format": \d+/, '"format": 999'));
    assert.match(twintree(['doctor', '--mirror', src(), tmp.at('dst')]).stdout, /error {4}state\.format: .*newer/);
    rmSync(folder, { recursive: true });
  });

  /** The one pair's folder that children of this test keep for its trees. */
  function statePairs(): string {
    const pairs = join(dirOfState(), 'pairs');
    const mine = readdirSync(pairs).filter((name) => existsSync(join(pairs, name, 'format.json')) && readFileSync(join(pairs, name, 'format.json'), 'utf8').includes(tmp.at('src')));
    assert.equal(mine.length, 1);
    return join(pairs, mine[0] as string);
  }
  function dirOfState(): string {
    return runCommand('sh', ['-c', 'printf %s "$TWINTREE_STATE_DIR"']).stdout;
  }

  describe('between hosts', () => {
    it('hears what the other end is and holds, whichever way the data goes, and what of it goes wrong', async () => {
      const shell = ['-e', remoteShell(tmp), `--rsync-path=${REMOTE_PATH}`, '--no-bootstrap'];
      for (const ends of [[src(), `box:${tmp.at('dst')}`], [`box:${src()}`, tmp.at('dst')]]) {
        const findings = await doctor('-aAX', '--exclude=*.o', ...shell, ...ends);
        assert.deepEqual(bad(findings), []);
        assert.match(one(findings, 'between.versions').message, /twintree \d+\.\d+\.\d+ on Node\.js \d+/);
        assert.match(one(findings, 'between.clock').message, /less than a second/);
        for (const id of ['target.space', 'target.holds', 'target.times', 'rights.user', 'filters.used']) assert.equal(one(findings, id).severity, 'ok');
      }
      assert.deepEqual(readdirSync(tmp.at('dst')), []);
      const missing = await doctor('-a', ...shell, src(), `box:${tmp.at('no/where')}`);
      assert.match(one(missing, 'target.unusable').fix ?? '', new RegExp(`^mkdir -p ${tmp.at('no')} `));
      const none = await doctor('-a', '--exclude=/q', '-e', tmp.at('no-such-shell'), src(), `box:${tmp.at('dst')}`);
      assert.deepEqual(bad(none).filter((each) => !each.startsWith('rights')), ['between.shell error', 'filters.unused warning'], 'the source is looked at all the same');
    });

    it('tells a host that has only Node.js, or nothing of it', async () => {
      mkdirSync(tmp.at('bin'));
      symlinkSync(process.execPath, tmp.at('bin/node'));
      const bare = remoteShell(tmp, `PATH=${tmp.at('bin')}:/usr/bin:/bin; export PATH`);
      const sent = await doctor('-rlpt', '-e', bare, src(), `box:${tmp.at('dst')}`);
      assert.deepEqual(bad(sent), ['between.bootstrap note']);
      assert.match(one(sent, 'between.versions').message, /twintree \d+\.\d+\.\d+ on Node\.js/, 'what is sent knows its version');
      const none = await doctor('-rlpt', '-e', bare, '--no-bootstrap', src(), `box:${tmp.at('dst')}`);
      assert.match(one(none, 'between.program').fix ?? '', /--no-bootstrap/);
    });

    it('tells a clock that is wrong there', async () => {
      writeFileSync(tmp.at('late.cjs'), 'const { now } = Date; Date.now = () => now() - 7_200_000;');
      const findings = await doctor('-rlpt', '-e', remoteShell(tmp), `--rsync-path=NODE_OPTIONS=--require=${tmp.at('late.cjs')} ${REMOTE_PATH}`, '--no-bootstrap', src(), `box:${tmp.at('dst')}`);
      assert.deepEqual(bad(findings), ['between.clock warning']);
      assert.match(one(findings, 'between.clock').message, /120 minutes behind/);
    });

    describeIf('with a real rsync there', whyNoRsync(), () => {
      it('names it', async () => {
        assert.equal(one(await doctor('-a', '-e', remoteShell(tmp), '--rsync-path=rsync', '--no-bootstrap', src(), 'box:x'), 'between.rsync').severity, 'error');
      });
    });

    describeIf('over a real sshd', whyNoSshd(), () => {
      let sshd: Sshd;
      before('start it', async () => { sshd = await startSshd(); });
      after('end it', () => sshd.close());
      it('connects, or says why not and how to try by hand', async () => {
        assert.deepEqual(bad(await doctor('-a', '-e', sshd.rsh, `--rsync-path=${REMOTE_PATH}`, src(), `box:${tmp.at('dst')}`)), []);
        const plain = `ssh -F /dev/null -o BatchMode=yes -o UserKnownHostsFile=${tmp.at('known')} -o LogLevel=ERROR`;
        const stranger = await doctor('-a', '-e', `${plain} -o StrictHostKeyChecking=yes`, src(), `ssh://root@127.0.0.1:${sshd.port}${tmp.at('dst')}`);
        assert.match(one(stranger, 'between.host-key').fix ?? '', /^ssh -v -F \/dev\/null .* 127\.0\.0\.1 true/);
        const keyless = await doctor('-a', '-e', `${plain} -o StrictHostKeyChecking=no -o IdentityFile=/dev/null -o IdentitiesOnly=yes`, src(), `ssh://root@127.0.0.1:${sshd.port}${tmp.at('dst')}`);
        assert.match(one(keyless, 'between.auth').fix ?? '', new RegExp(`^ssh-copy-id -p ${sshd.port} root@127\\.0\\.0\\.1$`));
        assert.match(one(await doctor('-a', '-e', plain, src(), 'ssh://root@127.0.0.1:1/x'), 'between.refused').message, /Connection refused/);
      });
    });

    it('looks at a daemon without pinning it', async () => {
      const [identity, mine, known] = ['server.pem', 'me.pem', 'known'].map((name) => tmp.at(name)) as [string, string, string];
      const [, fingerprint] = [identity, mine].map((path) => {
        const pair = makeCertificate({ name: 'box', notBefore: new Date(Date.now() - 86_400_000), notAfter: new Date(Date.now() + 3e12) });
        writeFileSync(path, pair.certificate + pair.key, { mode: 0o600 });
        return pair.fingerprint;
      });
      const daemon = await startDaemon(tmp, { identity, roots: { box: { path: tmp.at('dst'), access: 'read-write', peers: [fingerprint] }, veiled: { path: tmp.at('dst'), access: 'read-write', peers: [fingerprint], filters: ['- .*'] } } });
      try {
        const words = ['-rlpt', `--identity=${mine}`, `--known-hosts=${known}`, src(), `twintree://127.0.0.1:${daemon.port}/box/`];
        const findings = await doctor(...words);
        assert.deepEqual(bad(findings), ['between.certificate note']);
        assert.match(one(findings, 'between.certificate').fix ?? '', /--fingerprint=sha256:/);
        assert.equal(one(findings, 'target.holds').severity, 'ok', 'the session reached it');
        assert.ok(!existsSync(known), 'nothing was pinned');
        const wrong = await doctor(`--fingerprint=sha256:${'0'.repeat(64)}`, ...words);
        assert.equal(one(wrong, 'between.certificate').severity, 'error');
        const first = twintree(['sync', ...words]);
        assert.equal(first.code, 0, first.stderr);
        assert.deepEqual(bad(await doctor(...words.slice(0, -1), `twintree://127.0.0.1:${daemon.port}/veiled/`)), [], 'it is known now, and what a root hides keeps nobody from trying what it holds');
      } finally {
        await daemon.stop();
      }
      assert.equal(one(await doctor('-rlpt', src(), `twintree://127.0.0.1:${daemon.port}/box/`), 'between.refused').severity, 'error');
    });
  });

  it('ends at once at a signal while it waits for a host', async () => {
    const shell = tmp.at('silent');
    writeFileSync(shell, `#!/bin/sh\n: > ${tmp.at('called')}\nexec cat > /dev/null\n`, { mode: 0o755 });
    const waiting = startTwintree(['doctor', '-a', '-e', shell, src(), 'box:x']);
    while (!existsSync(tmp.at('called'))) await new Promise((resolve) => { setTimeout(resolve, 10); });
    const done = await waiting.kill('SIGINT');
    assert.equal(done.code, 20, done.stderr);
    assert.match(done.stderr, /ABORTED/);
  });

  it('is documented: docs/doctor.md lists every finding that the source can make', () => {
    const folder = join(REPOSITORY, 'src/doctor');
    const text = readdirSync(folder).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
    const ids = new Set([...text.matchAll(/'((?:host|rights|state|between|source|filters|target|capture)\.[a-z][a-z0-9-]*)'/g)].map((match) => match[1] as string));
    const sayings = text.slice(text.indexOf('const SAYINGS'), text.indexOf('function bare'));
    for (const [, id] of sayings.matchAll(/\/i, '([a-z-]+)'/g)) ids.add(`between.${id as string}`);
    for (const [, trait] of text.matchAll(/\['([a-zA-Z]+)', [^\]]*, mendOf|\['(?:hardLinks|userXattrs|holes)'/g)) if (trait !== undefined) ids.add(`target.holds-${trait.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`);
    assert.ok(ids.size > 70, `${ids.size}`);
    const listed = new Set([...readFileSync(join(REPOSITORY, 'docs/doctor.md'), 'utf8').matchAll(/`((?:host|rights|state|between|source|filters|target|capture)\.[a-z][a-z0-9-]*)`/g)].map((match) => match[1] as string));
    assert.deepEqual([...ids].filter((id) => !listed.has(id)), []);
  });
});

