/** Rows of the option table: what is copied, and the filters. */
import { displayName } from '../../../tree/index.js';
import { usageError } from '../../errors.js';
import { Dirs, Recurse } from '../draft.js';
import { addFilter, addFilterShorthand, addPattern, addRuleFile } from '../filters.js';
import { ALL, ONCE, ONCE_VERIFY, SYNC, SYNC_VERIFY, type OptionSpec } from '../spec.js';
import { parseSize } from '../values.js';

const section = 'What is copied';
const works = 'works';

export const WHAT: readonly OptionSpec[] = [
  {
    name: 'archive', short: 'a', section, standing: works, commands: SYNC_VERIFY,
    help: 'the same as -rlptgoD: nearly everything',
    note: 'Not in it: -A, -X, -U and -H. With --files-from, -a does not imply -r.',
    set: (d) => {
      if (d.recurse === Recurse.Off) d.recurse = Recurse.ByArchive;
      Object.assign(d.session.attributes, { links: true, perms: true, times: true, group: true, owner: true, devices: true, specials: true });
    },
  },
  {
    name: 'recursive', short: 'r', negatable: true, section, standing: works, commands: SYNC_VERIFY,
    help: 'with everything below the folders',
    set: (d) => { d.recurse = Recurse.Asked; }, clear: (d) => { d.recurse = Recurse.Off; },
  },
  {
    name: 'dirs', short: 'd', negatable: true, section, standing: works, commands: ONCE,
    help: 'folders themselves without recursing; with a trailing slash their entries too',
    note: 'Implied by --files-from and --list-only; --no-dirs turns that off.',
    set: (d) => { d.dirs = Dirs.On; }, clear: (d) => { d.dirs = Dirs.Off; },
  },
  {
    name: 'old-dirs', aliases: ['old-d'], section, standing: works, commands: ONCE,
    help: "the same as -r --exclude='/*/*'",
    set: (d) => { d.dirs = Dirs.Old; },
  },
  {
    name: 'relative', short: 'R', negatable: true, section, standing: works, commands: ONCE_VERIFY,
    help: 'keep the path of each source as it is named; /./ marks where it begins',
    set: (d) => { d.relative = true; }, clear: (d) => { d.relative = false; },
  },
  {
    name: 'implied-dirs', aliases: ['i-d'], negatable: true, shownNegated: true, section, standing: works, commands: ONCE_VERIFY,
    help: 'with -R, leave the folders on the way to a source as they are',
    set: (d) => { d.session.walk.impliedDirs = true; }, clear: (d) => { d.session.walk.impliedDirs = false; },
  },
  {
    name: 'one-file-system', short: 'x', negatable: true, section, standing: works, commands: SYNC_VERIFY,
    help: 'stay on the file system of each source; twice: leave out mount points too',
    set: (d) => { d.session.walk.oneFileSystem = d.session.walk.oneFileSystem === 0 ? 1 : 2; },
    clear: (d) => { d.session.walk.oneFileSystem = 0; },
  },
  {
    name: 'prune-empty-dirs', short: 'm', negatable: true, section, standing: works, commands: ONCE_VERIFY,
    help: 'leave out chains of folders that would be empty',
    set: (d) => { d.session.walk.pruneEmptyDirs = true; }, clear: (d) => { d.session.walk.pruneEmptyDirs = false; },
  },
  {
    name: 'mkpath', negatable: true, section, standing: works, commands: SYNC,
    help: 'make the missing folders of the path to the target',
    set: (d) => { d.session.replace.mkpath = true; }, clear: (d) => { d.session.replace.mkpath = false; },
  },
  {
    name: 'files-from', argument: 'FILE', section, standing: works, commands: ONCE_VERIFY,
    help: 'copy exactly the names listed in FILE, below the one source; - is standard input',
    note: 'Implies -R and -d (which --no-R and --no-d turn off). Lines that begin with # or ; are comments.',
    set: (d, value) => {
      if (/^[^/]*:/.test(value)) throw usageError(`--files-from=${displayName(value)} is remote, and both trees are local`, 'Write ./NAME for a local file with a colon in its name.');
      d.filesFrom = value;
    },
  },
  {
    name: 'max-size', argument: 'SIZE', section, standing: works, commands: SYNC_VERIFY,
    help: 'do not transfer files larger than SIZE',
    note: 'SIZE is a number with B, K, M, G, T or P: alone or with iB in units of 1024, with B (KB) of 1000; then perhaps +1 or -1.',
    set: (d, value) => { d.session.compare.maxSize = parseSize('--max-size', value); },
  },
  {
    name: 'min-size', argument: 'SIZE', section, standing: works, commands: SYNC_VERIFY,
    help: 'do not transfer files smaller than SIZE',
    set: (d, value) => { d.session.compare.minSize = parseSize('--min-size', value); },
  },
  {
    name: 'existing', aliases: ['ignore-non-existing'], section, standing: works, commands: SYNC,
    help: 'make nothing new on the target, only update',
    set: (d) => { d.session.compare.existing = true; d.session.compare.ignoreNonExisting = true; },
  },
  {
    name: 'ignore-existing', section, standing: works, commands: SYNC,
    help: 'leave files alone that the target already has',
    set: (d) => { d.session.compare.ignoreExisting = true; },
  },
  {
    name: 'update', short: 'u', section, standing: works, commands: SYNC,
    help: 'leave files alone that are newer on the target',
    set: (d) => { d.session.compare.update = true; },
  },
  {
    name: 'remove-source-files', section, standing: works, commands: ONCE,
    help: 'remove files (not folders) from the source once they are on the target',
    set: (d) => { d.session.replace.removeSourceFiles = true; },
  },
  {
    name: 'ignore-missing-args', section, standing: works, commands: ONCE,
    help: 'a source that does not exist is no error',
    set: (d) => { if (d.session.delete.missingArgs === 'error') d.session.delete.missingArgs = 'ignore'; },
  },
  {
    name: 'delete-missing-args', section, standing: works, commands: ONCE,
    help: 'a source that does not exist is deleted on the target',
    set: (d) => { d.session.delete.missingArgs = 'delete'; },
  },
];

