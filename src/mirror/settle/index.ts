/** Settling: when a dirty path is due; and the tree of hints in bounded memory. Pure. */
export { GATHER_MS, Settler, type DirtyBatch, type SettleOptions } from './settler.js';
export { DirtyTree } from './dirty-tree.js';
