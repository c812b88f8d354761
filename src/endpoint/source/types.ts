/**
 * The source as the session sees it: the reading half of Posix, over the local kernel or over a connection. Handles belong to the
 * implementation that gave them and mean nothing to another one.
 */
import type { Posix } from '../../fs/index.js';
import type { Stretch } from '../../delta/index.js';
import type { KnownBasis, RoundSums } from '../../wire/index.js';
import type { ByteString, RelPath } from '../../tree/index.js';

/** What is asked of a source. All calls are synchronous; conventions as in fs/posix.ts. */
export interface SourceFs extends Pick<
  Posix,
  'openDir' | 'openBeneath' | 'close' | 'list' | 'stat' | 'statFollow' | 'fstat' | 'statMany' | 'readlink' | 'open' | 'read' | 'seekData' | 'seekHole' | 'seekEnd' | 'unlink'
  | 'listXattrs' | 'getXattr' | 'flistXattrs' | 'fgetXattr'
> {
  /** Set where the source is on another host: content arrives as tokens, not by read. */
  readonly remote: RemoteContent | undefined;
}

/** The calls alone: what reads a tree of either side takes a `Posix` or a `SourceFs` as this. */
export type TreeReader = Omit<SourceFs, 'remote'>;

/** One file whose content is wanted. */
export interface ContentRequest {
  layer: number;
  folder: RelPath;
  /** The source's name. */
  name: ByteString;
  follow: boolean;
  noAtime: boolean;
  /** First byte that is wanted; the hash covers those before it too. */
  from: number;
  sums: RoundSums | undefined;
  /** In place of sums: the leaf sums of the basis are kept here. */
  known?: KnownBasis;
}

/** One step of a file's content. */
export type ContentToken =
  | { kind: 'literal'; bytes: Buffer } // valid until the next call
  | { kind: 'copy'; offset: number; length: number }
  | { kind: 'hole'; length: number }
  /** Answer with `refine`. */
  | { kind: 'refine'; aligned: boolean; blockLength: number; stretches: readonly Stretch[] }
  /** `errno` 0: all was read; `hash` is over all bytes of the file, with `tree` the root of its sums. fstat of the handle now tells the attributes after reading. */
  | { kind: 'end'; errno: number; size: number; hash: Buffer; tree?: boolean };

/** Content over a connection, in the order in which it was requested. */
export interface RemoteContent {
  /** What is read comes from a batch: it has what it has. */
  readonly recorded?: boolean;
  /** What goes by is recorded, or was: the sums that come with a request have to tell the whole basis. */
  readonly keeps?: boolean;
  /** The other end takes the root of kept sums in place of sums. */
  readonly takesRoots?: boolean;
  /** Session-wide seed of the sums. */
  readonly seed: { readonly low: number; readonly high: number };
  /**
   * Asks for content ahead of its use. `open` of the same file later returns a handle on this answer; requests are used up in their
   * order, and one that is passed over (its file failed otherwise) is drained.
   */
  request(request: ContentRequest): void;
  /**
   * Asks for content out of turn, for the next `open` of that file: what was requested ahead keeps its place. Not for files that are very large: the
   * other end may wait with one until the session has answered for another, which it does in its turn.
   */
  requestNow(request: ContentRequest): void;
  /**
   * Asks for the extended attributes of an entry ahead of their use by list or get (name '': the folder itself); where a session
   * looks at none, nothing is asked.
   */
  prepareXattrs(layer: number, folder: RelPath, name: ByteString): void;
  /** Asks for the attributes of an entry (name '': the folder itself) ahead of the next `stat` or `fstat` of it, outside of a walk. */
  prepareStat(layer: number, folder: RelPath, name: ByteString): void;
  /** Next token of a handle that `open` returned for a file. After `end` it is an error to ask on. Throws TwintreeError where the connection is lost. */
  token(fd: number): ContentToken;
  /** Sums that a `refine` token asked for. */
  refine(fd: number, sums: RoundSums): void;
  /** The strong hash of a file for -c; a negated errno where it cannot be read. */
  hash(at: number, name: ByteString, follow: boolean): Buffer | number;
  /** Asks for that hash ahead of its use; what it returns waits for the answer. */
  askHash(layer: number, folder: RelPath, name: ByteString): () => Buffer | number;
  /** Names of the source's users and groups; undefined: the number has no name there. */
  nameOfUid(uid: number): ByteString | undefined;
  nameOfGid(gid: number): ByteString | undefined;
}
