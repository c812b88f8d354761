/**
 * Fuzzes every decoder of the protocol: `node scripts/fuzz-wire.js [seconds] [seed]` after a build (default 60 seconds, a seed of the clock).
 *
 * Starts from the golden vectors in fixtures/wire/, mutates and splices them, and keeps accepted mutants as new starting points. Only a
 * WireError (for options: a TwintreeError WIRE) may come out, and nothing may take more memory than the limits allow. Otherwise
 * the input is printed as hex with decoder and seed, and the exit code is 1. test/wire/fuzz.test.ts is the short form.
 */
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { encodeOptions, decodeOptions } from '../dist/plan/index.js';
import {
  compressPayload, encodeBye, encodeControl, encodeHello, expandPayload, FRAME_HEADER, FrameReader, hello, ItemReader, MAGIC, parseBye, parseControl, parseCredit, parseHello, parseJsonObject, parseToken, RequestReader, WireError,
} from '../dist/wire/index.js';
import { TwintreeError } from '../dist/tree/index.js';

const seconds = Number(process.argv[2] ?? 60);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31) >>> 0;
if (!(seconds > 0)) {
  process.stderr.write('usage: node scripts/fuzz-wire.js [seconds] [seed]\n');
  process.exit(2);
}
/** Most memory that one input may take, bytes. */
const MEMORY = 256 << 20;
/** Most starting points of one decoder. */
const CORPUS = 500;

let state = seed === 0 ? 1 : seed;
/** A number below n (xorshift). */
function below(n) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
}

const vector = (name) => Buffer.from(readFileSync(new URL(`../fixtures/wire/${name}.v1.hex`, import.meta.url), 'utf8').replaceAll('\n', ''), 'hex');
const readAll = (reader) => {
  while (!reader.done) reader.next();
};
const session = {
  dryRun: false, lock: true, bwlimit: 0, filesFrom: ['a'], stopAt: undefined, threads: 2,
  compare: { mode: 'quick', modifyWindow: 0, update: false, existing: false, ignoreExisting: false, ignoreNonExisting: false, maxSize: 5, minSize: undefined },
  attributes: {
    perms: true, executability: false, times: true, atimes: false, owner: true, group: true, devices: false, specials: false, links: true, hardLinks: false, acls: false, xattrs: false, omitDirTimes: false,
    omitLinkTimes: false, openNoatime: false, numericIds: false, userMap: [{ match: { kind: 'range', low: 1, high: 2 }, to: { kind: 'id', id: 3 } }], groupMap: [], chmod: 'a+r', copyDevices: false,
    writeDevices: false, fakeSuper: { source: false, target: false },
  },
  symlinks: { copyLinks: false, copyUnsafeLinks: false, safeLinks: false, copyDirlinks: false, keepDirlinks: false, mungeLinks: false },
  walk: { recursive: true, dirs: false, oneFileSystem: 0, relative: false, impliedDirs: true, pruneEmptyDirs: false, gitignore: false },
  filters: [{ kind: 'pattern', text: '- x', origin: { source: '--filter', line: 0 }, pattern: 'x', dialect: 'rsync', include: false, sides: 'default', negate: false, absolute: false, perishable: false, xattr: false }],
  delete: { when: 'after', excluded: false, ignoreErrors: false, force: false, maxDelete: 5, limit: { percent: 5 }, missingArgs: 'error', detectMoves: true },
  replace: {
    inplace: false, append: false, wholeFile: undefined, sparse: false, preallocate: false, tempDir: 't', delayUpdates: false, partial: false, partialDir: undefined, backup: false, backupDir: undefined,
    suffix: '~', altDest: { kind: 'link', dirs: ['old'] }, removeSourceFiles: false, fsync: false, mkpath: false,
  },
  guard: { root: false, reserveBytes: 0 },
};

/** Puts right checksums on all frames, so that not every mutant ends at its checksum. */
function mend(stream) {
  for (let at = stream.indexOf(MAGIC) + MAGIC.length; at >= MAGIC.length && at + FRAME_HEADER <= stream.length;) {
    const end = at + FRAME_HEADER + stream.readUInt32LE(at + 4);
    if (end > stream.length) return;
    stream.writeUInt32LE(crc32(stream.subarray(at + FRAME_HEADER, end), crc32(stream.subarray(at, at + 8))), at + 8);
    at = end;
  }
}

