/** Who reads or writes one tree: scanning, carrying out, and the threads that do it. */
export * from './scan/index.js';
export * from './apply/index.js';
export * from './pool/index.js';
export { idMapper } from './ids.js';
