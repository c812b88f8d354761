/**
 * Runs the scan: the main thread walks at once, and workers join when it takes longer than they take to
 * start. An idle walker is fed by whoever has folders left; holes keep the plan in order.
 */
import type { Posix } from '../fs/index.js';
import {
  addFindings, localSource, rootRun, Walker, type SourceFs, type FolderRun, type FromWorker, type PoolWorker, type ScanFindings, type ScanSetup, type SharedState, type WorkerPool,
} from '../endpoint/index.js';
import { comparesContent, type IdMapper } from '../plan/index.js';
import type { PlanStore } from './plan-store.js';

/** Milliseconds that the main thread walks alone before workers are started. */
const ALONE = 15;
/** Milliseconds of walking between two looks at the event loop. */
const SLICE = 8;

/** What a scan runs on. */
export interface ScanDeps {
  posix: Posix;
  /** The source, where it is not on this host: then one worker walks and the main thread does not. */
  source?: SourceFs;
  setup: ScanSetup;
  shared: SharedState;
  pool: WorkerPool;
  /** Walkers in all, the main thread among them. */
  threads: number;
  ids: IdMapper;
  store: PlanStore;
  /** Called now and then, for progress. */
  tick(): void;
}

/** Scans both trees into the store. */
export async function scan(deps: ScanDeps): Promise<ScanFindings> {
  return new ScanRun(deps).run();
}

class ScanRun {
  private readonly queue: { task: number; run: FolderRun }[] = [];
  private readonly idle: PoolWorker[] = [];
  private readonly recruited: PoolWorker[] = [];
  private readonly walker: Walker;
  private task = 0;
  private walking = false;
  private mainHungry = false;
  private busy = 0;
  private findingsDue = 0;
  private readonly collected: ScanFindings[] = [];
  private wake: (() => void) | undefined;
  private failure: Error | undefined;

  constructor(private readonly deps: ScanDeps) {
    const { posix, setup, shared, ids, store } = deps;
    this.walker = new Walker(
      posix, deps.source ?? localSource(posix), setup,
      { chunk: (stream, bytes) => store.chunk(this.task, stream, bytes), hole: (hole) => store.hole(this.task, hole) },
      { aborted: () => shared.aborted, scanned: (n) => shared.addScanned(n), hungry: () => shared.hungry > 0 },
      ids, 0,
    );
  }

  async run(): Promise<ScanFindings> {
    try {
      return await this.pass();
    } catch (error) {
      this.walker.close();
      throw error;
    }
  }

  private async pass(): Promise<ScanFindings> {
    const { deps } = this;
    deps.pool.listen((worker, message) => this.receive(worker, message), (error) => {
      this.failure = error;
      this.wake?.();
    });
    // Comparing contents, or waiting for another host, would keep the main thread from hearing signals: that is for workers. What
    // another host sends ahead comes in the order of one walk: one walker takes it.
    const remote = deps.source !== undefined && deps.source.remote !== undefined;
    const mainWalks = !remote && !comparesContent(deps.setup.options.compare);
    const root = rootRun(deps.setup);
    if (mainWalks) {
      this.begin(0, root);
      if (this.walker.step(performance.now() + ALONE)) this.walking = false;
      if (this.walking && deps.threads > 1) this.recruit(deps.threads - 1);
    } else {
      this.recruit(remote ? 1 : Math.max(1, deps.threads));
      this.assign(0, root);
    }
    for (;;) {
      if (this.failure !== undefined) throw this.failure;
      if (this.walking) {
        const done = this.walker.step(performance.now() + SLICE);
        if (done) {
          this.walking = false;
        } else if (deps.shared.hungry > 0) {
          const given = this.walker.give();
          if (given !== undefined) {
            deps.shared.addHungry(-1);
            this.assign(given.hole, given.run);
          }
        }
      }
      if (!this.walking && mainWalks) {
        const next = this.queue.shift();
        if (next !== undefined) this.begin(next.task, next.run);
      }
      if (!this.walking && this.busy === 0 && this.queue.length === 0) break;
      if (this.walking) await new Promise<void>((resolve) => setImmediate(resolve));
      else {
        if (mainWalks) {
          this.mainHungry = true;
          deps.shared.addHungry(1);
        }
        await new Promise<void>((resolve) => { this.wake = resolve; });
        if (this.mainHungry) deps.shared.addHungry(-1);
        this.mainHungry = false;
      }
      deps.tick();
    }
    return this.finish();
  }

  private begin(task: number, run: FolderRun): void {
    this.task = task;
    this.walking = true;
    this.walker.startRun(run);
  }

  private recruit(count: number): void {
    const { pool, setup, shared } = this.deps;
    pool.grow(count);
    for (const worker of pool.workers.slice(0, count)) {
      this.recruited.push(worker);
      worker.post({ kind: 'scan', setup });
      this.idle.push(worker);
      shared.addHungry(1);
    }
  }

  /** Gives a run to an idle worker, or queues it for whoever is idle next. */
  private assign(task: number, run: FolderRun): void {
    const worker = this.idle.pop();
    if (worker === undefined) {
      this.queue.push({ task, run });
      this.mainHungry = false; // whoever gave this has taken the main thread's hunger off already
      return;
    }
    this.busy++;
    worker.post({ kind: 'walk', task, run });
  }

  private receive(worker: PoolWorker, message: FromWorker): void {
    const { store, shared } = this.deps;
    switch (message.kind) {
      case 'chunk': store.chunk(message.task, message.stream, message.bytes); return;
      case 'hole': store.hole(message.task, message.hole); return;
      case 'given': this.assign(message.hole, message.run); break;
      case 'walked': {
        this.busy--;
        const next = this.queue.shift();
        this.idle.push(worker);
        if (next === undefined) shared.addHungry(1);
        else this.assign(next.task, next.run);
        break;
      }
      case 'findings':
        this.collected.push(message.findings);
        this.findingsDue--;
        break;
      case 'applied': case 'compared': case 'failed':
        throw new Error(`a ${message.kind} answer during the scan`);
    }
    this.wake?.();
  }

  private async finish(): Promise<ScanFindings> {
    const { shared } = this.deps;
    shared.addHungry(-shared.hungry);
    this.findingsDue = this.recruited.length;
    for (const worker of this.recruited) worker.post({ kind: 'finish-scan' });
    while (this.findingsDue > 0) {
      if (this.failure !== undefined) throw this.failure;
      await new Promise<void>((resolve) => { this.wake = resolve; });
    }
    this.walker.close();
    const findings = this.walker.findings;
    for (const more of this.collected) addFindings(findings, more);
    return findings;
  }
}
