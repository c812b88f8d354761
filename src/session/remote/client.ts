/**
 * The client: the end that was started by a person or a schedule. `pull` runs the session here and reads from the agent; `push` supplies
 * while the session runs at the agent, and hands its events to the listener here. A broken connection is made again: the
 * same session runs once more and finds what the last one did.
 */
import { randomBytes } from 'node:crypto';
import type { Link } from '../../endpoint/index.js';
import type { Rename, SessionOptions } from '../../plan/index.js';
import type { ConnectSpec } from '../../transport/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import type { ControlMessage } from '../../wire/index.js';
import type { Outcome, SessionListener } from '../events.js';
import type { DirtyPath } from '../dirty.js';
import type { Pace } from '../pace.js';
import { runApply, runPlan } from '../recorded/run-kept.js';
import { runSync, type RemoteSide, type SyncRequest } from '../run.js';
import type { Sources } from '../sources.js';
import { described } from './agent.js';
import { sourceMessages } from './describe.js';
import { readError, readLost, readOperations, readOutcome, readProblem, readProgress, readTotals } from './events.js';
import { readFacts } from './facts.js';
import { Headway } from './headway.js';
import { Line } from './line.js';
import type { Mailbox } from './mailbox.js';
import { MOST_LOST, writeFiles, writeOpen, type Compression, type Seed } from './messages.js';
import { sentence } from './shape.js';
import { openNearEnd } from './near-end.js';
import { sessionSeed } from './source-state.js';
import { asTwintreeError, attach, type Answers } from './supply.js';
import { PushedWork, type RemoteWork } from './work.js';
import { recordSetup, type BatchRequest } from '../recorded/batch.js';

/** A sync with one end on another host. */
export interface RemoteRequest {
  /** Where the data goes: `push` to the other host, `pull` from it. */
  direction: 'push' | 'pull';
  sources: readonly ByteString[];
  target: ByteString | undefined;
  options: SessionOptions;
  /** A push of these paths only. */
  dirty?: readonly DirtyPath[];
  /** What was moved in them, as far as somebody has seen it. */
  moved?: readonly Rename[];
  /** Of a push: a limit of bytes a second that may change while it runs; `options.bwlimit` holds where there is none. */
  pace?: Pace;
  connect: ConnectSpec;
  /** Name of a daemon's root. */
  root: ByteString | undefined;
  link: LinkSettings;
  /** The session is recorded. A connection that breaks then is not made again. */
  record?: BatchRequest;
  /** A push: folder of a pair's state that this process holds, in which sums of what is sent are kept whatever the options say. */
  keptIn?: ByteString;
  /** It is no plain sync. Where a plan is to be kept, a connection that breaks is not made again. */
  work?: RemoteWork;
}

/** How the connection behaves. */
export interface LinkSettings {
  connectTimeoutMs: number; // 0: none
  timeoutMs: number; // of silence; 0: none
  compression: Compression;
  /** How often a broken connection is made again without progress in between. */
  retries: number;
  /** Milliseconds before the first new attempt; doubled for each further one without progress. Default 500. */
  firstWaitMs?: number;
}

/** Milliseconds between two messages of progress: where somebody looks at them, and where they only tell whether an attempt came further. */
const SHOWN_PROGRESS = 200;
const QUIET_PROGRESS = 5000;
/** Default of `firstWaitMs`. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;

/** Where the connections of sessions come from, and what becomes of one that carried a session to its end. */
export interface Lines {
  take(request: RemoteRequest, bwlimit: number, notice: (code: string, message: string) => void): Promise<Line>;
  /** Nothing of the session is at work any more. `over`: it came to its end, so another one may follow. */
  done(line: Line, over: boolean): Promise<void>;
}

/** A connection for each session. */
const EACH_ITS_OWN: Lines = { take: (request, bwlimit, notice) => Line.open(request, bwlimit, notice), done: (line, over) => line.end(over) };

/** What all attempts and sessions of one client have in common, so that a newer one may take the target over from an older one. */
export function newLineage(): string {
  return randomBytes(16).toString('hex');
}

