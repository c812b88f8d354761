/**
 * A large file whose connection broke in the middle: what came of it is kept under a hidden name beside its place, whatever the options say,
 * so that the next session goes on from there and the wire does not carry it again. Behind what is new the kept file goes on with what the
 * basis had there: as a basis it is never worse than the old file.
 *
 * The name is a temporary one (temp-name.ts): scans remove what is left of it as soon as the operations of its folder are done. It is kept
 * and used only under the target's lock, so it has one writer.
 */
import { type Operation } from '../../plan/index.js';
import type { OpenBasis } from './announce.js';
import type { ApplyContext, FolderContext } from './context.js';
import { scratchOf, SLICE } from './scratch.js';
import { partName } from './temp-name.js';

/** Files below this size are not worth it. */
export const KEPT_LEAST = 1 << 20;
/** Most that is copied of the basis: the client waits for this session to end. */
const MOST_TAIL = 1 << 30;

/** Whether what was cut off of a file of that size is kept, and looked for. */
export function keepsCutOff(ctx: ApplyContext, size: number): boolean {
  return size >= KEPT_LEAST && ctx.options.lock;
}

/**
 * Keeps the file in `scratch.stage`, of which `scratch.reached` bytes are the source's. `cloned`: it began as a clone of its basis.
 * False where it is not, or cannot be, kept.
 */
export function keepCutOff(ctx: ApplyContext, folder: FolderContext, op: Operation, basis: OpenBasis | undefined, cloned: boolean): boolean {
  const { posix } = ctx;
  const s = scratchOf(ctx);
  const st = s.stage;
  if (s.reached < KEPT_LEAST || !keepsCutOff(ctx, s.size)) return false;
  if (!cloned && posix.truncate(st.fd, s.reached) < 0) return false; // --preallocate has made it longer
  if (basis !== undefined && !cloned) addTail(ctx, basis, s.reached);
  posix.fchmod(st.fd, 0o600);
  if (posix.rename(st.at, st.name, folder.fd, partName(op.name)) < 0) return false;
  posix.close(st.fd);
  st.fd = -1;
  return true;
}

/** The file of a kept plan has its place: what an earlier run of the plan had kept of it goes. (Where there is a scan, that finds it.) */
export function dropCutOff(ctx: ApplyContext, folder: FolderContext, op: Operation): void {
  if (ctx.source.remote !== undefined && keepsCutOff(ctx, op.size)) ctx.posix.unlink(folder.fd, partName(op.name));
}

/** Goes on behind `from` with what the basis has there; as far as that succeeds, as it only would save work. */
function addTail(ctx: ApplyContext, basis: OpenBasis, from: number): void {
  const { posix } = ctx;
  const { stage, large } = scratchOf(ctx);
  if (basis.size - from > MOST_TAIL) return;
  for (let at = from; at < basis.size;) {
    const got = posix.read(basis.fd, large, 0, Math.min(SLICE, basis.size - at), at);
    if (got <= 0) return;
    for (let done = 0; done < got;) {
      const n = posix.write(stage.fd, large, done, got - done, at + done);
      if (n <= 0) return;
      done += n;
    }
    at += got;
  }
}
