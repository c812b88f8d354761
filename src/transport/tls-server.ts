/**
 * tls-server: the daemon's door. TLS 1.3 only; whoever comes in is known by the SHA-256 of his certificate or by a shared token, and
 * nothing of the protocol is read from anybody else. The number of connections, and the time until one is known, are limited, so that
 * strangers cost little. What a known client may do is for others.
 */
import { constants } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { TwintreeError } from '../tree/index.js';
import type { Connection, ConnectionEnd } from './connection.js';
import { deferred } from './deferred.js';
import { readIdentity, type Token } from './secret-files.js';
import { shownFingerprint, TCP_KEEP_ALIVE_MS } from './tls-client.js';
import { claimHolds, readClaim, sendVerdict } from './tls-token.js';

/** Who was let in. */
export interface ClientIdentity {
  /** The name that belongs to the certificate or the token. */
  readonly name: string;
  readonly by: 'certificate' | 'token';
  readonly address: string;
}

/** Where and for whom to listen. */
export interface ListenOptions {
  /** An address of this host; undefined: all. */
  readonly host?: string;
  /** 0: any free one. */
  readonly port: number;
  /** File with the server's certificate and private key. */
  readonly identity: string;
  /** The name of the client with this certificate; undefined: not allowed. */
  readonly nameOf: (fingerprint: string) => string | undefined;
  /** The token of this name. */
  readonly tokenOf: (name: string) => Token | undefined;
  /** Most connections at once, with those that are not yet known. Default 64. */
  readonly maxConnections?: number;
  /** Most connections of one address that are not yet known: a flooder leaves room for others. Default 16. */
  readonly maxStrangers?: number;
  /** Until a client is known, ms. Default 15,000. */
  readonly handshakeTimeoutMs?: number;
  /** Told of clients that were turned away, for the log. */
  readonly onRefused?: (address: string, why: string) => void;
}

/** An open door. */
export interface TlsListener {
  readonly address: string;
  readonly port: number;
  /** Connections that are open, known or not. */
  readonly connections: number;
  /** Lets nobody in any more; open connections stay, unless `all` is said. Resolved when the port is free. */
  close(all?: boolean): Promise<void>;
}

/** Listens. Rejects with CONNECT where the port cannot be had, USAGE or IO for the identity's files. */
export async function listenTls(options: ListenOptions, onConnection: (connection: Connection, client: ClientIdentity) => void): Promise<TlsListener> {
  const { maxConnections = 64, maxStrangers = 16, handshakeTimeoutMs = 15_000, onRefused = () => undefined } = options;
  const sockets = new Set<{ destroy(): unknown }>();
  const strangers = new Strangers();
  const server = createServer({
    ...readIdentity(options.identity),
    minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ALPNProtocols: ['twintree/1'],
    requestCert: true, rejectUnauthorized: false, // its fingerprint decides
    secureOptions: constants.SSL_OP_NO_TICKET, // each session proves anew
    handshakeTimeout: handshakeTimeoutMs,
  });
  server.maxConnections = maxConnections;
  server.on('connection', (raw) => {
    const { remoteAddress = '', remotePort = 0 } = raw;
    if (strangers.count(remoteAddress) >= maxStrangers) {
      onRefused(remoteAddress, `more than ${maxStrangers} connections that did not say who they are`);
      raw.destroy();
      return;
    }
    strangers.add(remoteAddress, remotePort);
    raw.once('close', () => { strangers.remove(remoteAddress, remotePort); });
    sockets.add(raw);
    raw.once('close', () => sockets.delete(raw));
    raw.on('error', () => { raw.destroy(); });
  });
  server.on('tlsClientError', (error, socket) => {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') onRefused(addressOf(socket), error.message); // who hangs up was not refused
    socket.destroy();
  });
  server.on('drop', (dropped) => { onRefused(dropped?.remoteAddress ?? 'unknown', `more than ${maxConnections} connections`); });
  server.on('secureConnection', (socket) => {
    const enter = async (): Promise<void> => {
      try {
        const { remoteAddress = '', remotePort = 0 } = socket;
        const { connection, client } = await admit(socket, options, handshakeTimeoutMs);
        strangers.remove(remoteAddress, remotePort);
        onConnection(connection, client);
      } catch (error) {
        onRefused(addressOf(socket), error instanceof Error ? error.message : String(error));
        socket.end(() => { socket.destroy(); }); // the verdict is on its way: it leaves, then the connection ends
        setTimeout(() => { socket.destroy(); }, 1000).unref();
      }
    };
    void enter();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => { reject(new TwintreeError('CONNECT', `cannot listen on ${options.host ?? '*'}:${options.port}: ${error.message}`, { cause: error })); });
    server.listen(options.port, options.host, resolve);
  });
  server.on('error', (error) => { onRefused('unknown', error.message); });
  const bound = server.address() as AddressInfo;
  return {
    address: bound.address, port: bound.port,
    get connections() { return sockets.size; },
    close: (all = false) => new Promise((resolve) => {
      server.close(() => { resolve(); });
      if (all) for (const socket of sockets) socket.destroy();
    }),
  };
}

