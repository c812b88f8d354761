/**
 * The command's entrance: finds the command, loads it alone, and turns whatever ends it into a sentence
 * and an exit code. Nothing else in the program sets the exit code or listens to the process.
 */
import type { ByteString } from '../tree/index.js';
import { describeError, usageError } from './errors.js';

/** A command's module: arguments after its name, as bytes → exit code. */
export interface CommandModule { run(args: readonly ByteString[]): Promise<number> }

/** The commands and how each is loaded: only the one that is asked for. */
const COMMANDS: Readonly<Record<string, () => Promise<CommandModule>>> = {
  sync: () => import('./commands/sync.js'),
  mirror: () => import('./commands/mirror.js'),
  status: () => import('./commands/status.js'),
  adopt: () => import('./commands/control.js').then(({ adopt }) => adopt),
  pause: () => import('./commands/control.js').then(({ pause }) => pause),
  resume: () => import('./commands/control.js').then(({ resume }) => resume),
  approve: () => import('./commands/control.js').then(({ approve }) => approve),
  throttle: () => import('./commands/control.js').then(({ throttle }) => throttle),
  promote: () => import('./commands/promote.js'),
  plan: () => import('./commands/plan.js'),
  apply: () => import('./commands/apply.js'),
  verify: () => import('./commands/verify.js'),
  report: () => import('./commands/report.js'),
  explain: () => import('./commands/explain.js'),
  seed: () => import('./commands/seed.js'),
  delta: () => import('./commands/delta.js'),
  job: () => import('./commands/job.js'),
  agent: () => import('./commands/job-agent.js'),
  migrate: () => import('./commands/migrate.js'),
  serve: () => import('./commands/serve.js'),
  cert: () => import('./commands/cert.js'),
  doctor: () => import('./commands/doctor.js'),
  evidence: () => import('./commands/evidence.js'),
};

/** Runs the command line of this process. Sets `process.exitCode`; never throws. */
export async function main(): Promise<void> {
  const args = process.argv.slice(2);
  // Where stdout is the connection to another host, it is the link's alone.
  if (!speaksProtocol(args)) process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error; // a reader that went away (`| head`) ends the output quietly
  });
  process.on('uncaughtException', (error) => { process.exit(report(error)); });
  try {
    process.exitCode = await dispatch(args);
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** `--server`, also behind `sync` (a wrapper that stands in for rsync's command), and `serve --stdio`. */
function speaksProtocol(args: readonly string[]): boolean {
  return isServerCall(args) || args[0] === '--at-host' || (args[0] === 'serve' && args.includes('--stdio'));
}

function isServerCall(args: readonly string[]): boolean {
  return args[0] === '--server' || (args[0] === 'sync' && args[1] === '--server');
}

async function dispatch(args: readonly string[]): Promise<number> {
  const [name] = args;
  if (name === '--at-host' && args.length === 1) return (await import('./commands/at-host.js')).run();
  if (isServerCall(args)) {
    const [{ run }, { rawArguments }] = await Promise.all([import('./commands/server.js'), import('../fs/index.js')]);
    return run(rawArguments());
  }
  const load = name === undefined || !Object.hasOwn(COMMANDS, name) ? undefined : COMMANDS[name];
  if (load !== undefined) {
    const [command, { rawArguments }] = await Promise.all([load(), import('../fs/index.js')]);
    return command.run(rawArguments().slice(1));
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const { generalHelp } = await import('./help.js');
    const text = await generalHelp();
    if (name !== undefined) {
      process.stdout.write(text);
      return 0;
    }
    process.stderr.write(text);
    throw usageError('no command was given');
  }
  if (name === '--version' || name === '-V') {
    const { versionText } = await import('./version.js');
    process.stdout.write(versionText());
    return 0;
  }
  const advice = `Commands are ${Object.keys(COMMANDS).join(', ')}; twintree --help tells more.`;
  if (name.startsWith('-') || args.length > 1) throw usageError(`"${shown(name)}" is not a command`, `${advice} To copy trees: twintree sync [OPTION]... SRC... DST.`);
  throw usageError(`"${shown(name)}" is not a command`, advice);
}

function shown(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function report(error: unknown): number {
  const { text, exitCode } = describeError(error, wantsStack());
  try {
    process.stderr.write(text);
  } catch {
    return exitCode; // stderr is gone too: there is nobody left to tell
  }
  return exitCode;
}

/** Stacks are for those who ask: TWINTREE_DEBUG, or --debug=ALL wherever it stands. */
function wantsStack(): boolean {
  const env = process.env['TWINTREE_DEBUG'];
  if (env !== undefined && env !== '' && env !== '0') return true;
  return process.argv.some((arg, at) => /^--debug=(?:.*,)?all[1-9]?(?:,|$)/i.test(arg) || (arg === '--debug' && /^all/i.test(process.argv[at + 1] ?? '')));
}

