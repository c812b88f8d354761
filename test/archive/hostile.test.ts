/** Archives that somebody made to do harm: nothing leaves the target, and what is refused is told. */
import assert from 'node:assert';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { seedImport } from '../../src/index.js';
import { describeIf, Dice, useTempFolder } from '../support/index.js';
import { encodeRecords } from '../../src/archive/pax.js';
import { imported, root, told } from './support.js';

interface Entry { name: string; type?: string; link?: string; content?: Buffer; mode?: number; size?: number; raw?: (header: Buffer) => void }

/** A tar archive of just these headers, checksums right. */
function tar(...entries: Entry[]): Buffer {
  const blocks = entries.flatMap(({ name, type = '0', link = '', content = Buffer.alloc(0), mode = 0o644, size = content.length, raw }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 'latin1');
    header.write(mode.toString(8).padStart(7, '0'), 100);
    header.write('0000000', 108);
    header.write('0000000', 116);
    header.write(size.toString(8).padStart(11, '0'), 124);
    header.write('00000000000', 136);
    header.write(type, 156);
    header.write(link, 157, 'latin1');
    header.write('ustar\x0000', 257, 'latin1');
    raw?.(header);
    header.fill(' ', 148, 156);
    header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
const pax = (...records: [string, string][]): Entry => ({ name: 'PaxHeader', type: 'x', content: encodeRecords(records) });
const text = (content: string): Buffer => Buffer.from(content, 'latin1');

describeIf('a hostile archive', root ? undefined : 'needs root', () => {
  const temp = useTempFolder('hostile');

  async function restore(bytes: Buffer): Promise<string[]> {
    writeFileSync(temp.at('a.tar'), bytes);
    mkdirSync(temp.at('outside'), { recursive: true });
    return told(await imported(temp.at('a.tar'), temp.at('dst'), '--threads=1'));
  }
  const outside = (): string[] => readdirSync(temp.path, { recursive: true, encoding: 'utf8' }).filter((name) => name !== 'a.tar' && !/^dst(?:\/|$)/.test(name));

  it('cannot name anything above the target', async () => {
    const problems = await restore(tar(
      { name: '../up', content: text('x') }, { name: 'a/../../up', content: text('x') }, { name: 'd/..', type: '5' }, { name: '/abs/file', content: text('inside') },
      pax(['path', '../../up']), { name: 'fine', content: text('x') }, { name: 'hard', type: '1', link: '../../etc/passwd' }, { name: 'good', content: text('good') },
      pax(['linkpath', '/../../etc/shadow']), { name: 'hard2', type: '1', link: 'good' },
    ));
    assert.equal(problems.filter((problem) => /leads out of|lies out of/.test(problem)).length, 6, problems.join('\n'));
    assert.deepEqual(outside(), ['outside']);
    assert.deepEqual(readdirSync(temp.at('dst')).sort(), ['abs', 'good']);
    assert.equal(readFileSync(temp.at('dst', 'abs/file'), 'utf8'), 'inside');
  });

  it('cannot write through a symlink, its own or one that stands there', async () => {
    mkdirSync(temp.at('dst'));
    mkdirSync(temp.at('outside'));
    symlinkSync('../outside', temp.at('dst', 'there'));
    const problems = await restore(tar(
      { name: 'way', type: '2', link: '../outside' }, { name: 'way/file', content: text('x') }, { name: 'there/file', content: text('x') },
      { name: 'dir', type: '5', mode: 0o755 }, { name: 'dir/a', content: text('a') }, { name: 'dir', type: '2', link: '../outside' }, { name: 'dir/b', content: text('b') },
      { name: 'file', type: '2', link: '../outside/target' }, { name: 'file', content: text('the file') },
      { name: 'x', type: '2', link: '../outside' }, { name: 'x', type: '5', mode: 0o777 }, { name: 'x/y', content: text('y') },
    ));
    assert.deepEqual(outside(), ['outside']);
    assert.ok(problems.some((problem) => problem.startsWith('way: is no folder')), problems.join('\n'));
    assert.equal(lstatSync(temp.at('dst', 'there')).isSymbolicLink(), true);
    assert.equal(readFileSync(temp.at('dst', 'file'), 'utf8'), 'the file');
    assert.equal(lstatSync(temp.at('dst', 'dir')).isDirectory(), true); // it was not empty
    assert.deepEqual(readdirSync(temp.at('dst', 'dir')).sort(), ['a', 'b']);
    assert.equal(readFileSync(temp.at('dst', 'x/y'), 'utf8'), 'y');
  });

  it('has later members of a name win, and links of what is not there told', async () => {
    const problems = await restore(tar(
      { name: 'a', content: text('first') }, { name: 'a', content: text('second!') }, { name: 'b', content: text('b') }, { name: 'b', type: '5', mode: 0o700 }, { name: 'b/c', content: text('c') },
      { name: 'l', type: '1', link: 'a' }, { name: 'none', type: '1', link: 'nowhere/at/all' }, { name: 'd', type: '5' }, { name: 'd', content: text('a file now') },
    ));
    assert.deepEqual(problems, ['none: the file it is to be linked to is not there']);
    assert.equal(readFileSync(temp.at('dst', 'l'), 'utf8'), 'second!');
    assert.equal(lstatSync(temp.at('dst', 'l')).ino, lstatSync(temp.at('dst', 'a')).ino);
    assert.equal(readFileSync(temp.at('dst', 'b/c'), 'utf8'), 'c');
    assert.equal(readFileSync(temp.at('dst', 'd'), 'utf8'), 'a file now');
  });

  it('that lies about lengths is damage, not memory', async () => {
    const last = { name: 'last', content: text('last') };
    const lies: [string, Buffer][] = [
      ['an extended header of 8 EiB', tar({ name: 'x', type: 'x', raw: (h) => { h.fill(0, 124, 136); h[124] = 0x80; h.fill(0xff, 129, 136); } }, last)],
      ['a content longer than the archive', tar({ name: 'f', size: 0o77777777777, content: text('x') }, last)],
      ['a negative size', tar({ name: 'f', raw: (h) => { h.fill(0xff, 124, 136); } }, last)],
      ['a size that is no number', tar(pax(['size', '12x']), { name: 'f', content: text('x') }, last)],
      ['a record longer than its header', tar({ name: 'p', type: 'x', content: text('999 path=x\n') }, { name: 'f', content: text('x') }, last)],
      ['a record without an end', tar({ name: 'p', type: 'x', content: text('12 path=xxxxxx') }, last)],
      ['a sparse map that overlaps', tar(pax(['GNU.sparse.size', '100'], ['GNU.sparse.map', '0,5,3,5']), { name: 'f', content: text('0123456789') }, last)],
      ['a sparse file larger than its map', tar(pax(['GNU.sparse.major', '1'], ['GNU.sparse.minor', '0'], ['GNU.sparse.name', 'f'], ['GNU.sparse.realsize', '9007199254740000']), { name: 'g', content: text('1\n0\n600\n'.padEnd(512, '\0') + 'x') }, last)],
      ['a time of the year 10^20', tar(pax(['mtime', '99999999999999999999']), { name: 'f', content: text('x') }, last)],
    ];
    for (const [what, bytes] of lies) {
      const problems = await restore(bytes);
      assert.notDeepEqual(problems, [], what);
      assert.ok(existsSync(temp.at('dst', 'last')) || what.includes('longer than the archive'), `${what}: ${problems.join('\n')}`);
    }
    assert.deepEqual(outside(), ['outside']);
  });

  it('of random bytes, or of a good one with random changes, ends with problems and nothing else', async () => {
    const good = tar(pax(['path', 'some/long/name'], ['SCHILY.xattr.user.a', 'b'], ['mtime', '5.25']), { name: 'f', content: text('content'.repeat(100)) }, { name: 'd', type: '5' }, { name: 'd/l', type: '2', link: 'x' }, { name: 'h', type: '1', link: 'f' }, { name: 's', type: 'S', content: text('x') });
    const dice = new Dice(31);
    for (let round = 0; round < 30; round++) {
      const bytes = round < 10 ? Buffer.from(Array.from({ length: 3000 }, () => dice.below(256))) : Buffer.from(good);
      for (let k = round < 10 ? 4 : 0; k < 4; k++) {
        const block = dice.below(bytes.length / 512) * 512;
        bytes[block + dice.below(512)] = dice.below(256);
        if (dice.chance(0.7)) { // with a checksum that is right again
          bytes.fill(' ', block + 148, block + 156);
          bytes.write(`${bytes.subarray(block, block + 512).reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, block + 148);
        }
      }
      writeFileSync(temp.at('a.tar'), bytes);
      const outcome = await seedImport({ archive: temp.at('a.tar'), ...(round % 3 === 0 ? { target: temp.at('dst'), args: ['--threads=1'] } : {}) });
      assert.ok(outcome.exitCode === 0 || outcome.exitCode === 23);
    }
    assert.deepEqual(outside(), []);
  });
});