/** Connections that are not yet known, by address and port. */
class Strangers {
  readonly #ports = new Map<string, Set<number>>();

  count(address: string): number {
    return this.#ports.get(address)?.size ?? 0;
  }

  add(address: string, port: number): void {
    const ports = this.#ports.get(address);
    if (ports === undefined) this.#ports.set(address, new Set([port]));
    else ports.add(port);
  }

  remove(address: string, port: number): void {
    const ports = this.#ports.get(address);
    ports?.delete(port);
    if (ports?.size === 0) this.#ports.delete(address);
  }
}

/** Lets one client in. Rejects where it is not known in time; the verdict has been sent then, where there was a claim. */
async function admit(socket: TLSSocket, options: ListenOptions, patience: number): Promise<{ connection: Connection; client: ClientIdentity }> {
  const { promise: ended, resolve: end } = deferred<ConnectionEnd>();
  let failure: Error | undefined;
  socket.on('error', (error) => { failure ??= error; });
  socket.once('close', () => { end(failure === undefined ? {} : { error: failure }); });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  const address = addressOf(socket);
  const { promise: late, reject } = deferred<never>();
  const timer = setTimeout(() => { reject(new TwintreeError('CONNECT_TIMEOUT', 'the client did not say who it is')); }, patience);
  try {
    const claim = await Promise.race([readClaim(socket), late]);
    const fingerprint = shownFingerprint(socket);
    let name: string | undefined;
    let token: Token | undefined;
    if (claim.name === undefined) name = fingerprint === undefined ? undefined : options.nameOf(fingerprint);
    else {
      token = options.tokenOf(claim.name);
      if (token !== undefined && claimHolds(socket, claim, token)) ({ name } = token);
    }
    sendVerdict(socket, name !== undefined, token);
    if (name === undefined) throw new TwintreeError('CONNECT', refusal(claim.name, fingerprint));
    return {
      connection: { stream: socket, about: `${name} at ${address}`, notices: [], ended, close: () => { socket.destroy(); } },
      client: { name, by: claim.name === undefined ? 'certificate' : 'token', address },
    };
  } finally {
    clearTimeout(timer);
  }
}

function refusal(token: string | undefined, fingerprint: string | undefined): string {
  if (token !== undefined) return `the token ${JSON.stringify(token)} is not known, or was not proved`;
  return fingerprint === undefined ? 'no certificate and no token' : `the certificate ${fingerprint} is not allowed`;
}

function addressOf(socket: { readonly remoteAddress?: string | undefined; readonly remotePort?: number | undefined }): string {
  const { remoteAddress = 'unknown', remotePort } = socket;
  return remotePort === undefined ? remoteAddress : `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
}
