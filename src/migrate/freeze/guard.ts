/**
 * The guard: a process of its own that thaws the source when the conductor does not come back in time, when it dies, or when it says so. From the first
 * freeze hook to the first switch hook it is the only one who decides whether the source is thawed: the conductor asks it to be let go, and goes on
 * only where it is. So nothing that happens to the conductor leaves a service stopped, and none is started again on a source that has been given up.
 */
import { loadOwnPosix } from '../../fs/index.js';
import { NoteLock } from '../../state/index.js';
import { endLine, openAtHost, readLines, writeLine, type AtHostQuestion, type CommandSpec, type Connection } from '../../transport/index.js';
import { isCount, isObject, isText, TwintreeError, type ByteString } from '../../tree/index.js';
import type { HookWays, MigrationHook } from '../hooks/hooks.js';
import { endLeftHook } from '../hooks/left.js';
import { There } from '../hooks/there.js';
import { Journal } from '../journal/journal.js';
import { thaw } from './thaw.js';

/** What a guard is told. */
export interface GuardOrder {
  /** The migration's folder. */
  readonly folder: ByteString;
  readonly hooks: readonly MigrationHook[];
  /** How the target's host is reached; undefined: it is this one. */
  readonly targetHost: CommandSpec | undefined;
  readonly env: HookWays['env'];
  readonly limitMs: number;
}

/** What became of the source. */
export type GuardEnd = 'disarmed' | 'thawed' | 'thaw-failed';

const LOCK = 'guard.lock' as ByteString;
const LOOK_MS = 50;
/** Milliseconds in which a guard has to be at work. */
const START_MS = 30_000;

/** A guard, as the conductor sees it. */
export class Guard {
  private ending: Promise<GuardEnd> | undefined;

  private constructor(private readonly connection: Connection, private readonly ended: Promise<GuardEnd>) {}

  /** Starts one; it is armed when this resolves. `program` runs this program on this host. @throws TwintreeError where it cannot be. */
  static async arm(program: CommandSpec, order: GuardOrder): Promise<Guard> {
    const connection = await openAtHost(program, { do: 'guard', ...order }, { connectTimeoutMs: START_MS });
    const lines = readLines(connection.stream);
    const first = await lines.next();
    if (first.done === true || first.value['type'] !== 'armed') {
      connection.close();
      throw new TwintreeError('IO', 'the process that would thaw the source could not be started', { advice: 'Nothing was frozen.' });
    }
    return new Guard(connection, lastWord(lines));
  }

  /** Resolves when it has ended, whatever made it. */
  get over(): Promise<GuardEnd> {
    return this.ended;
  }

  /** Lets it go. `disarmed`: the source stays frozen, and nobody thaws it any more; else it was too late. */
  disarm(): Promise<GuardEnd> {
    return this.say('disarm');
  }

  /** Has it thaw the source. */
  thaw(reason: string): Promise<GuardEnd> {
    return this.say('thaw', reason);
  }

  private say(word: 'disarm' | 'thaw', reason = ''): Promise<GuardEnd> {
    this.ending ??= writeLine(this.connection.stream, { do: word, reason }).then(() => this.ended).finally(() => { this.connection.close(); });
    return this.ending;
  }
}

/** A guard that is gone without a word is one that was killed: nobody has thawed anything. */
async function lastWord(lines: AsyncGenerator<Record<string, unknown>>): Promise<GuardEnd> {
  try {
    for await (const line of lines) {
      const word = line['type'];
      if (word === 'disarmed' || word === 'thawed' || word === 'thaw-failed') return word;
    }
  } catch {
    // a broken pipe is an end without a word, too
  }
  return 'thaw-failed';
}

/** Resolves when no guard is at work at this migration: what it does is in the journal then. */
export async function guardIsGone(folder: ByteString): Promise<void> {
  const posix = loadOwnPosix();
  const at = posix.openRoot(folder);
  if (at < 0) return;
  try {
    while (NoteLock.holder(posix, at, LOCK) !== undefined) await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
  } finally {
    posix.close(at);
  }
}

/** The guard itself. Resolves with its exit code. */
export async function serveGuard(question: AtHostQuestion, open: () => Promise<Connection>): Promise<number> {
  const order = readOrder(question);
  const posix = loadOwnPosix();
  const at = posix.openRoot(order.folder);
  const lock = at < 0 ? at : NoteLock.take(posix, at, LOCK, `${process.pid}\n`);
  if (lock === 'held' || typeof lock === 'number') throw new TwintreeError('LOCKED', 'another guard is at work at this migration');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined); // a guard that is told to go thaws first: its conductor is told the same and ends
  const { stream, close } = await open();
  stream.on('error', () => undefined); // nobody listens any more; what is done stands in the journal
  const word = await Promise.race([heard(stream), late(order.limitMs)]);
  if (word.do === 'disarm') {
    lock.release();
    await endLine(stream, { type: 'disarmed' });
    close();
    return 0;
  }
  const journal = Journal.open(order.folder);
  const there = order.targetHost === undefined ? undefined : new There(order.targetHost);
  await endLeftHook(order.folder);
  const ok = await thaw(order.hooks, { there, env: order.env, folder: order.folder }, word.reason, (fact) => { journal.add(fact); });
  await there?.close();
  lock.release();
  await endLine(stream, { type: ok ? 'thawed' : 'thaw-failed' });
  close();
  return ok ? 0 : 23;
}

/** What the conductor says; that it is gone is a word, too. */
async function heard(from: Connection['stream']): Promise<{ do: 'disarm' | 'thaw'; reason: string }> {
  await writeLine(from, { type: 'armed' });
  const lines = readLines(from);
  try {
    for (let next = await lines.next(); next.done !== true; next = await lines.next()) { // a loop that is left would close the stream, and there is an answer to come
      const { value } = next;
      if (value['do'] === 'disarm') return { do: 'disarm', reason: '' };
      if (value['do'] === 'thaw') return { do: 'thaw', reason: isText(value['reason'], 4096) ? value['reason'] : 'it was asked for' };
    }
  } catch {
    // a broken pipe
  }
  return { do: 'thaw', reason: 'the process that conducts the migration is gone' };
}

async function late(limitMs: number): Promise<{ do: 'thaw'; reason: string }> {
  await new Promise((resolve) => { setTimeout(resolve, limitMs).unref(); }); // the pipe to the conductor keeps the process
  return { do: 'thaw', reason: `the limit of ${limitMs / 1000} s has passed` };
}

function readOrder(question: AtHostQuestion): GuardOrder {
  const { folder, hooks, env, limitMs } = question;
  // It comes from our own conductor over a pipe: a program that is called in another way is refused, not mistrusted.
  if (!isText(folder, 8192) || !Array.isArray(hooks) || !isObject(env) || !isCount(limitMs)) throw new TwintreeError('WIRE', 'what came is no order for a guard');
  return question as unknown as GuardOrder;
}
