/** The command line's face for the library: its options as words. */
export { parseExplain, parseSync, parseVerify, type ParseContext } from './options/index.js';
export { processContext, type SessionRun } from './commands/shared.js';
export { sessionRun } from './commands/remote.js';
