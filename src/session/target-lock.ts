/**
 * One session writes to a target at a time. The lock is the kernel's and is given back whatever happens to us. A session of a client that
 * was cut off is told apart by its lineage: the client's next session takes over, and the old one ends (state/fence.ts). Where the target is promoted meanwhile, each
 * session on it ends (state/promotion.ts).
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Errno, type Posix } from '../fs/index.js';
import { Fence, stateFolder, upwards, type Holder } from '../state/index.js';
import { StatTable, TwintreeError, type ByteString } from '../tree/index.js';
import { promotedAt, promotedError, refusePromoted } from './standby.js';
import type { Target } from './target.js';

/** Milliseconds between two looks, at the lock or at who holds it. */
const LOOK = 200;
/** Targets that a tenure remembers. */
const MOST_HELD = 64;
/** Milliseconds that the old session has to end in. */
const PATIENCE = 30_000;

/**
 * A client's hold on its targets, for all sessions of one connection. The note of who works on a target stays between two sessions, so that one that begins
 * late, after the client has come back over another connection, finds that it is not its turn any more.
 */
export class Tenure {
  readonly session = randomBytes(8).toString('hex');
  private readonly held = new Set<string>();
  /** Which folder the last of them is, with those that it lies in (`upwards`), and its path; undefined: there was none yet. */
  last: { readonly chain: readonly [string, ...string[]]; readonly path: ByteString } | undefined;

  /** @param lineage the client's run, hexadecimal: the same for all its connections */
  constructor(readonly lineage: string) {}

  /** Whether this connection has worked on the target with this identity; among the last ones, for a client may name any number. */
  has(identity: string): boolean {
    return this.held.has(identity);
  }

  add(identity: string): void {
    this.held.delete(identity);
    this.held.add(identity);
    if (this.held.size > MOST_HELD) this.held.delete([...this.held][0] as string);
  }
}

/** The lock on one target root. */
export class TargetLock {
  private watch: NodeJS.Timeout | undefined;
  private stillMine = (): boolean => true;
  private target: Target | undefined;

  /** @param tenure of a remote client; undefined for a session that nobody takes over. @param fenced is called once where a newer session took over, or the target was promoted. */
  constructor(private readonly posix: Posix, private readonly tenure: Tenure | undefined, private readonly fenced: (why: TwintreeError) => void) {}

  /** Takes the lock, where it is wanted, and looks from now on whether the target is still this session's. @throws TwintreeError LOCKED, FENCED, PROMOTED. */
  async take(target: Target, locks: boolean): Promise<void> {
    if (locks) await this.lock(target);
    refusePromoted(this.posix, target); // who promotes holds the lock for that time: before it was ours nothing was sure
    this.target = target;
    if (this.tenure !== undefined) this.remember(this.tenure, target);
    this.watch = setInterval(() => { this.look(); }, LOOK);
    this.watch.unref();
  }

  private remember(tenure: Tenure, { fd, path }: Target): void {
    const table = new StatTable(1);
    if (this.posix.fstat(fd, table, 0) < 0 || table.lastingIdentity(0) === tenure.last?.chain[0]) return;
    const [itself, ...above] = upwards(this.posix, fd);
    tenure.last = itself === undefined ? undefined : { chain: [itself, ...above], path };
  }

  private async lock(target: Target): Promise<void> {
    const { tenure } = this;
    if (tenure === undefined) {
      if (this.tryLock(target)) return;
      throw locked(target);
    }
    const table = new StatTable(1);
    this.posix.fstat(target.fd, table, 0);
    const identity = table.identity(0);
    const fence = new Fence(this.posix, stateFolder(process.env, this.posix.euid), identity);
    const mine: Holder = { lineage: tenure.lineage, session: tenure.session };
    const noted = fence.read();
    if (tenure.has(identity) && noted?.lineage === mine.lineage && noted.session !== mine.session) throw new TwintreeError('FENCED', 'a newer session of the same client works on this target now');
    if (!this.tryLock(target)) {
      if (fence.read()?.lineage !== mine.lineage) throw locked(target);
      if (!note(fence, mine)) throw locked(target);
      const until = performance.now() + PATIENCE;
      while (!this.tryLock(target)) {
        if (performance.now() > until || fence.read()?.session !== mine.session) throw locked(target);
        await pause(LOOK);
      }
      // Still newer sessions may have come while this one waited: then it is their turn.
      if (fence.read()?.session !== mine.session) throw locked(target);
    } else if (noted?.session !== mine.session && !note(fence, mine)) return; // without a place for the note nobody can take over, and the lock alone counts
    tenure.add(identity);
    this.stillMine = () => {
      const holder = fence.read();
      return holder === undefined || holder.session === mine.session;
    };
  }

  /** Looks whether a newer session took over, or somebody promoted the target. By itself this happens as long as the event loop runs. */
  look(): void {
    const { target } = this;
    if (target === undefined) return;
    const promotion = promotedAt(target.fd);
    if (promotion === undefined && this.stillMine()) return;
    this.close();
    this.fenced(promotion === undefined ? new TwintreeError('FENCED', 'a newer session of the same client works on this target now') : promotedError(promotion, target.path));
  }

  /** Stops looking. The lock goes with the root's handle. */
  close(): void {
    clearInterval(this.watch);
    this.watch = undefined;
    this.target = undefined;
    this.stillMine = () => true;
  }

  private tryLock(target: Target): boolean {
    return this.posix.flock(target.fd, 'exclusive') !== -Errno.EWOULDBLOCK;
  }
}

/** Says that the target is `holder`'s. False where that cannot be written. */
function note(fence: Fence, holder: Holder): boolean {
  try {
    fence.write(holder);
    return true;
  } catch (error) {
    if (error instanceof TwintreeError && error.code === 'IO') return false;
    throw error;
  }
}

function locked(target: Target): TwintreeError {
  return new TwintreeError('LOCKED', 'another session is working on this target', { path: target.path, advice: 'Wait for it, or use --no-lock where you know that both may work at once.' });
}
