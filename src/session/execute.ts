/**
 * Executes a plan: the main thread makes folders ahead of the content and deals content to the workers in
 * batches; what must happen in order (links, leaving folders, telling the listener) is released in plan order
 * once all before it is done. Deletions come last. Few operations are carried out by the main thread alone.
 */
import {
  describeFolder, discardDelayed, enterFolder, execute, finishDelayed, leaveFolder, removeEntry,
  type ApplyCounters, type ApplyPart, type ApplyRunner, type ApplySetup, type FolderContext, type FromWorker, type PoolWorker, type SharedState, type WorkerPool,
} from '../endpoint/index.js';
import { readingIsLimited } from '../fs/index.js';
import {
  copyOperation, emptyOperation, OpKind, OperationReader, OperationWriter, Reason, type Operation, type SessionOptions,
} from '../plan/index.js';
import { EMPTY, joinPath, parentOf, type Problem, type RelPath } from '../tree/index.js';
import type { OperationResult } from './events.js';
import type { PlanStore } from './plan-store.js';
import { isDeletion, type Resolver } from './resolve.js';

/** Operations, and bytes of content, that one batch holds at most. */
const BATCH_OPERATIONS = 64;
const BATCH_BYTES = 2 << 20;
/** A file from this size on is never copied by the main thread, which must hear signals. */
const HEAVY = 8 << 20;
/** Batches given to one worker ahead of its answer. Over a connection more of them, as long as they are small: a long way there and back is filled by what was asked for. */
const AHEAD = 3;
const AHEAD_REMOTE = 16;
const AHEAD_REMOTE_BYTES = 4 << 20;
/** Items between the dispatcher and the release, at most. */
const WINDOW = 512;
/** Operations from which workers pay. */
const WORTH_WORKERS = 300;

/** What execution runs on. */
export interface ExecuteDeps {
  options: SessionOptions;
  store: PlanStore;
  resolver: Resolver;
  runner: ApplyRunner;
  applySetup: ApplySetup;
  pool: WorkerPool;
  /** The content comes over a connection. */
  remote: boolean;
  shared: SharedState;
  threads: number;
  /** Operations and bytes in the plan, to choose how many threads. */
  operations: number;
  transferBytes: number;
  wants: 'none' | 'changes' | 'all';
  /** What is extraneous may go: the source was read whole. */
  deletes: boolean;
  /** The target root was made by this session. */
  rootIsNew: boolean;
  /** Folders that had to be made before the others, for what was renamed into them. */
  made: ReadonlyMap<RelPath, FolderContext> | undefined;
  tell(op: Operation, path: RelPath, result: OperationResult): void;
  problem(problem: Problem): void;
  count(counters: ApplyCounters): void;
  /** An operation is finished, well or not. */
  finished(operations: number, files: number): void;
  tick(): void;
}

/** What one worker has and has not answered; bytes of content. */
interface Load { readonly batches: number; readonly bytes: number }
const NO_LOAD: Load = { batches: 0, bytes: 0 };

interface Frame {
  path: RelPath;
  op: Operation;
  context: FolderContext | undefined; // undefined: it could not be entered
  entered: boolean; // its own operation was carried out on entering
}

interface Batch {
  kind: 'batch';
  parts: ApplyPart[];
  /** Operations, and records in all (with the lines of folders, which nobody executes). */
  operations: number;
  records: number;
  bytes: number;
  state: 'waiting' | 'sent' | 'done';
  failed: Set<number>;
  skipped: readonly number[];
  /** Ordinals of operations that lead a hard-link group. */
  leaders: Map<number, string>;
  /** Folders that are left when this batch and all before it are done. */
  leaves: Frame[];
}

type Item_ =
  | Batch
  | { kind: 'told'; op: Operation; path: RelPath; result: OperationResult }
  | { kind: 'link'; op: Operation; natural: Operation; folder: FolderContext }
  | { kind: 'leave'; frame: Frame };

/** Carries out one plan. */
export class Executor {
  private readonly items: Item_[] = [];
  private head = 0;
  private nextUnsent = 0;
  private readonly stack: Frame[] = [];
  private readonly writer = new OperationWriter(4 << 10);
  private batch: Batch | undefined;
  private partFrame: Frame | undefined;
  private readonly outstanding = new Map<number, { batch: Batch; worker: PoolWorker }>();
  private readonly load = new Map<PoolWorker, Load>();
  private nextId = 1;
  private workersReady = false;
  private wake: (() => void) | undefined;
  private failure: Error | undefined;
  private readonly failedGroups = new Set<string>();
  private readonly delayed: Frame[] = [];
  deletionsSkipped = 0;
  private deleted = 0;
  private deleting = false; // the last deletions are under way

