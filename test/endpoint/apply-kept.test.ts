/** A target whose sums are kept: what stays is not read, what came is checked by the root of its tree, and no answer but a right one counts. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { TreeSummer } from '../../src/delta/index.js';
import { KeptSums } from '../../src/endpoint/kept-sums.js';
import type { ContentRequest, ContentToken } from '../../src/endpoint/source/types.js';
import { loadPosix } from '../../src/fs/index.js';
import { createKernel } from '../../src/hash/index.js';
import { fingerprintOf } from '../../src/state/index.js';
import { joinPath, StatTable, type ByteString, type RelPath } from '../../src/tree/index.js';
import { leavesOf } from '../delta/support.js';
import { hashOf, noise } from '../hash/support.js';
import { openPair } from '../state/support.js';
import { archive, tampered, withBench } from './apply-bench.js';
import { useRoots } from './apply-roots.js';
import { contentSource } from './content-source.js';

const KB = 1024;
const LEAF = 4 * KB;
const SEED = { low: 0x1234567, high: 0x89abcdef }; // contentSource's
const OLD = noise(900 * KB, 1);
const AT = 300 * KB + 100;
const NEW = Buffer.from(OLD);
noise(250, 2).copy(NEW, AT);
const NAME = 'f' as RelPath;

function rootOf(data: Buffer): Buffer {
  return new TreeSummer(createKernel(), SEED).change({ size: data.length, leafLength: LEAF }, undefined, [{ first: 0, sums: leavesOf(data, SEED).sums }]).root;
}

/** NEW against OLD, ended as said. */
function delta(end: Partial<Extract<ContentToken, { kind: 'end' }>>, literal: Buffer = NEW.subarray(AT, AT + 250)): ContentToken[] {
  return [
    { kind: 'copy', offset: 0, length: AT }, { kind: 'literal', bytes: Buffer.from(literal) }, { kind: 'copy', offset: AT + 250, length: OLD.length - AT - 250 },
    { kind: 'end', errno: 0, size: NEW.length, hash: rootOf(NEW), tree: true, ...end },
  ];
}

