/** The command line as rsync reads it: clusters, values, order, implications, conflicts. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseSync } from '../../src/cli/options/index.js';
import { fromBytes, fromText, type ByteString } from '../../src/tree/index.js';
import { bytes, context, explain, refusal, sync, verify } from './support.js';

const A = { links: true, perms: true, times: true, group: true, owner: true, devices: true, specials: true };

describe('reading arguments', () => {
  it('takes letters in clusters, the last one with its value attached, after = or as the next argument', () => {
    for (const given of [['-avzHAXT/tmp'], ['-avzHAXT=/tmp'], ['-avzHAXT', '/tmp'], ['-avzHAX', '--temp-dir', '/tmp'], ['-avzHAX', '--temp-dir=/tmp']]) {
      const { options, output, sources, target } = sync([...given, 'src', 'dst']);
      assert.equal(options.replace.tempDir, '/tmp');
      assert.deepEqual(pick(options.attributes, [...Object.keys(A), 'hardLinks', 'acls', 'xattrs']), { ...A, hardLinks: true, acls: true, xattrs: true });
      assert.equal(output.verbosity, 1);
      assert.deepEqual([sources, target], [['src'], 'dst']);
    }
  });

  it('takes options and names in any order, and only names after --', () => {
    const { sources, target, options } = sync(['src', '-r', 'two', '--', '-n', 'dst']);
    assert.deepEqual([sources, target], [['src', 'two', '-n'], 'dst']);
    assert.equal(options.walk.recursive, true);
    assert.equal(options.dryRun, false);
  });

  it('takes a lone dash as a name', () => {
    assert.deepEqual(sync(['-', 'dst']).sources, ['-']);
  });

  it('keeps bytes that are not UTF-8, in names and values', () => {
    const odd = fromBytes(Buffer.from([0x66, 0xff, 0xfe, 0x0a]));
    const parsed = parseSync(['--backup-dir' as ByteString, odd, `--exclude=${odd}` as ByteString, odd, odd], context());
    assert.equal(parsed.kind, 'run');
    if (parsed.kind !== 'run') return;
    assert.deepEqual([parsed.sources, parsed.target, parsed.options.replace.backupDir], [[odd], odd, odd]);
    assert.equal(parsed.options.filters[0]?.pattern, odd);
  });

  it('refuses what it does not know, by name', () => {
    for (const [args, named] of [[['--bogus'], '--bogus'], [['-aj9'], '-j (in -aj9)'], [['--suff=~'], '--suff'], [['--no-bogus'], '--no-bogus'], [['--no-exclude'], '--no-exclude']] as const) {
      const { code, exitCode, message } = refusal([...args, 'src', 'dst']);
      assert.deepEqual([code, exitCode], ['USAGE', 1]);
      assert.ok(message.includes(named), message);
    }
  });

  it('refuses a value where none is taken, and a missing one', () => {
    assert.match(refusal(['--recursive=yes', 'a', 'b']).message, /--recursive does not take a value/);
    assert.match(refusal(['--no-perms=1', 'a', 'b']).message, /does not take a value/);
    assert.match(refusal(['a', 'b', '--exclude']).message, /--exclude needs a value/);
    assert.match(refusal(['a', 'b', '-aT']).message, /-T needs a value/);
  });

  it('shows control characters of what it refuses escaped', () => {
    assert.ok(refusal(['--bo\u001b[31mgus', 'a', 'b']).message.includes('\\#033'));
  });

  it('takes an empty attached value as a value', () => {
    assert.equal(sync(['--suffix=', '--backup-dir=x', 'a', 'b']).options.replace.suffix, '');
  });

  it('never throws anything but its own errors, whatever the arguments', () => {
    const letters = '-avrnhzbP@fTBF=0/: xCd';
    const argument = fc.oneof(fc.string({ unit: fc.constantFrom(...letters), maxLength: 8 }), fc.constantFrom('--delete', '--files-from', '--no-r', '--max-size=3Q', '--usermap=:', '--stop-at=1', '--'));
    fc.assert(fc.property(fc.array(argument, { maxLength: 6 }), (args) => {
      try {
        parseSync(bytes(args), context());
      } catch (error) {
        assert.ok(error instanceof Error && ['CommandError', 'TwintreeError'].includes(error.name), String(error));
      }
    }), { numRuns: 2000 });
  });
});

describe('-h, --help, --version', () => {
  const kind = (args: string[]): string => parseSync(bytes(args), context()).kind;

  it('takes -h as help where it is the only argument, and as --human-readable otherwise', () => {
    assert.equal(kind(['-h']), 'help');
    assert.equal(kind(['-hh']), 'help');
    assert.equal(kind(['-avh']), 'help');
    assert.equal(kind(['--help', 'a', 'b']), 'help');
    assert.equal(sync(['-h', 'a', 'b']).output.human, 2);
    assert.equal(sync(['-hh', 'a', 'b']).output.human, 3);
    assert.equal(sync(['-hhhh', 'a', 'b']).output.human, 3);
    assert.equal(sync(['a', 'b']).output.human, 1);
    assert.equal(sync(['--no-h', 'a', 'b']).output.human, 0);
    assert.equal(sync(['--no-h', '-h', 'a', 'b']).output.human, 1);
  });

  it('tells the version and the flags', () => {
    assert.equal(kind(['--version']), 'version');
    assert.equal(kind(['-aV', 'a', 'b']), 'version');
    assert.equal(kind(['--info=help']), 'text');
    assert.equal(kind(['-a', '--debug=name,help'.replace('name', 'del')]), 'text');
  });
});

describe('sources and target', () => {
  it('lists where there is one name only', () => {
    const { sources, target, options, output } = sync(['src/']);
    assert.deepEqual([sources, target, output.listOnly, options.dryRun], [['src/'], undefined, true, true]);
    assert.equal(options.walk.dirs, true);
    assert.equal(sync(['--no-d', 'src/']).options.walk.dirs, false);
    assert.equal(sync(['--list-only', 'a', 'b', 'c']).output.listOnly, true);
  });

  it('refuses none, and empty ones (but takes an empty one as . with --old-args)', () => {
    assert.equal(refusal([]).code, 'USAGE');
    assert.equal(refusal(['-a']).code, 'USAGE');
    assert.match(refusal(['', 'b']).message, /source is an empty name/);
    assert.match(refusal(['a', '']).message, /target is an empty name/);
    assert.deepEqual(sync(['--old-args', '', 'b']).sources, ['.']);
  });

  it('knows which way the data goes, and the paths on their hosts', () => {
    const shown = (args: string[]): unknown[] => {
      const { direction, host, sources, target } = sync(args);
      return [direction, host?.kind, host?.host, sources, target];
    };
    assert.deepEqual(shown(['a', 'b']), ['local', undefined, undefined, ['a'], 'b']);
    assert.deepEqual(shown(['a', 'c', 'me@host:b']), ['push', 'ssh', 'host', ['a', 'c'], 'b']);
    assert.deepEqual(shown(['host:/a', 'b']), ['pull', 'ssh', 'host', ['/a'], 'b']);
    assert.deepEqual(shown(['host:a', ':c', 'host:d/', 'b']), ['pull', 'ssh', 'host', ['a', 'c', 'd/'], 'b']);
    assert.deepEqual(shown(['host:a']), ['pull', 'ssh', 'host', ['a'], undefined]);
    assert.deepEqual(shown(['ssh://me@host:2222/a', 'b']), ['pull', 'ssh', 'host', ['/a'], 'b']);
    assert.deepEqual(shown(['[::1]:a', 'b']), ['pull', 'ssh', '::1', ['a'], 'b']);
    assert.deepEqual(shown(['a', 'twintree://host/root/b']), ['push', 'daemon', 'host', ['a'], '/b']);
  });

  it('refuses what is on two hosts, and what only rsync could reach', () => {
    for (const args of [['host:a', 'other:b'], ['host:a', 'other:b', 'c'], ['host:a', 'b', 'c'], ['a', ':b'], [':a', 'b'], ['host:a', 'twintree://host/r', 'c']]) {
      assert.ok(['USAGE', 'UNSUPPORTED'].includes(refusal(args).code), args.join(' '));
    }
    for (const remote of ['host::module', 'rsync://host/module']) {
      assert.equal(refusal([remote, 'dst']).code, 'UNSUPPORTED', remote);
      assert.equal(refusal(['src', remote]).code, 'UNSUPPORTED', remote);
    }
  });

  it('--fake-super and --munge-links are about this side, -M about the other', () => {
    const both = (args: string[]): unknown[] => {
      const { attributes, symlinks } = sync(args).options;
      return [attributes.fakeSuper.source, attributes.fakeSuper.target, symlinks.unmungeLinks === true, symlinks.mungeLinks];
    };
    assert.deepEqual(both(['--fake-super', '--munge-links', 'a', 'b']), [true, true, true, false]);
    assert.deepEqual(both(['--fake-super', '--munge-links', 'a', 'h:b']), [true, false, true, false]);
    assert.deepEqual(both(['--fake-super', '--munge-links', 'h:a', 'b']), [false, true, false, true]);
    assert.deepEqual(both(['-M--fake-super', '-M--munge-links', 'a', 'h:b']), [false, true, false, true]);
    assert.deepEqual(both(['-M--fake-super', '-M--munge-links', 'h:a', 'b']), [true, false, true, false]);
    assert.deepEqual(both(['--fake-super', '-M--super', 'a', 'b']), [true, false, false, false]);
  });

  it('takes a colon after a slash as part of a local name', () => {
    assert.deepEqual(sync(['./a:b', '/c:d/e']).sources, ['./a:b']);
  });
});

describe('-a, -r, -d, -R and their negations', () => {
  it('-a is -rlptgoD', () => {
    const archive = sync(['-a', 'a', 'b']);
    assert.deepEqual(archive.options, sync(['-rlptgoD', 'a', 'b']).options);
    assert.deepEqual(pick(archive.options.attributes, Object.keys(A)), A);
  });

  it('the later option wins', () => {
    assert.equal(sync(['-a', '--no-r', 'a', 'b']).options.walk.recursive, false);
    assert.equal(sync(['--no-r', '-a', 'a', 'b']).options.walk.recursive, true);
    assert.equal(sync(['-a', '--no-o', 'a', 'b']).options.attributes.owner, false);
    assert.equal(sync(['--no-owner', '-a', 'a', 'b']).options.attributes.owner, true);
    assert.deepEqual(pick(sync(['-a', '--no-D', 'a', 'b']).options.attributes, ['devices', 'specials']), { devices: false, specials: false });
    assert.deepEqual(pick(sync(['-a', '--no-devices', 'a', 'b']).options.attributes, ['devices', 'specials']), { devices: false, specials: true });
    assert.equal(sync(['-vv', '--no-v', '-v', 'a', 'b']).output.verbosity, 1);
    assert.equal(sync(['-A', '--no-p', 'a', 'b']).options.attributes.perms, false);
    assert.equal(sync(['--no-p', '-A', 'a', 'b']).options.attributes.perms, true);
  });

  it('--files-from implies -R and -d wherever it stands, and -a does not recurse with it', () => {
    const files = context({ list: 'x\n' });
    for (const args of [['-a', '--files-from=list'], ['--files-from=list', '-a']]) {
      const { walk } = sync([...args, 'a', 'b'], files).options;
      assert.deepEqual([walk.recursive, walk.dirs, walk.relative], [false, true, true]);
    }
    assert.equal(sync(['-r', '--files-from=list', 'a', 'b'], files).options.walk.recursive, true);
    const undone = sync(['--no-R', '--no-d', '--files-from=list', 'a', 'b'], files).options.walk;
    assert.deepEqual([undone.relative, undone.dirs], [false, false]);
  });

  it('--old-dirs is -r without what is deeper', () => {
    const { walk, filters } = sync(['--old-d', 'a', 'b']).options;
    assert.equal(walk.recursive, true);
    assert.deepEqual(filters.map((rule) => rule.pattern), ['/*/*']);
  });

  it('-x, -X and -U count', () => {
    assert.equal(sync(['-x', 'a', 'b']).options.walk.oneFileSystem, 1);
    assert.equal(sync(['-xx', 'a', 'b']).options.walk.oneFileSystem, 2);
    assert.equal(sync(['-xx', '--no-x', 'a', 'b']).options.walk.oneFileSystem, 0);
    assert.equal(sync(['-U', 'a', 'b']).options.attributes.openNoatime, false);
    assert.equal(sync(['-UU', 'a', 'b']).options.attributes.openNoatime, true);
    assert.equal(sync(['-XX', 'a', 'b']).options.attributes.allXattrs, true);
    assert.match(refusal(['-XX', '--fake-super', 'a', 'b']).message, /conflicts with -XX/);
  });

  it('--drop-D takes devices out wherever it stands', () => {
    for (const args of [['--drop-D', '-a'], ['-a', '--drop-D']]) {
      assert.deepEqual(pick(sync([...args, 'a', 'b']).options.attributes, ['devices', 'specials']), { devices: false, specials: false });
    }
  });
});

