/**
 * A process that runs the job `nightly` once, as the system's cron would start it: `run-job.js STATE-FOLDER POLICY GO-FILE [deaf]`. It says `working RUN`
 * when the work has begun, works until GO-FILE is there or it is told to stop, and ends with the run's exit code. `deaf`: it takes no notice of
 * the next run's note, only of SIGTERM. `die-before`, `die-work`, `die-after`, `die-failure`: it is killed (SIGKILL) in that moment; `die-notice=URL`: what serves there is to kill it.
 */
import { existsSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { TwintreeError } from '../../../src/tree/index.js';
import type { HookSpec } from '../../../src/job/hooks/index.js';
import type { OverlapPolicy } from '../../../src/job/index.js';
import { conducted } from '../some-runs.js';

const [, , folder, policy, go, more] = process.argv as [string, string, string, OverlapPolicy, string, string | undefined];
const mortal = (when: HookSpec['when']): HookSpec[] => (more === `die-${when}` ? [{ when, command: ['sh', '-c', 'kill -9 $PPID'], timeoutMs: 20_000, onError: 'stop' }] : []);
const url = /^die-notice=(.*)/.exec(more ?? '')?.[1];
const controller = new AbortController();
process.on('SIGTERM', () => { writeSync(1, 'SIGTERM\n'); controller.abort(new TwintreeError('ABORTED', 'the run was ended by a signal')); });
const run = await conducted(folder, {
  overlap: policy, own: true, signal: controller.signal, patience: { signalMs: 300, giveUpMs: 30_000 },
  hooks: [...mortal('before'), ...mortal('after'), ...mortal('failure')], notices: url === undefined ? [] : [{ kind: 'webhook', on: ['success'], url: `${url}/${process.pid}` }],
  say: (message) => { writeSync(1, `${message}\n`); },
  work: async ({ run: { run: number }, signal }) => {
    writeSync(1, `working ${number}\n`);
    if (more === 'die-work') process.kill(process.pid, 'SIGKILL');
    while (!existsSync(go)) {
      (more === 'deaf' ? controller.signal : signal).throwIfAborted();
      await pause(20);
    }
    return { exitCode: more === 'die-failure' ? 23 : 0 };
  },
});
writeSync(1, `${run.result} ${run.exitCode}\n`);
process.exitCode = run.exitCode;
