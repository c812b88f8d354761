/**
 * The file of a sealed plan: magic, versions, sections in a fixed order, and a seal over all of it.
 *
 *   opening   89 54 54 50 0D 0A 1A 0A, u16 version of the file, u16 layout of the records (PLAN_FORMAT), u32 zero
 *   section   u8 kind, 3 bytes zero, u32 length, payload
 *   seal      SHA-256 over every byte before it: the payload of the last section
 *
 * Numbers are little-endian. The sections: Head (one or more; JSON in UTF-8 when put together), Moves, Plan, Deletions (each none or
 * more, in this order), Seal (one). The seal tells damage and truncation; it is no signature: who can write the file can seal it anew.
 * Reading bounds every length before memory is taken, and hands out nothing but whole sections; what they say is others' to check.
 */
import { createHash } from 'node:crypto';
import { PLAN_FORMAT } from '../../plan/index.js';
import { TwintreeError } from '../../tree/index.js';

/** Version of the file. */
export const SEALED_VERSION = 1;

export const PLAN_MAGIC = Buffer.from([0x89, 0x54, 0x54, 0x50, 0x0d, 0x0a, 0x1a, 0x0a]);
const OPENING = 16;
const HEADER = 8;
const SEAL_BYTES = 32;

/** Longest payload of one section. */
export const MAX_SECTION = 16 << 20;

/** Kinds of sections, in the order in which they stand. */
export enum Section { Head = 1, Moves = 2, Plan = 3, Deletions = 4, Seal = 5 }

/** Where a plan is written to. */
export interface PlanSink { write(bytes: Buffer): void }

/** A file that is no plan, not a whole one, or not as it was sealed. */
export class PlanFileError extends TwintreeError {
  constructor(message: string) {
    super('PLAN_FILE', `this plan cannot be used: ${message}`, { advice: 'Nothing was changed. Make a new plan with twintree plan.' });
    this.name = 'PlanFileError';
  }
}

/** The error for what is wrong with it. */
export function badPlan(message: string): PlanFileError {
  return new PlanFileError(message);
}

/** Writes the file front to back; kinds must come in their order. */
export class SectionWriter {
  private readonly seal = createHash('sha256');

  constructor(private readonly sink: PlanSink) {
    const opening = Buffer.alloc(OPENING);
    PLAN_MAGIC.copy(opening);
    opening.writeUInt16LE(SEALED_VERSION, 8);
    opening.writeUInt16LE(PLAN_FORMAT, 10);
    this.put(opening);
  }

  /** Writes bytes as sections of one kind, cut where they are too long for one: only where the reader puts them together (the head). */
  cut(kind: Section, bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += MAX_SECTION) this.section(kind, bytes.subarray(at, at + MAX_SECTION));
  }

  /** One section. */
  section(kind: Section, payload: Uint8Array): void {
    if (payload.length > MAX_SECTION) throw new RangeError(`a section of ${payload.length} bytes`);
    this.put(header(kind, payload.length));
    this.put(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
  }

  /** The last section. */
  end(): void {
    this.put(header(Section.Seal, SEAL_BYTES));
    this.sink.write(this.seal.digest());
  }

  private put(bytes: Buffer): void {
    this.seal.update(bytes);
    this.sink.write(bytes);
  }
}

function header(kind: Section, length: number): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes.writeUInt8(kind, 0);
  bytes.writeUInt32LE(length, 4);
  return bytes;
}

/** Takes the file apart as it comes in: any pieces in, whole sections out. Every method throws PlanFileError. */
export class SectionReader {
  private readonly seal = createHash('sha256');
  private held: Buffer[] = [];
  private heldBytes = 0;
  private wanted = OPENING;
  private state: 'opening' | 'header' | 'payload' | 'ended' = 'opening';
  private kind = Section.Head;
  private heads = 0;

  /** @param onSection gets every section but the seal; its bytes are its own. */
  constructor(private readonly onSection: (kind: Section, payload: Buffer) => void) {}

  push(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.state === 'ended') throw badPlan('something follows its seal');
      const take = Math.min(this.wanted - this.heldBytes, rest.length);
      this.held.push(Buffer.from(rest.subarray(0, take)));
      this.heldBytes += take;
      rest = rest.subarray(take);
      // An empty payload is whole at once; more than one step may be due.
      while (this.heldBytes === this.wanted && !this.ended) this.step();
    }
  }

  /** All is read. */
  finish(): void {
    if (this.state === 'opening') throw badPlan('it is no plan file');
    if (this.state !== 'ended') throw badPlan('it is cut off');
  }

  /** The seal was read, and fits. */
  get ended(): boolean {
    return this.state === 'ended';
  }

  private step(): void {
    const whole = this.held.length === 1 ? (this.held[0] as Buffer) : Buffer.concat(this.held);
    this.held = [];
    this.heldBytes = 0;
    switch (this.state) {
      case 'opening': this.opening(whole); break;
      case 'header': this.header(whole); break;
      case 'payload': this.payload(whole); break;
      case 'ended': break;
    }
  }

  private opening(bytes: Buffer): void {
    if (!bytes.subarray(0, 8).equals(PLAN_MAGIC)) throw badPlan('it is no plan file');
    const version = bytes.readUInt16LE(8);
    if (version !== SEALED_VERSION) throw badPlan(`it has version ${version}, this program reads version ${SEALED_VERSION}`);
    const layout = bytes.readUInt16LE(10);
    if (layout !== PLAN_FORMAT) throw badPlan(`its records have layout ${layout}, this program reads layout ${PLAN_FORMAT}`);
    if (bytes.readUInt32LE(12) !== 0) throw badPlan('its opening is damaged');
    this.seal.update(bytes);
    this.next('header', HEADER);
  }

  private header(bytes: Buffer): void {
    const kind = bytes.readUInt8(0);
    const length = bytes.readUInt32LE(4);
    if (kind < Section.Head || kind > Section.Seal || bytes.readUIntLE(1, 3) !== 0) throw badPlan('it has an unknown section');
    if (kind < this.kind || (kind > Section.Head && this.heads === 0)) throw badPlan('its sections are out of order');
    if (length > MAX_SECTION || (kind === Section.Seal && length !== SEAL_BYTES)) throw badPlan(`a section of ${length} bytes`);
    this.kind = kind;
    this.seal.update(bytes);
    this.next('payload', length);
  }

  private payload(bytes: Buffer): void {
    if (this.kind === Section.Seal) {
      if (!this.seal.digest().equals(bytes)) throw badPlan('its seal does not fit: it was damaged or changed');
      this.next('ended', 0);
      return;
    }
    if (this.kind === Section.Head) this.heads++;
    this.seal.update(bytes);
    this.next('header', HEADER);
    this.onSection(this.kind, bytes);
  }

  private next(state: 'header' | 'payload' | 'ended', wanted: number): void {
    this.state = state;
    this.wanted = wanted;
  }
}
