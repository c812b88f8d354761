/**
 * losses: everything that a copy will not have, path by path, by what the dry run told of the target, what the survey found in the source, and what the options ask
 * for. Pure.
 */
import { bytesText } from '../../job/index.js';
import type { DryRun, Finding, NameTroubles } from '../../doctor/index.js';
import type { SessionOptions } from '../../plan/index.js';
import { displayName, type ByteString } from '../../tree/index.js';
import type { LossCause, LossClass } from './plan-types.js';
import type { FoundPath, Kind, Survey } from './types.js';

export interface LossFacts {
  readonly survey: Survey;
  readonly dry: DryRun | undefined;
  readonly names: NameTroubles | undefined;
  readonly options: SessionOptions;
  readonly findings: readonly Finding[];
  /** Paths of each class. */
  readonly paths: number;
}

/** What is lost of each class, for people. */
const CLASSES: Readonly<Record<string, string>> = {
  owner: 'owners: the user who writes the target may not set them', group: 'groups: the user who writes the target may not set them', owners: 'owners and groups: the file system of the target does not hold them',
  permissions: 'set-id and sticky bits: the file system of the target does not hold them', acls: 'access control lists: the target does not hold them', xattrs: 'extended attributes: the target does not hold them',
  symlinks: 'symlinks: the target does not hold them, and they are left out', 'special-files': 'FIFOs and sockets: the target does not hold them, and they are left out', devices: 'device nodes: whoever writes the target may not make them, and they are left out',
};
const LEFT_OUT: ReadonlySet<string> = new Set(['symlinks', 'special-files', 'devices']);

export function lossesOf(facts: LossFacts): LossClass[] {
  return [...ofTarget(facts), ...ofNames(facts), ...ofRights(facts), ...ofTraits(facts), ...ofOptions(facts), ...ofAnyCopy(facts)];
}

function loss(kind: string, cause: LossCause, message: string, mend: string | null, count: number | null, paths: readonly FoundPath[]): LossClass {
  return { kind, cause, message, mend, count, paths };
}

/** What the session says of its target. An older twintree at the other end tells classes alone. */
function ofTarget({ dry, findings, paths }: LossFacts): LossClass[] {
  const untold = findings.flatMap(({ id, message, fix }) => {
    const kind = /^target\.cannot-keep-(.+)$/.exec(id)?.[1];
    return kind === undefined || dry?.lost.some((lost) => lost.kind === kind) === true ? [] : [loss(kind, LEFT_OUT.has(kind) ? 'left' : 'lost', message.replace(/\.$/, ''), fix ?? null, null, [])];
  });
  return [...untold, ...(dry?.lost ?? []).map(({ kind, count, paths: those }) => loss(
    kind, LEFT_OUT.has(kind) ? 'left' : 'lost', CLASSES[kind] ?? kind, findings.find(({ id }) => id === `target.cannot-keep-${kind}`)?.fix ?? null, count,
    those.slice(0, paths).map(({ path, what }) => ({ path: path === '' ? './' : displayName(path), what: displayName(what) })),
  ))];
}

/** Names and sizes that the target cannot hold. */
function ofNames({ dry, names, paths }: LossFacts): LossClass[] {
  const out: LossClass[] = [];
  const list = (those: readonly ByteString[], what: string): FoundPath[] => those.slice(0, paths).map((path) => ({ path: displayName(path), what }));
  const tell = (kind: string, troubled: NameTroubles['notUtf8'] | undefined, message: string, mend: string, what: string): void => {
    if (troubled !== undefined && troubled.count > 0) out.push(loss(kind, 'left', message, mend, troubled.count, list(troubled.examples, what)));
  };
  const rename = 'rename them at the source, or use another file system for the target';
  tell('names-utf8', names?.notUtf8, 'names that are not UTF-8: the target cannot hold them', rename, 'its name is not UTF-8');
  tell('names-characters', names?.refused, 'names with characters that the target cannot hold', rename, 'characters of its name');
  tell('names-length', names?.tooLong, `names of more than ${dry?.target?.nameMax ?? 255} bytes: the target cannot hold them`, rename, 'its name is too long');
  tell('file-size', names?.tooLarge, `files of more than ${bytesText(dry?.target?.maxFileSize ?? 0)}: the target cannot hold them`, 'use another file system for the target', 'too large');
  const of = (code: string): readonly { path: ByteString; message: string }[] => (dry?.problems ?? []).filter((problem) => problem.code === code);
  for (const [code, kind, message, mend] of [
    ['name-twin', 'name-twins', 'names that the target cannot tell from another one: the first of each is copied', rename], ['name-refused', 'names-refused', 'names that the target refuses', rename],
    ['special-skipped', 'specials-skipped', 'devices and special files that are left out', 'say --devices and --specials (-D), or write the target as root'],
  ] as const) {
    const those = of(code);
    if (those.length > 0) out.push(loss(kind, 'left', message, mend, those.length, those.slice(0, paths).map((one) => ({ path: displayName(one.path), what: one.message }))));
  }
  return out;
}