  constructor(private readonly deps: ExecuteDeps) {}

  /** Everything but the last deletions. */
  async run(): Promise<void> {
    const { deps } = this;
    deps.pool.listen((worker, message) => this.receive(worker, message), (error) => {
      this.failure = error;
      this.wake?.();
    });
    const op = emptyOperation();
    const removesSources = deps.options.replace.removeSourceFiles;
    for (const chunk of deps.store.chunks(0)) {
      deps.runner.announceFolders(chunk);
      const reader = new OperationReader(chunk);
      while (!reader.done && !deps.shared.aborted) {
        const kind = reader.peekKind();
        if (kind === OpKind.Folder) {
          reader.next(op);
          this.folder(op);
        } else if (kind === OpKind.Delete) {
          reader.next(op);
          await this.drain();
          if (!deps.shared.aborted) this.removal(op);
        } else if (kind === OpKind.Note && deps.wants !== 'all' && !deps.resolver.active && !removesSources) {
          reader.skip();
        } else this.content(reader, op, chunk);
        if (this.items.length - this.head >= WINDOW) await this.pump(WINDOW / 2);
      }
    }
    this.closeBatch();
    this.leaveTo(undefined);
    await this.drain();
    this.finishDelayed();
  }

  /** The deletions that come last (or, with --delete-before, first). */
  async runDeletions(): Promise<void> {
    const { deps } = this;
    const op = emptyOperation();
    let since = performance.now();
    this.deleting = true;
    for (const chunk of deps.store.chunks(1)) {
      const reader = new OperationReader(chunk);
      while (!reader.done && !deps.shared.aborted) {
        reader.next(op);
        if (op.kind === OpKind.Folder) this.folder(op);
        else this.removal(op);
        if (performance.now() - since > 10) {
          await new Promise<void>((resolve) => setImmediate(resolve));
          deps.tick();
          since = performance.now();
        }
      }
    }
    this.leaveTo(undefined);
    await this.drain();
    this.deleting = false;
  }

  // ---------------------------------------------------------------- dispatch

  private folder(op: Operation): void {
    const path = op.name;
    const top = this.stack[this.stack.length - 1];
    if (top?.path === path) return;
    this.closePart();
    this.leaveTo(path);
    if (this.stack[this.stack.length - 1]?.path === path) return;
    const { deps } = this;
    const own = copyOperation(op);
    const parent = this.stack[this.stack.length - 1];
    const frame: Frame = { path, op: own, context: undefined, entered: false };
    this.stack.push(frame);
    if (parent !== undefined && parent.context === undefined) return; // told for the parent already
    if (own.item === 0 && own.set === 0) {
      frame.context = deps.runner.context.exact?.absent(deps.runner.context, path) ?? this.openContext(path);
      if (deps.wants === 'all' && own.reason === Reason.Unchanged && own.mode !== 0) this.tellFolder(frame);
      return;
    }
    const parentContext = path === '' ? undefined : parent?.path === parentOf(path) ? parent.context : this.openContext(parentOf(path), false);
    frame.context = path === '' && deps.rootIsNew ? describeFolder(deps.runner.context, path, true) : deps.made?.get(path) ?? enterFolder(deps.runner.context, parentContext, own);
    frame.entered = true;
    this.takeProblems();
    if (own.item !== 0 || (deps.wants === 'all' && own.reason === Reason.Unchanged)) { // not for the head of deletions
      this.tellFolder(frame);
      if (own.item !== 0) deps.finished(1, 0);
    }
  }

  /** A folder's line stands before what is in it: it travels with the batch. */
  private tellFolder(frame: Frame): void {
    if (this.deps.wants === 'none') return;
    if (frame.context === undefined) {
      this.closeBatch();
      this.items.push({ kind: 'told', op: frame.op, path: frame.path, result: 'failed' });
      return;
    }
    const batch = this.openBatch(frame);
    this.writer.write(frame.op);
    batch.records++;
  }

