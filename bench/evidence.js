/**
 * The workloads of evidence: both trees of a pair are read whole and compared, beside programs that only hash them; and the same with an index of digests, where
 * nothing was touched, beside a dry run that looks at every file's attributes.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { largeFile, smallFiles } from './data.js';
import { run } from './measure.js';

const SHIM = fileURLToPath(new URL('../bin/twintree.js', import.meta.url));

/** What hashes all files of the two trees, with two processes. */
const SHA256SUM = 'find "$@" -type f -print0 | xargs -0 -n 1000 -P 2 sha256sum >/dev/null';
const RCLONE = 'for tree; do rclone hashsum SHA256 --checkers 2 "$tree" >/dev/null & done; wait';

/** A tree and its copy; `settle` gives what is read once before, so that no run pays for a cold cache. */
function pair(context, source, make) {
  const target = join(context.folder, 'target');
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  run('cp', '-a', `${source}/.`, target);
  run('sh', '-c', 'for tree; do tar -cf - -C "$tree" . | cat >/dev/null; done', 'warm', source, target);
  const file = join(context.folder, 'evidence');
  const evidence = (...args) => [process.execPath, SHIM, 'evidence', 'make', '-q', ...args, `${source}/`, target, '-o', file];
  const finish = () => rmSync(file, { force: true });
  return { source, target, warmUp: true, finish, reset: () => { /* a run changes nothing */ }, ...make(evidence, source, target) };
}

function full(context, source) {
  return pair(context, source, (evidence, ...trees) => ({
    tools: {
      twintree: evidence(), sha256sum: ['sh', '-c', SHA256SUM, 'hash', ...trees],
      ...(spawnSync('rclone', ['version']).status === 0 ? { rclone: ['sh', '-c', RCLONE, 'hash', ...trees] } : {}),
    },
  }));
}

function indexed(context, source) {
  return pair(context, source, (evidence, from, to) => ({
    tools: { twintree: evidence('--mode=index', '--sample=0'), scan: context.twintree(['-a', '-n', '--delete'], `${from}/`, `${to}/`) },
  }));
}

export const EVIDENCE_WORKLOADS = {
  'evidence-small': { title: 'evidence of 100,000 small files and their copies', peer: 'sha256sum', goal: 1, floor: 1.5, cpu: { goal: 1, floor: 1.5 }, prepare: (c) => full(c, smallFiles(c.folder)) },
  'evidence-index': { title: 'the same with an index, nothing touched', peer: 'scan', goal: 2, floor: 4, cpu: { goal: 2, floor: 3 }, prepare: (c) => indexed(c, smallFiles(c.folder)) },
  'evidence-large': { title: 'evidence of a file of 4 GiB and its copy', peer: 'sha256sum', goal: 1, floor: 1.2, cpu: { goal: 1, floor: 1.2 }, mostRuns: 3, prepare: (c) => full(c, largeFile(c.folder, 4)) },
};
