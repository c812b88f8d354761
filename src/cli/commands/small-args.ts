/** Arguments of commands without an option table: long options, some with a value, and names. */
import { displayName, toText, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';

/** What was given: options by name ('' for those without a value), and the rest in order. */
export interface SmallArgs { options: Map<string, ByteString>; names: ByteString[] }

/** @param flags options without a value. @param values options with one. @throws CommandError USAGE. */
export function parseSmall(command: string, args: readonly ByteString[], flags: readonly string[], values: readonly string[]): SmallArgs {
  const options = new Map<string, ByteString>();
  const names: ByteString[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as ByteString;
    if (arg === '--') {
      names.push(...args.slice(i + 1));
      break;
    }
    if (!arg.startsWith('--')) {
      if (arg.startsWith('-') && arg !== '-') throw unknown(command, arg);
      names.push(arg);
      continue;
    }
    const equals = arg.indexOf('=');
    const name = arg.slice(2, equals < 0 ? undefined : equals);
    if (options.has(name)) throw usageError(`--${displayName(name as ByteString)} is given twice`);
    if (flags.includes(name)) {
      if (equals >= 0) throw usageError(`--${name} takes no value`);
      options.set(name, '' as ByteString);
    } else if (values.includes(name)) {
      const value = equals >= 0 ? (arg.slice(equals + 1) as ByteString) : args[++i];
      if (value === undefined || value === '') throw usageError(`--${name} needs a value`);
      options.set(name, value);
    } else throw unknown(command, arg);
  }
  return { options, names };
}

function unknown(command: string, arg: ByteString): Error {
  return usageError(`unknown option ${displayName(arg)}`, `twintree ${command} --help lists the options.`);
}

/** An argument as the text that was typed. */
export const typed = toText;
