/** The daemon's door and its clients, over real TLS on loopback. */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectRaw, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTlsRaw, TLSSocket } from 'node:tls';
import { connect, formatToken, listenTls, makeCertificate, makeToken, readTokens, writeNew, type ClientIdentity, type Connection, type ListenOptions, type TlsListener, type TlsSpec, type Token } from '../../src/transport/index.js';
import { FrameType } from '../../src/wire/index.js';
import { runCommand } from '../support/index.js';
import { afterwards, cleanUp, rejection, tempDir, watched } from './support.js';

const YEAR = { notBefore: new Date(Date.now() - 86_400_000), notAfter: new Date(Date.now() + 86_400_000 * 365) };

function identity(folder: string, name: string): { path: string; fingerprint: string } {
  const made = makeCertificate({ name, ...YEAR });
  const path = join(folder, `${name}.pem`);
  writeNew(path, made.certificate + made.key);
  return { path, fingerprint: made.fingerprint };
}

interface Door { listener: TlsListener; folder: string; clients: ClientIdentity[]; refused: string[]; server: { path: string; fingerprint: string }; spec: TlsSpec; connections: Connection[] }

async function door(more: Partial<ListenOptions> = {}): Promise<Door> {
  const folder = tempDir();
  const server = identity(folder, 'server');
  const clients: ClientIdentity[] = [];
  const refused: string[] = [];
  const connections: Connection[] = [];
  const listener = await listenTls({
    host: '127.0.0.1', port: 0, identity: server.path, nameOf: () => undefined, tokenOf: () => undefined, onRefused: (_address, why) => { refused.push(why); }, ...more,
  }, (connection, client) => {
    clients.push(client);
    connections.push(connection);
    const { peer } = watched(connection.stream, 'agent');
    peer.onFrame = (frame) => { peer.send(FrameType.Items, frame.channel, frame.payload); };
    peer.start().catch(() => undefined);
  });
  afterwards(() => listener.close(true));
  return { listener, folder, clients, refused, server, connections, spec: { kind: 'tls', host: '127.0.0.1', port: listener.port, pin: server.fingerprint } };
}

async function enter(spec: TlsSpec, connectTimeoutMs = 5000): Promise<Connection> {
  const connection = await connect(spec, { connectTimeoutMs });
  afterwards(() => { connection.close(); });
  return connection;
}

