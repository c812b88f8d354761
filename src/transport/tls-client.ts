/**
 * tls-client: connects to a daemon. TLS 1.3 only. The server is known by the SHA-256 of its certificate: the one that was given, or the one
 * that was pinned when it was first met; or by its proof that it knows the shared token. No certificate authority is asked.
 */
import { createHash, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect as connectSocket, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { TwintreeError } from '../tree/index.js';
import { fingerprintOf, parseFingerprint } from './certificate.js';
import type { Connection, ConnectionEnd, ConnectOptions, TlsSpec } from './connection.js';
import { deferred } from './deferred.js';
import { checkHost, defaultKnownHosts, hostKey, rememberHost, type HostVerdict } from './known-hosts.js';
import { readIdentity, readTokens, type Token } from './secret-files.js';
import { readVerdict, sendClaim } from './tls-token.js';

/** Between probes of a silent connection by the kernel, ms. */
export const TCP_KEEP_ALIVE_MS = 60_000;

/** Connects and makes sure of both sides. Rejects with CONNECT, CONNECT_TIMEOUT, NOT_TWINTREE, USAGE or IO. */
export async function connectTls(spec: TlsSpec, options: ConnectOptions): Promise<Connection> {
  const about = `twintree://${hostKey(spec.host, spec.port)}`;
  const pin = pinOf(spec);
  const token = spec.tokenFile === undefined ? undefined : onlyToken(spec.tokenFile);
  const own: ConnectionOptions = spec.identity === undefined ? {} : readIdentity(spec.identity);
  const socket = openSocket(spec, own);
  const { promise: ended, resolve: end } = deferred<ConnectionEnd>();
  let failure: Error | undefined;
  const { promise: broken, reject: fail } = deferred<never>();
  broken.catch(() => undefined);
  socket.on('error', (error) => {
    failure ??= error;
    fail(new TwintreeError('CONNECT', `${about}: ${networkFailure(error)}`, { cause: error }));
  });
  socket.once('close', () => {
    end(failure === undefined ? {} : { error: failure });
    fail(new TwintreeError('CONNECT', `${about}: the connection was closed before it stood`));
  });
  const timer = options.connectTimeoutMs <= 0 ? undefined : setTimeout(() => {
    fail(new TwintreeError('CONNECT_TIMEOUT', `${about}: no connection within ${options.connectTimeoutMs / 1000} s (--contimeout)`));
  }, options.connectTimeoutMs);
  try {
    const notices = await Promise.race([broken, introduce(socket, spec, pin, token)]);
    return { stream: socket, about, notices, ended, close: () => { socket.destroy(); } };
  } catch (error) {
    socket.destroy();
    throw error instanceof TwintreeError && !error.message.startsWith(about) && error.path === undefined
      ? new TwintreeError(error.code, `${about}: ${error.message}`, { ...(error.advice === undefined ? {} : { advice: error.advice }), cause: error })
      : error;
  } finally {
    clearTimeout(timer);
  }
}

/** What a server shows before anybody trusts anybody. */
export interface ServerSeen {
  /** Milliseconds until TLS stood. */
  readonly connectMs: number;
  readonly fingerprint: string;
  /** Milliseconds since 1970. The dates are for people: neither end refuses for them. */
  readonly notAfter: number;
  readonly verdict: HostVerdict | { readonly kind: 'asked' } | { readonly kind: 'exchanged' };
}

/**
 * Looks at a server's certificate and goes again: nothing is claimed, sent or pinned.
 * Rejects with CONNECT or CONNECT_TIMEOUT, and with USAGE or IO for files of this side.
 */
export async function lookAtServer(spec: TlsSpec, timeoutMs: number): Promise<ServerSeen> {
  const about = `twintree://${hostKey(spec.host, spec.port)}`;
  const pin = pinOf(spec);
  const began = performance.now();
  const socket = openSocket(spec, spec.identity === undefined ? {} : readIdentity(spec.identity));
  try {
    const certificate = await new Promise<X509Certificate | undefined>((resolve, reject) => {
      // At once: a server that does not know us may be gone in a moment.
      socket.once('secureConnect', () => { resolve(socket.getPeerX509Certificate()); });
      socket.on('error', (error) => { reject(new TwintreeError('CONNECT', `${about}: ${networkFailure(error)}`, { cause: error })); });
      socket.once('close', () => { reject(new TwintreeError('CONNECT', `${about}: the connection was closed before it stood`)); });
      socket.setTimeout(timeoutMs, () => { reject(new TwintreeError('CONNECT_TIMEOUT', `${about}: no connection within ${timeoutMs / 1000} s`)); });
    });
    const connectMs = performance.now() - began;
    if (certificate === undefined) throw new TwintreeError('CONNECT', `${about}: the server shows no certificate`);
    const fingerprint = fingerprintOf(certificate.raw);
    const verdict = pin !== undefined ? { kind: pin === fingerprint ? 'asked' as const : 'exchanged' as const } : checkHost(spec.knownHosts ?? defaultKnownHosts(), hostKey(spec.host, spec.port), fingerprint);
    return { connectMs, fingerprint, notAfter: Date.parse(certificate.validTo), verdict };
  } finally {
    socket.destroy();
  }
}

function openSocket(spec: TlsSpec, own: ConnectionOptions): TLSSocket {
  return connectSocket({
    ...own,
    host: spec.host, port: spec.port,
    ...(spec.family === undefined ? {} : { family: spec.family }), ...(spec.localAddress === undefined ? {} : { localAddress: spec.localAddress }),
    ...(isIP(spec.host) === 0 ? { servername: spec.host } : {}),
    minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ALPNProtocols: ['twintree/1'],
    rejectUnauthorized: false, // the fingerprint decides
  });
}

/** From the TCP connection to the server's verdict; returns notices. */
async function introduce(socket: TLSSocket, spec: TlsSpec, pin: string | undefined, token: Token | undefined): Promise<string[]> {
  await new Promise<void>((resolve) => { socket.once('secureConnect', resolve); });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  const shown = shownFingerprint(socket);
  if (shown === undefined) throw new TwintreeError('CONNECT', 'the server shows no certificate');
  if (pin !== undefined && shown !== pin) throw exchanged(pin, shown, 'as was asked for');
  // A token's proof vouches for the server, so that no host need be known then.
  const pinned = pin === undefined && token === undefined ? judgeHost(spec, shown) : undefined;
  sendClaim(socket, token);
  await readVerdict(socket, token);
  if (pinned === undefined || spec.knownHosts === undefined) return [];
  rememberHost(spec.knownHosts, pinned, shown);
  return [`${pinned} is new: its certificate ${shown} was pinned in ${spec.knownHosts}`];
}

/** The key under which a new host is to be kept, or undefined where it is known. Throws CONNECT. */
function judgeHost(spec: TlsSpec, shown: string): string | undefined {
  const key = hostKey(spec.host, spec.port);
  const advice = 'Compare it with what twintree cert show prints on that host, and name it with --fingerprint.';
  if (spec.knownHosts === undefined) throw new TwintreeError('CONNECT', `the server is not known; its certificate is ${shown}`, { advice });
  const verdict = checkHost(spec.knownHosts, key, shown);
  switch (verdict.kind) {
    case 'known': return undefined;
    case 'changed': throw exchanged(verdict.expected, shown, `as line ${verdict.line} of ${spec.knownHosts} says`);
    case 'new':
      if (spec.unknownHost === 'refuse') throw new TwintreeError('CONNECT', `the server is not in ${spec.knownHosts}; its certificate is ${shown}`, { advice });
      return key;
  }
}

function exchanged(expected: string, shown: string, where: string): TwintreeError {
  return new TwintreeError('CONNECT', `the server shows the certificate ${shown} and not ${expected}, ${where}: it is another server, or somebody stands between`, {
    advice: 'Find out why it changed before you trust it; then change the line or the option.',
  });
}

function pinOf(spec: TlsSpec): string | undefined {
  if (spec.pin === undefined) return undefined;
  const pin = parseFingerprint(spec.pin);
  if (pin === undefined) throw new TwintreeError('USAGE', 'a fingerprint is sha256: and 64 hexadecimal digits');
  return pin;
}

function onlyToken(path: string): Token {
  const [token, more] = readTokens(path);
  if (token === undefined || more !== undefined) throw new TwintreeError('USAGE', `the token file ${path} of a client holds exactly one token`);
  return token;
}

/** The fingerprint of the other side's certificate; undefined where it showed none. */
export function shownFingerprint(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? undefined : `sha256:${createHash('sha256').update(certificate.raw).digest('hex')}`;
}

function networkFailure(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ECONNREFUSED': return 'connection refused: nothing listens there';
    case 'ENOTFOUND': case 'EAI_AGAIN': return 'there is no such host';
    case 'EHOSTUNREACH': case 'ENETUNREACH': return 'the host cannot be reached';
    case 'ETIMEDOUT': return 'the host does not answer';
    case 'ERR_SSL_WRONG_VERSION_NUMBER': return 'what listens there does not speak TLS';
    case 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION': case 'ERR_SSL_UNSUPPORTED_PROTOCOL': return 'what listens there does not speak TLS 1.3';
    default: return error.message.trim() === '' ? String(code ?? 'cannot connect') : error.message;
  }
}
