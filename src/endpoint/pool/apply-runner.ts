/**
 * ApplyRunner: carries out batches of encoded operations in one thread. The main thread has one for what
 * must happen in order (folders, links, deletions) and each worker has one for content.
 */
import { FolderCache, type Posix } from '../../fs/index.js';
import { emptyOperation, OpKind, OperationReader, Reason, SetBits } from '../../plan/index.js';
import { EMPTY, joinPath, StatTable, TwintreeError, type ByteString, type Problem, type RelPath } from '../../tree/index.js';
import { fingerprintOf } from '../../state/index.js';
import type { TreeChange } from '../../delta/index.js';
import { ContentHashes } from '../content-hashes.js';
import { KeptSums } from '../kept-sums.js';
import { idMapper } from '../ids.js';
import { xattrPolicy } from '../xattrs.js';
import { announce, closeContext, execute, newCounters, Preconditions, removeSource, type ApplyContext, type FolderContext } from '../apply/index.js';
import { localSource, type SourceFs } from '../source/index.js';
import type { ApplyPart, ApplySetup, BatchResult, SharedState } from './messages.js';

/** Carries out operations in this thread. */
export class ApplyRunner {
  readonly context: ApplyContext;
  private problems: Problem[] = [];
  private readonly sources: FolderCache[];
  private readonly op = emptyOperation();
  private readonly hashes: ContentHashes | undefined;
  private readonly placed = new StatTable(1);
  /** Batches whose content was asked for ahead of their turn. */
  private readonly announced = new WeakSet<readonly ApplyPart[]>();

  /** @param source where content comes from: this host, or another one */
  constructor(posix: Posix, setup: ApplySetup, shared: SharedState, slot: number, source: SourceFs = localSource(posix)) {
    const { symlinks } = setup.options;
    const follow = symlinks.copyLinks || symlinks.copyUnsafeLinks || symlinks.copyDirlinks;
    this.sources = setup.mounts.map((m) => new FolderCache(source, m.fd, { follow, ...(m.followed === undefined ? {} : { followed: m.followed }) }));
    const { alias, options } = setup;
    this.hashes = setup.hashes === undefined ? undefined : new ContentHashes(setup.hashes, (message) => { this.stateFailed(message); });
    const sums = setup.sums === undefined ? undefined : new KeptSums(setup.sums, 'target', (message) => { this.stateFailed(message); });
    this.context = {
      posix, source, options, umask: setup.umask, targetRoot: setup.targetRoot, altRoots: setup.altRoots, backupRoot: setup.backupRoot, tempRoot: setup.tempRoot,
      targetFolders: new FolderCache(posix, setup.targetRoot, { follow: options.symlinks.keepDirlinks, beneath: true, followed: setup.targetFollowed }),
      sourceFolder: (layer, path) => (this.sources[layer] as FolderCache).open(path),
      delayTag: setup.sessionTag,
      sessionTag: `${setup.sessionTag}${slot.toString(16).padStart(2, '0')}`,
      marksIncomplete: setup.marksIncomplete,
      aborted: () => shared.aborted,
      cutOff: () => shared.cutOff,
      addBytes: (n) => shared.addContentBytes(slot, n),
      counters: newCounters(),
      ids: idMapper(options, source.remote),
      xattrPolicy: xattrPolicy(posix, options),
      problem: (p) => this.problems.push(p),
      ...(setup.exactSince === undefined ? {} : { exact: new Preconditions(setup.exactSince) }),
      // Updates that are held back are not in place yet.
      ...(this.hashes === undefined || options.replace.delayUpdates ? {} : { wrote: (folder, name, hash, change) => this.wrote(folder, name, hash, change) }),
      ...(sums === undefined ? {} : { sums }),
      ...(alias === undefined ? {} : { sourceName: (_layer, _folder, name) => (name === alias.name ? alias.source : name) }),
      // Where the source is on another host the connection itself keeps to the limit.
      ...(setup.paced && source.remote === undefined ? { throttle: (n) => { shared.spend(n, performance.timeOrigin + performance.now()); }, throttles: () => shared.limited } : {}),
    };
  }

  /** With --state: hash and sums of what has just been put in place. */
  private wrote(folder: FolderContext, name: ByteString, hash: Buffer | undefined, change: TreeChange | undefined): void {
    const { posix, sums } = this.context;
    if (posix.stat(folder.fd, name, this.placed, 0) !== 0 || !this.placed.isFile(0)) return;
    const fingerprint = fingerprintOf(this.placed, 0);
    if (hash !== undefined) this.hashes?.noteWritten(joinPath(folder.path, name), fingerprint, hash);
    if (change !== undefined) sums?.putWritten(joinPath(folder.path, name), fingerprint, change);
  }

  private stateFailed(message: string): void {
    this.problems.push({ code: 'write-failed', phase: 'record', side: 'target', path: EMPTY, severity: 'warning', message: `the state cannot be used: ${message}` });
  }

