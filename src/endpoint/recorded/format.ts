/**
 * The form of a batch: a recorded session as a file. After an opening of 16 bytes it is a stream of the protocol's own frames: Hello, Control
 * frames that say what was recorded, then answers, and a Bye that holds the seal. An answer is a Requests frame with the one request it belongs
 * to and Items frames on the same channel; answers of several channels may be interleaved. docs/recorded.md is the specification.
 */
import { createHash, type Hash } from 'node:crypto';
import { TwintreeError } from '../../tree/index.js';
import { encodeBye, encodeFrame, FrameReader, FrameType, MAGIC, parseBye, WireError, type Frame, type Request, type RoundSums } from '../../wire/index.js';

/** Version of the file. */
export const BATCH_VERSION = 1;
export const BATCH_MAGIC = Buffer.from('895454420d0a1a0a', 'hex');
/** Bytes before the first frame. */
export const OPENING = 16;
/** Code of the Bye frame that holds the seal. */
const SEALED = 'sealed';

/** The first bytes of a batch. */
export function batchOpening(): Buffer {
  const opening = Buffer.alloc(OPENING);
  BATCH_MAGIC.copy(opening);
  opening.writeUInt16LE(BATCH_VERSION, 8);
  return opening;
}

/** The error for a file that is no batch, not a whole one, or not as it was sealed. */
export function badBatch(message: string, cause?: unknown): TwintreeError {
  return new TwintreeError('PLAN_FILE', `this batch cannot be used: ${message}`, { advice: 'Nothing was changed. Record it anew with --write-batch.', ...(cause === undefined ? {} : { cause }) });
}

/** Writes frames and their seal, gathered into larger pieces. */
export class SealedFrames {
  private readonly seal = createHash('sha256');
  private pieces: Buffer[] = [];
  private waiting = 0;
  /** Bytes so far. */
  length = 0;

  constructor(private readonly write: (bytes: Buffer) => void) {
    this.put(batchOpening());
  }

  /** Appends one frame; the payload must not change any more. */
  frame(type: FrameType, channel: number, payload: Uint8Array, flags = 0): void {
    for (const piece of encodeFrame(type, flags, channel, payload)) this.put(piece);
  }

  /** The last frame. */
  end(): void {
    this.frame(FrameType.Bye, 0, encodeBye({ code: SEALED, message: this.seal.copy().digest('hex') }));
    this.flush();
  }

  private put(piece: Buffer): void {
    this.seal.update(piece);
    this.length += piece.length;
    this.waiting += piece.length;
    this.pieces.push(piece);
    if (this.waiting >= GATHERED) this.flush();
  }

  private flush(): void {
    if (this.waiting > 0) this.write(Buffer.concat(this.pieces));
    this.pieces = [];
    this.waiting = 0;
  }
}

/** Bytes that are written at a time. */
const GATHERED = 256 << 10;

/** Takes a batch apart as it comes in: whole, undamaged frames with the place of each. Every method throws `badBatch`. */
export class SealedFrameReader {
  private readonly seal: Hash = createHash('sha256');
  private readonly opening: Buffer = Buffer.alloc(OPENING);
  private filled = 0;
  private at = OPENING;
  private sealed = false;
  private readonly frames: FrameReader;

  /** @param onFrame gets every frame but the seal, with its place in the file */
  constructor(private readonly onFrame: (frame: Frame, at: number) => void) {
    this.frames = new FrameReader((frame) => { this.take(frame); });
  }

  push(bytes: Buffer): void {
    let rest = bytes;
    if (this.filled < OPENING) {
      const n = Math.min(OPENING - this.filled, rest.length);
      rest.copy(this.opening, this.filled, 0, n);
      this.filled += n;
      rest = rest.subarray(n);
      if (this.filled < OPENING) return;
      this.open();
    }
    if (rest.length > 0 && this.sealed) throw badBatch('something follows its seal');
    guarded(() => { this.frames.push(rest); });
  }

  /** All is read. */
  finish(): void {
    if (this.filled < OPENING) throw badBatch('it is no batch');
    if (!this.sealed || !this.frames.between) throw badBatch(this.sealed ? 'something follows its seal' : 'it is cut off');
  }

  private open(): void {
    if (!this.opening.subarray(0, 8).equals(BATCH_MAGIC)) throw badBatch('it is no batch');
    const version = this.opening.readUInt16LE(8);
    if (version !== BATCH_VERSION) throw badBatch(`it has version ${version}, this program reads version ${BATCH_VERSION}`);
    if (this.opening.subarray(10).some((byte) => byte !== 0)) throw badBatch('its opening is damaged');
    this.seal.update(this.opening);
    this.frames.push(MAGIC); // what a connection begins with; the file has its own opening instead
  }

  private take(frame: Frame): void {
    if (this.sealed) throw badBatch('something follows its seal');
    if (frame.type === FrameType.Bye) {
      const { code, message } = parseBye(frame.payload);
      if (code !== SEALED || message !== this.seal.digest('hex')) throw badBatch('its seal does not fit: it was damaged or changed');
      this.sealed = true;
      return;
    }
    const { type, flags, channel, payload } = frame;
    const pieces = encodeFrame(type, flags, channel, payload);
    const { at } = this;
    for (const piece of pieces) {
      this.seal.update(piece);
      this.at += piece.length;
    }
    this.onFrame(frame, at);
  }
}

/** Runs `read`; what is wrong with the bytes is wrong with the batch. */
export function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError || (error instanceof TwintreeError && error.code === 'WIRE')) throw badBatch(error.message, error);
    throw error;
  }
}

/** What a request asks, as one text: two requests that the same answer fits have the same. */
export function requestKey(request: Request): string {
  switch (request.kind) {
    case 'walk': return 'walk';
    case 'folder': return `folder ${request.mount}/${request.path}`;
    case 'content': return `content ${placeKey(request.place, request.follow)}`;
    case 'hash': return `hash ${placeKey(request.place, request.follow)}`;
    case 'refine': return 'refine';
    case 'call': {
      const { call } = request;
      if (call.op === 'names') return `names ${call.uids.join(',')};${call.gids.join(',')}`;
      return `${call.op} ${placeKey(call.place, call.op === 'stat' && call.follow)}`;
    }
  }
}

function placeKey({ mount, folder, name }: { mount: number; folder: string; name: string }, follow: boolean): string {
  return `${follow ? '>' : ''}${mount}/${folder}//${name}`; // no path holds two slashes
}

/** Sums of a basis as a batch holds them: what they are of, and the SHA-256 of the round. It tells one basis from another. */
export function sumsPrint(sums: RoundSums): RoundSums {
  return { ...sums, round: createHash('sha256').update(sums.round).digest() };
}

/** Whether a delta that was made against `recorded` (a print) fits a basis with these sums. */
export function sameBasis(recorded: RoundSums, sums: RoundSums): boolean {
  const print = sumsPrint(sums);
  return recorded.basisSize === print.basisSize && recorded.blockLength === print.blockLength && recorded.round.equals(print.round);
}
