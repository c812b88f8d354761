/**
 * The report for people: what -v, -i, --out-format, --list-only, --stats and --progress print, in rsync's words and
 * order; problems on stderr.
 *
 * A line is printed when its operation was carried out (or planned, with -n); a failed one is told by its problem.
 */
import { Item, OpKind, Reason, type Operation, type SessionOptions } from '../../plan/index.js';
import { fromText, S_IFDIR, type ByteString, type Problem, type RelPath } from '../../tree/index.js';
import type { OutputOptions } from '../options/output.js';
import { entryType } from './itemize.js';
import { listLine } from './list.js';
import type { LogFile } from './log-file.js';
import type { Names } from './names.js';
import type { LineFormat } from './out-format.js';
import { endLines, problemLine } from './problems.js';
import type { ProgressView } from './progress.js';
import type { OperationResult, Outcome, Part, PlanTotals, Progress, Wants } from './part.js';
import { needsNotes, selectOperation, skipLine } from './select.js';
import type { Screen } from './sink.js';
import { closingLines, statsLines } from './stats.js';

/** What the text report is made of. */
export interface TextParts {
  output: OutputOptions;
  options: SessionOptions;
  screen: Screen;
  names: Names;
  format: LineFormat | undefined;
  progress: ProgressView | undefined;
  log: LogFile | undefined;
  sources: readonly ByteString[];
  target: ByteString;
}

/** Prints a run as rsync would. */
export class TextReport implements Part {
  readonly wants: Wants;
  private readonly itemizing: number;
  private readonly roots: { source: string; target: string };
  private totals: PlanTotals | undefined;

  constructor(private readonly parts: TextParts) {
    const { output, format } = parts;
    this.itemizing = format?.itemizes === true ? Math.max(1, output.itemize) : 0;
    this.roots = { source: parts.sources[0] ?? '.', target: parts.target };
    this.wants = wantsOf(output, parts.options, format !== undefined, this.itemizing);
    const header = headerLine(output, parts.options);
    if (header !== undefined) this.info(header, false);
  }

  notice(code: string, message: string): void {
    if (code === 'skipping-directory') { // rsync's own words, and on stdout
      this.info(fromText(message), true);
      return;
    }
    const line = `twintree: ${fromText(message)} (${code})`;
    this.parts.screen.error(line);
    this.parts.log?.line(line);
  }

  plan(totals: PlanTotals): void {
    this.totals = totals;
    this.parts.names.renamed = totals.renamed;
    this.parts.progress?.plan(totals);
  }

  operation(op: Operation, at: RelPath, result: OperationResult): void {
    const { output, options, names, log, progress } = this.parts;
    const path = names.real(at);
    progress?.operationReleased();
    if (result === 'failed' || result === 'skipped') return;
    if (output.listOnly) {
      if (op.kind !== OpKind.Delete && op.kind !== OpKind.Move && (path !== '' || names.rootIsListed)) {
        this.print(listLine(op, path, options, output.human));
      }
      return;
    }
    if (path === '' && op.kind === OpKind.Folder) {
      if ((op.item & Item.New) !== 0 && (output.info.NAME >= 1 || this.itemizing > 0)) {
        this.info(this.createdLine(), true);
      }
      if (!names.rootIsListed) return;
    }
    this.entry(op, path);
    log?.operation(op, path, names.short(op, path));
    if (result === 'done') {
      this.backedUp(op, at);
      this.sourceRemoved(op, path);
      if (op.kind === OpKind.File && (op.item & Item.Transfer) !== 0) progress?.fileDone(op.size);
    }
  }

  problem(problem: Problem): void {
    if (problem.code === 'not-empty') { // no error: what is protected stays, and with it its folder. rsync's own words
      this.info(`cannot delete non-empty directory: ${problem.path}`, true);
      return;
    }
    const line = problemLine(problem, this.roots);
    this.parts.screen.error(line);
    this.parts.log?.line(line);
  }

  get showsProgress(): boolean {
    return this.parts.progress !== undefined;
  }

  progress(now: Progress): void {
    if (!this.parts.options.dryRun) this.parts.progress?.progress(now);
  }

  finish(outcome: Outcome): void {
    const { output, options, screen, progress, log } = this.parts;
    const totals = this.totals ?? outcome.totals;
    if (!options.dryRun) {
      progress?.finish({
        files: outcome.transferredFiles, bytes: outcome.transferredBytes, elapsedMs: outcome.elapsedMs, complete: outcome.exitCode === 0,
      });
    }
    const nothingDone = options.dryRun || output.listOnly;
    if (output.stats || output.info.STATS >= 2) {
      const shown = output.listOnly ? listedTotals(totals) : totals;
      for (const line of statsLines(outcome, shown, nothingDone, output.human)) this.info(line, line !== '');
    }
    if (output.info.STATS >= 1) {
      for (const line of closingLines(outcome, totals, options.dryRun, output.human)) this.info(line, line !== '');
    } else log?.totals(outcome, totals);
    for (const line of endLines(outcome)) {
      screen.error(line);
      log?.line(line);
    }
  }

