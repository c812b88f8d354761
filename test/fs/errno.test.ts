/** Errno numbers, names and phrases. */
import assert from 'node:assert';
import fs from 'node:fs';
import os from 'node:os';
import { Errno, errnoName, errnoOfError, errnoOfName, errnoText } from '../../src/fs/index.js';

describe('fs: errno', () => {
  it('agrees with the system on every number it names', function () {
    if (process.platform !== 'linux') this.skip(); // the numbers are Linux's on every system
    const known = Object.entries(os.constants.errno).filter(([name]) => errnoOfName(name) !== undefined);
    assert.ok(known.length > 50);
    for (const [name, number] of known) assert.strictEqual(errnoOfName(name), number, name);
    for (const [name, number] of Object.entries(Errno)) assert.strictEqual(number, os.constants.errno[name as 'ENOENT'], name);
  });

  it('has a phrase of its own for each, without the number', () => {
    const phrases = Object.values(Errno).map((n) => errnoText(n));
    assert.strictEqual(new Set(phrases).size, new Set(Object.values(Errno)).size);
    for (const phrase of phrases) assert.match(phrase, /^[a-z][^.\d]+$/);
  });

  it('takes either sign, and says so where a number is not known', () => {
    assert.deepStrictEqual([errnoText(-2), errnoText(2), errnoName(-13), errnoName(13)], ['no such file or directory', 'no such file or directory', 'EACCES', 'EACCES']);
    assert.deepStrictEqual([errnoText(9999), errnoName(-9999), errnoOfName('EWHAT')], ['error 9999', 'E9999', undefined]);
  });

  it('reads what Node throws for a system call, and lets everything else pass', () => {
    const thrown = (act: () => void): unknown => {
      try {
        act();
      } catch (error) {
        return error;
      }
      throw new Error('did not throw');
    };
    assert.strictEqual(errnoOfError(thrown(() => fs.readdirSync('/does/not/exist'))), -Errno.ENOENT);
    assert.strictEqual(errnoOfError(thrown(() => fs.readdirSync(process.execPath))), -Errno.ENOTDIR);
    const mistake = new TypeError('a mistake');
    assert.throws(() => errnoOfError(mistake), mistake);
  });
});
