/**
 * What a mirror shows: lines for people, with a line of status for each target kept at the end where that is a terminal; or lines of JSON (docs/json.md). Writes to
 * the streams it is given and opens nothing.
 */
import { OpKind, type Operation } from '../../plan/index.js';
import type { CaptureStatus, Condition, DriftFound, FollowerListener, HeldView, MirrorListener, MirrorStatus, SessionAbout, TargetRequest } from '../../mirror/index.js';
import type { OperationResult, Outcome } from '../../session/index.js';
import { displayName, TwintreeError, type ByteString, type Problem, type RelPath } from '../../tree/index.js';
import type { OutputOptions } from '../options/output.js';
import { humanNumber } from './human.js';
import { itemize } from './itemize.js';
import { JSON_VERSION } from './json.js';
import type { Writer } from './sink.js';

export interface MirrorStreams {
  out: Writer;
  err: Writer;
  /** Whether `out` is a terminal, and its size. */
  isTTY: boolean;
  columns: number;
  rows: number;
}

/** What the report says of the run itself. `targets`: as their state names them. */
export interface MirrorRun { source: ByteString; targets: readonly ByteString[]; pid: number }

/** What of a target a report needs. */
type Target = Pick<TargetRequest, 'pair'>;

/** Milliseconds between two lines of status where there is no terminal, while something is behind. */
const PLAIN_EVERY = 60_000;

export interface MirrorReport extends MirrorListener {
  follower(target: Target): FollowerListener;
  /** A line of its own; `bad`: to standard error. */
  say(text: string, bad?: boolean): void;
  /** Closes the report. */
  end(error?: { code: string; message: string; exitCode: number }): void;
}

export function createMirrorReport(output: OutputOptions, streams: MirrorStreams, run: MirrorRun): MirrorReport {
  return output.json ? new MirrorJson(output, streams, run) : new MirrorText(output, streams, run);
}

/** Lines, and below them the status of each target, where that is a terminal. */
class MirrorText implements MirrorReport {
  private readonly standing: string[] = []; // a line for each target
  private shown: string[] = []; // what of it stands on the terminal

  constructor(readonly output: OutputOptions, private readonly streams: MirrorStreams, readonly run: MirrorRun) {}

  follower({ pair }: Target): FollowerListener {
    const slot = this.standing.push('') - 1;
    return new TargetText(this, this.run.targets.length > 1 ? displayName(pair.target, this.output.eightBit) : '', this.streams.isTTY ? slot : undefined);
  }

  watching(capture: CaptureStatus): void {
    this.say(capture.sentence === '' ? `following with ${capture.backend}` : capture.sentence);
  }

  condition(condition: Condition): void {
    this.say(`${this.shownName(condition.path)}: ${condition.message} (${condition.kind})`, condition.answer !== 'none');
    if (condition.kind === 'root-lost') this.say(`nothing is done until the source is back; kill -USR2 ${this.run.pid} takes what stands there now for the source`, true);
  }

  say(text: string, bad = false): void {
    if (!bad && this.output.quiet) return;
    this.line(`twintree: ${text.replace(/[\r\n]+/g, ' ')}`, bad);
  }

  end(): void {
    if (this.shown.length > 0) this.streams.out.write(Buffer.from('\n'));
    this.shown = [];
  }

  shownName(path: RelPath): string {
    return path === '' ? '.' : displayName(path, this.output.eightBit);
  }

  line(text: string, bad: boolean): void {
    const { shown } = this;
    if (shown.length > 0) this.streams.out.write(Buffer.from(this.erased()));
    (bad ? this.streams.err : this.streams.out).write(Buffer.from(`${text}\n`, this.output.eightBit ? 'latin1' : 'utf8'));
    if (shown.length > 0) this.draw(shown);
  }

  /** The line of status at a target's place. */
  stand(slot: number, text: string): void {
    this.standing[slot] = text;
    const room = Math.max(1, this.streams.rows - 2);
    const lines = this.standing.filter((line) => line !== '');
    const fit = lines.length <= room ? lines : [...lines.slice(0, room - 1), `and ${lines.length - room + 1} more targets`];
    const cut = fit.map((line) => line.slice(0, Math.max(20, this.streams.columns - 1)));
    if (cut.join('\n') === this.shown.join('\n')) return;
    this.draw(cut);
  }

  private draw(lines: string[]): void {
    const erased = this.erased();
    this.streams.out.write(Buffer.from(`${erased === '' ? '\r\x1b[K' : erased}${lines.join('\n')}`));
    this.shown = lines;
  }

