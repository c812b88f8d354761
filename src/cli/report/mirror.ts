/**
 * What a mirror shows: lines for people, with one line of status kept at the end where that is a terminal; or lines of JSON (docs/json.md). Writes to
 * the streams it is given and opens nothing.
 */
import { OpKind, type Operation } from '../../plan/index.js';
import type { CaptureStatus, Condition, FollowerListener, MirrorListener, MirrorStatus, SessionAbout } from '../../mirror/index.js';
import type { OperationResult, Outcome } from '../../session/index.js';
import { displayName, type ByteString, type Problem, type RelPath } from '../../tree/index.js';
import type { OutputOptions } from '../options/output.js';
import { humanNumber } from './human.js';
import { itemize } from './itemize.js';
import { JSON_VERSION } from './json.js';
import type { Writer } from './sink.js';

export interface MirrorStreams {
  out: Writer;
  err: Writer;
  /** Whether `out` is a terminal. */
  isTTY: boolean;
  columns: number;
}

/** What the report says of the run itself. */
export interface MirrorRun { source: ByteString; target: ByteString; pid: number }

/** Milliseconds between two lines of status where there is no terminal, while something is behind. */
const PLAIN_EVERY = 60_000;

export interface MirrorReport extends MirrorListener, FollowerListener {
  follower(): FollowerListener;
  /** A line of its own; `bad`: to standard error. */
  say(text: string, bad?: boolean): void;
  /** Closes the report. */
  end(error?: { code: string; message: string; exitCode: number }): void;
}

export function createMirrorReport(output: OutputOptions, streams: MirrorStreams, run: MirrorRun): MirrorReport {
  return output.json ? new MirrorJson(output, streams, run) : new MirrorText(output, streams, run.pid);
}

class MirrorText implements MirrorReport {
  readonly wantsOperations: 'none' | 'changes';
  private shown = ''; // the status line that stands on the terminal
  private plainAt = -Infinity;
  private wasBehind = false;
  private failure = ''; // the last one, told once as long as it lasts

  constructor(private readonly output: OutputOptions, private readonly streams: MirrorStreams, private readonly pid: number) {
    this.wantsOperations = output.verbosity > 0 && !output.quiet ? 'changes' : 'none';
  }

  follower(): FollowerListener {
    return this;
  }

  watching(capture: CaptureStatus): void {
    this.say(capture.sentence === '' ? `following with ${capture.backend}` : capture.sentence);
  }

  notice(code: string, message: string): void {
    this.say(`${message} (${code})`);
  }

  condition(condition: Condition): void {
    this.say(`${this.name(condition.path)}: ${condition.message} (${condition.kind})`, condition.answer !== 'none');
  }

  operation(op: Operation, path: RelPath, result: OperationResult): void {
    if (result === 'done') this.line(`${op.kind === OpKind.Delete ? 'deleting ' : ''}${this.name(path)}`, false);
  }

  problem(problem: Problem): void {
    this.say(`${this.name(problem.path)}: ${problem.message} (${problem.code})`, true);
  }

  session(about: SessionAbout, outcome: Outcome): void {
    if (this.failure !== '') this.say('it goes on');
    this.failure = '';
    if (about.kind === 'full') this.say(`compared everything (${about.reason ?? ''}): ${summary(outcome)}`);
    else if (this.output.verbosity > 0) this.say(`${about.paths} paths: ${summary(outcome)}; ${seconds(about.lagMs)} behind`);
  }

  failed(code: string, message: string, retryAt: number | undefined): void {
    const told = `${message} (${code})`;
    if (told === this.failure) return;
    this.failure = told;
    this.say(told, true);
    this.say(retryAt === undefined ? `held: nothing is done until it is told to go on: kill -USR2 ${this.pid}, for this once; changes are kept` : 'changes are kept; it tries again, ever more rarely', true);
  }

  status(status: MirrorStatus): void {
    if (this.output.quiet) return;
    const text = statusLine(status);
    if (this.streams.isTTY) {
      this.redraw(text);
      return;
    }
    const behind = status.lagMs > 1000;
    if (status.phase === 'starting' || (!behind && !this.wasBehind) || (behind && status.at - this.plainAt < PLAIN_EVERY)) return;
    if (behind || this.plainAt > -Infinity) this.say(text);
    this.plainAt = behind ? status.at : -Infinity;
    this.wasBehind = behind;
  }

  say(text: string, bad = false): void {
    if (!bad && this.output.quiet) return;
    this.line(`twintree: ${text.replace(/[\r\n]+/g, ' ')}`, bad);
  }

  end(): void {
    if (this.shown !== '') this.streams.out.write(Buffer.from('\n'));
    this.shown = '';
  }

  private name(path: RelPath): string {
    return path === '' ? '.' : displayName(path, this.output.eightBit);
  }

