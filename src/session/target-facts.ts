/**
 * What a session can tell of its target: what its file system holds, found out by trying, and whether the plan fits on it. Asked for by who judges a
 * pair of trees (`SessionListener.target`), in a dry run too; what is tried is removed at once.
 */
import { ownCapabilities, probeTarget, type Capability, type Posix, type TargetTraits } from '../fs/index.js';
import type { LostClass, ScanFindings } from '../endpoint/index.js';
import type { SessionOptions } from '../plan/index.js';
import { neededBytes, neededInodes } from './guards.js';
import { openNearest, type Target } from './target.js';

/** What a file system may hold; see `TargetTraits`. */
export const TRAITS = [
  'symlinks', 'fifos', 'hardLinks', 'devices', 'modes', 'stickyFiles', 'owners', 'holes', 'userXattrs', 'acls', 'reflinks', 'caseInsensitive', 'foldsUnicode', 'anyBytes',
] as const;
export type Trait = (typeof TRAITS)[number];

/** The target as its own host sees it. */
export interface TargetFacts {
  /** The root stands; else all is told of the nearest folder above that does. */
  readonly exists: boolean;
  /** `ext`, `xfs`, `vfat` …, or `unknown`. */
  readonly fileSystem: string;
  readonly readOnly: boolean;
  /** Left out where it cannot be told. */
  readonly writable?: boolean;
  /** Free for this user, and what the plan takes; bytes. `sharesBlocks`: what is copied takes none. */
  readonly freeBytes: number;
  readonly neededBytes: number;
  readonly sharesBlocks: boolean;
  /** Inodes; `freeInodes` is left out where the file system has no limit. */
  readonly freeInodes?: number;
  readonly neededInodes: number;
  /** Unit of times, ns. */
  readonly granularityNs: number;
  readonly nameMax: number;
  /** Largest file, bytes; left out where no file meets the limit. */
  readonly maxFileSize?: number;
  /** What is not known is left out. */
  readonly holds: Partial<Record<Trait, boolean>>;
  /** Whom the session works as, and what that one may; capabilities are left out where the system does not tell. */
  readonly uid: number;
  readonly capabilities?: readonly Capability[];
}

/** Looks at the target. Undefined where neither it nor a folder above can be opened. */
export function targetFacts(posix: Posix, target: Target, findings: ScanFindings, options: SessionOptions, sharesBlocks: (fd: number) => boolean): TargetFacts | undefined {
  const fd = target.fd >= 0 ? target.fd : openNearest(posix, target.path);
  if (fd < 0) return undefined;
  try {
    const info = posix.statfs(fd);
    if (typeof info === 'number') return undefined;
    const traits = probeTarget(posix, fd);
    const { writable } = traits;
    const holds: Partial<Record<Trait, boolean>> = {};
    for (const trait of TRAITS) {
      const answer = traits[trait];
      if (answer !== undefined) holds[trait] = answer;
    }
    const capabilities = ownCapabilities();
    return {
      exists: target.fd >= 0, fileSystem: traits.fileSystem, readOnly: traits.readOnly, ...(writable === undefined ? {} : { writable }), freeBytes: info.availableBlocks * info.blockSize, neededBytes: neededBytes(findings, options),
      sharesBlocks: sharesBlocks(fd), ...(info.files === 0 ? {} : { freeInodes: info.freeFiles }), neededInodes: neededInodes(findings), granularityNs: traits.timeGranularity, nameMax: traits.nameMax,
      ...(traits.maxFileSize === undefined ? {} : { maxFileSize: traits.maxFileSize }), holds, uid: posix.euid, ...(capabilities === undefined ? {} : { capabilities: [...capabilities] }),
    };
  } finally {
    if (fd !== target.fd) posix.close(fd);
  }
}

/** Classes that were asked for and that the target's file system, or this way to it, does not hold. Only what is sure is said. */
export function cannotHold(posix: Posix, traits: TargetTraits | undefined, options: SessionOptions): LostClass[] {
  const a = options.attributes;
  const lost: LostClass[] = [];
  const check = (wanted: boolean, holds: () => boolean | undefined, kind: LostClass): void => {
    if (wanted && holds() === false) lost.push(kind);
  };
  const { lacks } = posix;
  check(a.acls && !a.fakeSuper.target, () => !lacks.has('xattrs') && traits?.acls, 'acls');
  check(a.xattrs, () => !lacks.has('xattrs') && traits?.userXattrs, 'xattrs');
  if (a.fakeSuper.target) return lost; // all else is kept in attributes of plain files
  check(a.links, () => traits?.symlinks, 'symlinks');
  check(a.owner || a.group, () => traits?.owners, 'owners');
  check(a.perms, () => traits?.modes, 'permissions');
  check(a.specials || a.devices, () => !lacks.has('fifos') && traits?.fifos, 'special files');
  return lost;
}
