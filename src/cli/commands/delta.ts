/**
 * `twintree delta signature|diff|patch|chunks`: the delta engine on files and pipes, as rdiff is for librsync. Memory is
 * bounded whatever the files: a window, and some 40 bytes a block of the signature. The formats are in docs/delta-format.md.
 */
import { randomBytes } from 'node:crypto';
import {
  blockLengthFor, DEFAULT_CHUNKS, DeltaError, DeltaReader, DeltaSearch, DeltaWriter, MAX_BLOCK, MAX_FILE, MIN_BLOCK, Patcher, PIPE_BLOCK, SignatureBuilder, SignatureReader, SignatureWriter,
} from '../../delta/index.js';
import { InputFile, OutputFile } from '../../fs/index.js';
import { createKernel, type Kernel, type Seed } from '../../hash/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { CommandError, usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { ChunkLister, type ChunkerName } from './delta-chunks.js';
import { abortBySignal } from './shared.js';

const HELP = `twintree delta signature [OPTION]... BASIS [SIGNATURE]
twintree delta diff [OPTION]... SIGNATURE SOURCE [DELTA]
twintree delta patch [OPTION]... BASIS DELTA [SOURCE]
twintree delta chunks [OPTION]... FILE [LIST]

Makes a signature of an old file, with it a delta to a new one, and with that the new file out of the old one. A name that is - or
missing at the end is standard input or output. BASIS of patch must be a file. A result appears under its name only when it is whole;
patch compares the source's hash first. Chunks lists where the content itself cuts a file: offset, length and XXH64 of each piece.

  -b, --block-size=SIZE  signature: bytes of a block, 64 to 16M (the size's square root; ${PIPE_BLOCK} for a pipe)
      --seed=HEX         signature: 16 hex digits that key the sums (random)
      --no-gate          diff: search everything, also where nothing matches for long
      --max-size=SIZE    patch: refuse to make more than this
      --chunker=NAME     chunks: gear (the default) or rabin, as rabin-wasm cuts
      --chunk-size=SIZE  chunks: average length (8K); a quarter of it is the least, eight times it the most
      --stats            tell sizes and matches on stderr
      --no-simd          without SIMD (also TWINTREE_NO_SIMD=1)
`;

interface Options { blockSize?: number; seed?: Seed; chunker: ChunkerName; chunkSize: number; maxSize: number; gate: boolean; stats: boolean; simd: boolean; names: ByteString[] }

/** Bytes after which signals are looked for. */
const BREATH = 32 << 20;

export async function run(args: readonly ByteString[]): Promise<number> {
  const [action, ...rest] = args;
  if (action === '--help' || action === '-h' || rest.some((arg) => arg === '--help')) {
    process.stdout.write(HELP);
    return EXIT.ok;
  }
  const steps = { signature: [signature, 1], diff: [diff, 2], patch: [patch, 2], chunks: [chunks, 1] } as const;
  if (action === undefined || !Object.hasOwn(steps, action)) throw usageError('delta needs signature, diff, patch or chunks', 'twintree delta --help tells more.');
  const [step, needed] = steps[action as keyof typeof steps];
  const options = parse(rest);
  const { names } = options;
  if (names.length < needed || names.length > needed + 1) throw usageError(`delta ${action} takes ${needed} or ${needed + 1} names, not ${names.length}`, 'twintree delta --help tells more.');
  if (names.slice(0, needed).filter((name) => name === '-').length > 1) throw usageError('standard input can be only one of the files');
  const controller = new AbortController();
  const release = abortBySignal(controller);
  const job = new Job(options, controller.signal, names[needed] ?? ('-' as ByteString));
  try {
    await step(job, names);
    return EXIT.ok;
  } catch (error) {
    throw error instanceof DeltaError ? refused(error) : error;
  } finally {
    job.end();
    release();
  }
}

/** A run's files, kernel and pauses. */
class Job {
  readonly kernel: Kernel;
  readonly #files: InputFile[] = [];
  #output: OutputFile | undefined;
  #breath = 0;

  constructor(readonly options: Options, readonly signal: AbortSignal, readonly target: ByteString) {
    this.kernel = createKernel({ simd: options.simd });
  }

  open(name: ByteString): InputFile {
    const file = new InputFile(name);
    this.#files.push(file);
    return file;
  }

