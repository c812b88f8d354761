/** Controlling a mirror while it runs: what is said on its socket, a pause that is kept, how fast it may send. */
export { CONTROL_SOCKET, isHeldView, LONGEST_LIMIT, MOST_HELD_NAMES, readAnswer, readRequest, type ControlAnswer, type ControlRequest, type HeldView } from './messages.js';
export { dropPause, keepPause, readPause } from './kept-pause.js';
export { Easing, LEAST_RATE, TARGET_DELAY, TARGET_PRESSURE, type LoadMeasure } from './easing.js';
export { FULL_RATE, Pacer, sessionRate, type RateLimit, type RateSchedule } from './pacer.js';
