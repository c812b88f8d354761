/** Drift, as one follower watches for it: what its sessions made equal and when, and the look that is under way in one of the timetable. */
import type { Operation } from '../../plan/index.js';
import type { ByteString, RelPath } from '../../tree/index.js';
import type { Hint } from '../hint.js';
import { BY_TIMETABLE, type Job } from './agenda.js';
import { DriftLook, DriftSearch, SyncedTimes, youngChanges, type DriftMode } from './drift.js';

export class DriftWatch {
  private readonly synced = new SyncedTimes();
  private search: DriftSearch | undefined;
  private began = 0;
  private young: ReadonlyMap<RelPath, number> | undefined;

  /** @param root path of the source */
  constructor(private readonly root: ByteString, private readonly mode: DriftMode) {}

  /** A look is under way. */
  get looks(): boolean {
    return this.search !== undefined;
  }

  /** … whose session only looks: what it finds is to be told and left. */
  get onlyLooks(): boolean {
    return this.search !== undefined && this.mode === 'report';
  }

  /** A session begins. @param now milliseconds since 1970 */
  begins(job: Job, now: number): void {
    this.began = now;
    if (this.mode === 'off') return;
    if (job.reason === BY_TIMETABLE) this.search = new DriftSearch(new DriftLook(this.root, this.synced, job.swallowed ?? []));
    this.young = youngChanges(this.root, [...job.hints, ...(job.swallowed ?? [])], now);
  }

  heard(hints: Iterable<Hint>): void {
    this.search?.heard(hints);
  }

  /** The session tells of a difference. */
  differs(op: Operation, path: RelPath): void {
    this.search?.differs(op, path);
  }

  /** All that happened meanwhile was heard. @param now for the hints. @returns what was found; undefined: there was no look */
  judge(now: number): (Pick<DriftSearch, 'found' | 'unseen' | 'differences'> & { all: boolean }) | undefined {
    const { search } = this;
    if (search === undefined) return undefined;
    const all = search.judge(now);
    return { found: search.found, unseen: search.unseen, differences: search.differences, all };
  }

  /** The session went well for these. */
  ended(job: Job, done: Iterable<Hint>): void {
    this.synced.ended(job, done, this.began, this.young);
  }

  /** The session is over, however it went. */
  close(): void {
    this.search?.close();
    this.search = undefined;
    this.young = undefined;
  }
}
