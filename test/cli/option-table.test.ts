/** Every option of rsync works, or is accepted with a reason, or is refused by name. None is swallowed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { TABLE, findLong, findShort, optionsOf, type OptionSpec } from '../../src/cli/options/index.js';
import { optionsDocument } from '../../src/cli/options/document.js';
import { negatedNames, spelled } from '../../src/cli/options/spec.js';
import { EXIT, EXIT_TEXT } from '../../src/cli/exit-codes.js';
import { context, refusal, sync } from './support.js';

/** The options that rsync 3.5.0 lists, as `long/short`; `=` marks those with a value. */
const RSYNC = `verbose/v info= debug= stderr= quiet/q no-motd checksum/c archive/a recursive/r inc-recursive i-r no-inc-recursive no-i-r relative/R
no-implied-dirs backup/b backup-dir= suffix= update/u inplace append append-verify dirs/d old-dirs old-d mkpath links/l copy-links/L
copy-unsafe-links safe-links insecure-links confine-root= munge-links copy-dirlinks/k keep-dirlinks/K hard-links/H perms/p executability/E chmod=
acls/A xattrs/X owner/o group/g devices copy-devices write-devices specials drop-D /D times/t atimes/U open-noatime crtimes/N
omit-dir-times/O omit-link-times/J super fake-super sparse/S preallocate dry-run/n whole-file/W no-whole-file no-W checksum-choice= cc=
one-file-system/x block-size/B= rsh/e= rsync-path= existing ignore-non-existing ignore-existing remove-source-files del delete delete-before
delete-during delete-delay delete-after delete-excluded ignore-missing-args delete-missing-args ignore-errors force max-delete= max-size=
min-size= max-alloc= partial partial-dir= delay-updates prune-empty-dirs/m numeric-ids usermap= groupmap= chown= timeout= contimeout=
ignore-times/I size-only modify-window/@= temp-dir/T= fuzzy/y compare-dest= copy-dest= link-dest= compress/z compress-choice= zc=
compress-level= zl= compress-threads= zt= skip-compress= cvs-exclude/C filter/f= /F exclude= exclude-from= include= include-from= files-from=
from0/0 old-args secluded-args/s trust-sender copy-as= address= port= sockopts= blocking-io outbuf= stats 8-bit-output/8 human-readable/h
progress /P itemize-changes/i remote-option/M= out-format= log-file= log-file-format= password-file= early-input= list-only bwlimit=
stop-after= stop-at= fsync write-batch= only-write-batch= read-batch= protocol= iconv= checksum-seed= ipv4/4 ipv6/6 version/V help
msgs2stderr no-msgs2stderr protect-args time-limit= log-format= old-compress new-compress qsort daemon config= dparam= no-detach server sender`
  .split(/\s+/).map((word) => {
    const [long = '', short = ''] = word.replace('=', '').split('/');
    return { long, short, valued: word.endsWith('=') };
  });

/** A valid value for options whose value is checked, and what must stand before the option so that it can show. */
const VALUES: Record<string, string> = {
  info: 'progress2', debug: 'filter', stderr: 'all', chmod: 'u+w', 'max-delete': '3', 'max-size': '1K', 'min-size': '1K', 'max-alloc': '2M', usermap: '0:1',
  groupmap: '0:1', chown: 'root:root', timeout: '3', 'modify-window': '2', 'compress-choice': 'zstd', zc: 'lz4', 'compress-level': '3', zl: '3',
  'compress-threads': '2', zt: '2', 'checksum-choice': 'md5', cc: 'xxh64', 'checksum-seed': '7', 'block-size': '2K', 'exclude-from': 'list',
  'include-from': 'list', 'files-from': 'list', outbuf: 'L', bwlimit: '10', 'stop-after': '5', 'stop-at': '23:59', 'time-limit': '5', iconv: '-',
  filter: '- x', 'remote-option': '--fake-super', threads: '2', 'delete-limit': '10%', reserve: '1G', port: '22', contimeout: '7', retries: '9', fingerprint: 'ab'.repeat(32), 'backup-keep': '30d', 'backup-max': '5G', throttle: 'auto',
};
const BEFORE: Record<string, string[]> = {
  'drop-D': ['-D'], from0: ['-r', '--files-from=list'], delete: ['-r'], 'delete-before': ['-r'], 'delete-during': ['-r'], 'delete-delay': ['-r'],
  'backup-keep': ['--backup-dir=bak'], 'backup-max': ['--backup-dir=bak'],
  'delete-after': ['-r'], 'delete-excluded': ['-r'], gitignore: ['-r'], 'clone-dir': ['--state'],
};
/** The arguments behind an option that takes others than a source and a target. */
const OPERANDS: Record<string, string[]> = { 'read-batch': ['dst'], 'clone-dir': ['src', 'host:dst'] };
const FILES = { list: 'one\ntwo\n' };

function givenArguments(spec: OptionSpec, spelling = spelled(spec)): string[] {
  if (spec.argument === undefined) return [spelling];
  const value = VALUES[spec.name] ?? 'value';
  return spelling.startsWith('--') ? [`${spelling}=${value}`] : [`${spelling}${value}`];
}

