/**
 * One session: scan → plan → guard → transfer → apply → record. A dry run is the same up to the guards.
 * Problems with single paths are collected; what stops the whole run is thrown as a TwintreeError.
 */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { loadOwnPosix, loadWorkingPosix, portableReason, probeTarget, type Posix, type TargetTraits } from '../fs/index.js';
import { ApplyRunner, carryOutRenames, commitPlaces, renamesServe, type PlaceChanges, type PlaceStore, forEachNode, idMapper, localSource, RemoteSource, SharedState, verifyRenames, WorkerPool, type ApplyCounters, type ApplySetup, type Link, type RemoteSetup, type RenamesDone, type ScanFindings, type ScanSetup, type SpareThreads } from '../endpoint/index.js';
import type { IdMapper, Rename, SessionOptions } from '../plan/index.js';
import { pairName, RootGuard, stateFolder, type GuardedRoot, type PairState } from '../state/index.js';
import { addCounts, displayName, fromText, StatTable, TwintreeError, type ByteString, type Problem, type RelPath } from '../tree/index.js';
import type { OperationResult, Outcome, PlanTotals, Progress, SessionListener } from './events.js';
import type { DirtyPath } from './dirty.js';
import { makeDurable } from './durable.js';
import type { Pace } from './pace.js';
import { Executor } from './execute.js';
import { KeptState, placeStore } from './kept-state.js';
import { guardDeletions, guardInodes, guardSpace, lostNotices, lostPaths } from './guards.js';
import { proveMoves } from './moves.js';
import { openBackups, tidyBackups } from './backups.js';
import { newOutcome } from './outcome.js';
import { PlanStore } from './plan-store.js';
import { preview } from './preview.js';
import type { FinishedPlan } from './recorded/seal.js';
import type { SealedPlan } from './recorded/sealed-plan.js';
import { folderOperations, movedFiles, tellRenames } from './renames.js';
import { readContent } from './recorded/batch-content.js';
import { Resolver, type MoveCandidate } from './resolve.js';
import { scan } from './scan.js';
import { absolute, openSources, sourcePlace, type Sources } from './sources.js';
import { promotedAt, refusePromoted } from './standby.js';
import { TargetLock, type Tenure } from './target-lock.js';
import { TempDirClaim } from './temp-dir.js';
import { cannotHold, targetFacts } from './target-facts.js';
import { findTarget, foldersToMake, inheritedByRoot, makeTarget, openAltDests, openNearest, openSideFolder, sideFolders, type Target } from './target.js';

/** What a sync is asked. */
export interface SyncRequest {
  sources: readonly ByteString[];
  /** Undefined lists the sources only (with dryRun). */
  target: ByteString | undefined;
  options: SessionOptions;
  /** Only these paths of the one source may differ; all else is taken to be equal. */
  dirty?: readonly DirtyPath[];
  /** What was moved at the source, as far as somebody has seen it (with `dirty`: among these paths). It is checked, not believed. */
  moved?: readonly Rename[];
  /** State that the caller holds: its table of places is used and kept, nothing else of it. Not beside `options.state`. */
  places?: PairState;
  /** A limit of bytes a second that may change while the session runs; `options.bwlimit` holds where there is none. */
  pace?: Pace;
  /** The sources are at the other end of a connection, which has opened them already. */
  from?: RemoteSide;
  /** The system calls for roots: confined to one folder where this is a serving side bound to it. */
  posix?: Posix;
  /** Between hosts, where the sources are here: folder of a pair's state that this process holds, for sums of what is sent. */
  keptIn?: ByteString;
  /** On whose behalf a client at another host works here: its next session may take the target over. */
  tenure?: Tenure;
  /** Threads that outlive the session, where another one follows. */
  spare?: SpareThreads;
  /** A plan that was kept in a file is carried out: it takes the place of the scan. */
  kept?: SealedPlan;
  /** Given the plan when it is complete and resolved, to be kept; the session waits for it. */
  keep?(plan: FinishedPlan): void | Promise<void>;
}

/** The supplying end of a connection. */
export interface RemoteSide {
  readonly link: Link;
  readonly sources: Sources;
  /** It is a batch: what it lacks is told as such. */
  readonly recorded?: boolean;
  /** Key of the sums in this session. */
  readonly seed: { readonly low: number; readonly high: number };
}

/** Reason of a signal that says: the connection to the client is gone. What was begun of large files is kept for its next session. */
export const CUT_OFF = 'cut off';

/** Problems kept in the outcome; more are counted only. */
const MAX_PROBLEMS = 10_000;
/** Threads that a session uses at most by itself. */
const MAX_THREADS = 4;
/** How often a new file is compared with another of the files it may have been, where several have its size and time. */
const MOVE_ROUNDS = 4;
/** Size from which an edited file that was moved is worth another look at both trees, bytes. */
const WORTH_RENAME = 64 << 10;
/** Milliseconds that threads have to end in after an abort before those that wait for another host are woken. */
const ABORT_PATIENCE = 1000;
/** Milliseconds between two progress events, where the listener does not say. */
const PROGRESS_EVERY = 100;

