/**
 * `--progress` and `--info=progress2`: rsync's line, with a total that is true from the start.
 *
 * On a terminal one line is redrawn, at most five times a second; on a pipe whole lines come at most once a second,
 * without control characters. The plan is complete before the first byte, so the percentage and the time left are of
 * the work to be done, not of all that was looked at. With --progress each file gets its line when it is done.
 */
import type { PlanTotals, Progress } from './part.js';
import type { HumanLevel } from '../options/output.js';
import { fixed, humanNumber } from './human.js';
import type { Screen } from './sink.js';

/** How the progress is shown. */
export interface ProgressOptions {
  kind: 'files' | 'total';
  isTTY: boolean;
  /** Width of the terminal, characters. */
  columns: number;
  human: HumanLevel;
}

const TTY_INTERVAL_MS = 200;
const PIPE_INTERVAL_MS = 1000;
/** The rate shown while it runs is that of the last seconds. */
const RATE_WINDOW_MS = 5000;

/** Shows how far a run is. Its only clock is `Progress.elapsedMs`. */
export class ProgressView {
  private entries = 0;
  private last: Progress | undefined;
  private drawnAt = 0;
  private readonly samples: { at: number; bytes: number }[] = [];
  private files = 0;
  private released = 0;
  private fileBytes = 0;

  constructor(private readonly screen: Screen, private readonly options: ProgressOptions) {}

  /** The finished plan. */
  plan(totals: PlanTotals): void {
    const e = totals.entries;
    this.entries = e.files + e.dirs + e.links + e.devices + e.specials;
  }

  /** One event of the session. */
  progress(now: Progress): void {
    const changed = this.last?.phase !== now.phase;
    this.last = now;
    this.sample(now);
    const { isTTY, kind } = this.options;
    if (now.phase === 'done' || (!isTTY && kind === 'files')) return;
    const since = now.elapsedMs - this.drawnAt;
    if (isTTY ? !changed && since < TTY_INTERVAL_MS : since < PIPE_INTERVAL_MS) return;
    const planning = now.phase === 'scan' || now.phase === 'plan';
    if (!isTTY && planning) return;
    this.drawnAt = now.elapsedMs;
    if (planning) this.screen.status(this.cut(` ${humanNumber(now.scanned, this.options.human)} entries scanned...`));
    else if (isTTY) this.screen.status(this.cut(this.running(now)));
    else this.screen.line(this.running(now));
  }

  /** A file that is complete (--progress): its own line. Rate and time are those of the run so far. */
  fileDone(size: number): void {
    this.files++;
    this.fileBytes += size;
    if (this.options.kind !== 'files') return;
    const elapsed = this.last?.elapsedMs ?? 0;
    const left = Math.max(0, (this.last?.totalOperations ?? this.released) - this.released);
    this.screen.line(this.line(size, 100, rateOf(this.fileBytes, elapsed), clock(elapsed / 1000)) + this.position(left, this.files));
  }

  /** Any operation that was released, done or failed. */
  operationReleased(): void {
    this.released++;
  }

  /** The last line, with the mean rate and the time it took. */
  finish(done: { files: number; bytes: number; elapsedMs: number; complete: boolean }): void {
    if (this.options.kind === 'files') {
      this.screen.clearStatus();
      return;
    }
    // The run may count content that was never read (holes, clones) as done but not as carried.
    const bytes = Math.max(done.bytes, this.last?.doneBytes ?? 0);
    const share = done.complete ? 100 : percent(bytes, Math.max(bytes, this.last?.totalBytes ?? bytes));
    const left = done.complete ? 0 : Math.max(0, (this.last?.totalOperations ?? 0) - (this.last?.doneOperations ?? 0));
    const text = this.line(bytes, share, rateOf(bytes, done.elapsedMs), clock(done.elapsedMs / 1000)) +
      this.position(left, done.files);
    if (!this.options.isTTY) {
      this.screen.line(text);
      return;
    }
    this.screen.status(this.cut(text));
    this.screen.keepStatus();
  }

  private running(now: Progress): string {
    const rate = this.recentRate(now);
    const rest = Math.max(0, now.totalBytes - now.doneBytes);
    return this.line(now.doneBytes, percent(now.doneBytes, now.totalBytes), rate, rest === 0 ? clock(0) : clock(rest / rate)) +
      this.position(Math.max(0, now.totalOperations - now.doneOperations), now.doneFiles);
  }

  /** rsync's columns: bytes (15), percent, rate (7.2), time. */
  private line(bytes: number, share: number, rate: number, time: string): string {
    return `${humanNumber(bytes, this.options.human).padStart(15)} ${String(share).padStart(3)}% ${rateText(rate)} ${time}`;
  }

  private position(left: number, files: number): string {
    return ` (xfr#${files}, to-chk=${left}/${this.entries})`;
  }

  private cut(text: string): string {
    return text.slice(0, Math.max(10, this.options.columns - 1));
  }

  private sample(now: Progress): void {
    const newest = this.samples.at(-1);
    if (newest !== undefined && now.elapsedMs - newest.at < TTY_INTERVAL_MS) return;
    this.samples.push({ at: now.elapsedMs, bytes: now.doneBytes });
    while (this.samples.length > 2 && now.elapsedMs - (this.samples[1]?.at ?? 0) >= RATE_WINDOW_MS) this.samples.shift();
  }

  private recentRate(now: Progress): number {
    const oldest = this.samples[0];
    return oldest === undefined || oldest.at >= now.elapsedMs
      ? rateOf(now.doneBytes, now.elapsedMs)
      : rateOf(now.doneBytes - oldest.bytes, now.elapsedMs - oldest.at);
  }
}

/** Bytes a second. */
function rateOf(bytes: number, ms: number): number {
  return bytes <= 0 ? 0 : (bytes * 1000) / Math.max(1, ms);
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}

function percent(done: number, total: number): number {
  return done >= total ? 100 : Math.floor((100 * done) / total);
}

/** `   0.00kB/s`, kilo being 1024 as in rsync. */
function rateText(bytesPerSecond: number): string {
  let value = bytesPerSecond / 1024;
  let unit = 'kB/s';
  if (value > 1024 * 1024) {
    value /= 1024 * 1024;
    unit = 'GB/s';
  } else if (value > 1024) {
    value /= 1024;
    unit = 'MB/s';
  }
  return fixed(value, 2).padStart(7) + unit;
}

/** `   0:00:04`; unknown where it would take longer than anyone waits. */
function clock(seconds: number): string {
  if (!(seconds < 9999 * 3600)) return '  ??:??:??';
  const whole = Math.floor(seconds);
  return `${String(Math.floor(whole / 3600)).padStart(4)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}
