/**
 * at-host: a command of this program at the other host, started over the user's remote shell as an agent is, also where nothing but Node.js is there.
 * It says its mark first, so that what a login script prints is passed over; then it reads one line, the question, and what follows on stdin and
 * stdout is the command's own. A question travels in the stream and not as words of a command line: paths are bytes, and no shell reads them.
 */
import { readSync, writeSync } from 'node:fs';
import { TwintreeError, parsedObject } from '../tree/index.js';
import { waitFor, within } from './await-start.js';
import { selfBootstrap } from './bootstrap.js';
import { connect } from './connect.js';
import type { CommandSpec, Connection, ConnectOptions } from './connection.js';
import type { SshSpec } from './remote-spec.js';
import { programCommand, type RemoteShell } from './ssh.js';
import { refusalOf, SeenStart } from './strangers.js';

/** What the program is called with. */
export const AT_HOST = '--at-host';
/** Its first bytes: no banner has them. */
export const AT_HOST_MARK = '\u0002twintree-at-host 1\n';
/** Longest question, bytes. */
const LONGEST_ASK = 1 << 20;
/** Longest banner before the mark, bytes. */
const MOST_BANNER = 64 << 10;
const MARK = Buffer.from(AT_HOST_MARK, 'latin1');

/** What is asked: JSON, with `do` for which command. */
export interface AtHostQuestion { readonly do: string; readonly [key: string]: unknown }

/** How the host is reached. `cache`: it may keep the program; undefined: it is not sent. */
export function atHostSpec(host: Omit<SshSpec, 'path'>, shell: RemoteShell, env: Readonly<Record<string, string | undefined>>, cache?: boolean): CommandSpec {
  return { kind: 'command', argv: programCommand(host, shell, env, AT_HOST), ...(cache === undefined ? {} : { bootstrap: { ...selfBootstrap(host, shell, env, cache), call: AT_HOST, mark: AT_HOST_MARK } }) };
}

/** The same on this host: a process of its own. @param program what runs this program here. @param detached it outlives a terminal, and signals to this process's group. */
export function ownAtHost(program: readonly string[], detached = false): CommandSpec {
  return { kind: 'command', argv: [...program, AT_HOST], ...(detached ? { detached } : {}) };
}

/**
 * Starts the command and asks. Its stream is what comes after the question.
 * @throws TwintreeError as `connect`; NOT_TWINTREE, CONNECT where something else answers; CONNECT_TIMEOUT.
 */
export async function openAtHost(spec: CommandSpec, question: AtHostQuestion, options: ConnectOptions): Promise<Connection> {
  const connection = await connect(spec, options);
  const seen = new SeenStart();
  const bytes = await within(connection, options, waitFor(connection.stream, (text) => text.includes(MARK) || text.length > MOST_BANNER, seen));
  const at = bytes?.indexOf(MARK) ?? -1;
  if (bytes === undefined || at < 0) {
    if (bytes !== undefined) connection.close();
    throw refusalOf(connection.about, seen, bytes === undefined ? await connection.ended : {});
  }
  const rest = bytes.subarray(at + MARK.length);
  if (rest.length > 0) connection.stream.unshift(rest);
  connection.stream.write(`${JSON.stringify(question)}\n`);
  return connection;
}

/** At the other host: says the mark and reads the question, not one byte further. @throws TwintreeError WIRE. */
export function answerAtHost(): AtHostQuestion {
  writeSync(1, MARK);
  const question = parsedObject(readLine());
  if (question === undefined || typeof question['do'] !== 'string') throw new TwintreeError('WIRE', 'what came is no question', { advice: 'This is called by another twintree.' });
  return question as AtHostQuestion;
}

/** A line of stdin without its end. */
function readLine(): string {
  const bytes: number[] = [];
  const one = Buffer.alloc(1);
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    let got: number;
    try {
      got = readSync(0, one, 0, 1, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(clock, 0, 0, 5); // a stdin that does not block is asked again
      continue;
    }
    if (got === 0) throw new TwintreeError('WIRE', 'the other end has gone before it asked anything');
    if (one[0] === 10) return Buffer.from(bytes).toString('utf8');
    if (bytes.length >= LONGEST_ASK) throw new TwintreeError('WIRE', 'the question is too long');
    bytes.push(one[0] as number);
  }
}
