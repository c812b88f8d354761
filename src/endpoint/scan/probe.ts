/**
 * EntryProbe: answers the planner's questions about the two entries at hand with the disk: same content,
 * same lists of attributes, link texts. One is reused for all entries; buffers are made when first needed.
 */
import type { Posix } from '../../fs/index.js';
import {
  ACCESS_ACL, aclFromMode, DEFAULT_ACL, fitAclToMode, mapAcl, parseAcl, sameAcl, sameBeyondMode, sameXattrs, sortXattrs,
  type Acl, type IdMapper, type Probe, type SessionOptions, type Xattr, type XattrPolicy,
} from '../../plan/index.js';
import { xattrPolicy } from '../xattrs.js';
import { EMPTY, S_IFDIR, type ByteString } from '../../tree/index.js';

/** Bytes compared at a time. */
const SLICE = 1 << 18;

export class EntryProbe implements Probe {
  private sourceAt = -1;
  private sourceName: ByteString = EMPTY;
  private targetFolder = -1;
  private targetName: ByteString = EMPTY;
  private size = 0;
  private type = 0;
  /** Attribute names of both sides, listed once an entry: ACLs stand among them. */
  private sourceNames: ByteString[] | undefined;
  private targetNames: ByteString[] | undefined;
  private left: Buffer | undefined;
  private right: Buffer | undefined;
  private readonly policy: XattrPolicy;

  constructor(
    private readonly posix: Posix,
    private readonly options: SessionOptions,
    private readonly aborted: () => boolean,
    private readonly ids: IdMapper,
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
    this.sourceNames = undefined;
    this.targetNames = undefined;
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
  }

  /** A probe that has nothing to ask about. */
  none(): this {
    this.sourceAt = -1;
    this.targetFolder = -1;
    return this;
  }

  /** Text of the source's symlink, or -errno. */
  sourceLink(): ByteString | number {
    return this.posix.readlink(this.sourceAt, this.sourceName);
  }

  targetLink(): ByteString {
    const text = this.posix.readlink(this.targetFolder, this.targetName);
    return typeof text === 'number' ? EMPTY : text;
  }

  sameContent(): boolean {
    const { posix } = this;
    const a = posix.open(this.sourceAt, this.sourceName, { read: true, nonBlock: true, follow: this.options.symlinks.copyLinks || this.options.symlinks.copyUnsafeLinks });
    if (a < 0) return false; // the transfer meets the same error and reports it
    const b = posix.open(this.targetFolder, this.targetName, { read: true, nonBlock: true });
    if (b < 0) {
      posix.close(a);
      return false;
    }
    this.left ??= Buffer.allocUnsafeSlow(SLICE);
    this.right ??= Buffer.allocUnsafeSlow(SLICE);
    const { left, right } = this;
    try {
      for (let at = 0; at < this.size; at += SLICE) {
        if (this.aborted()) return false;
        const want = Math.min(SLICE, this.size - at);
        const x = posix.read(a, left, 0, want, -1);
        const y = posix.read(b, right, 0, want, -1);
        if (x !== want || y !== want) return false;
        if (left.compare(right, 0, want, 0, want) !== 0) return false;
      }
      return true;
    } finally {
      posix.close(a);
      posix.close(b);
    }
  }

  sameAcl(mode: number): boolean {
    if (this.sourceAt < 0 || this.targetFolder < 0) return true;
    const wanted = this.acl(this.namesAtSource(), this.sourceAt, this.sourceName, ACCESS_ACL, true);
    const actual = this.acl(this.namesAtTarget(), this.targetFolder, this.targetName, ACCESS_ACL, false);
    if (wanted !== undefined || actual !== undefined) {
      const plain = aclFromMode(mode);
      if (!sameBeyondMode(fitAclToMode(wanted ?? plain, mode), actual ?? plain)) return false;
    }
    if (this.type !== S_IFDIR) return true;
    return sameAcl(
      this.acl(this.namesAtSource(), this.sourceAt, this.sourceName, DEFAULT_ACL, true),
      this.acl(this.namesAtTarget(), this.targetFolder, this.targetName, DEFAULT_ACL, false),
    );
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
      const value = this.value(this.sourceAt, this.sourceName, name);
      if (typeof value === 'object') wanted.push({ name: stored, value });
    }
    const actual: Xattr[] = [];
    for (const name of namesAtTarget) {
      if (!this.policy.minds(name)) continue;
      const value = this.value(this.targetFolder, this.targetName, name);
      if (typeof value === 'object') actual.push({ name, value });
    }
    return sameXattrs(sortXattrs(wanted), sortXattrs(actual));
  }

  private acl(names: readonly ByteString[], at: number, entry: ByteString, attribute: ByteString, source: boolean): Acl | undefined {
    if (!names.includes(attribute)) return undefined;
    const value = this.value(at, entry, attribute);
    if (typeof value === 'number') return undefined;
    const acl = parseAcl(value);
    return acl === undefined || !source ? acl : mapAcl(acl, this.ids);
  }

  /** Whether the source's entry has an access list of its own. */
  sourceHasAcl(): boolean {
    return this.sourceAt >= 0 && this.namesAtSource().some((name) => name === ACCESS_ACL || name === DEFAULT_ACL);
  }

  /** Whether the source's entry has attributes that would be copied. */
  sourceHasXattrs(): boolean {
    return this.sourceAt >= 0 && this.namesAtSource().some((name) => this.policy.storedName(name) !== undefined);
  }

  private namesAtSource(): ByteString[] {
    this.sourceNames ??= this.list(this.sourceAt, this.sourceName);
    return this.sourceNames;
  }

  private namesAtTarget(): ByteString[] {
    this.targetNames ??= this.list(this.targetFolder, this.targetName);
    return this.targetNames;
  }

  private list(at: number, name: ByteString): ByteString[] {
    const names = name === '' ? this.posix.flistXattrs(at) : this.posix.listXattrs(at, name);
    return typeof names === 'number' ? [] : names;
  }

  private value(at: number, name: ByteString, attribute: ByteString): Buffer | number {
    return name === '' ? this.posix.fgetXattr(at, attribute) : this.posix.getXattr(at, name, attribute);
  }
}
