/**
 * The end of a command line: what was said → SessionOptions and OutputOptions. Here are the rules that
 * need all of it: what options imply for each other whatever their order, and which exclude each other.
 */
import type { SessionOptions } from '../../plan/index.js';
import { displayName, fromText, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { Dirs, Recurse, type Draft } from './draft.js';
import { addPattern, allRules, readFileList } from './filters.js';
import { debugLevels, infoLevels } from './levels.js';
import type { HumanLevel, OutputOptions } from './output.js';
import type { ParseContext } from './spec.js';

/** Which way the data goes: between local trees, to another host, or from one. */
export type Direction = 'local' | 'push' | 'pull';

/** Settles the session's part. `draft.output.listOnly` must be settled before. */
export function finishSession(draft: Draft, context: ParseContext, direction: Direction = 'local'): SessionOptions {
  const session = draft.session;
  if (draft.secludedArgs && draft.oldArgs) throw usageError('--secluded-args conflicts with --old-args');
  finishWalk(draft);
  finishCompare(draft);
  finishAttributes(draft, direction);
  finishReplace(draft, context);
  finishDelete(draft);
  if (session.cloneDir !== undefined) {
    if (session.state !== true) throw usageError('--clone-dir needs --state', 'What a clone is of is kept in the state.');
    if (direction === 'local') throw usageError('--clone-dir is for transfers between hosts');
  }
  if (draft.from0) session.walk.nulRules = true;
  if (draft.filesFrom !== undefined) session.filesFrom = readFileList(draft.filesFrom, draft.from0, context);
  session.filters = allRules(draft, context);
  if (draft.output.listOnly) session.dryRun = true;
  return session;
}

function finishWalk(draft: Draft): void {
  const { walk } = draft.session;
  const listed = draft.filesFrom !== undefined;
  walk.recursive = draft.recurse === Recurse.Asked || (draft.recurse === Recurse.ByArchive && !listed);
  if (draft.dirs === Dirs.Old) {
    addPattern(draft, 'exclude', fromText('/*/*'));
    walk.recursive = true;
  }
  const implied = listed || draft.output.listOnly;
  walk.dirs = !walk.recursive && (draft.dirs === Dirs.On || (draft.dirs === Dirs.Unsaid && implied));
  walk.relative = draft.relative ?? listed;
}

function finishCompare(draft: Draft): void {
  const { compare } = draft.session;
  compare.mode = draft.checksum ? 'checksum' : draft.sizeOnly ? 'size-only' : draft.ignoreTimes ? 'ignore-times' : 'quick';
  if (draft.checksum && draft.noComparingSum) throw usageError('--checksum needs a checksum, and --checksum-choice says none');
}

function finishAttributes(draft: Draft, direction: Direction): void {
  const { attributes, symlinks } = draft.session;
  if (draft.dropDevices) {
    attributes.devices = false;
    attributes.specials = false;
  }
  attributes.atimes = draft.atimeLevel > 0;
  attributes.xattrs = draft.xattrLevel > 0;
  if (draft.xattrLevel > 1) attributes.allXattrs = true;
  const own = draft.fakeSuper;
  const other = draft.connection.remoteFakeSuper ?? (direction === 'local' && own);
  const [source, target] = direction === 'pull' ? [other, own] : [own, other];
  if ((source || target) && draft.xattrLevel > 1) throw usageError('--fake-super conflicts with -XX', 'It keeps its own attributes to itself; say -X.');
  attributes.fakeSuper = { source, target };
  if (draft.chmod.length > 0) attributes.chmod = draft.chmod.join(',');
  const munged = draft.connection.remoteMunge ?? false;
  symlinks.mungeLinks = direction === 'pull' ? draft.munge : munged;
  if (direction === 'pull' ? munged : draft.munge) symlinks.unmungeLinks = true;
}

function finishReplace(draft: Draft, context: ParseContext): void {
  const { replace, attributes } = draft.session;
  const suffix = draft.suffix ?? (replace.backupDir === undefined ? fromText('~') : ('' as ByteString));
  if (suffix.includes('/')) throw usageError('--suffix cannot hold a slash', '--backup-dir=DIR puts backups into another folder.');
  if (replace.backupKeep !== undefined && (replace.backupDir === undefined || /^(?:\.\/*)*$/.test(replace.backupDir))) throw usageError('--backup-keep and --backup-max need a --backup-dir, of their own', 'They remove folders in it whose name is a day.');
  if (replace.backupDir !== undefined) {
    replace.backupDir = trimDot(replace.backupDir);
    replace.backup = true;
    if (suffix === '' && replace.backupDir === '') throw usageError('--suffix cannot be empty where --backup-dir is the target itself');
  } else if (suffix === '') throw usageError('--suffix cannot be empty without a --backup-dir');
  else if (replace.backup) attributes.omitDirTimes = true; // a backup beside its file would disturb the folder's time at each run
  replace.suffix = suffix;

  const appending = replace.append !== false;
  if (appending && replace.wholeFile === true) throw usageError('--append cannot be used with --whole-file');
  if (appending || attributes.writeDevices) replace.inplace = true;
  if (replace.inplace) {
    const option = appending ? '--append' : '--inplace';
    if (replace.partialDir !== undefined) throw usageError(`${option} cannot be used with --partial-dir`);
    if (replace.delayUpdates) throw usageError(`${option} cannot be used with --delay-updates`);
    replace.partial = true;
    return;
  }
  if (replace.partial && replace.partialDir === undefined && !replace.delayUpdates) replace.partialDir = context.env('RSYNC_PARTIAL_DIR');
  if (replace.partialDir !== undefined) {
    replace.partial = true;
    if (replace.partialDir === '' || replace.partialDir === '.') replace.partialDir = undefined;
    else if (replace.partialDir.length > 1) replace.partialDir = replace.partialDir.replace(/\/+$/, '') as ByteString;
  }
}

/** `./././x` → `x`, `.` → ``: a backup folder is below the target as it is. */
function trimDot(dir: ByteString): ByteString {
  const trimmed = dir.replace(/^(?:\.\/+)+/, '');
  return (trimmed === '.' ? '' : trimmed) as ByteString;
}

function finishDelete(draft: Draft): void {
  const { delete: del, walk } = draft.session;
  const asked = [draft.deleteBefore, draft.deleteDuring !== false, draft.deleteAfter].filter(Boolean).length;
  if (asked > 1) throw usageError('only one of --delete-before, --delete-during, --delete-delay and --delete-after can be used');
  if (!draft.deleting) return;
  if (!walk.recursive && !walk.dirs && draft.batch.read === undefined) throw usageError('--delete does not work without --recursive (-r) or --dirs (-d)');
  if (draft.deleteDuring !== false) del.when = draft.deleteDuring;
  else del.when = draft.deleteBefore ? 'before' : 'after';
}

/** Settles what is shown: levels from -v, then what options imply, then what was asked by name. */
export function finishOutput(draft: Draft): OutputOptions {
  const output = draft.output;
  const info = infoLevels(output.verbosity, new Map());
  const format = output.outFormat ?? (output.itemize > 0 ? '%i %n%L' : undefined);
  if (draft.progress) {
    const namedBefore = format !== undefined && !/%[-0-9']*[bcC]/.test(format);
    if (!namedBefore && info.NAME === 0) info.NAME = 1;
    info.FLIST = 2;
    info.PROGRESS = 1;
  }
  if (output.stats) info.STATS = output.verbosity > 1 ? 3 : 2;
  for (const [name, level] of draft.infoAsked) info[name as keyof typeof info] = level;
  output.info = info;
  output.debug = debugLevels(output.verbosity, draft.debugAsked);
  output.stats = info.STATS >= 2;
  output.outFormat = format ?? (info.NAME > 0 ? '%n%L' : undefined);
  output.progress = info.PROGRESS === 0 ? 'none' : info.PROGRESS === 1 ? 'files' : 'total';
  output.human = Math.min(draft.human, 3) as HumanLevel;
  if (draft.outbuf !== undefined) output.outbuf = bufferMode(draft.outbuf);
  return output;
}

function bufferMode(value: ByteString): OutputOptions['outbuf'] {
  switch (value.slice(0, 1).toLowerCase()) {
    case 'n': case 'u': return 'none';
    case 'l': return 'line';
    case 'b': case 'f': return 'block';
    default: throw usageError(`--outbuf=${displayName(value)} is not one of N, L or B`);
  }
}
