/**
 * The stretch of an archive's stream that is being looked at: bytes lie in shared rooms, where the threads that restore small members read
 * them; a room is used again when all of them are done with it. What must stand together (a header, a small content) is brought together.
 */
import { GAP, type ByteInput } from './input.js';
import { BLOCK } from './tar-pack.js';

/** Bytes of a room. */
export const ROOM = 16 << 20;
/** Bytes that are asked for at once. */
const READ = 1 << 20;
/** With less room than this behind what is looked at, the next room is taken where nothing has to stay together. */
const LITTLE = 8 << 20;

/** A room and who uses it. */
export interface Room { memory: SharedArrayBuffer; bytes: Buffer; users: number }

/** Why there are fewer bytes than wanted. */
export type Short = 'end' | 'gap';

export class Window {
  /** The room at hand. */
  room: Room;
  /** The next byte to be looked at. */
  at = 0;
  private end = 0;
  private base = 0; // place of the room's first byte in the stream
  private short: Short | undefined;
  private readonly free: Room[] = [];

  constructor(private readonly input: ByteInput) {
    this.room = newRoom();
  }

  /** Place in the stream of what is looked at. */
  get position(): number {
    return this.base + this.at;
  }
  /** Bytes that stand there now. */
  get there(): number {
    return this.end - this.at;
  }
  get bytes(): Buffer {
    return this.room.bytes;
  }
  /** Place in the stream of a byte of the room. */
  positionOf(at: number): number {
    return this.base + at;
  }

  /** Whether `length` bytes stand there already. */
  has(length: number): boolean {
    return this.end - this.at >= length;
  }

  /** Makes `length` bytes stand together from `at` on, where they fit into the room (`fits`); else why there are fewer. */
  async ensure(length: number): Promise<Short | undefined> {
    while (this.end - this.at < length) {
      if (this.short !== undefined) return this.short;
      const into = this.room.bytes.subarray(this.end, Math.min(ROOM, this.end + READ));
      const answer = this.input.read(into);
      const n = typeof answer === 'number' ? answer : await answer;
      if (n > 0) this.end += n;
      else this.short = n === GAP ? 'gap' : 'end';
    }
    return undefined;
  }

  /** Whether `length` bytes fit behind `at` without another room: what lies before stays where it is. */
  fits(length: number): boolean {
    return this.at + length <= ROOM;
  }

  /** Little room is left. */
  get nearlyFull(): boolean {
    return ROOM - this.at < LITTLE;
  }

  /** Goes on in another room, or in this one from its beginning where nobody uses it. What lies before `keep` (at most `at`) is left behind. */
  turn(keep = this.at): void {
    const rest = this.end - keep;
    const old = this.room;
    const next = old.users === 0 ? old : (this.free.pop() ?? newRoom());
    next.bytes.set(old.bytes.subarray(keep, this.end));
    this.base += keep;
    this.at -= keep;
    this.end = rest;
    this.room = next;
    if (old !== next && old.users === 0) this.free.push(old);
  }

  /** A user is done with a room. */
  release(room: Room): void {
    room.users--;
    if (room.users === 0 && room !== this.room) this.free.push(room);
  }

  /** Passes bytes over. False where they end, or a gap comes, before; then all up to there is passed. */
  async skip(length: number): Promise<boolean> {
    for (let left = length; left > 0;) {
      const step = Math.min(left, this.there);
      this.at += step;
      left -= step;
      if (left === 0) break;
      if (!this.fits(1)) this.turn();
      if ((await this.ensure(1)) !== undefined) return false;
    }
    return true;
  }

  /**
   * Reads on into memory of the caller's, without keeping: bytes read, 0 at the end, GAP at a gap (which stays: `passGap`). For large contents.
   */
  async take(into: Buffer): Promise<number> {
    if (this.there > 0) {
      const n = this.room.bytes.copy(into, 0, this.at, Math.min(this.end, this.at + into.length));
      this.at += n;
      return n;
    }
    if (this.short !== undefined) return this.short === 'end' ? 0 : GAP;
    const answer = this.input.read(into);
    const n = typeof answer === 'number' ? answer : await answer;
    if (n > 0) this.base += n; // the room keeps its place: what follows is behind what was taken
    else this.short = n === GAP ? 'gap' : 'end';
    return n;
  }

  /** Passes what is left before a gap, and the gap. Bytes that were lost by it; Infinity: nothing follows that could be told. */
  passGap(): number {
    const lost = this.there + this.input.gap;
    this.at = this.end;
    this.short = undefined;
    if (lost === Infinity) {
      this.short = 'end';
      return Infinity;
    }
    this.base += this.input.gap;
    return lost;
  }

  /** Passes the bytes up to where blocks begin. */
  async align(): Promise<boolean> {
    const over = this.position % BLOCK;
    return over === 0 ? true : this.skip(BLOCK - over);
  }

  where(position: number): string {
    return this.input.where(position);
  }
}

function newRoom(): Room {
  const memory = new SharedArrayBuffer(ROOM);
  return { memory, bytes: Buffer.from(memory), users: 0 };
}