describe('sides', () => {
  it('--fake-super is for both sides, -M--fake-super for the target, with -M--super for the source', () => {
    const sides = (...args: string[]): unknown => sync([...args, 'a', 'b']).options.attributes.fakeSuper;
    assert.deepEqual(sides('--fake-super'), { source: true, target: true });
    assert.deepEqual(sides('-M--fake-super'), { source: false, target: true });
    assert.deepEqual(sides('--fake-super', '-M', '--super'), { source: true, target: false });
    assert.deepEqual(sides(), { source: false, target: false });
  });

  it('--munge-links unmunges the source, -M--munge-links munges the target', () => {
    const own = sync(['--munge-links', 'a', 'b']).options.symlinks;
    assert.deepEqual([own.mungeLinks, own.unmungeLinks], [false, true]);
    const other = sync(['-M--munge-links', 'a', 'b']).options.symlinks;
    assert.deepEqual([other.mungeLinks, other.unmungeLinks], [true, undefined]);
  });

  it('refuses other options for the target alone', () => {
    assert.equal(refusal(['-M--log-file=x', 'a', 'b']).exitCode, 4);
    assert.equal(refusal(['-Mx', 'a', 'b']).exitCode, 1);
  });
});

describe('filters', () => {
  const texts = (args: string[], over = context()): string[] => sync(['-r', ...args, 'a', 'b'], over).options.filters.map((rule) => `${rule.include ? '+' : '-'} ${rule.text}`);

  it('keep the order of the command line, over all kinds of option', () => {
    const files = context({ ex: 'e1\n# c\n;c\n\n+ e2\n', in: 'i1\n' });
    const given = ['--include=1', '-f- 2', '--exclude', '3', '-F', '--exclude-from=ex', '--filter=+ 4', '--include-from', 'in', '-F'];
    const rules = sync([...given, 'a', 'b'], files).options.filters;
    assert.deepEqual(rules.map((rule) => rule.pattern), ['1', '2', '3', '/.rsync-filter', 'e1', 'e2', '4', 'i1', '.rsync-filter']);
    assert.deepEqual(rules.map((rule) => rule.include), [true, false, false, false, false, true, true, true, false]);
    assert.deepEqual(rules.map((rule) => rule.kind === 'dir-merge'), [false, false, false, true, false, false, false, false, false]);
  });

  it('tell where a rule was written', () => {
    const rules = sync(['--exclude=x', '--exclude-from=ex', 'a', 'b'], context({ ex: '\ny\n' })).options.filters;
    assert.deepEqual(rules.map((rule) => rule.origin), [{ source: '--exclude', line: 0 }, { source: 'file ex', line: 2 }]);
  });

  it('-0 acts on the files named after it, and on --files-from wherever it stands', () => {
    const files = context({ list: 'x\0y\0' });
    const patterns = (...args: string[]): string[] => sync([...args, 'a', 'b'], files).options.filters.map((rule) => rule.pattern);
    assert.deepEqual(patterns('-0', '--exclude-from=list'), ['x', 'y']);
    assert.notDeepEqual(patterns('--exclude-from=list', '-0'), ['x', 'y']);
    assert.deepEqual(sync(['--files-from=list', '-0', 'a', 'b'], files).options.filesFrom, ['x', 'y']);
  });

  it('-F a third time says nothing more', () => {
    assert.equal(texts(['-FFF']).length, 2);
  });

  it('-C comes after everything, with the home file and $CVSIGNORE', () => {
    const over = context({ '/home/me/.cvsignore': 'homely' }, { HOME: '/home/me', CVSIGNORE: 'listed' });
    const rules = texts(['-C', '--exclude=mine', '-b', '--delete'], over);
    assert.deepEqual(rules.slice(0, 3), ['- mine', '- P *~', '- :C']);
    assert.ok(rules.includes('- homely') && rules.includes('- listed') && rules.includes('- *.o'));
  });

  it('--filter=-C and :C stand where they are put', () => {
    const rules = texts(['-f-C', '--exclude=mine'], context({ '/h/.cvsignore': 'homely' }, { HOME: '/h' }));
    assert.equal(rules.at(-1), '- mine');
    assert.ok(rules.includes('- homely'));
  });

  it('-b with --delete protects the backups; a backup folder or --delete-excluded does not', () => {
    assert.deepEqual(texts(['-b', '--delete', '--suffix=.old']), ['- P *.old']);
    assert.deepEqual(texts(['-b']), []);
    assert.deepEqual(texts(['-b', '--delete', '--backup-dir=x']), []);
    assert.deepEqual(texts(['-b', '--delete', '--delete-excluded']), []);
  });

  it('a relative partial folder is left out, an absolute one is not below the target', () => {
    assert.deepEqual(texts(['--partial-dir=.part/']), ['- -p .part/']);
    assert.deepEqual(texts(['--partial-dir=/var/part']), []);
    assert.deepEqual(texts(['--delay-updates']), ['- -p .~tmp~/']);
  });

  it('a rule file that cannot be read stops the run (exit code 11), a mistake in a rule too', () => {
    assert.deepEqual(pick(refusal(['--exclude-from=nofile', 'a', 'b']), ['code', 'exitCode']), { code: 'IO', exitCode: 11 });
    assert.equal(refusal(['-f', 'nonsense', 'a', 'b']).code, 'FILTER_SYNTAX');
  });

  it('--files-from: comments and empty entries are no names; the file must exist; one source', () => {
    const files = context({ list: '#c\nx\r\n;d\n\n/y/\n' });
    assert.deepEqual(sync(['--files-from', 'list', 'a', 'b'], files).options.filesFrom, ['x', '/y/']);
    assert.deepEqual(sync(['--files-from=-', 'a', 'b'], context({ '-': 'x\n' })).options.filesFrom, ['x']);
    assert.deepEqual(pick(refusal(['--files-from=nofile', 'a', 'b']), ['code', 'exitCode']), { code: 'FILE_LIST', exitCode: 1 });
    assert.match(refusal(['--files-from=list', 'a', 'b', 'c'], files).message, /one source/);
    assert.match(refusal(['--files-from=host:list', 'a', 'b']).message, /is remote/);
  });
});

