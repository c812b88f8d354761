/**
 * LinkMeter: what Pings tell of a connection: how long the way there and back takes, and how much is known to have arrived. A Ping goes through our own queue like
 * all else; how long it stood there is told apart, so that a full queue is not taken for a slow way. Pure: times are handed in, ms of a clock
 * that never runs backwards.
 */

/** Way there and back. Waiting in the kernel's buffers, and in a program that carries the bytes (ssh), counts as way; so does what the other end takes to answer. */
export interface RoundTrip {
  readonly latestMs: number;
  /** The shortest of this connection. */
  readonly minMs: number;
  /** How long the latest one's Ping had stood in our own queue before, beside `latestMs`. */
  readonly queuedMs: number;
  /** Age of the latest measurement. */
  readonly ageMs: number;
}

/** A Ping without an answer for so long is given up, ms: an end that has much to send may leave it out. */
const GIVEN_UP = 30_000;

/** What was sent waited for so long, here or on the way: the link was busy all the time. ms */
const WAITED = 20;
/** A busy link is slow that takes fewer bytes a millisecond: less than a core packs. */
const SLOW = 12_000;
/** So many measurements in a row without any waiting, and a link is not called slow any more. */
const IDLE = 4;

interface Probe { readonly token: number; readonly queuedAt: number; readonly upTo: number; leftAt: number | undefined }

export class LinkMeter {
  /** Bytes, counted from the first, that have arrived for certain. */
  arrived = 0;
  latestMs: number | undefined;
  minMs = Infinity;
  queuedMs = 0;
  measuredAt = 0;
  /** Whether the link was slow when it was last known to be busy: it pays to pack what is sent. */
  slow = false;
  private idle = 0; // measurements without waiting
  private probe: Probe | undefined;
  private token = 0;

  /** Whether a Ping that is sent now would be measured. */
  free(now: number): boolean {
    return this.probe === undefined || now - this.probe.queuedAt >= GIVEN_UP;
  }

  /** A Ping goes into the queue; `upTo`: bytes sent when it has left. Returns its token. */
  begin(now: number, upTo: number): number {
    this.probe = { token: ++this.token, queuedAt: now, upTo, leftAt: undefined };
    return this.token;
  }

  /** That Ping has left our hands. */
  left(token: number, now: number): void {
    if (this.probe?.token === token) this.probe.leftAt = now;
  }

  /** A Pong came. One that nobody waits for tells nothing. */
  end(token: number, now: number): void {
    const { probe } = this;
    if (probe?.token !== token) return;
    this.probe = undefined;
    const leftAt = probe.leftAt ?? probe.queuedAt;
    const [before, had] = [this.measuredAt, this.arrived];
    this.queuedMs = leftAt - probe.queuedAt;
    this.latestMs = now - leftAt;
    this.minMs = Math.min(this.minMs, this.latestMs);
    this.measuredAt = now;
    this.arrived = probe.upTo;
    if (before > 0) this.judge((probe.upTo - had) / Math.max(1, now - before));
  }

  /** @param rate bytes a millisecond since the last measurement */
  private judge(rate: number): void {
    if (this.queuedMs + (this.latestMs ?? 0) - this.minMs >= WAITED) {
      this.idle = 0;
      this.slow = rate < SLOW;
    } else if (++this.idle >= IDLE) this.slow = false;
  }
}
