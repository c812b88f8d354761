/** Jobs that others start: cron and systemd. */
export { BEGIN, cronLines, END, withLines } from './crontab.js';
export { agentUnit, jobUnits, MARK, onCalendar, unitName, type Program, type Unit } from './systemd.js';
