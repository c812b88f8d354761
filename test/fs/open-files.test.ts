/** Who has files of a tree open: real processes, seen by every way they may hold one. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { openFilesBelow, type OpenFile } from '../../src/fs/index.js';
import { fromText } from '../../src/tree/index.js';
import { mountFs, tempFolder, whyNoMount, type TempFolder } from '../support/index.js';

const HOLDER = `
import mmap, os, sys
os.chdir(sys.argv[1])
w = open('written', 'r+b'); r = open('read', 'rb'); gone = open('gone', 'wb'); os.unlink('gone')
f = open('mapped', 'r+b'); m = mmap.mmap(f.fileno(), 4096); f.close()
for n in os.listdir('/proc/self/fd'):
  if os.path.realpath('/proc/self/fd/' + n).endswith('/mapped'): os.close(int(n))
p = os.open('only a path', os.O_PATH)
o = open(sys.argv[2], 'ab')
d = os.open('folder', os.O_RDONLY)
os.chdir('folder')
print('ready', flush=True)
sys.stdin.read()
`;

/** A test, or its reason for being left out. */
function itIf(why: string | undefined, title: string, run: () => Promise<void>): void {
  if (why === undefined) it(title, run);
  else it.skip(`${title} (${why})`, run);
}

const running: ChildProcess[] = [];

/** Starts a program that says a line when it holds what it is to hold, and ends with its standard input. */
async function start(program: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  running.push(child);
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  return child;
}

function shown(files: readonly OpenFile[]): string[] {
  return files.map(({ how, path, deleted }) => `${how} ${path}${deleted ? ' (gone)' : ''}`).toSorted();
}

describe('open files below a folder', () => {
  let temp: TempFolder;
  let root: string;
  beforeEach(() => {
    temp = tempFolder('open-files');
    root = temp.at('tree');
    mkdirSync(temp.at('tree', 'folder'), { recursive: true });
    for (const name of ['written', 'read', 'only a path', 'shared']) writeFileSync(temp.at('tree', name), 'x');
    writeFileSync(temp.at('tree', 'mapped'), Buffer.alloc(4096));
    linkSync(temp.at('tree', 'shared'), temp.at('outside'));
  });
  afterEach(async () => {
    for (const child of running.splice(0)) {
      child.stdin?.end();
      if (child.exitCode === null) await once(child, 'exit');
    }
    temp.remove();
  });

  it('are told with process, path and way: handles, mappings without a handle, deleted files, working folders', async () => {
    const child = await start('python3', '-c', HOLDER, root, temp.at('outside'));
    const all = await openFilesBelow(fromText(root));
    const own = all.files.filter(({ pid }) => pid === child.pid);
    assert.deepEqual(shown(own), ['folder folder', 'mapped mapped', 'read folder', 'read only a path', 'read read', 'write gone (gone)', 'write written']);
    assert.match(own[0]?.command ?? '', /python3 -c \\#012import mmap/);
    assert.equal(all.total, all.files.length);

    // One that is opened by a name outside counts where its inode is known to be of the tree.
    const { dev, ino } = statSync(temp.at('outside'), { bigint: true });
    const identity = own.find(({ path }) => path === 'written')?.identity?.split(':').slice(0, 2).concat(String(ino >> 32n), String(ino & 0xffffffffn)).join(':') ?? '';
    assert.equal(statSync(root, { bigint: true }).dev, dev);
    const writers = await openFilesBelow(fromText(root), { writersOnly: true, identities: new Set([identity]) });
    assert.deepEqual(shown(writers.files.filter(({ pid }) => pid === child.pid)), ['mapped mapped', `write ${temp.at('outside')}`, 'write gone (gone)', 'write written']);

    const few = await openFilesBelow(fromText(root), { most: 2 });
    assert.deepEqual([few.files.length, few.total], [2, all.total]);
    assert.deepEqual(await openFilesBelow(fromText(root), { except: new Set([child.pid as number]) }).then(({ files }) => shown(files.filter(({ pid }) => pid === child.pid))), []);
    assert.deepEqual(shown((await openFilesBelow(fromText(temp.at('tree', 'folder')))).files.filter(({ pid }) => pid === child.pid)), ['folder ', 'read ']);
  });

  itIf(whyNoMount('tmpfs'), 'are seen in another mount namespace, by a bind mount and by another root folder', async () => {
    mkdirSync(temp.at('jail', 'data'), { recursive: true });
    const script = 'mount --bind "$1" "$2/data" && exec 3>>"$2/data/written" && exec 4<"$2/data/folder" && cd "$2/data/folder" && echo ready && read line';
    const child = await start('unshare', '-m', '--propagation', 'private', 'sh', '-c', script, 'sh', root, temp.at('jail'));
    const found = await openFilesBelow(fromText(root));
    assert.deepEqual(shown(found.files.filter(({ pid }) => pid === child.pid)), ['folder folder', 'read folder', 'write written']);
    assert.equal(found.unplaced, 0);
  });

  itIf(whyNoMount('ext4'), 'are seen where the kernel holds them, and where they lie on a file system mounted below', async () => {
    const mount = mountFs('ext4');
    try {
      mkdirSync(mount.at('sub'));
      writeFileSync(mount.at('sub', 'log'), '');
      const child = await start('sh', '-c', 'exec 3>>"$1"; echo ready; read line', 'sh', mount.at('sub', 'log'));
      const above = mount.path.slice(0, mount.path.lastIndexOf('/'));
      const { files } = await openFilesBelow(fromText(above), { writersOnly: true });
      const name = mount.path.slice(above.length + 1);
      assert.deepEqual(shown(files.filter(({ pid }) => pid === child.pid)), [`write ${name}/sub/log`]);
      const image = files.find(({ pid, how }) => pid === 0 && how === 'device');
      assert.match(image?.command ?? '', /^kernel \(loop\d+\)$/);
    } finally {
      for (const child of running.splice(0)) {
        child.stdin?.end();
        if (child.exitCode === null) await once(child, 'exit');
      }
      mount.unmount();
    }
  });

  itIf(process.getuid?.() === 0 ? undefined : 'needs root', 'tell how many processes may not be looked at', async () => {
    const child = await start('python3', '-c', HOLDER, root, temp.at('outside'));
    const euid = process.geteuid?.() ?? 0;
    try {
      process.seteuid?.(65_534);
      const { files, unseen } = await openFilesBelow(fromText(root));
      assert.deepEqual(files.filter(({ pid }) => pid === child.pid), []);
      assert.ok(unseen >= 1);
    } finally {
      process.seteuid?.(euid);
    }
  });

  it('of a folder that is not there are none, and that is said', async () => {
    assert.deepEqual((await openFilesBelow(fromText(temp.at('missing')))).blind, ['the folder is not there']);
  });
});
