/** --chmod: the language, and that it means what it means to rsync. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { applyChmod, parseChmod } from '../../src/plan/index.js';
import { TwintreeError } from '../../src/tree/index.js';
import { hasRsync, leftOpen, run, withFolder } from './peer.js';

const apply = (text: string, mode: number, isDir = false, umask = 0o022): string =>
  applyChmod(parseChmod(text), mode, isDir, umask).toString(8);

/** A clause that is valid by the grammar. */
const clause = fc.oneof(
  fc.tuple(fc.constantFrom('', 'D', 'F', 'DD'), fc.integer({ min: 0, max: 0o7777 })).map(([only, n]) => only + n.toString(8)),
  fc.tuple(
    fc.constantFrom('', '', 'D', 'F'), fc.array(fc.constantFrom('u', 'g', 'o', 'a'), { maxLength: 3 }), fc.constantFrom('+', '-', '='),
    fc.oneof(fc.array(fc.constantFrom('r', 'w', 'x', 'X', 's', 't'), { maxLength: 4 }).map((l) => l.join('')), fc.constantFrom('u', 'g', 'o')),
  ).map(([only, who, op, what]) => only + who.join('') + op + what),
);
const text = fc.array(clause, { minLength: 1, maxLength: 4 }).map((l) => l.join(','));
/** Text that may or may not be valid. */
const noise = fc.oneof(
  fc.array(fc.constantFrom('D', 'F', 'u', 'g', 'o', 'a', '+', '-', '=', 'r', 'w', 'x', 'X', 's', 't', ',', '0', '7', '8', ' '), { minLength: 1, maxLength: 5 }).map((l) => l.join('')),
  fc.tuple(text, fc.constantFrom('', ',', 'X', '-w', 'u', 'r', '8', '7')).map(([a, b]) => a + b),
);

describe('plan/chmod', () => {
  it('adds, removes and sets for the classes named', () => {
    assert.equal(apply('u+x', 0o640), '740');
    assert.equal(apply('go-r', 0o644), '600');
    assert.equal(apply('a=rX,u+w', 0o4640), '4644');
    assert.equal(apply('ug=rw,o=', 0o777), '660');
  });

  it('masks with the umask where no class is named', () => {
    assert.equal(apply('+w', 0o444, false, 0o022), '644');
    assert.equal(apply('a+w', 0o444, false, 0o022), '666');
    assert.equal(apply('=rwx', 0o000, false, 0o027), '750');
  });

  it('sets all twelve bits by an octal number', () => {
    assert.equal(apply('644', 0o7777), '644');
    assert.equal(apply('02775', 0o600), '2775');
  });

  it('restricts a clause to folders (D) or to all else (F)', () => {
    assert.equal(apply('D755,F640', 0o777, true), '755');
    assert.equal(apply('D755,F640', 0o777, false), '640');
  });

  it('gives X to folders and to what was executable before the first clause', () => {
    assert.equal(apply('a+X', 0o644, true), '755');
    assert.equal(apply('a+X', 0o744), '755');
    assert.equal(apply('u+x,go+X', 0o644), '744', 'the x of an earlier clause does not count');
    assert.equal(apply('a-x,a+X', 0o755), '755', 'and one that was taken away does');
  });

  it('copies a class, and then clears the set-id and sticky bits of the class copied to', () => {
    assert.equal(apply('g=u', 0o2640), '660');
    assert.equal(apply('o+g', 0o640), '644');
    assert.equal(apply('g-u', 0o660), '600');
  });

  it('means both set-id bits by a+s, and set-uid by s alone', () => {
    assert.equal(apply('a+s', 0o755), '6755');
    assert.equal(apply('+s', 0o755), '4755');
    assert.equal(apply('g+s', 0o755), '2755');
    assert.equal(apply('+t', 0o755), '1755');
    assert.equal(apply('+st', 0o755), '5755');
    assert.equal(apply('+ts', 0o755), '4755', 'without a class, s forgets the t before it, as in rsync');
    assert.equal(apply('u+ts', 0o755), '5755');
  });

  it('keeps the type bits of a mode', () => {
    assert.equal(apply('u=r', 0o100777), '100477');
  });

  it('refuses what is not in the language, naming it', () => {
    for (const bad of ['', ',', 'u+x,', 'X', 'u755', '17777', '8', 'DF+x', 'u+x-w', 'g=ou', 'g=rwu', 'u+r g+w']) {
      assert.throws(() => parseChmod(bad), (e) => e instanceof TwintreeError && e.code === 'USAGE' && e.message.includes(`--chmod=${bad}`), bad);
    }
  });

  describe('beside rsync (needs rsync 3.5)', function () {
    const folder = withFolder();
    before(function () { if (!hasRsync(3, 5)) this.skip(); });

    it('makes of every mode what rsync makes of it', function () {
      const modes = [0o000, 0o400, 0o600, 0o640, 0o644, 0o664, 0o755, 0o777, 0o711, 0o4755, 0o2750, 0o1644, 0o6711, 0o7777, 0o010, 0o654, 0o321];
      // A user cannot read what he has no right to; root copies all.
      const usable = process.getuid?.() === 0 ? modes : modes.filter((m) => (m & 0o400) !== 0);
      const source = join(folder.path, 's');
      mkdirSync(source);
      for (const mode of usable) {
        const name = mode.toString(8);
        writeFileSync(join(source, `f${name}`), '');
        chmodSync(join(source, `f${name}`), mode);
        if ((mode & 0o500) !== 0o500) continue;
        mkdirSync(join(source, `d${name}`));
        chmodSync(join(source, `d${name}`), mode);
      }
      let round = 0;
      fc.assert(fc.property(text, fc.constantFrom(0o022, 0o077, 0o002, 0o137), (changes, umask) => {
        const target = join(folder.path, `t${round++}`);
        // Only what is inside counts: the root may become unlistable.
        const done = run('rsync', ['-rp', `--chmod=${changes}`, `${source}/.`, `${target}/`], umask);
        assert.notEqual(done.status, 1, done.stderr);
        run('chmod', ['u+rwx', target]);
        const parsed = parseChmod(changes);
        for (const name of readdirSync(target)) {
          const mode = Number.parseInt(name.slice(1), 8);
          const real = statSync(join(target, name)).mode & 0o7777;
          const ours = applyChmod(parsed, mode, name.startsWith('d'), umask);
          if (name.startsWith('d') && leftOpen(ours)) continue;
          assert.equal(ours.toString(8), real.toString(8), `${name} by ${changes} with umask ${umask.toString(8)}`);
        }
      }), { numRuns: 60 });
    });

    it('refuses exactly the texts that rsync refuses', () => {
      mkdirSync(join(folder.path, 's'));
      fc.assert(fc.property(noise, (changes) => {
        const real = run('rsync', ['-rpn', `--chmod=${changes}`, `${folder.path}/s/`, `${folder.path}/t/`]);
        let ours = true;
        try { parseChmod(changes); } catch { ours = false; }
        assert.equal(ours, real.status === 0, `${changes}: ${real.stderr}`);
      }), { numRuns: 80 });
    });
  });
});
