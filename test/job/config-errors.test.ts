/** A bad configuration of every kind is refused, with the right line and column, and the nearest right word. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { REPOSITORY } from '../support/index.js';
import { mistakes, problems } from './support.js';

/** A job with one line of its own, the fourth. */
const line = (text: string, mode = 'scheduled'): string => `jobs:\n  a: # ${mode}\n    source: ${mode === 'live' ? '/a/' : '/a'}\n    ${text}\n    targets: /b\n${mode === 'live' ? '    mode: live\n' : ''}`;

/** What stands in that line, and what is said of it: the column, counted from the line's text, and words of the message. */
const JOB: [string, number, RegExp][] = [
  ['shedule: "0 2 * * *"', 1, /no key "shedule", did you mean "schedule"\?/], ['catch-up: all', 1, /did you mean "catchUp"/], ['sources: /x', 1, /did you mean "source"/], ['xyzzy: 1', 1, /no key "xyzzy"$/],
  ['schedule: "0 25 * * *"', 14, /^"25" is no hour/], ['schedule: 0 2 30 2 *', 15, /no month has such a day/], ['schedule: [{cron: 0 2 * *}]', 19, /4 fields/], ['schedule: {every: 15}', 19, /a time such as 15m is wanted/],
  ['schedule: {every: 1x}', 19, /"1x" is not a time/], ['schedule: {every: 10ms}', 19, /out of range/], ['schedule: {}', 11, /lacks cron or every/], ['schedule: {cron: "@daily", every: 5m}', 11, /both cron and every/],
  ['schedule: {cron: "@daily", anchor: 2026-01-01T00:00Z}', 36, /anchor is for every/], ['schedule: {every: 5m, anchor: 2026-01-01}', 31, /not a moment/], ['schedule: {every: 5m, jitter: 5m}', 31, /jitter is as long as the interval/],
  ['schedule: {every: 5m, every: 6m}', 23, /there twice/],
  ['timeZone: Europe/Berln', 11, /did you mean "Europe\/Berlin"/], ['window: mon-fri 22-6 2M', 22, /"2M" is one too many/], ['window: "mun 8-9"', 10, /"mun" is no day/], ['jitter: 5', 9, /wanted here, and this is 5/], ['jitter: 2d', 9, /out of range/],
  ['catchUp: twice', 10, /"twice" is not known/], ['catchUp: [once]', 10, /a list is not known/], ['overlap: cancel', 10, /did you mean "cancel-previous"/], ['mode: lives', 7, /did you mean "live"/], ['priority: 101', 11, /from 0 to 100/], ['priority: 1.5', 11, /whole number/],
  ['enabled: yes', 10, /true or false is wanted here, and this is "yes"/], ['description: 5', 14, /a description is wanted/], ['retention: 5', 12, /retention is a map of runs, days/], ['retention: {runs: 0}', 19, /from 1 to/],
  ['extends: nope', 10, /no profile "nope"/], ['limits: {bandwidth: 5}', 10, /no key "bandwidth"/], ['limits: {bwlimit: fast}', 19, /--bwlimit=fast is not a size/], ['limits: {bwlimit: "mon 2M, tue 3X"}', 32, /"3X" is no limit/], ['limits: {bwlimit: "8-18 off"}', 19, /not paused by "off"/],
  ['limits: {lag: 5m}', 15, /a scheduled job has no lag/], ['limits: {runTime: 0s}', 19, /out of range/],
  ['options: {maxsize: 10}', 11, /no option "maxsize", did you mean "max-size"/], ['options: {max-size: ten}', 11, /--max-size=ten is not a size/], ['options: {delete: 7}', 19, /delete is true or false/], ['options: {max-size: true}', 21, /max-size wants a value \(SIZE\)/],
  ['options: {max-size: []}', 21, /an empty list/], ['options: {no-owner: true}', 11, /no-owner is said as owner: false/], ['options: {archive: true}', 11, /archive is not an option of a job/], ['options: {exclude: x}', 11, /not an option of a job/],
  ['options: {bwlimit: 1}', 11, /not an option of a job/], ['options: {dry-run: true}', 11, /not an option of a job/], ['options: {progress: true}', 11, /not an option of a job/], ['options: {quiet-time: 1s}', 11, /sync does not take --quiet-time/],
  ['options: {crtimes: true}', 11, /no option "crtimes"/], ['options: {delete-before: true, delete-after: true}', 11, /only one of --delete-before/], ['options: {recursive: false, delete: true}', 11, /--delete does not work without --recursive/],
  ['options: {files-from: "-"}', 23, /no standard input/], ['options: {delete-during: true, del: true}', 32, /del is another name of delete-during/], ['options: [delete]', 10, /a map by their long names/],
  ['filters: "- x"', 10, /a list is wanted here/], ['filters: [x y]', 11, /the filter rule "x y"/], ['filters: [{exclud: x}]', 12, /did you mean "exclude"/], ['filters: [{exclude: [x]}]', 21, /wants a pattern or a file/], ['filters: [{exclude-from: none}]', 26, /cannot be read/],
  ['filters: [{exclude: x, include: y}]', 24, /one rule/], ['filters: [[x]]', 11, /this is a list/],
  ['hooks: [{command: x}]', 9, /a hook lacks when/], ['hooks: [{when: befor, command: x}]', 16, /did you mean "before"/], ['hooks: [{when: after, command: []}]', 32, /list is empty/], ['hooks: [{when: after, command: x, onError: stop}]', 44, /can stop nothing/],
  ['hooks: [{when: lag, command: x}]', 9, /scheduled job has no lag/], ['hooks: [{when: after, command: x, timeout: 5}]', 44, /a time such as 15m/],
  ['notices: [{url: "https://x"}]', 11, /a notice lacks kind/], ['notices: [{kind: pong}]', 18, /did you mean "ping"/], ['notices: [{kind: ping}]', 11, /a ping lacks url/], ['notices: [{kind: ping, url: "ftp://x"}]', 30, /no address of the web/],
  ['notices: [{kind: webhook, url: "https://me:hunter2@x/"}]', 33, /a user or password does not stand in an address/], ['notices: [{kind: webhook, url: "https://x", headers: {Authorization: Bearer abc}}]', 70, /the secret of Authorization does not stand/],
  ['notices: [{kind: webhook, url: "https://x", headers: {X: "${env:1X}"}}]', 59, /no name of an environment variable/], ['notices: [{kind: mail, from: a@b, to: nobody}]', 39, /no mail address/], ['notices: [{kind: mail, from: a@b, to: []}]', 39, /list is empty/],
  ['notices: [{kind: mail, from: a@b, to: a@b, server: {user: u, password: hunter2}}]', 72, /a secret does not stand in the configuration/], ['notices: [{kind: mail, from: a@b, to: a@b, server: {user: u}}]', 59, /a user without a password/],
  ['notices: [{kind: mail, from: a@b, to: a@b, server: {password: "${env:P}"}}]', 63, /a password without a user/], ['notices: [{kind: mail, from: a@b, to: a@b, server: {host: mx, tls: none, user: u, password: "${env:P}"}}]', 68, /in the clear/],
  ['notices: [{kind: mail, from: a@b, to: a@b, on: [failed]}]', 49, /"failed" is not known/],
];