/** Runs the session over a connection. Resolves and throws as runSync; CONNECTION_LOST where no further attempt is made. */
export async function runRemote(request: RemoteRequest, listener: SessionListener = {}, signal?: AbortSignal): Promise<Outcome> {
  return runOver(EACH_ITS_OWN, newLineage(), request, listener, signal);
}

/** Runs the session over a connection of `lines`, and over another one where that breaks. */
export async function runOver(lines: Lines, lineage: string, request: RemoteRequest, listener: SessionListener, signal: AbortSignal | undefined): Promise<Outcome> {
  const firstWait = request.link.firstWaitMs ?? FIRST_WAIT;
  let wait = firstWait;
  const headway = new Headway();
  let stood = false; // there was a connection: what hinders another one may pass
  for (let attempt = 0; ; attempt++) {
    const one = new Attempt(request, listener, signal, lineage, headway, lines);
    try {
      return await (request.direction === 'pull' ? one.pull() : one.push());
    } catch (error) {
      if (!(error instanceof TwintreeError) || !mayPass(error, one.opened, stood) || isAborted(signal)) throw error;
      stood ||= one.opened;
      if (headway.take()) {
        attempt = 0;
        wait = firstWait;
      }
      if (attempt >= request.link.retries || request.work?.kind === 'plan') throw error;
      listener.notice?.('reconnect', `${error.message}; connecting again in ${wait / 1000} s`);
      await pause(wait, signal);
      if (isAborted(signal)) throw error;
      wait = Math.min(LONGEST_WAIT, 2 * wait);
    }
  }
}

/** Whether another attempt may go better. `opened`: the connection of this one stood; `stood`: that of an earlier one did. */
function mayPass(error: TwintreeError, opened: boolean, stood: boolean): boolean {
  if (error.code === 'CONNECTION_LOST' || error.code === 'TIMEOUT') return opened || stood; // silence is a connection that has broken without a word
  // While it is opened, a connection that breaks looks as if nobody, or somebody else, had answered.
  return stood && !opened && (error.code === 'CONNECT' || error.code === 'CONNECT_TIMEOUT' || error.code === 'NOT_TWINTREE');
}

class Attempt {
  /** The other end has answered: what breaks from here on may be tried again. */
  opened = false;
  /** Paths of what is lost, as far as they were told. */
  private told = 0;
  private readonly seed: Seed;

  constructor(private readonly request: RemoteRequest, private readonly listener: SessionListener, private readonly signal: AbortSignal | undefined, private readonly lineage: string, private readonly headway: Headway, private readonly lines: Lines) {
    this.seed = sessionSeed(request);
  }

  async pull(): Promise<Outcome> {
    const { request } = this;
    const line = await this.connect(0);
    const { link, inbox } = line;
    let over = false;
    link.pack(request.link.compression);
    try {
      for (const message of request.options.filesFrom === undefined ? [] : writeFiles(request.options.filesFrom)) link.send(message);
      const { durable: _here, ...replace } = request.options.replace;
      const sent: SessionOptions = { ...request.options, replace, filesFrom: undefined, stopAt: undefined };
      const { work } = request;
      link.send(writeOpen({
        side: 'supplier', timeoutMs: request.link.timeoutMs, root: request.root, sources: [...request.sources], options: sent, seed: this.seed, compression: request.link.compression, bwlimit: request.options.bwlimit,
        roots: work?.kind === 'apply' ? work.plan.head.mounts : undefined,
      }));
      const sources = await described(errorsOf(inbox));
      await this.record(link, sources);
      expectSilence(line);
      const outcome = await this.session({ sources: request.sources, target: request.target, options: { ...request.options, bwlimit: 0 }, from: { link, sources, seed: this.seed } });
      await this.seal(link, outcome);
      over = true;
      return outcome;
    } finally {
      await this.lines.done(line, over);
    }
  }

