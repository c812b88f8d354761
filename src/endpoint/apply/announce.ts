/**
 * Asking a remote source for content ahead of its use: for each file what is wanted of it, and, where a delta is worth trying, the sums
 * of the basis that this end has. What serves as a basis: the file that is to be replaced (also what --partial kept of it), what
 * --partial-dir kept or a broken connection left, the same name in an alternate folder, with -y a similar file (similar.ts). Which one it was is remembered until the file's turn comes.
 */
import { joinPath, S_IFMT, S_IFREG, type ByteString } from '../../tree/index.js';
import { blockLengthFor, firstAligned, leafLengthFor, MAX_FILE, probeStretches, worthMatching, type LeafSums } from '../../delta/index.js';
import { OpKind, type Operation } from '../../plan/index.js';
import type { OpenFlags } from '../../fs/index.js';
import { MAX_ROUND, type KnownBasis, type RoundSums } from '../../wire/index.js';
import { SUMS_WORTH, type KeptTree } from '../kept-sums.js';
import type { ContentRequest, RemoteContent } from '../source/types.js';
import type { ApplyContext, FolderContext } from './context.js';
import { keepsCutOff } from './cut-off.js';
import { goesInPlace } from './goes-in-place.js';
import { partialFolder } from './partial-folder.js';
import { recoverInode } from './recover.js';
import { OTHER, scratchOf, type Scratch } from './scratch.js';
import { partName } from './temp-name.js';

/** Bytes of a source below which there is one round: a round trip for each small file would cost more than it saves. */
const ROUNDS_WORTH = 256 << 10;
/** Leaf sums that are kept between the announcement of files and their turn, bytes; those beyond are made again. */
const MOST_LEAVES_KEPT = 48 << 20;
/** A basis of the source's size is taken to be the same (only the time differs, most likely): one sum tells, and where it does not the file travels whole. Lengths for which that pays, bytes. */
const LEAST_ALIKE = 128;
const MOST_ALIKE = ROUNDS_WORTH;
/** What is larger is never asked for out of turn: its delta may have to wait at the other end for that of another large file, which was asked for before. Bytes. */
const LARGEST_NOW = 4 * 2 ** 30;
/** Block lengths are multiples of it. */
const BLOCK_UNIT = 64;
const READ: OpenFlags = { read: true, nonBlock: true };

/**
 * Where a basis lies. `partial`: in --partial-dir; `cut-off`: what a broken connection left (cut-off.ts); `alt`: in an alternate folder, numbered from 0;
 * `similar`: under another name, there or (-1) in the target folder.
 */
export type BasisPlace =
  | { readonly kind: 'target' } | { readonly kind: 'partial' } | { readonly kind: 'cut-off' } | { readonly kind: 'alt'; readonly index: number }
  | { readonly kind: 'similar'; readonly index: number; readonly name: ByteString };

/** A basis as it was when it was signed. */
export interface Basis {
  readonly place: BasisPlace;
  readonly size: number;
  readonly sparse: boolean;
  /** Device, inode, size and mtime; what they do not tell, the hash of the result does. */
  readonly fingerprint: string;
  /** Kept open since: its name may mean another file by then. */
  readonly held?: number;
}

/** What was asked for. */
export interface Wanted {
  readonly basis: Basis | undefined;
  readonly from: number;
  /** Leaf sums of the basis, where it was signed in rounds and they are kept. */
  leaves: LeafSums | undefined;
  /** Where what lies at its place is compared, the content's hash is its root. */
  readonly rooted: boolean;
  /** The tree of the basis' sums, where they are kept: its root was sent in place of sums. */
  readonly kept?: KeptTree | undefined;
}

/** A basis, open; `changed`: its ctime as it was opened. */
export interface OpenBasis extends Basis { readonly fd: number; readonly changed: string }

/**
 * Tells a remote source that the content of this operation will be wanted; operations are announced in the order in which they will be
 * carried out, in the thread that does. Nothing happens where the source is local, or where the operation needs no content. Reads the basis.
 */
