/** What a target can hold: right on real file systems, nothing left behind, nothing written where that is not allowed. */
import assert from 'node:assert';
import fs from 'node:fs';
import { NativePosix, PROBE_PREFIX, probeTarget, type Posix, type ProbeOptions, type TargetTraits } from '../../src/fs/index.js';
import { describeIf, describeOn, mountFs, readTree, runCommand, useTempFolder, whyNoMount, whyNoOtherUser } from '../support/index.js';
import { b, openHandles } from './support.js';

const posix = new NativePosix();

/** Probes a folder in a fresh place below `parent`, and checks that it is as it was. */
function probe(parent: string, act: (traits: TargetTraits) => void, options: ProbeOptions = {}, calls: Posix = posix): void {
  const path = fs.mkdtempSync(`${parent}/probed-`);
  fs.writeFileSync(`${path}/own`, 'content');
  fs.utimesSync(path, 1_000_000, 2_000_000);
  const before = [openHandles(), readTree(path).get('')?.mtime];
  const at = posix.openRoot(b(path));
  act(probeTarget(calls, at, options));
  posix.close(at);
  assert.deepStrictEqual(fs.readdirSync(path), ['own']);
  assert.deepStrictEqual([openHandles(), readTree(path).get('')?.mtime], before, 'no handle and no new folder time is left');
}

const QUESTIONS = ['symlinks', 'fifos', 'hardLinks', 'devices', 'modes', 'stickyFiles', 'owners', 'holes', 'userXattrs', 'acls', 'reflinks', 'caseInsensitive', 'foldsUnicode', 'anyBytes'] as const;
const answers = (traits: TargetTraits): Record<string, unknown> => Object.fromEntries(QUESTIONS.map((q) => [q, traits[q]]));
const POSIX = { symlinks: true, fifos: true, hardLinks: true, devices: true, modes: true, stickyFiles: true, owners: true, holes: true, acls: true, userXattrs: true, caseInsensitive: false, foldsUnicode: false, anyBytes: true };

/** The same file system, its type unknown: everything must be tried. */
const unknownType = Object.create(posix, { statfs: { value: (fd: number) => ({ ...(posix.statfs(fd) as object), type: 0x1234 }) } }) as Posix;

