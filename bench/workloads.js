/**
 * The workloads: what each measures, beside whom, and from which state every run starts.
 *
 * A workload's `prepare` makes its data and returns for each tool the command, and how a run is reset before it. Goals
 * and floors are ratios of wall times to the peer (below 1 is faster), `cpu` and `bytes` have their own; `memory` in MB. `bench/README.md` explains them.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { emptyFiles, folderToMove, kernelSources, largeFile, largeFileEdited, smallFiles, smallFilesChanged } from './data.js';
import { Missing, run } from './measure.js';
import { EVIDENCE_WORKLOADS } from './evidence.js';
import { REMOTE_WORKLOADS } from './remote.js';
import { SEED_WORKLOADS } from './seed.js';

function remove(path) {
  run('rm', '-rf', '--one-file-system', '--', path); // faster on a million names than Node's own
}

/** The target folder that all tools of a workload use in turn, so that they meet the same disk. */
function target(context) {
  return join(context.folder, 'target');
}

/** Reads everything once, so that no run pays for a cold cache. */
function warm(path) {
  run('sh', '-c', 'tar -cf - -C "$0" . | cat >/dev/null', path);
}

/** First copy of `source` into nothing. */
function firstCopy(context, source, args = ['-a'], peers = {}) {
  warm(source);
  const dst = target(context);
  return {
    source, target: dst,
    reset: () => remove(dst),
    tools: {
      twintree: context.twintree(args, `${source}/`, `${dst}/`),
      rsync: ['rsync', ...args, `${source}/`, `${dst}/`],
      ...(peers.cp === false ? {} : { cp: ['cp', '-a', source, dst] }),
    },
  };
}

/** Nothing to do: the target is already equal. */
function nothingToDo(context, source, args = ['-a']) {
  const dst = target(context);
  remove(dst);
  mkdirSync(dst);
  run('rsync', ...args, `${source}/`, `${dst}/`);
  return {
    source, target: dst, warmUp: true,
    reset: () => { /* a run changes nothing */ },
    tools: { twintree: context.twintree(args, `${source}/`, `${dst}/`), rsync: ['rsync', ...args, `${source}/`, `${dst}/`] },
  };
}

/** From one version to the next; before each run the target is taken back to the first. */
function nextVersion(context, old, fresh, args) {
  const dst = target(context);
  remove(dst);
  mkdirSync(dst);
  warm(old);
  warm(fresh);
  return {
    source: fresh, target: dst,
    reset: () => run('rsync', '-aHAX', '--delete', `${old}/`, `${dst}/`),
    tools: { twintree: context.twintree(args, `${fresh}/`, `${dst}/`), rsync: ['rsync', ...args, `${fresh}/`, `${dst}/`] },
  };
}

function kernel(context) {
  const found = kernelSources(context.folder);
  if (found === undefined) throw new Missing('no two versions of a linux-source package among the package sources (Debian: apt-get update)');
  return found;
}

/** A folder is renamed at the source between two runs. The renamed back one at the target is what the first run had made. */
function movedFolder(context) {
  const source = folderToMove(context.folder);
  const dst = target(context);
  const [first, second] = ['first-name', 'second-name'];
  if (existsSync(join(source, second))) renameSync(join(source, second), join(source, first)); // after a run that was broken off
  remove(dst);
  mkdirSync(dst);
  run('rsync', '-a', `${source}/`, `${dst}/`);
  renameSync(join(source, first), join(source, second));
  const args = ['-a', '--delete'];
  return {
    source, target: dst,
    reset: () => {
      if (existsSync(join(dst, second))) renameSync(join(dst, second), join(dst, first));
    },
    finish: () => renameSync(join(source, second), join(source, first)),
    tools: { twintree: context.twintree(args, `${source}/`, `${dst}/`), rsync: ['rsync', ...args, `${source}/`, `${dst}/`] },
  };
}

