/**
 * Agent: runs what a configuration describes, by the planner's word. Each run is a process of its own, so that none can take the others with it, and ends with the
 * agent, however that ends. What was run, and when, is in the jobs' histories: an agent that was killed goes on from there.
 */
import { Calendar, type Occurrence } from '../../schedule/index.js';
import { displayName, TwintreeError, type ByteString } from '../../tree/index.js';
import { placeText, type Config, type JobConfig, type LiveConfig } from '../config/index.js';
import { readAgentRequest, type AgentAnswer, type AgentJob } from './messages.js';
import { Planner, type Cause, type PlannedJob } from './planner.js';

/** A run that is at work. */
export interface LaunchedRun {
  readonly pid: number;
  readonly over: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  stop(): void;
  kill(): void;
}

/** What the agent is given. */
export interface AgentPorts {
  readonly config: LiveConfig;
  /** Milliseconds since 1970, the system's clock. */
  clock(): number;
  /** Starts a run in a process of its own. @throws TwintreeError. */
  launch(job: JobConfig, cause: Cause): Promise<LaunchedRun>;
  /** When the job's last run began, as its history tells. */
  lastStart(job: string): Promise<number | undefined>;
  /** Whether a person has paused the job, kept beyond the agent's end. */
  isPaused(job: string): boolean;
  /** Keeps that, or drops it. Undefined: done; else why it could not be. */
  keepPaused(job: string, paused: boolean): string | undefined;
  /** What people should know. `severity` as syslog's: 3 error, 4 warning, 6 information. */
  log(severity: 3 | 4 | 6, message: string, job?: string): void;
  /** How the service stands, for whoever supervises it. */
  notify?(text: string): void;
}

/** Runs at once, where the configuration does not say. */
const PARALLEL = 4;
/** The clock is looked at so often, ms: it may be set, and the machine may sleep. */
const LOOK = 30_000;
/** Runs have so long to end in good order when the agent ends, ms. */
const GRACE = 60_000;

interface AtWork { readonly run: LaunchedRun; readonly since: number; readonly cause: Cause; readonly live: boolean }

export class Agent {
  private planner: Planner;
  private readonly atWork = new Map<string, AtWork>();
  private wake = (): void => undefined;
  private woken = false;
  private ending = false;

  constructor(private readonly ports: AgentPorts, private readonly graceMs = GRACE) {
    this.planner = new Planner(ports.config.current.parallel ?? PARALLEL);
  }

