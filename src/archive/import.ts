/**
 * Import: reads an archive from front to back and restores it. Members of our own archives wait for the check block behind them, and are
 * restored only as it says; archives of others are taken as they are. What is damaged or missing is told to the member and the bytes, and
 * reading goes on behind it, at the next thing that is a header.
 *
 * Everything in an archive is somebody else's word. Names are cleaned paths below the target; the target is changed through folder handles by
 * the engine of every session, which follows no symlink; sizes and counts are bounded before memory is taken for them.
 */
import { basename } from 'node:path/posix';
import { FilterSet, type FilterScope } from '../filter/index.js';
import { errnoText, loadOwnPosix, loadWorkingPosix, type Posix } from '../fs/index.js';
import type { PushedFile } from '../endpoint/index.js';
import { giveUmask, makeTarget, newOutcome, takeUmask, TargetLock, type Outcome, type SessionListener, type Target } from '../session/index.js';
import type { SessionOptions } from '../plan/index.js';
import { countType, displayName, EMPTY, parentOf, S_IFDIR, S_IFMT, S_IFREG, TwintreeError, type ByteString, type Problem, type ProblemCode, type RelPath } from '../tree/index.js';
import type { Opening } from './age.js';
import { decodeCheck, isCheck, sliceLength, type Check, type CheckedMember } from './check-block.js';
import { ContentSum } from './content-sum.js';
import { GAP } from './input.js';
import { LargeFile, SliceHashes } from './large-file.js';
import { Extras, type Member, type Refusal } from './member.js';
import { openArchive, type OpenArchive } from './open-input.js';
import { MapReader, mapOf, type SparseMap } from './sparse.js';
import { isExtended, isHeader, number, oldSparse, readHeader, type TarHeader } from './tar-header.js';
import { BLOCK, padded } from './tar-pack.js';
import { TreeWriter } from './tree-writer.js';
import { Window, type Short } from './window.js';

/** What is imported, and where to. */
export interface ImportRequest {
  /** A file, parts of one archive, or `-` for standard input. */
  archives: readonly ByteString[];
  /** A folder; undefined: the archive is only checked. */
  target: ByteString | undefined;
  options: SessionOptions;
  /** What an encrypted archive is opened with. */
  opening?: Opening;
}

/** What an import did, beside what a session tells. */
export interface ImportOutcome extends Outcome {
  archive: {
    members: number;
    /** Bytes of the tar stream that were read or are known to be missing. */
    bytes: number;
    /** It is one of ours: every content was compared with its hash. */
    checked: boolean;
    /** Files that were in their place in full. */
    same: number;
    /** Members that are damaged or lost, as far as their names are known; stretches of damage. */
    damagedMembers: number; damage: { from: number; to: number }[];
  };
}

/** Largest content that waits for its check block in memory. */
const SMALL = 1 << 20;
/** Bytes of extended headers before one member at most. */
const MOST_EXTENDED = 9 << 20;
/** Members, or bytes, after which an archive without check blocks is known to be another's. */
const MOST_PENDING = 640;
const MOST_PENDING_BYTES = 7 << 20;
const PROGRESS_EVERY = 100;

/** A member that was read, and waits. */
interface Pending {
  member: Member | Refusal;
  /** Its place in the stream, and bytes of its headers. */
  position: number; head: number;
  /** Its headers and content in the room. */
  start: number; content: number;
  checked: CheckedMember | undefined;
  /** It was found behind damage: it may be no member but some file's content. */
  doubtful: boolean;
}

/** A large file whose content is in the new file, which waits for the check block. */
interface Streamed { member: Member; position: number; head: number; file: PushedFile | undefined; hash: string; slices: string[] | undefined; headHash: string; told: boolean }

/**
 * Restores an archive into a folder, or checks it. Resolves with what was done, also where some of it is damaged (`exitCode` 23).
 * @throws TwintreeError as a session; IO, UNSUPPORTED, REFUSED where the archive cannot be read at all; ABORTED after the signal.
 */
