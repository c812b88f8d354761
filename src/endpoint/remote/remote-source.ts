/**
 * RemoteSource: the source on another host, as one thread of the session sees it: the calls of SourceFs, answered from what the other
 * end has sent ahead, and by one blocking question where nothing was. Prediction is for speed only: whatever was sent ahead, the answers are
 * those of the other host's kernel at some moment since the walk began, and outside of a walk at the moment of the call.
 *
 * Handles 0 … mounts−1 are the mounts' roots. Outside of a walk a folder is opened without asking: what is wrong with it is told by what
 * is done in it. Every call throws a TwintreeError where the connection is lost or the session aborted; nothing throws for one path.
 */
import { Errno, type NameList, type OpenFlags } from '../../fs/index.js';
import { isName, joinPath, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, type ByteString, type RelPath, type StatTable } from '../../tree/index.js';
import { MAX_SMALL_FILE, type AnswerItem, type RoundSums, type SourceCall, type SourcePlace } from '../../wire/index.js';
import type { ContentRequest, ContentToken, RemoteContent, SourceFs } from '../source/index.js';
import { hashOf, holds, keyOf, placeIn, put, recordOf, taken } from './answers.js';
import { SyncChannel, type ChannelEnd } from './channel.js';
import { asksFor } from './content-request.js';
import { FileContent } from './file-content.js';
import type { StoredFolder } from './folder-store.js';
import { Folders } from './folders.js';
import { dataFrom, holeFrom, readHandle, sizeOf } from './handle-calls.js';
import { DirHandle, FileHandle, Handles, MemoryHandle } from './handles.js';
import { Questions, type AnswerSlot } from './questions.js';
import { SourceStream } from './stream.js';
import type { TargetFolders } from './target-folders.js';
import { ToldNames } from './told-names.js';
import { namesOf, RemoteXattrs, valueOf, type Xattrs } from './xattrs.js';

/** What a source must know beside its channels. Plain data. */
export interface RemoteSetup {
  /** Session-wide seed of the sums. */
  readonly seed: { readonly low: number; readonly high: number };
  readonly mounts: number;
  /** The other end is a batch. */
  readonly recorded?: boolean;
  /** ACLs or extended attributes are compared or copied, or the source is a fake-super tree: they come along with folders. */
  readonly attributes: boolean;
  /** What the session reads is recorded: all of it has to travel. */
  readonly whole?: boolean;
  /** The other end takes roots of kept sums. */
  readonly roots?: boolean;
}

/** One stat record's place of the mode (stx_mode). */
const MODE_AT = 28;
/** Entries whose attributes may be asked for ahead and are not used yet. */
const MOST_PREPARED = 8192;

export class RemoteSource implements SourceFs, RemoteContent {
  readonly remote: RemoteContent = this;
  readonly recorded: boolean;
  readonly keeps: boolean;
  readonly takesRoots: boolean;
  readonly seed: RemoteSetup['seed'];
  private readonly channels: [SyncChannel, SyncChannel];
  private readonly told = new ToldNames();
  private readonly questions: Questions;
  private readonly stream: SourceStream;
  private readonly folders: Folders;
  private readonly content: FileContent;
  private readonly handles: Handles;
  private walking = false;
  /** What was asked for out of turn and is opened next. */
  private urgent: ContentRequest | undefined;
  private readonly attributes: RemoteXattrs;
  /** Attributes that were asked for ahead, by place. */
  private readonly prepared = new Map<string, AnswerSlot>();

  /** @param idle is called now and then while this thread waits for the other host: what a blocked thread would not hear */
  constructor(stream: ChannelEnd, questions: ChannelEnd, private readonly setup: RemoteSetup, idle?: () => void) {
    this.recorded = setup.recorded === true;
    this.keeps = this.recorded || setup.whole === true;
    this.takesRoots = setup.roots === true && !this.keeps;
    this.seed = setup.seed;
    this.channels = [new SyncChannel(stream, idle), new SyncChannel(questions, idle)];
    this.stream = new SourceStream(this.channels[0], this.told);
    this.questions = new Questions(this.channels[1], this.told);
    this.attributes = new RemoteXattrs(this.questions);
    this.folders = new Folders(this.stream, this.questions);
    this.content = new FileContent(this.stream, this.questions);
    this.handles = new Handles(setup.mounts);
  }

  // ---------------------------------------------------------------- the walk

