/** Lines of the system's cron for jobs (crontab(5)): their text. Pure. */
import { CronFields, type ScheduleSpec } from '../../schedule/index.js';
import type { JobConfig } from '../config/index.js';
import type { Program } from './systemd.js';

/** What stands around the lines of twintree in a crontab that has others, too. */
export const BEGIN = '# twintree: begin (made by twintree job install)';
export const END = '# twintree: end';

/** The lines of a job, without the user. A text: why cron cannot run it. @param zone the system's */
export function cronLines(job: JobConfig, program: Program, zone: string): string[] | string {
  if (job.mode === 'live') return 'it is live: the agent or a service of systemd keeps it at work';
  if (job.schedules.length === 0) return 'it has no schedule';
  const lines: string[] = [];
  for (const schedule of job.schedules) {
    const when = cronTime(schedule, zone);
    if (typeof when !== 'string') return `cron cannot run it so: ${when.why}; the agent does`;
    lines.push(`${when}\t${commandOf(job, program)}`);
  }
  return lines;
}

/** A field in numbers; what begins with a star stays so: it means something else to cron. */
function some(field: string, list: readonly number[]): string {
  return field === '*' || field.startsWith('*/') ? field : list.join(',');
}

/** The five fields. */
function cronTime({ when, zone, window, jitterMs }: ScheduleSpec, system: string): string | { why: string } {
  if (window !== undefined) return { why: 'it has a window' };
  if (jitterMs > 0) return { why: 'it has a jitter' };
  if (when.kind === 'interval') return every(when.everyMs, when.anchor);
  if (zone !== system) return { why: `its times are those of ${zone}, and cron's of ${system}` };
  if (when.text.trim().startsWith('@')) return when.text.trim().toLowerCase();
  const lists = CronFields.parse(when.text).lists();
  if (lists === undefined) return { why: `"${when.text}" has a day that depends on its month` };
  const fields = when.text.trim().split(/\s+/);
  if (fields.length === 6) return { why: `"${when.text}" has seconds` };
  const { minutes, hours, days, months, weekdays } = lists; // as numbers: cron's names and ranges are not everywhere the same
  const [minute = '*', hour = '*', day = '*', month = '*', weekday = '*'] = fields.map((field) => field.replaceAll('?', '*'));
  return [some(minute, minutes), some(hour, hours), some(day, days), some(month, months), some(weekday, weekdays)].join(' ');
}

function every(everyMs: number, anchor: number): string | { why: string } {
  const minutes = everyMs / 60_000;
  const offset = (((anchor % everyMs) + everyMs) % everyMs) / 60_000;
  if (Number.isInteger(minutes) && Number.isInteger(offset)) {
    if (minutes <= 60 && 60 % minutes === 0) return `${Array.from({ length: 60 / minutes }, (_, k) => offset + k * minutes).join(',')} * * * *`;
  }
  return { why: `${everyMs / 1000} s do not divide the hour` };
}

/** As sh reads it; cron takes a percent sign for the end of the line. */
function commandOf(job: JobConfig, { argv, config, stateDir }: Program): string {
  const quoted = [...argv, 'job', 'run', job.name, `--config=${config}`, '--cause=schedule'].map(quote).join(' ');
  return `${stateDir === undefined ? '' : `TWINTREE_STATE_DIR=${quote(stateDir)} `}${quoted}`.replaceAll('%', '\\%');
}

function quote(word: string): string {
  return /^[A-Za-z0-9_./:=@,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A crontab with these lines in the place of those that were there before; without any, none are left. */
export function withLines(crontab: string, lines: readonly string[]): string {
  const before = crontab.split('\n');
  const from = before.indexOf(BEGIN);
  const to = from < 0 ? -1 : before.indexOf(END, from);
  const others = (from < 0 || to < 0 ? before : [...before.slice(0, from), ...before.slice(to + 1)]).join('\n').replace(/\n*$/, '');
  const block = lines.length === 0 ? [] : [BEGIN, ...lines, END];
  const all = [...(others === '' ? [] : [others]), ...block];
  return all.length === 0 ? '' : `${all.join('\n')}\n`;
}
