/**
 * The target argument → an open root, by rsync's rules: an existing folder, a folder to be made, or the
 * place of one file under a name of its own. Also the other folders the options name on the target's side.
 */
import { posix as path } from 'node:path';
import { Errno, errnoText, makeFolders, type Posix } from '../fs/index.js';
import { DEFAULT_ACL, parseAcl, permsOfAcl, type SessionOptions } from '../plan/index.js';
import { joinPath, StatTable, TwintreeError, type ByteString } from '../tree/index.js';
import type { Sources } from './sources.js';

/** The target before anything is changed. */
export interface Target {
  /** Path of the root folder, for people and for making it. */
  path: ByteString;
  /** Handle of the root; -1 where it has to be made. */
  fd: number;
  /** Set where one file is copied under another name. */
  alias: { name: ByteString; source: ByteString } | undefined;
}

/** Finds out what the target argument means; changes nothing. @throws TwintreeError TARGET_UNUSABLE, TARGET_NOT_MADE. */
export function findTarget(posix: Posix, argument: ByteString, sources: Sources, sourceCount: number, mkpath: boolean): Target {
  const trimmed = (argument.replace(/\/+$/, '') || (argument === '' ? '.' : '/')) as ByteString;
  const folder = posix.openRoot(argument === '' ? ('.' as ByteString) : argument);
  if (folder >= 0) return { path: trimmed, fd: folder, alias: undefined };
  const single = sourceCount === 1 ? sources.single : undefined;
  const parentPath = (path.dirname(trimmed)) as ByteString;
  const name = path.basename(trimmed) as ByteString;
  if (folder === -Errno.ENOTDIR) {
    if (single === undefined || argument.endsWith('/')) {
      throw new TwintreeError('TARGET_UNUSABLE', 'the target is not a folder', { path: argument, advice: 'Name a folder, or copy one file onto another.' });
    }
  } else if (folder === -Errno.ENOENT) {
    if (single === undefined || argument.endsWith('/')) {
      mayBeMade(posix, parentPath, name, mkpath);
      return { path: trimmed, fd: -1, alias: undefined };
    }
  } else {
    throw new TwintreeError('TARGET_UNUSABLE', `the target cannot be opened: ${errnoText(-folder)}`, { path: argument });
  }
  const parent = posix.openRoot(parentPath);
  if (parent === -Errno.ENOENT && mkpath) return { path: parentPath, fd: -1, alias: { name, source: single.name } };
  if (parent < 0) {
    throw new TwintreeError('TARGET_UNUSABLE', `the folder of the target cannot be opened: ${errnoText(-parent)}`, { path: parentPath, advice: 'Make it first, or use --mkpath.' });
  }
  return { path: parentPath, fd: parent, alias: { name, source: single.name } };
}

/** What would keep the root folder from being made, told before anything is done and by a dry run too. @throws TwintreeError. */
function mayBeMade(posix: Posix, parentPath: ByteString, name: ByteString, mkpath: boolean): void {
  const parent = posix.openRoot(parentPath);
  if (parent < 0) {
    if (parent === -Errno.ENOENT && mkpath) return;
    throw new TwintreeError('TARGET_NOT_MADE', `the folder above the target cannot be opened: ${errnoText(-parent)}`, { path: parentPath, advice: 'Make it first, or use --mkpath.' });
  }
  const stands = posix.stat(parent, name, new StatTable(1), 0) === 0;
  posix.close(parent);
  if (stands) throw new TwintreeError('TARGET_NOT_MADE', 'the target is a symlink that points nowhere', { path: parentPath === '.' ? name : joinPath(parentPath, name) });
}

/** How many folders have to be made for the root to stand: 0 where it stands, 1 without --mkpath. */
export function foldersToMake(posix: Posix, target: Target): number {
  let count = 0;
  if (target.fd >= 0) return count;
  for (let at = path.normalize(target.path); ; at = path.dirname(at)) {
    const fd = posix.openRoot(at as ByteString);
    if (fd >= 0) posix.close(fd);
    if (fd >= 0 || at === '/' || at === '.') return count;
    count++;
  }
}

