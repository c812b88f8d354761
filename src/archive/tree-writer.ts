/**
 * The target side of an import: puts members in their place, in an order that makes sense of what they ask. Small files go to threads in
 * batches; folders, links, special files and large files are done here. Two entries of one name are never under way at once.
 */
import { availableParallelism } from 'node:os';
import { randomBytes } from 'node:crypto';
import { SharedState, type FolderContext, type PushedFile } from '../endpoint/index.js';
import { probeTarget, type Posix } from '../fs/index.js';
import { emptyOperation, OperationReader, type Operation, type SessionOptions } from '../plan/index.js';
import type { SessionListener } from '../session/index.js';
import { addCounts, baseOf, parentOf, S_IFDIR, S_IFMT, typeCounts, type ByteString, type Problem, type RelPath } from '../tree/index.js';
import { HANDLE } from './archive-source.js';
import { Folders } from './folders.js';
import type { Member } from './member.js';
import { Restorer, type RestoreSetup } from './restorer.js';
import { packFiles, type BatchFolder, type SmallFile } from './small-files.js';
import type { SparseMap } from './sparse.js';
import { ArchiveThreads } from './threads.js';
import type { Room, Window } from './window.js';

/** Batches that each thread has before it. */
const AHEAD = 2;

/** A small file with what is said where it is damaged. */
export type QueuedFile = SmallFile & { damaged(): void };

/** What was done, over all threads. */
export interface Written {
  created: ReturnType<typeof typeCounts>;
  files: number; fileBytes: number; literalBytes: number; linked: number; attributesSet: number;
  /** Files that were in their place in full. */
  same: number;
}

export class TreeWriter {
  readonly shared = new SharedState();
  readonly restorer: Restorer;
  private readonly folders: Folders;
  private readonly threads: ArchiveThreads;
  private queue: QueuedFile[] = [];
  private queueFolders: BatchFolder[] = [];
  private queueFolder: FolderContext | undefined;
  private readonly busy = new Set<RelPath>();
  private readonly inFlight: { files: QueuedFile[]; folders: BatchFolder[]; room: Room; answer: ReturnType<ArchiveThreads['ask']> }[] = [];
  private nextId = 0;
  private users: [number, string][] = [];
  private groups: [number, string][] = [];
  readonly written: Written = { created: typeCounts(), files: 0, fileBytes: 0, literalBytes: 0, linked: 0, attributesSet: 0, same: 0 };

  constructor(
    posix: Posix, options: SessionOptions, target: number, umask: number,
    private readonly listener: SessionListener, private readonly tell: (problem: Problem) => void, private readonly window: Window,
  ) {
    const traits = probeTarget(posix, target);
    const setup: RestoreSetup = {
      apply: {
        options, umask, targetRoot: target, altRoots: [], backupRoot: -1, tempRoot: -1, mounts: [{ fd: HANDLE, path: '' as ByteString }], targetFollowed: new Set(), alias: undefined,
        sessionTag: randomBytes(6).toString('hex'), marksIncomplete: traits.stickyFiles === true, paced: false,
      },
      granularityNs: traits.timeGranularity,
    };
    this.restorer = new Restorer(posix, setup, this.shared, 0);
    this.folders = new Folders(posix, this.restorer, umask, options.lock);
    const tells = this.wants !== 'none';
    const { memory } = this.shared;
    this.threads = new ArchiveThreads(options.threads ?? Math.min(availableParallelism(), 4), (slot) => ({ run: 'archive', kind: 'import', setup, memory, slot, tells }));
  }

  /** Notes the names of a member's owner and group. */
  noteNames({ uid, gid, uname, gname }: Member): void {
    const { names } = this.restorer;
    if (uname !== '' && !names.users.has(uid)) {
      names.users.set(uid, uname);
      this.users.push([uid, uname]);
    }
    if (gname !== '' && !names.groups.has(gid)) {
      names.groups.set(gid, gname);
      this.groups.push([gid, gname]);
    }
  }

  /** A folder's member. */
  async folder(member: Member): Promise<void> {
    await this.settle(member.path);
    const op = this.folders.member(member);
    this.takeProblems();
    if (op !== undefined && op.item !== 0) this.operation(op, member.path);
  }

  /** A small file whose content stands in the window's room. Undefined: it is queued. */
  file(member: Member, content: number, hash: string | undefined, map: SparseMap | undefined, damaged: () => void): Promise<void> | undefined {
    const { path } = member;
    const folder = this.queueFolder;
    if (folder === undefined || folder.path !== parentOf(path) || this.busy.has(path) || this.folders.has(path)) return this.fileElsewhere(member, content, hash, map, damaged);
    this.enqueue(folder, member, content, hash, map, damaged);
    return undefined;
  }

  private async fileElsewhere(member: Member, content: number, hash: string | undefined, map: SparseMap | undefined, damaged: () => void): Promise<void> {
    const { path } = member;
    await this.settle(path);
    if (this.folders.has(path)) await this.gone(path);
    const folder = await this.folderOf(path);
    if (folder !== undefined) this.enqueue(folder, member, content, hash, map, damaged);
  }

  private enqueue(folder: FolderContext, member: Member, content: number, hash: string | undefined, map: SparseMap | undefined, damaged: () => void): void {
    const { path } = member;
    if (folder !== this.queueFolder) {
      this.queueFolder = folder;
      const { setgid, gid, defaultAcl, fresh } = folder;
      this.queueFolders.push({ path: folder.path, fresh, setgid, gid, defaultAcl });
    }
    this.busy.add(path);
    this.queue.push({ member, folder: this.queueFolders.length - 1, name: baseOf(path), content, hash, map, damaged });
  }

