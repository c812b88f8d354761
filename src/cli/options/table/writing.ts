/** Rows of the option table: deleting, how an entry gets its place, safety and limits. */
import type { ReplaceOptions } from '../../../plan/index.js';
import { isTimetable } from '../../../schedule/index.js';
import { displayName, type ByteString } from '../../../tree/index.js';
import { usageError } from '../../errors.js';
import type { Draft } from '../draft.js';
import { ALL, ONCE, ONCE_RUNS, RUNS, SHOWN, SYNC, SYNC_MIRROR, SYNC_VERIFY, type OptionSpec, type Section } from '../spec.js';
import { parseDeleteLimit, parseDuration, parseInteger, parseRate, parseSize, parseStopAfter, parseStopAt } from '../values.js';

const works = 'works';
const deleting: Section = 'Deleting';

export const DELETING: readonly OptionSpec[] = [
  {
    name: 'delete', section: deleting, standing: works, commands: SYNC,
    help: 'delete from the target what the source does not have; last of all',
    note: 'Only in folders that are copied whole, never after a source folder could not be read (but see --ignore-errors). Without a --delete-WHEN, deletions come after everything else.',
    set: (d) => { d.deleting = true; },
  },
  {
    name: 'delete-before', section: deleting, standing: works, commands: SYNC,
    help: 'delete before anything is copied', set: (d) => { d.deleting = true; d.deleteBefore = true; },
  },
  {
    name: 'delete-during', aliases: ['del'], section: deleting, standing: works, commands: SYNC,
    help: 'delete in each folder as its turn comes', set: (d) => { d.deleting = true; d.deleteDuring = 'during'; },
  },
  {
    name: 'delete-delay', section: deleting, standing: works, commands: SYNC,
    help: 'decide in each folder as its turn comes, delete at the end', set: (d) => { d.deleting = true; d.deleteDuring = 'delay'; },
  },
  {
    name: 'delete-after', section: deleting, standing: works, commands: SYNC,
    help: 'delete after everything is copied', set: (d) => { d.deleting = true; d.deleteAfter = true; },
  },
  {
    name: 'delete-excluded', section: deleting, standing: works, commands: ALL,
    help: 'delete excluded names on the target too', set: (d) => { d.deleting = true; d.session.delete.excluded = true; },
  },
  {
    name: 'ignore-errors', negatable: true, section: deleting, standing: works, commands: SYNC,
    help: 'delete even where something of the source could not be read',
    set: (d) => { d.session.delete.ignoreErrors = true; }, clear: (d) => { d.session.delete.ignoreErrors = false; },
  },
  {
    name: 'force', negatable: true, section: deleting, standing: works, commands: SYNC,
    help: 'without --delete too, a folder that is in the way of a file is deleted with its content',
    set: (d) => { d.session.delete.force = true; }, clear: (d) => { d.session.delete.force = false; },
  },
  {
    name: 'max-delete', argument: 'NUM', section: deleting, standing: works, commands: ONCE,
    help: 'stop deleting after NUM entries (exit code 25)',
    note: '--delete-limit refuses before the first deletion instead.',
    set: (d, value) => { d.session.delete.maxDelete = Math.max(0, parseInteger('--max-delete', value)); },
  },
  {
    name: 'delete-limit', argument: 'N|P%', ours: true, section: deleting, standing: works, commands: SYNC,
    help: 'refuse the run where more than N entries, or P% of the target, would be deleted (exit code 70)',
    set: (d, value) => { d.session.delete.limit = parseDeleteLimit('--delete-limit', value); },
  },
  {
    name: 'detect-moves', negatable: true, shownNegated: true, ours: true, section: deleting, standing: works, commands: SYNC,
    help: 'with --delete, copy a renamed file or folder again instead of renaming it on the target',
    set: (d) => { d.session.delete.detectMoves = true; }, clear: (d) => { d.session.delete.detectMoves = false; },
  },
];

type ReplaceSwitch = { [K in keyof ReplaceOptions]-?: ReplaceOptions[K] extends boolean | undefined ? K : never }[keyof ReplaceOptions];

function replace(field: ReplaceSwitch, row: Pick<OptionSpec, 'name' | 'help'> & Partial<OptionSpec>): OptionSpec {
  return {
    negatable: true, section: 'Replacing', standing: works, commands: SYNC,
    set: (d) => { d.session.replace[field] = true; }, clear: (d) => { d.session.replace[field] = false; }, ...row,
  };
}

const replacing: Section = 'Replacing';
const MAX_ALT_DIRS = 20;

function altDest(kind: 'link' | 'copy' | 'compare', help: string): OptionSpec {
  return {
    name: `${kind}-dest`, argument: 'DIR', section: replacing, standing: works, commands: SYNC, help,
    note: 'May be given several times, of one kind. A relative DIR is below the target.',
    set: (d, value) => addAltDest(d, kind, value),
  };
}

