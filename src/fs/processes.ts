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
