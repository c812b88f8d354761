/** Helpers of the command-line tests: parsing without a process around it. */
import { parseExplain, parseSync, parseVerify, type ParseContext, type ParsedExplain, type ParsedRun } from '../../src/cli/options/index.js';
import { CommandError } from '../../src/cli/errors.js';
import { TwintreeError, fromText, type ByteString } from '../../src/tree/index.js';

export const NOON = new Date(2026, 5, 15, 12, 0, 30);

/** A context with files and variables of its own; every other file is absent. */
export function context(files: Record<string, string | Buffer> = {}, env: Record<string, string> = {}, now = NOON): ParseContext {
  return {
    readFile: (path) => (Object.hasOwn(files, path) ? Buffer.from(files[path] as string | Buffer) : -2),
    env: (name) => (Object.hasOwn(env, name) ? fromText(env[name] as string) : undefined),
    now,
  };
}

export function bytes(args: readonly string[]): ByteString[] {
  return args.map(fromText);
}

/** `twintree sync ARGS`, which must be a run. */
export function sync(args: readonly string[], over: ParseContext = context()): ParsedRun {
  const parsed = parseSync(bytes(args), over);
  if (parsed.kind !== 'run') throw new Error(`not a run but ${parsed.kind}`);
  return parsed;
}

export function verify(args: readonly string[], over: ParseContext = context()): ParsedRun {
  const parsed = parseVerify(bytes(args), over);
  if (parsed.kind !== 'run') throw new Error(`not a run but ${parsed.kind}`);
  return parsed;
}

export function explain(args: readonly string[], over: ParseContext = context()): ParsedExplain {
  const parsed = parseExplain(bytes(args), over);
  if (parsed.kind !== 'run') throw new Error(`not a run but ${parsed.kind}`);
  return parsed;
}

/** What `args` are refused with; throws where they are accepted. */
export function refusal(args: readonly string[], over: ParseContext = context()): { code: string; exitCode: number; message: string; advice: string | undefined } {
  try {
    parseSync(bytes(args), over);
  } catch (error) {
    if (error instanceof CommandError) return { code: error.code, exitCode: error.exitCode, message: error.message, advice: error.advice };
    if (error instanceof TwintreeError) return { code: error.code, exitCode: -1, message: error.message, advice: error.advice };
    throw error;
  }
  throw new Error(`accepted: ${args.join(' ')}`);
}