  /** The session of a pull. */
  private async session(pulled: SyncRequest & { from: RemoteSide }): Promise<Outcome> {
    const { work } = this.request;
    switch (work?.kind) {
      case undefined: case 'batch': return runSync(pulled, this.watched(), this.signal);
      case 'plan': return runPlan(pulled, work.output, this.watched(), this.signal, work.host);
      case 'apply': return runApply(work.plan, { ...work.how, bwlimit: 0 }, this.watched(), this.signal, { from: pulled.from });
    }
  }

  async push(): Promise<Outcome> {
    const { request, listener } = this;
    const near = openNearEnd(request, this.seed, (code, message) => { listener.notice?.(code, message); });
    let answers: (Answers & { close(): Promise<void> }) | undefined;
    let pushed: PushedWork | undefined;
    let line: Line | undefined;
    let over = false;
    let stopTimer: NodeJS.Timeout | undefined;
    let stopped = false;
    let leavePace: (() => void) | undefined;
    const abort = (): void => { line?.link.send({ type: 'abort' }); };
    try {
      line = await this.connect(request.pace?.bytesPerSecond ?? request.options.bwlimit);
      const { link: open, inbox } = line;
      leavePace = request.pace?.follow((bytesPerSecond) => { open.limit(bytesPerSecond); });
      await this.record(open, near.sources);
      const failed = (error: Error): void => { inbox.fail(asTwintreeError(error)); };
      answers = near.answer(line, failed);
      attach(open, answers);
      const { stopAt } = request.options;
      const sent: SessionOptions = { ...line.optionsFor(request.options), filesFrom: undefined, stopAt: undefined, bwlimit: 0 };
      delete sent.cloneDir; // of this side
      open.send(writeOpen({
        side: 'session', timeoutMs: request.link.timeoutMs, root: request.root, sources: [...request.sources], target: request.target ?? ('' as ByteString), options: sent, seed: near.seed, lineage: this.lineage, work: request.work?.kind, ...(request.link.compression === 'auto' ? {} : { compression: request.link.compression }),
        wants: { operations: listener.wantsOperations ?? 'none', progress: listener.progress !== undefined ? SHOWN_PROGRESS : request.link.retries > 0 ? QUIET_PROGRESS : 0, ...(listener.target === undefined ? {} : { target: true }), ...(wantsLost(listener) ? { lost: Math.min(listener.lostPaths as number, MOST_LOST) } : {}) },
      }));
      for (const message of sourceMessages(near.sources)) open.send(message);
      const mine = new PushedWork(request.work, request, near.sources, (message) => { open.send(message); });
      pushed = mine;
      mine.begin(failed);
      if (this.signal?.aborted === true) abort();
      this.signal?.addEventListener('abort', abort);
      if (stopAt !== undefined) {
        stopTimer = setTimeout(() => {
          stopped = true;
          abort();
        }, Math.max(0, stopAt - Date.now()));
      }
      const outcome = await this.hear(inbox, (message) => mine.take(message));
      if (!outcome.aborted) mine.finish();
      if (stopped && outcome.exitCode === 20) outcome.exitCode = 30;
      await this.seal(open, outcome);
      over = true;
      return outcome;
    } finally {
      leavePace?.();
      clearTimeout(stopTimer);
      this.signal?.removeEventListener('abort', abort);
      pushed?.close();
      await answers?.close();
      if (line !== undefined) await this.lines.done(line, over);
      await near.close();
    }
  }

  private async record(link: Link, sources: Sources): Promise<void> {
    const { record, sources: given, options } = this.request;
    if (record !== undefined) await link.record(record.path, recordSetup(record, given, options, this.seed, sources));
  }

  /** What was recorded is a batch now, unless the session was ended early. */
  private async seal(link: Link, outcome: Outcome): Promise<void> {
    if (this.request.record !== undefined && !outcome.aborted) await link.seal();
  }

  private async connect(bwlimit: number): Promise<Line> {
    const line = await this.lines.take(this.request, bwlimit, (code, message) => { this.listener.notice?.(code, message); });
    this.opened = true;
    return line;
  }

