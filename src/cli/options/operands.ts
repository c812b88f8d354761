/** What is left of a command line without its options: sources and target, all of this machine. */
import { displayName, type ByteString } from '../../tree/index.js';
import { CommandError, usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';

/**
 * Whether rsync would take an argument for another host: a colon before the first slash (`host:path`,
 * `host::module`, `[::1]:path`, `rsync://…`). `./a:b` is a local file with a colon in its name.
 */
export function isRemote(argument: ByteString): boolean {
  return /^[^/]*:/.test(argument);
}

/** Refuses what is not here, and what is empty. */
export function checkLocal(argument: ByteString, what: 'source' | 'target'): ByteString {
  if (argument === '') throw usageError(`the ${what} is an empty name`, 'Write . for the folder you are in.');
  if (argument.includes('\0')) throw usageError(`the ${what} holds a NUL byte`);
  if (isRemote(argument)) {
    throw new CommandError('UNSUPPORTED', `${displayName(argument)}: remote endpoints are not in this version`, {
      exitCode: EXIT.unsupported, advice: 'Both trees must be folders of this machine. Write ./NAME for a local name with a colon in it.',
    });
  }
  return argument;
}
