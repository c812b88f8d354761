/** Random trees, mounted file systems and child processes: what other tests rely on. */
import assert from 'node:assert';
import { existsSync, mkdirSync, readFileSync, statSync, statfsSync, writeFileSync } from 'node:fs';
import { PLAIN_UID, assertSameTree, bindMount, changedTree, compareTrees, describeIf, describeOn, makeTree, mountFs, plainFolder, randomTree, removeTree, runCommand, rsync, startCommand, tempFolder, treePaths, useTempFolder, whyNoInjection, whyNoMount, whyNoOtherUser, whyNoRsync, type Running } from './index.js';

describe('test support: random trees', () => {
  const tmp = useTempFolder('random');

  it('makes the same tree of the same seed, and another of another', () => {
    makeTree(tmp.at('a'), randomTree(7), { mtime: 0n });
    makeTree(tmp.at('b'), randomTree(7), { mtime: 0n });
    assertSameTree(tmp.at('a'), tmp.at('b'));
    makeTree(tmp.at('c'), randomTree(8), { mtime: 0n });
    assert.notDeepStrictEqual(compareTrees(tmp.at('a'), tmp.at('c')), []);
  });

  it('changes a copy and leaves the first version as it is', () => {
    const first = randomTree(3);
    makeTree(tmp.at('a'), first, { mtime: 0n });
    const second = changedTree(first, 1, { changes: 10 });
    makeTree(tmp.at('b'), first, { mtime: 0n });
    makeTree(tmp.at('c'), second, { mtime: 0n });
    assertSameTree(tmp.at('a'), tmp.at('b'));
    assert.notDeepStrictEqual(compareTrees(tmp.at('a'), tmp.at('c')), []);
  });

  it('builds whatever it generates, with all kinds of names, over many seeds', () => {
    const names = new Set<string>();
    for (let seed = 0; seed < 15; seed++) {
      const tree = randomTree(seed, { entries: 100, acls: true });
      makeTree(tmp.at(`t${seed}`), tree);
      makeTree(tmp.at(`u${seed}`), changedTree(tree, seed, { changes: 30, acls: true }));
      for (const path of treePaths(tmp.at(`t${seed}`))) names.add(path.slice(path.lastIndexOf('/') + 1));
    }
    for (const odd of ['-rf', 'new\nline', '\xff\xfe', '__proto__', 'a'.repeat(255)]) assert.ok(names.has(odd), `never made: ${odd}`);
  });
});

describe('test support: file systems', () => {
  describeOn(['ext4', 'xfs', 'btrfs', 'vfat', 'tmpfs'], { sizeMiB: 64 }, (fs) => {
    it('is mounted, writable and of the size asked for', () => {
      writeFileSync(fs.at('file'), 'x');
      const { blocks, bsize } = statfsSync(fs.path);
      const MiB = (blocks * bsize) / (1 << 20);
      assert.ok(MiB > 20 && MiB <= 300, `${MiB} MiB`);
      assert.notStrictEqual(statSync(fs.path).dev, statSync('/').dev);
    });
  });

  describeIf('clean-up', whyNoMount('ext4'), () => {
    it('unmounts and removes the image', () => {
      const mount = mountFs('ext4', { sizeMiB: 16 });
      mkdirSync(mount.at('x'));
      mount.unmount();
      assert.ok(!existsSync(mount.path));
      assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(mount.path));
    });

    it('removes no folder in which another one is mounted', () => {
      const folder = tempFolder('bound');
      for (const name of ['from', 'to']) mkdirSync(folder.at(name));
      writeFileSync(folder.at('from', 'precious'), '');
      const release = bindMount(folder.at('from'), folder.at('to'));
      try {
        assert.throws(() => removeTree(folder.at('to')), /is mounted/);
        assert.ok(existsSync(folder.at('from', 'precious')));
      } finally {
        release();
        folder.remove();
      }
      assert.ok(!existsSync(folder.path));
    });

    it('can be full, and read-only', () => {
      const mount = mountFs('tmpfs', { sizeMiB: 1 });
      try {
        assert.throws(() => writeFileSync(mount.at('big'), Buffer.alloc(2 << 20)), { code: 'ENOSPC' });
        mount.remount('ro');
        assert.throws(() => writeFileSync(mount.at('more'), ''), { code: 'EROFS' });
      } finally {
        mount.unmount();
      }
    });
  });
});

