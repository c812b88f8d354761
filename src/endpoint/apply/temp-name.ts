/**
 * Temporary names: `.~twintree-<tag>-<n>`, the tag being the session's. The one place that knows the form;
 * scans use it to recognise what an earlier run was killed over.
 */
import type { ByteString, RelPath } from '../../tree/index.js';

const PREFIX = '.~twintree-';
const FORM = /^\.~twintree-([0-9a-f]{1,64})-[0-9a-z]{1,16}$/;

/** Folder in which --delay-updates keeps finished files until the end, in each folder (rsync's name for it). */
export const DELAY_FOLDER = '.~tmp~' as ByteString;

/** The n-th temporary name of a session (n ≥ 0, an integer). `tag` is lower-case hex. */
export function tempName(tag: string, n: number): ByteString {
  return `${PREFIX}${tag}-${n.toString(36)}` as ByteString;
}

/**
 * Name under which an entry of the target waits beside its place until its new name is free. It is no temporary one: what waits has no second
 * copy, so where a run dies it is an ordinary name that the source does not have.
 */
export function waitingName(tag: string, n: number): ByteString {
  return `${PREFIX}${tag}-moving-${n.toString(36)}` as ByteString;
}

/** Name of the folder below DELAY_FOLDER that holds what this session has ready. */
export function stageName(tag: string): ByteString {
  return `${PREFIX}${tag}-stage` as ByteString;
}

/** Name of the folder beside it that tells which sources may be removed when the files are in place. */
export function sourcesName(tag: string): ByteString {
  return `${PREFIX}${tag}-sources` as ByteString;
}

/**
 * Name of the undo journal of an inode that is patched in place (undo-format.ts). It follows from the inode, so that whoever is about to
 * touch the file again finds it; 16 digits, which no session's tag has.
 */
export function undoName(inoHigh: number, inoLow: number): ByteString {
  return `${PREFIX}${hex8(inoHigh)}${hex8(inoLow)}-undo` as ByteString;
}

const UNDO_FORM = /^\.~twintree-[0-9a-f]{16}-undo$/;

/** Whether a name is that of an undo journal. All such names are temporary ones too. */
export function isUndoName(name: ByteString): boolean {
  return name.startsWith(PREFIX) && UNDO_FORM.test(name);
}

/** Where the first name stands that is not below `prefix`; names are in byte order. */
function lowerBound(names: readonly ByteString[], prefix: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] as ByteString) < prefix) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The undo journals among some names, which are in byte order. Scans ask it of every folder: it looks at no more names than it must. */
export function undoNames(names: readonly ByteString[]): readonly ByteString[] {
  const low = lowerBound(names, PREFIX);
  let end = low;
  while (end < names.length && (names[end] as ByteString).startsWith(PREFIX)) end++;
  return names.slice(low, end).filter(isUndoName);
}

/**
 * Name under which the beginning of the file `name` waits for the next session after a connection broke (cut-off.ts). It follows from the
 * name, so that it is found again; 16 digits as above.
 */
export function partName(name: ByteString): ByteString {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let k = 0; k < name.length; k++) { // FNV-1a twice: files of one folder are told apart, and a mistake costs work only
    low = Math.imul(low ^ name.charCodeAt(k), 0x01000193);
    high = Math.imul(high ^ name.charCodeAt(k), 0x85ebca6b);
  }
  return `${PREFIX}${hex8(high)}${hex8(low)}-part` as ByteString;
}

const PART_FORM = /^\.~twintree-[0-9a-f]{16}-part$/;

/** Whether a name is that of a file that was cut off. All such names are temporary ones too. */
export function isPartName(name: ByteString): boolean {
  return name.startsWith(PREFIX) && PART_FORM.test(name);
}

function hex8(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

/** Whether a name has the form of a temporary one, of whatever session. */
export function isTempName(name: ByteString): boolean {
  return name.startsWith(PREFIX) && FORM.test(name);
}

/** What else the program makes for a moment beside files of the user: the folder in which a target is probed, the output of `twintree delta`. */
const PASSING = /^\.twintree-(?:probe-\d+-\d+-\d+|delta\.[0-9a-f]{12})$/;

/** Whether a name is one that the program makes for itself in a tree. Such names never travel: what they become does. */
export function isWorkName(name: ByteString): boolean {
  return name.startsWith('.') && (isTempName(name) || name === DELAY_FOLDER || PASSING.test(name));
}

/** Whether a name on the path is one of those. */
export function isWorkPath(path: RelPath): boolean {
  return (path.includes('.~t') || path.includes('.twintree-')) && path.split('/').some((name) => isWorkName(name as ByteString));
}

/** Names of a folder, in byte order, without those. The same array where there are none. */
export function withoutWorkNames(names: ByteString[]): ByteString[] {
  const near = ['.~t', '.twintree-'].some((prefix) => names[lowerBound(names, prefix)]?.startsWith(prefix));
  return near ? names.filter((name) => !isWorkName(name)) : names;
}

/** The session's tag in a temporary name, undefined for other names. */
export function tempTag(name: ByteString): string | undefined {
  return FORM.exec(name)?.[1];
}
