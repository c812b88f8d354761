/** Judges the target: whether it is there and takes what is planned, and whether it holds what the options ask for. Pure. */
import type { SessionOptions } from '../plan/index.js';
import type { LostAttributes, PlanTotals, TargetFacts, Trait } from '../session/index.js';
import { displayName, sizeText, type ByteString, type ErrorCode, type Problem } from '../tree/index.js';
import { counted, found, named, word, type Finding } from './finding.js';
import type { NameTroubles } from './names.js';

/** What a dry run told. */
export interface DryRun {
  readonly totals: PlanTotals | undefined;
  readonly target: TargetFacts | undefined;
  readonly notices: readonly { readonly code: string; readonly message: string }[];
  /** Classes of attributes that are not kept, path by path as far as was asked for. */
  readonly lost: readonly LostAttributes[];
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  /** What ended it. */
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly advice: string | undefined } | undefined;
}

export interface TargetToJudge {
  /** As it was named. */
  readonly name: string;
  readonly run: DryRun;
  /** It is on another host, where the session works then. */
  readonly far: boolean;
  /** Names of the source that it cannot hold; undefined: nobody had to look. */
  readonly names: NameTroubles | undefined;
  /** Another session works on it now; undefined: not known. */
  readonly locked: boolean | undefined;
}

/** A target that is fuller than this afterwards is told. */
const NEARLY_FULL = 0.95;
/** Paths of a finding. */
const MOST_PATHS = 1000;

export function judgeTarget(facts: TargetToJudge, options: SessionOptions): Finding[] {
  const { run } = facts;
  const findings: Finding[] = [...judgeEnd(facts), ...judgeNotices(facts)];
  if (facts.locked === true) findings.push(found('target.locked', 'warning', `Another session of twintree works on ${facts.name} now: a run would end with LOCKED.`, 'wait for it'));
  if (run.target !== undefined) {
    findings.push(...judgePlace(facts.name, run.target, options), ...judgeRoom(run.target, options), ...judgeTraits(run.target, options), ...judgeTimes(run.target, options), ...judgeNames(facts, run.target));
  }
  findings.push(...judgeProblems(run));
  return findings;
}

function judgeEnd({ name, run: { error } }: TargetToJudge): Finding[] {
  if (error === undefined) return [];
  const { code, message, advice } = error;
  switch (code) {
    case 'TARGET_UNUSABLE': case 'TARGET_NOT_MADE': return [found('target.unusable', 'error', `${name} cannot be used: ${message}.`, /folder above the target/.test(message) ? `mkdir -p ${word(above(name))}   # on the host of the target, or say --mkpath` : advice)];
    case 'SOURCE_MISSING': return [found('source.missing', 'error', `${message}.`, advice)];
    case 'LOCKED': case 'FENCED': return [found('target.locked', 'warning', `${message}.`, advice)];
    case 'REFUSED': case 'ROOT_CHANGED': return [found('target.refused', 'error', `${message}.`, advice)];
    case 'NO_SPACE': return [found('target.space', 'error', `${message}.`, advice)];
    case 'STATE': return [found('state.unusable', 'error', `${message}.`, advice)];
    default: return [found('target.failed', 'error', `A dry run ended: ${message} (${code}).`, advice)];
  }
}

/** What mends a class of attributes that is not kept. */
function mendOf(kind: string): string {
  switch (kind) {
    case 'owner': case 'group': return 'write the target as root (--remote-path="sudo twintree"), or say --fake-super, or --no-o --no-g';
    case 'owners': return 'use a file system with owners, or say --fake-super, or --no-o --no-g';
    case 'permissions': return 'use a file system with permissions, or say --no-p';
    case 'acls': return 'mount -o remount,acl on the host of the target, or leave out -A';
    case 'xattrs': return 'mount -o remount,user_xattr on the host of the target, or leave out -X';
    case 'symlinks': return 'use a file system with symlinks, or say --copy-links or --no-l';
    case 'devices': return 'write the target as root, or say --no-devices or --fake-super';
    case 'special-files': return 'use a file system with FIFOs, or say --no-specials';
    default: return 'leave it out';
  }
}

function judgeNotices({ run: { notices, lost }, far }: TargetToJudge): Finding[] {
  const findings: Finding[] = [];
  for (const { code, message } of notices) {
    const kind = /^cannot-keep-(.+)$/.exec(code)?.[1];
    if (kind !== undefined) findings.push({ ...found(`target.cannot-keep-${kind}`, 'warning', `${capital(message)}.`, mendOf(kind)), ...pathsOf(lost.find((one) => one.kind === kind)) });
    else if (code === 'portable') { // of this host it is told as host.calls
      if (far) findings.push(found('between.calls', 'warning', `At the end of the target ${message}.`, 'npm install -g twintree   # there, with its optional packages'));
    } else if (code === 'unknown-name') findings.push(found('target.unknown-name', 'warning', `${capital(message)}.`, 'make that user or group on the host of the target, or change --usermap and --groupmap'));
    else if (code === 'promoted') findings.push(found('target.promoted', 'error', `${capital(message)}.`, 'mirror in the other direction, or lift it on the host of the target: twintree promote --undo'));
    else if (code === 'alt-dest-missing') findings.push(found('target.alternate', 'note', `${capital(message)}.`));
    else if (code === 'skipping-directory') findings.push(found('source.skipped', 'warning', `${capital(message)}: folders are not gone into.`, 'say -a or -r'));
    else if (code !== 'no-deletion' && code !== 'connection') findings.push(found(`target.notice`, 'note', `${capital(message)} (${code}).`));
  }
  return findings;
}