export async function seedImport(request: ImportRequest, listener: SessionListener = {}, signal: AbortSignal = new AbortController().signal): Promise<ImportOutcome> {
  const umask = takeUmask();
  const run = new ArchiveImport(request, listener, signal, umask);
  const abort = (): void => { run.abort(); };
  signal.addEventListener('abort', abort);
  try {
    return await run.run();
  } catch (error) {
    if (signal.aborted && !(error instanceof TwintreeError)) throw aborted(signal);
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    await run.close();
    giveUmask();
  }
}

class ArchiveImport {
  private readonly posix: Posix = loadWorkingPosix();
  private readonly outcome = newOutcome();
  private readonly sum = new ContentSum(LargeFile.ROOM);
  private readonly extras = new Extras();
  private readonly started = performance.now();
  private archive: OpenArchive | undefined;
  private writer: TreeWriter | undefined;
  private target: Target | undefined;
  private lock: TargetLock | undefined;
  private window!: Window;
  private pending: Pending[] = [];
  private pendingBytes = 0;
  private streamed: Streamed | undefined;
  /** First byte in the room of the member whose headers are being read. */
  private start = 0;
  private ours = false;
  private ended: Check['end'];
  private listed = 0; // members that check blocks have told of
  private named = 0; // members that were told as lost without a check block
  private members = 0;
  private lost = 0;
  private readonly damage: { from: number; to: number }[] = [];
  private behindDamage = false;
  private toldAt = 0;
  private readonly scopes = new Map<RelPath, FilterScope>();
  private readonly filters: FilterSet | undefined;
  private doneFiles = 0;
  /** Place of a large file that was given up and told: its check block need not tell it again. */
  private givenUp = -1;

  constructor(private readonly request: ImportRequest, private readonly listener: SessionListener, private readonly signal: AbortSignal, private readonly umask: number) {
    const { filters } = request.options;
    if (filters.length > 0) {
      this.filters = new FilterSet(filters, { side: 'source', deleteExcluded: false, gitignore: false, onProblem: () => undefined });
      if (this.filters.usesDirFiles) throw new TwintreeError('UNSUPPORTED', 'filter files in folders are not looked for in an archive', { advice: 'Give their rules on the command line (--exclude, --filter).' });
    }
  }

  abort(): void {
    this.writer?.shared.abort();
  }

  async run(): Promise<ImportOutcome> {
    const { request, listener, signal } = this;
    const opening = request.opening ?? { passphrases: [], identities: [] };
    this.archive = await openArchive(request.archives, opening, signal, (message) => { this.problem(EMPTY, 'corrupt', message); });
    this.window = new Window(this.archive.input);
    if ((await this.window.ensure(1)) === 'end') throw new TwintreeError('IO', 'is empty, and no archive', { path: request.archives[0] as ByteString });
    if (request.target !== undefined) {
      this.target = await this.openTarget(request.target);
      this.writer = new TreeWriter(this.posix, request.options, this.target.fd, this.umask, listener, (problem) => { this.tell(problem); }, this.window);
    }
    await this.read();
    await this.writer?.finish();
    return this.finish();
  }

  async close(): Promise<void> {
    this.streamed?.file?.discard();
    await this.writer?.close();
    this.lock?.close();
    if (this.target !== undefined && this.target.fd >= 0) this.posix.close(this.target.fd);
    this.archive?.input.close();
  }

  private async openTarget(name: ByteString): Promise<Target> {
    const target: Target = { path: (name.replace(/\/+$/, '') || '/') as ByteString, fd: this.posix.openRoot(name), alias: undefined };
    if (target.fd < 0) {
      if (errnoText(target.fd) !== errnoText(-2)) throw new TwintreeError('TARGET_UNUSABLE', `the target cannot be opened: ${errnoText(target.fd)}`, { path: name });
      if (basename(target.path) === '..') throw new TwintreeError('TARGET_UNUSABLE', 'the target does not exist', { path: name });
      makeTarget(this.posix, target, this.request.options.replace.mkpath, this.umask);
      this.posix.fchmod(target.fd, 0o777 & ~this.umask);
    }
    this.target = target; // closed in any case
    this.lock = new TargetLock(loadOwnPosix(), undefined, () => undefined);
    await this.lock.take(target, this.request.options.lock);
    return target;
  }

