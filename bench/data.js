/**
 * The benchmark's input: made once, kept in the cache folder, the same on every machine.
 *
 * Each function makes one data set in a folder if it is not there, and returns its path. A data set is made under
 * another name and renamed when complete, so that a half-made one is never measured. Contents do not compress.
 */
import { createCipheriv } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, utimesSync, writeSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './measure.js';

/** An endless pseudo-random byte stream: AES in counter mode over zeros. */
function byteStream(seed) {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  return (size) => cipher.update(Buffer.alloc(size));
}

/** A small generator of whole numbers below a limit (Mulberry32). */
function dice(seed) {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

/** Makes `data/name` by `fill(folder)` unless it is complete. */
function once(base, name, fill) {
  const path = join(base, 'data', name);
  if (existsSync(path)) return path;
  process.stderr.write(`making data set ${name} …\n`);
  const half = `${path}.half`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { recursive: true });
  fill(half);
  renameSync(half, path);
  return path;
}

/** Times in the past, so that no run meets a file of its own second. */
const THEN = 1_700_000_000;

/** 100,000 files of 0–16 KB in 2,000 folders, about 800 MB. */
export function smallFiles(base) {
  return once(base, 'small', (root) => {
    const bytes = byteStream(1)(1 << 24);
    const below = dice(1);
    for (let folder = 0; folder < 2000; folder++) {
      const path = join(root, `area${folder % 40}`, `folder${folder}`);
      mkdirSync(path, { recursive: true });
      for (let i = 0; i < 50; i++) {
        const size = below(16_385);
        const from = below(bytes.length - size);
        writeFileSync(join(path, `file${i}.dat`), bytes.subarray(from, from + size));
        utimesSync(join(path, `file${i}.dat`), THEN + i, THEN + i);
      }
    }
  });
}

/** The same after 1 % of the files changed: half of them in place (same size), a quarter grew, a quarter new beside one removed. */
export function smallFilesChanged(base) {
  const first = smallFiles(base);
  return once(base, 'small-changed', (root) => {
    run('cp', '-a', `${first}/.`, root);
    const next = byteStream(2);
    for (let folder = 0; folder < 2000; folder += 2) {
      const path = join(root, `area${folder % 40}`, `folder${folder}`, `file${folder % 50}.dat`);
      const size = 1 + (folder % 16_000);
      const kind = folder % 8;
      if (kind === 6) rmSync(path);
      writeFileSync(kind === 6 ? `${path}.new` : path, next(kind === 4 ? size + 500 : size));
    }
  });
}

/** 1,000,000 empty files in 1,000 folders. */
export function emptyFiles(base) {
  return once(base, 'empty', (root) => {
    for (let folder = 0; folder < 1000; folder++) {
      const path = join(root, `area${folder % 20}`, `folder${folder}`);
      mkdirSync(path, { recursive: true });
      for (let i = 0; i < 1000; i++) closeSync(openSync(join(path, `empty${i}`), 'w'));
    }
  });
}

/** 100,000 files of about 1 KB in 1,000 folders. A run writes to them: it is no matter what they hold. */
export function followFiles(base) {
  return once(base, 'follow', (root) => {
    for (let folder = 0; folder < 1000; folder++) {
      const path = join(root, `area${folder % 40}`, `folder${folder}`);
      mkdirSync(path, { recursive: true });
      for (let i = 0; i < 100; i++) writeFileSync(join(path, `file${i}`), `${folder} ${i}\n`.repeat(100));
    }
  });
}

/** One file of `gib` GiB. */
export function largeFile(base, gib) {
  return once(base, `large-${gib}`, (root) => {
    const next = byteStream(3);
    const fd = openSync(join(root, 'large.bin'), 'w');
    for (let i = 0; i < gib * 64; i++) writeSync(fd, next(1 << 24));
    closeSync(fd);
    utimesSync(join(root, 'large.bin'), THEN, THEN);
  });
}

/** The file of `gib` GiB after 1 % of it changed: scattered aligned pieces of 4 KiB. */
export function largeFileEdited(base, gib = 1) {
  return largeFileChanged(base, gib, 'edited', (fd) => {
    const below = dice(4);
    const next = byteStream(4);
    const blocks = gib * 2 ** 18;
    for (let i = 0; i < blocks / 100; i++) writeSync(fd, next(4096), 0, 4096, below(blocks) * 4096);
  });
}

/** A file made of the one of `gib` GiB by `change(fd)`. */
function largeFileChanged(base, gib, how, change) {
  const first = largeFile(base, gib);
  return once(base, `large-${gib}-${how}`, (root) => {
    run('cp', '-a', `${first}/.`, root);
    const fd = openSync(join(root, 'large.bin'), 'r+');
    change(fd);
    closeSync(fd);
    utimesSync(join(root, 'large.bin'), THEN + 100, THEN + 100);
  });
}

