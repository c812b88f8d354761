/** Hooks on either host: what they are told, and that limits and broken connections end them. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runMigrationHook, runMigrationHooks, There, type HookFact, type HookWays } from '../../src/migrate/index.js';
import { atHostSpec, openAtHost } from '../../src/transport/index.js';
import { fromText, TwintreeError } from '../../src/tree/index.js';
import { REMOTE_PATH, remoteShell } from '../e2e/remote-support.js';
import { startCommand, useTempFolder } from '../support/index.js';

const HOST = { kind: 'ssh', host: fromText('there'), user: undefined, port: undefined } as const;

describe('hooks of a migration', () => {
  const tmp = useTempFolder('migration-hooks');
  const hook = (line: string, side: 'source' | 'target' = 'source', timeoutMs = 10_000): Parameters<typeof runMigrationHook>[0] => ({ command: ['sh', '-c', line], side, timeoutMs });
  const here: HookWays = { there: undefined, env: { TWINTREE_MIGRATION: 'm' } };

  it('get their phase, and stop at the first that fails, or go on where something is to be undone', async () => {
    const facts: HookFact[] = [];
    const line = `echo "$TWINTREE_MIGRATION $TWINTREE_PHASE $TWINTREE_REHEARSAL"`;
    const failed = await runMigrationHooks([hook(line), hook('echo no; exit 4'), hook(line)], 'freeze', here, (fact) => facts.push(fact));
    assert.deepEqual(facts.map(({ ok, output, trouble }) => [ok, output, trouble]), [[true, 'm freeze \n', null], [false, 'no\n', 'it ended with exit code 4']]);
    assert.equal(failed, facts[1]);
    facts.length = 0;
    await runMigrationHooks([hook('exit 4'), hook(line)], 'thaw', here, (fact) => facts.push(fact), { all: true, rehearsal: true });
    assert.deepEqual(facts.map(({ ok, output }) => [ok, output]), [[false, ''], [true, 'm thaw 1\n']]);
  });

  it('are ended at their limit with all that they started, and a program that is not there is told', async () => {
    const late = await runMigrationHook(hook(`(sleep 60; touch ${tmp.at('late')}) & wait`, 'source', 100), 'switch', here);
    assert.equal(late.trouble, 'it took longer than 0.1 s and was ended');
    assert.match((await runMigrationHook({ command: ['/no/such'], side: 'source', timeoutMs: 1000 }, 'switch', here)).trouble ?? '', /no such program/);
  });

  describe("on the target's host", () => {
    let there: There;
    let ways: HookWays;
    beforeEach('reach it', () => {
      writeFileSync(tmp.at('count'), '');
      const rsh = remoteShell(tmp, `echo x >> ${tmp.at('count')}; echo "Welcome to there"`);
      there = new There(atHostSpec(HOST, { rsh, remotePath: REMOTE_PATH }, process.env));
      ways = { there, env: { TWINTREE_MIGRATION: 'm', ODD: `a'b"c $HOME\n` } };
    });
    afterEach('leave it', () => there.close());
    const connections = (): number => readFileSync(tmp.at('count'), 'utf8').length / 2;

    it('run one after the other over one connection, behind what a login script prints', async () => {
      const facts = await Promise.all(['echo one "$ODD"', 'exit 5', 'echo three; cat'].map((line) => runMigrationHook(hook(line, 'target'), 'switch', ways)));
      assert.deepEqual(facts.map(({ ok, output, trouble, side }) => [ok, output, trouble, side]), [[true, `one a'b"c $HOME\n\n`, null, 'target'], [false, '', 'it ended with exit code 5', 'target'], [true, 'three\n', null, 'target']]);
      assert.equal(connections(), 1);
    });

    it('are ended there at their limit, and with the one who asked', async () => {
      const late = await runMigrationHook(hook('sleep 60', 'target', 100), 'switch', ways);
      assert.equal(late.trouble, 'it took longer than 0.1 s and was ended');
      const controller = new AbortController();
      const running = runMigrationHook(hook(`echo $$ > ${tmp.at('pid')}; sleep 60`, 'target', 60_000), 'switch', ways, { signal: controller.signal });
      while (!existsSync(tmp.at('pid')) || readFileSync(tmp.at('pid'), 'utf8') === '') await new Promise((resolve) => { setImmediate(resolve); });
      controller.abort();
      assert.equal((await running).trouble, 'it was ended with the migration');
      const pid = readFileSync(tmp.at('pid'), 'utf8').trim();
      while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => { setTimeout(resolve, 20); });
      assert.ok((await runMigrationHook(hook('true', 'target'), 'undo', ways)).ok, 'the next one is run over a new connection');
      assert.equal(connections(), 2);
    });

    it('are ended there, with all that they started, where the one who asked is killed', async () => {
      const spec = atHostSpec(HOST, { rsh: remoteShell(tmp, 'true'), remotePath: REMOTE_PATH }, process.env);
      const asks = `const { runMigrationHook, There } = await import(${JSON.stringify(new URL('../../src/migrate/index.js', import.meta.url).href)});
        const hook = { command: ['sh', '-c', ${JSON.stringify(`sleep 60 & echo $! $$ > ${tmp.at('pids')}; wait`)}], side: 'target', timeoutMs: 60_000 };
        await runMigrationHook(hook, 'switch', { there: new There(${JSON.stringify(spec)}), env: {} });`;
      const asking = startCommand(process.execPath, ['--input-type=module', '-e', asks]);
      let pids: number[] = [];
      while (pids.length < 2) {
        assert.equal(asking.child.exitCode, null, asking.printed);
        pids = existsSync(tmp.at('pids')) ? readFileSync(tmp.at('pids'), 'utf8').trim().split(' ').filter((word) => word !== '').map(Number) : [];
        await new Promise((resolve) => { setTimeout(resolve, 10); });
      }
      await asking.kill('SIGKILL');
      const lives = (pid: number): boolean => {
        try {
          return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
        } catch {
          return false; // it is gone
        }
      };
      while (pids.some(lives)) await new Promise((resolve) => { setTimeout(resolve, 10); });
    });

    it('tell what is wrong where the host cannot be reached, or runs something else', async () => {
      const gone = new There(atHostSpec(HOST, { rsh: '/bin/false', remotePath: REMOTE_PATH }, process.env));
      assert.match((await runMigrationHook(hook('true', 'target'), 'switch', { there: gone, env: {} })).trouble ?? '', /ended before twintree answered/);
      const other = atHostSpec(HOST, { rsh: remoteShell(tmp), remotePath: 'echo' }, process.env);
      await assert.rejects(openAtHost(other, { do: 'run' }, { connectTimeoutMs: 10_000, stderr: () => undefined }), (error) => error instanceof TwintreeError && error.code === 'NOT_TWINTREE');
      const unknown = await openAtHost(atHostSpec(HOST, { rsh: remoteShell(tmp), remotePath: REMOTE_PATH }, process.env), { do: 'nothing' }, { connectTimeoutMs: 10_000, stderr: () => undefined });
      const end = await unknown.ended;
      assert.match(end.lastWords ?? '', /knows nothing of "nothing"/);
    });

    it('run on a host that has nothing but Node.js', async () => {
      for (const name of ['home', 'tmp', 'bin']) mkdirSync(tmp.at(name));
      symlinkSync(process.execPath, join(tmp.at('bin'), 'node'));
      const rsh = remoteShell(tmp, `export PATH='${tmp.at('bin')}:/usr/bin:/bin' HOME='${tmp.at('home')}' TMPDIR='${tmp.at('tmp')}'`);
      const bare = new There(atHostSpec(HOST, { rsh }, process.env, false));
      const fact = await runMigrationHook(hook('echo here', 'target'), 'switch', { there: bare, env: {} });
      assert.deepEqual([fact.trouble, fact.output], [null, 'here\n']);
      await bare.close();
    });
  });

  it('of this host never begin where the conductor is killed before they are noted', async () => {
    const asks = `const { runProgram } = await import(${JSON.stringify(new URL('../../src/fs/index.js', import.meta.url).href)});
      const { writeFileSync } = await import('node:fs');
      await runProgram({ argv: ['touch', ${JSON.stringify(tmp.at('begun'))}], env: { ...process.env }, input: '', timeoutMs: 60_000, graceMs: 1000, keep: 100, before: (group) => {
        writeFileSync(${JSON.stringify(tmp.at('group'))}, String(group));
        process.kill(process.pid, 'SIGKILL');
      } });`;
    const { signal } = await startCommand(process.execPath, ['--input-type=module', '-e', asks]).finished;
    assert.equal(signal, 'SIGKILL');
    const group = readFileSync(tmp.at('group'), 'utf8');
    while (existsSync(`/proc/${group}`)) await new Promise((resolve) => { setTimeout(resolve, 10); });
    assert.ok(!existsSync(tmp.at('begun')));
  });

  it('of this host are noted while they run', async () => {
    const folder = fromText(tmp.path);
    const fact = await runMigrationHook(hook(`while [ ! -e '${tmp.at('hook.pid')}' ]; do sleep 0.01; done; echo $$; cat '${tmp.at('hook.pid')}'`, 'source'), 'freeze', { there: undefined, env: {}, folder });
    const [own, noted] = fact.output.split('\n');
    assert.equal(noted?.split(' ')[0], own);
    assert.ok(!existsSync(tmp.at('hook.pid')));
  });
});
