/** Ordinary files: read whole, appended to, written whole. */
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { AppendFile, Errno, readWholeFile, writeWholeFile } from '../../src/fs/index.js';
import { runCommand, useTempFolder } from '../support/index.js';
import { b, bytePath, openHandles } from './support.js';

const CHILD = new URL('child.js', import.meta.url).pathname;
const { ENOENT, EISDIR, EFBIG, ENOTDIR, ELOOP } = Errno;

describe('fs: ordinary files', () => {
  const tmp = useTempFolder('ordinary');
  let before: string[] = [];
  beforeEach('count handles', () => { before = openHandles(); });
  afterEach('no handle is left open', () => assert.deepStrictEqual(openHandles(), before));
  const at = (name: string): ReturnType<typeof b> => b(`${tmp.path}/${name}`);

  describe('reading', () => {
    it('reads a file of any name and size, through symlinks', () => {
      const content = Buffer.alloc(300_001, 'content \xff');
      fs.writeFileSync(bytePath(tmp.path, '\xff\n'), content);
      fs.symlinkSync(bytePath(tmp.path, '\xff\n'), tmp.at('link'));
      assert.deepStrictEqual(readWholeFile(at('\xff\n')), content);
      assert.deepStrictEqual(readWholeFile(at('link')), content);
      fs.writeFileSync(tmp.at('empty'), '');
      assert.deepStrictEqual(readWholeFile(at('empty')), Buffer.alloc(0));
    });
    it('reads what has no size of its own', () => {
      assert.ok(String(readWholeFile(b('/proc/self/status'))).includes('Name:'));
    });
    it('answers with an errno', () => {
      fs.writeFileSync(tmp.at('f'), 'x'.repeat(100));
      fs.symlinkSync('loop', tmp.at('loop'));
      assert.deepStrictEqual([readWholeFile(at('none')), readWholeFile(at('')), readWholeFile(at('f/x')), readWholeFile(at('loop')), readWholeFile(at('f'), 99)], [-ENOENT, -EISDIR, -ENOTDIR, -ELOOP, -EFBIG]);
      assert.strictEqual((readWholeFile(at('f'), 100) as Buffer).length, 100);
    });
    it('reads standard input: a pipe, a file, and nothing', () => {
      const input = 'line\nzeile \0'.repeat(20_000);
      const read = (command: string): string => JSON.parse(runCommand('bash', ['-c', `${command}`]).stdout) as string;
      const node = `'${process.execPath}' '${CHILD}' stdin`;
      assert.strictEqual(JSON.parse(runCommand(process.execPath, [CHILD, 'stdin'], { input }).stdout), input);
      fs.writeFileSync(tmp.at('f'), input);
      assert.strictEqual(read(`${node} < '${tmp.at('f')}'`), input);
      assert.strictEqual(read(`${node} < /dev/null`), '');
    });
    it('waits for standard input that was set not to wait', function () {
      if (spawnSync('python3', ['-c', '']).status !== 0) this.skip(); // needs Python to set the flag
      const script = 'import os,sys,subprocess,time\nr,w=os.pipe()\nos.set_blocking(r,False)\np=subprocess.Popen(sys.argv[1:],stdin=r)\nos.close(r)\nos.write(w,b"one,")\ntime.sleep(0.5)\nos.write(w,b"two")\nos.close(w)\nsys.exit(p.wait())';
      assert.strictEqual(runCommand('python3', ['-c', script, process.execPath, CHILD, 'stdin']).stdout, '"one,two"');
    });
  });

  describe('appending', () => {
    it('appends to what is there, also beside another writer', () => {
      fs.writeFileSync(tmp.at('log'), 'old\n');
      const one = AppendFile.open(at('log'));
      const two = AppendFile.open(at('log'));
      assert.ok(one instanceof AppendFile && two instanceof AppendFile);
      assert.deepStrictEqual([one.append('1 \u00e9\n'), two.append(Buffer.from('2\n')), one.append('3\n')], [0, 0, 0]);
      one.close();
      two.close();
      one.close(); // a second time does no harm
      assert.strictEqual(fs.readFileSync(tmp.at('log'), 'utf8'), 'old\n1 \u00e9\n2\n3\n');
    });
    it('answers with an errno', () => {
      assert.deepStrictEqual([AppendFile.open(at('none/log')), AppendFile.open(at(''))], [-ENOENT, -EISDIR]);
      const full = AppendFile.open(b('/dev/full'));
      assert.ok(full instanceof AppendFile);
      assert.strictEqual(full.append('x'), -Errno.ENOSPC);
      full.close();
    });
  });

  describe('writing whole', () => {
    it('makes a file, and replaces one with a new one', () => {
      assert.strictEqual(writeWholeFile(at('\xff'), 'one', 0o600), 0);
      const handle = fs.openSync(bytePath(tmp.path, '\xff'), 'r');
      assert.strictEqual(writeWholeFile(at('\xff'), 'second'), 0);
      assert.strictEqual(fs.readFileSync(handle, 'utf8'), 'one', 'who reads the old one keeps it');
      fs.closeSync(handle);
      assert.strictEqual(fs.readFileSync(bytePath(tmp.path, '\xff'), 'utf8'), 'second');
      assert.strictEqual(fs.readdirSync(tmp.path).length, 1);
    });
    it('writes through a symlink', () => {
      fs.mkdirSync(tmp.at('d'));
      fs.writeFileSync(tmp.at('d/f'), 'old');
      fs.symlinkSync('d/f', tmp.at('l'));
      assert.strictEqual(writeWholeFile(at('l'), 'new'), 0);
      assert.ok(fs.lstatSync(tmp.at('l')).isSymbolicLink());
      assert.strictEqual(fs.readFileSync(tmp.at('d/f'), 'utf8'), 'new');
    });
    it('leaves a device a device', () => {
      assert.strictEqual(writeWholeFile(b('/dev/null'), 'x'), 0);
      assert.ok(fs.statSync('/dev/null').isCharacterDevice());
      assert.strictEqual(writeWholeFile(b('/dev/full'), 'x'), -Errno.ENOSPC);
    });
    it('answers with an errno, and leaves nothing beside', () => {
      fs.mkdirSync(tmp.at('d'));
      assert.deepStrictEqual([writeWholeFile(at('none/f'), 'x'), writeWholeFile(at('d'), 'x')], [-ENOENT, -EISDIR]);
      assert.deepStrictEqual(fs.readdirSync(tmp.path), ['d']);
    });
  });
});
