/**
 * Reads plain JSON that came from outside: every member is asked for by name, type and range, and none may be left over.
 * Byte strings stand in JSON as strings whose every unit is one byte.
 */
import { isRelPath, type ByteString, type RelPath } from '../../tree/index.js';
import { badPlan } from './format.js';

/** Longest list of plain values in a head. */
const MAX_LIST = 1 << 20;
/** Longest path of a root: what the kernel takes. */
const MAX_ROOT = 4096;

/** The members of one object. Every method throws PlanFileError. */
export class Fields {
  private readonly members: Map<string, unknown>;

  constructor(value: unknown, private readonly where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badPlan(`${where} is no object`);
    this.members = new Map(Object.entries(value));
  }

  /** Any value; the reader of it checks it. Undefined where it is not there. */
  take(name: string): unknown {
    const value = this.members.get(name);
    this.members.delete(name);
    return value;
  }

  has(name: string): boolean {
    return this.members.has(name);
  }

  /** A whole number from 0 to `most`. */
  count(name: string, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.take(name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > most) throw this.bad(name);
    return value;
  }

  flag(name: string): boolean {
    const value = this.take(name);
    if (typeof value !== 'boolean') throw this.bad(name);
    return value;
  }

  text(name: string, most: number): string {
    const value = this.take(name);
    if (typeof value !== 'string' || value.length > most) throw this.bad(name);
    return value;
  }

  bytes(name: string, most = MAX_ROOT): ByteString {
    const value = this.text(name, most);
    if (!isBytes(value)) throw this.bad(name);
    return value;
  }

  /** A path from the root of the file system. */
  absolutePath(name: string): ByteString {
    const value = this.bytes(name);
    if (!value.startsWith('/') || value.includes('\0')) throw this.bad(name);
    return value;
  }

  relPaths(name: string): RelPath[] {
    return this.list(name).map((value) => {
      if (typeof value !== 'string' || !isBytes(value) || !isRelPath(value)) throw this.bad(name);
      return value;
    });
  }

  byteStrings(name: string): ByteString[] {
    return this.list(name).map((value) => {
      if (typeof value !== 'string' || value.length > MAX_ROOT || !isBytes(value)) throw this.bad(name);
      return value;
    });
  }

  list(name: string, most = MAX_LIST): unknown[] {
    const value = this.take(name);
    if (!Array.isArray(value) || value.length > most) throw this.bad(name);
    return value as unknown[];
  }

  object(name: string): Fields {
    return new Fields(this.take(name), `${this.where}.${name}`);
  }

  objects(name: string, most: number): Fields[] {
    return this.list(name, most).map((value, at) => new Fields(value, `${this.where}.${name}[${at}]`));
  }

  /** All members were asked for. */
  end(): void {
    for (const name of this.members.keys()) throw badPlan(`${this.where} has an unknown member ${JSON.stringify(name.slice(0, 40))}`);
  }

  bad(name: string): Error {
    return badPlan(`${this.where}.${name} is missing or not what it has to be`);
  }
}

function isBytes(text: string): text is ByteString {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 255) return false;
  return true;
}
