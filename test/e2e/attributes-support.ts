/**
 * The method of these suites: the same source is copied by rsync to one target and by twintree to another, both
 * beginning as the same tree. Then the targets, the exit codes and the itemized lines must be the same, the dry run
 * must have told the same lines, a second run must have nothing to do, and verify must find the trees equal.
 *
 * twintree runs in this process, by the parser and the report of its command line; only what needs another user runs it as a child.
 */
import assert from 'node:assert';
import { parseSync, parseVerify, processContext, sessionRun } from '../../src/cli/index.js';
import { createReport } from '../../src/cli/report/index.js';
import { verifyTrees, type Outcome } from '../../src/session/index.js';
import { fromText, TwintreeError } from '../../src/tree/index.js';
import { assertSameTree, dir, makeTree, rsync, tempFolder, type Aspect, type Attributes, type TempFolder, type Tree } from '../support/index.js';

/** What a run of twintree said and came to. */
export interface Ran {
  code: number;
  /** Lines on stdout, as they came. */
  lines: string[];
  stderr: string;
  outcome: Outcome;
}

/** Runs `twintree sync ARGS…` (or verify) in this process. */
export async function sync(args: readonly string[], command: 'sync' | 'verify' = 'sync'): Promise<Ran> {
  const parse = command === 'sync' ? parseSync : parseVerify;
  const parsed = parse(args.map(fromText), processContext());
  if (parsed.kind !== 'run') throw new Error('that is no run');
  const { sources, options, output } = parsed;
  const target = output.listOnly ? undefined : parsed.target;
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const writer = (to: Buffer[]): { write(chunk: Uint8Array | string): void } => ({ write: (chunk) => void to.push(Buffer.from(chunk as Uint8Array)) });
  const report = createReport(output, options, { out: writer(out), err: writer(err), isTTY: false }, { sources, target: parsed.target ?? fromText(''), pid: 1 });
  const run = command === 'sync' ? sessionRun(parsed) : verifyTrees;
  const outcome = await run({ sources, target, options: { ...options, guard: { ...options.guard, root: false } } }, report);
  report.finish(outcome);
  return { code: outcome.exitCode, lines: linesOf(Buffer.concat(out).toString('latin1')), stderr: Buffer.concat(err).toString('utf8'), outcome };
}

/**
 * The same on the main thread alone, which starts no other: for runs beside a main one, which may take as many threads as it
 * likes. So what they tell is compared across numbers of threads as well, and a test does not pay for threads four times.
 */
export async function syncAlone(args: readonly string[], command: 'sync' | 'verify' = 'sync'): Promise<Ran> {
  return sync(['--threads=1', ...args], command);
}

/** Lines without the empty one behind the last. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** The itemized lines alone, sorted. */
export function itemized(lines: readonly string[]): string[] {
  return lines.filter((line) => /^(?:[<>ch.][fdLDS][.+ a-zT?]{9} |\*deleting |\*moving )/.test(line)).sort();
}

export interface Comparison {
  source: Tree;
  /** What stands on both targets before; nothing without it: then the targets do not exist. */
  target?: () => Tree;
  /** Attributes of the source's root and of the targets' roots. */
  root?: Attributes;
  targetRoot?: Attributes;
  /** Aspects in which the two targets may differ. */
  ignore?: Aspect[];
  /** Lines are the same in itemizing; default true. A function changes rsync's lines to ours where ours differ by design. */
  /** Which of rsync's lines: those of its run, or of its dry run (in the run it reports after it has changed things, so that some differences are gone). */
  against?: 'run' | 'dry run';
  lines?: boolean | ((rsyncs: string[]) => string[]);
  /** The second run has nothing to do. Default: where times are kept. */
  settles?: boolean;
  /** Verify says equal. Default: with -a, which verify takes for given. */
  verifies?: boolean;
  /** rsync's exit code; both must have it. Default 0. */
  code?: number;
  /** Attributes of the folder in which source and targets stand. */
  home?: Attributes;
  /** More work on source and targets before the runs: called for each with its path. */
  prepare?: (path: string, which: 'source' | 'target') => void;
  /** Paths of the targets are below here instead of the temporary folder (another file system). */
  on?: string;
  /** Sources as arguments; default the content of the source folder. `SRC` is replaced by the source's path. */
  arguments?: string[];
  /** Looks at twintree's target, and what the run said, at the end. */
  check?: (target: string, ran: Ran, source: string) => void;
  /** Options for rsync where they are spelled otherwise. */
  rsyncOptions?: string[];
  umask?: number;
}