describe('comparing and changing attributes', () => {
  it('decides in the order contents, size, always', () => {
    const mode = (...args: string[]): string => sync([...args, 'a', 'b']).options.compare.mode;
    assert.deepEqual([mode(), mode('-c'), mode('-I'), mode('--size-only')], ['quick', 'checksum', 'ignore-times', 'size-only']);
    assert.deepEqual([mode('-I', '--size-only'), mode('-c', '-I', '--size-only'), mode('-c', '--no-c', '-I')], ['size-only', 'checksum', 'ignore-times']);
  });

  it('--modify-window: any negative number is whole nanoseconds', () => {
    const window = (...args: string[]): number => sync([...args, 'a', 'b']).options.compare.modifyWindow;
    assert.deepEqual([window(), window('-@2'), window('-@', '-1'), window('-@-5')], [0, 2, -1, -1]);
  });

  it('--checksum-choice=X,none and -c exclude each other; unknown algorithms are refused', () => {
    assert.match(refusal(['-c', '--cc=md5,none', 'a', 'b']).message, /says none/);
    assert.equal(refusal(['--cc=foo', 'a', 'b']).exitCode, 4);
    assert.equal(refusal(['--zc=foo', 'a', 'b']).exitCode, 4);
  });

  it('--chmod options are joined; what is none is refused', () => {
    assert.equal(sync(['--chmod=u+w', '--chmod', 'D755,Fg=u', 'a', 'b']).options.attributes.chmod, 'u+w,D755,Fg=u');
    for (const bad of ['bad', '', ',u+x', 'u+x,', 'u+rg', '99', '12345', 'DFu+x', 'u', 'u+x+r']) assert.match(refusal([`--chmod=${bad}`, 'a', 'b']).message, /not a list of permission changes/);
  });

  it('--usermap: names, ids, ranges, * and ids without a name', () => {
    assert.deepEqual(sync(['--usermap=al*:5,7-9:bob,:nobody,*:0', 'a', 'b']).options.attributes.userMap, [
      { match: { kind: 'name', pattern: 'al*' }, to: { kind: 'id', id: 5 } },
      { match: { kind: 'range', low: 7, high: 9 }, to: { kind: 'name', name: 'bob' } },
      { match: { kind: 'unnamed' }, to: { kind: 'name', name: 'nobody' } },
      { match: { kind: 'name', pattern: '*' }, to: { kind: 'id', id: 0 } },
    ]);
  });

  it('--chown is --usermap=*:USER --groupmap=*:GROUP', () => {
    const chown = sync(['--chown=root:5', 'a', 'b']).options;
    assert.deepEqual(chown, sync(['--usermap=*:root', '--groupmap=*:5', 'a', 'b']).options);
    assert.deepEqual(sync(['--chown=:5', 'a', 'b']).options.attributes.userMap, []);
  });

  it('each map is set once, by one option', () => {
    for (const args of [['--usermap=0:1', '--usermap=2:3'], ['--chown=a:b', '--usermap=*:c'], ['--usermap=0:1', '--chown=root'], ['--chown=a', '--chown=b'], ['--groupmap=0:1', '--chown=:g']]) {
      assert.equal(refusal([...args, 'a', 'b']).exitCode, 1, args.join(' '));
    }
    sync(['--groupmap=0:1', '--chown=root', 'a', 'b']);
    sync(['--usermap=0:1', '--chown=:root', 'a', 'b']);
    sync(['--chown=a', '--chown=:b', 'a', 'b']);
  });

  it('refuses maps that are none', () => {
    for (const bad of ['foo', '', '0:', '1-x:0', '0:0,,1:1', '4294967295:0']) assert.equal(refusal([`--usermap=${bad}`, 'a', 'b']).code, 'USAGE', bad);
  });
});

