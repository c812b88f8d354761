/**
 * Checks evidence, without the source: form, digests and signature first, and where a tree is named, that tree against the manifest, whole or one folder. A path differs
 * where its line does; what differs in it is said attribute by attribute.
 */
import { hostname } from 'node:os';
import { EMPTY, joinPath, parentOf, S_IFDIR, TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';
import { Cursor, type ItemSource } from '../compare/cursor.js';
import { ManifestMerge, type EntryItem, type Side } from '../compare/merge.js';
import { LinkGroups } from '../compare/link-groups.js';
import { openDigest } from '../digest/digest.js';
import type { DigestStats } from '../digest/request.js';
import type { Entry, XattrDigest } from '../manifest/entry.js';
import type { ManifestItem } from '../manifest/items.js';
import { EvidenceReading, readEvidence, type ReadEvidence } from './read.js';
import { badEvidence } from './statement.js';

/** Attributes of an entry, as a difference names them. */
export type EntryField = 'type' | 'mode' | 'owner' | 'group' | 'size' | 'mtime' | 'atime' | 'device' | 'link' | 'hard-link' | 'acl' | 'xattrs' | 'content' | 'readable';

/** A path on which the tree is not what the evidence says. */
export interface TreeDifference { readonly path: RelPath; readonly kind: 'differs' | 'missing' | 'extra' | 'unread'; readonly what: readonly EntryField[] }

export interface CheckRequest {
  readonly evidence: ByteString;
  /** The fingerprint that the key must have; undefined: any key will do, and proves no more than that the file is as its owner left it. */
  readonly fingerprint: string | undefined;
  /** Absolute path of a tree that is to be what the evidence says of the target; undefined: the file alone is checked. */
  readonly tree: ByteString | undefined;
  /** Only this folder of it; empty: all. */
  readonly folder: RelPath;
  readonly threads?: number;
}

export interface CheckResult {
  readonly evidence: ReadEvidence;
  /** Paths that are otherwise than the evidence says; 0 without a tree. */
  readonly differences: number;
  /** Entries of the manifest in what was checked. */
  readonly entries: number;
  readonly stats: DigestStats | undefined;
}

/**
 * Checks. @throws TwintreeError EVIDENCE where the file proves nothing, or is signed by another key; USAGE where the folder is not in it; SOURCE_MISSING or TARGET_UNUSABLE
 * where the tree cannot be opened; IO.
 */
export async function checkEvidence(request: CheckRequest, tell: (difference: TreeDifference) => void = () => undefined, signal: AbortSignal = new AbortController().signal): Promise<CheckResult> {
  const { tree } = request;
  let folder = request.folder;
  let entries = 0;
  let isKnown = folder === EMPTY;
  const evidence = await readEvidence(request.evidence, signal, {
    item(item, path) {
      if (item.kind !== 'entry' || !isWithin(path, folder)) return;
      entries++;
      isKnown ||= path === folder && item.entry.type === S_IFDIR;
    },
  });
  if (request.fingerprint !== undefined && request.fingerprint !== evidence.fingerprint) {
    throw badEvidence(`it is signed by the key ${evidence.fingerprint}, and not by the one that was asked for`, request.evidence);
  }
  if (!isKnown) throw new TwintreeError('USAGE', 'the evidence knows no such folder', { path: folder });
  if (folder === EMPTY) folder = evidence.folder;
  if (tree === undefined) return { evidence, differences: 0, entries, stats: undefined };
  const { statement } = evidence;
  const digest = openDigest({
    root: tree, side: 'target', options: statement.options, places: { source: statement.source.path, target: statement.target.path }, above: statement.source.host === hostname() ? undefined : new Map(), mode: 'full', samplePercent: 0,
    index: false, ahead: false, probe: false, threads: request.threads,
  }, signal, { only: folder });
  const manifest = new EvidenceReading(request.evidence, signal);
  try {
    const merge = new TreeMerge(new Cursor(new FolderItems(manifest, folder, evidence.folder)), new Cursor(digest), folder, tell);
    await merge.run();
    while (await manifest.next() !== undefined); // the rest of it
    if (manifest.end().statementLine !== evidence.statementLine) throw badEvidence('it was changed while it was read', request.evidence);
    return { evidence, differences: merge.differences, entries, stats: digest.stats };
  } finally {
    manifest.close();
    await digest.close();
  }
}

function isWithin(path: RelPath, folder: RelPath): boolean {
  return folder === EMPTY || path === folder || path.startsWith(`${folder}/`);
}

/** Of a manifest's items those of one folder, its own entry first. */
class FolderItems implements ItemSource {
  private path: RelPath;
  private depth = 0;
  private state: 'before' | 'within' | 'behind' = 'before';

  /** @param top the folder that the manifest itself is of */
  constructor(private readonly source: ItemSource, private readonly folder: RelPath, private readonly top: RelPath) {
    this.path = top;
  }

  async next(): Promise<readonly ManifestItem[] | undefined> {
    while (this.state !== 'behind') {
      const items = await this.source.next();
      if (items === undefined) return undefined;
      const chosen = items.filter((item) => this.take(item));
      if (chosen.length > 0) return chosen;
    }
    return undefined;
  }

  private take(item: ManifestItem): boolean {
    if (item.kind === 'end') {
      const within = this.state === 'within';
      if (within && this.path === this.folder) this.state = 'behind';
      this.depth--;
      this.path = this.depth === 0 ? this.top : parentOf(this.path);
      return within;
    }
    if (this.state === 'behind') return false;
    const path = this.depth === 0 ? this.top : joinPath(this.path, item.entry.name);
    if (path === this.folder) this.state = 'within';
    if (item.entry.type === S_IFDIR) {
      this.depth++;
      this.path = path;
    }
    return this.state === 'within';
  }
}

/** The evidence on the left, a tree (or newer evidence) on the right. */
export class TreeMerge extends ManifestMerge {
  differences = 0;
  private readonly groups = new LinkGroups();

  constructor(evidence: Cursor, tree: Cursor, within: RelPath, private readonly tell: (difference: TreeDifference) => void) {
    super(evidence, tree, within);
  }

  protected async pair(left: EntryItem, right: EntryItem): Promise<void> {
    const path = this.pathOf(left.entry);
    if (left.line !== right.line || left.entry.leader !== undefined) this.judge(left.entry, right.entry, path);
    const folders = [left.entry.type === S_IFDIR, right.entry.type === S_IFDIR];
    if (folders[0] === true && folders[1] === true) {
      this.into(left, right);
      return;
    }
    await this.side('left', 'missing', true);
    await this.side('right', 'extra', true);
  }

  protected async only(side: Side): Promise<void> {
    await this.side(side, side === 'left' ? 'missing' : 'extra', false);
  }

  /** Goes over one side's entry and all below it; `known`: of the first one it was told. */
  private async side(side: Side, kind: 'missing' | 'extra', known: boolean): Promise<void> {
    const from = this.depth;
    await this.below(side, (_, path) => {
      if (!known || this.depth > from) this.say({ path, kind, what: [] });
    });
  }

  private judge(evidence: Entry, tree: Entry, path: RelPath): void {
    const what = fieldsThatDiffer(evidence, tree);
    if (!this.groups.agrees(path, evidence.leader, tree.leader)) what.push('hard-link');
    if (what.length > 0) this.say({ path, kind: tree.fault === undefined || tree.fault.code === 'changed' ? 'differs' : 'unread', what });
  }

  private say(difference: TreeDifference): void {
    this.differences++;
    this.tell(difference);
  }
}

/** Attributes in which two entries differ. Names of owners do not count: their ids do. */
export function fieldsThatDiffer(a: Entry, b: Entry): EntryField[] {
  if (a.type !== b.type) return ['type'];
  const fields: EntryField[] = [];
  const differ = (is: boolean, field: EntryField): void => {
    if (is) fields.push(field);
  };
  differ(a.perms !== b.perms, 'mode');
  differ(a.uid !== b.uid, 'owner');
  differ(a.gid !== b.gid, 'group');
  differ(a.size !== b.size, 'size');
  differ(a.mtimeSec !== b.mtimeSec || a.mtimeNsec !== b.mtimeNsec, 'mtime');
  differ(a.atime?.sec !== b.atime?.sec || a.atime?.nsec !== b.atime?.nsec, 'atime');
  differ(a.device?.major !== b.device?.major || a.device?.minor !== b.device?.minor, 'device');
  differ(a.link !== b.link, 'link');
  differ(a.acl !== b.acl || a.defaultAcl !== b.defaultAcl, 'acl');
  differ(a.xattrs.length !== b.xattrs.length || a.xattrs.some((one, i) => !sameAttribute(one, b.xattrs[i])), 'xattrs');
  differ(a.hash !== b.hash, 'content');
  differ(a.fault?.code !== b.fault?.code, 'readable');
  return fields;
}

function sameAttribute(a: XattrDigest, b: XattrDigest | undefined): boolean {
  if (a.name !== b?.name) return false;
  if (typeof a.value === 'string' || typeof b.value === 'string') return a.value === b.value;
  return a.value.size === b.value.size && a.value.sha256 === b.value.sha256;
}
