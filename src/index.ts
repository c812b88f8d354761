/**
 * The library: what the commands do, as functions. Options are given as the command line's words (`args`) or as the
 * typed `SessionOptions` (`options`, over what the words said). Paths are text, or bytes where they are not UTF-8.
 *
 * @example
 * import { sync } from 'twintree';
 * const outcome = await sync({ source: 'data/', target: '/backup/data', args: ['-aHAX', '--delete'] });
 * if (outcome.exitCode !== 0) for (const p of outcome.problems) console.error(p.path, p.message);
 */
import {
  applyHow, applyRun, doctorRequest, exportRun, importRun, mirrorRequest, parseApply, parseDoctor, parseEvidence, parseExplain, parseExport, parseImport, parseMirror, parsePlan, parseSync, parseVerify, planRun, processContext, proofRequest, sessionRun, type Informative, type ParseContext, type ParsedRun, type SessionRun,
} from './cli/index.js';
import type { ExportOutcome, ImportOutcome } from './archive/index.js';
import { examine, type Finding } from './doctor/index.js';
import { checkEvidence as check, proveEqual, type CheckResult, type Proof, type ProofListener, type TreeDifference } from './evidence/index.js';
import { Mirror, type MirrorListener } from './mirror/index.js';
import { explainPaths, openPlan, optionsOf, verifyTrees, type Explanation, type Outcome, type SessionListener } from './session/index.js';
import type { SessionOptions } from './plan/index.js';
import { cleanPath, fromBytes, fromText, TwintreeError, type ByteString } from './tree/index.js';

export { displayName, fromBytes, fromText, toBytes, TwintreeError } from './tree/index.js';
export type { ByteString, ErrorCode, Problem, ProblemCode, RelPath } from './tree/index.js';
export { Item, OpKind, Reason, reasonId, reasonText, SetBits } from './plan/index.js';
export type { Operation, SessionOptions } from './plan/index.js';
export type { ExportOutcome, ImportOutcome } from './archive/index.js';
export type { Finding, Severity } from './doctor/index.js';
export { migrate, migrationStatus, type MigrationCall, type MigrationStanding } from './cli/index.js';
export type { MigrationEvent, MigrationState, OperationName } from './migrate/index.js';
export type { CheckResult, DigestStats, EntryField, EvidenceResult, Note, NoteDetail, NoteKind, Proof, ProofListener, ProofProgress, ReadEvidence, Statement, TreeDifference } from './evidence/index.js';
export type { Condition, FollowerListener, HeldView, MirrorListener, MirrorStatus, SessionAbout, TargetRequest } from './mirror/index.js';
export type { Explanation, OperationResult, Outcome, PlanTotals, Progress, SessionListener, TypeCounts, Verdict } from './session/index.js';

/** Some fields of the options, each group by itself. */
export type PartialOptions = { [K in keyof SessionOptions]?: SessionOptions[K] extends readonly unknown[] | number | boolean | undefined ? SessionOptions[K] : Partial<SessionOptions[K]> };

/** A path as text (UTF-8 on disk) or as bytes. */
export type PathLike = string | Uint8Array;

/** A sync or a verify. */
export interface SyncOptions {
  /** One source or several, by the command line's rules (a trailing slash means the content). */
  source: PathLike | readonly PathLike[];
  target: PathLike;
  /** Options as on the command line, such as `['-aHAX', '--delete', '--exclude=*.o']`. Without `args` and `options`: `-a`. */
  args?: readonly string[];
  /** Typed options over what `args` say. */
  options?: PartialOptions;
  /** Told what happens; ask for single operations with `wantsOperations`. */
  listener?: SessionListener;
  /** Ends the run in good order: no temporary files stay, the next run finishes. The outcome then says `aborted`. */
  signal?: AbortSignal;
}

/**
 * Makes the target equal to the source. Resolves with the outcome, also where single paths failed (`exitCode` 23, 24 …).
 * A source or target may be on another host (`host:path`, `ssh://`, `twintree://`). While it runs, the process has umask 0: modes are set exactly; files that the host program makes meanwhile want a mode of their own.
 * @throws TwintreeError where the run had to stop: bad options, an unusable target, a guard that refused, a lock.
 */
export async function sync(what: SyncOptions): Promise<Outcome> {
  const { sources, target, options, run } = prepare(what, parseSync);
  return run({ sources, target, options }, what.listener ?? {}, what.signal);
}

