/** Judges the source: whether it is there and can be read whole, and what lies in it that may surprise. Pure. */
import type { SessionOptions } from '../plan/index.js';
import { sizeText, type ByteString, type Problem, type TypeCounts } from '../tree/index.js';
import { counted, found, named, word, type Finding } from './finding.js';
import type { Troubled } from './names.js';
import type { DryRun } from './target.js';

export interface SourceFacts {
  /** As they were named on their host. */
  readonly sources: readonly ByteString[];
  readonly run: DryRun;
  /** Files that may not be read, as far as anybody tried; folders are told by the dry run. */
  readonly closed: Troubled | undefined;
  /** File systems mounted below, where the source is on this host: paths below it and types. */
  readonly mounts: readonly { readonly path: ByteString; readonly type: ByteString }[];
}

export function judgeSource({ sources, run, closed, mounts }: SourceFacts, options: SessionOptions): Finding[] {
  const findings: Finding[] = [];
  const own = run.problems.filter(({ side }) => side === 'source');
  const isArgument = ({ path, code }: Problem): boolean => code === 'unreadable' && (sources.includes(path) || options.filesFrom?.includes(path) === true);
  for (const problem of own.filter(isArgument)) findings.push(found('source.missing', 'error', `${named([problem.path])}: ${problem.message}.`, `ls -ld ${word(problem.path)}   # on the host of the source`));
  findings.push(...judgeUnreadable(own.filter((problem) => problem.code === 'unreadable' && !isArgument(problem)), run));
  if (closed !== undefined && closed.count > 0) findings.push(found('source.unreadable', 'error', `${counted(closed.count, 'file')} of the source cannot be read: ${named(closed.examples, closed.count)}.`, `read it as root, or: setfacl -m u:$(id -un):r ${word(closed.examples[0] ?? '')}   # or --exclude it`));
  const moving = own.filter(({ code }) => code === 'vanished' || code === 'changed');
  if (moving.length > 0) findings.push(found('source.in-use', 'note', `${counted(moving.length, 'path')} changed while the source was looked at: ${named(moving.map(({ path }) => path))}.`, 'for a copy that fits together, sync from a snapshot'));
  const { totals } = run;
  if (totals !== undefined && !own.some(isArgument)) {
    findings.push(found('source.size', 'ok', `Of the source ${describe(totals.entries)} are copied or compared, ${sizeText(totals.totalSize)}.`));
    const { files, dirs, links, devices, specials } = totals.entries;
    if (files + links + devices + specials === 0 && dirs <= 1) findings.push(found('source.empty', options.delete.when === undefined ? 'note' : 'warning', `The source is empty${options.delete.when === undefined ? '' : ': all of the target would be deleted'}.`, options.delete.when === undefined ? undefined : 'say --guard-root, or --delete-limit=10%'));
  }
  if (mounts.length > 0) {
    const list = named(mounts.map(({ path, type }) => `${path} (${type})` as ByteString));
    const left = options.walk.oneFileSystem > 0;
    findings.push(found('source.mounts', 'note', `${counted(mounts.length, 'file system')} ${mounts.length === 1 ? 'is' : 'are'} mounted below the source and ${left ? 'left out (-x)' : 'copied too'}: ${list}.`, left ? undefined : '-x leaves them out'));
  }
  return findings;
}

function judgeUnreadable(problems: readonly Problem[], { problemCount }: DryRun): Finding[] {
  if (problems.length === 0) return [];
  const more = problemCount > problems.length ? ' at least' : '';
  const [first] = problems as [Problem];
  const paths = named(problems.map(({ path }) => path), problems.length, 10);
  return [found('source.unreadable', 'error', `${counted(problems.length, 'path')}${more} of the source cannot be read, and nothing is deleted then: ${paths} (${first.message}).`, `read it as root, or: setfacl -m u:$(id -un):rX ${word(first.path)}   # or --exclude it`)];
}

function describe({ files, dirs, links, devices, specials }: TypeCounts): string {
  const parts = [counted(files, 'file'), counted(dirs, 'folder')];
  if (links > 0) parts.push(counted(links, 'symlink'));
  if (devices + specials > 0) parts.push(counted(devices + specials, 'device or special file', 'devices and special files'));
  return parts.join(', ');
}