describe('TLS', () => {
  afterEach(cleanUp);

  it('lets in a client by its certificate, and carries the protocol', async () => {
    const known = new Map<string, string>();
    const at = await door({ nameOf: (fingerprint) => known.get(fingerprint) });
    const own = identity(at.folder, 'backup-1');
    known.set(own.fingerprint, 'backup-1');
    const connection = await enter({ ...at.spec, identity: own.path });
    assert.ok(connection.stream instanceof TLSSocket && connection.stream.getProtocol() === 'TLSv1.3');
    const { peer } = watched(connection.stream, 'client', { ended: connection.ended });
    const back = new Promise<number>((resolve) => { peer.onFrame = (frame) => { resolve(frame.payload.length); }; });
    await peer.start();
    peer.send(FrameType.Requests, 7, Buffer.alloc(3 << 20));
    assert.equal(await back, 3 << 20);
    await peer.close();
    await connection.ended;
    assert.deepEqual(at.clients.map(({ name, by }) => [name, by]), [['backup-1', 'certificate']]);
  });

  it('turns away a certificate that is not known, and one that is none', async () => {
    const at = await door();
    const own = identity(at.folder, 'stranger');
    const error = await rejection(enter({ ...at.spec, identity: own.path }));
    assert.equal(error.code, 'CONNECT');
    assert.match(error.message, /does not know this certificate/);
    assert.match((await rejection(enter(at.spec))).message, /does not know this certificate/);
    assert.deepEqual(at.refused, [`the certificate ${own.fingerprint} is not allowed`, 'no certificate and no token']);
    assert.deepEqual(at.clients, []);
  });

  const withToken = async (): Promise<{ at: Door; token: Token; tokenFile: string }> => {
    const token = makeToken('laptop');
    const at = await door({ tokenOf: (name) => (name === token.name ? token : undefined) });
    const tokenFile = join(at.folder, 'token');
    writeNew(tokenFile, formatToken(token));
    return { at, token, tokenFile };
  };

  it('lets in a client by a shared token, which also vouches for the server', async () => {
    const { at, tokenFile } = await withToken();
    const { pin: _pin, ...unpinned } = at.spec;
    const connection = await enter({ ...unpinned, tokenFile });
    assert.deepEqual(connection.notices, []);
    assert.deepEqual(at.clients.map(({ name, by }) => [name, by]), [['laptop', 'token']]);
  });

  it('turns away a wrong token and an unknown one', async () => {
    const { at } = await withToken();
    for (const name of ['laptop', 'other']) {
      const file = join(at.folder, name);
      writeNew(file, formatToken(makeToken(name)));
      const error = await rejection(enter({ ...at.spec, tokenFile: file }));
      assert.equal(error.code, 'CONNECT');
      assert.match(error.message, new RegExp(`does not accept the token "${name}"`));
    }
    assert.deepEqual(at.clients, []);
  });

  it('a man in the middle who passes the proof on gets nowhere: it is bound to the TLS session', async () => {
    const { at, tokenFile } = await withToken();
    const evil = identity(at.folder, 'evil');
    const pem = readFileSync(evil.path, 'utf8');
    const sockets: Socket[] = [];
    // It ends the client's TLS with a certificate of its own and passes every byte to a TLS session with the real server.
    const proxy = createServer((raw) => {
      sockets.push(raw);
      const inner = new TLSSocket(raw, { isServer: true, key: pem, cert: pem, minVersion: 'TLSv1.3' });
      const outer = connectTlsRaw({ host: '127.0.0.1', port: at.listener.port, rejectUnauthorized: false });
      for (const socket of [inner, outer]) socket.on('error', () => { socket.destroy(); });
      inner.pipe(outer).pipe(inner);
    });
    await new Promise<void>((resolve) => { proxy.listen(0, '127.0.0.1', resolve); });
    afterwards(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => { proxy.close(resolve); });
    });
    const { port } = proxy.address() as { port: number };
    const { pin: _pin, ...unpinned } = at.spec;
    const error = await rejection(enter({ ...unpinned, port, tokenFile }));
    assert.equal(error.code, 'CONNECT');
    assert.deepEqual(at.clients, []);
  });

  it('a server that does not know the token cannot pretend to accept it', async () => {
    const folder = tempDir();
    const pem = readFileSync(identity(folder, 'evil').path, 'utf8');
    const { createServer: createTls } = await import('node:tls');
    const fake = createTls({ key: pem, cert: pem, minVersion: 'TLSv1.3' }, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => { socket.write(Buffer.concat([Buffer.from('TWT\x01\0', 'latin1'), Buffer.alloc(32, 7)])); });
    });
    await new Promise<void>((resolve) => { fake.listen(0, '127.0.0.1', resolve); });
    afterwards(() => new Promise((resolve) => { fake.close(resolve); }));
    const tokenFile = join(folder, 'token');
    writeNew(tokenFile, formatToken(makeToken('laptop')));
    const { port } = fake.address() as { port: number };
    assert.match((await rejection(enter({ kind: 'tls', host: '127.0.0.1', port, tokenFile }))).message, /does not know the token/);
  });

  it('pins a server when it is first met, says so, and refuses another one later', async () => {
    const at = await door({ nameOf: () => 'anyone' });
    const own = identity(at.folder, 'me');
    const knownHosts = join(at.folder, 'config', 'known-hosts');
    const { pin: _pin, ...unpinned } = at.spec;
    const spec: TlsSpec = { ...unpinned, identity: own.path, knownHosts };
    const refused = await rejection(enter({ ...spec, unknownHost: 'refuse' }));
    assert.match(refused.message, new RegExp(`is not in .*known-hosts; its certificate is ${at.server.fingerprint}`));
    const first = await enter(spec);
    assert.match(first.notices[0] ?? '', /is new: its certificate sha256:[0-9a-f]{64} was pinned/);
    assert.equal(readFileSync(knownHosts, 'utf8'), `127.0.0.1:${at.listener.port} ${at.server.fingerprint}\n`);
    assert.deepEqual((await enter({ ...spec, unknownHost: 'refuse' })).notices, []);
    const other = identity(at.folder, 'other');
    const before = `127.0.0.1:${at.listener.port} ${other.fingerprint}\n`;
    writeFileSync(knownHosts, before);
    const changed = await rejection(enter(spec));
    assert.equal(changed.code, 'CONNECT');
    assert.match(changed.message, /as line 1 of .* says: it is another server, or somebody stands between/);
    assert.equal(readFileSync(knownHosts, 'utf8'), before);
  });

  it('a server that does not let us in is not pinned', async () => {
    const at = await door();
    const own = identity(at.folder, 'me');
    const knownHosts = join(at.folder, 'known-hosts');
    const { pin: _pin, ...unpinned } = at.spec;
    await rejection(enter({ ...unpinned, identity: own.path, knownHosts }));
    assert.throws(() => readFileSync(knownHosts), /ENOENT/);
  });

  it('refuses a server with another certificate than was asked for, before it learns who we are', async () => {
    const at = await door({ nameOf: () => 'anyone' });
    const own = identity(at.folder, 'me');
    assert.match((await rejection(enter({ ...at.spec, identity: own.path, pin: own.fingerprint }))).message, /as was asked for/);
    assert.equal((await rejection(enter({ ...at.spec, pin: 'sha256:12' }))).code, 'USAGE');
    const { pin: _pin, ...unpinned } = at.spec;
    assert.match((await rejection(enter({ ...unpinned, identity: own.path }))).message, /the server is not known; its certificate is sha256:/);
    assert.deepEqual(at.clients, []);
  });

  it('speaks TLS 1.3 and nothing older', async () => {
    const at = await door({ nameOf: () => 'anyone' });
    const socket = connectTlsRaw({ host: '127.0.0.1', port: at.listener.port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
    const error = await new Promise<Error>((resolve) => { socket.once('error', resolve); });
    assert.match(error.message, /alert protocol version|unsupported protocol/i);
  });

  it('refuses a private key or token that others can read, and makes such files for their owner alone', async function () {
    const at = await door({ nameOf: () => 'anyone' });
    const own = identity(at.folder, 'me');
    chmodSync(own.path, 0o640);
    const error = await rejection(enter({ ...at.spec, identity: own.path }));
    assert.equal(error.code, 'USAGE');
    assert.match(error.message, /others can read or write it/);
    assert.match(error.advice ?? '', /chmod 600/);
    const token = join(at.folder, 't');
    writeNew(token, formatToken(makeToken('x')));
    chmodSync(token, 0o604);
    assert.equal((await rejection(enter({ ...at.spec, tokenFile: token }))).code, 'USAGE');
    await assert.rejects(listenTls({ port: 0, identity: own.path, nameOf: () => undefined, tokenOf: () => undefined }, () => undefined), /others can read/);
  });

  it('a stalled client is turned away in time, at each step', async () => {
    const at = await door({ handshakeTimeoutMs: 80, nameOf: () => 'anyone' });
    const tcp = connectRaw(at.listener.port, '127.0.0.1');
    const tls = connectTlsRaw({ host: '127.0.0.1', port: at.listener.port, rejectUnauthorized: false });
    for (const socket of [tcp, tls]) {
      socket.on('error', () => undefined);
      socket.resume();
    }
    await Promise.all([tcp, tls].map((socket) => new Promise((resolve) => { socket.once('close', resolve); })));
    assert.equal(at.refused.length, 2);
    while (at.listener.connections > 0) await new Promise((resolve) => { setImmediate(resolve); });
  });

  it('has no more connections than it was told', async () => {
    const at = await door({ maxConnections: 2, nameOf: () => 'anyone' });
    const own = identity(at.folder, 'me');
    const spec: TlsSpec = { ...at.spec, identity: own.path };
    const first = await enter(spec);
    await enter(spec);
    assert.equal((await rejection(enter(spec))).code, 'CONNECT');
    assert.match(at.refused[0] ?? '', /more than 2 connections/);
    first.close();
    await first.ended;
    while (at.listener.connections > 1) await new Promise((resolve) => { setImmediate(resolve); });
    await enter(spec);
  });

  it('a flooder of one address leaves room: only so many that did not say who they are', async () => {
    const at = await door({ maxStrangers: 3, nameOf: () => 'anyone' });
    const own = identity(at.folder, 'me');
    for (let i = 0; i < 5; i++) await enter({ ...at.spec, identity: own.path }); // known ones do not count
    const flood = Array.from({ length: 6 }, () => connectRaw(at.listener.port, '127.0.0.1'));
    afterwards(() => { for (const socket of flood) socket.destroy(); });
    for (const socket of flood) {
      socket.on('error', () => undefined);
      socket.resume();
    }
    await Promise.all(flood.slice(3).map((socket) => new Promise((resolve) => { socket.once('close', resolve); })));
    assert.deepEqual(at.refused, Array.from({ length: 3 }, () => 'more than 3 connections that did not say who they are'));
    assert.equal(at.listener.connections, 8);
    for (const socket of flood) socket.destroy();
    while (at.listener.connections > 5) await new Promise((resolve) => { setImmediate(resolve); });
    await enter({ ...at.spec, identity: own.path });
  });

  it('what is no twintree is refused inside TLS too', async () => {
    const at = await door({ nameOf: () => 'anyone' });
    const socket = connectTlsRaw({ host: '127.0.0.1', port: at.listener.port, rejectUnauthorized: false });
    socket.on('error', () => undefined);
    socket.resume();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.padEnd(100));
    await new Promise((resolve) => { socket.once('close', resolve); });
    assert.deepEqual(at.refused, ['the client is not twintree']);
  });

  it('nobody listening, no TLS, and nobody answering are told apart', async () => {
    const folder = tempDir();
    const sockets: Socket[] = [];
    const silent = createServer((socket) => { sockets.push(socket); });
    const talker = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.resume();
      socket.end('220 mail.example ESMTP\r\n');
    });
    for (const server of [silent, talker]) {
      await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
      afterwards(() => {
        for (const socket of sockets) socket.destroy();
        return new Promise((resolve) => { server.close(resolve); });
      });
    }
    const spec = (server: typeof silent): TlsSpec => ({ kind: 'tls', host: '127.0.0.1', port: (server.address() as { port: number }).port, knownHosts: join(folder, 'k') });
    assert.equal((await rejection(enter(spec(silent), 60))).code, 'CONNECT_TIMEOUT');
    assert.match((await rejection(enter(spec(talker)))).message, /does not speak TLS/);
    const free = spec(talker);
    await new Promise((resolve) => { talker.close(resolve); });
    assert.match((await rejection(enter(free))).message, /nothing listens there/);
  });

  it('reads token files strictly', () => {
    const folder = tempDir();
    const token = makeToken('a.b@c-1');
    const write = (name: string, text: string): string => {
      writeNew(join(folder, name), text);
      return join(folder, name);
    };
    assert.deepEqual(readTokens(write('good', `# tokens\n\n${formatToken(token)}`)), [token]);
    for (const [i, text] of ['short:abc', `:${token.secret}`, 'a b:'.padEnd(60, 'x'), formatToken(token) + formatToken(token), 'nothing'].entries()) {
      assert.throws(() => readTokens(write(String(i), text)), { code: 'USAGE' });
      assert.throws(() => readTokens(join(folder, String(i))), (error: Error) => !error.message.includes(token.secret));
    }
    assert.throws(() => makeToken('a:b'), { code: 'USAGE' });
    assert.throws(() => { writeNew(join(folder, 'good'), ''); }, /is there already/);
    const names = readdirSync(folder);
    // A process that cannot write a byte, or is killed before, leaves nothing under the name: half a key would be taken for one.
    const { code } = runCommand('sh', ['-c', 'ulimit -f 0; exec "$0" "$@"', process.execPath, '-e', `import(${JSON.stringify(new URL('../../src/transport/secret-files.js', import.meta.url).href)}).then(({ writeNew }) => writeNew(${JSON.stringify(join(folder, 'cut'))}, 'secret')).catch(() => process.exit(3))`]);
    assert.deepEqual([code, readdirSync(folder)], [3, names]);
  });
});
