/** own-files: files and folders of the program itself, by path: never part of a tree, never named by another host. */
import fs from 'node:fs';
import { fromBytes, toBytes, type ByteString } from '../tree/index.js';
import { Errno, errnoOfError } from './errno.js';

/** What tells that a file is as it was left. */
export interface FileStamp { size: number; mtimeNs: string; ctimeNs: string; ino: string }

/** The stamp of a file, or a negated errno. */
export function stampOf(path: ByteString): FileStamp | number {
  try {
    const stat = fs.lstatSync(toBytes(path), { bigint: true });
    return { size: Number(stat.size), mtimeNs: String(stat.mtimeNs), ctimeNs: String(stat.ctimeNs), ino: String(stat.ino) };
  } catch (error) {
    return errnoOfError(error);
  }
}

/** Who owns a file, its permissions (the lowest twelve bits), and whether it is an ordinary one, symlinks followed; or a negated errno. */
export function ownerOf(path: ByteString): { uid: number; mode: number; isFile: boolean } | number {
  try {
    const stat = fs.statSync(toBytes(path));
    return { uid: stat.uid, mode: stat.mode & 0o7777, isFile: stat.isFile() };
  } catch (error) {
    return errnoOfError(error);
  }
}

/** Renames; 0 or a negated errno. */
export function moveFile(from: ByteString, to: ByteString): number {
  try {
    fs.renameSync(toBytes(from), toBytes(to));
    return 0;
  } catch (error) {
    return errnoOfError(error);
  }
}

/** Removes a file or a folder with all in it; 0, also where there was none, or a negated errno. */
export function removeFolder(path: ByteString): number {
  try {
    fs.rmSync(path.split('').some((c) => c.charCodeAt(0) > 127) ? toBytes(path) : path, { recursive: true, force: true });
    return 0;
  } catch (error) {
    const number = errnoOfError(error);
    return number === -Errno.ENOENT ? 0 : number;
  }
}

/** Puts a small file in place of the old one at once, by one writer, without waiting for the disk. 0 or a negated errno. `mode`: its permissions, for the user alone where it is not said. */
export function replaceFile(path: ByteString, content: string | Uint8Array, mode = 0o600): number {
  const place = toBytes(path);
  const beside = Buffer.concat([place, Buffer.from('.new')]);
  try {
    fs.writeFileSync(beside, content, { mode });
    fs.renameSync(beside, place);
    return 0;
  } catch (error) {
    return errnoOfError(error);
  }
}

/** Names in a folder, in byte order, or a negated errno. */
export function namesIn(path: ByteString): ByteString[] | number {
  try {
    return fs.readdirSync(toBytes(path), { encoding: 'buffer' }).map((name) => fromBytes(name)).sort();
  } catch (error) {
    return errnoOfError(error);
  }
}

/** Adds text to a file and waits for the disk; made where it is missing, for the user alone. 0 or a negated errno. */
export function appendDurably(path: ByteString, content: string): number {
  let fd = -1;
  try {
    const isNew = !fs.existsSync(toBytes(path));
    fd = fs.openSync(toBytes(path), 'a', 0o600);
    const bytes = Buffer.from(content, 'utf8');
    for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at);
    fs.fsyncSync(fd);
    if (isNew) syncFolder(path);
    return 0;
  } catch (error) {
    return errnoOfError(error);
  } finally {
    if (fd >= 0) fs.closeSync(fd);
  }
}

/** A new name is on the disk when its folder is. */
function syncFolder(path: ByteString): void {
  const folder = fs.openSync(toBytes((path.slice(0, path.lastIndexOf('/')) || '/') as ByteString), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}

/** Cuts a file off. 0 or a negated errno. */
export function truncateFile(path: ByteString, length: number): number {
  try {
    fs.truncateSync(toBytes(path), length);
    return 0;
  } catch (error) {
    return errnoOfError(error);
  }
}
