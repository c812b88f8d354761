/** `twintree job explain`: which filter rule of a job decides for a path, and where in the configuration it stands. */
import type { JobConfig } from '../../job/index.js';
import { explainPaths, type Explanation, type Verdict } from '../../session/index.js';
import { displayName, fromText, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { asJson, asText } from '../commands/explain.js';
import { processContext } from '../commands/shared.js';
import { findLong, findShort, parseExplain } from '../options/index.js';
import { asBytes } from './catalog.js';

/** Prints an explanation for each path. Returns the exit code. */
export function explainJob(job: JobConfig, paths: readonly ByteString[], json: boolean): number {
  const words = job.settings.filter(({ name }) => (name.length === 1 ? findShort(name) : findLong(name)?.spec)?.commands.includes('explain')).flatMap((setting) => setting.words);
  let faults = 0;
  for (const path of paths) {
    const parsed = parseExplain([...asBytes([...words, '--', sourceOf(job, path)]), path], processContext());
    if (parsed.kind !== 'run') throw usageError(`the options of ${job.name} ask for help`);
    const found = explainPaths(parsed.source, parsed.paths, parsed.options, (file, message) => {
      faults++;
      process.stderr.write(`twintree: ${displayName(file)}: ${message}\n`);
    });
    for (const each of found) {
      const placed = withPlaces(each, job);
      process.stdout.write(json ? `${JSON.stringify(asJson(placed))}\n` : asText(placed));
    }
  }
  return faults > 0 ? EXIT.partial : EXIT.ok;
}

/** The source that a whole path is below; else the first. */
function sourceOf({ sources }: JobConfig, path: ByteString): string {
  return sources.find((source) => path.startsWith(fromText(source.endsWith('/') ? source : `${source}/`))) ?? (sources[0] as string);
}

function withPlaces(explanation: Explanation, job: JobConfig): Explanation {
  return { ...explanation, source: withPlace(explanation.source, job), target: withPlace(explanation.target, job) };
}

/** A rule that came from the job is named by its line there, and not by an option. */
function withPlace(verdict: Verdict, job: JobConfig): Verdict {
  const { rule } = verdict;
  if (rule === undefined || rule.origin.line > 0) return verdict;
  const setting = job.settings.find(({ words }) => words.some((word) => fromText(word) === `${rule.origin.source}=${rule.text}`)) ?? job.settings.find(({ name }) => `--${name}` === rule.origin.source);
  if (setting === undefined) return verdict;
  return { ...verdict, rule: { ...rule, origin: { source: setting.place.file, line: setting.place.line } } };
}
