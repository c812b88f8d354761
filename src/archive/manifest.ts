/**
 * The manifest beside an archive: its parts with their sizes and hashes, as JSON. It finds missing and damaged parts; what is in them is
 * told by the check blocks inside. Who reads it believes no number that it has not bounded. Pure.
 */
import { isCount, isText, parsedObject, type ByteString } from '../tree/index.js';

/** Parts of an archive at most. */
const MOST_PARTS = 99_999;
/** Bytes of a manifest at most. */
export const MOST_MANIFEST = 32 << 20;

export interface ManifestPart {
  /** Without a folder. */
  name: ByteString;
  size: number;
  /** XXH3-128, hexadecimal. */
  hash: string;
}

export interface Manifest {
  members: number;
  /** Of the tar stream, before compression. */
  bytes: number;
  compressed: boolean;
  encrypted: boolean;
  parts: ManifestPart[];
}

/** `OUT.001`, `OUT.002`, …: more digits where they are needed. */
export function partName(out: ByteString, number: number): ByteString {
  return `${out}.${String(number).padStart(3, '0')}` as ByteString;
}

export function manifestName(out: ByteString): ByteString {
  return `${out}.manifest` as ByteString;
}

/** One byte a unit: names are bytes. */
export function encodeManifest(manifest: Manifest): string {
  return `${escaped(JSON.stringify({ twintree: 'seed', version: 1, ...manifest }, undefined, 1))}\n`;
}

/** What a manifest says; undefined where it is none. */
export function decodeManifest(text: string): Manifest | undefined {
  const value = parsedObject(text);
  if (value === undefined || value['twintree'] !== 'seed' || value['version'] !== 1) return undefined;
  const { members, bytes, compressed, encrypted, parts } = value;
  if (!isCount(members) || !isCount(bytes) || typeof compressed !== 'boolean' || typeof encrypted !== 'boolean' || !Array.isArray(parts) || parts.length > MOST_PARTS) return undefined;
  const all: ManifestPart[] = [];
  for (const part of parts as unknown[]) {
    if (typeof part !== 'object' || part === null) return undefined;
    const { name, size, hash } = part as Record<string, unknown>;
    if (!isText(name, 255) || name === '' || name.includes('/') || !isCount(size) || !isText(hash, 32) || !/^[0-9a-f]{32}$/.test(hash)) return undefined;
    all.push({ name: name as ByteString, size, hash });
  }
  return { members, bytes, compressed, encrypted, parts: all };
}

/** ASCII alone: a unit above stands as its escape. */
function escaped(json: string): string {
  return json.replaceAll(/[\x7f-\xff]/g, (unit) => `\\u00${unit.charCodeAt(0).toString(16)}`);
}
