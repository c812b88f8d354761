/**
 * Drift: what differs on the target though nothing happened to it at the source since a session last made it equal: other hands did it. Found by the
 * full sessions of the timetable, in which there is no doubt about events. Told apart from it: what is known to have changed, and what changed at the
 * source without being told, which its ctime shows. Clocks are those of this host; times are milliseconds since 1970.
 */
import { Item, OpKind, reasonText, type Operation } from '../../plan/index.js';
import { EMPTY, parentOf, type ByteString, type RelPath } from '../../tree/index.js';
import type { Hint, HintScope } from '../hint.js';
import { covers, type Job } from './agenda.js';
import { SourceTimes } from './source-times.js';

/** `report`: it is told and left. `repair`: it is mended, and told. `off`: it is mended without a word, as in any sync. */
export type DriftMode = 'off' | 'report' | 'repair';

/** What a difference is. */
export type DriftVerdict =
  | 'drift'
  | 'known' // a change that was told of
  | 'unseen' // the source changed, and nothing told of it
  | 'aside'; // the times of a folder, which follow from what happens in it

/** Milliseconds by which a file may be stamped before the moment in which it is written: of one stamped so shortly before a session began, its time alone does not tell whether the session saw it so. */
const TICK = 20;
/** Paths remembered since the last full session; beyond them the moment counts for all. */
const MOST = 50_000;

/** When paths were last made equal. */
export class SyncedTimes {
  private whole: number | undefined;
  private readonly paths = new Map<RelPath, { at: number; scope: HintScope; young: number | undefined }>();

  /** @param most for tests. */
  constructor(private readonly most = MOST) {}

  /** A session that began then ended well for these. @param young their ctimes when it began, as `youngChanges` tells */
  ended(job: Pick<Job, 'kind'>, done: Iterable<Hint>, began: number, young?: ReadonlyMap<RelPath, number>): void {
    if (job.kind === 'full') return this.all(began, young);
    for (const { path, scope } of done) {
      const known = this.paths.get(path);
      this.paths.set(path, { at: began, scope: known !== undefined && known.scope === 'subtree' ? known.scope : scope, young: young?.get(path) });
    }
    if (this.paths.size > this.most) this.all(began);
  }

  /** Whether the last session saw a path as it is. @param changed its ctime now */
  saw(path: RelPath, changed: number): boolean {
    const synced = this.of(path);
    return synced !== undefined && (changed <= synced - TICK || this.paths.get(path)?.young === changed);
  }

  /** When a path was last made equal; undefined: no full session has gone through. */
  of(path: RelPath): number | undefined {
    if (this.whole === undefined) return undefined;
    let latest = Math.max(this.whole, this.paths.get(path)?.at ?? 0);
    for (let at = path, near = true; at !== EMPTY; near = false) {
      at = parentOf(at);
      const above = this.paths.get(at);
      if (above !== undefined && (above.scope === 'subtree' || (above.scope === 'listing' && near))) latest = Math.max(latest, above.at);
    }
    return latest;
  }

  /** What changed within a tick before that is still known as it was seen: by then, or by a session shortly before. */
  private all(at: number, young?: ReadonlyMap<RelPath, number>): void {
    this.whole = at;
    for (const [path, known] of this.paths) if (known.young === undefined || known.young <= at - TICK) this.paths.delete(path);
    for (const [path, changed] of young ?? []) this.paths.set(path, { at, scope: 'entry', young: changed });
  }
}

/** The ctimes of entries that changed so shortly before a session began: as long as they stay so, the session saw them so. To be asked before it reads. */
export function youngChanges(root: ByteString, hints: Iterable<Hint>, began: number): Map<RelPath, number> {
  const young = new Map<RelPath, number>();
  const source = new SourceTimes(root);
  for (const { path, scope } of hints) {
    const changed = scope === 'entry' ? source.changedAt(path) : undefined;
    if (typeof changed === 'number' && changed > began - TICK) young.set(path, changed);
  }
  source.close();
  return young;
}

/** One look for drift. `close` gives back what it holds of the source. */
export class DriftLook {
  private readonly source: SourceTimes;
  private readonly exact = new Set<RelPath>();
  private readonly parents = new Set<RelPath>();
  private readonly wide: Hint[] = [];

  /** @param root path of the source. @param known what waits, or failed before. */
  constructor(root: ByteString, private readonly times: SyncedTimes, known: Iterable<Hint>) {
    this.source = new SourceTimes(root);
    this.heard(known);
  }

  /** Something was heard meanwhile. */
  heard(hints: Iterable<Hint>): void {
    for (const hint of hints) {
      this.exact.add(hint.path);
      if (hint.path !== EMPTY) this.parents.add(parentOf(hint.path));
      if (hint.scope !== 'entry') this.wide.push(hint);
    }
  }

  /** @param op a difference, as a session tells it. */
  judge(op: Pick<Operation, 'kind' | 'item'>, path: RelPath): DriftVerdict {
    if (op.kind === OpKind.Folder && (op.item & ~(Item.Time | Item.Local)) === 0) return 'aside';
    if (this.exact.has(path) || this.wide.some((hint) => covers(hint, path)) || (op.kind === OpKind.Folder && this.parents.has(path))) return 'known';
    if (this.times.of(path) === undefined) return 'known';
    const changed = this.source.changedAt(path);
    if (changed === 'gone') return 'drift'; // nobody told that it went
    return changed !== undefined && this.times.saw(path, changed) ? 'drift' : 'unseen';
  }

  close(): void {
    this.source.close();
  }
}

/** What a look found. */
export interface DriftFound { path: RelPath; what: string }

/** Differences that are judged, and named, of one look. */
const MOST_FOUND = 10_000;

/** A look with what it finds, for one session: differences are noted as they are told, and judged when all that happened meanwhile was heard. */
export class DriftSearch {
  readonly found: DriftFound[] = [];
  /** What changed at the source and nothing told of: to be brought over. */
  readonly unseen: Hint[] = [];
  /** All differences that were told, also where they are too many to be judged. */
  differences = 0;
  private readonly noted: (Pick<Operation, 'kind' | 'item' | 'reason'> & { path: RelPath })[] = [];

  constructor(private readonly look: DriftLook) {}

  heard(hints: Iterable<Hint>): void {
    this.look.heard(hints);
  }

  /** A difference. */
  differs({ kind, item, reason }: Operation, path: RelPath): void {
    this.differences++;
    if (this.noted.length < MOST_FOUND) this.noted.push({ kind, item, reason, path });
  }

  /** Judges what was noted. @param now for the hints. False: there was more, of which nothing is known. */
  judge(now: number): boolean {
    for (const op of this.noted.splice(0)) {
      const verdict = this.look.judge(op, op.path);
      if (verdict === 'drift') this.found.push({ path: op.path, what: reasonText(op.reason) });
      if (verdict === 'unseen') this.unseen.push({ path: op.path, scope: 'entry', reason: 'unclear', at: now, gone: false });
    }
    return this.differences <= MOST_FOUND;
  }

  close(): void {
    this.look.close();
  }
}