  /** One operation on content or attributes: into the batch at hand, or to the release. */
  private content(reader: OperationReader, op: Operation, chunk: Uint8Array): void {
    const { deps } = this;
    const frame = this.stack[this.stack.length - 1];
    if (frame === undefined) throw new Error('an operation before its folder');
    const kind = reader.peekKind();
    const size = reader.peekSize();
    const from = reader.offset;
    let leads = '';
    if (deps.resolver.active) {
      reader.next(op);
      const grouped = op.group !== '';
      const natural = grouped ? copyOperation(op) : op;
      deps.resolver.adapt(op, frame.path);
      if (op.kind === OpKind.Link && grouped) {
        this.closeBatch();
        if (frame.context === undefined) this.lostWithFolder(op, frame);
        else this.items.push({ kind: 'link', op: copyOperation(op), natural, folder: frame.context });
        return;
      }
      if (op.kind === OpKind.Note && deps.wants !== 'all' && !deps.options.replace.removeSourceFiles) return;
      if (grouped) leads = op.group;
    } else reader.skip();
    if (frame.context === undefined) {
      if (!deps.resolver.active) new OperationReader(chunk.subarray(from, reader.offset)).next(op);
      this.lostWithFolder(op, frame);
      return;
    }
    const batch = this.openBatch(frame);
    if (leads !== '') batch.leaders.set(batch.records, leads);
    if (deps.resolver.active) this.writer.write(op);
    else this.writer.append(chunk.subarray(from, reader.offset));
    if (kind !== OpKind.Note) batch.operations++;
    batch.records++;
    batch.bytes += size;
    if (batch.records >= BATCH_OPERATIONS || batch.bytes >= BATCH_BYTES) {
      this.closeBatch();
    }
  }

  private openBatch(frame: Frame): Batch {
    if (this.batch === undefined) {
      this.batch = { kind: 'batch', parts: [], operations: 0, records: 0, bytes: 0, state: 'waiting', failed: new Set(), skipped: [], leaders: new Map(), leaves: [] };
    }
    if (this.partFrame !== frame) {
      this.closePart();
      this.partFrame = frame;
    }
    return this.batch;
  }

  private closePart(): void {
    const context = this.partFrame?.context;
    if (context !== undefined && this.batch !== undefined && this.writer.length > 0) {
      this.batch.parts.push({
        path: context.path, fresh: context.fresh, setgid: context.setgid, gid: context.gid, defaultAcl: context.defaultAcl, bytes: this.writer.take(),
      });
    }
    this.partFrame = undefined;
  }

  private closeBatch(): void {
    this.closePart();
    if (this.batch === undefined) return;
    this.items.push(this.batch);
    this.batch = undefined;
    this.deal();
  }

  /** Leaves all folders that `path` does not lie in; undefined: all. */
  private leaveTo(path: RelPath | undefined): void {
    for (;;) {
      const top = this.stack[this.stack.length - 1];
      if (top === undefined) return;
      if (path !== undefined && (top.path === EMPTY || path === top.path || path.startsWith(`${top.path}/`))) return;
      this.closePart();
      this.stack.pop();
      const { delayUpdates, fsync } = this.deps.options.replace;
      if (top.context === undefined || (top.op.set === 0 && top.context.narrow === undefined && !delayUpdates && !fsync)) continue;
      if (this.batch === undefined) this.items.push({ kind: 'leave', frame: top });
      else this.batch.leaves.push(top);
    }
  }

  /** Context of a folder that stands, for what is done in it or below it. */
  private openContext(path: RelPath, toWrite = true): FolderContext | undefined {
    const context = describeFolder(this.deps.runner.context, path, false, undefined, toWrite);
    this.takeProblems();
    return context;
  }

  /** The folder of an operation could not be entered: its problem was told, the operation is not done. */
  private lostWithFolder(op: Operation, frame: Frame): void {
    if (op.kind === OpKind.Note) return;
    this.deps.finished(1, op.kind === OpKind.File ? 1 : 0);
    if (this.deps.wants !== 'none') this.items.push({ kind: 'told', op: copyOperation(op), path: joinPath(frame.path, op.name), result: 'failed' });
  }

  // ---------------------------------------------------------------- workers