/**
 * Makes the target equal to the sources. Resolves with what was done, also where single paths failed.
 * @throws TwintreeError where the whole run had to stop before or in its work.
 */
export async function runSync(request: SyncRequest, listener: SessionListener = {}, signal?: AbortSignal): Promise<Outcome> {
  const session = new Session(request, listener);
  const abort = (): void => session.abort(signal?.reason === CUT_OFF);
  if (signal?.aborted === true) abort();
  signal?.addEventListener('abort', abort);
  const umask = takeUmask();
  try {
    return await session.run(umask);
  } catch (error) {
    if (error instanceof TwintreeError && (error.code === 'CONNECTION_LOST' || error.code === 'TIMEOUT')) session.abort(true);
    throw error;
  } finally {
    giveUmask();
    signal?.removeEventListener('abort', abort);
    await session.close();
  }
}

let sessions = 0; // under way in this process
let userUmask = 0;

/** The user's umask; from here to the last `giveUmask` the process has none, so that modes are what they are asked to be. */
export function takeUmask(): number {
  if (sessions++ === 0) userUmask = process.umask(0);
  return userUmask;
}
/** The other half of `takeUmask`. */
export function giveUmask(): void {
  if (--sessions === 0) process.umask(userUmask);
}

class Session {
  private readonly posix: Posix;
  private readonly shared = new SharedState();
  private readonly pool: WorkerPool;
  private readonly store: PlanStore;
  private resolver = new Resolver();
  /** What the plan begins with. */
  private renames: readonly Rename[] = [];
  private setup: ScanSetup | undefined;
  /** What the walk has noted of the source's places. */
  private placed: PlaceChanges | undefined;
  private readonly started = performance.now();
  private readonly startedAt = Date.now(); // by the clock that file systems stamp with
  private readonly outcome = newOutcome();
  private readonly options: SessionOptions;
  /** The source as the main thread sees it, where it is not on this host. */
  private remote: RemoteSource | undefined;
  private readonly threads: number;
  private readonly handles: number[] = [];
  private progressAt = 0;
  private phase: Progress['phase'] = 'scan';
  private doneOperations = 0;
  private doneFiles = 0;
  private stopTimer: NodeJS.Timeout | undefined;
  private ticker: NodeJS.Timeout | undefined;
  private readonly targetLock: TargetLock;
  private rootIsNew = false;
  private backupRoot = -1;
  private tempClaim: TempDirClaim | undefined;
  private state: KeptState | undefined;
  private fenced: TwintreeError | undefined; // a newer session took the target over, or it was promoted
  private abortTimer: NodeJS.Timeout | undefined;
  private stoppedByTime = false;
  private readonly leavePace: () => void;
  private already = 0; // operations of a kept plan that an earlier run of it had done
  private readonly toldRules = new Set<string>();
  private sourceMoved = false; // something vanished or kept changing while it was read

  constructor(private readonly request: SyncRequest, private readonly listener: SessionListener) {
    const { options } = request;
    this.posix = request.posix ?? loadWorkingPosix();
    this.pool = new WorkerPool(this.shared, request.spare);
    this.store = request.kept?.store ?? new PlanStore(loadOwnPosix());
    this.targetLock = new TargetLock(loadOwnPosix(), request.tenure, (why) => {
      this.fenced = why;
      this.abort(true);
    });
    // A list shows the source's own permissions, whatever a copy would make of them.
    this.options = request.target === undefined ? { ...options, attributes: { ...options.attributes, perms: true, chmod: undefined } } : eachThrough(this.posix, options);
    this.resolver.keepsTimes = options.attributes.times;
    const { threads, stopAt } = options;
    this.threads = threads ?? Math.min(availableParallelism(), MAX_THREADS);
    const { pace } = request;
    this.shared.limit(pace?.bytesPerSecond ?? options.bwlimit);
    this.leavePace = pace?.follow((bytesPerSecond) => { this.shared.limit(bytesPerSecond); }) ?? ((): void => undefined);
    if (stopAt !== undefined) {
      this.stopTimer = setTimeout(() => {
        this.stoppedByTime = true;
        this.abort();
      }, Math.max(0, stopAt - Date.now()));
    }
  }

  /** `cutOff`: the client comes back. */
  abort(cutOff = false): void {
    this.shared.abort(cutOff);
    const link = this.request.from?.link;
    // Threads come to an end by themselves as long as the other host goes on sending; who waits for nothing is woken.
    if (link !== undefined) this.abortTimer ??= setTimeout(() => { link.abort(); }, ABORT_PATIENCE);
  }

