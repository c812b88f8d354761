/**
 * The workloads between hosts: both tools push over the same remote shell, which is two processes and pipes on this
 * machine, a slow link, or a real sshd.
 *
 * `relay.py` stands for the shell and counts the bytes of both directions. The real sshd is started by ssh itself over pipes
 * (`sshd -i`), so that its time is counted like that of all the others, and no port is opened.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folderToMove, kernelPart, kernelSources, largeFile, largeFileEdited, largeFileInserted, largeFileSame, largeFileTouched, largeFileUnlike, smallFiles, smallFilesChanged } from './data.js';
import { measure, Missing, run } from './measure.js';

const RELAY = fileURLToPath(new URL('./relay.py', import.meta.url));

/** 1.5 Mbit/s and 50 ms there and back; 100 Mbit/s and 2 ms. Bytes and seconds, one way. */
const DSL = { rate: 187_500, delay: 0.025 };
const OFFICE = { rate: 12_500_000, delay: 0.001 };

/** The remote shell's words for a link, and what they counted, to be added to a sample. */
function pipe(context, link) {
  const report = join(context.folder, 'relay-report');
  rmSync(report, { force: true });
  return {
    words: ['python3', '-IS', RELAY, '--report', report, ...(link === undefined ? [] : ['--rate', String(link.rate), '--delay', String(link.delay)])],
    account: (sample) => {
      const { up, down, cpu } = JSON.parse(readFileSync(report, 'utf8'));
      rmSync(report);
      return { ...sample, sys: sample.sys - cpu, bytes: up + down, up, down };
    },
  };
}

/** ssh with a server of its own at the other end of a pipe, with keys made for it. */
export function realSsh(context) {
  const sshd = '/usr/sbin/sshd';
  if (!existsSync(sshd) || userInfo().uid !== 0) throw new Missing('sshd is not installed, or this is not root');
  const at = join(context.folder, 'ssh');
  rmSync(at, { recursive: true, force: true });
  mkdirSync(at, { mode: 0o700 });
  mkdirSync('/run/sshd', { recursive: true });
  for (const name of ['host', 'user']) run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(at, name));
  renameSync(join(at, 'user.pub'), join(at, 'authorized'));
  writeFileSync(join(at, 'sshd'), `HostKey ${at}/host\nAuthorizedKeysFile ${at}/authorized\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n`);
  writeFileSync(join(at, 'config'), `Host *\nIdentityFile ${at}/user\nIdentitiesOnly yes\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\nProxyCommand ${sshd} -i -f ${at}/sshd\n`);
  return { words: ['ssh', '-F', join(at, 'config')], account: (sample) => sample };
}

/**
 * Pushes `source` to the target by both tools. `prepare` brings the target to the state in which each run starts, once before
 * the first run (`fresh` is then true) and again before each.
 */
function push(context, { source, args = ['-a'], peerArgs = args, link, shell = pipe(context, link), prepare, warmUp = false, peers = {} }) {
  const dst = join(context.folder, 'target');
  run('rm', '-rf', '--one-file-system', '--', dst);
  run('sh', '-c', 'tar -cf - -C "$0" . | cat >/dev/null', source);
  prepare(dst, true);
  const rsync = (words) => ['rsync', ...words, '-e', shell.words.join(' '), `${source}/`, `host:${dst}/`];
  return {
    source, target: dst, warmUp,
    reset: () => prepare(dst, false),
    account: shell.account,
    tools: {
      twintree: context.remote([...args, '-e', shell.words.join(' ')], `${source}/`, `host:${dst}/`),
      rsync: rsync(peerArgs),
      ...Object.fromEntries(Object.entries(peers).map(([name, words]) => [name, rsync(words)])),
    },
  };
}

/** Before each run the target is `old` again, byte for byte. */
function from(old, inPlace = false) {
  return (dst) => {
    mkdirSync(dst, { recursive: true });
    run('rsync', '-aHX', '--delete', ...(inPlace ? ['--inplace', '--no-whole-file', '--ignore-times'] : []), `${old}/`, `${dst}/`);
  };
}

/** One large file, made of the one of `gib` GiB by `change`. */
function large(context, change, { gib = 1, args, peerArgs, link } = {}) {
  return push(context, { source: change(context.folder, gib), args, peerArgs, link, prepare: from(largeFile(context.folder, gib)) });
}

