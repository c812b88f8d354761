/**
 * `twintree explain [OPTION]... SRC PATH...`: for each path, which filter rule decides on each side and
 * where it stands. As text, or with --json as one line of JSON a path.
 */
import { baseOf, displayName, toBytes, type ByteString, type RelPath } from '../../tree/index.js';
import { EXIT } from '../exit-codes.js';
import { explainPaths, type Explanation, type Verdict } from '../../session/index.js';
import { parseExplain } from '../options/index.js';
import { printInstead, processContext } from './shared.js';

/** Version of the JSON lines. */
const JSON_VERSION = 1;

export async function run(args: readonly ByteString[]): Promise<number> {
  const parsed = parseExplain(args, processContext());
  if (parsed.kind !== 'run') return printInstead('explain', parsed);
  const { output } = parsed;
  let faults = 0;
  const explanations = explainPaths(parsed.source, parsed.paths, parsed.options, (file, message) => {
    faults++;
    process.stderr.write(`twintree: ${displayName(file)}: ${message}\n`);
  });
  const show = (name: ByteString): string => displayName(name, output.eightBit);
  const text = explanations.map((each) => (output.json ? `${JSON.stringify(asJson(each))}\n` : asText(each, show))).join('');
  process.stdout.write(output.eightBit && !output.json ? Buffer.from(text, 'latin1') : text);
  return faults > 0 ? EXIT.partial : EXIT.ok;
}

/** Three lines: the path, the source's side, the target's. */
export function asText(explanation: Explanation, show: (name: ByteString) => string = displayName): string {
  const { path, type, source, target } = explanation;
  const mark = type === 'directory' ? '/' : '';
  const missing = type === 'missing' ? ' (not in the source)' : '';
  return `${path === '' ? './' : show(path) + mark}${missing}\n`
    + `  source: ${source.excluded ? 'left out' : 'copied'}${reason(source, path, 'left out', show)}\n`
    + `  target: ${target.excluded ? 'protected from deletion' : 'not protected from deletion'}${reason(target, path, 'protected', show)}\n`;
}

function reason(verdict: Verdict, path: RelPath, word: string, show: (name: ByteString) => string): string {
  const { rule } = verdict;
  if (rule === undefined) return ', no rule matches';
  const where = rule.origin.line > 0 ? `${rule.origin.source}, line ${rule.origin.line}` : rule.origin.source;
  const parent = verdict.at === path ? '' : ` because its folder ${show(verdict.at)}/ is ${word}`;
  return `${parent} by "${show(rule.text)}" (${where})`;
}

interface JsonVerdict { excluded: boolean; at: string; rule: { text: string; include: boolean; source: string; line: number } | null }

/** The object of one line; keys are stable. Names that are not UTF-8 are given once more as base64. */
export function asJson(explanation: Explanation): Record<string, unknown> {
  const shown = displayName(explanation.path);
  const bytes = toBytes(explanation.path);
  return {
    type: 'explanation', version: JSON_VERSION, path: shown,
    ...(bytes.equals(Buffer.from(shown, 'utf8')) ? {} : { pathBytes: bytes.toString('base64') }),
    name: displayName(baseOf(explanation.path)), entry: explanation.type, source: jsonVerdict(explanation.source), target: jsonVerdict(explanation.target),
  };
}

function jsonVerdict(verdict: Verdict): JsonVerdict {
  const { rule } = verdict;
  return {
    excluded: verdict.excluded, at: displayName(verdict.at),
    rule: rule === undefined ? null : { text: displayName(rule.text), include: rule.include, source: rule.origin.source, line: rule.origin.line },
  };
}
