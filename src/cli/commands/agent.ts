/** What --server and serve --stdio share: an agent over this process' stdin and stdout, ended in good order by signals. */
import type { AgentLimits, AgentOptions } from '../../session/index.js';
import type { ByteString } from '../../tree/index.js';
import { describeError } from '../errors.js';
import { EXIT } from '../exit-codes.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Serves the connection. Returns the exit code. The client has been told what went wrong and shows it; `log` is for those who
 * serve. Without it only faults of the program itself are told here.
 */
export async function runAgent(limitsFor: (root: ByteString | undefined) => AgentLimits, options: AgentOptions = {}, log?: (text: string) => void): Promise<number> {
  const { serveAgent } = await import('../../session/index.js');
  const controller = new AbortController();
  let open = false;
  const onSignal = (): void => {
    if (!open || controller.signal.aborted) process.exit(EXIT.signal); // nothing has begun yet, or whoever asks is in a hurry
    controller.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    const error = await serveAgent(limitsFor, { ...options, signal: controller.signal, opened: () => { open = true; } });
    if (error === undefined) return EXIT.ok;
    const { text, exitCode } = describeError(error, process.env['TWINTREE_DEBUG'] === '1');
    if (log !== undefined) log(text);
    else if (error.code === 'INTERNAL') process.stderr.write(text);
    return exitCode;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}
