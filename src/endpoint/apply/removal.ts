/**
 * --remove-source-files: what must still be true of a source file when it is removed, and how that is kept where the
 * removal has to wait for --delay-updates: as the text of a symlink beside the waiting files, so that whichever thread
 * puts them into place finds it, and a later session, which has another tag, never does.
 */
import type { ByteString, StatTable } from '../../tree/index.js';
import type { Operation } from '../../plan/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { delayFolder, notesOf } from './delay-folder.js';

/** One source file that may go, and its fingerprint. */
export interface Removal {
  /** Its name on the target. */
  name: ByteString;
  layer: number;
  source: ByteString;
  /** It may have had more names, whose removal changes its ctime: that says nothing then. */
  group: boolean;
  /** What was copied is a symlink itself. */
  link: boolean;
  inoLow: number; inoHigh: number; size: number;
  mtimeSec: number; mtimeNsec: number; ctimeSec: number; ctimeNsec: number;
}

/** The removal of what record i describes: the file as it was read. */
export function removalOfRead(op: Operation, source: ByteString, table: StatTable, i: number): Removal {
  return {
    name: op.name, layer: op.layer, source, group: op.group !== '' || table.nlink(i) > 1, link: table.isSymlink(i),
    inoLow: table.inoLow(i), inoHigh: table.inoHigh(i), size: table.size(i),
    mtimeSec: table.mtimeSec(i), mtimeNsec: table.mtimeNsec(i), ctimeSec: table.ctimeSec(i), ctimeNsec: table.ctimeNsec(i),
  };
}

/** The removal of what the plan saw. It does not say how many names there were. */
export function removalOfPlan(op: Operation, source: ByteString, link: boolean): Removal {
  return {
    name: op.name, layer: op.layer, source, group: true, link, inoLow: op.inoLow, inoHigh: op.inoHigh, size: op.size,
    mtimeSec: op.mtimeSec, mtimeNsec: op.mtimeNsec, ctimeSec: op.ctimeSec, ctimeNsec: op.ctimeNsec,
  };
}

/** Whether record i still is that file. */
export function stillThat(r: Removal, table: StatTable, i: number): boolean {
  return (
    table.inoLow(i) === r.inoLow && table.inoHigh(i) === r.inoHigh && table.size(i) === r.size &&
    table.mtimeSec(i) === r.mtimeSec && table.mtimeNsec(i) === r.mtimeNsec &&
    (r.group || (table.ctimeSec(i) === r.ctimeSec && table.ctimeNsec(i) === r.ctimeNsec))
  );
}

/** Keeps a removal until its file is in place. False where it cannot be kept: then the source stays, and the next run removes it. */
export function noteRemoval(ctx: ApplyContext, folder: FolderContext, r: Removal): boolean {
  const at = delayFolder(ctx, folder, true, notesOf(ctx));
  if (at < 0) return false;
  ctx.posix.unlink(at, r.name);
  return ctx.posix.symlink(encode(r), at, r.name) === 0;
}

/** The removal noted for a name, undefined without one. */
export function notedRemoval(ctx: ApplyContext, at: number, name: ByteString): Removal | undefined {
  const text = ctx.posix.readlink(at, name);
  return typeof text === 'number' ? undefined : decode(name, text);
}

function encode(r: Removal): ByteString {
  const numbers = [r.layer, r.group ? 1 : 0, r.link ? 1 : 0, r.inoLow, r.inoHigh, r.size, r.mtimeSec, r.mtimeNsec, r.ctimeSec, r.ctimeNsec];
  return `${numbers.join(' ')} ${r.source}` as ByteString;
}

const FORM = /^(\d+) ([01]) ([01]) (\d+) (\d+) (\d+) (-?\d+) (\d+) (-?\d+) (\d+) ([^/]+)$/;

function decode(name: ByteString, text: ByteString): Removal | undefined {
  const parts = FORM.exec(text);
  if (parts === null) return undefined;
  const n = parts.slice(1, 11).map(Number);
  const at = (i: number): number => n[i] as number;
  return {
    name, layer: at(0), source: parts[11] as ByteString, group: at(1) === 1, link: at(2) === 1, inoLow: at(3), inoHigh: at(4), size: at(5),
    mtimeSec: at(6), mtimeNsec: at(7), ctimeSec: at(8), ctimeNsec: at(9),
  };
}
