/**
 * What a small change in a huge file costs where sums and clones are kept: `node bench/extents.js [GiB] [btrfs|xfs] [runs]`. A file is synced once
 * between two folders of a loop-mounted file system, by a push over pipes; then 250 bytes of it change before each run, which is traced. Told is what both ends read of
 * the file and its clones, sent, and wrote to the target, its undo journal and the state. Needs root and strace, and twice the file's size on the
 * disk; `npm run build` first.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { createCipheriv, randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const GIB = 2 ** 30;
const SHIM = fileURLToPath(new URL('../bin/twintree.js', import.meta.url));
const RELAY = fileURLToPath(new URL('./relay.py', import.meta.url));
const [gib = 10, kind = 'btrfs', runs = 3] = [process.argv[2] && Number(process.argv[2]), process.argv[3], process.argv[4] && Number(process.argv[4])];
const root = mkdtempSync(join(process.env.TWINTREE_BENCH_DIR ?? tmpdir(), 'twintree-extents-'));
const at = (...names) => join(root, ...names);

try {
  mount();
  fill();
  let start = performance.now();
  push([]);
  process.stdout.write(`${kind}, ${gib} GiB, first sync ${seconds(performance.now() - start)}\n`);
  for (const inplace of [false, true]) {
    for (let i = 0; i < runs; i++) {
      change();
      const args = inplace ? ['--inplace'] : [];
      const carried = push(args, ['strace', '-f', '-y', '-s', '0', '-o', at('trace'), '-e', 'trace=read,pread64,readv,preadv,write,pwrite64,writev,pwritev,copy_file_range']);
      change();
      start = performance.now();
      push(args);
      tell(inplace ? '--inplace' : 'new file', carried, performance.now() - start);
    }
  }
  const same = spawnSync('cmp', [at('disk/s/huge'), at('disk/t/huge')]);
  if (same.status !== 0) throw new Error('the target is not equal');
} finally {
  spawnSync('umount', [at('disk')]);
  rmSync(root, { recursive: true, force: true });
}

function run(command, ...args) {
  const done = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, TWINTREE_STATE_DIR: at('state') } });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr || String(done.error)}`);
  return done.stdout;
}

function mount() {
  const image = at('image');
  closeSync(openSync(image, 'w'));
  truncateSync(image, (3 * gib + 2) * GIB); // sparse; a new file is expected to need its whole size
  run(`mkfs.${kind}`, '-q', image);
  mkdirSync(at('disk'));
  run('mount', '-o', 'loop', image, at('disk'));
  for (const name of ['s', 't']) mkdirSync(at('disk', name));
}

function fill() {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16));
  const zeros = Buffer.alloc(1 << 24);
  const fd = openSync(at('disk/s/huge'), 'w');
  for (let i = 0; i < gib * 64; i++) writeSync(fd, cipher.update(zeros));
  closeSync(fd);
}

function change() {
  const fd = openSync(at('disk/s/huge'), 'r+');
  writeSync(fd, randomBytes(250), 0, 250, Math.floor(Math.random() * (gib * GIB - 250)));
  closeSync(fd);
  run('sleep', '0.1'); // older than the clock's tick when it is read
}

function push(args, before = []) {
  const [command, ...words] = [
    ...before, process.execPath, SHIM, 'sync', '-a', '--state', `--clone-dir=${at('disk/clones')}`, '--no-bootstrap', '--retries=0', ...args,
    '-e', `python3 -IS ${RELAY} --report ${at('relay')}`, `--rsync-path=${process.execPath} ${SHIM}`, `${at('disk/s')}/`, `host:${at('disk/t')}`,
  ];
  run(command, ...words);
  return JSON.parse(readFileSync(at('relay'), 'utf8'));
}

/** Bytes by what they were of. */
function traced() {
  const bytes = { read: { source: 0, target: 0 }, written: { target: 0, journal: 0, state: 0, clones: 0 } };
  const open = new Map();
  const count = (call, path, n) => {
    const [to, what] = call.includes('read') ? [bytes.read, { clones: 'source', s: 'source', t: 'target' }] : [bytes.written, { clones: 'clones', t: path.includes('undo') ? 'journal' : 'target', state: 'state' }];
    const place = ['disk/clones', 'disk/s', 'disk/t', 'state'].find((name) => path.startsWith(at(name)));
    const of = what[place?.split('/').at(-1)];
    if (of !== undefined) to[of] += n;
  };
  for (const line of readFileSync(at('trace'), 'latin1').split('\n')) {
    const call = /^(\d+) +(\w+)\(\d+<([^>]*)>.*?(?:= (\d+)|<unfinished)/.exec(line);
    if (call !== null) {
      if (call[4] === undefined) open.set(call[1], [call[2], call[3]]);
      else count(call[2], call[3], Number(call[4]));
      continue;
    }
    const resumed = /^(\d+) +<\.\.\. \w+ resumed>.*= (\d+)/.exec(line);
    if (resumed !== null && open.has(resumed[1])) count(...open.get(resumed[1]), Number(resumed[2]));
  }
  return bytes;
}

function tell(how, { up, down }, ms) {
  const { read, written } = traced();
  process.stdout.write(`${how.padEnd(10)} read: source ${read.source}, target ${read.target}; sent ${up}, came ${down}; written: target ${written.target}, journal ${written.journal}, state of both ${written.state}; untraced ${seconds(ms)}\n`);
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(2)} s`;
}
