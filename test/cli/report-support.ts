/** What the tests of the reports share: collecting streams, operations made from real files, and the real rsync beside them. */
import { spawnSync } from 'node:child_process';
import { lstatSync, readlinkSync } from 'node:fs';
import { emptyDraft } from '../../src/cli/options/draft.js';
import { INFO_MAX, type InfoLevels, type OutputOptions } from '../../src/cli/options/output.js';
import { createReport, type Report, type Writer } from '../../src/cli/report/index.js';
import { emptyOperation, type Operation, type OpKind, type SessionOptions } from '../../src/plan/index.js';
import type { Outcome, PlanTotals, TypeCounts } from '../../src/session/events.js';
import { fromBytes, fromText, type ByteString } from '../../src/tree/index.js';

/** A stream that keeps what it is given. */
export class Collector implements Writer {
  readonly chunks: Buffer[] = [];
  write(chunk: Uint8Array): boolean {
    this.chunks.push(Buffer.from(chunk));
    return true;
  }
  get bytes(): Buffer { return Buffer.concat(this.chunks); }
  get text(): string { return this.bytes.toString('utf8'); }
  get lines(): string[] { return linesOf(this.text); }
}

export function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

/** Session options as `-a` sets them, changed by `change`. */
export function archive(change: (options: SessionOptions) => void = () => { /* as -a */ }): SessionOptions {
  const options = structuredClone(emptyDraft().session);
  options.walk.recursive = true;
  Object.assign(options.attributes, { perms: true, times: true, owner: true, group: true, devices: true, specials: true, links: true });
  change(options);
  return options;
}

/** Info levels: all silent but NONREG, then as given. */
export function info(levels: Partial<InfoLevels> = {}): InfoLevels {
  const silent = Object.fromEntries(Object.keys(INFO_MAX).map((name) => [name, 0])) as InfoLevels;
  return { ...silent, NONREG: 1, ...levels };
}

/** Output options of a silent run, changed as given. */
export function output(change: Partial<OutputOptions> = {}): OutputOptions {
  return {
    ...emptyDraft().output,
    verbosity: 0, quiet: false, itemize: 0, outFormat: undefined, stats: false, human: 1, progress: 'none', json: false,
    logFile: undefined, logFileFormat: undefined, eightBit: false, stderr: 'errors', outbuf: undefined, listOnly: false, info: info(),
    ...change,
  };
}

/** What the command line derives from -v. */
export const VERBOSE: Partial<OutputOptions> = {
  verbosity: 1, outFormat: '%n%L', info: info({ COPY: 1, DEL: 1, FLIST: 1, MISC: 1, NAME: 1, STATS: 1, SYMSAFE: 1 }),
};
/** What it derives from -vv. */
export const VERY_VERBOSE: Partial<OutputOptions> = {
  verbosity: 2, outFormat: '%n%L',
  info: info({ COPY: 1, DEL: 1, FLIST: 1, MISC: 2, NAME: 2, STATS: 1, SYMSAFE: 1, BACKUP: 1, MOUNT: 1, REMOVE: 1, SKIP: 1 }),
};
/** What it derives from -i. */
export const ITEMIZED: Partial<OutputOptions> = { itemize: 1, outFormat: '%i %n%L' };

export interface Shown { out: Collector; err: Collector; log: Collector; report: Report }

export interface ShowOptions {
  output?: Partial<OutputOptions>;
  options?: SessionOptions;
  sources?: string[];
  target?: string;
  isTTY?: boolean;
  columns?: number;
  now?: () => number;
}

/** Makes a report, gives it to `events`, and returns what it wrote. */
export function show(given: ShowOptions, events: (report: Required<Report>) => void): Shown {
  const out = new Collector();
  const err = new Collector();
  const log = new Collector();
  const set = output(given.output);
  const report = createReport(
    set, given.options ?? archive(),
    {
      out, err, isTTY: given.isTTY ?? false,
      ...(set.logFile === undefined ? {} : { log }), ...(given.columns === undefined ? {} : { columns: given.columns }),
    },
    {
      sources: (given.sources ?? ['s/']).map(fromText), target: fromText(given.target ?? 't'), pid: 4711,
      ...(given.now === undefined ? {} : { now: given.now }),
    },
  );
  events(report as Required<Report>);
  report.flush();
  return { out, err, log, report };
}

/** An operation with the given fields. */
export function operation(kind: OpKind, fields: Partial<Operation> = {}): Operation {
  return { ...emptyOperation(), kind, ...fields };
}

/** An operation about a real file of `root`: mode, owner, size, times and link text are its own. */
export function operationOn(root: string, path: string | Buffer, kind: OpKind, fields: Partial<Operation> = {}): Operation {
  const full = Buffer.concat([Buffer.from(root + '/'), Buffer.from(path)]);
  const s = lstatSync(full, { bigint: true });
  return operation(kind, {
    mode: Number(s.mode), uid: Number(s.uid), gid: Number(s.gid), size: Number(s.isFIFO() ? 0n : s.size),
    mtimeSec: Math.floor(Number(s.mtimeNs / 1_000_000_000n)), mtimeNsec: Number(s.mtimeNs % 1_000_000_000n),
    atimeSec: Math.floor(Number(s.atimeNs / 1_000_000_000n)), atimeNsec: Number(s.atimeNs % 1_000_000_000n),
    link: s.isSymbolicLink() ? fromBytes(readlinkSync(full, { encoding: 'buffer' })) : ('' as ByteString),
    ...fields,
  });
}

const version = spawnSync('rsync', ['--version'], { encoding: 'utf8' });
/** Empty where a rsync that prints as today's does is here; else why tests beside it are skipped. */
export const WHY_NO_RSYNC = version.status !== 0
  ? 'rsync is not installed'
  : /version (3\.[2-9]|[4-9])/.test(version.stdout) ? '' : 'this rsync is older than 3.2';

/** Runs rsync in `cwd` and returns the bytes of its stdout. */
export function rsyncBytes(cwd: string, args: readonly string[]): Buffer {
  const run = spawnSync('rsync', args, { cwd, env: { ...process.env, LC_ALL: 'C.UTF-8', RSYNC_OLD_ARGS: '' } });
  if (run.status !== 0) throw new Error(`rsync ${args.join(' ')}: ${String(run.stderr)}`);
  return run.stdout;
}

export function rsyncLines(cwd: string, args: readonly string[]): string[] {
  return linesOf(rsyncBytes(cwd, args).toString('utf8'));
}

/** Runs a script that makes files, in `cwd`. */
export function shell(cwd: string, script: string): void {
  const run = spawnSync('sh', ['-euc', script], { cwd, encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${script}: ${run.stderr}`);
}

export function hasCommand(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

export const isRoot = process.getuid?.() === 0;

export const NONE: TypeCounts = { files: 0, dirs: 0, links: 0, devices: 0, specials: 0 };

export function totals(change: Partial<PlanTotals> = {}): PlanTotals {
  return {
    entries: NONE, totalSize: 0, transferFiles: 0, transferBytes: 0, creates: NONE, deletes: NONE, moves: 0, links: 0,
    attributeChanges: 0, operations: 0, ...change,
  };
}

export function outcome(change: Partial<Outcome> = {}): Outcome {
  return {
    exitCode: 0, totals: totals(), created: NONE, deleted: NONE, transferredFiles: 0, transferredBytes: 0, literalBytes: 0, matchedBytes: 0,
    linked: 0, moved: 0, attributesSet: 0, deletionsSkipped: 0, problems: [], problemCount: 0, warningCount: 0, elapsedMs: 1000, scanMs: 2,
    aborted: false, ...change,
  };
}

