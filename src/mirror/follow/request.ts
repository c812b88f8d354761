/** What a mirror is asked for, and what it tells: the shapes that its parts and its callers share. */
import type { Rename, SessionOptions } from '../../plan/index.js';
import type { DirtyPath, Outcome, Pace, PointAnswer, SessionListener } from '../../session/index.js';
import type { PairState, StandbyPoint } from '../../state/index.js';
import type { ByteString } from '../../tree/index.js';
import type { BackendChoice, Capture, CaptureOptions, CaptureStatus, Condition } from '../capture/index.js';
import type { HeldView } from '../control/index.js';
import type { JobKind } from './agenda.js';
import type { DriftFound, DriftMode } from './drift.js';
import type { LinkMeter } from './load-watch.js';
import type { RateRequest } from './controls.js';
import type { MirrorStatus } from './status.js';

/** What is mirrored, and how. */
export interface MirrorRequest {
  /** A folder, as the user named it, with a slash at its end; and its absolute path. */
  source: ByteString;
  root: ByteString;
  /** At least one. What their options say of the source (filters, `-x`) is the same in all. */
  targets: readonly TargetRequest[];
  /** Milliseconds. */
  quietMs: number;
  gatherMs: number;
  longestMs: number;
  reconcileMs: number; // Infinity: never
  /** A file that changes while it is read is put off for so long at most, then sent as it is; 0: at once. */
  deferMs: number;
  /** What becomes of what other hands changed on the target. */
  drift: DriftMode;
  /** --throttle=auto, with the least rate, bytes a second. */
  ease?: { floor: number };
  backend: BackendChoice;
  /** `stateFolder()`. */
  stateFolder: ByteString;
  /** Milliseconds that a session has to end in after the signal. Default 5000. */
  abortPatienceMs?: number;
  /** Starts capture. Default `Capture.start`. */
  capture?: typeof Capture.start;
}

/** How the source of a mirror is captured. */
export function captureOptions({ root, backend, targets }: Pick<MirrorRequest, 'root' | 'backend'> & { readonly targets: readonly Pick<TargetRequest, 'options'>[] }): CaptureOptions {
  const [first] = targets;
  if (first === undefined) throw new RangeError('a mirror without a target');
  const { options } = first;
  return { root, backend, oneFileSystem: options.walk.oneFileSystem > 0, filters: options.filters, deleteExcluded: options.delete.excluded };
}

/** One target. */
export interface TargetRequest {
  /** As the session takes it. */
  target: ByteString;
  /** Its absolute path where it is on this host. */
  localTarget: ByteString | undefined;
  /** How state and status name source and target, in every run. */
  pair: { source: ByteString; target: ByteString };
  options: SessionOptions;
  /** Runs one session. */
  run: (what: { sources: readonly ByteString[]; target: ByteString; options: SessionOptions; dirty?: readonly DirtyPath[]; moved?: readonly Rename[]; places?: PairState; pace: Pace; keptIn?: ByteString }, listener: SessionListener, signal: AbortSignal) => Promise<Outcome>;
  /** How fast it may send; without it there is no limit, and none can be set. */
  rates?: RateRequest;
  /** What the connection to it tells of itself. */
  meter?: LinkMeter;
  /** Tells the target's host how far it is; `last`: no further one comes. Without it nobody there knows when the source is gone. */
  tell?: (point: StandbyPoint, last: boolean) => PointAnswer;
  /** Lets go of what `run` keeps between two sessions, a connection for example; no session follows. */
  end?: () => Promise<void>;
}

/** What a session was about. */
export interface SessionAbout {
  kind: JobKind;
  /** Paths in it; of a full one 0. */
  paths: number;
  /** Why a full one. */
  reason?: string;
  /** Age of its oldest change when it ended, ms. */
  lagMs: number;
}

/** Told what happens at one target; every method is optional, none may throw. */
export interface FollowerListener extends Pick<SessionListener, 'notice' | 'operation' | 'problem' | 'wantsOperations'> {
  /** A session went through. */
  session?(about: SessionAbout, outcome: Outcome): void;
  /** A session failed as a whole. `retryAt` (ms since 1970) undefined: it is held until a person decides. */
  failed?(code: string, message: string, retryAt: number | undefined): void;
  /** Nothing more is done for this target: no later attempt would go better. The others go on. */
  ended?(error: unknown): void;
  /** It is held by the limit of deletions, and this is what would go. */
  held?(hold: HeldView): void;
  /** Other hands have changed these on the target. `repaired`: they are as the source's again; else they were left. */
  drift?(found: readonly DriftFound[], repaired: boolean): void;
  /** Every second, and at the end. */
  status?(status: MirrorStatus): void;
}

/** Told what happens at the source; every method is optional, none may throw. */
export interface MirrorListener {
  /** All watches are set; again where capture had to be started again. */
  watching?(capture: CaptureStatus): void;
  condition?(condition: Condition): void;
  /** Who is told of a target; asked once for each, in their order. */
  follower?(target: TargetRequest): FollowerListener;
}
