/**
 * Standing: a connection that stays, for one session after the other to the same host. It is made when a session needs it and there is none that
 * stands; a session that fails takes it along, for what state the other end is in then nobody knows. Sessions are those of `runRemote` in everything
 * else. All of them have one lineage: after a cut the next one takes the target over from the last one, where that is still at work there.
 */
import type { RoundTrip } from '../../transport/index.js';
import type { Outcome, SessionListener } from '../events.js';
import type { StandbyPoint } from '../../state/index.js';
import { TwintreeError } from '../../tree/index.js';
import type { PointAnswer } from '../standby.js';
import { newLineage, runOver, type Lines, type RemoteRequest } from './client.js';
import { Line } from './line.js';

/** The other host, and how the connection to it behaves. */
export interface StandingOptions extends Pick<RemoteRequest, 'connect' | 'root' | 'link'> {
  /** Milliseconds after which a connection that no session needs is closed; 0: never. Default: ten minutes. */
  idleMs?: number;
}

/** One session: a push. */
export type StandingRequest = Omit<RemoteRequest, 'direction' | 'connect' | 'root' | 'link'>;

const IDLE = 600_000;
const LONGEST_TIMER = 2 ** 31 - 1;

/** Opens none yet: the first session does. */
export function openStanding(options: StandingOptions): Standing {
  return new Standing(options);
}

export class Standing {
  private readonly lineage = newLineage();
  private readonly lines: Lines = { take: (request, bwlimit, notice) => this.take(request, bwlimit, notice), done: (line, over) => this.done(line, over) };
  private line: Line | undefined;
  private timer: NodeJS.Timeout | undefined;
  private running = false;
  private closed = false;
  /** The other end knows what a standby is, as far as is known here. */
  private able = true;
  private rate: number | undefined;
  /** Connections that were made so far. */
  connections = 0;

  constructor(private readonly options: StandingOptions) {}

  /**
   * Runs a session; one at a time. Resolves and rejects as `runRemote`; where the connection breaks and no further attempt is left, with the error of that, and the
   * next session makes a new one.
   */
  async run(request: StandingRequest, listener: SessionListener = {}, signal?: AbortSignal): Promise<Outcome> {
    if (this.running || this.closed) throw new Error(this.closed ? 'the connection was closed' : 'a connection carries one session at a time');
    this.running = true;
    const { connect, root, link } = this.options;
    try {
      return await runOver(this.lines, this.lineage, { ...request, direction: 'push', connect, root, link }, listener, signal);
    } catch (error) {
      // While it is opened, a connection that breaks looks as if somebody else had answered; but it was a twintree before.
      if (error instanceof TwintreeError && error.code === 'NOT_TWINTREE' && this.connections > 0) throw new TwintreeError('CONNECTION_LOST', error.message, { cause: error });
      throw error;
    } finally {
      this.running = false;
    }
  }

  /**
   * Tells the other end how far the target is, as soon as a connection stands; `last`: no further one comes. A connection over which this is told stays. 'away': there
   * is none; what the other end said last, why it ended the connection perhaps, the next session hears anew.
   */
  tell(point: StandbyPoint, last: boolean): PointAnswer {
    const { line } = this;
    if (!this.able) return 'unable';
    if (line === undefined || !(this.running || line.fresh)) return 'away';
    line.tell({ point, last });
    if (!this.running) this.rest();
    return 'kept';
  }

  /** Whether a connection stands, as far as is known here. */
  get stands(): boolean {
    return this.line?.fresh === true;
  }

  /** Most bytes a second that are sent from now on, whatever the sessions' options say; 0: no limit. */
  limit(bytesPerSecond: number): void {
    this.rate = bytesPerSecond;
    this.line?.link.limit(bytesPerSecond);
  }

  /** The way there and back on the connection that stands: what waits in our own queue is told apart from it. Undefined: none stands, or nothing was measured. */
  roundTrip(): RoundTrip | undefined {
    return this.line?.link.roundTrip();
  }

  /** Bytes that wait here, and those that were sent and are not known to have arrived (at most so many); 0 where no connection stands. */
  inFlight(): { queued: number; unconfirmed: number } {
    return this.line?.link.inFlight() ?? { queued: 0, unconfirmed: 0 };
  }

  /** Bytes that came and went on the connection that stands. */
  bytes(): { in: number; out: number } {
    return this.line?.link.bytes() ?? { in: 0, out: 0 };
  }

  /** Ends the connection in good order. A session under way keeps its own until it ends. */
  async close(): Promise<void> {
    this.closed = true;
    if (!this.running) await this.drop();
  }

  private async take(request: RemoteRequest, bwlimit: number, notice: (code: string, message: string) => void): Promise<Line> {
    clearTimeout(this.timer);
    const kept = this.line;
    if (kept?.fresh === true) {
      kept.link.limit(this.rate ?? bwlimit);
      return kept;
    }
    await this.drop();
    const line = await Line.open(request, this.rate ?? bwlimit, notice, true);
    this.connections++;
    this.line = line;
    this.able = line.knowsStandby;
    return line;
  }

  private async done(line: Line, over: boolean): Promise<void> {
    if (!over || this.closed || !line.again()) {
      this.line = undefined;
      await line.end(over);
      return;
    }
    this.rest();
  }

  /** No session needs the connection: from now on it is kept for a while. */
  private rest(): void {
    clearTimeout(this.timer);
    const { idleMs = IDLE } = this.options;
    if (idleMs > 0) this.timer = setTimeout(() => { void this.drop(); }, Math.min(LONGEST_TIMER, idleMs));
  }

  /** Closes the connection that is kept, where there is one. */
  private async drop(): Promise<void> {
    clearTimeout(this.timer);
    const { line } = this;
    this.line = undefined;
    await line?.end(true);
  }
}