function addAltDest(draft: Draft, kind: 'link' | 'copy' | 'compare', dir: ByteString): void {
  const alt = draft.session.replace.altDest;
  if (alt === undefined) draft.session.replace.altDest = { kind, dirs: [dir] };
  else if (alt.kind !== kind) throw usageError(`--${kind}-dest conflicts with the earlier --${alt.kind}-dest`, 'Only one kind can be used in a run.');
  else if (alt.dirs.length >= MAX_ALT_DIRS) throw usageError(`--${kind}-dest can be given ${MAX_ALT_DIRS} times at most`);
  else alt.dirs.push(dir);
}

export const REPLACING: readonly OptionSpec[] = [
  replace('inplace', {
    name: 'inplace', help: 'write into the file itself instead of replacing it by a new one',
    note: 'Hard links stay (with -H a file that has more names than the source\'s gets a new one), but a reader sees the file half written. With --no-whole-file, and between hosts, a journal lets the next run undo what a killed one left; else the next run finishes it.',
  }),
  {
    name: 'append', negatable: true, section: replacing, standing: works, commands: SYNC,
    help: 'append to files that are shorter on the target, trusting what is there',
    set: (d) => { d.session.replace.append = 'append'; }, clear: (d) => { d.session.replace.append = false; },
  },
  {
    name: 'append-verify', section: replacing, standing: works, commands: SYNC,
    help: 'as --append, and check what is there',
    set: (d) => { d.session.replace.append = 'verify'; },
  },
  {
    name: 'whole-file', short: 'W', negatable: true, section: replacing, standing: works, commands: SYNC,
    help: 'write changed files whole; --no-whole-file: only their changed blocks',
    set: (d) => { d.session.replace.wholeFile = true; }, clear: (d) => { d.session.replace.wholeFile = false; },
  },
  {
    name: 'fuzzy', short: 'y', negatable: true, section: replacing, standing: works, commands: SYNC,
    help: 'build a file that the target lacks from a similar one in its folder; twice: or in the folders of --link-dest and its kin',
    note: 'The one of the same size and time, else the one whose name is most alike. It saves bytes between hosts; between local trees nothing is looked for, as both files would have to be read. Renamed files are found before, by content (with --delete).',
    set: (d) => { d.session.replace.fuzzy = d.session.replace.fuzzy === undefined ? 1 : 2; }, clear: (d) => { delete d.session.replace.fuzzy; },
  },
  replace('sparse', { name: 'sparse', short: 'S', help: 'write runs of zeros as holes' }),
  replace('preallocate', { name: 'preallocate', negatable: false, help: 'allocate the whole file before writing' }),
  {
    name: 'temp-dir', short: 'T', argument: 'DIR', section: replacing, standing: works, commands: SYNC,
    help: 'make temporary files in DIR instead of beside their place',
    set: (d, value) => { d.session.replace.tempDir = value; },
  },
  replace('delayUpdates', { name: 'delay-updates', help: 'put all changed files into place at the end' }),
  replace('partial', { name: 'partial', help: 'keep what was already transferred of a file when the run is ended' }),
  {
    name: 'partial-dir', argument: 'DIR', section: replacing, standing: works, commands: SYNC,
    help: 'keep partly transferred files in DIR (implies --partial)',
    set: (d, value) => { d.session.replace.partialDir = value; },
  },
  replace('backup', { name: 'backup', short: 'b', help: 'keep what is replaced or deleted, with a suffix' }),
  {
    name: 'backup-dir', argument: 'DIR', section: replacing, standing: works, commands: SYNC,
    help: 'keep it in DIR instead (implies -b)',
    set: (d, value) => { d.session.replace.backupDir = value; },
  },
  {
    name: 'backup-keep', argument: 'TIME', ours: true, section: replacing, standing: works, commands: SYNC,
    help: 'keep backups for TIME (30d): in a folder for each day below --backup-dir, of which old ones are removed',
    note: 'See backups.md.',
    set: (d, value) => { d.session.replace.backupKeep = { bytes: undefined, ...d.session.replace.backupKeep, ageMs: parseDuration('--backup-keep', value, 86_400_000, 36_600 * 86_400_000) }; },
  },
  {
    name: 'backup-max', argument: 'SIZE', ours: true, section: replacing, standing: works, commands: SYNC,
    help: "keep at most SIZE of backups: in a folder for each day, of which the oldest are removed, today's never",
    set: (d, value) => { d.session.replace.backupKeep = { ageMs: undefined, ...d.session.replace.backupKeep, bytes: parseSize('--backup-max', value) }; },
  },
  {
    name: 'suffix', argument: 'SUFFIX', section: replacing, standing: works, commands: SYNC,
    help: 'the suffix of backups (~; with --backup-dir: none)',
    set: (d, value) => { d.suffix = value; },
  },
  altDest('link', 'hard-link files that are unchanged from DIR'),
  altDest('copy', 'copy files that are unchanged from DIR'),
  altDest('compare', 'leave out files that are unchanged in DIR'),
  replace('fsync', { name: 'fsync', negatable: false, help: 'write every file through to the disk before it counts' }),
  replace('durable', {
    name: 'durable', ours: true, commands: ['sync', 'mirror'], help: "end only when all is on the target's disk",
    clear: (d) => { delete d.session.replace.durable; },
    note: 'Cheaper than --fsync: the disk is waited for once. With mirror it is on, and --no-durable ends a batch as soon as the kernel has it.',
  }),
];