/** A few paths of a class, each with what of it is lost. */
function pathsOf(lost: LostAttributes | undefined): Pick<Finding, 'paths'> {
  return lost === undefined || lost.paths.length === 0 ? {} : { paths: lost.paths.slice(0, MOST_PATHS).map(({ path, what }) => `${displayName(path === '' ? ('./' as ByteString) : path)} (${displayName(what)})`) };
}

function judgePlace(name: string, target: TargetFacts, options: SessionOptions): Finding[] {
  if (target.readOnly) return [found('target.read-only', 'error', `The file system of ${name} is mounted read-only.`, `mount -o remount,rw ${word(onItsHost(name))}   # on the host of the target`)];
  if (target.writable === false) return [found('target.writable', 'error', `${name} cannot be written by ${target.uid === 0 ? 'root' : `user ${target.uid}`}.`, `on the host of the target: chown or chmod it for ${target.uid === 0 ? 'root' : `user ${target.uid}`}`)];
  if (!target.exists) return [found('target.new', 'ok', `${name} does not stand yet and will be made (${target.fileSystem})${options.replace.mkpath ? ', with the folders above it' : ''}.`)];
  return [found('target.writable', 'ok', `${name} ${target.writable === true ? 'can be written' : 'stands; whether it can be written is not told'} (${target.fileSystem}).`)];
}

function judgeRoom(target: TargetFacts, { guard }: SessionOptions): Finding[] {
  const { freeBytes, neededBytes, sharesBlocks, freeInodes, neededInodes } = target;
  const findings: Finding[] = [];
  const reserve = guard.reserveBytes;
  const kept = reserve > 0 ? `, and ${sizeText(reserve)} are to stay free (--reserve)` : '';
  if (!sharesBlocks && neededBytes + reserve > freeBytes) {
    findings.push(found('target.space', 'error', `The plan needs ${sizeText(neededBytes)} on the target${kept}; ${sizeText(freeBytes)} are free.`, `make room for ${sizeText(neededBytes + reserve - freeBytes)}, exclude something${reserve > 0 ? ', or lower --reserve' : ''}`));
  } else if (!sharesBlocks && neededBytes > 0 && neededBytes + reserve > freeBytes * NEARLY_FULL) {
    findings.push(found('target.space', 'note', `The plan needs ${sizeText(neededBytes)} of the ${sizeText(freeBytes)} that are free on the target${kept}: little is left then.`));
  } else findings.push(found('target.space', 'ok', `The plan needs ${sharesBlocks ? 'no room of its own, for blocks are shared' : sizeText(neededBytes)}; ${sizeText(freeBytes)} are free.`));
  if (freeInodes !== undefined && neededInodes > freeInodes) {
    findings.push(found('target.inodes', 'error', `The plan makes ${counted(neededInodes, 'entry', 'entries')}; the file system of the target has ${counted(freeInodes, 'free inode')}.`, 'use a file system made with more inodes: mkfs.ext4 -N, or xfs'));
  } else findings.push(found('target.inodes', 'ok', freeInodes === undefined ? 'The file system of the target has no limit of entries.' : `The plan makes ${counted(neededInodes, 'entry', 'entries')}; ${freeInodes} inodes are free.`));
  return findings;
}

function judgeTraits({ holds, fileSystem }: TargetFacts, { attributes: a, replace }: SessionOptions): Finding[] {
  const findings: Finding[] = [];
  const fake = a.fakeSuper.target;
  const asked: readonly [trait: Trait, asked: boolean, what: string, mend: string][] = [
    ['symlinks', a.links && !fake, 'symlinks', mendOf('symlinks')],
    ['hardLinks', a.hardLinks, 'hard links', 'leave out -H: each name becomes a file of its own'],
    ['fifos', a.specials && !fake, 'FIFOs', mendOf('special-files')],
    ['modes', a.perms && !fake, 'permissions', mendOf('permissions')],
    ['owners', (a.owner || a.group) && !fake, 'owners and groups', mendOf('owners')],
    ['userXattrs', a.xattrs || fake, 'extended attributes', fake ? 'leave out --fake-super, or use a file system with extended attributes' : mendOf('xattrs')],
    ['acls', a.acls && !fake, 'access control lists', mendOf('acls')],
    ['holes', replace.sparse, 'files with holes', 'leave out -S: holes take room there'],
  ];
  const held: string[] = [];
  for (const [trait, wanted, what, mend] of asked) {
    if (!wanted) continue;
    if (holds[trait] === false) findings.push(found(`target.holds-${kebab(trait)}`, trait === 'userXattrs' && fake ? 'error' : 'warning', `The target (${fileSystem}) does not hold ${what}, which the options ask for.`, mend));
    else if (holds[trait] === true) held.push(what);
  }
  if (held.length > 0) findings.push(found('target.holds', 'ok', `The target holds ${held.join(', ')}.`));
  if (holds.reflinks === true) findings.push(found('target.reflinks', 'ok', 'Files can share blocks on the target (reflinks).'));
  if (holds.caseInsensitive === true || holds.foldsUnicode === true) {
    const how = holds.caseInsensitive === true ? (holds.foldsUnicode === true ? 'capitals from small letters, nor forms of Unicode' : 'capitals from small letters') : 'forms of Unicode';
    findings.push(found('target.folds-names', 'note', `The target (${fileSystem}) does not tell ${how}: of names that are one there, the first is copied.`));
  }
  return findings;
}

