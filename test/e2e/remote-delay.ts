/**
 * A long way: hands each TCP connection on, and every byte of it only after a while, in both directions. argv: JSON `DelayPlan`. When a connection ends
 * it prints what it saw of it as one line of JSON.
 */
import { connect, createServer, type Socket } from 'node:net';

/** `ms`: how long each direction takes. */
export interface DelayPlan { from: { host: string; port: number }; to: { host: string; port: number }; ms: number }
/** Of one direction: bytes in all, most bytes that were on their way at once, how often nothing was any more although more was to come. */
export interface Way { bytes: number; peak: number; dry: number }
/** One connection; `down`: towards who connected. */
export interface DelayLine { up: Way; down: Way }

/** Nothing more is read while so much is on its way. */
const MOST = 64 << 20;
const { from, to, ms } = JSON.parse(process.argv[2] ?? '') as DelayPlan;

function delay(source: Socket, target: Socket): Way {
  const way: Way = { bytes: 0, peak: 0, dry: -1 };
  let held = 0;
  source.on('data', (bytes: Buffer) => {
    if (held === 0) way.dry++;
    held += bytes.length;
    way.bytes += bytes.length;
    way.peak = Math.max(way.peak, held);
    if (held > MOST) source.pause();
    setTimeout(() => {
      held -= bytes.length;
      if (source.isPaused() && held <= MOST) source.resume();
      target.write(bytes);
    }, ms);
  });
  source.on('end', () => { setTimeout(() => { target.end(); }, ms); });
  source.on('error', () => { target.destroy(); });
  return way;
}

const server = createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ ...to, allowHalfOpen: true });
  const line: DelayLine = { up: delay(near, far), down: delay(far, near) };
  let open = 2;
  for (const socket of [near, far]) {
    socket.setNoDelay(true);
    socket.once('close', () => { if (--open === 0) process.stdout.write(`${JSON.stringify(line)}\n`); });
  }
});
server.listen(from.port, from.host, () => { process.stdout.write('ready\n'); });
