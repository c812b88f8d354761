/** risks: what of a plan may go otherwise, how much that matters, and what to do. Pure. */
import { bytesText, durationText } from '../../job/index.js';
import type { MigrationPlan, Risk } from './plan-types.js';

type Facts = Pick<MigrationPlan, 'survey' | 'openFiles' | 'targetFacts' | 'findings' | 'losses' | 'estimates'> & { readonly subject: { readonly freeze: { readonly hooks: readonly unknown[]; readonly thaw: readonly unknown[]; readonly limitMs: number }; readonly switch: { readonly hooks: readonly unknown[]; readonly undo: readonly unknown[]; readonly health: unknown }; readonly reverse: boolean; readonly verify: { readonly mode: 'full' | 'index' } } };

const RANK: Readonly<Record<Risk['severity'], number>> = { high: 0, medium: 1, low: 2 };

export function risksOf(facts: Facts): Risk[] {
  return [...ofFindings(facts), ...ofLosses(facts), ...ofHooks(facts), ...ofTimes(facts), ...ofSource(facts)].toSorted((a, b) => RANK[a.severity] - RANK[b.severity]);
}

/** What the doctor found, but for what is told as a loss. */
function ofFindings({ findings }: Facts): Risk[] {
  return findings.filter(({ severity, id }) => (severity === 'error' || severity === 'warning') && !id.startsWith('target.cannot-keep-')).map(({ severity, message, fix, id }) => ({
    severity: severity === 'error' ? 'high' as const : 'medium' as const, risk: message, action: fix ?? `see ${id} in docs/doctor.md`,
  }));
}

function ofLosses({ losses }: Facts): Risk[] {
  return losses.filter(({ cause }) => cause !== 'never').map(({ cause, message, count, mend }) => ({
    severity: cause === 'left' || cause === 'lost' ? 'high' as const : 'medium' as const, risk: `${count === null ? '' : `${count} entries: `}${message}.`, action: mend ?? 'accept it, or leave these entries out',
  }));
}

function ofHooks({ subject: { freeze, switch: to, reverse } }: Facts): Risk[] {
  const out: Risk[] = [];
  if (freeze.hooks.length === 0) out.push({ severity: 'high', risk: 'No hook makes the source still: what is written while the last pass runs may be missing on the target.', action: 'add freeze.hooks that stop the services that write' });
  if (freeze.hooks.length > 0 && freeze.thaw.length === 0) out.push({ severity: 'high', risk: 'Nothing undoes the freeze: after a failure the services stay stopped.', action: 'add freeze.thaw' });
  if (to.hooks.length === 0) out.push({ severity: 'medium', risk: 'No hook brings the new side into use.', action: 'add switch.hooks, or do it by hand' });
  if (to.hooks.length > 0 && to.undo.length === 0) out.push({ severity: 'high', risk: 'Nothing undoes the switch: after a failure or a rollback both sides may be in use.', action: 'add switch.undo' });
  if (to.health === undefined) out.push({ severity: 'medium', risk: 'No health check decides after the switch: a service that did not start is not noticed.', action: 'add switch.health' });
  if (!reverse) out.push({ severity: 'high', risk: 'The old source does not follow the new one after the switch: a rollback loses what was written since.', action: 'leave reverse: false out' });
  return out;
}

function ofTimes({ estimates: { converge, verify, firstCopy }, subject }: Facts): Risk[] {
  const out: Risk[] = [];
  if (converge.ms === null && converge.note !== null) out.push({ severity: 'high', risk: `The target may never catch up: ${converge.note}.`, action: 'seed by an archive, raise the bandwidth, or choose a quieter time' });
  if (firstCopy.note !== null) out.push({ severity: 'low', risk: `The estimate of the first copy is uncertain: ${firstCopy.note}.`, action: 'look at twintree migrate forecast once it runs' });
  if (verify.mostMs !== null && verify.mostMs > subject.freeze.limitMs) {
    out.push({ severity: verify.leastMs !== null && verify.leastMs > subject.freeze.limitMs ? 'high' : 'medium', risk: `Verifying may take up to ${durationText(verify.mostMs)}, and the source is thawed by itself after ${durationText(subject.freeze.limitMs)}.`, action: subject.verify.mode === 'full' ? 'verify: { mode: index, sample: 2% }, or a longer freeze.limit' : 'a smaller sample, or a longer freeze.limit' });
  }
  return out;
}

function ofSource({ survey, openFiles, targetFacts }: Facts): Risk[] {
  const out: Risk[] = [];
  if (openFiles.writers > 0) out.push({ severity: 'medium', risk: `${openFiles.writers === 1 ? 'A process has a file' : `Processes have ${openFiles.writers} files`} of the source open for writing: ${names(openFiles)}.`, action: 'see that freeze.hooks stop each of them' });
  if (openFiles.unseen > 0) out.push({ severity: 'medium', risk: `${openFiles.unseen} processes could not be looked at: they may write too.`, action: 'plan as root' });
  for (const blind of openFiles.blind) out.push({ severity: 'medium', risk: `Who writes is not seen whole: ${blind}.`, action: 'plan on the host itself, as root' });
  const gone = openFiles.files.filter(({ deleted }) => deleted).length;
  if (gone > 0) out.push({ severity: 'medium', risk: `${gone} open files have no name any more: what is in them is not copied.`, action: 'restart what holds them' });
  if (targetFacts === null) out.push({ severity: 'high', risk: 'The target could not be looked at: what it would lose is not known.', action: 'mend the connection and plan again' });
  if (survey.mounts.some(({ copied }) => copied)) out.push({ severity: 'low', risk: `${survey.mounts.length} file systems are mounted below the source and are copied into one tree.`, action: 'say one-file-system: true where that is not meant' });
  if (survey.growth !== null && survey.growth.bytesPerDay > 0 && targetFacts !== null) {
    const days = (targetFacts.freeBytes - targetFacts.neededBytes) / survey.growth.bytesPerDay;
    if (days < 90) out.push({ severity: days < 14 ? 'high' : 'medium', risk: `The source grows by ${bytesText(survey.growth.bytesPerDay)} a day: the target is full after ${Math.max(0, Math.floor(days))} days.`, action: 'make the target larger' });
  }
  return out;
}

function names({ files }: Facts['openFiles']): string {
  const commands = [...new Set(files.filter(({ how }) => how !== 'read' && how !== 'folder' && how !== 'program').map(({ command, pid }) => `${command.split(' ')[0] as string} (${pid})`))];
  return commands.slice(0, 5).join(', ') + (commands.length > 5 ? ` and ${commands.length - 5} more` : '');
}
