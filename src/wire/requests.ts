/**
 * Requests: what the session asks. Laid out as items are; a place's folder is told as a difference from the place before in the payload.
 * The reader checks everything and throws only WireError.
 */
import { blocksOf, isShape, MAX_BLOCKS, MAX_FILE, ROOT_BYTES } from '../delta/index.js';
import { EMPTY, type RelPath } from '../tree/index.js';
import { WireError } from './error.js';
import { readBlockLength, readMessage, readStretches, writeStretches } from './items.js';
import { MAX_BODY, MAX_ID, MAX_ID_NAMES, MAX_MOUNTS, MAX_ROUND, MAX_SMALL_FILE, SIZE_END } from './limits.js';
import type { KnownBasis, Request, RoundSums, SourceCall, SourcePlace } from './messages.js';
import { readName, readPath, writePath } from './pieces.js';
import { ByteReader } from './reader.js';
import { ByteWriter } from './writer.js';

/** Kinds of requests in a payload. */
const enum Kind { Walk = 1, Folder, Call, Content, Refine, Hash }
/** Operations of a call. */
const enum Op { Stat = 1, Readlink, Xattrs, Read, SeekEnd, Names, Unlink }

const WALK_AFTER = 1;
const WALK_DIGESTS = 2;
const FOLLOW = 1;
const NO_ATIME = 2;
const HAS_SUMS = 4;
const HAS_ROOT = 8;

/** Writes requests into payloads. */
export class RequestWriter {
  readonly #out = new ByteWriter();
  #folder: RelPath = EMPTY;

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#out.at;
  }

  /** Appends one request. @throws WireError 'limit' where it is longer than a frame, and then nothing was appended. */
  write(request: Request): void {
    const out = this.#out;
    const start = out.at;
    const folder = this.#folder;
    out.u8(kindOf(request));
    const from = out.at;
    this.#write(request);
    if (out.at - from > MAX_BODY) {
      out.at = start;
      this.#folder = folder;
      throw new WireError('limit', `a request of ${out.at - from} bytes is longer than a frame`);
    }
    out.prefixLength(from);
  }

  /** The payload, with its memory to itself; the next request begins a new one. */
  take(): Buffer {
    this.#folder = EMPTY;
    return this.#out.take();
  }

  #write(request: Request): void {
    const out = this.#out;
    switch (request.kind) {
      case 'walk':
        out.u8((request.after === undefined ? 0 : WALK_AFTER) | (request.digests === true ? WALK_DIGESTS : 0));
        if (request.after !== undefined) this.#path(request.after);
        return;
      case 'folder':
        out.varint(request.mount);
        return this.#path(request.path);
      case 'call':
        return this.#call(request.call);
      case 'content':
        out.u8((request.follow ? FOLLOW : 0) | (request.noAtime ? NO_ATIME : 0) | (request.sums === undefined ? 0 : HAS_SUMS) | (request.known === undefined ? 0 : HAS_ROOT));
        this.#place(request.place);
        out.varint(request.from);
        if (request.sums !== undefined) writeSums(out, request.sums);
        if (request.known !== undefined) writeKnown(out, request.known);
        return;
      case 'refine':
        return writeSums(out, request.sums);
      case 'hash':
        out.u8(request.follow ? FOLLOW : 0);
        return this.#place(request.place);
    }
  }

  #call(call: SourceCall): void {
    const out = this.#out;
    out.u8(opOf(call));
    switch (call.op) {
      case 'stat':
        out.u8(call.follow ? FOLLOW : 0);
        return this.#place(call.place);
      case 'read':
        out.varint(call.most);
        return this.#place(call.place);
      case 'names':
        writeNumbers(out, call.uids);
        return writeNumbers(out, call.gids);
      case 'readlink':
      case 'xattrs':
      case 'seek-end':
      case 'unlink':
        return this.#place(call.place);
    }
  }

  #place({ mount, folder, name }: SourcePlace): void {
    this.#out.varint(mount);
    this.#path(folder);
    this.#out.sizedText(name);
  }

  #path(path: RelPath): void {
    writePath(this.#out, path, this.#folder);
    this.#folder = path;
  }
}

function kindOf(request: Request): Kind {
  switch (request.kind) {
    case 'walk': return Kind.Walk;
    case 'folder': return Kind.Folder;
    case 'call': return Kind.Call;
    case 'content': return Kind.Content;
    case 'refine': return Kind.Refine;
    case 'hash': return Kind.Hash;
  }
}

function opOf(call: SourceCall): Op {
  switch (call.op) {
    case 'stat': return Op.Stat;
    case 'readlink': return Op.Readlink;
    case 'xattrs': return Op.Xattrs;
    case 'read': return Op.Read;
    case 'seek-end': return Op.SeekEnd;
    case 'names': return Op.Names;
    case 'unlink': return Op.Unlink;
  }
}

function writeSums(out: ByteWriter, { basisSize, blockLength, stretches, round }: RoundSums): void {
  out.varint(basisSize);
  out.varint(blockLength);
  writeStretches(out, stretches);
  out.sized(round);
}

