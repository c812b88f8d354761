/** What the words of `seed export` and `seed import` come to: secrets read from their files, and the run itself. */
import { seedExport, seedImport, type Encryption, type ExportOutcome, type ImportOutcome, type Opening } from '../archive/index.js';
import type { SessionListener } from '../session/index.js';
import { readSecret } from '../transport/index.js';
import { toBytes, type ByteString } from '../tree/index.js';
import { usageError } from './errors.js';
import type { ParseContext, ParsedExport, ParsedImport } from './options/index.js';

/** Level of gzip (measured: docs/seed.md). */
const LEVEL = 1;
const PASSPHRASE = 'TWINTREE_PASSPHRASE';

/** The export that a command line asks for. @throws CommandError where a secret cannot be read. */
export function exportRun(parsed: ParsedExport, context: ParseContext): (request: unknown, listener: SessionListener, signal?: AbortSignal) => Promise<ExportOutcome> {
  const { sources, options, out, words, compress } = parsed;
  const encrypt = encryptionOf(parsed, context);
  return (_request, listener, signal) => seedExport({
    sources, options, output: out, ...(words.split === undefined ? {} : { split: words.split }), ...(compress ? { compress: LEVEL } : {}), ...(encrypt === undefined ? {} : { encrypt }),
  }, listener, signal);
}

/** The import that a command line asks for. @throws CommandError where a secret cannot be read. */
export function importRun(parsed: ParsedImport, context: ParseContext): (request: unknown, listener: SessionListener, signal?: AbortSignal) => Promise<ImportOutcome> {
  const { archives, target, options } = parsed;
  const opening = openingOf(parsed, context);
  return (_request, listener, signal) => seedImport({ archives, target, options, opening }, listener, signal);
}

function openingOf({ words }: ParsedImport, context: ParseContext): Opening {
  const identities = words.identities.flatMap((file) => lines(readSecret(textOf(file))));
  const said = words.passphraseFile !== undefined || context.env(PASSPHRASE) !== undefined;
  return { identities, passphrases: said ? [passphraseOf(words.passphraseFile, context)] : [] };
}

function encryptionOf({ words }: ParsedExport, context: ParseContext): Encryption | undefined {
  const recipients = words.recipients.map((key) => textOf(key));
  for (const file of words.recipientFiles) {
    const content = context.readFile(file);
    if (typeof content === 'number') throw usageError('the recipients cannot be read', `${textOf(file)} is no readable file.`);
    recipients.push(...lines(content.toString('utf8')));
  }
  const wantsPassphrase = words.encrypt || words.passphraseFile !== undefined;
  if (wantsPassphrase && recipients.length > 0) throw usageError('an archive is encrypted with a passphrase or for recipients, not both');
  if (words.recipientFiles.length > 0 && recipients.length === 0) throw usageError('the file of recipients names none');
  if (recipients.length > 0) return { kind: 'recipients', recipients };
  return wantsPassphrase ? { kind: 'passphrase', passphrase: passphraseOf(words.passphraseFile, context) } : undefined;
}

function passphraseOf(file: ByteString | undefined, context: ParseContext): string {
  const passphrase = file === undefined ? textOf(context.env(PASSPHRASE) ?? ('' as ByteString)) : (readSecret(textOf(file)).split(/\r?\n/)[0] ?? '');
  if (passphrase === '') throw usageError('there is no passphrase', `Set ${PASSPHRASE}, or put it into the first line of a file and name that with --passphrase-file.`);
  return passphrase;
}

/** Lines that are neither empty nor comments. */
function lines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
}

function textOf(bytes: ByteString): string {
  return toBytes(bytes).toString('utf8');
}
