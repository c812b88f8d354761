/**
 * Lists the source whole, by the session's own listing without its filters, and hands each entry to who looks: which filter rules match, which folders
 * need a watch, which names a target cannot hold.
 */
import { posix as path } from 'node:path';
import { Errno, FolderCache, loadPosix, MAX_FILE_IN_TREE, readFileAt, readWholeFile } from '../../fs/index.js';
import { meansContents, runRemote, runSync, type SessionListener } from '../../session/index.js';
import type { ConnectSpec } from '../../transport/index.js';
import { OpKind, type Operation } from '../../plan/index.js';
import { baseOf, fromText, joinPath, parentOf, S_IFDIR, S_IFMT, S_IFREG, TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';
import type { AuditOptions } from '../audit.js';
import type { RunToJudge } from '../request.js';
import { lookOptions } from './session.js';

/** Told of each entry, folders before what is in them. `bytes`: of a regular file, else 0. */
export type Seer = (path: RelPath, isDir: boolean, bytes: number, isFile: boolean) => void;

/** Whether it went through. */
export async function walkSource(run: RunToJudge, connect: ConnectSpec | undefined, see: Seer, signal: AbortSignal): Promise<boolean> {
  const options = lookOptions(run.options);
  const what = { sources: run.sources, target: undefined, options: { ...options, filters: [], walk: { ...options.walk, gitignore: false } } };
  const listener: SessionListener = {
    wantsOperations: 'all',
    operation: (op, at) => {
      const type = typeOf(op);
      see(at, type === S_IFDIR, type === S_IFREG ? op.size : 0, type === S_IFREG);
    },
  };
  try {
    const { remote } = run;
    if (remote === undefined || remote.request.direction === 'push') await runSync(what, listener, signal);
    else await runRemote({ ...remote.request, link: { ...remote.request.link, retries: 0 }, ...(connect === undefined ? {} : { connect }), ...what }, listener, signal);
    return !signal.aborted;
  } catch (error) {
    if (error instanceof TwintreeError && error.code !== 'INTERNAL') return false; // the dry run has told why
    throw error;
  }
}

function typeOf(op: Operation): number {
  return op.kind === OpKind.Folder ? S_IFDIR : op.mode & S_IFMT;
}

/** Where the rules of a run stand, and a reader of the rule files in its source. The caller closes it. */
export interface RulePlace extends Pick<AuditOptions, 'root' | 'contents' | 'read' | 'readAbove'> {
  /** Whether a file may be read: it is opened and closed. */
  mayRead(file: RelPath): boolean;
  close(): void;
}

/** Of a source on this host that is one folder; undefined for others. */
export function rulePlace({ sources, options, remote }: RunToJudge): RulePlace | undefined {
  const [source, ...more] = sources;
  if (source === undefined || more.length > 0 || options.walk.relative || options.filesFrom !== undefined || remote?.request.direction === 'pull') return undefined;
  const contents = meansContents(source);
  const root = (contents ? source : path.dirname(source)) as ByteString;
  const posix = loadPosix();
  const fd = posix.openRoot(root);
  if (fd < 0) return undefined;
  const cache = new FolderCache(posix, fd);
  return {
    root: path.resolve(root.startsWith('/') ? '/' : fromText(process.cwd()), root) as ByteString, contents,
    read: (folder, name) => {
      const at = joinPath(folder, name);
      const handle = cache.open(parentOf(at));
      return handle < 0 ? undefined : readFileAt(posix, handle, baseOf(at));
    },
    readAbove: (name) => {
      const content = readWholeFile(name, MAX_FILE_IN_TREE);
      return typeof content === 'number' ? undefined : content;
    },
    mayRead: (file) => {
      const handle = cache.open(parentOf(file));
      const opened = handle < 0 ? handle : posix.open(handle, baseOf(file), { read: true, nonBlock: true });
      if (opened >= 0) posix.close(opened);
      return opened !== -Errno.EACCES && opened !== -Errno.EPERM;
    },
    close: () => {
      cache.closeAll();
      posix.close(fd);
    },
  };
}