  async run(umask: number): Promise<Outcome> {
    try {
      return await this.pass(umask);
    } catch (error) {
      // A thread that was woken out of its wait says so as an error: it is the end that was asked for.
      if (this.shared.aborted && this.abortTimer !== undefined && error instanceof TwintreeError && error.code === 'ABORTED') return this.finish();
      throw error;
    }
  }

  private async pass(umask: number): Promise<Outcome> {
    const { posix, options, request, outcome } = this;
    // While workers are at one large file, nothing else would wake the main thread to tell how far they are.
    if (this.listener.progress !== undefined) this.ticker = setInterval(() => this.tick(), this.progressEvery);
    this.tellLacks();
    const { from, kept } = request;
    const sources = from === undefined ? (kept?.openSources(posix) ?? openSources(posix, request.sources, options, request.dirty, request.moved)) : (kept?.sourcesOf(from.sources) ?? from.sources);
    if (from === undefined) for (const mount of sources.mounts) this.handles.push(mount.fd);
    else this.useRemote(from);
    for (const problem of sources.problems) this.problem(problem);
    for (const path of sources.skipped) this.listener.notice?.('skipping-directory', `skipping directory ${displayName(path)}`);
    const target: Target = kept !== undefined ? kept.openTarget(posix) : request.target === undefined ? { path: '' as ByteString, fd: -1, alias: undefined } : findTarget(posix, request.target, sources, request.sources.length, options.replace.mkpath);
    if (target.fd >= 0) this.handles.push(target.fd);
    if (sources.selection.children === undefined && sources.selection.mounts.length === 0) return this.finish(sources.missing > 0 ? 23 : 0);
    if (options.dryRun && target.fd >= 0 && promotedAt(target.fd) !== undefined) this.listener.notice?.('promoted', 'this target was promoted: it is the source now, and a run that changes it is refused');
    if (target.fd < 0 && !options.dryRun && request.target !== undefined) refusePromoted(posix, target); // it may not be made; one that stands is asked about with its lock
    if (target.fd >= 0) await this.lock(target);
    if (options.state === true && request.target !== undefined) this.openState(sources, target);
    const guard = options.guard.root ? this.rootGuard(sources, target) : undefined;
    guard?.check();

    const altRoots = kept?.openAltRoots(posix) ?? openAltDests(posix, target, options, (code, message) => this.listener.notice?.(code, message));
    this.handles.push(...altRoots);
    const findings = kept?.resolve(this.resolver) ?? await this.plan(sources, target, altRoots, umask);
    const totals = this.totals(findings, target);
    outcome.totals = totals;
    this.guard(findings, sources, target);
    for (const { code, message } of lostNotices(findings)) this.listener.notice?.(code, message);
    if ((this.listener.lostPaths ?? 0) > 0) for (const lost of lostPaths(findings, this.listener.lostPaths ?? 0)) this.listener.lost?.(lost);
    this.listener.plan?.(totals);
    this.tellTarget(findings, sources, target);
    await request.keep?.({ posix, request, sources, fromAfar: from !== undefined, target, targetFollowed: this.targetFollowed(sources), umask, findings, store: this.store, resolver: this.resolver, problems: outcome.problemCount + outcome.warningCount });

    const deletes = options.delete.when !== undefined && !this.shared.aborted && this.mayDelete(findings, sources);
    if (options.dryRun) {
      if (this.renames.length > 0) this.tellRenames(target, this.renames, 'planned');
      preview(this.store, this.resolver, this.listener, deletes || options.delete.when === undefined ? (options.delete.when ?? 'after') : undefined, options.delete.maxDelete, outcome, () => this.shared.aborted);
      this.guardDeletions(findings, sources);
      if (options.contentOnly === true) await this.readContent(sources, target, altRoots, umask);
      return this.finish();
    }
    const foldersMove = this.renames.length > 0;
    await this.apply(sources, target, altRoots, kept?.head.umask ?? umask, findings, deletes);
    if (options.replace.durable === true && !this.shared.aborted) await makeDurable({ posix, options, target: target.fd, backupRoot: this.backupRoot, rootIsNew: this.rootIsNew, foldersMove, sources, findings });
    if (this.already > 0) this.listener.notice?.('already-done', `${this.already} operations of the plan had been done before`);
    guard?.remember();
    const finished = this.finish();
    const { pair, placed } = this;
    if (finished.exitCode === 0 && pair !== undefined && placed !== undefined) pair.write(() => { commitPlaces(pair.places, placed, this.setup?.dirty !== true); });
    this.state?.record(finished, this.startedAt);
    return finished;
  }

  /** Whose table of places is used. */
  private get pair(): PairState | undefined {
    return this.state?.pair ?? this.request.places;
  }