  /** A walk begins: from now on folders are answered from what is sent ahead, or from the target's folders where the other end says that they are the same. */
  beginWalk(after?: RelPath, target?: TargetFolders): void {
    this.startAnswering();
    this.folders.begin(after, target);
  }

  /** As `beginWalk`, with nothing sent ahead: every folder is asked for, once. */
  startAnswering(): void {
    this.walking = true;
  }

  /** The walk is over; every question is asked anew. */
  endWalk(): void {
    this.walking = false;
    this.folders.end();
    this.handles.forgetFolders();
    this.attributes.forget();
  }

  /** Nobody asks any more. The link stays. */
  end(): void {
    for (const channel of this.channels) channel.close();
  }

  /** Handles that are open beside the roots, for tests. */
  get openHandles(): number {
    return this.handles.size;
  }

  // ---------------------------------------------------------------- folders

  openDir(at: number, name: ByteString, follow = false): number {
    const dir = this.handles.dir(at);
    if (dir === undefined) return -Errno.EBADF;
    if (!isName(name)) return -Errno.EINVAL;
    const path = joinPath(dir.path, name);
    if (!this.walking) return this.handles.add(new DirHandle(dir.mount, path, undefined, -1));
    const folder = this.known(dir);
    const k = folder === undefined ? -1 : folder.find(name);
    const mode = k < 0 ? 0 : (folder as StoredFolder).mode(k);
    if (mode !== 0) {
      const type = mode & S_IFMT;
      if (type === S_IFDIR) return this.handles.add(new DirHandle(dir.mount, path, folder, k));
      if (type !== S_IFLNK || !follow) return -Errno.ENOTDIR;
    }
    const record = this.leadsTo(dir, folder, k, name, follow);
    if (typeof record === 'number') return record;
    if ((record.readUInt16LE(MODE_AT) & S_IFMT) !== S_IFDIR) return -Errno.ENOTDIR;
    const opened = new DirHandle(dir.mount, path, undefined, -1);
    opened.record = record;
    return this.handles.add(opened);
  }

  /** The record of a name, with `follow` of what it leads to; or a negated errno. */
  private leadsTo(dir: DirHandle, folder: StoredFolder | undefined, k: number, name: ByteString, follow: boolean): Buffer | number {
    const followed = follow && k >= 0 ? folder?.followed(k) : undefined;
    if (typeof followed === 'number') return -followed;
    return followed ?? this.statOf(placeIn(dir, name), follow);
  }

  openBeneath(root: number, path: ByteString): number {
    let fd = root;
    for (const part of path.split('/') as ByteString[]) {
      const next = this.openDir(fd, part, true);
      if (fd !== root) this.close(fd);
      if (next < 0) return next;
      fd = next;
    }
    return fd;
  }

  close(fd: number): number {
    const handle = this.handles.close(fd);
    if (handle === undefined) return this.handles.get(fd) === undefined ? -Errno.EBADF : 0;
    if (handle.kind === 'file') this.content.drop(handle);
    return 0;
  }

  list(fd: number, into: NameList): number {
    const dir = this.handles.dir(fd);
    if (dir === undefined) return this.handles.get(fd) === undefined ? -Errno.EBADF : -Errno.ENOTDIR;
    let folder = this.walking ? (dir.folder ??= this.folders.need(dir.mount, dir.path)) : this.questions.folder(dir.mount, dir.path);
    if (folder.listErrno === Errno.ENODATA && !folder.complete) { // the walk had no need to list it
      folder = this.questions.folder(dir.mount, dir.path);
      dir.folder = folder;
    }
    if (folder.openErrno !== 0) return -folder.openErrno;
    if (folder.listErrno !== 0 && folder.listErrno !== Errno.ENODATA) return -folder.listErrno;
    const { names, types } = into;
    const count = folder.names.length;
    names.length = count;
    types.length = count;
    for (let k = 0; k < count; k++) {
      names[k] = folder.names[k] as ByteString;
      types[k] = folder.mode(k) >>> 12; // DT_ values are the type bits
    }
    return 0;
  }

  /** A folder's entries, where they are held or come next. */
  private known(dir: DirHandle): StoredFolder | undefined {
    if (!this.walking) return undefined;
    const folder = (dir.folder ??= this.folders.find(dir.mount, dir.path));
    return folder === undefined || folder.openErrno !== 0 ? undefined : folder;
  }

  // ---------------------------------------------------------------- attributes

