/** --durable: what was done is on the disk before anybody is told that it is done. Seen in the order of the system calls; and the disk's refusal ends the session. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import type { Outcome } from '../../src/session/index.js';
import { openStanding, type Standing } from '../../src/session/remote/index.js';
import { fromText, TwintreeError, type RelPath } from '../../src/tree/index.js';
import { AGENT, requestFor } from '../e2e/remote-cut-support.js';
import { describeIf, twintree, useTempFolder, whyNoInjection } from '../support/index.js';

describeIf('a session that ends when the disk has it', whyNoInjection(), () => {
  const tmp = useTempFolder('durable');
  let standing: Standing | undefined;
  beforeEach(() => {
    mkdirSync(tmp.at('s/d'), { recursive: true });
    for (const name of ['a', 'd/b', 'd/c']) writeFileSync(tmp.at('s', name), 'first');
  });
  afterEach(async () => {
    await standing?.close();
    standing = undefined;
  });

  /** An agent under strace; `more`: its further arguments. */
  function open(...more: string[]): void {
    const argv = ['strace', '-f', '-qqq', '-y', '-s', '64', '-o', tmp.at('log'), '-e', 'trace=fsync,syncfs,write,writev,rename,renameat,renameat2', ...more, ...AGENT];
    const { connect, root, link } = requestFor('push', [], 's/', 't', argv);
    standing = openStanding({ connect, root, link });
  }
  async function run(args: readonly string[], dirty?: readonly [path: string, depth: 'entry' | 'tree'][]): Promise<Outcome> {
    const { sources, target, options } = requestFor('push', ['-a', '--delete', '--threads=1', ...args], `${tmp.at('s')}/`, tmp.at('t'), []);
    assert.ok(standing !== undefined);
    return standing.run({ sources, target, options, ...(dirty === undefined ? {} : { dirty: dirty.map(([path, depth]) => ({ path: fromText(path) as unknown as RelPath, depth })) }) });
  }
  /** What each session did since the first one, in order: files renamed into place, what was written through, and that the outcome was told. */
  function calls(): string[][] {
    const told: string[][] = [[]];
    for (const line of readFileSync(tmp.at('log'), 'utf8').split('\n')) {
      const at = /^\d+\s+(\w+)\(\d+<([^>]*)>/.exec(line);
      const target = at?.[2]?.startsWith(tmp.at('t')) === true ? `t${at[2].slice(tmp.at('t').length)}` : undefined;
      if (line.includes(String.raw`\"type\":\"outcome\"`)) {
        told.at(-1)?.push('told');
        told.push([]);
      } else if (target !== undefined && at?.[1] !== undefined && /^(?:fsync|syncfs)$/.test(at[1])) told.at(-1)?.push(`${at[1]} ${target}`);
      else if (target !== undefined && /rename/.test(at?.[1] ?? '')) told.at(-1)?.push('placed');
    }
    return told.slice(0, -1);
  }
  /** Everything behind the last file's place, sorted, and then the end. */
  function behind(session: readonly string[] | undefined): string[] {
    assert.equal(session?.at(-1), 'told');
    return session.slice(session.lastIndexOf('placed') + 1, -1).sort();
  }

  it('writes few names through by themselves, more and others by their file system, and then tells the outcome', async () => {
    open();
    assert.equal((await run(['--durable'])).exitCode, 0);
    writeFileSync(tmp.at('s/d/b'), 'second');
    assert.equal((await run(['--durable'], [['d/b', 'entry']])).transferredFiles, 1);
    unlinkSync(tmp.at('s/d/c'));
    assert.equal((await run(['--durable'], [['d/c', 'entry']])).deleted.files, 1);
    assert.equal((await run(['--durable'], [['d/b', 'entry']])).transferredFiles, 0); // an earlier session may have ended before it came to this
    symlinkSync('a', tmp.at('s/link'));
    await run(['--durable'], [['link', 'entry']]);
    for (let k = 0; k < 12; k++) writeFileSync(tmp.at(`s/d/${k}`), 'x');
    await run(['--durable'], Array.from({ length: 12 }, (_, k) => [`d/${k}`, 'entry'] as const).map(([path, depth]) => [path, depth]));
    writeFileSync(tmp.at('s/d/b'), 'third');
    await run([], [['d/b', 'entry']]);
    await standing?.close();
    assert.deepEqual(calls().map(behind), [['syncfs t'], ['fsync t/d', 'fsync t/d/b'], ['fsync t/d'], ['fsync t/d', 'fsync t/d/b'], ['syncfs t'], ['syncfs t'], []]);
  });

  it('fails where the disk does not take it', async () => {
    open('-e', 'inject=fsync:error=EIO:when=1+', '-P', tmp.at('t/d/b'));
    assert.equal((await run([])).exitCode, 0);
    writeFileSync(tmp.at('s/d/b'), 'second');
    await assert.rejects(run(['--durable'], [['d/b', 'entry']]), (error) => error instanceof TwintreeError && error.code === 'IO' && /disk did not take/.test(error.message));
    const whole = twintree(['sync', '-a', '--durable', `${tmp.at('s')}/`, tmp.at('t')], { inject: ['syncfs:error=EIO'] });
    assert.equal(whole.code, 11, whole.stderr);
    assert.match(whole.stderr, /disk did not take what was written/);
    assert.equal(twintree(['sync', '-a', '--durable', `${tmp.at('s')}/`, tmp.at('t')]).code, 0);
  });
});