/**
 * Compares the trees and changes nothing. Each difference is told as a planned operation; `exitCode` is 0 where they are equal, 23 where not.
 * @throws TwintreeError as `sync`.
 */
export async function verify(what: SyncOptions): Promise<Outcome> {
  const { sources, target, options, run } = prepare(what, parseVerify);
  return verifyTrees({ sources, target, options }, what.listener, what.signal, run);
}

/** A plan to be made. */
export interface PlanOptions extends SyncOptions {
  /** The file that the plan is kept in. */
  output: PathLike;
}

/**
 * Finds what a sync would do and keeps it, sealed, in a file; nothing is changed. Operations are told as planned.
 * @throws TwintreeError as `sync`; IO where the file cannot be written.
 */
export async function plan(what: PlanOptions): Promise<Outcome> {
  const { sources, target, options, parsed } = prepared(what, (args, context) => parsePlan(['-o' as ByteString, bytes(what.output), ...args], context));
  return planRun(parsed)({ sources, target, options }, what.listener ?? {}, what.signal);
}

/** A plan to be carried out. */
export interface ApplyOptions {
  /** The file that `plan` made. */
  plan: PathLike;
  /** Options as on the command line of `twintree apply`, such as `['--bwlimit=1m']`. */
  args?: readonly string[];
  listener?: SessionListener;
  signal?: AbortSignal;
}

/**
 * Does exactly what a plan says, each path checked again; what has drifted since is left and told.
 * @throws TwintreeError as `sync`; PLAN_FILE where the file is no sealed plan that this version can read, or the trees are others than it was made of.
 */
export async function apply(what: ApplyOptions): Promise<Outcome> {
  const parsed = parseApply([...words(what.args ?? []), '--' as ByteString, bytes(what.plan)], processContext());
  if (parsed.kind !== 'run') throw askedForHelp();
  const how = applyHow(parsed);
  const sealed = await openPlan(parsed.file);
  try {
    const { given } = sealed.head;
    return await applyRun(sealed, how, parsed.connection)({ sources: given.sources, target: given.target, options: optionsOf(sealed, how) }, what.listener ?? {}, what.signal);
  } finally {
    sealed.close();
  }
}

/** A tree to be written as an archive. */
export interface SeedExportOptions {
  /** One source or several, by the command line's rules. */
  source: PathLike | readonly PathLike[];
  /** A file, or `-` for the process's standard output. */
  output: PathLike;
  /** Options as on the command line of `twintree seed export`, such as `['--split=4G', '--recipient=age1…']`. Secrets are in files or in TWINTREE_PASSPHRASE. */
  args?: readonly string[];
  listener?: SessionListener;
  signal?: AbortSignal;
}

/**
 * Writes the source as a pax tar archive, or its parts; resolves with what was done, also where single paths could not be read (`exitCode` 23, 24).
 * @throws TwintreeError as `sync`, and where the archive cannot be written: then nothing of it has its name, or of parts only whole ones.
 */
export async function seedExport(what: SeedExportOptions): Promise<ExportOutcome> {
  const parsed = parseExport([...words(what.args ?? []), '--' as ByteString, ...listOf(what.source).map(bytes), bytes(what.output)], processContext());
  if (parsed.kind !== 'run') throw askedForHelp();
  return exportRun(parsed, processContext())(undefined, what.listener ?? {}, what.signal);
}

/** An archive to be restored, or checked. */
export interface SeedImportOptions {
  /** The archive, its parts, or `-` for the process's standard input. */
  archive: PathLike | readonly PathLike[];
  /** A folder; without it the archive is only checked. */
  target?: PathLike;
  /** Options as on the command line of `twintree seed import`, such as `['--age-identity=FILE']`. */
  args?: readonly string[];
  listener?: SessionListener;
  signal?: AbortSignal;
}

/**
 * Restores a tar archive into a folder; resolves with what was done, also where some of it is damaged (`exitCode` 23, `archive.damage`).
 * @throws TwintreeError as `sync`, and where the archive cannot be read at all.
 */
export async function seedImport(what: SeedImportOptions): Promise<ImportOutcome> {
  const { target } = what;
  const parsed = parseImport([...words(what.args ?? []), ...(target === undefined ? ['--check' as ByteString] : []), '--' as ByteString, ...listOf(what.archive).map(bytes), ...(target === undefined ? [] : [bytes(target)])], processContext());
  if (parsed.kind !== 'run') throw askedForHelp();
  return importRun(parsed, processContext())(undefined, what.listener ?? {}, what.signal);
}