  private deal(): void {
    const { deps } = this;
    const last = this.items[this.items.length - 1];
    const heavy = last?.kind === 'batch' && this.isHeavy(last);
    const large = deps.threads > 1 && (deps.operations > WORTH_WORKERS || deps.transferBytes > 4 * HEAVY);
    if (!this.workersReady && (heavy || large || deps.remote)) {
      this.workersReady = true;
      // Content from another host is the workers' in any case; for a little of it a second thread would take longer to start than to use.
      const several = large || deps.options.threads !== undefined;
      deps.pool.grow(Math.max(1, deps.remote ? (several ? deps.threads : 1) : deps.threads - 1));
      for (const worker of deps.pool.workers) {
        worker.post({ kind: 'apply-setup', setup: deps.applySetup });
        this.load.set(worker, { batches: 0, bytes: 0 });
      }
    }
    if (!this.workersReady) return;
    if (this.nextUnsent < this.head) this.nextUnsent = this.head;
    for (; this.nextUnsent < this.items.length; this.nextUnsent++) {
      const item = this.items[this.nextUnsent] as Item_;
      if (item.kind !== 'batch' || item.state !== 'waiting') continue;
      let best: PoolWorker | undefined;
      for (const worker of deps.pool.workers) {
        const load = this.loadOf(worker);
        if (this.takesMore(load) && (best === undefined || load.batches < this.loadOf(best).batches)) best = worker;
      }
      if (best === undefined) return;
      const id = this.nextId++;
      item.state = 'sent';
      this.outstanding.set(id, { batch: item, worker: best });
      this.burden(best, 1, item.bytes);
      best.post({ kind: 'apply', id, parts: item.parts });
    }
  }

  private loadOf(worker: PoolWorker): Load {
    return this.load.get(worker) ?? NO_LOAD;
  }

  private burden(worker: PoolWorker, batches: number, bytes: number): void {
    const load = this.loadOf(worker);
    this.load.set(worker, { batches: load.batches + batches, bytes: load.bytes + bytes });
  }

  private takesMore({ batches, bytes }: Load): boolean {
    return batches < AHEAD || (this.deps.remote && batches < AHEAD_REMOTE && bytes < AHEAD_REMOTE_BYTES);
  }

  /** What would keep the main thread from hearing signals: much content, or content that is slowed down or comes over a connection. */
  private isHeavy(batch: Batch): boolean {
    return batch.bytes >= HEAVY || (batch.bytes > 0 && (this.deps.shared.limited || readingIsLimited() || this.deps.runner.context.source.remote !== undefined));
  }

  private receive(_worker: PoolWorker, message: FromWorker): void {
    if (message.kind !== 'applied') throw new Error(`a ${message.kind} answer during execution`);
    const entry = this.outstanding.get(message.id);
    if (entry === undefined) throw new Error('an answer to no batch');
    this.outstanding.delete(message.id);
    this.burden(entry.worker, -1, -entry.batch.bytes);
    this.settle(entry.batch, message.result);
    this.deal();
    this.wake?.();
  }

  private settle(batch: Batch, result: ReturnType<ApplyRunner['run']>): void {
    batch.state = 'done';
    batch.failed = new Set(result.failed);
    batch.skipped = result.skipped ?? [];
    this.deps.count(result.counters);
    for (const problem of result.problems) this.deps.problem(problem);
    for (const [ordinal, group] of batch.leaders) if (batch.failed.has(ordinal)) this.failedGroups.add(group);
    this.deps.finished(batch.operations, result.counters.transferredFiles);
  }

  /** Waits until at most `limit` items are left. */
  private async pump(limit: number): Promise<void> {
    const { deps } = this;
    for (;;) {
      if (this.failure !== undefined) throw this.failure;
      this.release();
      deps.tick();
      if (this.items.length - this.head <= limit) return;
      this.deal();
      const mine = this.lightest();
      if (mine !== undefined) {
        mine.state = 'sent';
        this.settle(mine, deps.runner.run(mine.parts));
        await new Promise<void>((resolve) => setImmediate(resolve));
      } else {
        await new Promise<void>((resolve) => { this.wake = resolve; });
        this.wake = undefined;
      }
    }
  }

  /** The first batch that nobody has and that the main thread may carry out itself. */
  private lightest(): Batch | undefined {
    if (this.deps.remote) return undefined; // it would wait for a connection and hear neither signals nor a newer session
    for (let k = this.head; k < this.items.length; k++) {
      const item = this.items[k] as Item_;
      if (item.kind === 'batch' && item.state === 'waiting' && (!this.isHeavy(item) || !this.workersReady)) return item;
    }
    return undefined;
  }

  private async drain(): Promise<void> {
    this.closeBatch();
    await this.pump(0);
  }

  // ---------------------------------------------------------------- release

