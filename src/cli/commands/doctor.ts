/**
 * `twintree doctor [--mirror] [OPTION]... [SRC... DST]`, `twintree doctor --job=NAME`: what would hinder a sync or a mirror, and what mends it. Without names this host alone is
 * judged. Changes nothing that lasts. Exit code 23 where there is a warning or an error.
 */
import { examine, type DoctorRequest, type RunToJudge } from '../../doctor/index.js';
import { displayName, type ByteString } from '../../tree/index.js';
import { parseDoctor, type Informative, type OutputOptions, type ParsedMirror, type ParsedRun } from '../options/index.js';
import { doctorReport } from '../report/doctor.js';
import { localPath, mirrorPair } from './mirror-pair.js';
import { abortBySignal, processContext } from './shared.js';
import { toHost } from './to-host.js';

/** Paths that are told of a finding as JSON. */
const JSON_PATHS = 1000;

/** What a command line, or a job's words, asks to be judged. @throws CommandError for options that do not fit the host. */
export function doctorRequest(work: ParsedRun | ParsedMirror | undefined): DoctorRequest {
  if (work === undefined) return { runs: [] };
  if (!('targets' in work)) return { runs: [runToJudge(work)] };
  const { source, targets, following } = work;
  return {
    runs: targets.map((each) => runToJudge(each, mirrorPair(source, each.target, each.host))),
    following: { root: localPath(source), backend: following.backend },
  };
}

function runToJudge({ sources, target, options, host, direction, connection, output }: ParsedRun, pair?: RunToJudge['pair']): RunToJudge {
  const there = output.listOnly ? undefined : target;
  const far = host === undefined || direction === 'local' ? undefined : { host, request: toHost(host, direction, connection) };
  const name = there === undefined ? '' : far !== undefined && direction === 'push' ? mirrorPair(there, there, host).target : there;
  return { sources, target: there, options, name: displayName(name as ByteString), ...(far === undefined ? {} : { remote: far }), ...(pair === undefined ? {} : { pair }) };
}

/** What is to be judged: a job, or what the words say. */
async function asked(args: readonly ByteString[]): Promise<{ kind: 'run'; request: DoctorRequest; output: OutputOptions } | Informative> {
  if (args.some((arg) => /^--job(?:=|$)/.test(arg))) {
    const { jobOf, jobRequest } = await import('../jobs/doctor.js');
    const named = jobOf(args);
    if (named !== undefined) return jobRequest(named.job, named.rest);
  }
  const parsed = parseDoctor(args, processContext());
  return parsed.kind === 'run' ? { kind: 'run', request: doctorRequest(parsed.work), output: parsed.output } : parsed;
}

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = await asked(args);
  if (parsed.kind === 'help') {
    process.stdout.write(await help());
    return 0;
  }
  if (parsed.kind !== 'run') {
    const { printInstead } = await import('./shared.js');
    return printInstead('sync', parsed);
  }
  const { request } = parsed;
  const controller = new AbortController();
  const release = abortBySignal(controller);
  const report = doctorReport(parsed.output, process.stdout);
  try {
    return report.end(await examine(parsed.output.json ? { ...request, paths: JSON_PATHS } : request, controller.signal));
  } catch (error) {
    report.fail(error);
    throw error;
  } finally {
    release();
    if (controller.signal.aborted) setImmediate(() => process.exit()); // a connection that is being made would keep the process
  }
}

async function help(): Promise<string> {
  const { smallHelp } = await import('../help.js');
  return smallHelp(
    'twintree doctor [--mirror] [OPTION]... [SRC... DST]\ntwintree doctor --job=NAME [--config=FILE]\n\nTells what would hinder a sync from SRC to DST, or what of it would not be kept, and what mends it. Without names it judges this host alone. Options are those of twintree sync. Changes nothing.',
    [
      { name: 'job', argument: 'NAME', help: 'judge a job of a configuration, for all its targets' },
      { name: 'config', argument: 'FILE', help: 'with --job: the configuration (root: /etc/twintree/twintree.yaml, else ~/.config/twintree/twintree.yaml)' },
      { name: 'mirror', help: 'judge a live mirror (twintree mirror SRC/ DST...); options are those of twintree mirror' },
      { name: 'verbose', help: '(-v) tell what is as it should be, too' },
      { name: 'quiet', help: '(-q) tell warnings and errors only' },
      { name: 'json', help: 'JSON lines on stdout instead of text' },
    ],
    'docs/doctor.md lists all findings. Exit code 23: there is a warning or an error.',
  );
}
