/**
 * `twintree job install [--systemd | --cron] [--agent] [--remove] [--print] [--into=DIR] [NAME...]`: hands jobs to the system's own clocks: timers and services of systemd,
 * or lines of cron. What it writes it knows again, and leaves everything else as it is.
 */
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { errnoText, Errno, makeFolders, loadOwnPosix, namesIn, readWholeFile, removeFolder, ownEnvironment, runProgram, writeWholeFile } from '../../fs/index.js';
import { agentUnit, BEGIN, cronLines, END, jobUnits, MARK, withLines, type JobConfig, type Program, type Unit } from '../../job/index.js';
import { fromText, TwintreeError, type ByteString } from '../../tree/index.js';
import { typed, type SmallArgs } from '../commands/small-args.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { jobNamed, readConfig } from './source.js';

/** Longest file that is looked at. */
const LONGEST = 1 << 20;
const PATIENCE = 60_000;

/** Where and how it is installed. */
interface Place {
  readonly system: boolean;
  /** Of units, or of the file for cron; undefined: the user's crontab. */
  readonly folder: string | undefined;
  /** Nothing is started or stopped: an image or a package is made. */
  readonly only: boolean;
}

export async function installJobs({ options, names }: SmallArgs, file: string): Promise<number> {
  const [systemd, cron, agent, remove, print] = ['systemd', 'cron', 'agent', 'remove', 'print'].map((name) => options.has(name));
  if (systemd === true && cron === true) throw usageError('only one of --systemd and --cron can be used');
  if (agent === true && names.length > 0) throw usageError('--agent is for all jobs: it takes no names');
  if (agent === true && cron === true) throw usageError('the agent is a service of systemd, and no line of cron');
  const { jobs } = readConfig(file);
  const chosen = names.length === 0 ? [...jobs.values()].filter((job) => job.enabled) : names.map((name) => jobNamed(jobs, typed(name)));
  const program: Program = { argv: [process.execPath, ...process.execArgv, process.argv[1] ?? ''], config: resolve(file), stateDir: process.env['TWINTREE_STATE_DIR'] };
  const into = options.get('into');
  const system = (process.geteuid?.() ?? 0) === 0;
  const bySystemd = agent === true || systemd === true || (cron !== true && isThere('/run/systemd/system'));
  const folder = into !== undefined ? resolve(typed(into)) : bySystemd ? (system ? '/etc/systemd/system' : `${homedir()}/.config/systemd/user`) : system ? '/etc/cron.d' : undefined;
  const place: Place = { system, folder, only: into !== undefined };
  if (!bySystemd) return byCron(chosen, program, place, { remove: remove === true, print: print === true, all: names.length === 0 });
  const units = agent === true ? [agentUnit(program, system)] : unitsOf(chosen, program, system);
  if (print === true) {
    for (const { name, text } of units) process.stdout.write(`# ${folder}/${name}\n${text}\n`);
    return EXIT.ok;
  }
  return remove === true ? removeUnits(units.map(({ name }) => name), place) : writeUnits(units, place);
}

function unitsOf(jobs: readonly JobConfig[], program: Program, system: boolean): Unit[] {
  return jobs.flatMap((job) => {
    const units = jobUnits(job, program, system);
    if (typeof units === 'string') throw new TwintreeError('UNSUPPORTED', `systemd cannot run the job ${job.name}: ${units}`, { advice: 'twintree job install --agent runs all jobs as they are; or name the jobs that are to be installed.' });
    return units;
  });
}

async function writeUnits(units: readonly Unit[], place: Place): Promise<number> {
  const folder = place.folder as string;
  makeFolder(folder);
  for (const { name, text } of units) {
    const path = `${folder}/${name}`;
    const before = contentOf(path);
    if (before !== undefined && !before.startsWith(MARK)) throw new TwintreeError('IO', 'a unit of this name is there, and was not made by twintree', { path: fromText(path), advice: 'Remove it, or name the job otherwise.' });
    write(path, text, 0o644);
    process.stdout.write(`${path}\n`);
  }
  return start(units, place, ['enable', '--now']);
}

async function removeUnits(names: readonly string[], place: Place): Promise<number> {
  const folder = place.folder as string;
  const there = names.filter((name) => contentOf(`${folder}/${name}`)?.startsWith(MARK) === true);
  if (there.length === 0) {
    process.stdout.write('nothing is installed\n');
    return EXIT.ok;
  }
  await start(there.map((name) => ({ name, text: '' })), place, ['disable', '--now']);
  for (const name of there) {
    removeFolder(fromText(`${folder}/${name}`));
    process.stdout.write(`removed ${folder}/${name}\n`);
  }
  return reload(place);
}

