/** Hooks: real processes. What they get, what ends them, what is kept of them. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { processStart, runProgram } from '../../src/fs/index.js';
import { runHooks } from '../../src/job/index.js';
import type { HookSpec } from '../../src/job/hooks/index.js';
import { useTempFolder } from '../support/index.js';
import { endedRun, someTarget } from './some-runs.js';

const ENV = { PATH: process.env['PATH'] };

function shell(script: string, more: Partial<HookSpec> = {}): HookSpec {
  return { when: 'after', command: ['sh', '-c', script], timeoutMs: 20_000, onError: 'stop', ...more };
}

describe('hooks', () => {
  const temp = useTempFolder('hooks');

  it('get the run in their environment and as JSON on standard input, and no secret', async () => {
    const run = endedRun({ run: 7, exitCode: 23, result: 'partial', targets: ['/a', '/b'], done: [someTarget({ problems: 2 })] });
    const script = `env > ${temp.at('env')}; cat > ${temp.at('input')}`;
    const { hooks, stopped } = await runHooks([shell(script)], 'after', run, {
      env: { ...ENV, SMTP_PASSWORD: 'hidden-word', TWINTREE_EXIT_CODE: '99', TWINTREE_ERROR: 'of an outer run', OTHER: 'kept' }, secrets: ['SMTP_PASSWORD'],
    });
    assert.equal(stopped, undefined);
    assert.deepEqual(hooks.map(({ ok, exitCode, trouble }) => [ok, exitCode, trouble]), [[true, 0, null]]);
    const env = readFileSync(temp.at('env'), 'utf8');
    for (const line of ['TWINTREE_JOB=nightly', 'TWINTREE_RUN=7', 'TWINTREE_WHEN=after', 'TWINTREE_CAUSE=schedule', 'TWINTREE_SOURCE=/srv/data/', 'TWINTREE_TARGET=/a\n/b', 'TWINTREE_EXIT_CODE=23', 'TWINTREE_RESULT=partial', 'OTHER=kept']) {
      assert.ok(`\n${env}`.includes(`\n${line}\n`), line);
    }
    assert.doesNotMatch(env, /hidden-word|SMTP_PASSWORD|TWINTREE_ERROR/);
    const input = JSON.parse(readFileSync(temp.at('input'), 'utf8')) as { when: string; run: { run: number; sums: { problems: number } } };
    assert.deepEqual([input.when, input.run.run, input.run.sums.problems], ['after', 7, 2]);
  });

  it('go without a shell: what a shell would read means itself', async () => {
    const { hooks } = await runHooks([{ ...shell(''), command: ['printf', '%s', '$HOME; `id` > x'] }], 'after', endedRun(), { env: ENV, secrets: [] });
    assert.equal(hooks[0]?.output, '$HOME; `id` > x');
  });

  it('run in their order; one that fails and is set to stop is the last, another is only told', async () => {
    const specs = [shell('exit 3', { onError: 'ignore' }), shell('echo two'), shell('echo of before', { when: 'before' }), shell('kill -9 $$'), shell('echo never')];
    const { hooks, stopped } = await runHooks(specs, 'after', endedRun(), { env: ENV, secrets: [] });
    assert.deepEqual(hooks.map(({ output, trouble }) => [output, trouble]), [['', 'it ended with exit code 3'], ['two\n', null], ['', 'it was ended by SIGKILL']]);
    assert.equal(stopped, hooks[2]);
  });

  it('that cannot be started are told, with why', async () => {
    const missing = await runHooks([{ ...shell(''), command: [temp.at('missing')] }], 'after', endedRun(), { env: ENV, secrets: [] });
    assert.equal(missing.stopped?.trouble, 'it cannot be started: there is no such program');
    const folder = await runHooks([{ ...shell(''), command: [temp.path] }], 'after', endedRun(), { env: ENV, secrets: [] });
    assert.equal(folder.stopped?.trouble, 'it cannot be started: it may not be executed');
  });

  it('out of time end with all their children, also those that take no notice of SIGTERM', async () => {
    const deaf = `trap '' TERM; echo $$ > ${temp.at('child')}.new; mv ${temp.at('child')}.new ${temp.at('child')}; while :; do sleep 0.05; done`;
    const script = `sh -c "${deaf.replaceAll('$', '\\$')}" & while [ ! -e ${temp.at('child')} ]; do sleep 0.02; done; echo up; wait`;
    const { hooks } = await runHooks([shell(script, { timeoutMs: 1500 })], 'after', endedRun(), { env: ENV, secrets: [], graceMs: 200 });
    assert.equal(hooks[0]?.trouble, 'it took longer than 1.5 s and was ended');
    assert.ok(existsSync(temp.at('child')), 'its child had started');
    const child = Number(readFileSync(temp.at('child'), 'utf8'));
    while (processStart(child) !== undefined) await new Promise((resolve) => { setImmediate(resolve); }); // SIGKILL needs a moment
  });

  it('may leave something in the background that holds their output open, and are not waited for', async () => {
    const { hooks } = await runHooks([shell(`(while [ ! -e ${temp.at('end')} ]; do sleep 0.05; done) & echo $! > ${temp.at('pid')}; echo done`)], 'after', endedRun(), { env: ENV, secrets: [] });
    const pid = Number(readFileSync(temp.at('pid'), 'utf8'));
    try {
      assert.deepEqual([hooks[0]?.ok, hooks[0]?.output], [true, 'done\n']);
      assert.notEqual(processStart(pid), undefined, 'it goes on');
    } finally {
      process.kill(pid, 'SIGKILL');
    }
  });

  it('keep the end of what they say, however much that is', async () => {
    const result = await runProgram({ argv: ['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x; echo the end'], env: ENV as Record<string, string>, input: 'y'.repeat(1 << 20), timeoutMs: 20_000, graceMs: 100, keep: 1000 });
    assert.deepEqual([result.exitCode, result.outputBytes, result.output.length], [0, 3_000_008, 1000]);
    assert.ok(result.output.endsWith('xxthe end\n'));
  });

  it('are ended with their run', async () => {
    const controller = new AbortController();
    const running = runHooks([shell('while :; do sleep 0.05; done'), shell('echo never')], 'after', endedRun(), { env: ENV, secrets: [], signal: controller.signal, graceMs: 100 });
    controller.abort();
    const { hooks } = await running;
    assert.deepEqual(hooks.map(({ trouble }) => trouble), ['it was ended with its run']);
  });
});
