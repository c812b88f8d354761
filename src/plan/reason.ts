/** Reasons of operations as text: a stable id for machines and a short phrase for people. */
import { Reason } from './operation.js';

/** Id and phrase of a reason. */
interface ReasonText {
  readonly id: string;
  readonly text: string;
}

const TEXTS: Readonly<Record<Reason, ReasonText>> = {
  [Reason.New]: { id: 'new', text: 'not on the target' },
  [Reason.TypeDiffers]: { id: 'type-differs', text: 'is of another type on the target' },
  [Reason.SizeDiffers]: { id: 'size-differs', text: 'size differs' },
  [Reason.TimeDiffers]: { id: 'time-differs', text: 'modification time differs' },
  [Reason.ContentDiffers]: { id: 'content-differs', text: 'content differs' },
  [Reason.IgnoreTimes]: { id: 'ignore-times', text: 'asked not to trust size and time' },
  [Reason.LinkTargetDiffers]: { id: 'link-target-differs', text: 'symlink points elsewhere' },
  [Reason.DeviceDiffers]: { id: 'device-differs', text: 'device number differs' },
  [Reason.AttributesDiffer]: { id: 'attributes-differ', text: 'only attributes differ' },
  [Reason.Extraneous]: { id: 'extraneous', text: 'not on the source' },
  [Reason.ExcludedDeleted]: { id: 'excluded-deleted', text: 'excluded, and excluded entries are deleted' },
  [Reason.Moved]: { id: 'moved', text: 'has another name on the source' },
  [Reason.LinkMissing]: { id: 'link-missing', text: 'not yet a hard link of its group' },
  [Reason.Unchanged]: { id: 'unchanged', text: 'unchanged' },
  [Reason.TargetNewer]: { id: 'target-newer', text: 'newer on the target' },
  [Reason.TargetExists]: { id: 'target-exists', text: 'exists on the target' },
  [Reason.TargetMissing]: { id: 'target-missing', text: 'not on the target, and nothing new is made' },
  [Reason.UnsafeLink]: { id: 'unsafe-link', text: 'symlink leads out of the tree' },
  [Reason.NotRegular]: { id: 'not-regular', text: 'neither file nor folder, and its kind was not asked for' },
  [Reason.TooLarge]: { id: 'too-large', text: 'larger than the limit' },
  [Reason.TooSmall]: { id: 'too-small', text: 'smaller than the limit' },
  [Reason.AltDestSame]: { id: 'alt-dest-same', text: 'the same in an alternate folder' },
  [Reason.ObstacleInWay]: { id: 'obstacle-in-way', text: 'something of another type stands in its place' },
  [Reason.Incomplete]: { id: 'incomplete', text: 'left unfinished by an earlier run' },
  [Reason.MountPoint]: { id: 'mount-point', text: 'on another file system' },
  [Reason.TargetLonger]: { id: 'target-longer', text: 'differs, but is as long or longer on the target, and only appending was asked for' },
};

/** Stable kebab-case id, as printed by --json. */
export function reasonId(reason: Reason): string {
  return TEXTS[reason].id;
}

/** Short phrase for people, to stand after a path. */
export function reasonText(reason: Reason): string {
  return TEXTS[reason].text;
}
