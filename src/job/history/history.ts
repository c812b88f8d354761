/**
 * JobHistory: the runs of all jobs in one durable store below the state folder. A run is written when it begins and again when it ends; one
 * that never ended, and whose lock nobody holds any more, was interrupted. Kept by number and by age, for each job.
 */
import type { Posix } from '../../fs/index.js';
import { SharedStore, type StoreUse, type Table } from '../../state/index.js';
import { fromText, toBytes, type ByteString } from '../../tree/index.js';
import { jobHolder, type JobHolder } from '../lock/index.js';
import { decodeRun, encodeRun, failingSince, isFailure, type JobRun, type RunResult } from './record.js';
import { addToTotals, decodeTotals, newTotals, type JobTotals } from './totals.js';

/** How much is kept of a job: so many runs at most, none that ended more than so many days ago. The newest one always is. */
export interface Retention { readonly runs: number; readonly days: number }
export const RETENTION: Retention = { runs: 1000, days: 400 };

/** Which runs are looked for. */
export interface RunQuery {
  job?: string;
  /** Those that were at work at or after `since`, and began before `until`; ms since 1970. */
  since?: number;
  until?: number;
  /** The latest ones. */
  limit?: number;
}

/** All that is known of a job. Runs with the oldest first. */
export interface JobSummary {
  job: string;
  runs: JobRun[];
  totals: JobTotals;
  lastSuccess: JobRun | undefined;
  lastFailure: JobRun | undefined;
  /** The first of the failures that its last runs are; undefined: it does well. */
  failingSince: JobRun | undefined;
}

/** How a job stands: its latest runs and what it did in all. */
export interface JobStanding {
  job: string;
  totals: JobTotals;
  /** The latest run that was not left out; it may be at work. */
  last: JobRun | undefined;
  /** The latest one that has ended. */
  ended: JobRun | undefined;
}

export const HISTORY_FORMAT = 1;
const TABLES = ['runs', 'totals'] as const;
const DAY = 86_400_000;
const NUMBER_BYTES = 6;
/** Among so many rows are the latest run that ended, one that did not, and those between them that were left out. */
const LATEST = 6;
/** No key stands before it. */
const FIRST = Buffer.from([1]);

export class JobHistory {
  private readonly store: SharedStore;

  /** @param posix `loadOwnPosix()`. @param stateFolder `stateFolder()`, absolute. @param notice told where something damaged was set aside. */
  constructor(private readonly posix: Posix, private readonly stateFolder: ByteString, notice: (code: string, message: string) => void) {
    this.store = new SharedStore({
      posix, folder: `${stateFolder}/history` as ByteString, tables: TABLES, notice,
      format: { current: HISTORY_FORMAT, migrations: new Map(), about: { what: 'runs of jobs' }, loss: 'loses what is known of past runs and nothing else' },
    });
  }

  /**
   * Writes that a run begins; gives it its number. The job's lock is held by the caller, and the run's start
   * is the lock's (`JobHolder.since`): runs that have not ended are dead, and are marked so.
   * @throws TwintreeError STATE, IO, NO_SPACE.
   */
  async begin(run: JobRun): Promise<void> {
    await this.store.use((store) => store.write(() => {
      const runs = store.table('runs');
      for (const old of latest(runs, run.job, totalsOf(store, run.job).lastRun)) if (old.result === 'running') account(store, { ...old, result: 'interrupted' });
      const totals = totalsOf(store, run.job);
      run.run = ++totals.lastRun;
      putTotals(store, run.job, totals);
      runs.put(keyOf(run.job, run.run), encodeRun(run));
    }));
  }

  /** Writes how a run stands that has not ended. @throws as `begin`. */
  async update(run: JobRun): Promise<void> {
    await this.store.use((store) => store.write(() => { account(store, run); }));
  }

  /** Writes how a run ended, also once more with what came after its end, and removes what is past the retention. @throws as `begin`. */
  async finish(run: JobRun, keep: Retention = RETENTION): Promise<void> {
    await this.store.use((store) => store.write(() => {
      account(store, run);
      expire(store.table('runs'), run.job, run.end ?? run.start, keep);
    }));
  }

  /**
   * Writes that a run was not begun since another is at work. Such runs in a row are one record that counts them, so that a job that is always
   * late does not push its own history out.
   */
  async skipped(run: JobRun, keep: Retention = RETENTION): Promise<void> {
    await this.store.use((store) => store.write(() => {
      const totals = totalsOf(store, run.job);
      const last = runAt(store.table('runs'), run.job, totals.lastRun);
      const before = last?.result === 'skipped' ? last : undefined;
      run.result = 'skipped';
      run.skips = (before?.skips ?? 0) + 1;
      run.run = before?.run ?? ++totals.lastRun;
      if (before !== undefined) run.start = before.start;
      totals.skipped += 1;
      putTotals(store, run.job, totals);
      store.table('runs').put(keyOf(run.job, run.run), encodeRun(run));
      expire(store.table('runs'), run.job, run.end ?? run.start, keep);
    }));
  }

  /** Runs, the oldest first. */
  async list(query: RunQuery = {}): Promise<JobRun[]> {
    const runs = await this.store.read((store) => this.seen(store, query.job));
    const { since = -Infinity, until = Infinity, limit = Infinity } = query;
    const fitting = (runs ?? []).filter((run) => (run.result === 'running' ? Infinity : run.end ?? run.start) >= since && run.start < until).toSorted((a, b) => a.start - b.start);
    return fitting.slice(Math.max(0, fitting.length - limit));
  }