describe('deleting', () => {
  it('--delete is at the end; --delete-WHEN says when and implies it', () => {
    const when = (...args: string[]): string | undefined => sync(['-r', ...args, 'a', 'b']).options.delete.when;
    assert.deepEqual([when(), when('--delete'), when('--delete-excluded')], [undefined, 'after', 'after']);
    assert.deepEqual([when('--del'), when('--delete-before'), when('--delete-delay'), when('--delete-after', '--delete')], ['during', 'before', 'delay', 'after']);
    assert.equal(when('--del', '--delete-delay'), 'delay');
    assert.match(refusal(['-r', '--delete-before', '--delete-after', 'a', 'b']).message, /only one of/);
    assert.match(refusal(['-r', '--delete-delay', '--delete-before', 'a', 'b']).message, /only one of/);
  });

  it('needs -r or -d', () => {
    assert.match(refusal(['--delete', 'a', 'b']).message, /without --recursive/);
    assert.match(refusal(['-a', '--no-r', '--delete', 'a', 'b']).message, /without --recursive/);
    sync(['-d', '--delete', 'a', 'b']);
    sync(['--delete', '--files-from=list', 'a', 'b'], context({ list: 'x\n' }));
  });

  it('limits: --max-delete (negative is none at all), --delete-limit as a count or a share', () => {
    const del = (...args: string[]): ReturnType<typeof sync>['options']['delete'] => sync(['-r', ...args, 'a', 'b']).options.delete;
    assert.deepEqual([del('--max-delete=0x10').maxDelete, del('--max-delete=-5').maxDelete, del().maxDelete], [16, 0, undefined]);
    assert.deepEqual(del('--delete-limit=12').limit, { count: 12 });
    assert.deepEqual(del('--delete-limit=2.5%').limit, { percent: 2.5 });
    for (const bad of ['-1', '101%', 'x', '5 %', '']) assert.equal(refusal([`--delete-limit=${bad}`, 'a', 'b']).code, 'USAGE', bad);
  });

  it('missing sources: an error, ignored, or deleted on the target, whatever the order', () => {
    const missing = (...args: string[]): string => sync([...args, 'a', 'b']).options.delete.missingArgs;
    assert.deepEqual([missing(), missing('--ignore-missing-args'), missing('--delete-missing-args', '--ignore-missing-args')], ['error', 'ignore', 'delete']);
  });
});

