/**
 * Export: a session whose plan is not carried out on a target but written as an archive. Selection, filters, hard-link groups and the order
 * are the session's; the walk is over when the writing begins, so that progress has a true total.
 *
 * Small entries go to threads by the segment, and come back in the order of the plan; what is large is read and written here, piece by piece.
 */
import { availableParallelism } from 'node:os';
import type { Mount } from '../endpoint/index.js';
import type { Posix } from '../fs/index.js';
import { emptyOperation, OpKind, OperationReader, OperationWriter, type Operation, type SessionOptions } from '../plan/index.js';
import { runSync, type FinishedPlan, type Outcome, type SessionListener } from '../session/index.js';
import { countType, joinPath, TwintreeError, type ByteString, type Problem, type RelPath } from '../tree/index.js';
import { AgeSink, newHeader, type Encryption } from './age.js';
import { encodeCheck, type Check } from './check-block.js';
import { ContentSum } from './content-sum.js';
import { GzipSink } from './gzip-sink.js';
import { LargeFile } from './large-file.js';
import { SEGMENT_BYTES, SEGMENT_MEMBERS, SEGMENT_ROOM, SMALL, type FolderPart, type Segment } from './segment.js';
import { PartsSink, type ByteSink, type OutputPlace } from './sinks.js';
import { EntrySource } from './source-entry.js';
import { TarPack } from './tar-pack.js';
import { ArchiveThreads } from './threads.js';

/** What is exported, and where to. */
export interface ExportRequest {
  sources: readonly ByteString[];
  options: SessionOptions;
  /** A file, or `-` for standard output. */
  output: ByteString;
  /** Bytes of a part. */
  split?: number;
  /** Level of gzip, 1–9; undefined: not compressed. */
  compress?: number;
  encrypt?: Encryption;
}

/** What an export did, beside what a session tells. */
export interface ExportOutcome extends Outcome {
  archive: { members: number; /** Of the tar stream. */ bytes: number; /** As written. */ written: number; parts: { name: ByteString; size: number; hash: string }[] };
}

/** Bytes of all headers that a walk's operations take in a batch, beside contents. */
const OP_COST = 1536;
/** Segments that each thread has before it. */
const AHEAD = 2;
const PROGRESS_EVERY = 100;

/**
 * Writes the sources as an archive. Resolves with what was done, also where single paths could not be read.
 * @throws TwintreeError as `runSync`; IO or NO_SPACE where the archive cannot be written, ABORTED after the signal: then nothing of it has its name, or of parts only whole ones.
 */
export async function seedExport(request: ExportRequest, listener: SessionListener = {}, signal?: AbortSignal): Promise<ExportOutcome> {
  const { options } = request;
  const encryption = request.encrypt === undefined ? undefined : await newHeader(request.encrypt);
  // What the archive cannot hold is nothing of what a target's file system or this user's rights forbid.
  const scanned: SessionOptions = { ...options, dryRun: true, attributes: { ...options.attributes, fakeSuper: { ...options.attributes.fakeSuper, target: true } } };
  let made: ArchiveWriter | undefined;
  const problems: Problem[] = [];
  const tell = (problem: Problem): void => {
    problems.push(problem);
    listener.problem?.(problem);
  };
  const { operation: _operation, wantsOperations: _wants, progress, ...rest } = listener;
  let scanning = true;
  const outcome = await runSync(
    {
      sources: request.sources, target: undefined, options: scanned,
      keep: async (plan) => {
        if (signal?.aborted === true) return;
        scanning = false;
        made = new ArchiveWriter(request, plan, listener, tell, signal);
        await made.run(encryption);
      },
    },
    { ...rest, ...(progress === undefined ? {} : { progress: (at) => { if (scanning) progress.call(listener, at); } }) }, signal,
  );
  if (made === undefined) {
    if (signal?.aborted === true || outcome.aborted) throw aborted(signal);
    return { ...outcome, archive: { members: 0, bytes: 0, written: 0, parts: [] } };
  }
  return made.outcome(outcome, problems);
}

