/**
 * What the two ends of a session say to each other, as data. The end that writes the target tree is the SESSION; the end that
 * reads the source tree is the SUPPLIER. Whichever connects, the session asks and the supplier answers: the supplier
 * keeps nothing but open folders, so a broken connection costs it nothing.
 *
 * A connection carries numbered channels. On channel 0 both ends exchange Control messages. On every other channel the session sends
 * Requests and the supplier sends Items that answer them strictly in the order of the requests; a frame of items holds as many as fit.
 * Everything here has been validated when it leaves the decoder: names, paths, ranges and counts.
 */
import type { Stretch } from '../delta/index.js';
import type { ByteString, RelPath } from '../tree/index.js';

/** A place at the source: one mount (an open folder of the supplier, by number), a folder below it, and a name in it ('' : the folder itself). */
export interface SourcePlace {
  readonly mount: number;
  readonly folder: RelPath;
  readonly name: ByteString;
}

/** Sums of a basis for one round of a delta. Both ends know the session's seed. `round` is what delta's encodeRound made. */
export interface RoundSums {
  readonly basisSize: number;
  readonly blockLength: number;
  /** Parts of the basis that are signed; all of it in the first round. */
  readonly stretches: readonly Stretch[];
  readonly round: Buffer;
}

/** A basis whose leaf sums the session keeps: the root of their tree (delta/sum-tree.ts), and its shape. */
export interface KnownBasis {
  readonly root: Buffer;
  readonly size: number;
  readonly leafLength: number;
}

/** From the session to the supplier, on a channel of its own. */
export type Request =
  /**
   * Send the folders of the transfer in the order of a walk (parents first, names in byte order), each with all its entries, as the options
   * choose them; what they leave out is not sent. `after`: begin behind this folder. Answered by Folder items and WalkEnd. With `digests` the
   * supplier may send a Digest in place of a folder's items.
   */
  | { readonly kind: 'walk'; readonly after: RelPath | undefined; readonly digests?: boolean }
  /** One folder of one mount, whatever the filters say. Answered by Folder items of which the last has `more` false. */
  | { readonly kind: 'folder'; readonly mount: number; readonly path: RelPath }
  /** One small question. Answered by one Answer item. */
  | { readonly kind: 'call'; readonly call: SourceCall }
  /**
   * Content of a file. Answered by ContentBegin; where its errno is 0, by tokens that cover the file from `from` to its end, and ContentEnd. With
   * `sums` a delta against that basis is sent, in as many rounds as pay: after a Refine item the supplier waits for a `refine`
   * request on the same channel, which overtakes the requests behind it. With `known` instead of sums the same, and the end has a root (`tree`): where
   * the supplier knows the tree with this root nothing is asked for; else it asks for an aligned round of all.
   */
  | { readonly kind: 'content'; readonly place: SourcePlace; readonly follow: boolean; readonly noAtime: boolean; readonly from: number; readonly sums: RoundSums | undefined; readonly known?: KnownBasis }
  | { readonly kind: 'refine'; readonly sums: RoundSums }
  /** The file's strong hash over all its bytes (-c). Answered by one Answer item with 'hash'. */
  | { readonly kind: 'hash'; readonly place: SourcePlace; readonly follow: boolean };

/** One small question to the source's file system; the names are those of fs/posix.ts. */
export type SourceCall =
  | { readonly op: 'stat'; readonly place: SourcePlace; readonly follow: boolean }
  | { readonly op: 'readlink'; readonly place: SourcePlace }
  | { readonly op: 'xattrs'; readonly place: SourcePlace } // all names and values
  | { readonly op: 'read'; readonly place: SourcePlace; readonly most: number } // a small file whole (rule files)
  | { readonly op: 'seek-end'; readonly place: SourcePlace }
  | { readonly op: 'names'; readonly uids: readonly number[]; readonly gids: readonly number[] }
  /** --remove-source-files: refused unless the session was opened with it. */
  | { readonly op: 'unlink'; readonly place: SourcePlace };

/** A name and its value. */
export interface WireXattr { readonly name: ByteString; readonly value: Buffer }

