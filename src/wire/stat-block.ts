/**
 * Stat blocks: struct statx records as columns, each column as differences from a prediction, in the form that is shortest. Fields that are
 * the same all over cost nothing; docs/protocol.md has the layout. Both ends keep the last row as the start of the next block.
 *
 * The encoder takes any record that `sendable` lets through and brings odd values (times past 2^50 s) into range; the decoder
 * checks every value and throws only WireError.
 */
import { S_IFDIR, S_IFMT, S_IFREG } from '../tree/index.js';
import { WireError } from './error.js';
import { MAX_ALLOCATED, MAX_SECONDS } from './limits.js';
import { unzigzag, type ByteReader } from './reader.js';
import { isType } from './records.js';
import { varintLength, zigzag, type ByteWriter } from './writer.js';

const TWO32 = 2 ** 32;
const MAX_NSEC = 999_999_999;

/** Columns in the order in which they travel; a column's number is its bit in the block's first number, behind the two flags. */
const enum Col {
  Mode, Nlink, Uid, Gid, Size, Blocks, MtimeSec, MtimeNsec, CtimeSec, CtimeNsec, InoLow, InoHigh, DevMajor, DevMinor, RdevMajor, RdevMinor,
  AtimeSec, AtimeNsec, BtimeKnown, BtimeSec, BtimeNsec,
}
const COLUMNS = 21;
const HAS_ATIMES = 1;
const HAS_BTIMES = 2;
const FLAG_BITS = 2;

/** What a value is predicted to be. */
const enum By { Nothing, Previous, Reference }
/** How the differences are written. Fixed + k: k + 1 bytes each. */
const enum Form { Zeros, Runs, Varints, Steps, Fixed }
const LAST_FORM = Form.Fixed + 3;

/** What a column may hold. */
const enum Range { U16, U32, Size, Blocks, Seconds, Nsec, Flag }
/** Highest value of each range; only seconds go below 0. */
const MOST: readonly number[] = [0xffff, TWO32 - 1, Number.MAX_SAFE_INTEGER, MAX_ALLOCATED, MAX_SECONDS, 999_999_999, 1];
interface Column {
  /** First word in a record. */
  readonly word: number;
  readonly range: Range;
  /** Column that `By.Reference` takes its prediction from; -1: none; Blocks: computed. */
  readonly reference: number;
  /** Predictions to try; the first one is that of a column that does not travel. */
  readonly by: readonly By[];
}
const P = [By.Previous];
const PN = [By.Previous, By.Nothing];
const column = (word: number, range: Range, by: readonly By[] = P, reference = -1): Column => ({ word, range, by, reference });
const TIME = [By.Previous, By.Reference];
const TIME_NSEC = [By.Previous, By.Reference, By.Nothing];
const COLUMN: readonly Column[] = [
  column(7, Range.U16), column(4, Range.U32), column(5, Range.U32), column(6, Range.U32),
  column(10, Range.Size, [By.Nothing]), column(12, Range.Blocks, [By.Reference]),
  column(28, Range.Seconds), column(30, Range.Nsec, PN),
  column(24, Range.Seconds, TIME, Col.MtimeSec), column(26, Range.Nsec, TIME_NSEC, Col.MtimeNsec),
  column(8, Range.U32, PN), column(9, Range.U32), column(34, Range.U32), column(35, Range.U32), column(32, Range.U32), column(33, Range.U32),
  column(16, Range.Seconds, TIME, Col.MtimeSec), column(18, Range.Nsec, TIME_NSEC, Col.MtimeNsec),
  column(0, Range.Flag), column(20, Range.Seconds, TIME, Col.MtimeSec), column(22, Range.Nsec, TIME_NSEC, Col.MtimeNsec),
];

/** STATX_BASIC_STATS, the bit of the access time in it, and STATX_BTIME. */
const MASK_BASIC = 0x7ff;
const MASK_ATIME = 0x20;
const MASK_BTIME = 0x800;

/** The last row of the block before, in this payload; both ends begin with zeros. */
export class StatBase {
  readonly last = new Float64Array(COLUMNS);

  reset(): void {
    this.last.fill(0);
  }
}

/** Working memory of blocks, one column after the other; grown to the largest block there was. One thread works on one block at a time. */
let room = new Float64Array(COLUMNS * 256);
let capacity = 256;
function ensure(rows: number): void {
  if (rows <= capacity) return;
  capacity = Math.max(rows, 2 * capacity);
  room = new Float64Array(COLUMNS * capacity);
}