  /** Made when first asked for: after the inputs were found good. */
  get output(): OutputFile {
    return (this.#output ??= new OutputFile(this.target));
  }

  /** Lets signals through now and then. */
  async took(bytes: number): Promise<void> {
    this.#breath += bytes;
    if (this.#breath < BREATH) return;
    this.#breath = 0;
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    this.signal.throwIfAborted();
  }

  /** All is written: unless a signal came, the result gets its name. */
  async commit(): Promise<void> {
    await this.took(BREATH);
    this.output.commit();
  }

  tell(text: string): void {
    if (this.options.stats) process.stderr.write(`${text}\n`);
  }

  end(): void {
    this.#output?.discard();
    for (const file of this.#files) file.close();
  }
}

/** Whoever takes a file's bytes: a builder or a search. */
interface Taker { update(bytes: Uint8Array): void; input(): Buffer; advance(length: number): void; hole(length: number): void }

async function feed(job: Job, file: InputFile, taker: Taker): Promise<void> {
  const { size } = file;
  if (size === undefined) {
    for await (const piece of file.pieces(job.signal)) {
      taker.update(piece);
      await job.took(piece.length);
    }
    return;
  }
  const extent = { start: 0, end: 0 };
  let at = 0;
  while (file.data(at, size, extent)) {
    if (extent.start > at) taker.hole(extent.start - at);
    for (at = extent.start; at < extent.end;) {
      const room = taker.input();
      const n = file.read(room.subarray(0, Math.min(room.length, extent.end - at, 1 << 20)), at);
      if (n === 0) throw new TwintreeError('IO', 'became shorter while it was read', { path: file.path });
      taker.advance(n);
      at += n;
      await job.took(n);
    }
  }
  if (size > at) taker.hole(size - at);
}

async function signature(job: Job, [basisName]: readonly ByteString[]): Promise<void> {
  const { blockSize, seed } = job.options;
  const basis = job.open(basisName as ByteString);
  if (basis.size !== undefined && basis.size > MAX_FILE) throw usageError(`files of more than ${MAX_FILE} bytes are not supported`);
  const blockLength = blockSize ?? (basis.size === undefined ? PIPE_BLOCK : blockLengthFor(basis.size));
  const key = seed ?? seedFrom(randomBytes(8));
  const writer = new SignatureWriter(job.kernel, (bytes) => { job.output.write(bytes); }, blockLength, key);
  const builder = new SignatureBuilder(job.kernel, blockLength, key, writer.batch);
  await feed(job, basis, builder);
  const signed = builder.finish();
  writer.finish(signed);
  await job.commit();
  job.tell(`${signed.size} bytes in ${signed.blocks} blocks of ${blockLength}`);
}

async function diff(job: Job, [signatureName, sourceName]: readonly ByteString[]): Promise<void> {
  const reader = new SignatureReader(job.kernel);
  for await (const piece of job.open(signatureName as ByteString).pieces(job.signal)) reader.push(piece);
  const { signature: sums, basis } = reader.finish();
  const source = job.open(sourceName as ByteString);
  let written = 0;
  const writer = new DeltaWriter((bytes) => {
    written += bytes.length;
    job.output.write(bytes);
  }, basis);
  const search = new DeltaSearch(job.kernel, sums, writer, job.options.gate ? {} : { gateAfter: 0 });
  await feed(job, source, search);
  const { size, hash, matched } = search.finish();
  if (hash === undefined) throw new TwintreeError('INTERNAL', 'a search without a hash');
  writer.finish(size, hash);
  await job.commit();
  job.tell(`${size} bytes, of which ${matched} match; the delta has ${written}`);
}

async function patch(job: Job, [basisName, deltaName]: readonly ByteString[]): Promise<void> {
  const basis = job.open(basisName as ByteString);
  if (basis.size === undefined) throw new CommandError('USAGE', 'the basis of a patch must be a regular file', { path: basis.path });
  const { size: basisSize } = basis;
  const patcher = new Patcher(job.kernel, {
    basisSize,
    mostSize: job.options.maxSize,
    readBasis: (offset, into) => basis.read(into, offset),
    write: (bytes) => {
      job.output.write(bytes);
      job.signal.throwIfAborted();
    },
    hole: (length) => { job.output.hole(length); },
  });
  const reader = new DeltaReader(patcher, (made) => {
    if (made.size !== basisSize) throw new DeltaError('basis', `the delta was made for a basis of ${made.size} bytes, this one has ${basisSize}`);
  });
  for await (const piece of job.open(deltaName as ByteString).pieces(job.signal)) {
    reader.push(piece);
    await job.took(BREATH); // a short piece may have made much
  }
  const { size, hash } = reader.finish();
  patcher.finish(size, hash);
  await job.commit();
  job.tell(`${size} bytes`);
}

async function chunks(job: Job, [name]: readonly ByteString[]): Promise<void> {
  const { chunker: how, chunkSize: average } = job.options;
  const file = job.open(name as ByteString);
  const { lister, chunker } = await ChunkLister.open(job.kernel, how, { min: average / 4, average, max: average * 8 }, (line) => { job.output.write(Buffer.from(line)); });
  let size = 0;
  for await (const piece of file.pieces(job.signal)) {
    const own = Uint8Array.from(piece);
    lister.hold(own);
    chunker.push(own);
    size += own.length;
    await job.took(own.length);
  }
  chunker.finish();
  await job.commit();
  job.tell(`${size} bytes in ${lister.chunks} chunks`);
}

function parse(args: readonly ByteString[]): Options {
  const off = process.env['TWINTREE_NO_SIMD'];
  const options: Options = { chunker: 'gear', chunkSize: DEFAULT_CHUNKS.average, maxSize: MAX_FILE, gate: true, stats: false, simd: off === undefined || off === '' || off === '0', names: [] };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as ByteString;
    if (arg === '--') {
      options.names.push(...args.slice(i + 1));
      break;
    }
    const match = /^(--[a-z-]+|-b)(?:=?([^]*))?$/.exec(arg);
    if (arg === '-' || match === null) {
      if (arg.startsWith('-') && arg !== '-') throw usageError(`unknown option ${arg}`);
      options.names.push(arg);
      continue;
    }
    const name = match[1] ?? '';
    const given = match[2] === '' ? undefined : match[2];
    const value = (): string => {
      const text = given ?? args[++i];
      if (text === undefined) throw usageError(`${name} needs a value`);
      return text;
    };
    switch (name) {
      case '-b': case '--block-size': options.blockSize = sizeOf(name, value(), MIN_BLOCK, MAX_BLOCK); break;
      case '--max-size': options.maxSize = sizeOf(name, value(), 0, MAX_FILE); break;
      case '--chunker': options.chunker = chunkerOf(value()); break;
      case '--chunk-size': options.chunkSize = sizeOf(name, value(), 256, 2 << 20); break;
      case '--seed': options.seed = parseSeed(value()); break;
      case '--no-gate': options.gate = false; break;
      case '--stats': options.stats = true; break;
      case '--no-simd': options.simd = false; break;
      default: throw usageError(`unknown option ${name}`, 'twintree delta --help lists the options.');
    }
  }
  return options;
}

function sizeOf(name: string, text: string, least: number, most: number): number {
  const match = /^([0-9]+)([KMGT]?)$/i.exec(text);
  const size = match === null ? Number.NaN : Number(match[1]) * 1024 ** ' KMGT'.indexOf((match[2] ?? '').toUpperCase() || ' ');
  if (!(size >= least && size <= most)) throw usageError(`${name}: "${text}" is no size between ${least} and ${most}`);
  return size;
}

function chunkerOf(text: string): ChunkerName {
  if (text !== 'gear' && text !== 'rabin') throw usageError(`--chunker takes gear or rabin, not "${text}"`);
  return text;
}

function parseSeed(text: string): Seed {
  if (!/^[0-9a-f]{16}$/i.test(text)) throw usageError('--seed takes 16 hex digits');
  return { low: Number.parseInt(text.slice(8), 16), high: Number.parseInt(text.slice(0, 8), 16) };
}

function seedFrom(bytes: Buffer): Seed {
  return { low: bytes.readUInt32LE(0), high: bytes.readUInt32LE(4) };
}

/** What is wrong with a signature or delta, as an error of the command: 12 (error in the data stream). */
function refused(error: DeltaError): CommandError {
  const advice = error.code === 'mismatch' || error.code === 'basis' ? 'Nothing was written. Is it the basis that the signature was made of?' : undefined;
  return new CommandError('IO', error.message, { exitCode: EXIT.stream, cause: error, ...(advice === undefined ? {} : { advice }) });
}