/** A user or group of the source by name; undefined: the number has no name there. */
export interface WireName { readonly id: number; readonly name: ByteString | undefined }

/** Entries of one folder (or, of a large folder, the next of them), in byte order of their names. */
export interface FolderItem {
  readonly kind: 'folder';
  readonly mount: number;
  readonly path: RelPath;
  /** More Folder items of this folder follow. */
  readonly more: boolean;
  /** 0, or why the folder could not be opened (then nothing else is set), or listed. */
  readonly openErrno: number;
  readonly listErrno: number;
  /** The folder itself: one struct statx record of STAT_WORDS words; its attributes follow in `xattrs` under the name ''. Only in a folder's first item. */
  readonly self: Buffer | undefined;
  readonly names: readonly ByteString[];
  /** One struct statx record for each name, as StatTable holds them (zeros where `errors` is not 0). Not all fields travel: see docs/protocol.md. */
  readonly stats: Buffer;
  /** errno of each name's stat; undefined: all 0. */
  readonly errors: Int32Array | undefined;
  /** Texts of the symlinks among the names, by index. */
  readonly links: ReadonlyMap<number, ByteString>;
  /** Where symlinks may be followed (-L, -k, --copy-unsafe-links): what they lead to, by index: a record, or an errno. */
  readonly followed: ReadonlyMap<number, Buffer | number> | undefined;
  /** With -A, -X or a fake-super source: attributes of the entries that have any, by index, -1 for the folder itself. */
  readonly xattrs: ReadonlyMap<number, readonly WireXattr[]> | undefined;
  /** With -c: strong hashes of regular files, by index. */
  readonly hashes: ReadonlyMap<number, Buffer> | undefined;
  /** Rule files that were looked for in this folder: their content, undefined where there is none. */
  readonly ruleFiles: ReadonlyMap<ByteString, Buffer | undefined>;
  /** Names of owners and groups that have not been told on this channel before. */
  readonly users: readonly WireName[];
  readonly groups: readonly WireName[];
}

/** What stands for a whole folder where the session may have the same one: see folder-digest.ts. */
export interface DigestItem { readonly kind: 'digest'; readonly mount: number; readonly path: RelPath; readonly digest: Buffer }

/** From the supplier to the session, on the channel of the request. */
export type Item =
  | FolderItem
  | DigestItem
  | { readonly kind: 'walk-end' }
  | AnswerItem
  /** `stat` is the open file's record before reading. */
  | { readonly kind: 'content-begin'; readonly errno: number; readonly stat: Buffer | undefined }
  | { readonly kind: 'literal'; readonly bytes: Buffer }
  | { readonly kind: 'copy'; readonly offset: number; readonly length: number }
  | { readonly kind: 'hole'; readonly length: number }
  /** The supplier asks for the sums of these stretches of the basis with blocks of this length: an aligned round, or one for searching. */
  | { readonly kind: 'refine'; readonly aligned: boolean; readonly blockLength: number; readonly stretches: readonly Stretch[] }
  /**
   * `errno`: 0, or why reading stopped. `stat` is the record after reading. `size` and `hash` (XXH3-128, holes as zeros) are of all
   * bytes from 0, also of those before `from`. `tree`: in place of the hash the root of the file's tree of sums.
   */
  | { readonly kind: 'content-end'; readonly errno: number; readonly stat: Buffer | undefined; readonly size: number; readonly hash: Buffer; readonly tree?: boolean };

/** The answer to a `call` or `hash` request: a negated errno in `result`, or 0 and above and what was asked for. */
export interface AnswerItem {
  readonly kind: 'answer';
  readonly result: number;
  readonly stat?: Buffer;
  readonly text?: ByteString;
  readonly bytes?: Buffer;
  readonly xattrs?: readonly WireXattr[];
  readonly users?: readonly WireName[];
  readonly groups?: readonly WireName[];
}

/** A message on channel 0: a JSON object whose `type` says what it is; each type has its own validator. */
export interface ControlMessage { readonly type: string; readonly [member: string]: unknown }
