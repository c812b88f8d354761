/** A configuration: what it means, what jobs inherit, and that it takes the place of the last one as a whole. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseMirror, parseSync } from '../../src/cli/options/index.js';
import { ConfigError, LiveConfig, loadConfig, mirrorWords, openPace, syncWords, type JobConfig, type NoticeSpec } from '../../src/job/index.js';
import { bytes, context } from '../cli/support.js';
import { REPOSITORY } from '../support/index.js';
import { job, load, MAIN, sourceOf } from './support.js';

const words = (of: JobConfig): string[] => of.settings.flatMap((each) => each.words);
const one = (body: string, before = ''): JobConfig => job(load(`${before}jobs:\n  a:\n    source: /a/\n    targets: /b\n${body.replaceAll(/^/gm, '    ')}\n`), 'a');

describe('a configuration of jobs', () => {
  it('the complete example of the guide is right, and means what the guide says', () => {
    const example = /<!-- example -->\n```yaml\n([\s\S]*?)```/.exec(readFileSync(join(REPOSITORY, 'docs/jobs.md'), 'utf8'))?.[1] ?? '';
    const config = load(example);
    assert.deepEqual([...config.jobs.keys()], ['home', 'reports', 'www']);
    assert.equal(config.parallel, 4);
    const home = job(config, 'home');
    assert.deepEqual(words(home), ['--archive', '--hard-links', '--acls', '--xattrs', '--delete', '--delete-limit=20%', '--guard-root',
      '--include=*.tmp.keep', '--exclude=*.iso', '--filter=P /lost+found', '--filter=- *.tmp', '--filter=- .cache/']);
    assert.deepEqual(home.schedules, [{ when: { kind: 'cron', text: '30 2 * * *' }, zone: 'Europe/Berlin', jitterMs: 1_200_000, window: '22:00-06:00', catchUp: 'once' }]);
    assert.deepEqual(home.hooks, [
      { when: 'before', command: ['/usr/local/bin/dump-database', '/home/dump.sql'], timeoutMs: 900_000, onError: 'stop' },
      { when: 'failure', command: ['sh', '-c', 'logger -t backup home failed'], timeoutMs: 300_000, onError: 'ignore' },
    ]);
    assert.deepEqual(home.notices, [
      { kind: 'mail', on: ['failure', 'recovery'], to: ['ops@example.org'], from: 'twintree@example.org', server: { host: 'mail.example.org', port: 587, tls: 'starttls', user: 'backup', password: { kind: 'file', path: '/etc/twintree/smtp.secret' } } },
      { kind: 'webhook', on: ['failure', 'success'], url: 'https://chat.example.org/hooks/backup', headers: { Authorization: { kind: 'env', name: 'CHAT_TOKEN' } } },
    ] satisfies NoticeSpec[]);
    assert.deepEqual([home.runTimeMs, home.retention, home.overlap, home.priority, home.enabled], [21_600_000, { runs: 500, days: 365 }, 'skip', 50, true]);
    const reports = job(config, 'reports');
    assert.ok(!words(reports).includes('--delete'), 'false takes an inherited option away');
    assert.deepEqual(reports.schedules.map(({ zone, window, catchUp }) => [zone, window, catchUp]), [['Europe/Berlin', 'mon-fri 08:00-18:00', 'none'], ['UTC', undefined, 'none']]);
    const www = job(config, 'www');
    assert.deepEqual([www.lagMs, www.schedules, www.hooks[0]?.when], [300_000, [], 'lag']);
    assert.ok(words(www).includes('--bwlimit=mon-fri 08:00-18:00 2M, else full') && words(www).includes('--time-zone=Europe/Berlin'));
  });

  it('a job is what the command line reads: the same words, the same options', () => {
    const given = one('options: { delete: true, owner: false, xattrs: 2, max-size: 10M, chmod: [D755, F644], modify-window: 1, compress: false }\nfilters: ["- *.o", {exclude: "*.tmp"}, {exclude-from: rules}]\nlimits: {bwlimit: 2M}');
    const parsed = parseSync(bytes(syncWords(given, '/b')), context({ '/etc/twintree/rules': '- *.o\n' }));
    const same = parseSync(bytes(['-a', '--delete', '--no-o', '-XX', '--max-size=10M', '--chmod=D755', '--chmod=F644', '-@1', '--no-compress', '--bwlimit=2M', '-f- *.o', '--exclude=*.tmp', '--exclude-from=/etc/twintree/rules', '/a/', '/b']), context({ '/etc/twintree/rules': '- *.o\n' }));
    assert.deepEqual(parsed, same);
    const live = one('mode: live\noptions: { quiet-time: 1s, delete: true }');
    assert.deepEqual(parseMirror(bytes(mirrorWords(live)), context()), parseMirror(bytes(['--quiet-time=1s', '--delete', '/a/', '/b']), context()));
  });

  it('what is said nearer counts: defaults, profiles in their order and by way of others, the job', () => {
    const config = load(`
defaults: { priority: 1, jitter: 5m, options: { delete: true, acls: true }, filters: ["- d"], retention: { runs: 5, days: 7 }, notices: [{ kind: ping, url: "https://x/d" }] }
profiles:
  far: { priority: 2, options: { acls: false, xattrs: true }, filters: ["- far"] }
  near: { extends: far, overlap: queue, filters: ["- near"] }
  other: { priority: 3, options: { delete: false }, schedule: "@daily" }
jobs:
  a: { extends: [near, other], source: /a, targets: /b, filters: ["- own"], retention: { days: 9 }, notices: [] }
  b: { source: /a, targets: /b }
  c: { extends: near, source: [/a, /c], targets: [/b, host:/b], priority: 0, enabled: false }
`);
    const a = job(config, 'a');
    assert.deepEqual(words(a), ['--archive', '--no-acls', '--xattrs', '--filter=- own', '--filter=- near', '--filter=- far', '--filter=- d']);
    assert.deepEqual([a.priority, a.overlap, a.retention, a.notices, a.schedules[0]?.jitterMs], [3, 'queue', { runs: 5, days: 9 }, [], 300_000]);
    assert.deepEqual(words(job(config, 'b')), ['--archive', '--delete', '--acls', '--filter=- d']);
    const c = job(config, 'c');
    assert.deepEqual([c.priority, c.enabled, c.sources, c.targets], [0, false, ['/a', '/c'], ['/b', 'host:/b']]);
  });

  it('a profile that two others extend counts before both, and a long row of such is no burden', () => {
    const rows = Array.from({ length: 40 }, (_, k) => `  l${k}: { extends: [${k === 0 ? 'base' : `l${k - 1}, r${k - 1}`}] }\n  r${k}: { extends: [${k === 0 ? 'base' : `l${k - 1}, r${k - 1}`}], priority: ${k} }`);
    const config = load(`profiles:\n  base: { priority: 99, overlap: queue }\n${rows.join('\n')}\njobs: { a: { extends: [r0, l0], source: /a, targets: /b }, b: { extends: r39, source: /a, targets: /c } }\n`);
    assert.deepEqual([job(config, 'a').priority, job(config, 'a').overlap, job(config, 'b').priority], [0, 'queue', 39]);
  });

  it('an inherited option of the other mode is left out', () => {
    const config = load('defaults: { options: { quiet-time: 1s, checksum: true, relative: true } }\njobs:\n  a: { source: /a/, targets: /b }\n  b: { mode: live, source: /a/, targets: /b }\n');
    assert.deepEqual(words(job(config, 'a')), ['--archive', '--checksum', '--relative']);
    assert.deepEqual(words(job(config, 'b')), ['--quiet-time=1s', '--checksum']);
  });

  it('-D stands for several, and what is said of one of them counts wherever it stands', () => {
    assert.deepEqual(words(one('options: { devices: false, D: true }')), ['--archive', '-D', '--no-devices']);
  });

  it('files of conf.d belong to it, in the order of their names; profiles are seen by all', () => {
    const config = load('profiles: { p: { options: { delete: true } } }\njobs: { a: { extends: p, source: /a, targets: /b } }\n', {
      'conf.d/20.yaml': 'jobs: { c: { extends: q, source: /a, targets: /b } }', 'conf.d/10.yml': 'profiles: { q: { extends: p } }\njobs: { b: { extends: p, source: /a, targets: /b } }',
      'conf.d/.hidden.yaml': 'nonsense', 'conf.d/old.yaml.bak': 'nonsense',
    });
    assert.deepEqual([...config.jobs.keys()], ['a', 'b', 'c']);
    assert.deepEqual(config.files, [MAIN, '/etc/twintree/conf.d/10.yml', '/etc/twintree/conf.d/20.yaml']);
    assert.ok(words(job(config, 'c')).includes('--delete'));
    assert.deepEqual(job(config, 'c').place, { file: '/etc/twintree/conf.d/20.yaml', line: 1, column: 9 });
  });

  it('aliases are followed, and schedules may be short', () => {
    const config = load('jobs:\n  a: { source: /a, targets: /b, schedule: &often ["*/5 * * * *", { every: 2h }] }\n  b: { source: /a, targets: /c, schedule: *often }\n');
    assert.deepEqual(job(config, 'b').schedules, job(config, 'a').schedules);
    assert.deepEqual(job(config, 'b').schedules[1]?.when, { kind: 'interval', everyMs: 7_200_000, anchor: 0 });
  });

  it('the zone is the schedule\'s, else the job\'s, else the system\'s', () => {
    const zones = (body: string): string[] => one(body).schedules.map(({ zone }) => zone);
    assert.deepEqual(zones('schedule: "@daily"'), ['Europe/Berlin']);
    assert.deepEqual(zones('timeZone: Asia/Tokyo\nschedule: ["@daily", { cron: "@daily", timeZone: UTC }]'), ['Asia/Tokyo', 'UTC']);
  });

  it('a timetable of a scheduled job is handed to its sessions as it comes to hold', () => {
    const given = one('timeZone: UTC\nlimits: { bwlimit: "08:00-18:00 2M, else full" }');
    assert.ok(!words(given).some((word) => word.startsWith('--bwlimit')));
    let now = Date.parse('2026-11-27T07:59:00Z');
    let due: { at: number; call: () => void } | undefined;
    const { pace, close } = openPace(given.rates as NonNullable<JobConfig['rates']>, { now: () => now, later: (ms, call) => {
      due = { at: now + ms, call };
      return () => { due = undefined; };
    } });
    const told: number[] = [];
    pace.follow((rate) => { told.push(rate); });
    assert.equal(pace.bytesPerSecond, 0);
    for (const expected of ['2026-11-27T08:00:00Z', '2026-11-27T18:00:00Z', '2026-11-28T08:00:00Z']) {
      assert.equal(due?.at, Date.parse(expected));
      now = due?.at as number;
      due?.call();
    }
    assert.deepEqual(told, [2 << 20, 0, 2 << 20]);
    close();
    assert.equal(due, undefined);
  });
});