/** One file, over and over: 1 % of it differs, only differing blocks are written. */
function editedFile(context) {
  const old = largeFile(context.folder, 1);
  const fresh = largeFileEdited(context.folder);
  const dst = target(context);
  remove(dst);
  mkdirSync(dst);
  run('cp', '-a', join(old, 'large.bin'), dst);
  warm(old);
  warm(fresh);
  return {
    source: fresh, target: dst,
    reset: () => run('rsync', '-a', '--inplace', '--no-whole-file', `${old}/`, `${dst}/`),
    tools: {
      twintree: context.twintree(['-a', '--inplace', '--no-whole-file'], `${fresh}/`, `${dst}/`),
      rsync: ['rsync', '-a', '--inplace', '--no-whole-file', `${fresh}/`, `${dst}/`],
    },
  };
}

/** How long the program takes to say its version, beside Node doing nothing. */
function start(context) {
  return {
    warmUp: true, runs: 15, check: false,
    reset: () => { /* nothing to reset */ },
    tools: { twintree: context.version, node: [process.execPath, '-e', '0'] },
  };
}

/** All workloads by name, in the order in which they run. `peer` is whom the ratio is taken to; `mostRuns` bounds a long one. */
export const WORKLOADS = {
  start: { title: '--version', peer: 'node', goal: 1.3, floor: 2, prepare: start },
  'small-first': { title: '100,000 small files, first copy', peer: 'rsync', goal: 0.5, floor: 0.9, prepare: (c) => firstCopy(c, smallFiles(c.folder)) },
  'small-noop': { title: '100,000 small files, nothing to do', peer: 'rsync', goal: 0.5, floor: 1, prepare: (c) => nothingToDo(c, smallFiles(c.folder)) },
  'small-changed': { title: '100,000 small files, 1 % changed', peer: 'rsync', goal: 0.5, floor: 1, prepare: (c) => nextVersion(c, smallFiles(c.folder), smallFilesChanged(c.folder), ['-a', '--delete']) },
  'empty-first': { title: '1,000,000 empty files, first copy', peer: 'rsync', goal: 0.5, floor: 1, mostRuns: 3, prepare: (c) => firstCopy(c, emptyFiles(c.folder)) },
  'empty-noop': { title: '1,000,000 empty files, nothing to do', peer: 'rsync', goal: 0.5, floor: 1, memory: { goal: 150, floor: 300 }, prepare: (c) => nothingToDo(c, emptyFiles(c.folder)) },
  'kernel-first': { title: 'kernel source, first copy, -aHAX', peer: 'rsync', goal: 0.5, floor: 0.9, prepare: (c) => firstCopy(c, kernel(c).old, ['-aHAX']) },
  'kernel-noop': { title: 'kernel source, nothing to do, -aHAX', peer: 'rsync', goal: 0.5, floor: 1, prepare: (c) => nothingToDo(c, kernel(c).old, ['-aHAX']) },
  'kernel-next': { title: 'kernel source, to the next version, -aHAX --delete', peer: 'rsync', goal: 0.5, floor: 0.9, prepare: (c) => nextVersion(c, kernel(c).old, kernel(c).fresh, ['-aHAX', '--delete']) },
  'large-first': { title: 'one file of 4 GiB, first copy', peer: 'cp', goal: 1, floor: 1.2, prepare: (c) => firstCopy(c, largeFile(c.folder, 4)) },
  'large-edited': { title: 'one file of 1 GiB, 1 % edited, --inplace', peer: 'rsync', goal: 0.25, floor: 0.4, prepare: editedFile },
  moved: { title: 'a folder of 10,000 files (1 GiB) renamed', peer: 'rsync', goal: 0.2, floor: 0.5, prepare: movedFolder },
  ...EVIDENCE_WORKLOADS,
  ...SEED_WORKLOADS,
  ...REMOTE_WORKLOADS,
};

/** Removes what a workload left; the data sets stay in the cache. */
export function cleanUp(context) {
  remove(target(context));
  for (const name of ['state', 'ssh', 'relay-report']) rmSync(join(context.folder, name), { recursive: true, force: true });
}
