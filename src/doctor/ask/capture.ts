/** Begins capture as a mirror would, looks what came of it, and ends it. */
import { loadPosix, readWholeFile } from '../../fs/index.js';
import { Capture, captureOptions, refuseOverlap, type CaptureStatus, type Condition } from '../../mirror/index.js';
import { fromText, TwintreeError } from '../../tree/index.js';
import type { CaptureFacts, InotifyLimit } from '../capture.js';
import type { DoctorRequest } from '../request.js';

/** Conditions kept. */
const MOST = 50;

/** @param folders of the source that need a watch, where they were counted */
export async function askCapture(following: NonNullable<DoctorRequest['following']>, runs: DoctorRequest['runs'], folders: number | undefined): Promise<CaptureFacts> {
  const { begun, failure } = await begin({ ...following, targets: runs });
  return { begun, failure, refused: askOverlap(following, runs), limits: askLimits(), root: loadPosix().euid === 0, folders };
}

async function begin(request: Parameters<typeof captureOptions>[0]): Promise<Pick<CaptureFacts, 'begun' | 'failure'>> {
  const conditions: Condition[] = [];
  try {
    const capture = await Capture.start(captureOptions(request), {
      hints: () => undefined, condition: (condition) => { if (conditions.length < MOST) conditions.push(condition); }, failed: () => undefined,
    });
    try {
      await capture.flush(); // conditions of the start come with the first batch
    } catch (error) {
      if (!(error instanceof TwintreeError)) throw error;
    }
    const status: CaptureStatus = capture.status();
    await capture.stop();
    return { begun: { status, conditions }, failure: undefined };
  } catch (error) {
    return { begun: undefined, failure: why(error) };
  }
}

function askOverlap({ root }: NonNullable<DoctorRequest['following']>, runs: DoctorRequest['runs']): CaptureFacts['refused'] {
  const targets = runs.flatMap(({ target, remote, pair }) => (target === undefined || pair === undefined ? [] : [{ localTarget: remote === undefined ? pair.target : undefined, pair }]));
  try {
    refuseOverlap(loadPosix(), root, targets, (runs[0]?.options.walk.oneFileSystem ?? 0) > 0);
    return undefined;
  } catch (error) {
    return why(error);
  }
}

function why(error: unknown): { message: string; advice: string | undefined } {
  if (!(error instanceof TwintreeError) || error.code === 'INTERNAL') throw error;
  return { message: error.message.replace(/\.$/, ''), advice: error.advice };
}

function askLimits(): CaptureFacts['limits'] {
  // A user namespace has its own limits beside the kernel's: the smaller one holds.
  const watches = least('fs.inotify.max_user_watches', 'user.max_inotify_watches');
  const instances = least('fs.inotify.max_user_instances', 'user.max_inotify_instances');
  const queued = least('fs.inotify.max_queued_events');
  return watches === undefined || instances === undefined || queued === undefined ? undefined : { watches, instances, queued };
}

function least(...names: readonly string[]): InotifyLimit | undefined {
  return names.map(limitAt).filter((limit) => limit !== undefined).toSorted((a, b) => a.value - b.value)[0];
}

function limitAt(sysctl: string): InotifyLimit | undefined {
  const content = readWholeFile(fromText(`/proc/sys/${sysctl.replaceAll('.', '/')}`), 64);
  const text = typeof content === 'number' ? '' : content.toString('latin1').trim();
  return /^\d+$/.test(text) ? { value: Number(text), sysctl } : undefined;
}
