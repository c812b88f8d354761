/** Rows of the option table for following a source: mirror alone has them. */
import { zoneOffset } from '../../../schedule/index.js';
import { displayName } from '../../../tree/index.js';
import { usageError } from '../../errors.js';
import type { Draft } from '../draft.js';
import type { OptionSpec } from '../spec.js';
import { parseDuration, parseListen, parseRate, parseShare } from '../values.js';

const common = { section: 'Following', standing: 'works', ours: true, commands: ['mirror'] } as const satisfies Partial<OptionSpec>;
const BACKENDS = ['auto', 'fanotify', 'inotify', 'chokidar'] as const;

function setDrift(d: Draft, drift: 'report' | 'repair'): void {
  if (d.following.drift !== 'off' && d.following.drift !== drift) throw usageError('only one of --report-drift and --repair-drift can be used');
  d.following.drift = drift;
}

export const FOLLOWING: readonly OptionSpec[] = [
  {
    ...common, name: 'quiet-time', argument: 'TIME', help: 'a path that may still be written is sent when nothing was heard of it for TIME (default 200ms)',
    note: 'So is one that is saved again and again. TIME is a number with ms, s, m, h or d; without one, seconds.',
    set: (d, value) => { d.following.quietMs = parseDuration('--quiet-time', value, 0, 3_600_000); },
  },
  {
    ...common, name: 'gather-time', argument: 'TIME', help: 'a change that is complete waits for others for TIME (default 5ms)', note: 'A file that was closed, a rename, a deletion. Never longer than --quiet-time.',
    set: (d, value) => { d.following.gatherMs = parseDuration('--gather-time', value, 0, 3_600_000); },
  },
  {
    ...common, name: 'longest-delay', argument: 'TIME', help: 'a path that keeps changing is sent after TIME (default 5s)',
    set: (d, value) => { d.following.longestMs = parseDuration('--longest-delay', value, 0, 86_400_000); },
  },
  {
    ...common, name: 'defer', argument: 'TIME', help: 'a file that changes while it is read is put off, and sent as it is after TIME (default 1m; 0: at once)',
    note: 'Until then the target keeps its last whole version. What was sent as it was is told, and comes again. Not with --inplace.',
    set: (d, value) => { d.following.deferMs = parseDuration('--defer', value, 0, 366 * 86_400_000); },
  },
  {
    ...common, name: 'reconcile', argument: 'TIME', help: 'compare everything so long after the last time (default 24h); never: only when there is doubt', note: 'It finds what no event told, and what changed on the target.',
    set: (d, value) => { d.following.reconcileMs = value === 'never' ? Infinity : parseDuration('--reconcile', value, 1000, 366 * 86_400_000); },
  },
  {
    ...common, name: 'report-drift', help: 'the comparisons of the timetable tell what other hands changed on the target, and leave it', note: 'See mirror.md for what they can know.',
    set: (d) => { setDrift(d, 'report'); },
  },
  {
    ...common, name: 'repair-drift', help: 'they make it equal again, and tell it (without either: they do so and say nothing)',
    set: (d) => { setDrift(d, 'repair'); },
  },
  {
    ...common, name: 'throttle', argument: 'auto', help: 'give way to others: send less where round trips grow, or where tasks on this host stall', note: 'Between --throttle-floor and --bwlimit; see mirror.md.',
    set: (d, value) => {
      if (value !== 'auto') throw usageError(`--throttle=${displayName(value)} is not auto`, 'A rate is set by --bwlimit.');
      d.following.throttle = 'auto';
    },
  },
  {
    ...common, name: 'throttle-floor', argument: 'RATE', help: 'with --throttle=auto, never go below RATE (default 128K)',
    set: (d, value) => {
      const rate = parseRate('--throttle-floor', value);
      if (rate === 0) throw usageError('--throttle-floor cannot be 0');
      d.following.throttleFloor = rate;
    },
  },
  {
    ...common, name: 'cpu-limit', argument: 'PERCENT', help: 'use no more CPU time than PERCENT of one core, in all threads together (200: two cores)', note: "Of this host's process; so does --read-limit. See mirror.md.",
    set: (d, value) => { d.following.limits = { ...d.following.limits, cpu: parseShare('--cpu-limit', value) }; },
  },
  {
    ...common, name: 'read-limit', argument: 'RATE', help: 'read no more of the content of files than RATE a second (units as in --bwlimit; 0: no limit)',
    set: (d, value) => { d.following.limits = { ...d.following.limits, reading: parseRate('--read-limit', value) }; },
  },
  {
    ...common, name: 'time-zone', argument: 'ZONE', help: "the zone of the times in --bwlimit, such as Europe/Berlin (default: the system's)",
    set: (d, value) => {
      d.following.timeZone = displayName(value);
      zoneOffset(d.following.timeZone);
    },
  },
  {
    ...common, name: 'metrics', argument: 'FILE', help: 'keep metrics for Prometheus in FILE, as its textfile collector reads them', note: 'See mirror.md.',
    set: (d, value) => {
      if (value === '') throw usageError('--metrics needs the name of a file');
      d.following.metrics.file = value;
    },
  },
  {
    ...common, name: 'metrics-listen', argument: '[ADDRESS:]PORT', help: 'serve them at http://ADDRESS:PORT/metrics; without an address, to this host alone',
    set: (d, value) => { d.following.metrics.listen = parseListen('--metrics-listen', value); },
  },
  {
    ...common, name: 'capture', argument: 'HOW', help: 'how changes are seen: auto (default), fanotify, inotify or chokidar', note: 'See mirror.md.',
    set: (d, value) => {
      const backend = BACKENDS.find((each) => each === value);
      if (backend === undefined) throw usageError(`--capture=${displayName(value)} is not one of ${BACKENDS.join(', ')}`);
      d.following.backend = backend;
    },
  },
];
