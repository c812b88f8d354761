/** The configuration of mocha: what is named is run alone, else all is run, and the list of long files names files that are there. */
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
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
  it('runs each file once where none is named, the long ones first', () => {
    const spec = specFor('--grep', 'x') ?? [];
    const built = readdirSync(join(REPOSITORY, 'build/test'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.js'));
    assert.deepEqual(spec.toSorted(), built.map((name) => `build/test/${name}`).toSorted());
    const long = [...readFileSync(join(REPOSITORY, '.mocharc.cjs'), 'utf8').matchAll(/'((?:[\w-]+\/)+[\w-]+)'/g)].map(([, name]) => `build/test/${name ?? ''}.test.js`);
    assert.ok(long.length > 30);
    assert.deepEqual(spec.slice(0, long.length), long);
  });
});
