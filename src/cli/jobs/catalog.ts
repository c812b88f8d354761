/** The option table as the configuration of jobs knows it: the same rows, the same parser, and what is said elsewhere in a job. */
import type { JobMode, JobOption, OptionCatalog, Refusal } from '../../job/index.js';
import { fromText, TwintreeError, type ByteString } from '../../tree/index.js';
import { findLong, findShort, parseMirror, parseSync, TABLE, type OptionSpec, type ParseContext } from '../options/index.js';
import { scanArguments } from '../options/scan.js';

const COMMAND = { scheduled: 'sync', live: 'mirror' } as const satisfies Record<JobMode, string>;
const FOR_EYES = 'It is for a command line that somebody looks at; twintree job run and its log show what a job does.';
const IN_LOGS = 'twintree job logs shows what the runs of a job have said, job history and report what they did.';
const BY_AGENT = 'twintree agent --metrics-listen gives those of all jobs.';
const AS_FILTER = 'Write it under filters, where the order of the rules is kept.';

/** Options that a job says elsewhere, or not at all, and what to do instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  archive: 'A job is as with --archive; owner: false and the like take something away.',
  filter: AS_FILTER, exclude: AS_FILTER, include: AS_FILTER, 'exclude-from': AS_FILTER, 'include-from': AS_FILTER, F: 'Write ": /.rsync-filter" under filters.',
  bwlimit: 'Write it under limits.', 'stop-after': 'Write runTime under limits.', 'stop-at': 'Write window, or runTime under limits.', 'time-zone': 'Write timeZone beside options.',
  'dry-run': 'twintree job run --dry-run shows what a job would do.',
  'write-batch': 'Batches are made by twintree sync.', 'only-write-batch': 'Batches are made by twintree sync.', 'read-batch': 'Batches are carried out by twintree sync.',
  help: FOR_EYES, version: FOR_EYES, 'log-file': IN_LOGS, 'log-file-format': IN_LOGS, metrics: BY_AGENT, 'metrics-listen': BY_AGENT,
};

/** @param context what options read when they are checked: files, variables, the time. */
export function optionCatalog(context: ParseContext): OptionCatalog {
  const options = TABLE.filter((spec) => spec.standing !== 'refused' && modesOf(spec).length > 0).map(asOption);
  return {
    options,
    find: (name) => {
      const found = findLong(name);
      const spec = found === undefined || found.negated ? (name.length === 1 ? findShort(name) : undefined) : found.spec;
      return spec === undefined ? undefined : options.find((each) => each.name === spec.name);
    },
    checkOption: (mode, words) => refusalOf(() => scanArguments(COMMAND[mode], asBytes(words), context)),
    check: (mode, words) => refusalOf(() => (mode === 'live' ? parseMirror : parseSync)(asBytes(words), context)),
  };
}

export function asBytes(words: readonly string[]): ByteString[] {
  return words.map(fromText);
}

function modesOf({ commands }: OptionSpec): JobMode[] {
  return (['scheduled', 'live'] as const).filter((mode) => commands.includes(COMMAND[mode]));
}

function asOption(spec: OptionSpec): JobOption {
  return {
    name: spec.name, argument: spec.argument, negatable: spec.negatable === true, help: spec.help, modes: modesOf(spec), isFile: spec.argument === 'FILE', instead: INSTEAD[spec.name] ?? (spec.section === 'Output' ? FOR_EYES : undefined),
  };
}

function refusalOf(read: () => unknown): Refusal | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof TwintreeError) return { message: error.message, advice: error.advice };
    throw error;
  }
}
