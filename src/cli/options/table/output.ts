/** Rows of the option table: what is shown, and the general options. */
import { displayName, type ByteString } from '../../../tree/index.js';
import { usageError } from '../../errors.js';
import type { OutputOptions } from '../output.js';
import { readLevels } from '../levels.js';
import { EVERY, ONCE, SHOWN, type OptionSpec, type Section } from '../spec.js';

const works = 'works';
const section: Section = 'Output';

export const OUTPUT: readonly OptionSpec[] = [
  {
    name: 'verbose', short: 'v', negatable: true, section, standing: works, commands: EVERY,
    help: 'tell more; up to five times',
    set: (d) => { d.output.verbosity++; }, clear: (d) => { d.output.verbosity = 0; },
  },
  {
    name: 'info', argument: 'FLAGS', section, standing: works, commands: SHOWN,
    help: 'what to tell, by name and level: progress2, name0, stats2; --info=help lists them',
    note: 'What is named here wins over what -v, --progress and --stats imply.',
    set: (d, value) => { if (readLevels('info', value, d.infoAsked)) d.listLevels = 'info'; },
  },
  {
    name: 'debug', argument: 'FLAGS', section, standing: works, commands: SHOWN,
    help: 'what to tell about the inside: filter, del2; --debug=help lists them',
    note: 'All of rsync’s names are known; one about which there is nothing to say here stays quiet. --debug=ALL shows where an error arose.',
    set: (d, value) => { if (readLevels('debug', value, d.debugAsked)) d.listLevels = 'debug'; },
  },
  {
    name: 'stderr', argument: 'e|a|c', section, standing: works, commands: SHOWN,
    help: 'errors: only errors go to stderr; all: messages too; client: as errors',
    set: (d, value) => { d.output.stderr = stderrMode(value); },
  },
  {
    name: 'msgs2stderr', negatable: true, section, standing: works, commands: SHOWN,
    help: 'the same as --stderr=all; --no-msgs2stderr as --stderr=client',
    set: (d) => { d.output.stderr = 'all'; }, clear: (d) => { d.output.stderr = 'errors'; },
  },
  {
    name: 'quiet', short: 'q', section, standing: works, commands: EVERY,
    help: 'tell nothing but errors', set: (d) => { d.output.quiet = true; },
  },
  {
    name: 'itemize-changes', short: 'i', negatable: true, section, standing: works, commands: SHOWN,
    help: 'a line for each change, with what changes; twice: unchanged entries too',
    set: (d) => { d.output.itemize++; }, clear: (d) => { d.output.itemize = 0; },
  },
  {
    name: 'out-format', aliases: ['log-format'], argument: 'FORMAT', section, standing: works, commands: SHOWN,
    help: 'the line for each change, with % escapes', set: (d, value) => { d.output.outFormat = value; },
  },
  {
    name: 'stats', section, standing: works, commands: SHOWN,
    help: 'statistics at the end', set: (d) => { d.output.stats = true; },
  },
  {
    name: 'human-readable', short: 'h', negatable: true, section, standing: works, commands: SHOWN,
    help: 'numbers with units of 1000; twice: of 1024; --no-h: plain digits (-h as the only argument is --help)',
    set: (d) => { d.human++; }, clear: (d) => { d.human = 0; },
  },
  {
    name: 'progress', negatable: true, section, standing: works, commands: SHOWN,
    help: 'progress of each file; --info=progress2: of the whole run',
    set: (d) => { d.progress = true; }, clear: (d) => { d.progress = false; },
  },
  {
    name: 'P', section, standing: works, commands: ONCE,
    help: 'the same as --partial --progress',
    set: (d) => { d.session.replace.partial = true; d.progress = true; },
  },
  {
    name: 'json', ours: true, negatable: true, section, standing: works, commands: EVERY,
    help: 'JSON lines on stdout instead of text', set: (d) => { d.output.json = true; }, clear: (d) => { d.output.json = false; },
  },
  {
    name: '8-bit-output', short: '8', negatable: true, section, standing: works, commands: EVERY,
    help: 'show bytes above 127 as they are', set: (d) => { d.output.eightBit = true; }, clear: (d) => { d.output.eightBit = false; },
  },
  {
    name: 'outbuf', argument: 'N|L|B', section, standing: works, commands: SHOWN,
    help: 'write stdout unbuffered, by line or by block', set: (d, value) => { d.outbuf = value; },
  },
  {
    name: 'log-file', argument: 'FILE', section, standing: works, commands: SHOWN,
    help: 'write what is done to FILE too', set: (d, value) => { d.output.logFile = value; },
  },
  {
    name: 'log-file-format', argument: 'FORMAT', section, standing: works, commands: SHOWN,
    help: "the log file's line for each change (%i %n%L)", set: (d, value) => { d.output.logFileFormat = value; },
  },
  {
    name: 'list-only', section, standing: works, commands: ['sync'],
    help: 'list the sources instead of copying them; implied where there is no target', set: (d) => { d.output.listOnly = true; },
  },
  {
    name: 'output', argument: 'FILE', ours: true, section: 'General', standing: works, commands: ['plan'],
    help: 'the file that the plan is kept in; - is standard output', note: 'Also -o FILE as two arguments of their own; within a cluster of letters, o is --owner.',
    set: (d, value) => { d.planFile = value; },
  },
  { name: 'help', section: 'General', standing: works, commands: EVERY, help: 'this list', set: (d) => { d.help = true; } },
  { name: 'version', short: 'V', section: 'General', standing: works, commands: EVERY, help: 'the version', set: (d) => { d.version = true; } },
];

function stderrMode(value: ByteString): OutputOptions['stderr'] {
  const mode = ['errors', 'all', 'client'].find((each) => value !== '' && each.startsWith(value));
  if (mode === undefined) throw usageError(`--stderr=${displayName(value)} is not one of errors, all or client`);
  return mode === 'all' ? 'all' : 'errors';
}
