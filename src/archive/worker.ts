/** An archive thread's file; see thread.ts. */
import { serveArchive } from './thread.js';

serveArchive();
