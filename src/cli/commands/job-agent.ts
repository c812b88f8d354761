/**
 * `twintree agent [--config FILE] [--log=text|journal|json]`: runs the jobs of a configuration by their schedules, and keeps live ones at work. It ends in good order by
 * SIGTERM, and reads the configuration anew by SIGHUP.
 */
import { errnoText, loadOwnPosix, makeFolders, sdNotify } from '../../fs/index.js';
import { Agent, AGENT_SOCKET, JobHistory, LiveConfig, type Cause, type JobConfig, type LaunchedRun, type RunCause } from '../../job/index.js';
import { NoteLock } from '../../state/index.js';
import { serveControl, startChild } from '../../transport/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { HelpRow } from '../help.js';
import { AgentLog, type LogFormat } from '../jobs/log.js';
import { AgentMetrics, type AgentMetricsOptions } from '../jobs/metrics.js';
import { configFile, readConfig } from '../jobs/source.js';
import { agentFolder, isPaused, keepPaused, ownState } from '../jobs/state.js';
import { parseListen } from '../options/values.js';
import { localPath } from './mirror-pair.js';
import { parseSmall, typed } from './small-args.js';

const USAGE = `twintree agent [OPTION]...

Runs the jobs that a configuration describes: those with a schedule when they are due, live ones all the time. SIGHUP reads the configuration anew, SIGTERM ends it
and what is at work in good order.`;
const ROWS: readonly HelpRow[] = [
  { name: 'config', argument: 'FILE', help: 'the configuration (root: /etc/twintree/twintree.yaml, else ~/.config/twintree/twintree.yaml), beside which conf.d is' },
  { name: 'metrics', argument: 'FILE', help: "keep metrics of all jobs for Prometheus in FILE, as its node exporter's textfile collector reads them" },
  { name: 'metrics-listen', argument: '[ADDRESS:]PORT', help: 'serve them at http://ADDRESS:PORT/metrics; without an address, to this host alone' },
  { name: 'log', argument: 'FORMAT', help: 'how lines are written to standard error: text, journal (with priorities for journald; taken where it listens) or json' },
];
const MORE = 'twintree job install --agent makes a service of it. docs/jobs.md is the guide.';
const FORMATS: readonly LogFormat[] = ['text', 'journal', 'json'];
export async function run(args: readonly ByteString[]): Promise<number> {
  const { options, names } = parseSmall('agent', args, ['help'], ['config', 'log', 'metrics', 'metrics-listen']);
  if (options.has('help')) {
    const { smallHelp } = await import('../help.js');
    process.stdout.write(await smallHelp(USAGE, ROWS, MORE));
    return EXIT.ok;
  }
  if (names.length > 0) throw usageError('agent takes no names', 'twintree agent --help tells more.');
  const file = configFile(options.get('config'));
  const [metricsFile, listen] = [options.get('metrics'), options.get('metrics-listen')];
  const config = new LiveConfig(() => readConfig(file));
  const posix = loadOwnPosix();
  const folder = agentFolder();
  const at = makeFolders(posix, folder, 0o700);
  if (at < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-at)}`, { path: folder, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
  const lock = NoteLock.take(posix, at, 'lock' as ByteString, `${process.pid}\n`);
  if (typeof lock === 'number') throw new TwintreeError('IO', `the agent's lock cannot be opened: ${errnoText(-lock)}`, { path: folder });
  if (lock === 'held') throw new TwintreeError('LOCKED', 'another agent of this user is at work', { path: folder, advice: 'twintree job status asks it. Another state folder (TWINTREE_STATE_DIR) makes room for a second one.' });
  const log = new AgentLog(formatOf(options.get('log')), ownState(), (line) => { process.stderr.write(line); });
  try {
    await serve(file, config, folder, log, { file: metricsFile === undefined ? undefined : localPath(metricsFile), listen: listen === undefined ? undefined : parseListen('--metrics-listen', listen) });
    return EXIT.ok;
  } finally {
    log.close();
    lock.release();
    posix.close(at);
  }
}

