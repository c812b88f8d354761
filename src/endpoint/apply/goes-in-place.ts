/** Which operations write into the file that stands there. */
import { S_IFBLK, S_IFCHR, S_IFMT, S_IFREG } from '../../tree/index.js';
import type { Operation } from '../../plan/index.js';
import type { ApplyContext } from './context.js';

/** Whether the operation is to be carried out by `updateInPlace`. */
export function goesInPlace(ctx: ApplyContext, op: Operation): boolean {
  const { inplace, append } = ctx.options.replace;
  const type = op.expected.mode & S_IFMT;
  if (type === S_IFREG) return inplace || append !== false;
  return ctx.options.attributes.writeDevices && (type === S_IFBLK || type === S_IFCHR);
}
