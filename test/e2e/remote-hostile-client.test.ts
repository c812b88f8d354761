/**
 * A hostile client against each serving side: it connects, speaks the real wire format, and lies. Whatever it says, what it may not reach is as it was,
 * the side ends or goes on in good order and says why, memory is bounded, and a daemon serves the next one.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { brotliCompressSync } from 'node:zlib';
import { connect } from '../../src/transport/index.js';
import { COMPRESSION_BROTLI, encodeCredit, encodeFrame, encodeHello, FrameType, hello, MAGIC, parseControl, RequestWriter, type Request } from '../../src/wire/index.js';
import type { ByteString } from '../../src/tree/index.js';
import { answeredWith, SESSION_LIES, SUPPLIER_LIES } from './remote-hostile-lies.js';
import { describeSource, HostileEnd, ofProcess, openMessage, optionsOf, startServer, supply, untilStill, type Victim } from './remote-hostile-end.js';
import { startDaemon, type Daemon } from './remote-serve-support.js';
import { left } from './remote-cut-support.js';
import { dir, file, makeTree, readTree, symlink, time, twintree, useTempFolder } from '../support/index.js';

const T = time(1_600_000_000);
/** Peak memory of a serving process that has not been filled, KiB; an empty one has some 150 MiB. */
const MOST_MEMORY = 700 << 10;

