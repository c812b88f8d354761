/** `twintree doctor --job=NAME`: what would hinder a job that is described, judged as its words on a command line would be. */
import type { DoctorRequest } from '../../doctor/index.js';
import { mirrorWords, syncWords, type JobConfig } from '../../job/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { doctorRequest } from '../commands/doctor.js';
import { processContext } from '../commands/shared.js';
import { typed } from '../commands/small-args.js';
import { usageError } from '../errors.js';
import { parseDoctor, type Informative, type ParsedDoctor } from '../options/index.js';
import { asBytes } from './catalog.js';
import { configFile, jobNamed, readConfig } from './source.js';

/** The job that the arguments name, and what is left of them; undefined: none. */
export function jobOf(args: readonly ByteString[]): { job: JobConfig; rest: ByteString[] } | undefined {
  const given = new Map<string, ByteString>();
  const rest: ByteString[] = [];
  for (let k = 0; k < args.length; k++) {
    const arg = args[k] as ByteString;
    const name = ['--job', '--config'].find((each) => arg === each || arg.startsWith(`${each}=`));
    if (name === undefined) {
      rest.push(arg);
      continue;
    }
    const value = arg === name ? args[++k] : (arg.slice(name.length + 1) as ByteString);
    if (value === undefined || value === '') throw usageError(`${name} needs a value`);
    given.set(name, value);
  }
  const name = given.get('--job');
  return name === undefined ? undefined : { job: jobNamed(readConfig(configFile(given.get('--config'))).jobs, typed(name)), rest };
}

/** What is to be judged of a job: each of its targets. @throws CommandError USAGE where more than -v, -q and --json is said besides. */
export function jobRequest(job: JobConfig, rest: readonly ByteString[]): { kind: 'run'; request: DoctorRequest; output: ParsedDoctor['output'] } | Informative {
  const said = parseDoctor(rest, processContext());
  if (said.kind !== 'run') return said;
  if (said.work !== undefined || rest.some((arg) => !/^(?:-[vq]+|--verbose|--quiet|--json)$/.test(arg))) throw usageError('a job says its options itself', 'Beside --job and --config there are -v, -q and --json.');
  const lists = job.mode === 'live' ? [['--mirror', ...mirrorWords(job)]] : job.targets.map((target) => syncWords(job, target));
  const requests = lists.map((words) => {
    const parsed = parseDoctor(asBytes(words), processContext());
    if (parsed.kind !== 'run') throw new TwintreeError('USAGE', `the options of job ${job.name} make no run`);
    return doctorRequest(parsed.work);
  });
  const following = requests.find((each) => each.following !== undefined)?.following;
  return { kind: 'run', request: { runs: requests.flatMap(({ runs }) => runs), ...(following === undefined ? {} : { following }) }, output: said.output };
}
