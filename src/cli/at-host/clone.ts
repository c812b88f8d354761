/** `clone`: a copy of a target for a rehearsal, made or taken away on the host where the target is. */
import { dropClone, makeClone, type CopyTree } from '../../migrate/index.js';
import { runSync } from '../../session/index.js';
import { endLine, readLines } from '../../transport/index.js';
import { isText, TwintreeError, type ByteString } from '../../tree/index.js';
import type { AtHostCommand } from '../commands/at-host.js';
import { processContext } from '../commands/shared.js';
import { EXIT } from '../exit-codes.js';
import { parseSync } from '../options/index.js';

export const cloneHere: AtHostCommand = async (question, ways) => {
  const { action, path } = question;
  if ((action !== 'make' && action !== 'drop') || !isText(path, 8192)) throw new TwintreeError('WIRE', 'what came is nothing that a clone can be made of');
  const { stream, ended } = await ways.open();
  const controller = new AbortController();
  void ended.finally(() => { controller.abort(new TwintreeError('ABORTED', 'the other end has gone')); });
  void readLines(stream).next().catch(() => undefined); // nothing is said; it is read so that the end is seen
  try {
    if (action === 'drop') await dropClone(path as ByteString);
    const clone = action === 'make' ? await makeClone(path as ByteString, copyTree, controller.signal) : path;
    await endLine(stream, { type: 'clone', path: clone });
  } catch (error) {
    if (!(error instanceof TwintreeError)) throw error;
    await endLine(stream, { type: 'error', code: error.code, message: error.message, advice: error.advice ?? null });
  }
  await ended;
  return EXIT.ok;
};

/** A session of this host alone. */
export const copyTree: CopyTree = async (from, to, signal) => {
  const parsed = parseSync(['-aHAX', '--', `${from}/`, to].map((word) => word as ByteString), processContext());
  if (parsed.kind !== 'run') throw new TwintreeError('INTERNAL', 'these words make no run');
  const outcome = await runSync({ sources: parsed.sources, target: parsed.target, options: parsed.options }, {}, signal);
  if (outcome.aborted) throw new TwintreeError('ABORTED', 'the clone was not finished', { path: to });
  // A target that is followed changes meanwhile: what is missing comes with the session that follows.
  if (outcome.exitCode !== 0 && outcome.exitCode !== 23 && outcome.exitCode !== 24) throw new TwintreeError('IO', 'the clone could not be made', { path: to, advice: outcome.problems[0]?.message ?? '' });
};