/** 250 bytes change between runs; both ends of twintree have kept what they know of the file since it was sent last. One run each: what the peer writes is not known to it. */
function kept(context) {
  const source = join(context.folder, 'kept-source');
  const dst = join(context.folder, 'target');
  const shell = pipe(context);
  run('rm', '-rf', '--one-file-system', '--', source, dst, join(context.folder, 'state'));
  run('cp', '-a', largeFile(context.folder, 1), source);
  const file = join(source, 'large.bin');
  let place = 100_000_123;
  const change = () => {
    const fd = openSync(file, 'r+');
    writeSync(fd, randomBytes(250), 0, 250, (place += 60_000_000));
    closeSync(fd);
  };
  const mine = context.remote(['-a', '--state', '-e', shell.words.join(' ')], `${source}/`, `host:${dst}/`);
  measure(mine, context.folder);
  return {
    source, target: dst, account: shell.account, reset: change,
    finish: () => run('rm', '-rf', '--one-file-system', '--', source),
    tools: { twintree: mine, rsync: ['rsync', '-a', '-e', shell.words.join(' '), `${source}/`, `host:${dst}/`] },
  };
}

function kernel(context) {
  const found = kernelSources(context.folder);
  if (found === undefined) throw new Missing('no two versions of a linux-source package among the package sources (Debian: apt-get update)');
  return found;
}

function nothing(context, source, link) {
  return push(context, {
    source, warmUp: true, link,
    prepare: (dst, fresh) => {
      if (fresh) run('rsync', '-a', `${source}/`, `${dst}/`);
    },
  });
}

function next(context, sources, args, peerArgs, link) {
  return push(context, { source: sources.fresh, args, peerArgs, link, prepare: from(sources.old) });
}

/** A folder is renamed at the source after a run that has kept its state. Before each run both ends have the old name, and the state says so. */
function movedFolder(context) {
  const source = folderToMove(context.folder);
  const [first, second] = ['first-name', 'second-name'].map((name) => join(source, name));
  const back = (root) => {
    if (existsSync(join(root, 'second-name'))) renameSync(join(root, 'second-name'), join(root, 'first-name'));
  };
  back(source);
  const job = push(context, {
    source, args: ['-a', '--delete', '--state'], peerArgs: ['-a', '--delete'],
    prepare: (dst) => {
      mkdirSync(dst, { recursive: true });
      back(dst);
      back(source);
      measure(context.remote(['-a', '--delete', '--state', '-e', pipe(context).words.join(' ')], `${source}/`, `host:${dst}/`), context.folder);
      renameSync(first, second);
    },
  });
  return { ...job, finish: () => back(source) };
}

