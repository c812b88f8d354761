/**
 * EntryProbe: answers the planner's questions about the two entries at hand with the disk: same content,
 * same lists of attributes, link texts. One is reused for all entries; buffers are made when first needed.
 */
import type { Posix } from '../../fs/index.js';
import {
  ACCESS_ACL, aclFromMode, decodeFakeAcl, DEFAULT_ACL, FAKE_ACCESS_ACL, FAKE_DEFAULT_ACL, fitAclToMode, mapAcl, parseAcl, sameAcl, sameBeyondMode, sameXattrs, sortXattrs,
  type Acl, type IdMapper, type Probe, type SessionOptions, type Xattr, type XattrPolicy,
} from '../../plan/index.js';
import { Reading, type ContentHashes } from '../content-hashes.js';
import { FileHasher } from '../file-hash.js';
import { followsLeaf, xattrPolicy } from '../xattrs.js';
import { linkTextOf } from './fake-stat.js';
import type { SourceFs } from '../source/index.js';
import type { Side } from '../../state/index.js';
import { EMPTY, S_IFDIR, StatTable, type ByteString, type RelPath } from '../../tree/index.js';

/** Bytes compared at a time. */
const SLICE = 1 << 18;

export class EntryProbe implements Probe {
  private sourceAt = -1;
  private sourceName: ByteString = EMPTY;
  private targetFolder = -1;
  private targetName: ByteString = EMPTY;
  private size = 0;
  private type = 0;
  private follow = false; // the source's name may be a symlink's, and stand for what that leads to
  /** Attribute names of both sides, listed once an entry: ACLs stand among them. */
  private sourceNames: ByteString[] | undefined;
  private targetNames: ByteString[] | undefined;
  private left: Buffer | undefined;
  private right: Buffer | undefined;
  private hasher: FileHasher | undefined;
  private readonly policy: XattrPolicy;
  /** Where the two entries' records are, and their path: with `hashes` only. */
  private subject: { path: RelPath; source: StatTable; i: number; target: StatTable; j: number } | undefined;
  private readonly opened = new StatTable(1);

  constructor(
    private readonly posix: Posix,
    private readonly source: SourceFs,
    private readonly options: SessionOptions,
    private readonly aborted: () => boolean,
    private readonly ids: IdMapper,
    /** Hashes of earlier runs. */
    private readonly hashes?: ContentHashes,
  ) {
    this.policy = xattrPolicy(posix, options);
  }

  /** The next questions are about an entry of two folders. */
  entries(sourceAt: number, sourceName: ByteString, targetFolder: number, targetName: ByteString, size: number, type: number): void {
    this.sourceAt = sourceAt;
    this.sourceName = sourceName;
    this.targetFolder = targetFolder;
    this.targetName = targetName;
    this.size = size;
    this.type = type;
    this.follow = followsLeaf(this.options, type);
    this.sourceNames = undefined;
    this.targetNames = undefined;
    this.subject = undefined;
  }

  /** After `entries`: their path and records, so that what is known of their content may answer. */
  about(path: RelPath, source: StatTable, i: number, target: StatTable, j: number): void {
    if (this.hashes !== undefined) this.subject = { path, source, i, target, j };
  }

  /** The next questions are about two open folders themselves. */
  folders(source: number, target: number): void {
    this.sourceAt = source;
    this.sourceName = EMPTY;
    this.targetFolder = target;
    this.targetName = EMPTY;
    this.type = S_IFDIR;
    this.sourceNames = undefined;
    this.targetNames = undefined;
  }

  /** The target's side is an entry of an alternate folder. */
  targetAt(at: number, name: ByteString): void {
    this.targetFolder = at;
    this.targetName = name;
    this.targetNames = undefined;
    this.subject = undefined; // what is known is known of the target's
  }

  /** A probe that has nothing to ask about. */
  none(): this {
    this.sourceAt = -1;
    this.targetFolder = -1;
    return this;
  }

  /** Text of the source's symlink, or -errno. */
  sourceLink(): ByteString | number {
    return linkTextOf(this.source, this.sourceAt, this.sourceName, this.options.attributes.fakeSuper.source);
  }

  targetLink(): ByteString {
    const text = linkTextOf(this.posix, this.targetFolder, this.targetName, this.options.attributes.fakeSuper.target);
    return typeof text === 'number' ? EMPTY : text;
  }