  // ---------------------------------------------------------------- reading

  private async read(): Promise<void> {
    for (;;) {
      this.checkAborted();
      this.start = this.window.at;
      const over = await this.member();
      this.progress();
      if (over) break;
      if (!this.ours && (this.pending.length >= MOST_PENDING || this.pendingBytes >= MOST_PENDING_BYTES)) await this.commit();
      if (this.window.nearlyFull && this.pending.length === 0) this.window.turn();
    }
    await this.commit();
    await this.settleStreamed(undefined, 0);
    if (this.ours && this.ended === undefined) this.problem(EMPTY, 'corrupt', 'the archive ends before its end: what would follow is lost');
    else if (this.ended !== undefined && this.ended.members > this.listed + this.named) {
      const unknown = this.ended.members - this.listed - this.named;
      this.lost += unknown;
      this.problem(EMPTY, 'corrupt', `${unknown} more member${unknown === 1 ? '' : 's'} of the archive ${unknown === 1 ? 'is' : 'are'} lost, and with ${unknown === 1 ? 'it its name' : 'them their names'}; a sync finds ${unknown === 1 ? 'it' : 'them'}`);
    }
  }

  /** Bytes from `start` on that stand together, as far as `at` + length; why not. */
  private need(length: number): Promise<Short | undefined> | undefined {
    return this.window.has(length) ? undefined : this.bring(length);
  }

  private async bring(length: number): Promise<Short | undefined> {
    const { window } = this;
    if (!window.fits(length)) {
      await this.commit(); // what waits stands in this room
      window.turn(this.start);
      this.start = 0;
    }
    return window.ensure(length);
  }

  /** Reads one member, or what is said before it. True: the archive is over. */
  private async member(): Promise<boolean> {
    const { window, extras } = this;
    for (;;) {
      const short = await this.need(BLOCK);
      if (short !== undefined) return this.broken(short, undefined);
      const header = readHeader(window.bytes, window.at);
      if (header === 'zeros') return this.zeros();
      if (header === 'damaged') {
        await this.search('a header is damaged');
        return false;
      }
      const extended = isExtended(header.type);
      if (!extended) return this.body(header);
      const length = BLOCK + padded(header.size);
      if (header.size > MOST_EXTENDED || window.at + length - this.start > MOST_EXTENDED) {
        await this.search('an extended header is longer than any is');
        return false;
      }
      const wanting = await this.need(length);
      if (wanting !== undefined) return this.broken(wanting, undefined);
      const content = window.bytes.subarray(window.at + BLOCK, window.at + BLOCK + header.size); // what is taken of it is copied
      const position = window.position;
      if (header.type === 'L' || header.type === 'K') {
        const text = content.latin1Slice(0, content.indexOf(0) < 0 ? content.length : content.indexOf(0)) as ByteString;
        if (header.type === 'L') extras.longName = text;
        else extras.longLink = text;
      } else if (!extras.take(header.type === 'g' ? 'g' : 'x', content)) {
        await this.search('an extended header is damaged');
        return false;
      }
      window.at += length;
      if (header.type !== 'g') continue;
      const { comment } = extras;
      if (comment !== undefined && isCheck(comment)) await this.check(comment, position);
      return false;
    }
  }

