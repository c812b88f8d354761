/**
 * resolve: what jobs inherit, and what only the whole of a job can show to be wrong. Defaults come first, then the profiles in the order of
 * `extends`, then the job; what is said nearer counts. Options, limits and retention are joined key by key, filters one after the other with the
 * nearest first; everything else is replaced as a whole.
 */
import { isTimetable, PositionError, Timetable, type ScheduleSpec } from '../../schedule/index.js';
import { parseRemoteSpec } from '../../transport/index.js';
import { fromText, TwintreeError } from '../../tree/index.js';
import type { JobRead, LimitsRead, ScheduleLine } from './fields.js';
import type { HookSpec, JobConfig, JobMode, JobSetting, NoticeSpec } from './model.js';
import { mirrorWords, syncWords } from './model.js';
import { didYouMean } from './nearest.js';
import { tells } from './notices.js';
import { checkOptions, tellOnce, type OptionsRead } from './options.js';
import type { Place } from './place.js';
import type { Placed, Reading } from './shape.js';

/** All that the files say, by name. */
export interface Parts {
  readonly defaults: JobRead | undefined;
  readonly profiles: ReadonlyMap<string, Placed<JobRead>>;
  readonly jobs: ReadonlyMap<string, Placed<JobRead> & { readonly key: Place }>;
}

const EPOCH = 0;
const WEEK_MS = 8 * 86_400_000;

/** The jobs; those that are wrong are told and left out. @param zone of this system. */
export function resolveJobs(parts: Parts, zone: string, reading: Reading): Map<string, JobConfig> {
  const out = new Map<string, JobConfig>();
  const seen = new Set<string>();
  checkProfiles(parts, reading);
  for (const shared of [parts.defaults, ...[...parts.profiles.values()].map(({ value }) => value)]) checkShared(shared, reading, seen);
  for (const [name, { value, key }] of parts.jobs) {
    const chain = [...(parts.defaults === undefined ? [] : [parts.defaults]), ...ancestors(value, parts.profiles), value];
    const job = new Resolution(name, key, chain, value, zone, reading, seen).job();
    if (job !== undefined) out.set(name, job);
  }
  return out;
}

/** Checks the options of defaults and profiles, whether a job has them or not. */
function checkShared(read: JobRead | undefined, reading: Reading, seen: Set<string>): void {
  for (const setting of read?.options?.value.values() ?? []) {
    const [mode] = reading.catalog.find(setting.name)?.modes ?? [];
    if (mode !== undefined) checkOptions([setting], mode, reading, seen);
  }
  checkOptions(read?.filters?.value.map(({ value }) => value) ?? [], 'scheduled', reading, seen);
}

/** Tells profiles that are not there, and those that come back to themselves. */
function checkProfiles({ profiles, jobs }: Parts, reading: Reading): void {
  for (const [kind, list] of [['profile', profiles], ['job', jobs]] as const) {
    for (const [name, { value }] of list) {
      for (const { value: parent, place } of value.extends?.value ?? []) {
        if (!profiles.has(parent)) reading.complain(place, `there is no profile ${JSON.stringify(parent)}${didYouMean(parent, profiles.keys())}`);
        else if (kind === 'profile' && reaches(parent, name, profiles)) reading.complain(place, `the profile ${name} extends itself${parent === name ? '' : ` by way of ${parent}`}`);
      }
    }
  }
}

function reaches(from: string, to: string, profiles: Parts['profiles'], seen = new Set<string>()): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return (profiles.get(from)?.value.extends?.value ?? []).some(({ value }) => reaches(value, to, profiles, seen));
}

/** The profiles of a job or profile, the farthest first; each once, before all that extend it. A circle, which was told, ends where it closes. */
function ancestors(read: JobRead, profiles: Parts['profiles'], found = new Set<JobRead>(), open = new Set<JobRead>()): JobRead[] {
  for (const { value } of read.extends?.value ?? []) {
    const profile = profiles.get(value)?.value;
    if (profile === undefined || open.has(profile)) continue;
    open.add(profile);
    ancestors(profile, profiles, found, open);
    found.add(profile);
  }
  return [...found];
}

/** One job. */
class Resolution {
  private readonly whole: JobRead;
  private readonly mode: JobMode;
  private right = true;
  private pathsRight = true;
  private limitRight = true;

  constructor(
    private readonly name: string, private readonly place: Place, private readonly chain: readonly JobRead[], private readonly own: JobRead, private readonly zone: string,
    private readonly reading: Reading, private readonly seen: Set<string>,
  ) {
    this.whole = Object.assign({}, ...chain) as JobRead;
    this.mode = this.whole.mode?.value ?? 'scheduled';
  }