  /** --state. A kept plan and a batch bring what they need. */
  private openState(sources: Sources, target: Target): void {
    const { posix, options, request } = this;
    if (request.kept !== undefined || request.from?.recorded === true) return;
    this.state = KeptState.open(
      { posix, sources: request.sources, mounts: sources.mounts, remote: request.from !== undefined, target, mayGoWithout: options.dryRun || !options.lock }, this.listener,
    );
  }

  /** Scans both trees and resolves what only the whole plan decides. */
  private async plan(sources: Sources, target: Target, altRoots: number[], umask: number): Promise<ScanFindings> {
    const setup = this.scanSetup(sources, target, altRoots, umask);
    this.setup = setup;
    this.renames = this.claims(setup, sources);
    return this.compare(this.renames.length === 0 ? setup : { ...setup, renames: this.renames }, sources);
  }

  /** What was moved at the source, as far as it is known before the trees are looked at and both trees bear it out. */
  private claims(setup: ScanSetup, { moved = [], missing }: Sources): Rename[] {
    const { request } = this;
    // A plan that is kept, and a recording, are to serve where nothing of this is known.
    if (moved.length === 0 || missing > 0 || request.keep !== undefined || request.from?.link.recording === true) return [];
    return verifyRenames(this.posix, this.remote ?? localSource(this.posix), setup, this.ids(), moved);
  }

  private async compare(setup: ScanSetup, sources: Sources): Promise<ScanFindings> {
    let findings = await this.scan(setup);
    this.placed ??= findings.places;
    const known = movedFiles(findings.places);
    const more = setup.places === undefined ? [] : this.moreRenames(setup, findings, sources, known);
    if (more.length > 0) {
      // The target is looked at once more, as it will be when these are done.
      this.renames = more;
      this.forgetPlan();
      const { places: _noted, ...plain } = setup;
      findings = await this.scan({ ...plain, renames: more });
    }
    for (const problem of findings.problems) this.problem(problem);
    this.outcome.scanMs = performance.now() - this.started;
    this.phase = 'plan';
    if (findings.grouped > 0) {
      const saved = this.resolver.findLeaders(this.store);
      findings.transferFiles -= saved.files;
      findings.transferBytes -= saved.bytes;
      findings.bytesNeeded -= saved.space;
      findings.linkedNew = saved.created;
    }
    if (sources.missing === 0) await this.findMoves(findings, setup, known);
    return findings;
  }

  /** All renames, where the scan has found that folders or edited files were moved at the source; none where the plan can stay as it is. */
  private moreRenames(setup: ScanSetup, { places, incomplete }: ScanFindings, { missing }: Sources, known: ReadonlyMap<RelPath, RelPath>): Rename[] {
    const { request } = this;
    if (places === undefined || places.moved.length === 0 || incomplete || missing > 0 || this.shared.aborted || request.keep !== undefined || request.from?.link.recording === true || !renamesServe(setup)) return [];
    const unedited = new Set(this.resolver.findMoves(this.store, [], known).filter(({ known: certain }) => certain).map(({ to }) => to));
    const worth = places.moved.filter(({ to, folder, size }) => folder || (size >= WORTH_RENAME && !unedited.has(to)));
    if (worth.length === 0) return [];
    const found = verifyRenames(this.posix, this.remote ?? localSource(this.posix), setup, this.ids(), [...this.renames, ...worth.filter(({ folder }) => folder), ...worth.filter(({ folder }) => !folder)]);
    return found.length > this.renames.length ? found : [];
  }

  private forgetPlan(): void {
    this.store.clear();
    this.resolver = new Resolver();
    this.resolver.keepsTimes = this.options.attributes.times;
  }

  async close(): Promise<void> {
    this.leavePace();
    clearTimeout(this.stopTimer);
    clearTimeout(this.abortTimer);
    clearInterval(this.ticker);
    this.targetLock.close();
    this.shared.abort(); // where an error ended the session, its threads may still be at work, or wait for the other host
    this.request.from?.link.abort();
    await this.pool.close();
    this.remote?.end();
    await this.state?.close();
    if (this.request.kept === undefined) this.store.close();
    this.tempClaim?.close();
    for (const fd of this.handles) this.posix.close(fd);
  }

  // ---------------------------------------------------------------- before the plan

  private tellLacks(): void {
    if (this.posix.lacks.size === 0) return;
    const reason = portableReason();
    this.listener.notice?.('portable', `system calls are reached through Node.js alone${reason === undefined ? '' : ` (${reason})`}; not kept: ${[...this.posix.lacks].join(', ')}`);
  }

