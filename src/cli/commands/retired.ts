/**
 * What the host of a source remembers of targets that were promoted: told again where such a target cannot be reached, so that nobody takes this tree for its source
 * by mistake; forgotten when the target takes a session again.
 */
import { loadOwnPosix, loadPosix } from '../../fs/index.js';
import { promotedAt } from '../../session/index.js';
import { allRetired, dropRetired, readRetired, stateFolder, writeRetired, type Retired } from '../../state/index.js';
import { displayName, TwintreeError, type ByteString } from '../../tree/index.js';
import { sentence } from '../errors.js';
import type { HostSpec } from '../options/index.js';
import { readOperands } from '../options/operands.js';
import { localPath, mirrorPair } from './mirror-pair.js';
import type { SessionRun } from './shared.js';

/** Pushes with that memory. */
export function remembering(sources: readonly ByteString[], target: ByteString, host: HostSpec, run: SessionRun): SessionRun {
  const folder = localPath(stateFolder(process.env, loadPosix().euid));
  const pairs = sources.map((source) => ({ source: localPath(source), target: mirrorPair(source, target, host).target }));
  let known = pairs.map((pair) => readRetired(folder, pair.source, pair.target)).find((each) => each !== undefined);
  return async (what, listener, signal) => {
    try {
      const outcome = await run(what, listener, signal);
      if (known !== undefined && !what.options.dryRun && !outcome.aborted) {
        known = undefined;
        for (const pair of pairs) dropRetired(folder, pair.source, pair.target);
      }
      return outcome;
    } catch (error) {
      if (!(error instanceof TwintreeError)) throw error;
      if (error.code === 'PROMOTED') {
        for (const pair of pairs) known = keep(folder, { ...pair, at: Date.now(), message: error.message });
      } else if (known !== undefined && isAway(error)) {
        const when = known.at === 0 ? 'earlier' : `at ${new Date(known.at).toISOString()}`;
        throw new TwintreeError('PROMOTED', `${displayName(known.target)} said ${when} that it was promoted, and cannot be asked now (${error.message}): this tree is no longer its source`, {
          cause: error, advice: 'docs/promote.md tells what to do. Where the target is to take it again, have it reached and lift the promotion there.',
        });
      }
      throw error;
    }
  };
}

function keep(folder: ByteString, retired: Retired): Retired {
  try {
    writeRetired(loadOwnPosix(), folder, retired);
  } catch (error) {
    if (!(error instanceof TwintreeError)) throw error; // without a place for it the target still says so itself
  }
  return retired;
}

function isAway({ code }: TwintreeError): boolean {
  return code === 'CONNECT' || code === 'CONNECT_TIMEOUT' || code === 'CONNECTION_LOST' || code === 'TIMEOUT' || code === 'NOT_TWINTREE';
}

/** A source that is none any more for one of its targets. Names are text for people. */
export interface NoSource { readonly source: string; readonly target: string; readonly at: number; readonly message: string }

/** What is known here of all that were promoted. */
export function allNoSources(): NoSource[] {
  return allRetired(localPath(stateFolder(process.env, loadPosix().euid))).map(shown);
}

/** What is known here of these, as a command line names them: targets on other hosts that have said so, and those on this one that are. */
export function noSources(sources: readonly ByteString[], targets: readonly ByteString[]): NoSource[] {
  const folder = localPath(stateFolder(process.env, loadPosix().euid));
  return targets.flatMap((target) => {
    const { sources: from, target: to, direction, host } = readOperands([...sources], target);
    if (direction === 'pull' || to === undefined) return [];
    if (direction === 'push') return from.flatMap((source) => readRetired(folder, localPath(source), mirrorPair(source, to, host).target) ?? []).slice(0, 1).map(shown);
    const posix = loadOwnPosix();
    const fd = posix.openRoot(localPath(to));
    const promotion = fd < 0 ? undefined : promotedAt(fd);
    if (fd >= 0) posix.close(fd);
    return promotion === undefined ? [] : [{ source: from.map((source) => displayName(localPath(source))).join(' '), target: displayName(localPath(to)), at: promotion.at, message: 'this target was promoted' }];
  });
}

function shown({ source, target, at, message }: Retired): NoSource {
  return { source: displayName(source), target: displayName(target), at, message };
}

/** One line, for people. */
export function noSourceText({ source, target, message }: NoSource): string {
  return `${source} is no longer the source of ${target}: ${sentence(message)}`;
}
