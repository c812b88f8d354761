/**
 * One end of a connection, played by a test: it speaks the real wire format, and says whatever the test wants. The other end is the real program:
 * a client that is sent here by its remote shell, or a serving side over pipes or TLS.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PairDuplex } from '../../src/transport/pair-duplex.js';
import { fromText, STAT_WORDS, type ByteString, type RelPath } from '../../src/tree/index.js';
import {
  COMPRESSION, encodeFrame, encodeHello, FrameReader, FrameType, hello, ItemWriter, MAGIC, parseBye, parseControl, RequestReader, RequestWriter,
  type Bye, type ControlMessage, type FolderItem, type Frame, type Item, type Request,
} from '../../src/wire/index.js';
import { REPOSITORY, startTwintree, type RunResult, type TempFolder } from '../support/index.js';
import { parseSync, processContext } from '../../src/cli/index.js';
import { encodeOptions } from '../../src/plan/index.js';

const BRIDGE = fileURLToPath(new URL('./remote-bridge.js', import.meta.url));
export const SEED = { low: 1, high: 2 };

/** The real program at the other end of a connection. */
export interface Victim { end: HostileEnd; pid: number; finished: Promise<Pick<RunResult, 'code' | 'stdout' | 'stderr'>> }

/** This end. */
export class HostileEnd {
  /** The Bye that came; the rest of what came is in the queue until it is asked for. */
  bye: Bye | undefined;
  /** Resolved when nothing will come any more. */
  readonly ended: Promise<void>;
  private readonly frames = new Map<FrameType, Frame[]>();
  private over = false;
  private waiting: (() => void)[] = [];

  constructor(private readonly stream: Duplex) {
    const reader = new FrameReader((frame) => {
      if (frame.type === FrameType.Bye) this.bye = parseBye(frame.payload);
      else this.queue(frame.type).push(frame);
      this.wake();
    });
    stream.on('data', (bytes: Buffer) => { reader.push(bytes); });
    stream.on('error', () => undefined); // the other end has had enough
    this.ended = new Promise((resolve) => {
      stream.once('end', () => { stream.destroy(); });
      stream.once('close', () => {
        this.over = true;
        this.wake();
        resolve();
      });
    });
  }

  private queue(type: FrameType): Frame[] {
    let queue = this.frames.get(type);
    if (queue === undefined) this.frames.set(type, (queue = []));
    return queue;
  }

  private wake(): void {
    for (const each of this.waiting.splice(0)) each();
  }

  /** Magic and Hello. */
  greet(role: 'client' | 'agent', features: readonly string[] = []): void {
    this.raw(Buffer.concat([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, encodeHello(hello(role, 'hostile', COMPRESSION, features)))]));
  }

  raw(bytes: Uint8Array): void {
    if (!this.over && this.stream.writable) this.stream.write(bytes);
  }

  send(type: FrameType, channel: number, payload: Uint8Array, flags = 0): void {
    this.raw(Buffer.concat(encodeFrame(type, flags, channel, payload)));
  }

  /** Resolved when what was written has left, or the other end has gone. */
  async written(): Promise<void> {
    while (!this.over && this.stream.writableLength > 1 << 20) await Promise.race([this.ended, new Promise((resolve) => { this.stream.once('drain', resolve); })]);
  }

  control(message: ControlMessage): void {
    this.send(FrameType.Control, 0, Buffer.from(JSON.stringify(message)));
  }

  requests(channel: number, ...requests: Request[]): void {
    const writer = new RequestWriter();
    for (const request of requests) writer.write(request);
    this.send(FrameType.Requests, channel, writer.take());
  }

  /** Items in one frame; `change` has the last word on its bytes. */
  items(channel: number, items: readonly Item[], change: (payload: Buffer) => Buffer = (payload) => payload): void {
    const writer = new ItemWriter();
    for (const item of items) writer.write(item);
    this.send(FrameType.Items, channel, change(writer.take()));
  }

  /** Stops reading: what the other end sends waits there. */
  deaf(): void {
    this.stream.pause();
  }

  /** The next frame of a type. Undefined: the other end has ended. */
  async next(type: FrameType): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.queue(type).shift();
      if (frame !== undefined || this.over) return frame;
      await new Promise<void>((resolve) => { this.waiting.push(resolve); });
    }
  }

  /** The next control message of a type; others are passed over. */
  async heard(type: string): Promise<ControlMessage | undefined> {
    for (;;) {
      const frame = await this.next(FrameType.Control);
      if (frame === undefined) return undefined;
      const message = parseControl(frame.payload);
      if (message.type === type) return message;
    }
  }

  /** The next control message of either type. */
  async either(...types: readonly string[]): Promise<ControlMessage | undefined> {
    for (let frame = await this.next(FrameType.Control); frame !== undefined; frame = await this.next(FrameType.Control)) {
      const message = parseControl(frame.payload);
      if (types.includes(message.type)) return message;
    }
    return undefined;
  }

  /** What the session asks, one by one. */
  async *asked(): AsyncGenerator<{ channel: number; request: Request }> {
    for (let frame = await this.next(FrameType.Requests); frame !== undefined; frame = await this.next(FrameType.Requests)) {
      for (const reader = new RequestReader(frame.payload); !reader.done;) yield { channel: frame.channel, request: reader.next() };
    }
  }

  /** Ends in good order: what was said arrives. */
  finish(): void {
    this.stream.end();
  }

  close(): void {
    this.stream.destroy();
  }
}