describe('a hostile client', () => {
  const tmp = useTempFolder('hostile-client');
  let before: string;
  let victim: Victim | undefined;

  beforeEach('what it may reach, and what not', () => {
    makeTree(tmp.at('srv'), { f: file({ size: 1000, seed: 1 }, { mtime: T }), old: file({ size: 700_000, seed: 2 }, { mtime: T }), d: dir({ g: file('g', { mtime: T }) }, { mtime: T }), link: symlink('f', { mtime: T }), out: symlink('../outside', { mtime: T }) }, { mtime: T });
    makeTree(tmp.at('outside'), { secret: file('secret', { mtime: T }) }, { mtime: T });
    mkdirSync(tmp.at('state'));
    before = facts(tmp.at('outside'));
  });
  afterEach('end the connection', async () => {
    victim?.end.close();
    await victim?.finished;
    victim = undefined;
  });

  const facts = (root: string): string => JSON.stringify([...readTree(root)].map(([path, f]) => [path, f.type, f.mode, f.size, String(f.mtime), f.ino]));
  /** Nothing outside was touched, and nothing is left of what was begun. */
  function assertOutside(): void {
    assert.equal(facts(tmp.at('outside')), before);
    assert.deepEqual([existsSync(tmp.at('evil')), existsSync(tmp.at('up'))], [false, false]);
    assert.deepEqual(left(tmp.at('srv')), []);
  }
  function serve(...args: string[]): Victim {
    victim = startServer(tmp, args.length > 0 ? args : ['serve', '--stdio', '--root', tmp.at('srv'), '--read-write']);
    return victim;
  }
  /** How the serving side takes it: the outcome's exit code, or the error that it tells. */
  async function verdict({ end, finished }: Victim): Promise<{ code: number; says: string }> {
    for (let frame = await end.next(FrameType.Control); frame !== undefined; frame = await end.next(FrameType.Control)) {
      const message = parseControl(frame.payload);
      if (message.type === 'outcome') {
        end.control({ type: 'close' });
        assert.equal((await finished).code, 0);
        return { code: (message['outcome'] as { exitCode: number }).exitCode, says: problems.join('\n') };
      }
      if (message.type === 'problem') problems.push(JSON.stringify(message['problem']));
      if (message.type === 'error') problems.push(`${String(message['code'])} ${String(message['message'])}`);
    }
    end.close();
    return { code: (await finished).code ?? -1, says: `${problems.join('\n')} ${end.bye?.code ?? ''}` };
  }
  const problems: string[] = [];
  beforeEach(() => { problems.length = 0; });

  describe('before a session stands', () => {
    const greeting = encodeHello(hello('client', 'x', { brotli: true, zstd: false }));
    const frame = (type: number, flags: number, channel: number, length: number): Buffer => {
      const header = Buffer.alloc(12);
      header.set([type, flags, channel & 255, channel >> 8]);
      header.writeUInt32LE(length, 4);
      return header;
    };
    const hi = (): Buffer => Buffer.concat([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, greeting)]);
    const json = (text: string): Buffer => Buffer.concat([hi(), ...encodeFrame(FrameType.Control, 0, 0, Buffer.from(text))]);
    const damaged = (): Buffer => {
      const whole = json('{"type":"close"}');
      whole[whole.length - 1] = (whole[whole.length - 1] ?? 0) ^ 1;
      return whole;
    };
    const openWith = (over: Record<string, unknown>): Buffer => json(JSON.stringify(openMessage('supplier', over)));
    const cases: readonly [string, () => Buffer, number][] = [
      ['70,000 bytes of nothing', () => Buffer.alloc(70_000, 'x'), 2], ['a Hello of 64 KiB', () => Buffer.concat([MAGIC, frame(1, 0, 0, 65_536)]), 12],
      ['a Hello that says that it is an agent', () => Buffer.concat([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, encodeHello(hello('agent', 'x', { brotli: true, zstd: false })))]), 12],
      ['a version that nobody speaks', () => Buffer.concat([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, Buffer.from('{"protocol":[900,901],"role":"client","program":"x","compression":[],"features":[]}'))]), 2],
      ['a Hello that is no JSON', () => Buffer.concat([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, Buffer.from('{{'))]), 12],
      ['two Hellos', () => Buffer.concat([hi(), ...encodeFrame(FrameType.Hello, 0, 0, greeting)]), 12], ['a frame before the Hello', () => Buffer.concat([MAGIC, ...encodeFrame(FrameType.Control, 0, 0, Buffer.from('{}'))]), 12],
      ['a frame of 4 GiB', () => Buffer.concat([hi(), frame(2, 0, 0, 0xffffffff)]), 12], ['a frame of no type', () => Buffer.concat([hi(), frame(77, 0, 0, 8)]), 12],
      ['flags that there are not', () => Buffer.concat([hi(), frame(3, 8, 1, 8)]), 12], ['a control message on a channel', () => Buffer.concat([hi(), frame(2, 0, 5, 8)]), 12], ['a damaged frame', damaged, 12],
      ['JSON without end', () => json('['.repeat(100_000)), 12], ['a member __proto__', () => json('{"type":"open","__proto__":{"side":"supplier"}}'), 12], ['a message of no type', () => json('{"type":7}'), 12],
      ['an abort of nothing', () => json('{"type":"abort"}'), 12], ['a description of sources that nobody wanted', () => json('{"type":"opened"}'), 12], ['a message of an unknown type', () => json('{"type":"gift"}'), 12],
      ['a side that there is not', () => openWith({ side: 'both' }), 12], ['options that it does not know', () => openWith({ options: { evil: 1 } }), 12], ['sources that are no text of bytes', () => openWith({ sources: ['\u0100'] }), 12],
      ['a seed beyond 32 bits', () => openWith({ seed: { low: -1, high: 2 ** 40 } }), 12], ['patience of a thousand years', () => openWith({ timeoutMs: 1e15 }), 12], ['a source with a NUL', () => openWith({ sources: ['a\0b'] }), 12],
      ['a root by name', () => openWith({ root: 'other' }), 70], ['the content of devices', () => openWith({ options: optionsOf('-a', '--copy-devices') }), 70],
    ];
    for (const [name, bytes, code] of cases) {
      it(`${name}: ends with ${code}`, async () => {
        const { end, finished } = serve();
        end.raw(bytes());
        await end.ended;
        assert.equal((await finished).code, code);
        assertOutside();
      });
    }

    it('a description of sources that cannot be', async () => {
      const node = [0, '', [0], [0], 2, 2];
      for (const [nodes, rest] of [[[node, [1, '..', [0], [], 0, 0]], {}], [[[0, '', [9], [0], 2, 2]], {}], [[[3, 'x', [0], [0], 2, 2]], {}], [[], {}], [[node], { mounts: [{ path: '/', followed: ['../x'] }] }], [[node], { single: { mount: 9, name: 'x' } }]] as const) {
        const { end, finished } = serve();
        end.greet('client');
        end.control(openMessage('session'));
        end.control({ type: 'selection', nodes });
        end.control({ type: 'opened', mounts: [{ path: '/s' }], problems: [], missing: 0, skipped: [], ...rest });
        assert.equal((await end.heard('error'))?.['code'], 'WIRE', JSON.stringify(nodes));
        end.close();
        assert.equal((await finished).code, 12);
      }
      assertOutside();
    });
  });

  describe('that supplies', () => {
    for (const { name, what, code, says, before: first } of SUPPLIER_LIES) {
      it(`${name}: ends with ${code}`, async () => {
        const side = serve();
        side.end.greet('client');
        side.end.control(openMessage('session'));
        describeSource(side.end);
        first?.(side.end);
        void supply(side.end, what);
        const done = await verdict(side);
        assert.equal(done.code, code, done.says);
        assert.match(done.says, says);
        assertOutside();
        if (existsSync(tmp.at('srv/old'))) assert.equal(readFileSync(tmp.at('srv/old')).length, 700_000);
      });
    }

    it('messages without end, while the session waits for its answers: it is refused, and memory is bounded', async () => {
      const { end, finished, pid } = serve();
      end.greet('client');
      end.control(openMessage('session'));
      describeSource(end);
      assert.ok((await end.next(FrameType.Requests)) !== undefined, 'it waits for its walk');
      let most = 0;
      const filler = 'x'.repeat(1 << 20);
      for (let k = 0; k < 1000 && ofProcess(pid, 'VmHWM') !== undefined; k++) {
        end.control({ type: 'close', filler });
        most = Math.max(most, ofProcess(pid, 'VmHWM') ?? 0);
        await end.written();
      }
      await end.ended;
      assert.equal((await finished).code, 12);
      assert.ok(most < MOST_MEMORY, `${most} KiB`);
      assertOutside();
    });

    it('requests before anybody supplies: it is refused, and memory is bounded', async () => {
      const { end, finished, pid } = serve();
      end.greet('client');
      end.control(openMessage('session'));
      let most = 0;
      const payload = Buffer.alloc(1 << 20);
      for (let k = 0; k < 1500 && ofProcess(pid, 'VmHWM') !== undefined; k++) {
        end.send(FrameType.Requests, 1, payload);
        most = Math.max(most, ofProcess(pid, 'VmHWM') ?? 0);
        await end.written();
      }
      end.close();
      assert.equal((await finished).code, 12);
      assert.ok(most < MOST_MEMORY, `${most} KiB`);
    });
  });

  describe('that runs the session', () => {
    async function opened(side: Victim, ...args: string[]): Promise<HostileEnd> {
      side.end.greet('client');
      side.end.control(openMessage('supplier', args.length > 0 ? { options: optionsOf(...args) } : {}));
      assert.ok((await side.end.heard('opened')) !== undefined, 'the sources were opened');
      return side.end;
    }
    const names: Request = { kind: 'call', call: { op: 'names', uids: [], gids: [] } };

    for (const { name, send, answers } of SESSION_LIES) {
      it(`${name}: ${answers === undefined ? 'ends with 12' : 'is answered with an errno'}`, async () => {
        const side = serve();
        const end = await opened(side);
        send(end);
        if (answers === undefined) {
          const done = await verdict(side);
          assert.deepEqual([done.code, /WIRE/.test(done.says)], [12, true], done.says);
        } else {
          const errno = await answeredWith(end);
          assert.ok(answers.includes(errno), `errno ${errno}`);
          end.requests(1, names);
          assert.equal(await answeredWith(end), 0, 'it goes on');
          end.control({ type: 'close' });
          assert.equal((await side.finished).code, 0);
        }
        assertOutside();
        assert.equal(readFileSync(tmp.at('srv/f')).length, 1000);
      });
    }

    for (const type of ['open', 'files', 'opened', 'abort', 'outcome', 'gift']) {
      it(`a message "${type}" while it is served: ends with 12`, async () => {
        const side = serve();
        const end = await opened(side);
        end.control(type === 'open' ? openMessage('supplier') : { type });
        const done = await verdict(side);
        assert.deepEqual([done.code, /WIRE/.test(done.says)], [12, true], done.says);
      });
    }

    it('a great deal asked for with all credit, and nothing read: no more is made than memory may hold', async () => {
      writeFileSync(tmp.at('srv/large'), randomBytes(64 << 20));
      const side = serve();
      const end = await opened(side);
      end.deaf();
      for (let channel = 1; channel <= 4; channel++) {
        end.send(FrameType.Credit, channel, encodeCredit(0xffffffff));
        end.requests(channel, ...Array.from({ length: 8 }, (): Request => ({ kind: 'content', place: { mount: 0, folder: '' as ByteString, name: 'large' as ByteString }, follow: false, noAtime: false, from: 0, sums: undefined })));
      }
      let most = 0;
      await untilStill(side.pid, () => { most = Math.max(most, ofProcess(side.pid, 'VmHWM') ?? 0); });
      assert.ok(most > 0 && most < MOST_MEMORY, `${most} KiB for 2 GiB that were asked for`);
    });

    it('millions of requests in a few bytes: ends with 12, and memory is bounded', async () => {
      const side = serve();
      const end = await opened(side);
      const writer = new RequestWriter();
      for (let k = 0; k < 3_000_000; k++) writer.write(names);
      const plain = writer.take();
      const length = Buffer.alloc(4);
      length.writeUInt32LE(plain.length);
      const payload = Buffer.concat([length, brotliCompressSync(plain)]);
      assert.ok(payload.length < 10_000);
      end.deaf();
      for (let channel = 1; channel <= 4; channel++) for (let k = 0; k < 4; k++) end.send(FrameType.Requests, channel, payload, COMPRESSION_BROTLI);
      let most = 0;
      await untilStill(side.pid, () => { most = Math.max(most, ofProcess(side.pid, 'VmHWM') ?? 0); });
      end.close();
      assert.equal((await side.finished).code, 12);
      assert.ok(most < MOST_MEMORY, `${most} KiB`);
    });
  });

  describe('of twintree --server', () => {
    it('is refused just so, as a supplier and as a session', async () => {
      const lie = SUPPLIER_LIES[0];
      const side = serve('--server');
      side.end.greet('client');
      side.end.control(openMessage('session', { target: tmp.at('srv') }));
      describeSource(side.end);
      void supply(side.end, lie?.what ?? {});
      assert.equal((await verdict(side)).code, 12);
      const other = serve('--server');
      other.end.greet('client');
      other.end.control(openMessage('supplier', { sources: [`${tmp.at('srv')}/`] }));
      assert.ok((await other.end.heard('opened')) !== undefined);
      SESSION_LIES[0]?.send(other.end);
      assert.equal((await verdict(other)).code, 12);
      assertOutside();
    });
  });

  describe('of a daemon', () => {
    let daemon: Daemon | undefined;
    afterEach('end it', async () => {
      await daemon?.stop();
      daemon = undefined;
    });

    it('is refused just so over TLS, connection after connection, and the daemon serves the next one', async () => {
      const made = (name: string): string => /sha256:[0-9a-f]{64}/.exec(twintree(['cert', 'make', tmp.at(name)]).stdout)?.[0] ?? '';
      const [pin, me] = [made('server.pem'), made('client.pem')];
      daemon = await startDaemon(tmp, { identity: 'server.pem', roots: { data: { path: tmp.at('srv'), access: 'read-write', peers: [me] } } });
      const { port } = daemon;
      const link = async (): Promise<HostileEnd> => new HostileEnd((await connect({ kind: 'tls', host: '127.0.0.1', port, identity: tmp.at('client.pem'), pin }, { connectTimeoutMs: 20_000 })).stream);
      const lies: ((end: HostileEnd) => Promise<unknown> | void)[] = [
        (end) => { end.raw(Buffer.alloc(70_000, 'x')); },
        (end) => {
          end.greet('client');
          end.control(openMessage('session', { root: 'data' }));
          describeSource(end);
          void supply(end, SUPPLIER_LIES[0]?.what ?? {});
        },
        async (end) => {
          end.greet('client');
          end.control(openMessage('supplier', { root: 'data' }));
          assert.ok((await end.heard('opened')) !== undefined);
          SESSION_LIES[0]?.send(end);
        },
        (end) => {
          end.greet('client');
          end.control(openMessage('supplier', { root: '../srv' }));
        },
      ];
      for (const lie of lies) {
        const end = await link();
        await lie(end);
        await end.ended;
        end.close();
      }
      assert.ok(await daemon.running.output(/(?:exit code 12[^]*){3}exit code 70|exit code 70[^]*(?:exit code 12[^]*){3}/), 'each ended by itself');
      const done = twintree(['sync', '-a', '--retries=0', `--identity=${tmp.at('client.pem')}`, `--fingerprint=${pin}`, `twintree://127.0.0.1:${port}/data/d/`, tmp.at('got')]);
      assert.equal(done.code, 0, done.stderr);
      assert.equal(readFileSync(tmp.at('got/g'), 'utf8'), 'g');
      assertOutside();
    });
  });
});
