/**
 * What the commands share: the context of parsing, a report over the process's streams, and a run that
 * signals can end. The first SIGINT, SIGTERM or SIGHUP ends the run in good order, a second one at once.
 */
import { AppendFile, errnoText, readWholeFile } from '../../fs/index.js';
import type { Outcome, SessionListener, SyncRequest } from '../../session/index.js';
import { EMPTY, TwintreeError, fromText, type ByteString } from '../../tree/index.js';
import { CommandError, describeError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Informative, OutputOptions, ParseContext, ParsedRun, TableCommand } from '../options/index.js';
import { createReport, type Report, type Writer } from '../report/index.js';

/** A session of some kind: a sync or a verify. Without a target the sources are listed. */
export type SessionRun = (request: SyncRequest, listener: SessionListener, signal?: AbortSignal) => Promise<Outcome>;

/** The parser's context over this process. */
export function processContext(): ParseContext {
  return {
    readFile: (path) => readWholeFile(path),
    env: (name) => {
      const value = process.env[name];
      return value === undefined ? undefined : fromText(value);
    },
    now: new Date(),
  };
}

/** Prints help, version or a list instead of running. */
export async function printInstead(command: TableCommand, what: Informative): Promise<number> {
  switch (what.kind) {
    case 'help': {
      const { commandHelp } = await import('../help.js');
      process.stdout.write(await commandHelp(command));
      return EXIT.ok;
    }
    case 'version': {
      const { versionText } = await import('../version.js');
      process.stdout.write(versionText());
      return EXIT.ok;
    }
    case 'text':
      process.stdout.write(what.text);
      return EXIT.ok;
  }
}

/**
 * Runs a session under a report. Returns the exit code; errors that stop the run are reported and thrown on.
 * `afterwards` tells what the command makes of the outcome, after the report.
 */
export async function runReported(parsed: Pick<ParsedRun, 'sources' | 'target' | 'options' | 'output'>, run: SessionRun, afterwards?: (outcome: Outcome) => number): Promise<number> {
  const { sources, options, output } = parsed;
  const target = output.listOnly ? undefined : parsed.target;
  const log = openLog(output);
  const controller = new AbortController();
  const release = abortBySignal(controller);
  const report = createReport(output, options, {
    out: process.stdout, err: process.stderr, isTTY: process.stdout.isTTY === true,
    ...(process.stdout.columns === undefined ? {} : { columns: process.stdout.columns }), ...(log === undefined ? {} : { log: log.writer }),
  }, { sources, target: parsed.target ?? EMPTY, pid: process.pid });
  try {
    const outcome = await run({ sources, target, options }, report, controller.signal);
    report.finish(outcome);
    return afterwards?.(outcome) ?? outcome.exitCode;
  } catch (error) {
    tellReport(report, error);
    throw error;
  } finally {
    release();
    log?.file.close();
  }
}

function tellReport(report: Report, error: unknown): void {
  const { exitCode } = describeError(error, false);
  const code = error instanceof TwintreeError ? error.code : 'INTERNAL';
  report.fail(code, error instanceof Error ? error.message : String(error), exitCode);
}

function openLog(output: OutputOptions): { file: AppendFile; writer: Writer } | undefined {
  if (output.logFile === undefined) return undefined;
  const path = output.logFile as ByteString;
  const file = AppendFile.open(path);
  if (typeof file === 'number') throw new CommandError('IO', `the log file cannot be opened: ${errnoText(-file)}`, { path, exitCode: EXIT.logFile });
  let failed = false;
  const writer: Writer = {
    write(chunk) {
      if (failed) return;
      const r = file.append(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      if (r < 0) {
        failed = true;
        throw new CommandError('IO', errnoText(-r), { path });
      }
    },
  };
  return { file, writer };
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Ends the run by signals, and quietly where the reader of stdout went away (`| head`). Returns the
 * function that lets go of the process again.
 */
export function abortBySignal(controller: AbortController): () => void {
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.signal);
    controller.abort(new TwintreeError('ABORTED', 'the run was ended by a signal'));
  };
  const onStdout = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE' && !controller.signal.aborted) controller.abort(new TwintreeError('ABORTED', 'nobody reads the output any more'));
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.stdout.on('error', onStdout);
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.stdout.off('error', onStdout);
  };
}
