/**
 * Reading a file's content over the connection: as tokens, and as plain bytes for callers that know nothing of tokens. Content that
 * was requested ahead comes from the stream; other content is asked for, and again where another question got in between.
 */
import type { RoundSums } from '../../wire/index.js';
import type { ContentRequest, ContentToken } from '../source/index.js';
import { questionOf } from './content-request.js';
import type { FileHandle } from './handles.js';
import type { Questions } from './questions.js';
import type { SourceStream } from './stream.js';

/** A gap up to this long is read over; a longer one is asked anew. */
const READ_OVER = 4 << 20;

/** Reads the files of one thread. */
export class FileContent {
  constructor(private readonly stream: SourceStream, private readonly questions: Questions) {}

  /** Asks for a file that was not requested ahead, from `from` on, or as `request` says. 0 or a negated errno. */
  begin(file: FileHandle, from: number, request?: ContentRequest): number {
    const { place, follow, noAtime } = file;
    file.question = this.questions.file(request === undefined ? { kind: 'content', place, follow, noAtime, from, sums: undefined } : questionOf(request));
    const { content } = file.question;
    if (content.errno !== 0) {
      file.question = undefined;
      return -content.errno;
    }
    file.record = content.before;
    return 0;
  }

  /** The next token; an end with its errno where the file cannot be opened. */
  token(file: FileHandle): ContentToken {
    if (file.wanted !== undefined) return this.seen(file, this.stream.token(file.wanted));
    const { question } = file;
    if (question === undefined || question.dropped) {
      const error = this.begin(file, question?.reached ?? file.at);
      if (error < 0) return this.seen(file, { kind: 'end', errno: -error, size: 0, hash: Buffer.alloc(16) });
    }
    if (file.question === undefined) throw new Error('a question was not asked');
    return this.seen(file, this.questions.token(file.question));
  }

  private seen(file: FileHandle, token: ContentToken): ContentToken {
    if (token.kind === 'end') {
      file.ended = token.errno;
      file.record = file.wanted?.slot?.after ?? file.question?.content.after ?? file.record;
    }
    return token;
  }

  refine(file: FileHandle, sums: RoundSums): void {
    if (file.wanted !== undefined) this.stream.refine(file.wanted, sums);
    else if (file.question === undefined) throw new Error('sums for a file that was not requested with any');
    else if (!file.question.dropped) this.questions.refine(file.question, sums);
  }

  /** As Posix.read. */
  read(file: FileHandle, buffer: Buffer, offset: number, length: number, position: number): number {
    if (position >= 0 && position !== file.at) this.seek(file, position);
    let done = 0;
    while (done < length && this.fill(file)) {
      if (file.literal !== undefined) done += this.takeLiteral(file, buffer, offset + done, length - done);
      else {
        const n = Math.min(file.hole, length - done);
        buffer.fill(0, offset + done, offset + done + n);
        file.hole -= n;
        file.at += n;
        done += n;
      }
    }
    return done === 0 && length > 0 && file.ended !== undefined && file.ended !== 0 ? -file.ended : done;
  }

  /** Bytes of the hole at `offset`, 0 where there is none as far as the tokens at hand tell. */
  holeAt(file: FileHandle, offset: number): number {
    if (offset !== file.at && offset >= 0) this.seek(file, offset);
    return this.fill(file) && file.literal === undefined ? file.hole : 0;
  }

  drop(file: FileHandle): void {
    if (file.wanted !== undefined) this.stream.drop(file.wanted);
    file.wanted = undefined;
    file.question = undefined;
  }

  /** Makes something of the file ready at its place; false at its end. */
  private fill(file: FileHandle): boolean {
    while (file.literal === undefined && file.hole === 0) {
      if (file.ended !== undefined) return false;
      const token = this.token(file);
      switch (token.kind) {
        case 'literal': if (token.bytes.length > 0) file.literal = token.bytes; break;
        case 'hole': file.hole = token.length; break;
        case 'end': return false;
        case 'copy': case 'refine': throw new Error('a delta is read by its tokens');
      }
    }
    return true;
  }

  private takeLiteral(file: FileHandle, buffer: Buffer, offset: number, most: number): number {
    const literal = file.literal as Buffer;
    const n = Math.min(literal.length, most);
    literal.copy(buffer, offset, 0, n);
    file.literal = n === literal.length ? undefined : literal.subarray(n);
    file.at += n;
    return n;
  }

  private seek(file: FileHandle, position: number): void {
    while (file.at < position && (position - file.at <= READ_OVER || file.hole > 0) && this.fill(file)) {
      const left = position - file.at;
      if (file.literal !== undefined) {
        const n = Math.min(file.literal.length, left);
        file.literal = n === file.literal.length ? undefined : file.literal.subarray(n);
        file.at += n;
      } else {
        const n = Math.min(file.hole, left);
        file.hole -= n;
        file.at += n;
      }
    }
    if (file.at === position || (file.at < position && file.ended !== undefined)) return; // past the end nothing is read
    this.drop(file);
    file.literal = undefined;
    file.hole = 0;
    file.ended = undefined;
    file.at = position;
  }
}
