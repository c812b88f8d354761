/** What a mirror prints: lines, one line of status on a terminal, lines of JSON. */
import assert from 'node:assert/strict';
import { createMirrorReport, type MirrorReport } from '../../src/cli/report/mirror.js';
import type { FollowerListener } from '../../src/mirror/index.js';
import { newOutcome } from '../../src/session/index.js';
import { fromBytes, fromText, TwintreeError } from '../../src/tree/index.js';
import { someStatus as status } from '../mirror/some-status.js';
import { sync } from './support.js';

function report(args: string[], isTTY = false, targets = ['t']): { report: MirrorReport; r: FollowerListener; others: FollowerListener[]; out(): string; err(): string } {
  const texts = { out: '', err: '' };
  const writer = (to: 'out' | 'err'): { write(chunk: Uint8Array): void } => ({ write: (chunk) => { texts[to] += Buffer.from(chunk).toString('utf8'); } });
  const taken = (of: 'out' | 'err') => (): string => {
    const text = texts[of];
    texts[of] = '';
    return text;
  };
  const made = createMirrorReport(sync([...args, 's/', 't']).output, { out: writer('out'), err: writer('err'), isTTY, columns: 60, rows: 5 }, { source: fromText('s/'), targets: targets.map(fromText), pid: 77 });
  const [r, ...others] = targets.map((target) => made.follower({ pair: { source: fromText('s'), target: fromText(target) } })) as [FollowerListener, ...FollowerListener[]];
  return { report: made, r, others, out: taken('out'), err: taken('err') };
}

describe("a mirror's report", () => {
  it('keeps one line of status at the end of a terminal', () => {
    const { report: whole, r, out } = report([], true);
    r.status?.(status({}));
    assert.equal(out(), '\r\x1b[Kfollowing: equal, 0 paths wait; 1 sessions, 12,345 bytes');
    r.status?.(status({ at: 1002 }));
    assert.equal(out(), '', 'nothing new');
    r.session?.({ kind: 'full', paths: 0, reason: 'start', lagMs: 0 }, newOutcome());
    assert.equal(out(), '\r\x1b[Ktwintree: compared everything (start): 0 files, 0 bytes, 0 deleted\n\r\x1b[Kfollowing: equal, 0 paths wait; 1 sessions, 12,345 bytes');
    whole.end();
    assert.equal(out(), '\n');
  });

  it('tells elsewhere when it is behind, once a minute, and when it has caught up', () => {
    const { r, out } = report([]);
    const behind = { lagMs: 1500, backlog: { paths: 1, failed: 1, whole: false, bytes: 0, exact: true } };
    for (const at of [0, 30_000, 59_999]) r.status?.(status({ at, ...behind }));
    assert.equal(out(), 'twintree: following: 1.5 s behind, 1 path waits (1 failed before); 1 sessions, 12,345 bytes\n');
    r.status?.(status({ at: 60_000, ...behind }));
    assert.notEqual(out(), '');
    r.status?.(status({ at: 61_000 }));
    assert.match(out(), /equal/);
    r.status?.(status({ at: 62_000 }));
    assert.equal(out(), '');
  });

  it('tells a failure once as long as it lasts, and how to go on where it is held', () => {
    const { r, out, err } = report([]);
    for (const at of [500, 1500]) r.failed?.('CONNECT', 'nobody answers', at);
    assert.equal(err(), 'twintree: nobody answers (CONNECT)\ntwintree: changes are kept; it tries again, ever more rarely\n');
    r.session?.({ kind: 'batch', paths: 1, lagMs: 5 }, newOutcome());
    assert.equal(out(), 'twintree: it goes on\n');
    r.failed?.('REFUSED', 'too many', undefined);
    assert.match(err(), /twintree approve \(or kill -USR2 77\)/);
    const quiet = report(['-q']);
    quiet.report.say('nothing');
    quiet.r.status?.(status({ lagMs: 9999 }));
    quiet.r.failed?.('CONNECT', 'x', 1);
    assert.deepEqual([quiet.out(), quiet.err().split('\n').length], ['', 3]);
  });

  it('has a line of status for each target, as many as the terminal has room for, and names the target in all that is told of it', () => {
    const { r, others, out, err } = report([], true, ['a', 'host:b', 'c', 'd']);
    const equal = 'following: equal, 0 paths wait; 1 sessions, 12,345 bytes';
    r.status?.(status({}));
    others[0]?.status?.(status({ phase: 'waiting', lagMs: 3000, backlog: { paths: 2, failed: 0, whole: false, bytes: 0, exact: true } }));
    const second = 'host:b: waiting: 3.0 s behind, 2 paths wait; 1 sessions, 12,345 bytes'.slice(0, 59);
    assert.equal(out(), `\r\x1b[Ka: ${equal}\r\x1b[Ka: ${equal}\n${second}`);
    others[1]?.status?.(status({}));
    out();
    others[2]?.status?.(status({}));
    assert.equal(out(), `\r\x1b[K\x1b[1A\x1b[K\x1b[1A\x1b[Ka: ${equal}\n${second}\nand 2 more targets`);
    others[0]?.failed?.('CONNECT', 'nobody answers', 5);
    assert.match(err(), /^twintree: host:b: nobody answers \(CONNECT\)\n/);
    out();
    r.ended?.(new TwintreeError('USAGE', 'a mistake'));
    assert.match(err(), /^twintree: a: a mistake \(USAGE\): nothing more is done for this target/);
    assert.equal(out(), `\r\x1b[K\x1b[1A\x1b[K\x1b[1A\x1b[K\r\x1b[Ka: ${equal}\n${second}\nand 2 more targets`);
    const plain = report([], false, ['a', 'host:b']);
    plain.others[0]?.status?.(status({ lagMs: 2000 }));
    assert.match(plain.out(), /^twintree: host:b: following: 2.0 s behind/);
    plain.r.status?.(status({}));
    assert.equal(plain.out(), '', 'the other is another matter');
  });

  it('writes lines of JSON with exact names', () => {
    const { report: whole, r, out } = report(['--json']);
    r.problem?.({ code: 'write-failed', phase: 'apply', side: 'target', severity: 'error', path: fromBytes(Buffer.from([0x61, 0xff])), message: 'no', errno: 28 });
    r.failed?.('NO_SPACE', 'full', 5);
    whole.end();
    const lines = out().trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(lines.map(({ type }) => type), ['hello', 'problem', 'failed', 'end']);
    assert.equal(lines[0]?.['command'], 'mirror');
    assert.deepEqual(lines[0]?.['targets'], [{ path: 't' }]);
    assert.deepEqual([lines[1]?.['pathBytes'], lines[1]?.['errno']], ['Yf8=', 28]);
    assert.deepEqual(lines[2], { type: 'failed', target: 't', code: 'NO_SPACE', message: 'full', held: false, retryAt: 5 });
  });
});
