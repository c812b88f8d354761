/**
 * `twintree mirror [OPTION]... SRC/ DST...`: makes each target equal, then follows every change. Ended by a signal, it ends in good order with exit
 * code 0, where no target ended before; SIGUSR2 lets it go on where a guard holds it.
 */
import { limitProcess, loadPosix } from '../../fs/index.js';
import { Mirror, type MirrorRequest } from '../../mirror/index.js';
import { stateFolder } from '../../state/index.js';
import type { ByteString } from '../../tree/index.js';
import { describeError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { parseMirror, ratesOf, type ParsedMirror } from '../options/index.js';
import { createMirrorReport, namedError } from '../report/mirror.js';
import { MirrorMetrics } from '../report/mirror-metrics.js';
import { localPath, mirrorPair } from './mirror-pair.js';
import { followingRun } from './remote.js';
import { abortBySignal, printInstead, processContext } from './shared.js';

/** What a command line asks a mirror for. */
export function mirrorRequest({ source, targets, following }: ParsedMirror): MirrorRequest {
  return {
    source, root: localPath(source), stateFolder: localPath(stateFolder(process.env, loadPosix().euid)), ...following, ...(following.throttle === 'auto' ? { ease: { floor: following.throttleFloor } } : {}),
    targets: targets.map((each) => ({
      target: each.target, localTarget: each.host === undefined ? localPath(each.target) : undefined, pair: mirrorPair(source, each.target, each.host), options: each.options, ...followingRun(each),
      rates: ratesOf(each.options.bwlimit, following),
    })),
  };
}

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = parseMirror(args, processContext());
  if (parsed.kind !== 'run') return printInstead('mirror', parsed);
  const { source, output } = parsed;
  const { stdout, stderr } = process;
  const request = mirrorRequest(parsed);
  const { limits } = parsed.following;
  if (limits.cpu > 0 || limits.reading > 0) limitProcess(limits);
  const targets = request.targets.map(({ pair }) => pair.target);
  const report = createMirrorReport(output, { out: stdout, err: stderr, isTTY: stdout.isTTY === true, columns: stdout.columns || 80, rows: stdout.rows || 24 }, { source, targets, pid: process.pid });
  const { metrics: wanted } = parsed.following;
  const metrics = new MirrorMetrics({ ...wanted, file: wanted.file === undefined ? undefined : localPath(wanted.file) }, (message) => report.say(message, true));
  const mirror = new Mirror(request, metrics.watching(report));
  const controller = new AbortController();
  const release = abortBySignal(controller);
  const goOn = (): void => {
    if (mirror.adopt()) report.say('what stands at the source\'s place is taken for the source');
    else report.say(mirror.approve() ? 'going on, once, with the deletions that were shown' : 'nothing is held');
  };
  process.on('SIGUSR2', goOn); // SIGUSR1 is the debugger's of Node.js
  try {
    const page = await metrics.start();
    if (page !== undefined) report.say(`metrics at ${page.url}`);
    await mirror.run(controller.signal);
    report.end();
    return EXIT.ok;
  } catch (error) {
    const { exitCode } = describeError(error, false);
    report.end({ ...namedError(error), exitCode });
    throw error;
  } finally {
    await metrics.close();
    process.off('SIGUSR2', goOn);
    release();
    if (mirror.leftSession) setImmediate(() => process.exit()); // its connection would keep the process
  }
}
