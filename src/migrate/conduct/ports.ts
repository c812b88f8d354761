/** What a migration needs of the rest of the program, handed in: who reads options stands above this room, and a test may put a fault anywhere. */
import type { HookWays } from '../hooks/hooks.js';
import type { CommandSpec } from '../../transport/index.js';
import type { MigrationEvent, MigrationFact } from '../journal/events.js';

/** How a tree that follows another one stands. */
export interface FollowStatus {
  readonly phase: string;
  /** Age of the oldest change that is not on the follower yet, ms. */
  readonly lagMs: number;
  readonly backlogFiles: number;
  readonly backlogBytes: number;
  /** Both trees have been compared once. */
  readonly complete: boolean;
  /** Sessions that went through, files and bytes they carried. */
  readonly sessions: number;
  readonly files: number;
  readonly bytes: number;
  /** What a person should know: why it waits, what is held. */
  readonly trouble: string | null;
  /** The first of the paths that fail, with why; not those that only change while they are read, for they come when the source is still. */
  readonly failing: readonly { readonly path: string; readonly message: string }[];
}

/** A tree that follows another one. */
export interface Following {
  /** Undefined: nothing is known yet. */
  status(): FollowStatus | undefined;
  /** Nothing is carried until `rouse` or `hurry`. Resolves when nothing is on its way. */
  rest(): Promise<void>;
  rouse(): void;
  /** The source is still: what is to be carried is begun at once. */
  hurry(): void;
  /** Resolves when all that happened before the call has been heard of: it counts in the status then. */
  heard(): Promise<void>;
  /** Resolves when all that happened before the call is there, durably. Rejects where it ends before. */
  caughtUp(): Promise<void>;
  /** Changes that were seen in the followed tree; undefined: it is not watched at the moment. */
  events(): number | undefined;
  /** Ends it in good order. */
  stop(): Promise<void>;
  /** Rejects where it ended by itself for a reason that no later attempt would mend; resolves after `stop`. */
  readonly over: Promise<void>;
}

export type Direction = 'forward' | 'back';

/** How a session went. */
export interface SessionResult {
  readonly ok: boolean;
  readonly ms: number;
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
  readonly sent: number;
  /** One sentence where it did not. */
  readonly message: string;
}

/** What proves that two trees are equal, or where they are not. */
export interface Proof {
  readonly ok: boolean;
  readonly fact: Extract<MigrationFact, { event: 'evidence' }>;
  /** One sentence. */
  readonly message: string;
}

export interface ProofRequest {
  readonly direction: Direction;
  readonly mode: 'full' | 'index';
  readonly sample: number;
  /** Instead of the target: a rehearsal's copy. */
  readonly target?: string;
  /** Name of the evidence in the migration's folder. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** A process that has a file open for writing below the source. */
export interface Writer {
  readonly pid: number;
  readonly command: string;
  readonly path: string;
}

export interface Foretold {
  readonly ms: number;
  readonly plusMinusMs: number;
  readonly parts: Extract<MigrationFact, { event: 'forecast' }>['parts'];
}

export interface MigrationPorts {
  readonly ways: HookWays;
  /** How the target's host is reached; undefined: it is this one. */
  readonly targetHost: CommandSpec | undefined;
  /** The target follows the source. */
  forward(told: (fact: MigrationFact) => void): Following;
  /** The old source follows the target. */
  back(told: (fact: MigrationFact) => void): Following;
  /** One pass over everything: source → target, source → another folder of the target's host, or target → source. */
  session(direction: Direction, how: { target?: string; signal: AbortSignal }): Promise<SessionResult>;
  prove(request: ProofRequest): Promise<Proof>;
  /** Reads both trees ahead, so that a proof by the index has little to read. Never rejects for what it cannot read. */
  digestAhead(signal: AbortSignal): Promise<void>;
  /** Reaches the target's host for a proof that comes soon. */
  warm(): Promise<void>;
  /** A copy of the target for a rehearsal; the path of it on the target's host. @throws TwintreeError UNSUPPORTED. */
  makeClone(signal: AbortSignal): Promise<string>;
  /** Takes it away again. */
  dropClone(path: string): Promise<void>;
  /** Who writes below the source; empty where nobody does, or it cannot be known. */
  writers(): Promise<readonly Writer[]>;
  forecast(events: readonly MigrationEvent[], backlog: { files: number; bytes: number }): Foretold;
}