  /** The member whose own header stands at `at`. */
  private async body(header: TarHeader): Promise<boolean> {
    const { window, extras } = this;
    if (this.streamed !== undefined) await this.settleStreamed(undefined, 0); // no check block came behind it
    let old: SparseMap | undefined;
    if (header.type === 'S') {
      const found = await this.oldMap();
      if (typeof found === 'string') return this.broken(found, undefined);
      if (found === undefined) {
        await this.search('the map of a sparse file is damaged');
        return false;
      }
      old = found;
    }
    const member = extras.member(header, old);
    window.at += BLOCK;
    const head = window.at - this.start;
    const position = window.positionOf(this.start);
    const stored = Math.max(0, member.stored);
    if (!('refused' in member) && (member.mode & S_IFMT) === S_IFREG && member.kind === 'entry' && stored > SMALL) return this.stream(member, position, head);
    if (stored > SMALL || 'refused' in member) {
      await this.commit();
      this.take({ member, position, head, start: this.start, content: window.at, checked: undefined, doubtful: this.behindDamage });
      return (await window.skip(padded(stored))) ? false : this.broken((await window.ensure(1)) ?? 'end', member);
    }
    const short = await this.need(padded(stored));
    if (short !== undefined) return this.broken(short, member);
    this.take({ member, position, head, start: this.start, content: window.at, checked: undefined, doubtful: this.behindDamage });
    window.at += padded(stored);
    return false;
  }

  private take(pending: Pending): void {
    this.pending.push(pending);
    this.pendingBytes += pending.head + Math.max(0, pending.member.stored);
  }

  /** GNU tar's old sparse map: in the header and in blocks behind it, which are passed. */
  private async oldMap(): Promise<SparseMap | Short | undefined> {
    const { window } = this;
    const numbers = oldSparse(window.bytes, window.at + 386, 4);
    const size = number(window.bytes, window.at + 483, 12);
    if (numbers === undefined || size === undefined || size < 0) return undefined;
    let more = window.bytes[window.at + 482] !== 0;
    while (more) {
      if (window.at + 2 * BLOCK - this.start > MOST_EXTENDED) return undefined;
      const short = await this.need(2 * BLOCK);
      if (short !== undefined) return short;
      window.at += BLOCK;
      const next = oldSparse(window.bytes, window.at, 21);
      if (next === undefined) return undefined;
      numbers.push(...next);
      more = window.bytes[window.at + 504] !== 0;
    }
    return mapOf(numbers, size);
  }

  /** A block of zeros: the end, or damage that has made it so. */
  private async zeros(): Promise<boolean> {
    if (this.ours && this.ended === undefined) {
      await this.search('zeros stand where more should');
      return false;
    }
    return true;
  }

  /** Bytes are missing in the middle of something. True: nothing follows. */
  private async broken(short: Short, member: Member | Refusal | undefined): Promise<boolean> {
    const { window } = this;
    const from = window.positionOf(this.start);
    if (short === 'end') {
      const rest = window.there;
      window.at += rest;
      if (member === undefined && rest === 0 && window.at === this.start) return true; // between two members
      this.stretch(from, window.position);
      const name = member === undefined ? undefined : 'refused' in member ? displayName(member.name) : undefined;
      this.problem(member === undefined || 'refused' in member ? EMPTY : member.path, 'corrupt', `${name === undefined ? '' : `${name}: `}the archive ends in the middle of it, at ${window.where(window.position)}`);
      if (member !== undefined) this.lost++;
      return true;
    }
    if (window.passGap() === Infinity || !(await window.align())) {
      this.stretch(from, window.position);
      this.problem(EMPTY, 'corrupt', `nothing can be read behind ${window.where(from)}`);
      return true;
    }
    this.start = window.at;
    await this.search('bytes are missing', from);
    return false;
  }

  /** Goes on at the next header behind what is damaged. */
  private async search(why: string, from = this.window.positionOf(this.start)): Promise<void> {
    const { window } = this;
    if (from === window.positionOf(this.start)) window.at = this.start + BLOCK;
    for (;;) {
      this.start = window.at;
      if ((await this.need(BLOCK)) !== undefined || isHeader(window.bytes, window.at)) break;
      window.at += BLOCK;
    }
    const to = window.position;
    this.stretch(from, to);
    this.behindDamage = true;
    // What was lost is told by the check block, by name. Without one the place is all there is.
    if (!this.ours) this.problem(EMPTY, 'corrupt', `${why}: what stood from ${window.where(from)} to ${window.where(to)} is lost`);
    else this.notice(`${why}: bytes ${from} to ${to} of the archive`);
  }

