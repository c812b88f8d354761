/**
 * Temporary names: `.~twintree-<tag>-<n>`, the tag being the session's. The one place that knows the form;
 * scans use it to recognise what an earlier run was killed over.
 */
import type { ByteString } from '../../tree/index.js';

const PREFIX = '.~twintree-';
const FORM = /^\.~twintree-([0-9a-f]{1,64})-[0-9a-z]{1,16}$/;

/** Folder in which --delay-updates keeps finished files until the end, in each folder (rsync's name for it). */
export const DELAY_FOLDER = '.~tmp~' as ByteString;

/** The n-th temporary name of a session (n ≥ 0, an integer). `tag` is lower-case hex. */
export function tempName(tag: string, n: number): ByteString {
  return `${PREFIX}${tag}-${n.toString(36)}` as ByteString;
}

/** Name of the folder below DELAY_FOLDER that holds what this session has ready. */
export function stageName(tag: string): ByteString {
  return `${PREFIX}${tag}-stage` as ByteString;
}

/** Name of the folder beside it that tells which sources may be removed when the files are in place. */
export function sourcesName(tag: string): ByteString {
  return `${PREFIX}${tag}-sources` as ByteString;
}

/** Whether a name has the form of a temporary one, of whatever session. */
export function isTempName(name: ByteString): boolean {
  return name.startsWith(PREFIX) && FORM.test(name);
}

/** The session's tag in a temporary name, undefined for other names. */
export function tempTag(name: ByteString): string | undefined {
  return FORM.exec(name)?.[1];
}