/** What the space of an entry usually is: whole pages of 4096 bytes for files and folders, nothing for others. */
function usualBlocks(mode: number, size: number): number {
  const type = mode & S_IFMT;
  return type === S_IFREG || type === S_IFDIR ? 8 * Math.ceil(size / 4096) : 0;
}

// ---------------------------------------------------------------------------------------------------------------- encoding

/** Collects rows, then writes them as one block. */
export class StatEncoder {
  #rows = 0;
  #atimes = false;
  #btimes = false;

  /** Begins a block of at most `rows` rows. */
  begin(rows: number, atimes: boolean, btimes: boolean): void {
    ensure(rows);
    this.#rows = 0;
    this.#atimes = atimes;
    this.#btimes = btimes;
  }

  /** Adds the record at word `base`. */
  add(words: Uint32Array, base: number): void {
    const n = capacity;
    const at = this.#rows++;
    const w = words;
    const mtime = base + 28;
    room[at] = (w[base + 7] as number) & 0xffff;
    room[Col.Nlink * n + at] = w[base + 4] as number;
    room[Col.Uid * n + at] = w[base + 5] as number;
    room[Col.Gid * n + at] = w[base + 6] as number;
    room[Col.Size * n + at] = (w[base + 10] as number) + (w[base + 11] as number) * TWO32;
    room[Col.Blocks * n + at] = Math.min((w[base + 12] as number) + (w[base + 13] as number) * TWO32, MAX_ALLOCATED);
    room[Col.MtimeSec * n + at] = seconds(w, mtime);
    room[Col.MtimeNsec * n + at] = nanoseconds(w, mtime);
    room[Col.CtimeSec * n + at] = seconds(w, base + 24);
    room[Col.CtimeNsec * n + at] = nanoseconds(w, base + 24);
    room[Col.InoLow * n + at] = w[base + 8] as number;
    room[Col.InoHigh * n + at] = w[base + 9] as number;
    room[Col.DevMajor * n + at] = w[base + 34] as number;
    room[Col.DevMinor * n + at] = w[base + 35] as number;
    room[Col.RdevMajor * n + at] = w[base + 32] as number;
    room[Col.RdevMinor * n + at] = w[base + 33] as number;
    if (this.#atimes) {
      room[Col.AtimeSec * n + at] = seconds(w, base + 16);
      room[Col.AtimeNsec * n + at] = nanoseconds(w, base + 16);
    }
    if (this.#btimes) {
      const known = ((w[base] as number) & MASK_BTIME) !== 0;
      room[Col.BtimeKnown * n + at] = known ? 1 : 0;
      room[Col.BtimeSec * n + at] = known ? seconds(w, base + 20) : 0;
      room[Col.BtimeNsec * n + at] = known ? nanoseconds(w, base + 20) : 0;
    }
  }

