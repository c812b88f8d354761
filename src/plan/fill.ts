/** Filling an operation from the records of stat: its name, the source's facts, and what the target holds at the time of planning. */
import type { ByteString, StatTable } from '../tree/index.js';
import { EMPTY, S_IFBLK, S_IFCHR, S_IFLNK, S_IFREG } from '../tree/index.js';
import type { IdMapper } from './id-map.js';
import type { Operation } from './operation.js';

/** Empties the operation but for its kind and reason, which every plan sets. */
export function clearOperation(op: Operation, name: ByteString): void {
  op.name = name;
  op.item = 0; op.set = 0; op.layer = 0; op.mode = 0; op.uid = 0; op.gid = 0; op.size = 0;
  op.mtimeSec = 0; op.mtimeNsec = 0; op.atimeSec = 0; op.atimeNsec = 0; op.ctimeSec = 0; op.ctimeNsec = 0;
  op.inoLow = 0; op.inoHigh = 0; op.allocated = 0; op.rdevMajor = 0; op.rdevMinor = 0;
  op.link = EMPTY; op.group = ''; op.alt = 0;
  const e = op.expected;
  e.mode = 0; e.inoLow = 0; e.inoHigh = 0; e.size = 0; e.mtimeSec = 0; e.mtimeNsec = 0; e.uid = 0; e.gid = 0;
}

/** The source's record `i` of `s`, owners mapped; access times only where they are kept. */
export function fillSource(op: Operation, s: StatTable, i: number, ids: IdMapper, atimes: boolean): void {
  const type = s.type(i);
  op.mode = s.mode(i);
  op.uid = ids.mapUid(s.uid(i));
  op.gid = ids.mapGid(s.gid(i));
  op.size = type === S_IFREG || type === S_IFLNK ? s.size(i) : 0;
  op.mtimeSec = s.mtimeSec(i);
  op.mtimeNsec = s.mtimeNsec(i);
  op.ctimeSec = s.ctimeSec(i);
  op.ctimeNsec = s.ctimeNsec(i);
  op.inoLow = s.inoLow(i);
  op.inoHigh = s.inoHigh(i);
  op.allocated = s.blocks(i) * 512;
  if (atimes) {
    op.atimeSec = s.atimeSec(i);
    op.atimeNsec = s.atimeNsec(i);
  }
  if (type === S_IFBLK || type === S_IFCHR) {
    op.rdevMajor = s.rdevMajor(i);
    op.rdevMinor = s.rdevMinor(i);
  }
}

/** What the plan found on the target: whoever executes it looks whether that still stands there. */
export function fillExpected(op: Operation, t: StatTable, j: number): void {
  const e = op.expected;
  e.mode = t.mode(j);
  e.inoLow = t.inoLow(j);
  e.inoHigh = t.inoHigh(j);
  e.size = t.isFile(j) || t.isSymlink(j) ? t.size(j) : 0;
  e.mtimeSec = t.mtimeSec(j);
  e.mtimeNsec = t.mtimeNsec(j);
  e.uid = t.uid(j);
  e.gid = t.gid(j);
}
