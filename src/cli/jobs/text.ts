/** Jobs and their runs to come, as text and as JSON. */
import { placeText, type Config, type ConfigProblem, type JobConfig } from '../../job/index.js';
import { displayName, fromText } from '../../tree/index.js';
import { Calendar, localStamp, localText, type Move, type Occurrence } from '../../schedule/index.js';

/** Version of the JSON lines. */
const VERSION = 1;

/** Text as a terminal may have it, whatever stands in a configuration. */
function shown(text: string): string {
  return displayName(fromText(text));
}

/** A mistake as compilers tell theirs, and what to do. */
export function problemText({ place, message, advice }: ConfigProblem): string {
  return `${shown(`${placeText(place)}: ${message}`)}\n${advice === undefined ? '' : `  ${shown(advice)}\n`}`;
}

export function problemJson({ place, message, advice }: ConfigProblem, type: 'problem' | 'warning'): string {
  return `${JSON.stringify({ type, version: VERSION, ...place, message, advice: advice ?? null })}\n`;
}

/** How a check went. */
export function checkText(config: Config): string {
  const { size } = config.jobs;
  return `${config.file}${config.files.length > 1 ? ` and ${config.files.length - 1} more` : ''}: ${size} ${size === 1 ? 'job' : 'jobs'}, nothing is wrong\n`;
}

export function checkJson(jobs: number, problems: number, warnings: number): string {
  return `${JSON.stringify({ type: 'check', version: VERSION, ok: problems === 0, jobs, problems, warnings })}\n`;
}

/** The first run of a job that starts by itself after an instant. */
export function nextRun(job: JobConfig, after: number): Occurrence | undefined {
  return job.enabled && job.mode === 'scheduled' ? new Calendar(job.schedules, job.name).next(after) : undefined;
}

/** A line for each job: name, mode, when it runs next, from where to where. */
export function listText(jobs: readonly JobConfig[], now: number): string {
  const rows = jobs.map((job) => [job.name, job.enabled ? job.mode : `${job.mode}, off`, whenText(job, now), shown(`${job.sources.join(' ')} -> ${job.targets.join(' ')}`)]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()}\n`).join('');
}

function whenText(job: JobConfig, now: number): string {
  if (!job.enabled) return '-';
  if (job.mode === 'live') return 'always';
  const run = nextRun(job, now);
  return run === undefined ? 'when told to' : `${localText(run.start, run.zone)} ${run.zone}`;
}

export function listJson(job: JobConfig, now: number): string {
  const run = nextRun(job, now);
  return `${JSON.stringify({
    type: 'job', version: VERSION, name: job.name, description: job.description ?? null, enabled: job.enabled, mode: job.mode, sources: job.sources, targets: job.targets, priority: job.priority, overlap: job.overlap,
    next: run?.start ?? null, file: job.place.file, line: job.place.line,
  })}\n`;
}

/** A run to come: when, which job, until when, and why it starts at another time than its line says. */
export function runText(job: string, run: Occurrence): string {
  const why = [...run.moves.map((move) => moveText(move, run)), ...(run.until === undefined ? [] : [`until ${timeBeside(run.until, run)}`])];
  return `${localText(run.start, run.zone)}  ${run.zone}  ${job}${why.length === 0 ? '' : `  (${why.join('; ')})`}\n`;
}

/** A local time, with its day where that is another one than the run's. */
function timeBeside(at: number, { start, zone }: Occurrence): string {
  const text = localText(at, zone);
  return text.slice(0, 10) === localText(start, zone).slice(0, 10) ? text.slice(11, 16) : text.slice(0, 16);
}

/** `11m44s`. */
function secondsText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const parts = [[Math.floor(seconds / 3600), 'h'], [Math.floor(seconds / 60) % 60, 'm'], [seconds % 60, 's']] as const;
  return parts.flatMap(([count, unit]) => (count === 0 ? [] : [`${count}${unit}`])).join('');
}

function moveText(move: Move, run: Occurrence): string {
  switch (move.kind) {
    case 'clocks': return `clocks are put forward over ${localStamp(move.skipped).slice(11)}`;
    case 'window': return `due ${timeBeside(move.due, run)}, when the window is closed`;
    case 'jitter': return `jitter ${secondsText(move.ms)}`;
    case 'missed': return `missed at ${timeBeside(move.start, run)}`;
    case 'resumed': return 'goes on where the window stopped it';
  }
}

export function runJson(job: string, run: Occurrence): string {
  return `${JSON.stringify({
    type: 'run', version: VERSION, job, start: run.start, due: run.due, until: run.until ?? null, zone: run.zone, schedule: run.schedule, local: localText(run.start, run.zone),
    moves: run.moves.map((move) => (move.kind === 'clocks' ? { kind: move.kind, skipped: localStamp(move.skipped) } : move)),
  })}\n`;
}
