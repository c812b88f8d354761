/**
 * LagSeries: how lag went over a run of any length in a bounded number of points. Each point stands for a stretch of time and has the worst of
 * it; when there are too many, stretches are put together two by two and the next ones are twice as long. Pure.
 */
import { LIMITS, type LagPoint } from './record.js';

export class LagSeries {
  private width: number;

  /** @param points the series so far, the oldest first; changed in place. @param first milliseconds that a point stands for at first. */
  constructor(private readonly points: LagPoint[], first = 10_000, private readonly most: number = LIMITS.lag) {
    this.width = first;
  }

  add(point: LagPoint): void {
    const last = this.points.at(-1);
    if (last !== undefined && point.at - last.at < this.width) {
      worsen(last, point);
      return;
    }
    if (this.points.length >= this.most) {
      const halved: LagPoint[] = [];
      this.points.forEach((each, k) => {
        const before = halved.at(-1);
        if (k % 2 === 0 || before === undefined) halved.push(each);
        else worsen(before, each);
      });
      this.points.splice(0, Infinity, ...halved);
      this.width *= 2;
      this.add(point);
      return;
    }
    this.points.push({ ...point });
  }
}

function worsen(into: LagPoint, other: LagPoint): void {
  into.ms = Math.max(into.ms, other.ms);
  into.bytes = Math.max(into.bytes, other.bytes);
}