  private stretch(from: number, to: number): void {
    const last = this.damage.at(-1);
    if (last !== undefined && last.to >= from) last.to = Math.max(last.to, to);
    else this.damage.push({ from, to });
  }

  // ---------------------------------------------------------------- checking

  /** A check block at a place in the stream. */
  private async check(comment: string, position: number): Promise<void> {
    this.ours = true;
    const check = decodeCheck(comment, this.sum);
    if (check === undefined) {
      this.stretch(position, this.window.position);
      await this.unchecked(`the check block at ${this.window.where(position)} is damaged`);
      return;
    }
    const waiting = new Map(this.pending.map((each) => [each.position, each]));
    for (const checked of check.members) {
      this.listed++;
      const at = position - checked.back;
      const found = waiting.get(at);
      if (found !== undefined) found.checked = checked;
      else if (this.streamed?.position === at) await this.settleStreamed(checked, at);
      else if (at === this.givenUp) continue; // it was told
      else this.damagedMember(checked.path, at, at + checked.head + checked.size);
    }
    if (check.end !== undefined) this.ended = check.end;
    await this.commit(true);
    this.behindDamage = false;
  }

  /** Members of ours whose check block is lost are not restored: nobody knows whether they are as they were. */
  private async unchecked(why: string): Promise<void> {
    const { pending, streamed } = this;
    this.pending = [];
    this.pendingBytes = 0;
    this.streamed = undefined;
    streamed?.file?.discard();
    const name = (path: RelPath): void => {
      this.lost++;
      this.named++;
      this.problem(path, 'corrupt', `cannot be checked: ${why}; it is not restored`);
    };
    if (streamed !== undefined) name(streamed.member.path);
    for (const { member, doubtful } of pending) if (!doubtful && !('refused' in member)) name(member.path);
    await Promise.resolve();
  }

  private damagedMember(path: RelPath, from: number, to: number, more = ''): void {
    this.lost++;
    this.stretch(from, to);
    this.problem(path, 'corrupt', `is damaged in the archive (${this.window.where(from)} to ${this.window.where(to)})${more}; it is not restored`);
  }

  /** Restores what waits. `checked`: as far as its check block has told of it. */
  private async commit(checked = false): Promise<void> {
    const { pending } = this;
    if (pending.length === 0) return;
    if (this.ours && !checked) {
      await this.unchecked('its check block is missing');
      return;
    }
    this.pending = [];
    this.pendingBytes = 0;
    for (const each of pending) {
      if (checked && !this.holds(each)) continue;
      this.members++;
      const restored = this.restore(each);
      if (restored !== undefined) await restored;
    }
    await this.writer?.send();
  }

  /** Whether a member is one that its check block tells of, with the same headers. */
  private holds({ member, checked, position, start, content, head, doubtful }: Pending): boolean {
    if (checked === undefined) { // its own check block is lost; or it only looks like one, in the content of another
      if (!doubtful && !('refused' in member)) {
        this.lost++;
        this.named++;
        this.problem(member.path, 'corrupt', 'cannot be checked: its check block is lost; it is not restored');
      }
      return false;
    }
    const stored = Math.max(0, member.stored);
    if (checked.head === head && checked.size === stored && this.sum.of(this.window.bytes.subarray(start, content)) === checked.headHash) return true;
    this.damagedMember(checked.path, position, position + checked.head + checked.size);
    return false;
  }

  // ---------------------------------------------------------------- restoring

