/**
 * Conducts one run of a job: lock, history, hooks, the work itself, notices, in this order and whatever goes wrong on the way. The work is handed in: a
 * session for each target, or mirrors. What this promises: no two runs of a job at once; a run that was begun is in the history, as are how it
 * ended and what its hooks did; hooks that clean up (`after`) run whenever those before it did; a notice or a history that fails never changes
 * what the run did.
 */
import type { Posix } from '../../fs/index.js';
import type { MirrorStatus } from '../../mirror/index.js';
import type { Outcome } from '../../session/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { addTarget, cut, failingSince, isFailure, JobHistory, LagSeries, LIMITS, newRun, resultOf, setLiveTarget, targetRun, type JobRun, type Retention, type RunCause, type RunResult } from '../history/index.js';
import { runHooks, type HookOptions, type HookSpec } from '../hooks/index.js';
import { JobLock, type JobHolder, type OverlapPolicy } from '../lock/index.js';
import { occasionsOf, pingOf, secretNames, sendNotices, sendPings, type DeliveryOptions, type NoticeSpec } from '../notices/index.js';
import { LagWatch } from './lag-watch.js';

export interface RunRequest {
  /** For the program's own files: `loadOwnPosix()`. */
  readonly posix: Posix;
  /** `stateFolder()`, absolute. */
  readonly stateFolder: ByteString;
  readonly job: string;
  readonly cause: RunCause;
  /** As people know them. */
  readonly sources: readonly string[];
  readonly targets: readonly string[];
  readonly overlap: OverlapPolicy;
  /** This process runs nothing else. */
  readonly own: boolean;
  readonly hooks: readonly HookSpec[];
  readonly notices: readonly NoticeSpec[];
  readonly retention?: Retention;
  /** Above it the hooks and notices of `lag` are due, ms. */
  readonly lagLimitMs?: number;
  readonly signal: AbortSignal;
  /** What hooks inherit and secrets are looked for in (process.env). */
  readonly env: NodeJS.ProcessEnv;
  /** The exit code that an error of the work makes: the command line's. */
  exitCodeOf(error: unknown): number;
  work(context: WorkContext): Promise<WorkEnd>;
  /** Told at once what should be known and is no part of the work: that it waits for another run, that the history cannot be kept, a hook or a notice that failed. */
  say?(message: string): void;
  /** Told when the run has its number. */
  began?(run: Readonly<JobRun>): void;
  readonly delivery?: Pick<DeliveryOptions, 'waits' | 'attemptMs' | 'ca' | 'host'>;
  /** Milliseconds since 1970 (Date.now). */
  readonly clock?: () => number;
  /** Milliseconds between two writings of a run that is at work. */
  readonly saveMs?: number;
  /** Milliseconds between two words to the dead-man's switch that all targets of a live job are well. */
  readonly pingMs?: number;
  readonly patience?: { readonly signalMs: number; readonly giveUpMs: number };
}

/** What the work tells while it goes on. */
export interface WorkContext {
  /** Ends it: the caller's signal, or the next run that takes this one's place. */
  readonly signal: AbortSignal;
  readonly run: Readonly<JobRun>;
  /** A target's session has ended. @param at which target. @param start ms since 1970. @param traffic bytes of its connection. */
  target(at: number, outcome: Outcome, start: number, traffic?: { sent: number; received: number }): void;
  /** A mirror has told how it stands, lag among it; told again and again. @param at which target. */
  live(at: number, status: MirrorStatus): void;
}

/** How the work ended. `result`: where the exit code does not tell (`stopped`, by the end of its window). */
export interface WorkEnd { readonly exitCode: number; readonly result?: RunResult }

const SAVE_MS = 60_000;
const PING_MS = 300_000;
const SKIPPED = new TwintreeError('SKIPPED', 'another run of this job is at work');

/**
 * Runs it. The run that is returned says all; its `exitCode` is never null.
 * @throws TwintreeError where there was no run: the lock cannot be had (IO, LOCKED), or the waiting for it was ended.
 */
export async function conductRun(request: RunRequest): Promise<JobRun & { exitCode: number }> {
  const history = new JobHistory(request.posix, request.stateFolder, (_code, message) => { request.say?.(message); });
  const lock = await JobLock.take({ ...request, policy: request.overlap, waits: (holder) => { request.say?.(waitingText(request.overlap, holder)); } });
  if (lock === undefined) return leftOut(request, history);
  const conductor = new Conductor(request, history, lock);
  try {
    await conductor.run();
  } finally {
    lock.release();
  }
  return conductor.tell();
}

class Conductor {
  private readonly record: JobRun;
  private readonly stop = new AbortController();
  private readonly signal: AbortSignal;
  private readonly delivery: DeliveryOptions;
  private readonly lagWatch: LagWatch;
  private readonly lagSeries: LagSeries;
  private kept = false;
  private changed = false;
  private started: Promise<void> = Promise.resolve();
  private lagTold: Promise<void> = Promise.resolve();
  private fault: string | undefined;
  /** Targets of a live job that are well. */
  private readonly well = new Set<number>();
  private pinged = -Infinity;

