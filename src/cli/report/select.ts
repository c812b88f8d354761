/**
 * Which operations are worth a line, by rsync's rules: what is updated in a significant way without `%i`, whatever
 * changes with it, and what is unchanged with `-ii` or NAME2 (`-vv`). Also the sentences about what was left alone.
 */
import { Item, OpKind, Reason, type Operation, type SessionOptions } from '../../plan/index.js';
import { S_IFDIR } from '../../tree/index.js';
import type { InfoLevels } from '../options/output.js';
import { ITEM_LETTERS, entryType } from './itemize.js';

/** What the choice depends on. */
export interface SelectOptions {
  /** 0 without `%i` in the format; else how often -i was given, at least 1. */
  itemizing: number;
  /** INFO NAME. */
  nameLevel: number;
}

/** How an operation appears: as a line of the format, as its bare name, as `x is uptodate`, or not at all. */
export type Appearance = 'line' | 'name' | 'uptodate' | 'none';

/** Decides how an operation appears. Deletions and moves always do; their words depend on more. */
export function selectOperation(op: Operation, options: SelectOptions): Appearance {
  const letters = (op.item & ITEM_LETTERS) !== 0;
  switch (op.kind) {
    case OpKind.Folder:
    case OpKind.Symlink:
    case OpKind.Node:
      return letters ? 'line' : unchanged(op, options);
    case OpKind.File:
      return letters || (op.item & Item.Transfer) !== 0 ? 'line' : unchanged(op, options);
    case OpKind.Link:
      // A link to an alternate folder's file is the unchanged entry of an incremental copy: rsync says nothing of it.
      return letters || op.reason !== Reason.AltDestSame ? 'line' : unchanged(op, options);
    case OpKind.Attributes: {
      const local = (op.item & (Item.Local | Item.HardLink)) !== 0;
      if (options.itemizing > 0 || local) return 'line';
      return options.nameLevel >= 2 ? 'name' : 'none';
    }
    case OpKind.Note:
      return op.reason === Reason.Unchanged || op.reason === Reason.AltDestSame ? unchanged(op, options) : 'none';
    case OpKind.Delete:
    case OpKind.Move:
      return 'line';
  }
}

function unchanged(op: Operation, options: SelectOptions): Appearance {
  if (options.itemizing > 1 || (options.itemizing > 0 && options.nameLevel >= 2)) return 'line';
  if (options.nameLevel < 2 || options.itemizing > 0) return 'none';
  // A folder that exists is never called "uptodate", one just made like its alternate is.
  return entryType(op) === S_IFDIR && (op.item & Item.Local) === 0 ? 'none' : 'uptodate';
}

/** The sentence about an entry that an option left alone, undefined where the levels ask for none. */
export function skipLine(op: Operation, path: string, info: InfoLevels): string | undefined {
  if (op.kind !== OpKind.Note) return undefined;
  switch (op.reason) {
    case Reason.TargetNewer: return info.SKIP >= 1 ? `${path} is newer` : undefined;
    case Reason.TargetExists: return info.SKIP >= 1 ? `${path} exists` : undefined;
    case Reason.TargetMissing:
      return info.SKIP >= 1 ? `not creating new ${entryType(op) === S_IFDIR ? 'directory' : 'file'} "${path}"` : undefined;
    case Reason.TooLarge: return info.SKIP >= 1 ? `${path} is over max-size` : undefined;
    case Reason.TooSmall: return info.SKIP >= 1 ? `${path} is under min-size` : undefined;
    case Reason.MountPoint: return info.MOUNT >= 1 ? `[sender] skipping mount-point dir ${path}` : undefined;
    case Reason.NotRegular: return info.NONREG >= 1 ? `skipping non-regular file "${path}"` : undefined;
    case Reason.UnsafeLink:
      return info.SYMSAFE >= 1 ? `ignoring unsafe symlink "${path}"${op.link === '' ? '' : ` -> "${op.link}"`}` : undefined;
    default: return undefined; // the other reasons are no omissions
  }
}

/** Whether any of the sentences above, or a word about unchanged entries, can appear in a run with these options. */
export function needsNotes(info: InfoLevels, itemizing: number, options: SessionOptions): boolean {
  const { links, devices, specials } = options.attributes;
  return (
    info.SKIP >= 1 || info.NAME >= 2 || info.MOUNT >= 1 || itemizing >= 2 ||
    (info.REMOVE >= 1 && options.replace.removeSourceFiles) || (info.NONREG >= 1 && !(links && devices && specials)) || (info.SYMSAFE >= 1 && options.symlinks.safeLinks)
  );
}
