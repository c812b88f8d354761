/** How a batch says that it cannot answer: in the place of the errno that a kernel would give. */
import { Errno } from '../../fs/index.js';

/** The batch has no content of this file. */
export const NO_CONTENT = Errno.ENODATA;
/** It has what changed, against another basis. */
export const OTHER_BASIS = Errno.ESTALE;
