/**
 * Sparse maps: where a file's data lies in it, as GNU tar keeps that. Written in its version 1.0 for pax (the map at the head of the
 * content), read in all four: 1.0, 0.1 (one record), 0.0 (many records), and the old one of its own format (in the header). Pure.
 */
import { parseCount } from './pax.js';

/** Stretches of data; the rest of the file is holes. */
export interface SparseMap {
  /** Size of the file, holes included. */
  size: number;
  /** Ascending, apart from each other, within the size. */
  stretches: Stretch[];
}
export interface Stretch { offset: number; length: number }

/** Most stretches that are taken: bounds the memory that a header can ask for. */
export const MOST_STRETCHES = 1 << 20;
const BLOCK = 512;

/** The map as the content of a 1.0 file begins with, to the end of a block. A hole at the end is said by an empty stretch. */
export function encodeMap({ size, stretches }: SparseMap): Buffer {
  const last = stretches.at(-1);
  const all = last !== undefined && last.offset + last.length === size ? stretches : [...stretches, { offset: size, length: 0 }];
  let text = `${all.length}\n`;
  for (const { offset, length } of all) text += `${offset}\n${length}\n`;
  const bytes = Buffer.alloc(Math.ceil(text.length / BLOCK) * BLOCK);
  bytes.latin1Write(text, 0);
  return bytes;
}

/** Reads a 1.0 map from the head of the content as it arrives, block by block. */
export class MapReader {
  private numbers: number[] = [];
  private text = '';
  private wanted = -1;
  /** Bytes taken. */
  length = 0;

  /** Takes one block. True: the map is whole; false: another block is needed; undefined: it is no map. */
  block(bytes: Buffer): boolean | undefined {
    this.length += bytes.length;
    this.text += bytes.latin1Slice(0, bytes.length);
    for (;;) {
      const end = this.text.indexOf('\n');
      if (end < 0) return this.text.length > 20 ? undefined : false;
      const value = parseCount(this.text.slice(0, end));
      if (value === undefined) return undefined;
      this.text = this.text.slice(end + 1);
      if (this.wanted < 0) {
        if (value > MOST_STRETCHES) return undefined;
        this.wanted = value * 2;
      } else this.numbers.push(value);
      if (this.numbers.length === this.wanted) return true;
    }
  }

  /** The map, once it is whole; undefined where it contradicts itself or the size. */
  finish(size: number): SparseMap | undefined {
    return mapOf(this.numbers, size);
  }
}

/** A 0.1 map: all numbers in one record, parted by commas. */
export function mapOfText(text: string, size: number): SparseMap | undefined {
  if (text.length > MOST_STRETCHES * 34) return undefined;
  const numbers = text === '' ? [] : text.split(',').map((part) => parseCount(part) ?? -1);
  return numbers.includes(-1) ? undefined : mapOf(numbers, size);
}

/** Offsets and lengths in turn → the map; undefined where they overlap, run backwards or lie past the end. */
export function mapOf(numbers: readonly number[], size: number): SparseMap | undefined {
  if (numbers.length % 2 !== 0 || numbers.length / 2 > MOST_STRETCHES) return undefined;
  const stretches: Stretch[] = [];
  let end = 0;
  for (let i = 0; i < numbers.length; i += 2) {
    const offset = numbers[i] as number;
    const length = numbers[i + 1] as number;
    if (offset < end || length > size - offset) return undefined;
    end = offset + length;
    if (length > 0) stretches.push({ offset, length });
  }
  return { size, stretches };
}

/** Bytes of data in a map. */
export function dataLength({ stretches }: SparseMap): number {
  return stretches.reduce((sum, { length }) => sum + length, 0);
}
