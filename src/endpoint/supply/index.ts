/** The supplier: reads a source tree for a session on another host. */
export { Clones } from './clones.js';
export type { Compressing, SupplySetup } from './messages.js';
export { Supplier } from './supplier.js';
export { serveSupply } from './supply-thread.js';
export { compareWalk } from './walk.js';