describe('replacing', () => {
  const replace = (...args: string[]): ReturnType<typeof sync>['options']['replace'] => sync([...args, 'a', 'b']).options.replace;

  it('backups: suffix ~, none in a backup folder, never a slash, never both nothing', () => {
    assert.equal(replace('-b').suffix, '~');
    assert.deepEqual(pick(replace('--no-backup', '--backup-dir=./old'), ['backup', 'backupDir', 'suffix']), { backup: true, backupDir: 'old', suffix: '' });
    assert.match(refusal(['--suffix=a/b', 'a', 'b']).message, /slash/);
    assert.match(refusal(['--suffix=', 'a', 'b']).message, /cannot be empty without/);
    assert.match(refusal(['--backup-dir=.', 'a', 'b']).message, /target itself/);
  });

  it('-b beside the files leaves folder times out, with a backup folder it does not', () => {
    assert.equal(sync(['-ab', 'a', 'b']).options.attributes.omitDirTimes, true);
    assert.equal(sync(['-ab', '--backup-dir=x', 'a', 'b']).options.attributes.omitDirTimes, false);
  });

  it('--append and --write-devices imply --inplace, which implies --partial', () => {
    assert.deepEqual(pick(replace('--append'), ['append', 'inplace', 'partial']), { append: 'append', inplace: true, partial: true });
    assert.deepEqual(pick(replace('--append-verify'), ['append', 'inplace']), { append: 'verify', inplace: true });
    assert.equal(replace('--write-devices').inplace, true);
    assert.equal(replace('--append', '--no-append', '-W').inplace, false);
  });

  it('what excludes each other is refused', () => {
    for (const args of [
      ['--inplace', '--partial-dir=x'], ['--inplace', '--partial-dir='], ['--inplace', '--delay-updates'], ['--append', '--whole-file'], ['--append', '--partial-dir=x'],
      ['--append', '--delay-updates'], ['--write-devices', '--partial-dir=x'], ['--link-dest=a', '--copy-dest=b'], ['-s', '--old-args'],
    ]) assert.deepEqual(pick(refusal([...args, 'a', 'b']), ['code', 'exitCode']), { code: 'USAGE', exitCode: 1 }, args.join(' '));
  });

  it('--partial-dir implies --partial; the variable only names the folder', () => {
    assert.deepEqual(pick(replace('--partial-dir=p/'), ['partial', 'partialDir']), { partial: true, partialDir: 'p' });
    assert.equal(replace('--partial-dir=.').partialDir, undefined);
    const over = context({}, { RSYNC_PARTIAL_DIR: '.part' });
    assert.equal(sync(['-P', 'a', 'b'], over).options.replace.partialDir, '.part');
    assert.equal(sync(['a', 'b'], over).options.replace.partial, false);
  });

  it('alternate folders keep their order, twenty at most', () => {
    assert.deepEqual(replace('--link-dest=x', '--link-dest', '../y').altDest, { kind: 'link', dirs: ['x', '../y'] });
    assert.match(refusal([...Array.from({ length: 21 }, (_, i) => `--link-dest=${i}`), 'a', 'b']).message, /20 times/);
  });

  it('-W is undecided unless said', () => {
    assert.deepEqual([replace().wholeFile, replace('-W').wholeFile, replace('--no-W').wholeFile], [undefined, true, false]);
  });
});