describe('fs: probing a target', () => {
  describeOn(['ext4', 'xfs', 'btrfs', 'tmpfs'], {}, (mount) => {
    const expected = { ...POSIX, reflinks: mount.kind === 'xfs' || mount.kind === 'btrfs' };
    it('knows what it holds', () => probe(mount.path, (traits) => {
      assert.deepStrictEqual([traits.fileSystem, traits.timeGranularity, traits.nameMax, traits.readOnly, traits.maxFileSize], [mount.kind === 'ext4' ? 'ext' : mount.kind, 1, 255, false, undefined]);
      assert.deepStrictEqual(answers(traits), expected);
    }));
    it('finds out the same by trying', () => probe(mount.path, (traits) => {
      assert.deepStrictEqual([traits.fileSystem, traits.timeGranularity], ['unknown', 1]);
      assert.deepStrictEqual(answers(traits), expected);
    }, {}, unknownType));
    it('writes nothing in a dry run, and says what it does not know', () => {
      let writes = 0;
      const counting = Object.create(unknownType, { mkdir: { value: (...args: Parameters<Posix['mkdir']>) => { writes++; return posix.mkdir(...args); } } }) as Posix;
      probe(mount.path, (traits) => {
        assert.strictEqual(traits.timeGranularity, 1);
        const { acls, userXattrs, ...tried } = answers(traits);
        assert.deepStrictEqual([acls, userXattrs], [true, true], 'found out by asking for an attribute');
        assert.deepStrictEqual(new Set(Object.values(tried)), new Set([undefined]));
      }, { mayWrite: false }, counting);
      assert.strictEqual(writes, 0);
    });
    it('asks each question once', () => {
      let probes = 0;
      const counting = Object.create(posix, { mkdir: { value: (...args: Parameters<Posix['mkdir']>) => { probes++; return posix.mkdir(...args); } } }) as Posix;
      probe(mount.path, (traits) => {
        assert.strictEqual(traits.timeGranularity, 1);
        assert.strictEqual(probes, 0, 'the cheap part makes nothing');
        assert.deepStrictEqual([traits.caseInsensitive, traits.foldsUnicode, traits.acls, traits.userXattrs, traits.owners], [false, false, true, true, true]);
        assert.strictEqual(probes, 0, 'nor do the questions of every run');
        for (let i = 0; i < 5; i++) assert.strictEqual(traits.anyBytes, true);
        assert.strictEqual(probes, 1);
      }, {}, counting);
    });
  });

  describeIf('on ext4 with inodes of 128 bytes', whyNoMount('ext4'), () => {
    it('measures that times are whole seconds', () => {
      const mount = mountFs('ext4', { mkfs: ['-I', '128', '-O', '^metadata_csum'] });
      try {
        probe(mount.path, (traits) => assert.strictEqual(traits.timeGranularity, 1e9));
      } finally {
        mount.unmount();
      }
    });
  });

  const whyNoFolding = whyNoMount('ext4') ?? (fs.existsSync('/sys/fs/ext4/features/casefold') ? undefined : 'the kernel cannot fold case');
  describeIf('on ext4 that folds case', whyNoFolding, () => {
    it('finds that names of either case, and either form of an accent, are the same', () => {
      const mount = mountFs('ext4', { mkfs: ['-O', 'casefold'] });
      try {
        const path = mount.at('folded');
        fs.mkdirSync(path);
        assert.strictEqual(runCommand('chattr', ['+F', path]).code, 0);
        probe(path, (traits) => assert.deepStrictEqual([traits.caseInsensitive, traits.foldsUnicode, traits.hardLinks], [true, true, true]));
      } finally {
        mount.unmount();
      }
    });
  });

  describeOn(['vfat'], {}, (mount) => {
    it('knows what FAT does not hold', () => probe(mount.path, (traits) => {
      assert.deepStrictEqual([traits.fileSystem, traits.timeGranularity, traits.maxFileSize], ['vfat', 2e9, 4294967295]);
      assert.deepStrictEqual([traits.symlinks, traits.hardLinks, traits.owners, traits.userXattrs, traits.holes, traits.caseInsensitive], [false, false, false, false, false, true]);
    }));
  });

  describeIf('read-only', whyNoMount('tmpfs'), () => {
    it('says so, and tries nothing', () => {
      const mount = mountFs('tmpfs');
      try {
        mount.remount('ro');
        const at = posix.openRoot(b(mount.path));
        const traits = probeTarget(posix, at);
        assert.deepStrictEqual([traits.readOnly, traits.acls, traits.symlinks, traits.devices], [true, true, true, undefined]);
        posix.close(at);
      } finally {
        mount.unmount();
      }
    });
  });

  describe('in any folder', () => {
    const tmp = useTempFolder('probe');
    it('takes another name where one was left by a process that was killed', () => {
      fs.mkdirSync(tmp.at(`${PROBE_PREFIX}${process.pid}-0-0`));
      const at = posix.openRoot(b(tmp.path));
      assert.strictEqual(probeTarget(unknownType, at).hardLinks, true);
      posix.close(at);
      assert.deepStrictEqual(fs.readdirSync(tmp.path), [`${PROBE_PREFIX}${process.pid}-0-0`]);
    });
    it('counts in what the portable implementation loses', () => {
      const at = posix.openRoot(b(tmp.path));
      const lossy = Object.create(posix, { lacks: { value: new Set(['nanoseconds']) } }) as Posix;
      assert.strictEqual(probeTarget(lossy, at).timeGranularity, 1000);
      posix.close(at);
    });
    describeIf('where nothing can be made', whyNoOtherUser(), () => {
      it('does not know', () => {
        const none = Object.create(unknownType, { mkdir: { value: () => -13 } }) as Posix;
        probe(tmp.path, (traits) => assert.deepStrictEqual([traits.hardLinks, traits.symlinks, traits.timeGranularity], [undefined, undefined, 1]), {}, none);
      });
    });
  });
});
