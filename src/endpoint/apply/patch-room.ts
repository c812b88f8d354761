/** Room for the batches of files that are patched in place (patched-file.ts). */
import { RECORD_HEAD } from './undo-format.js';

/** New bytes of one batch, and old bytes that one write to the journal holds. */
export const BATCH = 8 << 20;
/** Places of one batch. */
export const PLACES = 16384;

export interface PatchRoom { readonly fresh: Buffer; readonly old: Buffer }

/** Takes it; some 16 MiB, of which the system gives what is used. */
export function newPatchRoom(): PatchRoom {
  return { fresh: Buffer.allocUnsafeSlow(BATCH), old: Buffer.allocUnsafeSlow(BATCH + PLACES * 2 * RECORD_HEAD) };
}
