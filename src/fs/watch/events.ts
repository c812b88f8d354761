/**
 * events: what inotify and fanotify write into a buffer, taken apart. Pure. Nothing is believed beyond the buffer's end: where
 * a record does not fit, `false` tells that the rest is unknown, and the caller must take everything as changed.
 */
import { isName, type ByteString } from '../../tree/index.js';

/** inotify(7), the bits used here. */
export const In = {
  MODIFY: 0x2, ATTRIB: 0x4, CLOSE_WRITE: 0x8, MOVED_FROM: 0x40, MOVED_TO: 0x80, CREATE: 0x100, DELETE: 0x200, DELETE_SELF: 0x400, MOVE_SELF: 0x800,
  UNMOUNT: 0x2000, Q_OVERFLOW: 0x4000, IGNORED: 0x8000, ONLYDIR: 0x1000000, DONT_FOLLOW: 0x2000000, EXCL_UNLINK: 0x4000000, ISDIR: 0x40000000,
} as const;

/** fanotify(7), the bits used here. */
export const Fan = {
  MODIFY: 0x2, ATTRIB: 0x4, CLOSE_WRITE: 0x8, MOVED_FROM: 0x40, MOVED_TO: 0x80, CREATE: 0x100, DELETE: 0x200, Q_OVERFLOW: 0x4000, RENAME: 0x10000000, ONDIR: 0x40000000,
  // fanotify_init
  CLOEXEC: 0x1, NONBLOCK: 0x2, UNLIMITED_QUEUE: 0x10, REPORT_DFID_NAME: 0xc00,
  // fanotify_mark
  MARK_ADD: 0x1, MARK_REMOVE: 0x2, MARK_FILESYSTEM: 0x100,
} as const;

const INOTIFY_HEAD = 16;
const FANOTIFY_HEAD = 24;
const FANOTIFY_VERSION = 3;
const INFO_HEAD = 4;
const FSID = 8;
const HANDLE_HEAD = 8;
const MOST_HANDLE = 128;
const INFO_DFID_NAME = 2;
const INFO_DFID = 3;
const INFO_OLD_DFID_NAME = 10;
const INFO_NEW_DFID_NAME = 12;

/** One event of inotify. `name` is empty where the watched folder itself is meant. */
export type InotifyEvent = (watch: number, mask: number, cookie: number, name: ByteString) => void;

/** Takes apart the first `length` bytes; false: they are not what the kernel writes. Events before that were told. */
export function parseInotify(bytes: Buffer, length: number, event: InotifyEvent): boolean {
  let at = 0;
  while (at < length) {
    if (length - at < INOTIFY_HEAD) return false;
    const size = bytes.readUInt32LE(at + 12);
    const start = at + INOTIFY_HEAD;
    if (size > length - start) return false;
    const name = textBefore(bytes, start, start + size);
    if (name !== '' && !isName(name)) return false;
    event(bytes.readInt32LE(at), bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8), name);
    at = start + size;
  }
  return true;
}

/** A name in a folder, the folder named by its file system (8 bytes) and its struct file_handle. `.` is the folder itself. */
export interface HandleName {
  readonly fsid: ByteString;
  readonly handle: ByteString;
  readonly name: ByteString;
}

/** One event of fanotify. A rename has both places, where the kernel tells them. */
export interface FanotifyEvent {
  readonly mask: number;
  readonly place: HandleName | undefined;
  readonly from: HandleName | undefined;
  readonly to: HandleName | undefined;
}

/** As `parseInotify`, of a queue made with FAN_REPORT_DFID_NAME. */
export function parseFanotify(bytes: Buffer, length: number, event: (event: FanotifyEvent) => void): boolean {
  let at = 0;
  while (at < length) {
    if (length - at < FANOTIFY_HEAD) return false;
    const size = bytes.readUInt32LE(at);
    const head = bytes.readUInt16LE(at + 6);
    if (size < FANOTIFY_HEAD || size > length - at || head < FANOTIFY_HEAD || head > size || bytes[at + 4] !== FANOTIFY_VERSION) return false;
    const end = at + size;
    const found: Record<number, HandleName> = {};
    for (let info = at + head; info < end;) {
      if (end - info < INFO_HEAD) return false;
      const infoSize = bytes.readUInt16LE(info + 2);
      if (infoSize < INFO_HEAD || infoSize > end - info) return false;
      const type = bytes[info] as number;
      if (type === INFO_DFID_NAME || type === INFO_DFID || type === INFO_OLD_DFID_NAME || type === INFO_NEW_DFID_NAME) {
        const place = parsePlace(bytes, info + INFO_HEAD, info + infoSize, type !== INFO_DFID);
        if (place === undefined) return false;
        found[type] = place;
      }
      info += infoSize;
    }
    event({ mask: bytes.readUInt32LE(at + 8), place: found[INFO_DFID_NAME] ?? found[INFO_DFID], from: found[INFO_OLD_DFID_NAME], to: found[INFO_NEW_DFID_NAME] });
    at = end;
  }
  return true;
}

function parsePlace(bytes: Buffer, start: number, end: number, named: boolean): HandleName | undefined {
  const handleAt = start + FSID;
  if (end - handleAt < HANDLE_HEAD) return undefined;
  const size = bytes.readUInt32LE(handleAt);
  const nameAt = handleAt + HANDLE_HEAD + size;
  if (size > MOST_HANDLE || nameAt > end) return undefined;
  const name = named ? textBefore(bytes, nameAt, end) : ('.' as ByteString);
  if (name !== '.' && !isName(name)) return undefined;
  return { fsid: bytes.latin1Slice(start, handleAt) as ByteString, handle: bytes.latin1Slice(handleAt, nameAt) as ByteString, name };
}

/** Text up to its NUL, or to `end`. */
function textBefore(bytes: Buffer, start: number, end: number): ByteString {
  let stop = start;
  while (stop < end && bytes[stop] !== 0) stop++;
  return bytes.latin1Slice(start, stop) as ByteString;
}
