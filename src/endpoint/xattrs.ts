/** Which extended attributes a session copies, and of what: the same rules for comparing and for setting. */
import { xattrFilter } from '../filter/index.js';
import type { Posix } from '../fs/index.js';
import { XattrPolicy, type SessionOptions } from '../plan/index.js';
import { S_IFLNK, S_IFMT } from '../tree/index.js';

/** The rules about attribute names that the options ask for. */
export function xattrPolicy(posix: Pick<Posix, 'euid'>, options: SessionOptions): XattrPolicy {
  const { fakeSuper, allXattrs } = options.attributes;
  const bySource = xattrFilter(options.filters, 'source');
  const byTarget = xattrFilter(options.filters, 'target');
  return new XattrPolicy({
    level: allXattrs === true ? 2 : 1, root: posix.euid === 0, fakeSource: fakeSuper.source, fakeTarget: fakeSuper.target,
    excluded: bySource === undefined ? byTarget : byTarget === undefined ? bySource : (name) => bySource(name) || byTarget(name),
  });
}

/** Whether an entry that was planned with this type (no folder) may be a followed symlink at the source: then the attributes are those of what it leads to. */
export function followsLeaf({ symlinks }: SessionOptions, mode: number): boolean {
  return (symlinks.copyLinks || symlinks.copyUnsafeLinks) && (mode & S_IFMT) !== S_IFLNK;
}
