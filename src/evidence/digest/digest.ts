/**
 * A digest of one tree that is being made, here or on another host: what its host says of it, its manifest item by item, and at the end what was done.
 * `openDigest` makes one of a tree of this host.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { errnoText, gidOfName, loadOwnPosix, loadWorkingPosix, probeTarget, uidOfName, type Posix } from '../../fs/index.js';
import { absolute, believed, cannotHold, sideFolders } from '../../session/index.js';
import { DigestIndex, stateFolder } from '../../state/index.js';
import { EMPTY, StatTable, TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';
import type { ManifestItem } from '../manifest/items.js';
import { HashPool } from './hash-pool.js';
import type { DigestHead, DigestRequest, DigestStats } from './request.js';
import { TreeWalk } from './walk.js';

/** A digest under way. */
export interface Digest {
  readonly head: DigestHead;
  /** The next items of the manifest, at least one; undefined at the end. @throws TwintreeError where it cannot go on. */
  next(): Promise<readonly ManifestItem[] | undefined>;
  /** What was done so far; whole after the end. */
  readonly stats: DigestStats;
  /** Digest of the manifest, after the end. */
  readonly root: Buffer | undefined;
  /** The id of a user's or group's name on the tree's host; undefined: there is none. May be asked as long as it is open. */
  idOf(kind: 'user' | 'group', name: ByteString): Promise<number | undefined>;
  close(): Promise<void>;
}

/** What a digest of this host's tree may be given. */
export interface DigestDeps {
  /** Threads that are shared with another digest; they stay open. */
  readonly pool?: HashPool;
  /** The state folder, absolute; default: `stateFolder`. */
  readonly stateFolder?: ByteString;
  /** A number from 0 up to but without 1, which nobody can foresee. */
  readonly random?: () => number;
  /** Only this folder below the root; the manifest's first entry is the folder's. Paths stay those below the root. */
  readonly only?: RelPath;
}

/**
 * Opens a tree of this host to be digested. With `index` but no store here, or another process at it, everything is read, which is told as a notice.
 * @throws TwintreeError SOURCE_MISSING or TARGET_UNUSABLE where the root cannot be opened.
 */
export function openDigest(request: DigestRequest, signal: AbortSignal, deps: DigestDeps = {}): Digest {
  const posix = loadWorkingPosix();
  const { root: path, side } = request;
  const root = posix.openRoot(path);
  if (root < 0) {
    throw new TwintreeError(side === 'source' ? 'SOURCE_MISSING' : 'TARGET_UNUSABLE', `the ${side} cannot be opened: ${errnoText(-root)}`, { path });
  }
  try {
    const table = new StatTable(1);
    if (posix.fstat(root, table, 0) < 0 || !table.isDir(0)) throw new TwintreeError(side === 'source' ? 'SOURCE_MISSING' : 'TARGET_UNUSABLE', `the ${side} is no folder`, { path });
    return new LocalDigest(posix, root, request, signal, deps);
  } catch (error) {
    posix.close(root);
    throw error;
  }
}

class LocalDigest implements Digest {
  readonly head: DigestHead;
  private readonly walk: TreeWalk;
  private readonly pool: HashPool;
  private readonly index: DigestIndex | undefined;
  private readonly began = performance.now();
  private closed = false;
  private readonly giveUp = (): void => { this.pool.giveUp(); };

  constructor(private readonly posix: Posix, private readonly root0: number, request: DigestRequest, private readonly signal: AbortSignal, private readonly deps: DigestDeps) {
    const { options, root: path, side, probe, threads } = request;
    const root = root0;
    this.pool = deps.pool ?? new HashPool(posix, threads);
    const notices: string[] = [];
    this.index = openIndex(posix, root, request, deps, (message) => notices.push(message));
    const isRoot = posix.euid === 0;
    const traits = probeTarget(posix, root, { mayWrite: probe });
    const lost = side === 'target' ? cannotHold(posix, traits, options) : [];
    this.head = {
      host: hostname(), root: path, euid: posix.euid, began: Date.now(), fileSystem: traits.fileSystem,
      facts: {
        granularityNs: traits.timeGranularity, setsOwner: isRoot || options.attributes.fakeSuper.target, groups: [...posix.groups, posix.egid], umask: process.umask(),
        makesDevices: isRoot && !posix.lacks.has('devices') && !lost.includes('special files'), cannotHold: lost,
      },
    };
    this.walk = new TreeWalk(request, {
      posix, root, pool: this.pool, index: this.index, random: deps.random ?? unforeseen(), signal, only: deps.only ?? EMPTY,
      sideFolders: side === 'target' ? sideFolders(posix, { path, fd: root, alias: undefined }, options, []) : new Set(),
      notices,
    });
    signal.addEventListener('abort', this.giveUp);
  }

  get stats(): DigestStats {
    return this.walk.stats;
  }

  get root(): Buffer | undefined {
    return this.walk.root;
  }

  async next(): Promise<readonly ManifestItem[] | undefined> {
    const items = await this.walk.next();
    this.stats.ms = performance.now() - this.began;
    return items;
  }

  idOf(kind: 'user' | 'group', name: ByteString): Promise<number | undefined> {
    return Promise.resolve(kind === 'user' ? uidOfName(name) : gidOfName(name));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.signal.removeEventListener('abort', this.giveUp);
    if (this.deps.pool === undefined) await this.pool.close(); // who reads yet gives up
    await this.walk.close();
    await this.index?.close();
    this.posix.close(this.root0);
  }
}

function openIndex(posix: Posix, root: number, request: DigestRequest, deps: DigestDeps, notice: (message: string) => void): DigestIndex | undefined {
  if (!request.index) return undefined;
  try {
    return DigestIndex.open({
      posix: loadOwnPosix(), folder: deps.stateFolder ?? absolute(stateFolder(process.env, posix.euid)), root: request.root, rootHandle: root, devices: believed(posix, [root]),
      notice: (_, message) => { notice(message); },
    });
  } catch (error) {
    if (!(error instanceof TwintreeError)) throw error;
    notice(`no index of digests is used: ${error.message}`);
    return undefined;
  }
}

/** Random numbers that nobody can foresee: what is read of a sample must not be known to who would hide something. */
export function unforeseen(): () => number {
  let pool = Buffer.alloc(0);
  return () => {
    if (pool.length < 6) pool = randomBytes(6 * 1024);
    const value = pool.readUIntBE(0, 6) / 2 ** 48;
    pool = pool.subarray(6);
    return value;
  };
}