  private useRemote({ link, sources, seed, recorded = false }: RemoteSide): void {
    const a = this.options.attributes;
    const setup: RemoteSetup = { seed, recorded, whole: link.recording, roots: link.takesRoots, mounts: sources.mounts.length, attributes: a.acls || a.xattrs || a.fakeSuper.source };
    // While the main thread waits for a connection that says nothing any more, no timer tells it that a newer session has come.
    this.remote = new RemoteSource(link.channel(), link.channel(), setup, () => {
      this.targetLock.look();
      if (this.fenced !== undefined) link.abort();
    });
    this.pool.useLink(link, setup);
  }

  private async lock(target: Target): Promise<void> {
    if (!this.options.dryRun) await this.targetLock.take(target, this.options.lock);
  }

  /** --guard-root over the roots of both sides. The target is looked at when it is there. */
  private rootGuard(sources: Sources, target: Target): { check(): void; remember(): void } {
    const name = pairName([...this.request.sources, target.path].map((p) => fromText(resolve(displayName(p)))));
    const guard = new RootGuard(loadOwnPosix(), stateFolder(process.env, this.posix.euid), name);
    const roots = (): GuardedRoot[] => [
      ...sources.mounts.map((m) => ({ side: 'source' as const, path: m.path, fd: m.fd, fs: this.remote ?? this.posix })),
      ...(target.fd < 0 ? [] : [{ side: 'target' as const, path: target.path, fd: target.fd, fs: this.posix }]),
    ];
    return { check: () => guard.check(roots()), remember: () => guard.remember(roots()) };
  }

  private scanSetup(sources: Sources, target: Target, altRoots: number[], umask: number): ScanSetup {
    const { posix, options, request } = this;
    const root = posix.euid === 0;
    // A target that is yet to be made is judged by the folder it will stand in. Nothing is tried there, nor in a dry run, unless somebody asks what the target holds: that is found out by trying in any case.
    const place = target.fd >= 0 || request.target === undefined ? target.fd : openNearest(posix, target.path);
    const traits: TargetTraits | undefined = place < 0 ? undefined : probeTarget(posix, place, { mayWrite: this.listener.target !== undefined || (target.fd >= 0 && !options.dryRun) });
    const foldsCase = traits?.caseInsensitive === true;
    const foldsUnicode = traits?.foldsUnicode === true;
    const lost = cannotHold(posix, traits, options);
    const granularityNs = traits?.timeGranularity ?? (posix.lacks.has('nanoseconds') ? 2000 : 1);
    if (place !== target.fd && place >= 0) posix.close(place);
    const alias = target.alias;
    if (alias !== undefined) this.renameSingle(sources, alias);
    return {
      options, mounts: sources.mounts, selection: sources.selection, ...(sources.dirty === true ? { dirty: true } : {}), target: target.fd, targetFollowed: this.targetFollowed(sources), altRoots, sideFolders: sideFolders(posix, target, options, altRoots),
      facts: {
        granularityNs, setsOwner: root || options.attributes.fakeSuper.target, groups: [...posix.groups, posix.egid], umask,
        makesDevices: root && !posix.lacks.has('devices') && !lost.includes('special files'), cannotHold: lost,
      },
      newRootPerms: target.fd < 0 && request.target !== undefined && !options.attributes.perms ? inheritedByRoot(posix, target) : -1,
      foldsNames: foldsCase ? (foldsUnicode ? 'both' : 'case') : foldsUnicode ? 'unicode' : 'no',
      filterPlace: {
        contents: sources.selection.mounts.length > 0, source: sourcePlace(sources), target: absolute(target.path), ...(sources.above === undefined ? {} : { above: sources.above }),
      },
      ...(this.state === undefined ? {} : { hashes: this.state.hashes }), ...this.placesOf(sources, alias === undefined),
      ...(this.listener.lost === undefined || (this.listener.lostPaths ?? 0) === 0 ? {} : { lostPaths: this.listener.lostPaths as number }),
      notes: this.listener.wantsOperations === 'all' || request.target === undefined || options.replace.removeSourceFiles,
      alias,
    };
  }

  /** With --state: where the source's inodes were, where names are the same on both sides. */
  private placesOf(sources: Sources, sameNames: boolean): { places?: PlaceStore } {
    const { pair } = this;
    const places = pair === undefined || !sameNames ? undefined : placeStore(pair, this.remote ?? localSource(this.posix), sources.mounts);
    return places === undefined ? {} : { places };
  }

  /** --no-implied-dirs: folders that are only on the way are nobody's; a symlink that stands for one is gone through. */
  private targetFollowed(sources: Sources): Set<RelPath> {
    const followed = new Set<RelPath>();
    if (!this.options.walk.impliedDirs) forEachNode(sources.selection, (path, node) => { if (node.implied) followed.add(path); });
    return followed;
  }

