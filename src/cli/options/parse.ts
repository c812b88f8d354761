/**
 * The whole of a command line → what a command needs. Pure but for the context it is handed: the same
 * arguments, files, environment and time give the same result. Throws a CommandError for what it refuses.
 */
import type { SessionOptions } from '../../plan/index.js';
import { displayName, fromText, type ByteString } from '../../tree/index.js';
import { CommandError, usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { Recurse, type Draft, type FollowingOptions, type SeedWords } from './draft.js';
import { finishBatch, type BatchUse } from './batch.js';
import { finishOutput, finishSession, type Direction } from './finish.js';
import { levelsHelp } from './levels.js';
import { checkLocal, readOperands, type HostSpec } from './operands.js';
import type { ConnectionOptions } from './connection.js';
import type { OutputOptions } from './output.js';
import { readRates } from './rates.js';
import { scanArguments } from './scan.js';
import type { ParseContext, TableCommand } from './spec.js';

/** Something to print instead of running. */
export type Informative = { kind: 'help' } | { kind: 'version' } | { kind: 'text'; text: string };

/** A sync (or a listing, where `target` is undefined or `output.listOnly` is set), or a verify. */
export interface ParsedRun {
  kind: 'run';
  sources: ByteString[];
  /** Undefined: one argument only, the source is listed. */
  target: ByteString | undefined;
  options: SessionOptions;
  output: OutputOptions;
  /** Sources and target are paths on their hosts. */
  direction: Direction;
  host: HostSpec | undefined;
  connection: ConnectionOptions;
  /** It is recorded, or was. */
  batch?: BatchUse;
}

/** A source that is followed. */
export interface ParsedMirror {
  kind: 'run';
  source: ByteString;
  /** For each target a run as the same words would mean with it alone. At least one. */
  targets: readonly (ParsedRun & { target: ByteString })[];
  output: OutputOptions;
  following: FollowingOptions;
}

/** A sync whose plan is kept. */
export interface ParsedPlan extends ParsedRun {
  /** Where the plan goes; `-` is standard output. */
  file: ByteString;
}

/** `apply FILE`. What is not said is as the plan says. */
export interface ParsedApply {
  kind: 'run';
  file: ByteString;
  dryRun: boolean;
  lock: boolean | undefined;
  bwlimit: number | undefined;
  threads: number | undefined;
  stopAt: number | undefined;
  output: OutputOptions;
  /** How the host that the plan names is reached. */
  connection: ConnectionOptions;
}

/** `explain SRC PATH…`. */
export interface ParsedExplain {
  kind: 'run';
  source: ByteString;
  paths: ByteString[];
  options: SessionOptions;
  output: OutputOptions;
}

export function parseSync(args: readonly ByteString[], context: ParseContext): ParsedRun | Informative {
  const { draft, operands } = scanArguments('sync', args, context);
  const instead = informative(draft);
  if (instead !== undefined) return instead;
  if (operands.length === 0) throw noOperands('sync', 'SRC... DST');
  return finishRun(draft, operands, context);
}

export function parseMirror(args: readonly ByteString[], given: ParseContext): ParsedMirror | Informative {
  const context = readingOnce(given);
  const { draft, operands } = scanArguments('mirror', args, context);
  const instead = informative(draft);
  if (instead !== undefined) return instead;
  const [source, ...names] = operands;
  if (source === undefined || names.length === 0) throw noOperands('mirror', 'SRC/ DST...');
  const { following } = draft;
  if (following.longestMs < following.quietMs) throw usageError('--longest-delay is shorter than --quiet-time');
  if (following.timetable !== undefined) readRates(following.timetable, following.timeZone);
  const targets = names.map((target) => {
    const run = finishRun(scanArguments('mirror', args, context).draft, [source, target], context); // read anew for each: a draft becomes one run
    if (run.direction === 'pull') throw new CommandError('UNSUPPORTED', 'a source on another host cannot be followed from here', { exitCode: EXIT.unsupported, advice: 'Run twintree mirror on the host of the source.' });
    if (!run.options.walk.recursive) throw usageError('mirror does not work without --recursive (-r), which it has unless it is taken away');
    return run as ParsedRun & { target: ByteString };
  });
  const [first] = targets as [ParsedRun];
  if (!/(?:^|\/)\.?$/.test(source)) throw usageError('mirror follows the content of a folder', `Write it with a slash at its end: ${displayName(source)}/`);
  return { kind: 'run', source, targets, output: first.output, following };
}

/** Standard input can be read but once. */
function readingOnce(context: ParseContext): ParseContext {
  const known = new Map<ByteString, Buffer | number>();
  return {
    ...context,
    readFile: (path) => {
      const content = known.get(path) ?? context.readFile(path);
      known.set(path, content);
      return content;
    },
  };
}

export function parsePlan(args: readonly ByteString[], context: ParseContext): ParsedPlan | Informative {
  const { draft, operands } = scanArguments('plan', args, context);
  const instead = informative(draft);
  if (instead !== undefined) return instead;
  if (operands.length < 2) throw noOperands('plan', 'SRC... DST -o FILE');
  const file = draft.planFile;
  if (file === undefined || file === '') throw usageError('the file that the plan is kept in is not named', 'Say -o FILE, or -o - for standard output.');
  if (file === '-') {
    if (draft.output.json) throw usageError('--json and the plan cannot both go to standard output', 'Name a file with -o.');
    draft.output.stderr = 'all';
  }
  draft.session.dryRun = true;
  return { ...finishRun(draft, operands, context), file };
}

export function parseApply(args: readonly ByteString[], context: ParseContext): ParsedApply | Informative {
  const { draft, operands } = scanArguments('apply', args, context);
  const instead = informative(draft);
  if (instead !== undefined) return instead;
  const [file, ...more] = operands;
  if (file === undefined) throw noOperands('apply', 'FILE');
  if (more.length > 0) throw usageError('apply takes one plan', 'A plan names its own sources and target.');
  const { dryRun, lock, bwlimit, threads, stopAt } = draft.session;
  return { kind: 'run', file, dryRun, lock: lock ? undefined : false, bwlimit: bwlimit === 0 ? undefined : bwlimit, threads, stopAt, output: finishOutput(draft), connection: draft.connection };
}

export function parseVerify(args: readonly ByteString[], context: ParseContext): ParsedRun | Informative {
  const { draft, operands } = scanArguments('verify', args, context);
  const instead = informative(draft);
  if (instead !== undefined) return instead;
  if (operands.length < 2) throw noOperands('verify', 'SRC... DST');
  if (draft.sizeOnly) draft.checksum = false;
  draft.deleting = draft.recurse !== Recurse.Off || draft.filesFrom !== undefined; // what the source does not have is a difference
  draft.session.dryRun = true;
  if (draft.output.outFormat === undefined && draft.output.itemize === 0) draft.output.itemize = 1; // differences are told unasked
  return finishRun(draft, operands, context);
}

export function parseExplain(args: readonly ByteString[], context: ParseContext): ParsedExplain | Informative {
  const { draft, operands } = scanArguments('explain', args, context);
  const instead = informative(draft);
  if (instead !== undefined) return instead;
  const [source, ...paths] = operands;
  if (source === undefined || paths.length === 0) throw noOperands('explain', 'SRC PATH...');
  checkLocal(source, 'source');
  draft.session.walk.recursive = true;
  draft.deleting = false;
  return { kind: 'run', source, paths, options: finishSession(draft, context), output: finishOutput(draft) };
}

/** `seed export SRC... OUT`. */
export interface ParsedExport {
  kind: 'run';
  sources: ByteString[];
  out: ByteString;
  options: SessionOptions;
  output: OutputOptions;
  compress: boolean;
  words: SeedWords;
}

export function parseExport(args: readonly ByteString[], context: ParseContext): ParsedExport | Informative {
  const { draft, operands } = scanArguments('seed export', args, context);
  const instead = informative(draft);
  if (instead !== undefined) return instead;
  const out = operands.at(-1);
  if (out === undefined || operands.length < 2) throw noOperands('seed export', 'SRC... OUT');
  const sources = operands.slice(0, -1);
  for (const source of sources) checkLocal(source, 'source');
  if (out === '') throw usageError('the archive has no name');
  if (out === '-') {
    if (draft.output.json) throw usageError('--json and the archive cannot both go to standard output', 'Name a file.');
    if (draft.seed.split !== undefined) throw usageError('--split needs a file', 'Standard output has no parts.');
    draft.output.stderr = 'all';
  } else checkLocal(out, 'target');
  return { kind: 'run', sources, out, options: finishSession(draft, context), output: finishOutput(draft), compress: draft.connection.compression === 'on', words: draft.seed };
}

/** `seed import ARCHIVE... DST`; with --check no DST. */
export interface ParsedImport {
  kind: 'run';
  archives: ByteString[];
  target: ByteString | undefined;
  options: SessionOptions;
  output: OutputOptions;
  words: SeedWords;
}

export function parseImport(args: readonly ByteString[], context: ParseContext): ParsedImport | Informative {
  const { draft, operands } = scanArguments('seed import', args, context);
  const instead = informative(draft);
  if (instead !== undefined) return instead;
  const { check } = draft.seed;
  if (operands.length < (check ? 1 : 2)) throw noOperands('seed import', check ? 'ARCHIVE...' : 'ARCHIVE... DST');
  const archives = check ? operands : operands.slice(0, -1);
  const target = check ? undefined : operands.at(-1);
  if (archives.includes('-' as ByteString) && archives.length > 1) throw usageError('standard input is a whole archive', 'Give its parts to cat.');
  for (const archive of archives) if (archive !== '-') checkLocal(archive, 'source');
  if (target !== undefined) checkLocal(target, 'target');
  return { kind: 'run', archives, target, options: finishSession(draft, context), output: finishOutput(draft), words: draft.seed };
}

/** What the doctor judges: this host alone, a run, or a mirror. */
export interface ParsedDoctor {
  kind: 'run';
  work: ParsedRun | ParsedMirror | undefined;
  output: OutputOptions;
}

/** As `sync`, and with --mirror as `mirror`. Without names this host alone is judged. */
export function parseDoctor(args: readonly ByteString[], given: ParseContext): ParsedDoctor | Informative {
  const context = readingOnce(given);
  const end = args.indexOf('--' as ByteString);
  const isMirror = (word: ByteString, k: number): boolean => word === '--mirror' && (end < 0 || k < end);
  const follows = args.some(isMirror);
  const words = args.filter((word, k) => !isMirror(word, k));
  const { draft, operands } = scanArguments(follows ? 'mirror' : 'sync', words, context);
  const instead = informative(draft);
  if (instead !== undefined) return instead;
  if (operands.length === 0) return { kind: 'run', work: undefined, output: finishOutput(draft) };
  const work = follows ? parseMirror(words, context) : parseSync(words, context);
  if (work.kind !== 'run') return work;
  if ('batch' in work) throw usageError('doctor judges no batch', 'Leave --write-batch, --only-write-batch and --read-batch out.');
  return { kind: 'run', work, output: work.output };
}

function finishRun(draft: Draft, words: ByteString[], context: ParseContext): ParsedRun {
  const names = draft.oldArgs ? words.map((each) => (each === '' ? fromText('.') : each)) : words;
  const batch = finishBatch(draft, names.length);
  const reads = batch?.kind === 'read'; // then the target is the only argument
  const sources = names.length === 1 && !reads ? names : names.slice(0, -1);
  const target = names.length === 1 && !reads ? undefined : names[names.length - 1];
  const operands = readOperands(sources, target);
  if (target === undefined) draft.output.listOnly = true;
  if (draft.filesFrom !== undefined && sources.length > 1) {
    throw usageError('--files-from takes one source, below which its names are', `${sources.length} sources were given.`);
  }
  return { kind: 'run', ...operands, options: finishSession(draft, context, operands.direction), output: finishOutput(draft), connection: draft.connection, ...(batch === undefined ? {} : { batch }) };
}

function informative(draft: Draft): Informative | undefined {
  if (draft.help) return { kind: 'help' };
  if (draft.version) return { kind: 'version' };
  if (draft.listLevels !== undefined) return { kind: 'text', text: levelsHelp(draft.listLevels) };
  return undefined;
}

function noOperands(command: TableCommand, operands: string): Error {
  return usageError(`too few arguments: twintree ${command} [OPTION]... ${operands}`, `twintree ${command} --help lists the options.`);
}
