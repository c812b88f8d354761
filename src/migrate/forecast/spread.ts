/**
 * spread: what a few measurements of one thing say of the next one. Pure.
 *
 * Method: a prediction interval for one further value by Student's t, two-sided 90 %, `mean ± t(n−1) · s · √(1 + 1/n)`, as in any text book of statistics (e.g. NIST/SEMATECH
 * e-Handbook of Statistical Methods, 7.1.4 and "prediction intervals"). It holds for values that scatter evenly around their mean; times of hooks and passes do so roughly. Where
 * measurements happen to be equal, or are few, they know less than they seem to: a share of the mean is a floor, larger the fewer there are.
 */

/** A time and how far the next one may be off, ms. */
export interface Spread { readonly ms: number; readonly plusMinusMs: number }

/** 95 % quantiles of Student's t by degrees of freedom, from 1. */
const T95 = [6.314, 2.92, 2.353, 2.132, 2.015, 1.943, 1.895, 1.86, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.74, 1.734, 1.729, 1.725, 1.721, 1.717, 1.714, 1.711, 1.708, 1.706, 1.703, 1.701, 1.699, 1.697];
const T95_MANY = 1.645;
/** Shares of the mean below which the interval does not go, by number of measurements, from 1. */
const FLOORS = [0.5, 0.3, 0.2];
const FLOOR_MANY = 0.1;
/** No clock of a process says less. */
const LEAST_MS = 20;
/** An interval of two measurements that differ is not told wider than this share of the mean. */
const WIDEST = 3;

export function tQuantile(freedom: number): number {
  return freedom < 1 ? (T95[0] as number) : (T95[freedom - 1] ?? T95_MANY);
}

/** The share of a value that its interval has at least. */
export function floorOf(measurements: number): number {
  return FLOORS[measurements - 1] ?? (measurements < 1 ? 1 : FLOOR_MANY);
}

/** Of the next value; undefined where there is none yet. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const n = values.length;
  if (n === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = n < 2 ? 0 : values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = n < 2 ? 0 : tQuantile(n - 1) * Math.sqrt(variance) * Math.sqrt(1 + 1 / n);
  return { ms: mean, plusMinusMs: Math.max(Math.min(half, WIDEST * mean), floorOf(n) * mean, LEAST_MS) };
}
