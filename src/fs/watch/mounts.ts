/** mounts: the mount table (proc(5), mountinfo) of this process, as data. */
import { readFileSync } from 'node:fs';
import type { ByteString } from '../../tree/index.js';

export interface MountEntry {
  /** The kernel's number of this mount; a new mount at the same place has another. */
  readonly id: number;
  /** Where it stands, absolute. */
  readonly point: ByteString;
  /** Which folder of its file system stands there. */
  readonly root: ByteString;
  /** `major:minor` of the file system. */
  readonly device: ByteString;
  readonly type: ByteString;
}

/** Reads the table. A line that does not parse is left out. */
export function parseMountInfo(text: ByteString): MountEntry[] {
  const found: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const parts = line.split(' ');
    const dash = parts.indexOf('-', 6);
    const [id, , device, root, point] = parts;
    const type = parts[dash + 1];
    if (dash < 0 || id === undefined || !/^\d+$/.test(id) || device === undefined || root === undefined || point === undefined || !point.startsWith('/') || type === undefined) continue;
    found.push({ id: Number(id), device: device as ByteString, root: unescape(root), point: unescape(point), type: type as ByteString });
  }
  return found;
}

/** This process's mounts; empty where there is no such table. */
export function readMounts(): MountEntry[] {
  try {
    return parseMountInfo(readFileSync('/proc/self/mountinfo', 'latin1') as ByteString);
  } catch {
    return []; // no /proc: mounts are then seen only as far as the root's identity changes
  }
}

/** Blank, tab, line feed and backslash stand there as three octal digits. */
function unescape(text: string): ByteString {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8) & 0xff)) as ByteString;
}
