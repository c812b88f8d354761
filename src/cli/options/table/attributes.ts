/** Rows of the option table: how equality is decided, attributes, symlinks. */
import { displayName, type ByteString } from '../../../tree/index.js';
import type { AttributeOptions, SymlinkOptions } from '../../../plan/index.js';
import { CommandError, usageError } from '../../errors.js';
import { EXIT } from '../../exit-codes.js';
import { setChown, setIdMap } from '../id-map.js';
import { ONCE_VERIFY, SYNC, SYNC_VERIFY, type OptionSpec, type Section } from '../spec.js';
import { parseInteger } from '../values.js';

const works = 'works';

/** The keys of an options type whose values are plain switches. */
type Switch<T> = { [K in keyof T]-?: T[K] extends boolean ? K : never }[keyof T];

function attribute(field: Switch<AttributeOptions>, row: Pick<OptionSpec, 'name' | 'help'> & Partial<OptionSpec>): OptionSpec {
  return {
    negatable: true, section: 'Attributes', standing: works, commands: SYNC_VERIFY,
    set: (d) => { d.session.attributes[field] = true; }, clear: (d) => { d.session.attributes[field] = false; }, ...row,
  };
}

function symlink(field: Exclude<Switch<SymlinkOptions>, 'mungeLinks'>, row: Pick<OptionSpec, 'name' | 'help'> & Partial<OptionSpec>): OptionSpec {
  return { section: 'Symlinks', standing: works, commands: SYNC_VERIFY, set: (d) => { d.session.symlinks[field] = true; }, ...row };
}

const comparing: Section = 'Comparing';

export const COMPARING: readonly OptionSpec[] = [
  {
    name: 'checksum', short: 'c', negatable: true, section: comparing, standing: works, commands: SYNC_VERIFY,
    help: 'compare contents instead of size and time',
    set: (d) => { d.checksum = true; }, clear: (d) => { d.checksum = false; },
  },
  {
    name: 'ignore-times', short: 'I', section: comparing, standing: works, commands: SYNC,
    help: 'transfer files even where size and time are the same',
    set: (d) => { d.ignoreTimes = true; },
  },
  {
    name: 'size-only', section: comparing, standing: works, commands: SYNC_VERIFY,
    help: 'files of the same size are the same, whatever their time',
    set: (d) => { d.sizeOnly = true; },
  },
  {
    name: 'modify-window', short: '@', argument: 'NUM', section: comparing, standing: works, commands: SYNC_VERIFY,
    help: 'times that differ by up to NUM seconds are the same',
    note: 'The default is 0: times are equal as far as the target can hold them. -1 compares whole nanoseconds in any case.',
    set: (d, value) => { d.session.compare.modifyWindow = Math.max(-1, parseInteger('--modify-window', value)); },
  },
];