  /** The agent's events, until its outcome. `other` takes messages that are none. @throws TwintreeError what ended the session there. */
  private async hear(inbox: Mailbox, other: (message: ControlMessage) => boolean): Promise<Outcome> {
    const { listener } = this;
    const problems: Outcome['problems'] = [];
    let planned = false;
    let failed = false;
    for (;;) {
      const message = await inbox.next();
      switch (message.type) {
        case 'notice': listener.notice?.(sentence(message['code'], 'notice'), sentence(message['message'], 'notice')); break;
        case 'plan': {
          if (planned) throw new TwintreeError('WIRE', 'the other end sent two plans');
          planned = true;
          const totals = readTotals(message['totals']);
          this.headway.planned(totals);
          listener.plan?.(totals);
          break;
        }
        case 'problem': {
          const problem = readProblem(message['problem']);
          failed ||= problem.severity === 'error';
          if (problems.length < MOST_PROBLEMS) problems.push(problem);
          listener.problem?.(problem);
          break;
        }
        case 'progress': {
          const progress = readProgress(message['progress']);
          this.headway.reached(progress);
          listener.progress?.(progress);
          break;
        }
        case 'target':
          if (listener.target === undefined) throw new TwintreeError('WIRE', 'the other end told of its target unasked');
          listener.target(readFacts(message['target']));
          break;
        case 'lost': {
          const lost = readLost(message);
          this.told += lost.paths.length + 1;
          if (!wantsLost(listener) || this.told > MOST_CLASSES * ((listener.lostPaths as number) + 1)) throw new TwintreeError('WIRE', 'the other end told of more that is lost than it was asked for');
          listener.lost?.(lost);
          break;
        }
        case 'operations': readOperations(message, (op, path, result) => { listener.operation?.(op, path, result); }); break;
        case 'outcome': {
          const outcome = readOutcome(message['outcome']);
          // Who told of a failure cannot take it back.
          return { ...outcome, problems, exitCode: failed && outcome.exitCode === 0 ? PARTIAL : outcome.exitCode };
        }
        case 'error': throw readError(message);
        default: if (!other(message)) throw new TwintreeError('WIRE', `the other end sent a message of unknown type "${message.type}"`);
      }
    }
  }

  /** The listener, with headway noticed. */
  private watched(): SessionListener {
    const { listener } = this;
    return {
      notice: (code, message) => { listener.notice?.(code, message); },
      plan: (totals) => {
        this.headway.planned(totals);
        listener.plan?.(totals);
      },
      problem: (problem) => { listener.problem?.(problem); },
      ...(listener.target === undefined ? {} : { target: (facts) => { listener.target?.(facts); } }),
      ...(wantsLost(listener) ? { lostPaths: listener.lostPaths as number, lost: (lost) => { listener.lost?.(lost); } } : {}),
      ...(listener.wantsOperations === undefined ? {} : { wantsOperations: listener.wantsOperations }),
      operation: (op, path, result) => { listener.operation?.(op, path, result); },
      progress: (progress) => {
        this.headway.reached(progress);
        listener.progress?.(progress);
      },
    };
  }
}

/** Classes of what can be lost, at most. */
const MOST_CLASSES = 32;

function wantsLost(listener: SessionListener): boolean {
  return listener.lost !== undefined && (listener.lostPaths ?? 0) > 0;
}

/** A mailbox in which the agent's `error` is thrown. */
function errorsOf(inbox: Mailbox): Pick<Mailbox, 'next'> {
  return {
    next: async () => {
      const message = await inbox.next();
      if (message.type === 'error') throw readError(message);
      return message;
    },
  };
}

/** While the session runs here an agent that supplies has nothing to say, but for what ended it. */
function expectSilence({ link, inbox }: Line): void {
  const heard = async (): Promise<never> => {
    const message = await inbox.next();
    throw message.type === 'error' ? readError(message) : new TwintreeError('WIRE', `the other end sent a message "${message.type}" while it supplied`);
  };
  heard().catch((error: unknown) => { link.refuse(asTwintreeError(error as Error)); }); // where the connection is lost that changes nothing
}

/** Problems that the outcome holds at most. */
const MOST_PROBLEMS = 10_000;
/** Exit code of a session that told of an error. */
const PARTIAL = 23;

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** Waits, or until the signal. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}
