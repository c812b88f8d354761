/** When things happen: timetables, windows, schedules. Pure; the clock is handed in. */
export { Calendar, LONGEST_STEP_BACK_MS, MOST_CAUGHT_UP, ON_TIME_MS, settled } from './calendar.js';
export { CronFields, type CronLists } from './cron.js';
export { Cron, type Due } from './cron-next.js';
export { jitterShare } from './jitter.js';
export { PositionError } from './position.js';
export { Schedule, type CatchUp, type Move, type Occurrence, type ScheduleSpec } from './schedule.js';
export { isTimetable, Timetable, type Limit } from './timetable.js';
export { Window } from './window.js';
export { localStamp, localText, zoneOffset } from './zone.js';
