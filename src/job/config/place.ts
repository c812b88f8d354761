/** Where something stands in a configuration, and what is wrong there. */
import { TwintreeError } from '../../tree/index.js';

/** Lines and columns count from 1; line 0: the file as a whole. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One mistake. */
export interface ConfigProblem {
  readonly place: Place;
  /** A clause without a full stop. */
  readonly message: string;
  /** One sentence, what to do. */
  readonly advice: string | undefined;
}

/** A configuration that cannot be used, with all that is wrong in it. */
export class ConfigError extends TwintreeError {
  constructor(readonly problems: readonly ConfigProblem[]) {
    const [first] = problems;
    const more = problems.length > 1 ? `; ${problems.length - 1} more in the configuration` : '';
    super('USAGE', first === undefined ? 'the configuration is wrong' : `${placeText(first.place)}: ${first.message}${more}`, { advice: first?.advice ?? 'twintree job check tells all that is wrong.' });
    this.name = 'ConfigError';
  }
}

/** `FILE:LINE:COLUMN`, as compilers and editors have it. */
export function placeText({ file, line, column }: Place): string {
  return line === 0 ? file : `${file}:${line}:${column}`;
}

/** By file in the order they were read, then by place. */
export function inOrder(problems: readonly ConfigProblem[], files: readonly string[]): ConfigProblem[] {
  const at = ({ place }: ConfigProblem): number => files.indexOf(place.file);
  return problems.toSorted((a, b) => at(a) - at(b) || a.place.line - b.place.line || a.place.column - b.place.column);
}
