/** Content from a remote source: a delta against what the target has, rebuilt by every option that has a say in it, checked before it counts. */
import assert from 'node:assert';
import { appendFileSync, chmodSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, utimesSync, writeFileSync, openSync, writeSync, ftruncateSync, closeSync } from 'node:fs';
import { announce, execute, finishDelayed } from '../../src/endpoint/apply/index.js';
import { loadPosix } from '../../src/fs/index.js';
import { request as askFor } from '../../src/endpoint/apply/announce.js';
import { AFTER } from '../../src/endpoint/apply/scratch.js';
import { closeSource, openSource } from '../../src/endpoint/apply/source.js';
import { fromText, StatTable, TwintreeError, type ByteString } from '../../src/tree/index.js';
import type { SessionOptions } from '../../src/plan/index.js';
import { hashOf } from '../hash/support.js';
import { describeOn } from '../support/index.js';
import { archive, tampered, withBench, type BenchOptions } from './apply-bench.js';
import { useRoots } from './apply-roots.js';
import { otherHost } from './remote/support.js';
import { contentSource, type Behaviour, type Traffic } from './content-source.js';

const KB = 1024;
const MB = KB * KB;
const noise = (size: number, seed: number): Buffer => {
  const buffer = Buffer.alloc(size);
  let x = (seed * 2654435761) >>> 0;
  for (let i = 0; i < size; i++) {
    x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
    buffer[i] = x >>> 24;
  }
  return buffer;
};
const OLD = noise(600 * KB, 1);
const at = (from: Buffer, offset: number, bytes: Buffer): Buffer => { const copy = Buffer.from(from); bytes.copy(copy, offset); return copy; };

/** What may have happened to a file. */
const EDITS: [name: string, source: Buffer][] = [
  ['nothing', OLD],
  ['a few bytes', at(OLD, 300 * KB + 7, noise(250, 2))],
  ['many places', Array.from({ length: 20 }, (_, k) => k).reduce((b, k) => at(b, k * 29 * KB + k, noise(100, k + 3)), OLD)],
  ['bytes at the front', Buffer.concat([noise(1001, 4), OLD])],
  ['bytes gone from the front', OLD.subarray(777)],
  ['bytes in the middle', Buffer.concat([OLD.subarray(0, 200 * KB + 3), noise(5000, 5), OLD.subarray(200 * KB + 3)])],
  ['halves exchanged', Buffer.concat([OLD.subarray(300 * KB), OLD.subarray(0, 300 * KB)])],
  ['blocks exchanged', Buffer.concat([OLD.subarray(0, 64 * KB), OLD.subarray(400 * KB, 500 * KB), OLD.subarray(164 * KB, 400 * KB), OLD.subarray(64 * KB, 164 * KB), OLD.subarray(500 * KB)])],
  ['twice the same', Buffer.concat([OLD, OLD])],
  ['appended', Buffer.concat([OLD, noise(40 * KB, 6)])],
  ['cut', OLD.subarray(0, 150 * KB + 1)],
  ['emptied', Buffer.alloc(0)],
  ['small now', noise(100, 7)],
  ['zeros inside', at(OLD, 100 * KB, Buffer.alloc(200 * KB))],
  ['all zeros', Buffer.alloc(500 * KB)],
  ['periodic', Buffer.alloc(700 * KB, 'abc')],
  ['nothing in common', noise(500 * KB, 8)],
];

const WAYS: [name: string, change: (o: SessionOptions) => void][] = [
  ['by default', () => {}],
  ['--inplace', (o) => { o.replace.inplace = true; }],
  ['-S', (o) => { o.replace.sparse = true; }],
  ['--inplace -S', (o) => { o.replace.inplace = true; o.replace.sparse = true; }],
  ['--preallocate', (o) => { o.replace.preallocate = true; }],
  ['-S --preallocate', (o) => { o.replace.sparse = true; o.replace.preallocate = true; }],
  ['--fsync', (o) => { o.replace.fsync = true; }],
  ['--inplace --fsync', (o) => { o.replace.fsync = true; o.replace.inplace = true; }],
  ['--delay-updates', (o) => { o.replace.delayUpdates = true; }],
  ['-W', (o) => { o.replace.wholeFile = true; }],
  ['-W --inplace', (o) => { o.replace.wholeFile = true; o.replace.inplace = true; }],
  ['--no-whole-file', (o) => { o.replace.wholeFile = false; }],
  ['-b', (o) => { o.replace.backup = true; }],
  ['-b --inplace', (o) => { o.replace.backup = true; o.replace.inplace = true; }],
  ['--fake-super', (o) => { o.attributes.fakeSuper.target = true; }],
  ['--partial-dir', (o) => { o.replace.partialDir = '.part' as never; }],
];