/** The workloads between hosts by name, as in workloads.js; `cpu` and `bytes` have goals and floors like `wall` has. */
export const REMOTE_WORKLOADS = {
  'remote-edited': {
    title: '1 GiB over a pipe, 1 % in scattered pieces of 4 KiB', peer: 'rsync', goal: 0.4, floor: 0.7, cpu: { goal: 0.4, floor: 0.7 },
    prepare: (c) => large(c, largeFileEdited),
  },
  'remote-edited-z': {
    title: 'the same, -z', peer: 'rsync', bytes: { goal: 0.25, floor: 0.5 }, mostRuns: 1,
    prepare: (c) => large(c, largeFileEdited, { args: ['-az'] }),
  },
  'remote-unlike': {
    title: '1 GiB over a pipe, nothing in common', peer: 'rsync', cpu: { goal: 0.12, floor: 0.25 }, mostRuns: 3,
    prepare: (c) => large(c, largeFileUnlike),
  },
  'remote-inserted': {
    title: '1 GiB over a pipe, 1,000 bytes inserted near the front', peer: 'rsync', goal: 0.5, floor: 0.8,
    prepare: (c) => large(c, largeFileInserted),
  },
  'remote-250': {
    title: '1 GiB over a pipe, 250 bytes changed', peer: 'rsync', bytes: { goal: 0.01, floor: 0.1 }, mostRuns: 1,
    prepare: (c) => large(c, largeFileTouched),
  },
  'remote-250-kept': {
    title: 'the same, with kept signatures', peer: 'rsync', bytes: { goal: 0.002, floor: 0.02 }, mostRuns: 1,
    prepare: kept,
  },
  'remote-same': {
    title: '1 GiB over a pipe, a new time and nothing else', peer: 'rsync', goal: 0.5, floor: 1, bytes: { goal: 0.01, floor: 0.1 },
    prepare: (c) => large(c, largeFileSame),
  },
  ...Object.fromEntries(Object.entries({ same: largeFileSame, edited: largeFileEdited, inserted: largeFileInserted, unlike: largeFileUnlike }).map(([how, change]) => [`remote-${how}-4`, {
    title: `as remote-${how}, 4 GiB`, peer: 'rsync', goal: 0.5, floor: 1, mostRuns: 1,
    prepare: (c) => large(c, change, { gib: 4 }),
  }])),
  'remote-edited-office': {
    title: '1 GiB over 100 Mbit/s and 2 ms, 1 % in scattered pieces', peer: 'rsync', goal: 0.5, floor: 0.8, mostRuns: 1,
    prepare: (c) => large(c, largeFileEdited, { peerArgs: ['-az'], link: OFFICE }),
  },
  'remote-250-dsl': {
    title: '1 GiB over 1.5 Mbit/s and 50 ms, 250 bytes changed', peer: 'rsync', goal: 0.7, floor: 1, mostRuns: 3,
    prepare: (c) => large(c, largeFileTouched, { peerArgs: ['-az'], link: DSL }),
  },
  'remote-inserted-dsl': {
    title: 'the same link, 1,000 bytes inserted near the front', peer: 'rsync', goal: 0.7, floor: 1, mostRuns: 1,
    prepare: (c) => large(c, largeFileInserted, { peerArgs: ['-az'], link: DSL }),
  },
  'remote-noop-dsl': {
    title: '100,000 files over 1.5 Mbit/s and 50 ms, nothing to do', peer: 'rsync', goal: 0.5, floor: 1, mostRuns: 3,
    prepare: (c) => nothing(c, smallFiles(c.folder), DSL),
  },
  'remote-small-office': {
    title: '100,000 small files over 100 Mbit/s and 2 ms, first copy', peer: 'rsync', goal: 0.8, floor: 1, mostRuns: 1,
    prepare: (c) => push(c, { source: smallFiles(c.folder), args: ['-a'], link: OFFICE, prepare: (dst) => run('rm', '-rf', '--one-file-system', '--', dst) }),
  },
  'remote-changed-dsl': {
    title: '100,000 small files over 1.5 Mbit/s and 50 ms, 1 % changed', peer: 'rsync', goal: 0.7, floor: 1, mostRuns: 1,
    prepare: (c) => push(c, { source: smallFilesChanged(c.folder), args: ['-a', '--delete'], peerArgs: ['-az', '--delete'], link: DSL, prepare: from(smallFiles(c.folder)) }),
  },
  'remote-kernel': {
    title: 'kernel source over a pipe, to the next version, -az', peer: 'rsync', bytes: { goal: 0.7, floor: 1 }, mostRuns: 3,
    prepare: (c) => next(c, kernel(c), ['-az', '--delete']),
  },
  'remote-noop': {
    title: '100,000 files over a pipe, nothing to do', peer: 'rsync', bytes: { goal: 0.02, floor: 0.1 },
    prepare: (c) => nothing(c, smallFiles(c.folder)),
  },
  'remote-moved': {
    title: 'a folder of 10,000 files (1 GiB) renamed, over a pipe, with --state', peer: 'rsync', goal: 0.2, floor: 0.5, bytes: { goal: 0.01, floor: 0.05 }, mostRuns: 3,
    prepare: movedFolder,
  },
  'remote-small': {
    title: '100,000 small files over ssh, first copy', peer: 'rsync', goal: 0.6, floor: 1,
    prepare: (c) => push(c, { source: smallFiles(c.folder), shell: realSsh(c), prepare: (dst) => run('rm', '-rf', '--one-file-system', '--', dst) }),
  },
  'remote-office': {
    title: 'kernel source over 100 Mbit/s, 2 ms, to the next version', peer: 'rsync', goal: 0.7, floor: 1, mostRuns: 3,
    prepare: (c) => next(c, kernel(c), ['-a', '--delete'], ['-az', '--delete'], OFFICE),
  },
  'remote-dsl': {
    title: 'kernel source over 1.5 Mbit/s, 50 ms, to the next version', peer: 'rsync', goal: 0.7, floor: 1, mostRuns: 1,
    prepare: (c) => next(c, kernel(c), ['-a', '--delete'], ['-az', '--delete'], DSL),
  },
  'remote-dsl-fs': {
    title: 'its fs/ over 1.5 Mbit/s, 50 ms, to the next version', peer: 'rsync', goal: 0.7, floor: 1, mostRuns: 3,
    prepare: (c) => {
      const { old, fresh } = kernel(c);
      return next(c, { old: kernelPart(c.folder, old), fresh: kernelPart(c.folder, fresh) }, ['-a', '--delete'], ['-az', '--delete'], DSL);
    },
  },
};