const filters = 'Filters';

export const FILTERS: readonly OptionSpec[] = [
  {
    name: 'filter', short: 'f', argument: 'RULE', section: filters, standing: works, commands: ALL,
    help: 'add a filter rule: + - P R H S . : ! with their modifiers',
    note: 'All filter options keep their order on the command line; the first rule that matches decides.',
    set: (d, value, context) => addFilter(d, value, context),
  },
  {
    name: 'F', section: filters, standing: works, commands: ALL,
    help: 'per-folder rules in .rsync-filter files; twice: and leave these files out',
    note: "Once it is --filter=': /.rsync-filter', the second time --filter='- .rsync-filter'.",
    set: (d, _value, context) => addFilterShorthand(d, context),
  },
  {
    name: 'exclude', argument: 'PATTERN', section: filters, standing: works, commands: ALL,
    help: 'leave out what matches PATTERN',
    set: (d, value) => addPattern(d, 'exclude', value),
  },
  {
    name: 'include', argument: 'PATTERN', section: filters, standing: works, commands: ALL,
    help: 'do not leave out what matches PATTERN',
    set: (d, value) => addPattern(d, 'include', value),
  },
  {
    name: 'exclude-from', argument: 'FILE', section: filters, standing: works, commands: ALL,
    help: 'read exclude patterns from FILE; - is standard input',
    set: (d, value, context) => addRuleFile(d, 'exclude', value, context),
  },
  {
    name: 'include-from', argument: 'FILE', section: filters, standing: works, commands: ALL,
    help: 'read include patterns from FILE; - is standard input',
    set: (d, value, context) => addRuleFile(d, 'include', value, context),
  },
  {
    name: 'from0', short: '0', negatable: true, section: filters, standing: works, commands: ALL,
    help: 'entries of the files named after this option (and of --files-from) end with NUL',
    set: (d) => { d.from0 = true; }, clear: (d) => { d.from0 = false; },
  },
  {
    name: 'cvs-exclude', short: 'C', section: filters, standing: works, commands: ALL,
    help: 'leave out what CVS would: object files, backups, .git/ and the like',
    note: 'These rules come after all others, wherever -C stands; --filter=:C and --filter=-C put them in a place of your choice.',
    set: (d) => { d.cvsExclude = true; },
  },
  {
    name: 'gitignore', negatable: true, ours: true, section: filters, standing: works, commands: ALL,
    help: 'leave out what the .gitignore files of the source leave out, after all other rules; --delete spares it',
    set: (d) => { d.session.walk.gitignore = true; }, clear: (d) => { d.session.walk.gitignore = false; },
  },
];
