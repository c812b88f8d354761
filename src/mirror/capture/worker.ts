/** The capture thread's file; in the bundle, scripts/bundle-entry.js does the same. */
import { runCapture } from './thread.js';

runCapture();
