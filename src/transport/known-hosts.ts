/**
 * known-hosts: which certificate each daemon had when it was first met: lines of `host:port sha256:…`. A daemon that shows another
 * one later is refused, and the file is never changed for it: a person decides.
 */
import { closeSync, constants, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fromText, TwintreeError } from '../tree/index.js';
import { parseFingerprint } from './certificate.js';

/** What the file says of a certificate. */
export type HostVerdict = { readonly kind: 'known' } | { readonly kind: 'new' } | { readonly kind: 'changed'; readonly line: number; readonly expected: string };

/** Where the known hosts are kept unless the user says otherwise: below the user's configuration folder. */
export function defaultKnownHosts(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const folder = env['XDG_CONFIG_HOME'];
  return join(folder === undefined || !isAbsolute(folder) ? join(homedir(), '.config') : folder, 'twintree', 'known-hosts');
}

/** The name under which a daemon is kept. */
export function hostKey(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host.toLowerCase()}:${port}`;
}

/** Looks a daemon up. Several lines for one are allowed: any of them will do. Throws IO where the file cannot be read, USAGE where a line is malformed. */
export function checkHost(path: string, key: string, fingerprint: string): HostVerdict {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'new' };
    throw failed(path, error);
  }
  let other: HostVerdict | undefined;
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [name, value = '', ...rest] = line.split(/\s+/);
    const expected = parseFingerprint(value);
    if (expected === undefined || rest.length > 0) throw new TwintreeError('USAGE', `line ${i + 1} is not host:port and a fingerprint`, { path: fromText(path) });
    if (name !== key) continue;
    if (expected === fingerprint) return { kind: 'known' };
    other = { kind: 'changed', line: i + 1, expected };
  }
  return other ?? { kind: 'new' };
}

/** Appends a line; the folder and the file are made where they are missing. Throws IO. */
export function rememberHost(path: string, key: string, fingerprint: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600);
    try {
      writeSync(fd, `${key} ${fingerprint}\n`); // one write: lines of two runs at once do not mix
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw failed(path, error);
  }
}

function failed(path: string, error: unknown): TwintreeError {
  return new TwintreeError('IO', error instanceof Error ? error.message.replace(/,.*$/, '') : String(error), { path: fromText(path), cause: error });
}
