/** Where state lives: never inside a tree. One folder for each set of roots, named by a hash. */
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { fromText, type ByteString } from '../tree/index.js';

/**
 * The folder of all state: $TWINTREE_STATE_DIR, else for root /var/lib/twintree, else $XDG_STATE_HOME/twintree, else
 * ~/.local/state/twintree.
 */
export function stateFolder(env: NodeJS.ProcessEnv, euid: number): ByteString {
  const own = env['TWINTREE_STATE_DIR'];
  if (own !== undefined && own !== '') return fromText(own);
  if (euid === 0) return '/var/lib/twintree' as ByteString;
  const xdg = env['XDG_STATE_HOME'];
  return fromText(xdg !== undefined && xdg.startsWith('/') ? `${xdg}/twintree` : `${homedir()}/.local/state/twintree`);
}

/** A short stable name for a set of paths (hex). */
export function pairName(paths: readonly ByteString[]): string {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(Buffer.from(path, 'latin1')).update('\0');
  return hash.digest('hex').slice(0, 32);
}