  sameContent(): boolean {
    const { hashes, subject, source } = this;
    const actual = subject === undefined ? undefined : hashes?.known('target', subject.path, subject.target, subject.j);
    if (source.remote !== undefined) {
      const wanted = source.remote.hash(this.sourceAt, this.sourceName, this.follows);
      if (typeof wanted === 'number') return false;
      return (actual ?? this.hashOf('target'))?.equals(wanted) === true;
    }
    const wanted = subject === undefined ? undefined : hashes?.known('source', subject.path, subject.source, subject.i);
    if (wanted === undefined && actual === undefined) return this.sameBytes();
    return (wanted ?? this.hashOf('source'))?.equals(actual ?? this.hashOf('target') ?? Buffer.alloc(0)) === true;
  }

  private get follows(): boolean {
    return this.options.symlinks.copyLinks || this.options.symlinks.copyUnsafeLinks;
  }

  /** Opens the file of one side; below zero where that cannot be: a transfer meets the same error and reports it. */
  private openSide(side: Side): number {
    if (side === 'target') return this.posix.open(this.targetFolder, this.targetName, { read: true, nonBlock: true });
    return this.source.open(this.sourceAt, this.sourceName, { read: true, nonBlock: true, follow: this.follows });
  }

  /** The hash of one side's file, which is on this host, read and noted. */
  private hashOf(side: Side): Buffer | undefined {
    const tree = this.posix;
    const fd = this.openSide(side);
    if (fd < 0) return undefined;
    try {
      const reading = this.startReading(fd);
      const hash = (this.hasher ??= new FileHasher(tree)).digest(fd, this.size, this.aborted);
      if (hash !== undefined) this.noteReading(side, fd, reading, hash);
      return hash;
    } finally {
      tree.close(fd);
    }
  }

  private startReading(fd: number): Reading | undefined {
    const { hashes, subject, opened, posix } = this;
    return hashes === undefined || subject === undefined || posix.fstat(fd, opened, 0) < 0 ? undefined : new Reading(opened, 0, hashes.now());
  }

  private noteReading(side: Side, fd: number, reading: Reading | undefined, hash: Buffer): void {
    const { hashes, subject, opened, posix } = this;
    if (reading === undefined || subject === undefined || posix.fstat(fd, opened, 0) < 0 || !reading.isUntouched(opened, 0)) return;
    hashes?.note(side, subject.path, reading.fingerprint, hash, reading.moment);
  }

  /** Both files are here and nothing is known of either: they are compared, and hashed by the way where that is kept. */
  private sameBytes(): boolean {
    const { posix, source } = this;
    const a = this.openSide('source');
    if (a < 0) return false;
    const b = this.openSide('target');
    if (b < 0) {
      source.close(a);
      return false;
    }
    try {
      const readings = [this.startReading(a), this.startReading(b)] as const;
      const hasher = readings[0] === undefined && readings[1] === undefined ? undefined : (this.hasher ??= new FileHasher(posix));
      if (!this.readBoth(a, b, hasher)) return false;
      if (hasher !== undefined) {
        const hash = hasher.end();
        this.noteReading('source', a, readings[0], hash);
        this.noteReading('target', b, readings[1], hash);
      }
      return true;
    } finally {
      source.close(a);
      posix.close(b);
    }
  }

  private readBoth(a: number, b: number, hasher: FileHasher | undefined): boolean {
    const { posix, source } = this;
    this.left ??= Buffer.allocUnsafeSlow(SLICE);
    this.right ??= Buffer.allocUnsafeSlow(SLICE);
    const { left, right } = this;
    hasher?.begin();
    for (let at = 0; at < this.size; at += SLICE) {
      if (this.aborted()) return false;
      const want = Math.min(SLICE, this.size - at);
      const x = source.read(a, left, 0, want, -1);
      const y = posix.read(b, right, 0, want, -1);
      if (x !== want || y !== want) return false;
      if (left.compare(right, 0, want, 0, want) !== 0) return false;
      hasher?.add(left.subarray(0, want));
    }
    return true;
  }

