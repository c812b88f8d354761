/**
 * A digest over a pair of streams: `serveDigest` at the host of the tree, `readDigest` at the other. Lines of ASCII, each a JSON object. The asking side sends
 * the request; the serving side answers with the head, the items of the manifest, figures now and then, and the tail; or with an error. Meanwhile, and after
 * the tail, ids of names may be asked. Neither side believes anything of the other: the manifest's order and digests are checked as it comes.
 */
import type { Readable, Writable } from 'node:stream';
import { absolute } from '../../session/index.js';
import { isCount, isObject, isText, TwintreeError, type ByteString, type ErrorCode } from '../../tree/index.js';
import { asciiJson, MAX_LINE, quoted, ManifestError } from '../manifest/entry.js';
import { ManifestChecker, type ManifestItem } from '../manifest/items.js';
import { openDigest, type Digest, type DigestDeps } from './digest.js';
import { LineError, LineReader, SilenceError, writeText } from './lines.js';
import { brokenDigest, decodeHead, decodeRequest, decodeStats, emptyStats, encodeRequest, type DigestHead, type DigestRequest, type DigestStats } from './request.js';

/** Longest request, bytes: options may hold many filter rules. */
const MAX_REQUEST = 64 << 20;
/** Names that may be asked for in one digest: as many as there are users. */
const MOST_NAMES = 1 << 17;
/** Milliseconds between two lines of figures: they tell how far it is, and that it is still there. */
const FIGURES = 1000;
/** Milliseconds of silence after which the other end counts as gone. */
const SILENCE = 120_000;
/** Codes of errors that the other end may say; others count as IO. */
const CODES: readonly ErrorCode[] = ['USAGE', 'UNSUPPORTED', 'SOURCE_MISSING', 'TARGET_UNUSABLE', 'IO', 'STATE', 'LOCKED', 'VERSION', 'WIRE', 'ABORTED', 'INTERNAL'];

/**
 * Serves one digest of a tree of this host, then the questions about names, until the input ends. What goes wrong is told to the other end; resolves all the
 * same. Rejects where not even that can be told.
 */
export async function serveDigest(input: Readable, output: Writable, signal: AbortSignal = new AbortController().signal, deps: DigestDeps = {}): Promise<void> {
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const reader = new LineReader(input, MAX_REQUEST);
  let digest: Digest | undefined;
  try {
    const line = await reader.next();
    if (line === undefined) return;
    digest = openDigest(here(decodeRequest(parsed(line))), both, deps);
    const questions = answer(reader, output, digest).finally(() => { ended.abort(new TwintreeError('CONNECTION_LOST', 'the other end has gone')); });
    questions.catch(() => undefined); // told below, or the output is gone
    await writeText(output, `${asciiJson({ head: digest.head })}\n`);
    await send(digest, output);
    await questions;
  } catch (error) {
    if (output.destroyed || (ended.signal.aborted && !signal.aborted)) return; // nobody hears it
    const code = error instanceof TwintreeError ? error.code : error instanceof LineError ? 'WIRE' : 'INTERNAL';
    const advice = error instanceof TwintreeError ? error.advice : undefined;
    await writeText(output, `${asciiJson({ error: { code, message: error instanceof Error ? error.message : String(error), ...(advice === undefined ? {} : { advice }) } })}\n`);
  } finally {
    await digest?.close();
  }
}

/** The request with the tree's own path made absolute. */
function here(request: DigestRequest): DigestRequest {
  const root = absolute(request.root);
  return { ...request, root, places: { ...request.places, [request.side]: root } };
}

async function send(digest: Digest, output: Writable): Promise<void> {
  const ticker = setInterval(() => { // a large file may take long
    if (!output.writableNeedDrain && !output.destroyed) output.write(`${asciiJson({ figures: digest.stats })}\n`);
  }, FIGURES);
  try {
    for (let items = await digest.next(); items !== undefined; items = await digest.next()) {
      let text = '';
      for (const { line } of items) text += `${line}\n`;
      await writeText(output, text);
    }
  } finally {
    clearInterval(ticker);
  }
  await writeText(output, `${asciiJson({ tail: digest.stats })}\n`);
}

async function answer(reader: LineReader, output: Writable, digest: Digest): Promise<void> {
  for (let asked = 0; ; asked++) {
    const line = await reader.next();
    if (line === undefined) return;
    const question = parsed(line);
    if (!isObject(question) || !isObject(question['ask'])) throw brokenDigest('a question is none');
    const { kind, name } = question['ask'];
    if ((kind !== 'user' && kind !== 'group') || !isText(name, 255) || asked > MOST_NAMES) throw brokenDigest('a question is none');
    const id = await digest.idOf(kind, name as ByteString);
    await writeText(output, `{"id":${id ?? null}}\n`);
  }
}

/**
 * Asks the other end for a digest and reads it. The streams stay the caller's.
 * @throws TwintreeError what the other end says, WIRE for what breaks the form, CONNECTION_LOST where it ends before its end, TIMEOUT where it falls silent.
 */
