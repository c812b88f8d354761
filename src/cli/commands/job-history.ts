/** `twintree job history NAME`: what its runs did, from what is kept of them. Changes nothing. */
import { loadOwnPosix, loadPosix } from '../../fs/index.js';
import { historyJson, historyText, JobHistory } from '../../job/index.js';
import { stateFolder } from '../../state/index.js';
import type { ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { HelpRow } from '../help.js';
import { logLine } from './log-line.js';
import { localPath } from './mirror-pair.js';
import { parseSmall, typed } from './small-args.js';

const USAGE = `twintree job history [OPTION]... NAME

Shows the last runs of a job, the oldest first: when, what became of it, what it carried, how long it took, and what went wrong.`;
const ROWS: readonly HelpRow[] = [{ name: 'count', argument: 'N', help: 'how many runs (20)' }, { name: 'json', help: 'a line of JSON for each' }];
const MORE = 'Exit code 0: there is a run; 23: no run of this job is known. docs/jobs-hooks.md tells more.';
const COUNT = 20;
const MOST = 1_000_000;

/** @param args those behind `history`. */
export async function run(args: readonly ByteString[]): Promise<number> {
  const { options, names } = parseSmall('job history', args, ['help', 'json'], ['count']);
  if (options.has('help')) {
    const { smallHelp } = await import('../help.js');
    process.stdout.write(await smallHelp(USAGE, ROWS, MORE));
    return EXIT.ok;
  }
  const [name] = names;
  if (name === undefined || names.length > 1) throw usageError('job history wants the name of one job', 'twintree job history --help tells more.');
  const given = options.get('count');
  const limit = given === undefined ? COUNT : /^\d{1,7}$/.test(given) ? Number(given) : 0;
  if (limit < 1 || limit > MOST) throw usageError(`--count=${typed(given ?? ('' as ByteString))} is not a number from 1 to ${MOST}`);
  const runs = await ownHistory().list({ job: typed(name), limit });
  for (const each of runs) process.stdout.write(options.has('json') ? historyJson(each) : historyText(each));
  if (runs.length === 0 && !options.has('json')) process.stderr.write(`no run of ${logLine(typed(name))} is known\n`);
  return runs.length > 0 ? EXIT.ok : EXIT.partial;
}

/** The history in this user's state folder. What was damaged is told on standard error. */
export function ownHistory(): JobHistory {
  return new JobHistory(loadOwnPosix(), localPath(stateFolder(process.env, loadPosix().euid)), (_code, message) => { process.stderr.write(`twintree: ${logLine(message)}\n`); });
}
