/**
 * `twintree pause | resume | approve | adopt | throttle SRC/ DST...`: says something to the mirror of these trees that runs on this host, by its socket. Each
 * tells the mirror's answer for each target; the exit code is 0 where it did what was asked, 23 where there is no such mirror, or it could not.
 */
import { CONTROL_SOCKET, readAnswer, type ControlAnswer, type ControlRequest } from '../../mirror/index.js';
import { loadPosix } from '../../fs/index.js';
import { pairFolder, stateFolder } from '../../state/index.js';
import { askControl } from '../../transport/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { HelpRow } from '../help.js';
import type { CommandModule } from '../main.js';
import { readOperands } from '../options/operands.js';
import { heldText } from '../report/mirror.js';
import { localPath, mirrorPair } from './mirror-pair.js';
import { parseSmall, typed, type SmallArgs } from './small-args.js';

/** Milliseconds that a mirror has to answer in: it may be in the middle of a small file. */
const PATIENCE = 30_000;
const MORE = 'Exit code 0: done; 23: no mirror of these is at work, or it could not. docs/mirror.md tells more.';

interface ControlCommand {
  name: string;
  usage: string;
  rows: readonly HelpRow[];
  /** Whether the last of the names is no target, but what `act` gets. */
  value?(said: SmallArgs): boolean;
  /** For one target. Returns the exit code. */
  act(said: SmallArgs, value: ByteString | undefined, ask: (request: ControlRequest) => Promise<ControlAnswer>): Promise<number>;
}

export const pause = command({
  name: 'pause', rows: [],
  usage: 'twintree pause SRC/ DST...\n\nThe mirror of SRC to each DST does nothing until it is resumed, also when it is started again. A session under way is broken off. Changes are kept.',
  act: async (_said, _more, ask) => told(await ask({ do: 'pause' })),
});

export const resume = command({
  name: 'resume', rows: [], usage: 'twintree resume SRC/ DST...\n\nThe mirror of SRC to each DST goes on.',
  act: async (_said, _more, ask) => told(await ask({ do: 'resume' })),
});

export const approve = command({
  name: 'approve', rows: [{ name: 'show', help: 'show what is held, and approve nothing' }],
  usage: 'twintree approve [--show] SRC/ DST...\n\nShows what the limit of deletions holds back, and lets the mirror of SRC to each DST do that: these deletions, once, and no more.',
  async act({ options }, _more, ask) {
    const found = await ask({ do: 'held' });
    if (!found.ok || found.held === undefined) return told(found, EXIT.partial);
    process.stdout.write(heldText(found.held));
    return options.has('show') ? EXIT.ok : told(await ask({ do: 'approve', hold: found.held.id }));
  },
});

export const adopt = command({
  name: 'adopt', rows: [],
  usage: 'twintree adopt SRC/ DST...\n\nThe mirror of SRC that misses its source takes what stands at its place now for the source: it was restored, cloned or mounted anew. Everything is compared, under the guards. It holds for all targets of that mirror.',
  act: async (_said, _more, ask) => told(await ask({ do: 'adopt' })),
});

export const throttle = command({
  name: 'throttle', rows: [{ name: 'reset', help: "the command line's limit holds again" }],
  usage: 'twintree throttle SRC/ DST... RATE|TIMETABLE\ntwintree throttle --reset SRC/ DST...\n\nSets how fast the mirror of SRC to each DST may send, at once and until it ends: as --bwlimit of twintree mirror. full: no limit; off: nothing.',
  value: ({ options }) => !options.has('reset'),
  async act(_said, limit, ask) {
    return told(await ask({ do: 'throttle', limit: limit === undefined ? null : typed(limit) }));
  },
});

function command(what: ControlCommand): CommandModule {
  return {
    async run(args) {
      const said = parseSmall(what.name, args, ['help', ...what.rows.map(({ name }) => name)], []);
      if (said.options.has('help')) {
        const { smallHelp } = await import('../help.js');
        process.stdout.write(await smallHelp(what.usage, what.rows, MORE));
        return EXIT.ok;
      }
      const [source, ...targets] = said.names;
      const value = what.value?.(said) === true ? targets.pop() : undefined;
      if (source === undefined || targets.length === 0) throw usageError(`${what.name} takes the source and the targets of a mirror${what.value === undefined ? '' : ', then what is to hold'}`, `twintree ${what.name} --help tells more.`);
      let exitCode: number = EXIT.ok;
      for (const target of targets) {
        const operands = readOperands([source], target);
        const pair = mirrorPair(operands.sources[0] as ByteString, operands.target as ByteString, operands.direction === 'push' ? operands.host : undefined);
        const folder = pairFolder(localPath(stateFolder(process.env, loadPosix().euid)), pair);
        const each = await what.act(said, value, async (request) => askMirror(folder, request));
        if (each !== EXIT.ok) exitCode = each;
      }
      return exitCode;
    },
  };
}

async function askMirror(folder: ByteString, request: ControlRequest): Promise<ControlAnswer> {
  let line: string | undefined;
  try {
    line = await askControl(folder, CONTROL_SOCKET, JSON.stringify(request), PATIENCE);
  } catch (error) {
    if (!(error instanceof TwintreeError) || error.code !== 'IO') throw error;
    return { ok: false, message: error.message };
  }
  return line === undefined ? { ok: false, message: 'no mirror of these is at work here' } : readAnswer(line);
}

function told(answer: ControlAnswer, exitCode: number = answer.ok ? EXIT.ok : EXIT.partial): number {
  (answer.ok ? process.stdout : process.stderr).write(`${answer.message}\n`);
  return exitCode;
}