  /** Undefined: it is done, or queued. */
  private restore({ member, position, head, content, checked }: Pending): Promise<void> | undefined {
    const { writer } = this;
    if ('refused' in member) {
      this.problem(EMPTY, member.code, `${displayName(member.name)}: ${member.refused}; it is not restored`);
      return undefined;
    }
    const type = member.mode & S_IFMT;
    if (member.kind === 'entry') {
      countType(this.outcome.totals.entries, member.mode);
      this.outcome.totals.totalSize += member.size;
    }
    if (this.excluded(member.path, type === S_IFDIR)) return undefined;
    if (type === S_IFREG && member.kind === 'entry') {
      const damaged = (): void => { this.damagedMember(member.path, position + head, position + head + member.stored); };
      const map = this.mapIn(member, content);
      if (map === 'wrong') {
        this.problem(member.path, 'corrupt', 'the map of its holes is damaged; it is not restored');
        return undefined;
      }
      this.doneFiles++;
      if (writer !== undefined) return writer.file(named(writer, member), content, checked?.hash, map, damaged);
      if (checked !== undefined && this.sum.of(this.window.bytes.subarray(content, content + member.stored)) !== checked.hash) damaged();
      return undefined;
    }
    if (writer === undefined) return undefined;
    named(writer, member);
    if (member.kind === 'link') return writer.link(member);
    return type === S_IFDIR ? writer.folder(member) : writer.special(member);
  }

  /** The map of a sparse file whose content stands in the room. */
  private mapIn(member: Member, content: number): SparseMap | undefined | 'wrong' {
    if (member.sparse !== 'head') return member.sparse;
    const reader = new MapReader();
    const end = content + member.stored;
    for (let at = content; at + BLOCK <= end; at += BLOCK) {
      const whole = reader.block(this.window.bytes.subarray(at, at + BLOCK));
      if (whole === undefined) break;
      if (!whole) continue;
      const map = reader.finish(member.size);
      return map !== undefined && at + BLOCK + map.stretches.reduce((sum, { length }) => sum + length, 0) === end ? map : 'wrong';
    }
    return 'wrong';
  }

  /** A large file: its content goes by. */
  private async stream(member: Member, position: number, head: number): Promise<boolean> {
    const { window, sum, writer } = this;
    await this.commit();
    this.members++;
    countType(this.outcome.totals.entries, member.mode);
    this.outcome.totals.totalSize += member.size;
    const headHash = sum.of(window.bytes.subarray(this.start, window.at));
    const hashes = new SliceHashes(sum, member.stored);
    let left = member.stored;
    let map = typeof member.sparse === 'object' ? member.sparse : undefined;
    if (member.sparse === 'head') {
      const reader = new MapReader();
      for (let whole: boolean | undefined = false; whole === false;) {
        this.start = window.at;
        if (left < BLOCK || (await this.need(BLOCK)) !== undefined) break;
        const block = window.bytes.subarray(window.at, window.at + BLOCK);
        hashes.add(block);
        whole = reader.block(block);
        window.at += BLOCK;
        left -= BLOCK;
        if (whole === true) map = reader.finish(member.size);
      }
      if (map !== undefined && map.stretches.reduce((all, { length }) => all + length, 0) !== left) map = undefined;
      if (map === undefined) this.problem(member.path, 'corrupt', 'the map of its holes is damaged; it is not restored');
    }
    const usable = (member.sparse !== 'head' || map !== undefined) && !this.excluded(member.path, false);
    const file = usable && writer !== undefined ? await writer.large(named(writer, member), map) : undefined;
    const place = new DataPlace(map);
    let fine = file !== undefined;
    while (left > 0) {
      this.checkAborted(() => { file?.discard(); });
      const want = Math.min(LargeFile.ROOM, left, hashes.left);
      const n = await window.take(sum.kernel.bytes.subarray(sum.at, sum.at + want));
      if (n === GAP || n === 0) return this.contentBroken(n, left, file, member, position);
      hashes.addAt(sum.at, n);
      for (let done = 0; fine && done < n;) {
        const { at, length } = place.next(n - done);
        fine = file?.write(sum.kernel.bytes, sum.at + done, length, at) === true;
        done += length;
      }
      left -= n;
      this.progress();
    }
    writer?.takeProblems();
    this.doneFiles++;
    const { hash, slices } = hashes.finish();
    this.streamed = { member, position, head, file: fine ? file : undefined, hash, slices, headHash, told: false };
    this.start = window.at;
    if (await window.skip(padded(member.stored) - member.stored)) return false;
    return this.broken((await window.ensure(1)) ?? 'end', undefined);
  }

