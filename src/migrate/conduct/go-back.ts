/**
 * The way back from a switch: the new side is taken out of use, what it has accepted is carried home, both trees are verified, and the old source serves
 * again. Each step may be done again: a way back that was interrupted, or that failed, begins from the start when it is asked for once more.
 */
import { TwintreeError } from '../../tree/index.js';
import { thaw } from '../freeze/thaw.js';
import { hookError, within, type Context } from './context.js';
import { runMigrationHooks } from '../hooks/hooks.js';

export interface BackOptions {
  /** What the undo hooks do has been done by hand. */
  readonly undone: boolean;
  /** The new side is gone: what it accepted since the switch is lost. */
  readonly loseNew: boolean;
}

/**
 * @param endBack ends the mirror that follows the new side.
 * @throws TwintreeError where it cannot be ended now: the state stays `rolling-back`, and nobody serves two sides.
 */
export async function goBack(context: Context, reason: string, endBack: () => Promise<void>, { undone, loseNew }: BackOptions, signal: AbortSignal): Promise<void> {
  const { definition, ports } = context;
  if (context.stand.state !== 'rolling-back') context.go('rolling-back', reason);
  if (!undone) {
    const failed = await runMigrationHooks(definition.switch.undo, 'undo', ports.ways, context.tell, { all: true, signal });
    signal.throwIfAborted();
    if (failed !== undefined) {
      throw new TwintreeError('HOOK', hookError(failed).message, { advice: 'The new side may still be in use, so the old one stays stopped. Take the new one out of use, then: twintree migrate rollback (--undone where that was done by hand).' });
    }
  }
  await endBack();
  await context.hooks(definition.freeze.release, 'release', signal); // the switch may have ended before them
  if (!loseNew) await carryHome(context, signal);
  if (!await thaw(definition.freeze.thaw, ports.ways, reason, context.tell)) {
    throw new TwintreeError('HOOK', 'what thaws the source failed', { advice: 'The new side is out of use and the old tree is up to date. Start what serves it, then: twintree migrate rollback --undone.' });
  }
  context.go('rolled-back', reason);
}

async function carryHome(context: Context, signal: AbortSignal): Promise<void> {
  const { definition, ports } = context;
  if (!definition.reverse) {
    context.problem('NOT_CARRIED', 'reverse is false: what was written on the new side stays there', null);
    return;
  }
  const result = await within(ports.session('back', { signal }), signal);
  context.tell({ event: 'session', kind: 'back', ms: result.ms, entries: result.entries, files: result.files, bytes: result.bytes, sent: result.sent });
  const advice = 'Mend that and say twintree migrate rollback again; --lose-new where the new side is gone for good.';
  if (!result.ok) throw new TwintreeError('NOT_EQUAL', `not all that was written on the new side came back: ${result.message}`, { advice });
  const { mode, sample } = definition.verify;
  const proof = await within(ports.prove({ direction: 'back', mode, sample, name: 'rollback', signal }), signal);
  context.tell(proof.fact);
  if (!proof.ok) throw new TwintreeError('NOT_EQUAL', proof.message, { advice });
}
