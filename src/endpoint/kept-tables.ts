/**
 * KeptTables: one thread's handle on the tables of the pair's state, opened at first use. What goes wrong with the store costs time and nothing else: it is told
 * once, and from then on there are no tables.
 */
import { openTables } from '../state/index.js';
import type { ByteString } from '../tree/index.js';

export type Tables = ReturnType<typeof openTables>;

export class KeptTables {
  /** The store does not serve. */
  broken = false;
  private tables: Tables | undefined;

  /**
   * @param folder of the pair's state, which this process holds
   * @param failed is told once why nothing is kept any more
   */
  constructor(private readonly folder: ByteString, private readonly failed: (message: string) => void) {}

  /** Undefined where the store does not serve. */
  open(): Tables | undefined {
    if (this.broken) return undefined;
    try {
      return (this.tables ??= openTables(this.folder));
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  /** Something went wrong with them. */
  fail(error: unknown): void {
    if (!this.broken) this.failed(error instanceof Error ? error.message : String(error));
    this.broken = true;
  }

  /** Lets the store go; it may be opened again. */
  close(): void {
    this.tables?.close().catch((error: unknown) => { this.fail(error); });
    this.tables = undefined;
  }
}