describe('the option table', () => {
  it('knows every option of rsync, with and without a value as rsync has it', () => {
    for (const { long, short, valued } of RSYNC) {
      const byLong = long === '' ? undefined : findLong(long);
      const byShort = short === '' ? undefined : findShort(short);
      if (long !== '') assert.ok(byLong, `--${long} is not known`);
      if (short !== '') assert.ok(byShort, `-${short} is not known`);
      if (byLong !== undefined && byShort !== undefined) assert.equal(byLong.spec, byShort, `--${long} and -${short} differ`);
      const spec = byLong?.spec ?? byShort;
      if (byLong?.negated !== true) assert.equal(spec?.argument !== undefined, valued, `--${long} -${short}: value`);
    }
  });

  it('knows every option that the installed rsync lists (skipped where there is no rsync)', function () {
    const help = spawnSync('rsync', ['--help'], { encoding: 'latin1' });
    if (help.error !== undefined || help.status !== 0) return this.skip();
    const lines = help.stdout.split('\n').filter((line) => /^-[-\w@]/.test(line));
    assert.ok(lines.length > 140, 'the help of rsync could not be read');
    for (const line of lines) {
      for (const spelling of line.split(/\s{2,}|\s\(/, 1)[0]?.split(', ') ?? []) {
        const name = spelling.replace(/=.*/, '');
        if (name === '--no-OPTION') continue;
        if (name === '-h') continue; // help on its own, human-readable otherwise
        const known = name.startsWith('--') ? findLong(name.slice(2)) : findShort(name.slice(1));
        assert.ok(known, `${name} is not known`);
      }
    }
  });

  it('has no spelling twice', () => {
    const seen = new Map<string, string>();
    for (const spec of TABLE) {
      const own = [spelled(spec), ...(spec.short === undefined ? [] : [`-${spec.short}`]), ...(spec.aliases ?? []).map((name) => `--${name}`), ...negatedNames(spec).map((name) => `--${name}`)];
      for (const spelling of own) {
        assert.equal(seen.get(spelling), undefined, `${spelling} stands for ${seen.get(spelling)} and ${spec.name}`);
        seen.set(spelling, spec.name);
      }
    }
  });

  for (const spec of optionsOf('sync')) {
    const given = givenArguments(spec);
    if (spec.name === 'help' || spec.name === 'version') continue;
    const before = BEFORE[spec.name] ?? [];
    switch (spec.standing) {
      case 'works':
        it(`${given.join(' ')} works: it changes what is done or shown`, () => {
          const without = sync([...before, 'src', 'dst'], context(FILES));
          const withIt = sync([...before, ...given, ...(spec.shownNegated === true ? [`--no-${spec.name}`] : []), ...(OPERANDS[spec.name] ?? ['src', 'dst'])], context(FILES));
          assert.notDeepEqual(withIt, without);
        });
        break;
      case 'holds':
        it(`${given.join(' ')} is accepted: it changes nothing, and the documents say why`, () => {
          const without = sync(['-r', 'src', 'dst'], context(FILES));
          const withIt = sync(['-r', ...given, 'src', 'dst'], context(FILES));
          assert.deepEqual(withIt, without);
          assert.ok((spec.note ?? '').length > 5);
          assert.ok(optionsDocument().includes(spec.note as string));
        });
        break;
      case 'refused':
        it(`${given.join(' ')} is refused by name, with what to do instead`, () => {
          const { code, exitCode, message, advice } = refusal([...given, 'src', 'dst']);
          assert.equal(code, 'UNSUPPORTED');
          assert.ok(exitCode === EXIT.usage || exitCode === EXIT.unsupported);
          assert.ok(message.includes(spec.name), message);
          assert.ok((advice ?? '').length > 10);
        });
        break;
    }
    for (const name of negatedNames(spec)) {
      if (name === 'no-super' || name === 'no-insecure-links') continue; // refused, below
      it(`--${name} undoes it`, () => {
        if (spec.standing === 'refused') sync([`--${name}`, 'src', 'dst']);
        else {
          const undone = sync([...before, ...given, `--${name}`, 'src', 'dst'], context(FILES));
          const plain = sync([...before, ...(spec.shownNegated === true || TOGGLES.has(spec.name) ? [`--${name}`] : []), 'src', 'dst'], context(FILES));
          assert.deepEqual(undone.options, withoutLeftovers(spec, plain).options);
          assert.deepEqual([undone.output, undone.connection], [plain.output, plain.connection]);
        }
      });
    }
  }

  it('refuses the negations that would take away what always holds', () => {
    for (const name of ['--no-super', '--no-insecure-links']) {
      const { code, advice } = refusal([name, 'src', 'dst']);
      assert.equal(code, 'UNSUPPORTED');
      assert.ok(advice);
    }
  });
});

/** Options whose negation says something of its own: it is compared with the negation alone. */
const TOGGLES = new Set(['compress', 'bootstrap', 'whole-file', 'human-readable', 'relative', 'recursive', 'dirs', 'links', 'perms']);

/** -A leaves the permissions on that it implied, as in rsync. */
function withoutLeftovers(spec: OptionSpec, plain: ReturnType<typeof sync>): ReturnType<typeof sync> {
  if (spec.name === 'acls') plain.options.attributes.perms = true;
  return plain;
}

describe('the documents', () => {
  const docs = new URL('../../../docs/', import.meta.url);

  it('docs/options.md is what the table says (else: npm run build && node scripts/make-options-doc.js)', () => {
    assert.equal(readFileSync(new URL('options.md', docs), 'utf8'), optionsDocument());
  });

  it('docs/exit-codes.md lists exactly the exit codes there are', () => {
    const listed = [...readFileSync(new URL('exit-codes.md', docs), 'utf8').matchAll(/^\| (\d+) \|/gm)].map((match) => Number(match[1]));
    assert.deepEqual(listed, Object.values(EXIT));
    assert.deepEqual(Object.keys(EXIT_TEXT).map(Number), Object.values(EXIT));
  });
});