describe('test support: the end of a test process', () => {
  const support = JSON.stringify(import.meta.resolve('./index.js'));
  /** A process that makes folders (and mounts) as tests do, tells where, and then waits for its end. */
  async function testing(body: string): Promise<{ running: Running; paths: string[] }> {
    const running = startCommand(process.execPath, ['--input-type=module', '-e', `import { makeTree, dir, mountFs, tempFolder } from ${support};\n${body}\nsetInterval(() => {}, 1000);`]);
    let said = '';
    running.child.stdout?.on('data', (chunk: Buffer) => { said += chunk.toString('utf8'); });
    assert.ok(await running.output(/\n/), 'it ended before');
    return { running, paths: JSON.parse(said) as string[] };
  }

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
    it(`by ${signal} leaves no folder`, async () => {
      const { running, paths } = await testing("const f = tempFolder('end'); makeTree(f.path, { closed: dir({ x: 'x' }, { mode: 0 }) }); console.log(JSON.stringify([f.path]));");
      assert.ok(existsSync(`${paths[0] as string}/closed`));
      await running.kill(signal); // ends when the last holder of its stderr has: the helper, having cleared up
      assert.deepStrictEqual(paths.filter((path) => existsSync(path)), []);
    });
  }

  describeIf('with a file system mounted', whyNoMount('tmpfs'), () => {
    it('leaves no mount', async () => {
      const { running, paths } = await testing("const m = mountFs('tmpfs'); makeTree(m.at('t'), { x: 'x' }); console.log(JSON.stringify([m.path]));");
      assert.ok(readFileSync('/proc/mounts', 'utf8').includes(paths[0] as string));
      await running.kill('SIGKILL');
      assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(paths[0] as string));
      assert.deepStrictEqual(paths.filter((path) => existsSync(path)), []);
    });
  });
});

describe('test support: child processes', () => {
  const tmp = useTempFolder('run');

  it('passes bytes that are not UTF-8 as arguments', () => {
    assert.deepStrictEqual(runCommand('printf', ['%s|', Buffer.from("\xff'\n", 'latin1'), 'plain', '']).stdoutBytes, Buffer.from("\xff'\n|plain||", 'latin1'));
  });

  it('hands back code, signal, output and input', () => {
    const done = runCommand('bash', ['-c', 'cat; echo oops >&2; exit 23'], { input: 'in' });
    assert.deepStrictEqual([done.code, done.signal, done.stdout, done.stderr], [23, null, 'in', 'oops\n']);
    assert.strictEqual(runCommand('bash', ['-c', 'kill -9 $$']).signal, 'SIGKILL');
  });

  it('waits for what a child prints or makes, then kills it', async () => {
    const child = startCommand('bash', ['-c', `echo ready; read -r; touch '${tmp.path}/made'; exec sleep 100`], { input: 'go\n' });
    assert.ok(await child.output(/ready/));
    assert.ok(await child.exists(tmp.at('made')));
    const done = await child.kill('SIGKILL');
    assert.deepStrictEqual([done.code, done.signal, done.stdout], [null, 'SIGKILL', 'ready\n']);
  });

  it('says where a child ended before what was waited for', async () => {
    const child = startCommand('true', []);
    assert.strictEqual(await child.exists(tmp.at('never')), false);
    assert.strictEqual(await child.output(/never/), false);
    assert.strictEqual((await child.finished).code, 0);
  });

  it('sets limits', () => {
    assert.strictEqual(runCommand('bash', ['-c', 'ulimit -n; umask'], { maxOpenFiles: 77, umask: 0o027 }).stdout, '77\n0027\n');
  });

  describeIf('as another user', whyNoOtherUser(), () => {
    it('runs without privileges or other groups, and can work in its folder', () => {
      const folder = plainFolder(tmp.path, 'own');
      const done = runCommand('bash', ['-c', 'id -u; id -G; touch file'], { uid: PLAIN_UID, cwd: folder });
      assert.strictEqual(done.stdout, `${PLAIN_UID}\n${PLAIN_UID}\n`, done.stderr);
      assert.strictEqual(statSync(tmp.at('own', 'file')).uid, PLAIN_UID);
    });
  });

  describeIf('with injected faults', whyNoInjection(), () => {
    it('fails the call that was named, and kills at it', () => {
      writeFileSync(tmp.at('a'), '');
      const failed = runCommand('mv', [tmp.at('a'), tmp.at('b')], { inject: ['rename,renameat,renameat2:error=ENOSPC'] });
      assert.match(failed.stderr, /No space left/);
      const killed = runCommand('mv', [tmp.at('a'), tmp.at('b')], { inject: ['rename,renameat,renameat2:signal=SIGKILL:when=1'] });
      assert.ok(killed.signal === 'SIGKILL' || killed.code === 137, JSON.stringify(killed));
    });
  });

  describeIf('rsync', whyNoRsync(), () => {
    it('can be asked', () => {
      const folder = tempFolder('rsync');
      writeFileSync(folder.at('x'), 'x');
      assert.strictEqual(rsync(['-ai', `${folder.path}/x`, `${tmp.path}/`]).stdout, '>f+++++++++ x\n');
      folder.remove();
    });
  });
});
