/**
 * open-files: which processes have something of a tree open, by /proc (proc(5)). Handles, writable shared mappings, working folders, programs that run, and
 * what the kernel itself holds (loop devices, swap files). A file is told by where it lies and by its identity, not by the name that a process knows it by,
 * so bind mounts, other mount namespaces and hard links are seen. It is a look at a moment: who opens a file after it was passed is not seen.
 */
import fs from 'node:fs';
import { displayName, type ByteString } from '../tree/index.js';
import { MountAreas, realRoot } from './mount-areas.js';

/**
 * How it is held: opened for writing or only for reading, mapped so that stores reach the file, as a working folder or root folder, as a running program, as a
 * block device's or swap's storage. Writers are `write`, `mapped`, `device` and `swap`.
 */
export type Holding = 'write' | 'read' | 'mapped' | 'folder' | 'program' | 'device' | 'swap';

export interface OpenFile {
  /** 0: the kernel. */
  readonly pid: number;
  /** The words that it was started with, for people: no control characters, at most 200 characters. */
  readonly command: string;
  /** Below the root; '' is the root itself. Of a file that is reached by a hard link outside: its path there, absolute. */
  readonly path: ByteString;
  readonly how: Holding;
  /** `major:minor:inode` as `StatTable.identity` writes it; undefined where it was not asked. */
  readonly identity: string | undefined;
  /** Its name is gone: it ends with the last handle. */
  readonly deleted: boolean;
}

export interface OpenFilesRequest {
  /** Those that can change files alone. */
  readonly writersOnly?: boolean;
  /** Inodes of the tree that have names elsewhere too (`StatTable.identity`): they count by whatever name they are opened. */
  readonly identities?: ReadonlySet<string>;
  /** Processes that are passed over; this one is in any case. */
  readonly except?: ReadonlySet<number>;
  /** Files told at most; default 10,000. */
  readonly most?: number;
  readonly signal?: AbortSignal;
}

export interface OpenFiles {
  /** By process and path. */
  readonly files: readonly OpenFile[];
  /** How many there are; more than are told where that was bounded. */
  readonly total: number;
  /** Processes that could not be looked at for lack of rights. */
  readonly unseen: number;
  /** Handles on the tree's file systems of which it cannot be told whether they lie in it. */
  readonly unplaced: number;
  /** What this look cannot see beside these, each a sentence without its end. */
  readonly blind: readonly string[];
}

const MOST = 10_000;
const LONGEST_COMMAND = 200;
/** Processes between two turns of the event loop. */
const TURN = 20;
const O_ACCMODE = 3;
const O_PATH = 0o10000000;
const PF_KTHREAD = 0x00200000;
/** The kernel's own number of the first namespace of processes (PROC_PID_INIT_INO). */
const FIRST_PIDS = 'pid:[4026531836]';
const DELETED = ' (deleted)';

export function writes(how: Holding): boolean {
  return how === 'write' || how === 'mapped' || how === 'device' || how === 'swap';
}

/** Who has something below `root` open. Nothing is thrown for a process that ends meanwhile or may not be looked at. On another system than Linux: nobody is seen, and that is said. */
export async function openFilesBelow(root: ByteString, request: OpenFilesRequest = {}): Promise<OpenFiles> {
  const real = realRoot(root);
  const pids = processNumbers();
  if (real === undefined || pids === undefined) {
    return { files: [], total: 0, unseen: 0, unplaced: 0, blind: [real === undefined ? 'the folder is not there' : 'this system has no /proc'] };
  }
  const look = new Look(new MountAreas(real), request);
  let turn = 0;
  for (const pid of pids) {
    if (request.signal?.aborted === true) break;
    if (pid === process.pid || request.except?.has(pid) === true) continue;
    look.process(pid);
    if (++turn % TURN === 0) await new Promise((resolve) => { setImmediate(resolve); });
  }
  look.kernel();
  return look.result();
}

function processNumbers(): number[] | undefined {
  try {
    return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
  } catch {
    return undefined;
  }
}

