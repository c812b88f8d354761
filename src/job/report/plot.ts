/**
 * plot: small pictures of numbers over time as SVG, to stand in a page: bars in stacks, and a line. Bounded by the number of buckets and points that
 * they are given. Colours are classes of the page's style. Pure.
 */
import { timeText } from './format.js';

const WIDTH = 720;
const HEIGHT = 150;
const LEFT = 64;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;

export interface PlotAbout {
  /** What is shown, for who does not see it. */
  readonly title: string;
  readonly since: number;
  readonly until: number;
  /** A value of the axis for people. */
  readonly unit: (value: number) => string;
  /** Steps of the axis: what a round number is. `binary` is for times, 60 by 60. */
  readonly scale: 'decimal' | 'time' | 'count';
}

export interface Stack {
  readonly from: number;
  readonly to: number;
  /** Shown when one points at it. */
  readonly says: string;
  /** From below. */
  readonly parts: readonly { readonly kind: string; readonly value: number }[];
}

/** Stacks of bars, each over its stretch of time. Those without a value are not drawn. */
export function barPlot(stacks: readonly Stack[], about: PlotAbout): string {
  const top = ceiling(Math.max(0, ...stacks.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0))), about.scale);
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  let bars = '';
  for (const { from, to, says, parts } of stacks) {
    if (parts.every(({ value }) => value <= 0)) continue;
    const left = xOf(from, about);
    const width = Math.max(1.5, (xOf(to, about) - left) * 0.86);
    let base = 0;
    let inside = '';
    for (const { kind, value } of parts) {
      if (value <= 0) continue;
      // A value that is small beside the others is still to be seen.
      const height = Math.max(1, y(base) - y(base + value));
      inside += `<rect class="${kind}" x="${n(left)}" y="${n(y(base) - height)}" width="${n(width)}" height="${n(height)}"/>`;
      base += value;
    }
    bars += `<g><title>${escapeHtml(says)}</title>${inside}</g>`;
  }
  return frame(bars, top, about);
}

/** A line through points in order of time; broken where nothing is known for longer than `gapMs`. */
export function linePlot(points: readonly { readonly at: number; readonly value: number }[], gapMs: number, about: PlotAbout): string {
  const top = ceiling(points.reduce((most, { value }) => Math.max(most, value), 0), about.scale);
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  let path = '';
  points.forEach(({ at, value }, k) => {
    const before = points[k - 1];
    const begins = before === undefined || at - before.at > gapMs;
    path += `${begins ? 'M' : 'L'}${n(xOf(at, about))} ${n(y(value))}`;
    // A point alone is a dot.
    if (begins) path += 'h0.01';
  });
  return frame(path === '' ? '' : `<path class="line" d="${path}"/>`, top, about);
}

/** The least round number that is not below `value`, above 0. */
export function ceiling(value: number, scale: PlotAbout['scale']): number {
  if (value <= 0) return 1;
  if (scale === 'time') {
    const steps = [1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 28_800_000, 86_400_000];
    const fitting = steps.find((step) => step >= value);
    if (fitting !== undefined && value >= 1000) return fitting;
    if (fitting === undefined) return Math.ceil(value / 86_400_000) * 86_400_000;
  }
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((each) => each * power >= value * (1 - 1e-9)) ?? 10;
  return scale === 'count' ? Math.max(1, Math.ceil(step * power)) : step * power;
}

function xOf(at: number, { since, until }: PlotAbout): number {
  const share = (at - since) / Math.max(1, until - since);
  return LEFT + (WIDTH - LEFT - RIGHT) * Math.min(1, Math.max(0, share));
}

/** Axes, and what they are of. */
function frame(inside: string, top: number, about: PlotAbout): string {
  const floor = HEIGHT - BOTTOM;
  const half = about.scale === 'count' && top % 2 !== 0 ? [] : [top / 2];
  const marks = [0, ...half, top].map((value) => {
    const at = n(TOP + (floor - TOP) * (1 - value / top));
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text class="end" x="${LEFT - 6}" y="${at}" dy="0.32em">${escapeHtml(about.unit(value))}</text>`;
  });
  const times = [0, 0.5, 1].map((share) => {
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    const x = n(LEFT + (WIDTH - LEFT - RIGHT) * share);
    return `<text class="${anchor}" x="${x}" y="${HEIGHT - 6}">${escapeHtml(timeText(about.since + (about.until - about.since) * share).slice(0, 16))}</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(about.title)}">${marks.join('')}${times.join('')}${inside}</svg>`;
}

/** A number with at most two digits behind the point. */
function n(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Text as it may stand in an element or between double quotes; control characters become pictures of themselves. */
export function escapeHtml(text: string): string {
  // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}