const LIVE: [string, number, RegExp][] = [
  ['schedule: "0 2 * * *"', 11, /a live job has no schedule/], ['window: 8-9', 9, /no window/], ['limits: {runTime: 1h}', 19, /no runTime/], ['options: {relative: true}', 11, /mirror does not take --relative/],
  ['hooks: [{when: lag, command: x}]', 9, /no limit of it/], ['notices: [{kind: mail, from: a@b, to: a@b, on: lag}]', 11, /no limit of it/], ['limits: {bwlimit: "mon 2M, tue 3X"}', 32, /"3X" is no limit/], ['options: {longest-delay: 1ms}', 11, /--longest-delay is shorter/],
];

/** A whole file, and all that is said of it. */
const FILES: [string, RegExp[]][] = [
  ['jobs:\n  a:\n    schedule: * * * * *\n', [/^3:15: /]], ['jobs:\n\ta: 1\n', [/^2:1: tabs/]], ['jobs: [\n', [/^2:1: /]], ['jobs:\n  a:\n    schedule: @daily\n', [/^3:15: .*reserved character @/]],
  ['jobs: {}\njobs: {}\n', [/^2:1: the key is there twice/]], ['jobs: {}\n---\njobs: {}\n', [/^2:1: .*second document/]], ['jobs: &x\n  a: *x\n', [/^2:6: \*x is inside/]], ['jobs: !mine {}\n', [/^1:7: /]],
  ['jobs:\n  a: { <<: {}, source: /a, targets: /b }\n', [/^2:8: merge keys/]], ['- a\n', [/^1:1: a configuration is a map/]], ['text', [/^1:1: a configuration is a map/]], ['jobs: { ? [a] : b }\n', [/^1:11: a key is a word/]],
  ['job: {}\n', [/^1:1: .*"job", did you mean "jobs"/]], ['jobs: { "bad name": { source: /a, targets: /b } }\n', [/^1:9: "bad name" is no name/]], ['jobs:\n  a:\n', [/^2:5: a job is a map/]],
  ['jobs: { a: {} }\n', [/^1:9: the job a lacks its source/, /^1:9: the job a lacks its targets/]], ['jobs: { a: { source: data, targets: "b:" } }\n', [/^1:22: "data" is no whole path/]],
  ['jobs: { a: { source: host:/a, targets: host:/b } }\n', [/^1:40: source and target cannot both be on other hosts/]], ['jobs: { a: { source: /a, targets: [/b, /b] } }\n', [/^1:40: \/b is there twice/]],
  ['jobs: { a: { source: [/a, "h:/c"], targets: /b } }\n', [/^1:\d+: sources must all be here/]], ['jobs: { a: { mode: live, source: [/a/, /b/], targets: /c } }\n', [/^1:34: a live job has one source/]],
  ['jobs: { a: { mode: live, source: /a, targets: /c } }\n', [/^1:34: mirror follows the content of a folder/]], ['jobs: { a: { mode: live, source: "h:/a/", targets: /c } }\n', [/^1:34: a source on another host cannot be followed/]],
  ['profiles: { p: { extends: q }, q: { extends: p } }\n', [/^1:27: the profile p extends itself by way of q/, /^1:46: the profile q extends itself/]], ['profiles: { p: { extends: p } }\n', [/^1:27: the profile p extends itself/]],
  ['profiles: { p: { options: { max-size: x } } }\n', [/^1:29: --max-size=x is not a size/]], ['defaults: { extends: p }\n', [/^1:13: defaults has no key "extends"/]], ['agent: { parallel: 0 }\n', [/^1:20: a whole number from 1/]],
  ['defaults: { options: { max-size: x } }\njobs: { a: { source: /a, targets: /b }, b: { source: /a, targets: /c } }\n', [/^1:24: --max-size=x is not a size/]],
];

