/** The conductor: from plan to done and back; a fault in every step; and after the end of its process at any moment there is one side that serves, never two. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { standOf, type MigrationPorts } from '../../src/migrate/index.js';
import { TwintreeError } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';
import { ask, assertServes, sh, World } from './world.js';

describe('a migration', () => {
  const tmp = useTempFolder('migration');

  it('goes from plan to done', async () => {
    const world = new World(tmp.path);
    assert.deepEqual(await world.conduct(ask('start'), ask('rehearse'), ask('cutover'), ask('finish')), [true, true, true, true]);
    assert.equal(world.state, 'finished');
    assertServes(world, 'new', 'after the cutover');
    assert.deepEqual(world.calls, ['forward begins', 'clone', 'session forward /clone', 'prove forward /clone', 'drop /clone', 'rest', 'prove forward', 'forward ends', 'rouse', 'back begins', 'back ends']);
    const states = world.journal.events.flatMap((event) => (event.event === 'state' ? [event.state] : []));
    assert.deepEqual(states, ['seeding', 'live', 'converging', 'freezing', 'final', 'verifying', 'switching', 'switched', 'finished']);
    const downtime = world.journal.events.find((event) => event.event === 'downtime' && !event.rehearsal);
    assert.ok(downtime?.event === 'downtime' && downtime.ok);
    assert.deepEqual(downtime.parts.map(({ part }) => part), ['freeze', 'quiet', 'final', 'verify', 'switch', 'health']);
  });

  it('goes back after the switch with what was written since, and begins again', async () => {
    const world = new World(tmp.path);
    assert.deepEqual(await world.conduct(ask('start'), ask('cutover'), ask('rollback')), [true, true, true]);
    assert.equal(world.state, 'rolled-back');
    assertServes(world, 'old', 'after the way back');
    const home = world.calls.slice(world.calls.indexOf('back begins'));
    assert.deepEqual(home, ['back begins', 'back ends', 'session back', 'prove back'], 'all is carried home and verified before the old side serves');
    assert.deepEqual(await world.conduct(ask('start'), ask('cutover')), [true, true], 'and may be tried again');
    assertServes(world, 'new', 'after the second cutover');
  });

  it('prepares the source while it is in use, and freezes it when what that wrote is there', async () => {
    const world = new World(tmp.path);
    Object.assign(world.definition.freeze, { prepare: [sh(`test -e '${tmp.at('old.serves')}' && date > '${tmp.at('prepared')}'`)] });
    let looks = 0;
    const { near } = world;
    world.near = () => ({ ...near(), lagMs: world.calls.includes('heard') && ++looks < 4 ? 60_000 : 0 });
    assert.deepEqual(await world.conduct(ask('start'), ask('cutover')), [true, true]);
    assert.ok(looks >= 4, `frozen after ${looks} looks: what was written before is not all there`);
    assert.ok(existsSync(tmp.at('prepared')));
    const order = world.journal.events.flatMap((event) => (event.event === 'hook' ? [event.part] : event.event === 'state' && event.state === 'freezing' ? ['frozen'] : []));
    assert.deepEqual(order.slice(0, 3), ['prepare', 'frozen', 'freeze']);
  });

  it('lets the mirror rest before the freeze, and go on where that fails', async () => {
    const world = new World(tmp.path);
    let restedAt = 0;
    const { forward } = world.ports;
    setPort(world, 'forward', (told) => {
      const following = forward(told);
      return { ...following, rest: async () => { await following.rest(); restedAt = world.journal.events.length; } };
    });
    Object.assign(world.definition.freeze, { hooks: [sh('exit 3')] });
    assert.deepEqual(await world.conduct(ask('start'), ask('cutover')), [true, false]);
    const frozen = world.journal.events.findIndex((event) => event.event === 'state' && event.state === 'freezing');
    assert.ok(restedAt > 0 && restedAt <= frozen, `rests after ${restedAt} events, frozen with ${frozen}`);
    assert.ok(world.calls.indexOf('rouse') > world.calls.indexOf('rest'), world.calls.join(', '));
  });

  it('thaws again by a roll-back where that had failed', async () => {
    const world = new World(tmp.path);
    const { freeze } = world.definition;
    Object.assign(freeze, { hooks: [...freeze.hooks, sh('exit 3')], thaw: [sh(`test -e '${tmp.at('mended')}' || { touch '${tmp.at('mended')}'; exit 1; }`), ...freeze.thaw] });
    assert.deepEqual(await world.conduct(ask('start'), ask('cutover'), ask('rollback')), [true, false, true]);
    assert.deepEqual(world.journal.events.flatMap((event) => (event.event === 'thawed' ? [event.ok] : [])), [false, true]);
    assertServes(world, 'old', 'after the second attempt');
  });

  it('does each thing only where it fits, and says what fits', async () => {
    const world = new World(tmp.path);
    await assert.rejects(world.conduct(ask('finish')), (error) => error instanceof TwintreeError && error.code === 'MIGRATION' && /Possible now: start, abort/.test(error.advice ?? ''));
    assert.deepEqual(await world.conduct(ask('abort')), [true]);
    assert.equal(world.state, 'aborted');
  });

  const faults: [string, (world: World) => void, string][] = [
    ['a prepare hook fails', (world) => { Object.assign(world.definition.freeze, { prepare: [sh('exit 3')] }); }, 'live'],
    ['a freeze hook fails', (world) => { Object.assign(world.definition.freeze, { hooks: [...world.definition.freeze.hooks, sh('exit 3')] }); }, 'live'],
    ['a freeze hook hangs', (world) => { Object.assign(world.definition.freeze, { hooks: [...world.definition.freeze.hooks, { ...sh('sleep 100'), timeoutMs: 100 }] }); }, 'live'],
    ['the limit passes', (world) => { Object.assign(world.definition.freeze, { hooks: [...world.definition.freeze.hooks, sh('sleep 3')], limitMs: 300 }); }, 'live'],
    ['the trees differ', (world) => { setPort(world, 'prove', async (request) => ({ ok: false, message: 'a differs', fact: { ...(await EQUAL(request)).fact, ok: false, differences: 1 } })); }, 'live'],
    ['the proof breaks', (world) => { setPort(world, 'prove', () => Promise.reject(new TwintreeError('CONNECTION_LOST', 'gone'))); }, 'live'],
    ['the last pass fails', (world) => {
      Object.assign(world.definition, { final: 'full' });
      setPort(world, 'session', async () => Promise.resolve({ ok: false, ms: 1, entries: 0, files: 0, bytes: 0, sent: 0, message: 'no space' }));
    }, 'live'],
    ['a switch hook fails', (world) => { Object.assign(world.definition.switch, { hooks: [...world.definition.switch.hooks, sh('exit 1')] }); }, 'rolled-back'],
    ['the health check fails', (world) => { Object.assign(world.definition.switch, { health: { hook: sh('exit 1'), attempts: 2, everyMs: 1 } }); }, 'rolled-back'],
  ];
  let EQUAL: MigrationPorts['prove'];
  function setPort<K extends keyof MigrationPorts>(world: World, name: K, port: MigrationPorts[K]): void {
    world.ports = { ...world.ports, [name]: port };
  }
  for (const [fault, make, state] of faults) {
    it(`leaves the old side serving where ${fault}`, async () => {
      const world = new World(tmp.path);
      EQUAL = world.ports.prove;
      make(world);
      assert.deepEqual(await world.conduct(ask('start'), ask('cutover')), [true, false]);
      assert.equal(world.state, state);
      assertServes(world, 'old', fault);
      const downtime = world.journal.events.find((event) => event.event === 'downtime');
      if (fault.startsWith('a prepare')) assert.equal(downtime, undefined, 'it was not frozen');
      else assert.ok(downtime?.event === 'downtime' && !downtime.ok, 'the interruption is told');
    });
  }

  it('stays where nobody serves rather than where two do: what undoes a switch must have worked', async () => {
    const world = new World(tmp.path);
    Object.assign(world.definition.switch, { hooks: [...world.definition.switch.hooks, sh('exit 1')], undo: [sh('exit 1')] });
    assert.deepEqual(await world.conduct(ask('start'), ask('cutover')), [true, false]);
    assert.equal(world.state, 'rolling-back');
    assertServes(world, 'new', 'the new side may be in use: the old one is not started');
    world.setServing('nobody'); // a person has stopped it
    assert.deepEqual(await world.conduct(ask('rollback', { undone: true })), [true]);
    assertServes(world, 'old', 'then');
  });

  it('does not go home with half of what was written', async () => {
    const world = new World(tmp.path);
    const { session } = world.ports;
    world.ports = { ...world.ports, session: async (direction, how) => (direction === 'back' ? { ...await session(direction, how), ok: false, message: 'the new side cannot be reached' } : session(direction, how)) };
    assert.deepEqual(await world.conduct(ask('start'), ask('cutover'), ask('rollback')), [true, true, false]);
    assert.equal(world.state, 'rolling-back');
    assertServes(world, 'nobody', 'the old side would lack what was accepted');
    assert.deepEqual(await world.conduct(ask('rollback', { loseNew: true })), [true], 'a person may say that it is lost');
    assertServes(world, 'old', 'then');
  });

  it('is ended in the middle of a cutover by a roll-back, and the source goes on', async () => {
    const world = new World(tmp.path);
    let reached: () => void = () => undefined;
    const proving = new Promise<void>((resolve) => { reached = resolve; });
    world.ports = { ...world.ports, prove: ({ signal }) => new Promise((_, reject) => { signal.addEventListener('abort', () => { reject(signal.reason as Error); }); reached(); }) };
    const { Conductor, Journal } = await import('../../src/migrate/index.js');
    const { PROGRAM } = await import('./world.js');
    const journal = Journal.open(world.folder);
    const conductor = new Conductor({ definition: world.definition, journal, ports: world.ports, folder: world.folder, program: PROGRAM });
    const ended = (what: string): Promise<void> => new Promise((resolve) => { journal.follow((event) => { if (event.event === 'operation' && event.what === what && event.phase === 'ended') resolve(); }); });
    const controller = new AbortController();
    const started = ended('start');
    const run = conductor.run(controller.signal, ask('start'));
    await started;
    await new Promise((resolve) => { setImmediate(resolve); });
    conductor.ask(ask('cutover'));
    await proving;
    assertServes(world, 'nobody', 'it is frozen');
    const back = ended('rollback');
    conductor.ask(ask('rollback'));
    await back;
    assertServes(world, 'old', 'it was thawed');
    assert.equal(world.state, 'live');
    controller.abort();
    await run;
  });
});

describe('a conductor that was killed', () => {
  const tmp = useTempFolder('migration-killed');

  /** The journal of a run, cut off behind each of its events; what was done in the world by then is done again by hand. */
  async function everyMoment(make: (world: World) => Promise<unknown>, told: (world: World, state: string, cut: number) => void): Promise<void> {
    const world = new World(tmp.path);
    await make(world);
    const lines = readFileSync(tmp.at('journal.jsonl'), 'utf8').trimEnd().split('\n');
    for (let cut = 2; cut <= lines.length; cut++) {
      const before = lines.slice(0, cut);
      const events = before.map((line) => JSON.parse(line) as { event: string; state?: string; part?: string });
      const last = (what: (event: (typeof events)[number]) => boolean): number => events.findLastIndex(what);
      const frozen = last(({ part }) => part === 'freeze');
      const up = last(({ event, part }) => event === 'hook' && part === 'switch');
      const down = last(({ part }) => part === 'undo');
      const thawed = last(({ event }) => event === 'thawed');
      world.setServing(frozen > thawed ? (up > down ? 'new' : 'nobody') : 'old');
      writeFileSync(tmp.at('journal.jsonl'), `${before.join('\n')}\n`);
      await world.recover();
      const { events: after } = world.journal;
      for (let length = cut; length <= after.length; length++) {
        const { state, operation } = standOf(after.slice(0, length)) ?? {};
        assert.ok(state !== 'switching' || operation !== undefined, `cut behind ${cut}: who waits for the switch was told its end before it`);
      }
      const ended = after.findLast((event) => event.event === 'operation' && event.what === 'cutover' && event.phase === 'ended');
      assert.ok(ended?.event !== 'operation' || ended.ok || world.state !== 'switched', `cut behind ${cut}: the cutover was done and is told as failed`);
      told(world, events.findLast(({ event }) => event === 'state')?.state ?? 'planned', cut);
    }
  }

  it('in a cutover: the next one thaws, or brings the switch to its end', async () => {
    await everyMoment((world) => world.conduct(ask('start'), ask('cutover')), (world, state, cut) => {
      const before = ['planned', 'seeding', 'live', 'converging', 'freezing', 'final', 'verifying'].includes(state);
      assertServes(world, before ? 'old' : 'new', `cut behind ${cut}, in ${state}`);
      assert.ok(before ? ['planned', 'seeding', 'live'].includes(world.state) : world.state === 'switched', `cut behind ${cut}: ${state} became ${world.state}`);
    });
  });

  it('in a way back: the next one goes it to its end', async () => {
    await everyMoment((world) => world.conduct(ask('start'), ask('cutover'), ask('rollback')), (world, state, cut) => {
      if (!['rolling-back', 'rolled-back'].includes(state)) return;
      assertServes(world, 'old', `cut behind ${cut}, in ${state}`);
      assert.equal(world.state, 'rolled-back');
    });
  });
});
