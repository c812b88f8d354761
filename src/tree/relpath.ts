/**
 * RelPath: a validated path below a root, as bytes. `''` is the root itself. There is no empty part,
 * no `.` or `..`, no NUL and no leading or trailing slash; so a RelPath can never name anything above
 * its root. It may be longer than PATH_MAX: it is walked part by part.
 */
import { EMPTY, type ByteString } from './bytes.js';

/** A validated path below a root; `''` is the root. */
export type RelPath = ByteString;

/** Longest path accepted, in bytes. Linux sets no limit below a handle; this one bounds memory. */
export const MAX_PATH_BYTES = 1 << 16;
/** Longest single name, in bytes (NAME_MAX on every file system in use). */
export const MAX_NAME_BYTES = 255;

/** Whether `name` can be one part of a RelPath. */
export function isName(name: ByteString): boolean {
  return (
    name.length > 0 &&
    name.length <= MAX_NAME_BYTES &&
    name !== '.' &&
    name !== '..' &&
    !name.includes('/') &&
    !name.includes('\0')
  );
}

const SLASH = 47;
const DOT = 46;

/** Whether `path` is a valid RelPath. Never throws: what comes from outside is asked first. */
export function isRelPath(path: ByteString): boolean {
  if (path === '') return true;
  if (path.length > MAX_PATH_BYTES) return false;
  let from = 0; // where the part begins: paths come by the hundred thousand, and are not taken apart for this
  for (let i = 0; i <= path.length; i++) {
    const c = i === path.length ? SLASH : path.charCodeAt(i);
    if (c === 0) return false;
    if (c !== SLASH) continue;
    const length = i - from;
    if (length === 0 || length > MAX_NAME_BYTES) return false;
    if (length <= 2 && path.charCodeAt(from) === DOT && (length === 1 || path.charCodeAt(from + 1) === DOT)) return false;
    from = i + 1;
  }
  return true;
}

/**
 * Makes a RelPath of a path given by a person or a list: slashes are squeezed, `.` parts dropped,
 * leading and trailing slashes removed. Returns undefined where a `..` or a NUL remains.
 */
export function cleanPath(path: ByteString): RelPath | undefined {
  if (isRelPath(path)) return path as RelPath;
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const joined = parts.join('/') as ByteString;
  return isRelPath(joined) ? joined : undefined;
}

/** `folder/name`, or `name` at the root. */
export function joinPath(folder: RelPath, name: ByteString): RelPath {
  return (folder === '' ? name : name === '' ? folder : `${folder}/${name}`) as RelPath;
}

/** The folder a path stands in; `''` for a name at the root. */
export function parentOf(path: RelPath): RelPath {
  const at = path.lastIndexOf('/');
  return at < 0 ? EMPTY : (path.slice(0, at) as RelPath);
}

/** The last part of a path. */
export function baseOf(path: RelPath): ByteString {
  return path.slice(path.lastIndexOf('/') + 1) as ByteString;
}
