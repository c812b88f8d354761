/**
 * Batches: a recorded session, carried out on other targets. Recording is the link's work (endpoint/recorded); here is what a batch says of
 * itself (options, sources, seed), and the session that plans against the actual target with the batch in place of a source. A batch is
 * validated whole before anything of it is used.
 */
import { badBatch, BatchReader, BatchSupplier, batchBytes, guarded, Link, type BatchIndex, type RecordSetup } from '../../endpoint/index.js';
import { InputFile, loadOwnPosix, type Posix } from '../../fs/index.js';
import { decodeOptions, encodeOptions, type SessionOptions } from '../../plan/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import type { ControlMessage } from '../../wire/index.js';
import type { Outcome, SessionListener } from '../events.js';
import { unnamedFile } from '../plan-store.js';
import { SelectionReader, sourceMessages } from '../remote/describe.js';
import { bytes, list, members, whole } from '../remote/shape.js';
import { runSync, type RemoteSide } from '../run.js';
import type { Sources } from '../sources.js';

/** A session is to be recorded. */
export interface BatchRequest {
  /** The file; `-` is standard output. */
  readonly path: ByteString;
  /** It is compressed where that pays. */
  readonly compress: boolean;
}

type Seed = RemoteSide['seed'];
const MAX_U32 = 0xffffffff;
const MOST_SOURCES = 100_000;

/** What the link needs to record a session. `given`: the arguments. */
export function recordSetup(request: BatchRequest, given: readonly ByteString[], options: SessionOptions, seed: Seed, sources: Sources): RecordSetup {
  const recorded: SessionOptions = { ...options, dryRun: false, contentOnly: false, filesFrom: undefined, stopAt: undefined, threads: undefined, bwlimit: 0 };
  return {
    head: [{ type: 'batch', given: [...given], options: encodeOptions(recorded), seed }, ...sourceMessages(sources)],
    atimes: options.attributes.atimes, compress: request.compress,
  };
}

/** A validated batch, open. */
export class Batch {
  readonly given: readonly ByteString[];
  readonly options: SessionOptions;
  readonly seed: Seed;
  readonly sources: Sources;

  /** The bytes were spooled: the file is ours. */
  ownsFile = false;

  /** @param fd its bytes; @throws TwintreeError PLAN_FILE where the head is none */
  constructor(private readonly posix: Posix, readonly fd: number, readonly index: BatchIndex, head: readonly ControlMessage[], private readonly letGo: () => void) {
    const [first, ...rest] = head;
    const last = rest.pop();
    if (first?.type !== 'batch' || last?.type !== 'opened') throw badBatch('its head is none');
    const seed = members(first['seed'], 'seed');
    this.seed = { low: whole(seed['low'], 'seed', MAX_U32), high: whole(seed['high'], 'seed', MAX_U32) };
    this.given = list(first['given'], 'sources', MOST_SOURCES, (value) => bytes(value, 'source'));
    this.options = decodeOptions(first['options']);
    const selection = new SelectionReader();
    for (const message of rest) if (!selection.take(message)) throw badBatch('its head is none');
    this.sources = selection.finish(last);
  }

  /** Answers a session at the other end of a connection. */
  supplier(send: (channel: number, flags: number, payload: Buffer) => void): BatchSupplier {
    return new BatchSupplier(this.index, batchBytes(this.fd), this.options.attributes.atimes, send);
  }

  close(): void {
    this.letGo();
    if (this.ownsFile) this.posix.close(this.fd);
  }
}

/** Reads a batch from a file, or from standard input (`-`), and validates all of it. @throws TwintreeError PLAN_FILE, IO. */
export async function openBatch(path: ByteString, signal: AbortSignal = new AbortController().signal): Promise<Batch> {
  const posix = loadOwnPosix();
  const input = new InputFile(path);
  let spool = -1;
  try {
    const reader = new BatchReader();
    if (!input.seekable) spool = unnamedFile(posix);
    let at = 0;
    for await (const piece of input.pieces(signal)) {
      signal.throwIfAborted();
      const bytesOf = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
      reader.push(bytesOf);
      if (spool >= 0) writeAll(posix, spool, bytesOf, at);
      at += bytesOf.length;
    }
    const index = reader.finish();
    const batch = guarded(() => new Batch(posix, spool >= 0 ? spool : input.handle, index, reader.head, () => { input.close(); }));
    batch.ownsFile = spool >= 0;
    return batch;
  } catch (error) {
    input.close();
    if (spool >= 0) posix.close(spool);
    throw error;
  }
}

function writeAll(posix: Posix, fd: number, piece: Buffer, position: number): void {
  for (let at = 0; at < piece.length;) {
    const wrote = posix.write(fd, piece, at, piece.length - at, position + at);
    if (wrote <= 0) throw new TwintreeError('IO', 'the batch could not be written to a temporary file', { advice: 'Make room there, or set TMPDIR to a folder with more space.' });
    at += wrote;
  }
}

/**
 * The options that a batch is carried out with. What is chosen, compared and kept is as it was recorded; how the target is treated (deletion,
 * backups, places for temporary files, guards) is as it is said now.
 */
export function batchOptions(batch: Pick<Batch, 'options'>, said: SessionOptions): SessionOptions {
  const { options } = batch;
  const { inplace, append, wholeFile } = options.replace;
  if (said.delete.when !== undefined && !options.walk.recursive && !options.walk.dirs) {
    throw new TwintreeError('USAGE', '--delete does not work with this batch', { advice: 'It was recorded without --recursive (-r) and --dirs (-d).' });
  }
  return {
    ...said, compare: options.compare, symlinks: { ...options.symlinks, keepDirlinks: options.symlinks.keepDirlinks || said.symlinks.keepDirlinks }, walk: options.walk, filters: options.filters, filesFrom: undefined,
    attributes: { ...options.attributes, fakeSuper: { source: options.attributes.fakeSuper.source, target: said.attributes.fakeSuper.target } },
    delete: { ...said.delete, excluded: said.delete.excluded || (said.delete.when !== undefined && options.delete.excluded), missingArgs: options.delete.missingArgs },
    replace: { ...said.replace, inplace, append, wholeFile, sparse: said.replace.sparse || options.replace.sparse, removeSourceFiles: false, ...(inplace ? { partialDir: undefined, delayUpdates: false, partial: true } : {}) },
    bwlimit: 0,
  };
}

/** Carries a batch out on a target of this host: the session, with the batch in place of a source. Once for each batch that is opened. Throws as runSync. */
export async function runBatch(batch: Batch, target: ByteString | undefined, options: SessionOptions, listener: SessionListener = {}, signal?: AbortSignal): Promise<Outcome> {
  const link = await Link.replay({ fd: batch.fd, index: batch.index, atimes: batch.options.attributes.atimes });
  try {
    return await runSync({ sources: batch.given, target, options, from: { link, sources: batch.sources, seed: batch.seed, recorded: true } }, listener, signal);
  } finally {
    await link.close();
  }
}