class Look {
  private readonly files: OpenFile[] = [];
  private readonly seen = new Set<string>();
  private total = 0;
  private unseen = 0;
  private unplaced = 0;
  private readonly most: number;
  private readonly byInode: boolean;
  /** Of the process at hand, read when it is first needed. */
  private command: string | undefined;

  constructor(private readonly areas: MountAreas, private readonly request: OpenFilesRequest) {
    this.most = request.most ?? MOST;
    this.byInode = (request.identities?.size ?? 0) > 0;
  }

  result(): OpenFiles {
    const files = this.files.toSorted((a, b) => a.pid - b.pid || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    return { files, total: this.total, unseen: this.unseen, unplaced: this.unplaced, blind: blindness() };
  }

  process(pid: number): void {
    this.command = undefined;
    let handles: string[];
    try {
      handles = fs.readdirSync(`/proc/${pid}/fd`);
    } catch (error) {
      if (isRefusal(error) && isRealProcess(pid)) this.unseen++;
      return;
    }
    const table = this.areas.table(pid);
    for (const handle of handles) this.handle(pid, handle);
    this.mappings(pid, table);
    if (this.request.writersOnly === true) return;
    for (const [link, how] of [['cwd', 'folder'], ['root', 'folder'], ['exe', 'program']] as const) {
      const path = linkOf(`/proc/${pid}/${link}`);
      if (path === undefined || (link === 'root' && path === '/')) continue;
      const place = this.areas.byPath(table, path, undefined);
      if (place !== undefined && place !== 'outside') this.note(pid, place, how, `/proc/${pid}/${link}`);
    }
  }

  private handle(pid: number, handle: string): void {
    const link = `/proc/${pid}/fd/${handle}`;
    const path = linkOf(link);
    if (path === undefined || !path.startsWith('/')) return; // a pipe, a socket, gone
    const info = readText(`/proc/${pid}/fdinfo/${handle}`);
    const flags = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8);
    const mount = Number(/^mnt_id:\s*(\d+)$/m.exec(info)?.[1] ?? -1);
    const how: Holding = (flags & O_PATH) === 0 && (flags & O_ACCMODE) !== 0 ? 'write' : 'read';
    if (how === 'read' && this.request.writersOnly === true) return;
    const place = this.areas.byMount(mount, path);
    if (place === undefined) this.byDevice(link);
    else if (place !== 'outside') this.note(pid, place, how, link);
    else if (this.byInode) this.byIdentity(pid, path, how, link);
  }

  /** A handle whose mount is in no table, as after `umount -l`: on the tree's file systems it may lie in the tree. */
  private byDevice(link: string): void {
    const identity = identityOf(link);
    if (identity !== undefined && this.areas.devices.has(identity.device)) this.unplaced++;
  }

  private byIdentity(pid: number, path: ByteString, how: Holding, link: string): void {
    const identity = identityOf(link);
    if (identity !== undefined && this.request.identities?.has(identity.text) === true) this.note(pid, path, how, link);
  }

  /** Shared mappings that may be written: stores reach the file though no handle is open any more. */
  private mappings(pid: number, table: Parameters<MountAreas['byPath']>[0]): void {
    for (const line of readText(`/proc/${pid}/maps`).split('\n')) {
      const parts = /^([0-9a-f]+-[0-9a-f]+) .w.s \S+ ([0-9a-f]+):([0-9a-f]+) (\d+)\s+(\/.*)$/s.exec(line);
      if (parts === null) continue;
      const [, range, major, minor, , shown] = parts as unknown as [string, string, string, string, string, string];
      const path = shown.replaceAll('\\012', '\n') as ByteString;
      const device = `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}`;
      const deleted = path.endsWith(DELETED);
      const place = this.areas.byPath(table, (deleted ? path.slice(0, -DELETED.length) : path) as ByteString, device);
      if (place !== undefined && place !== 'outside') this.note(pid, place, 'mapped', `/proc/${pid}/map_files/${range}`, deleted);
      else if (this.byInode) this.byIdentity(pid, path, 'mapped', `/proc/${pid}/map_files/${range}`);
    }
  }