  /** Bytes are missing in the content of a large file: it is given up, what follows is not. */
  private async contentBroken(n: number, left: number, file: PushedFile | undefined, member: Member, position: number): Promise<boolean> {
    const { window } = this;
    file?.discard();
    const from = window.position;
    this.start = window.at;
    this.lost++;
    this.givenUp = position;
    const say = (what: string): void => { this.problem(member.path, 'corrupt', `${what}; it is not restored`); };
    if (n === 0) {
      this.stretch(from, from);
      say(`the archive ends in its content, at ${window.where(from)}`);
      return true;
    }
    const lost = window.passGap();
    const to = lost === Infinity ? from : from + lost;
    this.stretch(from, to);
    say(`${lost === Infinity ? 'all' : lost} bytes are missing in its content, from ${window.where(from)} on`);
    if (lost === Infinity) return true;
    const rest = left - lost + padded(member.stored) - member.stored;
    if (rest >= 0) {
      if (await window.skip(rest)) return false;
      return this.broken((await window.ensure(1)) ?? 'end', undefined);
    }
    if (!(await window.align())) return this.broken((await window.ensure(1)) ?? 'end', undefined);
    this.start = window.at;
    await this.search('bytes are missing', from);
    return false;
  }

  /** Puts a large file in place, or not: as its check block says. */
  private async settleStreamed(checked: CheckedMember | undefined, at: number): Promise<void> {
    const { streamed, writer } = this;
    this.streamed = undefined;
    if (streamed === undefined) return;
    const { file, member, position, head } = streamed;
    if (checked !== undefined && (checked.hash !== streamed.hash || checked.headHash !== streamed.headHash || checked.head !== head)) {
      file?.discard();
      this.damagedMember(member.path, position, position + head + member.stored, this.damagedSlices(checked, streamed, at + head));
      return;
    }
    if (checked === undefined && this.ours) {
      file?.discard();
      this.lost++;
      this.named++;
      this.problem(member.path, 'corrupt', 'cannot be checked: its check block is missing; it is not restored');
      return;
    }
    if (file !== undefined) {
      writer?.restorer.source.set(member);
      file.finish(member.size);
      writer?.takeProblems();
    }
    await Promise.resolve();
  }

  /** Which bytes of a large file's content are other than they were. */
  private damagedSlices(checked: CheckedMember, { slices, member }: Streamed, from: number): string {
    if (checked.slices === undefined || slices === undefined) return '';
    const length = sliceLength(member.stored);
    const bad = checked.slices.flatMap((hash, k) => (hash === slices[k] ? [] : [k]));
    if (bad.length === 0) return '';
    const shown = bad.slice(0, 8).map((k) => `${from + k * length}–${from + Math.min(member.stored, (k + 1) * length)}`);
    return `, in the bytes ${shown.join(', ')}${bad.length > 8 ? ` and ${bad.length - 8} more stretches` : ''} of the archive`;
  }

  // ---------------------------------------------------------------- selection and reports

  private excluded(path: RelPath, isDir: boolean): boolean {
    if (this.filters === undefined || path === EMPTY) return false;
    const parts = path.split('/') as ByteString[];
    let at = EMPTY;
    for (const [k, part] of parts.entries()) {
      if (this.scope(at).excludes(part, k < parts.length - 1 || isDir)) return true;
      at = (at === '' ? part : `${at}/${part}`) as RelPath;
    }
    return false;
  }