/** The file with a new time and nothing else changed. */
export function largeFileSame(base, gib = 1) {
  return largeFileChanged(base, gib, 'same', () => undefined);
}

/** The file with 250 bytes changed, somewhere. */
export function largeFileTouched(base, gib = 1) {
  return largeFileChanged(base, gib, 'touched', (fd) => writeSync(fd, byteStream(6)(250), 0, 250, 700_000_123));
}

/** The file with 1,000 bytes inserted near the front. */
export function largeFileInserted(base, gib = 1) {
  const first = largeFile(base, gib);
  return once(base, `large-${gib}-inserted`, (root) => {
    const [from, to] = [join(first, 'large.bin'), join(root, 'large.bin')];
    writeFileSync(`${to}.piece`, byteStream(7)(1000));
    run('sh', '-c', 'head -c 5000 "$0" >"$1"; cat "$1.piece" >>"$1"; tail -c +5001 "$0" >>"$1"; rm "$1.piece"', from, to);
    utimesSync(to, THEN + 100, THEN + 100);
  });
}

/** A file of `gib` GiB that has nothing in common with the other one. */
export function largeFileUnlike(base, gib = 1) {
  return once(base, `large-${gib}-unlike`, (root) => {
    const next = byteStream(8);
    const fd = openSync(join(root, 'large.bin'), 'w');
    for (let i = 0; i < gib * 64; i++) writeSync(fd, next(1 << 24));
    closeSync(fd);
    utimesSync(join(root, 'large.bin'), THEN + 100, THEN + 100);
  });
}

/** Of a kernel source only `fs/`: what a slow link carries in minutes. */
export function kernelPart(_base, version) {
  return join(version, 'fs');
}

/** A folder of 10,000 files, 1 GiB in all, that will be renamed, beside one of 10,000 small files that stays. */
export function folderToMove(base) {
  return once(base, 'moved', (root) => {
    const bytes = byteStream(5)(1 << 25);
    const below = dice(5);
    for (const [name, size] of [['first-name', 107_374], ['stays', 2000]]) {
      for (let i = 0; i < 10_000; i++) {
        const path = join(root, name, `part${i % 100}`);
        if (i < 100) mkdirSync(path, { recursive: true });
        const from = below(bytes.length - size);
        writeFileSync(join(path, `file${i}`), bytes.subarray(from, from + size));
        utimesSync(join(path, `file${i}`), THEN + i, THEN + i);
      }
    }
  });
}

/**
 * The Linux source as Debian packages it, in two versions: { old, fresh }. Taken from the package sources that this system
 * has (any linux-source-N package of which it offers two versions); undefined where there are none.
 */
export function kernelSources(base) {
  const folder = join(base, 'data', 'kernel');
  const known = () => existsSync(folder) && readdirSync(folder).filter((name) => !name.endsWith('.half')).toSorted(byVersion);
  let versions = known() || [];
  if (versions.length < 2) {
    const offer = kernelPackages();
    if (offer === undefined) return undefined;
    for (const version of offer.versions) unpackKernel(base, offer.name, version);
    versions = known() || [];
  }
  return { old: join(folder, versions[0]), fresh: join(folder, versions[1]), versions };
}

function byVersion(a, b) {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** The oldest two versions, next to each other, of a kernel source package that apt knows. */
function kernelPackages() {
  let names;
  try {
    names = run('apt-cache', 'pkgnames', 'linux-source-').split('\n').filter((name) => /^linux-source-\d[\d.]*$/.test(name));
  } catch {
    return undefined; // no apt: the caller says what is left out
  }
  for (const name of names.toSorted(byVersion)) {
    const versions = new Set(run('apt-cache', 'madison', name).split('\n').map((line) => line.split('|')[1]?.trim()).filter(Boolean));
    const two = [...versions].toSorted(byVersion).slice(0, 2);
    if (two.length === 2) return { name, versions: two };
  }
  return undefined;
}

function unpackKernel(base, name, version) {
  once(base, join('kernel', version), (root) => {
    const box = join(base, 'download');
    mkdirSync(box, { recursive: true });
    run('sh', '-c', 'cd "$0" && apt-get download -qq "$1=$2"', box, name, version);
    const deb = join(box, readdirSync(box).find((file) => file.startsWith(`${name}_`) && file.includes(version.replace(/^\d+:/, '').replaceAll('~', '%7e'))) ?? '');
    run('sh', '-c', 'dpkg-deb --fsys-tarfile "$0" | tar -xO --wildcards "./usr/src/*.tar.xz" | tar -xJ -C "$1" --strip-components=1', deb, root);
    rmSync(box, { recursive: true });
  });
}
