/** -i, -ii and -v: the eleven characters and the choice of lines, beside the real rsync on the same trees. */
import assert from 'node:assert/strict';
import { itemize } from '../../src/cli/report/index.js';
import type { OutputOptions } from '../../src/cli/options/output.js';
import { Item, OpKind, Reason, type Operation, type SessionOptions } from '../../src/plan/index.js';
import { fromText, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';
import { archive, hasCommand, ITEMIZED, isRoot, operation, operationOn, rsyncLines, shell, show, VERBOSE, VERY_VERBOSE, WHY_NO_RSYNC } from './report-support.js';

type Step = [path: string, kind: OpKind, fields?: Partial<Operation>];

describe('report: itemize', () => {
  describe('spells an operation in eleven characters', () => {
    const { New, Transfer, Local, HardLink, Time, TimeNow, Perms, Owner, Group, Size, Checksum, Atime, Crtime, Acl, Xattr } = Item;
    const cases: [string, OpKind, number, number][] = [
      ['>f+++++++++', OpKind.File, S_IFREG | 0o644, New | Transfer],
      ['cd+++++++++', OpKind.Folder, S_IFDIR | 0o755, New | Local],
      ['cL+++++++++', OpKind.Symlink, S_IFLNK | 0o777, New | Local],
      ['cD+++++++++', OpKind.Node, S_IFBLK, New | Local],
      ['cD+++++++++', OpKind.Node, S_IFCHR, New | Local],
      ['cS+++++++++', OpKind.Node, S_IFIFO, New | Local],
      ['cS+++++++++', OpKind.Node, S_IFSOCK, New | Local],
      ['hf+++++++++', OpKind.Link, S_IFREG, New | HardLink],
      ['hf          '.slice(0, 11), OpKind.Link, S_IFREG, HardLink],
      ['hf..tp.....', OpKind.Link, S_IFREG, HardLink | Time | Perms],
      ['.d..t......', OpKind.Folder, S_IFDIR, Time],
      ['.f...p.....', OpKind.Attributes, S_IFREG, Perms],
      ['.f....og...', OpKind.Attributes, S_IFREG, Owner | Group],
      ['>f.st......', OpKind.File, S_IFREG, Transfer | Size | Time],
      ['>fcsT......', OpKind.File, S_IFREG, Transfer | Checksum | Size | TimeNow],
      ['>f.sT......', OpKind.File, S_IFREG, Transfer | Size | Time | TimeNow],
      ['>f.........', OpKind.File, S_IFREG, Transfer],
      ['cLc.t.og...', OpKind.Symlink, S_IFLNK, Local | Checksum | Time | Owner | Group],
      ['cDc.T......', OpKind.Node, S_IFCHR, Local | Checksum | TimeNow],
      ['.f......u..', OpKind.Attributes, S_IFREG, Atime],
      ['.f......n..', OpKind.Attributes, S_IFREG, Crtime],
      ['.f......b..', OpKind.Attributes, S_IFREG, Atime | Crtime],
      ['.f.......a.', OpKind.Attributes, S_IFREG, Acl],
      ['.d........x', OpKind.Folder, S_IFDIR, Xattr],
      ['cf...p.....', OpKind.File, S_IFREG, Local | Perms],
      ['cf         ', OpKind.File, S_IFREG, Local],
      ['.f         ', OpKind.Note, S_IFREG, 0],
      ['*deleting  ', OpKind.Delete, S_IFREG, 0],
      ['*moving    ', OpKind.Move, S_IFREG, 0],
    ];
    for (const [expected, kind, mode, item] of cases) {
      it(`${OpKind[kind]} with mode ${mode.toString(8)} and item ${item} is "${expected}"`, () => {
        assert.equal(itemize(operation(kind, { mode, item })), expected);
      });
    }

    it('takes the type of a deleted folder from what stands there', () => {
      const { out } = show({ output: ITEMIZED }, (report) => {
        report.operation(operation(OpKind.Delete, { expected: { ...operation(OpKind.Note).expected, mode: S_IFDIR | 0o700 } }), fromText('d/e'), 'done');
      });
      assert.equal(out.text, '*deleting   d/e/\n');
    });
  });

  describe('prints for the same changes what rsync prints (needs rsync)', function () {
    before(function () {
      if (WHY_NO_RSYNC !== '') this.skip(); // rsync is missing or too old
    });
    const dir = useTempFolder('report');

    /** Shows the steps with report options, runs rsync, compares stdout line by line. */
    function compare(args: string[], shown: Partial<OutputOptions>, steps: Step[], options: SessionOptions = archive()): void {
      const { out } = show({ output: shown, options }, (report) => {
        for (const [path, kind, fields] of steps) {
          const at = kind === OpKind.Delete ? dir.at('t') : dir.at('s');
          report.operation(operationOn(at, path, kind, fields), fromText(path), options.dryRun ? 'planned' : 'done');
        }
      });
      assert.deepEqual(out.lines, rsyncLines(dir.path, args));
    }

    const NEW = Item.New;
    const file = (path: string, item = NEW | Item.Transfer): Step => [path, OpKind.File, { item }];
    const folder = (path: string, item = NEW | Item.Local): Step => [path, OpKind.Folder, { item }];
    const symlink = (path: string, item = NEW | Item.Local): Step => [path, OpKind.Symlink, { item }];
    const node = (path: string, item = NEW | Item.Local): Step => [path, OpKind.Node, { item }];
    const link = (path: string, leader: string, item = NEW | Item.HardLink): Step => [path, OpKind.Link, { item, link: fromText(leader) }];
    const attributes = (path: string, item: number): Step => [path, OpKind.Attributes, { item }];
    const same = (path: string, item = 0): Step => [path, OpKind.Note, { item }];

    const tree = 'mkdir -p s/d/e; echo hi > s/a; echo x > s/d/e/f; ln -s a s/l; mkfifo s/p; ln s/a s/hl; ln -P s/l s/l2';
    const firstCopy: Step[] = [
      folder(''), file('a'), symlink('l'), link('l2', 'l'), node('p'), folder('d'), folder('d/e'), file('d/e/f'), link('hl', 'a'),
    ];
    /** rsync decides by its own rules which name of a group leads, so its order of the group is not ours to predict. */
    const noGroups = firstCopy.filter(([path]) => path !== 'hl' && path !== 'l2');
    const plainTree = tree.replace(/; ln s.*$/, '');

    it('given an empty target: -ai', () => {
      shell(dir.path, plainTree);
      compare(['-ai', 's/', 't'], ITEMIZED, noGroups);
    });

    it('given an empty target: -a --info=name, which makes no difference between kinds', () => {
      shell(dir.path, plainTree);
      compare(['-a', '--info=name', 's/', 't'], { outFormat: '%n%L', info: { ...VERBOSE.info!, FLIST: 0, DEL: 0, STATS: 0 } }, noGroups);
    });

    it('given an empty target: -av with its header, up to the numbers', () => {
      shell(dir.path, plainTree);
      compare(['-av', '--info=stats0', 's/', 't'], { ...VERBOSE, info: { ...VERBOSE.info!, STATS: 0 } }, noGroups);
    });

    it('given a source without a trailing slash: the root is not named', () => {
      shell(dir.path, 'mkdir s; echo hi > s/a; mkdir t');
      const { out } = show({ output: ITEMIZED, sources: ['s'] }, (report) => {
        report.operation(operationOn(dir.path, 's', OpKind.Folder, { item: Item.Time }), fromText(''), 'done');
        report.operation(operationOn(dir.path, 's', OpKind.Folder, { item: NEW | Item.Local }), fromText('s'), 'done');
        report.operation(operationOn(dir.path, 's/a', OpKind.File, { item: NEW | Item.Transfer }), fromText('s/a'), 'done');
      });
      assert.deepEqual(out.lines, rsyncLines(dir.path, ['-ai', 's', 't']));
    });

    it('given hard links one of which is missing: -aiH and -avH', () => {
      shell(dir.path, 'mkdir s; echo hi > s/a; ln s/a s/b; ln -s x s/l; ln -P s/l s/l2; rsync -aH s/ t; rm t/b t/l2; touch -d 2001-01-01 s t');
      compare(['-aiHn', 's/', 't'], ITEMIZED, [link('b', 'a'), link('l2', 'l')], archive((o) => { o.dryRun = true; }));
      compare(['-avHn', '--info=stats0,flist0', 's/', 't'], { outFormat: '%n%L', info: { ...VERBOSE.info!, STATS: 0, FLIST: 0 } },
        [link('b', 'a'), link('l2', 'l')], archive((o) => { o.dryRun = true; }));
    });

    it('given a copy in place of a hard link: a line without letters', () => {
      shell(dir.path, 'mkdir s; echo hi > s/a; ln s/a s/b; rsync -aH s/ t; rm t/b; cp -p t/a t/b; touch -d 2001-01-01 s t');
      compare(['-aiH', 's/', 't'], ITEMIZED, [link('b', 'a', Item.HardLink)]);
    });

    it('given nothing to do: -ai is silent, -aii lists everything, -avv calls files "uptodate" but not folders', () => {
      shell(dir.path, `${plainTree}; rsync -a s/ t`);
      const steps: Step[] = [
        ['', OpKind.Folder], same('a'), same('l'), same('p'), ['d', OpKind.Folder], ['d/e', OpKind.Folder], same('d/e/f'),
      ];
      compare(['-ai', 's/', 't'], ITEMIZED, steps);
      compare(['-aii', 's/', 't'], { ...ITEMIZED, itemize: 2 }, steps);
      compare(['-ai', '--info=name2', 's/', 't'], { ...ITEMIZED, info: { ...VERY_VERBOSE.info!, FLIST: 0, STATS: 0 } }, steps);
      compare(['-a', '--info=name2', 's/', 't'], { outFormat: '%n%L', info: { ...VERY_VERBOSE.info!, FLIST: 0, STATS: 0 } }, steps);
    });

    it('given changed permissions and times: -i names them all, -v only folders', () => {
      shell(dir.path, `${plainTree}; rsync -a s/ t; chmod 700 s/a s/d; touch -h -d 2001-01-01 s/l; touch -d 2001-01-01 s/p; chmod 711 s/p`);
      const steps: Step[] = [
        attributes('a', Item.Perms), attributes('l', Item.Time), attributes('p', Item.Time | Item.Perms), folder('d', Item.Perms),
      ];
      compare(['-ain', 's/', 't'], ITEMIZED, steps, archive((o) => { o.dryRun = true; }));
      compare(['-an', '--info=name', 's/', 't'], { outFormat: '%n%L', info: { ...VERBOSE.info!, FLIST: 0, STATS: 0 } }, steps);
      compare(['-an', '--info=name2', 's/', 't'], { outFormat: '%n%L', info: { ...VERY_VERBOSE.info!, FLIST: 0, STATS: 0 } },
        [...steps.slice(0, 3), same('d/e/f'), folder('d', Item.Perms)].sort(byRsync(['a', 'l', 'p', 'd/e/f', 'd'])));
    });

    it('given changed content, with and without -t and -c', () => {
      shell(dir.path, 'mkdir s; echo a > s/a; echo b > s/b; ln -s x s/l; rsync -a s/ t; echo aaa > s/a; ln -sfn yy s/l; touch -h -d 2001-01-01 s/a s/b s/l; touch -d 2001-01-01 s t');
      const { Transfer, Size, Time, TimeNow, Checksum, Local } = Item;
      compare(['-ain', 's/', 't'], ITEMIZED, [file('a', Transfer | Size | Time), file('b', Transfer | Time), symlink('l', Local | Checksum | Time)]);
      compare(['-rlin', 's/', 't'], ITEMIZED, [file('a', Transfer | Size | TimeNow), file('b', Transfer | TimeNow), symlink('l', Local | Checksum | TimeNow)]);
      compare(['-rlicn', 's/', 't'], ITEMIZED, [file('a', Transfer | Size | Checksum | TimeNow), symlink('l', Local | Checksum | TimeNow)]);
      compare(['-aiIn', 's/', 't'], ITEMIZED, [file('a', Transfer | Size | Time), file('b', Transfer | Time), symlink('l', Local | Checksum | Time)]);
    });

    it('given -I and equal files: dots stay behind ">"', () => {
      shell(dir.path, 'mkdir s; echo a > s/a; rsync -a s/ t');
      compare(['-aiI', 's/', 't'], ITEMIZED, [file('a', Item.Transfer)]);
    });

    it('given -U and another access time', () => {
      shell(dir.path, 'mkdir s; echo a > s/a; rsync -aU s/ t; touch -a -d 2001-01-01 s/a');
      compare(['-aiUn', 's/', 't'], ITEMIZED, [attributes('a', Item.Atime)]);
    });

    it('given extraneous entries: -i, -v and --info=del', () => {
      shell(dir.path, 'mkdir -p s t/x/y; echo a > s/a; cp -p s/a t/a; echo f > t/x/y/f; ln -s q t/z; touch -d 2001-01-01 s t');
      const gone: Step[] = [['x/y/f', OpKind.Delete], ['x/y', OpKind.Delete], ['x', OpKind.Delete], ['z', OpKind.Delete]];
      compare(['-ain', '--delete', 's/', 't'], ITEMIZED, gone);
      compare(['-an', '--delete', '--info=name,del', 's/', 't'], { outFormat: '%n%L', info: { ...VERBOSE.info!, FLIST: 0, STATS: 0 } }, gone);
      compare(['-an', '--delete', '--info=del', 's/', 't'], { info: { ...VERBOSE.info!, NAME: 0, FLIST: 0, STATS: 0 } }, gone);
      compare(['-an', '--delete', '--out-format=%n', 's/', 't'], { outFormat: '%n' }, gone);
      compare(['-an', '--delete', '--out-format=%o %n', 's/', 't'], { outFormat: '%o %n' }, gone);
      compare(['-an', '--delete', 's/', 't'], {}, gone);
    });

    it('given --link-dest and --copy-dest with equal and with nearly equal files', () => {
      shell(dir.path, 'mkdir s; echo a > s/a; echo b > s/b; rsync -a s/ u; chmod 600 u/b; mkdir t t2; touch -d 2001-01-01 s u t t2');
      const near: Step[] = [['a', OpKind.Link, { item: Item.HardLink, reason: Reason.AltDestSame, alt: 1, link: fromText('a') }], ['b', OpKind.File, { item: Item.Local | Item.Perms, alt: 1 }]];
      compare(['-ain', '--link-dest=../u', 's/', 't'], ITEMIZED, near);
      compare(['-aiin', '--link-dest=../u', 's/', 't'], { ...ITEMIZED, itemize: 2 }, [['', OpKind.Folder], ...near]);
      compare(['-an', '--link-dest=../u', '--info=name2', 's/', 't'], { outFormat: '%n%L', info: { ...VERY_VERBOSE.info!, FLIST: 0, STATS: 0 } }, near);
      const copied: Step[] = [['a', OpKind.File, { item: Item.Local, alt: 1 }], ['b', OpKind.File, { item: Item.Local | Item.Perms, alt: 1 }]];
      compare(['-ai', '--copy-dest=../u', 's/', 't2'], ITEMIZED, copied);
    });

    it('given entries left alone by options: -vv says why', () => {
      shell(dir.path, 'mkdir -p s/d t; echo a > s/a; echo bb > s/b; touch -d 2001-01-01 s/b; echo c > t/b; touch -d 2001-01-01 s t');
      const note = (path: string, reason: Reason): Step => [path, OpKind.Note, { reason }];
      const shown = { outFormat: '%n%L', info: { ...VERY_VERBOSE.info!, NAME: 1, FLIST: 0, STATS: 0 } };
      const level = '--info=name,skip,mount';
      compare(['-aun', level, '--existing', 's/', 't'], shown,
        [note('a', Reason.TargetMissing), note('b', Reason.TargetNewer), note('d', Reason.TargetMissing)]);
      compare(['-an', level, '--ignore-existing', '--exclude=d', '--exclude=a', 's/', 't'], shown, [note('b', Reason.TargetExists)]);
      compare(['-an', level, '--max-size=1', '--exclude=d', 's/', 't'], shown, [note('a', Reason.TooLarge), note('b', Reason.TooLarge)]);
      compare(['-an', level, '--min-size=9', '--exclude=d', 's/', 't'], shown, [note('a', Reason.TooSmall), note('b', Reason.TooSmall)]);
    });

    it('given entries of a type that was not asked for, or unsafe symlinks: says so', () => {
      shell(dir.path, 'mkdir s t; echo a > s/a; ln -s /x s/l; mkfifo s/p; touch -d 2001-01-01 s t');
      const skipped: Step[] = [['l', OpKind.Note, { reason: Reason.NotRegular }], ['p', OpKind.Note, { reason: Reason.NotRegular }], file('a')];
      const plain = archive((o) => { Object.assign(o.attributes, { links: false, devices: false, specials: false }); });
      compare(['-rn', 's/', 't'], {}, skipped, plain);
      compare(['-rin', 's/', 't'], ITEMIZED, skipped, plain);
      compare(['-rn', '--info=nonreg0', 's/', 't'], { info: { ...VERBOSE.info!, NONREG: 0, NAME: 0, FLIST: 0, STATS: 0 } }, skipped, plain);
      const unsafe: Step[] = [['l', OpKind.Note, { reason: Reason.UnsafeLink }]];
      compare(['-an', '--safe-links', '--info=symsafe,name', '--exclude=[ap]', 's/', 't'], { outFormat: '%n%L', info: { ...VERBOSE.info!, FLIST: 0, STATS: 0 } }, unsafe);
      compare(['-an', '--safe-links', '--exclude=[ap]', 's/', 't'], {}, unsafe);
    });

    it('given -vvb: the name of the backup follows', () => {
      shell(dir.path, 'mkdir s t; echo aaa > s/a; echo b > t/a; touch -d 2001-01-01 s t t/a');
      const options = archive((o) => { o.replace.backup = true; });
      const replaced: Step[] = [
        ['a', OpKind.File, { item: Item.Transfer | Item.Size | Item.Time, expected: { ...operation(OpKind.Note).expected, mode: S_IFREG | 0o644 } }],
      ];
      compare(['-ab', '--info=name,backup', 's/', 't'], { outFormat: '%n%L', info: { ...VERY_VERBOSE.info!, NAME: 1, FLIST: 0, STATS: 0 } }, replaced, options);
    });

    it('given attributes only root may set: owner, group, devices (needs root)', function () {
      if (!isRoot) this.skip(); // needs root
      shell(dir.path, 'mkdir s; echo a > s/a; mknod s/c c 1 3; mknod s/k b 7 9; rsync -a s/ t; chown 3:4 s/a s/k; rm s/c; mknod s/c c 1 5; touch -d 2001-01-01 s/c s t');
      compare(['-ain', 's/', 't'], ITEMIZED, [
        attributes('a', Item.Owner | Item.Group), node('c', Item.Local | Item.Checksum | Item.Time), attributes('k', Item.Owner | Item.Group),
      ]);
    });

    it('given extended attributes and ACLs (needs setfattr, setfacl and a file system that holds them)', function () {
      if (!hasCommand('setfattr') || !hasCommand('setfacl')) this.skip(); // the tools attr and acl are missing
      shell(dir.path, 'mkdir -p s/d; echo a > s/a; echo b > s/b; rsync -a s/ t');
      try {
        shell(dir.path, 'setfattr -n user.x -v 1 s/a; setfacl -m u:1:r s/b; setfattr -n user.x -v 1 s/d');
      } catch {
        this.skip(); // the file system of the temporary folder holds none
      }
      compare(['-ainAX', 's/', 't'], ITEMIZED, [attributes('a', Item.Xattr), attributes('b', Item.Acl), folder('d', Item.Xattr)]);
    });
  });
});

/** Orders steps as the given paths are ordered. */
function byRsync(order: string[]): (a: Step, b: Step) => number {
  return (a, b) => order.indexOf(a[0]) - order.indexOf(b[0]);
}
