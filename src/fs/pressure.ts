/** Pressure: how much of the time tasks on this host stall, by Linux' pressure stall information (Documentation/accounting/psi.rst, from Linux 4.20). */
import fs from 'node:fs';

/** Percent of the last ten seconds in which some task waited. */
export interface Pressure { cpu: number; io: number }

/** Undefined where the kernel does not tell. */
export function readPressure(folder = '/proc/pressure'): Pressure | undefined {
  const [cpu, io] = [some(`${folder}/cpu`), some(`${folder}/io`)];
  return cpu === undefined || io === undefined ? undefined : { cpu, io };
}

function some(path: string): number | undefined {
  try {
    const found = /^some avg10=(\d+(?:\.\d+)?) /m.exec(fs.readFileSync(path, 'latin1'));
    return found === null ? undefined : Math.min(100, Number(found[1]));
  } catch {
    return undefined; // an old kernel, or one that was started without it
  }
}
