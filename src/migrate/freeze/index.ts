/** Making a source still, and letting it go on. */
export { guardIsGone, serveGuard } from './guard.js';