  /** One file under another name: the selection knows it by the name it shall have. */
  private renameSingle(sources: Sources, alias: { name: ByteString; source: ByteString }): void {
    const node = sources.selection.children?.get(alias.source);
    if (node === undefined || alias.name === alias.source) return;
    sources.selection.children?.delete(alias.source);
    sources.selection.children?.set(alias.name, node);
  }

  private async scan(setup: ScanSetup): Promise<ScanFindings> {
    const findings = await scan({
      posix: this.posix, ...(this.remote === undefined ? {} : { source: this.remote }), setup, shared: this.shared, pool: this.pool, threads: this.threads, ids: this.ids(), store: this.store, tick: () => this.tick(),
    });
    return findings;
  }

  private ids(): IdMapper {
    const ids = idMapper(this.options, this.remote);
    for (const name of ids.unknownNames) this.listener.notice?.('unknown-name', `no user or group "${displayName(name as ByteString)}" on the target: its rule is not used`);
    return ids;
  }

  private async findMoves(findings: ScanFindings, setup: ScanSetup, known: ReadonlyMap<RelPath, RelPath>): Promise<void> {
    const { when, detectMoves } = this.options.delete;
    if ((when !== 'after' && when !== 'delay') || !detectMoves || this.options.replace.backup || findings.removableFiles === 0 || findings.creates.files === 0 || findings.incomplete) return;
    const refuted: MoveCandidate[] = [];
    for (let round = 0; round < MOVE_ROUNDS; round++) {
      const candidates = this.resolver.findMoves(this.store, refuted, known);
      if (candidates.length === 0) return;
      // One that is known to have been moved is believed as far as an unmoved file is.
      const certain = setup.options.compare.mode === 'quick' || setup.options.compare.mode === 'size-only';
      const open = certain ? candidates.filter((candidate) => !candidate.known) : candidates;
      const same = open.length === 0 ? [] : await proveMoves(this.posix, this.remote ?? localSource(this.posix), setup, this.pool, this.shared, this.threads, open);
      const failed = open.filter((_, k) => same[k] !== true);
      const refutedNow = new Set(failed);
      candidates.forEach((candidate) => {
        if (refutedNow.has(candidate)) return;
        this.resolver.move(candidate);
        findings.bytesNeeded -= Math.min(findings.bytesNeeded, candidate.pair.size);
        findings.transferFiles--;
        findings.transferBytes -= candidate.pair.size;
      });
      if (failed.length === 0 || this.shared.aborted) return;
      refuted.push(...failed);
    }
  }

  private totals(findings: ScanFindings, target: Target): PlanTotals {
    const moves = this.resolver.moves;
    const renames = this.renames.length;
    const deletes = { ...findings.deletes, files: findings.deletes.files - moves };
    return {
      entries: findings.entries, totalSize: findings.totalSize, transferFiles: findings.transferFiles, transferBytes: findings.transferBytes,
      creates: findings.creates, deletes, moves: moves + renames, links: findings.grouped, attributeChanges: findings.attributeChanges, operations: findings.operations - moves + renames,
      ...(this.options.replace.mkpath && target.fd < 0 && this.request.target !== undefined ? { rootFolders: { path: target.path, count: foldersToMake(this.posix, target) } } : {}),
      ...(target.alias === undefined ? {} : { renamed: target.alias }),
    };
  }

  /** --delete-limit, for deletions that would really be carried out. A dry run shows the plan first. */
  private guardDeletions(findings: ScanFindings, sources: Sources): void {
    const { delete: deletion } = this.options;
    if (deletion.when === undefined || sources.missing > 0 || (findings.incomplete && !deletion.ignoreErrors)) return;
    guardDeletions(findings, deletion, this.resolver.moves);
  }

  private guard(findings: ScanFindings, sources: Sources, target: Target): void {
    const { options, posix } = this;
    if (options.dryRun) return;
    this.guardDeletions(findings, sources);
    const fd = target.fd >= 0 ? target.fd : openNearest(posix, target.path);
    if (fd < 0) return;
    try {
      const info = posix.statfs(fd);
      if (typeof info === 'number') return;
      if (info.readOnly && findings.operations > 0) throw new TwintreeError('TARGET_UNUSABLE', 'the file system of the target is read-only', { path: target.path });
      guardSpace(findings, info, options, () => this.sharesBlocks(sources, fd));
      guardInodes(findings, info);
    } finally {
      if (fd !== target.fd) posix.close(fd);
    }
  }

  private tellTarget(findings: ScanFindings, sources: Sources, target: Target): void {
    const { listener, request } = this;
    if (listener.target === undefined || request.target === undefined) return;
    const facts = targetFacts(this.posix, target, findings, this.options, (fd) => this.sharesBlocks(sources, fd));
    if (facts !== undefined) listener.target(facts);
  }