describe('output', () => {
  const output = (...args: string[]): ReturnType<typeof sync>['output'] => sync([...args, 'a', 'b']).output;

  it('-v raises levels; what is asked by name wins', () => {
    assert.equal(output().info.NONREG, 1);
    assert.deepEqual(pick(output('-v').info, ['NAME', 'STATS', 'FLIST', 'SKIP']), { NAME: 1, STATS: 1, FLIST: 1, SKIP: 0 });
    assert.deepEqual(pick(output('-vv').info, ['NAME', 'MISC', 'SKIP']), { NAME: 2, MISC: 2, SKIP: 1 });
    assert.equal(output('--info=name0', '-vv').info.NAME, 0);
    assert.deepEqual(pick(output('-v', '--info=none').info, ['NAME', 'NONREG']), { NAME: 0, NONREG: 0 });
    assert.deepEqual(pick(output('--info=all2,Del0').info, ['NAME', 'DEL']), { NAME: 2, DEL: 0 });
    assert.equal(output('-vv').debug.FILTER, 1);
    assert.equal(output('-vvv', '--debug=none,filter3').debug.FILTER, 3);
    assert.equal(output('-vvv', '--debug=none').debug.DEL, 0);
    for (const bad of ['--info=foo', '--info=nam', '--info=name0x', '--debug=zz']) assert.match(refusal([bad, 'a', 'b']).message, /does not know the flag/);
    output('--info=', '--info=name,,del');
  });

  it('the line of an update: as given, else with -i, else where names are shown', () => {
    assert.deepEqual([output().outFormat, output('-v').outFormat, output('--info=name').outFormat, output('-i').outFormat], [undefined, '%n%L', '%n%L', '%i %n%L']);
    assert.equal(output('-i', '--out-format=%n').outFormat, '%n');
    assert.equal(output('--out-format=').outFormat, '');
    assert.equal(output('-v', '--info=name0').outFormat, undefined);
    assert.equal(output('-ii').itemize, 2);
    assert.equal(output('-ii', '--no-i').outFormat, undefined);
  });

  it('--progress shows names unless a format does, --info=progress2 does not', () => {
    assert.deepEqual([output('--progress').progress, output('--progress').info.NAME, output('--progress').outFormat], ['files', 1, '%n%L']);
    assert.equal(output('--progress', '-i').info.NAME, 0);
    assert.deepEqual([output('--info=progress2').progress, output('--info=progress2').info.NAME], ['total', 0]);
    assert.equal(output('-P', '--info=progress2').progress, 'total');
    assert.equal(output('-P', '--no-progress').progress, 'none');
    assert.equal(output('--progress', '--info=progress0').progress, 'none');
    assert.equal(sync(['-P', 'a', 'b']).options.replace.partial, true);
  });

  it('--stats is level 2, with -vv level 3', () => {
    assert.deepEqual([output('--stats').info.STATS, output('-vv', '--stats').info.STATS, output('-v').info.STATS], [2, 3, 1]);
    assert.deepEqual([output('--stats').stats, output('--info=stats2').stats, output('-v').stats], [true, true, false]);
  });

  it('--stderr and --outbuf take what rsync takes', () => {
    assert.deepEqual([output('--stderr=a').stderr, output('--stderr=errors').stderr, output('--stderr=c').stderr, output('--msgs2stderr').stderr], ['all', 'errors', 'errors', 'all']);
    assert.deepEqual([output('--outbuf=n').outbuf, output('--outbuf=Line').outbuf, output('--outbuf=B').outbuf], ['none', 'line', 'block']);
    assert.equal(refusal(['--stderr=alx', 'a', 'b']).code, 'USAGE');
    assert.equal(refusal(['--outbuf=X', 'a', 'b']).code, 'USAGE');
    assert.deepEqual([output('--outbuf=X', '--outbuf=L').outbuf, refusal(['--outbuf=L', '--outbuf=X', 'a', 'b']).code], ['line', 'USAGE'], 'the last one counts');
  });
});