class ArchiveWriter {
  private readonly posix: Posix;
  private readonly options: SessionOptions;
  private readonly mounts: Mount[];
  private readonly threads: ArchiveThreads;
  private readonly inFlight: { id: number; parts: FolderPart[]; room: SharedArrayBuffer; answer: ReturnType<ArchiveThreads['ask']> }[] = [];
  private readonly rooms: SharedArrayBuffer[] = []; // that nobody uses
  private readonly sum = new ContentSum(LargeFile.ROOM);
  private readonly pack = new TarPack();
  private readonly source: EntrySource;
  private readonly large: LargeFile;
  private sink: ByteSink | undefined;
  private parts: PartsSink | undefined;
  private nextId = 0;
  private done = 0; // segments that were written
  private members = 0;
  private bytes = 0;
  private doneFiles = 0;
  private doneBytes = 0;
  private doneOperations = 0;
  private readonly created = { files: 0, dirs: 0, links: 0, devices: 0, specials: 0 };
  private linked = 0;
  /** First names of hard-linked files: the segment that holds each, or -1 once it is known to be in the archive. */
  private readonly leaders = new Map<RelPath, number>();
  /** First names that could not be read → the name that took their place. */
  private readonly replaced = new Map<RelPath, RelPath>();
  private readonly lost = new Set<RelPath>();
  private readonly started = performance.now();
  private toldAt = 0;

  constructor(
    private readonly request: ExportRequest, private readonly plan: FinishedPlan, private readonly listener: SessionListener,
    private readonly tell: (problem: Problem) => void, private readonly signal: AbortSignal | undefined,
  ) {
    this.posix = plan.posix;
    this.options = request.options;
    this.mounts = plan.sources.mounts;
    this.threads = new ArchiveThreads(this.options.threads ?? Math.min(availableParallelism(), 4), () => ({ run: 'archive', kind: 'export', options: this.options, mounts: this.mounts }));
    this.source = new EntrySource(this.posix, this.options, this.mounts);
    this.large = new LargeFile(this.posix, this.source, this.sum, this.pack);
  }

  async run(encryption: { header: Buffer; key: Buffer } | undefined): Promise<void> {
    const { request } = this;
    const place: OutputPlace = { path: request.output, split: request.split, durable: this.options.replace.fsync, mode: 0o666 & ~this.plan.umask };
    this.parts = new PartsSink(place);
    this.sink = this.parts;
    if (encryption !== undefined) this.sink = new AgeSink(this.sink, encryption.header, encryption.key);
    if (request.compress !== undefined) this.sink = new GzipSink(this.sink, request.compress);
    try {
      await this.check({ members: [] }); // so that a reader knows from the beginning that check blocks follow
      await this.write();
      await this.finish(this.sink);
      this.parts.describe({ members: this.members, bytes: this.bytes, compressed: request.compress !== undefined, encrypted: encryption !== undefined });
    } catch (error) {
      this.sink.discard();
      throw error;
    } finally {
      this.source.close();
      await this.threads.close();
    }
    this.progress(true);
  }

  /** The session's outcome with what was written. */
  outcome(outcome: Outcome, problems: readonly Problem[]): ExportOutcome {
    const errors = problems.filter(({ severity }) => severity === 'error').length;
    const moved = problems.some(({ code }) => code === 'vanished' || code === 'changed');
    const problemCount = outcome.problemCount + errors;
    return {
      ...outcome,
      exitCode: outcome.exitCode !== 0 && outcome.exitCode !== 24 ? outcome.exitCode : problemCount > 0 ? 23 : moved ? 24 : outcome.exitCode,
      problems: [...outcome.problems, ...problems], problemCount, warningCount: outcome.warningCount + problems.length - errors,
      created: this.created, linked: this.linked, transferredFiles: this.doneFiles, transferredBytes: this.doneBytes, literalBytes: this.parts?.written ?? 0,
      elapsedMs: performance.now() - this.started + outcome.scanMs,
      archive: { members: this.members, bytes: this.bytes, written: this.parts?.written ?? 0, parts: this.parts?.parts ?? [] },
    };
  }

