/** What the bundle offers: the command, and what its worker threads do. Each part is set up where it is asked for: no thread needs all of them. */
import { workerData } from 'node:worker_threads';

/** Runs the command line of this process. */
export async function main() {
  const { main: run } = await import('../dist/cli/main.js');
  return run();
}

/** Runs the part that this thread was started for. */
export async function serve() {
  switch (workerData.run) {
    case 'link': return (await import('../dist/endpoint/remote/link-thread.js')).runLink();
    case 'supply': return (await import('../dist/endpoint/supply/supply-thread.js')).serveSupply();
    case 'digest': return (await import('../dist/evidence/digest/hash-thread.js')).serveHashes();
    case 'capture': return (await import('../dist/mirror/capture/thread.js')).runCapture();
    case 'archive': return (await import('../dist/archive/thread.js')).serveArchive();
    default: return (await import('../dist/endpoint/pool/serve.js')).serve();
  }
}