  /** Whether content is cloned from every source: then it takes no space of its own. */
  private sharesBlocks(sources: Sources, target: number): boolean {
    const { posix } = this;
    const { sparse, preallocate } = this.options.replace;
    if (sparse || preallocate || this.remote !== undefined) return false;
    const table = new StatTable(2);
    if (posix.fstat(target, table, 0) < 0) return false;
    if (!sources.mounts.every((mount) => posix.fstat(mount.fd, table, 1) === 0 && table.sameDevice(0, table, 1))) return false;
    return probeTarget(posix, target).reflinks === true;
  }

  private mayDelete(findings: ScanFindings, sources: Sources): boolean {
    if (sources.missing > 0) {
      this.listener.notice?.('no-deletion', 'a source is missing: nothing is deleted');
      return false;
    }
    if (findings.incomplete && !this.options.delete.ignoreErrors) {
      this.listener.notice?.('no-deletion', 'the source could not be read whole: nothing is deleted');
      return false;
    }
    return true;
  }

  // ---------------------------------------------------------------- carrying out

  private async apply(sources: Sources, target: Target, altRoots: number[], umask: number, findings: ScanFindings, deletes: boolean): Promise<void> {
    const { posix, options, outcome } = this;
    const { replace } = options;
    const rootIsNew = (this.rootIsNew = target.fd < 0);
    if (rootIsNew) {
      makeTarget(posix, target, replace.mkpath, umask);
      this.handles.push(target.fd);
      await this.lock(target);
    }
    const backups = openBackups(posix, target, options, this.startedAt, umask, (handle) => this.handles.push(handle));
    this.backupRoot = backups.root;
    const tempRoot = openSideFolder(posix, target, replace.tempDir, '--temp-dir', false, umask);
    const sessionTag = randomBytes(6).toString('hex');
    if (tempRoot >= 0) {
      this.handles.push(tempRoot);
      if (options.lock) (this.tempClaim = new TempDirClaim(posix, tempRoot, sessionTag)).take();
    }
    const setup: ApplySetup = {
      options, umask, targetRoot: target.fd, altRoots, backupRoot: backups.root, tempRoot, mounts: sources.mounts, targetFollowed: this.targetFollowed(sources), alias: target.alias,
      sessionTag, marksIncomplete: probeTarget(posix, target.fd).stickyFiles === true, paced: options.bwlimit > 0 || this.request.pace !== undefined,
      ...(this.request.kept === undefined ? {} : { exactSince: this.startedAt }),
      ...(this.state === undefined ? {} : { hashes: this.state.hashes }),
      ...(this.state === undefined || this.request.from === undefined ? {} : { sums: this.state.sums(posix, target.fd, this.request.from.seed) }),
    };
    const runner = new ApplyRunner(posix, setup, this.shared, 0, this.remote);
    this.phase = 'apply';
    let made: RenamesDone['made'] | undefined;
    if (this.renames.length > 0) {
      const renamed = carryOutRenames(runner.context, this.renames, folderOperations(this.store, this.renames));
      for (const problem of runner.takeProblems()) this.problem(problem);
      this.tellRenames(target, renamed.done.toSorted((a, b) => a - b).map((at) => this.renames[at] as Rename), 'done');
      this.doneOperations += renamed.done.length;
      made = renamed.made;
      if (renamed.refused && !this.shared.aborted) {
        made = undefined;
        [findings, deletes] = await this.planAnew(sources, target);
      }
    }
    if (rootIsNew && sources.selection.mounts.length > 0) outcome.created.dirs++;
    const executor = new Executor({
      options, store: this.store, resolver: this.resolver, runner, applySetup: setup, pool: this.pool, remote: this.remote !== undefined, shared: this.shared, threads: this.threads,
      operations: findings.operations, transferBytes: findings.transferBytes, wants: this.listener.wantsOperations ?? 'none', rootIsNew, made, deletes: deletes || options.delete.when === undefined,
      tell: (op, path, result) => this.listener.operation?.(op, path, result),
      problem: (problem) => this.problem(problem),
      count: (counters) => this.count(counters),
      finished: (operations, files) => {
        this.doneOperations += operations;
        this.doneFiles += files;
      },
      tick: () => this.tick(),
    });
    try {
      if (deletes && options.delete.when === 'before') await executor.runDeletions();
      await executor.run();
      if (!this.shared.aborted && options.delete.when !== 'before' && (deletes || options.delete.when === undefined)) {
        this.phase = 'delete';
        await executor.runDeletions();
      }
    } finally {
      this.count(runner.context.counters);
      runner.close();
    }
    outcome.deletionsSkipped = executor.deletionsSkipped;
    if (!this.shared.aborted) tidyBackups(posix, backups, options, Date.now(), this.request.dirty === undefined, (code, message) => this.listener.notice?.(code, message));
  }

