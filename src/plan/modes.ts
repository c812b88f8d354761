/**
 * Which permissions an entry of the target shall have.
 *
 * With --perms the source's (after --chmod). Without it what exists keeps its own and what is new gets
 * the source's less the umask (or as the folder's default ACL allows), without set-id and sticky bits; a new
 * folder keeps the set-gid bit that the kernel hands down. Follows rsync 3.5. Ownership is not looked at:
 * whoever applies a mode sets it after the owner, since a change of owner clears set-id bits.
 */
import { S_IFMT, S_IFREG } from '../tree/index.js';
import { applyChmod, type ModeChanges } from './chmod.js';

/** What decides besides the two modes. The last two tell of the target folder the entry stands in. */
export interface ModeRules {
  /** --perms, also implied by --acls. */
  perms: boolean;
  /** --executability; has no effect with `perms`. */
  executability: boolean;
  /** Of the process that was asked to copy. */
  umask: number;
  /** --chmod, where the caller has not applied it to the source's mode already. */
  chmod?: ModeChanges | undefined;
  /** The nine permission bits of the target folder's default ACL (`permsOfAcl`); -1 or absent where it has none. */
  dirDefault?: number;
  /** Whether the target folder has its set-gid bit, so that the kernel gives it to new folders. */
  parentSetgid?: boolean;
}

/**
 * The permission bits (07777) that the target shall have. Not for symlinks, whose mode Linux does not keep.
 * @param sourceMode mode of the source, with type.
 * @param targetMode mode of what stands on the target, or -1 for nothing or an entry that is replaced because of its
 *   type (a folder by a file, or a file by a folder; for rsync a file replaced by a device counts as existing).
 */
export function desiredPerms(sourceMode: number, targetMode: number, isDir: boolean, rules: ModeRules): number {
  const source = rules.chmod === undefined ? sourceMode : applyChmod(rules.chmod, sourceMode, isDir, rules.umask);
  if (rules.perms) return source & 0o7777;
  if (targetMode < 0) {
    const byAcl = rules.dirDefault ?? -1;
    const allowed = byAcl >= 0 ? byAcl : 0o777 & ~rules.umask;
    return (source & allowed) | (isDir && rules.parentSetgid === true ? 0o2000 : 0);
  }
  const kept = targetMode & 0o7777;
  if (!rules.executability || (sourceMode & S_IFMT) !== S_IFREG) return kept;
  if ((source & 0o111) === 0) return kept & ~0o111;
  // Only what nobody could execute becomes executable, for those who can read it.
  return (kept & 0o111) === 0 ? kept | ((kept & 0o444) >> 2) : kept;
}
