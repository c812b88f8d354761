/** --backup-dir in a session: its folder, with --backup-keep and --backup-max the folder of today in it, and old ones that go. */
import { openDay, tidyTrash, type Tidied } from '../endpoint/index.js';
import { errnoText, type Posix } from '../fs/index.js';
import type { SessionOptions } from '../plan/index.js';
import { TwintreeError } from '../tree/index.js';
import { openSideFolder, type Target } from './target.js';

/** Handles of the folders, which the caller closes; -1 where there is none. */
export interface Backups {
  /** --backup-dir. */
  readonly trash: number;
  /** Where the backups of this session go: the same, or today's folder in it. */
  readonly root: number;
}

/** @throws TwintreeError TARGET_UNUSABLE. */
export function openBackups(posix: Posix, target: Target, { replace }: SessionOptions, now: number, umask: number, own: (handle: number) => void): Backups {
  const trash = openSideFolder(posix, target, replace.backup ? replace.backupDir : undefined, '--backup-dir', true, umask);
  if (trash < 0) return { trash, root: -1 };
  own(trash);
  if (replace.backupKeep === undefined) return { trash, root: trash };
  const root = openDay(posix, trash, now, umask);
  if (root < 0) throw new TwintreeError('TARGET_UNUSABLE', `--backup-dir: the folder of today's backups cannot be opened: ${errnoText(-root)}`);
  own(root);
  return { trash, root };
}

/** Removes what is not to be kept any more. @param whole whether the session looked at everything: only then sizes are counted. */
export function tidyBackups(posix: Posix, { trash }: Backups, { replace }: SessionOptions, now: number, whole: boolean, notice: (code: string, message: string) => void): void {
  if (trash < 0 || replace.backupKeep === undefined) return;
  const { removed, failed }: Tidied = tidyTrash(posix, trash, replace.backupKeep, now, whole);
  const [first, last] = [removed[0], removed.at(-1)];
  if (first !== undefined) notice('backups-removed', `backups of ${first === last ? first : `${first} to ${last}`} were removed`);
  for (const { day, errno } of failed) notice('backups-stay', `backups of ${day} cannot be removed: ${errnoText(errno)}`);
}
