/** The only room that touches a disk: POSIX calls, folder handles, holes, names of ids, what a target can hold. */
export * from './posix.js';
export { accountOf, type Account } from './account.js';
export * from './errno.js';
export { confineProcess, loadOwnPosix, loadPosix, portableReason, readRuleFile, reloadPosix } from './load.js';
export { ConfinedPosix, type Confinement } from './confined.js';
export { NativePosix } from './native.js';
export { PortablePosix } from './portable.js';
export * from './folder-cache.js';
export * from './holes.js';
export * from './ids.js';
export { makeFolders } from './make-folders.js';
export * from './probe.js';
export { MAX_FILE_IN_TREE, readFileAt } from './read-file.js';
export { InputFile, OutputFile } from './plain-file.js';
export { PROBE_PREFIX } from './probe-folder.js';
export * from './raw-args.js';
export * from './temp.js';
export * from './watch/index.js';
