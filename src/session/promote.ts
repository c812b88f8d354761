/**
 * Promote: a target on this host becomes the source. The lock on the target is taken first, so that no session begins; the note is written, and from then on none
 * is let in. A session that is at work all the same, where a person says that its source is gone, sees the note and ends.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Errno, errnoText, loadOwnPosix, namesIn, accountOf, type Posix } from '../fs/index.js';
import { dropPromotion, promotionFolders, promotionOf, Standby, stateFolder, upwards, writePromotion, type Promotion, type StandbyNote } from '../state/index.js';
import { fromText, StatTable, TwintreeError, type ByteString } from '../tree/index.js';
import { absolute } from './sources.js';

/** Milliseconds that a session at work has to end in, once the note stands, and between two looks. */
const PATIENCE = 30_000;
const LOOK = 100;
/** Accounts of serving processes that are looked through. */
const MOST_ACCOUNTS = 1000;

/** A folder that may be promoted. Close it. */
export class Promotable {
  readonly path: ByteString;
  private readonly posix: Posix = loadOwnPosix();
  private readonly chain: readonly string[];
  private readonly identity: string;
  private readonly owner: number;
  readonly fd: number;

  /** @throws TwintreeError TARGET_UNUSABLE. */
  constructor(path: ByteString) {
    const { posix } = this;
    this.path = absolute(path);
    this.fd = posix.openRoot(this.path);
    if (this.fd < 0) throw new TwintreeError('TARGET_UNUSABLE', `the folder cannot be opened: ${errnoText(-this.fd)}`, { path: this.path });
    this.chain = [...upwards(posix, this.fd)];
    const table = new StatTable(1);
    posix.fstat(this.fd, table, 0);
    this.owner = table.uid(0);
    this.identity = table.lastingIdentity(0);
  }

  /** What a mirror has told of it; `above`: of a folder that it lies in. */
  standby(): { note: StandbyNote; above: boolean } | undefined {
    for (const [k, identity] of this.chain.entries()) {
      const notes = this.stateFolders().flatMap((folder) => new Standby(this.posix, folder, identity).read() ?? []);
      const [newest] = notes.toSorted((a, b) => b.heardAt - a.heardAt);
      if (newest !== undefined) return { note: newest, above: k > 0 };
    }
    return undefined;
  }

  /** The state folders of those a mirror may have come in as: this user, and for root the accounts of serving processes and the folder's owner. */
  private stateFolders(): ByteString[] {
    const { euid } = this.posix;
    const own = stateFolder(process.env, euid);
    if (euid !== 0) return [own];
    const accounts = namesIn(`${own}-accounts` as ByteString);
    const home = this.owner === 0 ? undefined : accountOf(`${this.owner}`)?.home;
    return [own, ...(typeof accounts === 'number' ? [] : accounts.slice(0, MOST_ACCOUNTS).map((name) => `${own}-accounts/${name}` as ByteString)), ...(home === undefined ? [] : [fromText(`${home}/.local/state/twintree`)])];
  }

  /** The promotion that holds for it; `above`: of a folder that it lies in. */
  promotion(): { promotion: Promotion; above: boolean } | undefined {
    const folders = promotionFolders(process.env, this.posix.euid);
    const own = promotionOf(this.posix, folders, () => this.chain.slice(0, 1));
    const promotion = own ?? promotionOf(this.posix, folders, () => this.chain.slice(1));
    return promotion === undefined ? undefined : { promotion, above: own === undefined };
  }

  /** Takes the lock that sessions take. False: one is at work. */
  lock(): boolean {
    return this.posix.flock(this.fd, 'exclusive') !== -Errno.EWOULDBLOCK;
  }

  /** Keeps durably that it was promoted. @throws TwintreeError IO. */
  fence(at: number): void {
    const [folder] = promotionFolders(process.env, this.posix.euid);
    writePromotion(this.posix, folder as ByteString, this.identity, { at, path: this.path, standby: this.standby()?.note ?? null });
  }

  /** Waits until the session at work has ended. @throws TwintreeError LOCKED where it does not. */
  async untilFree(): Promise<void> {
    for (const until = performance.now() + PATIENCE; !this.lock(); await pause(LOOK)) {
      if (performance.now() > until) throw new TwintreeError('LOCKED', 'it is promoted, and a session that was at work on it has not ended', { path: this.path, advice: 'End that process: until then it may still change files.' });
    }
  }

  /** Lifts its promotion. False: it has none of its own. @throws TwintreeError IO where another user has set it. */
  lift(): boolean {
    let lifted = false;
    for (const folder of promotionFolders(process.env, this.posix.euid)) {
      lifted = dropPromotion(this.posix, folder, this.identity) || lifted;
    }
    return lifted;
  }

  close(): void {
    this.posix.close(this.fd);
  }
}
