/**
 * `mirror-back`: after a switch, the mirror on the new side's host. Its target is the old tree, at the other end of the very connection by which it was
 * started; so the new side needs no way to the old one of its own. How it stands is told on stderr, a line of JSON a second.
 */
import { Mirror, type MirrorStatus } from '../../mirror/index.js';
import { openStanding } from '../../session/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import type { AtHostCommand } from '../commands/at-host.js';
import { mirrorRequest } from '../commands/mirror.js';
import { processContext } from '../commands/shared.js';
import { EXIT } from '../exit-codes.js';
import { parseMirror } from '../options/index.js';
import { BACK_MARK, followStatusOf } from '../migrate/follow.js';

/** The connection cannot be made again from here: whoever started this starts it again. */
const FINAL: ReadonlySet<string> = new Set(['CONNECTION_LOST', 'CONNECT', 'TIMEOUT', 'WIRE', 'NOT_TWINTREE']);

export const mirrorBack: AtHostCommand = async (question) => {
  const { words } = question;
  if (!Array.isArray(words) || !words.every((word): word is string => typeof word === 'string')) throw new TwintreeError('WIRE', 'what came are no words for a mirror');
  const parsed = parseMirror(words as ByteString[], processContext());
  if (parsed.kind !== 'run') throw new TwintreeError('WIRE', 'what came are no words for a mirror');
  const request = mirrorRequest(parsed);
  const [target] = request.targets;
  const [run] = parsed.targets;
  if (target === undefined || run === undefined || target.localTarget !== undefined) throw new TwintreeError('WIRE', 'a way back leads to another host');
  const { timeoutMs, compression } = run.connection;
  const standing = openStanding({ connect: { kind: 'stdio' }, root: undefined, link: { connectTimeoutMs: 0, timeoutMs, compression, retries: 0 }, idleMs: 0 });
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => { controller.abort(new TwintreeError('ABORTED', 'the way back was ended by a signal')); });
  const mirror = new Mirror({
    ...request,
    targets: [{
      ...target, meter: standing, end: () => standing.close(),
      run: async (what, listener, signal) => {
        try {
          return await standing.run(what, listener, signal);
        } catch (error) {
          if (error instanceof TwintreeError && FINAL.has(error.code)) controller.abort(error);
          throw error;
        }
      },
    }],
  }, { follower: () => ({ status: (status) => { tell(status); } }) });
  await mirror.run(controller.signal);
  return EXIT.ok;
};

function tell(status: MirrorStatus): void {
  process.stderr.write(`${BACK_MARK}${JSON.stringify(followStatusOf(status))}\n`);
}