/** Options of `sync ARGS x y` as they travel. */
export function optionsOf(...args: string[]): unknown {
  const parsed = parseSync([...args, 'x', 'y'].map(fromText), processContext());
  if (parsed.kind !== 'run') throw new Error('these options ask for no run');
  return encodeOptions(parsed.options);
}

/** The message that opens a session; members of `over` replace its own. */
export function openMessage(side: 'supplier' | 'session', over: Record<string, unknown> = {}): ControlMessage {
  const both = { type: 'open', side, timeoutMs: 0, sources: ['.'], options: optionsOf('-a', '--delete'), seed: SEED };
  return side === 'supplier' ? { ...both, compression: 'off', bwlimit: 0, ...over } : { ...both, target: '.', wants: { operations: 'all', progress: 0 }, lineage: '0'.repeat(16), ...over };
}

/** One source folder, whole. */
export function describeSource(end: HostileEnd, over: Record<string, unknown> = {}): void {
  end.control({ type: 'selection', nodes: [[0, '', [0], [0], 2, 2]] });
  end.control({ type: 'opened', mounts: [{ path: '/s' }], problems: [], missing: 0, skipped: [], ...over });
}

/** A serving side over pipes: `--server`, or `serve --stdio ARGS`. */
export function startServer(tmp: TempFolder, args: readonly string[]): Victim {
  const child = spawn(process.execPath, [join(REPOSITORY, 'bin/twintree.js'), ...args], { stdio: ['pipe', 'pipe', 'pipe'], cwd: tmp.at('srv'), env: { ...process.env, NODE_OPTIONS: '', TWINTREE_STATE_DIR: tmp.at('state') } });
  let stderr = '';
  child.stderr.on('data', (bytes: Buffer) => { stderr += bytes.toString(); });
  const finished = new Promise<Pick<RunResult, 'code' | 'stdout' | 'stderr'>>((resolve) => { child.once('close', (code) => { resolve({ code, stdout: '', stderr }); }); });
  return { end: new HostileEnd(new PairDuplex(child.stdout, child.stdin)), pid: child.pid ?? 0, finished };
}

/** A client whose remote shell leads here. `words`: `sync` and its arguments; the other host is called `h`. */
export async function startClient(tmp: TempFolder, words: readonly string[]): Promise<Victim> {
  const socket = tmp.at('socket');
  writeFileSync(tmp.at('rsh'), `#!/bin/sh\nexec '${process.execPath}' '${BRIDGE}' '${socket}'\n`);
  chmodSync(tmp.at('rsh'), 0o755);
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(socket, resolve); });
  const arrived = new Promise<Duplex>((resolve) => { server.once('connection', resolve); });
  const running = startTwintree(['sync', '-e', tmp.at('rsh'), '--rsync-path=x', '--retries=0', '--contimeout=20', ...words]);
  const finished = running.finished.then((done) => {
    server.close();
    return done;
  });
  const stream = await Promise.race([arrived, finished.then((done): never => { throw new Error(`the client did not connect: ${done.stderr}`); })]);
  return { end: new HostileEnd(stream), pid: running.child.pid ?? 0, finished };
}

