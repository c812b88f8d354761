/**
 * Mirror: keeps targets equal to a source that is in use. The source is captured once (source.ts), and capture is at work before the first copy begins;
 * each target has a follower of its own (follower.ts). This owns both: it starts and ends them in order.
 */
import { setMaxListeners } from 'node:events';
import { loadOwnPosix, loadPosix } from '../../fs/index.js';
import { TwintreeError } from '../../tree/index.js';
import type { CaptureStatus } from '../capture/index.js';
import { Follower } from './follower.js';
import { refuseLoops } from './loops.js';
import { captureOptions, type MirrorListener, type MirrorRequest } from './request.js';
import { refuseOverlap } from './roots.js';
import { ruleFileNames } from './scope.js';
import { MirrorSource } from './source.js';

/** Milliseconds between two statuses. */
const STATUS_EVERY = 1000;

export class Mirror {
  /** One for each target, in their order. */
  readonly followers: readonly Follower[];
  private readonly source: MirrorSource;
  private readonly oneFileSystem: boolean;
  /** Aborted where one part's fault ends all. */
  private readonly fault = new AbortController();

  constructor(private readonly request: MirrorRequest, listener: MirrorListener = {}) {
    const { targets } = request;
    const [first] = targets;
    if (first === undefined) throw new RangeError('a mirror without a target');
    const { options } = first;
    this.oneFileSystem = options.walk.oneFileSystem > 0;
    const followers: Follower[] = [];
    this.source = new MirrorSource(
      captureOptions(request),
      {
        ruleFiles: ruleFileNames(options.filters, options.walk.gitignore), followers, failed: (error) => this.fault.abort(error), ...(request.capture === undefined ? {} : { capture: request.capture }),
        watching: (capture) => listener.watching?.(capture), condition: (condition) => listener.condition?.(condition),
      },
    );
    for (const target of targets) followers.push(new Follower(request, target, this.source, listener.follower?.(target) ?? {}));
    this.followers = followers;
  }

  /** A session was left behind that still waits for another host: it ends with the process. */
  get leftSession(): boolean {
    return this.followers.some(({ leftSession }) => leftSession);
  }

  /**
   * Mirrors until the signal. Whatever ends it loses nothing: the next start compares everything. A target for which no later attempt would go better
   * ends alone (`FollowerListener.ended`), and the others go on; with the last one the mirror ends.
   * @throws TwintreeError where it cannot begin, where capture ends, or where a target ended before the signal: the first one's error.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { root, targets } = this.request;
    this.source.identify();
    refuseOverlap(loadPosix(), root, targets, this.oneFileSystem);
    let timer: NodeJS.Timeout | undefined;
    try {
      for (const follower of this.followers) follower.open();
      refuseLoops(loadPosix(), loadOwnPosix(), this.request.stateFolder, root, targets);
      await this.source.start();
      timer = setInterval(() => {
        void this.source.probe();
        for (const follower of this.followers) follower.tick();
      }, STATUS_EVERY);
      const end = AbortSignal.any([signal, this.fault.signal]);
      setMaxListeners(0, end); // as many as there are targets and what they do
      await this.followAll(end);
    } finally {
      clearInterval(timer);
      await this.source.stop();
      for (const follower of this.followers) await follower.close();
    }
  }

  private async followAll(end: AbortSignal): Promise<void> {
    const ended: { follower: Follower; error: unknown }[] = [];
    await Promise.all(this.followers.map(async (follower) => follower.follow(end).catch((error: unknown) => { ended.push({ follower, error }); })));
    if (this.fault.signal.aborted) throw this.fault.signal.reason;
    const [first] = ended;
    if (first === undefined) return;
    const { error, follower } = first;
    if (this.followers.length === 1 || !(error instanceof TwintreeError)) throw error;
    throw new TwintreeError(error.code, error.message, { path: follower.request.pair.target, cause: error, ...(error.advice === undefined ? {} : { advice: error.advice }) });
  }

  /** A person says to go on: what guards refused is done, once. False: nothing is held. */
  approve(): boolean {
    return this.followers.map((follower) => follower.approve()).includes(true);
  }

  /** A person says that what stands at the source's path is the source, though it is another folder. False: no source is missed, or nothing stands there. */
  adopt(): boolean {
    return this.source.adopt();
  }

  /** How capture stands; undefined: not all watches are set yet, or it is started again. */
  captured(): CaptureStatus | undefined {
    return this.source.status();
  }

  /** No session begins until `rouse` or `hurry`. Resolves when none is under way. */
  async rest(): Promise<void> {
    await Promise.all(this.followers.map((follower) => follower.rest()));
  }

  /** Sessions begin again. */
  rouse(): void {
    for (const follower of this.followers) follower.rouse();
  }

  /** Somebody waits for `caughtUp`: nothing waits for its time any more. */
  hurry(): void {
    for (const follower of this.followers) follower.hurry();
  }

  /** Resolves when all that happened before the call has been heard of. */
  heard(): Promise<void> {
    return this.source.flush();
  }

  /** Resolves when all that happened before the call is on all targets, or those of `followers`. Rejects where one of them ends before. */
  async caughtUp(followers: readonly Follower[] = this.followers): Promise<void> {
    await this.heard();
    await Promise.all(followers.map((follower) => follower.caughtUp()));
  }
}
