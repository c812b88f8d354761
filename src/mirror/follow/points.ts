/**
 * Points: up to which moment of the source's clock a target has everything. Capture is asked again and again to say all that has happened until a moment; where it has
 * said so, and what it had said by then is on the target, the target is complete up to that moment. What is heard later says nothing against it.
 * Pure: times are handed in.
 */

/** All that had happened at the source until `moment` (by its clock, ms since 1970) was heard by `heard` (`steadyNow`). */
interface Mark { readonly moment: number; readonly heard: number }

/** Marks that wait, at most; with more every second one goes. */
const MOST = 128;

export class Points {
  private marks: Mark[] = [];
  private reached: number | null = null;

  /** Capture has said all that had happened until `moment`. */
  seen(moment: number, heard: number): void {
    this.marks.push({ moment, heard });
    if (this.marks.length > MOST) this.marks = this.marks.filter((_, k) => k % 2 === 1); // the newest stays
  }

  /**
   * The moment up to which the target is complete; null: none is known.
   * @param oldest when the oldest change was heard that is not on the target yet (`steadyNow`); undefined: there is none
   */
  upTo(oldest: number | undefined): number | null {
    const before = oldest ?? Infinity;
    const open = this.marks.findIndex(({ heard }) => heard >= before); // a change that was heard in the same millisecond may be one that the mark is about
    const done = open < 0 ? this.marks.length : open;
    this.reached = this.marks[done - 1]?.moment ?? this.reached;
    this.marks.splice(0, done);
    return this.reached;
  }
}
