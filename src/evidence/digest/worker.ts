/** A hashing thread's file; see hash-thread.ts. In the bundle, scripts/bundle-entry.js does the same. */
import { serveHashes } from './hash-thread.js';

serveHashes();
