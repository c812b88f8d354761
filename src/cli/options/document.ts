/** The option table as docs/options.md. scripts/make-options-doc.js writes it; a test checks that the file is current. */
import { SECTIONS, negatedNames, spelled, type OptionSpec, type Section, type TableCommand } from './spec.js';
import { TABLE } from './table/index.js';

const INTRODUCTION = `# Options

<!-- Written by scripts/make-options-doc.js from the option table in src/cli/options/table/. Do not edit. -->

\`twintree sync [OPTION]... SRC... DST\` understands rsync's command line: long options, letters in clusters
(\`-avHAX\`), values as \`--opt=value\`, \`--opt value\`, \`-T/tmp\` or \`-T /tmp\`, options anywhere among the names, \`--\`
before names that begin with a dash. A later option wins over an earlier one (\`-a --no-o\`); filter options keep their
order. Names are taken as bytes. \`SRC/\` is the content of a folder, \`SRC\` the folder itself. Without \`DST\` the source is
listed.

\`twintree verify [OPTION]... SRC... DST\` compares everything that \`-a\` keeps, by content; \`--no-c\` compares by size and
time, \`--no-o\` and the like leave an attribute out. \`twintree explain [OPTION]... SRC PATH...\` tells which filter rule
decides for each path, on each side. \`twintree mirror [OPTION]... SRC/ DST...\` is as with \`-a\` unless
told otherwise ([mirror.md](mirror.md)). \`twintree plan [OPTION]... SRC... DST -o FILE\`
keeps what \`sync\` would do, and \`twintree apply [OPTION]... FILE\` carries it out ([recorded.md](recorded.md)). \`twintree doctor [--mirror]\` takes the options of
\`sync\`, or with \`--mirror\` those of \`mirror\`, and tells what would hinder it ([doctor.md](doctor.md)). Which of the commands
take an option is in the last column: **s**ync, **m**irror, **p**lan, **a**pply, **v**erify, **e**xplain, seed exp**o**rt, seed **i**mport ([seed.md](seed.md)). *Ours* marks options that rsync does not have.

No option is swallowed: it works, or it is listed under "Accepted without effect" with the reason, or it is refused
by name with a sentence, a stable code and an exit code ([exit-codes.md](exit-codes.md)).

\`-h\` as the only argument is \`--help\`; with others it is \`--human-readable\`.
`;

const SECTION_TEXT: Partial<Record<Section, string>> = {
  Filters: 'The first rule that matches a name decides. The language of rules is rsync\'s: rsync(1), FILTER RULES.',
  Deleting: 'Nothing is deleted unless one of these asks for it.',
  'Accepted without effect': 'These ask for what always holds, or for what is decided here without asking.',
  'Not in this version': 'These are refused with the code `UNSUPPORTED`, and exit code 4 unless another is named.',
};

const LETTERS: Readonly<Record<TableCommand, string>> = { sync: 's', mirror: 'm', plan: 'p', apply: 'a', verify: 'v', explain: 'e', 'seed export': 'o', 'seed import': 'i' };

/** The whole document. */
export function optionsDocument(): string {
  const parts = [INTRODUCTION];
  for (const section of SECTIONS) {
    const rows = TABLE.filter((spec) => spec.section === section);
    const text = SECTION_TEXT[section];
    parts.push(`\n## ${section}\n\n${text === undefined ? '' : `${text}\n\n`}| option | meaning | for |\n|---|---|---|\n${rows.map(row).join('')}`);
  }
  return parts.join('');
}

function row(spec: OptionSpec): string {
  const refused = spec.standing === 'refused' && spec.section !== 'Not in this version' ? ' **Refused** (exit code 1).' : '';
  const note = spec.note === undefined ? '' : ` ${prose(spec.note)}`;
  const ours = spec.ours === true ? ' *Ours.*' : '';
  const meaning = `${prose(capital(spec.help))}.${refused}${note}${ours}`;
  const commands = spec.commands.map((command) => LETTERS[command]).join(' ');
  return `| ${spellings(spec)} | ${cell(meaning)} | ${commands} |\n`;
}

function spellings(spec: OptionSpec): string {
  const value = spec.argument === undefined ? '' : `=${spec.argument}`;
  const negated = negatedNames(spec).map((name) => `--${name}`);
  if (spec.shownNegated === true) return negated.map(code).join(', ');
  const own = [...(spec.short === undefined ? [] : [`-${spec.short}`]), `${spelled(spec)}${value}`, ...(spec.aliases ?? []).map((name) => `--${name}${value}`)];
  return [...own, ...negated].map(code).join(', ');
}

function code(text: string): string {
  return `\`${cell(text)}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** Text in which asterisks are themselves. */
function prose(text: string): string {
  return text.replaceAll('*', '\\*');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