  /** Writes the block; `base` is moved to its last row. Nothing is written for no rows. */
  write(out: ByteWriter, base: StatBase): void {
    const rows = this.#rows;
    if (rows === 0) return;
    let bits = (this.#atimes ? HAS_ATIMES : 0) | (this.#btimes ? HAS_BTIMES : 0);
    for (let c = 0; c < COLUMNS; c++) if (this.#travels(c) && !isPredicted(c, rows, base)) bits |= 1 << (c + FLAG_BITS);
    out.varint(bits);
    for (let c = 0; c < COLUMNS; c++) {
      if ((bits & (1 << (c + FLAG_BITS))) !== 0) writeColumn(out, c, rows, base);
    }
    for (let c = 0; c < COLUMNS; c++) if (this.#travels(c)) base.last[c] = room[c * capacity + rows - 1] as number;
  }

  #travels(c: number): boolean {
    return c < Col.AtimeSec || (c < Col.BtimeKnown ? this.#atimes : this.#btimes);
  }
}

/** Seconds of the time at word `at`, brought into the range that travels. */
function seconds(words: Uint32Array, at: number): number {
  return Math.max(-MAX_SECONDS, Math.min(MAX_SECONDS, (words[at] as number) + ((words[at + 1] as number) | 0) * TWO32));
}

function nanoseconds(words: Uint32Array, at: number): number {
  return Math.min(words[at + 2] as number, MAX_NSEC);
}

/** Prediction of row i of a column. */
function predict(c: number, by: By, i: number, base: StatBase): number {
  if (by === By.Nothing) return 0;
  if (by === By.Previous) return (i === 0 ? base.last[c] : room[c * capacity + i - 1]) as number;
  if (c === Col.Blocks) return usualBlocks(room[Col.Mode * capacity + i] as number, room[Col.Size * capacity + i] as number);
  return room[(COLUMN[c] as Column).reference * capacity + i] as number;
}

/** Whether every value is what the column's first prediction says. */
function isPredicted(c: number, rows: number, base: StatBase): boolean {
  const by = (COLUMN[c] as Column).by[0] as By;
  const from = c * capacity;
  if (by === By.Previous) {
    const value = base.last[c] as number;
    for (let i = 0; i < rows; i++) if (room[from + i] !== value) return false;
    return true;
  }
  for (let i = 0; i < rows; i++) if (room[from + i] !== predict(c, by, i, base)) return false;
  return true;
}

/** Difference as it is written. */
function difference(value: number, prediction: number, by: By): number {
  return by === By.Nothing ? value : zigzag(value - prediction);
}

function writeColumn(out: ByteWriter, c: number, rows: number, base: StatBase): void {
  let [bestBy, bestForm, best]: [By, Form, number] = [By.Previous, Form.Zeros, Infinity];
  const consider = (by: By, form: Form, cost: number): void => {
    if (cost < best) [bestBy, bestForm, best] = [by, form, cost];
  };
  for (const by of (COLUMN[c] as Column).by) {
    const from = c * capacity;
    let varints = 0;
    let runs = 0;
    let steps = 0;
    let most = 0;
    let length = 0; // of the run
    let held = 0; // rows since the last step
    let last = -1;
    let negative = false;
    for (let i = 0; i < rows; i++) {
      const value = room[from + i] as number;
      if (value < 0) negative = true;
      const d = difference(value, predict(c, by, i, base), by);
      const bytes = varintLength(d);
      varints += bytes;
      if (d > most) most = d;
      if (d === last) length++;
      else {
        if (length > 0) runs += varintLength(last) + varintLength(length - 1);
        last = d;
        length = 1;
      }
      if (i === 0 || d !== 0) {
        steps += bytes + (i === 0 ? 0 : varintLength(held - 1));
        held = 1;
      } else held++;
    }
    runs += varintLength(last) + varintLength(length - 1);
    steps += varintLength(held - 1);
    if (by === By.Nothing && negative) continue;
    if (most === 0) consider(by, Form.Zeros, 0);
    consider(by, Form.Varints, varints);
    consider(by, Form.Runs, runs);
    if (by === By.Previous) consider(by, Form.Steps, steps);
    if (most < TWO32) {
      const width = most < 256 ? 1 : most < 65536 ? 2 : most < 16777216 ? 3 : 4;
      consider(by, (Form.Fixed + width - 1) as Form, width * rows);
    }
  }
  emitColumn(out, c, rows, base, bestBy, bestForm);
}

function emitColumn(out: ByteWriter, c: number, rows: number, base: StatBase, by: By, form: Form): void {
  out.u8((by << 4) | form);
  const at = (i: number): number => difference(room[c * capacity + i] as number, predict(c, by, i, base), by);
  switch (form) {
    case Form.Zeros:
      return;
    case Form.Runs:
    case Form.Steps:
      for (let i = 0; i < rows;) {
        const d = at(i);
        let end = i + 1;
        const more = form === Form.Runs ? d : 0;
        while (end < rows && at(end) === more) end++;
        out.varint(d);
        out.varint(end - i - 1);
        i = end;
      }
      return;
    case Form.Varints:
      for (let i = 0; i < rows; i++) out.varint(at(i));
      return;
    default: {
      const width = form - Form.Fixed + 1;
      out.reserve(width * rows);
      for (let i = 0; i < rows; i++) out.at = out.bytes.writeUIntLE(at(i), out.at, width);
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------- decoding

/**
 * Reads a block of `rows` rows (not 0) into records: row i into the words from `places[i]` on. The memory must be zeros before.
 * @throws WireError; then `base` and the records mean nothing any more.
 */
export function readStatBlock(input: ByteReader, rows: number, words: Uint32Array, places: Int32Array, base: StatBase): void {
  ensure(rows);
  const bits = input.varint(2 ** (COLUMNS + FLAG_BITS) - 1, 'set of columns');
  const atimes = (bits & HAS_ATIMES) !== 0;
  const btimes = (bits & HAS_BTIMES) !== 0;
  for (let c = 0; c < COLUMNS; c++) {
    const present = (bits & (1 << (c + FLAG_BITS))) !== 0;
    if (!(c < Col.AtimeSec || (c < Col.BtimeKnown ? atimes : btimes))) {
      if (present) throw new WireError('range', 'a column travels that the block does not announce');
      continue;
    }
    const value = base.last[c] as number;
    if (present) {
      readColumn(input, c, rows, base);
      base.last[c] = room[c * capacity + rows - 1] as number;
    } else if (c === Col.Size || c === Col.Blocks) {
      for (let i = 0, from = c * capacity; i < rows; i++) room[from + i] = c === Col.Size ? 0 : predict(c, By.Reference, i, base);
      base.last[c] = room[c * capacity + rows - 1] as number;
    } else {
      if (c === Col.Mode || c === Col.MtimeSec || c === Col.MtimeNsec || c === Col.BtimeKnown) room.fill(value, c * capacity, c * capacity + rows); // referred to
      if (c !== Col.Mode) {
        if (value !== 0 && c !== Col.BtimeKnown) storeSame(COLUMN[c] as Column, value, rows, words, places);
        continue; // was checked when it came
      }
    }
    storeColumn(c, rows, words, places);
  }
  const mask = MASK_BASIC & ~(atimes ? 0 : MASK_ATIME);
  const known = Col.BtimeKnown * capacity;
  for (let i = 0; i < rows; i++) words[places[i] as number] = btimes && room[known + i] === 1 ? mask | MASK_BTIME : mask;
}

/** Puts one value into all records. */
function storeSame({ word, range }: Column, value: number, rows: number, words: Uint32Array, places: Int32Array): void {
  const high = Math.floor(value / TWO32);
  for (let i = 0; i < rows; i++) words[(places[i] as number) + word] = value;
  if (range === Range.Seconds && high !== 0) for (let i = 0; i < rows; i++) words[(places[i] as number) + word + 1] = high;
}

/** Reads a column's differences and adds its predictions. */
function readColumn(input: ByteReader, c: number, rows: number, base: StatBase): void {
  const head = input.u8();
  const by = head >> 4 as By;
  const form = (head & 15) as Form;
  if (form > LAST_FORM || !(COLUMN[c] as Column).by.includes(by) || (form === Form.Steps && by !== By.Previous)) {
    throw new WireError('range', `a column cannot have the form ${head}`);
  }
  const from = c * capacity;
  switch (form) {
    case Form.Zeros:
      room.fill(0, from, from + rows);
      break;
    case Form.Runs:
    case Form.Steps:
      for (let i = from, end = from + rows; i < end;) {
        const d = input.varint(Number.MAX_SAFE_INTEGER, 'difference');
        const more = input.varint(end - i - 1, 'length of a run');
        room[i++] = d;
        if (more > 0) room.fill(form === Form.Runs ? d : 0, i, i + more);
        i += more;
      }
      break;
    case Form.Varints:
      for (let i = from, end = from + rows; i < end; i++) room[i] = input.varint(Number.MAX_SAFE_INTEGER, 'difference');
      break;
    default: {
      const width = form - Form.Fixed + 1;
      const bytes = input.raw(width * rows);
      for (let i = 0; i < rows; i++) room[from + i] = bytes.readUIntLE(width * i, width);
    }
  }
  if (by === By.Previous) {
    let value = base.last[c] as number;
    for (let i = from, end = from + rows; i < end; i++) room[i] = value += unzigzag(room[i] as number);
  } else if (by === By.Reference) {
    for (let i = 0; i < rows; i++) room[from + i] = predict(c, by, i, base) + unzigzag(room[from + i] as number);
  }
}

/** Checks a column's values and puts them into the records. */
function storeColumn(c: number, rows: number, words: Uint32Array, places: Int32Array): void {
  const { range, word } = COLUMN[c] as Column;
  const from = c * capacity;
  const most = MOST[range] as number;
  const least = range === Range.Seconds ? -MAX_SECONDS : 0;
  for (let i = 0; i < rows; i++) {
    const value = room[from + i] as number;
    if (!(value >= least && value <= most)) throw new WireError('range', `an attribute of ${value} is not between ${least} and ${most}`);
  }
  switch (range) {
    case Range.Flag:
      return; // goes into the mask
    case Range.U16:
      for (let i = 0; i < rows; i++) {
        const mode = room[from + i] as number;
        if (!isType(mode)) throw new WireError('range', `a mode of ${mode.toString(8)} has no type`);
        words[(places[i] as number) + word] = mode;
      }
      return;
    case Range.U32:
    case Range.Nsec:
      for (let i = 0; i < rows; i++) words[(places[i] as number) + word] = room[from + i] as number;
      return;
    case Range.Size:
    case Range.Blocks:
    case Range.Seconds:
      for (let i = 0; i < rows; i++) {
        const value = room[from + i] as number;
        const at = (places[i] as number) + word;
        words[at] = value; // modulo 2^32
        words[at + 1] = Math.floor(value / TWO32);
      }
  }
}
