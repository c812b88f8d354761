/** Evidence files: what they prove, and that no change of any byte goes unseen. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { checkEvidence, compareEvidence, extractEvidence, keyFingerprint, makeKey, readEvidence, readKey, readPublicKey, type SigningKey, type TreeDifference } from '../../src/evidence/index.js';
import { signedBytes } from '../../src/evidence/file/statement.js';
import { fromText, TwintreeError, type RelPath } from '../../src/tree/index.js';
import { dir, fifo, file, makeTree, REPOSITORY, runCommand, symlink, time, useTempFolder, type Tree } from '../support/index.js';
import { isCode, keyIn, prove } from './support.js';

const T = time(1_600_000_000);
const TREE: Tree = {
  a: file('one', { mtime: T }), d: dir({ b: file('two', { mtime: T, mode: 0o600 }), inner: dir({ c: file('three', { mtime: T }), l: symlink('c', { mtime: T }) }, { mtime: T }), empty: dir({}, { mtime: T }) }, { mtime: T }),
  many: dir(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, file(String(i), { mtime: T })])), { mtime: T }), p: fifo({ mtime: T }),
};
const signal = new AbortController().signal;

describe('evidence', () => {
  const temp = useTempFolder('evidence-file');
  let key: SigningKey;
  const at = (name: string): ReturnType<typeof fromText> => fromText(temp.at(name));

  beforeEach(async () => {
    makeTree(temp.at('s'), TREE, { mtime: T });
    makeTree(temp.at('t'), TREE, { mtime: T });
    key = keyIn(temp.path);
    const proof = await prove(temp.at('s'), temp.at('t'), { output: at('ev'), key, subject: 'a move', args: ['-HAX', '--exclude=*.tmp'] });
    assert.deepEqual([proof.result, proof.keyFingerprint, proof.root === proof.sourceRoot], ['equal', key.fingerprint, true]);
  });

  const check = async (how: { tree?: string; folder?: string; fingerprint?: string; file?: string } = {}): Promise<{ told: string[]; entries: number }> => {
    const told: TreeDifference[] = [];
    const result = await checkEvidence({
      evidence: at(how.file ?? 'ev'), fingerprint: how.fingerprint, tree: how.tree === undefined ? undefined : at(how.tree), folder: (how.folder ?? '') as RelPath,
    }, (difference) => told.push(difference));
    assert.equal(told.length, result.differences);
    return { told: told.map(({ kind, path, what }) => [kind, path, what.join()].join(' ').trim()), entries: result.entries };
  };

  it('says what was compared, how, and what came of it', async () => {
    const { statement, root, fingerprint, folder } = await readEvidence(at('ev'), signal);
    assert.deepEqual([statement.source.path, statement.target.path, statement.result, statement.mode, statement.subject, folder], [temp.at('s'), temp.at('t'), 'equal', 'full', 'a move', '']);
    assert.deepEqual([statement.exclusions, statement.target.stats.files, statement.target.root, fingerprint], [['*.tmp'], 43, root, key.fingerprint]);
    assert.equal(runCommand('python3', [`${REPOSITORY}/fixtures/evidence/root.py`, temp.at('ev')]).stdout.trim(), root, 'who reads the format by its description finds the same root');
  });

  it('does not lie in a tree that it is about, by whatever name', async () => {
    symlinkSync(temp.at('t/d'), temp.at('by-link'));
    for (const output of ['s/ev', 't/d/inner/ev', 'by-link/ev']) {
      await assert.rejects(prove(temp.at('s'), temp.at('t'), { output: at(output), key }), isCode('REFUSED'), output);
      assert.equal(existsSync(temp.at(output)), false);
    }
  });

  it('is checked against a tree, whole or one folder, without the source', async () => {
    assert.deepEqual(await check({ tree: 't', fingerprint: key.fingerprint }), { told: [], entries: 50 });
    writeFileSync(temp.at('t/d/inner/c'), 'THREE');
    chmodSync(temp.at('t/a'), 0o600);
    writeFileSync(temp.at('t/many/new'), '');
    writeFileSync(temp.at('t/left-out.tmp'), '');
    assert.deepEqual((await check({ tree: 't' })).told.filter((line) => !line.includes('mtime')), ['differs a mode', 'extra many/new']);
    assert.deepEqual(await check({ tree: 't', folder: 'd/inner' }), { told: ['differs d/inner/c mtime,content'], entries: 3 });
    assert.deepEqual(await check({ tree: 't', folder: 'd/empty' }), { told: [], entries: 1 });
    await assert.rejects(check({ folder: 'd/none' }), isCode('USAGE'));
    await assert.rejects(check({ tree: 'none' }), isCode('TARGET_UNUSABLE'));
  });

  it('is signed: another key is refused where one is asked for', async () => {
    const other = keyIn(temp.path, 'other');
    await assert.rejects(check({ fingerprint: other.fingerprint }), isCode('EVIDENCE'));
    assert.equal(keyFingerprint(readPublicKey(temp.at('key.pub'))), key.fingerprint);
    assert.equal(keyFingerprint(readPublicKey(temp.at('key'))), key.fingerprint);
    // Who signs it anew with a key of his own is another one, and that is seen.
    const lines = readFileSync(temp.at('ev'), 'latin1').trimEnd().split('\n');
    const forged = JSON.stringify({ signature: other.sign(signedBytes(lines.at(-2) as string)).toString('base64'), key: other.publicKey.toString('base64') });
    writeFileSync(temp.at('forged'), `${[...lines.slice(0, -1), forged].join('\n')}\n`, 'latin1');
    assert.equal((await readEvidence(at('forged'), signal)).fingerprint, other.fingerprint);
    await assert.rejects(check({ file: 'forged', fingerprint: key.fingerprint }), isCode('EVIDENCE'));
  });

  it('proves nothing when anything of it was changed: every byte counts', async () => {
    const good = readFileSync(temp.at('ev'));
    const refused = async (bytes: Buffer, what: string): Promise<void> => {
      writeFileSync(temp.at('bad'), bytes);
      await assert.rejects(readEvidence(at('bad'), signal), isCode('EVIDENCE'), what);
    };
    await fc.assert(fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (where, by) => {
      const bad = Buffer.from(good);
      bad[where] = ((bad[where] as number) + by) % 256;
      await refused(bad, `byte ${where} + ${by}`);
    }), { seed: 6, numRuns: 250 });
    await fc.assert(fc.asyncProperty(fc.nat(good.length - 1), async (length) => { await refused(good.subarray(0, length), `cut off at ${length}`); }), { seed: 7, numRuns: 60 });
    const lines = good.toString('latin1').trimEnd().split('\n');
    const write = (all: readonly string[]): Buffer => Buffer.from(`${all.join('\n')}\n`, 'latin1');
    assert.deepEqual(write(lines), good);
    await fc.assert(fc.asyncProperty(fc.nat(lines.length - 1), fc.nat(lines.length - 1), fc.constantFrom('drop', 'twice', 'swap', 'empty'), async (n, m, how) => {
      if (how === 'swap' && lines[n] === lines[m]) return;
      const bad = how === 'drop' ? lines.toSpliced(n, 1) : how === 'twice' ? lines.toSpliced(n, 0, lines[n] as string) : how === 'empty' ? lines.toSpliced(n, 0, '') : lines.with(n, lines[m] as string).with(m, lines[n] as string);
      await refused(write(bad), `${how} ${n} ${m}`);
    }), { seed: 8, numRuns: 150 });
    await refused(Buffer.concat([good, Buffer.from('x')]), 'more behind it');
    await refused(Buffer.concat([good, Buffer.from('\n')]), 'an empty line behind it');
    await refused(Buffer.from('{"twintree":"evidence","format":2}\n'), 'another version');
    await refused(Buffer.alloc(0), 'nothing');
    await refused(write(lines.toSpliced(2, 0, `{"n":"${'x'.repeat(5 << 20)}"}`)), 'a line that is too long');
  });

  it('notices each field of the statement that is changed, and each that is signed by somebody who may', async () => {
    const lines = readFileSync(temp.at('ev'), 'latin1').trimEnd().split('\n');
    const statement = JSON.parse(lines.at(-2) as string) as { statement: Record<string, unknown> };
    const changed = (value: unknown): unknown => (typeof value === 'number' ? value + 1 : typeof value === 'string' ? `${value}x` : Array.isArray(value) ? [...(value as unknown[]), 'x'] : { ...(value as object), x: 1 });
    for (const name of Object.keys(statement.statement)) {
      const line = JSON.stringify({ statement: { ...statement.statement, [name]: changed(statement.statement[name]) } });
      writeFileSync(temp.at('bad'), `${[...lines.slice(0, -2), line, lines.at(-1)].join('\n')}\n`, 'latin1');
      await assert.rejects(readEvidence(at('bad'), signal), isCode('EVIDENCE'), name);
    }
    // A signer who lies about the result or the root is caught by what the file itself holds.
    for (const lie of [{ result: 'different' }, { notes: 'ab'.repeat(32) }, { counts: { ...(statement.statement['counts'] as object), loss: 1 } }, { target: { ...(statement.statement['target'] as object), root: 'ab'.repeat(32) } }]) {
      const line = JSON.stringify({ statement: { ...statement.statement, ...lie } });
      const signed = JSON.stringify({ signature: key.sign(signedBytes(line)).toString('base64'), key: key.publicKey.toString('base64') });
      writeFileSync(temp.at('bad'), `${[...lines.slice(0, -2), line, signed].join('\n')}\n`, 'latin1');
      await assert.rejects(readEvidence(at('bad'), signal), isCode('EVIDENCE'), JSON.stringify(lie));
    }
  });

  it('holds what differs, where the trees do, and is signed all the same', async () => {
    writeFileSync(temp.at('t/a'), 'ONE');
    writeFileSync(temp.at('t/extra'), '');
    const proof = await prove(temp.at('s'), temp.at('t'), { output: at('ev2'), key });
    assert.deepEqual([proof.result, proof.extras], ['different', 1]);
    const notes: string[] = [];
    const { statement } = await readEvidence(at('ev2'), signal, { note: ({ kind, path }) => notes.push(`${kind} ${path}`) });
    assert.deepEqual([statement.result, statement.counts.extra, notes], ['different', 1, ['difference ', 'difference a', 'extra extra']]);
    const told: string[] = [];
    assert.equal((await compareEvidence(at('ev'), at('ev2'), ({ kind, path }) => told.push(`${kind} ${path}`))).differences, 3);
    assert.deepEqual(told, ['differs ', 'differs a', 'extra extra']);
    assert.equal((await compareEvidence(at('ev'), at('ev'))).differences, 0);
  });

  it('gives an extract of one folder, which proves that folder alone', async () => {
    for (const folder of ['d/inner', 'd', 'many', 'd/empty']) {
      await extractEvidence(at('ev'), folder as RelPath, at('part'));
      assert.ok(statSync(temp.at('part')).size < statSync(temp.at('ev')).size);
      assert.deepEqual((await check({ file: 'part', tree: 't', fingerprint: key.fingerprint })).told, []);
      const good = readFileSync(temp.at('part'));
      await fc.assert(fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (where, by) => {
        const bad = Buffer.from(good);
        bad[where] = ((bad[where] as number) + by) % 256;
        writeFileSync(temp.at('bad'), bad);
        await assert.rejects(readEvidence(at('bad'), signal), isCode('EVIDENCE'), `${folder}: byte ${where} + ${by}`);
      }), { seed: 9, numRuns: 60 });
    }
    await extractEvidence(at('ev'), 'd/inner' as RelPath, at('part'));
    writeFileSync(temp.at('t/d/b'), 'is not in it');
    assert.deepEqual((await check({ file: 'part', tree: 't' })).told, []);
    writeFileSync(temp.at('t/d/inner/c'), 'THREE');
    assert.deepEqual((await check({ file: 'part', tree: 't' })).told, ['differs d/inner/c mtime,content']);
    await assert.rejects(extractEvidence(at('ev'), 'a' as RelPath, at('none')), isCode('USAGE'));
    await assert.rejects(extractEvidence(at('part'), 'd/inner' as RelPath, at('none')), isCode('EVIDENCE'));
    assert.ok(!existsSync(temp.at('none')));
  });

  it('has keys that nobody else can read, and that are never replaced', () => {
    assert.equal(statSync(temp.at('key')).mode & 0o777, 0o600);
    assert.throws(() => makeKey(temp.at('key')), isCode('USAGE'));
    assert.equal(readKey(temp.at('key')).fingerprint, key.fingerprint);
    chmodSync(temp.at('key'), 0o644);
    assert.throws(() => readKey(temp.at('key')), isCode('USAGE'));
    const { privateKey } = generateKeyPairSync('x25519');
    writeFileSync(temp.at('x'), privateKey.export({ format: 'pem', type: 'pkcs8' }) as string, { mode: 0o600 });
    assert.throws(() => readKey(temp.at('x')), isCode('USAGE'));
    assert.throws(() => readPublicKey(temp.at('ev')), (error) => error instanceof TwintreeError && error.code === 'USAGE');
  });
});
