/**
 * `twintree --at-host`: a command that a twintree on another host has started here over the user's remote shell. It may do what its user may, as any
 * command of that shell. The first line of stdin says which; what it answers are lines of JSON, or the protocol. The end of stdin ends it.
 */
import { answerAtHost, connect, type AtHostQuestion, type Connection } from '../../transport/index.js';
import { TwintreeError } from '../../tree/index.js';
import { describeError } from '../errors.js';

/** Answers one question. Returns the exit code. */
export type AtHostCommand = (question: AtHostQuestion, ways: AtHostWays) => Promise<number>;

/** How a command speaks with who asked. */
export interface AtHostWays {
  /** Stdin and stdout as one stream; once. What uses it itself (a protocol) does not call this. */
  open(): Promise<Connection>;
}

const COMMANDS: Readonly<Record<string, () => Promise<AtHostCommand>>> = {
  run: () => import('../at-host/run.js').then(({ runHere }) => runHere),
  clone: () => import('../at-host/clone.js').then(({ cloneHere }) => cloneHere),
  digest: () => import('../at-host/digest.js').then(({ digestHere }) => digestHere),
  guard: () => import('../at-host/guard.js').then(({ guardHere }) => guardHere),
  'mirror-back': () => import('../at-host/mirror-back.js').then(({ mirrorBack }) => mirrorBack),
};

export async function run(): Promise<number> {
  try {
    const question = answerAtHost();
    const load = Object.hasOwn(COMMANDS, question.do) ? COMMANDS[question.do] : undefined;
    if (load === undefined) throw new TwintreeError('VERSION', `this side knows nothing of "${question.do.slice(0, 40)}"`, { advice: 'Use the same version of twintree on both hosts.' });
    return await (await load())(question, { open: async () => connect({ kind: 'stdio' }, { connectTimeoutMs: 0 }) });
  } catch (error) {
    const { text, exitCode } = describeError(error, process.env['TWINTREE_DEBUG'] === '1');
    process.stderr.write(text);
    return exitCode;
  }
}
