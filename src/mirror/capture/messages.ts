/** What the capture thread and its owner say to each other. */
import type { FilterRule } from '../../filter/index.js';
import type { ByteString, ErrorCode, RelPath } from '../../tree/index.js';
import type { Hint } from '../hint.js';
import type { BackendChoice, BackendName, Condition } from './types.js';

/** The thread's workerData. */
export interface CaptureThreadData {
  readonly run: 'capture';
  readonly choice: BackendChoice;
  readonly root: ByteString;
  readonly oneFileSystem: boolean;
  readonly filters: readonly FilterRule[];
  readonly deleteExcluded: boolean;
  readonly anchor: RelPath;
  readonly mostWatches: number;
  readonly sweepMs: number;
  readonly rootCheckMs: number;
  readonly bufferBytes: number;
  readonly queueMost: number;
  /** What wakes the thread from a poll; -1 where there are no such calls. */
  readonly wakeFd: number;
  /** `Counter` words. */
  readonly counters: SharedArrayBuffer;
  /** Two 32-bit words: batches sent and not yet dealt with; 1 where the thread must end at once. */
  readonly flight: SharedArrayBuffer;
}

export const Flight = { Batches: 0, Stop: 1 } as const;
/** Batches under way at most. */
export const MOST_BATCHES = 4;

export type ToCapture = { kind: 'flush'; id: number } | { kind: 'adopt' } | { kind: 'go' } | { kind: 'stop' };

export type FromCapture =
  | { kind: 'ready'; backend: BackendName; sentence: string; notes: readonly string[] }
  | { kind: 'failed'; code: ErrorCode; message: string; advice: string | undefined }
  | { kind: 'batch'; hints: readonly Hint[]; conditions: readonly Condition[] }
  | { kind: 'flushed'; id: number };