export const ATTRIBUTES: readonly OptionSpec[] = [
  attribute('links', { name: 'links', short: 'l', section: 'Symlinks', help: 'keep symlinks as symlinks' }),
  attribute('perms', { name: 'perms', short: 'p', help: 'keep permissions' }),
  attribute('executability', { name: 'executability', short: 'E', negatable: false, help: 'without -p, keep only whether a file is executable' }),
  {
    name: 'chmod', argument: 'CHANGES', section: 'Attributes', standing: works, commands: SYNC_VERIFY,
    help: 'change permissions on the way: u+rwX,go-w, D755,F644',
    note: 'D and F restrict a change to folders or files. Several --chmod options are joined.',
    set: (d, value) => { d.chmod.push(checkedChmod(value)); },
  },
  {
    name: 'acls', short: 'A', negatable: true, section: 'Attributes', standing: works, commands: SYNC_VERIFY,
    help: 'keep POSIX ACLs (implies -p)',
    set: (d) => { d.session.attributes.acls = true; d.session.attributes.perms = true; }, clear: (d) => { d.session.attributes.acls = false; },
  },
  {
    name: 'xattrs', short: 'X', negatable: true, section: 'Attributes', standing: works, commands: SYNC_VERIFY,
    help: "keep extended attributes; twice: --fake-super's own too",
    set: (d) => { d.xattrLevel++; }, clear: (d) => { d.xattrLevel = 0; },
  },
  attribute('owner', { name: 'owner', short: 'o', help: 'keep the owner (as root)' }),
  attribute('group', { name: 'group', short: 'g', help: 'keep the group (as root, or a group of yours)' }),
  attribute('devices', { name: 'devices', help: 'keep device nodes (as root)' }),
  attribute('specials', { name: 'specials', help: 'keep FIFOs and sockets' }),
  {
    name: 'D', negatable: true, section: 'Attributes', standing: works, commands: SYNC_VERIFY,
    help: 'the same as --devices --specials',
    set: (d) => { Object.assign(d.session.attributes, { devices: true, specials: true }); },
    clear: (d) => { Object.assign(d.session.attributes, { devices: false, specials: false }); },
  },
  {
    name: 'drop-D', negatable: true, section: 'Attributes', standing: works, commands: SYNC_VERIFY,
    help: 'make no devices and special files, even where -D or -a asks for them',
    set: (d) => { d.dropDevices = true; }, clear: (d) => { d.dropDevices = false; },
  },
  attribute('copyDevices', { name: 'copy-devices', negatable: false, commands: SYNC, help: "copy a device's content as an ordinary file" }),
  attribute('writeDevices', { name: 'write-devices', commands: SYNC, help: 'write into devices of the target as if they were files (implies --inplace)' }),
  attribute('times', { name: 'times', short: 't', help: 'keep modification times, to the nanosecond' }),
  {
    name: 'atimes', short: 'U', negatable: true, section: 'Attributes', standing: works, commands: SYNC_VERIFY,
    help: 'keep access times; twice: and --open-noatime',
    set: (d) => { d.atimeLevel++; if (d.atimeLevel > 1) d.session.attributes.openNoatime = true; },
    clear: (d) => { d.atimeLevel = 0; },
  },
  attribute('openNoatime', { name: 'open-noatime', help: 'leave the access times of files that are read as they are' }),
  attribute('omitDirTimes', { name: 'omit-dir-times', short: 'O', help: 'leave out folders from -t' }),
  attribute('omitLinkTimes', { name: 'omit-link-times', short: 'J', help: 'leave out symlinks from -t' }),
  {
    name: 'crtimes', short: 'N', negatable: true, section: 'Attributes', standing: 'refused', commands: SYNC_VERIFY,
    help: 'keep birth times',
    note: 'No Linux file system lets a birth time be set. Leave -N out; modification times are kept by -t.',
    set: () => {
      throw new CommandError('UNSUPPORTED', '--crtimes (-N) cannot be kept: the kernel has no call that sets a birth time', {
        exitCode: EXIT.usage, advice: 'Leave -N out; modification times are kept by -t.',
      });
    },
    clear: () => undefined,
  },
  attribute('hardLinks', { name: 'hard-links', short: 'H', help: 'keep hard links between the files that are copied' }),
  attribute('numericIds', { name: 'numeric-ids', help: 'take owners and groups by number, not by name' }),
  {
    name: 'usermap', argument: 'FROM:TO', section: 'Attributes', standing: works, commands: SYNC_VERIFY,
    help: 'map owners: names (with wildcards), ids, ranges of ids; commas between several',
    set: (d, value) => setIdMap(d, 'user', value),
  },
  {
    name: 'groupmap', argument: 'FROM:TO', section: 'Attributes', standing: works, commands: SYNC_VERIFY,
    help: 'map groups, as --usermap does owners',
    set: (d, value) => setIdMap(d, 'group', value),
  },
  {
    name: 'chown', argument: 'USER:GROUP', section: 'Attributes', standing: works, commands: SYNC_VERIFY,
    help: 'give everything this owner and group',
    note: 'The same as --usermap=*:USER --groupmap=*:GROUP; each map can be set only once.',
    set: (d, value) => setChown(d, value),
  },
  {
    name: 'fake-super', section: 'Attributes', standing: works, commands: SYNC_VERIFY,
    help: 'keep owners, modes and devices in an extended attribute, so that no root is needed',
    note: 'Of this side; -M--fake-super for the other one. Between local trees it is about both; there -M--fake-super is for the target alone, --fake-super -M--super for the source alone.',
    set: (d) => { d.fakeSuper = true; },
  },
];

export const SYMLINKS: readonly OptionSpec[] = [
  symlink('copyLinks', { commands: ONCE_VERIFY, name: 'copy-links', short: 'L', help: 'copy what symlinks point to' }),
  symlink('copyUnsafeLinks', { commands: ONCE_VERIFY, name: 'copy-unsafe-links', help: 'copy what a symlink points to where that lies outside the tree' }),
  symlink('safeLinks', { name: 'safe-links', help: 'leave out symlinks that point outside the tree' }),
  symlink('copyDirlinks', { commands: ONCE_VERIFY, name: 'copy-dirlinks', short: 'k', help: 'copy a symlink to a folder as that folder' }),
  symlink('keepDirlinks', { name: 'keep-dirlinks', short: 'K', help: 'a symlink to a folder on the target stands for that folder' }),
  {
    name: 'munge-links', negatable: true, section: 'Symlinks', standing: works, commands: SYNC_VERIFY,
    help: 'unmunge symlinks of the source; -M--munge-links munges those of the target',
    note: 'A munged symlink begins with /rsyncd-munged/ and leads nowhere. The option is about this side, -M about the other; on a local copy the option itself is about the source, as in rsync.',
    set: (d) => { d.munge = true; }, clear: (d) => { d.munge = false; },
  },
];

const CHMOD_ITEM = /^[DF]?(?:[0-7]{1,4}|[ugoa]*[-+=](?:[rwxXst]*|[ugo]))$/;

/** The text of a --chmod whose form is right; its meaning is `plan`'s. */
function checkedChmod(value: ByteString): string {
  for (const item of value.split(',')) {
    if (!CHMOD_ITEM.test(item)) {
      throw usageError(`--chmod=${displayName(value)} is not a list of permission changes`, 'Write it as ug+rwX,o-w or D755,F644.');
    }
  }
  return value;
}