  constructor(private readonly request: RunRequest, private readonly history: JobHistory, private readonly lock: JobLock) {
    const { job, cause, sources, targets, env, clock } = request;
    this.record = newRun({ job, cause, sources: [...sources], targets: [...targets], pid: lock.holder.pid, start: lock.holder.since });
    this.signal = AbortSignal.any([request.signal, this.stop.signal]);
    this.delivery = { env, ...(clock === undefined ? {} : { clock }), ...(request.signal.aborted ? {} : { signal: request.signal }), ...request.delivery };
    this.lagWatch = new LagWatch(request.lagLimitMs);
    this.lagSeries = new LagSeries(this.record.lag);
  }

  /** Up to the end of the run, under the lock. */
  async run(): Promise<void> {
    const { request, record } = this;
    this.lock.onStop(() => { this.stop.abort(new TwintreeError('ABORTED', 'the next run of this job takes its place')); });
    this.kept = await this.keep(() => this.history.begin(record));
    request.began?.(record);
    this.started = this.ping('start');
    const saving = setInterval(() => { this.save(); }, request.saveMs ?? SAVE_MS);
    saving.unref();
    try {
      const { end, error } = await this.worked();
      clearInterval(saving);
      await this.lagTold;
      this.judge(end, error);
      await this.hooked('after');
      record.end = this.now();
      if (isFailure(record.result)) await this.hooked('failure');
    } finally {
      clearInterval(saving);
    }
    await this.finish();
  }

  /** After the end, without the lock: the next run need not wait for a mail server. */
  async tell(): Promise<JobRun & { exitCode: number }> {
    const { record, request } = this;
    const before = this.kept ? (await this.history.list({ job: record.job }).catch(() => [])).filter(({ run }) => run < record.run) : [];
    const failedSince = failingSince(before);
    const about = pingOf(record);
    const sent = await Promise.all([
      sendNotices(request.notices, occasionsOf(record, before), { run: record, ...(failedSince === undefined ? {} : { failedSince }) }, this.delivery), this.started.then(() => (about === undefined ? undefined : this.ping(about))),
    ]);
    this.noted(sent[0]);
    if (this.kept && record.notices.length > 0) await this.keep(() => this.history.finish(record, request.retention));
    return { ...record, exitCode: record.exitCode ?? 0 };
  }

  private async worked(): Promise<{ end?: WorkEnd; error?: unknown }> {
    const { request, record } = this;
    try {
      const stopped = await this.hooked('before', this.signal);
      if (stopped !== undefined) return { error: stopped };
      this.signal.throwIfAborted();
      const end = await request.work({
        signal: this.signal, run: record,
        target: (at, outcome, start, traffic) => {
          addTarget(record, targetRun(record, at, outcome, start, traffic));
          this.changed = true;
        },
        live: (at, status) => {
          setLiveTarget(record, at, status);
          this.behind(at, status.lagMs, status.backlog.bytes);
          this.alive(at, status);
        },
      });
      return { end };
    } catch (error) {
      return { error };
    }
  }

  private judge(end: WorkEnd | undefined, error: unknown): void {
    const { record, request } = this;
    if (end !== undefined) {
      record.exitCode = end.exitCode;
      record.result = end.result ?? resultOf(end.exitCode);
    } else this.failed(error);
    // Ended by the next run or by a person, it is cancelled, whatever the work made of that.
    if (this.signal.aborted && record.result !== 'success' && record.result !== 'stopped') {
      record.exitCode = request.exitCodeOf(this.signal.reason);
      record.result = 'cancelled';
      record.error ??= errorOf(this.signal.reason);
    }
  }

  private failed(error: unknown): void {
    const { record, request } = this;
    record.error = errorOf(error);
    record.exitCode = request.exitCodeOf(error);
    record.result = resultOf(record.exitCode) === 'cancelled' ? 'cancelled' : 'failed';
  }

  /** Runs the hooks of a moment. The error, where one of them stops the run. */
  private async hooked(when: 'before' | 'after' | 'failure', signal?: AbortSignal): Promise<TwintreeError | undefined> {
    const { record } = this;
    const { hooks, stopped } = await runHooks(this.request.hooks, when, record, { ...this.hookOptions(), ...(signal === undefined ? {} : { signal }) });
    this.addHooks(hooks);
    if (stopped === undefined) return undefined;
    const error = new TwintreeError('HOOK', `the ${when} hook failed: ${stopped.command}: ${stopped.trouble ?? ''}`);
    if (when === 'after' && (record.result === 'success' || record.result === 'stopped')) this.failed(error);
    return error;
  }

  private addHooks(hooks: readonly JobRun['hooks'][number][]): void {
    addBounded(this.record.hooks, hooks, LIMITS.hooks, ({ when }) => when === 'lag');
    for (const hook of hooks) if (!hook.ok) this.request.say?.(`the ${hook.when} hook failed: ${hook.command}: ${hook.trouble ?? ''}`);
    if (hooks.length > 0) this.changed = true;
  }