describe('verify and explain', () => {
  it('verify compares what -a keeps, by content, and extra names', () => {
    const { options } = verify(['a', 'b']);
    assert.deepEqual([options.compare.mode, options.dryRun, options.delete.when, options.walk.recursive], ['checksum', true, 'after', true]);
    assert.deepEqual(pick(options.attributes, Object.keys(A)), A);
    assert.equal(verify(['--no-c', 'a', 'b']).options.compare.mode, 'quick');
    assert.equal(verify(['--size-only', 'a', 'b']).options.compare.mode, 'size-only');
    assert.equal(verify(['--no-o', 'a', 'b']).options.attributes.owner, false);
    assert.equal(verify(['-X', '--json', 'a', 'b']).output.json, true);
    assert.equal(verify(['--no-r', 'a', 'b']).options.delete.when, undefined);
  });

  it('verify and explain refuse what is not theirs, and too few names', () => {
    assert.throws(() => verify(['--delete', 'a', 'b']), /verify does not take --delete/);
    assert.throws(() => verify(['a']), /too few arguments/);
    assert.throws(() => explain(['-a', 'a', 'b']), /explain does not take -a/);
    assert.throws(() => explain(['a']), /too few arguments/);
  });

  it('explain takes the filter options, a source and paths', () => {
    const parsed = explain(['--exclude=x', 'src/', 'p', 'q']);
    assert.deepEqual([parsed.source, parsed.paths, parsed.options.filters.length], ['src/', ['p', 'q'], 1]);
  });
});

describe('our own options', () => {
  it('are set', () => {
    const { options, output } = sync(['--guard-root', '--reserve=1.5G', '--gitignore', '--json', '--threads=3', '--no-lock', '--no-detect-moves', '--bwlimit=1.5m', fromText('a'), 'b']);
    assert.deepEqual(options.guard, { root: true, reserveBytes: 1.5 * 1024 ** 3 });
    assert.deepEqual([options.walk.gitignore, output.json, options.threads, options.lock, options.delete.detectMoves, options.bwlimit], [true, true, 3, false, false, 1536 * 1024]);
    for (const bad of ['0', '257', 'x', '-1']) assert.equal(refusal([`--threads=${bad}`, 'a', 'b']).code, 'USAGE');
  });
});

function pick<T extends object>(from: T, keys: readonly string[]): Partial<T> {
  return Object.fromEntries(keys.map((key) => [key, (from as Record<string, unknown>)[key]])) as Partial<T>;
}
