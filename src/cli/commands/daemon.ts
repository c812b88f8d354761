/**
 * The daemon's front: TLS, who is who, and limits. Each connection gets a process of its own, whose stdin and stdout are joined
 * with the TLS stream; nothing of the protocol is read here and no tree is touched. A log line on stderr tells each coming and going.
 */
import { once } from 'node:events';
import type { Exports } from '../../session/index.js';
import { connect, join, linger, listenTls, readTokens, type ClientIdentity, type Connection, type Token } from '../../transport/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { logLine } from './log-line.js';

export interface DaemonOptions {
  /** The configuration's path, absolute. */
  file: string;
  load(): Promise<Exports>;
  /** `[HOST:]PORT`, before what the configuration says. */
  listen?: string;
}

/** Runs until SIGTERM or SIGINT. Returns the exit code. @throws TwintreeError where it cannot start. */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  const first = await options.load();
  const { everyPeer } = await import('../../session/index.js');
  const at = options.listen ?? first.listen;
  if (at === undefined) throw usageError('serve needs --listen, or listen in the configuration');
  if (first.identity === undefined) throw usageError(`${options.file}: identity is missing`, 'twintree cert make makes one.');
  const { host, port } = parseListen(at);
  let peers = new Set<string>();
  let tokens = new Map<string, Token>();
  const take = (config: Exports): void => {
    const all = everyPeer(config);
    const known = config.tokens === undefined ? [] : readTokens(config.tokens);
    for (const peer of all) {
      if (peer.startsWith('token:') && !known.some((token) => `token:${token.name}` === peer)) throw usageError(`${options.file}: ${peer} is a peer, and no such token is in the tokens file`);
    }
    peers = all;
    tokens = new Map(known.map((token) => [token.name, token]));
  };
  take(first);

  const running = new Set<Session>();
  const listener = await listenTls({
    ...(host === undefined ? {} : { host }), port, identity: first.identity, maxConnections: first.connections, handshakeTimeoutMs: first.handshakeTimeoutMs,
    nameOf: (fingerprint) => (peers.has(fingerprint) ? fingerprint : undefined),
    tokenOf: (name) => (peers.has(`token:${name}`) ? tokens.get(name) : undefined),
    onRefused: (address, why) => { log(`${address} refused: ${why}`); },
  }, (connection, client) => {
    const session = new Session(options.file, connection, client);
    running.add(session);
    void session.run().finally(() => { running.delete(session); });
  });
  log(`listening on ${listener.address.includes(':') ? `[${listener.address}]` : listener.address}:${listener.port}`);

  const again = async (): Promise<void> => {
    try {
      take(await options.load());
      log('the configuration was read again');
    } catch (error) {
      log(`the configuration stays as it was: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const reload = (): void => { void again(); };
  process.on('SIGHUP', reload);
  const signal = await Promise.race(['SIGTERM', 'SIGINT'].map(async (name) => {
    await once(process, name);
    return name;
  }));
  log(`${signal}: ending`);
  const closed = listener.close();
  await Promise.all([...running].map((session) => session.end()));
  await closed;
  process.off('SIGHUP', reload);
  return EXIT.ok;
}

/** One connection and its process. */
class Session {
  private readonly who: string;
  private child: Connection | undefined;
  private ending = false;
  private readonly over: Promise<void>;
  private isOver: () => void = () => undefined;

  constructor(private readonly file: string, private readonly connection: Connection, private readonly client: ClientIdentity) {
    this.who = `${client.by === 'token' ? `token:${client.name}` : client.name} at ${client.address}`;
    this.over = new Promise((resolve) => { this.isOver = resolve; });
  }

  /** Until both sides have ended. Never rejects. */
  async run(): Promise<void> {
    const started = performance.now();
    log(`${this.who}: connected`);
    try {
      const child = await connect({ kind: 'command', argv: this.command() }, { connectTimeoutMs: 0, stderr: (text) => { for (const line of text.trim().split('\n')) log(`${this.who}: ${line}`); } });
      this.child = child;
      if (this.ending) child.close();
      join(this.connection.stream, child.stream);
      void this.connection.ended.finally(() => { linger(child); });
      const end = await child.ended;
      linger(this.connection);
      await this.connection.ended;
      log(`${this.who}: ended after ${((performance.now() - started) / 1000).toFixed(1)} s, ${end.signal ?? `exit code ${end.exitCode ?? '?'}`}`);
    } catch (error) {
      log(`${this.who}: cannot be served: ${error instanceof Error ? error.message : String(error)}`);
      this.connection.close();
    } finally {
      this.isOver();
    }
  }

  /** Ends the process in good order, and with it the connection. */
  end(): Promise<void> {
    this.ending = true;
    this.child?.close();
    return this.over;
  }

  private command(): string[] {
    const peer = this.client.by === 'token' ? `token:${this.client.name}` : this.client.name;
    return [process.execPath, ...process.execArgv, process.argv[1] ?? '', 'serve', '--stdio', `--config=${this.file}`, `--peer=${peer}`];
  }
}

/** `[HOST:]PORT`; IPv6 addresses in brackets. @throws CommandError USAGE. */
export function parseListen(text: string): { host: string | undefined; port: number } {
  const match = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]*)):)?([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? Number.NaN);
  if (match === null || !(port <= 65_535)) throw usageError(`"${text}" is not where one can listen`, 'Write PORT, HOST:PORT or [ADDRESS]:PORT.');
  const host = match[1] ?? match[2];
  return { host: host === '' ? undefined : host, port };
}

function log(text: string): void {
  process.stderr.write(`${new Date().toISOString()} ${logLine(text)}\n`);
}
