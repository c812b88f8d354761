/**
 * What a supplying end keeps between runs: the sums of what it has sent, so that the next delta needs no question (docs/state.md), and the key of
 * all sums of a session whose ends keep some. A pair's state here is apart from the one that the session itself keeps on the target's host.
 */
import { randomBytes } from 'node:crypto';
import type { Mount, SumStore } from '../../endpoint/index.js';
import { loadOwnPosix, type Posix } from '../../fs/index.js';
import type { SessionOptions } from '../../plan/index.js';
import { PairState, pairSeed, seedTag, stateFolder, storeIsMissing } from '../../state/index.js';
import type { ConnectSpec } from '../../transport/index.js';
import { fromText, TwintreeError, type ByteString } from '../../tree/index.js';
import { believed } from '../kept-state.js';
import { absolute } from '../sources.js';
import { CloneFolder } from './clone-folder.js';
import type { RemoteRequest } from './client.js';
import type { Seed } from './messages.js';

/** The key of a session's sums: with state the same in each run of the pair. What is recorded goes to others: it gets a key of its own. */
export function sessionSeed(request: RemoteRequest): Seed {
  if (!keepsSums(request)) {
    const random = randomBytes(8);
    return { low: random.readUInt32LE(0), high: random.readUInt32LE(4) };
  }
  const own = loadOwnPosix();
  return pairSeed(own, absolute(stateFolder(process.env, own.euid)), [request.direction as ByteString, ...pairWords(request)]);
}

/** Whether what is sent in this session is kept for the next one. */
function keepsSums({ options, record, work, keptIn }: RemoteRequest): boolean {
  return (options.state === true || keptIn !== undefined) && record === undefined && work === undefined;
}

/** What tells this pair of trees from others, as the user named them. */
function pairWords({ sources, connect, root, target, direction }: RemoteRequest): ByteString[] {
  return [
    ...(direction === 'push' ? sources.map((path) => absolute(path)) : sources), fromText(wordsOf(connect)), ...(root === undefined ? [] : [root]), ...(target === undefined ? [] : [direction === 'pull' ? absolute(target) : target]),
  ];
}

function wordsOf(connect: ConnectSpec): string {
  switch (connect.kind) {
    case 'command': return connect.argv.join(' ');
    case 'tls': return `twintree://${connect.host}:${connect.port}`;
    case 'stdio': return 'stdio';
  }
}

/** What is to be kept of what is sent. */
interface Supplying {
  readonly posix: Posix;
  readonly options: SessionOptions;
  readonly mounts: readonly Mount[];
  readonly seed: Seed;
  /** All of the sources is looked at: at the end the clones of files that are gone go as well. */
  readonly all: boolean;
  notice(code: string, message: string): void;
}

/** The open state of a supplying end. */
export class SourceState {
  readonly store: SumStore;
  private readonly sweeps: boolean;

  private constructor({ posix, mounts, seed, all }: Supplying, private readonly folder: ByteString, private readonly state: PairState | undefined, private readonly clones: CloneFolder | undefined) {
    this.sweeps = all;
    this.store = { folder, seed, devices: believed(posix, mounts.map(({ fd }) => fd)), ...(clones === undefined ? {} : { clones: clones.fd }) };
  }

  /** That of a client that pushes; undefined where it keeps none, or goes on without. @throws TwintreeError STATE, IO, UNSUPPORTED. */
  static ofPush(request: RemoteRequest, posix: Posix, mounts: readonly Mount[], seed: Seed, notice: (code: string, message: string) => void): SourceState | undefined {
    const { keptIn, options } = request;
    if (!keepsSums(request) || options.dryRun) return undefined;
    const supplying = { posix, options, mounts, seed, all: request.dirty === undefined, notice };
    if (keptIn !== undefined) return new SourceState(supplying, keptIn, undefined, cloneFolder(supplying));
    const words = pairWords(request);
    return SourceState.open(supplying, { source: words.slice(0, request.sources.length), target: words.slice(request.sources.length) });
  }

  /** That of an agent that supplies a client: each has its own, told from others by its key. @throws TwintreeError UNSUPPORTED, STATE where --clone-dir does not serve. */
  static ofAgent(options: SessionOptions, posix: Posix, sources: readonly ByteString[], mounts: readonly Mount[], seed: Seed): SourceState | undefined {
    if (options.state !== true || options.dryRun) return undefined;
    const missing = options.cloneDir === undefined ? undefined : storeIsMissing();
    if (missing !== undefined) throw new TwintreeError('STATE', `--clone-dir needs a store of state on the host of the source: ${missing}`, { advice: 'Install twintree there with its packages, or leave --clone-dir out.' });
    try {
      return SourceState.open({ posix, options, mounts, seed, all: true, notice: () => undefined }, { source: sources.map((path) => absolute(path)), target: [`pulled:${seedTag(seed).toString('hex')}` as ByteString] });
    } catch (error) {
      if (error instanceof TwintreeError && options.cloneDir === undefined) return undefined; // nothing that the client could mend; it costs time only
      throw error;
    }
  }

  private static open(supplying: Supplying, pair: { source: readonly ByteString[]; target: readonly ByteString[] }): SourceState | undefined {
    const { mounts, notice } = supplying;
    const missing = storeIsMissing();
    if (missing !== undefined) {
      notice('state-missing', `${missing}: this run keeps no sums of what it sends`);
      return undefined;
    }
    const own = loadOwnPosix();
    const clones = cloneFolder(supplying);
    try {
      const state = PairState.open({
        posix: own, folder: absolute(stateFolder(process.env, own.euid)), roots: mounts.map(({ fd }) => fd), notice,
        pair: { source: pair.source.join('\0') as ByteString, target: pair.target.join('\0') as ByteString },
      });
      return new SourceState(supplying, state.folder, state, clones);
    } catch (error) {
      clones?.close();
      if (!(error instanceof TwintreeError) || error.code !== 'LOCKED') throw error;
      notice('state-busy', `${error.message}: this run keeps no sums of what it sends`);
      return undefined;
    }
  }

  /** Lets go of it; before the sources are closed. */
  async close(): Promise<void> {
    if (this.sweeps) this.clones?.sweep(this.folder, seedTag(this.store.seed));
    this.clones?.close();
    await this.state?.close();
  }
}

function cloneFolder({ posix, options, mounts }: Supplying): CloneFolder | undefined {
  return options.cloneDir === undefined ? undefined : CloneFolder.open(posix, options.cloneDir, mounts);
}
