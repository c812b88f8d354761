/** The description of a configuration: its keys, what they mean, and how they are read. docs/job-schema.json is made from it. */
import type { CatchUp } from '../../schedule/index.js';
import { hook, notice } from './notices.js';
import { filter, options } from './options.js';
import { boolean, byName, choice, either, integer, list, once, plainText, record, made, type JsonSchema, type Placed, type Read, type Shape } from './shape.js';
import { cronText, duration, instantText, windowText, zoneName } from './values.js';
import type { OptionCatalog } from './catalog.js';

const DAY = 86_400_000;
/** Names of jobs, profiles and migrations. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const CATCH_UP = ['once', 'all', 'none'] as const satisfies readonly CatchUp[];

/** What a line of a schedule may say of its own, or the job for all of its lines. */
const around = {
  timeZone: { shape: zoneName, help: "the zone of cron expressions, windows and bwlimit's timetable; the system's unless told otherwise" },
  window: { shape: windowText, help: 'runs start and go on only then: "mon-fri 22:00-06:00, sat-sun"; one that its end stops goes on when it opens again; always: no window' },
  jitter: { shape: duration(0, DAY), help: 'start up to so much later, by a share that follows from name and time' },
  catchUp: { shape: choice(...CATCH_UP), help: 'after missed runs: the last of them (once), the last hundred (all), or none; once unless told otherwise' },
};

const scheduleLine = record('a schedule', {
  cron: { shape: cronText, help: '"30 2 * * mon-fri": minute, hour, day of the month, month, day of the week; six fields: seconds first; @daily and its kin; L, W and #' },
  every: { shape: duration(1000, 366 * DAY), help: 'an interval such as 15m, counted from anchor' },
  anchor: { shape: instantText, help: 'what every counts from; 1970-01-01T00:00:00Z unless told otherwise' },
  ...around,
});
export type ScheduleLine = Read<{ [K in 'cron' | 'every' | 'anchor']: { shape: Shape<K extends 'cron' ? string : number>; help: string } } & typeof around>;

/** A cron expression alone is a schedule, too. */
const schedule: Shape<ScheduleLine> = either(
  { read: (node, reading) => {
    const value = cronText.read(node, reading);
    return value === undefined ? undefined : ({ cron: { value, place: node.place } } satisfies ScheduleLine);
  }, schema: (into) => cronText.schema(into) } as Shape<ScheduleLine>,
  made(scheduleLine, (line, reading, node) => {
    const { cron, every, anchor } = line;
    const has = (key: string): boolean => node.kind === 'map' && node.entries.some((entry) => entry.key.source === key);
    if (has('cron') === has('every')) return reading.complain(node.place, has('cron') ? 'a schedule has both cron and every' : 'a schedule lacks cron or every', 'Several schedules stand in a list.');
    if (anchor !== undefined && cron !== undefined) return reading.complain(anchor.place, 'an anchor is for every');
    if (every !== undefined && line.jitter !== undefined && line.jitter.value >= every.value) return reading.complain(line.jitter.place, 'the jitter is as long as the interval');
    return cron === undefined && every === undefined ? undefined : line;
  }),
);

const path = plainText('a path');

/** A number alone is KiB a second, as on the command line. */
const rate: Shape<string> = {
  read: (node, reading) => (node.kind === 'scalar' && typeof node.value === 'number' ? node.source : plainText('a rate such as 10M').read(node, reading)),
  schema: () => ({ type: ['string', 'number'], examples: ['10M', 'mon-fri 08:00-18:00 2M, else full'] }),
};

const limits = record('limits', {
  bwlimit: { shape: rate, help: 'bytes a second, as --bwlimit, or a timetable' },
  runTime: { shape: duration(1000, 366 * DAY), help: 'a run of a scheduled job is stopped after so long, and goes on next time' },
  lag: { shape: duration(1000, 366 * DAY), help: 'of a live job: when a target is farther behind, hooks and notices for lag are due' },
});

const retention = record('retention', {
  runs: { shape: integer(1, 1_000_000), help: 'how many runs the history keeps; 1000 unless told otherwise' },
  days: { shape: integer(1, 36_500), help: 'of how many days; 400 unless told otherwise' },
});

/** What a job, a profile and the defaults may say. */
const shared = {
  description: { shape: plainText('a description'), help: 'for people' },
  enabled: { shape: boolean, help: 'false: nothing starts by itself' },
  mode: { shape: choice('scheduled', 'live'), help: 'scheduled: runs by schedule, or when told to; live: follows every change' },
  source: { shape: list(path, { orOne: true, least: 1 }), help: 'what is copied, as on the command line: /folder/ is its content; a scheduled job may have several' },
  targets: { shape: list(path, { orOne: true, least: 1, most: 256 }), help: 'where it is copied to: one or several' },
  schedule: { shape: list(once('schedule', schedule), { orOne: true, most: 64 }), help: 'when a scheduled job runs: a cron expression, a map with cron or every, or a list of such; none: when it is told to' },
  ...around,
  overlap: { shape: choice('skip', 'queue', 'cancel-previous'), help: 'what becomes of a run that is due while the last one goes on; skip unless told otherwise' },
  priority: { shape: integer(0, 100), help: 'of jobs that wait, the highest starts first; 50 unless told otherwise' },
  options: { shape: once('options', options), help: 'options of twintree sync or mirror by their long names; a job is as with --archive' },
  filters: { shape: list(once('filter', filter)), help: "filter rules, the first that matches decides; the job's own stand before those it inherits" },
  limits: { shape: once('limits', limits), help: 'bounds of runs' },
  hooks: { shape: list(once('hook', hook), { most: 64 }), help: 'commands around runs' },
  notices: { shape: list(once('notice', notice), { most: 64 }), help: 'who is told' },
  retention: { shape: once('retention', retention), help: 'how much history is kept' },
};
const heirs = { extends: { shape: list(plainText('the name of a profile'), { orOne: true }), help: 'profiles that it is like; of several, the later one counts' }, ...shared };

export const defaultsShape = record('defaults', shared);
export const jobShape = once('job', record('a job', heirs));
const profileShape = once('job', record('a profile', heirs)); // the same keys
export type JobRead = Read<typeof heirs>;
export type LimitsRead = Read<{ bwlimit: { shape: Shape<string>; help: string }; runTime: { shape: Shape<number>; help: string }; lag: { shape: Shape<number>; help: string } }>;

const agent = record('agent', { parallel: { shape: integer(1, 1024), help: 'how many runs go on at once' } });

export const fileShape = record('a configuration', {
  defaults: { shape: defaultsShape, help: 'what all jobs inherit; in the main file only' },
  profiles: { shape: byName('profiles', NAME, profileShape), help: 'what jobs inherit that name it in extends' },
  jobs: { shape: byName('jobs', NAME, jobShape), help: 'the jobs, by name' },
  agent: { shape: agent, help: 'the agent; in the main file only' },
});
export type NamedJob = Placed<JobRead>;

/** The JSON schema of a configuration, draft 2020-12. */
export function configSchema(catalog: OptionCatalog): JsonSchema {
  const defs = new Map<string, JsonSchema>();
  const root = fileShape.schema({ catalog, defs });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'twintree configuration',
    description: 'Written by scripts/make-job-schema.js from the description in src/job/config/fields.ts.', ...root, $defs: Object.fromEntries(defs),
  };
}
