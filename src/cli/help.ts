/**
 * Help texts, by yargs from the option table. Loaded only where help is asked for; parsing never needs it.
 */
import yargs, { type Argv } from 'yargs';
import { SECTIONS, negatedNames, optionsOf, type OptionSpec, type TableCommand } from './options/index.js';

const SUMMARY: Readonly<Record<TableCommand, string>> = {
  sync: 'make DST equal to SRC',
  mirror: 'keep each DST equal to SRC/ while it is in use',
  plan: 'keep in a file what sync would do',
  apply: 'carry out a plan that was kept',
  verify: 'compare DST with SRC and tell every difference',
  explain: 'tell which filter rule decides for a path',
  'seed export': 'write SRC as a tar archive',
  'seed import': 'restore a tar archive into DST',
};
const USAGE: Readonly<Record<TableCommand, string>> = {
  sync: 'twintree sync [OPTION]... SRC... DST\n\nMakes DST equal to SRC. SRC/ is the content of the folder, SRC the folder itself. Without DST the source is listed.',
  mirror: 'twintree mirror [OPTION]... SRC/ DST...\n\nMakes each DST equal to the content of SRC, then follows every change until it is ended by SIGINT or SIGTERM. As -a unless told otherwise (--no-o, ...); deletes with --delete only. twintree status tells how far behind each is.',
  plan: 'twintree plan [OPTION]... SRC... DST -o FILE\n\nMakes the plan that twintree sync would carry out, shows it as sync -n does, and keeps it in FILE. Changes nothing else.',
  apply: 'twintree apply [OPTION]... FILE\n\nCarries out the plan in FILE, exactly. What is no longer as the plan saw it is told and left alone (exit code 24).',
  verify: 'twintree verify [OPTION]... SRC... DST\n\nCompares content, attributes and extra names; changes nothing. Exit code 0: equal, 23: they differ. As -ac unless told otherwise (--no-c, --no-o, ...).',
  'seed export': 'twintree seed export [OPTION]... SRC... OUT\n\nWrites SRC as a pax tar archive to the file OUT, to parts OUT.001 ... (--split), or to standard output (-). As -aHAX unless told otherwise (--no-H, ...).',
  'seed import': 'twintree seed import [OPTION]... ARCHIVE... DST\ntwintree seed import --check [OPTION]... ARCHIVE...\n\nRestores a tar archive (one file, its parts in order, or - for standard input) into the folder DST; what is there already in full is not written again. What is damaged is told, and the rest restored (exit code 23). As -aHAX unless told otherwise.',
  explain: 'twintree explain [OPTION]... SRC PATH...\n\nTells for each PATH (below SRC, or with SRC in front) which filter rule decides on each side, and where that rule stands.',
};

function base(): Argv {
  return yargs([]).wrap(Math.min(process.stdout.columns ?? 100, 110)).version(false).help(false).exitProcess(false);
}

/** `twintree --help`. */
export async function generalHelp(): Promise<string> {
  const program = base().scriptName('twintree').usage('twintree COMMAND [OPTION]...\n\nFile-level differential sync.')
    .epilogue('twintree COMMAND --help lists the options of a command. twintree --version tells the version.');
  for (const [name, summary] of Object.entries(SUMMARY)) program.command(name, summary);
  program.command('status', 'tell how mirrors stand');
  program.command('report', 'tell what the runs of jobs did, as text, JSON or a page with plots');
  program.command('pause', 'pause a mirror').command('resume', 'let it go on').command('approve', 'let deletions that are held go on').command('adopt', 'take what stands at the place of a missed source for the source').command('throttle', 'change how fast a mirror may send');
  program.command('promote', 'make the target of a mirror the source, when the old one is gone');
  program.command('doctor', 'tell what would hinder a sync or a mirror, and what mends it');
  program.command('evidence', 'prove that two trees are equal: signed manifests, and their checking later');
  program.command('delta', 'signatures, deltas and patches of single files, as rdiff makes them');
  program.command('job', 'jobs that a configuration describes: check, list, run and watch them, hand them to systemd or cron').command('agent', 'run them by their schedules, and keep live ones at work');
  program.command('migrate', 'move a tree that is in use: plan, follow, cut over, and go back');
  program.command('serve', 'serve folders to other hosts, as a daemon or bound by ssh');
  program.command('cert', 'make certificates and tokens for serve and twintree://');
  return `${await program.getHelp()}\n`;
}

/** `twintree COMMAND --help`. */
export async function commandHelp(command: TableCommand): Promise<string> {
  const program = base().usage(USAGE[command]);
  const specs = optionsOf(command);
  for (const section of SECTIONS) {
    const rows = specs.filter((spec) => spec.section === section);
    if (rows.length === 0) continue;
    for (const spec of rows) program.option(shownName(spec), { ...letters(spec), describe: describe(spec), requiresArg: false });
    program.group(rows.map(shownName), `${section}:`);
  }
  program.epilogue('docs/options.md says more about each. Exit codes are in docs/exit-codes.md.');
  const text = await program.getHelp();
  return `${text.replace(/--(?=[0-9](?![-\w]))/g, '-')}\n`; // yargs takes a digit for a long name
}

/** An option of a command without a table. */
export interface HelpRow { name: string; argument?: string; help: string }

/** Help of a command that has no option table. */
export async function smallHelp(usage: string, rows: readonly HelpRow[], more: string): Promise<string> {
  const program = base().usage(usage);
  for (const row of rows) program.option(row.name, { describe: row.argument === undefined ? row.help : `${row.argument}: ${row.help}`, requiresArg: false });
  program.epilogue(more);
  return `${await program.getHelp()}\n`;
}

function shownName(spec: OptionSpec): string {
  return spec.shownNegated === true ? `no-${spec.name}` : spec.name;
}

function letters(spec: OptionSpec): { alias: string[] } {
  const own = [...(spec.short === undefined ? [] : [spec.short]), ...(spec.aliases ?? [])];
  return { alias: spec.shownNegated === true ? negatedNames(spec).filter((name) => name !== `no-${spec.name}`) : own };
}

function describe(spec: OptionSpec): string {
  const argument = spec.argument === undefined ? '' : `${spec.argument}: `;
  return `${argument}${spec.help}`;
}
