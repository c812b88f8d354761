/**
 * Connection: one byte stream to another twintree, whatever carries it, and the plain data that says how it is made.
 * A ConnectSpec can be cloned to another thread; what is secret stands in files that it names. What the bytes mean
 * is the Peer's matter.
 */
import type { Duplex } from 'node:stream';

/** How a connection is made. */
export type ConnectSpec = CommandSpec | TlsSpec | StdioSpec;

/** A program whose stdin and stdout are the connection: ssh and its like, or a child of ours. Started without a shell. */
export interface CommandSpec {
  readonly kind: 'command';
  readonly argv: readonly string[];
  /** It is no member of this process' group and session: what is sent to these does not reach it. */
  readonly detached?: boolean;
  /** Added to this process' environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What to do where the other host has Node.js and no twintree (bootstrap.ts). */
  readonly bootstrap?: BootstrapSpec;
}

/** The agent is sent over the same connection: `argv` runs the loader there. Made by `selfBootstrap`. */
export interface BootstrapSpec {
  readonly argv: readonly string[];
  /** Folder of the agent's program here (dist/bundle); the packages it uses are found from there. */
  readonly bundle: string;
  /** The other host may keep the program in the user's cache folder. */
  readonly cache: boolean;
  /** What the program is called with there; default: `--server`. */
  readonly call?: string;
  /** What the program says first; default: the protocol's opening. */
  readonly mark?: string;
}

/** A twintree daemon over TLS 1.3. */
export interface TlsSpec {
  readonly kind: 'tls';
  readonly host: string;
  readonly port: number;
  /** File with this side's certificate and private key (PEM, both in one: certificate.ts). */
  readonly identity?: string;
  /** File with a shared token, as `name:secret` (secret-files.ts). */
  readonly tokenFile?: string;
  /** The server's certificate: `sha256:` and 64 hexadecimal digits. Without it, the known-hosts file decides. */
  readonly pin?: string;
  /** File of pinned certificates; made with the first one. */
  readonly knownHosts?: string;
  /** Only addresses of this family. */
  readonly family?: 4 | 6;
  /** Address of this side (--address). */
  readonly localAddress?: string;
  /** A host that is not in the known-hosts file is pinned (default), or refused. */
  readonly unknownHost?: 'pin' | 'refuse';
}

/** This process' own stdin and stdout. */
export interface StdioSpec { readonly kind: 'stdio' }

/** Why a connection is over, as far as it can be known on this side. */
export interface ConnectionEnd {
  /** Exit code of the child; undefined where there was none or a signal ended it. */
  readonly exitCode?: number;
  readonly signal?: string;
  /** The last lines the child wrote to its stderr: one line of text without control characters. */
  readonly lastWords?: string;
  /** What the system said (ECONNRESET …). */
  readonly error?: Error;
}

/** A byte stream to the other side. */
export interface Connection {
  readonly stream: Duplex;
  /** What it leads to, for messages: `ssh host`, `host port 8730`. */
  readonly about: string;
  /** Worth a line to the user: a certificate that was pinned. */
  readonly notices: readonly string[];
  /** Resolved when the connection is over on both sides; never rejected. */
  readonly ended: Promise<ConnectionEnd>;
  /** Ends it at once: streams are destroyed, a child is sent SIGTERM, and SIGKILL after two seconds. May be called twice. */
  close(): void;
}

/** What holds for every kind. */
export interface ConnectOptions {
  /** Time until the connection stands (for a command without bootstrap: is started), ms; 0: no limit. */
  readonly connectTimeoutMs: number;
  /** Takes what a child writes to stderr, whole lines made safe for a terminal; default: this process' stderr. */
  readonly stderr?: (text: string) => void;
}
