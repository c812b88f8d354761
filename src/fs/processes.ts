/**
 * processes: which process a number means. A number alone is used again once its process is gone; with the moment at which the kernel
 * started it, it means one process for as long as the machine is up.
 */
import fs from 'node:fs';

/**
 * When a process was started, as the kernel says it (clock ticks since the machine was started, decimal digits); undefined: there is none, it has ended and
 * only its parent has not asked yet, or the system does not tell.
 */
export function processStart(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The program's name is in brackets and may hold anything: what counts stands behind the last one. `starttime` is field 22 (proc(5)).
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const start = fields[18];
    return state !== 'Z' && start !== undefined && /^\d+$/.test(start) ? start : undefined;
  } catch {
    return undefined; // gone, or no such file system
  }
}

/**
 * Sends a signal to the process that was started at `start`. False where that is gone, or may not be told.
 * RACE: it may end between the look and the signal, and its number go to another within these microseconds: numbers are handed out in a
 * circle, so a whole round of new processes would have to fit in between.
 */
export function signalProcess(pid: number, start: string, signal: NodeJS.Signals): boolean {
  if (processStart(pid) !== start) return false;
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Milliseconds between two looks whether a group is gone. */
const LOOK_MS = 20;
/** After SIGKILL nobody is waited for any longer than this, ms: what hangs in the kernel does no work of its own any more. */
const KILLED_MS = 5000;

/**
 * Ends a process group by its leader, which was started at `start`: SIGTERM, and SIGKILL after `graceMs`. Resolves when no process of it is left; at once where the
 * number means another process by now. A number is not given away while a group has it, so a group without its leader is still the one that was meant.
 */
export async function endGroup(leader: number, start: string, graceMs: number): Promise<void> {
  const now = processStart(leader);
  if (now !== undefined && now !== start) return;
  const begun = performance.now();
  let signal: NodeJS.Signals = 'SIGTERM';
  for (let told = false; signalGroup(leader, told ? 0 : signal); ) {
    told = true;
    const waited = performance.now() - begun;
    if (signal === 'SIGTERM' && waited > graceMs) {
      signal = 'SIGKILL';
      told = false;
    } else if (waited > graceMs + KILLED_MS) return;
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
  }
}

/** Whether any process of a group got it. */
export function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal);
  } catch {
    return false; // the group is gone
  }
}
