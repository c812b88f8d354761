/**
 * Which symlinks of the source are replaced by what they point to, before anything else sees them:
 * all (-L), those to folders (-k), those that lead out of the transfer (--copy-unsafe-links).
 */
import { Errno } from '../../fs/index.js';
import { unsafeSymlink, type SessionOptions } from '../../plan/index.js';
import { StatTable, type RelPath } from '../../tree/index.js';
import type { SourceFs } from '../source/index.js';
import type { FollowRule } from './listing.js';
import type { Mount } from './types.js';

/** Follows the symlinks that the user named a way through, and leaves the rest to the options' own rule. */
export function withFollowed(source: SourceFs, rule: FollowRule | undefined, mounts: readonly Mount[]): FollowRule | undefined {
  const followed = new Set<RelPath>();
  for (const mount of mounts) for (const path of mount.followed ?? []) followed.add(path);
  if (followed.size === 0) return rule;
  const target = new StatTable(1);
  return (at, name, table, i, path) => {
    if (!followed.has(path)) return rule === undefined ? 0 : rule(at, name, table, i, path);
    const error = source.statFollow(at, name, target, 0);
    if (error === 0) table.copyFrom(i, target, 0);
    return error;
  };
}

/** The rule that the options ask for, or undefined where no symlink is ever followed. */
export function followRule(source: SourceFs, options: SessionOptions): FollowRule | undefined {
  const { copyLinks, copyUnsafeLinks, copyDirlinks } = options.symlinks;
  if (!copyLinks && !copyUnsafeLinks && !copyDirlinks) return undefined;
  const target = new StatTable(1);
  return (at, name, table, i, path) => {
    if (!copyLinks) {
      if (copyUnsafeLinks) {
        const text = source.readlink(at, name);
        if (typeof text === 'number') return text;
        if (!unsafeSymlink(text, path)) {
          if (!copyDirlinks) return 0;
          return source.statFollow(at, name, target, 0) === 0 && target.isDir(0) ? take(table, i) : 0;
        }
      } else {
        return source.statFollow(at, name, target, 0) === 0 && target.isDir(0) ? take(table, i) : 0;
      }
    }
    const error = source.statFollow(at, name, target, 0);
    if (error < 0) return error === -Errno.ENOENT ? -Errno.ENOENT : error;
    return take(table, i);
  };

  function take(table: StatTable, i: number): number {
    table.copyFrom(i, target, 0);
    return 0;
  }
}