export async function readDigest(input: Readable, output: Writable, request: DigestRequest, signal: AbortSignal): Promise<Digest> {
  const reader = new DigestReader(input, output, signal);
  await reader.begin(request);
  return reader;
}

class DigestReader implements Digest {
  stats: DigestStats = emptyStats();
  private known: DigestHead | undefined;
  private readonly lines: LineReader;
  private readonly checker = new ManifestChecker();
  private readonly questions: ((id: number | undefined) => void)[] = [];
  private readonly ready: ManifestItem[] = []; // came while an answer was waited for
  private tailed = false;
  private reading: Promise<void> | undefined;

  constructor(private readonly input: Readable, private readonly output: Writable, private readonly signal: AbortSignal) {
    this.lines = new LineReader(input, MAX_LINE);
    signal.addEventListener('abort', this.giveUp);
  }

  private readonly giveUp = (): void => { this.input.destroy(); };

  get head(): DigestHead {
    if (this.known === undefined) throw new Error('a digest before its head');
    return this.known;
  }

  get root(): Buffer | undefined {
    return this.tailed ? this.checker.root : undefined;
  }

  async begin(request: DigestRequest): Promise<void> {
    this.signal.throwIfAborted();
    await writeText(this.output, `${asciiJson(encodeRequest(request))}\n`);
    this.ahead = request.ahead;
    while (this.known === undefined) this.take(await this.line());
  }
  private ahead = false;

  async next(): Promise<readonly ManifestItem[] | undefined> {
    while (this.ready.length === 0 && !this.tailed) await this.read();
    if (this.ready.length > 0) return this.ready.splice(0);
    if (this.checker.root === undefined && !this.ahead) throw brokenDigest('the manifest is not complete');
    return undefined;
  }

  async idOf(kind: 'user' | 'group', name: ByteString): Promise<number | undefined> {
    const found: { id?: number | undefined; isHere: boolean } = { isHere: false };
    this.questions.push((id) => { Object.assign(found, { id, isHere: true }); });
    await writeText(this.output, `{"ask":{"kind":"${kind}","name":${quoted(name)}}}\n`);
    while (!found.isHere) await this.read();
    return found.id;
  }

  close(): Promise<void> {
    this.signal.removeEventListener('abort', this.giveUp);
    if (!this.output.destroyed) this.output.end();
    return Promise.resolve();
  }

  /** Takes what is here, at least one line. One reads at a time: who comes second waits for what that one reads. */
  private async read(): Promise<void> {
    if (this.reading !== undefined) return this.reading;
    this.reading = (async () => {
      this.take(await this.line());
      for (let n = 0; n < 1000; n++) {
        const line = this.lines.taken();
        if (line === undefined) break;
        this.take(line);
      }
    })().finally(() => { this.reading = undefined; });
    return this.reading;
  }

  private async line(): Promise<string> {
    let line: string | undefined;
    try {
      line = await this.lines.next(SILENCE);
    } catch (error) {
      if (error instanceof SilenceError) throw new TwintreeError('TIMEOUT', `the host of a digest was silent for ${SILENCE / 1000} seconds`);
      if (error instanceof LineError) throw brokenDigest(error.message);
      this.signal.throwIfAborted();
      throw new TwintreeError('CONNECTION_LOST', 'the connection to the host of a digest broke', { cause: error });
    }
    if (line !== undefined) return line;
    this.signal.throwIfAborted();
    throw new TwintreeError('CONNECTION_LOST', 'the host of a digest ended before the digest did');
  }

  private take(line: string): void {
    if (ManifestChecker.isItem(line)) {
      if (this.known === undefined || this.tailed || this.ahead) throw brokenDigest('an entry where none belongs');
      try {
        this.ready.push(this.checker.push(line));
      } catch (error) {
        throw error instanceof ManifestError ? brokenDigest(error.message) : error;
      }
      return;
    }
    const value = parsed(line);
    if (!isObject(value)) throw brokenDigest('a line is no object');
    if ('error' in value) throw said(value['error']);
    if ('id' in value) {
      const question = this.questions.shift();
      const { id } = value;
      if (question === undefined || (id !== null && (!isCount(id) || id > 0xfffffffe))) throw brokenDigest('an answer that nobody asked for');
      question(id ?? undefined);
    } else if ('head' in value) {
      if (this.known !== undefined) throw brokenDigest('it has two heads');
      this.known = decodeHead(value['head']);
    } else if ('figures' in value || 'tail' in value) {
      if (this.known === undefined || this.tailed) throw brokenDigest('figures where none belong');
      this.stats = decodeStats(value['tail'] ?? value['figures']);
      this.tailed = 'tail' in value;
    } else throw brokenDigest('a line is not known here');
  }
}

/** What went wrong at the other end, in its words. */
function said(value: unknown): TwintreeError {
  if (!isObject(value) || !isText(value['message'], 1 << 16)) return brokenDigest('an error is none');
  const code = CODES.find((one) => one === value['code']) ?? 'IO';
  const { advice } = value;
  return new TwintreeError(code, `at the other host: ${value['message']}`, isText(advice, 1 << 12) ? { advice } : {});
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    throw brokenDigest('a line is no JSON');
  }
}
