/**
 * A migration in trouble: in every state its conductor is killed, what serves it on the new host is killed, and the cable of the new host is pulled; and every hook goes
 * wrong in every way. Clients use the service all the time. However it ends, the old side serves or the new one, never both and, once all is in order again, never
 * none; nothing that was acknowledged is missing; and the state says how it is.
 */
import assert from 'node:assert/strict';
import { describeIf, whyNoNetns, type Running } from '../../support/index.js';
import { whyNoSshd } from '../../transport/sshd.js';
import { ThreeHosts } from './hosts.js';
import { Trouble, type HookKind, type HookFault } from './trouble.js';
import { whyNoServices } from './services.js';

type Strike = 'conductor' | 'target' | 'cable';
const STRIKES: Readonly<Record<Strike, string>> = { conductor: 'its conductor is killed', target: 'what serves it on the new host is killed', cable: 'the cable is pulled' };
const STATES = ['seeding', 'live', 'converging', 'freezing', 'final', 'verifying', 'switching', 'switched', 'rolling-back'] as const;
type State = (typeof STATES)[number];
/** The whole (`npm run test:migrate`), and what always runs. */
const long = process.env['TWINTREE_MIGRATE'] === 'long';
const SOME: Readonly<Record<Strike, readonly State[]>> = { conductor: STATES, target: ['verifying', 'switching', 'rolling-back'], cable: ['final', 'switching'] };
const CUTOVER = ['converging', 'freezing', 'final', 'verifying', 'switching'] as const;

