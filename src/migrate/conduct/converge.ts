/** Converging: waiting until the target is as near to the source as the definition wants, and stays there. */
import { setTimeout as pause } from 'node:timers/promises';
import { sizeText, TwintreeError } from '../../tree/index.js';
import type { MigrationDefinition } from '../definition/index.js';
import { within, type Context } from './context.js';
import type { Following, FollowStatus } from './ports.js';

const LOOK_MS = 100;

/**
 * Resolves when lag and backlog have been within their limits for as long as is wanted.
 * @throws TwintreeError TIMEOUT after the patience, with what is in the way; what `signal` was aborted with.
 */
export async function converge(following: Pick<Following, 'status'>, limits: MigrationDefinition['converge'], signal: AbortSignal, now: () => number = () => performance.now()): Promise<void> {
  await near(following, limits, (status) => hindranceOf(status, limits), 'Raise the limits of converge, or choose a quieter hour: twintree migrate forecast.', signal, now);
}

/** Resolves when all that was heard of by now is there, whatever has come since. @throws as `converge`. */
export async function carried(following: Pick<Following, 'status' | 'heard'>, limits: MigrationDefinition['converge'], signal: AbortSignal, now: () => number = () => performance.now()): Promise<void> {
  await within(following.heard(), signal);
  const begun = now();
  const hindrance = (status: FollowStatus | undefined): string | undefined => {
    if (status === undefined) return 'the mirror has not told yet how it stands';
    return status.lagMs <= now() - begun ? undefined : (status.trouble ?? 'what the prepare hooks wrote is not there');
  };
  await near(following, { ...limits, steadyMs: 0 }, hindrance, 'twintree migrate status tells what waits.', signal, now);
}

async function near(
  following: Pick<Following, 'status'>, { steadyMs, patienceMs }: MigrationDefinition['converge'], hindrance: (status: FollowStatus | undefined) => string | undefined, advice: string, signal: AbortSignal, now: () => number,
): Promise<void> {
  const begun = now();
  let since: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    const why = hindrance(following.status());
    if (why === undefined) {
      since ??= now();
      if (now() - since >= steadyMs) return;
    } else {
      since = undefined;
      if (now() - begun > patienceMs) throw new TwintreeError('TIMEOUT', `the target did not come near enough in ${patienceMs / 1000} s: ${why}`, { advice });
    }
    await pause(LOOK_MS, undefined, { signal }).catch(() => undefined); // the next look throws the signal's reason
  }
}

/** Resolves when the first copy is complete. @throws what `signal` was aborted with. */
export async function untilSeeded(context: Pick<Context, 'stand'>, signal: AbortSignal): Promise<void> {
  while (context.stand.state === 'seeding') await pause(LOOK_MS, undefined, { signal }).catch(() => { signal.throwIfAborted(); });
}

/** Why it is not near enough; undefined: it is. */
export function hindranceOf(status: FollowStatus | undefined, limits: Pick<MigrationDefinition['converge'], 'lagMs' | 'backlogBytes'>): string | undefined {
  if (status === undefined) return 'the mirror has not told yet how it stands';
  if (status.trouble !== null) return status.trouble;
  if (!status.complete) return 'the first copy is not complete';
  const [failing] = status.failing;
  if (failing !== undefined) return `${failing.path}: ${failing.message}`;
  if (status.lagMs > limits.lagMs) return `it is ${(status.lagMs / 1000).toFixed(1)} s behind`;
  if (status.backlogBytes > limits.backlogBytes) return `${sizeText(status.backlogBytes)} wait`;
  return undefined;
}
