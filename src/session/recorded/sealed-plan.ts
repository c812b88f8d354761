/**
 * A plan that was kept in a file, read and validated whole before anything of it is used: the seal, the head, every record. What is carried
 * out is the copy made while it was checked, so that nobody can exchange it in between; in memory that is bounded, as for any
 * plan. Its roots are opened again and must be the same folders.
 */
import { loadOwnPosix, InputFile, Errno, errnoText, type Posix } from '../../fs/index.js';
import { Open, selectionNode, selectPath, type Mount, type ScanFindings, type SelectionNode } from '../../endpoint/index.js';
import { emptyOperation, OpKind, OperationReader } from '../../plan/index.js';
import { EMPTY, joinPath, TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';
import { PlanStore } from '../plan-store.js';
import type { Resolver } from '../resolve.js';
import type { Sources } from '../sources.js';
import type { Target } from '../target.js';
import { StreamCheck } from './check.js';
import { badPlan, Section, SectionReader } from './format.js';
import { decodeHead, MAX_HEAD, type PlanHead } from './head.js';
import { MoveTable } from './move-table.js';
import { mountOf, openAgain, openMounts } from './roots.js';
import { sealedBytes } from './seal.js';

/** Bytes of records that are kept together: smaller sections are joined, so that many small ones cost no more memory. */
const JOIN = 256 << 10;

/** A validated plan, which any number of sessions may carry out one after the other. Who opens it calls `close`. */
export class SealedPlan {
  constructor(readonly head: PlanHead, readonly store: PlanStore, private readonly moves: MoveTable) {}

  /** Opens the sources again. Handles of the mounts belong to the caller. @throws TwintreeError ROOT_CHANGED. */
  openSources(posix: Posix): Sources {
    return this.sources(openMounts(posix, this.head.mounts));
  }

  /** The sources, which the other end of a connection has opened again. @throws TwintreeError ROOT_CHANGED where it says that they are others. */
  sourcesOf(told: Pick<Sources, 'mounts' | 'roots'>): Sources {
    const { mounts } = this.head;
    if (told.mounts.length !== mounts.length || mounts.some(({ path, identity }, k) => told.roots?.[k]?.path !== path || told.roots[k]?.identity !== identity)) {
      throw new TwintreeError('ROOT_CHANGED', 'the sources at the other end are not those of the plan', { advice: 'Nothing was changed. Make a new plan with twintree plan.' });
    }
    return this.sources(mounts.map((mount, k) => mountOf(mount, k)));
  }

  private sources(mounts: Mount[]): Sources {
    return { mounts, selection: this.selection(), problems: [], missing: this.head.missing, skipped: [], single: undefined };
  }

  /**
   * What of the sources another host may ask for while it carries the plan out: the names in the root that the plan takes something from, or, where
   * single paths were chosen (--files-from, -R), each path that it takes.
   */
  shared(): SelectionNode {
    const { options, target } = this.head;
    const exact = options.filesFrom !== undefined || options.walk.relative;
    const root = selectionNode();
    const op = emptyOperation();
    let folder: RelPath = EMPTY;
    for (const chunk of this.store.chunks(0)) {
      for (const reader = new OperationReader(chunk); !reader.done;) {
        reader.next(op);
        if (op.kind === OpKind.Folder) folder = op.name;
        if (op.kind === OpKind.Delete || op.mode === 0) continue;
        const path = op.kind === OpKind.Folder ? op.name : joinPath(folder, op.name === target.alias?.name ? target.alias.source : op.name);
        if (path === EMPTY) continue; // a root may be looked at by itself
        if (exact) selectPath(root, op.layer, path, Open.No);
        else selectPath(root, op.layer, (path.includes('/') ? path.slice(0, path.indexOf('/')) : path) as RelPath, Open.Tree);
      }
    }
    return root;
  }

  /** The file it came from, made anew from what was validated. `head`: in the place of its own. */
  bytes(head: PlanHead = this.head): Generator<Buffer, void> {
    return sealedBytes({ head, moves: this.moves.pairs(), store: this.store });
  }

  /** Opens the target again; one that was to be made may be there meanwhile. @throws TwintreeError ROOT_CHANGED, TARGET_UNUSABLE. */
  openTarget(posix: Posix): Target {
    const { path, identity, alias } = this.head.target;
    if (identity !== undefined) return { path, fd: openAgain(posix, { path, identity }, 'target'), alias };
    const fd = posix.openRoot(path);
    if (fd < 0 && fd !== -Errno.ENOENT) throw new TwintreeError('TARGET_UNUSABLE', `the target cannot be opened: ${errnoText(-fd)}`, { path });
    return { path, fd: Math.max(fd, -1), alias };
  }

  /** Opens the folders of --link-dest and its kin again. @throws TwintreeError ROOT_CHANGED. */
  openAltRoots(posix: Posix): number[] {
    const handles: number[] = [];
    try {
      for (const root of this.head.altRoots) handles.push(openAgain(posix, root, 'alternate folder'));
    } catch (error) {
      for (const fd of handles) posix.close(fd);
      throw error;
    }
    return handles;
  }

  /** What the scan found, with the decisions over the whole plan given to the resolver. */
  resolve(resolver: Resolver): ScanFindings {
    const { findings } = this.head;
    if (findings.grouped > 0) resolver.findLeaders(this.store); // its savings are in the findings already
    for (const move of this.moves.all()) resolver.moveKept(move.from, move.to, move);
    return { ...structuredClone(findings), problems: [], fileSystems: [] };
  }

  close(): void {
    this.store.close();
  }

  /** What is left of the selection once the plan is made: whether the root was chosen, and which folders are only on the way. */
  private selection(): SelectionNode {
    const root = selectionNode();
    if (this.head.rootChosen) root.mounts.push(0);
    root.children = new Map();
    for (const path of this.head.targetFollowed) {
      let node = root;
      for (const part of path.split('/') as ByteString[]) {
        if (path === '') break;
        node.children ??= new Map();
        let child = node.children.get(part);
        if (child === undefined) node.children.set(part, (child = selectionNode()));
        node = child;
      }
      node.implied = true;
    }
    return root;
  }
}

/** Reads a plan from a file, or from standard input (`-`), and validates all of it. @throws PlanFileError, TwintreeError IO. */
export async function openPlan(path: ByteString, signal: AbortSignal = new AbortController().signal): Promise<SealedPlan> {
  const input = new InputFile(path);
  const reader = new PlanReader(loadOwnPosix());
  try {
    for await (const piece of input.pieces(signal)) {
      signal.throwIfAborted();
      reader.push(piece);
    }
    return reader.finish();
  } catch (error) {
    reader.discard();
    throw error;
  } finally {
    input.close();
  }
}

/** Reads and validates a plan as its bytes come in. Methods throw PlanFileError. */
export class PlanReader {
  private readonly loader: Loader;
  private readonly sections: SectionReader;

  /** @param posix for the temporary file of what exceeds memory */
  constructor(posix: Posix) {
    const loader = new Loader(posix);
    this.loader = loader;
    this.sections = new SectionReader((kind, payload) => { loader.section(kind, payload); });
  }

  push(bytes: Buffer): void {
    this.sections.push(bytes);
  }

  /** Its seal was there, and fits. */
  get ended(): boolean {
    return this.sections.ended;
  }

  /** All is read: the plan, whose store is the caller's from here on. */
  finish(): SealedPlan {
    this.sections.finish();
    return this.loader.finish();
  }

  /** No plan comes of it. */
  discard(): void {
    this.loader.discard();
  }
}

/** Puts the sections together. Methods throw PlanFileError. */
class Loader {
  private readonly store: PlanStore;
  private readonly moves = new MoveTable();
  private headParts: Buffer[] = [];
  private headBytes = 0;
  private head: PlanHead | undefined;
  private checks: [StreamCheck, StreamCheck] | undefined;
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private pendingStream: 0 | 1 = 0;

  constructor(posix: Posix) {
    this.store = new PlanStore(posix);
  }

  section(kind: Section, payload: Buffer): void {
    switch (kind) {
      case Section.Head:
        this.headBytes += payload.length;
        if (this.headBytes > MAX_HEAD) throw badPlan('its head is too long');
        this.headParts.push(payload);
        break;
      case Section.Moves:
        this.moves.section(payload);
        break;
      case Section.Plan: this.records(0, payload); break;
      case Section.Deletions: this.records(1, payload); break;
      case Section.Seal: break;
    }
  }

  finish(): SealedPlan {
    const { head, checks } = this.ready();
    this.flush();
    this.moves.finish();
    const groups = checks[0].groups;
    if (groups !== head.findings.grouped > 0) throw badPlan('its hard links are not what its head says');
    return new SealedPlan(head, this.store, this.moves);
  }

  discard(): void {
    this.store.close();
  }

  private records(stream: 0 | 1, payload: Buffer): void {
    this.ready().checks[stream].chunk(payload);
    if (stream !== this.pendingStream) this.flush();
    this.pendingStream = stream;
    this.pending.push(payload);
    this.pendingBytes += payload.length;
    if (this.pendingBytes >= JOIN) this.flush();
  }

  private flush(): void {
    if (this.pendingBytes > 0) this.store.chunk(0, this.pendingStream, this.pending.length === 1 ? (this.pending[0] as Buffer) : Buffer.concat(this.pending));
    this.pending = [];
    this.pendingBytes = 0;
  }

  /** The head, decoded when the first section behind it comes. */
  private ready(): { head: PlanHead; checks: [StreamCheck, StreamCheck] } {
    if (this.head === undefined || this.checks === undefined) {
      const head = decodeHead(Buffer.concat(this.headParts));
      this.headParts = [];
      this.head = head;
      const check = (stream: 0 | 1): StreamCheck => new StreamCheck(stream, head.mounts.length, head.altRoots.length, this.moves);
      this.checks = [check(0), check(1)];
    }
    return { head: this.head, checks: this.checks };
  }
}
