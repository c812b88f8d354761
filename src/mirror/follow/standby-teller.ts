/**
 * Standby teller: tells a target's host how far it is, so that it knows by itself when the source is gone: when something has changed, and every ten seconds where
 * nothing has. It costs one small message, about once a second at most.
 */
import { hostname } from 'node:os';
import { loadPosix } from '../../fs/index.js';
import { MOST_STANDBY_NAMES, type StandbyPhase, type StandbyPoint } from '../../state/index.js';
import type { PointAnswer } from '../../session/index.js';
import { fromText, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import { Points } from './points.js';
import type { Phase } from './status.js';

/** How a follower stands. */
export interface Standing {
  readonly phase: Phase;
  /** When the oldest change was heard that is not on the target, but for paths that fail (`steadyNow`). */
  readonly oldest: number | undefined;
  readonly exact: boolean;
  /** A full session has gone well. */
  readonly copied: boolean;
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly failing: number;
  readonly names: Iterable<RelPath>;
  readonly held: number;
}

/** Milliseconds between two that say the same. */
const HEARTBEAT = 10_000;

export class StandbyTeller {
  readonly points = new Points();
  private said = '';
  private saidAt = -Infinity;
  private source: StandbyPoint['source'] | undefined;

  constructor(private readonly root: ByteString, private readonly how: Pick<StandbyPoint, 'durable' | 'deletes'>, private readonly tell: ((point: StandbyPoint, last: boolean) => PointAnswer) | undefined) {}

  /**
   * Tells it where that is due. Undefined: it was not. @param now ms since 1970, the system's clock. @param steady ms, a clock that never runs backwards.
   */
  tick(standing: Standing, now: number, steady: number, last = false): PointAnswer | undefined {
    const { tell } = this;
    const upTo = standing.copied ? this.points.upTo(standing.oldest) : null;
    this.source ??= sourceAt(this.root);
    if (tell === undefined || this.source === undefined) return undefined;
    const { exact, copied, waiting, waitingBytes, failing, held } = standing;
    const names = [...take(standing.names, MOST_STANDBY_NAMES)];
    const about = { upTo, exact, ...this.how, copied, phase: PHASES[standing.phase], failing, names, held };
    const said = JSON.stringify(about);
    if (!last && said === this.said && steady - this.saidAt < HEARTBEAT) return undefined;
    const answer = tell({ source: this.source, at: now, ...about, waiting, waitingBytes }, last);
    if (answer !== 'away') {
      this.said = said;
      this.saidAt = steady;
    }
    return answer;
  }
}

const PHASES: Readonly<Record<Phase, StandbyPhase>> = {
  starting: 'copying', copying: 'copying', following: 'following', waiting: 'waiting', held: 'held', paused: 'paused', 'source-lost': 'source-lost', stopped: 'ended',
};

function sourceAt(root: ByteString): StandbyPoint['source'] | undefined {
  const posix = loadPosix();
  const fd = posix.openRoot(root);
  if (fd < 0) return undefined;
  const table = new StatTable(1);
  const error = posix.fstat(fd, table, 0);
  posix.close(fd);
  return error < 0 ? undefined : { host: fromText(hostname()), path: root, identity: table.lastingIdentity(0) };
}

function* take<T>(from: Iterable<T>, most: number): Iterable<T> {
  let k = 0;
  for (const each of from) {
    if (k++ >= most) return;
    yield each;
  }
}