  sameAcl(mode: number): boolean {
    if (this.sourceAt < 0 || this.targetFolder < 0) return true;
    const wanted = this.acl(ACCESS_ACL, true, mode);
    const actual = this.acl(ACCESS_ACL, false, mode);
    if (wanted !== undefined || actual !== undefined) {
      const plain = aclFromMode(mode);
      if (!sameBeyondMode(fitAclToMode(wanted ?? plain, mode), actual ?? plain)) return false;
    }
    return this.type !== S_IFDIR || sameAcl(this.acl(DEFAULT_ACL, true, mode), this.acl(DEFAULT_ACL, false, mode));
  }

  sameXattrs(): boolean {
    if (this.sourceAt < 0 || this.targetFolder < 0) return true;
    const namesAtSource = this.namesAtSource();
    const namesAtTarget = this.namesAtTarget();
    if (namesAtSource.length === 0 && namesAtTarget.length === 0) return true;
    const wanted: Xattr[] = [];
    for (const name of namesAtSource) {
      const stored = this.policy.storedName(name);
      if (stored === undefined) continue;
      const value = this.valueAtSource(name);
      if (typeof value === 'object') wanted.push({ name: stored, value });
    }
    const actual: Xattr[] = [];
    for (const name of namesAtTarget) {
      if (!this.policy.minds(name)) continue;
      const value = this.valueAtTarget(name);
      if (typeof value === 'object') actual.push({ name, value });
    }
    return sameXattrs(sortXattrs(wanted), sortXattrs(actual));
  }

  /** A list of either side, the source's with its ids mapped. Parts that a fake-super tree leaves out come from `mode`. */
  private acl(list: ByteString, source: boolean, mode: number): Acl | undefined {
    const { fakeSuper } = this.options.attributes;
    const fake = source ? fakeSuper.source : fakeSuper.target;
    const attribute = !fake ? list : list === ACCESS_ACL ? FAKE_ACCESS_ACL : FAKE_DEFAULT_ACL;
    if (!(source ? this.namesAtSource() : this.namesAtTarget()).includes(attribute)) return undefined;
    const value = source ? this.valueAtSource(attribute) : this.valueAtTarget(attribute);
    if (typeof value === 'number') return undefined;
    const acl = fake ? decodeFakeAcl(value, mode) : parseAcl(value);
    return acl === undefined || !source ? acl : mapAcl(acl, this.ids);
  }

  /** Whether the source's entry has an access list of its own. */
  sourceHasAcl(): boolean {
    return this.sourceAt >= 0 && this.namesAtSource().some((name) => name === ACCESS_ACL || name === DEFAULT_ACL);
  }

  /** Names of its access lists. */
  sourceAclNames(): ByteString[] {
    return this.sourceAt < 0 ? [] : this.namesAtSource().filter((name) => name === ACCESS_ACL || name === DEFAULT_ACL);
  }

  /** Whether the source's entry has attributes that would be copied. */
  sourceHasXattrs(): boolean {
    return this.sourceAt >= 0 && this.namesAtSource().some((name) => this.policy.storedName(name) !== undefined);
  }

  /** Names of its attributes that would be copied. */
  sourceXattrNames(): ByteString[] {
    return this.sourceAt < 0 ? [] : this.namesAtSource().filter((name) => this.policy.storedName(name) !== undefined);
  }

  private namesAtSource(): ByteString[] {
    this.sourceNames ??= listed(this.sourceName === '' ? this.source.flistXattrs(this.sourceAt) : this.source.listXattrs(this.sourceAt, this.sourceName, this.follow));
    return this.sourceNames;
  }

  private namesAtTarget(): ByteString[] {
    this.targetNames ??= listed(this.targetName === '' ? this.posix.flistXattrs(this.targetFolder) : this.posix.listXattrs(this.targetFolder, this.targetName));
    return this.targetNames;
  }

  private valueAtSource(attribute: ByteString): Buffer | number {
    return this.sourceName === '' ? this.source.fgetXattr(this.sourceAt, attribute) : this.source.getXattr(this.sourceAt, this.sourceName, attribute, this.follow);
  }

  private valueAtTarget(attribute: ByteString): Buffer | number {
    return this.targetName === '' ? this.posix.fgetXattr(this.targetFolder, attribute) : this.posix.getXattr(this.targetFolder, this.targetName, attribute);
  }
}

function listed(names: ByteString[] | number): ByteString[] {
  return typeof names === 'number' ? [] : names;
}
