/**
 * A pause outlives the mirror: it is a file in the pair's folder of state. Whoever paused it for good reason must not find it going on because a
 * supervisor started it again. A file that cannot be read means: paused, for somebody once said so.
 */
import { Errno, readWholeFile, removeFolder, replaceFile } from '../../fs/index.js';
import type { ByteString } from '../../tree/index.js';

const NAME = 'paused.json';
const LONGEST = 4096;

/** Since when the pair is paused, ms since 1970 (0: not known); undefined: it is not. */
export function readPause(folder: ByteString): number | undefined {
  const content = readWholeFile(`${folder}/${NAME}` as ByteString, LONGEST);
  if (typeof content === 'number') return content === -Errno.ENOENT ? undefined : 0;
  try {
    const value: unknown = JSON.parse(content.toString('utf8'));
    const since = typeof value === 'object' && value !== null ? (value as { since?: unknown }).since : undefined;
    return typeof since === 'number' && Number.isSafeInteger(since) && since >= 0 ? since : 0;
  } catch {
    return 0; // damaged
  }
}

/** Keeps that it is paused. 0 or a negated errno. */
export function keepPause(folder: ByteString, since: number): number {
  return replaceFile(`${folder}/${NAME}` as ByteString, `${JSON.stringify({ version: 1, since })}\n`);
}

/** It is not paused any more. 0 or a negated errno. */
export function dropPause(folder: ByteString): number {
  return removeFolder(`${folder}/${NAME}` as ByteString);
}