  /** Asks for the content of a batch that is to be run later, so that it travels meanwhile. Nothing happens where the source is local. */
  announce(parts: readonly ApplyPart[]): void {
    if (this.context.source.remote === undefined || this.announced.has(parts)) return;
    this.announced.add(parts);
    const { op } = this;
    for (const part of parts) {
      const reader = new OperationReader(part.bytes);
      const folder = this.folderOf(part, -1);
      while (!reader.done && !this.context.aborted()) {
        const kind = reader.peekKind();
        if (kind === OpKind.Folder || kind === OpKind.Note || kind === OpKind.Delete) {
          reader.skip();
          continue;
        }
        reader.next(op);
        this.announceStat(part.path, op.name);
        if (op.kind === OpKind.File) announce(this.context, folder, op);
        else this.announceAttributes(part.path, op.name);
      }
    }
  }

  /**
   * Asks for the attributes of the folders in a chunk of the plan, ahead of their turn. Whoever makes the folders calls it once for
   * each chunk; nothing happens where the source is local.
   */
  announceFolders(chunk: Uint8Array): void {
    if (this.context.source.remote === undefined) return;
    const { op } = this;
    for (const reader = new OperationReader(chunk); !reader.done;) {
      if (reader.peekKind() !== OpKind.Folder) {
        reader.skip();
        continue;
      }
      reader.next(op);
      if ((op.item !== 0 || op.set !== 0) && (op.inoLow !== 0 || op.inoHigh !== 0)) this.announceStat(op.name, EMPTY); // else nobody compares it
      this.announceAttributes(op.name, EMPTY);
    }
  }

  /** A kept plan compares each entry of the source with what it saw. */
  private announceStat(folder: RelPath, name: ByteString): void {
    const { op, context } = this;
    if (context.exact === undefined) return;
    const source = name === '' || context.sourceName === undefined ? name : context.sourceName(op.layer, folder, name);
    context.source.remote?.prepareStat(op.layer, folder, source);
  }

  /** `op` says whether any are set. */
  private announceAttributes(folder: RelPath, name: ByteString): void {
    const { op, context } = this;
    if ((op.set & (SetBits.Xattr | SetBits.Acl)) === 0) return;
    const source = name === '' || context.sourceName === undefined ? name : context.sourceName(op.layer, folder, name);
    context.source.remote?.prepareXattrs(op.layer, folder, source);
  }

  /** Carries out a batch. What an abort leaves undone is among the failed. @throws TwintreeError where the connection to the source is lost */
  run(parts: readonly ApplyPart[]): BatchResult {
    const { context, op } = this;
    this.announce(parts);
    const own = context.counters; // what the caller did through `context` itself stays apart
    context.counters = newCounters();
    this.problems = [];
    const failed: number[] = [];
    const skipped: number[] = [];
    const removesSources = context.options.replace.removeSourceFiles;
    let ordinal = 0;
    for (const part of parts) {
      const reader = new OperationReader(part.bytes);
      const folder = this.folderOf(part, context.targetFolders.open(part.path));
      for (; !reader.done; ordinal++) {
        const kind = reader.peekKind();
        if (kind === OpKind.Folder || (kind === OpKind.Note && !removesSources)) {
          reader.skip();
          continue;
        }
        if (context.aborted()) {
          reader.skip();
          failed.push(ordinal);
          continue;
        }
        reader.next(op);
        try {
          if (op.kind === OpKind.Note) {
            // --remove-source-files takes what the target had already, or has in a --compare-dest folder, as well.
            if (op.reason === Reason.Unchanged || op.reason === Reason.AltDestSame) removeSource(context, folder, op);
          } else if (!execute(context, folder, op)) (context.exact?.takeDone() === true ? skipped : failed).push(ordinal);
        } catch (error) {
          // Waiting for the other host was ended by an abort: this one is not done, nor is what follows.
          if (!(error instanceof TwintreeError) || error.code !== 'ABORTED') throw error;
          failed.push(ordinal);
        }
      }
    }
    const result = { counters: context.counters, problems: this.takeProblems(), failed, ...(skipped.length === 0 ? {} : { skipped }) };
    context.counters = own;
    return result;
  }

  private folderOf(part: ApplyPart, fd: number): FolderContext {
    return {
      path: part.path, fd, fresh: part.fresh, setgid: part.setgid, gid: part.gid,
      ...(part.defaultAcl === undefined ? {} : { defaultAcl: part.defaultAcl }),
    };
  }

  /** Problems reported since the last call, where the caller works through `context` itself. */
  takeProblems(): Problem[] {
    const taken = this.problems;
    this.problems = [];
    return taken;
  }

  close(): void {
    for (const cache of this.sources) cache.closeAll();
    this.context.targetFolders.closeAll();
    closeContext(this.context);
    this.hashes?.close();
    this.context.sums?.close();
  }
}
