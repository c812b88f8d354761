/**
 * A hostile client on a connection that stays: what it says between two sessions, in the middle of one, and after any number of them; and an old connection whose
 * client has come back over another one.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import type { ControlMessage } from '../../src/wire/index.js';
import { describeSource, ofProcess, openMessage, optionsOf, startServer, supply, type HostileEnd, type Victim } from './remote-hostile-end.js';
import { left } from './remote-cut-support.js';
import { file, makeTree, time, treePaths, twintree, useTempFolder } from '../support/index.js';

const T = time(1_600_000_000);
const SESSIONS = 60;
/** KiB; what sessions leave to the collector is some 80 MiB. */
const MOST_MEMORY = 400 << 10;

describe('a hostile client on a connection that stays', () => {
  const tmp = useTempFolder('hostile-standing');
  const victims: Victim[] = [];
  beforeEach(() => {
    makeTree(tmp.at('srv'), { f: file('mine', { mtime: T }) }, { mtime: T });
    mkdirSync(tmp.at('state'));
  });
  afterEach('end the connections', async () => {
    for (const { end, finished } of victims.splice(0)) {
      end.close();
      await finished;
    }
  });

  function serve(...args: string[]): Victim {
    const victim = startServer(tmp, args.length > 0 ? args : ['serve', '--stdio', '--root', tmp.at('srv'), '--write-only', '--refuse=delete']);
    victims.push(victim);
    victim.end.greet('client', ['standing', 'durable']);
    void supply(victim.end, {});
    return victim;
  }
  /** Opens a session over one empty folder, without deletion. Resolves with its last word. */
  async function session(end: HostileEnd, over: Record<string, unknown> = {}): Promise<ControlMessage | undefined> {
    begin(end, over);
    return end.either('outcome', 'error');
  }
  function begin(end: HostileEnd, over: Record<string, unknown> = {}): void {
    end.control(openMessage('session', { options: optionsOf('-a', '--durable'), ...over }));
    describeSource(end);
  }
  const again = (end: HostileEnd): void => { end.control({ type: 'again' }); };
  /** Where the agent is told this while its session waits for the sources' description. */
  const midSession: readonly [string, ControlMessage][] = [['another session', { type: 'again' }], ['a second opening', openMessage('session', { options: optionsOf('-a') })]];

  for (const [what, message] of midSession) {
    it(`${what} in the middle of one: ends with 12`, async () => {
      const { end, finished } = serve();
      begin(end);
      end.control(message);
      await end.ended;
      end.close();
      assert.equal((await finished).code, 12);
    });
  }

  const between: readonly [string, ControlMessage, number][] = [
    ['an outcome', { type: 'outcome' }, 12], ['another session once more', { type: 'again' }, 12], ['another root', openMessage('session', { options: optionsOf('-a'), root: 'data' }), 70],
    ['options that it refuses', openMessage('session', { options: optionsOf('-a', '--delete') }), 70], ['the other direction', openMessage('supplier', { options: optionsOf('-a') }), 70],
    ['options that it does not know', openMessage('session', { options: { evil: 1 } }), 12],
  ];
  for (const [what, message, code] of between) {
    it(`${what} after a session: ends with ${code}, as before it`, async () => {
      const { end, finished } = serve();
      assert.equal((await session(end))?.type, 'outcome');
      again(end);
      end.control(message);
      assert.ok(await end.heard('error') !== undefined);
      await end.ended;
      end.close();
      assert.equal((await finished).code, code);
      assert.deepEqual(treePaths(tmp.at('srv')), ['f']);
      assert.deepEqual(left(tmp.at('srv')), []);
    });
  }

  it(`${SESSIONS} sessions, each with answers that nobody waited for: all as the first one, and no handle or memory more`, async () => {
    const { end, pid, finished } = serve();
    const handles: number[] = [];
    const memory: number[] = [];
    for (let k = 0; k < SESSIONS; k++) {
      const last = await session(end, { seed: { low: k, high: 7 }, target: k % 2 === 0 ? '.' : `new${k % 7}` });
      assert.equal(last?.type, 'outcome', JSON.stringify(last));
      end.items(1, [{ kind: 'walk-end' }]);
      end.items(9, [{ kind: 'literal', bytes: Buffer.alloc(100_000) }]);
      again(end);
      end.items(2, [{ kind: 'walk-end' }]);
      handles.push(readdirSync(`/proc/${pid}/fd`).length);
      memory.push(ofProcess(pid, 'VmHWM') ?? 0);
    }
    assert.ok((handles.at(-1) ?? 0) <= Math.max(...handles.slice(0, 10)), handles.join(' '));
    assert.ok((memory.at(-1) ?? Infinity) < MOST_MEMORY, memory.join(' '));
    end.control({ type: 'close' });
    assert.equal((await finished).code, 0);
  });

  it('points: before a session has worked here they are about nothing; a flood of them is one small note; what is none ends with 12', async () => {
    const notes = (): string[] => (existsSync(tmp.at('state/standby')) ? readdirSync(tmp.at('state/standby')) : []);
    const point = { source: { host: 'a', path: '/s', identity: 'i0:1-b2.3' }, at: 5, upTo: 4, exact: true, durable: true, deletes: true, copied: true, phase: 'following', waiting: 0, waitingBytes: 0, failing: 0, names: [], held: 0 };
    const { end, finished } = serve('--server');
    end.control({ type: 'point', last: true, point });
    const target = { target: tmp.at('srv'), lineage: 'ab'.repeat(8) };
    assert.equal((await session(end, { ...target, target: tmp.at('srv/none/such') }))?.type, 'error');
    await finished;
    assert.deepEqual(notes(), []);
    const flood = serve('--server');
    assert.equal((await session(flood.end, target))?.type, 'outcome');
    again(flood.end);
    for (let k = 0; k < 5000; k++) flood.end.control({ type: 'point', last: k % 2 === 0, point: { ...point, upTo: k } });
    flood.end.control({ type: 'point', last: true, point: { ...point, names: Array.from({ length: 21 }, () => 'x') } });
    await flood.end.ended;
    assert.equal((await flood.finished).code, 12);
    assert.ok(notes().length === 1 || notes().length === 2, notes().join(' '));
    assert.ok(notes().every((name) => statSync(tmp.at('state/standby', name)).size < 1000));
  });

  it('to a target that was promoted: it is refused, however often it asks, and an older one is told so in words that it knows', async () => {
    assert.equal(twintree(['promote', '--yes', '--force', tmp.at('srv')], { env: { TWINTREE_STATE_DIR: tmp.at('state') } }).code, 0);
    for (const args of [['--server'], ['serve', '--stdio', '--root', tmp.at('srv'), '--write-only']]) {
      const { end, finished } = serve(...args);
      assert.equal((await session(end, args.length > 1 ? {} : { target: tmp.at('srv/new') }))?.['code'], 'REFUSED');
      assert.equal((await finished).code, 70);
    }
    assert.deepEqual(treePaths(tmp.at('srv')), ['f']);
  });

  it('an old connection whose client has come back over another one: it is not its turn any more', async () => {
    const old = serve('--server');
    const target = { target: tmp.at('srv'), lineage: 'ab'.repeat(8) };
    assert.equal((await session(old.end, target))?.type, 'outcome');
    again(old.end);
    const fresh = serve('--server');
    assert.equal((await session(fresh.end, target))?.type, 'outcome');
    again(fresh.end);
    assert.equal((await session(old.end, target))?.['code'], 'FENCED');
    assert.equal((await old.finished).code, 75);
    assert.equal((await session(fresh.end, target))?.type, 'outcome');
  });

  it('of another client: it waits for nobody between two sessions', async () => {
    const [one, other] = [serve('--server'), serve('--server')];
    for (let k = 0; k < 2; k++) {
      for (const [side, lineage] of [[one, 'ab'], [other, 'cd']] as const) {
        assert.equal((await session(side.end, { target: tmp.at('srv'), lineage: lineage.repeat(8) }))?.type, 'outcome');
        again(side.end);
      }
    }
  });
});
