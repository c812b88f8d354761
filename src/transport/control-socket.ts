/**
 * A control socket: a unix socket in a folder that is its user's alone, on which a running program answers questions of one line each. Who connects
 * sends a line and gets a line, then the connection ends. Lines and the number of connections are bounded, and nobody is waited for longer than a few
 * seconds. The socket is reached through a handle of its folder, so that the folder's path may be longer than a socket's address (108 bytes).
 */
import net from 'node:net';
import { chmodSync, unlinkSync } from 'node:fs';
import { Errno, errnoText, loadOwnPosix } from '../fs/index.js';
import { toBytes, TwintreeError, type ByteString } from '../tree/index.js';

/** Longest question and longest answer, bytes. */
export const LONGEST_QUESTION = 16 << 10;
export const LONGEST_ANSWER = 256 << 10;
const MOST_CONNECTIONS = 16;
/** Milliseconds in which a question must have come. */
const QUESTION_TIME = 5000;

export interface ControlServer {
  /** Ends it, and removes the socket. */
  close(): Promise<void>;
}

/**
 * Serves the socket `name` in `folder`. Whoever calls it must be sure to be the only one (a lock on the folder): what stands there is left from a
 * program that was killed, and is replaced.
 * @param answer gets each question without its end of line; its promise must not reject.
 * @throws TwintreeError IO.
 */
export async function serveControl(folder: ByteString, name: string, answer: (question: string) => Promise<string>): Promise<ControlServer> {
  const place = openPlace(folder, name);
  const server = net.createServer((socket) => serve(socket, answer));
  server.maxConnections = MOST_CONNECTIONS;
  try {
    remove(place.path);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(place.path, resolve);
    });
    chmodSync(place.path, 0o600); // the folder is closed to others besides
  } catch (error) {
    server.close();
    place.close();
    throw new TwintreeError('IO', `the control socket cannot be made: ${error instanceof Error ? error.message : String(error)}`, { path: folder, cause: error });
  }
  server.on('error', () => undefined); // one connection could not be taken: its caller sees that
  return {
    close: async () => {
      await new Promise<void>((resolve) => { server.close(() => { resolve(); }); });
      remove(place.path);
      place.close();
    },
  };
}

/**
 * Asks the program that serves the socket `name` in `folder`. Resolves with its line; undefined: nobody serves it.
 * @throws TwintreeError IO, TIMEOUT.
 */
export async function askControl(folder: ByteString, name: string, question: string, timeoutMs: number): Promise<string | undefined> {
  if (Buffer.byteLength(question) > LONGEST_QUESTION) throw new TwintreeError('USAGE', 'the question is too long');
  const place = openPlace(folder, name, true);
  if (place === undefined) return undefined;
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      const socket = net.connect(place.path);
      const line = new Line(LONGEST_ANSWER);
      socket.setTimeout(timeoutMs, () => { socket.destroy(new TwintreeError('TIMEOUT', 'the program did not answer in time', { path: folder })); });
      socket.on('connect', () => { socket.write(`${question}\n`); });
      socket.on('data', (chunk) => {
        if (line.add(chunk) === 'too long') socket.destroy(new TwintreeError('IO', 'the answer is too long', { path: folder }));
      });
      socket.on('end', () => {
        socket.end();
        if (line.text === undefined) reject(new TwintreeError('IO', 'the program ended before it answered', { path: folder }));
        else resolve(line.text);
      });
      socket.on('close', () => { reject(new TwintreeError('IO', 'the program ended before it answered', { path: folder })); }); // too late where it did
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
        else reject(error instanceof TwintreeError ? error : new TwintreeError('IO', `the program cannot be asked: ${error.message}`, { path: folder, cause: error }));
      });
    });
  } finally {
    place.close();
  }
}

function serve(socket: net.Socket, answer: (question: string) => Promise<string>): void {
  const line = new Line(LONGEST_QUESTION);
  let asked = false;
  const timer = setTimeout(() => { socket.destroy(); }, QUESTION_TIME);
  socket.on('error', () => undefined); // who asked is gone
  socket.on('close', () => { clearTimeout(timer); });
  socket.on('data', (chunk) => {
    if (asked) return;
    const came = line.add(chunk);
    if (came === 'too long') socket.destroy();
    if (line.text === undefined) return;
    asked = true;
    clearTimeout(timer);
    void reply(socket, answer(line.text));
  });
}

async function reply(socket: net.Socket, text: Promise<string>): Promise<void> {
  socket.end(`${await text}\n`);
}

/** Bytes until the first end of line. */
class Line {
  text: string | undefined;
  private chunks: Buffer[] = [];
  private length = 0;

  constructor(private readonly longest: number) {}

  add(chunk: Buffer): 'fine' | 'too long' {
    if (this.text !== undefined) return 'fine';
    const end = chunk.indexOf(10);
    const part = end < 0 ? chunk : chunk.subarray(0, end);
    this.length += part.length;
    if (this.length > this.longest) return 'too long';
    this.chunks.push(part);
    if (end >= 0) this.text = Buffer.concat(this.chunks).toString('utf8');
    return 'fine';
  }
}

/** How the socket is reached. */
interface Place { readonly path: string; close(): void }

/** @param missing whether the folder may be missing: undefined then */
function openPlace(folder: ByteString, name: string, missing: true): Place | undefined;
function openPlace(folder: ByteString, name: string): Place;
function openPlace(folder: ByteString, name: string, missing = false): Place | undefined {
  if (process.platform !== 'linux') return { path: `${toBytes(folder).toString('utf8')}/${name}`, close: () => undefined };
  const posix = loadOwnPosix();
  const fd = posix.openRoot(folder);
  if (fd === -Errno.ENOENT && missing) return undefined;
  if (fd < 0) throw new TwintreeError('IO', `the folder cannot be opened: ${errnoText(-fd)}`, { path: folder });
  return { path: `/proc/self/fd/${fd}/${name}`, close: () => { posix.close(fd); } };
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
