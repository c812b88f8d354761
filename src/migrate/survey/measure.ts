/**
 * measure: how fast the source is read and how fast its content reaches the target's host, by a short sample of its own files. Nothing is written anywhere: what crosses
 * the network is read there by a dry run of the session and dropped. Access times stay as they are where this user may ask for that.
 */
import { bytesText } from '../../job/index.js';
import { lookOptions, type RunToJudge } from '../../doctor/index.js';
import { FolderCache, loadPosix, type Posix } from '../../fs/index.js';
import { runRemote } from '../../session/index.js';
import { baseOf, parentOf, TwintreeError, type ByteString } from '../../tree/index.js';
import type { Sample } from './collect.js';
import type { Measured } from './plan-types.js';

export interface MeasureOptions {
  /** ms for each of the measurements; default 1500. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

const PATIENCE = 1500;
/** A file up to this is small: what it costs is to open it. */
const SMALL = 65_536;
/** Most of one file that is read, and of all that cross the network; bytes. */
const MOST_OF_FILE = 64 << 20;
const MOST_SENT = 64 << 20;
/** What crosses it first, while nobody knows how fast it is: about so much, and no file that is larger. */
const FIRST_SENT = 2 << 20;
const LARGEST_SENT = 16 << 20;
const MOST_SMALL = 500;
const CHUNK = 1 << 20;
/** A figure from less than this says nothing; ms. */
const LEAST_MS = 0.05;

/** Measures. Never rejects for what cannot be measured: that is a note. @throws TwintreeError ABORTED. */
export async function measure(run: RunToJudge, samples: readonly Sample[], { patienceMs = PATIENCE, signal }: MeasureOptions = {}): Promise<Measured> {
  const notes: string[] = [];
  const [source] = run.sources;
  const small = samples.filter(({ bytes }) => bytes <= SMALL);
  const large = samples.filter(({ bytes }) => bytes > SMALL).toSorted((a, b) => b.bytes - a.bytes);
  const reading = source === undefined ? undefined : await readSome(source, small, large, patienceMs, signal);
  let read = rateOf(reading?.bulk.bytes, reading?.bulk.ms);
  const readFiles = rateOf(reading?.files.count, reading?.files.ms);
  if (read === null && reading !== undefined) read = rateOf(reading.files.bytes, reading.files.ms);
  if (reading !== undefined && read !== null) notes.push(`reading: ${bytesText(reading.bulk.bytes + reading.files.bytes)} of ${reading.bulk.count + reading.files.count} files; what was in memory already was faster than the disk`);
  if (read === null) notes.push('reading could not be measured: the source has too little to read');
  const link = run.remote?.request.direction === 'push' ? await sendSome(run, small, large, patienceMs, notes, signal) : { bytes: null, files: null };
  if (signal?.aborted === true) throw new TwintreeError('ABORTED', 'the survey was ended by a signal');
  return { readBytesPerSecond: read, readFilesPerSecond: readFiles, linkBytesPerSecond: link.bytes, linkFilesPerSecond: link.files, notes };
}

/** A second's worth; null where too little was done in too short a time. */
function rateOf(amount: number | undefined, ms: number | undefined): number | null {
  return amount === undefined || ms === undefined || amount <= 0 || ms < LEAST_MS ? null : Math.round((amount * 1000) / ms);
}

interface Tally { bytes: number; count: number; ms: number }

async function readSome(source: ByteString, small: readonly Sample[], large: readonly Sample[], patienceMs: number, signal: AbortSignal | undefined): Promise<{ bulk: Tally; files: Tally } | undefined> {
  const posix = loadPosix();
  const root = posix.openRoot(source);
  if (root < 0) return undefined;
  const cache = new FolderCache(posix, root);
  const buffer = Buffer.allocUnsafeSlow(CHUNK);
  try {
    const tally = async (samples: readonly Sample[]): Promise<Tally> => {
      const sum: Tally = { bytes: 0, count: 0, ms: 0 };
      const began = performance.now();
      for (const { path } of samples) {
        sum.bytes += readOne(posix, cache.open(parentOf(path)), baseOf(path), buffer, began + patienceMs);
        sum.count++;
        sum.ms = performance.now() - began;
        if (sum.ms >= patienceMs || signal?.aborted === true) break;
        if (sum.count % 16 === 0) await new Promise((resolve) => { setImmediate(resolve); });
      }
      return sum;
    };
    return { bulk: await tally(large), files: await tally(small) };
  } finally {
    cache.closeAll();
    posix.close(root);
  }
}

function readOne(posix: Posix, at: number, name: ByteString, buffer: Buffer, until: number): number {
  const fd = at < 0 ? at : posix.open(at, name, { read: true, nonBlock: true, noAtime: true });
  if (fd < 0) return 0;
  let total = 0;
  while (total < MOST_OF_FILE && performance.now() < until) {
    const got = posix.read(fd, buffer, 0, buffer.length, -1);
    if (got <= 0) break;
    total += got;
  }
  posix.close(fd);
  return total;
}

/** Sends a little, to know how much fits into the time, then as much as that; and small files. */
async function sendSome(run: RunToJudge, small: readonly Sample[], large: readonly Sample[], patienceMs: number, notes: string[], signal: AbortSignal | undefined): Promise<{ bytes: number | null; files: number | null }> {
  const first = upTo(large.toReversed(), FIRST_SENT, LARGEST_SENT);
  let bulk = first.length === 0 ? undefined : await send(run, first, patienceMs, signal);
  if (typeof bulk === 'object' && bulk.ms < patienceMs / 2) {
    const room = Math.min(MOST_SENT, (bulk.bytes / bulk.ms) * patienceMs);
    const more = upTo(large, room, room);
    const again = more.length === 0 ? undefined : await send(run, more, patienceMs, signal);
    if (typeof again === 'object' && again.bytes > bulk.bytes) bulk = again;
  }
  const few = small.slice(0, MOST_SMALL);
  const files = few.length === 0 ? undefined : await send(run, few, patienceMs, signal);
  for (const one of [bulk, files]) if (typeof one === 'string') notes.push(`the network could not be measured: ${one}`);
  const sent = typeof bulk === 'object' ? bulk : typeof files === 'object' ? files : undefined;
  if (sent !== undefined) notes.push(`the network: ${bytesText(sent.bytes)} of the source's own files, as they are sent (compressed where that pays)`);
  else if (bulk === undefined && files === undefined) notes.push('the network could not be measured: the source has no file for it');
  return { bytes: sent === undefined ? null : rateOf(sent.bytes, sent.ms), files: typeof files === 'object' ? rateOf(files.count, files.ms) : null };
}

/** Files in this order, none larger than `largest`, until there is no room; one at least, where there is any of that size. */
function upTo(samples: readonly Sample[], room: number, largest: number): Sample[] {
  const chosen: Sample[] = [];
  let left = room;
  for (const one of samples) {
    if (one.bytes > largest || (one.bytes > left && chosen.length > 0)) continue;
    chosen.push(one);
    left -= one.bytes;
    if (left <= 0) break;
  }
  return chosen;
}

/** One dry run that reads the content of these files at the other end; what hinders it, as a sentence. */
async function send({ sources, target, options, remote }: RunToJudge, samples: readonly Sample[], patienceMs: number, signal: AbortSignal | undefined): Promise<Tally | string> {
  if (remote === undefined) return 'the target is on this host';
  const stop = new AbortController();
  const end = (): void => { stop.abort(); };
  signal?.addEventListener('abort', end);
  const look = lookOptions(options);
  const sum: Tally = { bytes: 0, count: 0, ms: 0 };
  let began: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    const outcome = await runRemote({
      ...remote.request, link: { ...remote.request.link, retries: 0 }, sources, target,
      options: {
        ...look, contentOnly: true, filesFrom: samples.map(({ path }) => path), compare: { ...look.compare, mode: 'ignore-times' }, walk: { ...look.walk, recursive: false, relative: true, impliedDirs: false },
        replace: { ...look.replace, wholeFile: true, altDest: undefined }, delete: { ...look.delete, when: undefined },
      },
    }, {
      plan: () => {
        began = performance.now();
        timer = setTimeout(end, patienceMs);
      },
      progress: ({ doneBytes, doneFiles }) => {
        if (began === undefined || doneFiles + doneBytes === 0) return;
        sum.bytes = doneBytes;
        sum.count = doneFiles;
        sum.ms = performance.now() - began;
      },
    }, stop.signal);
    if (!outcome.aborted && began !== undefined) {
      sum.ms = performance.now() - began;
      sum.bytes = samples.reduce((all, { bytes }) => all + bytes, 0);
      sum.count = samples.length;
    }
    return sum.ms > 0 ? sum : 'nothing came through in time';
  } catch (error) {
    if (!(error instanceof TwintreeError) || error.code === 'INTERNAL') throw error;
    return sum.ms > 0 ? sum : error.message;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}
