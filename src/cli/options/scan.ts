/**
 * Reads a command line by the option table, with rsync's rules: letters in clusters (`-avzHAX`), values
 * attached or as the next argument (`-T/tmp`, `-T=/tmp`, `-T /tmp`, `--suffix=x`, `--suffix x`), options and
 * operands in any order, `--` ends the options, a lone `-` is an operand, long options are never abbreviated.
 *
 * Options take effect in command-line order; what they mean together is `finish.ts`'s.
 */
import { EMPTY, displayName, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { Recurse, emptyDraft, type Draft } from './draft.js';
import { spelled, type OptionSpec, type ParseContext, type TableCommand } from './spec.js';
import { findLong, findShort } from './table/index.js';

/** A command line that was read: the state of the options, and everything that was not an option. */
export interface Scanned { draft: Draft; operands: ByteString[] }

export function scanArguments(command: TableCommand, args: readonly ByteString[], context: ParseContext): Scanned {
  const draft = emptyDraft();
  if (command === 'verify') presetVerify(draft);
  if (command === 'mirror') presetMirror(draft);
  if (command === 'seed export' || command === 'seed import') presetSeed(draft);
  const operands: ByteString[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as ByteString;
    if (arg === '--') {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (command === 'plan' && arg === '-o') { // on its own it is where the plan goes; in a cluster it is --owner, as in sync
      if (readLong(command, draft, '--output' as ByteString, args[i + 1], context)) i++;
    } else if (arg.startsWith('--')) {
      if (readLong(command, draft, arg, args[i + 1], context)) i++;
    } else if (arg.length > 1 && arg.startsWith('-')) {
      if (readCluster(command, draft, arg, args[i + 1], context)) i++;
    } else operands.push(arg);
  }
  if (args.length === 1 && draft.human > 1) draft.help = true; // -h on its own
  if (command !== 'mirror' && draft.following.timetable !== undefined) throw usageError('--bwlimit takes one rate here', 'A timetable is for twintree mirror, which runs on and on.');
  return { draft, operands };
}

/** verify compares everything that -a keeps, by content, unless told otherwise. */
function presetVerify(draft: Draft): void {
  draft.checksum = true;
  presetArchive(draft);
}

/** Nobody looks on: a connection that has died in silence must come to an end by itself. */
function presetMirror(draft: Draft): void {
  presetArchive(draft);
  draft.connection.timeoutMs = 60_000;
  draft.connection.connectTimeoutMs = 30_000;
  draft.connection.retries = 0; // the mirror's own attempts follow, and are told
  draft.session.replace.durable = true;
}

/** As with -aHAX: all that an archive holds. */
function presetSeed(draft: Draft): void {
  presetArchive(draft);
  Object.assign(draft.session.attributes, { hardLinks: true, acls: true });
  draft.xattrLevel = 1;
}

/** As with -a, unless told otherwise. */
function presetArchive(draft: Draft): void {
  draft.recurse = Recurse.ByArchive;
  Object.assign(draft.session.attributes, { links: true, perms: true, times: true, group: true, owner: true, devices: true, specials: true });
}

/** One `--…` argument. Returns true where the next argument was its value. */
function readLong(command: TableCommand, draft: Draft, arg: ByteString, next: ByteString | undefined, context: ParseContext): boolean {
  const equals = arg.indexOf('=');
  const name = arg.slice(2, equals < 0 ? undefined : equals);
  const attached = equals < 0 ? undefined : (arg.slice(equals + 1) as ByteString);
  const found = findLong(name);
  if (found === undefined) throw unknownOption(command, arg);
  const { spec, negated } = found;
  checkCommand(command, spec, arg);
  if (negated || spec.argument === undefined) {
    if (attached !== undefined) throw usageError(`--${name} does not take a value`, `It was given as ${displayName(arg)}.`);
    if (negated) spec.clear?.(draft);
    else spec.set(draft, EMPTY, context);
    return false;
  }
  const value = attached ?? next;
  if (value === undefined) throw missingValue(spec, `--${name}`);
  spec.set(draft, value, context);
  return attached === undefined;
}

/** One `-…` argument: letters, the last of which may take a value. Returns true where the next argument was it. */
function readCluster(command: TableCommand, draft: Draft, arg: ByteString, next: ByteString | undefined, context: ParseContext): boolean {
  for (let at = 1; at < arg.length; at++) {
    const letter = arg.charAt(at);
    const spec = findShort(letter);
    if (spec === undefined) throw unknownOption(command, arg, letter as ByteString);
    checkCommand(command, spec, `-${letter}` as ByteString);
    if (spec.argument === undefined) {
      spec.set(draft, EMPTY, context);
      continue;
    }
    let rest: string | undefined = arg.slice(at + 1);
    if (rest === '') rest = undefined;
    else if (rest.startsWith('=')) rest = rest.slice(1);
    const value = (rest ?? next) as ByteString | undefined;
    if (value === undefined) throw missingValue(spec, `-${letter}`);
    spec.set(draft, value, context);
    return rest === undefined;
  }
  return false;
}

function checkCommand(command: TableCommand, spec: OptionSpec, arg: ByteString): void {
  if (!spec.commands.includes(command)) throw usageError(`${command} does not take ${displayName(arg)}`, `It is an option of ${spec.commands.join(' and ')}.`);
}

function unknownOption(command: TableCommand, arg: ByteString, letter?: ByteString): Error {
  const shown = displayName(arg);
  const what = letter === undefined || arg.length === 2 ? shown : `-${displayName(letter)} (in ${shown})`;
  return usageError(`${what} is not an option`, `twintree ${command} --help lists the options. Put -- before names that begin with a dash.`);
}

function missingValue(spec: OptionSpec, shown: string): Error {
  return usageError(`${shown} needs a value`, `It is written ${spelled(spec)}${spec.name.length === 1 ? ' ' : '='}${spec.argument ?? ''}.`);
}
