/** Jobs: replication that is described once and runs by itself. */
export * from './config/index.js';