describeIf('a migration in trouble', whyNoNetns() ?? whyNoSshd() ?? whyNoServices(), () => {
  let hosts: ThreeHosts;
  let trouble: Trouble;

  beforeEach('a service that is about to move', async () => {
    hosts = await ThreeHosts.start();
    trouble = await Trouble.begin(hosts);
  });
  afterEach('and none', async function () {
    if (this.currentTest?.state === 'failed') process.stderr.write(`${trouble.migration.told()}\n${trouble.migration.running?.printed ?? ''}\n`); // a test that waited for ever says where
    await trouble.close();
    await hosts.close();
  });

  async function strike(kind: Strike): Promise<void> {
    switch (kind) {
      case 'conductor': return trouble.killConductor();
      case 'target': return trouble.killTarget();
      case 'cable': return hosts.lan.cable('new', 'out');
    }
  }

  /** Puts in order what was struck; the conductor is started again where that is what was killed. */
  async function mend(kind: Strike): Promise<void> {
    if (kind === 'cable') hosts.lan.cable('new', 'in');
    if (kind === 'conductor') await trouble.migration.restart();
  }

  /** Waits until nothing is under way, and brings the migration to where the target follows again, by what a person would do. */
  async function live(operation: Running | undefined): Promise<void> {
    const { migration } = trouble;
    await operation?.finished;
    await migration.idle();
    if (migration.state === 'switched') await trouble.right('new');
    if (migration.state === 'switched' || migration.state === 'rolling-back') await migration.must('rollback', migration.name, '--yes');
    if (migration.state === 'rolled-back') {
      await trouble.right('old');
      await migration.over();
      const from = migration.journal.length;
      migration.start();
      await migration.untilState('live', from);
    }
    assert.equal(migration.state, 'live', migration.told());
    await trouble.right('old');
  }

  for (const kind of Object.keys(STRIKES) as Strike[]) {
    const states = long ? STATES : SOME[kind];
    it(`where ${STRIKES[kind]}, ${states === STATES ? 'in every state' : `${states.join(', ')}`}`, async () => {
      const { migration } = trouble;
      if (states.includes('seeding')) {
        trouble.holdStarts('seeding');
        migration.start();
        await trouble.held('start');
        await strike(kind);
        trouble.heal();
        await mend(kind);
      } else migration.start();
      await migration.untilState('live');
      await trouble.right('old');

      if (states.includes('live')) {
        await strike(kind);
        await trouble.load.more(3);
        await mend(kind);
      }

      for (const state of CUTOVER.filter((each) => states.includes(each))) {
        const from = migration.journal.length;
        if (state === 'freezing') trouble.hook('freeze', 'hold');
        else if (state === 'switching') trouble.hook('switch', 'hold');
        else trouble.holdStarts(state === 'verifying' ? 'final' : state);
        const cutover = migration.begin('cutover', migration.name, '--yes');
        await trouble.held(state === 'freezing' ? 'freeze' : state === 'switching' ? 'switch' : 'start');
        if (state === 'verifying') {
          trouble.prover('SIGSTOP');
          trouble.heal();
          await migration.untilState(state, from);
        }
        assert.equal(migration.state, state, migration.told());
        await strike(kind);
        if (state !== 'switching' && kind !== 'target') await trouble.load.more(3); // whatever is gone, the source is let go on
        trouble.heal();
        trouble.prover('SIGCONT');
        if (kind === 'cable') await migration.until('the cutover was given up', ({ event, phase }) => event === 'operation' && phase === 'ended', from);
        await mend(kind);
        await live(cutover);
      }
      if (!states.includes('switched') && !states.includes('rolling-back')) return;

      await migration.must('cutover', migration.name, '--yes');
      await trouble.right('new');
      if (states.includes('switched')) {
        await strike(kind);
        await mend(kind);
        await trouble.right('new');
      }
      if (!states.includes('rolling-back')) return;
      trouble.hook('undo', 'hold');
      const rollback = migration.begin('rollback', migration.name, '--yes');
      await trouble.held('undo');
      assert.equal(migration.state, 'rolling-back', migration.told());
      await strike(kind);
      trouble.heal();
      if (kind === 'cable') await rollback.finished;
      await mend(kind);
      await live(rollback);
    });
  }

  /** What becomes of a cutover in which this goes wrong. */
  const WRONG: readonly { readonly faults: Partial<Record<HookKind, HookFault>>; readonly state: string; readonly says: RegExp; readonly always?: true }[] = [
    { faults: { freeze: 'fail' }, state: 'live', says: /exit code 7/ },
    { faults: { freeze: 'fail-after' }, state: 'live', says: /exit code 7/ },
    { faults: { freeze: 'hang' }, state: 'live', says: /longer than/, always: true },
    { faults: { freeze: 'die' }, state: 'live', says: /SIGKILL/ },
    { faults: { drop: 'fail-after' }, state: 'rolled-back', says: /exit code 7/ },
    { faults: { switch: 'fail' }, state: 'rolled-back', says: /exit code 7/ },
    { faults: { switch: 'fail-after' }, state: 'rolled-back', says: /exit code 7/ },
    { faults: { switch: 'hang' }, state: 'rolled-back', says: /longer than/, always: true },
    { faults: { switch: 'die' }, state: 'rolled-back', says: /SIGKILL/ },
    { faults: { health: 'fail' }, state: 'rolled-back', says: /health/ },
    { faults: { health: 'hang' }, state: 'rolled-back', says: /health/ },
    { faults: { health: 'fail', undo: 'fail' }, state: 'rolling-back', says: /undo/, always: true },
    { faults: { health: 'fail', thaw: 'fail' }, state: 'rolling-back', says: /thaw/ },
    { faults: { freeze: 'fail-after', thaw: 'fail' }, state: 'live', says: /thaw/, always: true },
  ];

  it('where hooks go wrong', async () => {
    const { migration } = trouble;
    migration.start();
    await migration.untilState('live');
    for (const { faults, state, says } of WRONG.filter(({ always }) => long || always)) {
      for (const [kind, fault] of Object.entries(faults)) trouble.hook(kind as HookKind, fault);
      const what = JSON.stringify(faults);
      const { code, output } = await migration.command('cutover', migration.name, '--yes');
      assert.notEqual(code, 0, what);
      assert.match(output, says, what);
      await migration.idle();
      assert.equal(migration.state, state, `${what}: ${output}\n${migration.told()}`);
      if (faults.thaw !== undefined || faults.undo !== undefined) {
        assert.match((await migration.command('status', migration.name)).output, says, what); // it is told until it is in order
        trouble.heal();
        await migration.must('rollback', migration.name, '--yes');
      } else await trouble.right('old');
      trouble.heal();
      await live(undefined);
      assert.deepEqual([...trouble.processes('old', /sleep 98765/), ...trouble.processes('new', /sleep 98765/)], [], 'what hung was ended with all that it had started');
    }
    await migration.must('cutover', migration.name, '--yes');
    trouble.hook('finish', 'fail');
    assert.notEqual((await migration.command('finish', migration.name, '--yes')).code, 0);
    assert.equal(migration.state, 'switched');
    trouble.heal();
    await migration.must('finish', migration.name, '--yes');
    await migration.over();
    await trouble.right('new');
  });
});
