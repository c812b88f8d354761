/** `run`: a program that a person named in a definition runs here, to its end or its limit; the answer is how it ended. */
import { runProgram } from '../../fs/index.js';
import { endLine, readLines, type AtHostQuestion } from '../../transport/index.js';
import { isCount, isObject, TwintreeError } from '../../tree/index.js';
import type { AtHostWays } from '../commands/at-host.js';
import { EXIT } from '../exit-codes.js';

export async function runHere(question: AtHostQuestion, ways: AtHostWays): Promise<number> {
  const { argv, env, timeoutMs, graceMs, keep, input } = question;
  if (!isWords(argv) || !isObject(env) || !Object.values(env).every((value) => typeof value === 'string') || !isCount(timeoutMs) || !isCount(graceMs) || !isCount(keep) || keep > 1 << 20 || typeof input !== 'string') throw new TwintreeError('WIRE', 'what came is no program to be run');
  const { stream, ended } = await ways.open();
  const controller = new AbortController();
  void ended.finally(() => { controller.abort(); });
  void untilEnd(stream, controller);
  const result = await runProgram({ argv, env: { ...(process.env as Record<string, string>), ...(env as Record<string, string>) }, input, timeoutMs, graceMs, keep, signal: controller.signal });
  await endLine(stream, { type: 'result', ...result });
  await ended;
  return EXIT.ok;
}

/** The end of stdin: whoever asked is gone. */
async function untilEnd(stream: Parameters<typeof readLines>[0], controller: AbortController): Promise<void> {
  try {
    await readLines(stream).next(); // nothing more is said
  } catch {
    // a broken connection is an end, too
  } finally {
    controller.abort();
  }
}

function isWords(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.length <= 1000 && value.every((word) => typeof word === 'string');
}