/** What whoever writes the target may not set. */
function ofRights({ dry, survey, options }: LossFacts): LossClass[] {
  const { attributes: a } = options;
  const target = dry?.target;
  if (target === undefined || target.uid === 0 || a.fakeSuper.target || !a.xattrs || target.holds.userXattrs === false) return [];
  const mend = 'write the target as root (--remote-path="sudo twintree"), or say --fake-super';
  return kinds(survey, ['capabilities', 'trusted-xattrs', 'security-xattrs']).map(([kind, found]) =>
    loss(kind, 'lost', `${kind === 'capabilities' ? 'file capabilities' : `attributes ${kind.replace('-xattrs', '')}.*`}: user ${target.uid}, who writes the target, may not set them`, mend, found.count, found.paths));
}

/** What is asked for and the file system of the target does otherwise. */
function ofTraits({ dry, survey, options }: LossFacts): LossClass[] {
  const target = dry?.target;
  if (target === undefined) return [];
  const out: LossClass[] = [];
  const { found } = survey;
  if (options.attributes.hardLinks && target.holds.hardLinks === false && found['hard-links'].count > 0) out.push(loss('hard-links', 'lost', `hard links: the target (${target.fileSystem}) does not hold them, each name becomes a file of its own`, 'use another file system for the target', found['hard-links'].count, found['hard-links'].paths));
  if (options.replace.sparse && target.holds.holes === false && found.sparse.count > 0) out.push(loss('holes', 'lost', `holes in files: the target (${target.fileSystem}) fills them, which takes ${bytesText(survey.sparse.apparent - survey.sparse.allocated)} more`, 'use another file system for the target', found.sparse.count, found.sparse.paths));
  if (options.attributes.times && target.granularityNs > 1000) out.push(loss('time-digits', 'lost', `digits of times: the target keeps them to ${target.granularityNs >= 1e9 ? `${target.granularityNs / 1e9} s` : `${target.granularityNs / 1e6} ms`}`, 'use another file system for the target', survey.nanoseconds, []));
  return out;
}

/** What the source uses and the options do not ask for. */
function ofOptions({ survey, options }: LossFacts): LossClass[] {
  const { attributes: a, replace } = options;
  const { found } = survey;
  const out: LossClass[] = [];
  const unasked = (kind: Kind, asked: boolean, message: string, mend: string, cause: LossCause = 'unasked'): void => {
    if (!asked && found[kind].count > 0) out.push(loss(`${kind}-unasked`, cause, message, mend, found[kind].count, found[kind].paths));
  };
  unasked('acls', a.acls, 'access control lists are in use, and the options do not ask for them', 'acls: true (-A)');
  for (const kind of ['capabilities', 'user-xattrs', 'trusted-xattrs', 'security-xattrs'] as const) unasked(kind, a.xattrs, `${kind === 'capabilities' ? 'file capabilities' : `attributes ${kind.replace('-xattrs', '')}.*`} are in use, and the options do not ask for them`, 'xattrs: true (-X)');
  unasked('hard-links', a.hardLinks, `hard links are in use, and the options do not ask for them: each name becomes a file of its own, which takes ${bytesText(survey.hardLinks.saved)} more`, 'hard-links: true (-H)');
  unasked('sparse', replace.sparse, `files with holes are in use, and the options do not ask for them: holes are filled, which takes ${bytesText(survey.sparse.apparent - survey.sparse.allocated)} more`, 'sparse: true (-S)');
  unasked('devices', a.devices, 'device nodes are left out, for the options do not ask for them', 'devices: true', 'left');
  unasked('fifos', a.specials, 'FIFOs are left out, for the options do not ask for them', 'specials: true', 'left');
  unasked('sockets', a.specials, 'sockets are left out, for the options do not ask for them', 'specials: true', 'left');
  if (!a.perms) unasked('set-id', false, 'set-id bits are in use, and the options do not keep permissions', 'perms: true (-p)');
  return out;
}

/** What no copy has. */
function ofAnyCopy({ survey }: LossFacts): LossClass[] {
  const { found, made } = survey;
  const out: LossClass[] = [];
  const never = (kind: Kind, message: string, mend: string | null, cause: LossCause = 'never'): void => {
    if (found[kind].count > 0) out.push(loss(kind, cause, message, mend, found[kind].count, found[kind].paths));
  };
  never('unreadable', 'could not be looked at, and will not be copied', 'survey and copy as root, or exclude them', 'left');
  never('immutable', 'the mark "immutable" is not copied', 'after the switch: chattr +i');
  never('append-only', 'the mark "append-only" is not copied', 'after the switch: chattr +a');
  never('links-outside', 'further names of these files are not in the source: they stay files of the old host, and the copies are linked among themselves only', null);
  never('other-xattrs', 'attributes of the system itself (system.*) are not copied', null);
  if (made !== null) out.push(loss('birth-times', 'never', 'birth times cannot be set on Linux: copies are born when they are copied', null, null, []));
  return out;
}

function kinds(survey: Survey, those: readonly Kind[]): [Kind, Survey['found'][Kind]][] {
  return those.filter((kind) => survey.found[kind].count > 0).map((kind) => [kind, survey.found[kind]]);
}
