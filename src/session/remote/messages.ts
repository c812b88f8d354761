/**
 * The messages of channel 0, written and read. `open` comes from the client, the rest as each says. Everything that is read is
 * validated here; docs/protocol.md is the specification.
 */
import { decodeOptions, encodeOptions, type SessionOptions } from '../../plan/index.js';
import { isStandbyPoint, type StandbyPoint } from '../../state/index.js';
import type { ByteString } from '../../tree/index.js';
import type { ControlMessage } from '../../wire/index.js';
import type { SealedMount } from '../recorded/roots.js';
import { readRoot } from './describe.js';
import { broken, bytes, list, members, oneOf, optional, relPath, truth, whole } from './shape.js';

/** What the listener of the client wants to be told; `progress`: milliseconds between two messages of it, 0: none; `target`: what the target holds; `lost`: how many paths of each class that it does not hold. */
export interface Wants { operations: 'none' | 'changes' | 'all'; progress: number; target?: boolean; lost?: number }

/** From the client: what the agent shall be. `timeoutMs`: how long the client may be silent, 0: for ever. */
export type Open = { timeoutMs: number } & (OpenSupplier | OpenSession);

export type OpenSupplier =
  /** The agent reads: the client runs the session. */
  { side: 'supplier'; root: ByteString | undefined; sources: ByteString[]; options: SessionOptions; seed: Seed; compression: Compression; bwlimit: number;
    /** The folders that a kept plan is of, in the place of what `sources` name. */
    roots?: SealedMount[] | undefined }
export type OpenSession =
  /** The agent runs the session on its target: the client supplies. The sources' description follows in `selection` and `opened`. */
  { side: 'session'; root: ByteString | undefined; target: ByteString; sources: ByteString[]; options: SessionOptions; seed: Seed; wants: Wants; lineage: string;
    /** Of what it asks; undefined: 'auto'. */
    compression?: Compression | undefined;
    /** What the session is for, where it is no plain sync: a plan that is sent to the client, a plan that the client sends, a batch that supplies. */
    work?: Work | undefined };

export type Work = 'plan' | 'apply' | 'batch';

export interface Seed { low: number; high: number }
export type Compression = 'auto' | 'on' | 'off';

/** Paths of each class of what is lost that may be asked for. */
export const MOST_LOST = 100_000;
const MOST_SOURCES = 100_000;
const MAX_U32 = 0xffffffff;
/** Folders of a kept plan, and symlinks that are gone through in one. */
const MOST_ROOTS = 65_535;
const MOST_FOLLOWED = 1 << 20;

export function writeOpen(open: Open): ControlMessage {
  return { type: 'open', ...open, options: encodeOptions(open.options) };
}

export function readOpen(message: ControlMessage): Open {
  const seed = readSeed(message['seed']);
  const sources = list(message['sources'], 'sources', MOST_SOURCES, (value) => bytes(value, 'source'));
  const options = decodeOptions(message['options']);
  const timeoutMs = whole(message['timeoutMs'], 'timeoutMs', 86_400_000);
  const root = optional(message['root'], (value) => bytes(value, 'root', 255));
  if (oneOf(message['side'], 'side', ['supplier', 'session'] as const) === 'supplier') {
    return { side: 'supplier', timeoutMs, root, sources, options, seed, compression: readCompression(message['compression']), bwlimit: whole(message['bwlimit'], 'bwlimit'), ...given('roots', optional(message['roots'], readRoots)) };
  }
  const wants = members(message['wants'], 'wants');
  return {
    side: 'session', timeoutMs, root, sources, options, seed, target: bytes(message['target'], 'target'),
    lineage: lineageOf(message['lineage']),
    wants: { operations: oneOf(wants['operations'], 'wants', ['none', 'changes', 'all'] as const), progress: whole(wants['progress'], 'wants', 3_600_000), ...given('target', optional(wants['target'], (value) => truth(value, 'wants'))), ...given('lost', optional(wants['lost'], (value) => whole(value, 'wants', MOST_LOST))) },
    ...given('compression', optional(message['compression'], readCompression)),
    ...given('work', optional(message['work'], (value) => oneOf(value, 'work', ['plan', 'apply', 'batch'] as const))),
  };
}

/** From the client of a mirror, at any time: how far the target of its last session is. `last`: no further one comes. */
export interface PointTold { readonly point: StandbyPoint; readonly last: boolean }

export function writePoint({ point, last }: PointTold): ControlMessage {
  return { type: 'point', last, point: { ...point } };
}

export function readPoint(message: ControlMessage): PointTold {
  const { point } = message;
  if (!isStandbyPoint(point)) throw broken('point', 'is none');
  return { point, last: truth(message['last'], 'last') };
}

function readCompression(value: unknown): Compression {
  return oneOf(value, 'compression', ['auto', 'on', 'off'] as const);
}

function given<K extends string, T>(name: K, value: T | undefined): { [name in K]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { [name in K]?: T });
}

function readRoots(value: unknown): SealedMount[] {
  return list(value, 'roots', MOST_ROOTS, (item) => ({ ...readRoot(item), followed: list(members(item, 'root')['followed'], 'followed', MOST_FOLLOWED, (path) => relPath(path, 'followed')) }));
}

function lineageOf(value: unknown): string {
  const text = bytes(value, 'lineage', 64);
  if (!/^[0-9a-f]{16,64}$/.test(text)) throw broken('lineage', 'is no hexadecimal number');
  return text;
}

function readSeed(value: unknown): Seed {
  const seed = members(value, 'seed');
  return { low: whole(seed['low'], 'seed', MAX_U32), high: whole(seed['high'], 'seed', MAX_U32) };
}

/** Entries of --files-from in one message. */
const FILES_PART = 5000;
/** Bytes of all entries. */
const MOST_FILES = 256 << 20;

/** A list of files in parts; it may be long. */
export function writeFiles(files: readonly ByteString[]): ControlMessage[] {
  const parts: ControlMessage[] = [];
  for (let at = 0; at < files.length || at === 0; at += FILES_PART) parts.push({ type: 'files', files: files.slice(at, at + FILES_PART) });
  return parts;
}

/** Puts the parts together again. */
export class FilesReader {
  private files: ByteString[] | undefined;
  private size = 0;

  add(value: unknown): void {
    this.files ??= [];
    for (const file of list(value, 'files', FILES_PART, (item) => bytes(item, 'file'))) {
      this.files.push(file);
      this.size += file.length + 16; // each costs something beside its text
    }
    if (this.size > MOST_FILES) throw broken('files', 'are too many');
  }

  /** All of them; undefined where no part came. */
  get whole(): ByteString[] | undefined {
    return this.files;
  }
}