  job(): JobConfig | undefined {
    const { whole, mode, own } = this;
    const sources = this.paths('source');
    const targets = this.paths('targets');
    if (mode === 'live') {
      for (const key of ['schedule', 'window', 'jitter', 'catchUp', 'overlap'] as const) if (own[key] !== undefined) this.wrong(own[key].place, `a live job has no ${key}: it follows every change`, key === 'window' ? 'limits.bwlimit with a timetable pauses it: "mon-fri 08:00-18:00 off".' : 'mode: scheduled runs by a schedule.');
      if (sources.length > 1) this.pathsRight = false;
      if (sources.length > 1) this.wrong(whole.source?.place ?? this.place, 'a live job has one source', 'Write a job for each.');
    }
    const settings = this.settings();
    const limits = this.joined<LimitsRead>('limits');
    if (mode === 'live' && own.limits?.value.runTime !== undefined) this.wrong(own.limits.value.runTime.place, 'a live job has no runTime: it goes on and on');
    if (mode === 'scheduled' && own.limits?.value.lag !== undefined) this.wrong(own.limits.value.lag.place, 'a scheduled job has no lag', 'mode: live follows every change, and knows how far it is behind.');
    const hooks = this.lagging(own.hooks?.value, whole.hooks?.value, ({ when }: HookSpec) => when === 'lag', limits.lag !== undefined, 'hook');
    const notices = this.lagging(own.notices?.value, whole.notices?.value, (spec: NoticeSpec) => tells(spec, 'lag'), limits.lag !== undefined, 'notice');
    const kept = this.joined<{ runs?: Placed<number>; days?: Placed<number> }>('retention');
    const job: JobConfig = {
      name: this.name, description: whole.description?.value, enabled: whole.enabled?.value ?? true, mode, sources, targets, settings, schedules: this.schedules(),
      overlap: whole.overlap?.value ?? 'skip', priority: whole.priority?.value ?? 50, rates: this.rates(limits.bwlimit),
      runTimeMs: mode === 'scheduled' ? limits.runTime?.value : undefined, lagMs: mode === 'live' ? limits.lag?.value : undefined,
      hooks, notices, retention: { runs: kept.runs?.value ?? 1000, days: kept.days?.value ?? 400 }, place: this.place,
    };
    const usable = checkOptions(settings, mode, this.reading, this.seen).filter(({ name }) => name !== 'bwlimit' || this.limitRight);
    if (usable.length < settings.length) this.right = false;
    if (this.pathsRight) this.checkWords({ ...job, settings: usable });
    return this.right ? job : undefined;
  }

  private wrong(place: Place, message: string, advice?: string): void {
    this.right = false;
    tellOnce(this.reading, this.seen, place, message, advice);
  }

  /** Sources or targets, whole paths or on another host. */
  private paths(key: 'source' | 'targets'): string[] {
    const given = this.whole[key];
    const wrong = (place: Place, message: string, advice?: string): void => {
      this.pathsRight = false;
      this.wrong(place, message, advice);
    };
    if (given === undefined) {
      this.pathsRight = false;
      if (this.chain.every((each) => each[key] === undefined)) this.wrong(this.place, `the job ${this.name} lacks ${key === 'source' ? 'its source' : 'its targets'}`);
      return [];
    }
    const paths = new Set<string>();
    for (const { value, place } of given.value) {
      if (paths.has(value)) wrong(place, `${value} is there twice`);
      paths.add(value);
      try {
        if (parseRemoteSpec(fromText(value)).kind === 'local' && !value.startsWith('/')) wrong(place, `${JSON.stringify(value)} is no whole path`, 'Whoever runs the job may stand anywhere: begin it with a slash, or write host:path.');
      } catch (error) {
        if (!(error instanceof TwintreeError)) throw error;
        wrong(place, error.message, error.advice);
      }
    }
    return [...paths];
  }

  /** The keys of a map that is joined, as they count. */
  private joined<R extends object>(key: 'limits' | 'retention'): R {
    return Object.assign({}, ...this.chain.map((each) => each[key]?.value ?? {})) as R;
  }

