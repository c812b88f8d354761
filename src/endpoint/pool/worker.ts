/** The file of a session's worker threads: `workerData.run` tells what one does. In the bundle, scripts/bundle-entry.js does the same. */
import { workerData } from 'node:worker_threads';
import { serve } from './serve.js';

if ((workerData as { run?: string } | null)?.run === 'link') (await import('../remote/link-thread.js')).runLink();
else serve();