  /** Runs until the signal, then ends what is at work in good order. */
  async run(signal: AbortSignal): Promise<void> {
    const { ports } = this;
    const onAbort = (): void => { this.stir(); };
    signal.addEventListener('abort', onAbort);
    try {
      await this.load(ports.config.current);
      ports.notify?.(`READY=1\nSTATUS=${this.summary()}`);
      while (!signal.aborted) {
        await this.look();
        ports.notify?.(`STATUS=${this.summary()}`);
        await this.sleep();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      ports.notify?.('STOPPING=1');
      await this.end();
    }
  }

  /** Reads the configuration anew: all of it, or nothing changes. */
  async reload(): Promise<AgentAnswer> {
    const { ports } = this;
    ports.notify?.(`RELOADING=1\nMONOTONIC_USEC=${Math.round(performance.now() * 1000)}`);
    try {
      const result = ports.config.reload();
      if (!result.ok) {
        for (const problem of result.problems) ports.log(3, `${placeText(problem.place)}: ${problem.message}`);
        return { ok: false, message: `the configuration has ${result.problems.length} mistakes and the one before stays in force: ${result.problems.map((each) => `${placeText(each.place)}: ${each.message}`).slice(0, 5).join('; ')}` };
      }
      await this.load(result.config, new Set([...result.changed, ...result.removed]));
      this.stir();
      const told = `the configuration was read anew: ${result.added.length} jobs are new, ${result.changed.length} changed, ${result.removed.length} gone`;
      ports.log(6, told);
      return { ok: true, message: told };
    } catch (error) {
      return { ok: false, message: error instanceof Error ? error.message : String(error) };
    } finally {
      ports.notify?.('READY=1');
    }
  }

  /** Answers one line of the control socket. Never rejects. */
  async answer(question: string): Promise<string> {
    return JSON.stringify(await this.act(question));
  }

  private async act(question: string): Promise<AgentAnswer> {
    try {
      const request = readAgentRequest(question);
      switch (request.do) {
        case 'status': return { ok: true, message: this.summary(), jobs: this.jobs() };
        case 'reload': return await this.reload();
        case 'run':
          if (!this.planner.ask(request.job)) return unknown(request.job);
          this.stir();
          return { ok: true, message: this.atWork.has(request.job) ? 'it begins when the run at work has ended' : 'it begins as soon as there is a place' };
        case 'pause': return this.pause(request.job);
        case 'resume': return this.resume(request.job);
      }
    } catch (error) {
      return { ok: false, message: error instanceof TwintreeError && error.advice !== undefined ? `${error.message}. ${error.advice}` : error instanceof Error ? error.message : String(error) };
    }
  }

  private pause(job: string): AgentAnswer {
    if (!this.planner.pause(job)) return unknown(job);
    const fault = this.ports.keepPaused(job, true);
    const work = this.atWork.get(job);
    if (work?.live === true) work.run.stop();
    this.ports.log(6, 'paused', job);
    const message = work === undefined ? 'paused' : work.live ? 'paused; its mirror is told to end' : 'paused; the run at work goes on to its end';
    return fault === undefined ? { ok: true, message } : { ok: true, message: `${message}, but only until the agent ends: ${fault}` };
  }

  private resume(job: string): AgentAnswer {
    const fault = this.ports.keepPaused(job, false);
    if (fault !== undefined) return { ok: false, message: `the pause that is kept cannot be removed: ${fault}` };
    if (!this.planner.resume(job, this.ports.clock())) return unknown(job);
    this.ports.log(6, 'resumed', job);
    this.stir();
    return { ok: true, message: 'resumed' };
  }

  /** How its jobs stand. */
  jobs(): AgentJob[] {
    return this.planned(this.ports.config.current).map(({ name, live }) => {
      const standing = this.planner.standing(name);
      const work = this.atWork.get(name);
      return { name, live, running: work === undefined ? null : { since: work.since, pid: work.run.pid }, paused: standing?.paused === true, waiting: standing?.waiting ?? 0, due: standing?.due ?? null };
    });
  }

  private summary(): string {
    const jobs = this.ports.config.current.jobs.size;
    return `${jobs} ${jobs === 1 ? 'job' : 'jobs'}, ${this.atWork.size} at work`;
  }

  /** @param ended jobs whose mirrors are to begin anew, or not at all. */
  private async load(config: Config, ended: ReadonlySet<string> = new Set()): Promise<void> {
    const { ports } = this;
    const jobs = this.planned(config);
    const last = new Map<string, number | undefined>();
    for (const { name } of jobs) if (this.planner.standing(name) === undefined) last.set(name, await this.lastStart(name));
    this.planner.load(jobs, ports.clock(), (name) => last.get(name), config.parallel ?? PARALLEL);
    for (const { name } of jobs) if (ports.isPaused(name)) this.planner.pause(name);
    for (const [name, work] of this.atWork) if (work.live && ended.has(name)) work.run.stop();
  }

  private async lastStart(job: string): Promise<number | undefined> {
    try {
      return await this.ports.lastStart(job);
    } catch (error) {
      this.ports.log(4, `its history cannot be read, and nothing is made up for: ${error instanceof Error ? error.message : String(error)}`, job);
      return undefined;
    }
  }

  private planned(config: Config): PlannedJob[] {
    return [...config.jobs.values()].filter(({ enabled }) => enabled).map(({ name, priority, overlap, mode, schedules }) => ({ name, priority, overlap, live: mode === 'live', calendar: new Calendar(schedules, name) }));
  }

  private async look(): Promise<void> {
    const { ports } = this;
    for (const decision of this.planner.look(ports.clock())) {
      switch (decision.do) {
        case 'start': await this.start(decision.job, decision.cause); break;
        case 'cancel':
          ports.log(6, 'the run at work is told to end: the next one is due', decision.job);
          this.atWork.get(decision.job)?.run.stop();
          break;
        case 'skip': ports.log(4, 'it was due and is left out: another run of it is at work, or waits', decision.job); break;
      }
    }
  }

  private async start(name: string, cause: Cause): Promise<void> {
    const { ports } = this;
    const job = ports.config.current.jobs.get(name);
    if (job === undefined) return;
    const since = ports.clock();
    this.planner.started(name, since);
    let run: LaunchedRun;
    try {
      run = await ports.launch(job, cause);
    } catch (error) {
      ports.log(3, `it cannot be started: ${error instanceof Error ? error.message : String(error)}`, name);
      this.planner.ended(name, ports.clock());
      return;
    }
    this.atWork.set(name, { run, since, cause, live: job.mode === 'live' });
    ports.log(6, `begins (${causeText(cause)}), process ${run.pid}`, name);
    void this.over(name, cause, run);
  }

  private async over(name: string, cause: Cause, run: LaunchedRun): Promise<void> {
    const { code, signal } = await run.over;
    const { ports } = this;
    const live = this.atWork.get(name)?.live === true;
    this.atWork.delete(name);
    const well = code === 0 || (live && this.ending);
    ports.log(well ? 6 : 3, signal === null ? `has ended with exit code ${code}` : `was ended by ${signal}`, name);
    this.planner.ended(name, ports.clock(), code === STOPPED ? endOfWindow(cause) : undefined);
    this.stir();
  }

  private stir(): void {
    this.woken = true;
    this.wake();
  }

  private async sleep(): Promise<void> {
    if (!this.woken) {
      const at = this.planner.wake();
      const ms = Math.max(0, Math.min(LOOK, at === undefined ? LOOK : at - this.ports.clock()));
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        timer = setTimeout(resolve, ms);
      });
      clearTimeout(timer);
      this.wake = (): void => undefined;
    }
    this.woken = false;
  }

  private async end(): Promise<void> {
    this.ending = true;
    const runs = [...this.atWork.values()].map(({ run }) => run);
    for (const run of runs) run.stop();
    const timer = setTimeout(() => { for (const run of runs) run.kill(); }, this.graceMs);
    await Promise.all(runs.map((run) => run.over));
    clearTimeout(timer);
  }
}

/** Exit code of a run that --stop-at ended. */
const STOPPED = 30;

function endOfWindow(cause: Cause): Occurrence | undefined {
  return cause.kind === 'schedule' && cause.run.until !== undefined ? cause.run : undefined;
}

function causeText(cause: Cause): string {
  switch (cause.kind) {
    case 'schedule': return cause.run.moves.some(({ kind }) => kind === 'missed') ? `missed at ${new Date(cause.run.due).toISOString()}` : `due ${new Date(cause.run.due).toISOString()}`;
    case 'asked': return 'asked for';
    case 'live': return cause.attempt === 0 ? 'live' : `live, attempt ${cause.attempt + 1}`;
  }
}

function unknown(job: string): AgentAnswer {
  return { ok: false, message: `the agent has no job ${displayName(job as ByteString)}` };
}
