/**
 * Proves that two trees are equal: both are digested at the same time, each on its own host, compared as they come, and the result is signed. Also digests a tree
 * ahead, while it is in use, so that a later proof with the index reads only what was touched since.
 */
import { rulesAbove } from '../endpoint/index.js';
import { loadWorkingPosix } from '../fs/index.js';
import type { SessionOptions } from '../plan/index.js';
import { absolute } from '../session/index.js';
import { liesInside } from '../state/index.js';
import type { Connection } from '../transport/index.js';
import { TwintreeError, type ByteString } from '../tree/index.js';
import { emptyCounts, type Note, type NoteCounts } from './compare/notes.js';
import { ComparePolicy, OwnerNames } from './compare/policy.js';
import { compareTrees } from './compare/trees.js';
import { openDigest, type Digest } from './digest/digest.js';
import { HashPool } from './digest/hash-pool.js';
import type { DigestRequest, DigestStats, ReadMode, TreeSide } from './digest/request.js';
import { readDigest } from './digest/serve.js';
import type { SigningKey } from './file/key.js';
import { resultOf, type EvidenceResult, type StatedTree, type Statement } from './file/statement.js';
import { EvidenceWriter } from './file/write.js';

/** Where a tree is. Paths are those on the tree's own host; a relative one is below the folder that the process there runs in (over ssh: the home). */
export type Place =
  | { readonly kind: 'here'; readonly path: ByteString }
  /** `open` makes a connection whose other end serves one digest (`serveDigest`); it is closed when the digest is over. */
  | { readonly kind: 'there'; readonly path: ByteString; readonly open: (signal: AbortSignal) => Promise<Connection> };

/** What is to be proven, and how. */
export interface ProofRequest {
  readonly source: Place;
  readonly target: Place;
  /** What a session between the two was told: filters, and what is kept. `whyNot` says whether it fits. */
  readonly options: SessionOptions;
  readonly mode: ReadMode;
  /** With `index`: percent of what the index vouches for that is read all the same. */
  readonly samplePercent: number;
  /** The index of each tree is used and kept, on its own host. Always with mode `index`. */
  readonly index: boolean;
  /** State folder of this host, absolute; default: the user's. */
  readonly stateFolder?: ByteString;
  /** The evidence file; undefined: none is written. */
  readonly output: ByteString | undefined;
  /** Signs it. */
  readonly key: SigningKey | undefined;
  /** Text that is signed with it, such as a migration's name and phase. */
  readonly subject?: string;
  /** Name and version of the program. */
  readonly program: string;
  readonly threads?: number;
}

/** How far it is, for people. */
export interface ProofProgress { readonly source: DigestStats; readonly target: DigestStats; readonly elapsedMs: number }

/** Who is told; none may throw. */
export interface ProofListener {
  /** About twice a second. */
  progress?(progress: ProofProgress): void;
  /** Each path that is not equal, in order. */
  note?(note: Note): void;
  /** A line worth telling: an index that cannot be used, a rule file that cannot be read. */
  notice?(side: TreeSide, message: string): void;
}

/** What came of it. */
export interface Proof {
  readonly result: EvidenceResult;
  /** Nothing differs, is missing or too much, and everything was read or vouched for. */
  readonly equal: boolean;
  /** Paths that differ; that the target has too much; that it lacks; that it cannot hold; that could not be read; that could not be judged. */
  readonly differences: number;
  readonly extras: number;
  readonly missing: number;
  readonly losses: number;
  readonly unread: number;
  readonly unjudged: number;
  /** The first of all these, at most 1,000. */
  readonly notes: readonly Note[];
  /** Digests of the manifests, hex. `root` is the target's, which is signed. */
  readonly root: string;
  readonly sourceRoot: string;
  /** Of the key that signed; undefined where nothing was written. */
  readonly keyFingerprint: string | undefined;
  readonly source: DigestStats;
  readonly target: DigestStats;
  /** Bytes of content read on both hosts. */
  readonly bytesRead: number;
  readonly ms: number;
}

const MOST_NOTES = 1000;
const PROGRESS_MS = 500;
/** Milliseconds that the host of a tree has to end in good order. */
const LAST_MS = 10_000;

/** Why options are refused: under them a target is not meant to be equal, or names and selection are of a kind that a manifest does not know. */
export function whyNot(options: SessionOptions): string | undefined {
  const { walk, compare, replace, attributes, symlinks } = options;
  const refused: readonly (readonly [boolean, string])[] = [
    [options.filesFrom !== undefined, '--files-from'], [!walk.recursive, '--no-recursive'], [walk.relative, '--relative'], [compare.update, '--update'],
    [compare.existing || compare.ignoreNonExisting, '--existing'], [compare.ignoreExisting, '--ignore-existing'], [replace.altDest !== undefined, `--${replace.altDest?.kind ?? 'link'}-dest`],
    [attributes.copyDevices, '--copy-devices'], [attributes.writeDevices, '--write-devices'], [symlinks.keepDirlinks, '--keep-dirlinks'], [replace.removeSourceFiles, '--remove-source-files'],
  ];
  return refused.find(([is]) => is)?.[1];
}

