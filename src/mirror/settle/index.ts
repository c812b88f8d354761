/** Settling: when a dirty path is due. Pure. */
export { Settler, type DirtyBatch, type SettleOptions } from './settler.js';