describe('apply: a target whose sums are kept', () => {
  let source: string;
  let target: string;
  const temp = useRoots('apply-kept', (s, t) => { [source, target] = [s, t]; });
  const real = loadPosix();
  let pair: ReturnType<typeof openPair>;
  let sums: KeptSums;

  beforeEach(() => {
    pair = openPair(temp.at('state'));
    const stat = new StatTable(1);
    const fd = real.openRoot(target as ByteString);
    real.fstat(fd, stat, 0);
    real.close(fd);
    sums = new KeptSums({ folder: pair.folder, seed: SEED, devices: [`${stat.devMajor(0)}:${stat.devMinor(0)}`] }, 'target', (message) => assert.fail(message));
  });
  afterEach(async () => {
    sums.close();
    await pair.close();
  });

  interface Ran { requests: ContentRequest[]; read: number }

  /** One run. `answer`: tokens for a request; undefined: what an honest supplier without kept sums says. */
  function run(inplace: boolean, answer: (request: ContentRequest) => ContentToken[] | undefined = () => undefined): Ran {
    let read = 0;
    const posix = tampered({
      read: (fd, buffer, offset, length, position) => {
        const got = real.read(fd, buffer, offset, length, position);
        read += Math.max(0, got);
        return got;
      },
    });
    const { source: remote, traffic } = contentSource(source, { tokens: answer });
    Object.assign(remote.remote as object, { takesRoots: true });
    withBench(source, target, { source: remote, posix, options: archive((o) => { o.replace.inplace = inplace; }) }, (bench) => {
      bench.ctx.sums = sums;
      const stat = new StatTable(1);
      bench.ctx.wrote = (folder, name, _hash, change) => {
        if (change !== undefined && real.stat(folder.fd, name, stat, 0) === 0) sums.putWritten(joinPath(folder.path, name), fingerprintOf(stat, 0), change);
      };
      bench.sync();
      assert.deepEqual(bench.told, []);
    });
    assert.ok(readFileSync(`${target}/f`).equals(readFileSync(`${source}/f`)));
    return { requests: traffic.requests, read };
  }

  function put(data: Buffer, time: number): void {
    writeFileSync(`${source}/f`, data);
    utimesSync(`${source}/f`, time, time);
  }

  /** The target has OLD, and its sums are kept. */
  function begin(): void {
    put(OLD, 5000);
    run(false);
    assert.deepEqual(sums.kept(NAME)?.root, rootOf(OLD));
    put(NEW, 6000);
  }

  for (const inplace of [false, true]) {
    const how = inplace ? ' (--inplace)' : '';
    it(`names it by its root and reads the surroundings of what changed only${how}`, () => {
      begin();
      const { requests, read } = run(inplace, ({ known }) => (known === undefined ? undefined : delta({})));
      assert.deepEqual(requests.map(({ known, sums: round }) => [known?.root, known?.size, known?.leafLength, round]), [[rootOf(OLD), OLD.length, LEAF, undefined]]);
      assert.ok(read <= 2 * LEAF, `${read} bytes`);
      assert.deepEqual(sums.kept(NAME)?.root, rootOf(NEW));
      // And so on from there: only its time is new now.
      put(NEW, 7000);
      const again = run(inplace, ({ known }) => (known === undefined ? undefined : [{ kind: 'copy', offset: 0, length: NEW.length }, { kind: 'end', errno: 0, size: NEW.length, hash: rootOf(NEW), tree: true }]));
      assert.equal(again.read, 0);
      assert.deepEqual(sums.kept(NAME)?.root, rootOf(NEW));
    });

    it(`answers aligned rounds from what is kept, and takes the root at their end${how}`, () => {
      begin();
      const { requests, read } = run(inplace, ({ known }) => (known === undefined ? undefined : [
        { kind: 'refine', aligned: true, blockLength: 64 * KB, stretches: [{ start: 0, length: OLD.length }] }, ...delta({}),
      ]));
      assert.equal(requests.length, 1);
      assert.ok(read <= 2 * LEAF, `${read} bytes`);
    });

    const lies: [string, () => ContentToken[]][] = [
      ['another root', () => delta({ hash: rootOf(OLD) })],
      ['the hash of all bytes, where leaves were passed over', () => delta({ hash: hashOf(NEW), tree: false })],
      ['other bytes than its root is of', () => delta({}, noise(250, 9))],
      ['another size', () => delta({ size: NEW.length + 1 })],
      ['a copy of bytes that lie elsewhere', () => [{ kind: 'copy', offset: LEAF, length: OLD.length - LEAF }, { kind: 'literal', bytes: Buffer.alloc(LEAF) }, { kind: 'end', errno: 0, size: NEW.length, hash: rootOf(NEW), tree: true }]],
    ];
    for (const [lie, tokens] of lies) {
      it(`asks again without it where what comes is not right: ${lie}${how}`, () => {
        begin();
        const { requests } = run(inplace, ({ known }) => (known === undefined ? undefined : tokens()));
        assert.deepEqual(requests.map(({ known, sums: round }) => [known !== undefined, round !== undefined]), [[true, false], [false, true]]);
        assert.deepEqual(sums.kept(NAME)?.root, rootOf(NEW));
      });
    }

    it(`takes no root that it has not asked for${how}`, () => {
      writeFileSync(`${target}/f`, OLD);
      utimesSync(`${target}/f`, 1000, 1000);
      put(NEW, 6000);
      let first = true;
      const { requests } = run(inplace, () => {
        if (!first) return undefined;
        first = false;
        return delta({});
      });
      assert.deepEqual(requests.map(({ known, sums: round }) => [known, round !== undefined]), [[undefined, true], [undefined, false]]);
    });

    it(`does not believe sums of a file that was touched since${how}`, () => {
      begin();
      const { mtime } = statSync(`${target}/f`);
      const touched = Buffer.from(OLD);
      touched[7] = (touched[7] as number) ^ 1;
      writeFileSync(`${target}/f`, touched);
      utimesSync(`${target}/f`, mtime, mtime);
      const { requests } = run(inplace, ({ known }) => (known === undefined ? undefined : assert.fail('a root of what it has not')));
      assert.deepEqual(requests.map(({ known }) => known), [undefined]);
      assert.deepEqual(sums.kept(NAME)?.root, rootOf(NEW));
    });
  }
});
