/**
 * The face of the reports: one listener that shows a session as the user asked for it.
 *
 * It listens and writes to the streams it is given; it opens nothing, knows nothing of the engine, and never throws.
 * The order of the lines is the order of the events; `finish` (or `fail`, or `flush`) writes what is still held back.
 */
import type { SessionOptions } from '../../plan/index.js';
import type { ByteString } from '../../tree/index.js';
import type { OutputOptions } from '../options/output.js';
import { JsonReport } from './json.js';
import { LogFile } from './log-file.js';
import { Names } from './names.js';
import { LineFormat, type FormatContext } from './out-format.js';
import type { OperationResult, Outcome, Part, Progress, SessionListener, Wants } from './part.js';
import { ProgressView } from './progress.js';
import { Screen, type Writer } from './sink.js';
import { TextReport } from './text.js';

export type { Writer } from './sink.js';
export { JSON_VERSION } from './json.js';
export { escapeLine } from './escape.js';
export { humanCount, humanDecimal, humanNumber } from './human.js';
export { itemize } from './itemize.js';

/** Where a report writes. */
export interface ReportStreams {
  out: Writer;
  err: Writer;
  /** The file of --log-file, opened for appending by the command. */
  log?: Writer;
  /** Whether `out` is a terminal: then progress is redrawn in place. */
  isTTY: boolean;
  /** Width of the terminal, characters; 80 where it is not known (or 0, as some terminals say). */
  columns?: number;
}

/** What a report says of the run itself. */
export interface ReportRun {
  /** The arguments as given. */
  sources: readonly ByteString[];
  target: ByteString;
  pid: number;
  /** Seconds since 1970, for %t and the log; the system's clock where it is left out. */
  now?: () => number;
}

/** A listener for a session that shows it. */
export interface Report extends SessionListener {
  /** Closes the report with what became of the run. */
  finish(outcome: Outcome): void;
  /**
   * Closes it for a run stopped by an error (a TwintreeError): a line of JSON and of the log. The text for stderr is
   * the command's, printed afterwards.
   */
  fail(code: string, message: string, exitCode: number): void;
  /** Writes what is held back: before anything else writes to the same streams. */
  flush(): void;
  readonly wantsOperations: Wants;
}

const LOG_FORMAT = '%i %n%L';
const DEFAULT_COLUMNS = 80;

/** Makes the report that `output` asks for. */
export function createReport(output: OutputOptions, options: SessionOptions, streams: ReportStreams, run: ReportRun): Report {
  const names = new Names(run.sources, options);
  const now = run.now ?? (() => Date.now() / 1000);
  const context: FormatContext = { names, options, pid: run.pid, now: () => Math.floor(now()) };
  const log = streams.log === undefined ? undefined : makeLog(output, options, streams.log, context);
  let part: Part;
  let flushPart: () => Error | undefined;
  if (output.json) {
    const json = new JsonReport({ output, options, out: streams.out, names, log, sources: run.sources, target: run.target, pid: run.pid });
    part = json;
    flushPart = () => {
      json.flush();
      return json.fault;
    };
  } else {
    const lineMode = output.outbuf === 'none' || output.outbuf === 'line';
    const toStderr = output.stderr === 'all';
    const screen = new Screen({ out: toStderr ? streams.err : streams.out, err: streams.err }, { eightBit: output.eightBit, buffering: lineMode ? 'line' : 'batch' });
    const format = output.outFormat === undefined ? undefined : new LineFormat(output.outFormat, context);
    const isTTY = streams.isTTY && !toStderr;
    const progress = output.progress === 'none' || output.quiet
      ? undefined
      : new ProgressView(screen, { kind: output.progress, isTTY, columns: streams.columns || DEFAULT_COLUMNS, human: output.human });
    part = new TextReport({ output, options, screen, names, format, progress, log, sources: run.sources, target: run.target });
    flushPart = () => {
      screen.flush();
      return screen.fault;
    };
  }
  return joined(part, flushPart, streams, log, logWants(output, options, log));
}

/** Part and log as one listener. */
function joined(part: Part, flushPart: () => Error | undefined, streams: ReportStreams, log: LogFile | undefined, logged: Wants): Report {
  let told = false;
  const flush = (): void => {
    const fault = flushPart();
    log?.flush();
    const reason = fault === undefined ? log?.fault : fault;
    if (reason === undefined || told) return;
    told = true;
    const where = fault === undefined ? 'log file' : 'standard output';
    new Screen({ out: streams.err, err: streams.err }, { eightBit: false, buffering: 'line' })
      .line(`twintree: the ${where} cannot be written: ${Buffer.from(reason.message).toString('latin1')}`);
  };
  return {
    wantsOperations: larger(part.wants, logged),
    notice: (code, message) => { part.notice(code, message); },
    plan: (totals) => { part.plan(totals); },
    operation: (op, path, result: OperationResult) => { part.operation(op, path, result); },
    problem: (problem) => { part.problem(problem); },
    ...(part.showsProgress ? { progress: (progress: Progress) => { part.progress(progress); } } : {}),
    finish(outcome): void {
      part.finish(outcome);
      flush();
    },
    fail(code, message, exitCode): void {
      part.fail(code, message, exitCode);
      flush();
    },
    flush,
  };
}

function makeLog(output: OutputOptions, options: SessionOptions, writer: Writer, context: FormatContext): LogFile {
  const text = output.logFileFormat ?? LOG_FORMAT;
  return new LogFile({
    writer, eightBit: output.eightBit, pid: context.pid, dryRun: options.dryRun, itemize: output.itemize,
    format: text === '' ? undefined : new LineFormat(text, context), now: () => context.now(),
  });
}

/** Deletions are logged even where the format is empty. */
function logWants(output: OutputOptions, options: SessionOptions, log: LogFile | undefined): Wants {
  if (log === undefined || output.listOnly || options.dryRun) return 'none';
  return output.itemize >= 2 ? 'all' : 'changes';
}

function larger(a: Wants, b: Wants): Wants {
  if (a === 'all' || b === 'all') return 'all';
  return a === 'changes' || b === 'changes' ? 'changes' : 'none';
}
