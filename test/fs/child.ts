/** What the tests of src/fs run in another process or thread: as another user, under injected faults, with few handles. */
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { FolderCache, loadPosix, portableReason, rawArguments, readWholeFile } from '../../src/fs/index.js';
import { StatTable, type ByteString } from '../../src/tree/index.js';

const b = (text: string): ByteString => text as ByteString;
const say = (value: unknown): void => void process.stdout.write(JSON.stringify(value));

/** In a thread: list and stat a folder of our own opening and one that was handed over. */
function inThread({ at, path }: { at: number; path: string }): void {
  const posix = loadPosix();
  const own = posix.openRoot(b(path));
  const list = { names: [] as ByteString[], types: [] as number[] };
  posix.list(own, list);
  const table = new StatTable(list.names.length);
  const errors = new Int32Array(list.names.length);
  posix.statMany(at, list.names, 0, list.names.length, table, errors);
  let bytes = 0;
  for (let i = 0; i < list.names.length; i++) bytes += errors[i] === 0 ? table.size(i) : NaN;
  posix.close(own);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, no window
  parentPort?.postMessage({ kind: posix.kind, names: list.names.length, bytes });
}

/** What a user without rights is answered. */
function asPlainUser(path: string, own: string): Record<string, unknown> {
  const posix = loadPosix();
  const root = posix.openRoot(b(path));
  const others = posix.openDir(root, b('others'));
  const mine = posix.openRoot(b(own));
  const f = b('f');
  const inside = (name: string): unknown => {
    const fd = posix.openDir(root, b(name));
    return fd < 0 ? fd : { list: posix.list(fd, { names: [], types: [] }), stat: posix.stat(fd, f, new StatTable(1), 0), fsync: posix.fsync(fd) };
  };
  const silent = posix.open(others, f, { read: true, noAtime: true });
  posix.close(posix.open(mine, f, { write: true, create: true }));
  return {
    closed: inside('closed'), passage: inside('passage'), none: inside('none'),
    unlink: posix.unlink(others, f), mkdir: posix.mkdir(others, b('d'), 0o700), create: posix.open(others, b('n'), { write: true, create: true }),
    write: posix.open(others, f, { write: true }), chmod: posix.chmod(others, f, 0o777), chown: posix.chown(others, f, posix.euid, -1),
    utimes: posix.utimes(others, f, 1, 0, 1, 0), rename: posix.rename(others, f, mine, b('g')), noAtime: silent >= 0 ? 'open' : silent,
    ownChmod: posix.chmod(mine, f, 0o4755), ownChown: posix.chown(mine, f, 0, -1), ownGroup: posix.chown(mine, f, -1, posix.egid), ownTimes: posix.utimes(mine, f, -1, 0, -1, 0),
    ...ownPassage(posix, mine),
    device: posix.mknod(mine, b('c'), 0o020600, 1, 3), trusted: posix.setXattr(mine, f, b('trusted.a'), Buffer.from('1')), euid: posix.euid,
  };
}

/** A folder of our own that we may not read: its attributes can be set by its handle all the same. */
function ownPassage(posix: ReturnType<typeof loadPosix>, mine: number): Record<string, unknown> {
  posix.mkdir(mine, b('d'), 0o300);
  const fd = posix.openDir(mine, b('d'));
  const table = new StatTable(1);
  const set = [posix.futimes(fd, -9, 0, -9, 0), posix.fchown(fd, -1, posix.egid), posix.fchmod(fd, 0o311)];
  const made = posix.mkdir(fd, b('x'), 0o700);
  posix.fstat(fd, table, 0);
  return { passageSet: set, passageMade: made, passageMode: table.perms(0), xattrs: posix.lacks.has('xattrs') ? [] : posix.flistXattrs(fd) };
}

function interrupted(path: string): Record<string, number> {
  const posix = loadPosix();
  const at = posix.openRoot(b(path));
  return { mkdir: posix.mkdir(at, b('a'), 0o700), rename: posix.renameNoReplace(at, b('a'), at, b('b')), chown: posix.chown(at, b('b'), -1, -1), lock: posix.flock(at, 'exclusive') };
}

/** With few handles allowed: folders are still opened. */
function fewHandles(path: string, count: number): Record<string, unknown> {
  const posix = loadPosix();
  const cache = new FolderCache(posix, posix.openRoot(b(path)), { capacity: 1000 });
  const answers = new Set<string>();
  for (let i = 0; i < count; i++) answers.add(cache.open(b(`d${i}`)) >= 0 ? 'open' : 'refused');
  return { answers: [...answers], held: cache.size < count };
}

const [what, ...rest] = process.argv.slice(2);
if (parentPort !== null) inThread(workerData as { at: number; path: string });
else {
  switch (what) {
    case 'kind': say(`${loadPosix().kind} ${portableReason() ?? ''}`); break;
    case 'loaded': {
      const loaded = (): boolean => Object.keys(createRequire(import.meta.url).cache).some((file) => /[/\\]koffi[/\\]/.test(file));
      const onImport = loaded();
      loadPosix();
      say({ onImport, afterLoad: loaded() });
      break;
    }
    case 'plain': say(asPlainUser(rest[0] as string, rest[1] as string)); break;
    case 'interrupted': say(interrupted(rest[0] as string)); break;
    case 'few-handles': say(fewHandles(rest[0] as string, Number(rest[1]))); break;
    case 'arguments': say(rawArguments()); break;
    case 'titled': process.title = 'other'; say(rawArguments()); break;
    case 'stdin': {
      const content = readWholeFile(b('-'));
      say(typeof content === 'number' ? content : content.toString('latin1'));
      break;
    }
    default: throw new Error(`unknown: ${String(what)}`);
  }
}
