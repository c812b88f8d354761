/** Connects to the other host once, hears what it says of itself, measures the way, and goes again. Nothing is pinned, nothing is begun there. */
import { setTimeout as pause } from 'node:timers/promises';
import { KEPT_SUMS, COMPRESSION, DURABLE, STANDING } from '../../wire/index.js';
import { Link } from '../../endpoint/index.js';
import { defaultKnownHosts, endOf, LEAST_NODE, lookAtServer, ownProgram, quoteForShell, readIdentity, type ConnectSpec, type HostAddress } from '../../transport/index.js';
import { displayName, TwintreeError } from '../../tree/index.js';
import type { Certificates, Connected, ConnectionFacts, Refused } from '../connection.js';
import type { RunToJudge } from '../request.js';

/** Until the connection has to stand, where --contimeout does not say, ms. */
const PATIENCE = 20_000;
/** A ping goes out when for so long nothing was said, ms; how often it is looked whether it came back, and how long. */
const PING_AFTER = 40;
const LOOK = 20;
const PING_PATIENCE = 3000;
const FEATURES = [STANDING, DURABLE];

/** Asks. Also how the session should connect then: to a server that is new here as it showed itself now. */
export async function askConnection({ host, request }: NonNullable<RunToJudge['remote']>): Promise<{ facts: ConnectionFacts; connect: ConnectSpec }> {
  const timeoutMs = request.link.connectTimeoutMs > 0 ? request.link.connectTimeoutMs : PATIENCE;
  const { connect } = request;
  const base = {
    kind: host.kind, host: hostName(host), ...byHand(connect), port: host.port, bootstrap: connect.kind === 'command' && connect.bootstrap !== undefined, now: Date.now(),
    ours: { program: ownProgram(), compression: COMPRESSION, features: [KEPT_SUMS, ...FEATURES], leastNode: LEAST_NODE },
  };
  let certificates: Certificates | undefined;
  let spec: ConnectSpec = connect;
  if (connect.kind === 'tls') {
    const began = performance.now();
    try {
      certificates = await askCertificates(connect, timeoutMs);
    } catch (error) {
      return { facts: { ...base, result: { refused: refusal(error, began) }, certificates }, connect };
    }
    if (certificates.verdict === 'new' && connect.tokenFile === undefined) spec = { ...connect, pin: certificates.fingerprint };
  }
  return { facts: { ...base, result: await connectOnce(spec, timeoutMs), certificates }, connect: spec };
}

async function askCertificates(connect: ConnectSpec & { kind: 'tls' }, timeoutMs: number): Promise<Certificates> {
  const own = connect.identity === undefined ? undefined : { file: connect.identity, notAfter: endOf(readIdentity(connect.identity).cert) };
  const { connectMs, fingerprint, notAfter, verdict } = await lookAtServer(connect, timeoutMs);
  return { connectMs, fingerprint, notAfter, verdict: verdict.kind, knownHosts: connect.knownHosts ?? defaultKnownHosts(), own };
}

async function connectOnce(spec: ConnectSpec, timeoutMs: number): Promise<ConnectionFacts['result']> {
  const began = performance.now();
  let link: Link;
  try {
    link = await Link.open(spec, { role: 'client', features: FEATURES, connectTimeoutMs: timeoutMs, handshakeTimeoutMs: timeoutMs, keepAliveMs: PING_AFTER }, () => undefined); // what ssh says is in the error
  } catch (error) {
    return { refused: refusal(error, began) };
  }
  const ms = performance.now() - began;
  try {
    const trip = await roundTrip(link);
    const { program, compression, features, host } = link.hello;
    const connected: Connected = {
      ms, program, node: host?.node, system: host?.system, roundTripMs: trip, compression, features, sent: link.notices.some((text) => text.startsWith('twintree is not installed')), notices: link.notices,
      skew: host === undefined ? undefined : { ms: host.clock + (trip ?? 0) / 2 - link.openedAt, within: (trip ?? ms) / 2 + 5 },
    };
    return { connected };
  } finally {
    await link.close();
  }
}

async function roundTrip(link: Link): Promise<number | undefined> {
  for (const until = performance.now() + PING_PATIENCE; performance.now() < until && link.loss === undefined; await pause(LOOK)) {
    const trip = link.roundTrip();
    if (trip !== undefined) return trip.minMs;
  }
  return undefined;
}

function refusal(error: unknown, began: number): Refused {
  if (!(error instanceof TwintreeError) || error.code === 'INTERNAL') throw error;
  return { ms: performance.now() - began, code: error.code, message: error.message.replace(/\.$/, ''), advice: error.advice };
}

export function hostName(host: HostAddress): string {
  const name = displayName(host.host);
  return host.kind === 'daemon' ? `${name}:${host.port}` : host.user === undefined ? name : `${displayName(host.user)}@${name}`;
}

/** How a person reaches the host, to see what is the matter. */
function byHand(connect: ConnectSpec): { shell: string; byHand: string } {
  switch (connect.kind) {
    case 'command': {
      const [program = '', ...words] = connect.argv.slice(0, -2); // without twintree --server
      const shell = program.slice(program.lastIndexOf('/') + 1);
      return { shell, byHand: [program, ...(shell === 'ssh' ? ['-v'] : []), ...words, 'true'].map(quoteForShell).join(' ') };
    }
    case 'tls': return { shell: 'tls', byHand: `openssl s_client -connect ${connect.host.includes(':') ? `[${connect.host}]` : connect.host}:${connect.port} </dev/null` };
    case 'stdio': return { shell: 'stdio', byHand: 'true' };
  }
}
