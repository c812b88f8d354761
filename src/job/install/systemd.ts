/** Units of systemd for jobs (systemd.timer(5), systemd.time(7)): their text. Pure. */
import { CronFields, type CronLists, type ScheduleSpec } from '../../schedule/index.js';
import type { JobConfig } from '../config/index.js';

/** A unit file by its name. */
export interface Unit { readonly name: string; readonly text: string }

/** How the program is started, and for whom. */
export interface Program {
  /** Words of its command line up to the command. */
  readonly argv: readonly string[];
  readonly config: string;
  /** $TWINTREE_STATE_DIR, where it is set. */
  readonly stateDir: string | undefined;
}

/** First line of what is written, by which it is known again. */
export const MARK = '# Made by twintree job install: it is written anew and removed by that.';
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** The name of a job's units, without their kind. */
export function unitName(job: string): string {
  return `twintree-job-${job.replace(/[^A-Za-z0-9_.-]/g, (each) => [...Buffer.from(each, 'utf8')].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''))}`;
}

/** The units of a job; a text: why systemd cannot run it so. `system`: of the whole system, not of a user. */
export function jobUnits(job: JobConfig, program: Program, system: boolean): Unit[] | string {
  const name = unitName(job.name);
  if (job.mode === 'live') return [{ name: `${name}.service`, text: service(job, program, 'live', system) }];
  if (job.schedules.length === 0) return 'it has no schedule';
  const lines: string[] = [];
  for (const schedule of job.schedules) {
    if (schedule.window !== undefined) return 'it has a window, which timers do not know; the agent does';
    const calendar = onCalendar(schedule);
    if (calendar === undefined) return `${scheduleText(schedule)} cannot be said as a timer's calendar; the agent runs it`;
    lines.push(...calendar.map((each) => `OnCalendar=${each}`));
  }
  const jitter = Math.max(...job.schedules.map(({ jitterMs }) => jitterMs));
  const timer = [
    MARK, '[Unit]', `Description=When the job ${oneLine(job.name)} of twintree runs`, '', '[Timer]', ...lines, ...(jitter > 0 ? [`RandomizedDelaySec=${Math.round(jitter / 1000)}`, 'FixedRandomDelay=true'] : []),
    `Persistent=${job.schedules.some(({ catchUp }) => catchUp !== 'none')}`, 'AccuracySec=1s', '', '[Install]', 'WantedBy=timers.target', '',
  ].join('\n');
  return [{ name: `${name}.service`, text: service(job, program, 'schedule', system) }, { name: `${name}.timer`, text: timer }];
}

/** The agent as a service. */
export function agentUnit({ argv, config, stateDir }: Program, system: boolean): Unit {
  return {
    name: 'twintree-agent.service',
    text: [
      MARK, '[Unit]', 'Description=twintree: jobs by their schedules, and live mirrors', 'Documentation=man:twintree(1)', 'After=network-online.target', 'Wants=network-online.target', '', '[Service]', 'Type=notify', 'NotifyAccess=main',
      ...environment(stateDir), `ExecStart=${words([...argv, 'agent', `--config=${config}`])}`, 'ExecReload=/bin/kill -HUP $MAINPID', 'WatchdogSec=60', 'Restart=on-failure', 'RestartSec=5', 'KillMode=mixed', 'TimeoutStopSec=90', '',
      '[Install]', `WantedBy=${system ? 'multi-user' : 'default'}.target`, '',
    ].join('\n').replace('Documentation=man:twintree(1)\n', ''),
  };
}

function service(job: JobConfig, { argv, config, stateDir }: Program, cause: 'live' | 'schedule', system: boolean): string {
  const run = `ExecStart=${words([...argv, 'job', 'run', job.name, `--config=${config}`, `--cause=${cause}`])}`;
  const how = cause === 'live'
    ? ['Type=exec', ...environment(stateDir), run, 'Restart=always', 'RestartSec=5', 'RestartPreventExitStatus=1', 'KillSignal=SIGTERM', 'TimeoutStopSec=90', '', '[Install]', `WantedBy=${system ? 'multi-user' : 'default'}.target`]
    : ['Type=oneshot', ...environment(stateDir), run, 'SuccessExitStatus=24 30 79']; // vanished files, the end of its time, another run at work
  return [MARK, '[Unit]', `Description=The job ${oneLine(job.name)} of twintree${job.description === undefined ? '' : `: ${oneLine(job.description)}`}`, 'After=network-online.target', 'Wants=network-online.target', '', '[Service]', ...how, ''].join('\n');
}

function environment(stateDir: string | undefined): string[] {
  return stateDir === undefined ? [] : [`Environment=${words([`TWINTREE_STATE_DIR=${stateDir}`])}`];
}

/** A schedule as expressions of systemd.time(7): one line, or two where a day of the month or of the week is enough. Undefined: it cannot be said. */
export function onCalendar({ when, zone }: ScheduleSpec): string[] | undefined {
  if (when.kind === 'interval') return everyText(when.everyMs, when.anchor);
  const lists = CronFields.parse(when.text).lists();
  if (lists === undefined) return undefined;
  const { days, weekdays, either } = lists;
  if (!either) return [line(lists, days.length === 31 ? undefined : days, weekdays.length === 7 ? undefined : weekdays, zone)];
  return [line(lists, days, undefined, zone), line(lists, undefined, weekdays, zone)];
}

function two(n: number): string {
  return `${n}`.padStart(2, '0');
}

/** A list of one part of the time; `all`: how many there are. */
function some(list: readonly number[], all: number): string {
  return list.length === all ? '*' : list.map(two).join(',');
}

function line({ seconds, minutes, hours, months }: CronLists, days: readonly number[] | undefined, weekdays: readonly number[] | undefined, zone: string): string {
  const week = weekdays === undefined ? '' : `${weekdays.map((each) => WEEKDAYS[each]).join(',')} `;
  return `${week}*-${some(months, 12)}-${days === undefined ? '*' : some(days, 31)} ${some(hours, 24)}:${some(minutes, 60)}:${some(seconds, 60)} ${zone}`;
}

/** An interval that divides the day, from midnight (UTC) on. */
function everyText(everyMs: number, anchor: number): string[] | undefined {
  const day = 86_400_000;
  if (everyMs > day || day % everyMs !== 0 || everyMs % 1000 !== 0 || anchor % 1000 !== 0) return undefined;
  const first = ((anchor % everyMs) + everyMs) % everyMs;
  const times: string[] = [];
  if (day / everyMs > 1440) return undefined; // a line for each would be too many
  const byMinute = new Map<number, number[]>();
  for (let at = first; at < day; at += everyMs) {
    const second = at / 1000;
    byMinute.set(second % 3600, [...(byMinute.get(second % 3600) ?? []), Math.floor(second / 3600)]);
  }
  for (const [second, hours] of byMinute) times.push(`*-*-* ${hours.length === 24 ? '*' : hours.map(two).join(',')}:${two(Math.floor(second / 60))}:${two(second % 60)} UTC`);
  return times;
}

function scheduleText({ when }: ScheduleSpec): string {
  return when.kind === 'cron' ? `"${when.text}"` : `every ${when.everyMs / 1000} s`;
}

/** Words of a command line as systemd reads them (systemd.service(5)): quoted, with its own signs doubled. */
function words(argv: readonly string[]): string {
  return argv.map((word) => `"${word.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`).join(' ');
}

function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').replaceAll('%', '%%').trim();
}
