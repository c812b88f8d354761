/** Backups by the day: which of them go, and that nothing else does. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { openDay, tidyTrash, type BackupKeep, type Tidied } from '../../src/endpoint/index.js';
import { Errno, loadPosix, type Posix } from '../../src/fs/index.js';
import { fromText } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

const NOW = Date.parse('2026-11-28T15:00:00Z');
const DAY = 86_400_000;
const day = (ago: number): string => new Date(NOW - ago * DAY).toISOString().slice(0, 10);

describe('backups by the day', () => {
  const temp = useTempFolder('trash');
  const posix = loadPosix();
  const at = (name: string): string => temp.at(`bak/${name}`);

  function tidy(keep: Partial<BackupKeep>, more: { sizes?: boolean; most?: number; posix?: Posix } = {}): Tidied {
    const fd = posix.openRoot(fromText(temp.at('bak')));
    try {
      return tidyTrash(more.posix ?? posix, fd, { ageMs: undefined, bytes: undefined, ...keep }, NOW, more.sizes ?? true, more.most);
    } finally {
      posix.close(fd);
    }
  }

  /** A day's folder with a tree of `bytes` in it. */
  function make(name: string, bytes = 10): void {
    mkdirSync(at(`${name}/deep/er`), { recursive: true });
    writeFileSync(at(`${name}/deep/er/f`), Buffer.alloc(bytes));
  }

  it('are kept for the time that is said, at least', () => {
    for (const ago of [0, 1, 29, 30, 31, 400]) make(day(ago));
    const told = tidy({ ageMs: 30 * DAY });
    assert.deepEqual(told, { removed: [day(400), day(31)], unfinished: false, failed: [] }); // the 31st day ended 30 days and 15 hours ago
    assert.deepEqual(readdirSync(temp.at('bak')), [day(30), day(29), day(1), day(0)]);
  });

  it('go from the oldest where they are too large together, but never those of today; only where sizes are counted', () => {
    make(day(0), 700);
    for (const ago of [1, 2, 3]) make(day(ago), 100);
    assert.deepEqual(tidy({ bytes: 850 }, { sizes: false }).removed, []);
    assert.deepEqual(tidy({ bytes: 850 }).removed, [day(3), day(2)]);
    assert.deepEqual(tidy({ bytes: 1 }).removed, [day(1)]);
    assert.deepEqual(readdirSync(temp.at('bak')), [day(0)]);
  });

  it('are all that goes: no other name, no symlink, nothing behind one', () => {
    mkdirSync(temp.at('outside'));
    writeFileSync(temp.at('outside/f'), 'x');
    make(day(50));
    symlinkSync(temp.at('outside'), at(`${day(50)}/link`));
    symlinkSync(temp.at('outside'), at(day(60)));
    for (const name of ['2026-02-30', '2026-13-01', '26-01-01', 'x2020-01-01', '2020-01-01x', 'photos', '9999-01-01']) make(name);
    writeFileSync(at('2020-05-05'), 'a file');
    assert.deepEqual(tidy({ ageMs: DAY, bytes: 0 }).removed, [day(50)]);
    assert.equal(readdirSync(temp.at('bak')).length, 9);
    assert.ok(existsSync(temp.at('outside/f')));
  });

  it('go in parts where they are many, and are gone on with', () => {
    for (const ago of [10, 11]) for (let k = 0; k < 20; k++) make(`${day(ago)}/${k}`);
    const first = tidy({ ageMs: DAY }, { most: 50 });
    assert.deepEqual([first.removed, first.unfinished], [[], true]);
    let rounds = 1;
    for (; readdirSync(temp.at('bak')).length > 0; rounds++) assert.ok(tidy({ ageMs: DAY }, { most: 50 }).failed.length === 0 && rounds < 10);
    assert.ok(rounds > 2);
  });

  it('stay where they cannot be removed, and where another file system begins; the others go', () => {
    for (const ago of [10, 11]) make(day(ago));
    const real = posix.unlink.bind(posix);
    const refuses = Object.assign(Object.create(posix) as Posix, { unlink: (fd: number, name: string) => (name === 'f' && existsSync(at(`${day(11)}/deep/er/f`)) ? -Errno.EACCES : real(fd, name as never)) });
    assert.deepEqual(tidy({ ageMs: DAY }, { posix: refuses }).failed.at(0), { day: day(11), errno: Errno.EACCES });
    const elsewhere = Object.assign(Object.create(posix) as Posix, { fstat: (fd: number, table: Parameters<Posix['fstat']>[1], i: number) => {
      const result = posix.fstat(fd, table, i);
      const devMajor = table.devMajor(i);
      if (fd !== outermost) Object.assign(table, { devMajor: () => devMajor + 1 });
      else Object.assign(table, { devMajor: () => devMajor });
      return result;
    } });
    const outermost = posix.openRoot(fromText(temp.at('bak')));
    const told = tidyTrash(elsewhere, outermost, { ageMs: DAY, bytes: undefined }, NOW, true);
    posix.close(outermost);
    assert.deepEqual([told.removed, told.failed.map(({ errno }) => errno)], [[], Array(readdirSync(temp.at('bak')).length).fill(Errno.EXDEV)]);
    tidy({ ageMs: DAY });
    assert.deepEqual(readdirSync(temp.at('bak')), []);
  });

  it('that are newer than the limit or of no day never go (any names)', () => {
    const names = fc.oneof(fc.integer({ min: 0, max: 800 }).map((ago) => day(ago)), fc.string({ unit: fc.constantFrom('0', '1', '2', '-', 'x'), minLength: 1, maxLength: 10 }).filter((name) => !/^-+$/.test(name)));
    fc.assert(fc.property(fc.uniqueArray(names, { maxLength: 6 }), fc.integer({ min: 1, max: 500 }), (all, days) => {
      for (const name of all) mkdirSync(at(name), { recursive: true });
      mkdirSync(temp.at('bak'), { recursive: true });
      tidy({ ageMs: days * DAY });
      const left = readdirSync(temp.at('bak'));
      const stays = all.filter((name) => {
        const begin = /^\d{4}-\d{2}-\d{2}$/.test(name) ? new Date(`${name}T00:00:00Z`) : undefined;
        if (begin === undefined || Number.isNaN(begin.getTime()) || begin.toISOString().slice(0, 10) !== name) return true;
        return begin.getTime() + DAY + days * DAY > NOW;
      });
      assert.deepEqual(left.filter((name) => all.includes(name)).sort(), stays.sort());
    }), { seed: 11, numRuns: 40 });
  });

  it("stand in today's folder, which is no symlink", () => {
    mkdirSync(temp.at('bak'));
    const fd = posix.openRoot(fromText(temp.at('bak')));
    const today = openDay(posix, fd, NOW, 0o022);
    assert.ok(today >= 0);
    posix.close(today);
    assert.deepEqual(readdirSync(temp.at('bak')), [day(0)]);
    symlinkSync('/', at(day(-1)));
    assert.ok(openDay(posix, fd, NOW + DAY, 0o022) < 0);
    posix.close(fd);
  });
});