  /** What takes the standing lines off the terminal; the cursor is where the first of them was. */
  private erased(): string {
    const lines = this.shown.length;
    this.shown = [];
    return lines === 0 ? '' : `\r\x1b[K${'\x1b[1A\x1b[K'.repeat(lines - 1)}`;
  }
}

/** What is told of one target. */
class TargetText implements FollowerListener {
  readonly wantsOperations: 'none' | 'changes';
  private plainAt = -Infinity;
  private wasBehind = false;
  private failure = ''; // the last one, told once as long as it lasts
  private readonly before: string;

  /** @param target its name, empty where there is but one target. @param slot its place among the lines of status; undefined: no terminal. */
  constructor(private readonly report: MirrorText, private readonly target: string, private readonly slot: number | undefined) {
    const { verbosity, quiet } = report.output;
    this.wantsOperations = verbosity > 0 && !quiet ? 'changes' : 'none';
    this.before = target === '' ? '' : `${target}: `;
  }

  notice(code: string, message: string): void {
    this.say(`${message} (${code})`);
  }

  operation(op: Operation, path: RelPath, result: OperationResult): void {
    if (result === 'done') this.report.line(`${this.before}${op.kind === OpKind.Delete ? 'deleting ' : ''}${this.report.shownName(path)}`, false);
  }

  problem(problem: Problem): void {
    this.say(`${this.report.shownName(problem.path)}: ${problem.message} (${problem.code})`, true);
  }

  session(about: SessionAbout, outcome: Outcome): void {
    if (this.failure !== '') this.say('it goes on');
    this.failure = '';
    if (about.kind === 'full') this.say(`compared everything (${about.reason ?? ''}): ${summary(outcome)}`);
    else if (this.report.output.verbosity > 0) this.say(`${about.paths} paths: ${summary(outcome)}; ${seconds(about.lagMs)} behind`);
  }

  failed(code: string, message: string, retryAt: number | undefined): void {
    const told = `${message} (${code})`;
    if (told === this.failure) return;
    this.failure = told;
    this.say(told, true);
    if (code === 'PROMOTED') return this.say(`held: nothing is sent any more; where the promotion is lifted, twintree resume (or kill -USR2 ${this.report.run.pid}) asks again; changes are kept`, true);
    this.say(retryAt === undefined ? `held: nothing is done until it is told to go on: twintree approve (or kill -USR2 ${this.report.run.pid}); changes are kept` : 'changes are kept; it tries again, ever more rarely', true);
  }

  ended(error: unknown): void {
    if (this.target === '') return; // the mirror ends with it
    const { code, message } = namedError(error);
    this.say(`${message} (${code}): nothing more is done for this target until the mirror is started again; the others go on`, true);
  }

  drift(found: readonly DriftFound[], repaired: boolean): void {
    for (const { path, what } of found) this.say(`${this.report.shownName(path)}: drift: ${what}${repaired ? '; repaired' : '; left'}`, true);
  }

  held(hold: HeldView): void {
    for (const path of hold.names) this.say(`would delete ${path}`, true);
    if (hold.deletions > hold.names.length) this.say(`would delete ${hold.deletions} in all`, true);
  }

  status(status: MirrorStatus): void {
    if (this.report.output.quiet) return;
    const text = `${this.before}${statusLine(status)}`;
    if (this.slot !== undefined) {
      this.report.stand(this.slot, text);
      return;
    }
    const behind = status.lagMs > 1000;
    if (status.phase === 'starting' || (!behind && !this.wasBehind) || (behind && status.at - this.plainAt < PLAIN_EVERY)) return;
    if (behind || this.plainAt > -Infinity) this.report.say(text);
    this.plainAt = behind ? status.at : -Infinity;
    this.wasBehind = behind;
  }

  private say(text: string, bad = false): void {
    this.report.say(`${this.before}${text}`, bad);
  }
}

class MirrorJson implements MirrorReport {
  constructor(readonly output: OutputOptions, private readonly streams: MirrorStreams, run: MirrorRun) {
    this.put({ type: 'hello', version: JSON_VERSION, program: 'twintree', command: 'mirror', pid: run.pid, source: name(run.source), targets: run.targets.map(name) });
  }

