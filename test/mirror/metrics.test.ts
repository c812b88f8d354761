/** Metrics of mirrors: the text is what Prometheus reads, by a strict parser; it comes in a file and over HTTP. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import fc from 'fast-check';
import { MirrorMetrics } from '../../src/cli/report/mirror-metrics.js';
import { metricsText, type FollowerListener } from '../../src/mirror/index.js';
import { fromText } from '../../src/tree/index.js';
import { parseExposition as parse, startTwintree, useTempFolder } from '../support/index.js';
import { someStatus } from './some-status.js';

describe('metrics of mirrors', () => {
  const temp = useTempFolder('metrics');

  it('are the text that Prometheus reads, whatever the trees are called', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('"', '\\', '\n', 'n', '}', ',', '=') }), (source, target) => {
      const [read] = parse(metricsText([someStatus({ source, target }), someStatus({ source, target: `${target}2` })])).get('twintree_mirror_lag_seconds')?.samples ?? [];
      assert.deepEqual(read?.labels, { source, target });
    }), { seed: 7, numRuns: 15 });
    assert.equal(metricsText([]), '');
  });

  it('tell each number of a status, and leave out what there is not yet', () => {
    const held = { id: 'a', message: 'm', at: 1, deletions: 21, names: [] };
    const families = parse(metricsText([
      someStatus({ lagMs: 1500, at: 60_000, backlog: { paths: 7, failed: 3, whole: true, bytes: 9000, exact: false }, events: 5, overflows: 2, rate: 2048, pauses: ['timetable'], held, failingBy: { deferred: 2, 'write-failed': 1 }, deferred: { count: 2, files: [] }, results: { clean: 4, partial: 2, failed: 1 }, literalBytes: 77, lastSuccess: null, phase: 'held' }),
      someStatus({ target: 'other', lastSuccess: 5000 }),
    ]));
    const of = (name: string, more: Record<string, string> = {}, target = 't'): number | undefined => families.get(`twintree_mirror_${name}`)?.samples.find(({ labels }) => JSON.stringify(labels) === JSON.stringify({ source: 's', target, ...more }))?.value;
    assert.deepEqual([of('lag_seconds'), of('status_time_seconds'), of('backlog_paths'), of('backlog_bytes'), of('backlog_bytes_exact'), of('in_doubt')], [1.5, 60, 7, 9000, 0, 1]);
    assert.deepEqual([of('events_total'), of('overflows_total'), of('rate_limit_bytes'), of('paused', { reason: 'timetable' }), of('paused', { reason: 'asked' })], [5, 2, 2048, 1, 0]);
    assert.deepEqual([of('held'), of('held_deletions'), of('failing_paths', { code: 'deferred' }), of('failing_paths', { code: 'write-failed' }), of('deferred_files')], [1, 21, 2, 1, 2]);
    assert.deepEqual(['clean', 'partial', 'failed'].map((result) => of('sessions_total', { result })), [4, 2, 1]);
    assert.deepEqual([of('literal_bytes_total'), of('bytes_total'), of('phase', { phase: 'held' }), of('phase', { phase: 'following' })], [77, 12345, 1, 0]);
    assert.deepEqual([of('last_success_time_seconds'), of('last_success_time_seconds', {}, 'other'), of('rate_limit_bytes', {}, 'other'), of('info', { backend: 'inotify' }, 'other')], [undefined, 5, Infinity, 1]);
  });

  it('stand in a file that is whole at any moment, for others to read, and are written when the phase changes', async () => {
    const file = temp.at('twintree.prom');
    let now = 0;
    const metrics = new MirrorMetrics({ file: fromText(file), listen: undefined }, assert.fail, () => now);
    assert.equal(await metrics.start(), undefined);
    assert.equal(readFileSync(file, 'utf8'), '');
    assert.equal(statSync(file).mode & 0o077 & ~process.umask(), 0o044 & ~process.umask());
    const told: string[] = [];
    const listener: FollowerListener = { status: ({ phase }) => { told.push(phase); }, problem: ({ path }) => { told.push(path); } };
    const watched = metrics.watching({ follower: () => listener }).follower?.({} as never) as FollowerListener;
    watched.problem?.({ code: 'changed', phase: 'apply', path: fromText('p'), side: 'source', message: '', severity: 'warning' });
    watched.status?.(someStatus({ phase: 'copying' }));
    assert.match(readFileSync(file, 'utf8'), /phase="copying"\} 1/);
    watched.status?.(someStatus({ phase: 'copying', events: 8 }));
    assert.match(readFileSync(file, 'utf8'), /events_total\{[^}]*\} 0/, 'too soon');
    now = 5000;
    watched.status?.(someStatus({ phase: 'copying', events: 9 }));
    assert.match(readFileSync(file, 'utf8'), /events_total\{[^}]*\} 9/);
    assert.deepEqual(told, ['p', 'copying', 'copying', 'copying']);
    await assert.rejects(new MirrorMetrics({ file: fromText(temp.at('missing/x')), listen: undefined }, assert.fail).start(), /cannot be written/);
  });

  it('are served to this host, and to nobody who asks for anything else', async () => {
    const metrics = new MirrorMetrics({ file: undefined, listen: { host: '127.0.0.1', port: 0 } }, assert.fail);
    const page = await metrics.start();
    assert.ok(page !== undefined);
    try {
      metrics.watching({ follower: () => ({}) }).follower?.({} as never)?.status?.(someStatus());
      const at = `http://127.0.0.1:${page.port}`;
      const answer = await fetch(`${at}/metrics`);
      assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
      assert.ok(parse(await answer.text()).has('twintree_mirror_lag_seconds'));
      assert.deepEqual([(await fetch(`${at}/`)).status, (await fetch(`${at}/metrics`, { method: 'POST', body: 'x' })).status, (await fetch(`${at}/metrics?x`)).status], [404, 405, 200]);
      await assert.rejects(new MirrorMetrics({ file: undefined, listen: { host: '127.0.0.1', port: page.port } }, assert.fail).start(), /cannot be served/);
      const socket = net.connect(page.port, '127.0.0.1'); // says nothing, and does not keep it from ending
      await new Promise((resolve) => { socket.once('connect', resolve); });
      socket.on('error', () => undefined);
    } finally {
      await metrics.close();
    }
  });

  it('come from a mirror at work, and say at its end that it stopped', async () => {
    mkdirSync(temp.at('s'));
    writeFileSync(temp.at('s/f'), 'content');
    const file = temp.at('m.prom');
    const mirror = startTwintree(['mirror', '--json', `--metrics=${file}`, '--metrics-listen=0', `${temp.at('s')}/`, temp.at('t')], { env: { TWINTREE_STATE_DIR: temp.at('state') } });
    try {
      assert.ok(await mirror.output(/"type":"status"[^\n]*"phase":"following"/));
      const said = /metrics at (http:[^"]*)/.exec((await mirror.kill('SIGTERM')).stdout);
      assert.match(said?.[1] ?? '', /^http:\/\/127\.0\.0\.1:[1-9][0-9]*\/metrics$/);
    } finally {
      await mirror.kill('SIGKILL');
    }
    const families = parse(readFileSync(file, 'utf8'));
    assert.equal(families.get('twintree_mirror_phase')?.samples.find(({ labels }) => labels['phase'] === 'stopped')?.value, 1);
    assert.equal(families.get('twintree_mirror_files_total')?.samples[0]?.value, 1);
    assert.ok(!existsSync(`${file}.new`));
  });
});
