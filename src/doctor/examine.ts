/** The doctor: asks for the facts of each part, in the order in which one needs the other, and hands them to who judges. Changes nothing that lasts. */
import { ownCapabilities, loadPosix } from '../fs/index.js';
import { pruneOf } from '../mirror/index.js';
import type { ConnectSpec } from '../transport/index.js';
import { TwintreeError, type RelPath } from '../tree/index.js';
import { askCapture } from './ask/capture.js';
import { askConnection, hostName } from './ask/connection.js';
import { askHost } from './ask/host.js';
import { askLock, askMounts, askState } from './ask/pair.js';
import { askSession } from './ask/session.js';
import { rulePlace, walkSource } from './ask/walk.js';
import { RuleAudit } from './audit.js';
import { judgeCapture } from './capture.js';
import { judgeConnection } from './connection.js';
import { judgeFilters, type FilterFacts } from './filters.js';
import { inOrder, type Finding } from './finding.js';
import { judgeHost } from './host.js';
import { mayRefuse, NameWatch, none, note, type Troubled } from './names.js';
import { judgeRights, type RightsFacts } from './rights.js';
import { judgeSource } from './source.js';
import { judgeState } from './state.js';
import { judgeTarget, type DryRun } from './target.js';
import type { DoctorRequest, RunToJudge } from './request.js';

/** Paths of each class that are told by name, where nobody asks for more. */
const PATHS = 5;

/** One run with what a dry run of it told. */
interface Looked { readonly run: RunToJudge; readonly dry: DryRun; readonly connect: ConnectSpec | undefined }

/**
 * Judges this host, and with runs both ends of each, the way between them and what the options ask for. Findings in the order in which they are told.
 * On each target a folder is made for a moment and removed.
 * @throws TwintreeError ABORTED after the signal, USAGE for options that do not fit.
 */
export async function examine({ runs, following, paths = PATHS, looked: told }: DoctorRequest, signal: AbortSignal = new AbortController().signal): Promise<Finding[]> {
  const findings: Finding[] = judgeHost(askHost(process.umask()), following !== undefined || runs.some(({ options }) => options.state === true || options.guard.root));
  const several = runs.length > 1;
  const about = (run: RunToJudge, those: readonly Finding[]): void => { findings.push(...(several ? those.map((finding) => ({ ...finding, target: run.name })) : those)); };
  const looked: Looked[] = [];
  for (const run of runs) {
    let connect: ConnectSpec | undefined;
    if (run.remote !== undefined) {
      const asked = await untilAborted(askConnection(run.remote), signal); // who waits for a host waits long
      about(run, judgeConnection(asked.facts));
      if ('refused' in asked.facts.result) continue; // nothing more can be known of that side
      ({ connect } = asked);
    }
    looked.push({ run, dry: await askSession(run, connect, signal, paths), connect });
  }
  const source = looked.find(({ dry }) => dry.error === undefined) ?? await lookAtSourceAlone(runs, signal, paths) ?? looked[0];
  const names = new Map<Looked, NameWatch>();
  for (const each of looked) if (each.dry.target !== undefined && mayRefuse(each.dry.target)) names.set(each, new NameWatch(each.dry.target, paths));
  const { filters, folders, closed } = await lookThrough(source, following !== undefined, [...names.values()], signal);
  for (const each of looked) {
    const { run, dry } = each;
    about(run, judgeWriter(run, dry));
    told?.(run, dry, names.get(each)?.troubles);
    const state = askState(run);
    if (state !== undefined) about(run, judgeState(state));
    if (run.target !== undefined) about(run, judgeTarget({ name: run.name, run: dry, far: run.remote?.request.direction === 'push', names: names.get(each)?.troubles, locked: askLock(run) }, run.options));
  }
  if (source !== undefined) {
    // Who reads on another host is not told: what that one may not read is.
    if (source.run.remote?.request.direction !== 'pull') findings.push(...judgeRights({ ...rightsHere(source.dry), side: 'source' }, source.run.options));
    findings.push(...judgeSource({ sources: source.run.sources, run: source.dry, closed, mounts: askMounts(source.run) }, source.run.options));
    if (filters !== undefined) findings.push(...judgeFilters(filters));
  }
  if (following !== undefined) findings.push(...judgeCapture(await askCapture(following, runs, folders ?? source?.dry.totals?.entries.dirs)));
  return inOrder(findings);
}

/** What `work` comes to, or ABORTED at once. @throws TwintreeError */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let leave: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    leave = () => { reject(new TwintreeError('ABORTED', 'the doctor was ended by a signal')); };
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (leave !== undefined) signal.removeEventListener('abort', leave);
  }
}

/** A look at the source where no target can be looked at; undefined where the source is on another host. */
async function lookAtSourceAlone(runs: readonly RunToJudge[], signal: AbortSignal, paths: number): Promise<Looked | undefined> {
  const near = runs.find(({ remote }) => remote?.request.direction !== 'pull');
  if (near === undefined) return undefined;
  const { remote: _far, pair: _pair, ...rest } = near;
  const run = { ...rest, target: undefined };
  return { run, dry: await askSession(run, undefined, signal, paths), connect: undefined };
}