  /** What the kernel holds by itself. */
  kernel(): void {
    this.command = undefined;
    let names: string[] = [];
    try {
      names = fs.readdirSync('/sys/block').filter((name) => /^loop\d+$/.test(name));
    } catch {
      // no such file system: then there are no such devices to be seen
    }
    for (const name of names) {
      const path = readText(`/sys/block/${name}/loop/backing_file`).replace(/\n$/, '');
      if (path !== '') this.ofKernel(path as ByteString, readText(`/sys/block/${name}/ro`).startsWith('1') ? 'read' : 'device', name);
    }
    for (const line of readText('/proc/swaps').split('\n').slice(1)) {
      const path = line.split(/\s/)[0] ?? '';
      if (path.startsWith('/')) this.ofKernel(path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8) & 0xff)) as ByteString, 'swap', 'swap');
    }
  }

  private ofKernel(path: ByteString, how: Holding, what: string): void {
    if (this.request.writersOnly === true && !writes(how)) return;
    const place = this.areas.byPath(this.areas.own, path, undefined);
    if (place === undefined || place === 'outside') return;
    this.command = `kernel (${what})`;
    this.note(0, place, how, undefined);
  }

  /** Notes a file once for each process and way. @param link leads to the file itself, also where its name is gone */
  private note(pid: number, place: ByteString, how: Holding, link: string | undefined, wasDeleted = false): void {
    const identity = link === undefined ? undefined : identityOf(link);
    const deleted = wasDeleted || identity?.links === 0;
    const path = (deleted && place.endsWith(DELETED) ? place.slice(0, -DELETED.length) : place) as ByteString;
    const key = `${pid} ${how} ${identity?.text ?? ''} ${path}`;
    if (this.seen.has(key)) return;
    this.total++;
    if (this.files.length >= this.most) return;
    this.seen.add(key);
    this.command ??= commandOf(pid);
    this.files.push({ pid, command: this.command, path, how, identity: identity?.text, deleted });
  }
}

/** Where a link of /proc leads, as bytes; undefined where it is gone or may not be read. */
function linkOf(link: string): ByteString | undefined {
  try {
    return fs.readlinkSync(link, 'latin1') as ByteString;
  } catch {
    return undefined;
  }
}

/** A small file of /proc or /sys; '' where it cannot be read. */
function readText(path: string): ByteString {
  try {
    return fs.readFileSync(path, 'latin1') as ByteString;
  } catch {
    return '' as ByteString;
  }
}

function identityOf(link: string): { text: string; device: string; links: number } | undefined {
  try {
    const { dev, ino, nlink } = fs.statSync(link, { bigint: true });
    const device = `${((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n)}:${(dev & 0xffn) | ((dev >> 12n) & 0xffffff00n)}`; // glibc's dev_t, makedev(3)
    return { text: `${device}:${ino >> 32n}:${ino & 0xffffffffn}`, device, links: Number(nlink) };
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string {
  const words = readText(`/proc/${pid}/cmdline`).replace(/\0+$/, '').replaceAll('\0', ' ') as ByteString;
  const name = words === '' ? `[${readText(`/proc/${pid}/comm`).trimEnd()}]` : words;
  const shown = displayName(name as ByteString);
  return shown.length > LONGEST_COMMAND ? `${shown.slice(0, LONGEST_COMMAND - 1)}…` : shown;
}

/** Whether a number is a process that can hold files: no thread of the kernel, and none that has ended and was not asked for yet. */
function isRealProcess(pid: number): boolean {
  const stat = readText(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] !== undefined && fields[0] !== '' && fields[0] !== 'Z' && fields[0] !== 'X' && (Number(fields[6]) & PF_KTHREAD) === 0;
}

function isRefusal(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM';
}

function blindness(): string[] {
  const blind: string[] = [];
  if (!fs.existsSync('/proc/1')) blind.push('processes of other users are hidden from this one (hidepid)');
  if ((linkOf('/proc/self/ns/pid') ?? FIRST_PIDS) !== FIRST_PIDS) blind.push('this is a container: processes outside of it are not seen');
  const served = Number(/^th (\d+)/m.exec(readText('/proc/net/rpc/nfsd'))?.[1] ?? 0);
  if (served > 0) blind.push("the kernel's NFS server runs: what its clients have open is not seen");
  return blind;
}