  follower({ pair }: Target): FollowerListener {
    return new TargetJson(this, displayName(pair.target));
  }
  watching(capture: CaptureStatus): void {
    this.put({ type: 'watching', backend: capture.backend, message: capture.sentence, notes: capture.notes, watches: capture.watches });
  }
  condition(condition: Condition): void {
    this.put({ type: 'condition', kind: condition.kind, ...name(condition.path), message: condition.message, answer: condition.answer, at: condition.at });
  }
  say(text: string): void {
    this.put({ type: 'notice', code: 'mirror', message: text });
  }
  end(error?: { code: string; message: string; exitCode: number }): void {
    this.put(error === undefined ? { type: 'end' } : { type: 'error', ...error });
  }

  put(line: Record<string, unknown>): void {
    this.streams.out.write(Buffer.from(`${JSON.stringify(line)}\n`));
  }
}

/** Lines about one target; each names it as its status does. */
class TargetJson implements FollowerListener {
  readonly wantsOperations: 'none' | 'changes';

  constructor(private readonly report: MirrorJson, private readonly target: string) {
    const { verbosity, quiet } = report.output;
    this.wantsOperations = verbosity > 0 && !quiet ? 'changes' : 'none';
  }

  notice(code: string, message: string): void {
    this.put('notice', { code, message });
  }
  operation(op: Operation, path: RelPath, result: OperationResult): void {
    this.put('operation', { result, ...name(path), item: itemize(op) });
  }
  problem(problem: Problem): void {
    this.put('problem', {
      severity: problem.severity, code: problem.code, phase: problem.phase, side: problem.side, ...name(problem.path), message: problem.message,
      ...(problem.errno === undefined ? {} : { errno: problem.errno }),
    });
  }
  session(about: SessionAbout, outcome: Outcome): void {
    if (this.report.output.quiet) return;
    this.put('session', {
      kind: about.kind, paths: about.paths, ...(about.reason === undefined ? {} : { reason: about.reason }), lagMs: about.lagMs, exitCode: outcome.exitCode,
      created: outcome.created, deleted: outcome.deleted, transferredFiles: outcome.transferredFiles, transferredBytes: outcome.transferredBytes,
      literalBytes: outcome.literalBytes, matchedBytes: outcome.matchedBytes, linked: outcome.linked, moved: outcome.moved, attributesSet: outcome.attributesSet,
      problemCount: outcome.problemCount, elapsedMs: Math.round(outcome.elapsedMs),
    });
  }
  failed(code: string, message: string, retryAt: number | undefined): void {
    this.put('failed', { code, message, held: retryAt === undefined, ...(retryAt === undefined ? {} : { retryAt }) });
  }
  ended(error: unknown): void {
    this.put('ended', { ...namedError(error) });
  }
  drift(found: readonly DriftFound[], repaired: boolean): void {
    for (const { path, what } of found) this.put('drift', { ...name(path), what, repaired });
  }
  held(hold: HeldView): void {
    this.put('held', { ...hold });
  }
  status(status: MirrorStatus): void {
    if (!this.report.output.quiet) this.report.put({ type: 'status', ...status });
  }

  private put(type: string, line: Record<string, unknown>): void {
    this.report.put({ type, target: this.target, ...line });
  }
}

/** Code and message of what ended something. */
export function namedError(error: unknown): { code: string; message: string } {
  return { code: error instanceof TwintreeError ? error.code : 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
}

const PAUSES: Readonly<Record<string, string>> = { asked: 'by a person', timetable: 'by the timetable' };

/** What is held, for people. */
export function heldText({ message, at, deletions, names }: HeldView): string {
  const lines = [`held since ${new Date(at).toISOString()}: ${message}`, ...names.map((path) => `  deleting ${path}`)];
  if (deletions > names.length) lines.push(`  … ${deletions} deletions in all`);
  return `${lines.join('\n')}\n`;
}

/** One line on how a mirror stands. */
export function statusLine(status: MirrorStatus): string {
  const { paths, failed, whole } = status.backlog;
  const behind = status.lagMs === 0 ? 'equal' : `${seconds(status.lagMs)} behind`;
  const waits = whole ? 'everything to compare' : `${paths} ${paths === 1 ? 'path waits' : 'paths wait'}`;
  const why = status.pauses.length === 0 ? '' : ` (${status.pauses.map((each) => PAUSES[each] ?? each).join(', ')})`;
  return `${status.phase}${why}: ${behind}, ${waits}${failed > 0 ? ` (${failed} failed before)` : ''}; ${status.sessions} sessions, ${humanNumber(status.bytes, 1)} bytes`;
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
