/** Roles: which tree follows which, as the state wants it; what they tell goes into the journal, lag about once a minute. */
import { FOLLOWING } from '../journal/machine.js';
import { codeOf, sentenceOf, type Context } from './context.js';
import type { Direction, Following, FollowStatus } from './ports.js';

/** Milliseconds between two events of lag. */
const LAG_EVERY_MS = 60_000;
/** After so long the way back is begun anew, ms. */
const BACK_AGAIN_MS = 5000;

interface Role { readonly direction: Direction; readonly following: Following }

export class Roles {
  private role: Role | undefined;
  private lastForward: Following | undefined;
  private timer: NodeJS.Timeout | undefined;
  private again: NodeJS.Timeout | undefined;
  private told: FollowStatus | undefined;
  private readonly ending = new Set<Promise<void>>();

  /** @param failed the forward mirror ended for a reason that no later attempt would mend. */
  constructor(private readonly context: Context, private readonly failed: (error: unknown) => void, private readonly lagEveryMs = LAG_EVERY_MS) {}

  /** Which role the state wants. */
  private get wanted(): Direction | undefined {
    const { state } = this.context.stand;
    if (FOLLOWING.includes(state)) return 'forward';
    return state === 'switched' && this.context.definition.reverse ? 'back' : undefined;
  }

  /** Takes up the role that the state wants, where it is not taken. */
  take(): void {
    const { wanted } = this;
    if (wanted === undefined || this.role !== undefined || this.again !== undefined) return;
    const following = wanted === 'forward' ? this.context.ports.forward(this.context.tell) : this.context.ports.back(this.context.tell);
    const role: Role = { direction: wanted, following };
    this.role = role;
    if (wanted === 'forward') this.lastForward = following;
    this.told = undefined;
    this.timer = setInterval(() => { this.tellLag(); }, this.lagEveryMs);
    following.over.catch((error: unknown) => { this.ended(role, error); });
  }

  /** The mirror of the source; the one that was at work last, where it has ended. */
  forward(): Following {
    if (this.lastForward === undefined) throw new Error('no mirror is at work');
    return this.lastForward;
  }

  /** How the tree that follows stands. */
  status(): { direction: Direction; status: FollowStatus | undefined } | undefined {
    return this.role === undefined ? undefined : { direction: this.role.direction, status: this.role.following.status() };
  }

  /** Ends the role that is taken. */
  async end(): Promise<void> {
    clearInterval(this.timer);
    clearTimeout(this.again);
    this.again = undefined;
    const { role } = this;
    this.role = undefined;
    if (role !== undefined) {
      if (role.following.status()?.complete === true) this.tellLag(role); // what is not complete is not behind by anything that is known
      const ended = role.following.stop();
      this.ending.add(ended);
      void ended.finally(() => { this.ending.delete(ended); });
    }
    await Promise.all(this.ending);
  }

  private ended(role: Role, error: unknown): void {
    if (this.role !== role) return;
    clearInterval(this.timer);
    this.role = undefined;
    this.context.problem(codeOf(error), `${role.direction === 'forward' ? 'the mirror' : 'the way back'} has ended: ${sentenceOf(error)}`);
    if (role.direction === 'forward') this.failed(error);
    else {
      this.again = setTimeout(() => {
        this.again = undefined;
        this.take();
      }, BACK_AGAIN_MS);
    }
  }

  private tellLag(role = this.role): void {
    const status = role?.following.status();
    if (role === undefined || status === undefined) return;
    this.context.tell({
      event: 'lag', lagMs: Math.round(status.lagMs), backlogFiles: status.backlogFiles, backlogBytes: status.backlogBytes, changedFiles: changed(status.files, this.told?.files), changedBytes: changed(status.bytes, this.told?.bytes),
    });
    this.told = status;
  }
}

/** By how much a count has grown; 0 where it began anew. */
function changed(now: number, before: number | undefined): number {
  return Math.max(0, now - (before ?? now));
}