const safety: Section = 'Safety and limits';

export const SAFETY: readonly OptionSpec[] = [
  {
    name: 'dry-run', short: 'n', section: safety, standing: works, commands: ONCE_RUNS,
    help: 'show what would be done and change nothing',
    set: (d) => { d.session.dryRun = true; },
  },
  {
    name: 'guard-root', ours: true, negatable: true, section: safety, standing: works, commands: SYNC,
    help: 'remember the roots, and refuse a source that was exchanged or has become empty',
    note: 'For what runs unattended: a file system that is not mounted must not empty its copy.',
    set: (d) => { d.session.guard.root = true; }, clear: (d) => { d.session.guard.root = false; },
  },
  {
    name: 'state', ours: true, negatable: true, section: safety, standing: works, commands: SYNC_VERIFY,
    help: 'keep between runs what was learnt, and do not read again what was not touched since',
    note: 'With --checksum and verify: a file whose fingerprint, ctime included, is as it was is not read again. With --delete: folders and files that were moved at the source are moved on the target, edited ones too. Between hosts also with sums of large files, kept on both: a delta then reads only the source, and asks for little. Kept on the host of the target (and of both, where both are here); see state.md.',
    set: (d) => { d.session.state = true; }, clear: (d) => { delete d.session.state; },
  },
  {
    name: 'clone-dir', argument: 'DIR', ours: true, section: safety, standing: works, commands: SYNC_MIRROR,
    help: 'keep clones of what is sent in DIR, and find what has changed in large files without reading them',
    note: 'With --state, between hosts. DIR is on the host of the source and on its file system, which is btrfs or xfs, outside of the tree; see state.md.',
    set: (d, value) => { d.session.cloneDir = value; },
  },
  {
    name: 'reserve', argument: 'SIZE', ours: true, section: safety, standing: works, commands: SYNC,
    help: "refuse a run that would leave less than SIZE free on the target's file system",
    set: (d, value) => { d.session.guard.reserveBytes = parseSize('--reserve', value); },
  },
  {
    name: 'lock', ours: true, negatable: true, shownNegated: true, section: safety, standing: works, commands: RUNS,
    help: 'run even while another run works on the same target',
    set: (d) => { d.session.lock = true; }, clear: (d) => { d.session.lock = false; },
  },
  {
    name: 'threads', argument: 'N', ours: true, section: safety, standing: works, commands: [...SHOWN, 'mirror'],
    help: 'use N worker threads',
    set: (d, value) => { d.session.threads = parseInteger('--threads', value, 1, 256); },
  },
  {
    name: 'bwlimit', argument: 'RATE', negatable: true, section: safety, standing: works, commands: RUNS,
    help: 'write at most RATE KiB a second (or with a unit); 0 is no limit; mirror: also a timetable',
    note: 'A timetable such as "mon-fri 08-18 2M, else full": see mirror.md.',
    set: (d, value) => {
      const clocked = isTimetable(value);
      d.session.bwlimit = clocked ? 0 : parseRate('--bwlimit', value);
      d.following.timetable = clocked ? displayName(value) : undefined;
    },
    clear: (d) => {
      d.session.bwlimit = 0;
      d.following.timetable = undefined;
    },
  },
  {
    name: 'stop-after', aliases: ['time-limit'], argument: 'MINS', section: safety, standing: works, commands: ONCE_RUNS,
    help: 'stop after MINS minutes (exit code 30)',
    set: (d, value, context) => { d.session.stopAt = parseStopAfter('--stop-after', value, context.now); },
  },
  {
    name: 'stop-at', argument: 'y-m-dTh:m', section: safety, standing: works, commands: ONCE_RUNS,
    help: 'stop at this point in time (exit code 30)',
    set: (d, value, context) => { d.session.stopAt = parseStopAt('--stop-at', value, context.now); },
  },
];
