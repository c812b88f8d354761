/** The guard as a process: it thaws when it is told, when the time is over, and when its conductor is gone; and it is let go for good. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Guard } from '../../src/migrate/freeze/guard.js';
import { noteHook } from '../../src/migrate/hooks/left.js';
import { guardIsGone, Journal, readJournal, type MigrationHook } from '../../src/migrate/index.js';
import { fromText, type ByteString } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';
import { PROGRAM, sh } from './world.js';

describe('the guard of a frozen source', () => {
  const tmp = useTempFolder('guard');
  let folder: ByteString;
  beforeEach('a journal', () => {
    folder = fromText(tmp.path);
    Journal.open(folder).add({ event: 'planned', name: 'x', source: '/s/', target: '/t', host: null, entries: 1, bytes: 1, lost: [] });
  });
  const thawed = (): boolean => existsSync(tmp.at('thawed'));
  const arm = (limitMs: number, hooks: MigrationHook[] = [sh(`touch ${tmp.at('thawed')}`)]): Promise<Guard> => Guard.arm(PROGRAM, { folder, hooks, targetHost: undefined, env: { WHO: 'me' }, limitMs });
  const told = (): (string | undefined)[] => readJournal(folder).events.flatMap((event) => (event.event === 'thawed' ? [event.reason] : []));

  it('ends a hook that a conductor left behind before it thaws', async () => {
    const left = spawn('sh', ['-c', 'trap "" TERM; (trap "" TERM; sleep 1000) & wait'], { detached: true, stdio: 'ignore' });
    const { pid = 0 } = left;
    noteHook(folder, pid);
    const guard = await arm(30_000, [sh(`kill -0 -- -${pid} && exit 1; touch ${tmp.at('thawed')}`)]);
    assert.equal(await guard.thaw('because'), 'thawed');
    assert.ok(thawed());
    assert.ok(!existsSync(tmp.at('hook.pid')));
  });

  it('is let go, and thaws nothing', async () => {
    const guard = await arm(30_000);
    assert.equal(await guard.disarm(), 'disarmed');
    await guardIsGone(folder);
    assert.ok(!thawed());
    assert.deepEqual(told(), []);
  });

  it('thaws when it is told, with all its hooks though one fails, and the journal has it', async () => {
    const guard = await arm(30_000, [sh('exit 1'), sh(`test "$WHO $TWINTREE_PHASE" = "me thaw" && touch ${tmp.at('thawed')}`)]);
    assert.equal(await guard.thaw('because'), 'thaw-failed');
    assert.ok(thawed());
    assert.deepEqual(told(), ['because']);
    assert.ok(readJournal(folder).events.some((event) => event.event === 'problem' && event.code === 'THAW'));
  });

  it('thaws when the time is over, and can be let go no more', async () => {
    const guard = await arm(50);
    assert.equal(await guard.over, 'thawed');
    assert.equal(await guard.disarm(), 'thawed');
    assert.match(told()[0] ?? '', /limit of 0\.05 s/);
  });

  it('thaws when the conductor is killed', async () => {
    const script = `import { Guard } from ${JSON.stringify(new URL('../../src/migrate/freeze/guard.js', import.meta.url).href)};
      await Guard.arm(${JSON.stringify(PROGRAM)}, { folder: ${JSON.stringify(folder)}, hooks: [${JSON.stringify(sh(`touch ${tmp.at('thawed')}`))}], targetHost: undefined, env: {}, limitMs: 60000 });
      process.stdout.write('armed');`;
    const conductor = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(conductor.stdout, 'data');
    conductor.kill('SIGKILL');
    await once(conductor, 'exit');
    await guardIsGone(folder);
    assert.ok(thawed());
    assert.deepEqual(told(), ['the process that conducts the migration is gone']);
  });

  it('is the only one at its migration', async () => {
    const guard = await arm(30_000);
    await assert.rejects(arm(30_000));
    await guard.disarm();
  });
});
