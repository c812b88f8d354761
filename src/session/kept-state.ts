/**
 * --state: the pair's state while a session runs. It is opened after the target's lock, used by the walkers through `HashStore`, and gets
 * the record of the run. Where there is no store here, or another run holds the pair and this one changes nothing, the session goes on without,
 * and says so.
 */
import { posix as path } from 'node:path';
import type { HashStore, Mount, PlaceStore, SourceFs, SumStore } from '../endpoint/index.js';
import { loadOwnPosix, probeTarget, type Posix } from '../fs/index.js';
import { inodeKey, PairState, stateFolder, storeIsMissing, type PairName, type RunRecord } from '../state/index.js';
import { StatTable, TwintreeError, type ByteString } from '../tree/index.js';
import type { Outcome, SessionListener } from './events.js';
import { absolute } from './sources.js';
import type { Target } from './target.js';

/** What the state is opened for. */
export interface KeptStateRequest {
  posix: Posix;
  /** As the user named them. */
  sources: readonly ByteString[];
  mounts: readonly Mount[];
  /** The sources are on another host. */
  remote: boolean;
  target: Target;
  /** This run goes on without the state where another one holds it. */
  mayGoWithout: boolean;
}

export class KeptState {
  private constructor(readonly pair: PairState, readonly hashes: HashStore) {}

  /** Undefined where the session goes on without. @throws TwintreeError LOCKED, STATE, IO. */
  static open(request: KeptStateRequest, listener: SessionListener): KeptState | undefined {
    const { posix, sources, mounts, remote, target } = request;
    const notice = (code: string, message: string): void => { listener.notice?.(code, message); };
    const missing = storeIsMissing();
    if (missing !== undefined) {
      notice('state-missing', `${missing}: this run keeps no state and uses none`);
      return undefined;
    }
    const local = remote ? [] : mounts.map((mount) => mount.fd);
    const own = target.fd < 0 ? [] : [target.fd];
    try {
      const state = PairState.open({
        posix: loadOwnPosix(), folder: absolute(stateFolder(process.env, posix.euid)), roots: [...local, ...own], notice,
        pair: statePair(sources, remote, nameOf(target)),
      });
      return new KeptState(state, { folder: state.folder, devices: { source: believed(posix, local), target: believed(posix, own) } });
    } catch (error) {
      if (!(error instanceof TwintreeError) || error.code !== 'LOCKED' || !request.mayGoWithout) throw error;
      notice('state-busy', `${error.message}: this run keeps no state and uses none`);
      return undefined;
    }
  }

  /** Where sums of the target's large files are kept; `target` is its handle. */
  sums(posix: Posix, target: number, seed: SumStore['seed']): SumStore {
    return { folder: this.pair.folder, seed, devices: believed(posix, [target]) };
  }

  /** Adds the run to the history. */
  record(outcome: Outcome, start: number): void {
    const { totals } = outcome;
    const run: RunRecord = {
      start, end: Date.now(), exitCode: outcome.exitCode, entries: sum(totals.entries), created: sum(outcome.created), deleted: sum(outcome.deleted), moved: outcome.moved,
      transferredFiles: outcome.transferredFiles, transferredBytes: outcome.transferredBytes, literalBytes: outcome.literalBytes, matchedBytes: outcome.matchedBytes,
      problems: outcome.problemCount, warnings: outcome.warningCount,
    };
    this.pair.write(() => { this.pair.runs.add(run); });
  }

  close(): Promise<void> {
    return this.pair.close();
  }
}

/** How --state names a pair; `target`: its absolute path. */
export function statePair(sources: readonly ByteString[], remote: boolean, target: ByteString): PairName {
  return { source: sources.map((source) => named(source, remote)).join('\0') as ByteString, target };
}

/** What walkers need to use a pair's table of places, for a source of one folder; undefined for others. */
export function placeStore(state: PairState, source: Pick<SourceFs, 'fstat'>, mounts: readonly Pick<Mount, 'fd'>[]): PlaceStore | undefined {
  const [mount] = mounts;
  const table = new StatTable(1);
  if (mount === undefined || mounts.length > 1 || source.fstat(mount.fd, table, 0) < 0) return undefined;
  const home = { major: table.devMajor(0), minor: table.devMinor(0) };
  return { folder: state.folder, empty: state.places.count === 0, home, root: inodeKey(home.major, home.minor, table.inoHigh(0), table.inoLow(0), home) };
}

function sum(counts: Outcome['created']): number {
  return counts.files + counts.dirs + counts.links + counts.devices + counts.specials;
}

function named(source: ByteString, remote: boolean): ByteString {
  if (remote) return `remote:${source}` as ByteString;
  return path.normalize(absolute(source)) as ByteString; // a slash at the end stays: with it, it is another tree
}

function nameOf(target: Target): ByteString {
  const folder = path.normalize(absolute(target.path));
  return (target.alias === undefined ? folder : `${folder}/${target.alias.name}`) as ByteString;
}


/** The file systems of some roots whose ctimes can be believed. What is mounted below a root is another one, and is read. */
export function believed(posix: Posix, roots: readonly number[]): string[] {
  const table = new StatTable(1);
  return roots.flatMap((fd) => (posix.fstat(fd, table, 0) === 0 && probeTarget(posix, fd, { mayWrite: false }).exactChangeTimes ? [`${table.devMajor(0)}:${table.devMinor(0)}`] : []));
}
