/** Tally: what a mirror has done so far and how it stands, as its status. Pure. */
import type { Outcome } from '../../session/index.js';
import { displayName, type Problem, type RelPath } from '../../tree/index.js';
import type { HeldView, RateLimit } from '../control/index.js';
import type { JobKind } from './agenda.js';
import type { Deferral } from './deferrals.js';
import type { DriftFound } from './drift.js';
import { MOST_NAMED, STATUS_VERSION, type MirrorStatus, type Phase } from './status.js';

/** What the tally is not told by itself. */
export interface Moment {
  now: number;
  phase: Phase;
  backend: string;
  events: number;
  overflows: number;
  backlog: MirrorStatus['backlog'];
  oldest: number | undefined;
  pauses: string[];
  pausedSince: number | null;
  rate: RateLimit;
  held: HeldView | null;
  deferred: { count: number; files: Deferral[] };
}

export class Tally {
  private sessions = 0;
  private fullSessions = 0;
  private files = 0;
  private bytes = 0;
  private literalBytes = 0;
  private deleted = 0;
  private drift: MirrorStatus['drift'] = null;
  private readonly results = { clean: 0, partial: 0, failed: 0 };
  private lastSuccess: number | null = null;
  private lastFull: number | null = null;
  private failure: MirrorStatus['failure'] = null;
  private readonly failing = new Map<RelPath, Problem>();

  constructor(private readonly about: { pid: number; source: string; target: string; startedAt: number }) {}

  /** Whether a session went through yet. */
  get begun(): boolean {
    return this.sessions > 0;
  }

  went(kind: JobKind, outcome: Outcome, now: number): void {
    this.sessions++;
    const { deleted } = outcome;
    this.files += outcome.transferredFiles;
    this.bytes += outcome.transferredBytes;
    this.literalBytes += outcome.literalBytes;
    if (outcome.exitCode === 0) this.results.clean++;
    else this.results.partial++;
    this.deleted += deleted.files + deleted.dirs + deleted.links + deleted.devices + deleted.specials;
    this.lastSuccess = now;
    this.failure = null;
    if (kind === 'full') {
      this.fullSessions++;
      this.lastFull = now;
    }
  }

  /** Drift was looked for. */
  drifted(found: readonly DriftFound[], unseen: number, repaired: boolean, now: number): void {
    const before = this.drift;
    this.drift = {
      at: now, count: found.length, repaired, total: (before?.total ?? 0) + found.length, unseenTotal: (before?.unseenTotal ?? 0) + unseen,
      paths: found.slice(0, MOST_NAMED).map(({ path, what }) => ({ path: displayName(path), what })),
    };
  }

  failed(code: string, message: string, retryAt: number | null): void {
    this.results.failed++;
    this.failure = { code, message, retryAt };
  }

  /**
   * What failed of the paths that a session looked at: `looked` tells which those are. Returns the problems that are new, or others than before.
   */
  problems(failed: ReadonlyMap<RelPath, Problem>, looked: (path: RelPath) => boolean): Problem[] {
    const fresh: Problem[] = [];
    for (const [path, problem] of failed) if (this.failing.get(path)?.message !== problem.message) fresh.push(problem);
    for (const path of this.failing.keys()) if (!failed.has(path) && looked(path)) this.failing.delete(path);
    for (const [path, problem] of failed) this.failing.set(path, problem);
    return fresh;
  }

  /** A full session went through. */
  get copied(): boolean {
    return this.fullSessions > 0;
  }

  get failingCount(): number {
    return this.failing.size;
  }

  /** Paths that fail. */
  failingPaths(): Iterable<RelPath> {
    return this.failing.keys();
  }

  private failingBy(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { code } of this.failing.values()) counts[code] = (counts[code] ?? 0) + 1;
    return counts;
  }

  status(moment: Moment): MirrorStatus {
    const { now, phase, backend, events, overflows, backlog, oldest, pauses, pausedSince, rate, held, deferred } = moment;
    return {
      version: STATUS_VERSION, ...this.about, phase, at: now, backend, lagMs: oldest === undefined ? 0 : Math.max(0, Math.round(now - oldest)), backlog, events, overflows,
      pauses, pausedSince, rate: rate === 'full' ? null : rate === 'off' ? 0 : rate, held,
      sessions: this.sessions, fullSessions: this.fullSessions, files: this.files, bytes: this.bytes, literalBytes: this.literalBytes, results: { ...this.results }, deleted: this.deleted,
      lastSuccess: this.lastSuccess, lastFull: this.lastFull, failure: this.failure,
      failing: [...this.failing].slice(0, MOST_NAMED).map(([path, { code, message }]) => ({ path: displayName(path), code, message })), failingBy: this.failingBy(), drift: this.drift,
      deferred: { count: deferred.count, files: deferred.files.map(({ path, since, sentAt }) => ({ path: displayName(path), since, sentAt: sentAt ?? null })) },
    };
  }
}
