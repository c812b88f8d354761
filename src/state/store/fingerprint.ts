/**
 * Fingerprint: what tells that a file was touched, and when it can be believed. A ctime cannot be set by a program, so a file whose
 * fingerprint is as it was holds what it held, if the fingerprint is clearly older than the moment at which the content was read: within one
 * tick of the clock that stamps files two changes look alike.
 */
import type { StatTable } from '../../tree/index.js';
import { unzigzag, zigzag, type ByteReader, type ByteWriter } from '../../wire/index.js';

/** Device, inode, size, times and mode of one file. Seconds may be negative. */
export interface Fingerprint {
  devMajor: number; devMinor: number;
  inoLow: number; inoHigh: number; // 32 bits each
  size: number; // bytes
  mtimeSec: number; mtimeNsec: number;
  ctimeSec: number; ctimeNsec: number;
  mode: number; // type and permissions, 16 bits
}

/** Milliseconds by which a change must be older than the reading that is believed: several ticks of the coarsest kernel clock (10 ms). */
export const RACY_MS = 50;

const U32 = 2 ** 32 - 1;
const MAX_SECONDS = 2 ** 52 - 1;
const MAX_NANOSECONDS = 999_999_999;

/** The fingerprint of record i. */
export function fingerprintOf(table: StatTable, i: number): Fingerprint {
  return {
    devMajor: table.devMajor(i), devMinor: table.devMinor(i), inoLow: table.inoLow(i), inoHigh: table.inoHigh(i), size: table.size(i),
    mtimeSec: table.mtimeSec(i), mtimeNsec: table.mtimeNsec(i), ctimeSec: table.ctimeSec(i), ctimeNsec: table.ctimeNsec(i), mode: table.mode(i),
  };
}

/** Whether record i has this fingerprint. */
export function hasFingerprint(f: Fingerprint, table: StatTable, i: number): boolean {
  return (
    f.inoLow === table.inoLow(i) && f.inoHigh === table.inoHigh(i) && f.devMajor === table.devMajor(i) && f.devMinor === table.devMinor(i) && f.size === table.size(i) &&
    f.mtimeSec === table.mtimeSec(i) && f.mtimeNsec === table.mtimeNsec(i) && f.ctimeSec === table.ctimeSec(i) && f.ctimeNsec === table.ctimeNsec(i) && f.mode === table.mode(i)
  );
}

/** Whether two are the same. */
export function sameFingerprint(a: Fingerprint, b: Fingerprint): boolean {
  return (
    a.inoLow === b.inoLow && a.inoHigh === b.inoHigh && a.devMajor === b.devMajor && a.devMinor === b.devMinor && a.size === b.size && a.mode === b.mode &&
    a.mtimeSec === b.mtimeSec && a.mtimeNsec === b.mtimeNsec && a.ctimeSec === b.ctimeSec && a.ctimeNsec === b.ctimeNsec
  );
}

/**
 * Whether what was read at `moment` (milliseconds since 1970, before the reading began) is the content that this fingerprint stands for. A
 * file that carries a time of the future has a clock that cannot be believed.
 */
export function isSettled(f: Fingerprint, moment: number): boolean {
  const newest = Math.max(f.ctimeSec * 1000 + f.ctimeNsec / 1e6, f.mtimeSec * 1000 + f.mtimeNsec / 1e6);
  return newest + RACY_MS <= moment;
}

/** Appends one; `like` is another that it shares size, mtime, mode and device with as a rule. */
export function writeFingerprint(w: ByteWriter, f: Fingerprint, like: Fingerprint | undefined): void {
  const same = like === undefined ? 0
    : (f.devMajor === like.devMajor && f.devMinor === like.devMinor ? 1 : 0) | (f.size === like.size ? 2 : 0) |
      (f.mtimeSec === like.mtimeSec && f.mtimeNsec === like.mtimeNsec ? 4 : 0) | (f.mode === like.mode ? 8 : 0);
  w.u8(same);
  if ((same & 1) === 0) {
    w.varint(f.devMajor);
    w.varint(f.devMinor);
  }
  w.varint(f.inoLow);
  w.varint(f.inoHigh);
  if ((same & 2) === 0) w.varint(f.size);
  if ((same & 4) === 0) {
    w.varint(zigzag(f.mtimeSec));
    w.varint(f.mtimeNsec);
  }
  w.varint(zigzag(f.ctimeSec));
  w.varint(f.ctimeNsec);
  if ((same & 8) === 0) w.varint(f.mode);
}

/** Reads what `writeFingerprint` wrote. @throws WireError. */
export function readFingerprint(r: ByteReader, like: Fingerprint | undefined): Fingerprint {
  const same = r.flags(like === undefined ? 0 : 15, 'a fingerprint');
  const base = like as Fingerprint; // read only where a flag says so, which needs one
  const devMajor = (same & 1) !== 0 ? base.devMajor : r.varint(U32, 'a device');
  const devMinor = (same & 1) !== 0 ? base.devMinor : r.varint(U32, 'a device');
  const inoLow = r.varint(U32, 'an inode');
  const inoHigh = r.varint(U32, 'an inode');
  const size = (same & 2) !== 0 ? base.size : r.varint(Number.MAX_SAFE_INTEGER, 'a size');
  const mtimeSec = (same & 4) !== 0 ? base.mtimeSec : seconds(r);
  const mtimeNsec = (same & 4) !== 0 ? base.mtimeNsec : r.varint(MAX_NANOSECONDS, 'a time');
  const ctimeSec = seconds(r);
  const ctimeNsec = r.varint(MAX_NANOSECONDS, 'a time');
  const mode = (same & 8) !== 0 ? base.mode : r.varint(0xffff, 'a mode');
  return { devMajor, devMinor, inoLow, inoHigh, size, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec, mode };
}

function seconds(r: ByteReader): number {
  return unzigzag(r.varint(2 * MAX_SECONDS + 1, 'a time'));
}
