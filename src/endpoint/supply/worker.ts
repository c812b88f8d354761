/** A supply thread's file; see supply-thread.ts. */
import { serveSupply } from './supply-thread.js';

serveSupply();