export function announce(ctx: ApplyContext, folder: FolderContext, op: Operation): void {
  const { remote } = ctx.source;
  if (remote === undefined || op.kind !== OpKind.File || op.alt > 0) return;
  const fd = ctx.targetFolders.open(folder.path);
  if (fd < 0) return; // carrying it out will say so
  folder.fd = fd;
  request(ctx, remote, folder, op, { ahead: true });
}

/** Takes what was announced for the operation; asks for it now where nothing was. */
export function takeWanted(ctx: ApplyContext, remote: RemoteContent, folder: FolderContext, op: Operation): Wanted {
  const s = scratchOf(ctx);
  const path = joinPath(folder.path, op.name);
  if (!s.wanted.has(path)) request(ctx, remote, folder, op);
  release(ctx, s, s.answer); // of a file that failed before its basis was needed
  const wanted = s.wanted.get(path) ?? { basis: undefined, from: 0, leaves: undefined, rooted: false };
  s.wanted.delete(path);
  s.leavesKept -= wanted.leaves?.bytes ?? 0;
  return wanted;
}

/** How an operation's content is asked for. */
export interface RequestHow {
  /** Ahead of its turn; else it is what is opened next. */
  readonly ahead?: boolean;
  /** All of it as literals. */
  readonly whole?: boolean;
  /** Through a symlink, whatever the options say. */
  readonly follow?: boolean;
}

/** Asks (again) for an operation's content. */
export function request(ctx: ApplyContext, remote: RemoteContent, folder: FolderContext, op: Operation, { ahead = false, whole = false, follow = false }: RequestHow = {}): void {
  const s = scratchOf(ctx);
  const from = whole ? 0 : appendFrom(ctx, op);
  const signed = whole || from > 0 ? undefined : signBasis(ctx, s, remote, folder, op);
  const leaves = (signed?.leaves?.bytes ?? Infinity) + s.leavesKept <= MOST_LEAVES_KEPT ? signed?.leaves : undefined;
  const path = joinPath(folder.path, op.name);
  const before = s.wanted.get(path);
  s.leavesKept += (leaves?.bytes ?? 0) - (before?.leaves?.bytes ?? 0);
  release(ctx, s, before);
  s.wanted.set(path, { basis: signed?.basis, from, leaves, rooted: signed?.rooted === true, kept: signed?.kept });
  const content: ContentRequest = {
    layer: op.layer, folder: folder.path, name: ctx.sourceName === undefined ? op.name : ctx.sourceName(op.layer, folder.path, op.name),
    follow: follow || ctx.options.symlinks.copyLinks, noAtime: ctx.options.attributes.openNoatime, from, sums: signed?.sums, ...(signed?.kept === undefined ? {} : { known: knownBasis(signed.kept) }),
  };
  if (ahead || op.size > LARGEST_NOW) remote.request(content);
  else remote.requestNow(content);
}

/** What came was not right, and kept sums had a part in it: they are forgotten, so that the next request is without them. False: they had none. */
export function forgetKept(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  if (scratchOf(ctx).answer.kept === undefined || ctx.sums === undefined) return false;
  ctx.sums.forget(joinPath(folder.path, op.name));
  return true;
}

/** Gives up a basis that nobody took. */
function release(ctx: ApplyContext, s: Scratch, wanted: Wanted | undefined): void {
  const held = wanted?.basis?.held;
  if (held !== undefined && s.takeHeld(held)) ctx.posix.close(held);
}

/** --append, --append-verify: the first byte that the target lacks. */
function appendFrom(ctx: ApplyContext, op: Operation): number {
  if (ctx.options.replace.append === false || (op.expected.mode & S_IFMT) !== S_IFREG || op.expected.size >= op.size) return 0;
  return op.expected.size;
}

/** A basis with its first sums, and the leaf sums that they were made of. */
interface Signed { basis: Basis; sums: RoundSums | undefined; leaves?: LeafSums; rooted?: boolean; kept?: KeptTree }