  fail(_code: string, message: string): void {
    this.parts.screen.keepStatus();
    this.parts.log?.line(fromText(message));
  }

  // ---------------------------------------------------------------- lines

  /** What is said of a root that did not stand. */
  private createdLine(): string {
    const made = this.totals?.rootFolders;
    if (made === undefined) return `created directory ${trimmed(this.parts.target)}`;
    return `created ${made.count} director${made.count === 1 ? 'y' : 'ies'} for ${made.path}`;
  }

  /** What the format, or its absence, says about one operation. */
  private entry(op: Operation, path: RelPath): void {
    const { output, format, names, log } = this.parts;
    if (op.kind === OpKind.Delete || op.kind === OpKind.Move) {
      if (format?.tellsDeletion === true) this.print(format.line(op, path));
      else if (format !== undefined || output.info.DEL >= 1) {
        const name = names.short(op, path);
        this.print(op.kind === OpKind.Delete ? `deleting ${name}` : `moving ${name}${names.link(op)}`);
      }
      return;
    }
    const skipped = skipLine(op, path, output.info);
    if (skipped !== undefined) {
      this.info(skipped, true);
      return;
    }
    switch (selectOperation(op, { itemizing: this.itemizing, nameLevel: output.info.NAME })) {
      case 'line':
        if (format !== undefined) this.print(format.line(op, path));
        break;
      case 'name': this.print(names.short(op, path)); break;
      case 'uptodate': {
        const line = `${names.short(op, path)} is uptodate`;
        this.print(line);
        log?.line(line);
        break;
      }
      case 'none': break;
    }
  }

  /** `backed up x to y`: which name a replaced or deleted file was given. */
  private backedUp(op: Operation, path: RelPath): void {
    const { replace } = this.parts.options;
    if (!replace.backup || this.parts.output.info.BACKUP < 1) return;
    if (op.expected.mode === 0 || entryType(op) === S_IFDIR) return;
    if (op.kind === OpKind.Attributes || op.kind === OpKind.Note || op.kind === OpKind.Move) return;
    const folder = replace.backupDir === undefined ? '' : trimmed(replace.backupDir) + '/';
    this.info(`backed up ${path} to ${folder}${path}${replace.suffix}`, true);
  }

  /** `sender removed x`: with --remove-source-files, what the target has now. */
  private sourceRemoved(op: Operation, path: RelPath): void {
    const { options, output } = this.parts;
    if (!options.replace.removeSourceFiles || output.info.REMOVE < 1 || entryType(op) === S_IFDIR || op.kind === OpKind.Delete) return;
    if (op.kind === OpKind.Note && op.reason !== Reason.Unchanged) return;
    this.info(`sender removed ${path}`, true);
  }

  /** A line of information: shown unless -q was given, and logged where rsync logs it. */
  private info(line: string, logged: boolean): void {
    this.print(line);
    if (logged) this.parts.log?.line(line);
  }

  private print(line: string): void {
    if (!this.parts.output.quiet) this.parts.screen.line(line);
  }
}

/** The first line of a verbose run. */
function headerLine(output: OutputOptions, options: SessionOptions): string | undefined {
  const { walk } = options;
  if (output.info.FLIST < 1 || (!walk.recursive && !walk.dirs)) return undefined;
  const whole = !walk.recursive || walk.pruneEmptyDirs || options.filesFrom !== undefined || options.replace.delayUpdates || options.delete.when === 'before';
  return whole ? 'building file list ... done' : 'sending incremental file list';
}

function wantsOf(output: OutputOptions, options: SessionOptions, hasFormat: boolean, itemizing: number): Wants {
  if (output.listOnly) return output.quiet ? 'none' : 'all';
  if (output.quiet) return 'none';
  if (needsNotes(output.info, itemizing, options)) return 'all';
  return hasFormat || output.info.DEL >= 1 || output.info.NAME >= 1 || output.info.BACKUP >= 1 || output.progress === 'files' ? 'changes' : 'none';
}

/** In a list nothing is created, transferred or deleted, whatever the plan against no target says. */
function listedTotals(totals: PlanTotals): PlanTotals {
  const none = { files: 0, dirs: 0, links: 0, devices: 0, specials: 0 };
  return { ...totals, creates: none, deletes: none, transferFiles: 0, transferBytes: 0, moves: 0 };
}

function trimmed(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') || '/' : path;
}

