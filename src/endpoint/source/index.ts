/** The source side of a session: what may be asked of it, and the local one. */
export * from './types.js';
export { localSource, type LocalSource } from './local.js';
