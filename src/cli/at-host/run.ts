/** `run`: programs that a person named in a definition run here, one after the other, each to its end or its limit; the answer to each is how it ended. */
import { ownEnvironment, runProgram } from '../../fs/index.js';
import { readLines, writeLine } from '../../transport/index.js';
import { isCount, isObject, TwintreeError } from '../../tree/index.js';
import type { AtHostCommand } from '../commands/at-host.js';
import { EXIT } from '../exit-codes.js';

const MOST_KEPT = 1 << 20;

export const runHere: AtHostCommand = async (_question, ways) => {
  const { stream, ended } = await ways.open();
  const controller = new AbortController();
  const lines = readLines(stream);
  // The end of stdin ends a program that runs: so the next line is waited for while it does.
  let next = lines.next();
  for (let line = await next; line.done !== true; line = await next) {
    const { argv, env, timeoutMs, graceMs, keep } = line.value;
    if (!isWords(argv) || !isTexts(env) || !isCount(timeoutMs) || !isCount(graceMs) || !isCount(keep) || keep > MOST_KEPT) throw new TwintreeError('WIRE', 'what came is no program to be run');
    next = lines.next();
    void endsWith(next, controller);
    const result = await runProgram({ argv, env: { ...ownEnvironment(), ...env }, input: '', timeoutMs, graceMs, keep, signal: controller.signal });
    await writeLine(stream, { type: 'result', ...result });
  }
  stream.end();
  await ended;
  return EXIT.ok;
};

/** Whoever asked is gone: what runs for him ends. */
async function endsWith(next: Promise<IteratorResult<unknown>>, controller: AbortController): Promise<void> {
  const { done } = await next.catch(() => ({ done: true }));
  if (done === true) controller.abort();
}

function isTexts(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((each) => typeof each === 'string');
}

function isWords(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.length <= 1000 && value.every((word) => typeof word === 'string');
}
