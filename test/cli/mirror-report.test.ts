/** What a mirror prints: lines, one line of status on a terminal, lines of JSON. */
import assert from 'node:assert/strict';
import { createMirrorReport, type MirrorReport } from '../../src/cli/report/mirror.js';
import type { MirrorStatus } from '../../src/mirror/index.js';
import { newOutcome } from '../../src/session/index.js';
import { fromBytes, fromText } from '../../src/tree/index.js';
import { sync } from './support.js';

const status = (more: Partial<MirrorStatus>): MirrorStatus => ({
  version: 1, pid: 1, source: 's', target: 't', phase: 'following', startedAt: 1, at: 2, backend: 'inotify', lagMs: 0, backlog: { paths: 0, failed: 0, whole: false }, events: 0, overflows: 0,
  sessions: 1, fullSessions: 1, files: 0, bytes: 12345, deleted: 0, lastSuccess: 2, lastFull: 2, failure: null, failing: [], ...more,
});

function report(args: string[], isTTY = false): { report: MirrorReport; out(): string; err(): string } {
  const texts = { out: '', err: '' };
  const writer = (to: 'out' | 'err'): { write(chunk: Uint8Array): void } => ({ write: (chunk) => { texts[to] += Buffer.from(chunk).toString('utf8'); } });
  const taken = (of: 'out' | 'err') => (): string => {
    const text = texts[of];
    texts[of] = '';
    return text;
  };
  const made = createMirrorReport(sync([...args, 's/', 't']).output, { out: writer('out'), err: writer('err'), isTTY, columns: 60 }, { source: fromText('s/'), target: fromText('t'), pid: 77 });
  return { report: made, out: taken('out'), err: taken('err') };
}

describe("a mirror's report", () => {
  it('keeps one line of status at the end of a terminal', () => {
    const { report: r, out } = report([], true);
    r.status?.(status({}));
    assert.equal(out(), '\r\x1b[Kfollowing: equal, 0 paths wait; 1 sessions, 12,345 bytes');
    r.status?.(status({ at: 1002 }));
    assert.equal(out(), '', 'nothing new');
    r.session?.({ kind: 'full', paths: 0, reason: 'start', lagMs: 0 }, newOutcome());
    assert.equal(out(), '\r\x1b[Ktwintree: compared everything (start): 0 files, 0 bytes, 0 deleted\n\r\x1b[Kfollowing: equal, 0 paths wait; 1 sessions, 12,345 bytes');
    r.end();
    assert.equal(out(), '\n');
  });

  it('tells elsewhere when it is behind, once a minute, and when it has caught up', () => {
    const { report: r, out } = report([]);
    const behind = { lagMs: 1500, backlog: { paths: 1, failed: 1, whole: false } };
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
    const { report: r, out, err } = report([]);
    for (const at of [500, 1500]) r.failed?.('CONNECT', 'nobody answers', at);
    assert.equal(err(), 'twintree: nobody answers (CONNECT)\ntwintree: changes are kept; it tries again, ever more rarely\n');
    r.session?.({ kind: 'batch', paths: 1, lagMs: 5 }, newOutcome());
    assert.equal(out(), 'twintree: it goes on\n');
    r.failed?.('REFUSED', 'too many', undefined);
    assert.match(err(), /kill -USR2 77/);
    const quiet = report(['-q']);
    quiet.report.say('nothing');
    quiet.report.status?.(status({ lagMs: 9999 }));
    quiet.report.failed?.('CONNECT', 'x', 1);
    assert.deepEqual([quiet.out(), quiet.err().split('\n').length], ['', 3]);
  });

  it('writes lines of JSON with exact names', () => {
    const { report: r, out } = report(['--json']);
    r.problem?.({ code: 'write-failed', phase: 'apply', side: 'target', severity: 'error', path: fromBytes(Buffer.from([0x61, 0xff])), message: 'no', errno: 28 });
    r.failed?.('NO_SPACE', 'full', 5);
    r.end();
    const lines = out().trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(lines.map(({ type }) => type), ['hello', 'problem', 'failed', 'end']);
    assert.equal(lines[0]?.['command'], 'mirror');
    assert.deepEqual([lines[1]?.['pathBytes'], lines[1]?.['errno']], ['Yf8=', 28]);
    assert.deepEqual(lines[2], { type: 'failed', code: 'NO_SPACE', message: 'full', held: false, retryAt: 5 });
  });
});
