/** How filling a file in place ended. */
export const DONE = 0;
export const ATTRIBUTES = 1; // done, but an attribute failed
export const LEFT = 2; // --append: already as long as the source
export const FAILED = -200001; // after a Problem, or an end that was asked for
export const EXCHANGED = -200002; // the name holds another inode than the plan saw
