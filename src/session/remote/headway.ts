/**
 * Headway: whether the attempts of one run come nearer to its end. Every attempt plans anew, and what earlier ones did is not in its
 * plan; so what is left to be done, in operations or in bytes, is less than ever before exactly where something was gained.
 */
import type { PlanTotals, Progress } from '../events.js';

/** Bytes that count as a gain. */
const STEP = 1 << 20;

/** What the attempts of one run have left. */
export class Headway {
  private operations = Infinity;
  private bytes = Infinity;
  private gained = false;

  /** The plan of an attempt. */
  planned(totals: PlanTotals): void {
    this.left(totals.operations, totals.transferBytes);
  }

  /** How far an attempt is. */
  reached(progress: Progress): void {
    if (progress.phase !== 'apply' && progress.phase !== 'delete') return; // nothing is planned yet, or nothing is left to be tried again
    this.left(progress.totalOperations - progress.doneOperations, progress.totalBytes - progress.doneBytes);
  }

  /** Whether something was gained since this was asked last. */
  take(): boolean {
    const { gained } = this;
    this.gained = false;
    return gained;
  }

  private left(operations: number, bytes: number): void {
    if (operations < this.operations) {
      if (this.operations !== Infinity) this.gained = true;
      this.operations = operations;
    }
    if (bytes <= this.bytes - STEP) {
      if (this.bytes !== Infinity) this.gained = true;
      this.bytes = bytes;
    }
  }
}
