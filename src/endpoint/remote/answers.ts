/** Small steps between answers, records and places. */
import { Errno } from '../../fs/index.js';
import { EMPTY, type ByteString, type StatTable } from '../../tree/index.js';
import type { AnswerItem, SourcePlace } from '../../wire/index.js';
import { broken, RECORD, type StoredFolder } from './folder-store.js';
import type { DirHandle } from './handles.js';

/** A name in an open folder; by itself the folder. */
export function placeIn(dir: DirHandle, name: ByteString = EMPTY): SourcePlace {
  return { mount: dir.mount, folder: dir.path, name };
}

/** A place as one text. */
export function keyOf(place: SourcePlace): string {
  return `${place.mount}/${place.folder}/${place.name}`;
}

/** Whether names [from, to) stand in the folder one after the other. */
export function holds(folder: StoredFolder, names: readonly ByteString[], from: number, to: number): boolean {
  if (from >= to) return false;
  const k = folder.find(names[from] as ByteString);
  if (k < 0) return false;
  for (let i = from + 1; i < to; i++) if (folder.names[k + i - from] !== names[i]) return false;
  return true;
}

/** A record into record i of a table. */
export function put(record: Buffer, table: StatTable, i: number): number {
  record.copy(table.bytes, i * RECORD, 0, RECORD);
  return 0;
}

/** The record that an answer has to have. */
export function recordOf(answer: AnswerItem): Buffer {
  if (answer.stat === undefined) throw broken('an answer without attributes');
  return answer.stat;
}

/** The record of an answer into `table`; 0 or a negated errno. */
export function taken(answer: AnswerItem, table: StatTable, i: number): number {
  return answer.result < 0 ? answer.result : put(recordOf(answer), table, i);
}

/** The hash of an answer, or a negated errno. */
export function hashOf(answer: AnswerItem): Buffer | number {
  return answer.result < 0 ? answer.result : (answer.bytes ?? -Errno.EIO);
}