  /** A symlink, device or FIFO. */
  async special(member: Member): Promise<void> {
    await this.settle(member.path);
    if (this.folders.has(member.path)) await this.gone(member.path);
    const folder = await this.folderOf(member.path);
    if (folder === undefined) return;
    const { restored, op } = this.restorer.entry(folder, baseOf(member.path), member);
    if (restored === 'same') this.written.same++;
    this.takeProblems();
    if (restored === 'done' && op !== undefined) this.operation(op, member.path);
  }

  /** A further name of a file. */
  async link(member: Member): Promise<void> {
    await this.settle(member.path);
    await this.settle(member.link);
    if (this.folders.has(member.path)) await this.gone(member.path);
    const folder = await this.folderOf(member.path);
    if (folder === undefined) return;
    const at = this.restorer.context.targetFolders.open(parentOf(member.link));
    const { restored, op } = this.restorer.link(folder, baseOf(member.path), member.link, at, baseOf(member.link));
    this.takeProblems();
    if (restored === 'done') this.operation(op, member.path);
  }

  /** Begins a large file; undefined where it needs no content, or cannot be made. */
  async large(member: Member, map: SparseMap | undefined): Promise<PushedFile | undefined> {
    await this.settle(member.path);
    if (this.folders.has(member.path)) await this.gone(member.path);
    const folder = await this.folderOf(member.path);
    if (folder === undefined) return undefined;
    const { file, restored, op } = this.restorer.begin(folder, baseOf(member.path), member, map);
    if (restored === 'same') this.written.same++;
    this.takeProblems();
    if (restored === 'done' && op !== undefined) this.operation(op, member.path);
    return file;
  }

  takeProblems(): void {
    for (const problem of this.restorer.takeProblems()) this.tell(problem);
  }

  /** Hands what is queued to a thread; its contents stand in the window's room. */
  async send(): Promise<void> {
    if (this.queue.length === 0) return;
    const { queue: files, queueFolders: folders, window } = this;
    const { room } = window;
    room.users++;
    const batch = packFiles(files, folders, this.users, this.groups);
    if (this.threads.count > 1) { // each thread has to hear all names
      batch.users = [...this.restorer.names.users];
      batch.groups = [...this.restorer.names.groups];
    }
    this.users = [];
    this.groups = [];
    this.queue = [];
    this.queueFolders = [];
    this.queueFolder = undefined;
    this.inFlight.push({ files, folders, room, answer: this.threads.ask({ kind: 'restore', id: this.nextId++, batch, room: room.memory }) });
    while (this.inFlight.length > this.threads.count * AHEAD) await this.take();
  }

  /** Waits for all that is under way. */
  async drain(): Promise<void> {
    await this.send();
    while (this.inFlight.length > 0) await this.take();
  }

  /** The end: folders get their own attributes. */
  async finish(): Promise<void> {
    await this.drain();
    this.folders.leave();
    this.takeProblems();
    this.count(this.restorer.context.counters);
  }

  async close(): Promise<void> {
    this.shared.abort();
    await this.threads.close();
    this.restorer.close();
  }

  private get wants(): 'none' | 'changes' | 'all' {
    return this.listener.wantsOperations ?? 'none';
  }

  /** Nothing of this path is under way afterwards. */
  private async settle(path: RelPath): Promise<void> {
    if (this.busy.has(path)) await this.drain();
  }

  /** The folder of a path; what was to be a file there is waited for. */
  private async folderOf(path: RelPath): Promise<FolderContext | undefined> {
    const parent = parentOf(path);
    if (this.queueFolder?.path === parent) return this.queueFolder;
    for (let up = parent; up !== '' && !this.folders.has(up); up = parentOf(up)) await this.settle(up);
    const folder = this.folders.parent(path);
    this.takeProblems();
    return folder;
  }

  /** Something else is to stand where a folder was entered: it goes if it is empty when all that was to be in it is done. */
  private async gone(path: RelPath): Promise<void> {
    await this.drain();
    const { targetFolders } = this.restorer.context;
    targetFolders.forget(path);
    const at = targetFolders.open(parentOf(path));
    if (at >= 0 && this.restorer.posix.rmdir(at, baseOf(path)) === 0) this.folders.forget(path);
    if (this.queueFolder?.path === path) this.queueFolder = undefined;
  }

  private async take(): Promise<void> {
    const next = this.inFlight.shift();
    if (next === undefined) return;
    const answer = await next.answer;
    if (answer.kind !== 'restored') throw new Error(`${answer.kind} in place of what was restored`);
    const { result } = answer;
    this.window.release(next.room);
    for (const { member } of next.files) this.busy.delete(member.path);
    for (const problem of result.problems) this.tell(problem);
    for (const k of result.damaged) next.files[k]?.damaged();
    this.count(result.counters);
    this.written.same += result.same;
    if (result.done === undefined) return;
    const op = emptyOperation();
    const reader = new OperationReader(result.done.operations);
    for (const k of result.done.of) {
      reader.next(op);
      const path = next.files[k]?.member.path;
      if (path !== undefined) this.operation(op, path);
    }
  }

  private count(c: Restorer['context']['counters']): void {
    const { written } = this;
    addCounts(written.created, c.created);
    written.files += c.transferredFiles;
    written.fileBytes += c.transferredSize;
    written.literalBytes += c.literalBytes;
    written.linked += c.linked;
    written.attributesSet += c.attributesSet;
  }

  private operation(op: Operation, path: RelPath): void {
    if (this.wants === 'none') return;
    this.listener.operation?.((op.mode & S_IFMT) === S_IFDIR ? { ...op, name: path } : op, path, 'done');
  }
}