async function serve(file: string, config: LiveConfig, folder: ByteString, log: AgentLog, wanted: AgentMetricsOptions): Promise<void> {
  const state = ownState();
  const history = new JobHistory(loadOwnPosix(), state, (_code, message) => { log.say(4, message); });
  const socket = process.env['NOTIFY_SOCKET'];
  const notify = (text: string): void => { sdNotify(socket, text); };
  const agent = new Agent({
    config, clock: Date.now, notify, log: (severity, message, job) => { log.say(severity, message, job); },
    launch: async (job, cause) => launch(file, job, cause, log),
    lastStart: async (job) => lastStart(history, job),
    isPaused: (job) => isPaused(state, job),
    keepPaused: (job, paused) => keepPaused(state, job, paused),
  });
  const controller = new AbortController();
  const end = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.signal);
    controller.abort();
  };
  const reloaded = async (): Promise<void> => {
    const { ok, message } = await agent.reload();
    if (!ok) log.say(3, message);
  };
  const reload = (): void => { void reloaded(); };
  const signals: readonly [NodeJS.Signals, () => void][] = [['SIGINT', end], ['SIGTERM', end], ['SIGHUP', reload]];
  for (const [signal, act] of signals) process.on(signal, act);
  const server = await serveControl(folder, AGENT_SOCKET, (question) => agent.answer(question));
  const watchdog = watch(notify);
  const metrics = wanted.file === undefined && wanted.listen === undefined ? undefined : new AgentMetrics(wanted, state, history, () => ({ jobs: config.current.jobs, agent: agent.jobs() }), (message) => { log.say(4, message); });
  try {
    const page = await metrics?.start();
    if (page !== undefined) log.say(6, `metrics at ${page.url}`);
    await agent.run(controller.signal);
  } finally {
    clearInterval(watchdog);
    await metrics?.close();
    await server.close();
    for (const [signal, act] of signals) process.off(signal, act);
  }
}

/** systemd ends a service that it has not heard of for $WATCHDOG_USEC. */
function watch(notify: (text: string) => void): NodeJS.Timeout | undefined {
  const every = Number(process.env['WATCHDOG_USEC'] ?? NaN) / 1000;
  const pid = process.env['WATCHDOG_PID'];
  if (!(every > 0) || (pid !== undefined && pid !== `${process.pid}`)) return undefined;
  const timer = setInterval(() => { notify('WATCHDOG=1'); }, every / 2);
  timer.unref();
  return timer;
}

async function launch(file: string, job: JobConfig, cause: Cause, log: AgentLog): Promise<LaunchedRun> {
  const until = cause.kind === 'schedule' ? cause.run.until : undefined;
  const words = ['job', 'run', job.name, `--config=${file}`, `--cause=${causeOf(cause)}`, '--child', ...(until === undefined ? [] : [`--until=${until}`])];
  const { NOTIFY_SOCKET: _socket, WATCHDOG_USEC: _usec, WATCHDOG_PID: _pid, ...env } = process.env; // they are the agent's own
  return startChild([process.execPath, ...process.execArgv, process.argv[1] ?? '', ...words], env, (line) => { log.say(6, line.startsWith(`${job.name}: `) ? line.slice(job.name.length + 2) : line, job.name); });
}

function causeOf(cause: Cause): RunCause {
  switch (cause.kind) {
    case 'schedule': return cause.run.moves.some(({ kind }) => kind === 'missed') ? 'catch-up' : 'schedule';
    case 'asked': return 'asked';
    case 'live': return 'live';
  }
}

async function lastStart(history: JobHistory, job: string): Promise<number | undefined> {
  return (await history.list({ job })).findLast(({ result }) => result !== 'skipped')?.start;
}

function formatOf(given: ByteString | undefined): LogFormat {
  if (given === undefined) return process.env['JOURNAL_STREAM'] === undefined ? 'text' : 'journal';
  const format = FORMATS.find((each) => each === typed(given));
  if (format === undefined) throw usageError(`--log is one of ${FORMATS.join(', ')}`);
  return format;
}
