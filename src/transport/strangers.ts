/**
 * strangers: who answered, where it was not twintree. The first bytes of the other side are kept until its Hello is there; they
 * tell an rsync, another service or a shell that prints, and how the child ended tells the rest.
 */
import { fromBytes, TwintreeError, type ByteString } from '../tree/index.js';
import { MAGIC } from '../wire/index.js';
import type { ConnectionEnd } from './connection.js';
import { safeText } from './last-words.js';

/** Bytes that are looked at. */
const KEPT = 4096;
const SHOWN = 300;
/** How the other side's opening begins: a twintree is there, whatever came after it. */
const BEGINNING = fromBytes(MAGIC.subarray(0, 4));

/** The first bytes of the other side. */
export class SeenStart {
  #bytes = Buffer.alloc(0);

  push(bytes: Buffer): void {
    if (this.#bytes.length < KEPT) this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(0, KEPT - this.#bytes.length)]);
  }

  get text(): ByteString {
    return fromBytes(this.#bytes);
  }

  /** True as soon as it is known that an rsync answers: a daemon's greeting, or a server's version as 32 bits, also behind a banner. */
  get isRsync(): boolean {
    // oxlint-disable-next-line no-control-regex -- rsync's protocol version (20 to 63) is a little-endian number
    return /(?:^|\n)(?:@RSYNCD:|[\u0014-\u003f]\0\0\0)/.test(this.text);
  }
}

/** The error for an rsync at the other end. */
export function rsyncAnswered(about: string): TwintreeError {
  return new TwintreeError('NOT_TWINTREE', `${about}: an rsync answered, which has a protocol of its own; twintree must run at both ends`, {
    advice: 'Leave --rsync-path out, or let it name twintree there.',
  });
}

/** The error for a connection that ended, or said too much, before the other side's Hello. */
export function refusalOf(about: string, seen: SeenStart, end: ConnectionEnd): TwintreeError {
  const { text } = seen;
  if (seen.isRsync) return rsyncAnswered(about);
  const service = serviceOf(text);
  if (service !== undefined) return new TwintreeError('NOT_TWINTREE', `${about}: ${service} answered, not twintree`, { advice: 'Look at the port.' });
  const words = end.lastWords === undefined ? '' : `: ${end.lastWords}`;
  if (text.includes(BEGINNING)) return new TwintreeError('CONNECT', `${about}: the connection broke while it was opened${exitText(end)}${words}`);
  if (end.exitCode === 127) {
    return new TwintreeError('CONNECT', `${about}: the command was not found on the other host${words}`, {
      advice: 'Install twintree there, or name it with --remote-path.',
    });
  }
  if (end.exitCode === 126) return new TwintreeError('CONNECT', `${about}: the command on the other host may not be executed${words}`);
  if (end.error !== undefined && text === '') return new TwintreeError('CONNECT', `${about}: ${end.error.message}`, { cause: end.error });
  if (text.trim() !== '') {
    const shown = safeText(text.slice(0, SHOWN).trim().replaceAll(/\s*[\r\n]+\s*/g, ' / ') as ByteString);
    return new TwintreeError('NOT_TWINTREE', `${about}: something else than twintree answered: "${shown}"${exitText(end)}${words}`);
  }
  return new TwintreeError('CONNECT', `${about}: the connection ended before twintree answered${exitText(end)}${words}`);
}

/** The error for a connection that ended without a Bye after it stood. */
export function lostOf(about: string, end: ConnectionEnd): TwintreeError {
  const words = end.lastWords === undefined ? '' : `: ${end.lastWords}`;
  const why = end.error === undefined ? `${exitText(end)}${words}` : `: ${end.error.message}`;
  return new TwintreeError('CONNECTION_LOST', `${about}: the connection broke${why}`, end.error === undefined ? {} : { cause: end.error });
}

function exitText(end: ConnectionEnd): string {
  if (end.signal !== undefined) return ` (ended by ${end.signal})`;
  return end.exitCode === undefined ? '' : ` (exit code ${end.exitCode})`;
}

function serviceOf(text: string): string | undefined {
  if (/^SSH-[12]\./.test(text)) return 'an ssh server';
  if (/^HTTP\/|^<!doctype|^<html/i.test(text)) return 'a web server';
  if (/^220[ -]/.test(text)) return 'a mail or FTP server';
  return undefined;
}
