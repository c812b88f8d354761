/** What `twintree evidence make` takes beside the options of `twintree verify`. */
import { checkOptions, type ReadMode } from '../../evidence/index.js';
import { displayName, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { parseVerify, type Informative, type ParseContext, type ParsedRun } from '../options/index.js';
import { typed } from './small-args.js';

/** A proof that was asked for. */
export interface ParsedEvidence {
  readonly kind: 'run';
  readonly run: ParsedRun & { target: ByteString };
  /** The file that is written. */
  readonly output: ByteString;
  readonly mode: ReadMode;
  readonly samplePercent: number;
  /** What is read is kept in the index. */
  readonly index: boolean;
  /** File of the key that signs; undefined: the user's own. */
  readonly key: string | undefined;
  readonly subject: string;
}

/** Percent that are read of what the index vouches for, where nothing else is said. */
const DEFAULT_SAMPLE = 2;
const VALUES = ['output', 'mode', 'sample', 'key', 'subject'] as const;
type ValueName = (typeof VALUES)[number];

/** @throws CommandError USAGE; TwintreeError UNSUPPORTED for options that no evidence can be made with. */
export function parseEvidence(args: readonly ByteString[], context: ParseContext): ParsedEvidence | Informative {
  const { values, index, rest } = ownWords(args);
  const parsed = parseVerify(rest, context);
  if (parsed.kind !== 'run') return parsed;
  const { sources, target, host } = parsed;
  const [source] = sources;
  if (source === undefined || sources.length > 1 || target === undefined) throw usageError('evidence is of one source and one target', 'twintree evidence make [OPTION]... SRC/ DST -o FILE');
  if (!/(?:^|\/)\.{0,2}$/.test(source)) throw usageError('evidence is of the content of a folder', `Write it with a slash at its end: ${displayName(source)}/`);
  if (host?.kind === 'daemon') throw usageError('evidence reaches another host by a remote shell only', 'Write it as [USER@]HOST:PATH.');
  const { output, mode = 'full', sample, key, subject = '' } = values;
  if (output === undefined || output === '' || output === '-') throw usageError('the file that the evidence goes to is not named', 'Say -o FILE.');
  if (mode !== 'full' && mode !== 'index') throw usageError(`--mode takes full or index, not "${displayName(mode as ByteString)}"`);
  if (sample !== undefined && mode === 'full') throw usageError('--sample is for --mode=index', 'With --mode=full everything is read.');
  checkOptions(parsed.options);
  return {
    kind: 'run', run: { ...parsed, target }, output: output as ByteString, mode, samplePercent: sample === undefined ? DEFAULT_SAMPLE : percent(sample), index: index || mode === 'index',
    key: key === undefined ? undefined : typed(key as ByteString), subject: typed(subject as ByteString),
  };
}

/** Takes them out. `-o` on its own is where the evidence goes; in a cluster it is --owner, as in verify. */
function ownWords(args: readonly ByteString[]): { values: Partial<Record<ValueName, string>>; index: boolean; rest: ByteString[] } {
  const values: Partial<Record<ValueName, string>> = {};
  const rest: ByteString[] = [];
  let index = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as ByteString;
    if (arg === '--') {
      rest.push(...args.slice(i));
      break;
    }
    const match = /^--([a-z]+)(?:=([^]*))?$/.exec(arg === '-o' ? '--output' : arg);
    const name = VALUES.find((one) => one === match?.[1]);
    if (match?.[1] === 'index' && match[2] === undefined) index = true;
    else if (name === undefined) rest.push(arg);
    else {
      const value = match?.[2] ?? args[++i];
      if (value === undefined) throw usageError(`--${name} needs a value`);
      if (values[name] !== undefined) throw usageError(`--${name} is given twice`);
      values[name] = value;
    }
  }
  return { values, index, rest };
}

function percent(text: string): number {
  const match = /^([0-9]{1,3}(?:\.[0-9]{1,6})?)%?$/.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]);
  if (!(value >= 0 && value <= 100)) throw usageError(`--sample: "${text}" is no share`, 'Write it in percent, such as 2%.');
  return value;
}
