/**
 * KeptSums: the trees of leaf sums of large files, kept between runs (state/store/sum-table.ts), so that a delta's basis, and what was sent last, need no
 * reading. One for each thread and side; sums of another key than the session's are of no use. What goes wrong with the store costs time only: it is told
 * once, and nothing is kept any more.
 */
import { CheckedPages, DeltaError, TreeSummer, type LeafRun, type SumPages, type TreeChange, type TreeShape } from '../delta/index.js';
import { createKernel, type Kernel, type Seed } from '../hash/index.js';
import { hasFingerprint, isSettled, RACY_MS, seedTag, type Fingerprint, type Side, type SumHead } from '../state/index.js';
import type { ByteString, RelPath, StatTable } from '../tree/index.js';
import { KeptTables } from './kept-tables.js';

/** What a thread must know to use them: plain data. */
export interface SumStore {
  /** Folder of the pair's state, which this process holds. */
  readonly folder: ByteString;
  readonly seed: Seed;
  /** `major:minor` of the file systems whose fingerprints are believed. */
  readonly devices: readonly string[];
  /** Handle of the folder of clones, where they are kept (supply/clones.ts). */
  readonly clones?: number;
}

/** Files from this size on are worth keeping sums of, bytes. */
export const SUMS_WORTH = 256 << 10;

/** A tree that is kept. */
export interface KeptTree extends TreeShape {
  readonly root: Buffer;
  readonly head: SumHead;
  /** @throws DeltaError where the state is damaged. */
  readonly pages: SumPages & { readonly root: Buffer; leaves(): Buffer };
}

export class KeptSums {
  readonly seed: Seed;
  /** Tells this key's sums from others'. */
  readonly tag: Buffer;
  private readonly devices: ReadonlySet<string>;
  private kernel: Kernel | undefined;
  private summer: TreeSummer | undefined;
  private readonly tables: KeptTables;

  constructor(store: SumStore, private readonly side: Side, failed: (message: string) => void = () => undefined) {
    this.tables = new KeptTables(store.folder, failed);
    this.seed = store.seed;
    this.tag = seedTag(store.seed);
    this.devices = new Set(store.devices);
  }

  /** The tree that is kept of a path, whatever became of the file since. */
  kept(path: RelPath): KeptTree | undefined {
    return this.guarded(() => {
      const sums = this.tables.open()?.sums;
      const head = sums?.get(this.side, path);
      if (sums === undefined || head === undefined || !head.tag.equals(this.tag)) return undefined;
      const pages = new CheckedPages(this.trees(), head, head.root, (level, n) => sums.page(this.side, path, head.root, level, n));
      return { root: head.root, size: head.size, leafLength: head.leafLength, head, pages };
    });
  }

  /** Whether the file in record i still holds the content that the tree is of. */
  isOf(tree: KeptTree, table: StatTable, i: number): boolean {
    const { fingerprint, moment } = tree.head;
    return this.devices.has(`${table.devMajor(i)}:${table.devMinor(i)}`) && hasFingerprint(fingerprint, table, i) && isSettled(fingerprint, moment) && tree.size === table.size(i);
  }

  /** All leaf sums of a tree; undefined where the state is damaged. */
  leaves(tree: KeptTree): Buffer | undefined {
    return this.guarded(() => tree.pages.leaves());
  }

  /** The tree of the next version. Undefined where that cannot be told: the state is damaged, or sums are missing. */
  change(shape: TreeShape, base: KeptTree | undefined, runs: readonly LeafRun[]): TreeChange | undefined {
    return this.guarded(() => this.trees().change(shape, base?.pages, runs));
  }

  /** Keeps the tree of a version. `moment`: when the file with this fingerprint held it, milliseconds since 1970. */
  put(path: RelPath, fingerprint: Fingerprint, moment: number, change: TreeChange, clone?: Fingerprint): void {
    const { tag, side } = this;
    this.guarded(() => {
      const tables = this.tables.open();
      tables?.write(() => tables.sums.put(side, path, { fingerprint, moment, tag, clone }, change));
    });
  }

  /**
   * Keeps the tree of a file that was just put in place. It is believed later only where its mtime was set to an older time: who changes it within the
   * same tick of the clock leaves another mtime.
   */
  putWritten(path: RelPath, fingerprint: Fingerprint, change: TreeChange): void {
    const { ctimeSec, ctimeNsec, mtimeSec, mtimeNsec, devMajor, devMinor } = fingerprint;
    const put = ctimeSec * 1000 + ctimeNsec / 1e6;
    if (mtimeSec * 1000 + mtimeNsec / 1e6 + RACY_MS < put && this.devices.has(`${devMajor}:${devMinor}`)) this.put(path, fingerprint, Math.ceil(put + RACY_MS), change);
  }

  /** What is kept of a path is of no use. */
  forget(path: RelPath): void {
    this.guarded(() => {
      const tables = this.tables.open();
      tables?.write(() => tables.sums.remove(this.side, path));
    });
  }

  close(): void {
    this.tables.close();
  }

  private trees(): TreeSummer {
    this.kernel ??= createKernel();
    return (this.summer ??= new TreeSummer(this.kernel, this.seed));
  }

  /** Undefined where the store does not serve (told once), or what is in it is damaged. */
  private guarded<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof DeltaError)) this.tables.fail(error);
      return undefined;
    }
  }
}
