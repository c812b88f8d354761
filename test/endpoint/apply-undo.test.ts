/**
 * The undo journal of files that are patched in place: whenever the run ends, the old file or the new one can be had, never a mixture; and
 * nothing that lies beside a file and looks like a journal does harm.
 */
import assert from 'node:assert';
import { chmodSync, chownSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { Errno, loadPosix, type Posix } from '../../src/fs/index.js';
import { isTempName, isUndoName, recoverFolder, removeEntry } from '../../src/endpoint/apply/index.js';
import { undoName } from '../../src/endpoint/apply/temp-name.js';
import { decodeHeader, encodeEnd, encodeHeader, RECORD_HEAD, sealRecord, type UndoHeader } from '../../src/endpoint/apply/undo-format.js';
import { Reason, type SessionOptions } from '../../src/plan/index.js';
import { describeOn } from '../support/index.js';
import { archive, tampered, withBench } from './apply-bench.js';
import { useRoots } from './apply-roots.js';
import { contentSource } from './content-source.js';
import type { ByteString } from '../../src/tree/index.js';

const KB = 1024;
const MB = KB * KB;
const noise = (size: number, seed: number): Buffer => {
  const buffer = Buffer.alloc(size);
  const words = new Uint32Array(buffer.buffer, buffer.byteOffset, size >> 2);
  let x = (seed * 2654435761) >>> 0;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
    words[i] = x;
  }
  return buffer;
};
const edited = (from: Buffer, ...edits: [offset: number, bytes: Buffer][]): Buffer => {
  const copy = Buffer.from(from);
  for (const [offset, bytes] of edits) bytes.copy(copy, offset);
  return copy;
};
const real = loadPosix();
/** Spares the disk. */
const quick = tampered({ fsync: () => 0 });
const isRoot = process.getuid?.() === 0;
/** The calls that change something on the target. */
const CHANGES = ['write', 'truncate', 'fsync', 'unlink', 'punchHole', 'allocate', 'fchmod', 'futimes', 'fchown', 'chmod', 'rename', 'renameNoReplace', 'fsetXattr'] as const;

/** A kernel that goes away at the k-th call that changes something: nothing from then on has an effect. With `torn`, half of a last write has. */
function dying(k: number, torn: boolean): { posix: Posix; count(): number } {
  let n = 0;
  const posix = tampered({});
  for (const call of CHANGES) {
    (posix as unknown as Record<string, unknown>)[call] = (...args: unknown[]): number => {
      const mine = n++;
      if (mine < k && call === 'fsync') return 0; // the kernel stays: nothing is lost that was written
      if (mine < k) return (real[call] as unknown as (...a: unknown[]) => number).apply(real, args);
      if (mine === k && torn && call === 'write') real.write(args[0] as number, args[1] as Buffer, args[2] as number, Math.floor((args[3] as number) / 2), args[4] as number);
      return -Errno.EIO;
    };
  }
  posix.open = (at, name, flags, mode) => {
    if (flags.create !== true) return real.open(at, name, flags, mode);
    return n++ < k ? real.open(at, name, flags, mode) : -Errno.EIO;
  };
  return { posix, count: () => n };
}

