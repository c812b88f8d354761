/**
 * The walker: goes through source and target together, folder by folder in byte order, and writes the plan.
 *
 * It holds a stack of folder runs (siblings yet to be walked), so its memory follows the depth of the tree and
 * the size of one folder. It works in steps, so that the main thread can walk too, and gives runs away to idle
 * walkers: a hole in its stream marks where their part belongs. All calls are synchronous. It changes nothing,
 * but that a plain user's own folders which it may not list are open to it meanwhile (widen.ts).
 */
import { EMPTY, joinPath, type ByteString, type RelPath } from '../../tree/index.js';
import type { Posix } from '../../fs/index.js';
import type { IdMapper } from '../../plan/index.js';
import type { SourceFs } from '../source/index.js';
import { NO_SCOPES, type Scopes } from './filters.js';
import { merge } from './merge.js';
import { openFolder } from './open-folder.js';
import { emptyFolders } from './prune.js';
import { Open } from './selection.js';
import type { FolderRun, PlanSink, ScanFindings, ScanSetup } from './types.js';
import { WalkContext, type WalkSignals } from './walk-context.js';

interface Frame {
  run: FolderRun;
  at: number; // next name
  end: number; // shrinks when folders are given away
  holes: number[]; // last given first
  scopes: Scopes; // of run.parent
}

/** Walks runs of folders and writes their plan to a sink. */
export class Walker {
  private readonly context: WalkContext;
  private stack: Frame[] = [];
  private nextHole = 1;

  /** @param holeBase hole numbers of this walker begin here */
  constructor(
    posix: Posix, source: SourceFs, setup: ScanSetup, private readonly sink: PlanSink, signals: WalkSignals, ids: IdMapper, private readonly holeBase: number,
  ) {
    this.context = new WalkContext(posix, source, setup, sink, signals, ids);
  }

  get findings(): ScanFindings {
    return this.context.findings;
  }

  /** Looks for the folders that -m leaves out, in a pass of its own over the source. */
  findEmpty(): void {
    const { context } = this;
    context.empty = emptyFolders(context);
    for (const cache of context.mounts) cache.closeAll();
  }

  /** Begins with a run: `rootRun`, or one that another walker gave away. */
  startRun(run: FolderRun): void {
    this.stack.push({ run, at: 0, end: run.names.length, holes: [], scopes: this.scopesOf(run.parent) });
  }

  /** Walks until `deadline` (by performance.now) or the end. True when everything is walked. */
  step(deadline: number): boolean {
    for (;;) {
      const frame = this.stack[this.stack.length - 1];
      if (frame === undefined) {
        this.context.plan.flush();
        this.context.deletions.flush();
        return true;
      }
      if (frame.at >= frame.end || this.context.signals.aborted()) {
        this.leave(frame);
        continue;
      }
      const k = frame.at++;
      this.folder(frame, k);
      if (this.context.signals.hungry()) return false; // the caller gives something away
      if (performance.now() >= deadline) return false;
    }
  }

  /** Splits off the last half of the largest piece of work that is left; undefined where there is nothing to give. */
  give(): { hole: number; run: FolderRun } | undefined {
    for (const frame of this.stack) {
      const left = frame.end - frame.at;
      const last = frame === this.stack[this.stack.length - 1];
      if (left < (last ? 2 : 1)) continue;
      const from = frame.at + (last ? Math.ceil(left / 2) : Math.floor(left / 2));
      const { run } = frame;
      const given: FolderRun = {
        parent: run.parent, names: run.names.slice(from, frame.end), mounts: run.mounts.slice(from, frame.end),
        owners: run.owners.slice(from, frame.end), onTarget: run.onTarget.slice(from, frame.end), open: run.open.slice(from, frame.end),
      };
      frame.end = from;
      const hole = this.holeBase + this.nextHole++;
      frame.holes.push(hole);
      return { hole, run: given };
    }
    return undefined;
  }

  /** Closes all handles; the findings stay. */
  close(): void {
    const { context } = this;
    context.widened.restore();
    for (const cache of context.mounts) cache.closeAll();
    context.target?.closeAll();
    context.alts.close();
    context.hashes?.close();
    if (context.places !== undefined) {
      context.places.close();
      this.findings.places = context.places.changes;
    }
    this.findings.lost = [...context.lost.values()];
  }

  private leave(frame: Frame): void {
    this.stack.pop();
    while (frame.holes.length > 0) {
      this.context.plan.interrupt();
      this.context.deletions.interrupt();
      this.sink.hole(frame.holes.pop() as number);
    }
  }

  private folder(frame: Frame, k: number): void {
    const { run } = frame;
    const name = run.names[k] as ByteString;
    const path = joinPath(run.parent, name);
    const { context } = this;
    const folder = openFolder(context, run, k, frame.scopes, path, name);
    if (folder === undefined) return;
    context.signals.scanned(1);
    if (folder.open !== Open.No || folder.node?.children !== undefined) merge(context, folder);
    if (folder.children.names.length > 0) {
      this.stack.push({ run: folder.children, at: 0, end: folder.children.names.length, holes: [], scopes: folder.scopes });
    }
  }

  private scopesOf(path: RelPath): Scopes {
    const { filters, mounts, target } = this.context;
    if (!filters.active) return NO_SCOPES;
    const handles = (p: RelPath): { source: number[]; target: number } => ({
      source: mounts.map((cache) => cache.open(p)).filter((fd) => fd >= 0), target: target?.open(p) ?? -1,
    });
    let scopes = filters.root(handles(EMPTY));
    if (path === '') return scopes;
    let at = EMPTY;
    for (const part of path.split('/') as ByteString[]) {
      at = joinPath(at, part);
      scopes = filters.enter(scopes, part, handles(at));
    }
    return scopes;
  }
}

/** The run of the transfer's root alone. */
export function rootRun(setup: ScanSetup): FolderRun {
  const node = setup.selection;
  return { parent: EMPTY, names: [EMPTY], mounts: [node.openMounts], owners: [node.mounts], onTarget: [setup.target >= 0], open: [node.open] };
}
