/**
 * --guard-root: remembers which folders a job's roots were, and refuses a root that is another folder now (a disk
 * that is not mounted, an exchanged folder) or that has become empty. For what runs unattended, where an empty
 * mount point with --delete would empty the copy too.
 *
 * A root is known by its inode and birth time (device numbers change with reboots), else by device and inode.
 */
import { errnoText, makeFolders, readWholeFile, writeWholeFile, type NameList, type Posix } from '../fs/index.js';
import { StatTable, TwintreeError, type ByteString } from '../tree/index.js';

/** One root to be looked at, through the file system that its handle belongs to. */
export interface GuardedRoot { side: 'source' | 'target'; path: ByteString; fd: number; fs: Pick<Posix, 'fstat' | 'list'> }

interface Remembered { identity: string; empty: boolean }

const VERSION = 1;
const LIMIT = 1 << 20;

/** The memory of one job's roots. */
export class RootGuard {
  private readonly file: ByteString;

  /** @param folder the state folder. @param name the job's, from `pairName`. */
  constructor(private readonly posix: Posix, private readonly folder: ByteString, name: string) {
    this.file = `${folder}/${name}.roots.json` as ByteString;
  }

  /** Compares the roots with what is remembered. @throws TwintreeError ROOT_CHANGED. */
  check(roots: readonly GuardedRoot[]): void {
    const memory = this.read();
    for (const root of roots) {
      const known = memory.get(keyOf(root));
      if (known === undefined) continue;
      const now = this.look(root);
      const advice = `If this is right, remove ${this.file} and run again.`;
      if (now.identity !== known.identity) {
        throw new TwintreeError('ROOT_CHANGED', `this ${root.side} is another folder than at the last run (not mounted, or exchanged); nothing was changed`, { path: root.path, advice });
      }
      if (now.empty && !known.empty) {
        throw new TwintreeError('ROOT_CHANGED', `this ${root.side} has become empty since the last run; nothing was changed`, { path: root.path, advice });
      }
    }
  }

  /** Remembers the roots as they are after a run. @throws TwintreeError IO. */
  remember(roots: readonly GuardedRoot[]): void {
    const memory = this.read();
    for (const root of roots) memory.set(keyOf(root), this.look(root));
    const fd = makeFolders(this.posix, this.folder, 0o700);
    if (fd < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-fd)}`, { path: this.folder, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
    this.posix.close(fd);
    const kept = [...memory].map(([key, { identity, empty }]) => ({ key, identity, empty }));
    const error = writeWholeFile(this.file, `${JSON.stringify({ version: VERSION, roots: kept })}\n`, 0o600);
    if (error < 0) throw new TwintreeError('IO', `the memory of the roots cannot be written: ${errnoText(-error)}`, { path: this.file });
  }

  private look(root: GuardedRoot): Remembered {
    const table = new StatTable(1);
    const list: NameList = { names: [], types: [] };
    const error = Math.min(root.fs.fstat(root.fd, table, 0), root.fs.list(root.fd, list));
    if (error < 0) throw new TwintreeError('IO', `the ${root.side} cannot be read: ${errnoText(-error)}`, { path: root.path });
    return { identity: table.lastingIdentity(0), empty: list.names.length === 0 };
  }

  /** What is remembered; a file that is absent is no memory, one that is damaged stops the run. */
  private read(): Map<string, Remembered> {
    const content = readWholeFile(this.file, LIMIT);
    const memory = new Map<string, Remembered>();
    if (typeof content === 'number') {
      if (content === -2) return memory;
      throw new TwintreeError('IO', `the memory of the roots cannot be read: ${errnoText(-content)}`, { path: this.file });
    }
    const damaged = (): TwintreeError => new TwintreeError('IO', 'the memory of the roots is damaged', { path: this.file, advice: 'Remove it; it is written anew after the next run.' });
    let parsed: unknown;
    try {
      parsed = JSON.parse(content.toString('utf8'));
    } catch {
      throw damaged();
    }
    if (!isRecord(parsed) || parsed['version'] !== VERSION || !Array.isArray(parsed['roots'])) throw damaged();
    for (const root of parsed['roots'] as unknown[]) {
      if (!isRecord(root) || typeof root['key'] !== 'string' || typeof root['identity'] !== 'string' || typeof root['empty'] !== 'boolean') throw damaged();
      memory.set(root['key'], { identity: root['identity'], empty: root['empty'] });
    }
    return memory;
  }
}

function keyOf(root: GuardedRoot): string {
  return `${root.side}:${Buffer.from(root.path, 'latin1').toString('base64')}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
