/**
 * pass-model: how long a session over a backlog takes: a start, so much for each file, so much for each byte. Pure.
 *
 * Method: least squares of relative errors over the sessions that were measured, with no coefficient below zero (so that more backlog never takes less), drawn a little towards
 * what is usual, so that few measurements, or measurements of one size, do not lead astray. Three unknowns: each set of those that are zero is tried and the best one that is
 * right is taken. The interval comes from the relative residuals, as in spread.ts; beyond what was ever measured it is widened.
 */
import { floorOf, tQuantile, type Spread } from './spread.js';

export interface PassMeasured { readonly ms: number; readonly files: number; readonly bytes: number }

/** What is usual, where nothing was measured: ms, ms a file, ms a byte (50 MB a second). */
const USUAL: Coefficients = [400, 3, 1 / 50_000];
/** How much the usual weighs beside one measurement. */
const PULL = 0.02;
/** Added to a time before it divides, ms: the shortest sessions shall not outweigh all others. */
const SOFT = 100;
/** Measurements that count: the last. */
const MOST = 500;

type Coefficients = readonly [start: number, perFile: number, perByte: number];

export class PassModel {
  readonly coefficients: Coefficients;
  readonly measurements: number;
  private readonly scatter: number;
  private readonly mostFiles: number;
  private readonly mostBytes: number;

  constructor(all: readonly PassMeasured[]) {
    const measured = all.slice(-MOST);
    this.measurements = measured.length;
    this.coefficients = fit(measured);
    const squares = measured.reduce((sum, one) => sum + ((one.ms - this.time(one.files, one.bytes)) / (this.time(one.files, one.bytes) + SOFT)) ** 2, 0);
    this.scatter = measured.length === 0 ? 0 : Math.sqrt(squares / Math.max(1, measured.length - 1));
    this.mostFiles = measured.reduce((most, { files }) => Math.max(most, files), 0);
    this.mostBytes = measured.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  }

  /** ms. */
  time(files: number, bytes: number): number {
    const [start, perFile, perByte] = this.coefficients;
    return start + perFile * files + perByte * bytes;
  }

  predict(files: number, bytes: number): Spread {
    const ms = this.time(files, bytes);
    const n = this.measurements;
    const beyond = n > 0 && (files > 2 * this.mostFiles + 10 || bytes > 2 * this.mostBytes + 1e6) ? 0.3 : 0;
    const share = n === 0 ? 1 : Math.max(tQuantile(n - 1) * this.scatter * Math.sqrt(1 + 1 / n), floorOf(n)) + beyond;
    return { ms, plusMinusMs: Math.min(share, 3) * ms };
  }
}

function fit(measured: readonly PassMeasured[]): Coefficients {
  // Normal equations of scaled coefficients (1 is the usual), weighted by 1 / (ms + SOFT)², with the pull to 1.
  const a = [0, 1, 2].map((i) => [0, 1, 2].map((j) => (i === j ? PULL : 0)));
  const b = [PULL, PULL, PULL];
  for (const { ms, files, bytes } of measured) {
    const weight = 1 / (ms + SOFT) ** 2;
    const row = [USUAL[0], USUAL[1] * files, USUAL[2] * bytes];
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) (a[i] as number[])[j] = cell(a, i, j) + weight * (row[i] as number) * (row[j] as number);
      b[i] = (b[i] as number) + weight * (row[i] as number) * ms;
    }
  }
  let best: readonly number[] = [1, 1, 1];
  let least = Infinity;
  for (let set = 1; set < 8; set++) {
    const free = [0, 1, 2].filter((i) => (set & (1 << i)) !== 0);
    const solved = solve(free.map((i) => free.map((j) => cell(a, i, j))), free.map((i) => b[i] as number));
    if (solved === undefined || solved.some((x) => x < 0)) continue;
    const x = [0, 1, 2].map((i) => (free.includes(i) ? (solved[free.indexOf(i)] as number) : 0));
    // The error without what is the same for all: xᵀAx − 2bᵀx.
    const error = x.reduce((sum, xi, i) => sum + xi * x.reduce((inner, xj, j) => inner + cell(a, i, j) * xj, 0) - 2 * (b[i] as number) * xi, 0);
    if (error < least) {
      least = error;
      best = x;
    }
  }
  return [USUAL[0] * (best[0] as number), USUAL[1] * (best[1] as number), USUAL[2] * (best[2] as number)];
}

function cell(a: readonly (readonly number[])[], i: number, j: number): number {
  return (a[i] as readonly number[])[j] as number;
}

/** Gauss' elimination with pivots; undefined where there is no one answer. */
function solve(a: number[][], b: number[]): number[] | undefined {
  const n = b.length;
  const rows = a.map((row, i) => [...row, b[i] as number]);
  for (let k = 0; k < n; k++) {
    const pivot = rows.slice(k).reduce((best, row, at) => (Math.abs(row[k] as number) > Math.abs((rows[best] as number[])[k] as number) ? k + at : best), k);
    [rows[k], rows[pivot]] = [rows[pivot] as number[], rows[k] as number[]];
    const head = (rows[k] as number[])[k] as number;
    if (Math.abs(head) < 1e-300) return undefined;
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = ((rows[i] as number[])[k] as number) / head;
      for (let j = k; j <= n; j++) (rows[i] as number[])[j] = ((rows[i] as number[])[j] as number) - factor * ((rows[k] as number[])[j] as number);
    }
  }
  return rows.map((row, i) => (row[n] as number) / (row[i] as number));
}
