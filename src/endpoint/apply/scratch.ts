/**
 * Scratch: buffers, stat records and small memories that operations of one context share, so that a small
 * file costs no allocation. Everything in it is valid only within one operation, but what is said to be memory.
 */
import { threadId } from 'node:worker_threads';
import { EMPTY, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import { FolderCache, type OpenFlags, type Posix } from '../../fs/index.js';
import type { TreeChange } from '../../delta/index.js';
import { XattrPolicy } from '../../plan/index.js';
import type { ApplyContext } from './context.js';
import type { Wanted } from './announce.js';
import { DeltaEngine } from './engine.js';
import type { ResultSums } from './result-sums.js';
import { SimilarFiles } from './similar.js';
import { newPatchRoom, type PatchRoom } from './patch-room.js';
import { Model, Subject } from './subject.js';
import { tempName } from './temp-name.js';

/** Files up to this size are read whole before anything is created on the target. */
export const SMALL = 256 * 1024;
/** Slice of read/write copies. */
export const SLICE = 1024 * 1024;
/** Most that is copied between two looks at `aborted()`. */
export const LONG_SLICE = 8 * 1024 * 1024;
/** Unit in which old and new content are compared. */
export const BLOCK = 128 * 1024;

/** Files that one thread holds open for later, at most. */
const MOST_HELD = 64;

/** Records of `Scratch.table`. */
export const BEFORE = 0; // the source, before reading
export const AFTER = 1; // the source, after reading
export const TARGET = 2;
export const OTHER = 3;

/** A file under construction. */
export class Stage {
  fd = -1;
  at = -1;
  name: ByteString = EMPTY;
  /** It stands under its final name already, marked as incomplete by its mode. */
  direct = false;
  /** Permissions it was created with, and the owner and group it is known to have (-1: not known). */
  perms = 0;
  uid = -1;
  gid = -1;
}

/** Shared by the operations of one context. */
export class Scratch {
  readonly table = new StatTable(4);
  readonly small = Buffer.allocUnsafeSlow(SMALL);
  private largeBuffer: Buffer | undefined;
  private otherBuffer: Buffer | undefined;
  private zeroBuffer: Buffer | undefined;
  private patchBuffers: PatchRoom | undefined;
  private deltaEngine: DeltaEngine | undefined;

  /** How source files are opened. */
  readonly readFlags: OpenFlags;

  // The source at hand; set by openSource.
  sourceAt = -1;
  sourceName: ByteString = EMPTY;
  /** The content is read from an alternate folder instead of from the source. */
  fromAlt = false;
  /** What the new file gets; the plan's, or fresher where the source has changed since. */
  size = 0;
  mtimeSec = 0;
  mtimeNsec = 0;
  /** The source kept changing: what was read last is installed with a time that the next run finds different. */
  unstable = false;

  /** Side on which the last failed copy failed. */
  failedSide: 'source' | 'target' = 'source';
  /** Place that a copy ended by ABORTED had reached: the bytes before it are the source's. */
  reached = 0;
  /** The hash of the content that arrived last, where both ends agreed on it. */
  received: Buffer | undefined;
  /** The tree of sums of that content, where sums are kept. */
  change: TreeChange | undefined;
  /** Gathers the sums of the file at hand, where they are kept. */
  sums: ResultSums | undefined;
  /** The new file being built. */
  readonly stage = new Stage();
  /** The entry whose attributes are being set, and the one they are read from. */
  readonly subject: Subject;
  readonly model: Model;
  /** Which extended attributes are copied. */
  readonly policy: XattrPolicy;

  /** A remote source's answer is built on this; set by openSource. */
  answer: Wanted = { basis: undefined, from: 0, leaves: undefined, rooted: false };
  /** The open source; set by openSource, and anew where a remote one is asked again. */
  handle = -1;

  // Memory.
  /** Content that a remote source was asked for, by path. */
  readonly wanted = new Map<RelPath, Wanted>();
  /** Bytes of leaf sums in it. */
  leavesKept = 0;
  /** Similar files of the folder at hand (-y). */
  readonly similar = new SimilarFiles();
  /** Handles of bases that are kept open until their file's turn comes. */
  private readonly heldFiles = new Set<number>();
  /** Source devices from which cloning, or copyRange, was refused. */
  readonly cloneRefused = new Set<string>();
  readonly rangeRefused = new Set<string>();
  /** Classes of attributes already told not to be held. */
  readonly told = new Set<string>();
  /** Folder for which `ownersKnown` was decided. */
  ownersFolder: object | undefined;
  /** New files there get the owner and group that were expected. */
  ownersKnown = false;
  /** The --temp-dir serves for files of that folder: it lies on the same file system. */
  tempServes = false;
  /** Renaming out of --temp-dir was refused all the same: it is not used any more. */
  tempRefused = false;
  /** Handles of folders below roots other than the target's, by root handle. */
  private readonly caches = new Map<number, FolderCache>();

  private partialFd = -1;
  private tempCounter = 0;
  private temp: ByteString;

  constructor(private readonly ctx: ApplyContext) {
    const { attributes, symlinks } = ctx.options;
    this.readFlags = { read: true, nonBlock: true, noAtime: attributes.openNoatime, follow: symlinks.copyLinks };
    this.temp = this.numbered();
    this.subject = new Subject(ctx.posix);
    this.model = new Model(ctx.source);
    const { fakeSuper } = attributes;
    this.policy = ctx.xattrPolicy ?? new XattrPolicy({
      level: attributes.allXattrs === true ? 2 : 1, root: ctx.posix.euid === 0, fakeSource: fakeSuper.source, fakeTarget: fakeSuper.target,
    });
  }

  /** A temporary name that nobody uses as far as this context knows; after a rename it may be used again. */
  get tempName(): ByteString {
    return this.temp;
  }
  /** Goes on to the next temporary name: the last one is taken. */
  nextTempName(): ByteString {
    this.tempCounter++;
    this.temp = this.numbered();
    return this.temp;
  }
  private numbered(): ByteString {
    return tempName(this.ctx.sessionTag, this.tempCounter * 4096 + (threadId % 4096));
  }

  get large(): Buffer {
    return (this.largeBuffer ??= Buffer.allocUnsafeSlow(SLICE));
  }
  /** A second buffer, for comparing. */
  get other(): Buffer {
    return (this.otherBuffer ??= Buffer.allocUnsafeSlow(SLICE));
  }
  /** BLOCK zero bytes. */
  get zeros(): Buffer {
    return (this.zeroBuffer ??= Buffer.alloc(BLOCK));
  }

  /** The thread's delta engine, for what comes over a connection. */
  get engine(): DeltaEngine {
    const off = process.env['TWINTREE_NO_SIMD'];
    return (this.deltaEngine ??= new DeltaEngine(off === undefined || off === '' || off === '0'));
  }
  /** Buffers of files that are patched in place. */
  get patchRoom(): PatchRoom {
    return (this.patchBuffers ??= newPatchRoom());
  }

  /** Handle of a folder below another root (alternate folder, backup folder), or -errno; owned by the cache. */
  folderBelow(posix: Posix, root: number, path: RelPath): number {
    let cache = this.caches.get(root);
    if (cache === undefined) {
      cache = new FolderCache(posix, root, { capacity: 24 });
      this.caches.set(root, cache);
    }
    return cache.open(path);
  }
  forgetBelow(root: number, path: RelPath): void {
    this.caches.get(root)?.forget(path);
  }

  /** Keeps an open file for `takeHeld`. False where as many are held as may be: then it stays the caller's. */
  hold(fd: number): boolean {
    if (this.heldFiles.size >= MOST_HELD) return false;
    this.heldFiles.add(fd);
    return true;
  }
  /** Whether the file is still held; from then on it is the caller's. */
  takeHeld(fd: number): boolean {
    return this.heldFiles.delete(fd);
  }

  /** Handle of an absolute --partial-dir, opened once, or -errno. */
  partialRoot(posix: Posix, path: ByteString): number {
    if (this.partialFd < 0) this.partialFd = posix.openRoot(path);
    return this.partialFd;
  }

  /** Closes what was opened. */
  close(): void {
    if (this.partialFd >= 0) this.ctx.posix.close(this.partialFd);
    this.partialFd = -1;
    for (const cache of this.caches.values()) cache.closeAll();
    this.caches.clear();
    for (const fd of this.heldFiles) this.ctx.posix.close(fd);
    this.heldFiles.clear();
  }
}

/** The context's scratch space, made at first use. */
export function scratchOf(ctx: ApplyContext): Scratch {
  return (ctx.scratch ??= new Scratch(ctx));
}

/** Gives back what the context opened for itself; to be called when its work is done. */
export function closeContext(ctx: ApplyContext): void {
  ctx.scratch?.close();
  delete ctx.scratch;
}
