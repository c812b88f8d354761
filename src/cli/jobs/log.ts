/** What the agent and its runs say: on standard error for whoever supervises it, and for each job in a file of bounded size, for `twintree job logs`. */
import { AppendFile, moveFile, readWholeFile, stampOf } from '../../fs/index.js';
import { jobFolder } from '../../job/index.js';
import { displayName, fromText, type ByteString } from '../../tree/index.js';
import { makeJobFolder } from './state.js';

/** Bytes of a job's file before it is set aside; there is one that was. */
const LONGEST = 1 << 20;
const NAME = 'log';

/** As syslog's: error, warning, information. */
export type Severity = 3 | 4 | 6;
export type LogFormat = 'text' | 'journal' | 'json';

export class AgentLog {
  private readonly files = new Map<string, { file: AppendFile; bytes: number }>();

  /** @param out where lines go. @param clock ms since 1970 */
  constructor(private readonly format: LogFormat, private readonly state: ByteString, private readonly out: (line: string) => void, private readonly clock: () => number = Date.now) {}

  say(severity: Severity, message: string, job?: string): void {
    const at = this.clock();
    const text = displayName(fromText(message)); // one line, whatever it holds
    switch (this.format) {
      case 'json': this.out(`${JSON.stringify({ type: 'log', at, severity: severity === 3 ? 'error' : severity === 4 ? 'warning' : 'info', ...(job === undefined ? {} : { job }), message: text })}\n`); break;
      case 'journal': this.out(`<${severity}>${job === undefined ? '' : `${job}: `}${text}\n`); break;
      case 'text': this.out(`${new Date(at).toISOString()} ${job === undefined ? '' : `${job}: `}${text}\n`); break;
    }
    if (job !== undefined) this.keep(job, `${new Date(at).toISOString()} ${severity === 6 ? '' : severity === 4 ? 'warning: ' : 'error: '}${text}\n`);
  }

  close(): void {
    for (const { file } of this.files.values()) file.close();
    this.files.clear();
  }

  /** A line that cannot be kept is on standard error all the same. */
  private keep(job: string, line: string): void {
    const path = logFile(this.state, job);
    let open = this.files.get(job);
    if (open !== undefined && open.bytes > LONGEST) {
      open.file.close();
      this.files.delete(job);
      moveFile(path, olderLog(path));
      open = undefined;
    }
    if (open === undefined) {
      makeJobFolder(this.state, job);
      const file = AppendFile.open(path, 0o600);
      if (typeof file === 'number') return;
      const stamp = stampOf(path);
      this.files.set(job, (open = { file, bytes: typeof stamp === 'number' ? 0 : stamp.size }));
    }
    if (open.file.append(line) === 0) open.bytes += Buffer.byteLength(line);
  }
}

/** The last lines of a job's log. */
export function lastLines(state: ByteString, job: string, count: number): string[] {
  const path = logFile(state, job);
  const lines = [olderLog(path), path].flatMap((each) => {
    const content = readWholeFile(each, 2 * LONGEST);
    return typeof content === 'number' ? [] : content.toString('utf8').split('\n').filter((line) => line !== '');
  });
  return lines.slice(-count);
}

function logFile(state: ByteString, job: string): ByteString {
  return `${jobFolder(state, job)}/${NAME}` as ByteString;
}

function olderLog(path: ByteString): ByteString {
  return `${path}.1` as ByteString;
}
