/**
 * A hostile host against the client that connects to it: it supplies to a pull, runs the session of a push, and lies. What stands here stands, nothing
 * outside is read or written, the exit code says that it went wrong, and no byte of its words reaches the terminal raw. Of the lies that a serving side
 * is told as well, every third is told here; `TWINTREE_HOSTILE=all` has all of them told.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { FrameType, type ControlMessage } from '../../src/wire/index.js';
import { OperationSender, writeOutcome, writeTotals } from '../../src/session/remote/events.js';
import { newOutcome, newTotals } from '../../src/session/outcome.js';
import { emptyOperation, OpKind, Reason } from '../../src/plan/index.js';
import type { RelPath } from '../../src/tree/index.js';
import { answeredWith, SESSION_LIES, SUPPLIER_LIES } from './remote-hostile-lies.js';
import { describeSource, folder, ofProcess, startClient, supply, type HostileEnd, type Victim } from './remote-hostile-end.js';
import { left } from './remote-cut-support.js';
import { dir, file, makeTree, readTree, symlink, time, useTempFolder, type RunResult } from '../support/index.js';

const T = time(1_600_000_000);
const MOST_MEMORY = 700 << 10;
const some = <T>(all: readonly T[]): T[] => all.filter((_, k) => process.env['TWINTREE_HOSTILE'] === 'all' || k % 3 === 0);

describe('a hostile host', () => {
  const tmp = useTempFolder('hostile-host');
  let before: string;
  let client: Victim | undefined;

  beforeEach('what it may reach, and what not', () => {
    makeTree(tmp.at('mine'), { f: file({ size: 1000, seed: 1 }, { mtime: T }), old: file({ size: 700_000, seed: 2 }, { mtime: T }), d: dir({ g: file('g', { mtime: T }) }, { mtime: T }), link: symlink('f', { mtime: T }), out: symlink('../outside', { mtime: T }) }, { mtime: T });
    makeTree(tmp.at('outside'), { secret: file('secret', { mtime: T }) }, { mtime: T });
    before = facts(tmp.at('outside'));
  });
  afterEach('end the connection', async () => {
    client?.end.close();
    await client?.finished;
    client = undefined;
  });

  const facts = (root: string): string => JSON.stringify([...readTree(root)].map(([path, f]) => [path, f.type, f.mode, f.size, String(f.mtime), f.ino]));
  function assertOutside(): void {
    assert.equal(facts(tmp.at('outside')), before);
    assert.deepEqual(left(tmp.at('mine')), []);
  }

  describe('that is pulled from', () => {
    async function pull(...args: string[]): Promise<Victim> {
      client = await startClient(tmp, ['-a', ...args, 'h:/s/', tmp.at('mine')]);
      client.end.greet('agent');
      assert.ok((await client.end.heard('open')) !== undefined);
      return client;
    }

    for (const { name, what, code, says, before: first } of some(SUPPLIER_LIES)) {
      it(`${name}: ends with ${code}`, async () => {
        const { end, finished } = await pull('--no-compress');
        describeSource(end);
        first?.(end);
        void supply(end, what);
        const done = await finished;
        assert.equal(done.code, code, done.stderr);
        assert.match(done.stderr, says);
        assertOutside();
        assert.equal(readFileSync(tmp.at('mine/old')).length, 700_000);
      });
    }

    it('a description of its sources that cannot be: ends with 12', async () => {
      for (const nodes of [[[0, '', [0], [0], 2, 2], [1, '../x', [0], [], 0, 0]], [[0, '', [7], [0], 2, 2]], 7]) {
        const { end, finished } = await pull();
        end.control({ type: 'selection', nodes });
        describeSource(end);
        assert.equal((await finished).code, 12);
      }
    });

    it('messages without end while it should supply: it is refused, and memory is bounded', async () => {
      const { end, finished, pid } = await pull();
      describeSource(end);
      assert.ok((await end.next(FrameType.Requests)) !== undefined);
      let most = 0;
      const filler = 'x'.repeat(1 << 20);
      for (let k = 0; k < 1000 && ofProcess(pid, 'VmHWM') !== undefined; k++) {
        end.control({ type: 'gift', filler });
        most = Math.max(most, ofProcess(pid, 'VmHWM') ?? 0);
        await end.written();
      }
      assert.equal((await finished).code, 12);
      assert.ok(most < MOST_MEMORY, `${most} KiB`);
    });

    it('its error while it supplies is what the run ends with', async () => {
      const { end, finished } = await pull();
      describeSource(end);
      assert.ok((await end.next(FrameType.Requests)) !== undefined);
      end.control({ type: 'error', code: 'IO', message: 'the disk there is broken' });
      const done = await finished;
      assert.equal(done.code, 11, done.stderr);
      assert.match(done.stderr, /the disk there is broken/);
    });
  });

  describe('that is pushed to', () => {
    async function push(...args: string[]): Promise<Victim> {
      client = await startClient(tmp, ['-a', ...args, `${tmp.at('mine')}/`, 'h:/t']);
      client.end.greet('agent');
      assert.ok((await client.end.heard('opened')) !== undefined);
      return client;
    }
    const outcome = (over: object = {}): ControlMessage => ({ type: 'outcome', outcome: { ...writeOutcome(newOutcome()), ...over } });

    // What the supplier itself decides is the same code as on a serving side; here: that its refusal ends the client.
    for (const { name, send, answers } of some(SESSION_LIES)) {
      it(`${name}: ${answers === undefined ? 'ends with 12' : 'is answered with an errno'}`, async () => {
        const { end, finished } = await push();
        send(end);
        if (answers !== undefined) {
          const errno = await answeredWith(end);
          assert.ok(answers.includes(errno), `errno ${errno}`);
          end.control(outcome());
        }
        const done = await finished;
        assert.equal(done.code, answers === undefined ? 12 : 0, done.stderr);
        assertOutside();
      });
    }

    const told = (path: string, name: string): ControlMessage => {
      let message: Record<string, unknown> = {};
      const sender = new OperationSender((sent) => { message = sent; });
      sender.add(Object.assign(emptyOperation(), { kind: OpKind.File, reason: Reason.New, name }), path as RelPath, 'done');
      sender.flush();
      return message as unknown as ControlMessage;
    };
    const problem = { code: 'write-failed', phase: 'apply', side: 'target', path: 'f', message: 'no', severity: 'error' };
    const plan: ControlMessage = { type: 'plan', totals: writeTotals(newTotals()) };
    const events: readonly [string, readonly ControlMessage[], number, RegExp][] = [
      ['an exit code that there is not', [outcome({ exitCode: 300 })], 12, /WIRE/], ['success, after it told of an error', [{ type: 'problem', problem }, outcome()], 23, /f/],
      ['two plans', [plan, plan, outcome()], 12, /WIRE/], ['an operation outside', [told('../../etc/passwd', 'passwd'), outcome()], 12, /WIRE/], ['an operation of nothing', [{ type: 'operations', told: [['f', 1]], records: '' }, outcome()], 12, /WIRE/],
      ['counts below zero', [outcome({ transferredFiles: -1 })], 12, /WIRE/], ['a message of no known type', [{ type: 'gift' }], 12, /WIRE/], ['a selection, as if it supplied', [{ type: 'selection', nodes: [] }], 12, /WIRE/],
      ['an error of no known code', [{ type: 'error', code: 'NICE', message: 'x' }], 12, /WIRE/], ['a problem of no known code', [{ type: 'problem', problem: { ...problem, code: 'x' } }], 12, /WIRE/],
      ['an error', [{ type: 'error', code: 'REFUSED', message: 'not here' }], 70, /not here/], ['nothing more', [], 12, /CONNECTION_LOST/],
    ];
    for (const [name, messages, code, says] of events) {
      it(`${name}: ends with ${code}`, async () => {
        const { end, finished } = await push('-i');
        for (const message of messages) end.control(message);
        if (messages.length === 0) end.close();
        const done = await finished;
        assert.equal(done.code, code, done.stderr);
        assert.match(done.stderr, says);
        assertOutside();
      });
    }

    it('no control character of its words reaches the terminal, the log or the lines of -i', async () => {
      const evil = '\u001b]0;owned\u0007\u001b[2J\u009b1m\r';
      const victim = await push('-i', '--stats', `--log-file=${tmp.at('log')}`);
      const { end, finished } = victim;
      end.control({ type: 'notice', code: `n${evil}`, message: `notice${evil}\nfake line` });
      end.control({ type: 'plan', totals: { ...writeTotals(newTotals()), rootFolders: { path: `root${evil}`, count: 1 }, renamed: { name: `name${evil}`, source: `source${evil}` } } });
      end.control(told(`path${evil}`, `path${evil}`));
      end.control({ type: 'problem', problem: { ...problem, path: `path${evil}`, message: `message${evil}` } });
      end.control({ type: 'error', code: 'IO', message: `error${evil}`, advice: `advice${evil}` });
      const done: Pick<RunResult, 'code' | 'stdout' | 'stderr'> = await finished;
      assert.equal(done.code, 11, done.stderr);
      const log = readFileSync(tmp.at('log'), 'latin1');
      for (const [where, text] of [['stdout', done.stdout], ['stderr', done.stderr], ['log', log]] as const) {
        // oxlint-disable-next-line no-control-regex -- finding them is the purpose
        assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/, where);
      }
      assert.match(done.stderr, /error/);
      assert.doesNotMatch(done.stderr, /^fake line/m);
    });
  });

  describe('that breaks off or stalls', () => {
    it('in the middle of the walk: --timeout ends it with 30, and what stands stands', async () => {
      client = await startClient(tmp, ['-a', '--delete', '--timeout=1', 'h:/s/', tmp.at('mine')]);
      const { end, finished } = client;
      end.greet('agent');
      assert.ok((await end.heard('open')) !== undefined);
      describeSource(end);
      await stallAfter(end);
      assert.equal((await finished).code, 30);
      assertOutside();
      assert.equal(readFileSync(tmp.at('mine/old')).length, 700_000);
    });

    /** Answers the walk with a folder, and says nothing more. */
    async function stallAfter(end: HostileEnd): Promise<void> {
      for await (const { channel, request } of end.asked()) {
        if (request.kind !== 'walk') continue;
        end.items(channel, [folder([['f', 0o100644, 5]])]);
        return;
      }
    }
  });

  it('that is a web server is recognised', async () => {
    client = await startClient(tmp, ['-a', 'h:/s/', tmp.at('mine')]);
    client.end.raw(Buffer.from('HTTP/1.1 200 OK\r\n\r\n<html>\u001b[2J'));
    client.end.finish();
    const done = await client.finished;
    assert.equal(done.code, 2, done.stderr);
    // oxlint-disable-next-line no-control-regex -- finding it is the purpose
    assert.doesNotMatch(done.stderr, /\u001b/);
    assertOutside();
  });
});