  private release(): void {
    while (this.head < this.items.length) {
      const item = this.items[this.head] as Item_;
      if (item.kind === 'batch') {
        if (item.state !== 'done') break;
        this.tellBatch(item);
        for (const frame of item.leaves) this.leave(frame);
      } else if (item.kind === 'told') this.tell(item.op, item.path, item.result);
      else if (item.kind === 'link') this.link(item.op, item.natural, item.folder);
      else this.leave(item.frame);
      this.head++;
    }
    if (this.head > 1024) {
      this.items.splice(0, this.head);
      this.nextUnsent = Math.max(0, this.nextUnsent - this.head);
      this.head = 0;
    }
  }

  private tellBatch(batch: Batch): void {
    if (this.deps.wants === 'none') return;
    const op = emptyOperation();
    let ordinal = 0;
    for (const part of batch.parts) {
      for (const reader = new OperationReader(part.bytes); !reader.done; ordinal++) {
        reader.next(op);
        this.tell(op, op.kind === OpKind.Folder ? op.name : joinPath(part.path, op.name), batch.failed.has(ordinal) ? 'failed' : batch.skipped.includes(ordinal) ? 'skipped' : 'done');
      }
    }
  }

  private tell(op: Operation, path: RelPath, result: OperationResult): void {
    const { wants } = this.deps;
    if (wants === 'none' || (wants === 'changes' && (op.kind === OpKind.Note || (op.kind === OpKind.Folder && op.item === 0)))) return;
    this.deps.tell(op, path, result);
  }

  private link(op: Operation, natural: Operation, folder: FolderContext): void {
    const { deps } = this;
    const path = joinPath(folder.path, op.name);
    let done: boolean;
    let skipped = false;
    let told = op;
    if (deps.shared.aborted) done = false;
    else if (this.failedGroups.has(natural.group)) {
      // The leader could not be made: this name takes its place, and the rest are linked to it.
      told = natural;
      done = natural.kind === OpKind.Note || execute(deps.runner.context, folder, natural);
      skipped = !done && (deps.runner.context.exact?.takeDone() ?? false);
      if (done || skipped) {
        deps.resolver.replaceLeader(natural.group, path);
        this.failedGroups.delete(natural.group);
      }
    } else {
      const leader = deps.resolver.leaderOf(natural.group) ?? op.link;
      if (op.alt === 0) op.link = leader;
      done = execute(deps.runner.context, folder, op);
      skipped = !done && (deps.runner.context.exact?.takeDone() ?? false);
      if (!done && !skipped && leader === path) this.failedGroups.add(natural.group);
    }
    this.takeProblems();
    deps.finished(1, 0);
    this.tell(told, path, done ? 'done' : skipped ? 'skipped' : 'failed');
  }

  private leave(frame: Frame): void {
    const { deps } = this;
    if (deps.options.replace.delayUpdates && !this.deleting) {
      this.delayed.push(frame);
      return;
    }
    if (frame.context !== undefined) leaveFolder(deps.runner.context, frame.context, frame.op);
    this.takeProblems();
  }

  private finishDelayed(): void {
    const { runner } = this.deps;
    for (const frame of this.delayed) {
      if (frame.context === undefined) continue;
      if (this.deps.shared.aborted) discardDelayed(runner.context, frame.context);
      else finishDelayed(runner.context, frame.context);
    }
    for (const frame of this.delayed) if (frame.context !== undefined) leaveFolder(runner.context, frame.context, frame.op);
    this.delayed.length = 0;
    this.takeProblems();
  }

  private removal(op: Operation): void {
    const { deps } = this;
    const frame = this.stack[this.stack.length - 1];
    if (frame === undefined) throw new Error('a deletion before its folder');
    deps.resolver.adapt(op, frame.path);
    if (op.kind !== OpKind.Delete || (!deps.deletes && isDeletion(op))) return;
    const { maxDelete } = deps.options.delete;
    if (op.reason !== Reason.Incomplete && maxDelete !== undefined && this.deleted >= maxDelete) {
      this.deletionsSkipped++;
      return;
    }
    deps.finished(1, 0);
    if (frame.context === undefined) return;
    this.closeBatch();
    const done = removeEntry(deps.runner.context, frame.context, op);
    const skipped = !done && (deps.runner.context.exact?.takeDone() ?? false);
    if (done && op.reason !== Reason.Incomplete) this.deleted++;
    this.takeProblems();
    if (op.reason !== Reason.Incomplete) this.items.push({ kind: 'told', op: copyOperation(op), path: joinPath(frame.path, op.name), result: done ? 'done' : skipped ? 'skipped' : 'failed' });
    this.release();
  }

  private takeProblems(): void {
    const { runner } = this.deps;
    for (const problem of runner.takeProblems()) this.deps.problem(problem);
  }
}
