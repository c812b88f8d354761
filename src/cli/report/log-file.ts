/**
 * `--log-file`: `date time [pid] text` for each transferred entry, problem and statistic, as rsync logs them.
 *
 * It says what was done: a dry run logs no entries. A format with %i gets every changed entry; rsync logs those whose
 * attributes alone changed only where -i is given too. The file is opened by whoever runs the command.
 */
import type { Outcome, PlanTotals } from './part.js';
import { OpKind, type Operation } from '../../plan/index.js';
import type { RelPath } from '../../tree/index.js';
import { localTime } from './dates.js';
import type { LineFormat } from './out-format.js';
import { selectOperation } from './select.js';
import { LineSink, type Writer } from './sink.js';

/** What is handed in. */
export interface LogOptions {
  writer: Writer;
  eightBit: boolean;
  pid: number;
  dryRun: boolean;
  /** How often -i was given. */
  itemize: number;
  /** The transfer line; undefined where an empty format silences it. */
  format: LineFormat | undefined;
  /** Seconds since 1970. */
  now(): number;
}

/** Writes the log of one run. */
export class LogFile {
  private readonly sink: LineSink;
  private readonly itemizing: number;

  constructor(private readonly options: LogOptions) {
    this.sink = new LineSink(options.writer, { eightBit: options.eightBit, buffering: 'batch' });
    this.itemizing = options.format?.itemizes === true ? Math.max(1, options.itemize) : 0;
    this.line('building file list');
  }

  /** One line of bytes. */
  line(text: string): void {
    this.sink.line(`${localTime(Math.floor(this.options.now()))} [${this.options.pid}] ${text}`);
  }

  /** A transferred, changed or deleted entry. */
  operation(op: Operation, path: RelPath, name: string): void {
    const { format } = this.options;
    if (this.options.dryRun) return;
    if (op.kind === OpKind.Delete || op.kind === OpKind.Move) {
      if (format?.tellsDeletion === true) this.line(format.line(op, path));
      else this.line(op.kind === OpKind.Delete ? `deleting ${name}` : `moving ${name} <= ${op.link}`);
    } else if (format !== undefined && selectOperation(op, { itemizing: this.itemizing, nameLevel: 0 }) === 'line') {
      this.line(format.line(op, path));
    }
  }

  /** The closing line of a run that shows no statistics. */
  totals(outcome: Outcome, totals: PlanTotals): void {
    this.line(`sent ${this.options.dryRun ? 0 : outcome.literalBytes} bytes  received 0 bytes  total size ${totals.totalSize}`);
  }

  flush(): void {
    this.sink.flush();
  }

  /** Why the log could not be written, if so. */
  get fault(): Error | undefined { return this.sink.fault; }
}