describe('apply: content from a remote source', () => {
  let source: string;
  let target: string;
  const temp = useRoots('apply-remote', (s, t) => { [source, target] = [s, t]; });
  const real = loadPosix();
  const both = (from: Buffer, old: Buffer | undefined): void => {
    writeFileSync(`${source}/f`, from);
    utimesSync(`${source}/f`, 5000, 5000);
    if (old === undefined) return;
    writeFileSync(`${target}/f`, old);
    utimesSync(`${target}/f`, 1000, 1000);
  };
  /** One run over the file; what it told must be `told`. */
  const run = (change: (o: SessionOptions) => void = () => {}, behaviour: Behaviour = {}, told: string[] = [], more: BenchOptions = {}): Traffic & { counters: { literalBytes: number; matchedBytes: number }; bytes: number } => {
    const { source: remote, traffic } = contentSource(source, behaviour);
    return withBench(source, target, { ...more, source: remote, options: archive(change) }, (bench) => {
      bench.sync();
      assert.deepStrictEqual(bench.told, told);
      return { ...traffic, counters: bench.ctx.counters, bytes: bench.bytes };
    });
  };
  const equal = (): void => {
    assert.ok(readFileSync(`${target}/f`).equals(readFileSync(`${source}/f`)), 'the content is the source\'s');
    assert.strictEqual(statSync(`${target}/f`, { bigint: true }).mtimeNs, statSync(`${source}/f`, { bigint: true }).mtimeNs);
  };

  for (const [way, change] of WAYS) {
    it(`is rebuilt whatever has happened to the file (${way})`, () => {
      for (const [edit, now] of EDITS) {
        for (const old of [OLD, undefined]) {
          both(now, old);
          const inode = old === undefined ? 0 : statSync(`${target}/f`).ino;
          const { bytes } = run(change);
          assert.ok(readFileSync(`${target}/f`).equals(now), `${edit}, ${old === undefined ? 'new' : 'replaced'}`);
          equal();
          assert.strictEqual(bytes, now.length, `progress of: ${edit}`);
          if (old !== undefined && way.includes('--inplace')) assert.strictEqual(statSync(`${target}/f`).ino, inode);
          const names = readdirSync(target).filter((name) => name !== 'f' && !(way.startsWith('-b') && name === 'f~'));
          assert.deepStrictEqual(names, [], edit);
          if (way.startsWith('-b') && old !== undefined) assert.ok(readFileSync(`${target}/f~`).equals(old), `${edit}: the backup is the old one`);
          for (const name of readdirSync(target)) rmSync(`${target}/${name}`);
        }
      }
    });
  }

  it('costs what has changed, not what surrounds it, and is counted so', () => {
    const old = noise(4 * MB, 11);
    both(at(old, 2 * MB + 5, noise(250, 12)), old);
    const traffic = run();
    equal();
    assert.ok(traffic.refines > 0, 'in more than one round');
    assert.ok(traffic.literals + traffic.sums < 8 * KB, `${traffic.literals} literal bytes and ${traffic.sums} of sums`);
    assert.strictEqual(traffic.counters.literalBytes, traffic.literals);
    assert.strictEqual(traffic.counters.literalBytes + traffic.counters.matchedBytes, 4 * MB);
  });

  describe('of a file so long that what lies at its place is compared first', () => {
    const LONG = noise(5 * MB, 21);
    const edits: [name: string, source: Buffer][] = [
      ['leaves', [3, 4, 700, 1279].reduce((b, k) => at(b, k * 4 * KB, noise(4 * KB, k)), LONG)],
      ['parts of leaves, at borders and in the middle', [1, 5 * KB, 4 * MB - 3, 5 * MB - 10].reduce((b, k) => at(b, k, noise(10, k)), LONG)],
      ['appended in the middle of a leaf', Buffer.concat([LONG.subarray(0, 5 * MB - 100), noise(70 * KB, 22)])],
      ['cut in the middle of a leaf', LONG.subarray(0, 4 * MB + 77)],
      ['bytes in the middle', Buffer.concat([LONG.subarray(0, 3 * MB + 5), noise(500, 23), LONG.subarray(3 * MB + 5)])],
      ['zeros inside', at(LONG, 2 * MB, Buffer.alloc(1 * MB))],
      ['nothing', LONG],
    ];
    for (const [way, change] of WAYS.filter(([name]) => /^(by default|--inplace|-S|--inplace -S|--preallocate|--delay-updates|-b)$/.test(name))) {
      it(`is rebuilt, and what was equal is read once (${way})`, () => {
        for (const [edit, now] of edits) {
          both(now, LONG);
          let read = 0;
          const posix = tampered({
            read: (fd, buffer, offset, length, position) => {
              const n = real.read(fd, buffer, offset, length, position);
              if (readlinkSync(`/proc/self/fd/${fd}`) === `${target}/f`) read += n;
              return n;
            },
          });
          const { refines, counters } = run(change, {}, [], { posix });
          equal();
          assert.ok(refines > 0, edit);
          assert.ok(counters.matchedBytes > 3.9 * MB, `${edit}: ${counters.matchedBytes} bytes matched`);
          const again = way.includes('-S') ? 2 : 1; // where zeros are looked for
          const searched = edit === 'bytes in the middle' || edit === 'zeros inside'; // what is gone from its place is read to be looked for
          if (!searched) assert.ok(read < again * LONG.length + 200 * KB, `${edit}: ${read} bytes of the old file were read`);
        }
      });
    }

    it('given one that is written to while the new one is built, has the whole file sent', () => {
      both(at(LONG, 100, noise(10, 1)), LONG);
      let written = false;
      const { requests } = run(() => {}, {
        onToken: (kind) => {
          if (kind !== 'copy' || written) return;
          written = true;
          const fd = openSync(`${target}/f`, 'r+');
          writeSync(fd, noise(1000, 99), 0, 1000, 3 * MB);
          closeSync(fd);
          utimesSync(`${target}/f`, 1000, 1000); // its ctime tells
        },
      });
      equal();
      assert.deepStrictEqual(requests.map((r) => r.sums === undefined), [false, true]);
    });

    it('given content with a wrong hash, has it sent again', () => {
      for (const change of [(): void => {}, (o: SessionOptions): void => { o.replace.inplace = true; }]) {
        both(at(LONG, 400 * KB, noise(3000, 13)), LONG);
        assert.deepStrictEqual(run(change, { corruptAnswers: 1 }).requests.map((r) => r.sums === undefined), [false, true]);
        equal();
      }
    });

    it('asks for the hash of all bytes where that is kept', () => {
      both(at(LONG, 400 * KB, noise(3000, 13)), LONG);
      const { source: remote } = contentSource(source);
      withBench(source, target, { source: remote, options: archive() }, (bench) => {
        const hashes: (Buffer | undefined)[] = [];
        bench.ctx.wrote = (_folder, _name, hash) => { hashes.push(hash); };
        bench.sync();
        assert.deepStrictEqual(bench.told, []);
        assert.deepStrictEqual(hashes, [hashOf(readFileSync(`${source}/f`))]);
      });
      equal();
    });
  });

  it('keeps a file whose delta is one copy of it, and sets its attributes only', () => {
    both(OLD, OLD);
    chmodSync(`${source}/f`, 0o640);
    const { ino } = statSync(`${target}/f`);
    assert.strictEqual(run().literals, 0);
    equal();
    assert.deepStrictEqual([statSync(`${target}/f`).ino, statSync(`${target}/f`).mode & 0o777], [ino, 0o640]);
  });

  it('does not keep one that has another name: a snapshot of hard links must not see its time change', () => {
    both(OLD, OLD);
    linkSync(`${target}/f`, temp.at('snapshot'));
    run();
    equal();
    assert.strictEqual(statSync(temp.at('snapshot')).mtimeMs, 1000_000);
    assert.notStrictEqual(statSync(temp.at('snapshot')).ino, statSync(`${target}/f`).ino);
  });

  it('asks for files in their order ahead of their turn, and leaves out answers whose file has failed otherwise', () => {
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) {
      writeFileSync(`${source}/${name}`, at(OLD, 1000, Buffer.from(name)));
      writeFileSync(`${target}/${name}`, OLD);
      utimesSync(`${target}/${name}`, 1000, 1000);
    }
    const { source: remote, traffic } = contentSource(source);
    withBench(source, target, { source: remote }, (bench) => {
      const folder = bench.enter();
      const ops = names.map((name) => bench.plan(name));
      for (const op of ops) announce(bench.ctx, folder, op);
      assert.deepStrictEqual(traffic.requests.map((r) => r.name), names);
      assert.ok(traffic.requests.every((r) => r.sums !== undefined));
      for (const op of ops) if (op.name !== 'b') assert.ok(execute(bench.ctx, folder, op));
      assert.deepStrictEqual(bench.told, []);
    });
    assert.strictEqual(traffic.requests.length, 4);
    for (const name of ['a', 'c', 'd']) assert.ok(readFileSync(`${target}/${name}`).equals(readFileSync(`${source}/${name}`)));
    assert.ok(readFileSync(`${target}/b`).equals(OLD));
  });

  for (const inplace of [false, true]) {
    const way = (o: SessionOptions): void => { o.replace.inplace = inplace; };
    const how = inplace ? ' (--inplace)' : '';

    it(`given a basis that changes after it was signed, has the whole file sent${how}`, () => {
      both(at(OLD, 5, Buffer.from('new')), OLD);
      const { source: remote, traffic } = contentSource(source);
      withBench(source, target, { source: remote, options: archive(way) }, (bench) => {
        const folder = bench.enter();
        const op = bench.plan('f');
        announce(bench.ctx, folder, op);
        const fd = openSync(`${target}/f`, 'r+');
        writeSync(fd, noise(1000, 99), 0, 1000, 100 * KB);
        closeSync(fd);
        utimesSync(`${target}/f`, 1000, 1000); // so that only the hash can tell
        assert.ok(execute(bench.ctx, folder, op));
        assert.deepStrictEqual(bench.told, []);
      });
      equal();
      assert.deepStrictEqual(traffic.requests.map((r) => r.sums === undefined), [false, true]);
    });

    it(`given content with a wrong hash, has it sent again; given it twice, reports it and the old file stands${how}`, () => {
      const now = at(OLD, 400 * KB, noise(3000, 13));
      both(now, OLD);
      const twice = run(way, { corruptAnswers: 1 });
      assert.deepStrictEqual([twice.requests.length, twice.requests[1]?.sums], [2, undefined]);
      assert.strictEqual(twice.bytes, now.length, 'progress counts it once');
      equal();
      both(now, OLD);
      run(way, { corruptAnswers: 9 }, ['corrupt f']);
      assert.ok(readFileSync(`${target}/f`).equals(OLD));
      assert.strictEqual(statSync(`${target}/f`).mtimeMs, 1000_000);
      assert.deepStrictEqual(readdirSync(target), ['f']);
    });

    it(`given tokens that cannot be, has the file sent whole and never reads or writes outside${how}`, () => {
      const bad = (o: number): NonNullable<Behaviour['tokens']> => (request) => {
        if (request.sums === undefined) return undefined;
        return [
          [{ kind: 'copy', offset: OLD.length - 10, length: 11 } as const],
          [{ kind: 'copy', offset: -1, length: 5 } as const],
          [{ kind: 'hole', length: 2 ** 50 } as const],
          [{ kind: 'refine', aligned: false, blockLength: 0, stretches: [{ start: 0, length: 10 }] } as const],
          [{ kind: 'refine', aligned: false, blockLength: 512, stretches: [{ start: OLD.length, length: 10 }] } as const],
          [{ kind: 'refine', aligned: false, blockLength: 512, stretches: Array.from({ length: 1000 }, () => ({ start: 0, length: OLD.length })) } as const],
          [{ kind: 'literal', bytes: Buffer.alloc(10) } as const, { kind: 'end', errno: 0, size: 11, hash: Buffer.alloc(16) } as const],
          [{ kind: 'end', errno: 0, size: 0, hash: Buffer.alloc(16) } as const],
        ][o];
      };
      for (let o = 0; o < 8; o++) {
        both(at(OLD, 9, Buffer.from('!')), OLD);
        const traffic = run(way, { tokens: bad(o) });
        equal();
        assert.strictEqual(traffic.requests.length, 2, `case ${o}`);
        assert.deepStrictEqual(readdirSync(target), ['f']);
      }
    });

    it(`given a file that changes while it is sent, asks again with its new size and time${how}`, () => {
      both(at(OLD, 5, Buffer.from('first')), OLD);
      const traffic = run(way, { onToken: (_kind, n, answer) => { if (n === 1 && answer === 0) appendFileSync(`${source}/f`, 'more'); } });
      assert.strictEqual(traffic.requests.length, 2);
      equal();
    });

    it(`given one that never stands still, keeps the last reading, and says so${how}`, () => {
      both(at(OLD, 5, Buffer.from('first')), OLD);
      run(way, { onToken: (kind) => { if (kind === 'end') appendFileSync(`${source}/f`, 'x'); } }, ['changed f']);
      assert.strictEqual(readFileSync(`${target}/f`, 'latin1').slice(0, 10), OLD.toString('latin1', 0, 5) + 'first');
      assert.notStrictEqual(statSync(`${target}/f`).mtimeMs, statSync(`${source}/f`).mtimeMs);
      assert.deepStrictEqual(readdirSync(target), ['f']);
    });

    it(`given one that never stands still, and told to defer it, leaves the old file, but for one that is patched in place${how}`, () => {
      both(at(OLD, 5, Buffer.from('first')), OLD);
      const defer = (o: SessionOptions): void => {
        way(o);
        o.replace.deferChanging = true;
      };
      run(defer, { onToken: (kind) => { if (kind === 'end') appendFileSync(`${source}/f`, 'x'); } }, [inplace ? 'changed f' : 'deferred f']);
      assert.strictEqual(readFileSync(`${target}/f`).equals(OLD), !inplace);
      assert.deepStrictEqual(readdirSync(target), ['f']);
    });

    it(`given a large one that changes between what is hashed and what is sent, takes that where a later session comes, and else has it sent again${how}`, () => {
      const old = noise(20 * MB, 41);
      const edited = at(at(old, 1 * MB, noise(50 * KB, 42)), 15 * MB, noise(50 * KB, 43));
      for (const follows of [true, false]) {
        both(edited, old);
        const change = (o: SessionOptions): void => {
          way(o);
          if (follows) o.replace.deferChanging = false;
        };
        let changed = false;
        const traffic = run(change, {
          onToken: () => {
            if (changed) return;
            changed = true;
            const fd = openSync(`${source}/f`, 'r+');
            writeSync(fd, noise(50 * KB, 44), 0, 50 * KB, 15 * MB); // of the same size, as a data base does it
            closeSync(fd);
          },
        }, follows ? ['changed f'] : []);
        assert.strictEqual(traffic.requests.length, follows ? 1 : 2);
        if (!follows) equal();
        const now = readFileSync(`${target}/f`);
        assert.ok(now.subarray(0, 15 * MB).equals(edited.subarray(0, 15 * MB)) && now.subarray(15 * MB + 50 * KB).equals(edited.subarray(15 * MB + 50 * KB)));
        assert.deepStrictEqual(readdirSync(target), ['f']);
        if (!follows) continue;
        assert.ok(statSync(`${target}/f`).mtimeMs < statSync(`${source}/f`).mtimeMs, 'the later session sees that it differs');
        run(change);
        equal();
      }
    });

    it(`given a large one that arrives damaged while its permissions change, has it sent again${how}`, () => {
      const old = noise(20 * MB, 51);
      both(at(old, 1 * MB, noise(50 * KB, 52)), old);
      const change = (o: SessionOptions): void => {
        way(o);
        o.replace.deferChanging = false;
      };
      let damaged = false;
      const traffic = run(change, {
        onToken: () => {
          if (damaged) return;
          damaged = true;
          const { atimeMs, mtimeMs } = statSync(`${source}/f`);
          const fd = openSync(`${source}/f`, 'r+');
          writeSync(fd, noise(50 * KB, 53), 0, 50 * KB, 1 * MB); // what is sent is not what was hashed,
          closeSync(fd);
          utimesSync(`${source}/f`, atimeMs / 1000, mtimeMs / 1000); // and no time will tell a later session
        },
      });
      assert.strictEqual(traffic.requests.length, 2);
      equal();
    });

    it(`given a source that cannot be read on, tells the errno and the old file stands${how}`, () => {
      both(noise(300 * KB, 15), OLD);
      run(way, { tokens: () => [{ kind: 'literal', bytes: noise(70 * KB, 1) }, { kind: 'end', errno: 5, size: 0, hash: Buffer.alloc(16) }] }, ['unreadable f']);
      assert.ok(readFileSync(`${target}/f`).equals(OLD));
      assert.deepStrictEqual(readdirSync(target), ['f']);
    });

    it(`given a lost connection, ends with it; the old file stands and nothing is left${how}`, () => {
      both(Buffer.concat([noise(300 * KB, 15), OLD]), OLD);
      const lost = new TwintreeError('CONNECTION_LOST', 'gone');
      assert.throws(() => run(way, { onToken: (_kind, n) => { if (n === 2) throw lost; } }), lost);
      assert.ok(readFileSync(`${target}/f`).equals(OLD));
      assert.deepStrictEqual(readdirSync(target), ['f']);
    });

    it(`given a full disk in the middle, says so; the old file stands and nothing is left${how}`, () => {
      both(noise(20 * MB, 16), OLD);
      let written = 0;
      let full = false;
      const posix = tampered({
        clone: () => -95,
        write: (fd, b, o, l, p) => {
          written += l;
          if (full || written < 12 * MB) return real.write(fd, b, o, l, p);
          full = true; // once: putting the old content back needs no new space
          return -28;
        },
      });
      run(way, {}, ['no-space f'], { posix });
      assert.ok(readFileSync(`${target}/f`).equals(OLD));
      assert.strictEqual(statSync(`${target}/f`).mtimeMs, 1000_000);
      assert.deepStrictEqual(readdirSync(target), ['f']);
    });
  }

  it('comes so from a real supplier too, over a connection', async () => {
    const host = await otherHost([`${source}/`], ['-a']);
    try {
      const from = host.source(false);
      for (const [way, change] of WAYS.filter(([name]) => ['by default', '--inplace', '--inplace -S', '--delay-updates', '-W'].includes(name))) {
        EDITS.forEach(([, now], k) => {
          writeFileSync(`${source}/f${k}`, now);
          utimesSync(`${source}/f${k}`, 5000 + k, 5000);
          writeFileSync(`${target}/f${k}`, OLD);
          utimesSync(`${target}/f${k}`, 1000, 1000);
        });
        withBench(source, target, { source: from, sourceRoot: 0, options: archive(change) }, (bench) => {
          const folder = bench.enter();
          const ops = EDITS.map((_, k) => bench.plan(`f${k}`));
          for (const op of ops) announce(bench.ctx, folder, op);
          for (const op of ops) assert.ok(execute(bench.ctx, folder, op), bench.told.join());
          if (bench.options.replace.delayUpdates) finishDelayed(bench.ctx, folder);
          assert.deepStrictEqual(bench.told, []);
          if (way !== '-W') assert.ok(bench.ctx.counters.literalBytes < 2 * MB, `${way}: ${bench.ctx.counters.literalBytes} literal bytes`);
        });
        EDITS.forEach(([edit, now], k) => assert.ok(readFileSync(`${target}/f${k}`).equals(now), `${edit}, ${way}`));
        assert.strictEqual(readdirSync(target).length, EDITS.length);
      }
    } finally {
      await host.close();
    }
  });

  for (const way of ['by default', '--inplace']) {
    it(`comes as a delta also where a file before it has changed, and is asked for again (${way})`, async () => {
      const change = WAYS.find(([name]) => name === way)?.[1];
      const host = await otherHost([`${source}/`], ['-a']);
      try {
        const from = host.source(false);
        EDITS.forEach(([, now], k) => {
          writeFileSync(`${source}/f${k}`, now);
          writeFileSync(`${target}/f${k}`, OLD);
          utimesSync(`${target}/f${k}`, 1000, 1000);
        });
        let changes = 2;
        const told = from.fstat.bind(from);
        from.fstat = (fd, table, i) => {
          if (i !== AFTER || changes === 0) return told(fd, table, i);
          utimesSync(`${source}/f0`, 4000, 4000 + changes--); // the first one changes twice, after it was read
          const root = real.openRoot(fromText(source));
          const error = real.stat(root, 'f0' as ByteString, table, i);
          real.close(root);
          return error;
        };
        withBench(source, target, { source: from, sourceRoot: 0, options: archive(change) }, (bench) => {
          const folder = bench.enter();
          const ops = EDITS.map((_, k) => bench.plan(`f${k}`));
          for (const op of ops) announce(bench.ctx, folder, op);
          for (const op of ops) assert.ok(execute(bench.ctx, folder, op), bench.told.join());
          assert.deepStrictEqual([bench.told, changes], [[], 0]);
          assert.ok(bench.ctx.counters.literalBytes < 2 * MB, `${bench.ctx.counters.literalBytes} literal bytes`);
        });
        EDITS.forEach(([edit, now], k) => assert.ok(readFileSync(`${target}/f${k}`).equals(now), edit));
      } finally {
        await host.close();
      }
    });
  }

  it('that was asked for out of turn and is not wanted any more keeps nobody waiting', async () => {
    const host = await otherHost([`${source}/`], ['-a']);
    try {
      const from = host.source(false);
      both(EDITS[2]?.[1] ?? OLD, OLD);
      withBench(source, target, { source: from, sourceRoot: 0 }, (bench) => {
        const [folder, op, table] = [bench.enter(), bench.plan('f'), new StatTable(1)];
        askFor(bench.ctx, from, folder, op);
        assert.ok(openSource(bench.ctx, folder, op) >= 0);
        closeSource(bench.ctx); // it waits for sums
        assert.deepStrictEqual([from.stat(0, 'f' as ByteString, table, 0), table.size(0)], [0, OLD.length]);
        assert.ok(execute(bench.ctx, folder, op), bench.told.join());
        assert.ok(bench.ctx.counters.literalBytes < 100 * KB, `${bench.ctx.counters.literalBytes} literal bytes`);
      });
      equal();
    } finally {
      await host.close();
    }
  });

  it('is rebuilt while a real supplier goes on searching: what nothing has in common at its place, and is asked for in the middle of it', async () => {
    const old = noise(40 * MB, 31);
    const cases: [name: string, now: Buffer][] = [
      ['bytes inserted at the front, in the middle of what was sent, and near the end', Buffer.concat([
        noise(1000, 32), old.subarray(0, 17 * MB + 5), noise(3000, 33), old.subarray(17 * MB + 5, 20 * MB), old.subarray(20 * MB + 9000, 39 * MB), noise(70, 34), old.subarray(39 * MB),
      ])],
      ['halves exchanged, with bytes inserted where the old ones are overwritten by then', Buffer.concat([old.subarray(20 * MB), old.subarray(0, 2 * MB + 5), noise(3000, 37), old.subarray(2 * MB + 5, 20 * MB)])],
      ['the rest is new', Buffer.concat([noise(10, 35), old.subarray(0, 20 * MB), noise(10 * MB, 36)])],
    ];
    const host = await otherHost([`${source}/`], ['-a']);
    try {
      const from = host.source(false);
      for (const [way, change] of WAYS.filter(([name]) => ['by default', '--inplace'].includes(name))) {
        for (const [what, now] of cases) {
          both(now, old);
          withBench(source, target, { source: from, sourceRoot: 0, options: archive(change) }, (bench) => {
            bench.sync();
            assert.deepStrictEqual(bench.told, []);
            const most = what === 'the rest is new' ? 10 * MB + 300 * KB : 10 * KB;
            assert.ok(bench.ctx.counters.literalBytes < most, `${what}, ${way}: ${bench.ctx.counters.literalBytes} literal bytes`);
            assert.strictEqual(bench.bytes, now.length, 'sent once');
          });
          equal();
        }
      }
    } finally {
      await host.close();
    }
  });

  describe('--partial-dir and --partial', () => {
    const now = noise(900 * KB, 21);
    const cut = (o: SessionOptions, abortAt: number): void => {
      const { source: remote } = contentSource(source, { onToken: (_kind, n) => { if (n >= abortAt) stop(); } });
      let stop = (): void => {};
      withBench(source, target, { source: remote, options: o }, (bench) => {
        stop = (): void => { bench.abort = true; };
        assert.strictEqual(bench.apply('f'), false);
      });
    };
    it('keep what came, and the next run asks only for the rest', () => {
      for (const [way, kept] of [[(o: SessionOptions) => { o.replace.partialDir = '.part' as never; }, '.part/f'], [(o: SessionOptions) => { o.replace.partial = true; }, 'f']] as const) {
        both(now, undefined);
        cut(archive(way), 2);
        assert.ok(existsSync(`${target}/${kept}`), kept);
        const half = readFileSync(`${target}/${kept}`);
        assert.ok(half.length > 200 * KB && half.equals(now.subarray(0, half.length)));
        const traffic = run(way);
        equal();
        assert.ok(traffic.literals <= now.length - half.length + 16 * KB, `${traffic.literals} of ${now.length - half.length}`);
        assert.deepStrictEqual(readdirSync(target), ['f']);
        rmSync(`${target}/f`);
      }
    });
    it('a connection that is lost keeps it too', () => {
      both(now, undefined);
      assert.throws(() => run((o) => { o.replace.partialDir = '.part' as never; }, { onToken: (_kind, n) => { if (n === 2) throw new TwintreeError('CONNECTION_LOST', 'gone'); } }), TwintreeError);
      assert.ok(readFileSync(`${target}/.part/f`).length > 200 * KB);
    });
    it('with --inplace --partial the file stays as far as it was patched', () => {
      both(now, OLD);
      cut(archive((o) => { o.replace.partial = true; o.replace.inplace = true; }), 2);
      const half = readFileSync(`${target}/f`);
      assert.ok(half.subarray(0, 200 * KB).equals(now.subarray(0, 200 * KB)));
      assert.deepStrictEqual(readdirSync(target), ['f']);
      run((o) => { o.replace.inplace = true; });
      equal();
    });
  });

  describe('--append', () => {
    for (const append of ['append', 'verify'] as const) {
      const way = (o: SessionOptions): void => { o.replace.append = append; };
      it(`(${append}) asks only for what is missing`, () => {
        both(Buffer.concat([OLD, noise(50 * KB, 31)]), OLD);
        const traffic = run(way);
        equal();
        assert.deepStrictEqual([traffic.literals, traffic.requests.length, traffic.requests[0]?.from], [50 * KB, 1, OLD.length]);
      });
    }
    it('trusts what is there, and --append-verify does not', () => {
      const old = at(OLD, 10, Buffer.from('other'));
      both(Buffer.concat([OLD, noise(50 * KB, 31)]), old);
      run((o) => { o.replace.append = 'append'; });
      assert.ok(readFileSync(`${target}/f`).equals(Buffer.concat([old, noise(50 * KB, 31)])));
      both(Buffer.concat([OLD, noise(50 * KB, 31)]), old);
      run((o) => { o.replace.append = 'verify'; });
      equal();
    });
  });

  it('takes a version in an alternate folder for a basis where the target has none', () => {
    mkdirSync(temp.at('alt'));
    both(at(OLD, 200 * KB, noise(10, 41)), undefined);
    writeFileSync(temp.at('alt/f'), OLD);
    const traffic = run((o) => { o.replace.altDest = { kind: 'copy', dirs: [] }; }, {}, [], { altRoots: [temp.at('alt')] });
    equal();
    assert.ok(traffic.literals < 10 * KB);
  });

  describeOn(['xfs', 'btrfs', 'ext4', 'tmpfs'], { sizeMiB: 320 }, (fs) => {
    it('keeps holes, and shares what is equal where the file system can', () => {
      const to = fs.at('t');
      mkdirSync(to);
      const fd = openSync(`${source}/f`, 'w');
      writeSync(fd, OLD, 0, OLD.length, 3 * MB);
      ftruncateSync(fd, 9 * MB);
      closeSync(fd);
      for (const inplace of [false, true]) {
        writeFileSync(`${to}/f`, Buffer.concat([noise(2 * MB, 51), Buffer.alloc(MB), at(OLD, 40 * KB, noise(4000, 52)), noise(MB, 53)]));
        utimesSync(`${to}/f`, 1000, 1000);
        const { source: remote } = contentSource(source);
        withBench(source, to, { source: remote, options: archive((o) => { o.replace.inplace = inplace; }) }, (bench) => {
          bench.sync();
          assert.deepStrictEqual(bench.told, []);
        });
        assert.ok(readFileSync(`${to}/f`).equals(readFileSync(`${source}/f`)));
        assert.ok(statSync(`${to}/f`).blocks * 512 <= OLD.length + 256 * KB, `${statSync(`${to}/f`).blocks * 512} bytes are allocated`);
        assert.deepStrictEqual(readdirSync(to), ['f']);
      }
    });
  });
});
