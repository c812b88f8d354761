/** The limits of the protocol, as docs/protocol.md lists them. A decoder compares with them before it takes memory. */

/** Longest payload of a frame, compressed or expanded, bytes. */
export const MAX_PAYLOAD = 16 << 20;
/** Bytes of items that a supplier may send on a channel before it was granted any: a slow link shall not hold up questions by more. */
export const FIRST_CREDIT = 2 << 20;
/** Longest payload of a Hello or Bye frame, bytes: what a stranger may send. */
export const MAX_HELLO = 16 << 10;
/** Most bytes before the magic (a shell's banner). */
export const MAX_BANNER = 64 << 10;
/** Longest body of one message: with its head it always fits into a frame. */
export const MAX_BODY = MAX_PAYLOAD - 16;
/** Most bytes of one literal. */
export const MAX_LITERAL_ITEM = 256 << 10;
/** Where a Folder item is cut, bytes: a guide for the writer, not a limit. */
export const FOLDER_CUT = 256 << 10;
/** Most names of one Folder item. */
export const MAX_FOLDER_NAMES = 1 << 16;
/** Highest channel that has a number in a frame. */
export const MAX_CHANNEL = 0xffff;
/** Most mounts of a session. */
export const MAX_MOUNTS = 1 << 16;
/** Highest errno. */
export const MAX_ERRNO = 4095;
/** Longest text of a symlink, bytes. */
export const MAX_LINK_TEXT = 1 << 16;
/** Longest name and value of an extended attribute, bytes, and most attributes of one entry. */
export const MAX_XATTR_NAME = 255;
export const MAX_XATTR_VALUE = 1 << 20;
export const MAX_XATTRS = 1 << 16;
/** Most attributes of all entries of one Folder item. */
export const MAX_FOLDER_XATTRS = 1 << 18;
/** Longest name of a user or group, bytes, and most of them in one message. */
export const MAX_ID_NAME = 1024;
export const MAX_ID_NAMES = 1 << 16;
/** Highest user or group number. */
export const MAX_ID = 0xffffffff;
/** Most rule files told of one folder; longest path of one (it may be merged by a relative path), and its content, bytes. */
export const MAX_RULE_FILES = 1024;
export const MAX_RULE_PATH = 1 << 16;
/** Longest content of a rule file or another small file read whole, bytes. */
export const MAX_SMALL_FILE = 8 << 20;
/** Most stretches of one round. */
export const MAX_STRETCHES = 1 << 20;
/** Longest sums of one round, bytes; a file whose round would be longer takes longer blocks or travels whole. */
export const MAX_ROUND = 15 << 20;
/** Sizes and offsets are below this. */
export const SIZE_END = 2 ** 53;
/** Seconds lie between minus this and this: a difference of two still counts exactly. */
export const MAX_SECONDS = 2 ** 50;
/** Allocated space is told up to this, in units of 512 bytes. */
export const MAX_ALLOCATED = 2 ** 51 - 1;
/** Deepest nesting of JSON, and most values in one JSON text. */
export const MAX_JSON_DEPTH = 16;
export const MAX_JSON_VALUES = 1 << 21;
