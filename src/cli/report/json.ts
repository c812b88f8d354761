/**
 * `--json`: one JSON object a line, described field by field in docs/json.md.
 *
 * The first line names the version; keys are only ever added within one version. A name that is UTF-8 is given as
 * `path`; any other name as `path` (as displayed) and `pathBytes` (base64 of its bytes), so nothing is lost.
 */
import { OpKind, reasonId, type Operation, type SessionOptions } from '../../plan/index.js';
import {
  displayName, fromText, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFSOCK, toBytes,
  type ByteString, type Problem, type RelPath,
} from '../../tree/index.js';
import type { OutputOptions } from '../options/output.js';
import { entryType, itemize } from './itemize.js';
import type { LogFile } from './log-file.js';
import type { Names } from './names.js';
import type { OperationResult, Outcome, Part, PlanTotals, Progress, Wants } from './part.js';
import { endLines, errnoName, problemLine } from './problems.js';
import { LineSink, type Writer } from './sink.js';

/** The version told in the first line. */
export const JSON_VERSION = 1;

/** What the JSON report is made of. */
export interface JsonParts {
  output: OutputOptions;
  options: SessionOptions;
  out: Writer;
  names: Names;
  log: LogFile | undefined;
  sources: readonly ByteString[];
  target: ByteString;
  pid: number;
}

/** Shortest time between two progress lines of one phase, ms of the run. */
const PROGRESS_INTERVAL_MS = 500;

type Fields = Record<string, unknown>;

