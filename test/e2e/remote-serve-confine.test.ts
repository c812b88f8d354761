/**
 * A serving side that is bound to a folder, against a peer who wants out of it. Each test asks for something outside by another way, and
 * looks at what was outside. All of them fail where the bound is taken away.
 */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { runRemote } from '../../src/session/remote/index.js';
import { parseSync, type ParsedRun } from '../../src/cli/options/index.js';
import { fromText, type ByteString } from '../../src/tree/index.js';
import type { SessionOptions } from '../../src/plan/index.js';
import { changeHead } from '../session/recorded-support.js';
import { twintree, useTempFolder, type RunResult } from '../support/index.js';
import { forcedShell, syncOver } from './remote-serve-support.js';

const SECRET = 'the-secret-outside';

describe('a serving side bound to a folder', () => {
  const tmp = useTempFolder('confine');

  beforeEach(() => {
    for (const folder of ['srv/sub', 'outside/folder', 'mine/sub']) mkdirSync(tmp.at(folder), { recursive: true });
    writeFileSync(tmp.at('srv/inside'), 'inside');
    writeFileSync(tmp.at('srv/sub/file'), 'file');
    writeFileSync(tmp.at('outside/secret'), SECRET);
    writeFileSync(tmp.at('outside/folder/secret'), SECRET);
    symlinkSync(tmp.at('outside/secret'), tmp.at('srv/absolute'));
    symlinkSync('../outside/secret', tmp.at('srv/relative'));
    symlinkSync('../outside', tmp.at('srv/way'));
    symlinkSync('sub', tmp.at('srv/within'));
    writeFileSync(tmp.at('mine/inside'), 'mine');
    writeFileSync(tmp.at('mine/sub/file'), 'mine');
  });

  /** Everything that a tree says: names and contents. */
  function said(path: string): string {
    if (!existsSync(path)) return '';
    if (!lstatSync(path).isDirectory()) return lstatSync(path).isFile() ? readFileSync(path, 'utf8') : '';
    return readdirSync(path).map((name) => `${name}\n${said(`${path}/${name}`)}`).join('\n');
  }

  /** Outside is as it was made. */
  function assertOutsideUntouched(): void {
    assert.deepEqual(readdirSync(tmp.at('outside')).sort(), ['folder', 'secret']);
    assert.deepEqual(readdirSync(tmp.at('outside/folder')), ['secret']);
    assert.equal(readFileSync(tmp.at('outside/secret'), 'utf8'), SECRET);
    assert.equal(readFileSync(tmp.at('outside/folder/secret'), 'utf8'), SECRET);
    assert.equal(lstatSync(tmp.at('outside/secret')).nlink, 1);
    assert.deepEqual(readdirSync(tmp.path).filter((name) => !['srv', 'outside', 'mine', 'got', 'forced', 'list'].includes(name)), []);
  }

  describe('read by a peer', () => {
    function pull(...args: string[]): RunResult {
      const done = syncOver(forcedShell(tmp, `--root ${tmp.at('srv')} --read-only`), [...args, tmp.at('got')]);
      assert.doesNotMatch(`${said(tmp.at('got'))}${done.stdout}${done.stderr}`, new RegExp(SECRET));
      return done;
    }

    it('gives what is inside, by paths that count from the folder', () => {
      assert.equal(pull('-a', 'host:/sub/').code, 0);
      assert.equal(readFileSync(tmp.at('got/file'), 'utf8'), 'file');
    });

    for (const source of ['../outside/', '..', 'sub/../../outside/', '/../outside/secret', 'way/', 'way/secret', 'way/folder/']) {
      it(`does not give the source ${source}`, () => { assert.notEqual(pull('-a', `host:${source}`).code, 0); });
    }

    it('takes an absolute path for one below the folder', () => { assert.notEqual(pull('-a', `host:${tmp.at('outside')}/`).code, 0); });

    it('follows symlinks that stay inside, and no others, with -L', () => {
      assert.equal(pull('-aL', 'host:').code, 23);
      assert.equal(readFileSync(tmp.at('got/within/file'), 'utf8'), 'file');
      assert.deepEqual(readdirSync(tmp.at('got')).sort(), ['inside', 'sub', 'within']);
    });

    for (const options of [['-a', '--copy-unsafe-links'], ['-ak'], ['-aLc'], ['-aLH', '--no-whole-file'], ['-aL', '--checksum', '--dry-run']]) {
      it(`gives nothing from outside with ${options.join(' ')}`, () => { pull(...options, 'host:'); });
    }

    it('does not keep a path through a symlink that leads out with -R', () => {
      pull('-aR', 'host:way/secret');
      pull('-aR', 'host:./way/folder/');
    });

    it('does not read what a list of files names outside', () => {
      writeFileSync(tmp.at('list'), 'way/secret\n../outside/secret\nsub/../../outside/secret\nsub/file\n');
      pull('-a', `--files-from=${tmp.at('list')}`, 'host:');
      assert.equal(readFileSync(tmp.at('got/sub/file'), 'utf8'), 'file');
    });

    it('does not read rule files outside, by symlink, by name, or above the folder', () => {
      symlinkSync('../outside/secret', tmp.at('srv/.rsync-filter'));
      pull('-a', '-F', 'host:');
      pull('-a', '--filter=: ../outside/secret', 'host:');
      pull('-a', `--filter=: ${tmp.at('outside/secret')}`, 'host:');
    });

    it('does not read a rule file that another rule file names outside', () => {
      writeFileSync(tmp.at('outside/rules'), '- file\n');
      writeFileSync(tmp.at('srv/sub/.rsync-filter'), `merge ${tmp.at('outside/rules')}\nmerge ../../outside/rules\n`);
      pull('-a', '-F', 'host:');
      assert.equal(readFileSync(tmp.at('got/sub/file'), 'utf8'), 'file');
    });

    it('does not heed rule files above the folder', () => {
      writeFileSync(tmp.at('.rsync-filter'), '- file\n');
      assert.equal(pull('-a', '-F', 'host:/sub/').code, 0);
      assert.equal(readFileSync(tmp.at('got/file'), 'utf8'), 'file');
    });

    it('is not written to', () => {
      const shell = forcedShell(tmp, `--root ${tmp.at('srv')} --read-only`);
      const push = syncOver(shell, ['-a', `${tmp.at('mine')}/`, 'host:']);
      assert.equal(push.code, 70);
      assert.match(push.stderr, /for reading only/);
      const moved = syncOver(shell, ['-a', '--remove-source-files', 'host:sub/', tmp.at('got')]);
      assert.equal(moved.code, 70);
      assert.equal(readFileSync(tmp.at('srv/inside'), 'utf8'), 'inside');
      assert.equal(readFileSync(tmp.at('srv/sub/file'), 'utf8'), 'file');
    });

    it('gives no content of devices', () => { assert.equal(pull('-a', '--copy-devices', 'host:').code, 70); });
  });

  describe('written by a peer', () => {
    function push(target: string, ...options: string[]): RunResult {
      const done = syncOver(forcedShell(tmp, `--root ${tmp.at('srv')} --write-only`), ['-a', ...options, `${tmp.at('mine')}/`, `host:${target}`]);
      assertOutsideUntouched();
      return done;
    }

    it('takes what is for inside', () => {
      assert.equal(push('new').code, 0);
      assert.equal(readFileSync(tmp.at('srv/new/sub/file'), 'utf8'), 'mine');
    });

    for (const target of ['../outside/', '..', 'way/', 'way/folder', 'way/new', 'sub/../../outside/folder']) {
      it(`does not take the target ${target}`, () => { assert.notEqual(push(target).code, 0); });
    }

    it('makes kept plans and carries them out, by paths that count from the folder, and none that lead out', () => {
      const shell = forcedShell(tmp, `--root ${tmp.at('srv')} --write-only`);
      const by = ['-e', shell, '--no-bootstrap', '--retries=0'];
      const planned = twintree(['plan', ...by, '-a', `${tmp.at('mine')}/`, 'host:sub', '-o', tmp.at('list')]);
      assert.equal(planned.code, 0, planned.stderr);
      const whole = readFileSync(tmp.at('list'));
      assert.doesNotMatch(whole.toString('latin1'), /\/srv/);
      for (const path of ['/../outside', '/way', '/../outside/new', '/way/new']) {
        writeFileSync(tmp.at('list'), whole);
        changeHead(tmp.at('list'), (head) => { head['target'] = { path }; }); // made anew where it is not there
        const done = twintree(['apply', ...by, tmp.at('list')]);
        if (path !== '/../outside/new' && path !== '/../outside') assert.notEqual(done.code, 0, path);
        assertOutsideUntouched();
      }
      writeFileSync(tmp.at('list'), whole);
      assert.equal(twintree(['apply', ...by, tmp.at('list')]).code, 0);
      assert.equal(readFileSync(tmp.at('srv/sub/sub/file'), 'utf8'), 'mine');
      const refusing = ['-e', forcedShell(tmp, `--root ${tmp.at('srv')} --write-only --refuse delete`), '--no-bootstrap', '--retries=0'];
      for (const args of [['apply', tmp.at('list')], ['plan', '-a', `${tmp.at('mine')}/`, 'host:sub', '-o', tmp.at('list')]]) {
        const [command = '', ...rest] = args;
        const done = twintree([command, ...refusing, ...rest]);
        assert.deepEqual([done.code, /no kept plans/.test(done.stderr)], [70, true], done.stderr);
      }
      assertOutsideUntouched();
    });

    it('makes no folders outside with --mkpath, also behind ones that it makes first', () => {
      for (const target of ['no/../../elsewhere/new/', 'no/no/../../../elsewhere/', '../elsewhere/new/', 'way/new/new/']) assert.notEqual(push(target, '--mkpath').code, 0, target);
    });

    for (const folder of ['../../outside', '../way', 'no/../../../elsewhere', '/way/kept', '/../outside/kept']) {
      it(`keeps no backups in ${folder}`, () => {
        mkdirSync(tmp.at('srv/t'));
        writeFileSync(tmp.at('srv/t/inside'), 'the old one');
        push('t', '-b', `--backup-dir=${folder}`);
      });
    }

    it('takes an absolute folder of an option for one below its own', () => {
      mkdirSync(tmp.at('srv/t'));
      writeFileSync(tmp.at('srv/t/inside'), 'the old one');
      assert.equal(push('t', '-b', '--backup-dir=/kept').code, 0);
      assert.equal(readFileSync(tmp.at('srv/kept/inside'), 'utf8'), 'the old one');
    });

    it('makes no temporary files outside', () => {
      for (const folder of [tmp.at('outside'), '../../outside', '/way', '../way']) assert.notEqual(push('t', `--temp-dir=${folder}`).code, 0, folder);
    });

    it('takes nothing for its own that lies in a partial folder outside', () => {
      writeFileSync(tmp.at('mine/secret'), 'mine');
      for (const folder of [tmp.at('outside'), '/way', '../outside', '/../outside']) push('t', `--partial-dir=${folder}`, '--no-whole-file');
    });

    it('links, copies and compares nothing with what is outside', () => {
      writeFileSync(tmp.at('mine/secret'), SECRET);
      for (const [kind, folders] of [['link', [tmp.at('outside'), '../../outside', '../way']], ['copy', ['../../outside']], ['compare', ['../way']]] as const) {
        for (const folder of folders) {
          push(`${kind}-t`, `--${kind}-dest=${folder}`, '--size-only', '--no-times');
          assert.equal(readFileSync(tmp.at(`srv/${kind}-t/secret`), 'utf8'), SECRET);
        }
      }
    });

    it('still finds the folder of --link-dest beside the target', () => {
      assert.equal(push('one').code, 0);
      assert.equal(push('two', '--link-dest=../one').code, 0);
      assert.equal(lstatSync(tmp.at('srv/two/inside')).ino, lstatSync(tmp.at('srv/one/inside')).ino);
    });

    it('goes through no symlink of its own that leads out, with and without -K', () => {
      mkdirSync(tmp.at('mine/way/folder'), { recursive: true });
      writeFileSync(tmp.at('mine/way/folder/secret'), 'mine');
      writeFileSync(tmp.at('mine/way/new'), 'mine');
      push('', '-K', '--delete');
      push('');
      assert.equal(readFileSync(tmp.at('srv/way/new'), 'utf8'), 'mine');
    });

    it('is not read', () => {
      const done = syncOver(forcedShell(tmp, `--root ${tmp.at('srv')} --write-only`), ['-a', 'host:', tmp.at('got')]);
      assert.equal(done.code, 70);
      assert.equal(said(tmp.at('got')), '');
    });

    it('refuses the options that it was told to refuse', () => {
      const shell = forcedShell(tmp, `--root ${tmp.at('srv')} --write-only --refuse=delete,--inplace`);
      const deleting = syncOver(shell, ['-a', '--delete', `${tmp.at('mine')}/`, 'host:sub']);
      assert.equal(deleting.code, 70);
      assert.match(deleting.stderr, /refuses --delete/);
      assert.equal(syncOver(shell, ['-a', '--inplace', `${tmp.at('mine')}/`, 'host:sub']).code, 70);
      assert.equal(readFileSync(tmp.at('srv/sub/file'), 'utf8'), 'file');
      assert.equal(syncOver(shell, ['-a', `${tmp.at('mine')}/`, 'host:sub']).code, 0);
    });
  });

  describe('against a client that was changed to say what ours never says', () => {
    /** A push by our client with options that the command line would not make. */
    async function push(change: (options: SessionOptions) => SessionOptions, more: { root?: string; target?: string } = {}): Promise<unknown> {
      const parsed = parseSync(['-a', `${tmp.at('mine')}/`, 'host:t'].map(fromText), { readFile: () => -2, env: () => undefined, now: new Date() });
      const { options } = parsed as ParsedRun;
      const outcome = await runRemote({
        direction: 'push', sources: [fromText(`${tmp.at('mine')}/`)], target: fromText(more.target ?? 't'), options: change(options), root: more.root === undefined ? undefined : fromText(more.root),
        connect: { kind: 'command', argv: [forcedShell(tmp, `--root ${tmp.at('srv')} --write-only`)] },
        link: { connectTimeoutMs: 20_000, timeoutMs: 20_000, compression: 'off', retries: 0 },
      });
      assertOutsideUntouched();
      return outcome.exitCode;
    }

    it('the client as it is gets its way', async () => { assert.equal(await push((options) => options), 0); });

    it('the content of devices is not written', async () => {
      await assert.rejects(push((o) => ({ ...o, attributes: { ...o.attributes, writeDevices: true } })), /content of devices/);
    });

    it('a folder of an option that leads out is not used, whichever way it is written', async () => {
      mkdirSync(tmp.at('srv/t'));
      writeFileSync(tmp.at('srv/t/inside'), 'the old one');
      const where = '/no/../../elsewhere' as ByteString;
      await assert.rejects(push((o) => ({ ...o, replace: { ...o.replace, backup: true, backupDir: where } })));
      await assert.rejects(push((o) => ({ ...o, replace: { ...o.replace, tempDir: where } })));
    });

    it('a root by name is not there', async () => { await assert.rejects(push((o) => o, { root: 'other' }), /one folder/); });

    it('a target of dots alone leads nowhere', async () => {
      for (const target of ['../..', './../outside', 'sub/../..//outside', 'no/..']) await assert.rejects(push((o) => ({ ...o, replace: { ...o.replace, mkpath: true } }), { target }), target);
    });
  });
});