  private async write(): Promise<void> {
    const { plan: { store, resolver } } = this;
    const op = emptyOperation();
    const batch = new Batch();
    let folder: RelPath = '' as RelPath;
    for (const chunk of store.chunks(0)) {
      for (const reader = new OperationReader(chunk); !reader.done;) {
        reader.next(op);
        if (op.kind === OpKind.Folder) {
          folder = op.name;
          if (op.item !== 0 && op.mode !== 0) batch.add(folder, op);
        } else {
          resolver.adapt(op, folder);
          if (op.kind === OpKind.Note || op.kind === OpKind.Delete) continue;
          if (op.kind === OpKind.Link) await this.link(op, batch);
          if (op.kind === OpKind.File && op.size > SMALL) {
            await this.send(batch);
            await this.drain();
            await this.stream(op, folder);
            continue;
          }
          if (op.kind === OpKind.File && op.group !== '') this.leaders.set(joinPath(folder, op.name), this.nextId);
          batch.add(folder, op);
        }
        if (batch.full) await this.send(batch);
      }
    }
    await this.send(batch);
    await this.drain();
  }

  /** A further name of a file: once it is known whether its first name is in the archive. One of the same batch is the thread's to know. */
  private async link(op: Operation, batch: Batch): Promise<void> {
    const leader = this.replaced.get(op.link) ?? op.link;
    const at = this.leaders.get(leader) ?? -1;
    if (at >= this.nextId) await this.send(batch); // so that it is decided here, for all names alike
    if (at >= this.done) await this.drain(at);
    op.link = leader;
    if (this.lost.has(leader)) op.kind = OpKind.File;
  }

  /** Hands a batch to a thread. */
  private async send(batch: Batch): Promise<void> {
    const parts = batch.take();
    if (parts.length === 0) return;
    this.checkAborted();
    const id = this.nextId++;
    const room = this.rooms.pop() ?? new SharedArrayBuffer(SEGMENT_ROOM);
    this.inFlight.push({ id, parts, room, answer: this.threads.ask({ kind: 'make', id, parts, room }) });
    while (this.inFlight.length > this.threads.count * AHEAD) await this.take();
  }

  /** Writes all segments, or those up to number `upTo`. */
  private async drain(upTo = Infinity): Promise<void> {
    while (this.inFlight.length > 0 && this.done <= upTo) await this.take();
  }

  /** Writes the next segment. */
  private async take(): Promise<void> {
    const next = this.inFlight.shift();
    if (next === undefined) return;
    const answer = await next.answer;
    if (answer.kind !== 'made') throw new Error(`${answer.kind} in place of a segment`);
    const { segment } = answer;
    this.checkAborted();
    for (const problem of segment.problems) this.tell(problem);
    if (segment.length > 0) {
      const bytes = Buffer.from(next.room, 0, segment.length);
      await this.put(this.sink?.keeps === true ? Buffer.from(bytes) : bytes);
    }
    this.rooms.push(next.room);
    this.members += segment.members;
    this.doneFiles += segment.files;
    this.doneBytes += segment.fileBytes;
    this.done = next.id + 1;
    await this.account(next.parts, segment);
    this.progress();
  }

  /** Counts and tells what a segment holds, and streams what has grown too large for it. */
  private async account(parts: readonly FolderPart[], { failed, grown }: Segment): Promise<void> {
    const missing = new Set(failed);
    const large = new Set(grown);
    const op = emptyOperation();
    let ordinal = -1;
    for (const { path: folder, bytes } of parts) {
      for (const reader = new OperationReader(bytes); !reader.done;) {
        reader.next(op);
        ordinal++;
        if (large.has(ordinal)) await this.stream(op, folder);
        else this.tellDone(op, folder, !missing.has(ordinal));
      }
    }
  }

  private tellDone(op: Operation, folder: RelPath, done: boolean): void {
    const path = op.kind === OpKind.Folder ? op.name : joinPath(folder, op.name);
    this.doneOperations++;
    if (done) {
      if (op.kind === OpKind.Link) this.linked++;
      else countType(this.created, op.mode);
    }
    if (op.kind === OpKind.File && op.group !== '') this.settleLeader(op, path, done);
    if (path !== '' && (this.listener.wantsOperations ?? 'none') !== 'none') this.listener.operation?.(op, path, done ? 'done' : 'failed');
  }