/** The basis with its first sums. Large ones are told apart in rounds (delta/aligned.ts). */
function signBasis(ctx: ApplyContext, s: Scratch, remote: RemoteContent, folder: FolderContext, op: Operation): Signed | undefined {
  if (!(op.size > 0 && op.size <= MAX_FILE)) return undefined;
  const open = chooseBasis(ctx, s, folder, op);
  if (open === undefined) return undefined;
  const { fd, changed: _, ...basis } = open;
  const kept = keptOf(ctx, s, remote, folder, op, open);
  const signed: Signed | undefined = kept !== undefined ? { basis, sums: undefined, kept } : sign(ctx, s, remote, op, basis, fd);
  if (signed !== undefined && basis.place.kind === 'similar' && s.hold(fd)) return { ...signed, basis: { ...basis, held: fd } };
  ctx.posix.close(fd);
  return signed;
}

/** The tree of the basis' sums, where it is kept and can stand for them. The attributes of the basis are in OTHER. */
function keptOf(ctx: ApplyContext, s: Scratch, remote: RemoteContent, folder: FolderContext, op: Operation, basis: OpenBasis): KeptTree | undefined {
  if (ctx.sums === undefined || remote.takesRoots !== true || basis.place.kind !== 'target' || op.size < SUMS_WORTH) return undefined;
  if (ctx.posix.fstat(basis.fd, s.table, OTHER) < 0) return undefined; // of several that were looked at the last one is in it
  const kept = ctx.sums.kept(joinPath(folder.path, op.name));
  return kept !== undefined && ctx.sums.isOf(kept, s.table, OTHER) && kept.leafLength === leafLengthFor(op.size) ? kept : undefined;
}

function knownBasis({ root, size, leafLength }: KeptTree): KnownBasis {
  return { root, size, leafLength };
}

function sign(ctx: ApplyContext, s: Scratch, remote: RemoteContent, op: Operation, basis: Basis, fd: number): Signed | undefined {
  const all = [{ start: 0, length: basis.size }];
  if (op.size >= ROUNDS_WORTH) {
    const leafLength = leafLengthFor(basis.size);
    const probe = remote.keeps === true ? undefined : probeStretches(basis.size, leafLength);
    if (probe !== undefined) { // all of it is read once it is known what for, while the other host reads its file
      const rooted = ctx.wrote === undefined; // what is kept of contents is the hash of all bytes
      const sums = s.engine.probe(ctx.posix, fd, basis.size, leafLength, probe, remote.seed, rooted);
      return typeof sums === 'number' ? undefined : { basis, sums, rooted };
    }
    const leaves = s.engine.leaves(ctx.posix, fd, basis.size, remote.seed, basis.sparse);
    if (typeof leaves === 'number') return undefined; // a basis only saves work
    return { basis, leaves, sums: s.engine.aligned(leaves, firstAligned(basis.size, leaves.leafLength), all, remote.seed) };
  }
  const blockLength = alike(op.size, basis.size) ? Math.ceil(basis.size / BLOCK_UNIT) * BLOCK_UNIT : blockLengthFor(basis.size);
  const sums = s.engine.sign(ctx.posix, fd, basis.size, blockLength, all, remote.seed, basis.sparse);
  return typeof sums === 'number' || sums.round.length > MAX_ROUND ? undefined : { basis, sums };
}

function alike(sourceSize: number, basisSize: number): boolean {
  return basisSize === sourceSize && basisSize >= LEAST_ALIKE && basisSize <= MOST_ALIKE;
}

