/**
 * Real file systems for tests: loop-mounted ext4, xfs, btrfs and vfat, and tmpfs, each of a given size.
 *
 * Promises that a mount is gone with its image at the latest when the test process exits, also after a failure.
 * Needs root and a kernel that knows the file system; `whyNoMount` says what is lacking. On a machine that could
 * run a test but lacks only a tool, CI=true makes that a failure and not a skip.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, rmdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempFolder, undoAtExit } from './temp.js';

export type FsKind = 'ext4' | 'xfs' | 'btrfs' | 'vfat' | 'tmpfs';

/** A mounted file system. */
export interface Mount {
  readonly kind: FsKind;
  /** Its root folder. ext4 holds a `lost+found` there: work in a folder below. */
  readonly path: string;
  at(...names: string[]): string;
  /** Mounts again with other options, e.g. `ro`. */
  remount(options: string): void;
  unmount(): void;
}

export interface MountOptions {
  /** Size; raised to the least the file system takes (xfs 300, btrfs 128). Images are sparse files. Default 64. */
  sizeMiB?: number;
  /** `mount -o`, e.g. `noatime` or `nr_inodes=100`. */
  mount?: string;
  /** More arguments for mkfs. */
  mkfs?: string[];
}

const LEAST_MIB: Record<FsKind, number> = { ext4: 8, xfs: 300, btrfs: 128, vfat: 8, tmpfs: 1 };
const MKFS: Record<Exclude<FsKind, 'tmpfs'>, string[]> = {
  ext4: ['mkfs.ext4', '-q', '-F'],
  xfs: ['mkfs.xfs', '-q', '-f'],
  btrfs: ['mkfs.btrfs', '-q', '-f'],
  vfat: ['mkfs.vfat'],
};
const PACKAGES: Record<Exclude<FsKind, 'tmpfs'>, string> = { ext4: 'e2fsprogs', xfs: 'xfsprogs', btrfs: 'btrfs-progs', vfat: 'dosfstools' };
/** Tools of the file systems live where a plain user's PATH often does not reach. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

function run(command: string, ...args: string[]): { ok: boolean; stderr: string } {
  const done = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, PATH } });
  return { ok: done.status === 0, stderr: (done.stderr || String(done.error ?? '')).trim() };
}

const answers = new Map<FsKind, string | undefined>();

/** Why this file system cannot be mounted here; undefined where it can. Tried once by really mounting it. */
export function whyNoMount(kind: FsKind): string | undefined {
  if (!answers.has(kind)) answers.set(kind, findReason(kind));
  return answers.get(kind);
}

function findReason(kind: FsKind): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  if (kind !== 'tmpfs') {
    if (!existsSync('/dev/loop-control')) return 'no loop devices';
    const tool = MKFS[kind][0] as string;
    if (!run('which', tool).ok) {
      if (!kernelKnows(kind)) return `the kernel has no ${kind}`;
      return `${tool} is missing (package ${PACKAGES[kind]})`;
    }
  }
  try {
    mountFs(kind).unmount();
    return undefined;
  } catch (error) {
    return kernelKnows(kind) ? `cannot mount ${kind}: ${String(error)}` : `the kernel has no ${kind}`;
  }
}

function kernelKnows(kind: FsKind): boolean {
  return readFileSync('/proc/filesystems', 'utf8').split('\n').some((line) => line.trim().split('\t').at(-1) === kind);
}

/** Makes and mounts a fresh file system. Throws where that fails. */
export function mountFs(kind: FsKind, options: MountOptions = {}): Mount {
  const size = Math.max(options.sizeMiB ?? 64, LEAST_MIB[kind]);
  const home = tempFolder(`mount-${kind}`);
  const path = home.at('root');
  mkdirSync(path);
  const more = options.mount === undefined ? '' : `,${options.mount}`;
  if (kind === 'tmpfs') {
    must(run('mount', '-t', 'tmpfs', '-o', `size=${size}m,mode=755${more}`, 'tmpfs', path), home.remove);
  } else {
    const image = home.at('image');
    writeFileSync(image, '');
    truncateSync(image, size * 1024 * 1024);
    const [tool, ...args] = MKFS[kind] as [string, ...string[]];
    must(run(tool, ...args, ...(options.mkfs ?? []), image), home.remove);
    must(run('mount', '-t', kind, '-o', `loop${more}`, image, path), home.remove);
  }
  const unmount = undoAtExit(() => {
    detach(path);
    rmdirSync(path);
    rmSync(home.at('image'), { force: true });
    home.remove();
  });
  return {
    kind, path, unmount,
    at: (...names) => join(path, ...names),
    remount: (how) => must(run('mount', '-o', `remount,${how}`, path)),
  };
}

function must(result: { ok: boolean; stderr: string }, undo?: () => void): void {
  if (result.ok) return;
  undo?.();
  throw new Error(result.stderr);
}

/** Unmounts; where something still holds the file system, detaches it so that nothing stays, and says so. */
function detach(path: string): void {
  const first = run('umount', path);
  if (first.ok) return;
  const lazy = run('umount', '-l', path);
  throw new Error(`${first.stderr}${lazy.ok ? ' (detached)' : `; ${lazy.stderr}`}: something still has it open`);
}

/** Shows another folder's tree at `to` as well (root only), until the returned function is called or the process exits. */
export function bindMount(from: string, to: string): () => void {
  must(run('mount', '--bind', from, to));
  return undoAtExit(() => detach(to));
}

/** Titles and skips of suites that need something: `why` undefined runs it, else it is skipped with the reason in its title. */
export function describeIf(title: string, why: string | undefined, body: () => void): void {
  if (why === undefined) describe(title, body);
  else if (process.env['CI'] && / is missing \(package /.test(why)) {
    describe(title, () => it('has its tools', () => { throw new Error(why); }));
  } else describe.skip(`${title} (skipped: ${why})`, body);
}

/**
 * A suite for each file system: `describeOn(['ext4', 'xfs'], { sizeMiB: 64 }, (fs) => { it(…) })`. The file system is
 * mounted before the suite's tests and unmounted after them; `fs.path` may be read only inside tests and hooks.
 */
export function describeOn(kinds: readonly FsKind[], options: MountOptions, body: (fs: Pick<Mount, 'kind' | 'path' | 'at' | 'remount'>) => void): void {
  for (const kind of kinds) {
    describeIf(`on ${kind}`, whyNoMount(kind), () => {
      let current: Mount | undefined;
      before(`mount ${kind}`, () => {
        current = mountFs(kind, options);
      });
      after(`unmount ${kind}`, () => {
        current?.unmount();
        current = undefined;
      });
      const now = (): Mount => {
        if (current === undefined) throw new Error('the file system is mounted only while its tests run');
        return current;
      };
      body({
        kind,
        get path() { return now().path; },
        at: (...names) => now().at(...names),
        remount: (how) => now().remount(how),
      });
    });
  }
}
