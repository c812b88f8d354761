/** A source on another host answers as its kernel does: from what was sent ahead, by questions alone, and after being passed over. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { Errno } from '../../../src/fs/index.js';
import { nameOfUid } from '../../../src/fs/index.js';
import { StatTable, type RelPath } from '../../../src/tree/index.js';
import { Dice, makeTree, randomTree, tempFolder, type TempFolder } from '../../support/index.js';
import { ALL, contentOf, describe as describeTree, local, name, otherHost, posix, type TestHost } from './support.js';

describe('a source on another host', () => {
  let folder: TempFolder;
  let host: TestHost | undefined;
  beforeEach(() => { folder = tempFolder('remote-source'); });
  afterEach(async () => {
    await host?.close();
    host = undefined;
    folder.remove();
  });

  for (let seed = 1; seed <= 6; seed++) {
    it(`given a random tree, when it is walked, asked for by questions, or both, then it answers as the kernel does (seed ${seed})`, async () => {
      makeTree(folder.path, randomTree(seed, { entries: 80, acls: true }));
      host = await otherHost([`${folder.path}/`]);
      const root = posix.openRoot(name(folder.path));
      const skips = (path: RelPath): boolean => new Dice(seed * 1000 + path.length).chance(0.4);
      const whole = describeTree(local, root, { contents: true });
      const part = describeTree(local, root, { skips });

      const walked = host.source();
      walked.beginWalk();
      assert.deepEqual(describeTree(walked, 0), describeTree(local, root));
      walked.endWalk();
      assert.equal(walked.openHandles, 0);

      const asked = host.source();
      asked.startAnswering();
      assert.deepEqual(describeTree(asked, 0, { contents: true }), whole, 'nothing sent ahead');

      const passing = host.source();
      passing.beginWalk();
      assert.deepEqual(describeTree(passing, 0, { skips }), part, 'some folders passed over');
      assert.deepEqual(describeTree(passing, 0, { contents: true }), whole, 'what was passed over is asked for');
      posix.close(root);
    });
  }

  it('given a folder of many names, then it comes whole in parts', async () => {
    for (let k = 0; k < 1500; k++) writeFileSync(folder.at(`file ${k}`), '');
    host = await otherHost([`${folder.path}/`]);
    const root = posix.openRoot(name(folder.path));
    const source = host.source();
    source.beginWalk();
    assert.deepEqual(describeTree(source, 0), describeTree(local, root));
    posix.close(root);
  });

  it('given -L, then what a symlink leads to is answered as the kernel follows it', async () => {
    mkdirSync(folder.at('dir'));
    writeFileSync(folder.at('dir', 'file'), 'content');
    symlinkSync('dir', folder.at('to dir'));
    symlinkSync('dir/file', folder.at('to file'));
    symlinkSync('nowhere', folder.at('broken'));
    symlinkSync('loop', folder.at('loop'));
    host = await otherHost([`${folder.path}/`], ['-aL']);
    const root = posix.openRoot(name(folder.path));
    const [ours, theirs] = [new StatTable(1), new StatTable(1)];
    for (const walks of [true, false]) {
      const source = host.source(false);
      if (walks) source.beginWalk();
      else source.startAnswering();
      for (const one of ['dir', 'to dir', 'to file', 'broken', 'loop', 'none']) {
        assert.equal(source.statFollow(0, name(one), theirs, 0), posix.statFollow(root, name(one), ours, 0), one);
        if (one !== 'none' && one !== 'broken' && one !== 'loop') assert.equal(theirs.identity(0), ours.identity(0), one);
        const fd = source.openDir(0, name(one), true);
        const here = posix.openDir(root, name(one), true);
        assert.equal(Math.min(0, fd), Math.min(0, here), one);
        if (here < 0) continue;
        assert.equal(contentOf(source, fd, name('file')), 'content');
        posix.close(here);
        source.close(fd);
      }
    }
    posix.close(root);
  });

  it('given the walk is over, then every answer is of now', async () => {
    writeFileSync(folder.at('file'), 'old');
    host = await otherHost([`${folder.path}/`], [...ALL, '--remove-source-files']);
    const source = host.source();
    const table = new StatTable(1);
    source.beginWalk();
    assert.equal(source.stat(0, name('file'), table, 0), 0);
    writeFileSync(folder.at('file'), 'longer');
    assert.equal(source.stat(0, name('file'), table, 0), 0);
    assert.equal(table.size(0), 3, 'a walk sees one moment');
    source.endWalk();
    assert.equal(source.stat(0, name('file'), table, 0), 0);
    assert.equal(table.size(0), 6);
    assert.equal(source.unlink(0, name('file')), 0);
    assert.throws(() => unlinkSync(folder.at('file')));
    assert.equal(source.unlink(0, name('file')), -Errno.ENOENT);
    assert.equal(source.stat(0, name('file'), table, 0), -Errno.ENOENT);
  });

  it('given no --remove-source-files, then nothing can be removed', async () => {
    writeFileSync(folder.at('file'), 'stays');
    host = await otherHost([`${folder.path}/`]);
    assert.equal(host.source().unlink(0, name('file')), -Errno.EPERM);
  });

  it('given a rule file, then it is read as the kernel gives it, also where there is none', async () => {
    mkdirSync(folder.at('dir'));
    writeFileSync(folder.at('.rules'), '- *.o\n');
    host = await otherHost([`${folder.path}/`], ['-a', '-f', ': .rules']);
    const source = host.source(false);
    source.beginWalk();
    const read = (at: number, file: string): string | number => {
      const fd = source.open(at, name(file), { read: true, follow: true, nonBlock: true });
      if (fd < 0) return fd;
      const buffer = Buffer.alloc(100);
      const got = source.read(fd, buffer, 0, 100, -1);
      assert.equal(source.read(fd, buffer, got, 100 - got, -1), 0);
      source.close(fd);
      return buffer.toString('latin1', 0, got);
    };
    assert.equal(read(0, '.rules'), '- *.o\n');
    const dir = source.openDir(0, name('dir'));
    assert.equal(read(dir, '.rules'), -Errno.ENOENT);
    assert.equal(read(dir, 'other'), -Errno.ENOENT);
  });

  it('given owners, then their names are those of the other host', async () => {
    writeFileSync(folder.at('file'), '');
    host = await otherHost([`${folder.path}/`]);
    const source = host.source();
    source.beginWalk();
    describeTree(source, 0);
    assert.equal(source.nameOfUid(process.getuid?.() ?? 0), nameOfUid(process.getuid?.() ?? 0));
    assert.equal(source.nameOfUid(3_999_999_999), undefined);
    assert.equal(source.nameOfGid(0), 'root');
  });
});
