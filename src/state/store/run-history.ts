/** What each run did, for people and for a forecast: kept by count and by age. */
import type { ByteReader, ByteWriter } from '../../wire/index.js';
import { ByteReader as Reader, ByteWriter as Writer } from '../../wire/index.js';
import type { Table } from './lmdb.js';
import { forgiving, type Codec } from './path-map.js';

/** One run. Times in milliseconds since 1970. */
export interface RunRecord {
  start: number; end: number;
  exitCode: number;
  /** Entries of the source that were looked at. */
  entries: number;
  created: number; deleted: number; moved: number;
  transferredFiles: number; transferredBytes: number; literalBytes: number; matchedBytes: number;
  problems: number; warnings: number;
}

const FIELDS = [
  'start', 'end', 'exitCode', 'entries', 'created', 'deleted', 'moved', 'transferredFiles', 'transferredBytes', 'literalBytes', 'matchedBytes', 'problems', 'warnings',
] as const satisfies readonly (keyof RunRecord)[];

export const runCodec: Codec<RunRecord> = {
  write(w: ByteWriter, run: RunRecord): void {
    for (const field of FIELDS) w.varint(run[field]);
  },
  read(r: ByteReader): RunRecord {
    return Object.fromEntries(FIELDS.map((field) => [field, r.varint(Number.MAX_SAFE_INTEGER, field)])) as unknown as RunRecord;
  },
};

/** How much is kept. */
export interface Retention { runs: number; days: number }

const RETENTION: Retention = { runs: 1000, days: 400 };
const DAY = 86_400_000;
/** No key stands before it. */
const FIRST = Buffer.from([0]);

export class RunHistory {
  constructor(private readonly table: Table) {}

  /** In a transaction only. Adds one and removes what is past the retention. */
  add(run: RunRecord, keep: Retention = RETENTION): void {
    const rows = [...this.table.range(FIRST, undefined)];
    const last = rows[rows.length - 1]?.key;
    const w = new Writer();
    runCodec.write(w, run);
    this.table.put(numberKey((last?.length === 6 ? last.readUIntBE(0, 6) : 0) + 1), w.bytes.subarray(0, w.at));
    rows.forEach(({ key, value }, k) => {
      const old = decode(value);
      if (old === undefined || old.end < run.end - keep.days * DAY || rows.length - k >= keep.runs) this.table.remove(key);
    });
  }

  /** The latest `limit` runs, the oldest first. */
  list(limit = Infinity): RunRecord[] {
    const runs = [...this.table.range(FIRST, undefined)].map(({ value }) => decode(value)).filter((run) => run !== undefined);
    return runs.slice(Math.max(0, runs.length - limit));
  }
}

function decode(value: Buffer): RunRecord | undefined {
  return forgiving(() => runCodec.read(new Reader(value)));
}

function numberKey(n: number): Buffer {
  const key = Buffer.allocUnsafe(6);
  key.writeUIntBE(n, 0, 6);
  return key;
}