  private settings(): JobSetting[] {
    const options = new Map<string, JobSetting>();
    for (const each of this.chain) {
      for (const [name, setting] of (each.options?.value ?? new Map()) as OptionsRead) {
        const takes = this.reading.catalog.find(name)?.modes.includes(this.mode) === true;
        if (takes || each === this.own) options.set(name, setting); // what is inherited may be for jobs of the other mode
      }
    }
    const { bwlimit } = this.joined<LimitsRead>('limits');
    const limit: JobSetting[] = bwlimit === undefined || (this.mode === 'scheduled' && isTimetable(bwlimit.value)) ? [] : [{ name: 'bwlimit', words: [`--bwlimit=${bwlimit.value}`, ...(this.mode === 'live' ? [`--time-zone=${this.whole.timeZone?.value ?? this.zone}`] : [])], place: bwlimit.place }];
    const filters = this.chain.toReversed().flatMap((each) => each.filters?.value.map(({ value }) => value) ?? []);
    const archive: JobSetting[] = this.mode === 'scheduled' ? [{ name: 'archive', words: ['--archive'], place: this.place }] : []; // as a mirror is
    const inOrder = [...options.values()].filter(({ words }) => words.length > 0);
    const wide = inOrder.filter(({ name }) => name === 'D'); // which stands for several: what is said of one of them counts
    return [...archive, ...wide, ...inOrder.filter((each) => !wide.includes(each)), ...limit, ...filters];
  }

  /** The timetable of a scheduled job's runs: a session keeps to what it is told, and knows no clock. */
  private rates(bwlimit: Placed<string> | undefined): JobConfig['rates'] {
    if (bwlimit === undefined || !isTimetable(bwlimit.value)) return undefined;
    const zone = this.whole.timeZone?.value ?? this.zone;
    try {
      const table = Timetable.parse(bwlimit.value, zone);
      if (this.mode === 'live') return undefined; // its own option
      for (let at: number | undefined = EPOCH; at !== undefined && at < EPOCH + WEEK_MS; at = table.nextChange(at)) {
        if (table.limitAt(at) === 'off') this.wrong(bwlimit.place, 'a run of a scheduled job is not paused by "off"', 'Write window: it stops a run, which goes on when the window opens again.');
      }
      return { timetable: bwlimit.value, zone };
    } catch (error) {
      if (!(error instanceof PositionError)) throw error;
      this.limitRight = false;
      this.wrong(bwlimit.inside?.(error.at) ?? bwlimit.place, `the timetable is wrong: ${error.what}`, error.advice);
      return undefined;
    }
  }

  private schedules(): ScheduleSpec[] {
    if (this.mode === 'live') return [];
    const { schedule, timeZone, window, jitter, catchUp } = this.whole;
    return (schedule?.value ?? []).map(({ value: line }) => {
      const when = whenOf(line);
      const open = line.window?.value ?? window?.value;
      const most = when.kind === 'interval' ? when.everyMs - 1 : Infinity; // what is inherited may be too much for it
      return {
        when, zone: line.timeZone?.value ?? timeZone?.value ?? this.zone, jitterMs: line.jitter?.value ?? Math.min(jitter?.value ?? 0, most),
        window: open === 'always' ? undefined : open, catchUp: line.catchUp?.value ?? catchUp?.value ?? 'once',
      };
    });
  }

  /** What the job does not say of its own about lag falls away where there is none. */
  private lagging<S>(own: readonly Placed<S>[] | undefined, all: readonly Placed<S>[] | undefined, isLag: (spec: S) => boolean, known: boolean, what: string): S[] {
    for (const { value, place } of all ?? []) {
      if (!isLag(value)) continue;
      if (this.mode === 'scheduled' && own !== undefined) this.wrong(place, `a scheduled job has no lag, and this ${what} is about it`);
      else if (this.mode === 'live' && !known) this.wrong(place, `this ${what} is about lag, and the job ${this.name} has no limit of it`, 'Write limits: with lag: 5m.');
    }
    return (all ?? []).map(({ value }) => value);
  }

  /** Reads the whole as the command line would be read. */
  private checkWords(job: JobConfig): void {
    const lines = job.mode === 'live' ? [mirrorWords(job)] : job.targets.map((target) => syncWords(job, target));
    for (const words of lines) {
      const refusal = this.reading.catalog.check(job.mode, words);
      if (refusal === undefined) continue;
      const named = new Set([...refusal.message.matchAll(/--([a-z0-9-]+)/g)].map((match) => match[1]));
      const place = job.settings.find((each) => named.has(each.name))?.place ?? (/target|^the host/.test(refusal.message) ? this.whole.targets?.place : /source|folder/.test(refusal.message) ? this.whole.source?.place : undefined);
      this.wrong(place ?? this.place, refusal.message, refusal.advice);
      return;
    }
  }
}

function whenOf({ cron, every, anchor }: ScheduleLine): ScheduleSpec['when'] {
  if (every !== undefined) return { kind: 'interval', everyMs: every.value, anchor: anchor?.value ?? EPOCH };
  return { kind: 'cron', text: cron?.value ?? '' };
}
