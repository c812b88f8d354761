/** A process that may use only so much: measured from outside, in a process of its own, for the limits hold for a whole process. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { useTempFolder } from '../support/index.js';

const CHILD = fileURLToPath(new URL('./brake-child.js', import.meta.url));

interface Told { ms: number; cpuMs: number; bytes: number; woken: boolean }

describe('what a process may use', () => {
  const temp = useTempFolder('brake');

  function child(limits: { cpu: number; reading: number }, threads: number, work: string): Told {
    writeFileSync(temp.at('f'), Buffer.alloc(1 << 20, 7));
    const { stdout, stderr, status } = spawnSync(process.execPath, [CHILD, JSON.stringify({ limits, threads, work, folder: temp.at('.') })], { encoding: 'utf8', timeout: 280_000 });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as Told;
  }

  it('is kept by all threads together: CPU time', () => {
    const told = child({ cpu: 0.25, reading: 0 }, 2, 'stat');
    assert.ok(told.cpuMs <= 0.25 * told.ms + 200, `${told.cpuMs} ms of CPU in ${told.ms} ms`);
    assert.ok(told.cpuMs > 100, 'it did work');
  });

  it('is kept by all threads together: bytes that are read', () => {
    const told = child({ cpu: 0, reading: 8 << 20 }, 2, 'read');
    assert.equal(told.bytes, 8 << 20);
    assert.ok(told.ms >= 800, `${told.bytes} bytes in ${told.ms} ms`); // a tenth of a second is saved up
  });

  it('lets go who waits for something that is over', () => {
    const told = child({ cpu: 0, reading: 1024 }, 1, 'wake');
    assert.ok(told.woken);
  });

  it('costs and changes nothing without a limit', () => {
    assert.equal(child({ cpu: 0, reading: 0 }, 1, 'none').woken, true);
  });
});
