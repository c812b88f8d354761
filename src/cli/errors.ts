/**
 * How the command line says that it cannot go on: a TwintreeError that may carry its own exit code,
 * and the one place that turns any error into lines for people and an exit code.
 */
import { TwintreeError, type ByteString, type ErrorCode } from '../tree/index.js';
import { EXIT, exitCodeOf } from './exit-codes.js';

/** An error whose exit code differs from the one of its code. */
export class CommandError extends TwintreeError {
  readonly exitCode: number;

  constructor(code: ErrorCode, message: string, more: { exitCode?: number; path?: ByteString; advice?: string; cause?: unknown } = {}) {
    super(code, message, more);
    this.name = 'CommandError';
    this.exitCode = more.exitCode ?? exitCodeOf(code);
  }
}

/** A mistake on the command line; exit code 1. */
export function usageError(message: string, advice?: string): CommandError {
  return new CommandError('USAGE', message, advice === undefined ? {} : { advice });
}

/** An error as lines for stderr (each ended by a newline) and the exit code it makes. */
export function describeError(error: unknown, withStack: boolean): { text: string; exitCode: number } {
  let text: string;
  let exitCode: number;
  if (error instanceof TwintreeError) {
    exitCode = error instanceof CommandError ? error.exitCode : exitCodeOf(error.code);
    text = `twintree: ${sentence(error.message)} (${error.code}, exit code ${exitCode})\n`;
    if (error.advice !== undefined) text += `  ${sentence(error.advice)}\n`; // the other host's, it may be
  } else {
    exitCode = isOutOfMemory(error) ? EXIT.memory : EXIT.diagnostics;
    const message = error instanceof Error ? error.message : String(error);
    text = `twintree: internal error: ${sentence(message)} (INTERNAL, exit code ${exitCode})\n`;
    if (!withStack) text += '  This is a fault of twintree. Set TWINTREE_DEBUG=1 to see where it arose, and please report it.\n';
  }
  if (withStack && error instanceof Error) {
    text += stackOf(error);
    for (let cause = error.cause; cause instanceof Error; cause = cause.cause) text += `caused by ${stackOf(cause)}`;
  }
  return { text, exitCode };
}

/** One line, whatever the message holds: terminals never get control characters from it. */
export function sentence(message: string): string {
  // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
  return message.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
}

function stackOf(error: Error): string {
  return (error.stack ?? error.message).split('\n').map((line) => `${line.search(/\S/) > 0 ? '    ' : ''}${sentence(line)}\n`).join('');
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && (('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') || /out of memory|allocation failed/i.test(error.message));
}
