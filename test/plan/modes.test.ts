/** Permissions on the target: by rules, and as rsync leaves them. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { desiredPerms, parseChmod, type ModeRules } from '../../src/plan/index.js';
import { S_IFDIR, S_IFREG } from '../../src/tree/index.js';
import { hasRsync, leftOpen, run, withFolder } from './peer.js';

const rules = (part: Partial<ModeRules> = {}): ModeRules => ({ perms: false, executability: false, umask: 0o022, ...part });
const file = (mode: number): number => S_IFREG | mode;
const octal = (mode: number): string => mode.toString(8);

describe('plan/modes', () => {
  it('with --perms takes the source\'s twelve bits, whatever the target has', () => {
    assert.equal(octal(desiredPerms(file(0o4755), -1, false, rules({ perms: true, umask: 0o077 }))), '4755');
    assert.equal(octal(desiredPerms(file(0o640), file(0o777), false, rules({ perms: true }))), '640');
  });

  it('without --perms gives a new entry the source\'s bits less the umask, and no set-id or sticky', () => {
    assert.equal(octal(desiredPerms(file(0o6777), -1, false, rules({ umask: 0o027 }))), '750');
  });

  it('without --perms leaves what exists as it is', () => {
    assert.equal(octal(desiredPerms(file(0o755), file(0o4711), false, rules())), '4711');
  });

  it('with --executability moves only execute bits, for those who can read', () => {
    const e = rules({ executability: true });
    assert.equal(octal(desiredPerms(file(0o700), file(0o640), false, e)), '750');
    assert.equal(octal(desiredPerms(file(0o700), file(0o744), false, e)), '744');
    assert.equal(octal(desiredPerms(file(0o600), file(0o755), false, e)), '644');
    assert.equal(octal(desiredPerms(S_IFDIR | 0o600, S_IFDIR | 0o755, true, e)), '755', 'folders are left alone');
  });

  it('applies --chmod to the source\'s mode, so that without --perms it shows on new entries only', () => {
    const chmod = parseChmod('u=rwx,go=r');
    assert.equal(octal(desiredPerms(file(0o600), -1, false, rules({ chmod }))), '744');
    assert.equal(octal(desiredPerms(file(0o600), file(0o600), false, rules({ chmod }))), '600');
    assert.equal(octal(desiredPerms(file(0o600), file(0o640), false, rules({ chmod, executability: true }))), '750');
  });

  it('takes a default ACL of the target folder in place of the umask', () => {
    assert.equal(octal(desiredPerms(file(0o666), -1, false, rules({ umask: 0o077, dirDefault: 0o664 }))), '664');
  });

  it('keeps the set-gid bit that a new folder inherits, unless --perms says otherwise', () => {
    const inherit = { parentSetgid: true };
    assert.equal(octal(desiredPerms(S_IFDIR | 0o755, -1, true, rules(inherit))), '2755');
    assert.equal(octal(desiredPerms(file(0o755), -1, false, rules(inherit))), '755');
    assert.equal(octal(desiredPerms(S_IFDIR | 0o755, -1, true, rules({ ...inherit, perms: true }))), '755');
  });

  describe('beside rsync (needs rsync 3.5)', function () {
    const folder = withFolder();
    before(function () { if (!hasRsync(3, 5)) this.skip(); });

    const root = process.getuid?.() === 0;
    const modes = [0o400, 0o444, 0o600, 0o644, 0o660, 0o711, 0o755, 0o777, 0o4755, 0o2755, 0o1777, 0o6750, ...(root ? [0, 0o070, 0o007] : [])];

    const variants: { title: string; args: string[]; umask: number; part: Partial<ModeRules>; setgid?: boolean }[] = [
      { title: 'plain -r', args: [], umask: 0o022, part: {} },
      { title: 'with --perms', args: ['-p'], umask: 0o077, part: { perms: true } },
      { title: 'with --executability', args: ['-E'], umask: 0o027, part: { executability: true } },
      { title: 'with --chmod', args: ['--chmod=ug+x,o='], umask: 0o002, part: { chmod: parseChmod('ug+x,o=') } },
      { title: 'with --chmod and --executability', args: ['-E', '--chmod=a-x,Fu+x'], umask: 0o002, part: { executability: true, chmod: parseChmod('a-x,Fu+x') } },
      { title: 'with --chmod and --perms', args: ['-p', '--chmod=D2750,g=u'], umask: 0o022, part: { perms: true, chmod: parseChmod('D2750,g=u') } },
      { title: 'in a set-gid folder', args: [], umask: 0o022, part: { parentSetgid: true }, setgid: true },
      { title: 'in a set-gid folder with --perms', args: ['-p'], umask: 0o022, part: { parentSetgid: true, perms: true }, setgid: true },
    ];
    for (const variant of variants) {
      it(variant.title, () => {
        const source = join(folder.path, 's');
        const target = join(folder.path, 't');
        mkdirSync(source);
        mkdirSync(target);
        if (variant.setgid === true) chmodSync(target, 0o2755);
        const make = (path: string, mode: number, content: string): void => {
          writeFileSync(path, content);
          utimesSync(path, 1000, 1000);
          chmodSync(path, mode);
        };
        for (const mode of modes) {
          make(join(source, `n-${octal(mode)}`), mode, 'same');
          if ((mode & 0o500) === 0o500) {
            mkdirSync(join(source, `d-${octal(mode)}`));
            chmodSync(join(source, `d-${octal(mode)}`), mode);
          }
          for (const was of modes) {
            if (!root && (was & 0o600) !== 0o600) continue;
            const name = `e-${octal(mode)}-${octal(was)}`;
            make(join(source, name), mode, 'same');
            // Every other one is transferred, the rest only gets its attributes.
            make(join(target, name), was, was % 3 === 0 ? 'same' : 'other content');
          }
        }
        const done = run('rsync', ['-rt', ...variant.args, `${source}/.`, `${target}/`], variant.umask);
        assert.equal(done.status, 0, done.stderr);
        run('chmod', ['u+rwx', target]);
        let seen = 0;
        for (const name of readdirSync(target)) {
          const [kind, from = '', was] = name.split('-');
          const isDir = kind === 'd';
          const type = isDir ? S_IFDIR : S_IFREG;
          const ours = desiredPerms(type | Number.parseInt(from, 8), was === undefined ? -1 : type | Number.parseInt(was, 8), isDir, rules({ umask: variant.umask, ...variant.part }));
          if (isDir && leftOpen(ours)) continue;
          assert.equal(octal(ours), octal(statSync(join(target, name)).mode & 0o7777), name);
          seen++;
        }
        assert.ok(seen > modes.length * 2);
      });
    }
  });
});