/** What whoever writes the target may do. */
function judgeWriter({ remote, options, target }: RunToJudge, dry: DryRun): Finding[] {
  if (target === undefined) return [];
  if (remote?.request.direction !== 'push') return judgeRights({ ...rightsHere(dry), side: 'target' }, options);
  if (dry.target === undefined) return [];
  const { uid, capabilities } = dry.target;
  return judgeRights({ side: 'target', where: hostName(remote.host), uid, capabilities: capabilities === undefined ? undefined : new Set(capabilities), devices: hasDevices(dry) }, options);
}

function rightsHere(dry: DryRun): Omit<RightsFacts, 'side'> {
  return { where: 'here', uid: loadPosix().euid, capabilities: ownCapabilities(), devices: hasDevices(dry) };
}

function hasDevices({ totals }: DryRun): boolean {
  return totals !== undefined && totals.entries.devices > 0;
}

/** What one look through the source came to. */
interface Through {
  readonly filters: FilterFacts | undefined;
  /** Folders that need a watch; undefined: the dry run has counted them. */
  readonly folders: number | undefined;
  /** Files that may not be read; undefined: this user may read all, or nobody could try. */
  readonly closed: Troubled | undefined;
}
const NOTHING: Through = { filters: undefined, folders: undefined, closed: undefined };

/** Lists the source once, where anybody has something to look for in it. */
async function lookThrough(source: Looked | undefined, followed: boolean, watches: readonly NameWatch[], signal: AbortSignal): Promise<Through> {
  if (source === undefined) return NOTHING;
  const { run } = source;
  const { options } = run;
  const problems = source.dry.problems.filter(({ code }) => code === 'filter-file');
  const cleared = options.filters.findLastIndex(({ kind }) => kind === 'clear');
  const place = rulePlace(run);
  try {
    const readsFiles = options.walk.gitignore || options.filters.some(({ kind }) => kind === 'dir-merge');
    const audit = new RuleAudit({
      rules: options.filters, deleteExcluded: options.delete.excluded, gitignore: options.walk.gitignore, nul: options.walk.nulRules === true, root: place?.root ?? ('' as RelPath), contents: place?.contents ?? false,
      read: place?.read ?? (() => undefined), readAbove: place?.readAbove,
    });
    const mayAudit = !audit.idle && (place !== undefined || !(readsFiles || options.filters.some(({ absolute }) => absolute)));
    const counts = followed && options.filters.length > 0 && place !== undefined;
    let folders = counts ? 1 : 0;
    const closed = place === undefined || readsAll() ? undefined : none();
    if (mayAudit || counts || watches.length > 0 || closed !== undefined) {
      const pruned = watcher(options, place?.root ?? ('' as RelPath));
      const whole = await walkSource(run, source.connect, (path, isDir, bytes, isFile) => {
        const copied = options.filters.length === 0 && !options.walk.gitignore ? true : audit.see(path, isDir);
        if (closed !== undefined && isFile && copied && place?.mayRead(path) === false) note(closed, path);
        if (counts && isDir && path !== '' && !pruned(path)) folders++;
        for (const watch of watches) watch.see(path, bytes);
      }, signal);
      if (!whole) return { filters: audit.idle ? undefined : { rules: [], missingFiles: [], cleared: 0, notLooked: 'the source could not be listed', problems }, folders: undefined, closed: undefined };
    }
    const notLooked = audit.idle || mayAudit ? undefined : 'rule files in folders, or rules for absolute paths, are among them, and are asked only in a source of one folder on this host';
    const { rules, missingFiles } = notLooked === undefined ? audit.result : { rules: [], missingFiles: [] };
    const tells = options.filters.length > 0 || problems.length > 0;
    return { filters: tells ? { rules, missingFiles, cleared: Math.max(0, cleared), notLooked, problems } : undefined, folders: counts ? folders : undefined, closed };
  } finally {
    place?.close();
  }
}

/** Whether whoever runs this may read every file. */
function readsAll(): boolean {
  const capabilities = ownCapabilities();
  return capabilities === undefined ? loadPosix().euid === 0 : capabilities.has('dacReadSearch') || capabilities.has('dacOverride');
}

/** Whether a folder needs no watch: it, or one above, is left out for certain. */
function watcher(options: RunToJudge['options'], root: RelPath): (path: RelPath) => boolean {
  const prune = pruneOf({ rules: options.filters, deleteExcluded: options.delete.excluded, root, anchor: '' as RelPath });
  const left = new Set<RelPath>();
  return (path) => {
    const slash = path.lastIndexOf('/');
    if (slash > 0 && left.has(path.slice(0, slash) as RelPath)) left.add(path);
    else if (prune(path)) left.add(path);
    return left.has(path);
  };
}
