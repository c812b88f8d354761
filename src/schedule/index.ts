/** When things happen: timetables. Pure; the clock is handed in. */
export { Timetable, type Limit } from './timetable.js';
export { zoneOffset } from './zone.js';
