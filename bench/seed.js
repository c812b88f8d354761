/**
 * Workloads of seed archives (P22): export and import of a tree, beside GNU tar with all that an archive of ours holds (pax, access lists,
 * extended attributes, holes). The archive is on the same disk; neither tool writes it through.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { largeFile, smallFiles } from './data.js';
import { run } from './measure.js';

const TAR = ['tar', '--format=posix', '--acls', '--xattrs', '--sparse'];

function warm(path) {
  run('sh', '-c', 'tar -cf - -C "$0" . | cat >/dev/null', path);
}

function exported(context, source) {
  warm(source);
  const out = join(context.folder, 'seed.tar');
  return {
    check: false,
    reset: () => { for (const name of [out, `${out}.manifest`]) rmSync(name, { force: true }); },
    finish: () => { for (const name of [out, `${out}.manifest`]) rmSync(name, { force: true }); },
    tools: { twintree: context.command('seed', 'export', `${source}/`, out), tar: [...TAR, '-cf', out, '-C', source, '.'] },
  };
}

function imported(context, source) {
  const dst = join(context.folder, 'target');
  const out = join(context.folder, 'seed.tar');
  for (const name of [out, `${out}.manifest`]) rmSync(name, { force: true });
  run(...context.command('seed', 'export', `${source}/`, out));
  run('sh', '-c', 'cat "$0" > /dev/null', out);
  return {
    source, target: dst,
    reset: () => {
      run('rm', '-rf', '--one-file-system', '--', dst);
      mkdirSync(dst);
    },
    finish: () => { for (const name of [out, `${out}.manifest`]) rmSync(name, { force: true }); },
    tools: { twintree: context.command('seed', 'import', out, dst), tar: [...TAR, '--xattrs-include=*', '-xpf', out, '-C', dst] },
  };
}

export const SEED_WORKLOADS = {
  'seed-small-export': { title: '100,000 small files into an archive', peer: 'tar', goal: 1, floor: 1.5, prepare: (c) => exported(c, smallFiles(c.folder)) },
  'seed-small-import': { title: '100,000 small files out of an archive', peer: 'tar', goal: 1, floor: 1.5, prepare: (c) => imported(c, smallFiles(c.folder)) },
  'seed-large-export': { title: 'one file of 4 GiB into an archive', peer: 'tar', goal: 1, floor: 1.5, prepare: (c) => exported(c, largeFile(c.folder, 4)) },
  'seed-large-import': { title: 'one file of 4 GiB out of an archive', peer: 'tar', goal: 1, floor: 1.5, prepare: (c) => imported(c, largeFile(c.folder, 4)) },
};