  private scope(path: RelPath): FilterScope {
    let scope = this.scopes.get(path);
    if (scope !== undefined) return scope;
    if (this.scopes.size > 4096) this.scopes.clear();
    scope = path === EMPTY ? (this.filters as FilterSet).root(noFile, { path: EMPTY }) : this.scope(parentOf(path)).enter(path.slice(path.lastIndexOf('/') + 1) as ByteString, noFile);
    this.scopes.set(path, scope);
    return scope;
  }

  private problem(path: RelPath, code: ProblemCode, message: string, severity: Problem['severity'] = 'error'): void {
    this.tell({ code, phase: 'transfer', path, side: 'source', message, severity });
  }

  private tell(problem: Problem): void {
    const { outcome } = this;
    if (problem.severity === 'warning') outcome.warningCount++;
    else outcome.problemCount++;
    if (outcome.problems.length < 10_000) outcome.problems.push(problem);
    this.listener.problem?.(problem);
  }

  private notice(message: string): void {
    this.listener.notice?.('archive-damaged', message);
  }

  private progress(now = false): void {
    const { listener } = this;
    if (listener.progress === undefined) return;
    const at = performance.now();
    if (!now && at - this.toldAt < (listener.progressEvery ?? PROGRESS_EVERY)) return;
    this.toldAt = at;
    const total = this.archive?.manifest?.bytes ?? this.archive?.size ?? 0;
    listener.progress({
      phase: now ? 'done' : 'apply', scanned: this.members, doneOperations: this.members, totalOperations: this.archive?.manifest?.members ?? this.members,
      doneFiles: this.doneFiles, totalFiles: this.doneFiles, doneBytes: this.window.position, totalBytes: Math.max(total, this.window.position), elapsedMs: at - this.started,
    });
  }

  private checkAborted(before?: () => void): void {
    if (!this.signal.aborted) return;
    before?.();
    throw aborted(this.signal);
  }

  private finish(): ImportOutcome {
    const { outcome, writer } = this;
    this.checkAborted();
    this.progress(true);
    outcome.elapsedMs = performance.now() - this.started;
    if (writer !== undefined) {
      const { created, files, fileBytes, linked, attributesSet } = writer.written;
      Object.assign(outcome, { created, transferredFiles: files, transferredBytes: fileBytes, literalBytes: fileBytes, linked, attributesSet });
    }
    outcome.exitCode = outcome.problemCount > 0 ? 23 : 0;
    if (this.members === 0 && outcome.problemCount === 0 && !this.ours) this.listener.notice?.('archive-empty', 'the archive begins with its end: it holds nothing, or zeros stand where it should be');
    return {
      ...outcome,
      archive: { members: this.members, bytes: this.window.position, checked: this.ours, same: writer?.written.same ?? 0, damagedMembers: this.lost, damage: this.damage },
    };
  }
}

/** Where the data of a content lies in its file, as it goes by. */
class DataPlace {
  private index = 0;
  private inStretch = 0;
  private at = 0;

  constructor(private readonly map: SparseMap | undefined) {}

  /** Place of the next bytes, at most `most`. */
  next(most: number): { at: number; length: number } {
    const stretch = this.map?.stretches[this.index];
    if (this.map === undefined || stretch === undefined) {
      const at = this.at;
      this.at += most;
      return { at, length: most };
    }
    const at = stretch.offset + this.inStretch;
    const length = Math.min(most, stretch.length - this.inStretch);
    this.inStretch += length;
    if (this.inStretch === stretch.length) {
      this.index++;
      this.inStretch = 0;
    }
    return { at, length };
  }
}

/** Rule files in folders are not read. */
const noFile = (): undefined => undefined;


function named(writer: TreeWriter, member: Member): Member {
  writer.noteNames(member);
  return member;
}

function aborted(signal: AbortSignal): TwintreeError {
  return signal.reason instanceof TwintreeError ? signal.reason : new TwintreeError('ABORTED', 'the run was ended');
}