  private hookOptions(): HookOptions {
    const { env, notices, clock } = this.request;
    return { env, secrets: secretNames(notices), ...(clock === undefined ? {} : { clock }) };
  }

  private behind(at: number, ms: number, bytes: number): void {
    const { record, request } = this;
    this.lagSeries.add({ at: this.now(), ms, bytes });
    this.changed = true;
    if (!this.lagWatch.over(at, ms, performance.now())) return;
    this.lagTold = this.tellLag(this.lagTold, { target: record.targets[at] ?? '', ms, limitMs: request.lagLimitMs ?? 0 });
  }

  /** As long as every target follows and is not too far behind, the dead-man's switch hears of it now and then; else it does not, and gives alarm. */
  private alive(at: number, { phase, lagMs }: MirrorStatus): void {
    const { targets, lagLimitMs = Infinity, pingMs = PING_MS } = this.request;
    if (phase === 'following' && lagMs <= lagLimitMs) this.well.add(at);
    else this.well.delete(at);
    const now = performance.now();
    if (this.well.size < targets.length || now - this.pinged < pingMs) return;
    this.pinged = now;
    // Only what fails is kept: there would be hundreds a day.
    void sendPings(this.request.notices, 'success', this.delivery).then((notices) => this.noted(notices.filter(({ ok }) => !ok)));
  }

  /** One after the other. */
  private async tellLag(before: Promise<void>, lag: { target: string; ms: number; limitMs: number }): Promise<void> {
    await before;
    const { request, record, signal } = this;
    const { hooks } = await runHooks(request.hooks, 'lag', record, { ...this.hookOptions(), lag, signal });
    this.addHooks(hooks);
    this.noted(await sendNotices(request.notices, ['lag'], { run: record, lag }, { ...this.delivery, signal }));
  }

  private async ping(about: 'start' | 'success' | 'fail'): Promise<void> {
    this.noted(await sendPings(this.request.notices, about, this.delivery));
  }

  private noted(notices: readonly JobRun['notices'][number][]): void {
    addBounded(this.record.notices, notices, LIMITS.notices, ({ about }) => about === 'lag' || about === 'success');
    for (const { kind, about, to, ok, trouble } of notices) if (!ok) this.request.say?.(`the notice of ${about} by ${kind} to ${to} failed: ${trouble ?? ''}`);
    if (notices.length > 0) this.changed = true;
  }

  private save(): void {
    if (!this.changed || !this.kept) return;
    this.changed = false;
    void this.keep(() => this.history.update(this.record));
  }

  private async finish(): Promise<void> {
    const { record, history, request } = this;
    // What could not be written at the start may go now: room was made, or another disk is there.
    if (!this.kept) this.kept = await this.keep(async () => {
      const late: JobRun = { ...record, result: 'running' };
      await history.begin(late);
      record.run = late.run;
    });
    if (this.kept) await this.keep(() => history.finish(record, request.retention));
  }

  /** Whether it was kept. What goes wrong is said, once for each cause. */
  private async keep(act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== this.fault) this.request.say?.(`the history of this run cannot be kept: ${message}`);
      this.fault = message;
      return false;
    }
  }

  private now(): number {
    return (this.request.clock ?? Date.now)();
  }
}

async function leftOut(request: RunRequest, history: JobHistory): Promise<JobRun & { exitCode: number }> {
  const { job, cause, sources, targets, clock = Date.now, exitCodeOf, retention } = request;
  const now = clock();
  const exitCode = exitCodeOf(SKIPPED);
  const run: JobRun = { ...newRun({ job, cause, sources: [...sources], targets: [...targets], pid: process.pid, start: now }), end: now, result: 'skipped', exitCode };
  try {
    await history.skipped(run, retention);
  } catch (error) {
    request.say?.(`the history of this run cannot be kept: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { ...run, exitCode };
}

/** Adds to a list of at most `most`. Where there is no room, what comes again and again in a run that lasts makes it, the oldest first. */
function addBounded<T>(list: T[], added: readonly T[], most: number, passing: (each: T) => boolean): void {
  for (const each of added) {
    if (list.length >= most) {
      const place = list.findIndex(passing);
      if (place < 0) return;
      list.splice(place, 1);
    }
    list.push(each);
  }
}

function errorOf(error: unknown): { code: string; message: string } {
  return { code: error instanceof TwintreeError ? error.code : 'INTERNAL', message: cut(error instanceof Error ? error.message : String(error), LIMITS.message) };
}

function waitingText(overlap: OverlapPolicy, holder: JobHolder | undefined): string {
  const who = holder === undefined ? '' : ` (process ${holder.pid}, since ${new Date(holder.since).toISOString()})`;
  return overlap === 'cancel-previous' ? `the run before${who} is told to stop` : `waits for the run before${who}`;
}
