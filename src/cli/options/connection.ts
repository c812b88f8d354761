/** What the command line says about a connection to another host; it has no effect where both trees are here. */
import type { ByteString } from '../../tree/index.js';

/** How another host is reached and how the connection behaves. */
export interface ConnectionOptions {
  /** -e: the remote shell with its arguments, as one string. */
  rsh: ByteString | undefined;
  /** --rsync-path, --remote-path: the program there. */
  remotePath: ByteString | undefined;
  port: number | undefined;
  /** Internet protocol: 0 either. */
  family: 0 | 4 | 6;
  /** --address: the local address to connect from (twintree:// only). */
  address: ByteString | undefined;
  /** Milliseconds; 0: no limit. */
  connectTimeoutMs: number;
  timeoutMs: number;
  compression: 'auto' | 'on' | 'off';
  /** How often a broken connection is made again without progress in between. */
  retries: number;
  /** A host that has only Node.js gets the program over the connection. */
  bootstrap: boolean;
  /** … and may keep it. */
  remoteCache: boolean;
  /** --remote-option: settings for the other end alone. */
  remoteFakeSuper: boolean | undefined;
  remoteMunge: boolean | undefined;
  /** twintree://: files with a shared secret, with this end's certificate and key, with the hosts known so far; the other end's fingerprint. */
  tokenFile: ByteString | undefined;
  identity: ByteString | undefined;
  knownHosts: ByteString | undefined;
  fingerprint: ByteString | undefined;
}

export function defaultConnection(): ConnectionOptions {
  return {
    rsh: undefined, remotePath: undefined, port: undefined, family: 0, address: undefined, connectTimeoutMs: 0, timeoutMs: 0, compression: 'auto', retries: 5, bootstrap: true,
    remoteCache: false, remoteFakeSuper: undefined, remoteMunge: undefined, tokenFile: undefined, identity: undefined, knownHosts: undefined, fingerprint: undefined,
  };
}