  /** A rename was refused, so that the plan fits no more: what is left is planned without any, and judged as the first plan was. */
  private async planAnew(sources: Sources, target: Target): Promise<[ScanFindings, boolean]> {
    this.forgetPlan();
    this.renames = [];
    const { places: _noted, ...setup } = this.setup as ScanSetup;
    const findings = await this.compare(setup, sources);
    this.outcome.totals = this.totals(findings, target);
    this.guard(findings, sources, target);
    this.listener.plan?.(this.outcome.totals);
    this.phase = 'apply';
    return [findings, this.options.delete.when !== undefined && !this.shared.aborted && this.mayDelete(findings, sources)];
  }

  private tellRenames(target: Target, renames: readonly Rename[], result: OperationResult): void {
    if ((this.listener.wantsOperations ?? 'none') !== 'none') tellRenames(this.posix, target.fd, renames, result, (op, path) => this.listener.operation?.(op, path, result));
  }

  /** --only-write-batch: what would be transferred is read, and nothing changed. */
  private async readContent(sources: Sources, target: Target, altRoots: number[], umask: number): Promise<void> {
    const options = { ...this.options, replace: { ...this.options.replace, inplace: false } }; // a patch that was interrupted is not finished here
    const runner = new ApplyRunner(this.posix, {
      options, umask, targetRoot: target.fd, altRoots, backupRoot: -1, tempRoot: -1, mounts: sources.mounts, targetFollowed: this.targetFollowed(sources), alias: target.alias,
      sessionTag: randomBytes(6).toString('hex'), marksIncomplete: false, paced: options.bwlimit > 0,
    }, this.shared, 0, this.remote);
    this.phase = 'apply';
    try {
      await readContent({
        store: this.store, resolver: this.resolver, runner, shared: this.shared, problem: (problem) => this.problem(problem),
        read: () => {
          this.doneFiles++;
          this.tick();
        },
      });
    } finally {
      runner.close();
    }
  }

  private count(c: ApplyCounters): void {
    const o = this.outcome;
    addCounts(o.created, c.created);
    addCounts(o.deleted, c.deleted);
    o.transferredFiles += c.transferredFiles;
    o.literalBytes += c.literalBytes;
    o.matchedBytes += c.matchedBytes;
    o.transferredBytes += c.transferredSize;
    o.linked += c.linked;
    o.moved += c.moved;
    o.attributesSet += c.attributesSet;
    this.already += c.already;
  }

  private problem(problem: Problem): void {
    const { outcome } = this;
    if (problem.code === 'filter-file') { // each walker reads the rule files by itself: how many there are is nobody's concern
      const words = `${problem.path}\0${problem.message}`;
      if (this.toldRules.has(words)) return;
      this.toldRules.add(words);
    }
    if (problem.severity === 'warning') outcome.warningCount++;
    else outcome.problemCount++;
    if (problem.code === 'vanished' || problem.code === 'changed' || problem.code === 'deferred' || problem.code === 'drifted') this.sourceMoved = true;
    if (outcome.problems.length < MAX_PROBLEMS) outcome.problems.push(problem);
    this.listener.problem?.(problem);
  }

  private tick(): void {
    if (this.listener.progress === undefined) return;
    const now = performance.now();
    if (now - this.progressAt < this.progressEvery) return;
    this.progressAt = now;
    this.listener.progress(this.progress());
  }

  private get progressEvery(): number {
    return this.listener.progressEvery ?? PROGRESS_EVERY;
  }

  private progress(): Progress {
    const { totals } = this.outcome;
    return {
      phase: this.phase, scanned: this.shared.scanned, doneOperations: this.doneOperations, totalOperations: totals.operations,
      doneFiles: this.doneFiles, totalFiles: totals.transferFiles, doneBytes: this.shared.contentBytes, totalBytes: totals.transferBytes,
      elapsedMs: performance.now() - this.started,
    };
  }

  private finish(exitCode?: number): Outcome {
    const { outcome } = this;
    if (this.fenced !== undefined) throw this.fenced;
    this.phase = 'done';
    outcome.elapsedMs = performance.now() - this.started;
    outcome.aborted = this.shared.aborted;
    outcome.exitCode = exitCode ?? this.exitCode();
    this.listener.progress?.(this.progress());
    return outcome;
  }

  private exitCode(): number {
    const { outcome } = this;
    if (outcome.aborted) return this.stoppedByTime ? 30 : 20;
    if (outcome.problemCount > 0) return 23;
    if (outcome.deletionsSkipped > 0) return 25;
    return this.sourceMoved ? 24 : 0;
  }
}

/** Where the file system cannot be written through as a whole, each file is. */
function eachThrough(posix: Posix, options: SessionOptions): SessionOptions {
  if (options.replace.durable !== true || !posix.lacks.has('syncfs')) return options;
  return { ...options, replace: { ...options.replace, fsync: true, durable: false } };
}
