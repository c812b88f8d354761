/** A worker thread's file; see serve.ts. */
import { serve } from './serve.js';

serve();