function judgeTimes({ granularityNs: unit }: TargetFacts, { attributes }: SessionOptions): Finding[] {
  if (!attributes.times) return [found('target.times', 'note', 'Times are not kept: the next run takes every file as different.', 'say -t or -a, or --size-only')];
  if (unit <= 1000) return [found('target.times', 'ok', `Times are kept to ${unit === 1 ? 'the nanosecond' : `${unit} ns`}.`)];
  const shown = unit >= 1e9 ? `${unit / 1e9} s` : unit >= 1e6 ? `${unit / 1e6} ms` : `${unit / 1000} µs`;
  return [found('target.times', 'note', `The target keeps times to ${shown} only; they are compared so.`)];
}

function judgeNames({ names }: TargetToJudge, { nameMax, maxFileSize, fileSystem }: TargetFacts): Finding[] {
  if (names === undefined) return [];
  const findings: Finding[] = [];
  const tell = (id: Finding['id'], { count, examples }: NameTroubles['notUtf8'], what: string, mend: string): void => {
    if (count > 0) findings.push(found(id, 'error', `${counted(count, 'entry', 'entries')} of the source ${count === 1 ? 'has' : 'have'} ${what} that the target (${fileSystem}) cannot hold: ${named(examples, count)}.`, mend));
  };
  tell('target.names-utf8', names.notUtf8, 'a name that is not UTF-8, one', 'rename at the source: convmv -r -f latin1 -t utf8 --notest SRC');
  tell('target.names-characters', names.refused, 'a name with characters', 'rename at the source, or use another file system');
  tell('target.names-length', names.tooLong, `a name of more than ${nameMax} bytes,`, 'rename at the source, or use another file system');
  if (maxFileSize !== undefined) tell('target.file-size', names.tooLarge, `more than ${sizeText(maxFileSize)},`, 'exclude them (--max-size), or use another file system');
  return findings;
}

/** Problems of the target's side that the dry run told. */
function judgeProblems({ problems }: DryRun): Finding[] {
  const findings: Finding[] = [];
  for (const [code, those] of byCode(problems.filter(({ side, code: each }) => side === 'target' || each === 'name-twin' || each === 'name-refused' || each === 'special-skipped'))) {
    const [first] = those;
    const paths = named(those.map(({ path }) => path));
    switch (code) {
      case 'name-twin': findings.push(found('target.name-twins', 'error', `${counted(those.length, 'name')} cannot be told from another one on the target: ${paths}.`, 'rename at the source, or use another file system')); break;
      case 'name-refused': findings.push(found('target.names-refused', 'error', `The target cannot hold ${counted(those.length, 'name')}: ${paths}.`, 'rename at the source, or use another file system')); break;
      case 'special-skipped': findings.push(found('target.specials', 'note', `${counted(those.length, 'device or special file', 'devices or special files')} will be left out: ${paths}.`, mendOf('devices'))); break;
      default: findings.push(found(`target.problem`, first?.severity === 'error' ? 'error' : 'note', `${counted(those.length, 'path')} of the target: ${first?.message ?? code}: ${paths}.`, code === 'not-empty' || code === 'write-failed' ? 'look at it, then say --force, or --delete' : undefined)); break;
    }
  }
  return findings;
}

function byCode(problems: readonly Problem[]): Map<Problem['code'], Problem[]> {
  const groups = new Map<Problem['code'], Problem[]>();
  for (const problem of problems) {
    const those = groups.get(problem.code);
    if (those === undefined) groups.set(problem.code, [problem]);
    else those.push(problem);
  }
  return groups;
}

/** The folder that a target named so would stand in, on its host. */
function above(name: string): string {
  const path = onItsHost(name).replace(/\/+$/, '');
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash) || '/';
}

/** `host:path` without its host. */
function onItsHost(name: string): string {
  return name.replace(/^[^/]*:(?=[^:]*$)/, '');
}

function kebab(trait: string): string {
  return trait.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
