/** The roots of a mirror: which folder the source is, and that no two of the trees lie in one another. */
import type { Posix } from '../../fs/index.js';
import { displayName, StatTable, TwintreeError, type ByteString } from '../../tree/index.js';

/** The identity of the folder at a path; undefined: there is none. */
export function folderAt(posix: Posix, path: ByteString): string | undefined {
  const fd = posix.openRoot(path);
  if (fd < 0) return undefined;
  const stat = new StatTable(1);
  const error = posix.fstat(fd, stat, 0);
  posix.close(fd);
  return error < 0 ? undefined : stat.identity(0);
}

/** A target, as far as its place matters. */
export interface TargetPlace {
  /** Its absolute path where it is on this host. */
  readonly localTarget: ByteString | undefined;
  /** How it is named: `host:path` or the like where it is elsewhere. */
  readonly pair: { readonly target: ByteString };
}

/**
 * A target inside of its source would be copied into itself again and again, and a source inside of its target be overwritten by its own copy, or deleted. Either may
 * stand where `-x` keeps to another file system. Targets that lie in one another would undo each other's work; on other hosts that is seen by their names alone.
 * @throws TwintreeError UNSUPPORTED.
 */
export function refuseOverlap(posix: Posix, source: ByteString, targets: readonly TargetPlace[], oneFileSystem: boolean): void {
  const from = placeOf(posix, source);
  const places = targets.map(({ localTarget }) => (localTarget === undefined ? undefined : placeOf(posix, localTarget)));
  for (const [k, place] of places.entries()) {
    if (place === undefined || (oneFileSystem && deviceOf(place) !== deviceOf(from))) continue;
    const path = targets[k]?.localTarget as ByteString;
    const advice = 'Put it elsewhere, or on a file system of its own with -x.';
    if (isWithin(place, from)) throw new TwintreeError('UNSUPPORTED', 'the target lies in the source: the mirror would follow itself', { path, advice });
    if (isWithin(from, place)) throw new TwintreeError('UNSUPPORTED', 'the source lies in the target: its own copy would be written over it', { path, advice });
  }
  for (const [k, target] of targets.entries()) {
    for (const [i, other] of targets.slice(0, k).entries()) {
      if (!overlap(target, places[k], other, places[i])) continue;
      throw new TwintreeError('UNSUPPORTED', `it is the same target as ${displayName(other.pair.target)}, or one lies in the other`, { path: target.pair.target, advice: 'Give each target a tree of its own.' });
    }
  }
}

/** Where a folder is, or would be made. */
export interface Place {
  /** Identities of the folders on the way that are there, from itself up. */
  readonly folders: readonly string[];
  /** Names below the first of them, of what is not there yet, each with a slash in front. */
  readonly rest: string;
}

export function placeOf(posix: Posix, path: ByteString): Place {
  let there: string = path;
  let at = folderAt(posix, path);
  while (at === undefined && there.length > 1) {
    there = there.slice(0, Math.max(1, there.lastIndexOf('/')));
    at = folderAt(posix, there as ByteString);
  }
  const rest = path.slice(there.length);
  const folders: string[] = [];
  for (let up = there; at !== undefined && at !== folders.at(-1); at = folderAt(posix, up as ByteString)) { // `..` of the root is the root
    folders.push(at);
    up += '/..';
  }
  return { folders, rest: rest === '' || rest.startsWith('/') ? rest : `/${rest}` };
}

/** Whether a place is another one, or lies in it. */
export function isWithin(inner: Place, outer: Place): boolean {
  const [top] = outer.folders;
  if (top === undefined) return false;
  if (outer.rest === '') return inner.folders.includes(top);
  return inner.folders[0] === top && isBelowName(inner.rest, outer.rest);
}

function isBelowName(inner: string, outer: string): boolean {
  if (outer.endsWith(':')) return inner.startsWith(outer) && inner.charAt(outer.length) !== '/'; // a home
  return inner === outer || inner.startsWith(outer.endsWith('/') ? outer : `${outer}/`);
}

function overlap(a: TargetPlace, atA: Place | undefined, b: TargetPlace, atB: Place | undefined): boolean {
  if (atA !== undefined && atB !== undefined) return isWithin(atA, atB) || isWithin(atB, atA);
  if (atA !== undefined || atB !== undefined) return false; // whether a host's name is this one is not known here
  const [nameA, nameB] = [withoutUser(a.pair.target), withoutUser(b.pair.target)];
  return isBelowName(nameA, nameB) || isBelowName(nameB, nameA);
}

/** An absolute path on a host is the same whoever asks for it. */
function withoutUser(name: string): string {
  return name.replace(/^[^@/:]*@(?=[^/]*:\/)/, '');
}

function deviceOf({ folders: [at] }: Place): string | undefined {
  return at?.slice(0, at.lastIndexOf(':'));
}