describe('reloading', () => {
  it('takes a new configuration as a whole or not at all, and tells which jobs are others', () => {
    const files: Record<string, string> = { 'twintree.yaml': 'jobs:\n  a: { source: /a, targets: /b }\n  b: { source: /a, targets: /c }\n  c: { source: /a, targets: /d }\n' };
    const live = new LiveConfig(() => loadConfig(MAIN, sourceOf(files)));
    const first = live.current;
    files['twintree.yaml'] = 'jobs:\n  a: { source: /a, targets: /b, priority: 7 }\n  b: { source: /a, targts: /c }\n';
    const refused = live.reload();
    assert.ok(!refused.ok && refused.problems.length === 2);
    assert.equal(live.current, first);
    files['twintree.yaml'] = '# moved\n\njobs:\n  d: { source: /a, targets: /e }\n  b: { source: /a, targets: [/c] }\n  a: { source: /a, targets: /b, priority: 7 }\n';
    const taken = live.reload();
    assert.ok(taken.ok);
    assert.deepEqual([taken.added, taken.removed, taken.changed], [['d'], ['c'], ['a']], 'b says the same in another place');
    assert.equal(live.current, taken.config);
    delete files['twintree.yaml'];
    assert.ok(!live.reload().ok);
    assert.equal(live.current, taken.config);
    files['twintree.yaml'] = 'jobs: [';
    assert.throws(() => new LiveConfig(() => loadConfig(MAIN, sourceOf(files))), ConfigError);
  });
});
