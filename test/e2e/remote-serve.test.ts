/** Serving: --server behind a wrapper that stands in for rsync, ssh forced commands, and the TLS daemon. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { encodeFrame, encodeHello, FrameType, hello, MAGIC } from '../../src/wire/index.js';
import { rsync, runCommand, startTwintree, twintree, useTempFolder, whyNoOtherUser, whyNoRsync, type RunResult } from '../support/index.js';
import { REMOTE_PATH, remoteShell } from './remote-support.js';
import { forcedShell, startDaemon, syncOver, type Daemon } from './remote-serve-support.js';

const NOBODY = 65_534;

describe('twintree --server', () => {
  const tmp = useTempFolder('server');

  beforeEach(() => {
    mkdirSync(tmp.at('from/d'), { recursive: true });
    writeFileSync(tmp.at('from/d/file'), 'content');
  });

  /** A script as people have it in the place of rsync. */
  function wrapper(): string {
    const path = tmp.at('wrapper');
    writeFileSync(path, `#!/bin/sh\nexec ${REMOTE_PATH} sync "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }

  it('answers as sync --server too, so that a wrapper stands in for rsync at both ends', () => {
    const shell = remoteShell(tmp);
    const push = runCommand(wrapper(), ['-a', '--delete', '-e', shell, `--rsync-path=${wrapper()}`, '--no-bootstrap', `${tmp.at('from')}/`, `host:${tmp.at('to')}`]);
    assert.equal(push.code, 0, push.stderr);
    assert.equal(readFileSync(tmp.at('to/d/file'), 'utf8'), 'content');
    const pull = runCommand(wrapper(), ['-a', '-e', shell, `--rsync-path=${wrapper()}`, '--no-bootstrap', `host:${tmp.at('to')}/`, tmp.at('back')]);
    assert.equal(pull.code, 0, pull.stderr);
    assert.equal(readFileSync(tmp.at('back/d/file'), 'utf8'), 'content');
  });

  it('tells a real rsync at the other end that it is one, and ends with 2', function () {
    if (whyNoRsync() !== undefined) return this.skip();
    for (const path of [REMOTE_PATH, wrapper()]) {
      const done = rsync(['-a', '-e', remoteShell(tmp), `--rsync-path=${path}`, `${tmp.at('from')}/`, `host:${tmp.at('to')}`]);
      assert.notEqual(done.code, 0);
      assert.match(done.stderr, /the other end is rsync/);
    }
    const direct = twintree(['--server', '-logDtpre.iLsfxCIvu', '.', 'to']);
    assert.deepEqual([direct.code, direct.stdout], [2, '']);
    const sender = twintree(['sync', '--server', '--sender', '-logDtpre.iLsfxCIvu', '.', 'to']);
    assert.deepEqual([sender.code, sender.stdout], [2, '']);
    assert.ok(!existsSync(tmp.at('to')));
  });

  it('writes nothing but frames to stdout, and ends where its stdin does', () => {
    const done = twintree(['--server'], { input: '' });
    assert.notEqual(done.code, 0);
    assert.doesNotMatch(done.stdout, /twintree:|Error/);
  });

  it('does not print twice what the client tells', () => {
    const done = twintree(['sync', '-a', '-e', remoteShell(tmp), `--rsync-path=${REMOTE_PATH}`, '--no-bootstrap', `${tmp.at('from')}/`, `host:${tmp.at('no/such/folder')}`]);
    assert.equal(done.code, 11);
    assert.equal(done.stderr.match(/TARGET_NOT_MADE/g)?.length, 1, done.stderr);
  });

  it('ends at SIGTERM while its client is silent, before and after the handshake', async () => {
    for (const greeting of [undefined, Buffer.concat([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, encodeHello(hello('client', 'test', { brotli: true, zstd: false })))])]) {
      const [node, shim] = REMOTE_PATH.split(' ') as [string, string];
      const agent = spawn(node, [shim, '--server'], { stdio: ['pipe', 'pipe', 'inherit'] });
      await once(agent.stdout, 'data'); // its own greeting
      if (greeting !== undefined) agent.stdin.write(greeting);
      agent.kill('SIGTERM');
      const [code] = (await once(agent, 'exit')) as [number | null];
      assert.equal(code, 20);
    }
  });
});

describe('twintree serve --stdio as an ssh forced command', () => {
  const tmp = useTempFolder('forced');

  it('serves its folder in its direction, whatever command the client asked to have run', () => {
    mkdirSync(tmp.at('srv'));
    mkdirSync(tmp.at('mine'));
    writeFileSync(tmp.at('srv/a'), 'a');
    writeFileSync(tmp.at('mine/b'), 'b');
    const shell = forcedShell(tmp, `--root ${tmp.at('srv')} --read-write`);
    assert.equal(syncOver(shell, ['-a', '--rsync-path=rm -rf /srv;', 'host:', tmp.at('got')]).code, 0);
    assert.equal(readFileSync(tmp.at('got/a'), 'utf8'), 'a');
    assert.equal(syncOver(shell, ['-a', `${tmp.at('mine')}/`, 'host:/deep/er', '--mkpath']).code, 0);
    assert.equal(readFileSync(tmp.at('srv/deep/er/b'), 'utf8'), 'b');
  });

  it('refuses to serve a folder that is not there, without naming the path to the client', () => {
    const done = syncOver(forcedShell(tmp, `--root ${tmp.at('no-such')} --read-only`), ['-a', 'host:', tmp.at('got')]);
    assert.equal(done.code, 3);
    assert.doesNotMatch(done.stderr, /no-such/);
  });

  it('refuses to serve where the system calls that bind it are missing', () => {
    mkdirSync(tmp.at('srv'));
    const done = syncOver(forcedShell(tmp, `--root ${tmp.at('srv')} --read-only`), ['-a', 'host:', tmp.at('got')], { env: { TWINTREE_NO_FFI: '1' } });
    assert.equal(done.code, 4);
  });
});

describe('twintree serve --listen', () => {
  const tmp = useTempFolder('daemon');
  let daemon: Daemon | undefined;
  let fingerprint: string;
  let client: string;

  beforeEach(() => {
    mkdirSync(tmp.at('data/d'), { recursive: true });
    mkdirSync(tmp.at('mine'));
    writeFileSync(tmp.at('data/d/file'), 'content');
    writeFileSync(tmp.at('mine/new'), 'new');
    fingerprint = twintree(['cert', 'make', tmp.at('server.pem')]).stdout.trim();
    client = twintree(['cert', 'make', tmp.at('client.pem')]).stdout.trim();
    twintree(['cert', 'token', tmp.at('tokens'), 'alice']);
  });
  afterEach(async () => {
    await daemon?.stop();
    daemon = undefined;
  });

  function url(path: string): string {
    return `twintree://127.0.0.1:${daemon?.port ?? 0}/${path}`;
  }
  /** As the client with the certificate. */
  function sync(...args: string[]): RunResult {
    return twintree(['sync', '-a', '--retries=0', `--identity=${tmp.at('client.pem')}`, `--fingerprint=${fingerprint}`, ...args]);
  }
  /** As the client with the token. */
  function syncByToken(...args: string[]): RunResult {
    return twintree(['sync', '-a', '--retries=0', `--token-file=${tmp.at('tokens')}`, ...args]);
  }

  it('serves named roots to those whose certificates and tokens they name, in their direction', async () => {
    mkdirSync(tmp.at('in'));
    daemon = await startDaemon(tmp, {
      identity: 'server.pem', tokens: 'tokens',
      roots: { data: { path: tmp.at('data'), access: 'read-only', peers: [client] }, in: { path: tmp.at('in'), access: 'write-only', peers: ['token:alice'] } },
    });
    const pull = sync(url('data/d'), tmp.at('got'));
    assert.equal(pull.code, 0, pull.stderr);
    assert.equal(readFileSync(tmp.at('got/d/file'), 'utf8'), 'content');
    const push = syncByToken(`${tmp.at('mine')}/`, url('in'));
    assert.equal(push.code, 0, push.stderr);
    assert.equal(readFileSync(tmp.at('in/new'), 'utf8'), 'new');
    assert.equal(sync(`${tmp.at('mine')}/`, url('data')).code, 70);
    assert.equal(syncByToken(url('in'), tmp.at('got')).code, 70);
    for (const refused of [sync(url('in'), tmp.at('no')), syncByToken(url('data'), tmp.at('no')), sync(url('other'), tmp.at('no'))]) {
      assert.equal(refused.code, 70);
      assert.match(refused.stderr, /there is no root/);
    }
    assert.ok(!existsSync(tmp.at('no')) || readdirSync(tmp.at('no')).length === 0);
    const ended = await daemon.stop();
    daemon = undefined;
    assert.equal(ended.code, 0);
    assert.match(ended.stderr, /token:alice at 127\.0\.0\.1:[0-9]+: connected\n/);
    assert.match(ended.stderr, /token:alice at 127\.0\.0\.1:[0-9]+: ended after .*exit code 0\n/);
    assert.equal(ended.stdout, '');
  });

  it('lets nobody else in: no certificate, another one, another token; and a client lets no other server in', async () => {
    daemon = await startDaemon(tmp, { identity: 'server.pem', tokens: 'tokens', roots: { data: { path: tmp.at('data'), access: 'read-only', peers: [client, 'token:alice'] } } });
    twintree(['cert', 'make', tmp.at('stranger.pem')]);
    mkdirSync(tmp.at('other'));
    twintree(['cert', 'token', tmp.at('other/tokens'), 'alice']);
    const attempts = [[`--fingerprint=${fingerprint}`], [`--fingerprint=${fingerprint}`, `--identity=${tmp.at('stranger.pem')}`], [`--token-file=${tmp.at('other/tokens')}`], [`--fingerprint=sha256:${'0'.repeat(64)}`, `--identity=${tmp.at('client.pem')}`]];
    for (const attempt of attempts) {
      const done = twintree(['sync', '-a', '--retries=0', ...attempt, url('data'), tmp.at('got')]);
      assert.equal(done.code, 5, done.stderr);
      assert.ok(!existsSync(tmp.at('got')));
    }
  });

  it('hides from everybody what its filters name, whatever the options and whichever way it is asked for', async () => {
    mkdirSync(tmp.at('data/secret/deep'), { recursive: true });
    writeFileSync(tmp.at('data/secret/deep/x'), 'hidden');
    writeFileSync(tmp.at('data/d/a.key'), 'hidden');
    daemon = await startDaemon(tmp, { identity: 'server.pem', roots: { data: { path: tmp.at('data'), access: 'read-write', peers: [client], filters: ['- /secret/', '- *.key'] } } });
    const pull = sync('--filter=!', '--filter=+ *', url('data/'), tmp.at('got'));
    assert.equal(pull.code, 0, pull.stderr);
    assert.deepEqual(readdirSync(tmp.at('got')), ['d']);
    assert.deepEqual(readdirSync(tmp.at('got/d')), ['file']);
    for (const path of ['data/secret/', 'data/secret/deep/x', 'data/d/a.key']) assert.notEqual(sync(url(path), tmp.at('got')).code, 0, path);
    mkdirSync(tmp.at('mine/secret'));
    writeFileSync(tmp.at('mine/secret/x'), 'mine');
    writeFileSync(tmp.at('mine/b.key'), 'mine');
    assert.equal(sync('--delete', '--delete-excluded', '--filter=!', '--force', `${tmp.at('mine')}/`, url('data/')).code, 23);
    assert.equal(readFileSync(tmp.at('data/secret/deep/x'), 'utf8'), 'hidden');
    assert.equal(readFileSync(tmp.at('data/new'), 'utf8'), 'new');
    assert.deepEqual([existsSync(tmp.at('data/b.key')), existsSync(tmp.at('data/secret/x')), existsSync(tmp.at('data/d/a.key'))], [false, false, true]);
  });

  (whyNoOtherUser() === undefined ? it : it.skip)('becomes another user before it opens a root, with no way back (needs root)', async () => {
    mkdirSync(tmp.at('data/closed'), { mode: 0o700 });
    writeFileSync(tmp.at('data/closed/file'), 'of root');
    mkdirSync(tmp.at('in'));
    chownSync(tmp.at('in'), NOBODY, NOBODY);
    const roots = { data: { path: tmp.at('data'), access: 'read-only', peers: [client], user: `${NOBODY}` }, in: { path: tmp.at('in'), access: 'write-only', peers: [client], user: `${NOBODY}` } };
    daemon = await startDaemon(tmp, { identity: 'server.pem', roots });
    assert.equal(sync(url('data/'), tmp.at('got')).code, 23);
    assert.ok(!existsSync(tmp.at('got/closed/file')));
    assert.equal(readFileSync(tmp.at('got/d/file'), 'utf8'), 'content');
    const push = sync(`${tmp.at('mine')}/`, url('in/'));
    assert.equal(push.code, 0, push.stderr);
    assert.equal(statSync(tmp.at('in/new')).uid, NOBODY);
  });

  (whyNoOtherUser() === undefined ? it : it.skip)('maps owners by its own rules first (needs root)', async () => {
    mkdirSync(tmp.at('in'));
    daemon = await startDaemon(tmp, { identity: 'server.pem', roots: { in: { path: tmp.at('in'), access: 'write-only', peers: [client], usermap: ['*:1234'], groupmap: ['*:1235'] } } });
    const push = sync('--usermap=*:0', `${tmp.at('mine')}/`, url('in/'));
    assert.equal(push.code, 0, push.stderr);
    assert.deepEqual([statSync(tmp.at('in/new')).uid, statSync(tmp.at('in/new')).gid], [1234, 1235]);
  });

  it('does not serve as a user that it cannot become', async () => {
    daemon = await startDaemon(tmp, { identity: 'server.pem', roots: { data: { path: tmp.at('data'), access: 'read-only', peers: [client], user: 'no-such-user-here' } } });
    const done = sync(url('data/'), tmp.at('got'));
    assert.equal(done.code, 70);
    assert.ok(!existsSync(tmp.at('got')));
  });

  it('drops strangers who say nothing, and stays open for others', async () => {
    daemon = await startDaemon(tmp, { identity: 'server.pem', handshakeTimeout: 1, connections: 4, roots: { data: { path: tmp.at('data'), access: 'read-only', peers: [client] } } });
    const { port } = daemon;
    const silent = Array.from({ length: 3 }, () => connectSocket(port, '127.0.0.1'));
    const half = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    const gone = await Promise.all([...silent, half].map((socket) => new Promise<boolean>((resolve) => {
      socket.on('error', () => undefined);
      socket.once('close', () => { resolve(true); });
      socket.resume();
    })));
    assert.deepEqual(gone, [true, true, true, true]);
    assert.equal(sync(url('data/'), tmp.at('got')).code, 0);
  });

  it('gives a root no more connections than it has, and each place back when its connection ends', async () => {
    daemon = await startDaemon(tmp, { identity: 'server.pem', roots: { data: { path: tmp.at('data'), access: 'read-write', peers: [client], connections: 1 } } });
    mkdirSync(tmp.at('big'));
    writeFileSync(tmp.at('big/file'), Buffer.alloc(4 << 20, 1));
    const first = startTwintree(['sync', '-a', '--retries=0', '--bwlimit=100k', '--no-compress', '--progress', `--identity=${tmp.at('client.pem')}`, `--fingerprint=${fingerprint}`, `${tmp.at('big')}/`, url('data/big')]);
    assert.ok(await daemon.running.output(/root data/));
    const second = sync(url('data/'), tmp.at('got'));
    assert.equal(second.code, 70);
    assert.match(second.stderr, /all of its 1 connections/);
    await first.kill('SIGKILL');
    assert.ok(await daemon.running.output(/ended after[^]*ended after/));
    const third = sync(url('data/d/'), tmp.at('got'));
    assert.equal(third.code, 0, third.stderr);
  });

  it('at SIGTERM it ends its sessions too, and the target stays whole', async () => {
    daemon = await startDaemon(tmp, { identity: 'server.pem', roots: { data: { path: tmp.at('data'), access: 'read-write', peers: [client] } } });
    mkdirSync(tmp.at('big'));
    writeFileSync(tmp.at('big/file'), Buffer.alloc(4 << 20, 1));
    const pushing = startTwintree(['sync', '-a', '--retries=0', '--bwlimit=100k', '--no-compress', `--identity=${tmp.at('client.pem')}`, `--fingerprint=${fingerprint}`, `${tmp.at('big')}/`, url('data/')]);
    assert.ok(await daemon.running.output(/root data/));
    const ended = await daemon.stop();
    daemon = undefined;
    assert.equal(ended.code, 0);
    assert.notEqual((await pushing.finished).code, 0);
    assert.equal(readFileSync(tmp.at('data/d/file'), 'utf8'), 'content');
    assert.ok(!existsSync(tmp.at('data/file')));
  });

  it('reads its configuration again at SIGHUP, and keeps the old one where the new one is wrong', async () => {
    const root = { path: tmp.at('data'), access: 'read-only', peers: ['token:alice'] };
    daemon = await startDaemon(tmp, { identity: 'server.pem', tokens: 'tokens', roots: { data: root } });
    assert.equal(sync(url('data/'), tmp.at('got')).code, 5);
    writeFileSync(tmp.at('daemon.json'), JSON.stringify({ identity: 'server.pem', tokens: 'tokens', roots: { data: { ...root, peers: [client, 'token:alice'] } } }));
    daemon.running.child.kill('SIGHUP');
    assert.ok(await daemon.running.output(/was read again/));
    assert.equal(sync(url('data/'), tmp.at('got')).code, 0);
    writeFileSync(tmp.at('daemon.json'), '{');
    daemon.running.child.kill('SIGHUP');
    assert.ok(await daemon.running.output(/stays as it was/));
  });
});
