/** Over a real sshd on loopback: the agent by name, a banner, a rsync, a cut; and the agent sent to a host that has only Node.js. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once as event } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { agentCommand, connect, remoteCommand, type CommandSpec, type SshSpec } from '../../src/transport/index.js';
import { loaderWords } from '../../src/transport/bootstrap.js';
import { findNode, LOADER } from '../../src/transport/loader.js';
import { FrameType } from '../../src/wire/index.js';
import { fromText } from '../../src/tree/index.js';
import { afterwards, cleanUp, ECHO_CHILD, rejection, tempDir, watched, type Seen } from './support.js';
import { REPOSITORY } from '../support/index.js';
import { startSshd, whyNoSshd, type Sshd } from './sshd.js';

const BOX: SshSpec = { kind: 'ssh', host: fromText('box'), user: undefined, port: undefined, path: fromText('.') };
const NODE = process.execPath;

/** A program in the bundle's shape that sends every frame back: what is tested here is its way there. */
function fakeBundle(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const transport = new URL('../../src/transport/index.js', import.meta.url).href;
  writeFileSync(join(folder, 'load.js'), `exports.main = async () => {
    const { connect, Peer } = await import(${JSON.stringify(transport)});
    const { text } = require('./main.js');
    let native = 'no';
    try { native = typeof require('koffi').load } catch { /* told */ }
    const { stream } = await connect({ kind: 'stdio' }, { connectTimeoutMs: 0 });
    const peer = new Peer(stream, 'agent', { program: [text, native, __dirname, process.argv.slice(2).join(), process.pid].join(' ') });
    peer.onFrame = (frame) => { peer.send(4, frame.channel, frame.payload); };
    await peer.start();
  };`);
  writeFileSync(join(folder, 'main.js'), `exports.text = 'sent';\n`);
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }');
  writeFileSync(join(folder, 'main.v0.cache'), 'not needed there');
  return folder;
}

async function open(spec: CommandSpec, peerOptions: { onBanner?: (text: string) => void; timeoutMs?: number } = {}): Promise<Seen & { notices: readonly string[]; over: Promise<unknown>; said: () => string }> {
  let said = '';
  const connection = await connect(spec, { connectTimeoutMs: 60_000, stderr: (text) => { said += text; } });
  afterwards(async () => {
    connection.close();
    await connection.ended;
  });
  return { ...watched(connection.stream, 'client', { about: connection.about, ended: connection.ended, ...peerOptions }), notices: connection.notices, over: connection.ended, said: () => said };
}

async function roundTrip({ peer }: Seen, size: number): Promise<void> {
  const back = new Promise<Buffer>((resolve) => { peer.onFrame = (frame) => { resolve(frame.payload); }; });
  const bytes = Buffer.from(Array.from({ length: 1021 }, (_, i) => i % 256));
  peer.send(FrameType.Requests, 1, Buffer.alloc(size, bytes));
  assert.ok((await back).equals(Buffer.alloc(size, bytes)));
}

/** Waits until something holds. */
async function until(holds: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 400, what);
    await new Promise((resolve) => { setTimeout(resolve, 25); });
  }
}

