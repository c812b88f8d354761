/** A file system that loses most of what Unix has: vfat where the kernel knows it, else exFAT by FUSE (package exfat-fuse). */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { mountFs, tempFolder, undoAtExit, whyNoMount } from '../support/index.js';

export interface LossyMount { readonly kind: 'vfat' | 'fuse'; at(...names: string[]): string; unmount(): void }

const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
const has = (program: string): boolean => spawnSync('which', [program], { env }).status === 0;

export function whyNoLossyMount(): string | undefined {
  const why = whyNoMount('vfat');
  if (why === undefined || process.platform !== 'linux' || process.getuid?.() !== 0) return why;
  return existsSync('/dev/fuse') && has('mount.exfat-fuse') && has('mkfs.exfat') ? undefined : `${why}, and there is no exFAT by FUSE`;
}

export function mountLossy(): LossyMount {
  if (whyNoMount('vfat') === undefined) {
    const mount = mountFs('vfat', { sizeMiB: 64 });
    return { kind: 'vfat', at: (...names) => mount.at(...names), unmount: () => { mount.unmount(); } };
  }
  const temp = tempFolder('exfat');
  mkdirSync(temp.at('mount'));
  writeFileSync(temp.at('image'), '');
  truncateSync(temp.at('image'), 64 << 20);
  const run = (program: string, ...args: string[]): string => execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  run('mkfs.exfat', temp.at('image'));
  const device = run('losetup', '--find', '--show', temp.at('image'));
  run('mount.exfat-fuse', device, temp.at('mount'));
  const unmount = undoAtExit(() => {
    run('umount', temp.at('mount'));
    run('losetup', '--detach', device);
  });
  return { kind: 'fuse', at: (...names) => temp.at('mount', ...names), unmount: () => { unmount(); temp.remove(); } };
}

/** A file system in memory without extended attributes and access lists. */
export function mountRamfs(): { at(...names: string[]): string; unmount(): void } {
  const temp = tempFolder('ramfs');
  mkdirSync(temp.at('mount'));
  execFileSync('mount', ['-t', 'ramfs', 'none', temp.at('mount')], { env });
  const unmount = undoAtExit(() => { execFileSync('umount', [temp.at('mount')], { env }); });
  return { at: (...names) => temp.at('mount', ...names), unmount: () => { unmount(); temp.remove(); } };
}