/** Compares both programs with the same options on the same trees; see the module's comment. */
export async function likeRsync(options: readonly string[], c: Comparison): Promise<void> {
  const home: TempFolder = tempFolder('like', c.on);
  try {
    const source = home.at('source');
    const theirs = home.at('theirs');
    const ours = home.at('ours');
    const tree: Tree = { source: dir(c.source, c.root ?? {}) };
    if (c.target !== undefined) {
      // The same tree twice: but no file of one may be a hard link to the other's.
      tree['theirs'] = dir(c.target(), c.targetRoot ?? {});
      tree['ours'] = dir(c.target(), c.targetRoot ?? {});
    }
    makeTree(home.path, tree, c.home);
    c.prepare?.(source, 'source');
    if (c.target !== undefined) for (const path of [theirs, ours]) c.prepare?.(path, 'target');
    const short = options.filter((o) => /^-[^-]/.test(o)).join('');
    const times = /[at]/.test(short) && !options.includes('--no-t');
    const ignore: Aspect[] = [...(c.ignore ?? [])];
    if (!times) ignore.push('mtime', 'dir-mtime', 'link-mtime');
    if (/O/.test(short)) ignore.push('dir-mtime');
    if (/J/.test(short)) ignore.push('link-mtime');
    const args = (c.arguments ?? ['SRC/']).map((a) => a.replace('SRC', source));
    const subst = (list: readonly string[], target: string): string[] => list.map((o) => o.replaceAll('HOME', home.path).replaceAll('TARGET', target));
    const foretold = c.against === 'dry run' ? rsync(['-in', '--modify-window=-1', ...subst(c.rsyncOptions ?? options, theirs), ...args, `${theirs}/`]) : undefined;
    const peer = rsync(['-i', '--modify-window=-1', ...subst(c.rsyncOptions ?? options, theirs), ...args, `${theirs}/`], c.umask === undefined ? {} : { umask: c.umask });
    const told = foretold ?? peer;
    const old = process.umask(c.umask ?? process.umask());
    try {
      const mine = [...subst(options, ours), ...args, `${ours}/`];
      const dry = await syncAlone(['-in', ...mine]);
      const ran = await sync(['-i', ...mine]);
      const context = `${options.join(' ')}: rsync said ${JSON.stringify(told.stdout + peer.stderr)}; twintree said ${JSON.stringify(ran.lines)} ${ran.stderr}`;
      assert.strictEqual(peer.code, c.code ?? 0, `rsync's own exit code: ${context}`);
      assert.strictEqual(ran.code, peer.code, `exit code; ${context}`);
      if (c.lines !== false) {
        const theirLines = itemized(linesOf(told.stdoutBytes.toString('latin1')));
        const wanted = typeof c.lines === 'function' ? c.lines(theirLines) : theirLines;
        assert.deepStrictEqual(itemized(ran.lines), wanted.sort(), `itemized lines; ${context}`);
      }
      assert.deepStrictEqual(itemized(dry.lines), itemized(ran.lines), 'the dry run told other lines than the run');
      assertSameTree(theirs, ours, { ignore });
      if (c.settles ?? (times && !short.includes('I'))) {
        const again = await syncAlone(['-i', ...mine]);
        assert.deepStrictEqual(itemized(again.lines), [], `a second run found something to do: ${context}`);
      }
      if (c.verifies ?? (short.includes('a') && !options.some((o) => o.startsWith('--no-') || o === '--size-only' || o === '--inplace') && !/[SI]/.test(short))) {
        const checked = await syncAlone(mine, 'verify');
        const extra = itemized(checked.lines).filter((line) => !line.startsWith('*deleting'));
        assert.deepStrictEqual(extra, [], 'verify found differences');
      }
      c.check?.(ours, ran, source);
    } finally {
      process.umask(old);
    }
  } finally {
    home.remove();
  }
}

/** The code of the TwintreeError that stops a run. */
export async function refusal(args: readonly string[]): Promise<string> {
  try {
    await sync(args);
  } catch (error) {
    if (error instanceof TwintreeError) return error.code;
    throw error;
  }
  return 'none';
}
