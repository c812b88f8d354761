/**
 * What runs in a worker thread: walks folders and carries out batches, with synchronous calls. The thread's file is
 * worker.ts, or the bundle's.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { loadPosix } from '../../fs/index.js';
import { Walker } from '../scan/index.js';
import { idMapper } from '../ids.js';
import { ApplyRunner } from './apply-runner.js';
import { compareFiles } from './compare-files.js';
import { SharedState, type FromWorker, type ToWorker } from './messages.js';

/** Serves the main thread until it ends this one. Throws where this is not a worker thread. */
export function serve(): void {
  const port = parentPort;
  if (port === null) throw new Error('this runs in a worker thread only');
  const { memory, slot } = workerData as { memory: SharedArrayBuffer; slot: number };
  const shared = new SharedState(memory);
  const posix = loadPosix();
  let walker: Walker | undefined;
  let runner: ApplyRunner | undefined;
  let task = 0;

  function say(message: FromWorker, transfer: ArrayBuffer[] = []): void {
    port?.postMessage(message, transfer);
  }

  port.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'scan':
        walker = new Walker(
          posix, message.setup,
          {
            chunk: (stream, bytes) => say({ kind: 'chunk', task, stream, bytes }, [bytes.buffer as ArrayBuffer]),
            hole: (hole) => say({ kind: 'hole', task, hole }),
          },
          { aborted: () => shared.aborted, scanned: (n) => shared.addScanned(n), hungry: () => shared.hungry > 0 },
          idMapper(message.setup.options), slot * 1_000_000,
        );
        break;
      case 'walk': {
        if (walker === undefined) throw new Error('walk before scan');
        task = message.task;
        walker.startRun(message.run);
        while (!walker.step(Infinity)) {
          const given = walker.give();
          if (given === undefined) continue;
          shared.addHungry(-1);
          say({ kind: 'given', ...given });
        }
        say({ kind: 'walked', task });
        break;
      }
      case 'finish-scan':
        if (walker === undefined) throw new Error('finish before scan');
        walker.close();
        say({ kind: 'findings', findings: walker.findings });
        walker = undefined;
        break;
      case 'apply-setup':
        runner = new ApplyRunner(posix, message.setup, shared, slot);
        break;
      case 'apply':
        if (runner === undefined) throw new Error('apply before its set-up');
        say({ kind: 'applied', id: message.id, result: runner.run(message.parts) });
        break;
      case 'compare':
        say({ kind: 'compared', id: message.id, same: compareFiles(posix, message.mounts, message.target, message.pairs, shared) });
        break;
      case 'close':
        walker?.close();
        runner?.close();
        port.close();
        break;
    }
  });
}
