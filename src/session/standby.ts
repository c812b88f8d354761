/**
 * Standby and promotion as a session sees them: a target that was promoted takes none, and what a mirror tells of a target is kept beside its lock. Both
 * go by which folder the target is, whatever it is called, and concern this host alone.
 */
import { loadOwnPosix, type Posix } from '../fs/index.js';
import { promotionFolders, promotionOf, Standby, stateFolder, upwards, type Promotion, type StandbyPoint } from '../state/index.js';
import { StatTable, TwintreeError, type ByteString } from '../tree/index.js';
import { openNearest } from './target.js';

/**
 * What becomes of what a mirror tells: the target's host has it, or gets it; it was promoted and takes nothing any more; it cannot be reached; or it does not
 * know what that is (an older twintree).
 */
export type PointAnswer = 'kept' | 'promoted' | 'away' | 'unable';

/** The target of a session, as far as it is open. */
interface Place { readonly path: ByteString; readonly fd: number }

/** @throws TwintreeError PROMOTED where the target, or a folder that it lies in or would be made in, was promoted on this host. */
export function refusePromoted(posix: Posix, target: Place): void {
  const fd = target.fd >= 0 ? target.fd : openNearest(posix, target.path);
  if (fd < 0) return;
  try {
    const promotion = promotedAt(fd);
    if (promotion !== undefined) throw promotedError(promotion, target.path);
  } finally {
    if (fd !== target.fd) posix.close(fd);
  }
}

/** The promotion that an open folder is under. */
export function promotedAt(fd: number): Promotion | undefined {
  return promotedAmong(() => upwards(loadOwnPosix(), fd));
}

/** The same of a folder that was open. @param chain from `upwards` */
export function promotedAmong(chain: () => Iterable<string>): Promotion | undefined {
  const posix = loadOwnPosix();
  return promotionOf(posix, promotionFolders(process.env, posix.euid), chain);
}

/** What a session into it ends with. */
export function promotedError({ at }: Pick<Promotion, 'at'>, target: ByteString): TwintreeError {
  const when = at === 0 ? 'at an unknown time' : `at ${new Date(at).toISOString()}`;
  return new TwintreeError('PROMOTED', `this target was promoted ${when}: it is the source now, and takes nothing from elsewhere`, {
    path: target, advice: 'Mirror in the other direction (docs/promote.md); or, on the host of this target, lift it with twintree promote --undo.',
  });
}

/** Keeps what a mirror tells of a target on this host. */
export class StandbyKeeper {
  private readonly posix = loadOwnPosix();
  private readonly notes = new Map<string, Standby>();

  /** @param through to the disk at once. @throws TwintreeError IO. */
  keep(identity: string, path: ByteString, point: StandbyPoint, through = false): void {
    let note = this.notes.get(identity);
    if (note === undefined) {
      if (this.notes.size >= MOST_NOTES) this.notes.clear();
      note = new Standby(this.posix, stateFolder(process.env, this.posix.euid), identity);
      this.notes.set(identity, note);
    }
    note.write(point, path, Date.now(), through);
  }
}

/** Notes that a keeper remembers when it wrote them. */
const MOST_NOTES = 64;

/** Tells of a target on this host: the folder that stands at the path now. */
export function tellLocally(path: ByteString): (point: StandbyPoint, last: boolean) => PointAnswer {
  const keeper = new StandbyKeeper();
  return (point, last) => {
    const posix = loadOwnPosix();
    const fd = posix.openRoot(path);
    if (fd < 0) return 'away';
    try {
      if (promotedAt(fd) !== undefined) return 'promoted';
      const table = new StatTable(1);
      if (posix.fstat(fd, table, 0) < 0) return 'away';
      keeper.keep(table.lastingIdentity(0), path, point, last);
      return 'kept';
    } catch (error) {
      if (error instanceof TwintreeError && error.code === 'IO') return 'kept'; // no place for notes here: nothing that another attempt mends
      throw error;
    } finally {
      posix.close(fd);
    }
  };
}
