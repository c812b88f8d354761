/** What the bundle offers: the command, and what its worker threads do. */
import { workerData } from 'node:worker_threads';
import { runLink } from '../dist/endpoint/remote/link-thread.js';
import { serve as servePool } from '../dist/endpoint/pool/serve.js';
import { serveSupply } from '../dist/endpoint/supply/supply-thread.js';
import { runCapture } from '../dist/mirror/capture/thread.js';

export { main } from '../dist/cli/main.js';

/** Runs the part that this thread was started for. */
export function serve() {
  switch (workerData.run) {
    case 'link': return runLink();
    case 'supply': return serveSupply();
    case 'capture': return runCapture();
    default: return servePool();
  }
}
