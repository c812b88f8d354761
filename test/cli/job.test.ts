/** twintree job check, list, next and explain, on files of a disk. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/cli/commands/job.js';
import { configFile } from '../../src/cli/jobs/source.js';
import { fromText } from '../../src/tree/index.js';
import { tempFolder, type TempFolder } from '../support/index.js';
import { bytes } from './support.js';

interface Ran { code: number; out: string; err: string }

/** Runs the command in this process. */
async function job(...args: string[]): Promise<Ran> {
  const ran = { code: -1, out: '', err: '' };
  const [out, err] = [process.stdout.write, process.stderr.write];
  process.stdout.write = ((text: string) => { ran.out += text; return true; }) as typeof process.stdout.write;
  process.stderr.write = ((text: string) => { ran.err += text; return true; }) as typeof process.stderr.write;
  try {
    ran.code = await run(bytes(args));
  } finally {
    process.stdout.write = out;
    process.stderr.write = err;
  }
  return ran;
}

describe('twintree job', () => {
  let home: TempFolder;
  let file = '';
  const write = (name: string, text: string): string => {
    const path = join(home.path, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  before(() => {
    home = tempFolder('job');
    mkdirSync(join(home.path, 'data/sub'), { recursive: true });
    mkdirSync(join(home.path, 'conf.d'));
    write('data/sub/a.tmp', '');
    write('rules', '- *.o\n');
    file = write('twintree.yaml', [
      'defaults: { timeZone: Europe/Berlin }',
      'profiles: { p: { filters: ["- *.tmp"] } }',
      'jobs:',
      '  nightly:',
      '    extends: p',
      `    source: ${home.path}/data/`,
      `    targets: [${home.path}/copy, host:/copy]`,
      '    schedule: 30 2 * * *',
      '    jitter: 20m',
      '    window: 22-6',
      '    filters:',
      '      - include: sub/keep.tmp',
      '      - exclude-from: rules',
      '      - P /lost+found',
      `  live: { mode: live, source: ${home.path}/data/, targets: host:/live }`,
      '  off: { enabled: false, source: /a, targets: /b, schedule: "@hourly" }',
      '',
    ].join('\n'));
    write('conf.d/hand.yaml', 'jobs: { hand: { source: /a, targets: /b, notices: [{ kind: webhook, url: "https://x/", headers: { Authorization: "${file:../token}" } }] } }\n');
  });
  after(() => home.remove());

  it('check tells that all is well, and warns of secrets that are not there or that others can read', async () => {
    const token = `${home.path}/token`;
    assert.deepEqual(await job('check', `--config=${file}`), { code: 0, out: `${file} and 1 more: 4 jobs, nothing is wrong\n`, err: `warning: ${home.path}/conf.d/hand.yaml:1:9: ${token}: no such file or directory (notices of hand)\n` });
    write('token', 'x');
    chmodSync(token, 0o644);
    assert.match((await job('check', `--config=${file}`)).err, /token can be used by others than its user \(mode 644\) \(notices of hand\)/);
    chmodSync(token, 0o600);
    assert.deepEqual(await job('check', '--json', '--config', file), { code: 0, out: '{"type":"check","version":1,"ok":true,"jobs":4,"problems":0,"warnings":0}\n', err: '' });
  });

  it('check tells all that is wrong, with exit code 1; so does every other command', async () => {
    const bad = write('bad.yaml', 'jobs:\n  a:\n    shedule: x\n    priority: 500\n    source: /a\n    targets: /b\n  b: {}\n');
    mkdirSync(join(home.path, 'empty'), { recursive: true });
    const wanted = [`${bad}:3:5: a job has no key "shedule", did you mean "schedule"?`, `${bad}:4:15: a whole number from 0 to 100 is wanted here, and this is 500`, `${bad}:7:3: the job b lacks its source`, `${bad}:7:3: the job b lacks its targets`];
    for (const action of ['check', 'list', 'next']) {
      const { code, out, err } = await job(action, `--config=${bad}`);
      assert.deepEqual([code, out], [1, '']);
      assert.deepEqual(err.split('\n').filter((line) => line.startsWith('/')), wanted);
      assert.match(err, /twintree: the configuration has 4 mistakes \(USAGE, exit code 1\)\n$/);
    }
    const lines = (await job('check', '--json', `--config=${bad}`)).out.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(lines[1], { type: 'problem', version: 1, file: bad, line: 4, column: 15, message: 'a whole number from 0 to 100 is wanted here, and this is 500', advice: null });
    assert.deepEqual(lines.at(-1), { type: 'check', version: 1, ok: false, jobs: 0, problems: 4, warnings: 0 });
  });

  it('a file that is not there, that everybody can write to, or that is no text is refused', async () => {
    assert.match((await job('check', `--config=${home.path}/none.yaml`)).err, /none\.yaml: there is no such file\n {2}docs\/jobs\.md/);
    const open = write('open.yaml', 'jobs: {}\n');
    chmodSync(open, 0o666);
    assert.match((await job('list', `--config=${open}`)).err, /open\.yaml: everybody can write to it/);
    if (process.geteuid?.() === 0) { // nobody else can give a file away
      const others = write('others.yaml', 'jobs: {}\n');
      chownSync(others, 12_345, 12_345);
      assert.match((await job('list', `--config=${others}`)).err, /others\.yaml: it belongs to another user/);
    }
    const latin = join(home.path, 'latin.yaml');
    writeFileSync(latin, Buffer.from('jobs: {} # \xe9\n', 'latin1'));
    assert.match((await job('check', `--config=${latin}`)).err, /latin\.yaml: it is not UTF-8/);
    const folder = await job('check', `--config=${home.path}`);
    assert.match(folder.err, /it is no file/);
    assert.equal(folder.code, 1);
  });

  it('list shows each job and when it runs next', async () => {
    const { code, out } = await job('list', `--config=${file}`);
    assert.equal(code, 0);
    const lines = out.trimEnd().split('\n');
    assert.match(lines[0] as string, new RegExp(`^nightly {2}scheduled +\\d{4}-\\d\\d-\\d\\d 0[23]:\\d\\d:\\d\\d \\+0[12]:00 Europe/Berlin {2}${home.path}/data/ -> ${home.path}/copy host:/copy$`));
    assert.match(lines[1] as string, /^live +live +always +/);
    assert.match(lines[2] as string, /^off +scheduled, off +- +\/a -> \/b$/);
    assert.match(lines[3] as string, /^hand +scheduled +when told to +/);
    const json = (await job('list', '--json', `--config=${file}`)).out.trimEnd().split('\n').map((line) => JSON.parse(line) as { name: string; next: number | null; file: string; line: number });
    assert.deepEqual(json.map(({ name, next, line }) => [name, next === null, line]), [['nightly', false, 4], ['live', true, 15], ['off', true, 16], ['hand', true, 1]]);
  });

  it('next prints the coming runs, with zone, and why they move', async () => {
    const { code, out } = await job('next', 'nightly', '--count=3', '--from=2026-03-28', `--config=${file}`);
    assert.equal(code, 0);
    const lines = out.trimEnd().split('\n');
    assert.equal(lines.length, 3);
    assert.match(lines[0] as string, /^2026-03-28 02:\d\d:\d\d \+01:00 {2}Europe\/Berlin {2}nightly {2}\(jitter (?:\d+m)?\d+s; until 06:00\)$/);
    assert.match(lines[1] as string, /^2026-03-29 03:\d\d:\d\d \+02:00 {2}Europe\/Berlin {2}nightly {2}\(clocks are put forward over 02:30:00; jitter /);
    assert.equal((await job('next', 'nightly', '--count=3', '--from=2026-03-28', `--config=${file}`)).out, out, 'always the same');
    const json = (await job('next', '--json', '--count=2', '--from=2026-03-29T00:00+01:00', `--config=${file}`)).out.trimEnd().split('\n').map((line) => JSON.parse(line) as { job: string; due: number; until: number; moves: { kind: string; skipped?: string }[] });
    assert.deepEqual(json.map((each) => [each.job, each.due, each.until]), [['nightly', Date.parse('2026-03-29T01:00Z'), Date.parse('2026-03-29T04:00Z')], ['nightly', Date.parse('2026-03-30T00:30Z'), Date.parse('2026-03-30T04:00Z')]]);
    assert.deepEqual(json[0]?.moves[0], { kind: 'clocks', skipped: '2026-03-29 02:30:00' });
    assert.match((await job('next', 'live', 'hand', `--config=${file}`)).out, /^live is live: it follows every change\nhand has no schedule: it runs when it is told to\n$/);
    assert.match((await job('next', 'off', '--count=1', `--config=${file}`)).out, /^off is not enabled; it would run at\n.* off\n$/);
  });

  it('explain tells the rule and its line in the configuration, or in the file of rules', async () => {
    const told = async (...paths: string[]): Promise<string> => (await job('explain', 'nightly', ...paths, `--config=${file}`)).out;
    assert.equal(await told('sub/a.tmp'), `sub/a.tmp\n  source: left out by "- *.tmp" (${file}, line 2)\n  target: protected from deletion by "- *.tmp" (${file}, line 2)\n`);
    assert.match(await told(`${home.path}/data/sub/keep.tmp`), new RegExp(`^sub/keep\\.tmp .*\\n {2}source: copied by "sub/keep\\.tmp" \\(${file}, line 12\\)`));
    assert.match(await told('x.o', 'lost+found', 'sub'), new RegExp(`left out by "- \\*\\.o" \\(file ${home.path}/rules, line 1\\)[\\s\\S]*protected from deletion by "P /lost\\+found" \\(${file}, line 14\\)[\\s\\S]*sub/\\n {2}source: copied, no rule matches`));
    const json = JSON.parse((await job('explain', '--json', 'nightly', 'sub/a.tmp', `--config=${file}`)).out) as { source: { rule: { source: string; line: number } } };
    assert.deepEqual([json.source.rule.source, json.source.rule.line], [file, 2]);
  });

  it('says what is wrong with its own command line', async () => {
    const cases: [string[], RegExp, RegExp][] = [
      [[], /wants to know what/, /--help/], [['chek'], /"chek" is nothing/, /mean check/], [['next', 'nigtly', `--config=${file}`], /no job "nigtly"/, /mean nightly/], [['next', '--count=0', `--config=${file}`], /not a number from 1/, /./],
      [['next', '--from=soon', `--config=${file}`], /not a moment/, /2026/], [['list', 'x', `--config=${file}`], /takes no names/, /--config/], [['explain', 'nightly', `--config=${file}`], /wants the name of a job and paths/, /./], [['check', '--count=3'], /unknown option --count/, /./],
    ];
    for (const [args, message, advice] of cases) {
      await assert.rejects(job(...args), (error: Error & { code?: string; advice?: string }) => error.code === 'USAGE' && message.test(error.message) && (args.includes('--count=0') || advice.test(error.advice ?? '')), args.join(' '));
    }
    const help = await job('--help');
    assert.equal(help.code, 0);
    for (const word of ['check', 'list', 'next', 'explain', '--config', '--count', '--from', '--json', '/etc/twintree/twintree.yaml']) assert.ok(help.out.includes(word), word);
  });

  it('nothing that stands in a configuration controls a terminal', async () => {
    const odd = write('odd.yaml', 'jobs:\n  a: { source: "/a\\e[31m", targets: ["/b\\u009b1m", "/b\\u009b1m"] }\n');
    const { err } = await job('check', `--config=${odd}`);
    assert.match(err, /is there twice/);
    const even = write('even.yaml', 'jobs:\n  a: { source: "/a\\e[31m", targets: "/b\\u009b1m" }\n');
    const { out } = await job('list', `--config=${even}`);
    assert.match(out, /^a +scheduled +when told to +\/a/);
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    for (const text of [err, out]) assert.doesNotMatch(text.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f]/);
  });

  it('looks in the usual places', () => {
    assert.equal(configFile(undefined, {}, 0), '/etc/twintree/twintree.yaml');
    assert.equal(configFile(undefined, { XDG_CONFIG_HOME: '/x' }, 1000), '/x/twintree/twintree.yaml');
    assert.match(configFile(undefined, { XDG_CONFIG_HOME: 'relative' }, 1000), /^\/.*\/\.config\/twintree\/twintree\.yaml$/);
    assert.equal(configFile(fromText('/y/z.yaml'), {}, 0), '/y/z.yaml');
  });
});
