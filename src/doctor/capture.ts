/** Judges how a source would be followed. Pure. */
import type { CaptureStatus, Condition } from '../mirror/index.js';
import { displayName } from '../tree/index.js';
import { counted, found, type Finding } from './finding.js';

/** A limit, and the sysctl that holds it. */
export interface InotifyLimit { readonly value: number; readonly sysctl: string }

export interface CaptureFacts {
  /** What a mirror would use, as it was begun and ended again; undefined: it could not begin. */
  readonly begun: { readonly status: CaptureStatus; readonly conditions: readonly Condition[] } | undefined;
  readonly failure: { readonly message: string; readonly advice: string | undefined } | undefined;
  /** Trees that lie in one another, or another reason why no mirror can be. */
  readonly refused: { readonly message: string; readonly advice: string | undefined } | undefined;
  /** What inotify may take; undefined where there are no such limits. */
  readonly limits: { readonly watches: InotifyLimit; readonly instances: InotifyLimit; readonly queued: InotifyLimit } | undefined;
  readonly root: boolean;
  /** Folders of the source that are not left out; undefined: nobody has counted them. */
  readonly folders: number | undefined;
}

/** A queue shorter than this overflows where a tree is unpacked. */
const SHORT_QUEUE = 16_384;
/** With more of the limit used than this, the source soon grows beyond it. */
const NEARLY = 0.8;
/** inotify with more folders than this takes a while to begin, and memory of the kernel (about 1 KiB each). */
const MANY = 200_000;

export function judgeCapture({ begun, failure, refused, limits, root, folders }: CaptureFacts): Finding[] {
  const findings: Finding[] = [];
  if (refused !== undefined) findings.push(found('capture.overlap', 'error', `No mirror can be: ${refused.message}.`, refused.advice));
  if (failure !== undefined) return [...findings, found('capture.backend', 'error', `The source cannot be followed: ${failure.message}.`, failure.advice ?? 'leave out --capture')];
  if (begun === undefined) return findings;
  const { status, conditions } = begun;
  const { backend, sentence, notes, watches } = status;
  const short = conditions.some(({ kind }) => kind === 'watch-limit');
  switch (backend) {
    case 'fanotify': findings.push(found('capture.backend', 'ok', sentence)); break;
    case 'inotify': findings.push(found('capture.backend', root || watches <= MANY ? 'ok' : 'note', sentence, watches > MANY ? 'run the mirror as root: fanotify needs one mark for the whole file system' : undefined)); break;
    case 'chokidar': findings.push(found('capture.backend', 'warning', `${sentence} It sees less, and later, than the kernel's own queues.`, /max_user_instances/.test(sentence) && limits !== undefined ? sysctl(limits.instances.sysctl, limits.instances.value * 2) : 'run the mirror on Linux with native calls, or as root')); break;
  }
  for (const note of notes) findings.push(found('capture.unseen', 'note', note.endsWith('.') ? note : `${note}.`));
  if (backend === 'inotify' && limits !== undefined) findings.push(...judgeLimits(watches, Math.max(watches + status.unwatched, folders ?? 0), short, limits));
  for (const { kind, path, message } of conditions) {
    if (kind === 'watch-limit') continue;
    const where = path === '' ? 'the source' : displayName(path);
    if (kind === 'permission') findings.push(found('capture.permission', 'warning', `${where}: ${message}.`, 'run the mirror as root, or give its user the right to read it'));
    else findings.push(found(`capture.${kind}`, 'note', `${where}: ${message}.`));
  }
  return findings;
}

function judgeLimits(used: number, needed: number, short: boolean, { watches, queued }: NonNullable<CaptureFacts['limits']>): Finding[] {
  const findings: Finding[] = [];
  if (short) findings.push(found('capture.watches', 'error', `The source has ${counted(needed, 'folder')} to be watched, and a user may have ${watches.value} watches in all (${watches.sysctl}): what has none is looked at by the clock only.`, sysctl(watches.sysctl, roomFor(Math.max(watches.value, needed)))));
  else if (used > watches.value * NEARLY) findings.push(found('capture.watches', 'warning', `${used} of the ${watches.value} watches that a user may have are used (${watches.sysctl}).`, sysctl(watches.sysctl, roomFor(used))));
  else findings.push(found('capture.watches', 'ok', `${counted(used, 'watch', 'watches')} of the ${watches.value} that a user may have.`));
  if (queued.value < SHORT_QUEUE) findings.push(found('capture.queue', 'warning', `The kernel keeps ${queued.value} events (${queued.sysctl}): a storm overflows it, and everything is compared then.`, sysctl(queued.sysctl, SHORT_QUEUE * 4)));
  else findings.push(found('capture.queue', 'ok', `The kernel keeps ${queued.value} events.`));
  return findings;
}

/** Twice as many, as a power of two. */
function roomFor(watches: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(watches, 4096) * 2));
}

function sysctl(name: string, value: number): string {
  return `sysctl -w ${name}=${value} && echo ${name}=${value} > /etc/sysctl.d/60-${name.replaceAll(/[._]/g, '-')}.conf`;
}