  /** What is known of each job, or of one, in the order of their names. Runs are those that `since` and `until` let through; the rest is of all times. */
  async summaries(query: Omit<RunQuery, 'limit'> = {}): Promise<JobSummary[]> {
    const found = await this.store.read((store) => {
      const runs = this.seen(store, query.job);
      return [...new Set(runs.map(({ job }) => job))].sort().map((job) => ({ job, runs: runs.filter((run) => run.job === job), totals: totalsOf(store, job) }));
    });
    const { since = -Infinity, until = Infinity } = query;
    return (found ?? []).map(({ job, runs, totals }) => ({
      job, totals, lastSuccess: runs.findLast(({ result }) => result === 'success'), lastFailure: runs.findLast(({ result }) => isFailure(result)), failingSince: failingSince(runs),
      runs: runs.filter((run) => (run.result === 'running' ? Infinity : run.end ?? run.start) >= since && run.start < until),
    }));
  }

  /** The latest run of a job with one of these results; default: any. */
  async last(job: string, results?: readonly RunResult[]): Promise<JobRun | undefined> {
    return (await this.list({ job })).findLast(({ result }) => results?.includes(result) ?? true);
  }

  /** How each job stands, in the order of their names: cheap, however much is kept. */
  async standings(): Promise<JobStanding[]> {
    const found = await this.store.read((store) => [...store.table('totals').range(FIRST, undefined)].flatMap(({ key, value }) => {
      const totals = decodeTotals(value);
      if (totals === undefined) return [];
      const job = key.toString('utf8');
      const runs = this.asSeen(latest(store.table('runs'), job, totals.lastRun)).filter(({ result }) => result !== 'skipped');
      return [{ job, totals, last: runs.at(-1), ended: runs.findLast(({ end: at }) => at !== null) }];
    }));
    return found ?? [];
  }

  /** The runs as they are now: one that did not end, and that nobody works at, was interrupted. */
  private seen(store: StoreUse, job?: string): JobRun[] {
    return this.asSeen(rowsOf(store.table('runs'), job).flatMap(({ run }) => run ?? []));
  }

  private asSeen(runs: readonly JobRun[]): JobRun[] {
    const holders = new Map<string, JobHolder | undefined>();
    return runs.map((run) => {
      if (run.result !== 'running') return run;
      if (!holders.has(run.job)) holders.set(run.job, jobHolder(this.posix, this.stateFolder, run.job));
      const holder = holders.get(run.job);
      return holder?.pid === run.pid && holder.since === run.start ? run : { ...run, result: 'interrupted' as const };
    });
  }
}

interface Row { key: Buffer; run: JobRun | undefined }

/** All rows of a job, or of all, in their order. What cannot be read has no run. */
function rowsOf(table: Table, job?: string): Row[] {
  const from = job === undefined ? FIRST : keyOf(job, 0);
  const to = job === undefined ? undefined : afterAll(job);
  return [...table.range(from, to)].map(({ key, value }) => ({ key, run: decodeRun(value) }));
}

/** The latest rows of a job, the oldest first. */
function latest(table: Table, job: string, last: number): JobRun[] {
  const runs: JobRun[] = [];
  for (let number = Math.max(1, last - LATEST + 1); number <= last; number++) {
    const run = runAt(table, job, number);
    if (run !== undefined) runs.push(run);
  }
  return runs;
}

function runAt(table: Table, job: string, run: number): JobRun | undefined {
  const value = table.get(keyOf(job, run));
  return value === undefined ? undefined : decodeRun(value);
}

function totalsOf(store: StoreUse, job: string): JobTotals {
  return decodeTotals(store.table('totals').get(nameKey(job))) ?? lostTotals(store, job);
}

/** Where they cannot be read, numbers go on behind those of the runs that are there. */
function lostTotals(store: StoreUse, job: string): JobTotals {
  return { ...newTotals(), lastRun: rowsOf(store.table('runs'), job).reduce((most, { key }) => Math.max(most, key.readUIntBE(key.length - NUMBER_BYTES, NUMBER_BYTES)), 0) };
}

function putTotals(store: StoreUse, job: string, totals: JobTotals): void {
  store.table('totals').put(nameKey(job), Buffer.from(JSON.stringify(totals)));
}

/** Writes a run, and puts into the totals what is new in it. */
function account(store: StoreUse, run: JobRun): void {
  const totals = totalsOf(store, run.job);
  addToTotals(totals, run, runAt(store.table('runs'), run.job, run.run));
  putTotals(store, run.job, totals);
  store.table('runs').put(keyOf(run.job, run.run), encodeRun(run));
}

/** Removes what is past the retention: from the oldest on, up to the first that is not. */
function expire(table: Table, job: string, now: number, keep: Retention): void {
  const rows = [...table.range(keyOf(job, 0), afterAll(job))];
  for (const [k, { key, value }] of rows.slice(0, -1).entries()) {
    const run = decodeRun(value);
    if (run?.result === 'running') continue;
    if (run !== undefined && (run.end ?? run.start) >= now - keep.days * DAY && rows.length - k <= keep.runs) break;
    table.remove(key);
  }
}

function afterAll(job: string): Buffer {
  return Buffer.concat([nameKey(job), Buffer.from([1])]);
}

/** The name's bytes, at most 512. */
function nameKey(job: string): Buffer {
  return Buffer.from(toBytes(fromText(job)));
}

/** A name holds no zero byte, so no job's runs stand among another's. */
function keyOf(job: string, run: number): Buffer {
  const number = Buffer.alloc(NUMBER_BYTES + 1);
  number.writeUIntBE(run, 1, NUMBER_BYTES);
  return Buffer.concat([nameKey(job), number]);
}
