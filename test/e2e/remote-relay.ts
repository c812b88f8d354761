/**
 * A child process between the ends of a connection: starts the command it is given and hands bytes on, both ways. It counts them, and can be told to
 * die after so many. argv: JSON `RelayPlan`, then the command. What it saw is appended to the plan's log, one JSON line for each start and each end.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';

/** What the n-th start does; a start beyond the list goes on to its end. */
export interface RelayPlan { log: string; cuts: readonly (Cut | null)[] }
/** Where it dies. `out`: from the client to the agent. `held`: the agent's end stays open, as if nobody had told it: another process holds it. `silent`: it does not die, and hands nothing on any more. */
export interface Cut { way: 'in' | 'out'; after: number; held?: boolean; silent?: boolean }
/** One line of the log. */
export interface RelayLine { start?: number; relay?: number; pid?: number; holder?: number; in?: number; out?: number; turns?: number }

const { log, cuts } = JSON.parse(process.argv[2] ?? '') as RelayPlan;
const [file = '', ...args] = process.argv.slice(3);
const number = existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter((line) => line.includes('start')).length : 0;
const say = (line: RelayLine): void => { appendFileSync(log, `${JSON.stringify(line)}\n`); };
const cut = cuts[number] ?? undefined;
/** Bytes each way, and how often what is sent to the agent follows on something that came from it: round trips, at least. */
const seen = { in: 0, out: 0, turns: 0 };
let last: Cut['way'] = 'in';
const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
say({ start: number, relay: process.pid, pid: child.pid ?? 0 });
process.on('exit', () => { say(seen); });
process.on('SIGTERM', () => { process.exit(15); });

/** Has another process keep the agent's stdin and stdout open. */
function hold(): void {
  const holder = spawn('sleep', ['100'], { stdio: ['ignore', child.stdin, child.stdout], detached: true });
  say({ holder: holder.pid ?? 0 });
}

function hand(from: Readable, to: Writable, way: 'in' | 'out'): void {
  to.on('error', () => { from.resume(); });
  from.on('data', (bytes: Buffer) => {
    const left = cut?.way === way ? cut.after - seen[way] : Infinity;
    const part = bytes.length < left ? bytes : bytes.subarray(0, left);
    seen[way] += part.length;
    if (way === 'out' && last === 'in') seen.turns++;
    last = way;
    if (part.length < bytes.length || left === bytes.length) {
      from.pause();
      to.write(part, () => {
        if (cut?.held === true) hold();
        if (cut?.silent === true) process.kill(process.pid, 'SIGSTOP');
        process.exit(9);
      });
    } else if (!to.write(part)) {
      from.pause();
      to.once('drain', () => { from.resume(); });
    }
  });
  from.on('end', () => { to.end(); });
}
hand(process.stdin, child.stdin, 'out');
hand(child.stdout, process.stdout, 'in');
child.on('close', (code) => { process.exit(code ?? 1); });
