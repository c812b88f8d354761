/** Two connections joined: what comes of one goes into the other, no faster than that takes it; the end of one ends the other. */
import { finished, type Duplex } from 'node:stream';
import type { Connection } from './connection.js';

/** From the end of one side until the other is cut off, ms. */
const LINGER_MS = 10_000;

/** Joins the streams. The connections' own ends are watched by `lingering`. */
export function join(a: Duplex, b: Duplex): void {
  for (const [from, to] of [[a, b], [b, a]] as const) {
    from.pipe(to);
    finished(from, { writable: false }, (error) => { if (error !== undefined && error !== null) to.destroy(); });
  }
}

/** Gives a side time to end by itself, then cuts it off. */
export function linger(connection: Connection): void {
  const timer = setTimeout(() => { connection.close(); }, LINGER_MS);
  timer.unref();
  void connection.ended.finally(() => { clearTimeout(timer); });
}
