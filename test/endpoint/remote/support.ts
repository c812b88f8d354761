/** A source on another host, which is a child process here, beside the kernel's own answers about the same tree. */
import { fileURLToPath } from 'node:url';
import { Link, RemoteSource } from '../../../src/endpoint/remote/index.js';
import { localSource, type SourceFs, type TreeReader } from '../../../src/endpoint/source/index.js';
import { loadPosix, type NameList } from '../../../src/fs/index.js';
import { joinPath, StatTable, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, type ByteString, type RelPath } from '../../../src/tree/index.js';
import { SEED } from '../supply/support.js';

export const posix = loadPosix();
export const local: SourceFs = localSource(posix);
export const name = (text: string): ByteString => text as ByteString;

/** Options of a session for which everything of the tree comes along. */
export const ALL = ['-aHAX'];

export interface TestHost {
  link: Link;
  /** A source of its own, on channels of its own. */
  source(attributes?: boolean): RemoteSource;
  close(): Promise<void>;
}

/** Starts the other host over sources (`ROOT/`: its content). */
export async function otherHost(sources: string[], args: string[] = ALL, frames?: number): Promise<TestHost> {
  const agent = fileURLToPath(new URL('./agent.js', import.meta.url));
  const link = await Link.open(
    { kind: 'command', argv: [process.execPath, agent, JSON.stringify({ args, sources, ...(frames === undefined ? {} : { frames }) })] },
    { role: 'client', connectTimeoutMs: 20_000 },
  );
  return {
    link,
    source: (attributes = true) => new RemoteSource(link.channel(), link.channel(), { seed: SEED, mounts: sources.length, attributes }),
    close: () => link.close(),
  };
}

const stat = new StatTable(1);

/** What of a record travels and is compared. */
export function told(table: StatTable, i: number): string {
  const type = table.mode(i) & S_IFMT;
  const size = type === S_IFREG || type === S_IFLNK ? table.size(i) : 0;
  return [
    table.mode(i).toString(8), table.nlink(i), table.uid(i), table.gid(i), size, table.identity(i), `${table.mtimeSec(i)}.${table.mtimeNsec(i)}`,
    `${table.ctimeSec(i)}.${table.ctimeNsec(i)}`, table.rdevMajor(i), table.rdevMinor(i),
  ].join(' ');
}

function listed(names: ByteString[] | number, value: (attribute: ByteString) => Buffer | number): string {
  if (typeof names === 'number' || names.length === 0) return '';
  return names.slice().sort().map((n) => `${n}=${String(value(n))}`).join(',');
}

/** How a tree is looked through. */
export interface Crawl {
  /** Folders that are passed over, with all below them. */
  skips?(path: RelPath): boolean;
  /** Contents of files are read. */
  contents?: boolean;
}

/** All that can be asked of a tree, one line an entry and a question, in the order of a walk. */
export function describe(tree: TreeReader, root: number, how: Crawl = {}, path: RelPath = name(''), lines: string[] = []): string[] {
  const list: NameList = { names: [], types: [] };
  const errno = tree.list(root, list);
  lines.push(`${path} fstat ${String(tree.fstat(root, stat, 0))} ${told(stat, 0)} list ${errno} ${listed(tree.flistXattrs(root), (a) => tree.fgetXattr(root, a))}`);
  if (errno < 0) return lines;
  const order = list.names.map((n, k) => ({ n, type: list.types[k] })).sort((a, b) => (a.n < b.n ? -1 : 1));
  const names = order.map(({ n }) => n);
  const table = new StatTable(Math.max(1, names.length));
  const errors = new Int32Array(Math.max(1, names.length));
  tree.statMany(root, names, 0, names.length, table, errors);
  const folders: ByteString[] = [];
  order.forEach(({ n, type }, k) => {
    const at = joinPath(path, n);
    const single = tree.stat(root, n, stat, 0);
    const mode = table.mode(k) & S_IFMT;
    lines.push(`${at} ${type} ${errors[k]} ${told(table, k)}`, `  ${single} ${told(stat, 0)}`);
    lines.push(`  link ${String(tree.readlink(root, n))}`, `  xattrs ${listed(tree.listXattrs(root, n), (a) => tree.getXattr(root, n, a))}`);
    if (mode === S_IFDIR) folders.push(n);
    else lines.push(`  as folder ${tree.openDir(root, n)}`);
    if (how.contents === true && mode === S_IFREG) lines.push(`  content ${contentOf(tree, root, n)}`);
  });
  lines.push(`${path}/none ${tree.stat(root, name('no such name'), stat, 0)} ${tree.openDir(root, name('no such name'))} ${String(tree.readlink(root, name('no such name')))}`);
  for (const n of folders) {
    const at = joinPath(path, n);
    if (how.skips?.(at) === true) continue;
    const fd = tree.openDir(root, n);
    if (fd < 0) lines.push(`${at} open ${fd}`);
    else {
      describe(tree, fd, how, at, lines);
      tree.close(fd);
    }
  }
  return lines;
}

/** Content of a file as text of its bytes, or the errno. */
export function contentOf(tree: TreeReader, at: number, file: ByteString): string {
  const fd = tree.open(at, file, { read: true, nonBlock: true });
  if (fd < 0) return `open ${fd}`;
  const parts: string[] = [];
  const buffer = Buffer.alloc(10_007);
  for (;;) {
    const got = tree.read(fd, buffer, 0, buffer.length, -1);
    if (got < 0) parts.push(`read ${got}`);
    if (got <= 0) break;
    parts.push(buffer.toString('latin1', 0, got));
  }
  tree.close(fd);
  return parts.join('');
}