describe('the loader', () => {
  it('is one line that every shell passes on as it is', () => {
    assert.doesNotMatch(LOADER, /['\\!\n\r]/);
    assert.ok(LOADER.length < 4096, `${LOADER.length} characters`);
    assert.doesNotMatch(findNode(20, 19), /['\\!\n\r]/);
  });

  describe('finds a Node.js', () => {
    /** Runs the line in a home of its own, with nothing on the PATH but the shell's tools. */
    function run(home: string, more: { path?: string; least?: [number, number]; env?: Record<string, string> } = {}): { out: string; err: string; code: number | null } {
      const tools = join(home, 'tools');
      mkdirSync(tools);
      symlinkSync('/bin/sh', join(tools, 'sh'));
      const done = spawnSync('/bin/sh', ['-c', findNode(...(more.least ?? [20, 19])), 'sh', 'console.log(process.argv0)'], { encoding: 'utf8', env: { HOME: home, PATH: `${more.path ?? ''}:${tools}`, ...more.env } });
      return { out: done.stdout.trim(), err: done.stderr.trim(), code: done.status };
    }
    /** What calls itself a Node.js of a version. */
    function pretend(folder: string, version: string): string {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'node'), `#!/bin/sh\n[ "$1" = -p ] && echo ${version} && exit\necho ran ${version}\n`, { mode: 0o755 });
      return folder;
    }

    it('on the PATH first, then where version managers put it, and none that is too old', () => {
      for (const place of ['.local/bin', '.nvm/versions/node/v22.1.0/bin', '.volta/tools/image/node/22.1.0/bin', '.asdf/installs/nodejs/22.1.0/bin', '.local/share/fnm/node-versions/v22.1.0/installation/bin']) {
        const home = tempDir();
        const old = pretend(join(home, 'old'), '18.20.4');
        pretend(join(home, place), '22.1.0');
        assert.deepEqual([place, run(home, { path: old })], [place, { out: 'ran 22.1.0', err: '', code: 0 }]);
      }
      const home = tempDir();
      pretend(join(home, '.local/bin'), '22.1.0');
      assert.equal(run(home, { path: pretend(join(home, 'path'), '20.19.0') }).out, 'ran 20.19.0');
      const managed = tempDir();
      pretend(join(managed, 'elsewhere/versions/node/v21.0.0/bin'), '21.0.0');
      assert.equal(run(managed, { env: { NVM_DIR: join(managed, 'elsewhere') } }).out, 'ran 21.0.0');
    });

    it('or tells all that it found', () => {
      const home = tempDir();
      const old = pretend(join(home, 'old'), '18.20.4');
      pretend(join(home, '.nvm/versions/node/v16.0.0/bin'), '16.0.0');
      const { err, code } = run(home, { path: old, least: [9999, 0] });
      assert.equal(code, 127);
      assert.ok(err.startsWith(`twintree-found: ${old}/node (18.20.4)`), err);
      assert.ok(err.includes('.nvm/versions/node/v16.0.0/bin/node (16.0.0)'), err);
    });
  });
});

const why = whyNoSshd();

describe(why === undefined ? 'ssh' : `ssh (skipped: ${why})`, () => {
  let sshd: Sshd;
  let temporary: string; // the folder for temporary files there
  /** What agents have left in it. */
  const left = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('twintree-agent-'));

  before(async function () {
    if (why !== undefined) this.skip(); // told in the suite's title
    // Commands find the Node that runs these tests, and no twintree.
    temporary = mkdtempSync(join(tmpdir(), 'twintree-there-'));
    sshd = await startSshd({ env: { PATH: `${dirname(NODE)}:/usr/bin:/bin`, TMPDIR: temporary } });
  });
  after(async () => {
    if ((sshd as Sshd | undefined) === undefined) return;
    await sshd.close();
    rmSync(temporary, { recursive: true });
  });
  afterEach(cleanUp);

  const shell = (remotePath?: string): { rsh: string; remotePath?: string } => ({ rsh: sshd.rsh, ...(remotePath === undefined ? {} : { remotePath }) });
  const agent = (remotePath?: string): CommandSpec => ({ kind: 'command', argv: agentCommand(BOX, shell(remotePath), {}) });

  it('starts the agent by the name it was given, and carries every byte', async () => {
    const there = await open(agent(`${NODE} ${ECHO_CHILD}`));
    assert.equal((await there.peer.start()).program, 'echo 1.0');
    await roundTrip(there, 9 << 20);
    await there.peer.close();
    assert.deepEqual(await there.over, { exitCode: 0 });
  });

  it('the same through a shared connection whose master stays', async () => {
    const folder = tempDir();
    const control = `-o ControlMaster=auto -o ControlPath=${join(folder, 'c')} -o ControlPersist=20`;
    const spec: CommandSpec = { kind: 'command', argv: agentCommand(BOX, { rsh: `${sshd.rsh} ${control}`, remotePath: `${NODE} ${ECHO_CHILD}` }, {}) };
    afterwards(async () => {
      const stop = await connect({ kind: 'command', argv: ['ssh', '-F', join(sshd.folder, 'ssh_config'), '-o', `ControlPath=${join(folder, 'c')}`, '-O', 'exit', 'box'] }, { connectTimeoutMs: 0, stderr: () => undefined });
      stop.stream.resume();
      await stop.ended;
    });
    for (let i = 0; i < 2; i++) {
      const there = await open(spec);
      await there.peer.start();
      await there.peer.close();
      assert.deepEqual(await there.over, { exitCode: 0 });
    }
  });

  it('skips what the remote shell prints', async () => {
    let told = '';
    const there = await open(agent(`echo Hello from the profile; ${NODE} ${ECHO_CHILD}`), { onBanner: (text) => { told += text; } });
    await there.peer.start();
    assert.equal(told, 'Hello from the profile\n');
    await there.peer.close();
  });

  it('a host that cannot be reached is told with what ssh said', async () => {
    const there = await open({ kind: 'command', argv: agentCommand({ ...BOX, host: fromText('nowhere.invalid') }, shell(), {}) });
    const error = await rejection(there.peer.start());
    assert.equal(error.code, 'CONNECT');
    assert.match(error.message, /\(exit code 255\): .*nowhere\.invalid/);
  });

  it('an rsync there is recognised', async function () {
    if (!existsSync('/usr/bin/rsync')) this.skip(); // rsync is not installed
    const there = await open(agent('rsync --server --sender -logDtpre.iLsfxCIvu . /tmp #'));
    assert.equal((await rejection(there.peer.start())).code, 'NOT_TWINTREE');
  });

  it('a cut in the middle is an error at once', async () => {
    const there = await open(agent(`${NODE} ${ECHO_CHILD}`));
    await there.peer.start();
    for (let i = 0; i < 50; i++) there.peer.send(FrameType.Requests, 1, Buffer.alloc(1 << 20));
    sshd.cut();
    const error = await there.ended;
    assert.equal(error?.code, 'CONNECTION_LOST');
    assert.match(error?.message ?? '', /exit code 255/);
  });

  describe('to a host without twintree', () => {
    const bootstrapped = (bundle: string, more: { cache?: boolean; least?: [number, number]; remotePath?: string } = {}): CommandSpec => ({
      ...agent(more.remotePath),
      bootstrap: { argv: remoteCommand(BOX, shell(), {}, loaderWords(more.least)), bundle, cache: more.cache ?? false },
    });

    it('sends the agent, says what it lacks, and nothing is left there', async () => {
      const before = left();
      const there = await open(bootstrapped(fakeBundle(join(tempDir(), 'bundle'))));
      assert.match(there.notices[0] ?? '', /is not installed on the other host: it was sent over the connection and goes with it, without native calls for /);
      const { program } = await there.peer.start();
      const [text, , folder, args] = program.split(' ');
      assert.deepEqual([text, args], ['sent', '--server']);
      assert.equal(statSync(folder as string).mode & 0o777, 0o700);
      assert.deepEqual(readdirSync(folder as string).filter((name) => name !== 'node_modules').toSorted(), ['alive', 'load.js', 'main.js', 'package.json']);
      await roundTrip(there, 3 << 20);
      await there.peer.close();
      assert.deepEqual(await there.over, { exitCode: 0 });
      assert.deepEqual(left(), before);
      assert.equal(there.said(), ''); // the shell's "not found" is no news
    });

    it('nothing is left where the connection is cut either', async () => {
      const before = left();
      const there = await open(bootstrapped(fakeBundle(join(tempDir(), 'bundle'))));
      await there.peer.start();
      sshd.cut();
      assert.equal((await there.ended)?.code, 'CONNECTION_LOST');
      await until(() => left().length === before.length, 'the folder stays');
    });

    it('nor where the agent is killed; what its watcher could not remove, the next agent does', async () => {
      const there = await open(bootstrapped(fakeBundle(join(tempDir(), 'bundle'))));
      const [, , folder = '', , pid] = (await there.peer.start()).program.split(' ');
      // Of dead ones: nobody listens any more. Of a living one, and of what is no agent's.
      const places = Object.fromEntries(['dead', 'living', 'nobody'].map((name) => [name, join(temporary, `twintree-agent-${name}`)]));
      for (const place of Object.values(places)) mkdirSync(place, { mode: 0o700 });
      const listen = (name: string, then: string): string => `require('net').createServer().listen(${JSON.stringify(join(places[name] ?? '', 'alive'))}, () => { ${then} })`;
      spawnSync(NODE, ['-e', listen('dead', "process.kill(process.pid, 'SIGKILL')")]);
      const living = spawn(NODE, ['-e', listen('living', "console.log('ready')")], { stdio: ['ignore', 'pipe', 'ignore'] });
      try {
        await event(living.stdout, 'data');
        process.kill(Number(pid), 'SIGKILL');
        assert.equal((await there.ended)?.code, 'CONNECTION_LOST');
        await until(() => !existsSync(folder), 'the folder of a killed agent stays');
        const next = await open(bootstrapped(fakeBundle(join(tempDir(), 'bundle'))));
        await next.peer.start();
        await until(() => !existsSync(places['dead'] ?? ''), 'the folder of a dead agent stays');
        assert.ok(existsSync(places['living'] ?? '') && existsSync(places['nobody'] ?? ''));
        await next.peer.close();
      } finally {
        living.kill('SIGKILL');
        for (const place of Object.values(places)) rmSync(place, { recursive: true, force: true });
      }
    });

    it('native calls of this installation go with it and load there', async () => {
      const folder = tempDir();
      symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
      const there = await open(bootstrapped(fakeBundle(join(folder, 'bundle'))));
      assert.match(there.notices[0] ?? '', /goes with it$/);
      assert.equal((await there.peer.start()).program.split(' ')[1], 'function');
      await there.peer.close();
    });

    it('keeps the program where that is allowed, and takes only one whose hash is right', async () => {
      const bundle = fakeBundle(join(tempDir(), 'bundle'));
      const cache = tempDir();
      const other = await startSshd({ env: { PATH: `${dirname(NODE)}:/usr/bin:/bin`, XDG_CACHE_HOME: cache } });
      afterwards(() => other.close());
      const spec: CommandSpec = {
        kind: 'command', argv: agentCommand(BOX, { rsh: other.rsh }, {}),
        bootstrap: { argv: remoteCommand(BOX, { rsh: other.rsh }, {}, loaderWords()), bundle, cache: true },
      };
      const once = async (): Promise<number> => {
        const there = await open(spec);
        const program = (await there.peer.start()).program;
        assert.match(program, /^sent /);
        await there.peer.close();
        await there.over;
        return there.peer.bytesOut;
      };
      await once();
      const [sha256, ...more] = readdirSync(join(cache, 'twintree'));
      assert.deepEqual(more, []);
      const kept = join(cache, 'twintree', sha256 as string, 'agent');
      assert.equal(statSync(dirname(kept)).mode & 0o777, 0o700);
      assert.equal(statSync(kept).mode & 0o777, 0o600);
      const bytes = readFileSync(kept);
      const { ino } = statSync(kept);
      await once();
      assert.equal(statSync(kept).ino, ino); // used, not written again
      writeFileSync(kept, Buffer.concat([bytes.subarray(0, -1), Buffer.from('x')]));
      await once(); // another program than was asked for: not used, replaced
      assert.ok(readFileSync(kept).equals(bytes));
      chmodSync(kept, 0o666);
      await once(); // anybody could have written it
      assert.equal(statSync(kept).mode & 0o777, 0o600);
    });

    it('a host without Node.js too is told so', async () => {
      const error = await rejection(open(bootstrapped(fakeBundle(join(tempDir(), 'bundle')), { least: [9999, 0] })));
      assert.equal(error.code, 'CONNECT');
      assert.match(error.message, /neither twintree nor Node\.js 20\.19 or later was found on the other host \(only \/.*node \(\d+\.\d+/);
      assert.match(error.advice ?? '', /~\/\.nvm/);
    });

    it('an agent that is there and fails is not replaced', async () => {
      const error = await rejection(open(bootstrapped(fakeBundle(join(tempDir(), 'bundle')), { remotePath: 'echo no room >&2; exit 9 #' })));
      assert.match(error.message, /\(exit code 9\): no room/);
    });

    it('an agent that is there is used, with what was printed before it', async () => {
      let told = '';
      const there = await open(bootstrapped(fakeBundle(join(tempDir(), 'bundle')), { remotePath: `echo hi; ${NODE} ${ECHO_CHILD}` }), { onBanner: (text) => { told += text; } });
      assert.equal((await there.peer.start()).program, 'echo 1.0');
      assert.deepEqual(there.notices, []);
      assert.equal(told, 'hi\n');
      await roundTrip(there, 100);
      await there.peer.close();
    });
  });
});
