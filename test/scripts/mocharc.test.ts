/** The configuration of mocha: what is named is run alone, else all is run, and the list of long files names files that are there. */
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '../support/index.js';

/** What the configuration says to mocha with these arguments. */
function specFor(...args: string[]): string[] | undefined {
  const code = `console.log(JSON.stringify(require(${JSON.stringify(join(REPOSITORY, '.mocharc.cjs'))})))`;
  const done = spawnSync(process.execPath, ['-e', code, '--', 'mocha', ...args], { encoding: 'utf8' });
  assert.strictEqual(done.status, 0, done.stderr);
  return (JSON.parse(done.stdout) as { spec?: string[] }).spec;
}

describe('.mocharc.cjs', () => {
  it('adds no file to those that are named', () => {
    for (const args of [['--spec', 'build/test/fs/errno.test.js'], ['--spec=x'], ['build/test/fs/errno.test.js'], ['--no-parallel', 'build/test/fs/*.js'], ['./build/test/fs']]) {
      assert.strictEqual(specFor(...args), undefined, args.join(' '));
    }
  });
  it('runs all where none is named, and the long files that it puts first are there', () => {
    const spec = specFor('--grep', 'x') ?? [];
    const named = spec.filter((path) => !path.includes('*'));
    assert.ok(named.length > 0 && spec.length > named.length);
    for (const path of named) assert.ok(existsSync(join(REPOSITORY, path.replace(/^build\//, '').replace(/\.js$/, '.ts'))), path);
  });
});
