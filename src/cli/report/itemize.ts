/**
 * The eleven characters of `-i` and `%i`: `YXcstpoguax` for an operation, exactly as rsync prints them.
 *
 * Y is what happens (`>` content comes, `c` made or changed here, `h` hard link, `.` attributes at most), X the type
 * of the entry, then one letter for each attribute that changes. The planner has decided all of it (`Item`); here it
 * is only spelled. A move has no letter in rsync: it is a message, as a deletion is.
 */
import { Item, OpKind, type Operation } from '../../plan/index.js';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../tree/index.js';

/** The bits that stand for a letter of their own or for `+`. */
export const ITEM_LETTERS =
  Item.Checksum | Item.Size | Item.Time | Item.TimeNow | Item.Perms | Item.Owner | Item.Group | Item.Atime | Item.Crtime |
  Item.Acl | Item.Xattr | Item.New;

const DELETING = '*deleting  ';
const MOVING = '*moving    ';

/** Type bits (S_IFMT) of the entry an operation is about. */
export function entryType(op: Operation): number {
  const type = (op.mode !== 0 ? op.mode : op.expected.mode) & S_IFMT;
  if (type !== 0) return type;
  switch (op.kind) {
    case OpKind.Folder: return S_IFDIR;
    case OpKind.Symlink: return S_IFLNK;
    case OpKind.Node: return S_IFCHR;
    case OpKind.File: case OpKind.Link: case OpKind.Attributes: case OpKind.Delete: case OpKind.Move: case OpKind.Note: return S_IFREG;
  }
}

/** Texts already spelled: few differ among the many operations of a run. */
const spelled = new Map<number, string>();

/** What `-i` prints for an operation, always 11 characters. */
export function itemize(op: Operation): string {
  if (op.kind === OpKind.Delete) return DELETING;
  if (op.kind === OpKind.Move) return MOVING;
  const type = entryType(op);
  const key = type * 65536 + op.item; // S_IFMT lies above 12 bits, an item below 2^16
  let text = spelled.get(key);
  if (text === undefined) {
    text = spell(op.item, type);
    spelled.set(key, text);
  }
  return text;
}

function spell(item: number, type: number): string {
  const update = item & Item.HardLink ? 'h' : item & Item.Local ? 'c' : item & Item.Transfer ? '>' : '.';
  const head = update + typeLetter(type);
  if (item & Item.New) return head + '+++++++++';
  // All dots become spaces, but not behind '>': a transfer that changes no attribute (-I) keeps them.
  if ((item & ITEM_LETTERS) === 0 && update !== '>') return head + '         ';
  const both = Item.Atime | Item.Crtime;
  return (
    head +
    (item & Item.Checksum ? 'c' : '.') +
    (item & Item.Size ? 's' : '.') +
    (item & Item.TimeNow ? 'T' : item & Item.Time ? 't' : '.') +
    (item & Item.Perms ? 'p' : '.') +
    (item & Item.Owner ? 'o' : '.') +
    (item & Item.Group ? 'g' : '.') +
    ((item & both) === both ? 'b' : item & Item.Atime ? 'u' : item & Item.Crtime ? 'n' : '.') +
    (item & Item.Acl ? 'a' : '.') +
    (item & Item.Xattr ? 'x' : '.')
  );
}

function typeLetter(type: number): string {
  switch (type) {
    case S_IFREG: return 'f';
    case S_IFDIR: return 'd';
    case S_IFLNK: return 'L';
    case S_IFBLK: case S_IFCHR: return 'D';
    default: return 'S'; // FIFO and socket
  }
}
