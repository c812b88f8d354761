/**
 * A remote source without a wire: RemoteContent over local files, with the real delta engine doing the supplier's part in as many rounds as
 * pay. Everything but content is the kernel's. What a bad connection or a bad supplier would do can be asked of it.
 */
import { readlinkSync } from 'node:fs';
import { ALIGNED_FORM, decodeAligned, decodeRound, exchange, firstAligned, isProbe, LeafSummer, ROOTED_FORM, rootOf, SourceRounds, type Stretch } from '../../src/delta/index.js';
import type { ContentRequest, ContentToken, RemoteContent, SourceFs } from '../../src/endpoint/source/types.js';
import { loadPosix, type OpenFlags, type Posix } from '../../src/fs/index.js';
import { CALL_BYTES, createKernel, WholeHash } from '../../src/hash/index.js';
import { StatTable, type ByteString } from '../../src/tree/index.js';
import type { RoundSums } from '../../src/wire/index.js';

/** What goes wrong, and what is watched. */
export interface Behaviour {
  /** Literals of so many answers have one byte turned. */
  corruptAnswers?: number;
  /** Called before each token, with its kind and how many came before it in this answer. */
  onToken?: (kind: ContentToken['kind'], n: number, answer: number) => void;
  /** Tokens in place of what the engine says. */
  tokens?: (request: ContentRequest) => ContentToken[] | undefined;
}

/** Costs of all answers so far, in the bytes that a wire would carry: sums one way, literals the other. */
export interface Traffic { requests: ContentRequest[]; answers: number; sums: number; literals: number; copies: number; refines: number }

interface Answer { readonly tokens: Generator<ContentToken, void>; ended: boolean; seen: number; readonly number: number }

const SEED = { low: 0x1234567, high: 0x89abcdef };