  stat(at: number, name: ByteString, table: StatTable, i: number): number {
    const dir = this.handles.dir(at);
    if (dir === undefined) return -Errno.EBADF;
    const folder = this.known(dir);
    const k = folder === undefined ? -1 : folder.find(name);
    if (folder !== undefined && k >= 0) return folder.record(k, table, i);
    return this.ask(placeIn(dir, name), false, table, i);
  }

  statFollow(at: number, name: ByteString, table: StatTable, i: number): number {
    const dir = this.handles.dir(at);
    if (dir === undefined) return -Errno.EBADF;
    const folder = this.known(dir);
    const k = folder === undefined ? -1 : folder.find(name);
    if (folder !== undefined && k >= 0) {
      const mode = folder.mode(k);
      if (mode === 0 || (mode & S_IFMT) !== S_IFLNK) return folder.record(k, table, i);
      const followed = folder.followed(k);
      if (typeof followed === 'number') return -followed;
      if (followed !== undefined) return put(followed, table, i);
    }
    return this.ask(placeIn(dir, name), true, table, i);
  }

  fstat(fd: number, table: StatTable, i: number): number {
    const handle = this.handles.get(fd);
    if (handle === undefined) return -Errno.EBADF;
    if (handle.kind !== 'dir') {
      const record = handle.kind === 'file' ? handle.record : undefined;
      if (record !== undefined) return put(record, table, i);
      return this.ask(handle.place, handle.kind === 'memory' || handle.follow, table, i);
    }
    if (this.walking) {
      if (handle.parent !== undefined) {
        const error = handle.parent.record(handle.index, table, i);
        // What a digest said of the folder's parent lacks its inode; the folder itself may have been told.
        const self = error === 0 && table.inoLow(i) === 0 && table.inoHigh(i) === 0 ? this.known(handle)?.self : undefined;
        return self === undefined ? error : put(self, table, i);
      }
      const record = handle.record ?? this.known(handle)?.self;
      if (record !== undefined) return put(record, table, i);
    }
    return this.ask(placeIn(handle), false, table, i);
  }

  statMany(at: number, names: readonly ByteString[], from: number, to: number, table: StatTable, errors: Int32Array): void {
    const dir = this.handles.dir(at);
    if (dir === undefined) {
      errors.fill(Errno.EBADF, 0, to - from);
      return;
    }
    const folder = this.known(dir);
    if (folder !== undefined && holds(folder, names, from, to)) {
      folder.records(folder.find(names[from] as ByteString), to - from, table, errors);
      return;
    }
    const posted = [];
    for (let k = from; k < to; k++) {
      const name = names[k] as ByteString;
      const known = folder === undefined ? -1 : folder.find(name);
      if (folder !== undefined && known >= 0) errors[k - from] = -folder.record(known, table, k - from);
      else posted.push({ i: k - from, slot: this.questions.post({ kind: 'call', call: { op: 'stat', place: placeIn(dir, name), follow: false } }) });
    }
    for (const { i, slot } of posted) errors[i] = -taken(this.questions.wait(slot), table, i);
  }

  readlink(at: number, name: ByteString): ByteString | number {
    const dir = this.handles.dir(at);
    if (dir === undefined) return -Errno.EBADF;
    const folder = this.known(dir);
    const k = folder === undefined ? -1 : folder.find(name);
    if (folder !== undefined && k >= 0) {
      const text = folder.link(k);
      if (text !== undefined) return text;
      const mode = folder.mode(k);
      if (mode !== 0 && (mode & S_IFMT) !== S_IFLNK) return -Errno.EINVAL;
    }
    const answer = this.call({ op: 'readlink', place: placeIn(dir, name) });
    return answer.result < 0 ? answer.result : (answer.text ?? -Errno.EIO);
  }

  private call(call: SourceCall): AnswerItem {
    return this.questions.ask({ kind: 'call', call });
  }

  private ask(place: SourcePlace, follow: boolean, table: StatTable, i: number): number {
    if (!follow && this.prepared.size > 0) {
      const key = keyOf(place);
      const slot = this.prepared.get(key);
      this.prepared.delete(key);
      if (slot !== undefined) return taken(this.questions.wait(slot), table, i);
    }
    return taken(this.call({ op: 'stat', place, follow }), table, i);
  }

  private statOf(place: SourcePlace, follow: boolean): Buffer | number {
    const answer = this.call({ op: 'stat', place, follow });
    return answer.result < 0 ? answer.result : recordOf(answer);
  }

