/**
 * Loops of mirrors: trees that lead back to where they came from. Equal content ends a change's way round, but a file that is new in one tree may be deleted
 * by the other direction before it has travelled, and two changes of one file may swap places; so a loop is refused where it is seen: among the mirrors
 * of this user on this host, by the names in their status.
 */
import type { Posix } from '../../fs/index.js';
import { displayName, fromText, TwintreeError, type ByteString } from '../../tree/index.js';
import { isWithin, placeOf, type Place, type TargetPlace } from './roots.js';
import { readAllStatus } from './status.js';

/** Mirrors that are looked at. */
const MOST = 1000;

interface Way { from: Place; to: Place; target: string; pid: number }

/**
 * Call it when the own states are open: of two mirrors that start at once, at least one sees the other then.
 * @throws TwintreeError UNSUPPORTED.
 */
export function refuseLoops(posix: Posix, own: Posix, stateFolder: ByteString, source: ByteString, targets: readonly TargetPlace[]): void {
  const ways: Way[] = [];
  for (const { status, alive } of readAllStatus(own, stateFolder).slice(0, MOST)) {
    if (!alive || !status.target.startsWith('/')) continue; // where it leads on another host is not known here
    ways.push({ from: placeOf(posix, fromText(status.source)), to: placeOf(posix, fromText(status.target)), target: status.target, pid: status.pid });
  }
  const start = placeOf(posix, source);
  for (const { localTarget } of targets) {
    if (localTarget === undefined) continue;
    const seen = new Set<Way>();
    const next = [placeOf(posix, localTarget)];
    for (let place = next.pop(); place !== undefined; place = next.pop()) {
      for (const way of ways) {
        if (seen.has(way) || !meet(place, way.from)) continue;
        seen.add(way);
        if (meet(way.to, start)) {
          throw new TwintreeError('UNSUPPORTED', `a loop: process ${way.pid} mirrors what comes here back to ${displayName(fromText(way.target))}`, {
            path: localTarget, advice: 'Mirror in one direction at a time.',
          });
        }
        next.push(way.to);
      }
    }
  }
}

function meet(a: Place, b: Place): boolean {
  return isWithin(a, b) || isWithin(b, a);
}
