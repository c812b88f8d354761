/** What the doctor is asked to judge. */
import type { SessionOptions } from '../plan/index.js';
import type { BackendChoice } from '../mirror/index.js';
import type { RemoteRequest } from '../session/index.js';
import type { PairName } from '../state/index.js';
import type { HostAddress } from '../transport/index.js';
import type { ByteString } from '../tree/index.js';
import type { NameTroubles } from './names.js';
import type { DryRun } from './target.js';

/** A run as `sync` would do it, or one target of a mirror. */
export interface RunToJudge {
  /** Paths on their hosts. Without a target the sources are judged alone. */
  readonly sources: readonly ByteString[];
  readonly target: ByteString | undefined;
  readonly options: SessionOptions;
  /** Where one end is on another host: how it is reached. */
  readonly remote?: { readonly host: HostAddress; readonly request: Omit<RemoteRequest, 'sources' | 'target' | 'options'> };
  /** The target as it was named, for people. */
  readonly name: string;
  /** Of a mirror: how its state names the pair. With options.state it is found otherwise. */
  readonly pair?: PairName;
}

export interface DoctorRequest {
  /** Empty: this host alone. Sources and what is said of them are the same in all. */
  readonly runs: readonly RunToJudge[];
  /** The source is followed: its absolute path, and how. */
  /** Paths of each class of what is lost or refused that are looked up at most; default 5. */
  readonly paths?: number;
  /** Told of each run that could be looked at, for who wants more of it than findings. `names`: what the target cannot hold by name or size; undefined where nobody had to look. */
  looked?(run: RunToJudge, dry: DryRun, names: NameTroubles | undefined): void;
  readonly following?: { readonly root: ByteString; readonly backend: BackendChoice };
}
