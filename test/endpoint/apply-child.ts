/**
 * A session in small in a process of its own: `node apply-child.js SOURCE TARGET [how…]`, to be run as another user or
 * killed in the middle. Prints what it had to report as JSON. `how`: `delete`, `no-times`, `temp` (no marks), `slow` (waits a moment
 * between the steps of a copy, so that a signal meets it there).
 */
import { loadPosix } from '../../src/fs/index.js';
import { archive, Bench, tampered } from './apply-bench.js';

const [source = '', target = '', ...how] = process.argv.slice(2);
const pause = new Int32Array(new SharedArrayBuffer(4));
const real = loadPosix();
const slow = (): void => { Atomics.wait(pause, 0, 0, 20); };
const posix = how.includes('slow')
  ? tampered({
    clone: () => -95,
    copyRange(a, b, c, d, n) { slow(); return real.copyRange(a, b, c, d, Math.min(n, 65536)); },
    fchmod(fd, mode) { slow(); return real.fchmod(fd, mode); },
  })
  : real;
const bench = new Bench(source, target, {
  posix, marksIncomplete: !how.includes('temp'), options: archive((o) => {
    if (how.includes('delete')) o.delete.when = 'during';
    if (how.includes('no-times')) o.attributes.times = false;
  }),
});
process.stdout.write('ready\n');
bench.sync();
bench.close();
process.stdout.write(`${JSON.stringify(bench.told)}\n`);
