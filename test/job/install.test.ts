/** Jobs handed to cron and systemd: what is written means the same as the configuration, which systemd itself judges where it is there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { agentUnit, BEGIN, cronLines, END, jobUnits, onCalendar, unitName, withLines, type JobConfig, type Program, type Unit } from '../../src/job/index.js';
import { Calendar, type ScheduleSpec } from '../../src/schedule/index.js';
import { useTempFolder } from '../support/index.js';
import { job, load } from './support.js';

const PROGRAM: Program = { argv: ['/usr/bin/node', '/opt/twin tree/bin/twintree.js'], config: '/etc/twintree/100%.yaml', stateDir: undefined };
const named = (yaml: string): JobConfig => job(load(`jobs:\n  j:\n    source: /s/\n    targets: /t\n${yaml.split('\n').map((line) => `    ${line}\n`).join('')}`), 'j');
const spec = (text: string, zone = 'UTC'): ScheduleSpec => ({ when: { kind: 'cron', text }, zone, jitterMs: 0, window: undefined, catchUp: 'once' });
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

describe('lines of cron', () => {
  it('are the schedule in numbers, and the command in a form that cron leaves as it is', () => {
    assert.deepEqual(cronLines(named('schedule: ["30 2 * * mon-fri", "0 */6 1,15 * *", "@daily"]'), PROGRAM, 'Europe/Berlin'), [
      '30 2 * * 1,2,3,4,5', '0 */6 1,15 * *', '@daily',
    ].map((when) => `${when}\t/usr/bin/node '/opt/twin tree/bin/twintree.js' job run j '--config=/etc/twintree/100\\%.yaml' --cause=schedule`));
    assert.match((cronLines(named('schedule: { every: 20m }'), { ...PROGRAM, stateDir: '/s t' }, 'UTC') as string[]).join(), /^0,20,40 \* \* \* \*\tTWINTREE_STATE_DIR='\/s t' \/usr/);
  });

  it('are refused where cron would run it at other times', () => {
    const why = (yaml: string, zone = 'Europe/Berlin'): string => String(cronLines(named(yaml), PROGRAM, zone));
    assert.match(why('mode: live'), /live/);
    assert.match(why('schedule: "0 1 L * *"'), /depends on its month/);
    assert.match(why('schedule: "0 0 1 * * *"'), /seconds/);
    assert.match(why('schedule: "0 1 * * *"', 'UTC'), /times are those of Europe\/Berlin/);
    assert.match(why('schedule: "0 1 * * *"\njitter: 5m'), /jitter/);
    assert.match(why('schedule: "0 1 * * *"\nwindow: "01:00-05:00"'), /window/);
    assert.match(why('schedule: { every: 7m }'), /do not divide/);
    assert.match(why('description: none'), /no schedule/);
  });

  it('stand between their marks, and all else in a crontab stays as it is', () => {
    const others = 'MAILTO=me\n# mine\n5 4 * * * job\n';
    const first = withLines(others, ['a', 'b']);
    assert.equal(first, `${others}${BEGIN}\na\nb\n${END}\n`);
    assert.equal(withLines(`${first}6 * * * * later\n`, ['c']), `${others}6 * * * * later\n${BEGIN}\nc\n${END}\n`);
    assert.equal(withLines(first, []), others);
    assert.equal(withLines('', []), '');
  });
});

describe('units of systemd', () => {
  const temp = useTempFolder('units');

  it('name the same times as the schedule', function () {
    if (!hasSystemd) this.skip();
    const from = Date.UTC(2026, 1, 20, 12, 3, 4);
    for (const each of [spec('30 2 * * mon-fri'), spec('0 4 1,15 * sun', 'Europe/Berlin'), spec('*/7 8-18/3 * feb,aug *'), spec('15 30 3 * * *', 'America/New_York'), spec('0 0 29 2 *'), spec('@hourly')]) {
      const calendar = new Calendar([each], 'j');
      const expected: number[] = [];
      for (let run = calendar.next(from); run !== undefined && expected.length < 12; run = calendar.next(run.start)) expected.push(run.start);
      const lines = onCalendar(each) ?? [];
      const { stdout, status } = spawnSync('systemd-analyze', ['calendar', '--base-time=2026-02-20 12:03:04 UTC', '--iterations=12', ...lines], { encoding: 'utf8', env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' } });
      assert.equal(status, 0, lines.join());
      const told = [...stdout.matchAll(/(?:Next elapse|Iter(?:ation|\.) #\d+): \w+ (\S+ \S+) UTC/g)].map(([, at]) => Date.parse(`${String(at).replace(' ', 'T')}Z`));
      assert.deepEqual([...new Set(told)].sort((a, b) => a - b).slice(0, 8), expected.slice(0, 8), each.when.kind === 'cron' ? each.when.text : '');
    }
  });

  it('are such as systemd takes', function () {
    if (!hasSystemd) this.skip();
    mkdirSync(temp.at('units'));
    const program: Program = { argv: [process.execPath, '/opt/twin "tree" $HOME/bin/twintree.js'], config: '/etc/100%.yaml', stateDir: '/var/lib/a b' };
    const all: Unit[] = [agentUnit(program, true)];
    for (const yaml of ['schedule: ["30 2 * * mon-fri", { every: 15m }]\njitter: 5m\ndescription: "100% of \\"it\\""', 'mode: live']) {
      const units = jobUnits(named(yaml), program, true);
      assert.ok(typeof units !== 'string', String(units));
      all.push(...units);
    }
    for (const { name, text } of all) {
      writeFileSync(temp.at(`units/${name}`), text);
      const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', temp.at(`units/${name}`)], { encoding: 'utf8' });
      assert.deepEqual([status, stdout + stderr], [0, ''], text);
    }
  });

  it('have names that every job may have, and say why where they cannot be', () => {
    assert.equal(unitName('a.b_c-1'), 'twintree-job-a.b_c-1');
    assert.equal(unitName('ü x'), 'twintree-job-\\xc3\\xbc\\x20x');
    assert.match(String(jobUnits(named('schedule: "0 1 L * *"'), PROGRAM, true)), /cannot be said/);
    assert.match(String(jobUnits(named('schedule: "0 1 * * *"\nwindow: "01:00-05:00"'), PROGRAM, true)), /window/);
    assert.equal(onCalendar({ ...spec(''), when: { kind: 'interval', everyMs: 7 * 60_000, anchor: 0 } }), undefined);
  });
});