/** Lets systemd know, and begins or ends what is to run. Where it is not at work it is told how. */
async function start(units: readonly Unit[], place: Place, verbs: readonly string[]): Promise<number> {
  const timers = units.filter(({ name }) => name.endsWith('.timer')).map(({ name }) => name);
  const services = units.filter(({ name }) => name.endsWith('.service') && !timers.includes(name.replace(/service$/, 'timer'))).map(({ name }) => name);
  const user = place.system ? [] : ['--user'];
  const words = [...user, ...verbs, ...timers, ...services];
  if (place.only) return EXIT.ok;
  if (!isThere('/run/systemd/system')) {
    process.stdout.write(`systemd is not at work here; where it is: systemctl ${[...user, 'daemon-reload'].join(' ')} && systemctl ${words.join(' ')}\n`);
    return EXIT.ok;
  }
  const code = await reload(place);
  return code === EXIT.ok ? systemctl(words) : code;
}

async function reload(place: Place): Promise<number> {
  if (place.only || !isThere('/run/systemd/system')) return EXIT.ok;
  return systemctl([...(place.system ? [] : ['--user']), 'daemon-reload']);
}

async function systemctl(words: readonly string[]): Promise<number> {
  const { ok, output } = await runTool('systemctl', words);
  if (ok) return EXIT.ok;
  process.stderr.write(`systemctl ${words.join(' ')} failed: ${output}\n`);
  return EXIT.partial;
}

async function byCron(jobs: readonly JobConfig[], what: Program, place: Place, { remove, print, all }: { remove: boolean; print: boolean; all: boolean }): Promise<number> {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const lines: string[] = [];
  for (const job of remove ? [] : jobs) {
    const made = cronLines(job, what, zone);
    if (typeof made === 'string') throw new TwintreeError('UNSUPPORTED', `the job ${job.name}: ${made}`, { advice: 'twintree job install --agent runs all jobs as they are; or name the jobs that are to be installed.' });
    lines.push(...(place.folder === undefined ? made : made.map((line) => withUser(line))));
  }
  if (print) {
    process.stdout.write(`${[BEGIN, ...lines, END].join('\n')}\n`);
    return EXIT.ok;
  }
  if (!all) throw usageError('cron has the lines of all jobs in one place: leave the names out', 'Jobs with enabled: false are left out.');
  if (place.folder !== undefined) {
    makeFolder(place.folder);
    const path = `${place.folder}/twintree`;
    const text = withLines(contentOf(path) ?? '', lines);
    if (text === '') removeFolder(fromText(path));
    else write(path, text, 0o644);
    process.stdout.write(`${text === '' ? 'removed ' : ''}${path}\n`);
    return EXIT.ok;
  }
  const before = await runTool('crontab', ['-l']);
  if (!before.ok && !/no crontab/.test(before.output)) throw new TwintreeError('IO', `the crontab cannot be read, and is left as it is: ${before.output.trim()}`);
  const after = withLines(before.ok ? before.output : '', lines);
  const done = await runTool('crontab', ['-'], after);
  if (done.ok) process.stdout.write(`${lines.length} lines in the crontab\n`);
  else process.stderr.write(`crontab failed: ${done.output}\n`);
  return done.ok ? EXIT.ok : EXIT.partial;
}

/** /etc/cron.d names the user behind the times. */
function withUser(line: string): string {
  return line.replace('\t', '\troot\t');
}

async function runTool(file: string, args: readonly string[], input = ''): Promise<{ ok: boolean; output: string }> {
  const result = await runProgram({ argv: [file, ...args], env: { ...ownEnvironment(), LC_ALL: 'C' }, input, timeoutMs: PATIENCE, graceMs: 1000, keep: LONGEST });
  return { ok: result.exitCode === 0, output: result.startError ?? result.output };
}

function makeFolder(folder: string): void {
  const posix = loadOwnPosix();
  const at = makeFolders(posix, fromText(folder), 0o755);
  if (at < 0) throw new TwintreeError('IO', `the folder cannot be made: ${errnoText(-at)}`, { path: fromText(folder) });
  posix.close(at);
}

function write(path: string, text: string, mode: number): void {
  const done = writeWholeFile(fromText(path), text, mode);
  if (done < 0) throw new TwintreeError('IO', `it cannot be written: ${errnoText(-done)}`, { path: fromText(path) });
}

function contentOf(path: string): string | undefined {
  const content = readWholeFile(fromText(path), LONGEST);
  if (typeof content !== 'number') return content.toString('utf8');
  if (content === -Errno.ENOENT) return undefined;
  throw new TwintreeError('IO', `it cannot be read: ${errnoText(-content)}`, { path: fromText(path) });
}

function isThere(folder: string): boolean {
  return typeof namesIn(fromText(folder) as ByteString) !== 'number';
}
