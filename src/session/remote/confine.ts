/**
 * What a serving side allows, whatever the peer asks: one folder, reading or writing, no refused options. The process is bound to
 * the folder for good (fs/confined.ts), so no path, name, symlink or rule file that the peer sends leads out of it. Decided
 * by the command line or the configuration of this side alone.
 */
import { availableParallelism } from 'node:os';
import { confineProcess, errnoText, loadOwnPosix, loadPosix, type Posix } from '../../fs/index.js';
import type { FilterRule } from '../../filter/index.js';
import { comparesContent, type IdMapRule, type SessionOptions } from '../../plan/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';

/** What a serving side allows. */
export interface AgentLimits {
  /** The only folder it serves; undefined: whatever its user may reach. */
  readonly root: ByteString | undefined;
  readonly mayRead: boolean;
  readonly mayWrite: boolean;
  /** Long option names that a peer may not use, such as `delete`. */
  readonly refused: readonly string[];
  /** Names below the root that nobody gets to see or change. */
  readonly hidden: readonly FilterRule[];
  /** Rules for owners of what is written, before those of the peer. */
  readonly userMap: readonly IdMapRule[];
  readonly groupMap: readonly IdMapRule[];
}

/** Whatever its user may reach. */
export const UNLIMITED: AgentLimits = { root: undefined, mayRead: true, mayWrite: true, refused: [], hidden: [], userMap: [], groupMap: [] };

/** Threads that a bound side uses at most, however many the peer asks for; at least 4 are allowed. */
const MOST_THREADS = 4;

/**
 * Binds this process to the root, for good, and returns the system calls that stay below it. Paths count from the root then:
 * it is `/` and the folder that the process is in. @throws TwintreeError TARGET_UNUSABLE, UNSUPPORTED.
 */
export function bindTo(limits: AgentLimits): Posix {
  if (limits.root === undefined) return loadPosix();
  const own = loadOwnPosix();
  if (own.kind !== 'native') {
    throw new TwintreeError('UNSUPPORTED', 'this host has no system calls that keep a serving side inside its folder', { advice: 'Bound serving needs Linux, and no TWINTREE_NO_FFI.' });
  }
  const root = own.openRoot(limits.root);
  if (root < 0) throw new TwintreeError('TARGET_UNUSABLE', `the folder that is served cannot be opened: ${errnoText(-root)}`);
  confineProcess({ root, hidden: limits.hidden });
  process.chdir('/');
  return loadPosix();
}

/** The peer's options as this side carries them out. @throws TwintreeError REFUSED for those that it refuses. */
export function allowedOptions(options: SessionOptions, limits: AgentLimits): SessionOptions {
  for (const name of limits.refused) {
    if (ASKED[name]?.(options) === true) throw new TwintreeError('REFUSED', `this side refuses --${name}`);
  }
  if (limits.root === undefined) return options;
  if (options.cloneDir !== undefined) throw new TwintreeError('REFUSED', 'this side keeps no clones for its clients: --clone-dir is refused');
  const { attributes, threads } = options;
  if (attributes.writeDevices || attributes.copyDevices) throw new TwintreeError('REFUSED', 'this side refuses the content of devices');
  return {
    ...options,
    attributes: { ...attributes, userMap: [...limits.userMap, ...attributes.userMap], groupMap: [...limits.groupMap, ...attributes.groupMap] },
    threads: threads === undefined ? undefined : Math.min(threads, Math.max(MOST_THREADS, availableParallelism())),
  };
}

/**
 * Whether kept plans are made and carried out here. Their records say what is done, owners and permissions among it: where this side refuses options or
 * maps owners, a plan that somebody has made by hand could go around that. @throws TwintreeError REFUSED.
 */
export function checkKept({ refused, userMap, groupMap }: AgentLimits): void {
  if (refused.length === 0 && userMap.length === 0 && groupMap.length === 0) return;
  throw new TwintreeError('REFUSED', 'this side makes and carries out no kept plans: it refuses options or maps owners, which a plan could go around', { advice: 'Use twintree sync.' });
}

/** Options that can be refused by name, and how they show. */
const ASKED: Readonly<Record<string, (o: SessionOptions) => boolean>> = {
  delete: (o) => o.delete.when !== undefined || o.delete.missingArgs === 'delete' || o.replace.backupKeep !== undefined,
  'delete-excluded': (o) => o.delete.excluded,
  'ignore-errors': (o) => o.delete.ignoreErrors,
  force: (o) => o.delete.force,
  inplace: (o) => o.replace.inplace,
  append: (o) => o.replace.append !== false,
  backup: (o) => o.replace.backup,
  'backup-dir': (o) => o.replace.backupDir !== undefined,
  'backup-keep': (o) => o.replace.backupKeep !== undefined,
  'temp-dir': (o) => o.replace.tempDir !== undefined,
  'partial-dir': (o) => o.replace.partialDir !== undefined,
  'link-dest': (o) => o.replace.altDest?.kind === 'link',
  'copy-dest': (o) => o.replace.altDest?.kind === 'copy',
  'compare-dest': (o) => o.replace.altDest?.kind === 'compare',
  'remove-source-files': (o) => o.replace.removeSourceFiles,
  preallocate: (o) => o.replace.preallocate,
  fsync: (o) => o.replace.fsync,
  durable: (o) => o.replace.durable === true,
  mkpath: (o) => o.replace.mkpath,
  'copy-links': (o) => o.symlinks.copyLinks,
  'copy-unsafe-links': (o) => o.symlinks.copyUnsafeLinks,
  'copy-dirlinks': (o) => o.symlinks.copyDirlinks,
  'keep-dirlinks': (o) => o.symlinks.keepDirlinks,
  links: (o) => o.attributes.links,
  'hard-links': (o) => o.attributes.hardLinks,
  devices: (o) => o.attributes.devices,
  specials: (o) => o.attributes.specials,
  owner: (o) => o.attributes.owner,
  group: (o) => o.attributes.group,
  perms: (o) => o.attributes.perms,
  chmod: (o) => o.attributes.chmod !== undefined,
  usermap: (o) => o.attributes.userMap.length > 0,
  groupmap: (o) => o.attributes.groupMap.length > 0,
  'numeric-ids': (o) => o.attributes.numericIds,
  'fake-super': (o) => o.attributes.fakeSuper.source || o.attributes.fakeSuper.target,
  acls: (o) => o.attributes.acls,
  xattrs: (o) => o.attributes.xattrs,
  checksum: (o) => comparesContent(o.compare),
  'no-lock': (o) => !o.lock,
};

/** Names that `refused` may hold. */
export const REFUSABLE: readonly string[] = Object.keys(ASKED);