/**
 * Digests both trees at once and compares them; writes and signs the evidence. Resolves whatever came of the comparison.
 * @throws TwintreeError UNSUPPORTED for options that no proof can be made under, REFUSED for a file inside of one of the trees, SOURCE_MISSING, TARGET_UNUSABLE, CONNECTION_LOST, WIRE, IO; the signal's reason. Then no file is written.
 */
export async function proveEqual(request: ProofRequest, listener: ProofListener = {}, signal: AbortSignal = new AbortController().signal): Promise<Proof> {
  checkOptions(request.options);
  if (request.output !== undefined) refuseInside(request.output, [request.source, request.target]);
  const began = performance.now();
  const trees = await Trees.open(request, signal);
  let writer: EvidenceWriter | undefined;
  let ticker: NodeJS.Timeout | undefined;
  try {
    const { source, target } = trees;
    writer = request.output === undefined || request.key === undefined ? undefined : new EvidenceWriter(request.output);
    ticker = setInterval(() => { listener.progress?.({ source: source.stats, target: target.stats, elapsedMs: performance.now() - began }); }, PROGRESS_MS);
    const found = await compared(trees, request, listener, writer);
    for (const [side, digest] of [['source', source], ['target', target]] as const) for (const notice of digest.stats.notices) listener.notice?.(side, notice);
    const [sourceTree, targetTree] = [stated(source), stated(target)];
    const ms = performance.now() - began;
    const result = resultOf(found.counts);
    if (writer !== undefined && request.key !== undefined) {
      const statement: Statement = {
        made: Date.now(), program: request.program, source: sourceTree, target: targetTree, options: request.options, exclusions: request.options.filters.map(({ text }) => text), mode: request.mode,
        samplePercent: request.samplePercent, cannotHold: target.head.facts.cannotHold, counts: found.counts, losses: found.losses, ms: Math.round(ms), result, notes: writer.notes(), subject: request.subject ?? '',
      };
      writer.finish(statement, request.key);
    }
    const { counts } = found;
    return {
      result, equal: result === 'equal', differences: counts.difference, extras: counts.extra, missing: counts.missing, losses: counts.loss, unread: counts.unread, unjudged: counts.unjudged,
      notes: found.first, root: targetTree.root, sourceRoot: sourceTree.root, keyFingerprint: writer === undefined ? undefined : request.key?.fingerprint,
      source: source.stats, target: target.stats, bytesRead: source.stats.bytesRead + target.stats.bytesRead, ms,
    };
  } finally {
    clearInterval(ticker);
    writer?.discard();
    await trees.close();
  }
}

/** A file of evidence inside of what it is about would make that another tree. */
function refuseInside(output: ByteString, places: readonly Place[]): void {
  const posix = loadWorkingPosix();
  const roots = places.map((place) => (place.kind === 'here' ? posix.openRoot(place.path) : -1)).filter((fd) => fd >= 0); // one that cannot be opened is told later
  const inside = liesInside(posix, absolute(output), roots);
  for (const fd of roots) posix.close(fd);
  if (inside) throw new TwintreeError('REFUSED', 'the evidence would lie inside of a tree that it is about', { path: output, advice: 'Name a file outside of both trees.' });
}

/**
 * Fills the index of one tree while it may be in use: what is read and was not touched meanwhile need not be read later. Tells nothing of the entries.
 * @throws TwintreeError as `proveEqual`.
 */
export async function digestAhead(
  place: Place, side: TreeSide, options: SessionOptions, other: { readonly places: DigestRequest['places']; readonly stateFolder?: ByteString; readonly threads?: number },
  progress: (stats: DigestStats) => void = () => undefined, signal: AbortSignal = new AbortController().signal,
): Promise<DigestStats> {
  checkOptions(options);
  const request: DigestRequest = {
    root: place.path, side, options, places: other.places, above: side === 'target' && place.kind === 'there' ? new Map() : undefined, mode: 'index', samplePercent: 0, index: true, ahead: true, probe: false, threads: other.threads,
  };
  const opened = await openPlace(place, request, signal, undefined, other.stateFolder);
  const ticker = setInterval(() => { progress(opened.digest.stats); }, PROGRESS_MS);
  try {
    while (await opened.digest.next() !== undefined); // there are none: it is over when there is no next
    return opened.digest.stats;
  } finally {
    clearInterval(ticker);
    await opened.close();
  }
}