  /** A first name of a hard-linked file is in the archive, or the next one takes its place. */
  private settleLeader(op: Operation, path: RelPath, done: boolean): void {
    if (!done) this.lost.add(path);
    else if (op.link !== '' && op.link !== path) this.replaced.set(op.link, path);
  }

  /** Writes what goes by itself: a large file, or what had no room in its segment. */
  private async stream(op: Operation, folder: RelPath): Promise<void> {
    this.checkAborted();
    const before = this.doneBytes;
    const put = async (bytes: Buffer): Promise<void> => {
      this.checkAborted();
      await this.put(this.sink?.keeps === true ? Buffer.from(bytes) : bytes);
    };
    const isFile = op.kind === OpKind.File;
    const done = await (isFile ? this.large.write(op, folder, put, (n) => {
      this.doneBytes += n;
      this.progress();
    }) : this.large.entry(op, folder, put));
    for (const problem of this.source.takeProblems()) this.tell(problem);
    if (done) this.members++;
    if (done && isFile) this.doneFiles++;
    if (!done) this.doneBytes = before;
    this.tellDone(op, folder, done);
  }

  private async put(bytes: Buffer): Promise<void> {
    this.bytes += bytes.length;
    await (this.sink as ByteSink).write(bytes);
  }

  /** The last check block and the end of the archive. */
  private async finish(sink: ByteSink): Promise<void> {
    await this.check({ members: [], end: { members: this.members, bytes: this.bytes } });
    await this.put(Buffer.alloc(1024));
    await sink.end();
  }

  /** A check block by itself. */
  private async check(check: Check): Promise<void> {
    this.pack.pax('g', [['comment', encodeCheck(check, this.sum)]]);
    await this.put(await this.pack.finish());
  }

  private checkAborted(): void {
    if (this.signal?.aborted === true) throw aborted(this.signal);
  }

  private progress(now = false): void {
    const { listener, plan: { findings } } = this;
    if (listener.progress === undefined) return;
    const at = performance.now();
    if (!now && at - this.toldAt < (listener.progressEvery ?? PROGRESS_EVERY)) return;
    this.toldAt = at;
    const { entries } = findings;
    listener.progress({
      phase: now ? 'done' : 'apply', scanned: entries.files + entries.dirs + entries.links + entries.devices + entries.specials, doneOperations: this.doneOperations, totalOperations: findings.operations,
      doneFiles: this.doneFiles, totalFiles: findings.transferFiles, doneBytes: this.doneBytes, totalBytes: findings.transferBytes, elapsedMs: at - this.started,
    });
  }
}

/** Operations that are gathered for a segment. */
class Batch {
  private parts: FolderPart[] = [];
  private readonly writer = new OperationWriter();
  private folder: RelPath | undefined;
  private count = 0;
  private cost = 0;

  get full(): boolean {
    return this.count >= SEGMENT_MEMBERS || this.cost >= SEGMENT_BYTES;
  }

  add(folder: RelPath, op: Operation): void {
    if (folder !== this.folder) this.cut();
    this.folder = folder;
    this.writer.write(op);
    this.count++;
    this.cost += OP_COST + (op.kind === OpKind.File ? op.size : 0);
  }

  take(): FolderPart[] {
    this.cut();
    const { parts } = this;
    this.parts = [];
    this.folder = undefined;
    this.count = this.cost = 0;
    return parts;
  }

  private cut(): void {
    if (this.folder === undefined || this.writer.length === 0) return;
    this.parts.push({ path: this.folder, bytes: Uint8Array.from(this.writer.slice(0)) });
    this.writer.reset();
  }
}

function aborted(signal: AbortSignal | undefined): TwintreeError {
  return signal?.reason instanceof TwintreeError ? signal.reason : new TwintreeError('ABORTED', 'the run was ended');
}