  // ---------------------------------------------------------------- extended attributes
  // Whether a symlink is followed is settled by the options, and so the same for both ends: the other one gives what it leads to.

  listXattrs(at: number, name: ByteString): ByteString[] | number {
    return namesOf(this.xattrsAt(at, name, true));
  }
  getXattr(at: number, name: ByteString, attribute: ByteString): Buffer | number {
    return valueOf(this.xattrsAt(at, name, false), attribute);
  }
  flistXattrs(fd: number): ByteString[] | number {
    return namesOf(this.xattrsOf(fd, true));
  }
  fgetXattr(fd: number, attribute: ByteString): Buffer | number {
    return valueOf(this.xattrsOf(fd, false), attribute);
  }

  /** @param fresh a listing begins to look at an entry: what is remembered of it from earlier does not count */
  private xattrsAt(at: number, name: ByteString, fresh: boolean): Xattrs {
    const dir = this.handles.dir(at);
    if (dir === undefined) return -Errno.EBADF;
    const folder = this.setup.attributes ? this.known(dir) : undefined;
    const k = folder === undefined ? -1 : folder.find(name);
    if (folder !== undefined && k >= 0) return folder.xattrs(k);
    return this.attributes.of(placeIn(dir, name), fresh);
  }

  private xattrsOf(fd: number, fresh: boolean): Xattrs {
    const handle = this.handles.get(fd);
    if (handle === undefined) return -Errno.EBADF;
    if (handle.kind === 'dir') {
      if (this.walking && this.setup.attributes) {
        if (handle.parent !== undefined) return handle.parent.xattrs(handle.index);
        const folder = this.known(handle);
        if (folder !== undefined) return folder.xattrs(-1);
      }
      return this.attributes.of(placeIn(handle), fresh);
    }
    if (handle.kind === 'file' && handle.attributes !== undefined) return this.attributes.answered(handle.attributes);
    return this.attributes.of(handle.place, fresh);
  }

  // ---------------------------------------------------------------- files

  open(at: number, name: ByteString, flags: OpenFlags): number {
    const dir = this.handles.dir(at);
    if (dir === undefined) return -Errno.EBADF;
    if (flags.write === true || flags.create === true || flags.truncate === true || flags.append === true) return -Errno.EROFS;
    const follow = flags.follow === true;
    const file = new FileHandle(placeIn(dir, name), follow, flags.noAtime === true);
    const { urgent } = this;
    if (urgent !== undefined && asksFor(urgent, dir.mount, dir.path, name)) {
      this.urgent = undefined;
      file.at = urgent.from;
      return this.openNow(file, urgent);
    }
    const wanted = this.stream.take(dir.mount, dir.path, name);
    if (wanted !== undefined) {
      const { slot } = wanted;
      if (slot === undefined || slot.errno !== 0) return -(slot?.errno ?? Errno.EIO);
      file.wanted = wanted;
      file.at = wanted.request.from;
      file.record = slot.before;
      file.attributes = wanted.attributes;
      return this.handles.add(file);
    }
    return this.walking ? this.openLater(dir, file) : this.openNow(file);
  }

  private openNow(file: FileHandle, request?: ContentRequest): number {
    const error = this.content.begin(file, file.at, request);
    return error < 0 ? error : this.handles.add(file);
  }

  /** In a walk files are opened to read rules, to read a link's text, or to ask for a device's size: content is asked for when it is read. */
  private openLater(dir: DirHandle, file: FileHandle): number {
    const { name } = file.place;
    const folder = this.known(dir);
    if (file.follow) {
      const rules = folder?.ruleFile(name);
      if (rules === null) return -Errno.ENOENT;
      if (rules !== undefined) return this.handles.add(new MemoryHandle(rules, file.place));
      if (folder !== undefined && folder.listErrno === 0 && folder.find(name) < 0) return -Errno.ENOENT;
      const answer = this.call({ op: 'read', place: file.place, most: MAX_SMALL_FILE });
      return answer.result < 0 ? answer.result : this.handles.add(new MemoryHandle(answer.bytes ?? Buffer.alloc(0), file.place));
    }
    const record = this.statRecord(dir, folder, name);
    if (typeof record === 'number') return record;
    if ((record.readUInt16LE(MODE_AT) & S_IFMT) === S_IFLNK) return -Errno.ELOOP;
    file.record = record;
    return this.handles.add(file);
  }