/** Makes the root folder (and with --mkpath those above it), 0700 until its own attributes are set. @throws TwintreeError. */
export function makeTarget(posix: Posix, target: Target, mkpath: boolean, umask: number): void {
  if (target.fd >= 0) return;
  const parentPath = path.dirname(target.path) as ByteString;
  const parent = mkpath ? makeFolders(posix, parentPath, 0o777 & ~umask) : posix.openRoot(parentPath);
  if (parent < 0) {
    throw new TwintreeError('TARGET_NOT_MADE', `the folder above the target cannot be opened: ${errnoText(-parent)}`, { path: parentPath, advice: 'Make it first, or use --mkpath.' });
  }
  const name = path.basename(target.path) as ByteString;
  const made = posix.mkdir(parent, name, 0o700);
  if (made < 0 && made !== -Errno.EEXIST) {
    posix.close(parent);
    throw new TwintreeError('TARGET_NOT_MADE', `the target folder cannot be made: ${errnoText(-made)}`, { path: target.path });
  }
  const fd = posix.openDir(parent, name);
  posix.close(parent);
  if (fd < 0) throw new TwintreeError('TARGET_UNUSABLE', `the target folder cannot be opened: ${errnoText(-fd)}`, { path: target.path });
  target.fd = fd;
}

/** Handle of the deepest folder on the way to `where` that exists; the caller closes it. Below zero where none opens. */
export function openNearest(posix: Posix, where: ByteString): number {
  for (let at: string = where; ;) {
    const up = path.dirname(at);
    const fd = posix.openRoot(up as ByteString);
    if (fd !== -Errno.ENOENT || up === at) return fd;
    at = up;
  }
}

/** What a default access list above a root that has to be made lets its permissions be; -1 where there is none. */
export function inheritedByRoot(posix: Posix, target: Target): number {
  const fd = openNearest(posix, target.path);
  if (fd < 0) return -1;
  const value = posix.fgetXattr(fd, DEFAULT_ACL);
  posix.close(fd);
  const acl = typeof value === 'number' ? undefined : parseAcl(value);
  return acl === undefined ? -1 : permsOfAcl(acl);
}

/**
 * Where a folder named by an option lies: relative ones are below the target root. A target that does
 * not exist yet is gone through in words, so that `--link-dest=../last` works on the first run.
 */
export function besideTarget(target: Target, folder: ByteString): ByteString {
  if (folder.startsWith('/')) return folder;
  if (target.fd >= 0) return `${target.path}/${folder}` as ByteString;
  return path.normalize(`${target.path}/${folder}`) as ByteString;
}

/** Opens the folders of --link-dest and its kin; those that do not exist are told and left out. */
export function openAltDests(posix: Posix, target: Target, options: SessionOptions, notice: (code: string, message: string) => void): number[] {
  const handles: number[] = [];
  for (const dir of options.replace.altDest?.dirs ?? []) {
    const where = besideTarget(target, dir);
    const fd = posix.openRoot(where);
    if (fd >= 0) handles.push(fd);
    else notice('alt-dest-missing', `--${options.replace.altDest?.kind ?? 'link'}-dest: ${where}: ${errnoText(-fd)}; it is not used`);
  }
  return handles;
}

/** Identities of the folders beside the trees that options name and that exist. */
export function sideFolders(posix: Posix, target: Target, options: SessionOptions, altRoots: readonly number[]): Set<string> {
  const { backupDir, tempDir, partialDir } = options.replace;
  const found = new Set<string>();
  const table = new StatTable(1);
  for (const fd of altRoots) if (posix.fstat(fd, table, 0) === 0) found.add(table.identity(0));
  for (const folder of [backupDir, tempDir, partialDir?.startsWith('/') === true ? partialDir : undefined]) {
    if (folder === undefined) continue;
    const fd = posix.openRoot(besideTarget(target, folder));
    if (fd < 0) continue;
    if (posix.fstat(fd, table, 0) === 0) found.add(table.identity(0));
    posix.close(fd);
  }
  return found;
}

/** Opens (and for backups makes) a folder that an option names; -1 without the option. @throws TwintreeError. */
export function openSideFolder(posix: Posix, target: Target, folder: ByteString | undefined, option: string, make: boolean, umask: number): number {
  if (folder === undefined) return -1;
  const where = besideTarget(target, folder);
  const fd = make ? makeFolders(posix, where, 0o777 & ~umask) : posix.openRoot(where);
  if (fd < 0) throw new TwintreeError('TARGET_UNUSABLE', `${option}: the folder cannot be opened: ${errnoText(-fd)}`, { path: where });
  return fd;
}
