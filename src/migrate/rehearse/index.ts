/** Copies of a target to practise on. */
export { dropClone, makeClone, type CopyTree } from './clone.js';
