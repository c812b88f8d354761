/** What a configuration says, once it is right: plain data that other parts of the job room work from. */
import type { ScheduleSpec } from '../../schedule/index.js';
import type { Retention } from '../history/index.js';
import type { HookSpec } from '../hooks/index.js';
import type { NoticeSpec } from '../notices/index.js';
import type { Place } from './place.js';

/** Sessions by a timetable, or a mirror that follows every change. */
export type JobMode = 'scheduled' | 'live';

/** What becomes of a run that falls due while the job's last one goes on. */
export type Overlap = 'skip' | 'queue' | 'cancel-previous';

export type { HookSpec, NoticeSpec, Retention };
export type { MailNotice, Occasion as NoticeEvent, PingNotice, Secret, WebhookNotice } from '../notices/index.js';

/** An option of a job as words of the command line, and where it was said. */
export interface JobSetting {
  /** Long name in the option table. */
  readonly name: string;
  readonly words: readonly string[];
  readonly place: Place;
}

export interface JobConfig {
  readonly name: string;
  readonly description: string | undefined;
  /** Not enabled: nothing starts by itself. */
  readonly enabled: boolean;
  readonly mode: JobMode;
  /** As on the command line. A live job has one. */
  readonly sources: readonly string[];
  /** At least one. */
  readonly targets: readonly string[];
  /** Options, limits of the session and filters, in order. */
  readonly settings: readonly JobSetting[];
  /** Of a scheduled job; none: it runs when it is told to. */
  readonly schedules: readonly ScheduleSpec[];
  readonly overlap: Overlap;
  /** 0 to 100; of jobs that wait, the one with the highest starts first. */
  readonly priority: number;
  /** Of a scheduled job: what its runs may send at what time; see `openPace`. A single rate is among the settings. */
  readonly rates: { readonly timetable: string; /** IANA name. */ readonly zone: string } | undefined;
  /** A run is stopped after so long, and goes on next time. */
  readonly runTimeMs: number | undefined;
  /** A live target that is farther behind is told by hooks and notices. */
  readonly lagMs: number | undefined;
  readonly hooks: readonly HookSpec[];
  readonly notices: readonly NoticeSpec[];
  readonly retention: Retention;
  /** Where the job is described. */
  readonly place: Place;
}

export interface Config {
  /** Absolute path of the main file. */
  readonly file: string;
  /** All files that were read, the main one first. */
  readonly files: readonly string[];
  readonly jobs: ReadonlyMap<string, JobConfig>;
  /** How many runs go on at once; undefined: as the agent sees fit. */
  readonly parallel: number | undefined;
}

/** The options and operands of a session of a scheduled job to one target, as `twintree sync` reads them. */
export function syncWords(job: JobConfig, target: string): string[] {
  return [...job.settings.flatMap(({ words }) => words), '--', ...job.sources, target];
}

/** Those of a live job, as `twintree mirror` reads them. */
export function mirrorWords(job: JobConfig): string[] {
  return [...job.settings.flatMap(({ words }) => words), '--', ...job.sources, ...job.targets];
}
