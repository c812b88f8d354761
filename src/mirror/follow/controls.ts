/**
 * Controls: what a person, the clock and the state of this host say to a follower while it runs: pause and resume, the approval of a hold, how fast it
 * may send. Questions come on a socket in the pair's folder of state, which is its user's alone.
 */
import { errnoText } from '../../fs/index.js';
import { SetPace } from '../../session/index.js';
import { serveControl, type ControlServer } from '../../transport/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { CONTROL_SOCKET, dropPause, keepPause, Pacer, readPause, readRequest, sessionRate, type ControlAnswer, type ControlRequest, type HeldView, type RateLimit, type RateSchedule } from '../control/index.js';

/** How a rate is read and what the command line says of it. */
export interface RateRequest {
  readonly given?: RateSchedule;
  /** Reads a rate or a timetable. @throws TwintreeError USAGE. */
  readonly read: (text: string) => RateSchedule;
}

/** What is controlled. */
export interface Controlled {
  held(): HeldView | undefined;
  approve(hold: string): boolean;
  /** False: no source is missed, or nothing stands in its place. */
  adopt(): boolean;
  pause(reason: string, breaksOff: boolean): void;
  resume(reason: string): void;
  /** Asks a target again that was promoted. False: none was. */
  retry(): boolean;
  notice(code: string, message: string): void;
}

/** Reasons of pauses. */
export const BY_PERSON = 'asked';
export const BY_CLOCK = 'timetable';

export class Controls {
  /** The pace of all sessions. */
  readonly pace = new SetPace();
  private readonly pacer: Pacer;
  private folder: ByteString | undefined;
  private server: ControlServer | undefined;
  private clockPauses = false;

  /** @param clock milliseconds since 1970, the system's: timetables go by it, also where it is set. */
  constructor(private readonly follower: Controlled, private readonly rates: RateRequest | undefined, private readonly clock: () => number = Date.now) {
    this.pacer = new Pacer(rates?.given);
  }

  /** The pair's state is open, and its own: a pause that was kept holds. */
  opened(folder: ByteString): void {
    this.folder = folder;
    this.pacer.pausedSince = readPause(folder);
    if (this.pacer.pausedSince !== undefined) {
      this.follower.pause(BY_PERSON, false);
      this.follower.notice('paused', 'the mirror was paused and stays so: twintree resume lets it go on');
    }
    this.tick();
  }

  /** Serves the socket. Where that is not possible it is told, and the mirror goes on. */
  async serve(): Promise<void> {
    if (this.folder === undefined) return;
    try {
      this.server = await serveControl(this.folder, CONTROL_SOCKET, async (question) => JSON.stringify(this.answer(question)));
    } catch (error) {
      if (!(error instanceof TwintreeError)) throw error;
      this.follower.notice('control', error.message);
    }
  }

  async close(): Promise<void> {
    await this.server?.close();
    this.server = undefined;
  }

  /** Looks at the clock; called at least every second. */
  tick(): void {
    const now = this.clock();
    const off = this.pacer.whyOff(now) === 'timetable';
    if (off !== this.clockPauses) {
      this.clockPauses = off;
      if (off) this.follower.pause(BY_CLOCK, true);
      else this.follower.resume(BY_CLOCK);
    }
    this.pace.set(sessionRate(this.limit));
  }

  /** What link and host bear from the next tick on, bytes a second; undefined: as much as there is. */
  bear(bytesPerSecond: number | undefined): void {
    this.pacer.borne = bytesPerSecond === undefined ? undefined : Math.round(bytesPerSecond);
  }

  /** What holds now. */
  get limit(): RateLimit {
    return this.pacer.limitAt(this.clock());
  }

  /** Since when a person has paused it, ms since 1970 (0: not known). */
  get pausedSince(): number | undefined {
    return this.pacer.pausedSince;
  }

  private answer(question: string): ControlAnswer {
    try {
      return this.act(readRequest(question));
    } catch (error) {
      if (error instanceof TwintreeError) return { ok: false, message: error.advice === undefined ? error.message : `${error.message}. ${error.advice}` };
      return { ok: false, message: String(error) };
    }
  }

  private act(request: ControlRequest): ControlAnswer {
    switch (request.do) {
      case 'pause': return this.pauseByPerson();
      case 'resume': return this.resumeByPerson();
      case 'held': {
        const held = this.follower.held();
        return held === undefined ? { ok: true, message: 'nothing is held' } : { ok: true, message: held.message, held };
      }
      case 'approve': return this.follower.approve(request.hold) ? { ok: true, message: 'approved' } : { ok: false, message: 'that hold does not stand any more; look again' };
      case 'adopt': return this.follower.adopt() ? { ok: true, message: 'what stands at the source\'s place is taken for the source' } : { ok: false, message: 'the source is not missed, or nothing stands in its place' };
      case 'throttle': return this.throttle(request.limit);
    }
  }

  private pauseByPerson(): ControlAnswer {
    const before = this.pacer.pausedSince;
    if (before !== undefined) return { ok: true, message: 'it was paused already' };
    const now = this.clock();
    const kept = keepPause(this.folder as ByteString, now);
    this.pacer.pausedSince = now;
    this.follower.pause(BY_PERSON, true);
    this.follower.notice('paused', 'paused by a person; changes are kept');
    return { ok: true, message: kept < 0 ? `paused, but only until the mirror ends: it cannot be kept (${errnoText(-kept)})` : 'paused; changes are kept' };
  }

  private resumeByPerson(): ControlAnswer {
    const asks = this.follower.retry();
    if (this.pacer.pausedSince === undefined) return { ok: true, message: asks ? 'it asks the target again, which was promoted' : 'it was not paused' };
    const dropped = dropPause(this.folder as ByteString);
    if (dropped < 0) return { ok: false, message: `the pause that is kept cannot be removed: ${errnoText(-dropped)}` };
    this.pacer.pausedSince = undefined;
    this.tick();
    this.follower.resume(BY_PERSON);
    this.follower.notice('resumed', 'resumed by a person');
    return { ok: true, message: this.clockPauses ? 'resumed; the timetable pauses it still' : 'resumed' };
  }

  private throttle(limit: string | null): ControlAnswer {
    if (this.rates === undefined) return { ok: false, message: 'this mirror takes no limit' };
    this.pacer.ask(limit === null ? undefined : this.rates.read(limit));
    this.tick();
    const now = this.limit;
    const told = now === 'full' ? 'no limit' : now === 'off' ? 'nothing is sent' : `${now} bytes a second`;
    const message = limit === null ? `the command line's limit holds again; now: ${told}` : `it holds until the mirror ends or another is said; now: ${told}`;
    this.follower.notice('throttle', limit === null ? message : `a person's limit: ${limit}`);
    return { ok: true, message };
  }
}
