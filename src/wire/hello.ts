/**
 * Hello: the first frame of each direction. Each end says which versions of the protocol it speaks and what it can do; both come
 * to the same agreement by themselves. Members that are not known are skipped, so that later versions can say more.
 */
import type { Compression } from './compress.js';
import { WireError } from './error.js';
import { encodeJson, parseJsonObject } from './json.js';
import { MAX_HELLO } from './limits.js';

/** Versions of the protocol that this code speaks. */
export const PROTOCOL_LEAST = 1;
export const PROTOCOL_MOST = 1;

/** What an end says of itself. */
export interface Hello {
  /** Versions it speaks, from the oldest to the newest. */
  readonly least: number;
  readonly most: number;
  /** Who connected is the client. */
  readonly role: 'client' | 'agent';
  /** Program and version, for people; printable ASCII. */
  readonly program: string;
  /** Formats it can expand. */
  readonly compression: Compression;
  /** Further abilities, by name; only what both ends have is used. */
  readonly features: readonly string[];
  /** What it runs on; an older end does not say. Nothing depends on it: it is for who looks for a fault. */
  readonly host?: HelloHost;
}

/** What an end runs on. */
export interface HelloHost {
  /** Version of Node.js, and the system with its architecture; printable ASCII. */
  readonly node: string;
  readonly system: string;
  /** Its clock when the Hello was sent: milliseconds since 1970. */
  readonly clock: number;
}

/** What both ends can do. */
export interface Agreement {
  readonly version: number;
  /** What the other end can expand, for what is sent to it. */
  readonly compression: Compression;
  readonly features: ReadonlySet<string>;
}

/** Feature of an end that takes the root of kept sums in place of sums (requests of content), and may end a file with one. */
export const KEPT_SUMS = 'kept-sums';
/** The agent takes another session when one is over. */
export const STANDING = 'standing';
/** Its sessions know the option `durable`. */
export const DURABLE = 'durable';
/** Its sessions know the way to compare that is called `doubt`. */
export const DOUBT = 'doubt';
/** It knows what a standby is: the messages `point`, and the error PROMOTED. */
export const STANDBY = 'standby';

const FEATURE = /^[a-z][a-z0-9-]{0,31}$/;
const MAX_FEATURES = 64;

/** A Hello of this code. */
export function hello(role: Hello['role'], program: string, compression: Compression, features: readonly string[] = []): Hello {
  return { least: PROTOCOL_LEAST, most: PROTOCOL_MOST, role, program, compression, features };
}

/** The payload of a Hello frame. */
export function encodeHello({ least, most, role, program, compression, features, host }: Hello): Buffer {
  return encodeJson({
    protocol: [least, most], role, program, compression: [...(compression.zstd ? ['zstd'] : []), ...(compression.brotli ? ['brotli'] : [])], features, ...(host === undefined ? {} : { host: { ...host } }),
  });
}

/** @throws WireError */
export function parseHello(payload: Uint8Array): Hello {
  if (payload.length > MAX_HELLO) throw new WireError('limit', `a Hello of ${payload.length} bytes is longer than ${MAX_HELLO}`);
  const { protocol, role, program, compression, features, host } = parseJsonObject(payload);
  if (!Array.isArray(protocol) || protocol.length !== 2 || !protocol.every((version) => Number.isInteger(version) && version >= 1 && version <= 0xffff)) throw fail('protocol');
  const [least, most] = protocol as [number, number];
  if (least > most) throw fail('protocol');
  if (role !== 'client' && role !== 'agent') throw fail('role');
  if (typeof program !== 'string' || !/^[\x20-\x7e]{1,128}$/.test(program)) throw fail('program');
  const formats = words(compression);
  if (formats === undefined) throw fail('compression');
  const abilities = words(features);
  if (abilities === undefined) throw fail('features');
  return {
    least, most, role, program, compression: { brotli: formats.includes('brotli'), zstd: formats.includes('zstd') }, features: abilities, ...(host === undefined ? {} : { host: hostOf(host) }),
  };
}

/** Latest moment that a clock may tell: the end of JavaScript's time, ms. */
const LATEST = 8.64e15;

function hostOf(value: unknown): HelloHost {
  if (typeof value !== 'object' || value === null) throw fail('host');
  const { node, system, clock } = value as Partial<Record<string, unknown>>;
  if (!isWord(node) || !isWord(system) || typeof clock !== 'number' || !Number.isInteger(clock) || clock < 0 || clock > LATEST) throw fail('host');
  return { node, system, clock };
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[\x20-\x7e]{1,64}$/.test(value);
}

function fail(member: string): WireError {
  return new WireError('json', `"${member}" of a Hello is not what it must be`);
}

function words(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.length <= MAX_FEATURES && value.every((word) => typeof word === 'string' && FEATURE.test(word)) ? (value as string[]) : undefined;
}

/** What two Hellos come to: the newest version that both speak. @throws WireError 'version' where there is none, 'frame' where both have the same role. */
export function agree(ours: Hello, theirs: Hello): Agreement {
  if (ours.role === theirs.role) throw new WireError('frame', `both ends say that they are the ${ours.role}`);
  const version = Math.min(ours.most, theirs.most);
  if (version < ours.least || version < theirs.least) {
    throw new WireError('version', `this end speaks version ${ours.least} to ${ours.most} of the protocol, the other one (${theirs.program}) ${theirs.least} to ${theirs.most}`);
  }
  const mine = new Set(ours.features);
  return { version, compression: theirs.compression, features: new Set(theirs.features.filter((feature) => mine.has(feature))) };
}
