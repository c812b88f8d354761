/**
 * Mirror: keeps targets equal to a source that is in use. The source is captured once (source.ts), and capture is at work before the first copy begins;
 * each target has a follower of its own (follower.ts). This owns both: it starts and ends them in order.
 */
import { loadPosix } from '../../fs/index.js';
import { MirrorSource } from './source.js';
import { Follower } from './follower.js';
import type { MirrorListener, MirrorRequest } from './request.js';
import { refuseNested } from './roots.js';
import { ruleFileNames } from './scope.js';

/** Milliseconds between two statuses. */
const STATUS_EVERY = 1000;

export class Mirror {
  /** One for each target, in their order. */
  readonly followers: readonly Follower[];
  private readonly source: MirrorSource;
  /** Aborted where one part's fault ends all. */
  private readonly fault = new AbortController();

  constructor(private readonly request: MirrorRequest, private readonly listener: MirrorListener = {}) {
    const { root, backend, options, targets } = request;
    const followers: Follower[] = [];
    this.source = new MirrorSource(
      { root, backend, oneFileSystem: options.walk.oneFileSystem > 0, filters: options.filters, deleteExcluded: options.delete.excluded },
      ruleFileNames(options.filters, options.walk.gitignore), followers, listener, (error) => this.fault.abort(error),
    );
    for (const target of targets) followers.push(new Follower(request, target, this.source, listener.follower?.(target) ?? {}));
    this.followers = followers;
  }

  /** A session was left behind that still waits for another host: it ends with the process. */
  get leftSession(): boolean {
    return this.followers.some(({ leftSession }) => leftSession);
  }

  /**
   * Mirrors until the signal. Whatever ends it loses nothing: the next start compares everything.
   * @throws TwintreeError where it cannot begin, or no later attempt would go better.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { root, options, targets } = this.request;
    this.source.identify();
    for (const { localTarget } of targets) if (localTarget !== undefined) refuseNested(loadPosix(), root, localTarget, options.walk.oneFileSystem > 0);
    let timer: NodeJS.Timeout | undefined;
    try {
      for (const follower of this.followers) follower.open();
      this.listener.watching?.(await this.source.start());
      timer = setInterval(() => { for (const follower of this.followers) follower.tellStatus(); }, STATUS_EVERY);
      const end = AbortSignal.any([signal, this.fault.signal]);
      const ends = await Promise.allSettled(this.followers.map((follower) => follower.follow(end)));
      if (this.fault.signal.aborted) throw this.fault.signal.reason;
      for (const each of ends) if (each.status === 'rejected') throw each.reason;
    } finally {
      clearInterval(timer);
      await this.source.stop();
      for (const follower of this.followers) await follower.close();
    }
  }

  /** A person says to go on: what guards refused is done, once. False: nothing is held. */
  approve(): boolean {
    return this.followers.map((follower) => follower.approve()).includes(true);
  }

  /** Resolves when all that happened before the call is on all targets. Rejects where the mirror ends before. */
  async caughtUp(): Promise<void> {
    await this.source.flush();
    await Promise.all(this.followers.map((follower) => follower.caughtUp()));
  }
}
