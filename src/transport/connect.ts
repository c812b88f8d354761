/** connect: makes the connection that a ConnectSpec describes. */
import type { Connection, ConnectOptions, ConnectSpec } from './connection.js';
import { bootstrap } from './bootstrap.js';
import { startCommand } from './command.js';
import { openStdio } from './stdio.js';
import { connectTls } from './tls-client.js';

/**
 * Connects. Rejects with TwintreeError: CONNECT (refused, no such program, not to be trusted), CONNECT_TIMEOUT, USAGE (a secret
 * that others can read, a malformed pin).
 */
export async function connect(spec: ConnectSpec, options: ConnectOptions): Promise<Connection> {
  switch (spec.kind) {
    case 'command': return spec.bootstrap === undefined ? startCommand(spec.argv, spec.env, options, spec.detached) : bootstrap(spec, spec.bootstrap, options);
    case 'tls': return connectTls(spec, options);
    case 'stdio': return openStdio();
  }
}