function writeKnown(out: ByteWriter, { root, size, leafLength }: KnownBasis): void {
  out.raw(root.subarray(0, ROOT_BYTES));
  out.varint(size);
  out.u8(Math.log2(leafLength));
}

function writeNumbers(out: ByteWriter, numbers: readonly number[]): void {
  out.varint(numbers.length);
  for (const n of numbers) out.varint(n);
}

/** Reads the requests of one payload. */
export class RequestReader {
  readonly #in: ByteReader;
  #folder: RelPath = EMPTY;

  constructor(payload: Uint8Array) {
    this.#in = new ByteReader(payload);
  }

  /** Whether all requests have been read. */
  get done(): boolean {
    return this.#in.at === this.#in.bytes.length;
  }

  /** The next request. A round's sums are a view of the payload. @throws WireError; then the payload is of no more use. */
  next(): Request {
    return readMessage(this.#in, (kind) => this.#read(kind as Kind));
  }

  #walk(): Request {
    const flags = this.#in.flags(WALK_AFTER | WALK_DIGESTS, 'walk');
    const after = (flags & WALK_AFTER) === 0 ? undefined : this.#path();
    return { kind: 'walk', after, ...((flags & WALK_DIGESTS) === 0 ? {} : { digests: true }) };
  }

  #read(kind: Kind): Request {
    const input = this.#in;
    switch (kind) {
      case Kind.Walk:
        return this.#walk();
      case Kind.Folder:
        return { kind: 'folder', mount: this.#mount(), path: this.#path() };
      case Kind.Call:
        return { kind: 'call', call: this.#call() };
      case Kind.Content: {
        const flags = input.flags(FOLLOW | NO_ATIME | HAS_SUMS | HAS_ROOT, 'request of content');
        if ((flags & HAS_SUMS) !== 0 && (flags & HAS_ROOT) !== 0) throw new WireError('range', 'sums and a root of one basis');
        const place = this.#place();
        const from = input.varint(SIZE_END - 1, 'offset');
        const sums = (flags & HAS_SUMS) === 0 ? undefined : readSums(input);
        return { kind: 'content', place, follow: (flags & FOLLOW) !== 0, noAtime: (flags & NO_ATIME) !== 0, from, sums, ...((flags & HAS_ROOT) === 0 ? {} : { known: readKnown(input) }) };
      }
      case Kind.Refine:
        return { kind: 'refine', sums: readSums(input) };
      case Kind.Hash: {
        const follow = input.flags(FOLLOW, 'request of a hash') !== 0;
        return { kind: 'hash', place: this.#place(), follow };
      }
      default:
        throw new WireError('kind', `there is no request of kind ${String(kind)}`);
    }
  }

  #call(): SourceCall {
    const input = this.#in;
    const op = input.u8() as Op;
    switch (op) {
      case Op.Stat: {
        const follow = input.flags(FOLLOW, 'call') !== 0;
        return { op: 'stat', place: this.#place(), follow };
      }
      case Op.Readlink:
        return { op: 'readlink', place: this.#place() };
      case Op.Xattrs:
        return { op: 'xattrs', place: this.#place() };
      case Op.Read: {
        const most = input.varint(MAX_SMALL_FILE, 'length to read');
        return { op: 'read', place: this.#place(), most };
      }
      case Op.SeekEnd:
        return { op: 'seek-end', place: this.#place() };
      case Op.Names:
        return { op: 'names', uids: readNumbers(input), gids: readNumbers(input) };
      case Op.Unlink:
        return { op: 'unlink', place: this.#place() };
      default:
        throw new WireError('kind', `there is no call ${String(op)}`);
    }
  }

  #mount(): number {
    return this.#in.varint(MAX_MOUNTS - 1, 'mount');
  }

  #place(): SourcePlace {
    return { mount: this.#mount(), folder: this.#path(), name: readName(this.#in) };
  }

  #path(): RelPath {
    this.#folder = readPath(this.#in, this.#folder);
    return this.#folder;
  }
}

/** Sums of a round. Their inside is decodeRound's to check; here they are as many as one signature may have at most. */
function readSums(input: ByteReader): RoundSums {
  const basisSize = input.varint(MAX_FILE, 'size of a basis');
  const blockLength = readBlockLength(input);
  const stretches = readStretches(input, basisSize);
  const blocks = blocksOf(stretches, blockLength);
  if (blocks > MAX_BLOCKS) throw new WireError('limit', `${blocks} blocks are more than ${MAX_BLOCKS}`);
  return { basisSize, blockLength, stretches, round: input.sized(MAX_ROUND, 'round') };
}

function readKnown(input: ByteReader): KnownBasis {
  const root = Buffer.from(input.raw(ROOT_BYTES));
  const size = input.varint(MAX_FILE, 'size of a basis');
  const leafLength = 2 ** input.u8();
  if (!isShape({ size, leafLength })) throw new WireError('range', 'a basis has other leaves than it may have');
  return { root, size, leafLength };
}

function readNumbers(input: ByteReader): number[] {
  const count = input.count(MAX_ID_NAMES, 1, 'numbers');
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) numbers.push(input.varint(MAX_ID, 'owner'));
  return numbers;
}