/** A SourceFs whose content arrives as tokens; `root` is the path of the source tree. */
export function contentSource(root: string, behaviour: Behaviour = {}, posix: Posix = loadPosix()): { source: SourceFs; traffic: Traffic } {
  const traffic: Traffic = { requests: [], answers: 0, sums: 0, literals: 0, copies: 0, refines: 0 };
  const queue: ContentRequest[] = [];
  const answers = new Map<number, Answer>();
  const refined = new Map<number, RoundSums>();

  const remote: RemoteContent = {
    seed: SEED,
    request(request) {
      queue.push(request);
      traffic.requests.push(request);
      traffic.sums += request.sums?.round.length ?? 0;
    },
    requestNow(request) {
      remote.request(request);
      queue.unshift(...queue.splice(-1));
    },
    token(fd) {
      const answer = answers.get(fd);
      if (answer === undefined || answer.ended) throw new Error('a token of nothing');
      const next = answer.tokens.next();
      if (next.done === true) throw new Error('no token left');
      const token = next.value;
      behaviour.onToken?.(token.kind, answer.seen++, answer.number);
      if (token.kind === 'literal') traffic.literals += token.bytes.length;
      else if (token.kind === 'copy') traffic.copies += token.length;
      else if (token.kind === 'refine') traffic.refines++;
      answer.ended = token.kind === 'end';
      return token;
    },
    refine(fd, sums) {
      traffic.sums += sums.round.length;
      refined.set(fd, sums);
    },
    hash: () => -38,
    nameOfUid: () => undefined,
    nameOfGid: () => undefined,
    prepareXattrs: () => undefined, prepareStat: () => undefined,
    askHash: () => { throw new Error('not asked here'); },
  };

  const source = Object.assign(Object.create(posix) as Posix, {
    remote,
    open(at: number, name: ByteString, flags: OpenFlags): number {
      const folder = readlinkSync(`/proc/self/fd/${at}`, 'latin1').slice(root.length + 1);
      const index = queue.findIndex((r) => r.name === name && r.folder === folder);
      const fd = posix.open(at, name, flags);
      if (index < 0) return fd;
      const request = queue.splice(0, index + 1).at(-1) as ContentRequest;
      if (fd >= 0) answers.set(fd, { tokens: answerOf(fd, request, traffic.answers), ended: false, seen: 0, number: traffic.answers++ });
      return fd;
    },
    read: () => { throw new Error('content of a remote source is not read'); },
    close(fd: number): number {
      answers.delete(fd);
      return posix.close(fd);
    },
  });

  function* answerOf(fd: number, request: ContentRequest, number: number): Generator<ContentToken, void> {
    const made = behaviour.tokens?.(request);
    if (made !== undefined) {
      yield* made;
      return;
    }
    const corrupts = number < (behaviour.corruptAnswers ?? 0);
    const table = new StatTable(1);
    posix.fstat(fd, table, 0);
    const size = table.size(0);
    const { sums } = request;
    const read = (offset: number, into: Buffer): number => Math.max(0, posix.read(fd, into, 0, into.length, offset));
    const holes = holesOf(posix, fd, request.from, size);
    let rounds = new SourceRounds(size, holes);
    let hash: Buffer | undefined; // undefined: of all bytes
    if (sums !== undefined && request.from === 0) {
      const kernel = createKernel();
      if (sums.round[0] !== ALIGNED_FORM && sums.round[0] !== ROOTED_FORM) rounds.search(kernel, decodeRound(sums.round, sums.blockLength, sums.basisSize, SEED, sums.stretches), read);
      else {
        const first = decodeAligned(sums.round, sums.blockLength, sums.basisSize, sums.stretches);
        const leaves = leavesOf(read, size, first.leafLength);
        if (first.rooted) hash = rootOf(kernel, leaves);
        let opening: RoundSums | undefined = sums;
        if (isProbe(first, sums.basisSize)) {
          yield { kind: 'refine', aligned: true, blockLength: firstAligned(sums.basisSize, first.leafLength), stretches: [{ start: 0, length: sums.basisSize }] };
          opening = refined.get(fd);
          if (opening === undefined) throw new Error('the session did not answer a probe');
        }
        const talk = exchange(kernel, { size, holes, leaves, read }, opening, SEED);
        let step = talk.next();
        while (step.done !== true) {
          yield { kind: 'refine', ...step.value };
          step = talk.next(refined.get(fd));
        }
        rounds = step.value;
      }
    }
    const tokens: ContentToken[] = [];
    let reached = 0;
    const skip = (length: number): number => { // of a token, what lies before `from`
      const before = Math.min(length, Math.max(0, request.from - reached));
      reached += length;
      return before;
    };
    rounds.emit({
      copy: (offset, length) => { skip(length); tokens.push({ kind: 'copy', offset, length }); },
      literal: (bytes) => {
        const part = Buffer.from(bytes.subarray(skip(bytes.length)));
        if (part.length > 0) tokens.push({ kind: 'literal', bytes: part });
      },
      hole: (length) => { const left = length - skip(length); if (left > 0) tokens.push({ kind: 'hole', length: left }); },
    }, read);
    for (const token of tokens) {
      if (corrupts && token.kind === 'literal') token.bytes[0] = (token.bytes[0] ?? 0) ^ 1;
      yield token;
    }
    yield { kind: 'end', errno: 0, size, hash: hash ?? hashOf(read, size) };
  }

  return { source, traffic };
}

function leavesOf(read: (offset: number, into: Buffer) => number, size: number, leafLength: number): ReturnType<LeafSummer['finish']> {
  const summer = new LeafSummer(createKernel(), leafLength, size, SEED);
  for (let at = 0; at < size;) {
    const room = summer.input();
    const n = read(at, room.subarray(0, Math.min(room.length, size - at)));
    summer.advance(n);
    at += n;
  }
  return summer.finish();
}

function holesOf(posix: Posix, fd: number, from: number, size: number): Stretch[] {
  const holes: Stretch[] = [];
  for (let at = from; at < size;) {
    const data = posix.seekData(fd, at);
    const start = data >= 0 ? data : size;
    if (start > at) holes.push({ start: at, length: Math.min(start, size) - at });
    if (start >= size) break;
    at = Math.min(size, Math.max(posix.seekHole(fd, start), start + 1));
  }
  return holes;
}

function hashOf(read: (offset: number, into: Buffer) => number, size: number): Buffer {
  const kernel = createKernel();
  const hash = new WholeHash(kernel);
  const at = kernel.reserve(CALL_BYTES);
  for (let done = 0; done < size;) {
    const n = read(done, kernel.bytes.subarray(at, at + Math.min(CALL_BYTES, size - done)));
    if (n <= 0) break;
    hash.addAt(at, n);
    done += n;
  }
  return hash.digest();
}
