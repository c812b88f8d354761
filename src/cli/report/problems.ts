/**
 * What went wrong, as lines: one for each problem, and the last one that explains the exit code.
 *
 * Lines hold bytes; whoever prints them escapes them.
 */
import { getSystemErrorName } from 'node:util';
import type { Outcome } from './part.js';
import { fromText, type ByteString, type Problem } from '../../tree/index.js';
import { EXIT, EXIT_TEXT } from '../exit-codes.js';

/** `twintree: PATH: sentence (code/ERRNO)`. The root is called by the argument that named it. */
export function problemLine(problem: Problem, roots: { source: string; target: string }): string {
  const path = problem.path !== '' ? problem.path : problem.side === 'source' ? roots.source : roots.target;
  const name = errnoName(problem.errno);
  return `twintree: ${path}: ${fromText(problem.message)} (${problem.code}${name === undefined ? '' : '/' + name})`;
}

/** The name of an errno (`EACCES`), its number where it has none here, undefined without one. */
export function errnoName(errno: number | undefined): string | undefined {
  if (errno === undefined) return undefined;
  if (!Number.isInteger(errno) || errno <= 0) return String(errno);
  const name: string | undefined = getSystemErrorName(-errno);
  return name === undefined || name.startsWith('Unknown') ? String(errno) : name;
}

/** The lines on stderr that end a run which was not a plain success, in rsync's words. */
export function endLines(outcome: Outcome): ByteString[] {
  const lines: string[] = [];
  if (outcome.deletionsSkipped > 0) lines.push(`Deletions stopped due to --max-delete limit (${outcome.deletionsSkipped} skipped)`);
  if (outcome.exitCode !== EXIT.ok) {
    const kind = outcome.exitCode === EXIT.vanished ? 'warning' : 'error';
    lines.push(`twintree ${kind}: ${exitText(outcome)} (code ${outcome.exitCode})`);
  }
  return lines as ByteString[];
}

function exitText({ exitCode: code, problems }: Outcome): string {
  switch (code) {
    case EXIT.signal: return 'received SIGINT, SIGTERM, or SIGHUP';
    case EXIT.partial: return 'some files/attrs were not transferred (see previous errors)';
    case EXIT.vanished: return problems.some((problem) => problem.code === 'drifted') ? 'some paths have drifted from the plan and were left alone' : 'some files vanished before they could be transferred';
    case EXIT.maxDelete: return 'the --max-delete limit stopped deletions';
    case EXIT.timeout: return 'stopped at the requested time';
    default: return EXIT_TEXT[code] ?? 'the run did not succeed';
  }
}