  private line(text: string, bad: boolean): void {
    const standing = this.shown;
    if (standing !== '') this.streams.out.write(Buffer.from('\r\x1b[K'));
    this.shown = '';
    (bad ? this.streams.err : this.streams.out).write(Buffer.from(`${text}\n`, this.output.eightBit ? 'latin1' : 'utf8'));
    if (standing !== '') this.redraw(standing);
  }

  private redraw(text: string): void {
    if (text === this.shown) return;
    this.shown = text;
    this.streams.out.write(Buffer.from(`\r\x1b[K${text.slice(0, Math.max(20, this.streams.columns - 1))}`));
  }
}

class MirrorJson implements MirrorReport {
  readonly wantsOperations: 'none' | 'changes';

  constructor(private readonly output: OutputOptions, private readonly streams: MirrorStreams, run: MirrorRun) {
    this.wantsOperations = output.verbosity > 0 && !output.quiet ? 'changes' : 'none';
    this.put({ type: 'hello', version: JSON_VERSION, program: 'twintree', command: 'mirror', pid: run.pid, source: name(run.source), target: name(run.target) });
  }

  follower(): FollowerListener {
    return this;
  }

  watching(capture: CaptureStatus): void {
    this.put({ type: 'watching', backend: capture.backend, message: capture.sentence, notes: capture.notes, watches: capture.watches });
  }
  notice(code: string, message: string): void {
    this.put({ type: 'notice', code, message });
  }
  condition(condition: Condition): void {
    this.put({ type: 'condition', kind: condition.kind, ...name(condition.path), message: condition.message, answer: condition.answer, at: condition.at });
  }
  operation(op: Operation, path: RelPath, result: OperationResult): void {
    this.put({ type: 'operation', result, ...name(path), item: itemize(op) });
  }
  problem(problem: Problem): void {
    this.put({
      type: 'problem', severity: problem.severity, code: problem.code, phase: problem.phase, side: problem.side, ...name(problem.path), message: problem.message,
      ...(problem.errno === undefined ? {} : { errno: problem.errno }),
    });
  }
  session(about: SessionAbout, outcome: Outcome): void {
    if (this.output.quiet) return;
    this.put({
      type: 'session', kind: about.kind, paths: about.paths, ...(about.reason === undefined ? {} : { reason: about.reason }), lagMs: about.lagMs, exitCode: outcome.exitCode,
      created: outcome.created, deleted: outcome.deleted, transferredFiles: outcome.transferredFiles, transferredBytes: outcome.transferredBytes,
      literalBytes: outcome.literalBytes, matchedBytes: outcome.matchedBytes, linked: outcome.linked, moved: outcome.moved, attributesSet: outcome.attributesSet,
      problemCount: outcome.problemCount, elapsedMs: Math.round(outcome.elapsedMs),
    });
  }
  failed(code: string, message: string, retryAt: number | undefined): void {
    this.put({ type: 'failed', code, message, held: retryAt === undefined, ...(retryAt === undefined ? {} : { retryAt }) });
  }
  status(status: MirrorStatus): void {
    if (!this.output.quiet) this.put({ type: 'status', ...status });
  }
  say(text: string): void {
    this.notice('mirror', text);
  }
  end(error?: { code: string; message: string; exitCode: number }): void {
    this.put(error === undefined ? { type: 'end' } : { type: 'error', ...error });
  }

  private put(line: Record<string, unknown>): void {
    this.streams.out.write(Buffer.from(`${JSON.stringify(line)}\n`));
  }
}

/** One line on how a mirror stands. */
export function statusLine(status: MirrorStatus): string {
  const { paths, failed, whole } = status.backlog;
  const behind = status.lagMs === 0 ? 'equal' : `${seconds(status.lagMs)} behind`;
  const waits = whole ? 'everything to compare' : `${paths} ${paths === 1 ? 'path waits' : 'paths wait'}`;
  return `${status.phase}: ${behind}, ${waits}${failed > 0 ? ` (${failed} failed before)` : ''}; ${status.sessions} sessions, ${humanNumber(status.bytes, 1)} bytes`;
}

function summary(outcome: Outcome): string {
  const { deleted } = outcome;
  const gone = deleted.files + deleted.dirs + deleted.links + deleted.devices + deleted.specials;
  return `${outcome.transferredFiles} files, ${humanNumber(outcome.transferredBytes, 1)} bytes, ${gone} deleted${outcome.moved > 0 ? `, ${outcome.moved} renamed` : ''}${outcome.problemCount > 0 ? `, ${outcome.problemCount} problems` : ''}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** A name as in all lines of JSON: text, and the bytes where that is not exact. */
function name(path: ByteString): { path: string; pathBytes?: string } {
  const bytes = Buffer.from(path, 'latin1');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? { path: text } : { path: displayName(path), pathBytes: bytes.toString('base64') };
}