  private statRecord(dir: DirHandle, folder: StoredFolder | undefined, name: ByteString): Buffer | number {
    const k = folder === undefined ? -1 : folder.find(name);
    return folder !== undefined && k >= 0 ? folder.recordOf(k) : this.statOf(placeIn(dir, name), false);
  }

  read(fd: number, buffer: Buffer, offset: number, length: number, position: number): number {
    return readHandle(this.content, this.handles.get(fd), buffer, offset, length, position);
  }
  seekData(fd: number, offset: number): number {
    return dataFrom(this.content, this.handles.get(fd), offset);
  }
  seekHole(fd: number, offset: number): number {
    return holeFrom(this.content, this.handles.get(fd), offset);
  }

  seekEnd(fd: number): number {
    const handle = this.handles.get(fd);
    if (handle?.kind !== 'file') return sizeOf(handle);
    if (handle.record !== undefined && (handle.record.readUInt16LE(MODE_AT) & S_IFMT) === S_IFREG) return sizeOf(handle);
    return this.call({ op: 'seek-end', place: handle.place }).result;
  }

  unlink(at: number, name: ByteString): number {
    const dir = this.handles.dir(at);
    return dir === undefined ? -Errno.EBADF : Math.min(0, this.call({ op: 'unlink', place: placeIn(dir, name) }).result);
  }

  // ---------------------------------------------------------------- content

  request(request: ContentRequest): void {
    const wanted = this.stream.request(request);
    const { layer, folder, name } = request;
    if (this.setup.attributes) wanted.attributes = this.attributes.post({ mount: layer, folder, name });
  }

  requestNow(request: ContentRequest): void {
    if (this.keeps) this.request(request); // a batch tells a file once, in its order
    else this.urgent = request;
  }

  prepareXattrs(layer: number, folder: RelPath, name: ByteString): void {
    if (this.setup.attributes) this.attributes.prepare({ mount: layer, folder, name });
  }

  prepareStat(layer: number, folder: RelPath, name: ByteString): void {
    const place = { mount: layer, folder, name };
    const key = keyOf(place);
    if (this.prepared.has(key)) return;
    const [oldest] = this.prepared.size < MOST_PREPARED ? [] : this.prepared.keys(); // nobody has come for it
    if (oldest !== undefined) this.prepared.delete(oldest);
    this.prepared.set(key, this.questions.post({ kind: 'call', call: { op: 'stat', place, follow: false } }));
  }

  /** Sends what was requested; else it goes with the next call that waits. */
  flush(): void {
    this.stream.flush();
    this.questions.flush();
  }

  token(fd: number): ContentToken {
    return this.content.token(this.file(fd));
  }

  refine(fd: number, sums: RoundSums): void {
    this.content.refine(this.file(fd), sums);
  }

  hash(at: number, name: ByteString, follow: boolean): Buffer | number {
    const dir = this.handles.dir(at);
    if (dir === undefined) return -Errno.EBADF;
    const folder = this.known(dir);
    const k = folder === undefined ? -1 : folder.find(name);
    const known = folder !== undefined && k >= 0 && (follow || (folder.mode(k) & S_IFMT) === S_IFREG) ? folder.hash(k) : undefined;
    if (known !== undefined) return known;
    return hashOf(this.questions.ask({ kind: 'hash', place: placeIn(dir, name), follow }));
  }

  askHash(layer: number, folder: RelPath, name: ByteString): () => Buffer | number {
    const slot = this.questions.post({ kind: 'hash', place: { mount: layer, folder, name }, follow: false });
    return () => hashOf(this.questions.wait(slot));
  }

  private file(fd: number): FileHandle {
    const handle = this.handles.get(fd);
    if (handle?.kind !== 'file') throw new Error(`handle ${fd} is no file with content`);
    return handle;
  }

  // ---------------------------------------------------------------- names of ids

  nameOfUid(uid: number): ByteString | undefined {
    if (!this.told.users.has(uid)) this.told.takeAnswer(this.call({ op: 'names', uids: [uid], gids: [] }));
    return this.told.users.get(uid);
  }

  nameOfGid(gid: number): ByteString | undefined {
    if (!this.told.groups.has(gid)) this.told.takeAnswer(this.call({ op: 'names', uids: [], gids: [gid] }));
    return this.told.groups.get(gid);
  }
}
