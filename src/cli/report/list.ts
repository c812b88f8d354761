/**
 * The lines of `--list-only`: permissions, size, time of the last change and name, as rsync formats them.
 */
import type { Operation, SessionOptions } from '../../plan/index.js';
import {
  S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFSOCK, type RelPath,
} from '../../tree/index.js';
import type { HumanLevel } from '../options/output.js';
import { localTime } from './dates.js';
import { humanNumber } from './human.js';
import { entryType } from './itemize.js';

/** `drwxr-sr-t`: ten characters as `ls -l` prints them. `type` is one of the S_IF values. */
export function permissions(mode: number, type: number): string {
  const x = (bit: number, special: number, both: string, only: string): string =>
    mode & special ? (mode & bit ? both : only) : mode & bit ? 'x' : '-';
  const rw = (shift: number): string => ((mode >> shift) & 4 ? 'r' : '-') + ((mode >> shift) & 2 ? 'w' : '-');
  return (
    typeCharacter(type) +
    rw(6) + x(0o100, 0o4000, 's', 'S') +
    rw(3) + x(0o010, 0o2000, 's', 'S') +
    rw(0) + x(0o001, 0o1000, 't', 'T')
  );
}

/** One line of the list. The time of last access is a column of its own with -U. */
export function listLine(op: Operation, path: RelPath, options: SessionOptions, human: HumanLevel): string {
  const type = entryType(op);
  const size = humanNumber(op.size, human).padStart(human === 0 ? 11 : 14);
  let access = '';
  if (options.attributes.atimes) access = (type === S_IFDIR ? '' : localTime(op.atimeSec)).padEnd(19) + ' ';
  const link = type === S_IFLNK && options.attributes.links && op.link !== '' ? ' -> ' + op.link : '';
  return `${permissions(op.mode, type)} ${size} ${localTime(op.mtimeSec)} ${access}${path === '' ? '.' : path}${link}`;
}

function typeCharacter(type: number): string {
  switch (type) {
    case S_IFDIR: return 'd';
    case S_IFLNK: return 'l';
    case S_IFBLK: return 'b';
    case S_IFCHR: return 'c';
    case S_IFIFO: return 'p';
    case S_IFSOCK: return 's';
    default: return '-';
  }
}