describe('a bad configuration is refused', () => {
  for (const [text, column, message] of JOB) it(text, () => { assertOne(line(text), column, message); });
  for (const [text, column, message] of LIVE) it(`${text} (live)`, () => { assertOne(line(text, 'live'), column, message); });
  for (const [text, messages] of FILES) {
    it(JSON.stringify(text), () => {
      const found = mistakes(text);
      assert.equal(found.length, messages.length, found.join('\n'));
      for (const [k, message] of messages.entries()) assert.match(found[k] as string, message);
    });
  }

  it('all at once, in the order of the file, each with its own place, and no secret is repeated', () => {
    const found = mistakes([
      'default: {}', 'jobs:', '  one:', '    source: /a', '    targets: /b', '    priority: high', '    options: {max-size: x, min-size: y}', '  two:', '    mode: live', '    source: /a', '    targets: h:/b',
      '    notices: [{kind: mail, to: a@b, from: a@b, server: {user: u, password: hunter2}}]', '',
    ].join('\n'));
    assert.deepEqual(found.map((each) => /^\d+:\d+/.exec(each)?.[0]), ['1:1', '6:15', '7:15', '7:28', '10:13', '12:76']);
    assert.ok(!found.join().includes('hunter2'));
  });

  it('in conf.d, too: with the file\'s name; what is there twice is told with its first place; defaults stand in the main file only', () => {
    assert.deepEqual(mistakes('jobs: { a: { source: /a, targets: /b } }', { 'conf.d/x.yaml': 'defaults: {}\njobs:\n  a: { source: /a, targets: /c }\n  b: { source: /a }\n' }), [
      '/etc/twintree/conf.d/x.yaml:1:11: defaults stands in the main file only', '/etc/twintree/conf.d/x.yaml:3:3: there is a job a already', '/etc/twintree/conf.d/x.yaml:4:3: the job b lacks its targets',
    ]);
    assert.equal(problems('jobs: { a: { source: /a, targets: /b } }', { 'conf.d/x.yaml': 'jobs: { a: { source: /a, targets: /c } }' })[0]?.advice, 'It is at /etc/twintree/twintree.yaml:1:9.');
  });

  it('aliases do not make a small file large', () => {
    const levels = Array.from({ length: 12 }, (_, k) => `  p${k + 1}: &p${k + 1} [${Array(10).fill(k === 0 ? 'x' : `*p${k}`).join(', ')}]`);
    const found = mistakes(`profiles:\n${levels.join('\n')}\n`);
    assert.ok(found.some((each) => /more than 100000 values/.test(each)), found.slice(0, 3).join('\n'));
  });
});