/** What a supplier that lies answers. Without a member it answers as an honest one that has one empty folder. */
export interface Supplied {
  /** Folders of the walk. */
  walk?: readonly Item[];
  /** Has the last word on a frame of folders. */
  change?(payload: Buffer): Buffer;
  /** Answers a request for content, or one with sums that were asked for; without it an empty file. */
  content?(end: HostileEnd, channel: number, request: 'content' | 'refine'): void;
  /** Answers to anything else; false: as usual. */
  answer?(end: HostileEnd, channel: number, request: Request): boolean;
}

/** Answers until the other end has had enough. */
export async function supply(end: HostileEnd, what: Supplied): Promise<void> {
  for await (const { channel, request } of end.asked()) {
    if (what.answer?.(end, channel, request) === true) continue;
    switch (request.kind) {
      case 'walk': end.items(channel, [...(what.walk ?? [folder([])]), { kind: 'walk-end' }], what.change); break;
      case 'folder': end.items(channel, [folder([], { path: request.path, mount: request.mount })]); break;
      case 'content': case 'refine':
        if (what.content !== undefined) what.content(end, channel, request.kind);
        else end.items(channel, [{ kind: 'content-begin', errno: 0, stat: record(0o100644, 0) }, { kind: 'content-end', errno: 0, stat: record(0o100644, 0), size: 0, hash: Buffer.alloc(16) }]);
        break;
      case 'hash': case 'call': end.items(channel, [{ kind: 'answer', result: -2 }]); break;
    }
  }
}

/** A folder of the walk: names, each with its mode and size, in byte order. */
export function folder(entries: readonly (readonly [name: string, mode: number, size: number])[], over: Partial<FolderItem> = {}): FolderItem {
  return {
    kind: 'folder', mount: 0, path: '' as RelPath, more: false, openErrno: 0, listErrno: 0, self: record(0o040755, 0), names: entries.map(([name]) => name as ByteString),
    stats: Buffer.concat(entries.map(([, mode, size], k) => record(mode, size, k + 2))), errors: undefined, links: new Map(), followed: undefined, xattrs: undefined, hashes: undefined, ruleFiles: new Map(), users: [], groups: [], ...over,
  };
}

/** Attributes of one entry. */
export function record(mode: number, size: number, inode = 1): Buffer {
  const words = new Uint32Array(STAT_WORDS);
  words[0] = 0x7ff;
  words[4] = 1;
  words[7] = mode;
  words[8] = inode;
  words[10] = size % 2 ** 32;
  words[11] = Math.floor(size / 2 ** 32);
  words[12] = 8 * Math.ceil(size / 4096);
  words[28] = 1_600_000_000;
  return Buffer.from(words.buffer);
}

/** A number of a process from /proc: peak memory in KiB (`VmHWM` of status), or bytes read (`rchar` of io). Undefined: it has ended. */
export function ofProcess(pid: number, name: 'VmHWM' | 'rchar'): number | undefined {
  const path = `/proc/${pid}/${name === 'rchar' ? 'io' : 'status'}`;
  if (!existsSync(path)) return undefined;
  const found = new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(path, 'utf8'));
  return found === null ? undefined : Number(found[1]);
}

/** Calls `look` now and then until the process has stood still (it read nothing for a second) or has ended. */
export async function untilStill(pid: number, look: () => void): Promise<void> {
  let last = -1;
  for (let still = 0; still < 10;) {
    const now = ofProcess(pid, 'rchar');
    if (now === undefined) return;
    look();
    still = now === last ? still + 1 : 0;
    last = now;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}
