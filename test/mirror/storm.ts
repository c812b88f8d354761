/**
 * A random storm of changes below a folder, by a seed, in a worker thread of its own: what programs do to files, with names that
 * are not UTF-8 among them. It says by shared memory when it is done.
 */
import { appendFileSync, chmodSync, chownSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, truncateSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { loadPosix } from '../../src/fs/index.js';
import type { ByteString } from '../../src/tree/index.js';
import { S_IFIFO } from '../../src/tree/index.js';

export interface StormData {
  /** Path of the tree, and of a folder beside it on the same file system, as byte strings. */
  root: string;
  outside: string;
  seed: number;
  /** Steps of one round, and rounds. */
  count: number;
  rounds: number;
  /** Two words: rounds asked for, and rounds done (-1: it failed). */
  flag: SharedArrayBuffer;
}

const NAMES = ['a', 'b', 'c', 'd', 'Makefile', 'x y', '\xff\xfe', '\xc3\xa9', '\n'];

/** mulberry32 (public domain), a small generator with a seed. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const bytes = (path: string): Buffer => Buffer.from(path, 'latin1');

/** Runs the storm, each round when it is asked for. What fails because another step was there first is passed over. */
function storm({ root, outside, seed, count, rounds, flag }: StormData): void {
  const words = new Int32Array(flag);
  const random = generator(seed);
  const posix = loadPosix();
  const name = (): string => NAMES[random(NAMES.length)] as string;
  let serial = 0;

  /** A folder below, by a random walk. */
  const folder = (): string => {
    let at = root;
    for (let depth = random(5); depth > 0; depth--) {
      const inside = readdirSync(bytes(at), { withFileTypes: true, encoding: 'latin1' } as unknown as { withFileTypes: true }).filter((entry) => entry.isDirectory());
      const next = inside[random(Math.max(inside.length, 1))];
      if (next === undefined) break;
      at = `${at}/${next.name}`;
    }
    return at;
  };
  const entry = (): string => {
    const at = folder();
    const inside = readdirSync(bytes(at), 'latin1' as 'utf8');
    return `${at}/${inside[random(Math.max(inside.length, 1))] ?? name()}`;
  };
  const place = (): string => `${folder()}/${name()}`;

  /** Not a FIFO: to open one would wait for a reader. */
  const writable = (path: string): Buffer => {
    if (lstatSync(bytes(path), { throwIfNoEntry: false })?.isFIFO() === true) unlinkSync(bytes(path));
    return bytes(path);
  };

  const steps: (() => void)[] = [
    () => writeFileSync(writable(place()), `content ${serial++}`),
    () => appendFileSync(writable(entry()), `more ${serial++}`),
    () => truncateSync(writable(entry()), random(20)),
    () => { // an atomic save
      const file = place();
      writeFileSync(writable(`${file}.tmp~`), `saved ${serial++}`);
      renameSync(bytes(`${file}.tmp~`), bytes(file));
    },
    () => { // folders made in one breath, with something in them at once
      let at = folder();
      for (let depth = 1 + random(4); depth > 0; depth--) {
        at = `${at}/${name()}`;
        mkdirSync(bytes(at));
        if (random(2) === 0) writeFileSync(bytes(`${at}/f${serial++}`), 'new');
      }
    },
    () => mkdirSync(bytes(place())),
    () => renameSync(bytes(entry()), bytes(place())),
    () => renameSync(bytes(folder()), bytes(place())),
    () => renameSync(bytes(folder()), bytes(place())),
    () => { // out of the tree, and perhaps in again elsewhere
      const away = `${outside}/${serial++}`;
      renameSync(bytes(entry()), bytes(away));
      if (random(2) === 0) appendFileSync(writable(lstatSync(bytes(away)).isDirectory() ? `${away}/while-away` : away), 'while away');
      if (random(3) > 0) renameSync(bytes(away), bytes(place()));
    },
    () => unlinkSync(bytes(entry())),
    () => { const file = entry(); unlinkSync(bytes(file)); writeFileSync(bytes(file), `again ${serial++}`); },
    () => { const at = folder(); if (at !== root) rmSync(bytes(at), { recursive: true }); },
    () => { const at = folder(); if (at !== root) { rmSync(bytes(at), { recursive: true }); writeFileSync(bytes(at), 'a file where a folder was'); } },
    () => symlinkSync(bytes(`to ${serial++}`), bytes(place())),
    () => { const link = place(); symlinkSync(bytes('one'), bytes(`${link}.l`)); renameSync(bytes(`${link}.l`), bytes(link)); },
    () => chmodSync(bytes(entry()), 0o600 + random(0o200)),
    () => { const at = folder(); chmodSync(bytes(at), 0o700 + random(0o100)); },
    () => utimesSync(bytes(entry()), random(1e9), random(1e9)),
    () => chownSync(bytes(entry()), random(3), random(3)),
    () => {
      const at = posix.openRoot(folder() as ByteString);
      posix.mknod(at, name() as ByteString, S_IFIFO | 0o644, 0, 0);
      posix.close(at);
    },
  ];
  for (let i = 0; i < count * rounds; i++) {
    if (i % count === 0) {
      Atomics.store(words, 1, i / count);
      Atomics.wait(words, 0, i / count);
    }
    try {
      // A second name that is made, written through and taken away between two pictures leaves the first one changed with no event of its
      // own: no backend can see that (docs/mirror.md). So it is made last, when the picture shows it.
      if (i % count === count - 1) linkSync(bytes(entry()), bytes(place()));
      else (steps[random(steps.length)] as () => void)();
    } catch (error) {
      if (typeof (error as NodeJS.ErrnoException).code !== 'string' || !existsSync(bytes(root))) throw error;
    }
  }
}

const data = workerData as StormData | null;
if (data?.flag !== undefined) {
  const words = new Int32Array(data.flag);
  try {
    storm(data);
    Atomics.store(words, 1, data.rounds);
  } catch (error) {
    process.stderr.write(`the storm failed: ${String(error)}\n`);
    Atomics.store(words, 1, -1);
  }
}
