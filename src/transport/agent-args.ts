/**
 * agent-args: what the program was called with when another one started it as its other end. Our own client says no more than
 * `--server` (everything else travels in the protocol); a real rsync says a lot, is recognised by it, and refused before a byte
 * of either protocol is exchanged.
 */
import type { ByteString } from '../tree/index.js';

/** What the arguments ask for. */
export type ServerCall =
  /** No server mode: a command of a person. */
  | { readonly kind: 'none' }
  /** Speak the protocol on stdin and stdout. */
  | { readonly kind: 'agent' }
  /** `message` for stderr, one sentence. */
  | { readonly kind: 'refused'; readonly exitCode: number; readonly message: string };

const PROTOCOL = 2;
const USAGE = 1;

/** Reads the arguments after the program's name: `--server …` or, for a wrapper that stands in for rsync, `sync --server …`. */
export function parseServerCall(args: readonly ByteString[]): ServerCall {
  const at = args[0] === 'sync' ? 1 : 0;
  if (args[at] !== '--server') return { kind: 'none' };
  const rest = args.slice(at + 1);
  if (rest.length === 0) return { kind: 'agent' };
  if (rest.some(isRsync)) {
    return {
      kind: 'refused', exitCode: PROTOCOL,
      message: 'the other end is rsync, which has a protocol of its own: twintree must run at both ends',
    };
  }
  return { kind: 'refused', exitCode: USAGE, message: `--server takes no further arguments, and ${rest.length} ${rest.length === 1 ? 'is' : 'are'} here: the other end is another version of twintree` };
}

/** What only rsync's client says: its direction, its letters with the capabilities behind `e`, the dot before the paths. */
function isRsync(arg: ByteString): boolean {
  return arg === '.' || arg === '--sender' || arg === '--daemon' || /^-[A-Za-z0-9.]*e[0-9]*\.[A-Za-z]*$/.test(arg) || /^-s[A-Za-z]*$/.test(arg);
}
