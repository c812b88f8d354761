/** What a comparison says of one path; a line of the evidence each. */
import { isObject, isRelPath, type ByteString, type RelPath } from '../../tree/index.js';
import { ManifestError, quoted } from '../manifest/entry.js';

/**
 * - `difference`: both have it, and they differ in what the options keep.
 * - `missing`: the source has it, the target does not. `extra`: the target has it, the source does not.
 * - `loss`: it differs in what the target, or its user, cannot hold. No difference.
 * - `unread`: on one side it could not be read, or not in one piece: nothing is proven of it.
 * - `unjudged`: the target has it below a folder that was not looked into at the source.
 */
export type NoteKind = 'difference' | 'missing' | 'extra' | 'loss' | 'unread' | 'unjudged';

export const NOTE_KINDS: readonly NoteKind[] = ['difference', 'missing', 'extra', 'loss', 'unread', 'unjudged'];

/** What of an entry differs, is lost, or why it is not read. */
export type NoteDetail =
  | 'type' | 'content' | 'size' | 'mode' | 'owner' | 'group' | 'mtime' | 'atime' | 'link' | 'device' | 'hard-link' | 'acl' | 'xattrs' | 'unfinished'
  | 'folder' | 'file' | 'symlink' | 'special'
  | 'source-unreadable' | 'source-changed' | 'source-vanished' | 'source-differs' | 'target-unreadable' | 'target-changed' | 'target-vanished' | 'target-differs';

export const NOTE_DETAILS: readonly NoteDetail[] = [
  'type', 'content', 'size', 'mode', 'owner', 'group', 'mtime', 'atime', 'link', 'device', 'hard-link', 'acl', 'xattrs', 'unfinished', 'folder', 'file', 'symlink', 'special',
  'source-unreadable', 'source-changed', 'source-vanished', 'source-differs', 'target-unreadable', 'target-changed', 'target-vanished', 'target-differs',
];

export interface Note { readonly kind: NoteKind; readonly path: RelPath; readonly what: readonly NoteDetail[] }

/** How many there are of each kind. */
export type NoteCounts = Record<NoteKind, number>;

export function emptyCounts(): NoteCounts {
  return { difference: 0, missing: 0, extra: 0, loss: 0, unread: 0, unjudged: 0 };
}

/** The note's line, without its end. */
export function encodeNote({ kind, path, what }: Note): string {
  return `{"note":"${kind}","p":${quoted(path)},"what":[${what.map((one) => `"${one}"`).join(',')}]}`;
}

/** Reads what `encodeNote` wrote. @throws ManifestError for any other text. */
export function decodeNote(line: string): Note {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new ManifestError('a note is no JSON');
  }
  if (!isObject(value) || !Array.isArray(value['what']) || value['what'].length > NOTE_DETAILS.length) throw new ManifestError('a note is none');
  const kind = NOTE_KINDS.find((one) => one === value['note']);
  const path = value['p'];
  const what = value['what'].map((one: unknown) => NOTE_DETAILS.find((known) => known === one));
  if (kind === undefined || typeof path !== 'string' || !isRelPath(path as ByteString)) throw new ManifestError('a note is none');
  const note: Note = { kind, path: path as RelPath, what: what.filter((one) => one !== undefined) };
  if (encodeNote(note) !== line) throw new ManifestError('a note is not written as it has to be');
  return note;
}
