/** Line: an open connection as the client has it, with the messages that came over it. It carries one session after the other where both ends can. */
import { Link, SpareThreads } from '../../endpoint/index.js';
import type { CompareOptions, SessionOptions } from '../../plan/index.js';
import { DOUBT, DURABLE, STANDBY, STANDING } from '../../wire/index.js';
import type { RemoteRequest } from './client.js';
import { Mailbox } from './mailbox.js';
import { writePoint, type PointTold } from './messages.js';
import { LINK_PROBES } from './supply.js';

/** While bytes are sent the way there and back is measured so often, ms: a Ping is 20 bytes. */
const PROBE_EVERY = 500;

export class Line {
  readonly inbox = new Mailbox(() => { this.link.heard(); });
  /** Threads that supply one session after the other. */
  readonly spare = new SpareThreads();
  /** Sessions that it carried to their end. */
  carried = 0;

  private constructor(readonly link: Link) {
    link.onControl = (message) => { this.inbox.put(message); };
    link.onLost = (error) => { this.inbox.fail(error); };
  }

  /** Connects and shakes hands. `probes`: the way there and back is measured while it is used. @throws TwintreeError CONNECT, CONNECT_TIMEOUT, NOT_TWINTREE, VERSION, WIRE … */
  static async open({ connect, link }: Pick<RemoteRequest, 'connect' | 'link'>, bwlimit: number, notice: (code: string, message: string) => void, probes = false): Promise<Line> {
    const { connectTimeoutMs, timeoutMs } = link;
    const opened = await Link.open(connect, {
      role: 'client', features: [STANDING, DURABLE, STANDBY, DOUBT], ...(probes ? { probeMs: PROBE_EVERY } : LINK_PROBES), connectTimeoutMs, timeoutMs, bwlimit, ...(connectTimeoutMs > 0 ? { handshakeTimeoutMs: connectTimeoutMs } : {}),
    });
    for (const text of opened.notices) notice('connection', text);
    return new Line(opened);
  }

  /** Whether the next session may begin on it: the connection stands, and the other end has said nothing since the last one. */
  get fresh(): boolean {
    return this.link.loss === undefined && this.inbox.empty;
  }

  /** The options as the other end's session takes them: one that does not know `durable` writes each file through, one that knows no `doubt` reads all that it compares. */
  optionsFor(options: SessionOptions): SessionOptions {
    const { features } = this.link.hello;
    const compare: CompareOptions = options.compare.mode === 'doubt' && !features.includes(DOUBT) ? { ...options.compare, mode: 'checksum' } : options.compare;
    if (options.replace.durable === undefined || features.includes(DURABLE)) return { ...options, compare };
    const { durable, ...replace } = options.replace;
    return { ...options, compare, replace: { ...replace, fsync: replace.fsync || durable } };
  }

  /** Whether the other end knows what a standby is. */
  get knowsStandby(): boolean {
    return this.link.hello.features.includes(STANDBY);
  }

  /** Tells how far the target is, where the other end knows what that is. */
  tell(told: PointTold): void {
    if (this.knowsStandby) this.link.send(writePoint(told));
  }

  /** A session has come to its end, and nobody here asks or supplies any more. False: the other end takes one session only, or the connection is lost. */
  again(): boolean {
    if (!this.link.hello.features.includes(STANDING) || !this.fresh) return false;
    this.link.renew();
    this.link.send({ type: 'again' });
    this.carried++;
    return true;
  }

  /** Ends it. `over`: in good order. */
  async end(over: boolean): Promise<void> {
    if (over) this.link.send({ type: 'close' });
    await Promise.all([this.link.close(), this.spare.close()]);
  }
}
