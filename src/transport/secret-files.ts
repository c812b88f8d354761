/**
 * secret-files: private keys and shared tokens on disk. A file that others can read, or that another user owns, is refused; a new
 * one is made with mode 0600 and never replaces another. Secrets never stand on a command line or in an error.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, fsyncSync, linkSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { fromText, TwintreeError } from '../tree/index.js';

/** Longest secret file. */
const LONGEST = 64 << 10;
/** Fewest characters of a token's secret: a weak one could be guessed by whoever pretends to be the server. */
const LEAST_SECRET = 32;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** A shared secret and the name it goes by. */
export interface Token { readonly name: string; readonly secret: string }

/** Reads a file that nobody else may read. Throws USAGE where others can, IO where it cannot be read. */
export function readSecret(path: string): string {
  const fd = open(path, constants.O_RDONLY | constants.O_NONBLOCK); // a FIFO in its place must not hold the run
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw unusable(path, 'is no regular file');
    if (stat.size > LONGEST) throw unusable(path, `is longer than ${LONGEST} bytes`);
    const self = process.geteuid?.() ?? stat.uid;
    if (stat.uid !== self && stat.uid !== 0) throw unusable(path, 'belongs to another user');
    if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) {
      throw unusable(path, 'holds a secret and others can read or write it', `chmod 600 ${path}`);
    }
    return readAll(fd);
  } finally {
    closeSync(fd);
  }
}

/** A certificate and its key out of one file, as TLS takes them. Throws as `readSecret`, and USAGE where one of the two is missing. */
export function readIdentity(path: string): { cert: string; key: string } {
  const text = readSecret(path);
  const cert = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n?/.exec(text)?.[0];
  const key = /-----BEGIN (?:EC )?PRIVATE KEY-----[^]*?-----END (?:EC )?PRIVATE KEY-----\n?/.exec(text)?.[0];
  if (cert === undefined || key === undefined) throw unusable(path, `holds no ${cert === undefined ? 'certificate' : 'private key'}`, 'twintree cert make makes such a file.');
  return { cert, key };
}

/** What link(2) says where the file system has no hard links. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** Makes a file, which appears under its name only when it is whole; `mode` 0600 for a secret. Throws USAGE where it is there already, IO otherwise. */
export function writeNew(path: string, text: string, mode = 0o600): void {
  const beside = `${path}.${randomBytes(6).toString('hex')}.new`;
  try {
    writeTo(beside, text, mode);
    try {
      linkSync(beside, path);
    } catch (error) {
      if (!NO_LINKS.some((code) => isErrno(error, code))) throw error;
      writeTo(path, text, mode);
    }
  } catch (error) {
    if (isErrno(error, 'EEXIST')) throw unusable(path, 'is there already', 'Remove it first if it is not needed any more.');
    throw failed(path, error);
  } finally {
    rmSync(beside, { force: true });
  }
}

function writeTo(path: string, text: string, mode: number): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A new token: 256 random bits under a name. */
export function makeToken(name: string): Token {
  if (!NAME.test(name)) throw new TwintreeError('USAGE', 'the name of a token has 1 to 64 letters, digits, dots, dashes, underscores and @');
  return { name, secret: randomBytes(32).toString('base64url') };
}

/** A token as it stands in a file. */
export function formatToken(token: Token): string {
  return `${token.name}:${token.secret}\n`;
}

/** Reads a token file: lines of `name:secret`; empty lines and those that begin with # say nothing. Throws USAGE. */
export function readTokens(path: string): Token[] {
  const tokens: Token[] = [];
  readSecret(path).split('\n').forEach((raw, i) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const secret = line.slice(colon + 1);
    if (!NAME.test(name)) throw unusable(path, `line ${i + 1} is not name:secret`);
    if (secret.length < LEAST_SECRET) throw unusable(path, `line ${i + 1}: a secret has at least ${LEAST_SECRET} characters`, 'twintree cert token makes one.');
    if (tokens.some((token) => token.name === name)) throw unusable(path, `line ${i + 1}: the name ${name} stands twice`);
    tokens.push({ name, secret });
  });
  return tokens;
}

function open(path: string, flags: number): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    throw failed(path, error);
  }
}

function readAll(fd: number): string {
  const bytes = Buffer.allocUnsafe(LONGEST + 1);
  let length = 0;
  for (;;) {
    const n = readSync(fd, bytes, length, bytes.length - length, null);
    if (n === 0) return bytes.toString('utf8', 0, length);
    length += n;
    if (length > LONGEST) throw new TwintreeError('USAGE', `a file is longer than ${LONGEST} bytes`);
  }
}

function unusable(path: string, why: string, advice?: string): TwintreeError {
  return new TwintreeError('USAGE', why, { path: fromText(path), ...(advice === undefined ? {} : { advice }) });
}

function failed(path: string, error: unknown): TwintreeError {
  return new TwintreeError('IO', error instanceof Error ? error.message.replace(/,.*$/, '') : String(error), { path: fromText(path), cause: error });
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