/** @throws TwintreeError UNSUPPORTED. */
export function checkOptions(options: SessionOptions): void {
  const option = whyNot(options);
  if (option !== undefined) throw new TwintreeError('UNSUPPORTED', `no evidence can be made with ${option}`, { advice: 'Evidence is of two whole folders that are meant to be equal.' });
}

async function compared(trees: Trees, request: ProofRequest, listener: ProofListener, writer: EvidenceWriter | undefined): Promise<{ counts: NoteCounts; first: Note[]; losses: Record<string, number> }> {
  const { source, target } = trees;
  const { attributes } = request.options;
  const sameNames = request.source.kind === 'here' && request.target.kind === 'here';
  const asks = (!sameNames && !attributes.numericIds) || attributes.userMap.length > 0 || attributes.groupMap.length > 0;
  const names = new OwnerNames(asks ? (kind, name) => target.idOf(kind, name) : undefined);
  for (const [kind, rules] of [['user', attributes.userMap], ['group', attributes.groupMap]] as const) {
    for (const { to } of rules) if (to.kind === 'name') await names.learnName(kind, to.name as ByteString);
  }
  const policy = new ComparePolicy({ options: request.options, sameNames, target: { ...target.head.facts, euid: target.head.euid }, names });
  const first: Note[] = [];
  const losses: Record<string, number> = {};
  const counts = await compareTrees(source, target, request.options, policy, names, {
    note(note) {
      if (first.length < MOST_NOTES) first.push(note);
      if (note.kind === 'loss') for (const what of note.what) losses[what] = (losses[what] ?? 0) + 1;
      writer?.note(note);
      listener.note?.(note);
    },
    target(item) { writer?.item(item); },
  });
  return { counts: { ...emptyCounts(), ...counts }, first, losses };
}

function stated({ head, root, stats }: Digest): StatedTree {
  if (root === undefined) throw new Error('a digest without an end');
  return { host: head.host, path: head.root, fileSystem: head.fileSystem, euid: head.euid, began: head.began, root: root.toString('hex'), stats };
}

/** Both digests, with what they share. */
class Trees {
  private constructor(readonly source: Digest, readonly target: Digest, private readonly ends: readonly (() => Promise<void>)[]) {}

  static async open(request: ProofRequest, signal: AbortSignal): Promise<Trees> {
    const { source, target, options, mode, samplePercent, threads } = request;
    const places = { source: source.path, target: target.path };
    const above = source.kind === target.kind ? undefined : source.kind === 'here' ? rulesAbove(options, absolute(source.path)) : new Map<ByteString, Buffer>();
    const asked = (place: Place, side: TreeSide): DigestRequest => ({
      root: place.path, side, options, places, above, mode, samplePercent, index: request.index || mode === 'index', ahead: false, probe: side === 'target', threads,
    });
    const local = [source, target].filter(({ kind }) => kind === 'here').length;
    const pool = local === 2 ? new HashPool(loadWorkingPosix(), threads) : undefined;
    const ends: (() => Promise<void>)[] = [];
    if (pool !== undefined) ends.push(() => pool.close());
    try {
      const opened: Digest[] = [];
      for (const [place, side] of [[source, 'source'], [target, 'target']] as const) {
        const one = await openPlace(place, asked(place, side), signal, pool, request.stateFolder);
        ends.push(one.close);
        opened.push(one.digest);
      }
      return new Trees(opened[0] as Digest, opened[1] as Digest, ends);
    } catch (error) {
      await endAll(ends);
      throw error;
    }
  }

  close(): Promise<void> {
    return endAll(this.ends);
  }
}

/** Waits for it, but not for longer. */
async function within(what: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([what, new Promise<void>((resolve) => { timer = setTimeout(resolve, ms); })]);
  clearTimeout(timer);
}

/** Ends one after the other: the threads first, for they read by the handles of the others. */
async function endAll(ends: readonly (() => Promise<void>)[]): Promise<void> {
  for (const end of ends) await end();
}

async function openPlace(place: Place, request: DigestRequest, signal: AbortSignal, pool: HashPool | undefined, folder: ByteString | undefined): Promise<{ digest: Digest; close: () => Promise<void> }> {
  if (place.kind === 'here') {
    const digest = openDigest(request, signal, { ...(pool === undefined ? {} : { pool }), ...(folder === undefined ? {} : { stateFolder: folder }) });
    return { digest, close: () => digest.close() };
  }
  const connection = await place.open(signal);
  try {
    const digest = await readDigest(connection.stream, connection.stream, request, signal);
    return {
      digest,
      close: async () => {
        await digest.close();
        // The other side puts its index away first.
        if (!signal.aborted) await within(connection.ended, LAST_MS);
        connection.close();
      },
    };
  } catch (error) {
    connection.close();
    throw error;
  }
}
