/**
 * Single questions: one folder, one small call, one hash. Each is answered from what is on the disk now, within the selection; what the
 * options of the session do not call for (following, unlinking, opening devices) is refused with -EPERM.
 */
import { Errno, nameOfGid, nameOfUid, readFileAt, type Posix } from '../../fs/index.js';
import { joinPath, S_IFBLK, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import { MAX_SMALL_FILE, MAX_XATTR_VALUE, type SourceCall, type SourcePlace, type WireName, type WireXattr } from '../../wire/index.js';
import type { Folders } from './fold.js';
import type { Hashing } from './hashing.js';
import type { SupplySetup } from './messages.js';
import type { Outgoing } from './outgoing.js';
import type { Places } from './places.js';
import type { Job } from './wait.js';

/** Ids that one question may name, users and groups each. */
const MOST_IDS = 1024;
/** Bytes hashed before the answers so far are sent. */
const MOST_HASHED = 4 << 20;
/** Bytes of attributes in one answer. */
const MOST_XATTRS = 12 << 20;

/** Answers questions on one channel. */
export class Questions {
  private readonly stat = new StatTable(1);
  private readonly ruleNames: ReadonlySet<ByteString>;
  private hashed = 0; // bytes since answers were sent off

  constructor(
    private readonly posix: Posix, private readonly setup: SupplySetup, private readonly places: Places, private readonly folders: Folders, private readonly hashing: Hashing,
    private readonly out: Outgoing,
  ) {
    this.ruleNames = ruleFileNames(setup);
  }

  /** One folder, whatever the filters say. */
  *folder(mount: number, path: RelPath): Job {
    const fd = this.places.folder(mount, path);
    const share = this.places.share(mount, path);
    if (fd < 0 || share === undefined) {
      this.folders.refused(this.out, mount, path, fd < 0 ? -fd : Errno.EACCES);
      return;
    }
    const held = this.places.pin(mount, path);
    if (held < 0) {
      this.folders.refused(this.out, mount, path, -held);
      return;
    }
    try {
      yield* this.folders.tell(this.out, { mount, path, fd: held, share, listed: true, ruleFiles: this.ruleFiles(held) });
    } finally {
      this.places.unpin(mount, held);
    }
  }

  /** The strong hash of a file. */
  *hash(place: SourcePlace, follow: boolean): Job {
    const { copyLinks, copyUnsafeLinks } = this.setup.options.symlinks;
    if (follow && !copyLinks && !copyUnsafeLinks) return this.answer(-Errno.EPERM);
    const held = this.hold(place);
    if (held < 0) return this.answer(held);
    try {
      this.hashed += this.posix.stat(held, place.name, this.stat, 0) === 0 ? this.stat.size(0) : 0;
      if (this.hashed > MOST_HASHED) { // what was answered before does not wait for a long reading
        this.hashed = 0;
        yield* this.out.flush();
      }
      const { errno, hash } = yield* this.hashing.named(held, place.name, follow, undefined);
      this.out.write(errno === 0 ? { kind: 'answer', result: 0, bytes: hash } : { kind: 'answer', result: -errno });
    } finally {
      this.places.unpin(place.mount, held);
    }
  }

  /** One small call. */
  call(call: SourceCall): void {
    if (call.op === 'names') {
      this.names(call.uids, call.gids);
      return;
    }
    const at = this.places.folderOf(call.place);
    if (at < 0) {
      this.answer(at);
      return;
    }
    switch (call.op) {
      case 'stat': this.statOf(at, call.place, call.follow); return;
      case 'readlink': {
        const text = this.posix.readlink(at, call.place.name);
        this.out.write(typeof text === 'number' ? { kind: 'answer', result: text } : { kind: 'answer', result: 0, text });
        return;
      }
      case 'xattrs': this.xattrs(at, call.place); return;
      case 'read': this.read(at, call.place.name, call.most); return;
      case 'seek-end': this.seekEnd(at, call.place.name); return;
      case 'unlink':
        this.answer(this.setup.options.replace.removeSourceFiles && call.place.name !== '' ? this.posix.unlink(at, call.place.name) : -Errno.EPERM);
    }
  }

  private answer(result: number): void {
    this.out.write({ kind: 'answer', result });
  }

  /** Handle of the folder of a place, held until `unpin`. */
  private hold(place: SourcePlace): number {
    const at = this.places.folderOf(place);
    return at < 0 ? at : this.places.pin(place.mount, place.folder);
  }

  private statOf(at: number, place: SourcePlace, follow: boolean): void {
    const { posix, stat } = this;
    const { name } = place;
    if (follow && !this.places.mayFollow(place)) return this.answer(-Errno.EPERM);
    const error = name === '' ? posix.fstat(at, stat, 0) : follow ? posix.statFollow(at, name, stat, 0) : posix.stat(at, name, stat, 0);
    this.out.write(error < 0 ? { kind: 'answer', result: error } : { kind: 'answer', result: 0, stat: Buffer.from(stat.bytes) });
  }

  /** Those of what a symlink leads to, where the session takes it for that. */
  private xattrs(at: number, place: SourcePlace): void {
    const { posix } = this;
    const { name } = place;
    const follow = name !== '' && this.isFollowed(at, place);
    const names = name === '' ? posix.flistXattrs(at) : posix.listXattrs(at, name, follow);
    if (typeof names === 'number') return this.answer(names);
    const xattrs: WireXattr[] = [];
    let bytes = 0;
    for (const attribute of names) {
      const value = name === '' ? posix.fgetXattr(at, attribute) : posix.getXattr(at, name, attribute, follow);
      if (typeof value === 'number') continue; // gone, or not for this user's eyes
      bytes += value.length;
      if (value.length > MAX_XATTR_VALUE || bytes > MOST_XATTRS) return this.answer(-Errno.E2BIG);
      xattrs.push({ name: attribute, value });
    }
    this.out.writeLarge({ kind: 'answer', result: 0, xattrs }, bytes);
  }

  private isFollowed(at: number, place: SourcePlace): boolean {
    if (!this.places.mayFollow(place)) return false;
    const text = this.posix.readlink(at, place.name);
    if (typeof text === 'number') return false;
    if (this.places.goesThrough(joinPath(place.folder, place.name), text)) return true;
    return this.setup.options.symlinks.copyDirlinks && this.posix.statFollow(at, place.name, this.stat, 0) === 0 && this.stat.isDir(0);
  }

  /** A small file whole. Only rule files are read through a symlink, as filters read them everywhere. */
  private read(at: number, name: ByteString, most: number): void {
    const { posix } = this;
    const fd = posix.open(at, name, { read: true, nonBlock: true, follow: this.ruleNames.has(name) });
    if (fd < 0) return this.answer(fd);
    try {
      const error = posix.fstat(fd, this.stat, 0);
      if (error < 0) return this.answer(error);
      if (!this.stat.isFile(0)) return this.answer(-Errno.EINVAL);
      const limit = Math.min(most, MAX_SMALL_FILE);
      const size = Math.min(this.stat.size(0), limit);
      const bytes = Buffer.allocUnsafeSlow(size);
      let got = 0;
      while (got < size) {
        const n = posix.read(fd, bytes, got, size - got, got);
        if (n < 0) return this.answer(n);
        if (n === 0) break;
        got += n;
      }
      this.out.writeLarge({ kind: 'answer', result: got, bytes: bytes.subarray(0, got) }, got);
    } finally {
      posix.close(fd);
    }
  }

  /** Size of a block device; opening other devices may do things. */
  private seekEnd(at: number, name: ByteString): void {
    const { posix, stat } = this;
    if (!this.setup.options.attributes.copyDevices) return this.answer(-Errno.EPERM);
    const error = posix.stat(at, name, stat, 0);
    if (error < 0) return this.answer(error);
    if (stat.type(0) !== S_IFBLK) return this.answer(-Errno.EINVAL);
    const fd = posix.open(at, name, { read: true, nonBlock: true });
    if (fd < 0) return this.answer(fd);
    const end = posix.seekEnd(fd);
    posix.close(fd);
    this.answer(end);
  }

  private names(uids: readonly number[], gids: readonly number[]): void {
    if (uids.length > MOST_IDS || gids.length > MOST_IDS) return this.answer(-Errno.EINVAL);
    const users: WireName[] = uids.map((id) => ({ id, name: nameOfUid(id) }));
    const groups: WireName[] = gids.map((id) => ({ id, name: nameOfGid(id) }));
    this.out.write({ kind: 'answer', result: 0, users, groups });
  }

  private ruleFiles(fd: number): Map<ByteString, Buffer | undefined> {
    const files = new Map<ByteString, Buffer | undefined>();
    for (const name of this.ruleNames) files.set(name, readFileAt(this.posix, fd, name));
    return files;
  }
}

/** Names under which the options have rule files looked for in each folder. What rule files themselves name comes by `read`. */
function ruleFileNames(setup: SupplySetup): Set<ByteString> {
  const { filters, walk } = setup.options;
  const names = new Set<ByteString>();
  for (const rule of filters) if (rule.kind === 'dir-merge') names.add(rule.pattern.slice(rule.pattern.lastIndexOf('/') + 1) as ByteString);
  if (walk.gitignore) names.add('.gitignore' as ByteString);
  return names;
}