/** A mirror. */
export interface MirrorOptions {
  /** A folder of this host, with a trailing slash: its content is followed. */
  source: PathLike;
  /** One target or several, here or on other hosts. */
  target: PathLike | readonly PathLike[];
  /** Options as on the command line of `twintree mirror`, such as `['--delete', '--bwlimit=2M']`. --cpu-limit and --read-limit are for a process, and refused here. */
  args?: readonly string[];
  /** Told what happens; `follower` gives who is told of each target. */
  listener?: MirrorListener;
  /** Ends it in good order. The next one compares everything. */
  signal?: AbortSignal;
}

/** A mirror that is at work. */
export interface RunningMirror {
  /**
   * Resolves when it has ended after the signal.
   * @throws TwintreeError where it cannot begin or go on, or a target ended before.
   */
  readonly over: Promise<void>;
  /** Resolves when all that happened before the call is on all targets, and durable there. Rejects where it ends before. */
  caughtUp(): Promise<void>;
  /** What a limit of deletions holds back is done, once. False: nothing is held. */
  approve(): boolean;
  /** What stands at the source's place now is the source. False: it is not missed, or nothing stands there. */
  adopt(): boolean;
}

/**
 * Makes the targets equal to the source, then follows every change until the signal. `twintree status`, `pause` and the other commands reach it as one that was
 * started by the command. Its state lies in the user's state folder.
 * @throws TwintreeError USAGE for bad options.
 */
export function mirror(what: MirrorOptions): RunningMirror {
  const parsed = parseMirror([...words(what.args ?? []), '--' as ByteString, bytes(what.source), ...listOf(what.target).map(bytes)], processContext());
  if (parsed.kind !== 'run') throw askedForHelp();
  const { limits, metrics } = parsed.following;
  if (limits.cpu > 0 || limits.reading > 0) throw new TwintreeError('USAGE', '--cpu-limit and --read-limit hold for a whole process', { advice: 'Start twintree mirror for it.' });
  if (metrics.file !== undefined || metrics.listen !== undefined) throw new TwintreeError('USAGE', '--metrics and --metrics-listen are for the command', { advice: 'The listener is told each status.' });
  const running = new Mirror(mirrorRequest(parsed), what.listener);
  const over = running.run(what.signal ?? new AbortController().signal);
  return { over, caughtUp: async () => running.caughtUp(), approve: () => running.approve(), adopt: () => running.adopt() };
}

/** Evidence to be made. */
export interface EvidenceOptions {
  /** A folder with a trailing slash. */
  source: PathLike;
  target: PathLike;
  /** The file that the evidence goes to. */
  output: PathLike;
  /** Options as on the command line of `twintree evidence make`, such as `['-HAX', '--mode=index', '--key=FILE']`. */
  args?: readonly string[];
  /** Told each path that is not equal, and how far it is. */
  listener?: ProofListener;
  signal?: AbortSignal;
}

/**
 * Digests both trees at once, compares them, and writes a signed manifest of the target. Resolves whatever came of it (`result`). Source or target may be on another
 * host (`host:path`).
 * @throws TwintreeError USAGE, UNSUPPORTED for options that no evidence can be made with, SOURCE_MISSING, TARGET_UNUSABLE, IO. Then no file is written.
 */
export async function evidence(what: EvidenceOptions): Promise<Proof> {
  const parsed = parseEvidence([...words(what.args ?? []), '--output' as ByteString, bytes(what.output), '--' as ByteString, bytes(what.source), bytes(what.target)], processContext());
  if (parsed.kind !== 'run') throw askedForHelp();
  return proveEqual(proofRequest(parsed), what.listener, what.signal);
}

/** Evidence to be checked. */
export interface EvidenceCheckOptions {
  /** The file that `evidence` made. */
  evidence: PathLike;
  /** `sha256:…` of the key that must have signed it. Without it any key will do. */
  fingerprint?: string;
  /** A tree that is to be what the evidence says of the target. Without it the file alone is checked. */
  tree?: PathLike;
  /** Only this folder below the root of the tree. */
  folder?: PathLike;
  /** Told each path on which the tree is otherwise. */
  difference?: (difference: TreeDifference) => void;
  signal?: AbortSignal;
}

/**
 * Checks evidence, without the source: form, digests, signature, and then the tree.
 * @throws TwintreeError EVIDENCE where the file proves nothing or is signed by another key; USAGE, TARGET_UNUSABLE, IO.
 */
