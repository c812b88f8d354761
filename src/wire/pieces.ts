/** Pieces that several messages share: paths and names, rising indices, extended attributes, names of owners. Readers check all and throw only WireError. */
import { EMPTY, isName, isRelPath, MAX_NAME_BYTES, MAX_PATH_BYTES, type ByteString, type RelPath } from '../tree/index.js';
import { WireError } from './error.js';
import { MAX_ID, MAX_ID_NAME, MAX_ID_NAMES, MAX_XATTR_NAME, MAX_XATTR_VALUE, MAX_XATTRS } from './limits.js';
import type { WireName, WireXattr } from './messages.js';
import type { ByteReader } from './reader.js';
import type { ByteWriter } from './writer.js';

/** A path front-coded against the one before in the payload. */
export function writePath(out: ByteWriter, path: RelPath, before: RelPath): void {
  let shared = 0;
  const most = Math.min(path.length, before.length);
  while (shared < most && path.charCodeAt(shared) === before.charCodeAt(shared)) shared++;
  out.varint(shared);
  out.varint(path.length - shared);
  out.text(path, shared);
}

/** A path that was told so; it is a RelPath. */
export function readPath(input: ByteReader, before: RelPath): RelPath {
  const shared = input.varint(before.length, 'shared bytes of a path');
  const more = input.length(MAX_PATH_BYTES, 'path');
  if (shared === before.length && more === 0) return before; // has been checked
  const path = (before.slice(0, shared) + input.text(more)) as RelPath;
  if (!isRelPath(path)) throw new WireError('name', 'a path leaves the root or is none');
  return path;
}

/** A name, or '' for the folder itself. */
export function readName(input: ByteReader): ByteString {
  const name = input.text(input.length(MAX_NAME_BYTES, 'name'));
  if (name !== '' && !isName(name)) throw new WireError('name', 'a name is none');
  return name;
}

/** Rising indices, told as distances. */
export class Indices {
  #next = 0;
  write(out: ByteWriter, index: number): void {
    out.varint(index - this.#next);
    this.#next = index + 1;
  }
  read(input: ByteReader, end: number): number {
    const most = end - this.#next - 1;
    if (most < 0) throw new WireError('range', 'an index is past the last entry');
    const index = this.#next + input.varint(most, 'distance of an index');
    this.#next = index + 1;
    return index;
  }
}

export function writeXattrs(out: ByteWriter, xattrs: readonly WireXattr[]): void {
  out.varint(xattrs.length);
  for (const { name, value } of xattrs) {
    out.sizedText(name);
    out.sized(value);
  }
}

export function readXattrs(input: ByteReader): WireXattr[] {
  const count = input.count(MAX_XATTRS, 3, 'attributes');
  const xattrs: WireXattr[] = [];
  for (let i = 0; i < count; i++) {
    const name = input.sizedText(MAX_XATTR_NAME, 'name of an attribute');
    if (name === '') throw new WireError('name', 'an attribute has no name');
    xattrs.push({ name, value: Buffer.from(input.sized(MAX_XATTR_VALUE, 'attribute')) });
  }
  return xattrs;
}

export function writeIdNames(out: ByteWriter, names: readonly WireName[]): void {
  out.varint(names.length);
  for (const { id, name } of names) {
    out.varint(id);
    out.sizedText(name ?? EMPTY);
  }
}

export function readIdNames(input: ByteReader): WireName[] {
  const count = input.count(MAX_ID_NAMES, 2, 'names of owners');
  const names: WireName[] = [];
  for (let i = 0; i < count; i++) {
    const id = input.varint(MAX_ID, 'owner');
    const name = input.sizedText(MAX_ID_NAME, 'name of an owner');
    names.push({ id, name: name === '' ? undefined : name });
  }
  return names;
}