describe('apply: the undo journal of --inplace', () => {
  let source: string;
  let target: string;
  const temp = useRoots('apply-undo', (s, t) => { [source, target] = [s, t]; });
  const both = (now: Buffer, old: Buffer): void => {
    writeFileSync(`${source}/f`, now);
    utimesSync(`${source}/f`, 5000, 5000);
    if (existsSync(`${target}/f`)) chmodSync(`${target}/f`, 0o644);
    writeFileSync(`${target}/f`, old);
    utimesSync(`${target}/f`, 1000, 1000);
  };
  const patching = (more: (o: SessionOptions) => void = () => {}): SessionOptions => archive((o) => { o.replace.inplace = true; o.replace.wholeFile = false; more(o); });
  const run = (remote: boolean, posix: Posix = real, options = patching()): string[] => {
    const from = remote ? { source: contentSource(source, {}, real).source } : {};
    return withBench(source, target, { posix, options, ...from }, (bench) => {
      bench.sync();
      return bench.told;
    });
  };
  const recover = (): boolean => {
    const at = real.openRoot(target as ByteString);
    try {
      return recoverFolder(quick, at, (readdirSync(target, 'latin1') as ByteString[]).sort());
    } finally {
      real.close(at);
    }
  };
  const what = (now: Buffer, old: Buffer): string => {
    const there = readFileSync(`${target}/f`);
    return there.equals(now) ? 'new' : there.equals(old) ? 'old' : 'neither';
  };

  const OLD = noise(700 * KB, 1);
  const CASES: [string, Buffer][] = [
    ['edited', edited(OLD, [10, noise(100, 2)], [300 * KB, noise(9000, 3)], [699 * KB, noise(500, 4)])],
    ['longer', Buffer.concat([edited(OLD, [10, noise(100, 2)]), noise(100 * KB, 5)])],
    ['shorter', edited(OLD, [10, noise(100, 2)]).subarray(0, 300 * KB + 5)],
    ['only cut', OLD.subarray(0, 300 * KB + 5)],
    ['all other', noise(650 * KB, 6)],
    ['moved', Buffer.concat([OLD.subarray(350 * KB), OLD.subarray(0, 350 * KB)])],
    ['zeros', edited(OLD, [100 * KB, Buffer.alloc(300 * KB)])],
  ];

  for (const remote of [false, true]) {
    const from = remote ? 'from a remote source' : 'locally';
    for (const [name, now] of CASES) {
      it(`killed at any step of patching a file (${name}, ${from}), the old one or the new one can be had, and the next run makes the new one`, () => {
        const more = (o: SessionOptions): void => { if (name === 'zeros') o.replace.sparse = true; };
        both(now, OLD);
        const steps = dying(Infinity, false);
        run(remote, steps.posix, patching(more));
        assert.strictEqual(what(now, OLD), 'new');
        assert.ok(steps.count() >= 3);
        const seen = new Set<string>();
        for (let k = 0; k <= steps.count(); k++) {
          for (const torn of [false, true]) {
            both(now, OLD);
            run(remote, dying(k, torn).posix, patching(more));
            const left = readdirSync(target).filter((n) => n !== 'f');
            assert.ok(left.length === 0 || (left.length === 1 && isUndoName(left[0] as ByteString)), left.join());
            seen.add(what(now, OLD));
            if (k % 2 === 0) { // a run that looks at it first
              recover();
              const state = what(now, OLD);
              assert.notStrictEqual(state, 'neither', `killed at step ${k}${torn ? ', torn' : ''}`);
              if (state === 'old' && left.length > 0) assert.strictEqual(statSync(`${target}/f`).mtimeMs, 1000_000, 'it is compared as what it is');
              assert.deepStrictEqual(readdirSync(target), ['f']);
            }
            assert.deepStrictEqual(run(remote, quick, patching(more)), []); // and one that does not
            assert.strictEqual(what(now, OLD), 'new');
            assert.strictEqual(statSync(`${target}/f`).mtimeMs, 5000_000);
            assert.deepStrictEqual(readdirSync(target), ['f']);
          }
        }
        if (name !== 'only cut') assert.ok(seen.has('neither'), 'the file really was half new at some step');
      }).timeout(120000);
    }

    it(`given no space for the journal, or for the file, says so and the old file stands (${from})`, () => {
      const now = edited(noise(3 * MB, 11), [0, noise(MB, 12)]);
      const old = noise(2 * MB, 13);
      for (let fails = 0; fails < 5; fails++) {
        both(now, old);
        let n = 0;
        const posix = tampered({ write: (fd, b, o, l, p) => (n++ === fails ? -Errno.ENOSPC : real.write(fd, b, o, l, p)) });
        assert.deepStrictEqual(run(remote, posix), n <= fails ? [] : ['no-space f']);
        if (n > fails) assert.strictEqual(what(now, old), 'old');
        assert.deepStrictEqual(readdirSync(target), ['f']);
      }
    });

    it(`given a folder in which no journal can be made, writes without one (${from})`, () => {
      const now = edited(OLD, [10, noise(100, 2)], [400 * KB, OLD.subarray(0, 100 * KB)]);
      both(now, OLD);
      const { ino } = statSync(`${target}/f`);
      const posix = tampered({ open: (at, name, flags, mode) => (flags.create === true ? -Errno.EACCES : real.open(at, name, flags, mode)) });
      assert.deepStrictEqual(run(remote, posix), []);
      assert.deepStrictEqual([what(now, OLD), statSync(`${target}/f`).ino], ['new', ino]);
    });

    it(`given an end asked for in the middle, puts the old file back (${from})`, () => {
      const now = noise(30 * MB, 14);
      const old = noise(30 * MB, 15);
      both(now, old);
      const sending = remote ? { source: contentSource(source).source } : {};
      withBench(source, target, { options: patching(), ...sending }, (bench) => {
        let done = 0;
        bench.ctx.addBytes = (n) => { done += n; if (done > 20 * MB) bench.abort = true; };
        assert.strictEqual(bench.apply('f'), false);
        assert.deepStrictEqual(bench.told, []);
      });
      assert.strictEqual(what(now, old), 'old');
      assert.strictEqual(statSync(`${target}/f`).mtimeMs, 1000_000);
      assert.deepStrictEqual(readdirSync(target), ['f']);
    });
  }

  it('copies blocks from places that were overwritten long ago', () => {
    const old = noise(24 * MB, 21);
    for (const now of [
      Buffer.concat([old.subarray(12 * MB), old.subarray(0, 12 * MB)]),
      Buffer.concat([noise(1003, 22), old]),
      Buffer.concat([old.subarray(20 * MB), old.subarray(3 * MB, 20 * MB), old.subarray(0, 9 * MB)]),
    ]) {
      both(now, old);
      const { source: from, traffic } = contentSource(source);
      withBench(source, target, { options: patching(), source: from }, (bench) => {
        bench.sync();
        assert.deepStrictEqual(bench.told, []);
        assert.strictEqual(bench.ctx.counters.literalBytes, traffic.literals);
      });
      assert.ok(readFileSync(`${target}/f`).equals(now));
      assert.strictEqual(traffic.requests.length, 1);
      assert.ok(traffic.literals < MB, `${traffic.literals} literal bytes`);
    }
  }).timeout(60000);

  it('writes the pages that differ and no others', () => {
    const old = noise(20 * MB, 23);
    both(edited(old, [5 * MB, noise(10, 24)], [15 * MB + 77, noise(10, 25)]), old);
    withBench(source, target, { options: patching() }, (bench) => {
      bench.sync();
      assert.strictEqual(bench.ctx.counters.literalBytes, 2 * 4096);
      assert.strictEqual(bench.ctx.counters.matchedBytes, 20 * MB - 2 * 4096);
    });
  });

  it('a deletion of what a killed run left puts the old file back where the run has not come to it', () => {
    const now = CASES[0]?.[1] as Buffer;
    both(now, OLD);
    for (let k = 3; what(now, OLD) !== 'neither'; k++) {
      both(now, OLD);
      run(false, dying(k, false).posix);
      assert.ok(k < 20);
    }
    const journal = readdirSync(target).find((name) => name !== 'f') as ByteString;
    withBench(source, target, {}, (bench) => {
      const folder = bench.enter();
      const op = bench.removal(journal);
      op.reason = Reason.Incomplete;
      op.name = journal;
      removeEntry(bench.ctx, folder, op);
      assert.deepStrictEqual(bench.told, []);
    });
    assert.strictEqual(what(now, OLD), 'old');
    assert.deepStrictEqual(readdirSync(target), ['f']);
  });

  it('a journal in use is left alone', () => {
    const old = noise(20 * MB, 26);
    const now = noise(20 * MB, 27);
    both(now, old);
    withBench(source, target, { options: patching() }, (bench) => {
      const { addBytes } = bench.ctx;
      let looked = false;
      bench.ctx.addBytes = (n) => {
        addBytes(n);
        if (!looked && readdirSync(target).length > 1) {
          looked = true;
          assert.strictEqual(recover(), false);
        }
      };
      bench.sync();
      assert.ok(looked);
      assert.deepStrictEqual(bench.told, []);
    });
    assert.strictEqual(what(now, old), 'new');
  });

  describe('what is believed of a journal', () => {
    const NEW = Buffer.from('half new content of the file');
    const BEFORE = Buffer.from('HALF OLD content of the file!');
    let name: ByteString;
    let header: UndoHeader;
    beforeEach(() => {
      writeFileSync(`${target}/f`, NEW);
      const s = statSync(`${target}/f`, { bigint: true });
      const dev = { major: Number((s.dev >> 8n) & 0xfffn), minor: Number((s.dev & 0xffn) | ((s.dev >> 12n) & 0xffffff00n)) };
      const [low, high] = [Number(s.ino & 0xffffffffn), Number(s.ino >> 32n)];
      name = undoName(high, low);
      header = {
        devMajor: dev.major, devMinor: dev.minor, inoLow: low, inoHigh: high, size: BEFORE.length, mtimeSec: 1000, mtimeNsec: 0,
        begunSec: Number(s.mtimeNs / 1000000000n) - 1, begunNsec: 0, name: 'f' as ByteString,
      };
    });
    const record = (position: number, bytes: Buffer): Buffer => {
      const out = Buffer.concat([Buffer.alloc(RECORD_HEAD), bytes]);
      sealRecord(out, 0, position, bytes.length);
      return out;
    };
    const whole = (h = header): Buffer => Buffer.concat([encodeHeader(h), record(0, BEFORE.subarray(0, 8)), record(20, BEFORE.subarray(20))]);
    const put = (bytes: Buffer, as: string = name): void => writeFileSync(`${target}/${as}`, bytes);
    const is = (content: Buffer, left: string[] = ['f']): void => {
      assert.strictEqual(readFileSync(`${target}/f`, 'latin1'), content.toString('latin1'));
      assert.deepStrictEqual(readdirSync(target).sort(), left.sort());
    };

    it('its names are temporary ones', () => assert.ok(isUndoName(name) && isTempName(name)));
    it('a whole one is followed', () => {
      put(whole());
      assert.strictEqual(recover(), true);
      is(BEFORE);
      assert.strictEqual(statSync(`${target}/f`).mtimeMs, 1000_000);
    });
    it('one with an end only has the file cut', () => {
      put(Buffer.concat([whole(), encodeEnd(4)]));
      recover();
      is(NEW.subarray(0, 4));
    });
    it('one of a file with a read-only mode is followed, and leaves no other way in', () => {
      chmodSync(`${target}/f`, 0o444);
      put(whole());
      recover();
      is(BEFORE);
    });
    it('cut anywhere, it is followed as far as it is whole, and where the header is not, not at all', () => {
      const all = whole();
      const first = encodeHeader(header).length;
      for (let length = 0; length < all.length; length++) {
        writeFileSync(`${target}/f`, NEW);
        put(all.subarray(0, length));
        recover();
        const expected = length < first ? NEW : edited(Buffer.concat([NEW, Buffer.alloc(1)]), ...(length >= first + RECORD_HEAD + 8 ? [[0, BEFORE.subarray(0, 8)] as [number, Buffer]] : []));
        is(expected);
      }
    });
    it('with any bit turned, it is followed up to there and never read past its end', () => {
      const all = whole();
      for (let bit = 0; bit < all.length * 8; bit += 3) {
        writeFileSync(`${target}/f`, NEW);
        const turned = Buffer.from(all);
        turned[bit >> 3] = (turned[bit >> 3] as number) ^ (1 << (bit & 7));
        put(turned);
        recover();
        const there = readFileSync(`${target}/f`);
        for (let i = 0; i < there.length; i++) assert.ok(there[i] === BEFORE[i] || there[i] === (NEW[i] ?? 0), `bit ${bit}`);
        assert.ok(!existsSync(`${target}/${name}`));
      }
    });
    it('random bytes and endless lengths do nothing', () => {
      for (let seed = 0; seed < 200; seed++) {
        put(Buffer.concat([seed % 2 === 0 ? Buffer.alloc(0) : encodeHeader(header).subarray(0, Math.min(seed, 60)), noise(seed * 4, seed + 1)]));
        recover();
        is(NEW);
      }
    });
    it('a header reads as it was written, for any name', () => {
      for (const some of ['f', '\xff\x01 \n', 'x'.repeat(255)]) {
        const h = { ...header, name: some as ByteString, size: 2 ** 45 + 7, mtimeSec: -5 };
        assert.deepStrictEqual(decodeHeader(encodeHeader(h)), { header: h, length: encodeHeader(h).length });
      }
      for (const bad of ['', '..', 'a/b', '../f', 'a\0b']) assert.strictEqual(decodeHeader(encodeHeader({ ...header, name: bad as ByteString })), undefined);
    });
    it('one for another inode, another device or another name of a journal is not followed', () => {
      for (const wrong of [{ inoLow: header.inoLow ^ 1 }, { devMinor: header.devMinor ^ 1 }]) {
        put(whole({ ...header, ...wrong }));
        recover();
        is(NEW);
      }
      const other = undoName(1, 2);
      put(whole(), other);
      recover();
      is(NEW);
    });
    it('nor where the file got another time since: somebody has finished it', () => {
      put(whole());
      utimesSync(`${target}/f`, 777, 777);
      recover();
      is(NEW);
      assert.strictEqual(statSync(`${target}/f`).mtimeMs, 777_000);
    });
    it('nor where the file was exchanged, for a file, a symlink or a folder', () => {
      for (const exchange of [
        () => writeFileSync(`${target}/f`, 'another'),
        () => symlinkSync(temp.at('away'), `${target}/f`),
        () => mkdirSync(`${target}/f`),
      ]) {
        put(whole());
        renameSync(`${target}/f`, temp.at('away'));
        exchange();
        recover();
        assert.strictEqual(readFileSync(temp.at('away'), 'latin1'), NEW.toString('latin1'));
        assert.ok(!existsSync(`${target}/${name}`));
        rmSync(`${target}/f`, { recursive: true });
        renameSync(temp.at('away'), `${target}/f`);
      }
    });
    it('a symlink, a folder or a file with other names in its place is not followed', () => {
      writeFileSync(temp.at('elsewhere'), whole());
      symlinkSync(temp.at('elsewhere'), `${target}/${name}`);
      recover();
      assert.strictEqual(readFileSync(`${target}/f`, 'latin1'), NEW.toString('latin1'));
      rmSync(`${target}/${name}`);
      mkdirSync(`${target}/${name}`);
      recover();
      assert.strictEqual(readFileSync(`${target}/f`, 'latin1'), NEW.toString('latin1'));
      rmSync(`${target}/${name}`, { recursive: true });
      linkSync(temp.at('elsewhere'), `${target}/${name}`);
      recover();
      is(NEW);
    });
    it('nor one of another user (root only)', function () {
      if (!isRoot) this.skip();
      put(whole());
      chownSync(`${target}/${name}`, 12345, 12345);
      recover();
      is(NEW);
    });
  });

  describeOn(['vfat', 'xfs', 'btrfs', 'tmpfs'], { sizeMiB: 320 }, (fs) => {
    it('a patch cut short is undone there too', () => {
      target = fs.at('t');
      mkdirSync(target);
      const now = CASES[0]?.[1] as Buffer;
      for (const k of [3, 5, 6, 7, 8, 9]) {
        both(now, OLD);
        run(false, dying(k, true).posix);
        recover();
        assert.notStrictEqual(what(now, OLD), 'neither', `killed at step ${k}`);
        assert.deepStrictEqual(readdirSync(target), ['f']);
      }
    });
  });
});