/** Writes a run as JSON lines. */
export class JsonReport implements Part {
  readonly wants: Wants;
  private readonly sink: LineSink;
  private phase: Progress['phase'] | undefined;
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly parts: JsonParts) {
    const { output, options } = parts;
    this.sink = new LineSink(parts.out, { eightBit: false, buffering: output.outbuf === 'none' || output.outbuf === 'line' ? 'line' : 'batch' });
    if (output.quiet) this.wants = 'none';
    else this.wants = output.listOnly || output.itemize >= 2 || output.info.NAME >= 2 ? 'all' : 'changes';
    this.put({
      type: 'hello', version: JSON_VERSION, program: 'twintree', pid: parts.pid, dryRun: options.dryRun, listOnly: output.listOnly,
      sources: parts.sources.map((source) => named('path', source)), target: named('path', parts.target),
    });
  }

  notice(code: string, message: string): void {
    this.put({ type: 'notice', code, message });
    this.parts.log?.line(`twintree: ${fromText(message)} (${code})`);
  }

  plan(totals: PlanTotals): void {
    this.put({ type: 'plan', ...totalsFields(totals) });
  }

  operation(op: Operation, path: RelPath, result: OperationResult): void {
    const { output, names, log } = this.parts;
    if (output.listOnly) {
      if (op.kind !== OpKind.Delete && op.kind !== OpKind.Move) this.put({ type: 'entry', ...named('path', path), ...entryFields(op) });
      return;
    }
    if (path === '' && op.kind === OpKind.Folder && !names.rootIsListed) return;
    if (result !== 'failed' && result !== 'skipped') log?.operation(op, path, names.short(op, path));
    if (output.quiet) return;
    this.put({
      type: 'operation', result, kind: kindName(op.kind), ...named('path', path), item: itemize(op), reason: reasonId(op.reason),
      ...entryFields(op),
      ...(op.alt > 0 ? { alternate: op.alt - 1 } : {}),
    });
  }

  problem(problem: Problem): void {
    const name = errnoName(problem.errno);
    this.put({
      type: 'problem', severity: problem.severity, code: problem.code, phase: problem.phase, side: problem.side,
      ...named('path', problem.path), message: problem.message,
      ...(problem.errno === undefined ? {} : { errno: problem.errno, errnoName: name }),
    });
    this.parts.log?.line(problemLine(problem, { source: this.parts.sources[0] ?? '.', target: this.parts.target }));
  }

  get showsProgress(): boolean {
    return !this.parts.output.quiet;
  }

  progress(now: Progress): void {
    if (this.parts.output.quiet) return;
    if (now.phase === this.phase && now.elapsedMs - this.toldAt < PROGRESS_INTERVAL_MS) return;
    this.phase = now.phase;
    this.toldAt = now.elapsedMs;
    this.put({
      type: 'progress', phase: now.phase, scanned: now.scanned, doneOperations: now.doneOperations, totalOperations: now.totalOperations,
      doneFiles: now.doneFiles, totalFiles: now.totalFiles, doneBytes: now.doneBytes, totalBytes: now.totalBytes, elapsedMs: Math.round(now.elapsedMs),
    });
    this.sink.flush();
  }

  finish(outcome: Outcome): void {
    this.put({
      type: 'outcome', exitCode: outcome.exitCode, aborted: outcome.aborted, dryRun: this.parts.options.dryRun,
      created: { ...outcome.created }, deleted: { ...outcome.deleted },
      transferredFiles: outcome.transferredFiles, transferredBytes: outcome.transferredBytes,
      literalBytes: outcome.literalBytes, matchedBytes: outcome.matchedBytes,
      linked: outcome.linked, moved: outcome.moved, attributesSet: outcome.attributesSet, deletionsSkipped: outcome.deletionsSkipped,
      problemCount: outcome.problemCount, warningCount: outcome.warningCount,
      elapsedMs: Math.round(outcome.elapsedMs), scanMs: Math.round(outcome.scanMs), totals: totalsFields(outcome.totals),
    });
    this.parts.log?.totals(outcome, outcome.totals);
    for (const line of endLines(outcome)) this.parts.log?.line(line);
    this.sink.flush();
  }

  fail(code: string, message: string, exitCode: number): void {
    this.put({ type: 'error', code, message, exitCode });
    this.parts.log?.line(fromText(message));
    this.sink.flush();
  }

  flush(): void {
    this.sink.flush();
  }

  get fault(): Error | undefined { return this.sink.fault; }

  private put(fields: Fields): void {
    this.sink.raw(fromText(JSON.stringify(fields)) + '\n');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const HIGH = /[\u0080-\u00ff]/;

/** A name under `key`: exact where it is UTF-8, else as displayed, with its bytes beside it. */
function named(key: string, name: ByteString): Fields {
  if (!HIGH.test(name)) return { [key]: name };
  try {
    return { [key]: utf8.decode(toBytes(name)) };
  } catch {
    // Not UTF-8, which only decoding tells.
    return { [key]: displayName(name), [`${key}Bytes`]: toBytes(name).toString('base64') };
  }
}

/** What an entry is: type, and for all but deletions the attributes the target shall have. */
function entryFields(op: Operation): Fields {
  const type = entryType(op);
  const fields: Fields = { entryType: typeName(type) };
  if (op.kind === OpKind.Delete) {
    fields['size'] = op.size;
    return fields;
  }
  fields['size'] = op.size;
  fields['mode'] = (op.mode & 0o7777).toString(8).padStart(4, '0');
  fields['uid'] = op.uid;
  fields['gid'] = op.gid;
  fields['mtime'] = secondsText(op.mtimeSec, op.mtimeNsec);
  if (type === S_IFBLK || type === S_IFCHR) fields['device'] = [op.rdevMajor, op.rdevMinor];
  if (op.link !== '') {
    const key = op.kind === OpKind.Link && op.alt === 0 ? 'leader' : op.kind === OpKind.Move ? 'from' : 'link';
    if (key !== 'link' || type === S_IFLNK) Object.assign(fields, named(key, op.link));
  }
  return fields;
}

/** Seconds since 1970 with all nine decimals, as text because a double cannot hold them. */
function secondsText(seconds: number, nanoseconds: number): string {
  if (seconds >= 0 || nanoseconds === 0) return `${seconds}.${String(nanoseconds).padStart(9, '0')}`;
  // Before 1970 the nanoseconds count upwards from a second that lies below: -2 and 0.9 is -1.1.
  return `-${-seconds - 1}.${String(1_000_000_000 - nanoseconds).padStart(9, '0')}`;
}

function kindName(kind: OpKind): string {
  switch (kind) {
    case OpKind.Folder: return 'folder';
    case OpKind.File: return 'file';
    case OpKind.Symlink: return 'symlink';
    case OpKind.Node: return 'node';
    case OpKind.Link: return 'link';
    case OpKind.Attributes: return 'attributes';
    case OpKind.Delete: return 'delete';
    case OpKind.Move: return 'move';
    case OpKind.Note: return 'note';
  }
}

function typeName(type: number): string {
  switch (type) {
    case S_IFDIR: return 'dir';
    case S_IFLNK: return 'symlink';
    case S_IFBLK: return 'block';
    case S_IFCHR: return 'char';
    case S_IFIFO: return 'fifo';
    case S_IFSOCK: return 'socket';
    default: return 'file';
  }
}

function totalsFields(totals: PlanTotals): Fields {
  return {
    entries: { ...totals.entries }, totalSize: totals.totalSize,
    transferFiles: totals.transferFiles, transferBytes: totals.transferBytes,
    creates: { ...totals.creates }, deletes: { ...totals.deletes },
    moves: totals.moves, links: totals.links, attributeChanges: totals.attributeChanges, operations: totals.operations,
  };
}
