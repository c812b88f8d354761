/** Damage: whatever happens to an archive's bytes, what is whole is restored as it was, and what is not is told and left out. */
import assert from 'node:assert';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { compareTrees, describeIf, Dice, file, makeTree, useTempFolder, type Tree } from '../support/index.js';
import { seedImport } from '../../src/index.js';
import { exported, flip, imported, root, T, told } from './support.js';

/** Files of all sizes, by name `f<k>`, in folders of ten. */
function files(): Tree {
  const tree: Tree = {};
  for (let k = 0; k < 60; k++) tree[`f${String(k).padStart(2, '0')}`] = file({ size: (k * 1237) % 30_000, seed: k + 1 }, { mtime: T });
  tree['large'] = file({ size: 9_500_000, seed: 99 }, { mtime: T });
  tree['last'] = file('last', { mtime: T });
  return tree;
}

describeIf('damage in a seed archive', root ? undefined : 'needs root', () => {
  const temp = useTempFolder('damage');

  /** Restores the archive and holds it to this: each file is as it was, or is not there and was named. Names of those that are not. */
  async function lost(archive: string, ...args: string[]): Promise<{ names: string[]; messages: string[] }> {
    const target = temp.at('dst');
    rmSync(target, { recursive: true, force: true });
    const outcome = await imported(archive, target, '--threads=1', ...args);
    const differences = compareTrees(temp.at('src'), target, { root: false, ignore: ['dir-mtime'] });
    assert.deepEqual(differences.filter(({ what }) => what !== 'missing'), [], told(outcome).join('\n'));
    const names = differences.map(({ path }) => path);
    const messages = told(outcome);
    const unnamed = messages.some((message) => message.includes('and with') || message.includes('what would follow is lost') || message.includes('ends in the middle of it'));
    for (const name of names) assert.ok(unnamed || outcome.problems.some(({ path, code }) => path === name && code === 'corrupt'), `${name} is lost and not named: ${messages.join('\n')}`);
    if (names.length > 0) assert.equal(outcome.exitCode, 23);
    return { names, messages };
  }

  it('in a content is told to the member and the bytes, and costs this one file', async () => {
    makeTree(temp.at('src'), files());
    await exported(temp.at('src'), temp.at('a.tar'));
    const bytes = readFileSync(temp.at('a.tar'));
    const small = bytes.indexOf(readFileSync(temp.at('src', 'f17')));
    const large = bytes.indexOf(readFileSync(temp.at('src', 'large')).subarray(0, 4096));
    flip(temp.at('a.tar'), small + 1000);
    flip(temp.at('a.tar'), large + 5_000_000);
    const { names, messages } = await lost(temp.at('a.tar'));
    assert.deepEqual(names, ['f17', 'large']);
    assert.ok(messages.some((message) => message.startsWith('f17: ') && message.includes(`byte ${small} to byte ${small + statSync(temp.at('src', 'f17')).size}`)), messages.join('\n'));
    assert.ok(messages.some((message) => message.startsWith('large: ') && message.includes(`in the bytes ${large + (4 << 20)}–${large + (8 << 20)} of`)), messages.join('\n'));
    const check = await seedImport({ archive: temp.at('a.tar') });
    assert.equal(check.exitCode, 23);
    assert.equal(check.archive.damagedMembers, 2);
  });

  it('anywhere costs what it touches', async () => {
    makeTree(temp.at('src'), files());
    await exported(temp.at('src'), temp.at('whole'));
    const bytes = readFileSync(temp.at('whole'));
    const dice = new Dice(4711);
    for (let round = 0; round < 6; round++) {
      const spoiled = Buffer.from(bytes);
      const at = dice.below(spoiled.length - 2048);
      const length = dice.pick([1, 1, 600, 5000, 700_000]);
      spoiled.fill(dice.pick([0, 0x41]), at, Math.min(spoiled.length, at + length));
      writeFileSync(temp.at('a.tar'), spoiled);
      const { names } = await lost(temp.at('a.tar'));
      assert.ok(names.length <= 3 + length / 200, `round ${round}, ${length} bytes at ${at}: ${names.join(' ')}`);
    }
  });

  it('does not hide in compression, encryption or a missing part', async () => {
    makeTree(temp.at('src'), files());
    const identity = await generateX25519Identity();
    writeFileSync(temp.at('key'), `# a key\n${identity}\n`, { mode: 0o600 });
    const secret = [`--age-identity=${temp.at('key')}`];
    await exported(temp.at('src'), temp.at('z'), '-z', '--split=2M');
    await exported(temp.at('src'), temp.at('e'), `--recipient=${await identityToRecipient(identity)}`, '--split=2M');
    flip(temp.at('z.001'), 300_000);
    const packed = await lost(temp.at('z'));
    assert.ok(packed.names.includes('f00') && !packed.names.includes('large') && !packed.names.includes('last'), packed.names.join(' ')); // one piece of 2 MiB
    assert.ok(packed.messages.some((message) => message.includes('part z.001 is not what was written')), packed.messages.join('\n'));
    flip(temp.at('e.001'), 300_000);
    const sealed = await lost(temp.at('e'), ...secret);
    assert.ok(sealed.names.length > 0 && sealed.names.length < 20 && !sealed.names.includes('large'), sealed.names.join(' '));
    for (const [name, more] of [['z', []], ['e', secret]] as const) {
      rmSync(temp.at(`${name}.003`));
      const { names, messages } = await lost(temp.at(name), ...more);
      assert.ok(messages.some((message) => message.includes(`part ${name}.003 is missing`)), messages.join('\n'));
      assert.ok(names.includes('large') && !names.includes('last'), names.join(' '));
    }
    await assert.rejects(imported(temp.at('e'), temp.at('no')), /encrypted/);
    assert.ok(!existsSync(temp.at('no')));
  });

  it('by a cut at any place leaves what stands before it', async () => {
    makeTree(temp.at('src'), files());
    await exported(temp.at('src'), temp.at('whole'));
    const size = statSync(temp.at('whole')).size;
    const dice = new Dice(99);
    for (const at of [100, 512, 1024, ...Array.from({ length: 3 }, () => dice.below(size)), size - 1024, size - 1536]) {
      writeFileSync(temp.at('a.tar'), readFileSync(temp.at('whole')));
      truncateSync(temp.at('a.tar'), at);
      const { names, messages } = await lost(temp.at('a.tar'));
      if (at > 2_000_000) assert.ok(!names.includes('f59'), `${at}: ${names.join(' ')}`);
      if (at > 0 && at < size - 1024) assert.notDeepEqual(messages, [], `cut at ${at}`);
    }
  });

  it('that begins with zeros holds nothing, which is told', async () => {
    writeFileSync(temp.at('zeros'), Buffer.alloc(10_240));
    const notices: string[] = [];
    const outcome = await seedImport({ archive: temp.at('zeros'), target: temp.at('dst'), listener: { notice: (code) => { notices.push(code); } } });
    assert.deepEqual([outcome.exitCode, outcome.archive.members, notices], [0, 0, ['archive-empty']]);
  });
});