/** The best basis at hand. */
function chooseBasis(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation): OpenBasis | undefined {
  const { replace } = ctx.options;
  const e = op.expected;
  const isFile = (e.mode & S_IFMT) === S_IFREG;
  const kept = replace.partial && e.mtimeSec === 0 && e.mtimeNsec === 0 && e.size < op.size; // by an interrupted run
  const resumes = keepsCutOff(ctx, op.size);
  if (replace.wholeFile === true && !kept && replace.partialDir === undefined && !resumes) return undefined;
  if (goesInPlace(ctx, op)) {
    if (!isFile || replace.wholeFile === true) return undefined;
    return recoverInode(ctx.posix, folder.fd, e.inoHigh, e.inoLow) < 0 ? undefined : openWorth(ctx, s, folder, op, { kind: 'target' });
  }
  let partial = replace.partialDir === undefined ? undefined : openWorth(ctx, s, folder, op, { kind: 'partial' });
  if (partial === undefined && resumes) partial = openWorth(ctx, s, folder, op, { kind: 'cut-off' });
  const target = isFile && (replace.wholeFile !== true || kept) ? openWorth(ctx, s, folder, op, { kind: 'target' }) : undefined;
  if (partial !== undefined && target !== undefined) { // the one that is more of the file
    const better = partial.size * 2 >= target.size ? partial : target;
    ctx.posix.close(better === partial ? target.fd : partial.fd);
    return better;
  }
  if (partial !== undefined || target !== undefined || isFile || replace.wholeFile === true) return partial ?? target;
  for (let index = 0; index < ctx.altRoots.length; index++) {
    const alt = openWorth(ctx, s, folder, op, { kind: 'alt', index });
    if (alt !== undefined) return alt;
  }
  if (replace.fuzzy === undefined) return undefined;
  const similar = s.similar.best(ctx, folder, op);
  return similar === undefined ? undefined : openWorth(ctx, s, folder, op, { kind: 'similar', index: similar.root, name: similar.name });
}

function openWorth(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation, place: BasisPlace): OpenBasis | undefined {
  const basis = openAt(ctx, s, folder, op.name, place);
  if (basis === undefined || alike(op.size, basis.size) || (worthMatching(op.size, basis.size) && basis.size <= MAX_FILE)) return basis;
  ctx.posix.close(basis.fd);
  return undefined;
}

/** Opens what was announced as basis, if it still is what was signed. */
export function openBasis(ctx: ApplyContext, folder: FolderContext, name: ByteString, basis: Basis): OpenBasis | undefined {
  const s = scratchOf(ctx);
  const held = basis.held !== undefined && s.takeHeld(basis.held) ? basis.held : -1;
  const open = held < 0 ? openAt(ctx, s, folder, name, basis.place) : (describeBasis(ctx, s, held, basis.place) ?? { ...basis, fd: held, fingerprint: 'none', changed: '' });
  if (open === undefined || open.fingerprint === basis.fingerprint) return open;
  ctx.posix.close(open.fd);
  return undefined;
}

function openAt(ctx: ApplyContext, s: Scratch, folder: FolderContext, name: ByteString, place: BasisPlace): OpenBasis | undefined {
  const at = folderOf(ctx, s, folder, place);
  const fd = at < 0 ? at : ctx.posix.open(at, nameAt(place, name), READ);
  if (fd < 0) return undefined; // it only would have saved work
  const basis = describeBasis(ctx, s, fd, place);
  if (basis === undefined) ctx.posix.close(fd);
  return basis;
}

function nameAt(place: BasisPlace, name: ByteString): ByteString {
  switch (place.kind) {
    case 'cut-off': return partName(name);
    case 'similar': return place.name;
    case 'target': case 'partial': case 'alt': return name;
  }
}

/** The open file as a basis; undefined where it is none. Its attributes are left in OTHER. */
export function describeBasis(ctx: ApplyContext, s: Scratch, fd: number, place: BasisPlace): OpenBasis | undefined {
  const { table: t } = s;
  if (ctx.posix.fstat(fd, t, OTHER) < 0 || !t.isFile(OTHER)) return undefined;
  const fingerprint = `${t.identity(OTHER)} ${t.size(OTHER)} ${t.mtimeSec(OTHER)}.${t.mtimeNsec(OTHER)}`;
  return { fd, place, size: t.size(OTHER), sparse: t.blocks(OTHER) * 512 < t.size(OTHER), fingerprint, changed: `${t.ctimeSec(OTHER)}.${t.ctimeNsec(OTHER)}` };
}

function folderOf(ctx: ApplyContext, s: Scratch, folder: FolderContext, place: BasisPlace): number {
  switch (place.kind) {
    case 'target': case 'cut-off': return folder.fd;
    case 'partial': return partialFolder(ctx, folder, false);
    case 'alt': case 'similar': {
      if (place.index < 0) return folder.fd;
      const root = ctx.altRoots[place.index];
      return root === undefined ? -1 : s.folderBelow(ctx.posix, root, folder.path);
    }
  }
}
