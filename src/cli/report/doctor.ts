/** What the doctor found, as lines for people or as JSON lines (docs/json.md). */
import { isWorse, worst, type Finding, type Severity } from '../../doctor/index.js';
import { TwintreeError } from '../../tree/index.js';
import { describeError, sentence } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { OutputOptions } from '../options/index.js';

/** Version of the JSON lines. */
const JSON_VERSION = 1;
const WIDTH = 7; // of the longest severity

export interface DoctorReport {
  /** Tells all. Returns the exit code. */
  end(findings: readonly Finding[]): number;
  /** It could not go on. */
  fail(error: unknown): void;
}

export function doctorReport(output: Pick<OutputOptions, 'json' | 'verbosity' | 'quiet'>, out: { write(text: string): unknown }): DoctorReport {
  const put = (text: string): void => { out.write(text); };
  const line = (value: Record<string, unknown>): void => { put(`${JSON.stringify(value)}\n`); };
  if (output.json) line({ type: 'hello', version: JSON_VERSION, program: 'twintree', command: 'doctor', pid: process.pid });
  return {
    end(findings) {
      const exitCode = isWorse(worst(findings), 'note') ? EXIT.partial : EXIT.ok;
      const counts = countsOf(findings);
      if (output.json) {
        for (const { id, severity, message, fix, paths, target } of findings) line({ type: 'finding', id, severity, message, ...(fix === undefined ? {} : { fix }), ...(paths === undefined ? {} : { paths }), ...(target === undefined ? {} : { target }) });
        line({ type: 'outcome', exitCode, counts });
      } else put(`${findings.filter(({ severity }) => shows(severity, output)).map(asText).join('')}${output.quiet && exitCode === EXIT.ok ? '' : summary(counts)}`);
      return exitCode;
    },
    fail(error) {
      if (output.json) line({ type: 'error', code: error instanceof TwintreeError ? error.code : 'INTERNAL', message: error instanceof Error ? error.message : String(error), exitCode: describeError(error, false).exitCode });
    },
  };
}

function shows(severity: Severity, { verbosity, quiet }: Pick<OutputOptions, 'verbosity' | 'quiet'>): boolean {
  return quiet ? isWorse(severity, 'note') : verbosity > 0 || severity !== 'ok';
}

function asText({ id, severity, message, fix, target }: Finding): string {
  const head = `${severity.padEnd(WIDTH)}  ${id}: ${target === undefined ? '' : `${sentence(target)}: `}${sentence(message)}\n`;
  return fix === undefined || severity === 'ok' ? head : `${head}${' '.repeat(WIDTH)}  -> ${sentence(fix)}\n`;
}

function countsOf(findings: readonly Finding[]): Record<Severity, number> {
  const counts = { ok: 0, note: 0, warning: 0, error: 0 };
  for (const { severity } of findings) counts[severity]++;
  return counts;
}

function summary({ ok, note, warning, error }: Record<Severity, number>): string {
  const parts = [[error, 'error'], [warning, 'warning'], [note, 'note']].flatMap(([n, name]) => (n === 0 ? [] : [`${n} ${name}${n === 1 ? '' : 's'}`]));
  return `${parts.length === 0 ? 'nothing to mend' : parts.join(', ')}; ${ok} as ${ok === 1 ? 'it' : 'they'} should be\n`;
}
