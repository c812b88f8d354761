/** What a survey of a source found: plain data, as it stands in a plan's JSON. Pure. */
import { isCount, isObject, isText, parsedObject, type TypeCounts } from '../../tree/index.js';

/** How many of a kind, and the first of them in the order of the walk, for people. */
export interface Found { count: number; readonly paths: FoundPath[] }
export interface FoundPath { readonly path: string; readonly what: string }

/**
 * What lies in a source that a copy has to mind, each with its paths. `links-outside`: files with further names that are not copied. `long-paths`: longer than PATH_MAX.
 * `unreadable`: could not be looked at by whoever surveys.
 */
export const KINDS = [
  'acls', 'capabilities', 'user-xattrs', 'trusted-xattrs', 'security-xattrs', 'other-xattrs', 'set-id', 'sticky', 'unnamed-owners', 'unnamed-groups', 'immutable', 'append-only', 'hard-links', 'links-outside', 'sparse', 'devices', 'fifos', 'sockets',
  'not-utf8', 'control-characters', 'long-paths', 'twins', 'unreadable',
] as const;
export type Kind = (typeof KINDS)[number];

export interface Changed { files: number; bytes: number }
export interface SizeClass { /** Bytes, inclusive; null: no limit. */ readonly upTo: number | null; files: number; bytes: number }
export interface LargeFile { readonly path: string; readonly bytes: number; readonly allocated: number }
/** Times in ms since 1970. */
export interface HotFile { readonly path: string; readonly bytes: number; readonly changedAt: number }

/** Stretches of time before the survey, for which changes are counted; ms. */
export const STRETCHES = { hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const;
export type Stretch = keyof typeof STRETCHES;

export interface Growth {
  /** When the earlier survey was made, ms since 1970, and how long before. */
  readonly since: number;
  readonly ms: number;
  /** May be below zero. */
  readonly files: number;
  readonly bytes: number;
  readonly bytesPerDay: number;
}

export interface Survey {
  readonly format: 'twintree-survey';
  readonly version: 1;
  /** As it was named, for people. */
  readonly source: string;
  readonly at: number;
  tookMs: number;
  readonly entries: TypeCounts;
  /** Of regular files; an inode with several names counts once. */
  readonly bytes: { apparent: number; allocated: number };
  readonly sizes: SizeClass[];
  /** The largest first; the last changed first. */
  largest: LargeFile[];
  hottest: HotFile[];
  /** Files whose content was written within a stretch (by mtime), with their whole size; and what was made in it, where birth times are told. */
  readonly written: Record<Stretch, Changed>;
  made: Record<Stretch, Changed> | null;
  growth: Growth | null;
  readonly found: Record<Kind, Found>;
  /** Files whose times are finer than a microsecond. */
  nanoseconds: number;
  readonly hardLinks: { groups: number; names: number; /** What copies of their own would take beyond that. */ saved: number; /** There were more than could be followed. */ partial: boolean };
  readonly sparse: { files: number; apparent: number; allocated: number };
  longestPath: number;
  /** File systems mounted below, and whether they are copied. */
  readonly mounts: { readonly path: string; readonly type: string; readonly copied: boolean }[];
}

/** What of an earlier survey growth is made of. */
export interface EarlierSurvey { readonly source: string; readonly at: number; readonly entries: { readonly files: number }; readonly bytes: { readonly apparent: number } }

/** The survey in a plan's JSON, as far as growth needs it; undefined: it is none, or of another version. */
export function earlierSurvey(text: string): EarlierSurvey | undefined {
  const plan = parsedObject(text);
  const survey = plan?.['format'] === 'twintree-migration-plan' ? plan['survey'] : plan;
  if (!isObject(survey) || survey['format'] !== 'twintree-survey' || survey['version'] !== 1) return undefined;
  const { source, at, entries, bytes } = survey;
  if (!isText(source, 65_536) || !isCount(at) || !isObject(entries) || !isObject(bytes)) return undefined;
  const [files, apparent] = [entries['files'], bytes['apparent']];
  return isCount(files) && isCount(apparent) ? { source, at, entries: { files }, bytes: { apparent } } : undefined;
}