export async function checkEvidence(what: EvidenceCheckOptions): Promise<CheckResult> {
  const folder = what.folder === undefined ? ('' as ByteString) : cleanPath(bytes(what.folder));
  if (folder === undefined) throw new TwintreeError('USAGE', 'the folder is no path below a root');
  const tree = what.tree === undefined ? undefined : fromBytes(Buffer.concat([Buffer.from(bytes(what.tree).startsWith('/') ? '' : `${process.cwd()}/`), Buffer.from(bytes(what.tree), 'latin1')]));
  return check({ evidence: bytes(what.evidence), fingerprint: what.fingerprint, tree, folder }, what.difference, what.signal);
}

/** What the doctor is asked. */
export interface DoctorOptions {
  /** One source or several; without any this host alone is judged. */
  source?: PathLike | readonly PathLike[];
  /** One target; with `mirror` several. Without any the source alone is judged. */
  target?: PathLike | readonly PathLike[];
  /** A live mirror is judged; `args` are as for `mirror`, else as for `sync` (default then: `-a`). */
  mirror?: boolean;
  args?: readonly string[];
  signal?: AbortSignal;
}

/**
 * What would hinder a sync or a mirror, what of it would not be kept, and what mends it; `ok` findings among the others. Changes nothing that lasts.
 * @throws TwintreeError USAGE for bad options, ABORTED after the signal.
 */
export async function doctor(what: DoctorOptions = {}): Promise<Finding[]> {
  const { source = [], target = [], mirror: follows = false } = what;
  const args = what.args ?? (follows ? [] : ['-a']);
  const names = [...listOf(source), ...listOf(target)].map(bytes);
  const parsed = parseDoctor([...(follows ? ['--mirror' as ByteString] : []), ...words(args), '--' as ByteString, ...names], processContext());
  if (parsed.kind !== 'run') throw askedForHelp();
  return examine(doctorRequest(parsed.work), what.signal);
}

function listOf(paths: PathLike | readonly PathLike[]): readonly PathLike[] {
  return typeof paths === 'string' || paths instanceof Uint8Array ? [paths] : paths;
}

/** What `explain` is asked. */
export interface ExplainOptions {
  source: PathLike;
  /** Paths below the source. */
  paths: readonly PathLike[];
  /** Filter options as on the command line. */
  args?: readonly string[];
}

/** Which filter rule decides for each path, on either side, and where that rule stands. @throws TwintreeError. */
export function explain(what: ExplainOptions): Explanation[] {
  const parsed = parseExplain([...words(what.args ?? []), '--' as ByteString, bytes(what.source), ...what.paths.map(bytes)], processContext());
  if (parsed.kind !== 'run') throw askedForHelp();
  return explainPaths(bytes(what.source), what.paths.map(bytes), parsed.options, () => undefined);
}

function prepare(what: SyncOptions, parse: typeof parseSync): { sources: ByteString[]; target: ByteString | undefined; options: SessionOptions; run: SessionRun } {
  const { parsed, ...rest } = prepared(what, parse);
  return { ...rest, run: sessionRun(parsed) };
}

function prepared<P extends ParsedRun>(what: SyncOptions, parse: (args: readonly ByteString[], context: ParseContext) => P | Informative): { sources: ByteString[]; target: ByteString | undefined; options: SessionOptions; parsed: P } {
  const list = listOf(what.source);
  const args = what.args ?? (what.options === undefined ? ['-a'] : []);
  const parsed = parse([...words(args), '--' as ByteString, ...list.map(bytes), bytes(what.target)], processContext());
  if (parsed.kind !== 'run') throw askedForHelp();
  const { sources, target } = parsed; // on their hosts
  return { sources, target, options: merge(parsed.options, what.options ?? {}), parsed };
}

function askedForHelp(): TwintreeError {
  return new TwintreeError('USAGE', 'these options ask for help, not for a run');
}

function merge(base: SessionOptions, over: PartialOptions): SessionOptions {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    const group = typeof before === 'object' && before !== null && !Array.isArray(before) && typeof value === 'object' && value !== null && !Array.isArray(value);
    merged[key] = group ? { ...before, ...value } : value;
  }
  return merged as unknown as SessionOptions;
}

function words(args: readonly string[]): ByteString[] {
  return args.map(fromText);
}

function bytes(path: PathLike): ByteString {
  return typeof path === 'string' ? fromText(path) : fromBytes(path);
}
