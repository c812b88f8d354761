/**
 * Which symlinks are unsafe, and how a link is made harmless by a prefix. Text only: nothing is looked
 * up, so a link through another link is judged by its words. Follows rsync 3.5's rules.
 */
import type { ByteString } from '../tree/index.js';

/** What --munge-links puts before a link's text; a target that nobody should have makes the link dangle. */
export const MUNGE_PREFIX = '/rsyncd-munged/';

/**
 * Whether a link may lead out of the transfer (--safe-links, --copy-unsafe-links): an empty or absolute text,
 * a `..` anywhere but at the start, or more `..` than there are folders above the link.
 * @param text the link's text.
 * @param path where the link stands: the path as the transfer names it, counted from the folder that holds
 *   the transfer's roots (for `sync src/ dst` from the content of `src`, for `sync src dst` with `src/` before).
 */
export function unsafeSymlink(text: ByteString, path: ByteString): boolean {
  if (text === '' || text.startsWith('/')) return true;
  // Only a run of ../ at the start may climb; a climb further on could pass through another link.
  const rest = text.replace(/^(?:\.\.\/+)+/, '');
  if (rest.includes('/../') || text.endsWith('/..')) return true;
  let depth = folderDepth(path);
  const parts = text.split('/');
  const last = parts.length - 1;
  for (let i = 0; i < last; i++) {
    const part = parts[i];
    if (part === '..') {
      if (--depth < 0) return true;
    } else if (part !== '' && part !== '.') depth++;
  }
  if (parts[last] === '..') depth--;
  return depth < 0;
}

/** How many folders stand above the last part of a path; a `..` on the way starts the count anew. */
function folderDepth(path: ByteString): number {
  const parts = path.split('/');
  let depth = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (part === '..') depth = 0;
    else if (i === parts.length - 1 || part === '.' || (part === '' && i > 0)) continue;
    else depth++;
  }
  return depth;
}

/** The text with the prefix before it (a second time, where it has it already, so that unmunging gives it back). */
export function mungeLink(text: ByteString): ByteString {
  return (MUNGE_PREFIX + text) as ByteString;
}

/** The text without the prefix; unchanged where it has none or nothing stands behind it. */
export function unmungeLink(text: ByteString): ByteString {
  return text.length > MUNGE_PREFIX.length && text.startsWith(MUNGE_PREFIX) ? (text.slice(MUNGE_PREFIX.length) as ByteString) : text;
}
