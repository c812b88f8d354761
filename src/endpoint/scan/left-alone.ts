/** Whether the options leave a folder alone that does not stand on the target. */
import { Reason, type CompareOptions } from '../../plan/index.js';

/** Why a folder that does not stand on the target is not made; false where it is. `obstacle`: something else stands there. */
export function leftAlone(compare: CompareOptions, obstacle: boolean): Reason | false {
  if (obstacle) return compare.ignoreExisting ? Reason.TargetExists : false;
  return compare.existing || compare.ignoreNonExisting ? Reason.TargetMissing : false;
}
