/**
 * The source of a mirror: captured once, whoever follows it. It tells whether the folder that was there at the start still is, and hands each
 * hint to all followers: a hint counts as seen when every one of them has kept it durably.
 */
import { loadPosix, type Posix } from '../../fs/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { Capture, type CaptureOptions, type CaptureStatus, type Condition } from '../capture/index.js';
import type { Hint } from '../hint.js';
import { folderAt } from './roots.js';
import { ofTheTree, widened } from './scope.js';

/** What the source tells those that follow it. */
export interface SourceFollower {
  /** Resolves when they are kept durably. */
  heard(hints: readonly Hint[]): Promise<void>;
  /** It went away, or is back: then everything is in doubt. */
  sourceLost(): void;
  sourceBack(): void;
}

/** What a follower may ask of the source. */
export interface SourceView {
  readonly root: ByteString;
  /** It is not there: nothing is to be done. */
  readonly lost: boolean;
  /** Whether the folder that is followed stands there now. */
  stands(): boolean;
  /** Undefined: not all watches are set yet. */
  status(): CaptureStatus | undefined;
}

export class MirrorSource implements SourceView {
  lost = false;
  private readonly posix: Posix = loadPosix();
  private capture: Capture | undefined;
  private identity: string | undefined;

  /**
   * @param ruleFiles names of files whose change makes their folder dirty.
   * @param failed capture has ended by itself.
   */
  constructor(
    private readonly options: CaptureOptions, private readonly ruleFiles: ReadonlySet<ByteString>, private readonly followers: readonly SourceFollower[],
    private readonly listener: { condition?(condition: Condition): void }, private readonly failed: (error: Error) => void,
  ) {}

  get root(): ByteString {
    return this.options.root;
  }

  /** Takes note of which folder is followed. @throws TwintreeError SOURCE_MISSING. */
  identify(): void {
    this.identity = folderAt(this.posix, this.root);
    if (this.identity === undefined) throw new TwintreeError('SOURCE_MISSING', 'the source is no folder that can be opened', { path: this.root });
  }

  /** Resolves when all watches are set. @throws TwintreeError as `Capture.start`. */
  async start(): Promise<CaptureStatus> {
    this.capture = await Capture.start(this.options, { hints: (hints) => this.heard(hints), condition: (condition) => this.happened(condition), failed: this.failed });
    return this.capture.status();
  }

  /** Resolves when all that happened before the call was heard by all followers. */
  async flush(): Promise<void> {
    await this.capture?.flush();
  }

  status(): CaptureStatus | undefined {
    return this.capture?.status();
  }

  stands(): boolean {
    return !this.lost && folderAt(this.posix, this.root) === this.identity;
  }

  async stop(): Promise<void> {
    await this.capture?.stop();
  }

  private async heard(hints: readonly Hint[]): Promise<void> {
    const wide: Hint[] = [];
    for (const each of hints) {
      const hint = ofTheTree(each);
      if (hint !== undefined) wide.push(widened(hint, this.ruleFiles));
    }
    if (wide.length === 0) return;
    await Promise.all(this.followers.map((follower) => follower.heard(wide)));
  }

  private happened(condition: Condition): void {
    this.listener.condition?.(condition);
    if (condition.kind === 'root-lost') {
      this.lost = true;
      for (const follower of this.followers) follower.sourceLost();
    }
    if (condition.kind === 'root-back') {
      this.lost = false;
      this.identity = folderAt(this.posix, this.root);
      for (const follower of this.followers) follower.sourceBack();
    }
  }
}
