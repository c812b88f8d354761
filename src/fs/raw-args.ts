/**
 * raw-args: this process's own arguments as bytes. Node decodes argv as UTF-8 and loses what is not; Linux keeps
 * the bytes in /proc/self/cmdline. They are believed only where they decode to exactly what Node has (a changed
 * process title overwrites them); elsewhere the text's UTF-8 is taken.
 */
import { readFileSync } from 'node:fs';
import { fromText, toBytes, type ByteString } from '../tree/index.js';

/** The arguments after the script's name, as bytes. */
export function rawArguments(): ByteString[] {
  const decoded = process.argv.slice(2);
  return alignArguments(ownCommandLine(), decoded) ?? decoded.map(fromText);
}

/** The tail of a NUL-separated command line that stands for `decoded`; undefined where they do not agree. */
export function alignArguments(commandLine: string, decoded: readonly string[]): ByteString[] | undefined {
  const parts = commandLine.split('\0');
  if (parts.pop() !== '') return undefined; // each argument ends with a NUL
  if (parts.length < decoded.length) return undefined;
  const tail = parts.slice(parts.length - decoded.length) as ByteString[];
  return tail.every((bytes, i) => toBytes(bytes).toString('utf8') === decoded[i]) ? tail : undefined;
}

function ownCommandLine(): string {
  try {
    return readFileSync('/proc/self/cmdline', 'latin1');
  } catch {
    return ''; // no /proc: the decoded text is all there is
  }
}
