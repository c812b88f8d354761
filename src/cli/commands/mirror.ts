/**
 * `twintree mirror [OPTION]... SRC/ DST`: makes the target equal, then follows every change. Ended by a signal, it ends in good order with exit
 * code 0; SIGUSR2 lets it go on where a guard holds it.
 */
import { loadPosix } from '../../fs/index.js';
import { Mirror, type MirrorListener } from '../../mirror/index.js';
import { stateFolder } from '../../state/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { describeError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { parseMirror, type ParsedMirror } from '../options/index.js';
import { createMirrorReport } from '../report/mirror.js';
import { localPath, mirrorPair } from './mirror-pair.js';
import { sessionRun } from './remote.js';
import { abortBySignal, printInstead, processContext } from './shared.js';

/** The mirror of a command line. */
export function mirrorOf(parsed: ParsedMirror, listener: MirrorListener): Mirror {
  const { target, options, host, following } = parsed;
  const source = parsed.sources[0] as ByteString;
  return new Mirror({
    source, root: localPath(source), options, stateFolder: localPath(stateFolder(process.env, loadPosix().euid)), ...following,
    targets: [{ target, localTarget: host === undefined ? localPath(target) : undefined, pair: mirrorPair(source, target, host), run: sessionRun(parsed) }],
  }, listener);
}

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = parseMirror(args, processContext());
  if (parsed.kind !== 'run') return printInstead('mirror', parsed);
  const { target, output, host } = parsed;
  const source = parsed.sources[0] as ByteString;
  const { stdout, stderr } = process;
  const report = createMirrorReport(output, { out: stdout, err: stderr, isTTY: stdout.isTTY === true, columns: stdout.columns || 80 }, { source, target: host === undefined ? target : mirrorPair(source, target, host).target, pid: process.pid });
  const mirror = mirrorOf(parsed, report);
  const controller = new AbortController();
  const release = abortBySignal(controller);
  const goOn = (): void => {
    report.say(mirror.approve() ? 'going on, once without the limit of deletions' : 'nothing is held');
  };
  process.on('SIGUSR2', goOn); // SIGUSR1 is the debugger's of Node.js
  try {
    await mirror.run(controller.signal);
    report.end();
    if (mirror.leftSession) process.exit(EXIT.ok); // its connection would keep the process
    return EXIT.ok;
  } catch (error) {
    const { exitCode } = describeError(error, false);
    report.end({ code: error instanceof TwintreeError ? error.code : 'INTERNAL', message: error instanceof Error ? error.message : String(error), exitCode });
    throw error;
  } finally {
    process.off('SIGUSR2', goOn);
    release();
  }
}