/** Each decoder with what it starts from. */
const targets = {
  items: { corpus: [vector('items'), vector('items-with-times')], run: (bytes) => { readAll(new ItemReader(bytes)); } },
  requests: { corpus: [vector('requests')], run: (bytes) => { readAll(new RequestReader(bytes)); } },
  frames: {
    corpus: [vector('stream')],
    run: (bytes) => {
      if (below(2) === 0) mend(bytes);
      const reader = new FrameReader(() => undefined);
      const cut = below(bytes.length + 1);
      reader.push(bytes.subarray(0, cut));
      reader.push(bytes.subarray(cut));
      if (!reader.between) throw new WireError('truncated', 'ended inside a frame');
    },
  },
  compressed: { corpus: [compressPayload(vector('items'), { brotli: true, zstd: false }).payload, compressPayload(Buffer.alloc(5000, 'abc'), { brotli: true, zstd: true }).payload], run: (bytes) => { expandPayload(1 + below(2), bytes); } },
  hello: { corpus: [encodeHello(hello('agent', 'twintree 1', { brotli: true, zstd: true }, ['a']))], run: (bytes) => { parseHello(bytes); } },
  control: { corpus: [encodeControl({ type: 'open', list: [1, 'a', { b: null }] })], run: (bytes) => { parseControl(bytes); } },
  small: {
    corpus: [encodeBye({ code: 'done', message: 'm' }), Buffer.alloc(4, 1), Buffer.alloc(8)],
    run: (bytes) => {
      if (bytes.length === 4) parseCredit(bytes);
      else if (bytes.length === 8) parseToken(bytes);
      else parseBye(bytes);
    },
  },
  options: { corpus: [Buffer.from(JSON.stringify(encodeOptions(session)))], run: (bytes) => { decodeOptions(parseJsonObject(bytes)); } },
};

const pick = (list) => list[below(list.length)];
const ODD = [0, 1, 2, 15, 16, 127, 128, 129, 240, 254, 255];

function mutate(corpus) {
  let bytes = Buffer.from(pick(corpus));
  for (let n = 1 + below(4); n > 0; n--) {
    const at = below(bytes.length + 1);
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (below(8)) {
      case 0: if (tail.length > 0) tail[0] = pick(ODD); break;
      case 1: if (tail.length > 0) tail[0] = below(256); break;
      case 2: if (tail.length > 0) tail[0] ^= 1 << below(8); break;
      case 3: bytes = Buffer.concat([head, Buffer.from([pick(ODD)]), tail]); break;
      case 4: bytes = Buffer.concat([head, tail.subarray(1 + below(8))]); break;
      case 5: bytes = Buffer.concat([head, head.subarray(-1 - below(40)), tail]); break;
      case 6: { // splice with another one
        const other = pick(corpus);
        bytes = Buffer.concat([head, other.subarray(below(other.length + 1))]);
        break;
      }
      case 7: if (below(4) === 0) bytes = head; break;
    }
    if (bytes.length > 1 << 16) bytes = bytes.subarray(0, 1 << 16);
  }
  return Buffer.from(bytes);
}

const counts = Object.fromEntries(Object.keys(targets).map((name) => [name, { runs: 0, accepted: 0 }]));
const end = performance.now() + seconds * 1000;
process.stdout.write(`seed ${seed}\n`);
outer: while (performance.now() < end) {
  for (const [name, { corpus, run }] of Object.entries(targets)) {
    for (let i = 0; i < 200; i++) {
      const bytes = mutate(corpus);
      const before = process.memoryUsage.rss();
      let fault;
      counts[name].runs++;
      try {
        run(bytes);
        counts[name].accepted++;
        if (corpus.length < CORPUS) corpus.push(bytes);
        else corpus[below(CORPUS)] = bytes;
      } catch (error) {
        if (!(error instanceof WireError || (error instanceof TwintreeError && error.code === 'WIRE'))) fault = error;
      }
      const taken = process.memoryUsage.rss() - before;
      if (taken > MEMORY) fault = new Error(`took ${taken} bytes of memory`);
      if (fault === undefined) continue;
      process.stdout.write(`${name}: ${fault.stack}\nseed ${seed}, input ${bytes.toString('hex')}\n`);
      process.exitCode = 1;
      break outer;
    }
  }
}
for (const [name, { runs, accepted }] of Object.entries(counts)) process.stdout.write(`${name.padEnd(12)}${String(runs).padStart(10)} runs, ${accepted} accepted\n`);