function assertOne(text: string, column: number, message: RegExp): void {
  const found = mistakes(text);
  assert.equal(found.length, 1, found.join('\n'));
  const [, at, what] = /^(\d+:\d+): (.*)$/.exec(found[0] as string) ?? [];
  assert.match(what ?? '', message);
  assert.equal(at, `4:${column + 4}`, what);
  const [problem] = problems(text);
  assert.ok(problem?.advice === undefined || problem.advice.length > 10);
}

describe('a damaged configuration', () => {
  const example = /<!-- example -->\n```yaml\n([\s\S]*?)```/.exec(readFileSync(join(REPOSITORY, 'docs/jobs.md'), 'utf8'))?.[1] ?? '';

  it('is refused with places inside of the file, or read, whatever was done to it', () => {
    const piece = fc.oneof(fc.constantFrom('', ' ', '\n', ':', '- ', '{', '}', '[', '"', '*', '&a ', '*a', '!x ', '\t', '#', '<<: ', '5', 'null', '---\n', '${', '|\n'), fc.string({ maxLength: 3 }));
    const edits = fc.array(fc.record({ at: fc.nat(example.length), cut: fc.nat(12), put: piece }), { minLength: 1, maxLength: 4 });
    let refused = 0;
    fc.assert(fc.property(edits, (list) => {
      let text = example;
      for (const { at, cut, put } of list) text = text.slice(0, at) + put + text.slice(at + cut);
      const lines = text.split('\n');
      for (const { place, message } of problems(text)) {
        refused++;
        assert.ok(place.line >= 1 && place.line <= lines.length && place.column >= 1 && place.column <= (lines[place.line - 1]?.length ?? 0) + 1, `${JSON.stringify(place)} ${message}`);
        assert.doesNotMatch(message, /[\n\r]|undefined|\[object/);
      }
    }), { seed: 17, numRuns: 150 });
    assert.ok(refused > 100);
  });
});
