/** What the bundle offers: the command, and the worker threads' side. */
export { main } from '../dist/cli/main.js';
export { serve } from '../dist/endpoint/pool/serve.js';
